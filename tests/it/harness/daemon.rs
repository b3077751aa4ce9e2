//! The real binary: started, stopped, killed, and started again on the same data.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Output, Stdio},
    sync::{Arc, Mutex},
};

use serde_json::Value;
use tempfile::TempDir;
use tokio::{
    io::{AsyncBufReadExt, BufReader},
    process::{Child, Command},
    sync::oneshot,
};

use super::{Console, HttpChannel, PASSWORD, client, within};

const BINARY: &str = env!("CARGO_BIN_EXE_switchboard");
/// A version before this one, which daemons are upgraded from.
const PREVIOUS: &str = include_str!("../../previous-release");
/// What signs the HTTP channel of tests.
const SECRET: &str = "whsec_c3dpdGNoYm9hcmQgaW50ZWdyYXRpb24gdGVzdHM=";

/// A folder with a configuration, perhaps rules, and the data; goes with the test.
pub struct Home {
    binary: PathBuf,
    folder: TempDir,
    config: String,
    /// The engines that it shares with others, as TOML.
    engines: String,
    /// Whether there is an admin already, whom another daemon made.
    joins: bool,
    /// Settings in the environment.
    environment: Vec<(String, String)>,
    /// Where the HTTP channel posts replies.
    callback: Option<String>,
    web_chat: String,
    http: String,
    /// What goes before the binary on its command line.
    prelude: Option<String>,
    is_demo: bool,
}

impl Home {
    /// Web chat and an HTTP channel without callback, the rules that ship.
    pub fn new() -> Self {
        Self {
            binary: BINARY.into(),
            folder: tempfile::tempdir().unwrap(),
            config: String::new(),
            engines: String::new(),
            joins: false,
            environment: Vec::new(),
            callback: None,
            web_chat: String::new(),
            http: String::new(),
            prelude: None,
            is_demo: false,
        }
    }

    /// The version before this one is installed.
    pub fn with_previous(mut self) -> Self {
        let target = Path::new(env!("CARGO_TARGET_TMPDIR")).parent().expect("it is in the target folder");
        self.binary = target.join("previous").join(PREVIOUS.trim()).join("switchboard");
        assert!(self.binary.is_file(), "{} is not there: run scripts/previous", self.binary.display());
        self
    }

    /// This version is installed.
    pub fn upgrade(&mut self) {
        self.binary = BINARY.into();
    }

    /// Settings before the channels, as TOML.
    pub fn with_config(mut self, toml: &str) -> Self {
        self.config.push_str(toml);
        self
    }

    /// The engines that it shares with other daemons, as TOML; `joins` says that they have made the admin.
    pub fn with_engines(mut self, toml: &str, joins: bool) -> Self {
        self.engines = toml.to_owned();
        self.joins = joins;
        self
    }

