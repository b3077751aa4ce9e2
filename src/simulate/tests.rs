//! What a simulated day must be, whatever the scenario; and what its parts do.

use std::sync::Arc;

use jiff::SignedDuration;
use proptest::{
    option,
    prelude::{ProptestConfig, Strategy as Gen, any, proptest},
};

use super::{run::Run, *};
use crate::{
    desk::WhyNot,
    routing::{Priority, SlaClock, SourceFile, load},
    understand::Signals,
};

const RULES: &str = r#"
rules:
  - name: advertising
    when: message.channel == "spam"
    then: [ignore: true]
  - name: sales
    when: message.channel == "sales"
    then: [handoff: {queue: sales}]
  - name: gold
    when: customer.tier == "gold"
    then: [handoff: {queue: care, priority: high}]
  - name: a second miss
    when: conversation.bot_misses >= 1
    then:
      - answer:
          otherwise:
            - handoff:
                queue: care
                skills: [{skill: "lang-${message.language}", min: 2, relax: [{after: 2m, min: 1}, {after: 5m, drop: true}]}]
  - name: the bot
    then: [answer: {otherwise: [ignore: true]}]
"#;
const QUEUES: &str = r#"
queues:
  care: {sticky: 1h, offer_timeout: 20s}
  sales: {members: {skills: {deals: 2}}, strategy: most_skilled}
"#;
const SKILLS: &str = "languages: [en, zh]\nskills: {lang-en: {}, lang-zh: {}, deals: {}}\n";

fn file(name: &str, text: &str) -> SourceFile {
    SourceFile { name: name.into(), text: text.into() }
}

fn rules_with(rules: &str, queues: &str) -> Arc<RuleSet> {
    let loaded = load(&[file("1.yaml", rules), file("queues.yaml", queues), file("skills.yaml", SKILLS)]);
    loaded.rules.unwrap_or_else(|| panic!("{:?}", loaded.findings))
}

fn rules() -> Arc<RuleSet> {
    rules_with(RULES, QUEUES)
}

/// Rules under which those who wait are moved on, made more urgent, promised things and sent away.
fn moving() -> Arc<RuleSet> {
    let waiting = r#"
  - name: it takes long
    on: waiting
    after: 4m
    when: message.kind == "email"
    then: [tag: slow, priority: high, handoff: {queue: sales}]
  - name: it takes too long
    on: waiting
    after: 40m
    then: [close: true]
  - name: at risk
    on: sla_risk
    when: conversation.sla.clock == "first_reply" && conversation.waiting > duration("1m")
    then: [handoff: {queue: care, priority: urgent}]
"#;
    let queues = QUEUES
        .replace("20s}", "20s, sla: {first_reply: 3m, resolution: 20m}, escalate: [{after: 2m, priority: high}, {after: 10m, queue: second}]}")
        + "  second: {sla: {first_reply: 12m}}\n";
    rules_with(&format!("{RULES}{waiting}"), &queues)
}

fn scenario(text: &str) -> Scenario {
    lasting("4h", text)
}

fn lasting(duration: &str, text: &str) -> Scenario {
    let text = format!("start: 2026-11-23T08:00:00+01:00\nduration: {duration}\n{text}");
    Scenario::read(&file("day.yaml", &text)).unwrap_or_else(|findings| panic!("{findings:?}"))
}

fn wrong(text: &str) -> Vec<String> {
    let findings = Scenario::read(&file("day.yaml", text)).err().unwrap_or_default();
    let said =
        |f: crate::routing::Finding| format!("{}:{} {}: {}", f.line, f.column, f.message, f.help.unwrap_or_default());
    findings.into_iter().map(said).collect()
}

fn unread(_: &str) -> Signals {
    Signals::default()
}

fn outcome(rules: &RuleSet, scenario: &Scenario) -> Report {
    simulate(rules, scenario, &Day::drawn(scenario), &unread)
}

const GOLD: &str = "{per_hour: 60, facts: {message: {language: en}, customer: {tier: gold}}}";

