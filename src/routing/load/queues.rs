//! `queues.yaml`.

use std::{collections::BTreeMap, sync::Arc};

use jiff::SignedDuration;

use super::{
    desk::{NO_HOURS, Skills},
    escalation::escalations,
    read::{self, Fields},
    rules::first_line,
};
use crate::routing::{
    calendar::Calendar,
    finding::{Notes, suggest},
    rule::{Hours, Members, PriorityCredits, QueueSpec, Sla, SlaBoost, Strategy, WhenClosed},
    template::Templates,
    yaml::{Node, Value},
};

/// How long an offer stands unless the queue says otherwise, in seconds.
const OFFER_TIMEOUT: u64 = 30;

/// For how long one conversation can be overtaken before that is worth a warning, unless the queue says otherwise, in
/// seconds.
const MAX_OVERTAKE: u64 = 4 * 3_600;
/// The most queues.
const MAX_QUEUES: usize = 2_000;

/// What queues can name.
#[derive(Debug)]
pub(super) struct Known<'a> {
    pub skills: &'a Skills,
    pub calendars: &'a [Arc<Calendar>],
    pub templates: &'a Templates,
}

pub(super) fn queues(
    root: &Node,
    known: &Known<'_>,
    notes: &mut Notes<'_>,
) -> BTreeMap<String, (QueueSpec, std::ops::Range<usize>)> {
    let mut queues = BTreeMap::new();
    let Some(fields) = read::fields(root, "queues.yaml", &["queues"], notes) else { return queues };
    let entries = fields.get("queues").and_then(|node| read::entries(node, "queues", notes)).unwrap_or_default();
    let entries = read::at_most(entries, root, "queues", MAX_QUEUES, notes);
    let names: Vec<&str> = entries.iter().map(|(key, _)| key.name.as_str()).collect();
    for (key, node) in entries {
        if read::is_name(&key.name, &key.span, "a queue", notes)
            && let Some(queue) = queue(&key.name, node, known, &names, notes)
        {
            queues.insert(key.name.clone(), (queue, key.span.clone()));
        }
    }
    queues
}

const KEYS: &[&str] = &[
    "title",
    "strategy",
    "members",
    "sticky",
    "offer_timeout",
    "auto_accept",
    "priority_credits",
    "max_overtake",
    "sla",
    "hours",
    "escalate",
    "first_reply",
    "wrap_up",
];

fn queue(name: &str, node: &Node, known: &Known<'_>, names: &[&str], notes: &mut Notes<'_>) -> Option<QueueSpec> {
    let fields = read::fields(node, "a queue", KEYS, notes)?;
    let strategies = [
        ("longest_idle", Strategy::LongestIdle),
        ("least_loaded", Strategy::LeastLoaded),
        ("most_skilled", Strategy::MostSkilled),
    ];
    let queue = QueueSpec {
        name: name.to_owned(),
        title: fields.get("title").map(|node| read::titles(node, "a title", notes)).unwrap_or_default(),
        strategy: fields
            .get("strategy")
            .and_then(|node| read::word(node, "a strategy", &strategies, notes))
            .unwrap_or_default(),
        members: fields.get("members").map(|node| members(node, known.skills, notes)).unwrap_or_default(),
        sticky: fields.get("sticky").and_then(|node| read::seconds(node, "sticky", notes)),
        offer_timeout: fields
            .get("offer_timeout")
            .and_then(|node| read::seconds(node, "offer_timeout", notes))
            .unwrap_or(OFFER_TIMEOUT),
        auto_accept: fields.get("auto_accept").and_then(|node| read::boolean(node, "auto_accept", notes)) == Some(true),
        priority_credits: fields.get("priority_credits").map(|node| credits(node, notes)).unwrap_or_default(),
        sla: fields.get("sla").map(|node| sla(node, known, notes)).unwrap_or_default(),
        hours: fields.get("hours").and_then(|node| hours(node, known, notes)),
        escalate: fields.get("escalate").map(|node| escalations(node, (name, None), names, notes)).unwrap_or_default(),
        first_reply: fields.get("first_reply").and_then(|node| some_seconds(node, "first_reply", notes)),
        wrap_up: fields.get("wrap_up").and_then(|node| read::seconds(node, "wrap_up", notes)).unwrap_or(0),
    };
    overtaking(&queue, fields, notes);
    Some(queue)
}

