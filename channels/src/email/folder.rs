//! One folder, read from its cursor on; the cursor moves only behind mail that was dealt with.
//!
//! The cursor is a uid. Where uids mean nothing any more (UIDVALIDITY has changed) the folder is read again by the dates
//! of arrival, and what is known is skipped.

use std::{sync::Arc, time::Duration};

use contract::{Check, Host, Stop, Timestamp};
use jiff::{SignedDuration, tz::TimeZone};
use serde::{Deserialize, Serialize};

use super::{
    Config,
    intake::{Ended, Intake, Mailbox},
    thread::Marks,
};
use crate::mail::{Folder, ImapServer, MailError};

/// The pause after a first failure; each further one is twice as long.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_secs(5 * 60);
/// Mail servers' clocks may be behind ours by this much.
const CLOCKS_DIFFER: SignedDuration = SignedDuration::from_mins(10);

/// Reads a mailbox's folders.
pub(super) struct Reader {
    mailbox: Mailbox,
    server: ImapServer,
    folders: Vec<String>,
    since: Option<Timestamp>,
}

/// How far a folder has been read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Cursor {
    /// The UIDVALIDITY that the uids are of.
    validity: u32,
    /// Everything up to this uid was dealt with.
    uid: u32,
    /// Up to this uid, what arrived before `from` is not for us.
    dated_to: u32,
    from: Timestamp,
}

impl Cursor {
    /// Where to begin in a folder of this UIDVALIDITY whose last mail is `last`. `since` is what the configuration says.
    fn begin(kept: Option<Self>, validity: u32, last: u32, since: Option<Timestamp>, now: Timestamp) -> Self {
        match kept {
            None if since.is_none() => Self { validity, uid: last, dated_to: last, from: now },
            None => Self { validity, uid: 0, dated_to: last, from: since.unwrap_or(now) },
            Some(cursor) => {
                let from = since.map_or(cursor.from, |since| since.min(cursor.from));
                match cursor.validity == validity && cursor.from == from {
                    true => cursor,
                    false => Self { validity, uid: 0, dated_to: last, from },
                }
            }
        }
    }
}

impl Reader {
    pub(super) fn new(channel: &str, server: ImapServer, config: &Config, marks: Arc<Marks>) -> Self {
        let midnight = |date: jiff::civil::Date| date.to_zoned(TimeZone::UTC).ok().map(|at| at.timestamp());
        Self {
            mailbox: Mailbox {
                channel: channel.to_owned(),
                marks,
                trusted: config.trusted_servers.clone(),
                longest: config.max_mail_bytes,
            },
            server,
            folders: config.folders.clone(),
            since: config.since.and_then(midnight),
        }
    }

    pub(super) async fn check(&self) -> Vec<Check> {
        self.server.check(&self.folders).await
    }

    /// Reads all folders until `stop`, however often the server goes away.
    pub(super) async fn run(&self, host: &Host, stop: &Stop) {
        let folders = self.folders.iter().map(|folder| async {
            let intake = Intake { mailbox: &self.mailbox, folder, host, stop };
            Reading { reader: self, intake }.run().await;
        });
        futures::future::join_all(folders).await;
    }
}

struct Reading<'a> {
    reader: &'a Reader,
    intake: Intake<'a>,
}

