//! For those who run it: why something was decided, dead letters, the ledger.

use std::sync::Arc;

use axum::{Json, extract::State};
use contract::{ConversationId, OutboundId};
use serde::Serialize;
use utoipa::ToSchema;

use super::{
    Path,
    conversations::{entry_id, visible},
};
use crate::{
    explain::{Explanation, explain_conversation, explain_entry},
    http::{
        ApiError, App,
        auth::Caller,
        views::{EntryView, Items},
    },
    past::RuleSets,
    store::{
        outbox::{DeadLetter, Ledger, Redriven},
        people::Role,
    },
};

/// Why a message was handled as it was, or what was decided on a second opinion on it, by that one's entry.
#[utoipa::path(get, path = "/messages/{id}/why", params(("id" = String, Path)), tag = "operations", responses((status = 200, body = Explanation), (status = 404)))]
pub(super) async fn why(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<String>,
) -> Result<Json<Explanation>, ApiError> {
    let explanation = explain_entry(&mut rule_sets(&app), entry_id(&id)?).await?;
    let explanation = explanation.ok_or_else(|| ApiError::missing("decided message"))?;
    visible(&app, &caller, explanation.conversation).await?;
    Ok(Json(explanation))
}

/// The most decisions of one conversation.
const DECISIONS_MOST: usize = 100;

/// Everything that was decided in a conversation, explained; the oldest first.
#[utoipa::path(get, path = "/conversations/{id}/why", params(("id" = String, Path)), tag = "operations",
    operation_id = "why_conversation", responses((status = 200, body = Items<Explanation>), (status = 404)))]
pub(super) async fn why_conversation(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<ConversationId>,
) -> Result<Json<Items<Explanation>>, ApiError> {
    visible(&app, &caller, id).await?;
    let items = explain_conversation(&mut rule_sets(&app), id, DECISIONS_MOST).await?;
    Ok(Json(Items { items }))
}

fn rule_sets(app: &App) -> RuleSets {
    RuleSets::of(Arc::clone(&app.records.store)).with(&app.policy.rules())
}

/// What could not be processed or delivered.
#[utoipa::path(get, path = "/dead", tag = "operations", responses((status = 200, body = Items<DeadLetter>)))]
pub(super) async fn dead(State(app): State<App>, caller: Caller) -> Result<Json<Items<DeadLetter>>, ApiError> {
    caller.needs(Role::Supervisor)?;
    Ok(Json(Items { items: app.records.store.dead(super::LIST_MOST).await? }))
}

/// What a redriven letter became.
#[derive(Serialize, ToSchema)]
pub(super) struct RedrivenView {
    id: String,
}

/// Process or send a dead letter again.
#[utoipa::path(post, path = "/dead/{id}/redrive", params(("id" = String, Path)), tag = "operations",
    responses((status = 200, body = RedrivenView), (status = 404)))]
pub(super) async fn redrive(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<String>,
) -> Result<Json<RedrivenView>, ApiError> {
    caller.needs(Role::Supervisor)?;
    let redriven = app.records.store.redrive(&id).await?;
    tracing::info!(letter = id, by = caller.name, "A dead letter was redriven.");
    app.records.announcer.insist();
    Ok(Json(RedrivenView {
        id: match redriven {
            Redriven::Turn(id) => id.to_string(),
            Redriven::Outbound(id) => id.to_string(),
        },
    }))
}

/// Send a failed, unknown or held message again. Its agent can, and any supervisor.
#[utoipa::path(post, path = "/outbound/{id}/resend", params(("id" = String, Path)), tag = "operations",
    responses((status = 200, body = EntryView), (status = 409)))]
pub(super) async fn resend(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<OutboundId>,
) -> Result<Json<EntryView>, ApiError> {
    let full = app.records.store.entry(id.into()).await?.ok_or_else(|| ApiError::missing("message"))?;
    let conversation = visible(&app, &caller, full.conversation).await?;
    app.records.store.resend(id).await?;
    app.records.announcer.insist();
    let full = app.records.store.entry(id.into()).await?.ok_or_else(|| ApiError::missing("message"))?;
    if let Some(delivery) = &full.delivery {
        app.records.announcer.delivery(&conversation, id, delivery);
    }
    Ok(Json(EntryView::new(full)))
}

/// The account of every message.
#[utoipa::path(get, path = "/ledger", tag = "operations", responses((status = 200, body = Ledger)))]
pub(super) async fn ledger(State(app): State<App>, caller: Caller) -> Result<Json<Ledger>, ApiError> {
    caller.needs(Role::Admin)?;
    // In this order what is decided meanwhile is counted twice, and not left out.
    let waiting = app.queue.beside_record().await;
    Ok(Json(app.records.store.ledger().await?.with_waiting(waiting)))
}