/// How far one conversation can be overtaken is bounded; the bound is a choice, and should be a small one.
fn overtaking(queue: &QueueSpec, fields: Fields<'_>, notes: &mut Notes<'_>) {
    let most = fields.get("max_overtake").and_then(|node| read::seconds(node, "max_overtake", notes));
    let (least, best) = queue.priority_credits.span();
    let (bound, boost) = (queue.overtaking_bound(), queue.most_boost());
    let place = fields.get("priority_credits").or_else(|| fields.get("sla")).or_else(|| fields.get("max_overtake"));
    let Some(place) = place.filter(|_| bound.unsigned_abs() > most.unwrap_or(MAX_OVERTAKE)) else { return };
    let late = if boost == 0 { "" } else { " whose promise is broken" };
    let (bound, least, best) = (SignedDuration::from_secs(bound), least.as_str(), best.as_str());
    let message =
        format!("a conversation of priority {least} can be overtaken for {bound:#} by those of priority {best}{late}");
    let help = "bring the credits (and the `boost` of `sla`) closer together, or allow it with `max_overtake`";
    notes.warn(&first_line(place), message, help);
}

pub(super) fn some_seconds(node: &Node, what: &str, notes: &mut Notes<'_>) -> Option<u64> {
    let seconds = read::seconds(node, what, notes)?;
    if seconds == 0 {
        notes.error(&node.span, format!("{what} is at least a second"), "take it out for none");
    }
    Some(seconds)
}

/// The name of a calendar; `closed` says what comes of it when it never opens.
fn calendar(node: &Node, known: &Known<'_>, closed: &str, notes: &mut Notes<'_>) -> Option<String> {
    let name = read::text(node, "a calendar", notes)?;
    match known.calendars.iter().find(|calendar| calendar.name() == name) {
        Some(calendar) if calendar.never_opens() => {
            notes.warn(&node.span, format!("{closed}, because “{name}” is never open"), NO_HOURS);
        }
        Some(_) => {}
        None => {
            let help = suggest(name, known.calendars.iter().map(|calendar| calendar.name()));
            notes.error(&node.span, format!("there is no calendar “{name}”"), help);
        }
    }
    Some(name.to_owned())
}

fn sla(node: &Node, known: &Known<'_>, notes: &mut Notes<'_>) -> Sla {
    let keys = ["first_reply", "next_reply", "resolution", "calendar", "risk", "boost"];
    let Some(fields) = read::fields(node, "sla", &keys, notes) else { return Sla::default() };
    let defaults = Sla::default();
    let sla = Sla {
        first_reply: fields.get("first_reply").and_then(|node| some_seconds(node, "first_reply", notes)),
        next_reply: fields.get("next_reply").and_then(|node| some_seconds(node, "next_reply", notes)),
        resolution: fields.get("resolution").and_then(|node| some_seconds(node, "resolution", notes)),
        calendar: fields.get("calendar").and_then(|node| calendar(node, known, "what is promised is never due", notes)),
        risk: fields
            .get("risk")
            .and_then(|node| read::whole(node, "risk, in percent,", 1..=100, notes))
            .and_then(|risk| u8::try_from(risk).ok())
            .unwrap_or(defaults.risk),
        boost: fields.get("boost").map_or(defaults.boost, |node| boost(node, notes)),
    };
    if sla.is_empty() {
        let help = "add first_reply, next_reply or resolution, for example `first_reply: 5m`";
        notes.error(&first_line(node), "this promises nothing", help);
    }
    sla
}

fn boost(node: &Node, notes: &mut Notes<'_>) -> SlaBoost {
    let mut boost = SlaBoost::default();
    let Some(fields) = read::fields(node, "boost", &["risk", "breach"], notes) else { return boost };
    for (name, seconds) in [("risk", &mut boost.risk), ("breach", &mut boost.breach)] {
        let written = fields.get(name).and_then(|node| read::seconds(node, name, notes));
        if let Some(written) = written.and_then(|written| u32::try_from(written).ok()) {
            *seconds = written;
        }
    }
    if boost.breach < boost.risk {
        notes.error(&first_line(node), "what is late counts at least as much as what is at risk", "raise `breach`");
    }
    boost
}

