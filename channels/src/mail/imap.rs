//! Reading folders by IMAP (RFC 3501, RFC 9051), and waiting for more by IDLE (RFC 2177).
//!
//! Nothing is changed on the server: folders are opened read-only and mail is fetched with `PEEK`, so what people see
//! as read is theirs.

use std::{fmt, ops::RangeInclusive, time::Duration};

use async_imap::{Authenticator, Client, Session, types::UnsolicitedResponse};
use bytes::Bytes;
use contract::{Check, Stop, Timestamp};
use futures::TryStreamExt;
use jiff::tz::TimeZone;
use rustls::pki_types::ServerName;
use secrecy::{ExposeSecret, SecretString};
use std::sync::Arc;
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::TcpStream,
    time::timeout,
};
use tokio_rustls::TlsConnector;

use super::{Login, MailError, Security, ServerConfig};

/// How long one command may take.
const TIME_LIMIT: Duration = Duration::from_secs(60);
/// How long one fetch of mails may take.
const FETCH_LIMIT: Duration = Duration::from_secs(600);
/// How long one IDLE lasts. Well below the 29 minutes of RFC 2177, because gateways forget silent connections sooner.
const IDLE_FOR: Duration = Duration::from_secs(4 * 60);
/// How long the server may take to leave IDLE.
const DONE_LIMIT: Duration = Duration::from_secs(15);
/// How often a server without IDLE is asked.
const POLL_EVERY: Duration = Duration::from_secs(30);
/// How much one batch holds at most.
const BATCH_MAILS: usize = 200;
const BATCH_BYTES: u64 = 32 * 1024 * 1024;

/// A server whose folders are read.
pub struct ImapServer {
    config: ServerConfig,
    login: Login,
}

/// One folder, open for reading.
pub struct Folder {
    session: Session<Box<dyn Connection>>,
    idles: bool,
    /// While it stays the same, a mail's uid names it (RFC 3501, section 2.3.1.1).
    pub uid_validity: u32,
    /// The uid that the next mail will have at least.
    pub uid_next: u32,
    /// How many mails there are, as the server said last; `None` where it may have said something since.
    exists: Option<u32>,
}

/// One mail of a folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mail {
    /// Its uid.
    pub uid: u32,
    /// How long it is, in bytes.
    pub size: u64,
    /// The mail as it is stored; of a mail that is longer than asked for, its header alone.
    pub bytes: Bytes,
}

impl Mail {
    /// Whether `bytes` is not all of it.
    #[must_use]
    pub fn is_header_only(&self, longest: u64) -> bool {
        self.size > longest
    }
}

trait Connection: AsyncRead + AsyncWrite + Unpin + Send + fmt::Debug {}
impl<T: AsyncRead + AsyncWrite + Unpin + Send + fmt::Debug> Connection for T {}

impl ImapServer {
    /// Does no I/O.
    ///
    /// # Errors
    /// Which setting is wrong, and what would be right.
    pub fn new(config: &ServerConfig) -> Result<Self, String> {
        let login = config.login("imap")?;
        if matches!(login, Login::Nobody) {
            return Err("`imap` needs `username`, and `password` or `oauth2`".to_owned());
        }
        Ok(Self { config: config.clone(), login })
    }

    /// Logs in and opens a folder.
    ///
    /// # Errors
    /// [`MailError::Refused`] for a wrong account and a folder that is not there.
    pub async fn open(&self, folder: &str) -> Result<Folder, MailError> {
        let mut session = self.session().await?;
        let capabilities = limited(TIME_LIMIT, session.capabilities()).await.map_err(|error| self.passing(&error))?;
        let idles = capabilities.has_str("IDLE");
        let opened = limited(TIME_LIMIT, session.examine(folder)).await.map_err(|error| match error {
            async_imap::error::Error::No(_) => MailError::Refused(format!(
                "{}: there is no folder {folder:?}: {error}. `switchboard channels check` lists what there is",
                self.config.host
            )),
            error => self.passing(&error),
        })?;
        let uid_validity = opened.uid_validity.ok_or_else(|| {
            MailError::Refused(format!("{}: folder {folder:?} has no stable uids (UIDVALIDITY)", self.config.host))
        })?;
        let uid_next = match opened.uid_next {
            Some(next) => next,
            None => {
                let all =
                    limited(FETCH_LIMIT, session.uid_search("ALL")).await.map_err(|error| self.passing(&error))?;
                all.into_iter().max().map_or(1, |last| last.saturating_add(1))
            }
        };
        Ok(Folder { session, idles, uid_validity, uid_next, exists: Some(opened.exists) })
    }

