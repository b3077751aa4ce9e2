//! What a load is made of: signed messages over HTTP, a hundred rules, and what a process costs.

use std::{
    fmt::Write as _,
    io::{BufRead, BufReader},
    path::Path,
    process::{Child, Command, Stdio},
};

use base64::{Engine, engine::general_purpose::STANDARD};
use contract::Timestamp;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

pub const SECRET: [u8; 32] = [7; 32];
pub const RULES: usize = 100;

/// The processor time that a process has taken, in microseconds; `self` or its id.
pub fn processor_time(process: &str) -> f64 {
    try_processor_time(process).unwrap()
}

/// The same of one that may be gone.
pub fn try_processor_time(process: &str) -> Option<f64> {
    const MICROS_A_TICK: f64 = 10_000.0;
    let stat = std::fs::read_to_string(format!("/proc/{process}/stat")).ok()?;
    let numbers = stat.rsplit(") ").next()?.split(' ').skip(11).take(2);
    Some(numbers.map(|ticks| ticks.parse::<f64>().unwrap_or_default()).sum::<f64>() * MICROS_A_TICK)
}

/// About 700 characters, so that a stored body has about a kibibyte.
pub fn text(number: u64) -> String {
    let mut text = format!("Order number {number}: could you tell me where it is? ");
    while text.len() < 700 {
        text.push_str("It was to arrive on Tuesday and the tracking page shows nothing new. ");
    }
    text
}

/// A customer's message as a request, the same however often it is sent.
pub fn request(id: &str, handle: &str, text: &str) -> String {
    let body = format!(r#"{{"id":"{id}","from":{{"handle":"{handle}"}},"text":"{text}"}}"#);
    let stamp = Timestamp::now().as_second();
    let mut mac = Hmac::<Sha256>::new_from_slice(&SECRET).unwrap();
    mac.update(format!("{id}.{stamp}.").as_bytes());
    mac.update(body.as_bytes());
    let signature = STANDARD.encode(mac.finalize().into_bytes());
    format!(
        "POST /channels/load/messages HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\nwebhook-id: {id}\r\n\
         webhook-timestamp: {stamp}\r\nwebhook-signature: v1,{signature}\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    )
}

/// One connection that is kept open.
pub struct Connection {
    stream: TcpStream,
    answer: Vec<u8>,
}

impl Connection {
    pub async fn open(address: &str) -> std::io::Result<Self> {
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        Ok(Self { stream, answer: vec![0; 4096] })
    }

    /// Whether the message was accepted; not, where it is to come again later.
    pub async fn send(&mut self, request: &str) -> std::io::Result<bool> {
        self.stream.write_all(request.as_bytes()).await?;
        let read = self.stream.read(&mut self.answer).await?;
        let answer = &self.answer[..read];
        if answer.is_empty() {
            return Err(std::io::ErrorKind::UnexpectedEof.into());
        }
        let accepted = answer.starts_with(b"HTTP/1.1 202");
        assert!(accepted || answer.starts_with(b"HTTP/1.1 503"), "{}", String::from_utf8_lossy(answer));
        Ok(accepted)
    }
}

/// Starts a daemon; once it listens, its process and its address.
pub fn launch(config: &Path, data: &Path, role: &str) -> (Child, String) {
    let mut child = Command::new(env!("CARGO_BIN_EXE_switchboard"))
        .args(["run", "--listen", "127.0.0.1:0", "--config"])
        .arg(config)
        .arg("--data")
        .arg(data)
        .args(["--role", role])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let address = lines.next().unwrap().unwrap().split("http://").nth(1).unwrap().to_owned();
    std::thread::spawn(move || lines.for_each(drop));
    (child, address)
}

/// A page of a daemon.
pub async fn page(address: &str, path: &str) -> std::io::Result<String> {
    let mut stream = TcpStream::connect(address).await?;
    let request = format!("GET {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await?;
    let mut page = String::new();
    stream.read_to_string(&mut page).await?;
    Ok(page)
}

/// The sum of the lines of a metric.
pub fn metric(page: &str, name: &str) -> f64 {
    let lines = page.lines().filter(|line| line.strip_prefix(name).is_some_and(|rest| rest.starts_with([' ', '{'])));
    lines.filter_map(|line| line.rsplit(' ').next()?.parse::<f64>().ok()).sum()
}

pub fn write_rules(folder: &Path) {
    std::fs::create_dir_all(folder).unwrap();
    let shop = Path::new(env!("CARGO_MANIFEST_DIR")).join("routing-rules");
    for file in ["queues.yaml", "skills.yaml", "calendars.yaml", "templates.yaml"] {
        std::fs::copy(shop.join(file), folder.join(file)).unwrap();
    }
    let mut rules = "rules:\n".to_owned();
    for number in 1..RULES {
        let _ = match number % 3 {
            0 => writeln!(
                rules,
                "  - name: rule {number}\n    when: message.text.contains(\"marker-{number}\")\n    then: [{{tag: t{number}}}]"
            ),
            _ => writeln!(
                rules,
                "  - name: rule {number}\n    when: message.language == \"en\" && customer.tier == \"tier-{number}\"\n    then: [{{tag: t{number}}}]"
            ),
        };
    }
    rules.push_str("  - name: everything else\n    then: [{reply: {template: please-rephrase}}, {ignore: true}]\n");
    std::fs::write(folder.join("50-rules.yaml"), rules).unwrap();
}
