//! Mail on its way into the inbox: decoded aside, placed in order, handed over thread by thread, noted afterwards.
//!
//! A crash anywhere leaves the mail before the cursor: it comes again, and the inbox drops what it has by its id.

use std::{error::Error, sync::Arc, time::Duration};

use bytes::Bytes;
use contract::{
    Attachment, AttachmentError, AttachmentSource, Body, Content, ContentHash, Host, Inbound, InboxError, Stop, Unread,
};
use futures::{StreamExt, TryStreamExt, stream};

use super::{
    KIND,
    automatic::Bounce,
    decode::{Decoded, Letter, decode},
    register::{Place, Register, keep, keep_seen},
    sender::bounced_sender,
    thread::Marks,
};
use crate::{
    guard::guarded,
    mail::{Mail, MailError},
};

/// How many threads are handed over at once.
const AT_ONCE: usize = 64;
/// How long a record that does not work is left alone.
const RECORD_PAUSE: Duration = Duration::from_secs(1);

/// What there is to know about a mailbox to read its mail.
pub(super) struct Mailbox {
    pub(super) channel: String,
    pub(super) marks: Arc<Marks>,
    pub(super) trusted: Vec<String>,
    /// Longer mails come as their header alone.
    pub(super) longest: u64,
}

/// Takes the mail of one folder.
pub(super) struct Intake<'a> {
    pub(super) mailbox: &'a Mailbox,
    pub(super) folder: &'a str,
    pub(super) host: &'a Host,
    pub(super) stop: &'a Stop,
}

/// Why reading ended.
pub(super) enum Ended {
    Stopped,
    Failed(MailError),
}

/// A mail and its name.
struct Named {
    uid: u32,
    id: String,
    bytes: Bytes,
}

/// What is to be done with a mail.
enum Task {
    Accept(Box<Letter>, Place),
    Bounced(Bounce),
    SetAside(&'static str),
}

impl Intake<'_> {
    /// Deals with a batch of mails. Afterwards each is in the inbox, set aside, or for nobody.
    pub(super) async fn take(&self, mails: Vec<Mail>) -> Result<(), Ended> {
        let mailbox = self.mailbox;
        let (marks, trusted, longest) = (Arc::clone(&mailbox.marks), mailbox.trusted.clone(), mailbox.longest);
        let decoding = tokio::task::spawn_blocking(move || {
            mails.into_iter().map(|mail| read(mail, &marks, &trusted, longest)).collect::<Vec<_>>()
        });
        let decoded = decoding.await.map_err(|error| Ended::Failed(MailError::Passing(error.to_string())))?;
        let mut register = Register::new(&*self.host.memory, &mailbox.channel);
        let mut threads: Vec<(String, Vec<(Named, Task)>)> = Vec::new();
        for (mail, decoded) in decoded {
            let Some((thread, task)) = self.task(&mut register, &mail, decoded).await? else { continue };
            match threads.iter_mut().find(|(of, _)| *of == thread) {
                Some((_, tasks)) => tasks.push((mail, task)),
                None => threads.push((thread, vec![(mail, task)])),
            }
        }
        let threads = threads.into_iter().map(|(_, tasks)| async move {
            for (mail, task) in tasks {
                self.carry_out(&mail, task).await?;
            }
            Ok::<_, Ended>(())
        });
        stream::iter(threads).buffer_unordered(AT_ONCE).try_collect::<Vec<()>>().await?;
        Ok(())
    }

    /// What is to be done with a mail, and in the order of which thread; nothing with one that is known.
    async fn task(
        &self,
        register: &mut Register<'_>,
        mail: &Named,
        decoded: Decoded,
    ) -> Result<Option<(String, Task)>, Ended> {
        if self.insist(|| register.knows(&mail.id)).await? {
            return Ok(None);
        }
        Ok(match decoded {
            Decoded::Letter(letter) => {
                let place = loop {
                    match register.place(&mail.id, &letter).await {
                        Ok(place) => break place,
                        Err(error) => self.rest(&error, RECORD_PAUSE).await?,
                    }
                };
                Some((place.thread.clone(), Task::Accept(letter, place)))
            }
            Decoded::Bounce(bounce) => match bounce.of.clone() {
                Some((thread, _)) => Some((thread, Task::Bounced(bounce))),
                None => Some((mail.id.clone(), Task::SetAside("a mail did not arrive, and it was none of ours"))),
            },
            Decoded::Unreadable(why) => Some((mail.id.clone(), Task::SetAside(why))),
            Decoded::Ignored(why) => {
                let (channel, folder, uid) = (&self.mailbox.channel, self.folder, mail.uid);
                tracing::debug!(channel, folder, uid, why, "A mail is for nobody.");
                None
            }
        })
    }

    async fn carry_out(&self, mail: &Named, task: Task) -> Result<(), Ended> {
        let (memory, channel) = (&*self.host.memory, &self.mailbox.channel);
        match task {
            Task::Accept(letter, place) => {
                self.accept(self.inbound(mail, *letter, &place).await?).await?;
                return self.insist(|| keep(memory, channel, &place)).await;
            }
            Task::Bounced(bounce) => match self.bounce(mail, &bounce).await? {
                Some(inbound) => self.accept(inbound).await?,
                None => self.set_aside(mail, "a mail did not arrive, and its thread is not known").await?,
            },
            Task::SetAside(why) => self.set_aside(mail, why).await?,
        }
        self.insist(|| keep_seen(memory, channel, &mail.id)).await
    }