    /// A setting in the environment.
    pub fn with_env(mut self, name: &str, value: &str) -> Self {
        self.environment.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Settings of the web chat, as TOML.
    pub fn with_web_chat(mut self, toml: &str) -> Self {
        self.web_chat.push_str(toml);
        self
    }

    /// Replies on the HTTP channel are posted there.
    pub fn with_callback(mut self, url: &str) -> Self {
        self.callback = Some(url.to_owned());
        self
    }

    /// Settings of the HTTP channel, as TOML.
    pub fn with_http(mut self, toml: &str) -> Self {
        self.http.push_str(toml);
        self
    }

    /// Shell commands that set up the process before it becomes the daemon.
    pub fn with_prelude(mut self, shell: &str) -> Self {
        self.prelude = Some(shell.to_owned());
        self
    }

    /// The daemon is that of `run --demo`.
    pub fn with_demo(mut self) -> Self {
        self.is_demo = true;
        self
    }

    pub fn path(&self) -> &Path {
        self.folder.path()
    }

    pub fn data(&self) -> PathBuf {
        self.path().join("data")
    }

    /// Writes one rule file; the folder has only what tests put there.
    pub fn write_rules(&self, name: &str, text: &str) {
        let path = self.path().join("routing-rules").join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        // Beside it and renamed: the watcher never sees half a file.
        let beside = self.path().join("being-written");
        fs::write(&beside, text).unwrap();
        fs::rename(beside, path).unwrap();
    }

    /// Puts the rules that ship into the folder, to be edited.
    pub async fn unpack_rules(&self) {
        let away = self.path().join("unpacked");
        let ran = self.run(&["init", away.to_str().unwrap()]).await;
        assert!(ran.ok, "{}", ran.all());
        fs::rename(away.join("routing-rules"), self.path().join("routing-rules")).unwrap();
    }

    fn write_config(&self) {
        let callback = self.callback.as_ref().map(|url| format!("callback_url = {url:?}\n")).unwrap_or_default();
        let toml = format!(
            "{}\n{}\n[channels.webchat]\nkind = \"webchat\"\n{}\n[channels.http]\nkind = \"http\"\nsecrets = [{SECRET:?}]\n{callback}{}\n",
            self.config, self.engines, self.web_chat, self.http
        );
        fs::write(self.path().join("switchboard.toml"), toml).unwrap();
    }

    fn command(&self, arguments: &[&str]) -> Command {
        self.write_config();
        let mut command = match &self.prelude {
            Some(prelude) => {
                let mut shell = Command::new("sh");
                shell.arg("-c").arg(format!("{prelude}\nexec \"$0\" \"$@\"")).arg(&self.binary);
                shell
            }
            None => Command::new(&self.binary),
        };
        for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("SWITCHBOARD_")) {
            command.env_remove(name);
        }
        command.envs(self.environment.iter().map(|(name, value)| (name, value)));
        command.args(arguments).current_dir(self.path()).stdin(Stdio::null()).kill_on_drop(true);
        command
    }

    /// Runs a command of the command line to its end, in this folder.
    pub async fn run(&self, arguments: &[&str]) -> Ran {
        let output = within(&format!("switchboard {arguments:?}"), self.command(arguments).output()).await;
        output.unwrap().into()
    }

    /// Starts the daemon and waits until it listens.
    pub async fn start(self) -> Daemon {
        Daemon::start(self).await
    }
}

/// A command that has ended.
pub struct Ran {
    pub ok: bool,
    pub code: Option<i32>,
    pub out: String,
    pub err: String,
}

impl From<Output> for Ran {
    fn from(output: Output) -> Self {
        Self {
            ok: output.status.success(),
            code: output.status.code(),
            out: String::from_utf8_lossy(&output.stdout).into_owned(),
            err: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }
}

impl Ran {
    /// Both outputs, for failures.
    pub fn all(&self) -> String {
        format!("exit {:?}\n{}\n{}", self.code, self.out, self.err)
    }
}

/// A running daemon.
pub struct Daemon {
    pub home: Home,
    /// `http://127.0.0.1:port`; another one after every start.
    pub url: String,
    /// Of the very first start.
    pub first_password: String,
    child: Child,
    log: Arc<Mutex<String>>,
}

impl Daemon {
    async fn start(home: Home) -> Self {
        let log = Arc::default();
        let (child, url, password) = launch(&home, &log).await;
        Self { home, url, first_password: password.unwrap_or_default(), child, log }
    }

    /// Starts it again on the same data.
    pub async fn restart(&mut self) {
        self.home.joins |= !self.home.engines.is_empty();
        let (child, url, password) = launch(&self.home, &self.log).await;
        self.child = child;
        self.url = url;
        if let Some(password) = password {
            self.first_password = password;
        }
    }

    pub fn pid(&self) -> u32 {
        self.child.id().expect("it runs")
    }

    /// SIGKILL; returns when it is gone.
    pub async fn kill(&mut self) {
        self.child.start_kill().unwrap();
        within("the killed daemon is gone", self.child.wait()).await.unwrap();
    }

    /// SIGTERM; returns when it has ended, which it must with success.
    pub async fn stop(&mut self) {
        let signalled = Command::new("kill").arg("-TERM").arg(self.pid().to_string()).status().await.unwrap();
        assert!(signalled.success());
        let ended = within("the daemon stops", self.child.wait()).await.unwrap();
        assert!(ended.success(), "{ended}\n{}", self.log());
    }

