//! Moving conversations between people: transfers, and supervisors who take over.

use std::time::Duration;

use axum::{Json, extract::State};
use contract::{AgentId, ConversationId, EntryId, clean_text};
use serde::Deserialize;
use utoipa::ToSchema;

use super::{
    Body, Path,
    conversations::{author, needs_owner},
};
use crate::{
    desk::{Reserved, later, queues_of},
    http::{ApiError, App, auth::Caller, views::ConversationView},
    store::{
        Draft,
        conversation::{Handoff, Owner},
        entry::{EntryAuthor, Event},
        people::{Agent, Role},
    },
};

/// For how long a conversation is kept for the colleague whom it was transferred to.
const KEPT_FOR: Duration = Duration::from_secs(120);
/// The skills that a transfer keeps asking for begin so: the customer's language does not change.
const LANGUAGE: &str = "lang-";

/// Where a conversation goes: to a queue, to a colleague, or to a colleague by way of a queue.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Transfer {
    /// The queue; without it the conversation stays in its own.
    queue: Option<String>,
    /// The colleague's id or login. It is kept for them for two minutes, whatever their skills, and then offered to
    /// everybody.
    agent: Option<String>,
    /// What the next agent should know; the customer never sees it.
    note: Option<String>,
}

/// Give it to another queue or a colleague, at its original age. Its agent can; a supervisor can move any.
#[utoipa::path(post, path = "/conversations/{id}/transfer", params(("id" = String, Path)), request_body = Transfer, tag = "conversations",
    responses((status = 200, body = ConversationView), (status = 409), (status = 422)))]
pub(super) async fn transfer(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<ConversationId>,
    Body(Transfer { queue, agent, note }): Body<Transfer>,
) -> Result<Json<ConversationView>, ApiError> {
    let colleague = agent.as_deref().map(|agent| colleague(&app, agent)).transpose()?;
    if queue.is_none() && colleague.is_none() {
        return Err(ApiError::wrong("Name a queue or an agent to transfer to."));
    }
    if let Some(queue) = queue.as_deref().filter(|queue| !app.policy.rules().queues().contains_key(*queue)) {
        return Err(ApiError::missing(&format!("queue {queue:?}; the rules have none of that name")));
    }
    let note = note.map(|note| clean_text(&note)).filter(|note| !note.is_empty());
    let mut number = app.records.tickets.numbers.draw().await?;
    let amended = app.records.amend(id, |draft| {
        allowed(&caller, draft)?;
        let now = draft.now;
        let reserved = colleague.as_ref().map(|agent| Reserved { agent: agent.id, until: later(now, KEPT_FOR) });
        let to = queue.clone().unwrap_or_else(|| queue_for(&app, draft, colleague.as_ref()));
        draft.give_ticket(&mut number, &to);
        if draft.conversation.handoff.is_none() {
            draft.conversation.hand_off(Handoff::new(&to, &format!("transferred by {}", caller.name), now));
        }
        draft.conversation.requeue(reserved);
        if let Some(handoff) = &mut draft.conversation.handoff {
            if handoff.queue != to {
                handoff.skills.retain(|need| need.skill.starts_with(LANGUAGE));
            }
            handoff.queue.clone_from(&to);
        }
        if let Some(note) = &note {
            let entry: EntryId = app.records.ids.next(now);
            let by = caller.agent.as_ref().map_or(EntryAuthor::System, |agent| author(agent));
            draft.note(entry, by, contract::Body::text(note.clone()));
        }
        let agent = colleague.as_ref().map(|agent| agent.id.to_string());
        draft.event(EntryAuthor::System, Event::Transferred { by: caller.name.clone(), queue: to, agent });
        Ok(())
    });
    let (conversation, _) = amended.await?;
    Ok(Json(app.records.announcer.view(&conversation)))
}

/// To whom it is given.
#[derive(Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Take {
    /// An agent's id or login; without it, you.
    agent: Option<String>,
}

/// Take it over, or give it to an agent at once, whoever has it now, even above their capacity. For supervisors.
#[utoipa::path(post, path = "/conversations/{id}/take", params(("id" = String, Path)), request_body = Take, tag = "conversations",
    responses((status = 200, body = ConversationView), (status = 409)))]
pub(super) async fn take(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<ConversationId>,
    Body(Take { agent }): Body<Take>,
) -> Result<Json<ConversationView>, ApiError> {
    caller.needs(Role::Supervisor)?;
    let agent = match agent {
        Some(agent) => colleague(&app, &agent)?,
        None => Agent::clone(caller.agent()?),
    };
    let mut number = app.records.tickets.numbers.draw().await?;
    let amended = app.records.amend(id, |draft| {
        allowed(&caller, draft)?;
        if draft.conversation.agent == Some(agent.id) {
            return Ok(());
        }
        let now = draft.now;
        if draft.conversation.handoff.is_none() {
            let queue = queue_for(&app, draft, Some(&agent));
            draft.give_ticket(&mut number, &queue);
            draft.conversation.hand_off(Handoff::new(&queue, &format!("taken over by {}", caller.name), now));
        }
        draft.conversation.assign(agent.id, now);
        let event = Event::TakenOver { by: caller.name.clone(), agent: agent.id.to_string() };
        draft.event(EntryAuthor::System, event);
        Ok::<(), ApiError>(())
    });
    let (conversation, _) = amended.await?;
    Ok(Json(app.records.announcer.view(&conversation)))
}

fn allowed(caller: &Caller, draft: &Draft<'_>) -> Result<(), ApiError> {
    if caller.role < Role::Supervisor {
        needs_owner(draft, caller.agent()?)?;
    }
    if draft.conversation.owner == Owner::Closed {
        return Err(ApiError::conflict(
            "closed",
            "The conversation is closed; it opens when the customer writes again.",
        ));
    }
    Ok(())
}

/// An active agent, by id or login.
pub(super) fn colleague(app: &App, named: &str) -> Result<Agent, ApiError> {
    let roster = app.records.announcer.roster();
    let found = match named.parse::<AgentId>() {
        Ok(id) => roster.get(id),
        Err(_) => roster.by_login(named),
    };
    let found = found.filter(|agent| agent.active);
    found.map(|agent| Agent::clone(&agent)).ok_or_else(|| ApiError::missing("active agent of that id or login"))
}

/// The queue that a conversation is in, or else one of the agent's.
fn queue_for(app: &App, draft: &Draft<'_>, agent: Option<&Agent>) -> String {
    let rules = app.policy.rules();
    let own = draft.conversation.handoff.as_ref().map(|handoff| handoff.queue.clone());
    own.or_else(|| queues_of(agent?, &rules).into_iter().next())
        .or_else(|| rules.queues().keys().next().cloned())
        .unwrap_or_default()
}
