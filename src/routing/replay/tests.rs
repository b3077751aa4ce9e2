use super::*;
use crate::routing::{Owner, SourceFile, load};

const BESIDE: &str = "queues: {care: {title: {en: Care}}, billing: {title: {en: Billing}}}";
const SKILLS: &str = "languages: [en]\nskills: {lang-en: , billing: }";
const TEMPLATES: &str = "templates: {hello: {en: Hello}, wait: {en: Wait}}";
const QUEUES_USED: &str = "  - {name: never, when: message.text == 'never', then: [{handoff: {queue: billing}}]}\n";

/// Rules that begin with these and end in a handoff to care.
fn rules(own: &str) -> Arc<RuleSet> {
    let text = format!("rules:\n{own}{QUEUES_USED}  - {{name: end, then: [{{handoff: {{queue: care}}}}]}}\n");
    let file = |name: &str, text: &str| SourceFile { name: name.into(), text: text.into() };
    let files = [("10.yaml", &*text), ("queues.yaml", BESIDE), ("skills.yaml", SKILLS), ("templates.yaml", TEMPLATES)];
    let loaded = load(&files.map(|(name, text)| file(name, text)));
    loaded.rules.unwrap_or_else(|| panic!("{:#?}", loaded.findings))
}

fn saying(text: &str) -> Facts {
    let message =
        MessageFacts { text: text.into(), channel: "shop".into(), event: "message".into(), ..Default::default() };
    Facts { message, ..Facts::default() }
}

/// A decision as the record keeps it.
struct Kept {
    rule: String,
    destination: String,
    tags: Vec<String>,
}

impl Kept {
    fn of(rules: &RuleSet, facts: &Facts) -> Self {
        let decision = decide(rules, facts);
        let tag = |action: &Action| if let Action::Tag(tag) = action { Some(tag.clone()) } else { None };
        Self {
            rule: decision.rule.as_deref().unwrap_or_default().into(),
            destination: decision.words(facts.conversation.owner),
            tags: decision.actions.iter().filter_map(tag).collect(),
        }
    }

    fn recorded(&self) -> Recorded<'_> {
        Recorded { rule: &self.rule, destination: &self.destination, tags: &self.tags }
    }
}

fn look(replay: &mut Replay, id: usize, facts: &Facts, kept: &Kept, then: Option<&RuleSet>) {
    let at = Timestamp::from_second(i64::try_from(id).unwrap()).unwrap();
    replay.look_at(&Past { id: &id, at, facts, recorded: kept.recorded(), rules: then });
}

/// What would change from some rules to others, on these facts.
fn changed(then: &str, now: &str, facts: &[Facts]) -> Report {
    let (then, now) = (rules(then), rules(now));
    let mut replay = Replay::new(Arc::clone(&now), 3);
    for (id, facts) in facts.iter().enumerate() {
        look(&mut replay, id, facts, &Kept::of(&then, facts), Some(&then));
    }
    replay.report()
}

/// `what: before → after` of everything that differs in the first example of each kind.
fn differences(report: &Report) -> Vec<String> {
    let of =
        |difference: &Difference| format!("{}: {} → {}", difference.what.as_str(), difference.before, difference.after);
    report.changes.iter().flat_map(|change| change.examples[0].differences.iter().map(of)).collect()
}

fn moved(before: &str, after: &str, messages: u64) -> Moved {
    Moved { before: before.into(), after: after.into(), messages }
}

const CLOSES: &str = "  - {name: closes, when: message.text.contains('spam'), then: [close]}\n";

#[test]
fn the_same_rules_change_nothing() {
    let report = changed(CLOSES, CLOSES, &[saying("spam"), saying("hello")]);
    assert_eq!((report.messages, report.unchanged, report.changed, report.by_another_rule), (2, 2, 0, 0));
    assert!(report.changes.is_empty() && report.actions.is_empty() && report.priorities.is_empty());
    assert_eq!(report.destinations, [moved("close", "close", 1), moved("handoff care", "handoff care", 1)]);
}