    /// What it has logged, over all its lives.
    pub fn log(&self) -> String {
        self.log.lock().unwrap().clone()
    }

    pub fn http(&self) -> HttpChannel {
        HttpChannel::new(&self.url, SECRET)
    }

    /// The admin of the first start.
    pub async fn admin(&self) -> Console {
        Console::login(&self.url, "admin", &self.first_password).await
    }

    /// Adds an agent over the API and logs in as them. `more` goes over the usual: English and Chinese, capacity 100.
    pub async fn agent(&self, admin: &Console, login: &str, more: Value) -> Console {
        let mut body = serde_json::json!({
            "login": login, "name": format!("Name of {login}"), "password": PASSWORD, "role": "agent",
            "languages": ["en", "zh"], "capacity": 100,
        });
        for (key, value) in more.as_object().into_iter().flatten() {
            body[key] = value.clone();
        }
        let (status, made) = admin.post("/agents", &body).await;
        assert_eq!(status, 201, "{made}");
        Console::login(&self.url, login, PASSWORD).await
    }

    /// A page outside of the API: status and text.
    pub async fn get(&self, path: &str) -> (u16, String) {
        let answer = client().get(format!("{}{path}", self.url)).send().await.unwrap();
        (answer.status().as_u16(), answer.text().await.unwrap())
    }

    /// A metric that has no labels; 0 where nothing was measured yet.
    pub async fn metric(&self, name: &str) -> f64 {
        let (_, metrics) = self.get("/metrics").await;
        let mut values = metrics.lines().filter_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
        values.next().map_or(0.0, |value| value.parse().unwrap())
    }

    /// The ledger as the command line prints it; it must add up.
    pub async fn ledger(&self) -> Value {
        let ran = self.home.run(&["ledger", "--json"]).await;
        assert!(ran.ok, "{}", ran.all());
        serde_json::from_str(&ran.out).unwrap()
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("--- what the daemon said ---\n{}", self.log());
        }
    }
}

async fn launch(home: &Home, log: &Arc<Mutex<String>>) -> (Child, String, Option<String>) {
    let mut command = home.command(&["run", "--listen", "127.0.0.1:0"]);
    if home.is_demo {
        command.arg("--demo");
    }
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut errors = BufReader::new(child.stderr.take().unwrap()).lines();
    let kept = Arc::clone(log);
    tokio::spawn(async move {
        while let Ok(Some(line)) = errors.next_line().await {
            let mut kept = kept.lock().unwrap();
            kept.push_str(&line);
            kept.push('\n');
        }
    });
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let (tell, told) = oneshot::channel();
    let has_record = home.data().join("record.db").exists();
    let first = !home.joins
        && (!has_record || std::fs::metadata(home.data().join("record.db")).is_ok_and(|file| file.len() == 0));
    let log_of_start = Arc::clone(log);
    tokio::spawn(async move {
        let (mut tell, mut url, mut expect_password) = (Some(tell), None, false);
        while let Ok(Some(line)) = lines.next_line().await {
            log_of_start.lock().unwrap().push_str(&format!("{line}\n"));
            if let Some(found) = line.strip_prefix("Switchboard listens on ") {
                url = Some(found.trim().to_owned());
                if !first && let (Some(tell), Some(url)) = (tell.take(), url.clone()) {
                    let _ = tell.send((url, None));
                }
            }
            if expect_password
                && !line.trim().is_empty()
                && let (Some(tell), Some(url)) = (tell.take(), url.clone())
            {
                let _ = tell.send((url, Some(line.trim().to_owned())));
            }
            expect_password |= line.starts_with("Log in at the console");
        }
    });
    match within("the daemon says where it listens", told).await {
        Ok((url, password)) => (child, url, password),
        Err(_) => {
            let ended = child.wait().await;
            panic!("the daemon did not start: {ended:?}\n{}", log.lock().unwrap());
        }
    }
}
