//! Looking back over decisions.

use std::sync::Arc;

use axum::{Json, extract::State};
use contract::{EntryId, Timestamp, clean_line};
use jiff::SignedDuration;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::{Query, conversations::entry_id, limit};
use crate::{
    decisions::{Found, Wanted, look},
    http::{ApiError, App, auth::Caller},
    store::{PastDecision, people::Role},
};

/// How much of a message is repeated, in characters.
const TEXT_CHARS: usize = 200;

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
pub(super) struct Asked {
    /// In which this rule acted.
    rule: Option<String>,
    /// That led to this queue.
    queue: Option<String>,
    /// On messages of this channel.
    channel: Option<String>,
    /// Made then or later; a week ago when nothing is said.
    #[param(value_type = Option<String>)]
    since: Option<Timestamp>,
    /// Made before.
    #[param(value_type = Option<String>)]
    until: Option<Timestamp>,
    /// `next` of the part before.
    before: Option<String>,
    limit: Option<usize>,
}

/// A decision, in brief.
#[derive(Serialize, ToSchema)]
#[schema(as = Decision)]
pub(super) struct DecisionView {
    /// For `/messages/{id}/why`.
    id: String,
    #[schema(value_type = String)]
    at: Timestamp,
    on: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    after: Option<u64>,
    conversation: String,
    channel: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    customer: Option<String>,
    text: String,
    rule: String,
    destination: String,
    tags: Vec<String>,
    /// The action that heard the message instead.
    #[serde(skip_serializing_if = "String::is_empty")]
    heard: String,
}

impl DecisionView {
    fn new(past: PastDecision) -> Self {
        Self {
            id: past.name(),
            at: past.at,
            on: past.on.as_str(),
            after: past.on.is_timed().then_some(past.after),
            conversation: past.conversation.to_string(),
            channel: past.inbound.channel.clone(),
            customer: past.inbound.from.name.clone(),
            text: clean_line(past.inbound.content.text(), TEXT_CHARS),
            rule: past.decision.rule,
            destination: past.decision.destination,
            tags: past.decision.tags,
            heard: past.decision.heard,
        }
    }
}

/// Decisions, newest first.
#[derive(Serialize, ToSchema)]
pub(super) struct Decisions {
    items: Vec<DecisionView>,
    /// What to send as `before` to look on; absent when nothing older is left.
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<String>,
    /// How far back was looked: a part may be short, or empty, and still have a next one.
    #[schema(value_type = String)]
    looked_back_to: Timestamp,
}

/// What was decided: by which rule, to which queue, on which channel, when.
#[utoipa::path(get, path = "/decisions", params(Asked), tag = "operations", operation_id = "list_decisions",
    responses((status = 200, body = Decisions)))]
pub(super) async fn decisions(
    State(app): State<App>,
    caller: Caller,
    Query(asked): Query<Asked>,
) -> Result<Json<Decisions>, ApiError> {
    caller.needs(Role::Supervisor)?;
    let before = asked.before.as_deref().map(entry_id).transpose()?;
    let now = crate::clock::now();
    let wanted = Wanted {
        rule: asked.rule,
        queue: asked.queue,
        channel: asked.channel,
        since: asked.since.unwrap_or(now - SignedDuration::from_hours(7 * 24)),
        until: asked.until.unwrap_or(now + SignedDuration::from_secs(1)),
        before,
        limit: limit(asked.limit),
    };
    let found = look(Arc::clone(&app.records.store), &app.policy.rules(), &wanted).await?;
    let Found { items, next, looked_back_to } = found;
    let items = items.into_iter().map(DecisionView::new).collect();
    Ok(Json(Decisions { items, next: next.map(|id: EntryId| id.to_string()), looked_back_to }))
}