/// Gold customers, who all go to people, and so many agents.
fn gold(agents: &str, more: &str) -> Scenario {
    scenario(&format!("arrivals: [{GOLD}]\nagents: [{agents}]\nhandling: {{mean: 8m}}\n{more}"))
}

/// Nobody is above their capacity, and nobody waits whom somebody could be asked about.
fn holds_now(run: &Run<'_>) {
    for agent in run.desk.agents() {
        assert!(agent.load <= agent.profile.capacity, "{agent:?}");
    }
    for queue in run.rules.queues().keys() {
        for waiting in run.desk.waiting(queue, run.now).filter(|waiting| waiting.offer.is_none()) {
            for agent in run.desk.agents() {
                let why = run.desk.why_not(agent.profile.id, waiting.waiting.conversation, run.now);
                assert_ne!(why, WhyNot::Hindered(Vec::new()), "{waiting:?} could be offered to {agent:?}");
            }
        }
    }
}

fn adds_up(report: &Report) {
    let Report { arrived, answered_by_bot, ended_by_rule, unanswered, all, offers, agents, .. } = report;
    assert_eq!(*arrived, answered_by_bot + ended_by_rule + unanswered + all.queued);
    let parts: Vec<&Service> = report.queues.values().map(|queue| &queue.service).collect();
    let by_priority: Vec<&Service> = report.priorities.values().collect();
    for services in [vec![all], parts, by_priority] {
        let sum = |of: fn(&Service) -> u64| services.iter().map(|service| of(service)).sum::<u64>();
        assert_eq!(sum(|s| s.queued), all.queued);
        assert_eq!(sum(|s| s.accepted + s.given_up + s.waiting), all.queued);
        assert_eq!(sum(|s| s.within_target), all.within_target);
        assert_eq!(sum(|s| s.breaches), all.breaches);
        for (clock, promises) in &all.promises {
            let of = |kept: fn(&Promises) -> u64| {
                services.iter().filter_map(|s| s.promises.get(clock)).map(kept).sum::<u64>()
            };
            assert_eq!((of(|p| p.kept), of(|p| p.broken)), (promises.kept, promises.broken));
            assert!(promises.kept + promises.broken <= all.queued);
        }
    }
    // Who is asked takes it once: nobody is served twice.
    assert_eq!(offers.accepted, all.accepted);
    assert_eq!(agents.iter().map(|agent| agent.accepted).sum::<u64>(), all.accepted);
    let ended = offers.accepted + offers.declined + offers.expired + offers.withdrawn;
    assert!((ended..=ended + all.waiting).contains(&offers.made), "{offers:?}");
    for share in agents.iter().flat_map(|agent| [agent.busy, agent.load]).flatten() {
        assert!((0.0..=1.0).contains(&share), "{share}");
    }
}