    /// Logs in, and looks whether the folders are there.
    pub async fn check(&self, folders: &[String]) -> Vec<Check> {
        let what = format!("IMAP login at {}", self.config.host);
        let mut session = match self.session().await {
            Ok(session) => session,
            Err(error) => return vec![Check::wrong(what, error.to_string())],
        };
        let mut checks = vec![Check::fine(what)];
        let listed = match session.list(None, Some("*")).await {
            Ok(names) => names.try_collect::<Vec<_>>().await.unwrap_or_default(),
            Err(_) => Vec::new(),
        };
        let there: Vec<&str> = listed.iter().map(async_imap::types::Name::name).collect();
        for folder in folders {
            let what = format!("folder {folder:?}");
            let check = match limited(TIME_LIMIT, session.examine(folder)).await {
                Ok(opened) => Check::fine(format!("{what}, {} mails", opened.exists)),
                Err(_) => Check::wrong(what, format!("it cannot be opened; there are: {}", there.join(", "))),
            };
            checks.push(check);
        }
        let _ = limited(DONE_LIMIT, session.logout()).await;
        checks
    }

    async fn session(&self) -> Result<Session<Box<dyn Connection>>, MailError> {
        let client = timeout(TIME_LIMIT, self.connect())
            .await
            .map_err(|_| MailError::Passing(format!("{}: no answer in time", self.config.host)))??;
        let answered = match &self.login {
            Login::Password { username, password } => {
                timeout(TIME_LIMIT, client.login(username, password.expose_secret())).await
            }
            Login::OAuth2 { username, tokens } => {
                let bearer = Bearer { username: username.clone(), token: Some(tokens.token().await?) };
                timeout(TIME_LIMIT, client.authenticate("XOAUTH2", bearer)).await
            }
            Login::Nobody => return Err(MailError::Refused("`imap` needs `username`".to_owned())),
        };
        match answered {
            Ok(Ok(session)) => Ok(session),
            Ok(Err((async_imap::error::Error::No(why), _))) => {
                if let Login::OAuth2 { tokens, .. } = &self.login {
                    tokens.forget().await;
                }
                Err(MailError::Refused(format!("{} refuses the login: {why}", self.config.host)))
            }
            Ok(Err((error, _))) => Err(self.passing(&error)),
            Err(_) => Err(MailError::Passing(format!("{}: no answer to the login in time", self.config.host))),
        }
    }

    async fn connect(&self) -> Result<Client<Box<dyn Connection>>, MailError> {
        let ServerConfig { host, port, security, .. } = &self.config;
        let usual = if *security == Security::Tls { 993 } else { 143 };
        let broken = |error: std::io::Error| MailError::Passing(format!("{host}: {error}"));
        let tcp = TcpStream::connect((host.as_str(), port.unwrap_or(usual))).await.map_err(broken)?;
        let _ = tcp.set_nodelay(true);
        let hung_up = || MailError::Passing(format!("{host} hangs up before its greeting"));
        let connection: Box<dyn Connection> =
            if *security == Security::Tls { self.protect(Box::new(tcp)).await? } else { Box::new(tcp) };
        let mut client = Client::new(connection);
        client.read_response().await.map_err(broken)?.ok_or_else(hung_up)?;
        if *security != Security::Starttls {
            return Ok(client);
        }
        client.run_command_and_check_ok("STARTTLS", None).await.map_err(|error| {
            MailError::Refused(format!("{host} does not offer STARTTLS ({error}): set `security = \"tls\"`"))
        })?;
        Ok(Client::new(self.protect(client.into_inner()).await?))
    }

