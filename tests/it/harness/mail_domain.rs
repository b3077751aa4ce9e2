//! A whole mail domain on loopback: Postfix takes and bounces, Dovecot keeps and shows. Mail for anywhere else is refused.
//!
//! `shop.example` is the company, `customer.example` and `example.com` have its customers. Everything lives in a folder of the test's own and
//! ends with it. Both servers want to be started by root.

use std::{
    fs,
    os::unix::fs::{PermissionsExt, chown},
    path::{Path, PathBuf},
    process::Stdio,
    sync::atomic::{AtomicU64, Ordering},
};

use lettre::{
    AsyncSmtpTransport, AsyncTransport, Tokio1Executor,
    address::Envelope,
    transport::smtp::{
        authentication::Credentials,
        client::{Certificate, Tls, TlsParameters},
    },
};
use mail_parser::{Message, MessageParser};
use serde_json::json;
use tempfile::TempDir;
use tokio::{
    io::AsyncReadExt,
    net::TcpStream,
    process::{Child, Command},
};

use wiremock::{
    Mock, MockServer, ResponseTemplate,
    matchers::{body_string_contains, header, path},
};

use super::{eventually, free_ports, uuid, within};

/// Of every mailbox.
const PASSWORD: &str = "mailbox password";
/// The address in `shop.example` that the channel reads.
pub const SUPPORT: &str = "support@shop.example";
/// A recipient whose mail Postfix takes and Dovecot refuses: it comes back later.
pub const BOUNCES: &str = "gone@customer.example";
/// How Postfix signs what it vouches for.
pub const VOUCHES: &str = "mx.shop.example";

/// Customers with a mailbox.
pub const LI: &str = "li@customer.example";
pub const MALLORY: &str = "mallory@customer.example";
/// Customers of `examples/shop`, for whom nobody vouches.
pub const EMMA: &str = "emma.clarke@example.com";
pub const CHEN: &str = "chen.xiaoming@example.com";

const MAILBOXES: &[&str] = &[SUPPORT, LI, MALLORY, EMMA, CHEN];

/// The servers, running.
pub struct MailDomain {
    folder: TempDir,
    ports: Ports,
    dovecot: Option<Child>,
    /// Gives tokens, and tells Dovecot whose they are.
    tokens: MockServer,
    /// Names of delivered files begin with it, so that they sort by their order.
    delivered: AtomicU64,
}

#[derive(Clone, Copy)]
struct Ports {
    submission: u16,
    smtps: u16,
    imap: u16,
    imaps: u16,
    lmtp: u16,
}