#[test]
fn another_destination_is_counted_and_shown() {
    let bills = "  - {name: bills, when: message.text.contains('bill'), then: [{handoff: {queue: billing}}]}\n";
    let report = changed(CLOSES, bills, &[saying("my\nbill"), saying("bill me"), saying("spam"), saying("hello")]);
    assert_eq!((report.messages, report.unchanged, report.changed), (4, 1, 3));
    assert_eq!(
        report.destinations,
        [
            moved("handoff care", "handoff billing", 2),
            moved("close", "handoff care", 1),
            moved("handoff care", "handoff care", 1)
        ]
    );
    let change = &report.changes[0];
    assert_eq!(
        (change.what, &*change.before, &*change.after),
        (Aspect::Destination, "handoff care", "handoff billing")
    );
    assert_eq!((change.messages, change.examples.len()), (2, 2));
    let example = &change.examples[0];
    assert_eq!((&*example.id, &*example.channel, &*example.text), ("0", "shop", "my bill"));
    assert_eq!(
        differences(&report),
        [
            "destination: handoff care → handoff billing",
            "rule: end → bills",
            "destination: close → handoff care",
            "rule: closes → end"
        ]
    );
    let rules: Vec<(&str, u64, u64)> = report.rules.iter().map(|rule| (&*rule.rule, rule.before, rule.after)).collect();
    assert_eq!(rules, [("bills", 0, 2), ("never", 0, 0), ("end", 3, 2), ("closes", 1, 0)]);
}

#[test]
fn everything_with_an_effect_is_compared() {
    let first = |then: &str| format!("  - {{name: first, then: [{then}]}}\n");
    let rows = [
        ("{tag: a}, {tag: b}", "{tag: b}, {tag: c}", "actions: tag a → tag c"),
        ("ignore", "{tag: a}, ignore", "actions: none → tag a"),
        ("{tag: x}, ignore", "{untag: old}, ignore", "actions: tag x → untag old"),
        (
            "{reply: {template: hello}}, ignore",
            "{reply: {template: wait}}, ignore",
            "actions: reply hello → reply wait",
        ),
        ("{set: {plan: a}}, close", "{set: {plan: b}}, close", "actions: set plan: a → set plan: b"),
        ("{notify: a}, close", "{notify: b}, close", "actions: notify: a → notify: b"),
        ("{priority: high}, ignore", "{priority: low}, ignore", "priority: high → low"),
        ("{handoff: {queue: care}}", "{handoff: {queue: care, priority: urgent}}", "priority: normal → urgent"),
        (
            "{handoff: {queue: care, skills: [{skill: billing}]}}",
            "{handoff: {queue: care, skills: [{skill: billing, min: 2, relax: [{after: 60s, drop: true}]}]}}",
            "skills: billing ≥ 1 → billing ≥ 2 (dropped after 60s)",
        ),
        (
            "{answer: {otherwise: [ignore]}}",
            "{answer: {min_confidence: 0.9, otherwise: [ignore]}}",
            "confidence: its own → 0.9",
        ),
    ];
    for (then, now, expected) in rows {
        let (mut then, mut now) = (first(then), first(now));
        let mut facts = saying("hello");
        facts.conversation.tags = vec!["old".into()];
        // What ends the pass must not be all that there is.
        for rules in [&mut then, &mut now] {
            *rules = rules.replace("then", "when: message.text == 'hello', then");
        }
        let report = changed(&then, &now, &[facts]);
        assert_eq!(differences(&report), [expected], "{then} | {now}");
        assert_eq!((report.changed, report.by_another_rule), (1, 0), "{then} | {now}");
    }
}

#[test]
fn a_renamed_rule_is_no_change() {
    let report = changed(CLOSES, &CLOSES.replace("name: closes", "name: shuts"), &[saying("spam"), saying("hello")]);
    assert_eq!((report.unchanged, report.by_another_rule, report.changed), (1, 1, 0));
    assert_eq!(differences(&report), ["rule: closes → shuts"]);
}

#[test]
fn actions_are_counted_by_name() {
    let notes = |tag: &str| {
        format!("  - {{name: notes, then: [{{tag: {tag}}}, {{set: {{said: '${{message.text}} {tag}'}}}}]}}\n")
    };
    let facts: Vec<Facts> = (0..5).map(|n| saying(&n.to_string())).collect();
    let report = changed(&notes("a"), &notes("b"), &facts);
    let actions: Vec<(&str, u64, u64)> =
        report.actions.iter().map(|action| (&*action.action, action.no_longer, action.newly)).collect();
    assert_eq!(actions, [("set said", 5, 5), ("tag a", 5, 0), ("tag b", 0, 5)]);
}