fn scenarios() -> impl Gen<Value = Scenario> {
    let rates = (0..60_u32, 0..40_u32, 0..20_u32);
    let agents = (0..4_usize, 0..4_usize, 0..3_usize, 20..120_u32);
    let people = (0..=10_u32, 0..=10_u32, 1..60_u32, option::of(1..20_u32));
    let times = (1..20_u32, 0..3_u32, 0..=10_u32, any::<u32>());
    (rates, agents, people, times).prop_map(|((questions, gold, sales), agents, people, times)| {
        let (english, chinese, dealers, capacity) = agents;
        let (accept, decline, reaction, patience) = people;
        let (mean, spread, answers, seed) = times;
        let patience = patience.map_or_else(String::new, |minutes| format!("patience: {{mean: {minutes}m}}"));
        lasting(
            "100m",
            &format!(
                r#"
seed: {seed}
arrivals:
  - {{per_hour: {{"8:00-8:30": {questions}, "9:00-12:00": {questions}}}, languages: {{en: 2, zh: 1, fr: 1}}}}
  - {{per_hour: {gold}, kind: email, facts: {{message: {{language: zh-Hans}}, customer: {{tier: gold}}}}}}
  - {{per_hour: {sales}, channel: sales, kind: telegram, languages: {{en: 1}}}}
  - {{per_hour: 1, channel: spam, texts: [buy]}}
bot: {{answers: 0.{answers:.0}, asks_again: 0.9, after: 20s}}
agents:
  - {{name: english, count: {english}, languages: [en], capacity: {capacity}, shifts: ["8:00-8:50", "9:10-12:00"]}}
  - {{name: chinese, count: {chinese}, skills: {{lang-zh: 3, lang-en: 1}}}}
  - {{name: dealer, count: {dealers}, skills: {{deals: 2}}, shifts: ["0:00-9:00"]}}
handling: {{mean: {mean}m, spread: {spread}, by: [{{queue: sales, mean: 15m}}, {{kind: email, mean: 3m}}]}}
reaction: {{mean: {reaction}s}}
accept: {:.1}
decline: {:.1}
{patience}
"#,
                f64::from(accept) / 10.0,
                f64::from(decline.min(10 - accept)) / 10.0,
                answers = answers.min(9),
            ),
        )
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 40, ..ProptestConfig::default() })]

    #[test]
    fn at_every_moment_the_desk_does_right_and_in_the_end_everything_adds_up(scenario in scenarios(), asks in any::<bool>()) {
        let rules = if asks { moving() } else { rules_with(RULES, &QUEUES.replace("sticky", "auto_accept: true, sticky")) };
        let day = Day::drawn(&scenario);
        let mut run = Run::new(&rules, &scenario, &day, &unread);
        let mut before = run.now;
        while run.step() {
            assert!(before <= run.now && run.now < scenario.end());
            before = run.now;
            holds_now(&run);
        }
        let report = run.report();
        assert_eq!(report.arrived, day.arrivals.len() as u64);
        if asks {
            adds_up(&report);
        }
        assert_eq!(report, simulate(&rules, &scenario, &day, &unread), "the same day comes to the same");
    }
}

#[test]
fn another_seed_is_another_day() {
    let first = gold("{name: care, count: 4}", "seed: 1");
    let second = Scenario { seed: 2, ..first.clone() };
    assert_eq!(outcome(&rules(), &first), outcome(&rules(), &first));
    assert_ne!(outcome(&rules(), &first), outcome(&rules(), &second));
}

#[test]
fn two_rule_sets_meet_the_same_customers_who_take_as_long() {
    let text = r#"
arrivals: [{per_hour: 60, languages: {en: 1, zh: 1}}]
agents: [{name: care, count: 5, languages: [en]}]
handling: {mean: 8m}
accept: 0.8
"#;
    let (scenario, present) = (scenario(text), rules());
    let candidate = rules_with(&RULES.replace("conversation.bot_misses >= 1", "conversation.messages > 0"), QUEUES);
    let day = Day::drawn(&scenario);
    let lengths = |rules| {
        let mut run = Run::new(rules, &scenario, &day, &unread);
        while run.step() {}
        let taken = |queued: &state::Queued| Some(queued.ended?.duration_since(queued.left?.0));
        run.conversations.iter().map(|conversation| conversation.queued.as_ref().and_then(taken)).collect()
    };
    let (present, candidate): (Vec<Option<SignedDuration>>, Vec<_>) = (lengths(&present), lengths(&candidate));
    assert_eq!(present.len(), candidate.len());
    let both: Vec<_> = present.iter().zip(&candidate).filter_map(|(a, b)| Some((*a)?).zip(*b)).collect();
    assert!(both.len() > 30 && both.iter().all(|(present, candidate)| present == candidate), "{both:?}");
}

#[test]
fn more_agents_make_shorter_waits_and_idler_people() {
    let [few, many] = [2, 6].map(|count| outcome(&rules(), &gold(&format!("{{name: care, count: {count}}}"), "")));
    let p95 = |report: &Report| report.all.wait.unwrap().p95;
    assert!(p95(&few) > SignedDuration::from_mins(5) && p95(&many) < SignedDuration::from_secs(30), "{few:?} {many:?}");
    assert!(few.all.level() < Some(0.5) && many.all.level() > Some(0.95));
    assert!(few.queues["care"].utilisation > Some(0.9) && many.queues["care"].utilisation < Some(0.5));
    assert_eq!(many.queues["sales"].utilisation, None, "nobody is a member");
}

