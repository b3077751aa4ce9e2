//! Each clause of the desk's contract.

use std::{sync::Arc, time::Duration};

use contract::{AgentId, ConversationId, IdClock, OfferId, Timestamp};
use jiff::SignedDuration;

use super::*;

/// A desk and a clock that starts at an hour from nowhere.
struct Scene {
    desk: Desk,
    now: Timestamp,
}

fn start() -> Timestamp {
    Timestamp::from_second(1_800_000_000).expect("a moment")
}

fn agent(id: u64) -> AgentProfile {
    AgentProfile::new(AgentId::from(id))
}

fn skilled(id: u64, skills: &[(&str, u8)]) -> AgentProfile {
    AgentProfile { skills: skills.iter().map(|&(name, level)| (name.into(), level)).collect(), ..agent(id) }
}

fn waiting(id: u64) -> Waiting {
    Waiting::new(ConversationId::from(id), "care", "webchat", start())
}

fn needing(id: u64, skill: &str, min: u8) -> Waiting {
    let requirement = SkillNeed { skill: skill.into(), min, hard: true, relax: Vec::new() };
    Waiting { requirements: vec![requirement], ..waiting(id) }
}

fn queue(rules: QueueRules) -> DeskRules {
    DeskRules { queues: [("care".into(), rules)].into(), ..DeskRules::default() }
}

fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

/// Effects as one reads them: `1→2` conversation 1 is offered to agent 2, `1=2` it is theirs, `1 Declined 2`.
fn read(effects: &[Effect]) -> Vec<String> {
    let pair = |offer: &Offer, mark: &str| format!("{}{mark}{}", offer.conversation.get(), offer.agent.get());
    effects
        .iter()
        .map(|effect| match effect {
            Effect::Offered(offer) => pair(offer, "→"),
            Effect::OfferEnded { offer, outcome } => pair(offer, &format!(" {outcome:?} ")),
            Effect::Assigned(made) => format!("{}={}", made.conversation.get(), made.agent.get()),
            Effect::WentAway(agent) => format!("{} away", agent.get()),
            Effect::Refused(refusal) => refusal.to_string(),
        })
        .collect()
}

impl Scene {
    fn new(rules: DeskRules) -> Self {
        Self { desk: Desk::new(rules, Arc::new(IdClock::new(0))), now: start() }
    }

    /// With these agents online, the first idle for longest.
    fn with(rules: DeskRules, agents: impl IntoIterator<Item = AgentProfile>) -> Self {
        let mut scene = Self::new(rules);
        for profile in agents {
            scene.online(profile);
        }
        scene
    }

    fn tell(&mut self, input: Input) -> Vec<String> {
        read(&self.desk.apply(input, self.now))
    }

    fn online(&mut self, profile: AgentProfile) -> Vec<String> {
        let agent = profile.id;
        self.tell(Input::AgentChanged(profile));
        self.tell(Input::Presence { agent, presence: Presence::Online })
    }

    fn presence(&mut self, agent: u64, presence: Presence) -> Vec<String> {
        self.tell(Input::Presence { agent: agent.into(), presence })
    }

    fn enqueue(&mut self, waiting: Waiting) -> Vec<String> {
        self.tell(Input::Enqueue(waiting))
    }

    fn leave(&mut self, conversation: u64) -> Vec<String> {
        self.tell(Input::Leave(conversation.into()))
    }

    fn offer(&self, conversation: u64) -> OfferId {
        self.desk.offer_of(conversation.into()).expect("it is offered").id
    }

    fn accept(&mut self, conversation: u64, agent: u64) -> Vec<String> {
        let offer = self.offer(conversation);
        self.tell(Input::Accept { offer, agent: agent.into(), epoch: 1 })
    }

    fn decline(&mut self, conversation: u64, agent: u64) -> Vec<String> {
        let offer = self.offer(conversation);
        self.tell(Input::Decline { offer, agent: agent.into(), epoch: 1 })
    }

    fn later(&mut self, seconds: i64) -> Vec<String> {
        self.now += SignedDuration::from_secs(seconds);
        self.tell(Input::Tick)
    }