fn hours(node: &Node, known: &Known<'_>, notes: &mut Notes<'_>) -> Option<Hours> {
    let fields = read::fields(node, "hours", &["calendar", "closed", "template"], notes)?;
    let Some(name) = fields.get("calendar") else {
        notes.error(&first_line(node), "hours need a calendar", "write `hours: {calendar: …, closed: hold}`");
        return None;
    };
    let words = [
        ("hold", WhenClosed::Hold),
        ("queue", WhenClosed::Queue),
        ("reply", WhenClosed::Reply),
        ("ticket", WhenClosed::Ticket),
    ];
    let closed = fields.get("closed").and_then(|node| read::word(node, "closed", &words, notes)).unwrap_or_default();
    let template = fields.get("template").and_then(|node| read::template(node, known.templates, notes));
    if closed == WhenClosed::Reply && template.is_none() {
        notes.error(
            &first_line(node),
            "`closed: reply` says nothing",
            "add `template:` with what the customer is told",
        );
    }
    let always_closed = match closed {
        WhenClosed::Hold | WhenClosed::Ticket => "what waits in this queue is never offered to anybody",
        WhenClosed::Reply => "nothing ever comes into this queue",
        WhenClosed::Queue => "this queue counts as closed at all times",
    };
    Some(Hours { calendar: calendar(name, known, always_closed, notes)?, closed, template })
}

fn members(node: &Node, skills: &Skills, notes: &mut Notes<'_>) -> Members {
    if matches!(node.value, Value::Text(_)) {
        let words = [("everyone", false), ("assigned", true)];
        return match read::word(node, "members", &words, notes) {
            Some(true) => Members::Assigned,
            _ => Members::Everyone,
        };
    }
    let mut needed = BTreeMap::new();
    let skilled = read::fields(node, "members", &["skills"], notes).and_then(|fields| fields.get("skills"));
    for (key, node) in skilled.and_then(|node| read::entries(node, "skills", notes)).unwrap_or_default() {
        if notes.full() {
            break;
        }
        if !skills.titles.contains_key(&key.name) {
            let help = suggest(&key.name, skills.titles.keys().map(String::as_str));
            notes.error(&key.span, format!("there is no skill “{}”", key.name), help);
        }
        if let Some(level) = read::level(node, notes) {
            needed.insert(key.name.clone(), level);
        }
    }
    Members::Skilled(needed)
}

fn credits(node: &Node, notes: &mut Notes<'_>) -> PriorityCredits {
    let mut credits = PriorityCredits::default();
    let Some(fields) = read::fields(node, "priority_credits", &["low", "normal", "high", "urgent"], notes) else {
        return credits;
    };
    let mut read = |name: &str, credit: &mut i64| {
        if let Some(seconds) = fields.get(name).and_then(|node| signed_seconds(node, notes)) {
            *credit = seconds;
        }
    };
    read("low", &mut credits.low);
    read("normal", &mut credits.normal);
    read("high", &mut credits.high);
    read("urgent", &mut credits.urgent);
    credits
}

/// A duration that may be below zero: `-10m`.
fn signed_seconds(node: &Node, notes: &mut Notes<'_>) -> Option<i64> {
    let (negative, text) = match &node.value {
        Value::Text(text) => text.strip_prefix('-').map_or((false, text.as_str()), |rest| (true, rest)),
        Value::Int(0) => (false, "0s"),
        _ => (false, ""),
    };
    let seconds = read::parse_seconds(text).and_then(|seconds| i64::try_from(seconds).ok()).filter(|s| *s <= 604_800);
    if seconds.is_none() {
        notes.error(&node.span, "a credit is a duration of at most 7d", "write it as 15m, 1h or -10m");
    }
    seconds.map(|seconds| if negative { -seconds } else { seconds })
}