    async fn protect(&self, plain: Box<dyn Connection>) -> Result<Box<dyn Connection>, MailError> {
        let host = &self.config.host;
        let tls = rustls::ClientConfig::builder().with_root_certificates(self.config.roots()?).with_no_client_auth();
        let name =
            ServerName::try_from(host.clone()).map_err(|error| MailError::Refused(format!("{host}: {error}")))?;
        let protected = TlsConnector::from(Arc::new(tls)).connect(name, plain).await;
        Ok(Box::new(protected.map_err(|error| MailError::Passing(format!("{host} TLS: {error}")))?))
    }

    fn passing(&self, error: &async_imap::error::Error) -> MailError {
        MailError::Passing(format!("{}: {error}", self.config.host))
    }
}

impl Folder {
    /// The uids above `after`, in order.
    ///
    /// # Errors
    /// The connection does not work any more.
    pub async fn newer(&mut self, after: u32) -> Result<Vec<u32>, MailError> {
        let Some(first) = after.checked_add(1) else { return Ok(Vec::new()) };
        let said = self.session.unsolicited_responses.clone();
        is_news(|| said.try_recv().ok(), &mut self.exists);
        let found = limited(TIME_LIMIT, self.session.uid_search(format!("UID {first}:*"))).await.map_err(passing)?;
        // `n:*` names the last mail too where n is above it.
        let mut uids: Vec<u32> = found.into_iter().filter(|uid| *uid > after).collect();
        uids.sort_unstable();
        Ok(uids)
    }

    /// The uids of what arrived at or after `from`, in order.
    ///
    /// # Errors
    /// The connection does not work any more.
    pub async fn arrived_since(&mut self, from: Timestamp) -> Result<Vec<u32>, MailError> {
        // The search knows days alone, in the server's own time zone.
        let day = (from.to_zoned(TimeZone::UTC).date().yesterday()).unwrap_or(from.to_zoned(TimeZone::UTC).date());
        let found = self.session.uid_search(format!("SINCE {}", day.strftime("%d-%b-%Y")));
        let mut uids: Vec<u32> = limited(FETCH_LIMIT, found).await.map_err(passing)?.into_iter().collect();
        uids.sort_unstable();
        let mut arrived = Vec::with_capacity(uids.len());
        for part in uids.chunks(1000) {
            let fetch = async {
                let stream = self.session.uid_fetch(set(part), "(UID INTERNALDATE)").await?;
                let pairs = stream.try_filter_map(|fetched| {
                    let at = fetched.internal_date().map_or(i64::MAX, |date| date.timestamp());
                    let since = fetched.uid.filter(|uid| at >= from.as_second() && part.contains(uid));
                    std::future::ready(Ok(since))
                });
                pairs.try_collect::<Vec<u32>>().await
            };
            arrived.extend(limited(FETCH_LIMIT, fetch).await.map_err(passing)?);
        }
        arrived.sort_unstable();
        Ok(arrived)
    }

    /// The mails of a first part of `uids`, as many as fit a batch, in order, and how many uids that covers: mails that
    /// were deleted meanwhile are missing. Of mails longer than `longest` bytes only the header.
    ///
    /// # Errors
    /// The connection does not work any more.
    pub async fn fetch(&mut self, uids: &[u32], longest: u64) -> Result<(Vec<Mail>, usize), MailError> {
        let uids = &uids[..uids.len().min(BATCH_MAILS)];
        if uids.is_empty() {
            return Ok((Vec::new(), 0));
        }
        let sizes = self.sizes(uids).await?;
        let mut total = 0;
        let fits = |uid: &&u32| {
            total += sizes.get(*uid).copied().unwrap_or(0).min(longest);
            total <= BATCH_BYTES
        };
        let covered = uids.iter().take_while(fits).count().max(1);
        let (long, short): (Vec<u32>, Vec<u32>) =
            uids[..covered].iter().filter(|uid| sizes.contains_key(uid)).partition(|uid| sizes[uid] > longest);
        let mut mails = self.bytes(&short, "BODY.PEEK[]", &sizes).await?;
        mails.extend(self.bytes(&long, "BODY.PEEK[HEADER]", &sizes).await?);
        mails.sort_unstable_by_key(|mail| mail.uid);
        Ok((mails, covered))
    }