    fn why_not(&self, agent: u64, conversation: u64) -> WhyNot {
        self.desk.why_not(agent.into(), conversation.into(), self.now)
    }

    fn load(&self, agent: u64) -> u32 {
        self.desk.agent(agent.into()).expect("the desk knows them").load
    }
}

const NOTHING: [&str; 0] = [];

#[test]
fn only_an_agent_who_can_take_it_is_asked() {
    let only = |queue: &str| Membership::Only([queue.to_owned()].into());
    let cap = |cap| [("webchat".to_owned(), cap)].into();
    let speaks = |level| skilled(1, &[("lang-zh", level)]);
    for (name, profile, asked) in [
        ("fits", speaks(3), true),
        ("more than fits", speaks(9), true),
        ("level too low", speaks(2), false),
        ("skill missing", agent(1), false),
        ("member", AgentProfile { queues: only("care"), ..speaks(3) }, true),
        ("member of another", AgentProfile { queues: only("sales"), ..speaks(3) }, false),
        ("just enough capacity", AgentProfile { capacity: 25, ..speaks(3) }, true),
        ("too little capacity", AgentProfile { capacity: 24, ..speaks(3) }, false),
        ("capped at one", AgentProfile { caps: cap(1), ..speaks(3) }, true),
        ("capped at none", AgentProfile { caps: cap(0), ..speaks(3) }, false),
        ("not active", AgentProfile { active: false, ..speaks(3) }, false),
    ] {
        let offered: &[&str] = if asked { &["1→1"] } else { &[] };
        let mut first = Scene::with(DeskRules::default(), [profile.clone()]);
        assert_eq!(first.enqueue(needing(1, "lang-zh", 3)), offered, "{name}, the agent first");
        let mut last = Scene::new(DeskRules::default());
        assert_eq!(last.enqueue(needing(1, "lang-zh", 3)), NOTHING, "{name}");
        assert_eq!(last.online(profile), offered, "{name}, the conversation first");
    }
}

#[test]
fn only_who_is_online_is_asked() {
    for (presence, offered) in [(Presence::Online, &["1→1"][..]), (Presence::Away, &[]), (Presence::Offline, &[])] {
        let mut scene = Scene::new(DeskRules::default());
        scene.tell(Input::AgentChanged(agent(1)));
        scene.enqueue(waiting(1));
        assert_eq!(scene.presence(1, presence), offered, "{presence:?}");
    }
}

#[test]
fn a_skill_beyond_all_levels_is_met_by_nobody_and_one_of_none_by_all() {
    for (min, offered) in [(0, &["1→1"][..]), (5, &["1→1"]), (6, &[]), (255, &[])] {
        let mut scene = Scene::with(DeskRules::default(), [skilled(1, &[("billing", 5)])]);
        assert_eq!(scene.enqueue(needing(1, "billing", min)), offered, "{min}");
    }
    let mut scene = Scene::with(DeskRules::default(), [agent(1)]);
    assert_eq!(scene.enqueue(needing(1, "billing", 0)), ["1→1"]);
}

#[test]
fn the_highest_score_is_served_first_and_a_priority_is_worth_its_credit() {
    let of =
        |id, priority, ago| Waiting { priority, enqueued_at: start() - SignedDuration::from_secs(ago), ..waiting(id) };
    for (name, one, two, first) in [
        ("older", of(1, Priority::Normal, 10), of(2, Priority::Normal, 11), 2),
        ("tie of ids", of(1, Priority::Normal, 10), of(2, Priority::Normal, 10), 1),
        ("tie of scores, older wins", of(1, Priority::High, 0), of(2, Priority::Normal, 900), 2),
        ("high is worth 900 s", of(1, Priority::High, 0), of(2, Priority::Normal, 899), 1),
        ("urgent is worth 3,600 s", of(1, Priority::Urgent, 0), of(2, Priority::Normal, 3_601), 2),
        ("low costs 600 s", of(1, Priority::Low, 600), of(2, Priority::Normal, 1), 2),
        ("low is not starved", of(1, Priority::Low, 602), of(2, Priority::Normal, 1), 1),
    ] {
        let mut scene = Scene::new(DeskRules::default());
        scene.enqueue(one);
        scene.enqueue(two);
        let order: Vec<u64> =
            scene.desk.waiting("care", scene.now).map(|found| found.waiting.conversation.get()).collect();
        assert_eq!((order[0], scene.desk.position(first.into())), (first, Some(1)), "{name}");
        let offered = scene.online(AgentProfile { capacity: 25, ..agent(7) });
        assert_eq!(offered, [format!("{first}→7")], "{name}");
    }
}

