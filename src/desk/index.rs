//! Finds the best agent for a need without looking at each of them.
//!
//! One bitset over agents for each fact that a need asks for (member of a queue, room for a kind, a skill at a level
//! or above): their intersection is who fits. The best of those is found by walking the agents in the strategy's
//! order when many fit, and by comparing those who fit when few do; so either way few are looked at.

use std::collections::{BTreeSet, HashMap};

use contract::{AgentId, Timestamp};

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
    /// Skill and lowest level, by skill, no level 0.
    pub skills: Vec<(u32, u8)>,
}

/// Since when an agent's work has not changed; `turn` orders what happened in one instant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Idle {
    pub since: Timestamp,
    pub turn: u64,
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
    seats: Vec<Seat>,
    vacant: Vec<Slot>,
    by_idle: BTreeSet<Standing>,
    by_load: BTreeSet<Standing>,
    fitting: Bits,
}

/// What the orders know of an agent. Lower stands first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Standing {
    points: u32,
    idle: Idle,
    agent: AgentId,
    slot: Slot,
}

#[derive(Debug, Clone, Copy)]
struct Seat {
    agent: AgentId,
    idle: Idle,
    /// Load by capacity, in millionths.
    share: u32,
}

impl Index {
    /// Gives an agent a slot. Everything about it is set by [`profile`](Self::profile) and [`refresh`](Self::refresh).
    pub fn seat(&mut self, agent: AgentId) -> Slot {
        let seat = Seat { agent, idle: Idle { since: Timestamp::MIN, turn: 0 }, share: 0 };
        if let Some(slot) = self.vacant.pop() {
            self.seats[slot as usize] = seat;
            return slot;
        }
        self.seats.push(seat);
        Slot::try_from(self.seats.len() - 1).unwrap_or(Slot::MAX)
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
        let slot = agent.slot;
        if self.online.has(slot) {
            self.by_idle.remove(&self.by_idle_of(slot));
            self.by_load.remove(&self.by_load_of(slot));
        }
        let online = agent.is_reachable();
        self.seats[slot as usize] = Seat { agent: agent.profile.id, idle: agent.idle, share: agent.share() };
        if online {
            self.by_idle.insert(self.by_idle_of(slot));
            self.by_load.insert(self.by_load_of(slot));
        }
        self.online.set(slot, online);
        self.free.set(slot, online && agent.load.saturating_add(weights.lightest()) <= agent.profile.capacity);
        for (name, kind) in self.kinds.iter() {
            self.room[kind as usize].set(slot, agent.has_room(name, kind, weights.of(name)));
        }
    }

    /// Whether an agent serves the queue and has the skills, room or not.
    pub fn fits(&self, slot: Slot, need: &Need) -> bool {
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
            return Best::Agent { agent: self.seats[slot as usize].agent, chosen: Chosen::PreviousAgent };
        }
        let order = match strategy {
            Strategy::LongestIdle => Some(&self.by_idle),
            Strategy::LeastLoaded => Some(&self.by_load),
            Strategy::MostSkilled => None,
        };
        let walked = order
            .and_then(|order| order.iter().take(fitting.count()).find(|standing| fitting.has(standing.slot)).copied());
        let first = walked.or_else(|| fitting.ones().map(|slot| self.standing(slot, need, strategy)).min());
        first.map_or(Best::OnlyExcluded, |Standing { agent, idle, points, .. }| Best::Agent {
            agent,
            chosen: match strategy {
                Strategy::LongestIdle => Chosen::LongestIdle { since: idle.since },
                Strategy::LeastLoaded => Chosen::LeastLoaded { share: points },
                Strategy::MostSkilled => Chosen::MostSkilled { levels: u32::MAX - points },
            },
        })
    }

    fn standing(&self, slot: Slot, need: &Need, strategy: Strategy) -> Standing {
        match strategy {
            Strategy::LongestIdle => self.by_idle_of(slot),
            Strategy::LeastLoaded => self.by_load_of(slot),
            Strategy::MostSkilled => {
                let levels = need.skills.iter().map(|&(skill, _)| self.level(slot, skill)).sum::<u32>();
                Standing { points: u32::MAX - levels, ..self.by_idle_of(slot) }
            }
        }
    }

    fn level(&self, slot: Slot, skill: u32) -> u32 {
        self.levels[skill as usize].iter().map(|bits| u32::from(bits.has(slot))).sum()
    }

    fn at_least(&self, skill: u32, level: u8) -> Option<&Bits> {
        self.levels[skill as usize].get(usize::from(level) - 1)
    }

    fn by_idle_of(&self, slot: Slot) -> Standing {
        let Seat { agent, idle, .. } = self.seats[slot as usize];
        Standing { points: 0, idle, agent, slot }
    }

    fn by_load_of(&self, slot: Slot) -> Standing {
        Standing { points: self.seats[slot as usize].share, ..self.by_idle_of(slot) }
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