impl Reading<'_> {
    async fn run(&self) {
        let (channel, folder) = (&self.reader.mailbox.channel, self.intake.folder);
        let mut pause = FIRST_PAUSE;
        loop {
            let mut worked = false;
            let Err(Ended::Failed(error)) = self.read(&mut worked).await else { return };
            pause = if worked { FIRST_PAUSE } else { (pause * 2).min(LONGEST_PAUSE) };
            tracing::warn!(%error, channel, folder, "The mailbox cannot be read now.");
            metrics::counter!("switchboard_poll_failures_total", "channel" => channel.clone()).increment(1);
            let spread = pause.mul_f64(0.5 + rand::random::<f64>());
            if self.intake.stop.run_until_cancelled(tokio::time::sleep(spread)).await.is_none() {
                return;
            }
        }
    }

    async fn read(&self, worked: &mut bool) -> Result<(), Ended> {
        let stop = self.intake.stop;
        let opening = stop.run_until_cancelled(self.reader.server.open(self.intake.folder)).await;
        let mut folder = opening.ok_or(Ended::Stopped)??;
        let mut cursor = self.begin(folder.uid_validity, folder.uid_next.saturating_sub(1)).await?;
        loop {
            self.catch_up(&mut folder, &mut cursor).await?;
            *worked = true;
            folder = folder.wait(stop).await?.ok_or(Ended::Stopped)?;
        }
    }

    async fn begin(&self, validity: u32, last: u32) -> Result<Cursor, Ended> {
        let (memory, channel) = (&self.intake.host.memory, &self.reader.mailbox.channel);
        let key = cursor_key(self.intake.folder);
        let kept = self.intake.insist(|| memory.get(channel, &key)).await?;
        let kept = kept.and_then(|kept| serde_json::from_str::<Cursor>(&kept).ok());
        let cursor = Cursor::begin(kept.clone(), validity, last, self.reader.since, Timestamp::now());
        if kept.as_ref() != Some(&cursor) {
            tracing::info!(channel, folder = self.intake.folder, from = %cursor.from, after = cursor.uid, "The folder is read from here on.");
            self.keep(&cursor).await?;
        }
        Ok(cursor)
    }

    async fn keep(&self, cursor: &Cursor) -> Result<(), Ended> {
        let (memory, channel) = (&self.intake.host.memory, &self.reader.mailbox.channel);
        let (key, written) = (cursor_key(self.intake.folder), serde_json::to_string(cursor).unwrap_or_default());
        self.intake.insist(|| memory.put(channel, &key, Some(&written))).await
    }

    async fn catch_up(&self, folder: &mut Folder, cursor: &mut Cursor) -> Result<(), Ended> {
        if cursor.uid < cursor.dated_to {
            let from = cursor.from.checked_sub(CLOCKS_DIFFER).unwrap_or(cursor.from);
            let arrived = folder.arrived_since(from).await?;
            let dated = arrived.into_iter().filter(|uid| (cursor.uid + 1..=cursor.dated_to).contains(uid));
            self.take(folder, dated.collect(), cursor).await?;
            cursor.uid = cursor.dated_to;
            self.keep(cursor).await?;
        }
        let newer = folder.newer(cursor.uid).await?;
        self.take(folder, newer, cursor).await
    }

    async fn take(&self, folder: &mut Folder, uids: Vec<u32>, cursor: &mut Cursor) -> Result<(), Ended> {
        let mut rest = &uids[..];
        while !rest.is_empty() {
            let (mails, covered) = folder.fetch(rest, self.reader.mailbox.longest).await?;
            self.intake.take(mails).await?;
            cursor.uid = rest[covered - 1];
            self.keep(cursor).await?;
            rest = &rest[covered..];
        }
        Ok(())
    }
}

impl From<MailError> for Ended {
    fn from(error: MailError) -> Self {
        Self::Failed(error)
    }
}

fn cursor_key(folder: &str) -> String {
    format!("folder/{}", &folder[..folder.floor_char_boundary(150)])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_begins_where_it_was_left() {
        let at = |second| Timestamp::from_second(second).unwrap();
        let cursor = |validity, uid, dated_to, from| Cursor { validity, uid, dated_to, from: at(from) };
        let begin =
            |kept, validity, last, since: Option<i64>| Cursor::begin(kept, validity, last, since.map(at), at(100));
        assert_eq!(begin(None, 1, 50, None), cursor(1, 50, 50, 100), "what was there before is not for us");
        assert_eq!(begin(None, 1, 50, Some(10)), cursor(1, 0, 50, 10), "but for what was asked for");
        let kept = cursor(1, 70, 50, 60);
        assert_eq!(begin(Some(kept.clone()), 1, 90, None), kept);
        assert_eq!(begin(Some(kept.clone()), 1, 90, Some(80)), kept, "asked for less than was read");
        assert_eq!(begin(Some(kept.clone()), 1, 90, Some(10)), cursor(1, 0, 90, 10), "asked for more");
        assert_eq!(begin(Some(kept), 2, 90, None), cursor(2, 0, 90, 60), "other uids");
    }
}
