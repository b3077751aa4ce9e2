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
        let mut queues: BTreeMap<&str, Vec<&Conversation>> =
            self.rules.queues().keys().map(|queue| (queue.as_str(), Vec::new())).collect();
        let mut priorities: BTreeMap<_, Vec<&Conversation>> = BTreeMap::new();
        for conversation in &self.conversations {
            if let Some(queued) = &conversation.queued {
                queues.entry(&queued.queue).or_default().push(conversation);
                priorities.entry(queued.priority).or_default().push(conversation);
            }
        }
        Report {
            rules: self.rules.hash().to_string(),
            arrived: self.conversations.len() as u64,
            answered_by_bot: dealt_with(DealtWith::Bot),
            ended_by_rule: dealt_with(DealtWith::Rule),
            unanswered: dealt_with(DealtWith::Nobody),
            all: self.service(self.conversations.iter()),
            queues: queues.into_iter().map(|(name, all)| (name.to_owned(), self.queue(name, &all))).collect(),
            priorities: priorities.into_iter().map(|(of, all)| (of, self.service(all.into_iter()))).collect(),
            offers: self.offers,
            longest_queue: self.longest.iter().rev().max_by_key(|longest| longest.waiting).cloned(),
            agents: (0..self.agents.len()).map(|agent| self.agent(agent)).collect(),
        }
    }

    fn service<'q>(&self, conversations: impl Iterator<Item = &'q Conversation> + Clone) -> Service {
        let waits = queued(conversations.clone()).map(|Queued { at, left, .. }| match left {
            Some((left, agent)) => (left.duration_since(*at), Some(agent.is_some())),
            None => (self.now.duration_since(*at), None),
        });
        let mut service = Service::of(waits, self.scenario.target);
        let decided = queued(conversations.clone()).flat_map(|queued| queued.promises.iter().copied());
        for (clock, kept) in decided.chain(conversations.flat_map(|conversation| self.late(conversation))) {
            let promises = service.promises.entry(clock).or_default();
            *(if kept { &mut promises.kept } else { &mut promises.broken }) += 1;
        }
        service
    }

    fn queue(&self, name: &str, conversations: &[&Conversation]) -> QueueReport {
        let weights = desk_rules(self.rules).weights;
        let taken = queued(conversations.iter().copied()).filter_map(|queued| match queued.left {
            Some((at, Some(_))) => {
                let held = milliseconds(queued.ended.unwrap_or(self.now).duration_since(at));
                Some(u64::from(weights.of(&queued.record.kind)) * held)
            }
            _ => None,
        });
        let members = self.agents.iter().enumerate().filter_map(|(number, agent)| {
            let profile = &self.desk.agent(agent_id(number))?.profile;
            profile.queues.includes(name).then_some(u64::from(profile.capacity) * agent.at_work)
        });
        QueueReport {
            service: self.service(conversations.iter().copied()),
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

fn queued<'q>(conversations: impl Iterator<Item = &'q Conversation>) -> impl Iterator<Item = &'q Queued> {
    conversations.filter_map(|conversation| conversation.queued.as_ref())
}

fn milliseconds(duration: SignedDuration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(0)
}