#[test]
fn who_goes_first_waits_less() {
    let text = format!(
        "arrivals: [{GOLD}, {{per_hour: 20, languages: {{en: 1}}}}]\nbot: {{answers: 0, asks_again: 1}}\n\
         agents: [{{name: care, count: 2, languages: [en]}}]\nhandling: {{mean: 8m}}"
    );
    let report = outcome(&rules(), &scenario(&text));
    let wait = |priority| report.priorities[&priority].wait.unwrap().p50;
    assert!(wait(Priority::High) < wait(Priority::Normal), "{report:?}");
}

#[test]
fn nobody_is_asked_outside_of_their_shift_and_who_holds_something_finishes_it() {
    let scenario = gold("{name: care, shifts: [\"9:00-9:30\"]}", "reaction: 0s");
    let report = outcome(&rules(), &scenario);
    let agent = &report.agents[0];
    assert!(
        agent.at_work > SignedDuration::from_mins(30) && agent.at_work < SignedDuration::from_hours(2),
        "{agent:?}"
    );
    assert!(agent.accepted >= 4 && report.all.waiting > 100, "{report:?}");
    assert!(report.all.wait.unwrap().max > SignedDuration::from_hours(3));
}

#[test]
fn who_never_answers_is_set_away_and_comes_back() {
    let report = outcome(&rules(), &gold("{name: care}", "accept: 0\ndecline: 0\naway: 10m"));
    assert_eq!((report.all.accepted, report.offers.declined), (0, 0));
    assert!(report.agents[0].set_away > 5 && report.offers.expired > 10, "{report:?}");
    let worked = report.agents[0].at_work;
    assert_eq!(worked, SignedDuration::from_hours(4), "away is at work");
}

#[test]
fn customers_without_patience_give_up_and_nobody_waits_longer_than_that() {
    let report = outcome(&rules(), &gold("{name: care}", "patience: {mean: 3m, spread: 0}"));
    assert!(report.all.given_up > 100, "{report:?}");
    assert_eq!(report.all.wait.unwrap().max, SignedDuration::from_mins(3));
}

#[test]
fn the_bot_answers_as_often_as_said_and_who_asks_twice_reaches_a_person() {
    let day = |bot: &str| {
        let text = format!(
            "arrivals: [{{per_hour: 100, languages: {{en: 1}}}}]\nagents: [{{name: care, count: 9}}]\n\
             handling: {{mean: 1m}}\n{bot}"
        );
        outcome(&rules(), &scenario(&text))
    };
    let all = day("bot: {answers: 1}");
    assert_eq!(all.answered_by_bot, all.arrived);
    let none = day("bot: {answers: 0, asks_again: 0}");
    assert_eq!((none.unanswered, none.all.queued), (none.arrived, 0));
    let twice = day("bot: {answers: 0, asks_again: 1, after: {mean: 20s, spread: 0}}");
    assert!(twice.unanswered <= 3 && twice.all.queued >= twice.arrived - 3, "{twice:?}");
}

#[test]
fn what_a_queue_promises_moves_customers_up_and_is_counted() {
    let text = format!(
        "arrivals: [{GOLD}, {{per_hour: 20, languages: {{en: 1}}}}]\nbot: {{answers: 0, asks_again: 1}}\n\
         agents: [{{name: care, count: 2, languages: [en]}}]\nhandling: {{mean: 8m, spread: 0}}"
    );
    let day =
        |sla: &str| outcome(&rules_with(RULES, &QUEUES.replace("20s}", &format!("20s{sla}}}"))), &scenario(&text));
    let none = day("");
    assert_eq!(none.all.promises, [].into());
    let late = day(", sla: {first_reply: 1m, resolution: 9m, boost: {risk: 0s, breach: 0s}}");
    assert_eq!(late.all.wait, none.all.wait, "a promise without worth moves nobody");
    let of = |report: &Report, clock| report.all.promises[&clock];
    let (replies, ends) = (of(&late, SlaClock::FirstReply), of(&late, SlaClock::Resolution));
    assert_eq!((replies.kept, replies.broken), (late.all.within_target, late.all.breaches), "{late:?}");
    assert!(ends.broken > 0 && ends.kept <= replies.kept, "it takes eight of the nine minutes");
    let boosted = day(", sla: {first_reply: 45m, boost: {risk: 0s, breach: 2h}}");
    let p50 = |report: &Report| report.priorities[&Priority::Normal].wait.unwrap().p50;
    assert!(p50(&boosted) < p50(&none), "{:?} {:?}", p50(&boosted), p50(&none));
}

