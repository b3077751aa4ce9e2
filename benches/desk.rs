//! One match of the desk, at 10 to 10,000 agents, beside a scan over all agents; and what a long queue costs.
//!
//! `cargo bench --bench desk`. A match is one `Enqueue` that ends in an offer, everything included.

#![expect(clippy::expect_used, reason = "a bench may end at once")]

use std::{
    collections::BTreeMap,
    hint::black_box,
    sync::Arc,
    time::{Duration, Instant},
};

use contract::{AgentId, ConversationId, IdClock, Timestamp};
use criterion::{BenchmarkId, Criterion, criterion_group, criterion_main};
use jiff::SignedDuration;
use switchboard::desk::{AgentProfile, Desk, DeskRules, Effect, Input, Membership, Presence, SkillNeed, Waiting};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const SKILLS: usize = 8;
const MIN_LEVEL: u8 = 2;
/// Ids of waiting conversations start here; what agents hold is below.
const WAITING: u64 = 1 << 40;

/// A linear congruential generator (Knuth, MMIX): the same agents in every run.
struct Dice(u64);

impl Dice {
    fn below(&mut self, sides: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % sides
    }
}

/// An agent as the scan sees them.
struct Agent {
    id: AgentId,
    levels: [u8; SKILLS],
    load: u32,
    idle_since: Timestamp,
}

fn start() -> Timestamp {
    Timestamp::from_second(1_800_000_000).expect("a moment")
}

/// Each agent has half of the skills, and is a quarter, a half, … or fully busy.
fn agents(count: usize) -> Vec<Agent> {
    let mut dice = Dice(7);
    (1..=count as u64)
        .map(|id| Agent {
            id: id.into(),
            levels: std::array::from_fn(|_| if dice.below(2) == 0 { 0 } else { 1 + dice.below(5) as u8 }),
            load: 25 * dice.below(5) as u32,
            idle_since: start() + SignedDuration::from_millis(dice.below(1_000_000) as i64),
        })
        .collect()
}

fn desk(agents: &[Agent]) -> Desk {
    let mut desk = Desk::new(DeskRules::default(), Arc::new(IdClock::new(0)));
    let mut by_idle: Vec<&Agent> = agents.iter().collect();
    by_idle.sort_by_key(|agent| agent.idle_since);
    let mut held = 0;
    for agent in by_idle {
        let skills: BTreeMap<String, u8> =
            agent.levels.iter().enumerate().map(|(skill, &level)| (format!("skill-{skill}"), level)).collect();
        let queues = Membership::Only(["care".to_owned()].into());
        desk.apply(Input::AgentChanged(AgentProfile { skills, queues, ..AgentProfile::new(agent.id) }), start());
        for _ in 0..agent.load / 25 {
            held += 1;
            let hold = Input::Hold {
                conversation: held.into(),
                agent: agent.id,
                queue: None,
                kind: "webchat".into(),
                epoch: 2,
            };
            desk.apply(hold, start());
        }
        desk.apply(Input::Presence { agent: agent.id, presence: Presence::Online }, agent.idle_since);
    }
    desk
}

fn wish(dice: &mut Dice) -> [usize; 3] {
    let first = dice.below(SKILLS);
    [first, (first + 1 + dice.below(3)) % SKILLS, (first + 4 + dice.below(4)) % SKILLS]
}

fn waiting(id: u64, skills: &[usize], now: Timestamp) -> Waiting {
    let requirement =
        |skill: &usize| SkillNeed { skill: format!("skill-{skill}"), min: MIN_LEVEL, hard: true, relax: Vec::new() };
    Waiting {
        requirements: skills.iter().map(requirement).collect(),
        ..Waiting::new(ConversationId::from(WAITING + id), "care", "webchat", now)
    }
}

fn scan(agents: &[Agent], skills: &[usize; 3]) -> Option<AgentId> {
    let fits = |agent: &&Agent| agent.load + 25 <= 100 && skills.iter().all(|&skill| agent.levels[skill] >= MIN_LEVEL);
    agents.iter().filter(fits).min_by_key(|agent| (agent.idle_since, agent.id)).map(|agent| agent.id)
}

fn one_match(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("one match");
    for count in [10, 100, 1_000, 10_000] {
        let agents = agents(count);
        let mut desk = desk(&agents);
        let mut dice = Dice(11);
        let mut id = 0;
        let now = start() + SignedDuration::from_hours(1);
        group.bench_function(BenchmarkId::new("desk", count), |bencher| {
            bencher.iter_custom(|times| {
                let mut spent = Duration::ZERO;
                for _ in 0..times {
                    id += 1;
                    let input = Input::Enqueue(waiting(id, &wish(&mut dice), now));
                    let begun = Instant::now();
                    let effects = black_box(desk.apply(input, now));
                    spent += begun.elapsed();
                    assert!(count < 100 || matches!(effects[..], [Effect::Offered(_)]));
                    desk.apply(Input::Leave(ConversationId::from(WAITING + id)), now);
                }
                spent
            });
        });
        let mut dice = Dice(11);
        group.bench_function(BenchmarkId::new("scan", count), |bencher| {
            bencher.iter(|| scan(&agents, &wish(&mut dice)));
        });
    }
    group.finish();
}

/// What one more conversation, and one agent who becomes free, cost while 10,000 wait.
fn long_queue(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("10,000 waiting");
    let mut desk = Desk::new(DeskRules::default(), Arc::new(IdClock::new(0)));
    let mut dice = Dice(11);
    let now = start();
    for id in 1..=10_000 {
        desk.apply(Input::Enqueue(waiting(id, &wish(&mut dice), now)), now);
    }
    let mut id = 10_000;
    group.bench_function("enqueue and leave", |bencher| {
        bencher.iter(|| {
            id += 1;
            desk.apply(Input::Enqueue(waiting(id, &wish(&mut dice), now)), now);
            desk.apply(Input::Leave(ConversationId::from(WAITING + id)), now)
        });
    });
    let agent = AgentId::from(1);
    let skills = (0..SKILLS).map(|skill| (format!("skill-{skill}"), 5)).collect();
    desk.apply(Input::AgentChanged(AgentProfile { skills, ..AgentProfile::new(agent) }), now);
    group.bench_function("an agent comes, is offered four, and goes", |bencher| {
        bencher.iter(|| {
            let effects = desk.apply(Input::Presence { agent, presence: Presence::Online }, now);
            assert_eq!(effects.len(), 4);
            desk.apply(Input::Presence { agent, presence: Presence::Offline }, now)
        });
    });
    group.finish();
}

criterion_group!(benches, one_match, long_queue);
criterion_main!(benches);