#[test]
fn an_agent_of_several_queues_serves_them_in_one_order() {
    let mut scene = Scene::new(DeskRules::default());
    for (id, queue, ago) in [(1, "care", 5), (2, "sales", 9), (3, "care", 7)] {
        let enqueued_at = start() - SignedDuration::from_secs(ago);
        scene.enqueue(Waiting { queue: queue.into(), enqueued_at, ..waiting(id) });
    }
    assert_eq!(scene.online(AgentProfile { capacity: 50, ..agent(7) }), ["2→7", "3→7"]);
}

#[test]
fn one_that_nobody_can_take_does_not_hold_up_the_next() {
    let mut scene = Scene::new(DeskRules::default());
    scene.enqueue(needing(1, "lang-zh", 3));
    scene.enqueue(waiting(2));
    assert_eq!(scene.online(agent(7)), ["2→7"]);
}

#[test]
fn each_strategy_ranks_by_its_own_measure() {
    let billing = |id, level| skilled(id, &[("billing", level), ("lang-en", 1)]);
    for (strategy, first) in [(Strategy::LongestIdle, 1), (Strategy::LeastLoaded, 3), (Strategy::MostSkilled, 2)] {
        let mut scene = Scene::new(queue(QueueRules { strategy, ..QueueRules::default() }));
        for (id, level, held) in [(1, 3, 2), (2, 5, 2), (3, 4, 1)] {
            for conversation in 0..held {
                let conversation = ConversationId::from(100 * id + conversation);
                scene.tell(Input::Hold {
                    conversation,
                    agent: id.into(),
                    queue: None,
                    kind: "webchat".into(),
                    epoch: 2,
                });
            }
            scene.online(billing(id, level));
            scene.later(1);
        }
        assert_eq!(scene.enqueue(needing(9, "billing", 2)), [format!("9→{first}")], "{strategy:?}");
    }
}

#[test]
fn work_goes_round_and_agents_of_one_instant_stand_by_id() {
    let mut scene = Scene::with(DeskRules::default(), [agent(2), agent(1), agent(3)]);
    let asked: Vec<_> = (1..=4).map(|id| scene.enqueue(waiting(id)).remove(0)).collect();
    assert_eq!(asked, ["1→1", "2→2", "3→3", "4→1"]);
}

#[test]
fn the_previous_agent_ranks_first_while_the_queue_is_sticky() {
    let sticky = queue(QueueRules { sticky: Some(seconds(60)), ..QueueRules::default() });
    let back = |ago| Waiting {
        previous_agent: Some(2.into()),
        enqueued_at: start() - SignedDuration::from_secs(ago),
        ..waiting(1)
    };
    for (name, rules, waiting, first) in [
        ("sticky", sticky.clone(), back(59), "1→2"),
        ("past its time", sticky.clone(), back(60), "1→1"),
        ("not sticky", DeskRules::default(), back(0), "1→1"),
        ("gone", sticky, Waiting { previous_agent: Some(9.into()), ..back(0) }, "1→1"),
    ] {
        assert_eq!(Scene::with(rules, [agent(1), agent(2)]).enqueue(waiting), [first], "{name}");
    }
}

