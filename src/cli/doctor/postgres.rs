//! What is to be said of PostgreSQL.

use std::time::Duration;

use jiff::SignedDuration;

use super::Finding;
use crate::store::postgres::{
    OLDEST_SERVER, Standing,
    look::{Look, Receiver, Skew},
};

/// What waits for a moment is told in seconds: by more than one, clocks that differ bring it early or late.
const SKEW_MOST: Duration = Duration::from_secs(1);
/// How late a standby may be, as the alert `PostgresReplicaBehind` has it.
const LATE_MOST: Duration = Duration::from_secs(30);

/// Everything about a server.
pub(super) fn findings(seen: &Look, place: &str) -> Vec<Finding> {
    let mut found = vec![version(seen, place)];
    if seen.encoding != "UTF8" {
        let what = format!("the database keeps text in {}", seen.encoding);
        found.push(Finding::wrong(what, "make one with ENCODING 'UTF8'"));
    }
    if seen.is_standby {
        found.push(Finding::wrong(
            format!("the server at {place} is a standby, which cannot be written"),
            "let the address lead to the primary; if that is gone for good, promote this one with `pg_ctl promote`",
        ));
    } else if seen.receivers.is_empty() {
        found.push(Finding::note(
            "no standby receives PostgreSQL's log: its disk is the only place of what was decided since the last backup",
        ));
    }
    found.extend(seen.receivers.iter().map(receiver));
    found.push(clock(seen.skew));
    found.push(schema(&seen.schema));
    found
}

/// Whether there is a record there that this version can read.
pub(super) fn can_be_read(seen: &Look) -> bool {
    let Standing { found, compatible_from, known, .. } = seen.schema;
    found >= known && compatible_from <= known && seen.version >= OLDEST_SERVER && seen.encoding == "UTF8"
}

fn version(seen: &Look, place: &str) -> Finding {
    let what = format!("PostgreSQL {}.{} at {place}", seen.version / 10_000, seen.version % 10_000);
    if seen.version >= OLDEST_SERVER {
        return Finding::good(what);
    }
    Finding::wrong(format!("{what} is too old"), format!("{} or newer is needed", OLDEST_SERVER / 10_000))
}

fn receiver(Receiver { name, state, is_waited_for, bytes, late }: &Receiver) -> Finding {
    let waited_for = if *is_waited_for { ", and commits wait for it" } else { "" };
    let Some(state) = state else {
        return Finding::note(format!(
            "{name} receives PostgreSQL's log; how far it is, is shown to members of pg_monitor: grant that to this user"
        ));
    };
    let bytes = bytes.map_or_else(String::new, |bytes| format!(", {bytes} bytes behind"));
    let seconds = late.map_or_else(String::new, |late| format!(", {:.1} s late", late.as_secs_f64()));
    let what = format!("the standby {name} is {state}{bytes}{seconds}{waited_for}");
    let is_late = late.is_some_and(|late| late > LATE_MOST);
    match state.as_str() {
        "backup" => Finding::note(format!("{name} takes a backup of PostgreSQL")),
        "streaming" if !is_late => Finding::good(what),
        // Nothing can be lost then.
        _ if *is_waited_for => Finding::note(what),
        _ => Finding::wrong(
            what,
            "a failover now would lose what it does not have; look at its disk, the network, a long query on it",
        ),
    }
}

fn clock(skew: Skew) -> Finding {
    let seconds = |span: SignedDuration| span.unsigned_abs().as_secs_f64();
    let give_or_take = seconds(skew.give_or_take);
    if skew.at_least() <= SKEW_MOST {
        let off = seconds(skew.ahead);
        return Finding::good(format!(
            "this machine's clock is PostgreSQL's but for {off:.3} s, give or take {give_or_take:.3} s"
        ));
    }
    let direction = if skew.ahead.is_positive() { "ahead of" } else { "behind" };
    Finding::wrong(
        format!(
            "this machine's clock is {:.1} s {direction} PostgreSQL's, give or take {give_or_take:.1} s",
            seconds(skew.ahead)
        ),
        "alarms, promises of queues and retries come that much early or late, and above five minutes signed requests are \
         refused; let NTP set the clocks of both",
    )
}

