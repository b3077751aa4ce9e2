//! What is due when, by the conversation and the rules.

use std::sync::Arc;

use contract::{Address, AgentId, Thread};
use jiff::SignedDuration;

use super::*;
use crate::{
    routing::{Escalation, SourceFile, load},
    store::{
        conversation::{Fired, Handoff},
        entry::EntryAuthor,
    },
};

const RULES: &str = "
rules:
  - {name: still there, on: idle, after: 10m, then: [{tag: quiet}]}
  - {name: gone, on: idle, after: 1h, then: [close]}
  - {name: long, on: waiting, after: 2m, then: [{priority: high}]}
  - {name: survey, on: closed, after: 1m, then: [{tag: asked}]}
  - {name: late, on: sla_risk, then: [{tag: late}]}
  - {name: all, then: [ignore]}
";
const QUEUES: &str = "
queues:
  care:
    first_reply: 3m
    sla: {first_reply: 5m, next_reply: 10m, resolution: 4h, calendar: office, risk: 60}
";
const CALENDARS: &str = "calendars: {office: {week: {monday: [\"9:00-17:00\"], tuesday: [\"9:00-17:00\"]}}}";

fn rules() -> Arc<RuleSet> {
    let files = [("10.yaml", RULES), ("queues.yaml", QUEUES), ("calendars.yaml", CALENDARS)];
    let files = files.map(|(name, text)| SourceFile { name: name.into(), text: text.into() });
    let loaded = load(&files);
    loaded.rules.unwrap_or_else(|| panic!("{:?}", loaded.findings))
}

/// Seconds after a Monday, 9:00.
fn at(seconds: i64) -> Timestamp {
    "2026-11-23T09:00:00Z".parse::<Timestamp>().unwrap() + SignedDuration::from_secs(seconds)
}

fn conversation() -> Conversation {
    let thread = Thread { channel: "shop".into(), key: "v1".into() };
    let address = Address { space: "webchat:shop".into(), handle: "v1".into() };
    let mut new = Conversation::open(1.into(), &thread, "webchat", address, 1.into(), at(0));
    new.said(at(0), EntryAuthor::Customer, "Hello");
    new
}

fn queued(seconds: i64) -> Conversation {
    let mut conversation = conversation();
    conversation.hand_off(Handoff::new("care", "asks for a person", at(seconds)));
    conversation
}

fn says(conversation: &mut Conversation, seconds: i64) {
    conversation.said(at(seconds), EntryAuthor::Agent { id: AgentId::from(1), name: "Ann".into() }, "Hi");
}

/// Everything due, in order, each as it is read: `idle 600 @600`.
fn all_due(conversation: &Conversation) -> Vec<String> {
    let rules = rules();
    let mut checked = None;
    let mut found = Vec::new();
    while let Some(due) = next_due(conversation, &rules, checked) {
        let after = due.at.duration_since(at(0)).as_secs();
        match due.alarm {
            Alarm::Rules(alarm) if alarm.on == Trigger::SlaRisk => found.push(format!("{:?} @{after}", alarm.spell)),
            Alarm::Rules(alarm) => found.push(format!("{} {} @{after}", alarm.on.as_str(), alarm.after)),
            other => {
                // These are done, and not passed over.
                found.push(format!("{other:?} @{after}"));
                break;
            }
        }
        checked = Some(due);
    }
    found
}

#[test]
fn silence_counts_from_the_last_word_and_not_from_what_it_brought_about() {
    let mut conversation = conversation();
    assert_eq!(all_due(&conversation), ["idle 600 @600", "idle 3600 @3600"]);
    conversation.said(at(60), EntryAuthor::Bot, "Hello!");
    assert_eq!(all_due(&conversation), ["idle 600 @660", "idle 3600 @3660"]);
    conversation.fired.insert(Spell::Idle, Fired { since: at(60), up_to: 600 });
    assert_eq!(all_due(&conversation), ["idle 3600 @3660"], "once for each spell and threshold");
    conversation.said(at(700), EntryAuthor::Customer, "Yes");
    assert_eq!(all_due(&conversation), ["idle 600 @1300", "idle 3600 @4300"]);
    conversation.quiet_since = Some(at(60));
    assert_eq!(all_due(&conversation), ["idle 3600 @3660"]);
}

#[test]
fn a_queue_keeps_its_promises_in_open_hours() {
    let morning = queued(0);
    assert_eq!(all_due(&morning), ["waiting 120 @120", "FirstReply @180", "Resolution @8640"]);
    let evening = queued(8 * 3_600 - 60); // a minute before it closes: 16 hours without counting follow
    let night = 16 * 3_600;
    assert_eq!(
        all_due(&evening),
        [
            format!("waiting 120 @{}", 8 * 3_600 + 60),
            format!("FirstReply @{}", 8 * 3_600 + 120 + night),
            format!("Resolution @{}", 8 * 3_600 - 60 + 8_640 + night)
        ]
    );
}