#[test]
fn a_requirement_relaxes_on_time_and_a_hard_one_never() {
    let relax = vec![Relax { after: 60, min: Some(2) }, Relax { after: 180, min: None }];
    let needs = |id, hard| Waiting {
        requirements: vec![SkillNeed { skill: "billing".into(), min: 4, hard, relax: relax.clone() }],
        ..waiting(id)
    };
    let mut scene = Scene::with(DeskRules::default(), [skilled(1, &[("billing", 2)]), agent(2)]);
    assert_eq!(scene.enqueue(needs(1, true)), NOTHING);
    assert_eq!(scene.enqueue(needs(2, false)), NOTHING);
    assert_eq!(scene.desk.next_deadline(), Some(start() + seconds(60)));
    assert_eq!(scene.later(59), NOTHING);
    assert_eq!(scene.later(1), ["2→1"]);
    assert_eq!(scene.decline(2, 1), ["2 Declined 1"]);
    assert_eq!(scene.later(120), ["2→2"]);
    assert!(scene.leave(1).is_empty() && scene.leave(2).len() == 1);
    assert_eq!(scene.desk.next_deadline(), None);
}

#[test]
fn a_decline_keeps_the_age_and_cools_that_agent_down_only() {
    let mut scene = Scene::with(DeskRules::default(), [AgentProfile { capacity: 25, ..agent(1) }]);
    scene.enqueue(waiting(1));
    scene.later(10);
    assert_eq!(scene.enqueue(Waiting { enqueued_at: scene.now, ..waiting(2) }), NOTHING);
    assert_eq!(scene.decline(1, 1), ["1 Declined 1", "2→1"]);
    assert_eq!(scene.desk.position(1.into()), Some(1));
    assert!(matches!(scene.why_not(1, 1), WhyNot::Hindered(why) if why.len() == 2 && why.contains(
        &Hindrance::CoolingDown { until: scene.now + seconds(300) })));
    assert_eq!(scene.online(agent(2)), ["1→2"]);
}

#[test]
fn a_cool_down_ends_by_itself() {
    let mut scene = Scene::with(DeskRules::default(), [agent(1)]);
    scene.enqueue(waiting(1));
    scene.decline(1, 1);
    assert_eq!(scene.later(299), NOTHING);
    assert_eq!(scene.desk.next_deadline(), Some(scene.now + seconds(1)));
    assert_eq!(scene.later(1), ["1→1"]);
}

#[test]
fn an_offer_expires_and_two_in_a_row_send_the_agent_away() {
    let mut scene = Scene::with(DeskRules::default(), [agent(1)]);
    scene.enqueue(waiting(1));
    assert_eq!(scene.later(29), NOTHING);
    assert_eq!(scene.later(1), ["1 Expired 1"]);
    assert_eq!(scene.load(1), 0);
    scene.enqueue(waiting(2));
    scene.later(1);
    scene.enqueue(waiting(3));
    assert_eq!(scene.later(29), ["2 Expired 1", "1 away", "3 Withdrawn(AgentNotOnline) 1"]);
    assert_eq!(scene.presence(1, Presence::Online), ["3→1"], "the two that expired cool down still");
}

#[test]
fn an_answer_between_breaks_the_row_of_expired_offers() {
    for accept in [true, false] {
        let mut scene = Scene::with(DeskRules::default(), [agent(1)]);
        scene.enqueue(waiting(1));
        scene.later(30);
        scene.enqueue(waiting(2));
        let _ = if accept { scene.accept(2, 1) } else { scene.decline(2, 1) };
        scene.enqueue(waiting(3));
        assert_eq!(scene.later(30), ["3 Expired 1"], "accepted: {accept}");
    }
}

#[test]
fn accepting_is_idempotent_and_raises_the_epoch() {
    let mut scene = Scene::with(DeskRules::default(), [agent(1)]);
    scene.enqueue(waiting(1));
    let offer = scene.offer(1);
    let accept = Input::Accept { offer, agent: 1.into(), epoch: 1 };
    let made = Assignment { conversation: 1.into(), agent: 1.into(), offer: Some(offer), epoch: 2, again: false };
    let first = scene.desk.apply(accept.clone(), scene.now);
    assert_eq!(first.last(), Some(&Effect::Assigned(made.clone())));
    let second = scene.desk.apply(accept.clone(), scene.now + seconds(600));
    assert_eq!(second, [Effect::Assigned(Assignment { again: true, ..made })]);
    assert_eq!((scene.load(1), scene.desk.position(1.into())), (25, None));
    scene.leave(1);
    assert_eq!(scene.tell(accept), [Refusal::OfferGone { offer, agent: 1.into() }.to_string()]);
}

