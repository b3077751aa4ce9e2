//! What loads, and is probably not meant.

use super::*;

const CALENDARS: &str = "calendars: {shop: {week: {monday: [\"9:00-18:00\"]}}, never: {holidays: [2026-12-25]}}";

/// What is said about queues, of which each is handed to, and a rule beside the default.
fn warnings(queues: &str, rule: &str) -> Vec<String> {
    let names = ["care", "sales", "night"].into_iter().filter(|name| queues.contains(&format!("{name}:")));
    let uses: String = names
        .map(|name| {
            format!(
                "  - {{name: to {name}, when: 'message.text == \"{name}\"', then: [{{handoff: {{queue: {name}}}}}]}}\n"
            )
        })
        .collect();
    let rules = format!("rules:\n{rule}{uses}{END}");
    let loaded = load(&files(&[("10.yaml", &rules), ("queues.yaml", queues), ("calendars.yaml", CALENDARS)]));
    let severe = loaded.findings.iter().filter(|finding| finding.is_error() || finding.help.is_none());
    assert_eq!(severe.count(), 0, "{:#?}", loaded.findings);
    assert!(loaded.rules.is_some());
    let own = said(&loaded).into_iter();
    own.filter(|text| !text.contains("so `open(\"never\")` never holds [never]")).collect()
}

#[test]
fn a_step_of_an_escalation_that_is_no_use_is_found() {
    let mut compare = Vec::new();
    for (queues, expected) in [
        (
            "queues: {care: {escalate: [{after: 2m, queue: care}]}}",
            &["1:47 it waits in “care” already at this step [care]"][..],
        ),
        (
            "queues: {care: {escalate: [{after: 2m, queue: night}, {after: 5m, queue: night, priority: high}]}, night: }",
            &["1:74 it waits in “night” already at this step [night]"],
        ),
        (
            "queues: {care: {escalate: [{after: 2m, queue: night}, {after: 5m, queue: care}]}, night: }",
            &["1:74 this step takes it back to “care”, and away from those of “night” [care]"],
        ),
        (
            "queues: {care: {escalate: [{after: 2m, priority: high}, {after: 5m, priority: high}, {after: 9m, priority: low}]}}",
            &[
                "1:79 its priority is high already at this step [high]",
                "1:108 this step takes its priority from high down to low [low]",
            ],
        ),
        // The steps go with the conversation, so these two do not send it to and fro.
        ("queues: {care: {escalate: [{after: 2m, queue: sales}]}, sales: {escalate: [{after: 2m, queue: care}]}}", &[]),
        ("queues: {care: {escalate: [{after: 2m, queue: night}, {after: 5m, priority: urgent}]}, night: }", &[]),
    ] {
        let expected = expected.iter().map(|text| (*text).to_owned()).collect();
        compare.push((queues, warnings(queues, ""), expected));
    }
    all_equal(compare);
}

#[test]
fn a_handoff_says_where_its_escalation_begins() {
    let rule =
        |handoff: &str| format!("  - {{name: x, when: message.automatic, then: [{{handoff: {{{handoff}}}}}]}}\n");
    let queues = "queues: {care: {escalate: [{after: 2m, queue: night}]}, night: }";
    for (handoff, expected) in [
        (
            "queue: care, priority: high, escalate: [{after: 5m, priority: high}]",
            "its priority is high already at this step [high]",
        ),
        ("queue: night, escalate: [{after: 5m, queue: night}]", "it waits in “night” already at this step [night]"),
        ("queue: night, escalate: [{after: 5m, queue: care}]", ""),
    ] {
        let found = warnings(queues, &rule(handoff)).join("; ");
        assert!(found.ends_with(expected) && found.is_empty() == expected.is_empty(), "{handoff}: {found}");
    }
}

