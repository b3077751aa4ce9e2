//! Finds the best agent for a need without looking at each of them.
//!
//! One bitset over agents for each fact that a need asks for (member of a queue, room for a kind, a skill at a level
//! or above): their intersection is who fits. The best of those is found by walking the agents in the strategy's
//! order when many fit, and by comparing those who fit when few do; so either way few are looked at.

use std::collections::BTreeSet;

use contract::{AgentId, Timestamp};
use hashbrown::HashMap;

use super::{
    event::Chosen,
    rules::{HIGHEST_LEVEL, Strategy, Weights},
    state::AgentState,
};

/// An agent's place in the bitsets.
pub(super) type Slot = u32;

/// What an agent must offer to be asked, with names as numbers. Conversations of equal needs share a line.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Need {
    pub queue: u32,
    pub kind: u32,
    /// For whom it is kept; queue and skills do not matter then.
    pub only: Option<AgentId>,
    /// Skill and lowest level, by skill, no level 0.
    pub skills: Vec<(u32, u8)>,
}

/// Since when an agent's work has not changed. Turns rise with every change, so they order also what happened in one
/// instant; only agents who came online in the same one share a turn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Idle {
    pub turn: u64,
    pub since: Timestamp,
}

impl Default for Idle {
    fn default() -> Self {
        Self { turn: 0, since: Timestamp::MIN }
    }
}

/// Who is best for a need.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Best {
    Agent {
        agent: AgentId,
        chosen: Chosen,
    },
    /// Some would fit, were they not excluded.
    OnlyExcluded,
    Nobody,
}

/// Agents by everything that needs ask for.
#[derive(Debug, Default)]
pub(super) struct Index {
    pub queues: Names,
    members: Vec<Bits>,
    pub kinds: Names,
    room: Vec<Bits>,
    pub skills: Names,
    /// By skill, then by level less one: who has that level or more.
    levels: Vec<[Bits; HIGHEST_LEVEL as usize]>,
    online: Bits,
    free: Bits,
    vacant: Vec<Slot>,
    /// By slot, apart from each other because a scan reads little of each agent.
    agents: Vec<AgentId>,
    turns: Vec<u64>,
    idle_since: Vec<Timestamp>,
    shares: Vec<u32>,
    /// Who is online, longest idle first.
    by_idle: BTreeSet<(u64, AgentId, Slot)>,
    fitting: Bits,
}

impl Index {
    /// Gives an agent a slot. Everything about it is set by [`profile`](Self::profile) and [`refresh`](Self::refresh).
    pub fn seat(&mut self, agent: AgentId) -> Slot {
        if let Some(slot) = self.vacant.pop() {
            self.agents[slot as usize] = agent;
            return slot;
        }
        self.agents.push(agent);
        self.turns.push(0);
        self.idle_since.push(Idle::default().since);
        self.shares.push(0);
        Slot::try_from(self.agents.len() - 1).unwrap_or(Slot::MAX)
    }

    /// Takes the slot of an agent away who is not online and has an empty profile.
    pub fn unseat(&mut self, slot: Slot) {
        self.vacant.push(slot);
    }