#[test]
fn who_waits_long_is_moved_on_by_escalations_and_by_rules() {
    let day = |escalate: &str, rule: &str| {
        let queues = format!(
            "queues:\n  care: {{members: {{skills: {{deals: 5}}}}{escalate}}}\n  sales: {{}}\n  second: {{}}\n"
        );
        outcome(&rules_with(&format!("{RULES}{rule}"), &queues), &gold("{name: care, count: 9}", "reaction: 0s"))
    };
    let rule = |then| format!("  - name: long\n    on: waiting\n    after: 10m\n    then: [{then}]\n");
    let ten_minutes = SignedDuration::from_mins(10);
    let none = day("", "");
    assert_eq!(none.all.accepted, 0);
    for moved in [day(", escalate: [{after: 10m, queue: second}]", ""), day("", &rule("handoff: {queue: second}"))] {
        let wait = moved.all.wait.unwrap();
        assert!(moved.all.accepted > 200 && wait.p50 >= ten_minutes && wait.p95 < ten_minutes * 2, "{moved:?}");
        assert_eq!(moved.queues["care"].service, moved.all, "they count where they were handed to");
    }
    let closed = day("", &rule("close: true"));
    assert!(closed.all.given_up > 200 && closed.all.wait.unwrap().max == ten_minutes, "{closed:?}");
}

#[test]
fn waits_are_ranked_and_held_against_the_target() {
    let seconds = |s| SignedDuration::from_secs(s);
    let waits = (1..=10).map(|n| (seconds(n * 10), Some(true)));
    let others = [(seconds(5), Some(false)), (seconds(200), Some(false)), (seconds(40), None)];
    let service = Service::of(waits.chain(others), seconds(60));
    assert_eq!((service.queued, service.accepted, service.given_up, service.waiting), (13, 10, 2, 1));
    assert_eq!((service.within_target, service.breaches), (6, 5));
    assert_eq!(service.level(), Some(6.0 / 11.0));
    let wait = service.wait.unwrap();
    assert_eq!((wait.p50, wait.p80, wait.p95, wait.max), (seconds(50), seconds(90), seconds(200), seconds(200)));
}

#[test]
fn a_recording_comes_as_it_was() {
    let scenario = gold("{name: care}", "");
    let text = r#"
{"at": "2026-11-23T09:00:00+01:00", "text": "hello", "kind": "email", "facts": {"customer": {"tier": "gold"}, "now": {"time": "2020-01-01T00:00:00Z"}}}
{"at": "2026-11-23T08:30:00+01:00", "text": "buy", "channel": "spam"}
{"at": "2026-11-24T08:30:00+01:00", "text": "tomorrow"}
"#;
    let day = Day::recorded(&file("day.jsonl", text), &scenario).unwrap();
    assert_eq!((day.arrivals.len(), day.outside), (2, 1));
    let report = simulate(&rules(), &scenario, &day, &unread);
    assert_eq!((report.arrived, report.ended_by_rule, report.queues["care"].service.accepted), (2, 1, 1));
    assert_eq!(report.priorities[&Priority::High].queued, 1);
}

