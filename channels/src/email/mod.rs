//! Mailboxes: folders read by IMAP, replies handed over by SMTP.

mod automatic;
mod budget;
mod cards;
mod compose;
mod content;
mod decode;
mod folder;
#[cfg(feature = "fuzzing")]
pub(crate) mod fuzzing;
mod intake;
mod register;
mod reply;
mod sender;
mod thread;

use std::{collections::BTreeMap, sync::Arc, time::Instant};

use async_trait::async_trait;
use contract::{
    Attachment, AttachmentSource, Author, Channel, ChannelError, Check, Host, Limits, Outbound, Receipt, SendError,
    Stop, normalise_email,
};
use jiff::civil::Date;
use serde::Deserialize;

use self::{
    budget::Budget,
    compose::{Enclosure, Letterhead, Look, compose},
    folder::Reader,
    register::{Register, ThreadRecord, keep_thread},
    thread::{Marks, key_of},
};
use crate::{
    BuildContext,
    files::bytes_to_send,
    mail::{ImapServer, ServerConfig, SmtpServer},
};

/// The kind's name.
pub const KIND: &str = "email";

/// A text above this is no mail that anybody reads.
const TEXT_CHARS: usize = 100_000;

/// A mailbox.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// The mailbox's address: replies come from it, and customers write to it.
    pub address: String,
    /// The company's name, as customers see it before the address.
    pub name: String,
    /// Where its mail is read. Without it the channel only sends.
    #[serde(default)]
    pub imap: Option<ServerConfig>,
    /// Where replies are handed over.
    pub smtp: ServerConfig,
    /// Which folders are read.
    #[serde(default = "inbox_alone")]
    pub folders: Vec<String>,
    /// Also reads what arrived on or after this day. Absent: what arrives from the first start on.
    #[serde(default)]
    pub since: Option<Date>,
    /// The names by which one's own mail servers sign their `Authentication-Results`; what others say is not believed.
    #[serde(default)]
    pub trusted_servers: Vec<String>,
    /// Whether the mail server delivers `support+anything@example.com` to `support@example.com`. Then answers find their
    /// thread even where a program drops its headers.
    #[serde(default = "yes")]
    pub plus_addresses: bool,
    /// Stands under every reply.
    #[serde(default)]
    pub signature: Option<String>,
    /// How replies of single queues look, where they look different.
    #[serde(default)]
    pub queues: BTreeMap<String, QueueLook>,
    /// What `List-Unsubscribe` says in mails that nobody asked for: `<https://example.com/unsubscribe>`. Absent: a mail
    /// to `address`.
    #[serde(default)]
    pub unsubscribe: Option<String>,
    /// How many mails that no person wrote one peer gets within an hour at most.
    #[serde(default = "twenty")]
    pub automatic_per_hour: usize,
    /// Mails longer than this stay in the mailbox; the conversation says so.
    #[serde(default = "twenty_five_megabytes")]
    pub max_mail_bytes: u64,
    /// How many mails a second the server takes, if it limits that.
    #[serde(default)]
    pub per_second: Option<u32>,
}

/// How replies of one queue look.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct QueueLook {
    /// As in [`Config::name`].
    #[serde(default)]
    pub name: Option<String>,
    /// Whom mails are from. Answers still go to the mailbox.
    #[serde(default)]
    pub address: Option<String>,
    /// As in [`Config::signature`].
    #[serde(default)]
    pub signature: Option<String>,
}

fn inbox_alone() -> Vec<String> {
    vec!["INBOX".to_owned()]
}

fn yes() -> bool {
    true
}

fn twenty() -> usize {
    20
}

fn twenty_five_megabytes() -> u64 {
    25 * 1024 * 1024
}

/// One mailbox.
pub struct Email {
    name: String,
    marks: Arc<Marks>,
    reader: Option<Reader>,
    smtp: SmtpServer,
    look: Look,
    looks: BTreeMap<String, Look>,
    plus_addresses: bool,
    unsubscribe: String,
    budget: Budget,
    per_second: Option<u32>,
}

