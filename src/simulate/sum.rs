//! What a run came to, summed up.

use std::collections::BTreeMap;

use jiff::SignedDuration;

use super::{
    report::{AgentReport, QueueReport, Report, Service, ratio},
    run::Run,
    state::{Conversation, DealtWith, Queued, agent_id},
};
use crate::desk::desk_rules;

impl Run<'_> {
    /// Everything that happened so far.
    pub fn report(&self) -> Report {
        let dealt_with =
            |by| self.conversations.iter().filter(|conversation| conversation.dealt_with == by).count() as u64;
        let mut queues: BTreeMap<&str, Vec<&Queued>> =
            self.rules.queues().keys().map(|queue| (queue.as_str(), Vec::new())).collect();
        let mut priorities: BTreeMap<_, Vec<&Queued>> = BTreeMap::new();
        for queued in self.queued() {
            queues.entry(&queued.handoff.queue).or_default().push(queued);
            priorities.entry(queued.handoff.priority).or_default().push(queued);
        }
        Report {
            rules: self.rules.hash().to_string(),
            arrived: self.conversations.len() as u64,
            answered_by_bot: dealt_with(DealtWith::Bot),
            ended_by_rule: dealt_with(DealtWith::Rule),
            unanswered: dealt_with(DealtWith::Nobody),
            all: self.service(self.queued()),
            queues: queues.into_iter().map(|(name, queued)| (name.to_owned(), self.queue(name, &queued))).collect(),
            priorities: priorities.into_iter().map(|(of, queued)| (of, self.service(queued.into_iter()))).collect(),
            offers: self.offers,
            longest_queue: self.longest.iter().rev().max_by_key(|longest| longest.waiting).cloned(),
            agents: (0..self.agents.len()).map(|agent| self.agent(agent)).collect(),
        }
    }

    fn queued(&self) -> impl Iterator<Item = &Queued> {
        self.conversations.iter().filter_map(|Conversation { queued, .. }| queued.as_ref())
    }

    fn service<'q>(&self, queued: impl Iterator<Item = &'q Queued>) -> Service {
        let waits = queued.map(|Queued { at, left, .. }| match left {
            Some((left, agent)) => (left.duration_since(*at), Some(agent.is_some())),
            None => (self.now.duration_since(*at), None),
        });
        Service::of(waits, self.scenario.target)
    }

    fn queue(&self, name: &str, queued: &[&Queued]) -> QueueReport {
        let weights = desk_rules(self.rules).weights;
        let taken = queued.iter().filter_map(|queued| match queued.left {
            Some((at, Some(_))) => {
                let held = milliseconds(queued.ended.unwrap_or(self.now).duration_since(at));
                Some(u64::from(weights.of(&queued.kind)) * held)
            }
            _ => None,
        });
        let members = self.agents.iter().enumerate().filter_map(|(number, agent)| {
            let profile = &self.desk.agent(agent_id(number))?.profile;
            profile.queues.includes(name).then_some(u64::from(profile.capacity) * agent.at_work)
        });
        QueueReport {
            service: self.service(queued.iter().copied()),
            longest: self.longest.iter().find(|longest| longest.queue == name).cloned(),
            utilisation: ratio(taken.sum(), members.sum()),
        }
    }

    fn agent(&self, number: usize) -> AgentReport {
        let agent = &self.agents[number];
        let group = &self.scenario.agents[agent.group];
        AgentReport {
            name: agent.name.clone(),
            group: group.name.clone(),
            at_work: SignedDuration::from_millis(agent.at_work.try_into().unwrap_or(i64::MAX)),
            busy: ratio(agent.busy, agent.at_work),
            load: ratio(agent.loaded, agent.at_work * u64::from(group.capacity)),
            accepted: agent.accepted,
            set_away: agent.set_away,
        }
    }
}

fn milliseconds(duration: SignedDuration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(0)
}
