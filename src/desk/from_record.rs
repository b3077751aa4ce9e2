//! What a conversation's record means to the desk: the daemon and the simulation tell it the same.

use super::{Boost, Input, Waiting};
use crate::{
    routing::RuleSet,
    sla::{Promise, promises},
    store::conversation::{Conversation, Owner},
};

/// What the desk is to be told of a conversation as it stands; `None` when neither a queue nor an agent owns it.
#[must_use]
pub fn input_for(conversation: &Conversation, rules: &RuleSet) -> Option<Input> {
    let handoff = conversation.handoff.as_ref();
    match (conversation.owner, conversation.agent, handoff) {
        (Owner::Agent, Some(agent), _) => Some(Input::Hold {
            conversation: conversation.id,
            agent,
            queue: handoff.map(|handoff| handoff.queue.clone()),
            kind: conversation.kind.clone(),
            epoch: conversation.epoch,
        }),
        (Owner::Queue, _, Some(handoff)) => Some(Input::Enqueue(Waiting {
            epoch: conversation.epoch,
            priority: handoff.priority,
            requirements: handoff.skills.clone(),
            previous_agent: conversation.previous_agent.filter(|_| !handoff.released),
            reserved: handoff.reserved,
            boosts: boosts(conversation, rules),
            ..Waiting::new(conversation.id, &handoff.queue, &conversation.kind, handoff.at)
        })),
        _ => None,
    }
}

/// What the promises to a conversation are worth from when on: the most of those in danger.
fn boosts(conversation: &Conversation, rules: &RuleSet) -> Vec<Boost> {
    let mut boosts: Vec<Boost> = promises(conversation, rules)
        .flat_map(|promise| {
            let Promise { at_risk, due, boost, .. } = promise;
            [Boost { at: at_risk, seconds: boost.risk }, Boost { at: due, seconds: boost.breach }]
        })
        .collect();
    boosts.sort_unstable_by_key(|boost| (boost.at, boost.seconds));
    let mut most = 0;
    for boost in &mut boosts {
        most = most.max(boost.seconds);
        boost.seconds = most;
    }
    boosts
}