impl Email {
    /// Does no I/O.
    ///
    /// # Errors
    /// Which setting is wrong, and what would be right.
    pub fn new(name: &str, config: &Config, context: &BuildContext) -> Result<Self, String> {
        let address = normalise_email(&config.address).filter(|address| !address.contains('+'));
        let address = address
            .ok_or_else(|| format!("`address` {:?} is not an address like \"support@example.com\"", config.address))?;
        let (local, domain) = address.rsplit_once('@').unwrap_or_default();
        let marks = Arc::new(Marks::new(&context.secret, name, local, domain));
        let usual = look(&config.name, &address, config.signature.as_ref())?;
        let queue = |(queue, own): (&String, &QueueLook)| {
            let name = own.name.as_ref().unwrap_or(&config.name);
            let address = own.address.as_ref().unwrap_or(&address);
            let signature = own.signature.as_ref().or(config.signature.as_ref());
            let look = look(name, address, signature).map_err(|problem| format!("`queues.{queue}`: {problem}"))?;
            Ok::<_, String>((queue.clone(), look))
        };
        let looks = config.queues.iter().map(queue).collect::<Result<_, _>>()?;
        if config.folders.is_empty() {
            return Err("`folders` is empty: name at least one, like [\"INBOX\"]".to_owned());
        }
        if config.automatic_per_hour == 0 {
            return Err("`automatic_per_hour` is 0, so that the bot could not answer: 1 is the least".to_owned());
        }
        let reader = config.imap.as_ref().map(|imap| {
            let server = ImapServer::new(imap)?;
            Ok::<_, String>(Reader::new(name, server, config, Arc::clone(&marks)))
        });
        Ok(Self {
            name: name.to_owned(),
            marks,
            reader: reader.transpose()?,
            smtp: SmtpServer::new(&config.smtp)?,
            look: usual,
            looks,
            plus_addresses: config.plus_addresses,
            unsubscribe: config
                .unsubscribe
                .clone()
                .unwrap_or_else(|| format!("<mailto:{address}?subject=unsubscribe>")),
            budget: Budget::new(config.automatic_per_hour),
            per_second: config.per_second,
        })
    }

    async fn enclosures(&self, files: &[Attachment], host: &Host) -> Result<Vec<Enclosure>, SendError> {
        let mut enclosures = Vec::new();
        for file in files {
            let AttachmentSource::Stored { hash, .. } = &file.source else { continue };
            let bytes = bytes_to_send(&*host.attachments, file, *hash).await?;
            enclosures.push(Enclosure { name: file.name.clone(), media_type: file.media_type.clone(), bytes });
        }
        Ok(enclosures)
    }
}

fn look(name: &str, address: &str, signature: Option<&String>) -> Result<Look, String> {
    if name.trim().is_empty() {
        return Err("`name` is empty: customers see it as whom a mail is from".to_owned());
    }
    let address = address.parse().map_err(|error| format!("`address` {address:?}: {error}"))?;
    Ok(Look { name: contract::clean_line(name, 100), address, signature: signature.cloned() })
}

#[async_trait]
impl Channel for Email {
    fn kind(&self) -> &'static str {
        KIND
    }

    fn buttons_come_back(&self) -> bool {
        false
    }

    fn limits(&self) -> Limits {
        Limits {
            text_chars: TEXT_CHARS,
            attachments: true,
            buttons: true,
            reply_window: None,
            per_second: self.per_second,
            kept: false,
            resends_unknown: true,
        }
    }

    async fn run(&self, host: Host, stop: Stop) -> Result<(), ChannelError> {
        match &self.reader {
            Some(reader) => reader.run(&host, &stop).await,
            None => stop.cancelled().await,
        }
        Ok(())
    }

    async fn send(&self, outbound: &Outbound, host: &Host) -> Result<Receipt, SendError> {
        let automatic = !matches!(outbound.author, Author::Agent { .. });
        if automatic && !self.budget.take(&outbound.to.handle, outbound.id, Instant::now()) {
            return Err(SendError::Permanent(format!(
                "{} has had as many automatic mails within an hour as `automatic_per_hour` allows: it may be a machine that answers each of them",
                outbound.to.handle
            )));
        }
        let known = Register::new(&*host.memory, &self.name).thread(&outbound.thread).await?;
        let thread = match &known {
            Some(_) => outbound.thread.clone(),
            None => key_of(&["ours", &outbound.thread]),
        };
        let message_id = self.marks.message_id(&thread, outbound.id);
        let head = Letterhead {
            look: outbound.queue.as_ref().and_then(|queue| self.looks.get(queue)).unwrap_or(&self.look),
            message_id: message_id.clone(),
            reply_to: Some(self.marks.answers_to(&thread, self.plus_addresses)),
            record: known.as_ref(),
            unsubscribe: known.is_none().then_some(&self.unsubscribe),
        };
        let files = self.enclosures(&outbound.body.attachments, host).await?;
        let (envelope, mail) = compose(outbound, &head, files).map_err(SendError::Permanent)?;
        if known.is_none() {
            let record = ThreadRecord {
                peer: outbound.to.handle.clone(),
                verified: false,
                subject: outbound.body.subject.clone(),
                references: vec![message_id.clone()],
            };
            keep_thread(&*host.memory, &self.name, &thread, &record).await?;
        }
        self.smtp.send(&envelope, &mail).await?;
        Ok(Receipt { external_id: Some(message_id) })
    }

    async fn check(&self) -> Vec<Check> {
        let mut checks = match &self.reader {
            Some(reader) => reader.check().await,
            None => vec![Check::fine("no `imap`: this channel only sends")],
        };
        checks.extend(self.smtp.check(&self.look.address).await);
        checks
    }
}

/// A mail as the mailbox `support@shop.example` reads it: how long its text is.
#[doc(hidden)]
#[must_use]
pub fn measured(raw: &[u8]) -> Option<usize> {
    let marks = Marks::new(&[7; 32], "mail", "support", "shop.example");
    match decode::decode(raw, &marks, &[]).1 {
        decode::Decoded::Letter(letter) => Some(letter.content.text.len()),
        _ => None,
    }
}
