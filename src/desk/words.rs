//! Why an agent was not asked, in sentences.

use contract::AgentId;

use super::{Chosen, Hindrance, Offer, Presence, WhyNot};

impl WhyNot {
    /// One sentence for each thing that stands in the way; `name` tells what an agent is called.
    #[must_use]
    pub fn sentences(&self, name: &dyn Fn(AgentId) -> String) -> Vec<String> {
        match self {
            Self::NotWaiting { held_by: Some(agent) } => vec![format!("It is with {}.", name(*agent))],
            Self::NotWaiting { held_by: None } => vec!["It waits in no queue.".to_owned()],
            Self::Offered(offer) => vec![format!("It is offered to them until {}.", time(offer.expires_at))],
            Self::OfferedTo(offer) => vec![format!(
                "They could take it, but it is offered to {} until {}, {}.",
                name(offer.agent),
                time(offer.expires_at),
                because(offer)
            )],
            Self::Hindered(hindrances) => hindrances.iter().map(|hindrance| hindrance.sentence(name)).collect(),
        }
    }
}

impl Hindrance {
    fn sentence(&self, name: &dyn Fn(AgentId) -> String) -> String {
        match self {
            Self::Unknown => "The desk does not know them.".to_owned(),
            Self::Inactive => "Their account is not active.".to_owned(),
            Self::NotOnline(Presence::Away) => "They are away.".to_owned(),
            Self::NotOnline(_) => "They are offline.".to_owned(),
            Self::NotMember { queue } => format!("They do not serve the queue {queue}."),
            Self::Skill { skill, needs, has: 0 } => format!("It asks for {skill} {needs}, which they do not have."),
            Self::Skill { skill, needs, has } => format!("It asks for {skill} {needs}; they have {has}."),
            Self::Capacity { load, capacity, weight } => {
                format!("It weighs {weight}, and of their capacity of {capacity} {load} is in use.")
            }
            Self::Cap { kind, cap } => {
                format!("They have {cap} conversations of the kind {kind}, and may have no more.")
            }
            Self::Reserved { agent, until } => format!("It is kept for {} until {}.", name(*agent), time(*until)),
            Self::Closed { until: Some(until) } => format!("Its queue is closed until {}.", time(*until)),
            Self::Closed { until: None } => "Its queue is closed.".to_owned(),
            Self::CoolingDown { until } => {
                format!("They declined it or let it expire; it is not offered to them again before {}.", time(*until))
            }
        }
    }
}

fn because(offer: &Offer) -> String {
    match offer.chosen {
        Chosen::Reserved => "for whom it is kept".to_owned(),
        Chosen::PreviousAgent => "who had it before".to_owned(),
        Chosen::LongestIdle { since } => format!("who has been without a new conversation since {}", time(since)),
        Chosen::LeastLoaded { share } => format!("who has the least in hand, {} % of their capacity", share / 10_000),
        Chosen::MostSkilled { levels } => format!("who is the most skilled, at {levels} levels in all"),
    }
}

fn time(at: contract::Timestamp) -> String {
    at.strftime("%F %T UTC").to_string()
}
