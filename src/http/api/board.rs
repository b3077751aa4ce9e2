//! The board of all queues, for supervisors: what waits, in which order, and why; and who is there.

use axum::{Json, extract::State};
use contract::{AgentId, ConversationId, Timestamp};
use serde::Serialize;
use utoipa::ToSchema;

use super::people::view;
use crate::{
    desk::Tally,
    http::{
        ApiError, App,
        auth::Caller,
        views::{AgentView, ConversationView, Named},
    },
    store::people::Role,
};

/// How many of one queue are shown.
const OF_ONE_QUEUE: usize = 100;

/// The board.
#[derive(Serialize, ToSchema)]
#[schema(as = Board)]
pub(super) struct BoardView {
    #[schema(value_type = String)]
    at: Timestamp,
    /// By queue, next first; at most 100 of each.
    waiting: Vec<Waits>,
    agents: Vec<AgentView>,
}

/// A conversation that waits, and why.
#[derive(Serialize, ToSchema)]
struct Waits {
    conversation: ConversationView,
    /// What the customer wrote last before the handoff.
    summary: String,
    queue: String,
    /// 1 is next.
    position: usize,
    /// Seconds since it was first queued.
    waited: u64,
    score: f64,
    parts: Parts,
    #[serde(skip_serializing_if = "Option::is_none")]
    offered: Option<Kept>,
    #[serde(skip_serializing_if = "Option::is_none")]
    kept_for: Option<Kept>,
    /// Present while its queue is closed; null where it is not known when that opens.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    closed_until: Option<Option<Timestamp>>,
    /// How many serve the queue.
    members: u32,
    hindered: Hindered,
    missing: Vec<Missing>,
}

/// What a score is made of, in seconds.
#[derive(Serialize, ToSchema)]
struct Parts {
    waited: f64,
    priority: i64,
    sla: i64,
}

/// For one agent, until a moment.
#[derive(Serialize, ToSchema)]
struct Kept {
    agent: Named,
    #[schema(value_type = String)]
    until: Timestamp,
}

/// How many members each thing keeps from it; one may count twice.
#[derive(Serialize, ToSchema)]
struct Hindered {
    not_online: u32,
    skill: u32,
    capacity: u32,
    cooling_down: u32,
}

/// A skill that it asks for, and how many members have it.
#[derive(Serialize, ToSchema)]
struct Missing {
    skill: String,
    needs: u8,
    have: u32,
}

/// What waits and why, and who is there.
#[utoipa::path(get, path = "/board", tag = "desk", operation_id = "board", responses((status = 200, body = BoardView)))]
pub(super) async fn board(State(app): State<App>, caller: Caller) -> Result<Json<BoardView>, ApiError> {
    caller.needs(Role::Supervisor)?;
    let at = crate::clock::now();
    let found = app.records.desk.ask(move |desk| {
        let mut found: Vec<(String, usize, ConversationId, Tally)> = Vec::new();
        for queue in desk.queues() {
            for (before, waits) in desk.waiting(queue, at).take(OF_ONE_QUEUE).enumerate() {
                let id = waits.waiting.conversation;
                found.extend(desk.tally(id, at).map(|tally| (queue.to_owned(), before + 1, id, tally)));
            }
        }
        found
    });
    let mut waiting = Vec::new();
    for (queue, position, id, tally) in found.await? {
        if let Some(conversation) = app.records.store.conversation(id).await? {
            let summary = conversation.handoff.as_ref().map(|handoff| handoff.summary.clone()).unwrap_or_default();
            let view = app.records.announcer.view(&conversation);
            waiting.push(Waits { summary, ..waits(&app, view, queue, position, tally) });
        }
    }
    let roster = app.records.announcer.roster();
    let agents = roster.all().iter().filter(|agent| agent.active).map(|agent| view(&app, agent)).collect();
    Ok(Json(BoardView { at, waiting, agents }))
}

#[expect(clippy::cast_precision_loss, clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "seconds")]
fn waits(app: &App, conversation: ConversationView, queue: String, position: usize, tally: Tally) -> Waits {
    let roster = app.records.announcer.roster();
    let kept = |agent: AgentId, until| Kept { agent: Named::new(agent, roster.name(agent)), until };
    let missing = |(skill, needs, have)| Missing { skill, needs, have };
    Waits {
        conversation,
        summary: String::new(),
        queue,
        position,
        waited: tally.waited.max(0.0) as u64,
        score: tally.waited + (tally.priority + tally.promises) as f64,
        parts: Parts { waited: tally.waited, priority: tally.priority, sla: tally.promises },
        offered: tally.offer.map(|offer| kept(offer.agent, offer.expires_at)),
        kept_for: tally.kept_for.map(|kept_for| kept(kept_for.agent, kept_for.until)),
        closed_until: tally.closed,
        members: tally.members,
        hindered: Hindered {
            not_online: tally.not_online,
            skill: tally.unskilled,
            capacity: tally.full,
            cooling_down: tally.cooling_down,
        },
        missing: tally.skills.into_iter().map(missing).collect(),
    }
}