#[test]
fn an_answer_to_what_was_not_asked_is_refused_with_the_reason() {
    let mut scene = Scene::with(DeskRules::default(), [agent(1)]);
    scene.enqueue(waiting(1));
    let offer = scene.offer(1);
    let (one, two) = (AgentId::from(1), AgentId::from(2));
    for (agent, epoch, refusal) in [
        (two, 1, Refusal::NotYours { offer, agent: two }),
        (one, 0, Refusal::WrongEpoch { offer, agent: one, epoch: 1 }),
        (one, u32::MAX, Refusal::WrongEpoch { offer, agent: one, epoch: 1 }),
    ] {
        for answer in [Input::Accept { offer, agent, epoch }, Input::Decline { offer, agent, epoch }] {
            assert_eq!(scene.desk.apply(answer, scene.now), [Effect::Refused(refusal)]);
        }
    }
    scene.now += seconds(30);
    let late = scene.tell(Input::Accept { offer, agent: one, epoch: 1 });
    assert_eq!(late, ["1 Expired 1".to_owned(), Refusal::OfferGone { offer, agent: one }.to_string()]);
}

#[test]
fn a_queue_that_accepts_by_itself_asks_nobody() {
    let mut scene = Scene::with(queue(QueueRules { auto_accept: true, ..QueueRules::default() }), [agent(1)]);
    assert_eq!(scene.enqueue(waiting(1)), ["1=1"]);
    assert_eq!((scene.load(1), scene.desk.next_deadline()), (25, None));
}

#[test]
fn capacity_is_taken_by_the_offer_and_given_back_by_every_other_end() {
    let full = || {
        let mut scene = Scene::with(DeskRules::default(), [AgentProfile { capacity: 50, ..agent(1) }]);
        (1..=3).for_each(|id| drop(scene.enqueue(waiting(id))));
        assert_eq!((scene.load(1), scene.desk.offers_of(1.into()).count()), (50, 2));
        scene
    };
    assert_eq!(full().accept(1, 1), ["1 Accepted 1", "1=1"]);
    assert_eq!(full().decline(1, 1), ["1 Declined 1", "3→1"]);
    assert_eq!(full().leave(1), ["1 Withdrawn(LeftQueue) 1", "3→1"]);
    assert_eq!(full().enqueue(Waiting { queue: "sales".into(), ..waiting(1) })[0], "1 Withdrawn(Changed) 1");
    assert_eq!(full().later(30)[0], "1 Expired 1");
    let mut closed = full();
    closed.accept(1, 1);
    assert_eq!(closed.leave(1), ["3→1"]);
}

#[test]
fn lowered_capacity_and_what_is_held_by_order_take_nothing_away() {
    let mut scene = Scene::with(DeskRules::default(), [agent(1)]);
    for id in 1..=3 {
        scene.tell(Input::Hold {
            conversation: id.into(),
            agent: 1.into(),
            queue: None,
            kind: "webchat".into(),
            epoch: 2,
        });
    }
    assert_eq!(scene.tell(Input::AgentChanged(AgentProfile { capacity: 50, ..agent(1) })), NOTHING);
    scene.enqueue(waiting(4));
    assert_eq!((scene.load(1), scene.leave(1), scene.load(1)), (75, vec![], 50));
    assert_eq!(scene.leave(2), ["4→1"]);
}

#[test]
fn weights_are_by_kind_and_caps_too() {
    let caps = [("email".to_owned(), 2)].into();
    let mut scene = Scene::with(DeskRules::default(), [AgentProfile { capacity: 60, caps, ..agent(1) }]);
    let of = |id, kind: &str| Waiting { kind: kind.into(), ..waiting(id) };
    for (id, kind, load) in [(1, "email", 10), (2, "telegram", 30), (3, "email", 40), (4, "email", 40)] {
        scene.enqueue(of(id, kind));
        assert_eq!(scene.load(1), load, "{id} {kind}");
    }
    let hindered = |hindrance| WhyNot::Hindered(vec![hindrance]);
    assert_eq!(scene.why_not(1, 4), hindered(Hindrance::Cap { kind: "email".into(), cap: 2 }));
    scene.enqueue(of(5, "webchat"));
    assert_eq!(scene.why_not(1, 5), hindered(Hindrance::Capacity { load: 40, capacity: 60, weight: 25 }));
}

