//! Who could take a conversation, and why the others cannot: `why-not`.

use axum::{Json, extract::State};
use contract::{AgentId, ConversationId, Timestamp};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::{Path, Query, conversations::visible, moves::colleague};
use crate::{
    desk::{Chosen, Hindrance, WhyNot},
    http::{
        ApiError, App,
        auth::Caller,
        views::{Items, Named, presence_word},
    },
};

/// An agent, and what stands between them and a conversation.
#[derive(Serialize, ToSchema)]
pub(super) struct Candidate {
    agent: Named,
    /// Whether nothing stands in the way.
    fits: bool,
    /// Why they have not been asked, or that they have; one sentence each.
    because: Vec<String>,
    /// The same for programs, and for other languages.
    standing: Standing,
}

/// How an agent stands to a conversation.
#[derive(Serialize, ToSchema)]
#[serde(tag = "type", rename_all = "snake_case")]
enum Standing {
    /// It waits in no queue.
    NotWaiting {
        #[serde(skip_serializing_if = "Option::is_none")]
        held_by: Option<Named>,
    },
    /// It is offered to them.
    Offered {
        #[schema(value_type = String)]
        until: Timestamp,
    },
    /// They could take it; somebody else was ranked higher and is asked.
    OfferedTo {
        agent: Named,
        #[schema(value_type = String)]
        until: Timestamp,
        chosen: &'static str,
    },
    /// What stands in the way; nothing where they could be asked.
    Hindered { hindrances: Vec<Hindered> },
}

/// One thing that keeps an agent from being asked.
#[derive(Serialize, ToSchema)]
#[serde(tag = "type", rename_all = "snake_case")]
enum Hindered {
    Unknown,
    Inactive,
    NotOnline {
        presence: &'static str,
    },
    NotMember {
        queue: String,
    },
    Skill {
        skill: String,
        needs: u8,
        has: u8,
    },
    Capacity {
        load: u32,
        capacity: u32,
        weight: u32,
    },
    Cap {
        kind: String,
        cap: u32,
    },
    Reserved {
        agent: Named,
        #[schema(value_type = String)]
        until: Timestamp,
    },
    Closed {
        #[serde(skip_serializing_if = "Option::is_none")]
        #[schema(value_type = Option<String>)]
        until: Option<Timestamp>,
    },
    CoolingDown {
        #[schema(value_type = String)]
        until: Timestamp,
    },
}

impl Standing {
    fn new(why: WhyNot, named: &dyn Fn(AgentId) -> Named) -> Self {
        match why {
            WhyNot::NotWaiting { held_by } => Self::NotWaiting { held_by: held_by.map(named) },
            WhyNot::Offered(offer) => Self::Offered { until: offer.expires_at },
            WhyNot::OfferedTo(offer) => Self::OfferedTo {
                agent: named(offer.agent),
                until: offer.expires_at,
                chosen: match offer.chosen {
                    Chosen::Reserved => "reserved",
                    Chosen::PreviousAgent => "previous_agent",
                    Chosen::LongestIdle { .. } => "longest_idle",
                    Chosen::LeastLoaded { .. } => "least_loaded",
                    Chosen::MostSkilled { .. } => "most_skilled",
                },
            },
            WhyNot::Hindered(all) => {
                Self::Hindered { hindrances: all.into_iter().map(|one| Hindered::new(one, named)).collect() }
            }
        }
    }
}

impl Hindered {
    fn new(hindrance: Hindrance, named: &dyn Fn(AgentId) -> Named) -> Self {
        match hindrance {
            Hindrance::Unknown => Self::Unknown,
            Hindrance::Inactive => Self::Inactive,
            Hindrance::NotOnline(presence) => Self::NotOnline { presence: presence_word(presence) },
            Hindrance::NotMember { queue } => Self::NotMember { queue },
            Hindrance::Skill { skill, needs, has } => Self::Skill { skill, needs, has },
            Hindrance::Capacity { load, capacity, weight } => Self::Capacity { load, capacity, weight },
            Hindrance::Cap { kind, cap } => Self::Cap { kind, cap },
            Hindrance::Reserved { agent, until } => Self::Reserved { agent: named(agent), until },
            Hindrance::Closed { until } => Self::Closed { until },
            Hindrance::CoolingDown { until } => Self::CoolingDown { until },
        }
    }
}

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
pub(super) struct Asked {
    /// Only this agent, by id or login.
    agent: Option<String>,
}

/// Who could take it, and why the others cannot, now. Who fits comes first.
#[utoipa::path(get, path = "/conversations/{id}/candidates", params(("id" = String, Path), Asked), tag = "desk",
    responses((status = 200, body = Items<Candidate>), (status = 404)))]
pub(super) async fn candidates(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<ConversationId>,
    Query(Asked { agent }): Query<Asked>,
) -> Result<Json<Items<Candidate>>, ApiError> {
    visible(&app, &caller, id).await?;
    let roster = app.records.announcer.roster();
    let agents: Vec<AgentId> = match agent {
        Some(agent) => vec![colleague(&app, &agent)?.id],
        None => roster.all().iter().filter(|agent| agent.active).map(|agent| agent.id).collect(),
    };
    let found = app.records.desk.ask(move |desk| {
        let now = crate::clock::now();
        agents.into_iter().map(|agent| (agent, desk.why_not(agent, id, now))).collect::<Vec<_>>()
    });
    let name = |agent: AgentId| roster.name(agent);
    let mut items: Vec<Candidate> = found
        .await?
        .into_iter()
        .map(|(agent, why)| Candidate {
            agent: Named::new(agent, name(agent)),
            fits: match &why {
                WhyNot::Hindered(hindrances) => hindrances.is_empty(),
                WhyNot::NotWaiting { .. } => false,
                WhyNot::Offered(_) | WhyNot::OfferedTo(_) => true,
            },
            because: why.sentences(&name),
            standing: Standing::new(why, &|agent| Named::new(agent, name(agent))),
        })
        .collect();
    items.sort_by_key(|candidate| !candidate.fits);
    Ok(Json(Items { items }))
}