    /// The number of a queue; `agents` are all, to place them in one that is new.
    pub fn queue<'a>(&mut self, name: &str, agents: impl Iterator<Item = &'a AgentState>) -> u32 {
        self.queues.get(name).unwrap_or_else(|| {
            let mut members = Bits::default();
            for agent in agents {
                members.set(agent.slot, agent.profile.queues.includes(name));
            }
            self.members.push(members);
            self.queues.add(name)
        })
    }

    /// The number of a kind of channel; `agents` are all, to place them in one that is new.
    pub fn kind<'a>(&mut self, name: &str, weights: &Weights, agents: impl Iterator<Item = &'a AgentState>) -> u32 {
        self.kinds.get(name).unwrap_or_else(|| {
            let kind = self.kinds.add(name);
            let mut room = Bits::default();
            for agent in agents {
                room.set(agent.slot, agent.has_room(name, kind, weights.of(name)));
            }
            self.room.push(room);
            kind
        })
    }

    /// The number of a skill.
    pub fn skill(&mut self, name: &str) -> u32 {
        self.skills.get(name).unwrap_or_else(|| {
            self.levels.push(Default::default());
            self.skills.add(name)
        })
    }

    /// Takes up an agent's queues and skills.
    pub fn profile(&mut self, agent: &AgentState) {
        for name in agent.profile.skills.keys() {
            self.skill(name);
        }
        for (name, skill) in self.skills.iter() {
            let has = agent.profile.skills.get(name).copied().unwrap_or(0).min(HIGHEST_LEVEL);
            for (level, bits) in (1..).zip(&mut self.levels[skill as usize]) {
                bits.set(agent.slot, level <= has);
            }
        }
        for (name, queue) in self.queues.iter() {
            self.members[queue as usize].set(agent.slot, agent.profile.queues.includes(name));
        }
    }

    /// Takes up an agent's presence, load and idleness.
    pub fn refresh(&mut self, agent: &AgentState, weights: &Weights) {
        let (slot, at) = (agent.slot, agent.slot as usize);
        let (was_online, online) = (self.online.has(slot), agent.is_reachable());
        let has_moved = self.turns[at] != agent.idle.turn;
        if was_online && (!online || has_moved) {
            self.by_idle.remove(&(self.turns[at], self.agents[at], slot));
        }
        Idle { turn: self.turns[at], since: self.idle_since[at] } = agent.idle;
        self.shares[at] = agent.share();
        if online && (!was_online || has_moved) {
            self.by_idle.insert((self.turns[at], self.agents[at], slot));
        }
        self.online.set(slot, online);
        self.free.set(slot, online && agent.load.saturating_add(weights.lightest()) <= agent.profile.capacity);
        for (name, kind) in self.kinds.iter() {
            self.room[kind as usize].set(slot, agent.has_room(name, kind, weights.of(name)));
        }
    }

    /// Whether an agent serves the queue and has the skills, room or not.
    pub fn fits(&self, slot: Slot, need: &Need) -> bool {
        if let Some(only) = need.only {
            return self.agents[slot as usize] == only;
        }
        self.members[need.queue as usize].has(slot)
            && need.skills.iter().all(|&(skill, level)| self.at_least(skill, level).is_some_and(|bits| bits.has(slot)))
    }

    /// Whether an agent could be asked for the need.
    pub fn meets(&self, slot: Slot, need: &Need) -> bool {
        self.room[need.kind as usize].has(slot) && self.fits(slot, need)
    }

    /// The best agent for a need who is not excluded: `preferred`, else by the strategy.
    pub fn best(
        &mut self,
        need: &Need,
        strategy: Strategy,
        preferred: Option<Slot>,
        excluded: impl Iterator<Item = Slot>,
    ) -> Best {
        let mut fitting = std::mem::take(&mut self.fitting);
        let best = if self.intersect(need, &mut fitting) {
            excluded.for_each(|slot| fitting.set(slot, false));
            self.first_of(&fitting, need, strategy, preferred)
        } else {
            Best::Nobody
        };
        self.fitting = fitting;
        best
    }

    /// How many members of a queue are online, and how many of those have room for something.
    pub fn members_online(&self, queue: u32) -> (u32, u32) {
        let members = &self.members[queue as usize];
        (members.count_with(&self.online), members.count_with(&self.free))
    }

    fn intersect(&self, need: &Need, fitting: &mut Bits) -> bool {
        fitting.copy(&self.room[need.kind as usize]);
        fitting.keep(&self.members[need.queue as usize]);
        for &(skill, level) in &need.skills {
            match self.at_least(skill, level) {
                Some(bits) => fitting.keep(bits),
                None => return false,
            }
        }
        fitting.0.iter().any(|&word| word != 0)
    }

    fn first_of(&self, fitting: &Bits, need: &Need, strategy: Strategy, preferred: Option<Slot>) -> Best {
        if let Some(slot) = preferred.filter(|&slot| fitting.has(slot)) {
            return Best::Agent { agent: self.agents[slot as usize], chosen: Chosen::PreviousAgent };
        }
        let first = match strategy {
            Strategy::LongestIdle => self.longest_idle(fitting),
            Strategy::LeastLoaded => self.least(fitting, |slot| self.shares[slot as usize]),
            Strategy::MostSkilled => self.least(fitting, |slot| u32::MAX - self.levels_in(need, slot)),
        };
        let Some(slot) = first else { return Best::OnlyExcluded };
        let chosen = match strategy {
            Strategy::LongestIdle => Chosen::LongestIdle { since: self.idle_since[slot as usize] },
            Strategy::LeastLoaded => Chosen::LeastLoaded { share: self.shares[slot as usize] },
            Strategy::MostSkilled => Chosen::MostSkilled { levels: self.levels_in(need, slot) },
        };
        Best::Agent { agent: self.agents[slot as usize], chosen }
    }

    /// Walks the idle for a while, which finds one soon where many fit; else compares those who fit, who are few or
    /// unlike the idle.
    fn longest_idle(&self, fitting: &Bits) -> Option<Slot> {
        const COMPARED_PER_STEP: usize = 8;
        let walk = self.by_idle.iter().take(fitting.count() / COMPARED_PER_STEP);
        let walked = walk.map(|&(.., slot)| slot).find(|&slot| fitting.has(slot));
        walked.or_else(|| self.least(fitting, |_| 0))
    }

    fn least(&self, fitting: &Bits, points: impl Fn(Slot) -> u32) -> Option<Slot> {
        let place = |slot: Slot| (points(slot), self.turns[slot as usize]);
        let first = fitting.ones().map(|slot| (place(slot), slot)).reduce(|best, next| {
            let is_first =
                next.0.cmp(&best.0).then_with(|| self.agents[next.1 as usize].cmp(&self.agents[best.1 as usize]));
            if is_first.is_lt() { next } else { best }
        });
        first.map(|(_, slot)| slot)
    }

    /// An agent's levels in the needed skills, summed.
    fn levels_in(&self, need: &Need, slot: Slot) -> u32 {
        let level = |skill: u32| self.levels[skill as usize].iter().map(|bits| u32::from(bits.has(slot))).sum::<u32>();
        need.skills.iter().map(|&(skill, _)| level(skill)).sum()
    }

    fn at_least(&self, skill: u32, level: u8) -> Option<&Bits> {
        self.levels[skill as usize].get(usize::from(level) - 1)
    }
}