#[test]
fn an_agent_owes_the_first_word_and_then_an_answer_to_each_message() {
    let mut conversation = queued(0);
    conversation.assign(AgentId::from(1), at(30));
    assert_eq!(all_due(&conversation).last().unwrap(), "NoReply @210");
    says(&mut conversation, 40);
    assert_eq!(all_due(&conversation), ["idle 600 @640", "idle 3600 @3640", "Resolution @8640"]);
    conversation.said(at(100), EntryAuthor::Customer, "And?");
    conversation.said(at(200), EntryAuthor::Customer, "Hello?");
    assert!(all_due(&conversation).contains(&"NextReply @460".to_owned()), "from the first that waits");
    says(&mut conversation, 300);
    assert!(!all_due(&conversation).iter().any(|due| due.starts_with("NextReply")));
    conversation.close(at(400));
    assert_eq!(all_due(&conversation), ["closed 60 @460"]);
}

#[test]
fn a_conversation_that_comes_back_to_its_queue_is_as_old_as_it_was() {
    let mut conversation = queued(0);
    conversation.fired.insert(Spell::Waiting, Fired { since: at(0), up_to: 120 });
    conversation.assign(AgentId::from(1), at(130));
    conversation.requeue(None);
    assert!(!all_due(&conversation).iter().any(|due| due.starts_with("waiting")), "it fired in this spell");
    assert!(all_due(&conversation).contains(&"FirstReply @180".to_owned()));
}

#[test]
fn an_escalation_takes_one_step_after_the_other() {
    let mut conversation = queued(0);
    let step = |after| Escalation { after, queue: Some("care".into()), priority: None };
    conversation.handoff.as_mut().unwrap().escalate = vec![step(60), step(90)];
    assert_eq!(all_due(&conversation), ["Escalate @60"]);
    conversation.handoff.as_mut().unwrap().escalated = 1;
    assert_eq!(all_due(&conversation), ["Escalate @90"]);
    conversation.assign(AgentId::from(1), at(70));
    assert!(!all_due(&conversation).contains(&"Escalate @90".to_owned()), "nobody waits any more");
}

#[test]
fn a_commit_is_news_when_something_is_due_sooner_than_before() {
    let rules = rules();
    let mut with_agent = queued(0);
    with_agent.assign(AgentId::from(1), at(30));
    let mut replied = with_agent.clone();
    says(&mut replied, 40);
    let mut asked = replied.clone();
    asked.said(at(100), EntryAuthor::Customer, "And?");
    let mut insists = asked.clone();
    insists.said(at(200), EntryAuthor::Customer, "Hello?");
    let mut answered = insists.clone();
    says(&mut answered, 300);
    for (before, after, now, sooner, why) in [
        (None, &conversation(), 0, true, "nobody knew of it"),
        (Some(&with_agent), &replied, 40, false, "silence counts from now, and the first word is not owed any more"),
        (Some(&replied), &asked, 100, true, "the next reply is promised before silence is too long"),
        (Some(&asked), &insists, 200, false, "the promise is the same"),
        (Some(&insists), &answered, 300, false, "what was promised was done"),
        (Some(&insists), &insists, 200, false, "nothing changed"),
        (
            Some(&asked),
            &answered,
            5_000,
            true,
            "what was due before has come, and whoever waited waits for nothing now",
        ),
    ] {
        assert_eq!(is_due_sooner(before, after, &rules, at(now)), sooner, "{why}");
    }
}

proptest::proptest! {
    #![proptest_config(proptest::prelude::ProptestConfig::with_cases(300))]

    /// However the clock is set while people write and agents come and go: what is due is done once, and then there is
    /// an end of what is due at that moment.
    #[test]
    fn what_is_due_is_done_once_whatever_the_clock_says(
        steps in proptest::collection::vec((0_u8..7, proptest::sample::select(vec![1_i64, 60, 130, 700, 4_000, -200, -3_600])), 1..60),
    ) {
        let (rules, mut conversation, mut now) = (rules(), conversation(), 0);
        for (step, seconds) in steps {
            now += seconds;
            match step {
                0 => { conversation.said(at(now), EntryAuthor::Customer, "Hello?"); }
                1 => says(&mut conversation, now),
                2 => conversation.hand_off(Handoff::new("care", "asks", at(now))),
                3 => conversation.assign(AgentId::from(1), at(now)),
                4 => conversation.requeue(None),
                5 => { conversation.close(at(now)); }
                _ => {}
            }
            let mut done = Vec::new();
            while let Some(due) = next_due(&conversation, &rules, None).filter(|due| due.at <= at(now)) {
                proptest::prop_assert!(stands(&conversation, &rules, due) && !done.contains(&due), "{due:?} again");
                match due.alarm {
                    Alarm::Rules(RuleAlarm { spell, since, after, .. }) => {
                        conversation.fired.insert(spell, Fired { since, up_to: after });
                    }
                    Alarm::NoReply => conversation.requeue(None),
                    Alarm::Escalate => conversation.handoff.as_mut().unwrap().escalated += 1,
                    Alarm::Call => conversation.dialogue = None,
                    Alarm::Planned => conversation.later.clear(),
                    Alarm::Thinking => conversation.thinking = None,
                    Alarm::AgentCall => conversation.agent_act = None,
                }
                done.push(due);
            }
        }
    }
}