impl MailDomain {
    pub async fn start() -> Self {
        let is_root = fs::metadata("/proc/self").is_ok_and(|me| std::os::unix::fs::MetadataExt::uid(&me) == 0);
        assert!(is_root, "Postfix is started by root alone: run the tests as root, in a container say");
        let folder = tempfile::Builder::new().prefix("mail").tempdir().unwrap();
        // The servers' own users come here.
        fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755)).unwrap();
        let [submission, smtps, imap, imaps, lmtp] = free_ports();
        let ports = Ports { submission, smtps, imap, imaps, lmtp };
        let mut domain = Self { folder, ports, dovecot: None, tokens: tokens().await, delivered: AtomicU64::new(0) };
        domain.certify().await;
        domain.write_dovecot();
        domain.write_postfix();
        domain.start_imap().await;
        domain.postfix("start").await;
        domain
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// The authority that signed both servers' certificate: the certificate itself.
    pub fn authority(&self) -> PathBuf {
        self.path("cert.pem")
    }

    /// The configuration of a channel `mail` that reads and answers as [`SUPPORT`]; `more` are further settings.
    pub fn channel(&self, more: &str) -> String {
        let Ports { submission, imap, .. } = self.ports;
        let login = format!("username = {SUPPORT:?}, password = {PASSWORD:?}, ca_file = {:?}", self.authority());
        format!(
            "[channels.mail]\nkind = \"email\"\naddress = {SUPPORT:?}\nname = \"Example Shop\"\ntrusted_servers = [{VOUCHES:?}]\n\
             imap = {{ host = \"localhost\", port = {imap}, security = \"starttls\", {login} }}\n\
             smtp = {{ host = \"localhost\", port = {submission}, security = \"starttls\", {login} }}\n{more}\n"
        )
    }

    /// Sends a mail as a customer's program does: over TLS, logged in as `from`, to [`SUPPORT`] or to whom it says.
    pub async fn send(&self, from: &str, mail: &str) {
        let raw = mail.replace('\n', "\r\n");
        let to = MessageParser::new().parse(&raw).unwrap().to().and_then(|to| Some(to.first()?.address()?.to_owned()));
        self.send_to(from, &to.unwrap_or_else(|| SUPPORT.to_owned()), raw.as_bytes()).await.unwrap();
    }

    pub async fn send_to(&self, from: &str, to: &str, raw: &[u8]) -> Result<(), String> {
        let certificate = Certificate::from_pem(&fs::read(self.authority()).unwrap()).unwrap();
        let tls = TlsParameters::builder("localhost".to_owned()).add_root_certificate(certificate).build().unwrap();
        let smtp = AsyncSmtpTransport::<Tokio1Executor>::builder_dangerous("localhost")
            .port(self.ports.smtps)
            .tls(Tls::Wrapper(tls))
            .credentials(Credentials::new(from.to_owned(), PASSWORD.to_owned()))
            .build();
        let envelope = Envelope::new(Some(from.parse().unwrap()), vec![to.parse().unwrap()]).unwrap();
        within("a mail is taken", smtp.send_raw(&envelope, raw)).await.map(drop).map_err(|error| error.to_string())
    }

    /// Puts mails into the mailbox of [`SUPPORT`] as a delivery agent does: written beside, then moved into `new`.
    pub fn deliver(&self, mails: impl IntoIterator<Item = String>) {
        let maildir = self.path("mail").join(SUPPORT).join("Maildir");
        let owner = user("mail");
        let make = |folder: PathBuf| {
            fs::create_dir_all(&folder).unwrap();
            chown(&folder, Some(owner), Some(owner)).unwrap();
            folder
        };
        make(self.path("mail").join(SUPPORT));
        make(maildir.clone());
        let [tmp, new, _] = ["tmp", "new", "cur"].map(|part| make(maildir.join(part)));
        for mail in mails {
            let name =
                format!("{}.{}.test", 1_800_000_000_u64 + self.delivered.fetch_add(1, Ordering::Relaxed), uuid());
            fs::write(tmp.join(&name), mail.replace('\n', "\r\n")).unwrap();
            chown(tmp.join(&name), Some(owner), Some(owner)).unwrap();
            fs::rename(tmp.join(&name), new.join(&name)).unwrap();
        }
    }

    /// What Dovecot's own tool does with the mailbox of [`SUPPORT`]: a search for all of it, and what is to be read.
    #[allow(dead_code, reason = "the bench of mail calls it")]
    pub async fn doveadm_fetch(&self, fields: &str) -> Vec<u8> {
        let mut command = Command::new("doveadm");
        command.arg("-c").arg(self.path("dovecot.conf")).args(["fetch", "-u", SUPPORT, fields, "all"]);
        let ran = command.output().await.expect("doveadm is installed");
        assert!(ran.status.success(), "{}", String::from_utf8_lossy(&ran.stderr));
        ran.stdout
    }

    /// The mails in a mailbox's INBOX, in the order of their arrival.
    pub fn mailbox(&self, of: &str) -> Vec<Message<'static>> {
        let maildir = self.path("mail").join(of).join("Maildir");
        let mut files: Vec<PathBuf> = ["new", "cur"]
            .iter()
            .filter_map(|part| fs::read_dir(maildir.join(part)).ok())
            .flat_map(|entries| entries.map(|entry| entry.unwrap().path()))
            .collect();
        files.sort_by_key(|file| arrival(&file.file_name().unwrap_or_default().to_string_lossy()));
        // A mail may be moved from `new` to `cur` meanwhile; then it is found the next time.
        let read = files.iter().filter_map(|file| fs::read(file).ok());
        read.map(|raw| MessageParser::new().parse(&raw).unwrap().into_owned()).collect()
    }

    /// Waits for a mail of this kind in a mailbox.
    pub async fn find(&self, of: &str, what: &str, is_it: impl Fn(&Message<'_>) -> bool) -> Message<'static> {
        eventually(&format!("{what}, for {of}"), || async { self.mailbox(of).into_iter().find(&is_it) }).await
    }

    /// Starts Dovecot, and waits until it greets.
    pub async fn start_imap(&mut self) {
        let child = Command::new("dovecot")
            .arg("-F")
            .arg("-c")
            .arg(self.path("dovecot.conf"))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn();
        self.dovecot = Some(child.expect("dovecot is installed"));
        eventually("Dovecot greets", || async {
            let mut greeting = [0; 4];
            let mut stream = TcpStream::connect(("127.0.0.1", self.ports.imap)).await.ok()?;
            stream.read_exact(&mut greeting).await.ok().filter(|_| greeting == *b"* OK")
        })
        .await;
    }

    /// Stops Dovecot; its clients' connections end.
    pub async fn stop_imap(&mut self) {
        if let Some(mut dovecot) = self.dovecot.take() {
            let pid = dovecot.id().expect("it runs").to_string();
            let stopped = Command::new("kill").args(["-TERM", &pid]).status().await.unwrap();
            assert!(stopped.success());
            within("Dovecot ends", dovecot.wait()).await.unwrap();
        }
    }

    /// Forgets all uids of [`SUPPORT`]: its folders get another UIDVALIDITY, as after a restored backup. Only while
    /// Dovecot is stopped.
    pub fn change_uid_validity(&self) {
        assert!(self.dovecot.is_none(), "Dovecot would write them back");
        let maildir = self.path("mail").join(SUPPORT).join("Maildir");
        for entry in fs::read_dir(maildir).unwrap().map(Result::unwrap) {
            if entry.file_name().to_string_lossy().starts_with("dovecot") {
                fs::remove_file(entry.path()).unwrap();
            }
        }
    }

    /// As [`Self::channel`], but logged in by tokens instead of a password.
    pub fn channel_with_tokens(&self) -> String {
        let tokens = format!(
            "oauth2 = {{ token_url = \"{}/token\", client_id = \"switchboard\", refresh_token = \"given by the owner\" }}",
            self.tokens.uri()
        );
        self.channel("").replace(&format!("password = {PASSWORD:?}"), &tokens)
    }

    async fn certify(&self) {
        let made = Command::new("openssl")
            .args([
                "req",
                "-x509",
                "-newkey",
                "ec",
                "-pkeyopt",
                "ec_paramgen_curve:prime256v1",
                "-nodes",
                "-days",
                "3650",
            ])
            .args(["-subj", "/CN=localhost", "-addext", "basicConstraints=critical,CA:FALSE"])
            .args(["-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1"])
            .arg("-keyout")
            .arg(self.path("key.pem"))
            .arg("-out")
            .arg(self.authority())
            .output()
            .await
            .expect("openssl is installed");
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    }

    fn write_dovecot(&self) {
        let Ports { imap, imaps, lmtp, .. } = self.ports;
        let (base, mail) = (self.folder.path().display(), self.path("mail"));
        fs::create_dir(&mail).unwrap();
        let (uid, gid) = (user("mail"), user("mail"));
        chown(&mail, Some(uid), Some(gid)).unwrap();
        let asked = format!(
            "introspection_mode = auth\nintrospection_url = {}/whose\nusername_attribute = email\n",
            self.tokens.uri()
        );
        fs::write(self.path("oauth2.conf"), asked).unwrap();
        let users: String = MAILBOXES.iter().map(|mailbox| format!("{mailbox}:{{PLAIN}}{PASSWORD}\n")).collect();
        fs::write(self.path("users"), users).unwrap();
        let config = format!(
            "base_dir = {base}/run\nlog_path = {base}/dovecot.log\nprotocols = imap lmtp\nlisten = 127.0.0.1\n\
             ssl = yes\nssl_cert = <{base}/cert.pem\nssl_key = <{base}/key.pem\n\
             disable_plaintext_auth = yes\nauth_mechanisms = plain login xoauth2\nauth_username_format = %Lu\n\
             first_valid_uid = 1\nfirst_valid_gid = 1\nmail_location = maildir:~/Maildir\nmail_max_userip_connections = 50\n\
             recipient_delimiter = +\nlmtp_save_to_detail_mailbox = no\nprotocol lmtp {{\n  auth_username_format = %Lu\n}}\n\
             passdb {{\n  driver = oauth2\n  mechanisms = xoauth2\n  args = {base}/oauth2.conf\n}}\n\
             passdb {{\n  driver = passwd-file\n  mechanisms = none plain login\n  args = {base}/users\n}}\n\
             userdb {{\n  driver = static\n  args = uid={uid} gid={gid} home={base}/mail/%Lu\n}}\n\
             service imap-login {{\n  inet_listener imap {{\n    port = {imap}\n  }}\n  inet_listener imaps {{\n    port = {imaps}\n    ssl = yes\n  }}\n}}\n\
             service lmtp {{\n  inet_listener lmtp {{\n    address = 127.0.0.1\n    port = {lmtp}\n  }}\n}}\n\
             service auth {{\n  unix_listener {base}/auth {{\n    mode = 0666\n  }}\n}}\n"
        );
        fs::write(self.path("dovecot.conf"), config).unwrap();
    }

    fn write_postfix(&self) {
        let Ports { submission, smtps, lmtp, .. } = self.ports;
        let base = self.folder.path().display();
        for name in ["postfix", "queue", "data"] {
            fs::create_dir(self.path(name)).unwrap();
        }
        chown(self.path("data"), Some(user("postfix")), None).unwrap();
        let mailboxes: String =
            MAILBOXES.iter().chain(&[BOUNCES]).map(|mailbox| format!("{mailbox} there\n")).collect();
        fs::write(self.path("mailboxes"), mailboxes).unwrap();
        // As a DMARC filter would.
        let vouch = "Authentication-Results: mx.shop.example; dmarc=pass header.from=customer.example";
        fs::write(self.path("headers"), format!("/^From:.*li@customer\\.example/ PREPEND {vouch}\n")).unwrap();
        let main = format!(
            "compatibility_level = 3.6\nqueue_directory = {base}/queue\ndata_directory = {base}/data\n\
             daemon_directory = /usr/lib/postfix/sbin\ncommand_directory = /usr/sbin\nmail_owner = postfix\nsetgid_group = postdrop\n\
             maillog_file = {base}/postfix.log\nmaillog_file_prefixes = {base}\n\
             myhostname = {VOUCHES}\nmydestination =\nlocal_transport = error:5.1.1 none\ninet_interfaces = 127.0.0.1\ninet_protocols = ipv4\n\
             mynetworks =\ndefault_transport = error:5.7.1 no mail leaves this domain\nrelay_transport = error:5.7.1 no mail leaves this domain\n\
             virtual_mailbox_domains = shop.example, customer.example, example.com\nvirtual_mailbox_maps = texthash:{base}/mailboxes\n\
             virtual_transport = lmtp:inet:127.0.0.1:{lmtp}\nheader_checks = regexp:{base}/headers\n\
             recipient_delimiter = +\nalias_maps =\nalias_database =\nsmtpd_tls_cert_file = {base}/cert.pem\nsmtpd_tls_key_file = {base}/key.pem\n\
             smtpd_tls_security_level = may\nsmtpd_tls_auth_only = yes\nsmtpd_sasl_auth_enable = yes\nsmtpd_sasl_type = dovecot\nsmtpd_sasl_path = {base}/auth\n\
             smtpd_recipient_restrictions = permit_sasl_authenticated, reject\nsmtpd_sender_login_maps = regexp:{base}/logins\nsmtpd_sender_restrictions = reject_sender_login_mismatch\n\
             message_size_limit = 52428800\nbiff = no\n"
        );
        fs::write(self.path("logins"), "/^(.*)$/ ${1}\n").unwrap();
        fs::write(self.path("postfix/main.cf"), main).unwrap();
        let mut master = format!(
            "127.0.0.1:{submission} inet n - n - - smtpd\n127.0.0.1:{smtps} inet n - n - - smtpd -o smtpd_tls_wrappermode=yes\n\
             postlog unix-dgram n - n - 1 postlogd\ntlsmgr unix - - n 1000? 1 tlsmgr\nqmgr unix n - n 1 1 qmgr\npickup unix n - n 60 1 pickup\n\
             cleanup unix n - n - 0 cleanup\nbounce unix - - n - 0 bounce\ndefer unix - - n - 0 bounce\ntrace unix - - n - 0 bounce\nanvil unix - - n - 1 anvil\nscache unix - - n - 1 scache\n"
        );
        for (name, program) in [
            ("rewrite", "trivial-rewrite"),
            ("error", "error"),
            ("retry", "error"),
            ("lmtp", "lmtp"),
            ("proxymap", "proxymap"),
        ] {
            master.push_str(&format!("{name} unix - - n - - {program}\n"));
        }
        fs::write(self.path("postfix/master.cf"), master).unwrap();
    }

    async fn postfix(&self, command: &str) {
        let ran = Command::new("postfix").arg("-c").arg(self.path("postfix")).arg(command).output().await;
        let ran = ran.expect("postfix is installed");
        let log = fs::read_to_string(self.path("postfix.log")).unwrap_or_default();
        assert!(ran.status.success(), "postfix {command}: {}\n{log}", String::from_utf8_lossy(&ran.stderr));
    }
}

/// When a file of a Maildir was delivered, by its name: seconds, and microseconds that have no leading zeros.
fn arrival(name: &str) -> (u64, u64, String) {
    let mut parts = name.split('.');
    let seconds = parts.next().and_then(|seconds| seconds.parse().ok()).unwrap_or_default();
    let micros = parts.next().and_then(|part| part.strip_prefix('M')?.split('P').next()?.parse().ok());
    (seconds, micros.unwrap_or_default(), name.to_owned())
}

impl Drop for MailDomain {
    fn drop(&mut self) {
        if std::thread::panicking() {
            for log in ["postfix.log", "dovecot.log"] {
                eprintln!("--- {log} ---\n{}", fs::read_to_string(self.path(log)).unwrap_or_default());
            }
        }
        let _ = std::process::Command::new("postfix").arg("-c").arg(self.path("postfix")).arg("stop").output();
        if let Some(pid) = self.dovecot.as_ref().and_then(Child::id) {
            let _ = std::process::Command::new("kill").args(["-TERM", &pid.to_string()]).status();
        }
    }
}

/// The first token is stale; the next ones are those of [`SUPPORT`].
async fn tokens() -> MockServer {
    let server = MockServer::start().await;
    let token =
        |token: &str| ResponseTemplate::new(200).set_body_json(json!({"access_token": token, "expires_in": 3600}));
    Mock::given(path("/token")).respond_with(token("stale")).up_to_n_times(1).mount(&server).await;
    let refresh = body_string_contains("grant_type=refresh_token&refresh_token=given+by+the+owner");
    Mock::given(path("/token")).and(refresh).respond_with(token("fresh")).mount(&server).await;
    let whose = ResponseTemplate::new(200).set_body_json(json!({"email": SUPPORT, "active": true}));
    Mock::given(path("/whose")).and(header("authorization", "Bearer fresh")).respond_with(whose).mount(&server).await;
    let nobodys = ResponseTemplate::new(401).set_body_json(json!({"error": "invalid_token"}));
    Mock::given(path("/whose")).respond_with(nobodys).mount(&server).await;
    server
}

/// A user's number; each of these has a group of the same number in Debian.
fn user(name: &str) -> u32 {
    let users = fs::read_to_string(Path::new("/etc/passwd")).unwrap();
    let line =
        users.lines().find(|line| line.starts_with(&format!("{name}:"))).unwrap_or_else(|| panic!("no user {name}"));
    line.split(':').nth(2).and_then(|uid| uid.parse().ok()).unwrap()
}