    async fn sizes(&mut self, uids: &[u32]) -> Result<std::collections::HashMap<u32, u64>, MailError> {
        let fetch = async {
            let stream = self.session.uid_fetch(set(uids), "(UID RFC822.SIZE)").await?;
            let pairs = stream.try_filter_map(|fetched| {
                std::future::ready(Ok(fetched.uid.map(|uid| (uid, u64::from(fetched.size.unwrap_or(0))))))
            });
            pairs.try_collect().await
        };
        limited(TIME_LIMIT, fetch).await.map_err(passing)
    }

    async fn bytes(
        &mut self,
        uids: &[u32],
        what: &str,
        sizes: &std::collections::HashMap<u32, u64>,
    ) -> Result<Vec<Mail>, MailError> {
        if uids.is_empty() {
            return Ok(Vec::new());
        }
        let fetch = async {
            let stream = self.session.uid_fetch(set(uids), format!("(UID {what})")).await?;
            let mails = stream.try_filter_map(|fetched| {
                let bytes = fetched.body().or_else(|| fetched.header()).map(Bytes::copy_from_slice);
                let mail = fetched.uid.zip(bytes).filter(|(uid, _)| uids.contains(uid));
                std::future::ready(Ok(mail.map(|(uid, bytes)| Mail { uid, size: sizes[&uid], bytes })))
            });
            mails.try_collect().await
        };
        limited(FETCH_LIMIT, fetch).await.map_err(passing)
    }

    /// Waits until something may have changed, some minutes at most. `None` when told to stop.
    ///
    /// # Errors
    /// The connection does not work any more.
    pub async fn wait(mut self, stop: &Stop) -> Result<Option<Self>, MailError> {
        // A server says once that there is more, with whatever it answers next: that may be before IDLE has begun.
        let said = self.session.unsolicited_responses.clone();
        if is_news(|| said.try_recv().ok(), &mut self.exists) {
            return Ok(Some(self));
        }
        if !self.idles {
            if stop.run_until_cancelled(tokio::time::sleep(POLL_EVERY)).await.is_none() {
                return Ok(None);
            }
            limited(TIME_LIMIT, self.session.noop()).await.map_err(passing)?;
            return Ok(Some(self));
        }
        let mut idle = self.session.idle();
        limited(TIME_LIMIT, idle.init()).await.map_err(passing)?;
        if !is_news(|| said.try_recv().ok(), &mut self.exists) {
            let (changed, interrupt) = idle.wait_with_timeout(IDLE_FOR);
            let ended = stop.run_until_cancelled(changed).await;
            drop(interrupt);
            match ended {
                Some(outcome) => _ = outcome.map_err(passing)?,
                None => return Ok(None),
            }
            self.exists = None;
        }
        self.session = limited(DONE_LIMIT, idle.done()).await.map_err(passing)?;
        Ok(Some(self))
    }
}

/// XOAUTH2, as Google and Microsoft describe it.
struct Bearer {
    username: String,
    /// `None` once it was given: a second challenge is the reason of a refusal, and wants an empty answer.
    token: Option<SecretString>,
}

impl Authenticator for Bearer {
    type Response = String;

    fn process(&mut self, _: &[u8]) -> String {
        let given = self.token.take();
        given.map_or_else(String::new, |token| {
            format!("user={}\x01auth=Bearer {}\x01\x01", self.username, token.expose_secret())
        })
    }
}

/// Whether the server has said that there are other mails than it said before.
fn is_news(next: impl FnMut() -> Option<UnsolicitedResponse>, exists: &mut Option<u32>) -> bool {
    std::iter::from_fn(next).fold(false, |news, said| match said {
        UnsolicitedResponse::Exists(count) => exists.replace(count) != Some(count) || news,
        UnsolicitedResponse::Expunge(_) => {
            *exists = exists.map(|count| count.saturating_sub(1));
            news
        }
        _ => news,
    })
}