#[test]
fn what_is_wrong_in_a_recording_is_said_with_its_line() {
    let scenario = gold("{name: care}", "");
    for (line, said) in [
        (r#"{"at": "2026-11-23T09:00:00Z", "txt": "x"}"#, "unknown field `txt`"),
        (r#"{"at": "yesterday"}"#, "this is not an arrival"),
        (r#"{"at": "2026-11-23T09:00:00Z", "facts": {"customer": {"tyer": "gold"}}}"#, "unknown field `tyer`"),
        (
            r#"{"at": "2026-11-23T09:00:00Z", "facts": {"conversation": {"owner": "queue"}}}"#,
            "belongs to queue already",
        ),
        (r#"{"at": "2020-01-01T00:00:00Z"}"#, "nobody comes between"),
    ] {
        let findings = Day::recorded(&file("day.jsonl", &format!("\n{line}\n")), &scenario).unwrap_err();
        assert!(findings.len() == 1 && findings[0].message.contains(said), "{findings:?}");
        assert!(findings[0].help.is_some() && (findings[0].line == 2 || said.starts_with("nobody")), "{findings:?}");
    }
}

#[test]
fn everything_wrong_in_a_scenario_is_said_at_once() {
    let said = wrong(
        r#"
start: tomorrow
duration: 40d
hadling: {mean: 6m}
arrivals:
  - {per_hour: {"9-12": 5}, texts: ["x"]}
  - {per_hour: {"9:00-12:00": 5, "11:00-13:00": 5}, facts: {customer: {tear: gold}, queues: {}}}
  - {per_hour: 5}
agents: [{name: care, skills: {billing: 9}, shifts: ["22:00-6:00"]}]
accept: 0.9
decline: 0.2
"#,
    );
    for expected in [
        "2:8 this is not a moment: write it as 2026-11-23T08:00:00+01:00",
        "3:11 this is from 1s to 31d",
        "4:1 a scenario has no key `hadling`: did you mean “handling”?",
        "6:17 these are not hours of a day",
        "7:34 these hours have a rate already",
        "there is no fact `customer.tear`: did you mean “customer.tier”?",
        "facts has no key `queues`",
        "8:5 it is not said what these customers write",
        "9:41 a level is a whole number from 1 to 5",
        "a night is two",
        "11:10 `accept` and `decline` come to more than 1",
        "`handling` is missing: write it as handling: {mean: 6m}",
    ] {
        assert!(said.iter().any(|said| said.contains(expected)), "{expected} is not in {said:#?}");
    }
    assert!(wrong("start: [").iter().any(|said| said.contains("this is not YAML")));
}

#[test]
fn names_that_no_rule_set_has_are_found_where_they_stand() {
    let text = "start: 2026-11-23T08:00:00Z\nduration: 1h\nhandling: {mean: 1m, by: [{queue: sale, mean: 2m}]}\n\
                agents: [{name: a, skills: {deels: 3, lang-en: 2}, queues: [care]}]\n";
    let file = file("day.yaml", text);
    let scenario = Scenario::read(&file).unwrap();
    let found: Vec<String> = scenario
        .unknown_names(&file, &[&rules()])
        .into_iter()
        .map(|f| format!("{}:{} {}", f.line, f.column, f.message))
        .collect();
    assert_eq!(found, ["3:35 the rules have no queue “sale”", "4:29 the rules have no skill “deels”"]);
}

#[test]
fn hours_follow_the_clock_on_the_wall_and_come_every_day() {
    let text = "start: 2026-10-24T00:00:00+02:00[Europe/Berlin]\nduration: 2d\nhandling: {mean: 1m}\n\
                agents: [{name: a, shifts: [\"22:00-24:00\", \"0:00-6:00\"]}]\n";
    let scenario = Scenario::read(&file("day.yaml", text)).unwrap();
    let shifts: Vec<(String, String)> = scenario
        .when(&scenario.agents[0].shifts)
        .into_iter()
        .map(|(from, until)| (from.to_string(), until.to_string()))
        .collect();
    // The clocks went back on 25 October: that night lasts nine hours.
    let expected = [
        ("2026-10-23T22:00:00Z", "2026-10-24T04:00:00Z"),
        ("2026-10-24T20:00:00Z", "2026-10-25T05:00:00Z"),
        ("2026-10-25T21:00:00Z", "2026-10-25T22:00:00Z"),
    ];
    assert_eq!(shifts, expected.map(|(from, until)| (from.to_owned(), until.to_owned())));
}