#[test]
fn what_happens_without_an_answer_matters_where_there_was_none() {
    let asks = |otherwise: &str| {
        let when = "message.text != 'never'";
        format!("  - {{name: asks, when: \"{when}\", then: [{{answer: {{otherwise: [{otherwise}]}}}}]}}\n")
    };
    let (then, now) = (rules(&asks("{tag: lost}, close")), rules(&asks("{handoff: {queue: billing}}")));
    let facts = saying("hello");
    let answered = Kept::of(&then, &facts);
    let unanswered = Kept { destination: "answer, no answer, close".into(), ..Kept::of(&then, &facts) };
    let mut replay = Replay::new(Arc::clone(&now), 1);
    look(&mut replay, 0, &facts, &answered, Some(&then));
    look(&mut replay, 1, &facts, &unanswered, Some(&then));
    let report = replay.report();
    assert_eq!((report.unchanged, report.changed, report.by_record), (1, 1, 0));
    assert_eq!(
        differences(&report),
        ["destination: answer, no answer, close → answer, no answer, handoff billing", "actions: tag lost → none"]
    );
}

#[test]
fn what_an_agent_owns_stays_with_its_agent() {
    let mut facts = saying("hello");
    facts.conversation.owner = Owner::Agent;
    let notes = "  - {name: notes, on: agent_message, then: [{tag: seen}]}\n";
    let report = changed("", notes, &[facts]);
    assert_eq!(report.destinations, [moved("to its agent", "to its agent", 1)]);
    assert_eq!(differences(&report), ["actions: none → tag seen"]);
}

#[test]
fn without_the_rules_of_the_time_what_is_recorded_is_compared() {
    let now = rules("  - {name: notes, then: [{tag: new}, {reply: {template: hello}}, {priority: high}]}\n");
    let facts = saying("hello");
    let kept = |destination: &str, tags: &[&str]| Kept {
        rule: "end".into(),
        destination: destination.into(),
        tags: tags.iter().map(|tag| (*tag).to_owned()).collect(),
    };
    let report = |kept: &Kept, then: Option<&RuleSet>| {
        let mut replay = Replay::new(Arc::clone(&now), 1);
        look(&mut replay, 0, &facts, kept, then);
        replay.report()
    };
    let same = report(&kept("handoff care", &["new"]), None);
    assert_eq!((same.unchanged, same.by_record), (1, 1));
    let tagged = report(&kept("handoff care", &["old"]), None);
    assert_eq!(differences(&tagged), ["actions: tag old → tag new"]);
    // Rules that do not make the recorded decision again are not believed.
    let other = report(&kept("close", &["new"]), Some(&now));
    assert_eq!((other.changed, other.by_record), (1, 1));
    assert_eq!(differences(&other), ["destination: close → handoff care"]);
    let unanswered = report(&kept("answer, no answer, handoff care", &[]), None);
    assert_eq!(differences(&unanswered), ["destination: answer, no answer, handoff care → handoff care"]);
    let notes = same.rules.iter().find(|rule| &*rule.rule == "notes").unwrap();
    assert_eq!((notes.before, notes.after), (0, 0), "what is not recorded is not counted on one side only");
}

#[test]
fn of_many_changes_a_few_are_shown_and_always_the_same() {
    let facts: Vec<Facts> = (0..500).map(|n| saying(&format!("spam {n} {}", "x".repeat(1000)))).collect();
    let report = changed("", CLOSES, &facts);
    let [change] = &report.changes[..] else { panic!("{:?}", report.changes) };
    assert_eq!((change.messages, change.examples.len()), (500, 3));
    assert_eq!((&*change.examples[0].id, &*change.examples[1].id), ("0", "1"));
    assert!(change.examples.iter().all(|example| example.text.chars().count() <= TEXT_CHARS + 1));
    assert_eq!(changed("", CLOSES, &facts), report);
}

#[test]
fn what_has_no_text_is_shown_by_what_it_is() {
    let mut thumb = MessageFacts { event: "reaction".into(), ..MessageFacts::default() };
    assert_eq!(shown(&thumb), "(reaction)");
    thumb.event = "message".into();
    thumb.attachments = vec!["image/png".into()];
    assert_eq!(shown(&thumb), "(image/png)");
}
