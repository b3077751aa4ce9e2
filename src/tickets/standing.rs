//! Where a ticket stands, in words that a customer understands. Pure.

use contract::Timestamp;

use crate::{
    routing::{RuleSet, WhenClosed},
    store::conversation::{Conversation, Owner},
};

/// Where it stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// It waits for its queue to open, at this moment; `None` where that is more than a year away.
    Opens(Option<Timestamp>),
    /// It waits for a person.
    Waits,
    /// A person has it.
    Taken,
    /// A person has answered, and the customer has said nothing since.
    Answered,
    /// A person gave it back to the bot.
    Assistant,
    /// It is closed.
    Solved,
}

impl Standing {
    /// That of a conversation under these rules.
    #[must_use]
    pub fn of(conversation: &Conversation, rules: &RuleSet, now: Timestamp) -> Self {
        let handoff = conversation.handoff.as_ref();
        match conversation.owner {
            Owner::Closed => Self::Solved,
            Owner::Bot => Self::Assistant,
            Owner::Agent if handoff.is_some_and(|handoff| handoff.replied && handoff.unanswered.is_none()) => {
                Self::Answered
            }
            Owner::Agent => Self::Taken,
            Owner::Queue => {
                let closed = handoff.and_then(|handoff| rules.closed_hours(&handoff.queue, now));
                match closed.filter(|hours| matches!(hours.closed, WhenClosed::Hold | WhenClosed::Ticket)) {
                    Some(hours) => {
                        Self::Opens(rules.calendar(&hours.calendar).and_then(|calendar| calendar.opens_from(now)))
                    }
                    None => Self::Waits,
                }
            }
        }
    }

    /// A word for it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Opens(_) => "opens",
            Self::Waits => "waits",
            Self::Taken => "taken",
            Self::Answered => "answered",
            Self::Assistant => "assistant",
            Self::Solved => "solved",
        }
    }
}

/// When something last happened that its customer may want to know of: something was said, somebody took it, it was closed.
#[must_use]
pub fn changed_at(conversation: &Conversation) -> Timestamp {
    let given = conversation.ticket.as_ref().map(|ticket| ticket.at);
    let taken = conversation.handoff.as_ref().and_then(|handoff| handoff.taken_at);
    let closed = conversation.closed_at.filter(|_| conversation.owner == Owner::Closed);
    let said = conversation.last.as_ref().map(|last| last.at);
    [given, taken, closed, said].into_iter().flatten().max().unwrap_or(conversation.opened_at)
}

#[cfg(test)]
mod tests {
    use contract::{Address, AgentId, Thread};

    use super::*;
    use crate::{
        routing::{SourceFile, load},
        store::{conversation::Handoff, entry::EntryAuthor},
    };

    #[test]
    fn it_is_said_where_it_stands_from_its_queue_to_its_end() {
        let file = |name: &str, text: &str| SourceFile { name: name.into(), text: text.into() };
        let loaded = load(&[
            file("rules.yaml", "rules: [{name: all, then: [{handoff: {queue: care}}]}]"),
            file("queues.yaml", "queues: {care: {hours: {calendar: office, closed: ticket}}}"),
            file("calendars.yaml", "calendars: {office: {week: {monday: [\"9:00-17:00\"]}}}"),
        ]);
        let rules = loaded.rules.unwrap_or_else(|| panic!("{:?}", loaded.findings));
        let at = |text: &str| text.parse::<Timestamp>().unwrap();
        let (sunday, monday) = (at("2026-11-29T12:00:00Z"), at("2026-11-30T09:00:00Z"));
        let thread = Thread { channel: "shop".into(), key: "v1".into() };
        let address = Address { space: "webchat:shop".into(), handle: "v1".into() };
        let mut c = Conversation::open(1.into(), &thread, "webchat", address, 1.into(), sunday);
        c.said(sunday, EntryAuthor::Customer, "help");
        c.hand_off(Handoff::new("care", "asks", sunday));
        assert!(c.give_ticket(10_001.into(), "care", None, sunday));
        assert!(!c.give_ticket(10_002.into(), "care", Some("About it".into()), sunday), "for the rest of its life");
        assert_eq!(c.ticket.as_ref().unwrap().subject.as_deref(), Some("About it"));
        let stands = |c: &Conversation, now| Standing::of(c, &rules, now);
        assert_eq!(stands(&c, sunday), Standing::Opens(Some(monday)));
        assert_eq!(stands(&c, monday), Standing::Waits);
        c.assign(AgentId::from(7), monday);
        assert_eq!((stands(&c, monday), changed_at(&c)), (Standing::Taken, monday));
        let later = at("2026-11-30T09:05:00Z");
        c.said(later, EntryAuthor::Agent { id: 7.into(), name: "Ann".into() }, "Hello");
        assert_eq!((stands(&c, later), changed_at(&c)), (Standing::Answered, later));
        c.said(later, EntryAuthor::Customer, "and then?");
        assert_eq!(stands(&c, later), Standing::Taken);
        let end = at("2026-11-30T10:00:00Z");
        c.close(end);
        assert_eq!((stands(&c, end), changed_at(&c)), (Standing::Solved, end));
        assert_eq!(c.ticket.as_ref().unwrap().queue, "care");
        c.reopen();
        assert_eq!(stands(&c, end), Standing::Assistant);
    }
}