#[test]
fn a_rule_that_hands_over_after_the_steps_are_due_is_found() {
    let rule = |after: &str, handoff: &str| {
        format!("  - {{name: x, on: waiting, after: {after}, then: [{{handoff: {{{handoff}}}}}]}}\n")
    };
    let queues = "queues: {care: , night: {escalate: [{after: 90s, queue: care}, {after: 10m, priority: high}]}}";
    let moved = "2:64 it does not stay in “night”: after 2m of waiting the step of 1m 30s is due, and takes it to “care” at once [night]";
    for (after, handoff, expected) in [
        ("2m", "queue: night", &[moved][..]),
        ("1m", "queue: night", &[]),
        ("2m", "queue: night, escalate: [{after: 5m, queue: care}]", &[]),
        ("2m", "queue: night, escalate: [{after: 1m, priority: high}]", &[]),
        ("2m", "queue: care", &[]),
    ] {
        assert_eq!(warnings(queues, &rule(after, handoff)), expected, "{after} {handoff}");
    }
}

#[test]
fn a_calendar_that_never_opens_is_found_and_what_comes_of_it() {
    let mut compare = Vec::new();
    for (queues, expected) in [
        (
            "queues: {care: {hours: {calendar: never}}}",
            "1:35 what waits in this queue is never offered to anybody, because “never” is never open [never]",
        ),
        (
            "queues: {care: {hours: {calendar: never, closed: ticket}}}",
            "1:35 what waits in this queue is never offered to anybody, because “never” is never open [never]",
        ),
        (
            "queues: {care: {hours: {calendar: never, closed: reply, template: hello}}}",
            "1:35 nothing ever comes into this queue, because “never” is never open [never]",
        ),
        (
            "queues: {care: {hours: {calendar: never, closed: queue}}}",
            "1:35 this queue counts as closed at all times, because “never” is never open [never]",
        ),
        (
            "queues: {care: {sla: {first_reply: 5m, calendar: never}}}",
            "1:50 what is promised is never due, because “never” is never open [never]",
        ),
        ("queues: {care: {hours: {calendar: shop}, sla: {first_reply: 5m, calendar: shop}}}", ""),
    ] {
        let expected = Some(expected.to_owned()).filter(|text| !text.is_empty()).into_iter().collect();
        compare.push((queues, warnings(queues, ""), expected));
    }
    all_equal(compare);
    let loaded = load(&files(&[("10.yaml", &format!("rules:\n{END}")), ("calendars.yaml", CALENDARS)]));
    assert_eq!(said(&loaded), ["1:53 “never” is never open, so `open(\"never\")` never holds [never]"]);
}

#[test]
fn priorities_that_let_somebody_wait_too_long_are_found_with_the_figures() {
    let mut compare = Vec::new();
    for (queues, expected) in [
        ("queues: {care: }", ""),
        ("queues: {care: {sla: {first_reply: 5m}}}", ""),
        ("queues: {care: {priority_credits: {low: -1h, urgent: 3h, high: 2h}}}", ""),
        (
            "queues: {care: {priority_credits: {low: -10m, urgent: 5h}}}",
            "1:36 a conversation of priority low can be overtaken for 5h 10m by those of priority urgent [low]",
        ),
        (
            "queues: {care: {priority_credits: {urgent: 3h}, sla: {resolution: 1d}}}",
            "1:36 a conversation of priority low can be overtaken for 4h 10m by those of priority urgent whose promise is broken [urgent]",
        ),
        (
            "queues: {care: {sla: {resolution: 1d, boost: {breach: 6h}}}}",
            "1:23 a conversation of priority low can be overtaken for 7h 10m by those of priority urgent whose promise is broken [resolution]",
        ),
        ("queues: {care: {max_overtake: 8h, sla: {resolution: 1d, boost: {breach: 6h}}}}", ""),
        (
            "queues: {care: {max_overtake: 1h}}",
            "1:31 a conversation of priority low can be overtaken for 1h 10m by those of priority urgent [1h]",
        ),
    ] {
        let expected = Some(expected.to_owned()).filter(|text| !text.is_empty()).into_iter().collect();
        compare.push((queues, warnings(queues, ""), expected));
    }
    all_equal(compare);
}
