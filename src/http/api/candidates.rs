//! Who could take a conversation, and why the others cannot: `why-not`.

use axum::{Json, extract::State};
use contract::{AgentId, ConversationId};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::{Path, Query, conversations::visible, moves::colleague};
use crate::{
    desk::WhyNot,
    http::{
        ApiError, App,
        auth::Caller,
        views::{Items, Named},
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
        .await
        .unwrap_or_default()
        .into_iter()
        .map(|(agent, why)| Candidate {
            agent: Named::new(agent, name(agent)),
            fits: !matches!(&why, WhyNot::Hindered(_) | WhyNot::NotWaiting { .. }),
            because: why.sentences(&name),
        })
        .collect();
    items.sort_by_key(|candidate| !candidate.fits);
    Ok(Json(Items { items }))
}