#[test]
fn an_offer_is_withdrawn_when_its_agent_cannot_take_it_any_more() {
    let zh = |level| skilled(1, &[("lang-zh", level)]);
    for (name, input, ended) in [
        ("away", Input::Presence { agent: 1.into(), presence: Presence::Away }, "1 Withdrawn(AgentNotOnline) 1"),
        ("removed", Input::AgentRemoved(1.into()), "1 Withdrawn(AgentNotOnline) 1"),
        ("unskilled", Input::AgentChanged(zh(2)), "1 Withdrawn(AgentUnfit) 1"),
        ("inactive", Input::AgentChanged(AgentProfile { active: false, ..zh(3) }), "1 Withdrawn(AgentNotOnline) 1"),
    ] {
        let mut scene = Scene::with(DeskRules::default(), [zh(3)]);
        scene.enqueue(needing(1, "lang-zh", 3));
        scene.online(skilled(2, &[("lang-zh", 3)]));
        assert_eq!(scene.tell(input), [ended, "1→2"], "{name}");
    }
}

#[test]
fn an_agent_who_is_gone_keeps_what_they_hold_until_it_leaves_them() {
    let mut scene = Scene::with(DeskRules::default(), [agent(1)]);
    scene.enqueue(waiting(1));
    scene.accept(1, 1);
    scene.tell(Input::AgentRemoved(1.into()));
    assert_eq!(scene.load(1), 25);
    scene.online(agent(1));
    assert_eq!(scene.load(1), 25, "and finds it again");
    scene.tell(Input::AgentRemoved(1.into()));
    scene.leave(1);
    assert!(scene.desk.agent(1.into()).is_none());
    assert_eq!(scene.online(agent(2)), NOTHING, "a new agent in the same place starts afresh");
    assert_eq!(scene.load(2), 0);
}

#[test]
fn a_conversation_that_comes_back_has_its_first_age() {
    let mut scene = Scene::with(DeskRules::default(), [agent(1)]);
    scene.enqueue(waiting(1));
    scene.accept(1, 1);
    scene.presence(1, Presence::Away);
    scene.later(100);
    scene.enqueue(Waiting { enqueued_at: start() + seconds(50), ..waiting(2) });
    assert_eq!(scene.enqueue(Waiting { epoch: 3, ..waiting(1) }), NOTHING);
    assert_eq!((scene.load(1), scene.desk.position(1.into())), (0, Some(1)));
    scene.enqueue(Waiting { epoch: 3, enqueued_at: scene.now, ..waiting(1) });
    assert_eq!(scene.desk.position(1.into()), Some(1), "a later age does not replace the first");
}

#[test]
fn an_enqueue_of_an_older_epoch_is_refused() {
    let mut scene = Scene::with(DeskRules::default(), [agent(1)]);
    scene.enqueue(waiting(1));
    scene.accept(1, 1);
    let stale = Refusal::Stale { conversation: 1.into(), epoch: 2 };
    assert_eq!(scene.enqueue(waiting(1)), [stale.to_string()]);
    assert_eq!(scene.load(1), 25);
}

#[test]
fn a_change_that_the_asked_agent_still_fits_leaves_the_offer_alone() {
    let mut scene = Scene::with(DeskRules::default(), [skilled(1, &[("lang-zh", 3)]), agent(2)]);
    scene.enqueue(waiting(1));
    assert_eq!(scene.enqueue(Waiting { priority: Priority::Urgent, ..needing(1, "lang-zh", 3) }), NOTHING);
    assert_eq!(scene.enqueue(needing(1, "lang-zh", 4)), ["1 Withdrawn(Changed) 1"]);
}