async fn limited<T>(
    limit: Duration,
    command: impl Future<Output = async_imap::error::Result<T>>,
) -> async_imap::error::Result<T> {
    match timeout(limit, command).await {
        Ok(outcome) => outcome,
        Err(_) => Err(std::io::Error::new(std::io::ErrorKind::TimedOut, "no answer in time").into()),
    }
}

fn passing(error: async_imap::error::Error) -> MailError {
    MailError::Passing(format!("IMAP: {error}"))
}

/// A set of uids as IMAP writes it: `1:4,9`.
fn set(uids: &[u32]) -> String {
    let mut runs: Vec<RangeInclusive<u32>> = Vec::new();
    for &uid in uids {
        match runs.last_mut() {
            Some(run) if run.end().checked_add(1) == Some(uid) => *run = *run.start()..=uid,
            _ => runs.push(uid..=uid),
        }
    }
    let written = runs.iter().map(|run| match run.start() == run.end() {
        true => run.start().to_string(),
        false => format!("{}:{}", run.start(), run.end()),
    });
    written.collect::<Vec<_>>().join(",")
}

#[cfg(test)]
mod tests {
    use tokio::{
        io::{AsyncBufReadExt, AsyncWriteExt, BufReader},
        time::Instant,
    };

    use super::*;

    /// A folder of five mails, at a server that answers one command after the other with these.
    async fn folder(answers: &'static [&'static str]) -> Folder {
        let (ours, theirs) = tokio::io::duplex(4096);
        tokio::spawn(async move {
            let (read, mut write) = tokio::io::split(theirs);
            let mut lines = BufReader::new(read).lines();
            let mut tag = String::new();
            for answer in ["TAG OK in\r\n"].iter().chain(answers) {
                let line = lines.next_line().await.unwrap().unwrap();
                if line != "DONE" {
                    line.split(' ').next().unwrap().clone_into(&mut tag);
                }
                write.write_all(answer.replace("TAG", &tag).as_bytes()).await.unwrap();
            }
            std::future::pending::<()>().await;
        });
        let connection: Box<dyn Connection> = Box::new(ours);
        let session = Client::new(connection).login("li", "x").await.map_err(|(error, _)| error).unwrap();
        Folder { session, idles: true, uid_validity: 1, uid_next: 6, exists: Some(5) }
    }

    #[tokio::test(start_paused = true)]
    async fn mail_that_arrives_before_idle_has_begun_is_not_slept_over() {
        let cases: [(&[&str], bool); 4] = [
            (&["* SEARCH\r\nTAG OK\r\n", "+ idling\r\n", "TAG OK\r\n"], true),
            (&["* SEARCH\r\n* 6 EXISTS\r\nTAG OK\r\n"], false),
            (&["* SEARCH\r\nTAG OK\r\n", "* 6 EXISTS\r\n+ idling\r\n", "TAG OK\r\n"], false),
            // Some servers say at each IDLE how many there are.
            (&["* SEARCH\r\nTAG OK\r\n", "* 5 EXISTS\r\n+ idling\r\n", "TAG OK\r\n"], true),
        ];
        for (answers, sleeps) in cases {
            let mut folder = folder(answers).await;
            assert!(folder.newer(5).await.unwrap().is_empty());
            let began = Instant::now();
            folder.wait(&Stop::new()).await.unwrap().unwrap();
            assert_eq!(began.elapsed() >= IDLE_FOR, sleeps, "{answers:?}");
        }
    }

    #[test]
    fn runs_of_uids_are_written_short() {
        assert_eq!(set(&[1, 2, 3, 4, 9, 11, 12, u32::MAX]), "1:4,9,11:12,4294967295");
    }

    #[test]
    fn a_bearer_answers_once() {
        let mut bearer = Bearer { username: "a@b.example".to_owned(), token: Some("t".to_owned().into()) };
        assert_eq!(bearer.process(b""), "user=a@b.example\x01auth=Bearer t\x01\x01");
        assert_eq!(bearer.process(b"{}"), "");
    }
}