fn schema(standing: &Standing) -> Finding {
    let Standing { found, compatible_from, known, pending } = standing;
    match *found {
        0 => Finding::wrong("the database has no record of Switchboard yet", "start a daemon on it"),
        found if compatible_from > known => Finding::wrong(
            format!(
                "a newer Switchboard has brought the record to schema {found}, which needs a version that knows \
                 {compatible_from}; this one knows {known}"
            ),
            "install the newer one",
        ),
        found if found > *known => Finding::note(format!(
            "the record has schema {found}, which is newer than this version's {known} and does for it; finish the upgrade"
        )),
        found if found < *known => Finding::wrong(
            format!(
                "the record has schema {found}, and this version wants {known}: {} pending",
                pending.join(", ") + if pending.len() == 1 { " is" } else { " are" }
            ),
            "make a backup and start a daemon of this version: it migrates the record, and old ones go on beside it",
        ),
        found => Finding::good(format!("the record has schema {found}, which is this version's")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen() -> Look {
        Look {
            version: 150_004,
            encoding: "UTF8".into(),
            is_standby: false,
            receivers: Vec::new(),
            skew: Skew { ahead: SignedDuration::from_millis(3), give_or_take: SignedDuration::from_millis(1) },
            schema: Standing { found: 7, compatible_from: 6, known: 7, pending: Vec::new() },
        }
    }

    fn streams() -> Receiver {
        Receiver {
            name: "second".into(),
            state: Some("streaming".into()),
            is_waited_for: false,
            bytes: Some(4_096),
            late: Some(Duration::from_millis(1_200)),
        }
    }

    fn said(seen: &Look) -> String {
        findings(seen, "postgres://db/x").iter().map(|finding| format!("{finding}\n")).collect()
    }

    /// Each row changes one thing, and has what is said of it then.
    #[test]
    fn what_is_wrong_is_said_in_words() {
        type Change = fn(&mut Look);
        let rows: [(Change, &str); 16] = [
            (|_| {}, "ok     PostgreSQL 15.4 at postgres://db/x"),
            (|_| {}, "note   no standby receives PostgreSQL's log"),
            (|_| {}, "ok     this machine's clock is PostgreSQL's but for 0.003 s, give or take 0.001 s"),
            (|_| {}, "ok     the record has schema 7, which is this version's"),
            (|seen| seen.version = 130_011, "WRONG  PostgreSQL 13.11 at postgres://db/x is too old"),
            (|seen| seen.encoding = "LATIN1".into(), "WRONG  the database keeps text in LATIN1"),
            (
                |seen| seen.is_standby = true,
                "WRONG  the server at postgres://db/x is a standby, which cannot be written",
            ),
            (
                |seen| seen.receivers = vec![streams()],
                "ok     the standby second is streaming, 4096 bytes behind, 1.2 s late",
            ),
            (
                |seen| seen.receivers = vec![Receiver { late: Some(Duration::from_secs(90)), ..streams() }],
                "WRONG  the standby second is streaming, 4096 bytes behind, 90.0 s late",
            ),
            (
                |seen| {
                    let late = Some(Duration::from_secs(90));
                    seen.receivers = vec![Receiver { late, is_waited_for: true, ..streams() }];
                },
                "note   the standby second is streaming, 4096 bytes behind, 90.0 s late, and commits wait for it",
            ),
            (
                |seen| seen.receivers = vec![Receiver { state: Some("catchup".into()), late: None, ..streams() }],
                "WRONG  the standby second is catchup, 4096 bytes behind\n",
            ),
            (
                |seen| seen.receivers = vec![Receiver { state: None, ..streams() }],
                "note   second receives PostgreSQL's log",
            ),
            (
                |seen| seen.skew.ahead = SignedDuration::from_millis(-2_500),
                "WRONG  this machine's clock is 2.5 s behind PostgreSQL's",
            ),
            (
                |seen| {
                    (seen.schema.known, seen.schema.pending) = (9, vec!["V8__more".into(), "V9__less".into()]);
                },
                "WRONG  the record has schema 7, and this version wants 9: V8__more, V9__less are pending",
            ),
            (|seen| seen.schema.known = 6, "note   the record has schema 7, which is newer than this version's 6"),
            (
                |seen| (seen.schema.known, seen.schema.found) = (5, 8),
                "WRONG  a newer Switchboard has brought the record to",
            ),
        ];
        for (change, words) in rows {
            let mut seen = seen();
            change(&mut seen);
            let said = said(&seen);
            assert!(said.contains(words), "{words:?} is not in\n{said}");
        }
    }

    #[test]
    fn a_record_of_another_schema_is_not_read() {
        let of = |found, known| {
            let mut seen = seen();
            (seen.schema.found, seen.schema.known) = (found, known);
            can_be_read(&seen)
        };
        assert!(of(7, 7) && of(8, 7), "a newer one that does for this version");
        assert!(!of(0, 7) && !of(6, 7) && !of(7, 5));
    }
}