#[test]
fn other_rules_hold_at_once() {
    let mut scene = Scene::new(DeskRules::default());
    scene.enqueue(waiting(1));
    scene.enqueue(Waiting { priority: Priority::High, ..waiting(2) });
    let flat = PriorityCredits { high: -1, ..PriorityCredits::default() };
    scene.tell(Input::Rules(queue(QueueRules { credits: flat, ..QueueRules::default() })));
    assert_eq!(scene.desk.position(1.into()), Some(1));
    scene.online(AgentProfile { capacity: 24, ..agent(1) });
    let weights = Weights { by_kind: [("webchat".into(), 8)].into(), other: 20 };
    assert_eq!(scene.tell(Input::Rules(DeskRules { weights, ..DeskRules::default() })), ["2→1", "1→1"]);
    assert_eq!(scene.load(1), 16);
}

#[test]
fn a_clock_that_goes_back_moves_nothing() {
    let mut scene = Scene::with(DeskRules::default(), [agent(1)]);
    scene.enqueue(waiting(1));
    assert_eq!(scene.later(-86_400), NOTHING);
    assert_eq!(scene.desk.next_deadline(), Some(start() + seconds(30)));
    scene.enqueue(Waiting { enqueued_at: scene.now, ..waiting(2) });
    assert_eq!(scene.desk.queue_status("care", scene.now).longest_wait, seconds(86_400));
    assert_eq!(scene.later(86_430), ["1 Expired 1", "2 Expired 1", "1 away"]);
}

#[test]
fn a_queue_tells_its_length_age_people_and_pace() {
    let mut scene = Scene::with(DeskRules::default(), [AgentProfile { capacity: 50, ..agent(1) }, agent(2)]);
    scene.presence(2, Presence::Away);
    assert_eq!(scene.desk.queue_status("nowhere", scene.now), QueueStatus::default());
    for id in 1..=2 {
        scene.enqueue(waiting(id));
        scene.accept(id, 1);
        scene.later(10);
    }
    scene.enqueue(waiting(3));
    let status = scene.desk.queue_status("care", scene.now + seconds(20));
    let expected = QueueStatus {
        waiting: 1,
        longest_wait: seconds(40),
        agents_online: 1,
        agents_free: 0,
        estimated_wait: Some(seconds(40)),
    };
    assert_eq!(status, expected, "two were assigned in 40 s: the one waiting and one more take 40 s");
    scene.leave(3);
    scene.leave(2);
    assert_eq!(scene.desk.queue_status("care", scene.now).estimated_wait, Some(Duration::ZERO));
    assert!(scene.desk.queues().eq(NOTHING));
}

#[test]
fn why_not_names_all_that_stands_in_the_way() {
    let mut scene = Scene::with(DeskRules::default(), [skilled(1, &[("lang-zh", 3)]), skilled(2, &[("lang-zh", 5)])]);
    scene.tell(Input::AgentChanged(AgentProfile {
        active: false,
        queues: Membership::Only(["sales".to_owned()].into()),
        capacity: 5,
        ..skilled(3, &[("lang-zh", 1)])
    }));
    scene.enqueue(needing(1, "lang-zh", 2));
    assert!(matches!(scene.why_not(1, 1), WhyNot::Offered(offer) if offer.agent == 1.into()));
    assert!(matches!(scene.why_not(2, 1), WhyNot::OfferedTo(offer) if offer.agent == 1.into()
        && offer.chosen == Chosen::LongestIdle { since: start() }));
    let hindrances = vec![
        Hindrance::Inactive,
        Hindrance::NotOnline(Presence::Offline),
        Hindrance::NotMember { queue: "care".into() },
        Hindrance::Skill { skill: "lang-zh".into(), needs: 2, has: 1 },
        Hindrance::Capacity { load: 0, capacity: 5, weight: 25 },
    ];
    assert_eq!(scene.why_not(3, 1), WhyNot::Hindered(hindrances));
    assert_eq!(scene.why_not(9, 1), WhyNot::Hindered(vec![Hindrance::Unknown]));
    scene.accept(1, 1);
    assert_eq!(scene.why_not(2, 1), WhyNot::NotWaiting { held_by: Some(1.into()) });
    assert_eq!(scene.why_not(2, 7), WhyNot::NotWaiting { held_by: None });
}