    async fn inbound(&self, mail: &Named, letter: Letter, place: &Place) -> Result<Inbound, Ended> {
        let content = letter.content;
        let mut body = Body { text: content.text, html: content.html, subject: content.subject, ..Body::default() };
        for file in content.files {
            match self.keep_file(&file.name, &file.media_type, file.bytes).await? {
                Ok(kept) => {
                    if let (Some(id), AttachmentSource::Stored { hash, .. }) = (file.content_id, &kept.source) {
                        body.inline.insert(id, *hash);
                    }
                    body.attachments.push(kept);
                }
                Err(why) => body.text = format!("{}\n\n[{why}]", body.text).trim_start().to_owned(),
            }
        }
        body.original = self.keep_file("mail.eml", "message/rfc822", mail.bytes.clone()).await?.ok();
        Ok(Inbound {
            channel: self.mailbox.channel.clone(),
            kind: KIND.to_owned(),
            external_id: mail.id.clone(),
            thread: place.thread.clone(),
            from: letter.from,
            content: Content::Message(body),
            sent_at: letter.sent_at,
            automatic: letter.automatic,
            related: place.related.clone(),
        })
    }

    /// `None` where nobody knows whom the mail went to.
    async fn bounce(&self, mail: &Named, bounce: &Bounce) -> Result<Option<Inbound>, Ended> {
        let Some((thread, outbound)) = &bounce.of else { return Ok(None) };
        let register = Register::new(&*self.host.memory, &self.mailbox.channel);
        let record = self.insist(|| register.thread(thread)).await?;
        Ok(record.map(|record| Inbound {
            channel: self.mailbox.channel.clone(),
            kind: KIND.to_owned(),
            external_id: mail.id.clone(),
            thread: thread.clone(),
            // Never the report's word for it: anybody could write one.
            from: bounced_sender(&record.peer),
            content: Content::Bounce { outbound: *outbound, reason: bounce.reason.clone() },
            sent_at: None,
            automatic: true,
            related: None,
        }))
    }

    /// The file, or why it is never taken.
    async fn keep_file(&self, name: &str, kind: &str, bytes: Bytes) -> Result<Result<Attachment, String>, Ended> {
        loop {
            match self.host.attachments.keep(name, kind, bytes.clone()).await {
                Ok(kept) => return Ok(Ok(kept)),
                Err(AttachmentError::Refused(why)) => return Ok(Err(why)),
                Err(error) => self.rest(&error, RECORD_PAUSE).await?,
            }
        }
    }

    async fn accept(&self, inbound: Inbound) -> Result<(), Ended> {
        while let Err(error) = self.host.inbox.accept(inbound.clone()).await {
            self.rest(&error, pause_of(&error)).await?;
        }
        Ok(())
    }

    async fn set_aside(&self, mail: &Named, why: &str) -> Result<(), Ended> {
        let unread = Unread {
            channel: self.mailbox.channel.clone(),
            external_id: mail.id.clone(),
            reason: format!("mail {} in {:?}: {why}", mail.uid, self.folder),
            name: "mail.eml".to_owned(),
            bytes: mail.bytes.clone(),
        };
        while let Err(error) = self.host.inbox.set_aside(unread.clone()).await {
            self.rest(&error, pause_of(&error)).await?;
        }
        Ok(())
    }

    /// Asks until the record works, or until told to stop.
    pub(super) async fn insist<T, E, F>(&self, ask: impl Fn() -> F) -> Result<T, Ended>
    where
        E: Error + Sync,
        F: Future<Output = Result<T, E>>,
    {
        loop {
            match ask().await {
                Ok(answer) => return Ok(answer),
                Err(error) => self.rest(&error, RECORD_PAUSE).await?,
            }
        }
    }

    async fn rest(&self, error: &(dyn Error + Sync), pause: Duration) -> Result<(), Ended> {
        tracing::warn!(%error, channel = self.mailbox.channel, "Mail waits: it cannot be kept now.");
        self.stop.run_until_cancelled(tokio::time::sleep(pause)).await.ok_or(Ended::Stopped)
    }
}

fn pause_of(error: &InboxError) -> Duration {
    match error {
        InboxError::Busy { retry_after } => *retry_after,
        InboxError::Unavailable(_) => RECORD_PAUSE,
    }
}

fn read(mail: Mail, marks: &Marks, trusted: &[String], longest: u64) -> (Named, Decoded) {
    let (id, mut decoded) = guarded(|| decode(&mail.bytes, marks, trusted)).unwrap_or_else(|| {
        (
            format!("sha256:{}", ContentHash::of(&mail.bytes)),
            Decoded::Unreadable("reading it met a defect; see the log"),
        )
    });
    if let Decoded::Letter(letter) = &mut decoded
        && mail.is_header_only(longest)
    {
        let size = mail.size;
        letter.content.text =
            format!("[This mail has {size} bytes, more than the {longest} that are taken. It stays in the mailbox.]");
    }
    (Named { uid: mail.uid, id, bytes: mail.bytes }, decoded)
}