/// Names as numbers from 0, in order of appearance.
#[derive(Debug, Default)]
pub(super) struct Names {
    numbers: HashMap<String, u32>,
    names: Vec<String>,
}

impl Names {
    pub fn get(&self, name: &str) -> Option<u32> {
        self.numbers.get(name).copied()
    }

    fn add(&mut self, name: &str) -> u32 {
        let number = u32::try_from(self.names.len()).unwrap_or(u32::MAX);
        self.names.push(name.to_owned());
        self.numbers.insert(name.to_owned(), number);
        number
    }

    fn iter(&self) -> impl Iterator<Item = (&str, u32)> {
        self.names.iter().map(String::as_str).zip(0..)
    }
}

/// A set of slots.
#[derive(Debug, Default)]
struct Bits(Vec<u64>);

impl Bits {
    fn set(&mut self, slot: Slot, on: bool) {
        let (word, bit) = (slot as usize / 64, 1 << (slot % 64));
        if word >= self.0.len() {
            if !on {
                return;
            }
            self.0.resize(word + 1, 0);
        }
        if on {
            self.0[word] |= bit;
        } else {
            self.0[word] &= !bit;
        }
    }

    fn has(&self, slot: Slot) -> bool {
        self.0.get(slot as usize / 64).is_some_and(|word| word & (1 << (slot % 64)) != 0)
    }

    fn copy(&mut self, other: &Self) {
        self.0.clear();
        self.0.extend_from_slice(&other.0);
    }

    fn keep(&mut self, other: &Self) {
        self.0.truncate(other.0.len());
        for (word, other) in self.0.iter_mut().zip(&other.0) {
            *word &= other;
        }
    }

    fn count(&self) -> usize {
        self.0.iter().map(|word| word.count_ones() as usize).sum()
    }

    fn count_with(&self, other: &Self) -> u32 {
        self.0.iter().zip(&other.0).map(|(a, b)| (a & b).count_ones()).sum()
    }

    fn ones(&self) -> impl Iterator<Item = Slot> {
        (0..).zip(&self.0).flat_map(|(word, &bits)| {
            std::iter::successors(Some(bits).filter(|&bits| bits != 0), |bits| {
                Some(bits & (bits - 1)).filter(|&bits| bits != 0)
            })
            .map(move |bits| word * 64 + bits.trailing_zeros())
        })
    }
}
