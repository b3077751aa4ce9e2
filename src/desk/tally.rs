//! Why a conversation waits: what stands between it and those who serve its queue, counted.

use std::collections::BTreeMap;

use contract::{ConversationId, Timestamp};

use super::{
    event::{Offer, Presence, Reserved, Waiting},
    matcher::{Desk, queue_rules},
};

/// A waiting conversation as a supervisor looks at it.
#[derive(Debug, Clone, PartialEq)]
pub struct Tally {
    /// Seconds since it was first queued.
    pub waited: f64,
    /// What its priority is worth, in seconds.
    pub priority: i64,
    /// What promises in danger are worth, in seconds.
    pub promises: i64,
    /// The offer that it is out on.
    pub offer: Option<Offer>,
    /// For whom it is kept.
    pub kept_for: Option<Reserved>,
    /// Its queue is closed; until when, where that is known.
    pub closed: Option<Option<Timestamp>>,
    /// Active agents who serve the queue.
    pub members: u32,
    /// Those of them who are away or offline.
    pub not_online: u32,
    /// Those who lack a skill.
    pub unskilled: u32,
    /// Those without room for it.
    pub full: u32,
    /// Those who declined it or let it expire a short while ago.
    pub cooling_down: u32,
    /// The skills that it asks for now, with the level and how many members have it.
    pub skills: Vec<(String, u8, u32)>,
}

impl Desk {
    /// Why a conversation waits, as of `now`; `None` for one that is in no queue.
    #[must_use]
    pub fn tally(&self, conversation: ConversationId, now: Timestamp) -> Option<Tally> {
        let now = self.now.max(now);
        let place = self.places.get(&conversation)?;
        let Waiting { queue, kind, priority, enqueued_at, requirements, reserved, .. } = &place.waiting;
        let (rules, weight) = (queue_rules(&self.rules, queue), self.rules.weights.of(kind));
        let wait = now.duration_since(*enqueued_at);
        let mut levels: BTreeMap<&str, u8> = BTreeMap::new();
        for need in requirements {
            let level = levels.entry(&need.skill).or_default();
            *level = need.level_at(wait).max(*level);
        }
        levels.retain(|_, level| *level > 0);
        let mut skills: Vec<(String, u8, u32)> =
            levels.into_iter().map(|(skill, level)| (skill.to_owned(), level, 0)).collect();
        let (mut members, mut not_online, mut unskilled, mut full, mut cooling_down) = (0, 0, 0, 0, 0);
        let all = self.agents.values().map(Box::as_ref);
        for agent in all.filter(|agent| agent.profile.active && agent.profile.queues.includes(queue)) {
            members += 1;
            let mut has_all = true;
            for (skill, level, have) in &mut skills {
                let has = agent.profile.skills.get(skill).is_some_and(|has| has >= level);
                *have += u32::from(has);
                has_all &= has;
            }
            unskilled += u32::from(!has_all);
            not_online += u32::from(agent.presence != Presence::Online);
            full += u32::from(agent.presence == Presence::Online && !agent.has_room(kind, place.kind, weight));
            cooling_down += u32::from(place.cooling.get(&agent.profile.id).is_some_and(|&until| now < until));
        }
        Some(Tally {
            waited: wait.as_secs_f64(),
            priority: rules.credits.of(*priority),
            promises: place.waiting.boost(now),
            offer: place.offer.and_then(|offer| self.offers.get(&offer)).cloned(),
            kept_for: place.kept_for(now).and(*reserved),
            closed: (!rules.is_open(now)).then(|| rules.hours.as_ref().and_then(|hours| hours.opens_from(now))),
            members,
            not_online,
            unskilled,
            full,
            cooling_down,
            skills,
        })
    }
}