#[test]
fn a_queue_of_the_rules_counts_its_agents_before_anybody_waited_in_it() {
    let mut desk = Desk::new(queue(QueueRules::default()), Arc::new(IdClock::new(0)));
    desk.apply(Input::AgentChanged(agent(1)), start());
    desk.apply(Input::Presence { agent: AgentId::from(1), presence: Presence::Online }, start());
    let status = desk.queue_status("care", start());
    assert_eq!((status.agents_online, status.agents_free), (1, 1));
}

#[test]
fn what_is_kept_for_one_agent_is_offered_to_them_whatever_they_can_until_they_do_not_want_it() {
    let reserved = |agent: u64| Some(Reserved { agent: agent.into(), until: start() + seconds(60) });
    let mut scene = Scene::with(DeskRules::default(), [skilled(1, &[("lang-zh", 5)]), agent(2)]);
    let kept = Waiting { reserved: reserved(2), ..needing(1, "lang-zh", 3) };
    assert_eq!(scene.enqueue(kept.clone()), ["1→2"]);
    assert_eq!(scene.decline(1, 2), ["1 Declined 2", "1→1"], "then it is everybody's");

    let mut scene = Scene::with(DeskRules::default(), [skilled(1, &[("lang-zh", 5)])]);
    assert_eq!(scene.enqueue(kept), NOTHING);
    let until = start() + seconds(60);
    assert_eq!(scene.why_not(1, 1), WhyNot::Hindered(vec![Hindrance::Reserved { agent: 2.into(), until }]));
    assert_eq!(scene.later(59), NOTHING);
    assert_eq!(scene.later(1), ["1→1"], "nobody waits for ever for one who does not come");
}

#[test]
fn a_promise_in_danger_moves_a_conversation_up() {
    let boosts =
        vec![Boost { at: start() + seconds(100), seconds: 300 }, Boost { at: start() + seconds(200), seconds: 2_000 }];
    let mut scene = Scene::new(DeskRules::default());
    scene.enqueue(Waiting { priority: Priority::High, enqueued_at: start() + seconds(1), ..waiting(2) });
    scene.enqueue(Waiting { boosts, ..waiting(1) });
    let order = |scene: &Scene| -> Vec<u64> {
        scene.desk.waiting("care", scene.now).map(|found| found.waiting.conversation.get()).collect()
    };
    assert_eq!(order(&scene), [2, 1]);
    scene.later(100);
    assert_eq!(order(&scene), [2, 1], "300 seconds are less than the 900 of the priority");
    scene.later(100);
    assert_eq!(order(&scene), [1, 2]);
    assert_eq!(scene.online(agent(1)), ["1→1", "2→1"]);
}

#[test]
fn an_agent_finishes_up_before_the_next_one() {
    let rules = || queue(QueueRules { wrap_up: seconds(30), ..QueueRules::default() });
    let one_at_a_time = || AgentProfile { capacity: 25, ..agent(1) };
    for (name, end, then) in
        [("in time", 0, NOTHING.map(String::from).to_vec()), ("after the time", 30, vec!["2→1".to_owned()])]
    {
        let mut scene = Scene::with(rules(), [one_at_a_time()]);
        scene.enqueue(waiting(1));
        scene.accept(1, 1);
        scene.enqueue(waiting(2));
        assert_eq!(scene.leave(1), NOTHING, "{name}");
        assert_eq!(scene.load(1), 25, "{name}");
        assert_eq!(scene.later(end), then, "{name}");
    }
    let mut scene = Scene::with(rules(), [one_at_a_time()]);
    scene.enqueue(waiting(1));
    scene.accept(1, 1);
    scene.enqueue(waiting(2));
    scene.leave(1);
    assert_eq!(scene.tell(Input::Ready(1.into())), ["2→1"], "who is ready earlier says so");
    // What goes on waiting was not finished: there is nothing to finish up.
    scene.accept(2, 1);
    assert_eq!(scene.enqueue(Waiting { epoch: 3, ..waiting(2) }), ["2→1"]);
}
