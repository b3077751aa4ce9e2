//! For those who run it: why something was decided, rules, dead letters, the ledger.

use axum::{Json, extract::State};
use contract::OutboundId;
use serde::Serialize;
use utoipa::ToSchema;

use super::{
    Path,
    conversations::{entry_id, visible},
};
use crate::{
    explain::{Explanation, explain_entry},
    http::{
        ApiError, App,
        auth::Caller,
        views::{EntryView, Items},
    },
    routing::Severity,
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
    let explanation = explain_entry(&*app.records.store, entry_id(&id)?).await?;
    let explanation = explanation.ok_or_else(|| ApiError::missing("decided message"))?;
    visible(&app, &caller, explanation.conversation).await?;
    Ok(Json(explanation))
}

/// The rule set in force, and what the last load found.
#[derive(Serialize, ToSchema)]
pub(super) struct RulesStatus {
    hash: String,
    #[schema(value_type = String)]
    loaded_at: contract::Timestamp,
    folder: String,
    files: Vec<String>,
    rules: usize,
    findings: Vec<FindingView>,
}

/// Something wrong in a file.
#[derive(Serialize, ToSchema)]
struct FindingView {
    /// What was looked at: `files` alone, the rules beside the `people` that there are, or the bot's `knowledge`.
    source: &'static str,
    severity: &'static str,
    file: String,
    line: usize,
    column: usize,
    message: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    help: Option<String>,
}

/// The rule set in force, what the last load found, and what the rules ask for that nobody can do.
#[utoipa::path(get, path = "/rules", tag = "operations", responses((status = 200, body = RulesStatus)))]
pub(super) async fn rules(State(app): State<App>, _caller: Caller) -> Json<RulesStatus> {
    let rules = app.policy.rules();
    let status = app.policy.status();
    let of_files = status.rule_findings.into_iter().map(|finding| ("files", finding));
    let of_people = status.people_findings.into_iter().map(|finding| ("people", finding));
    let of_rules = of_files.chain(of_people).map(|(source, finding)| FindingView {
        source,
        severity: match finding.severity {
            Severity::Error => "error",
            Severity::Warning => "warning",
        },
        file: finding.file,
        line: finding.line,
        column: finding.column,
        message: finding.message,
        help: finding.help,
    });
    let of_knowledge = status.knowledge_findings.into_iter().map(|finding| FindingView {
        source: "knowledge",
        severity: "error",
        file: format!("knowledge/{}", finding.file),
        line: finding.line,
        column: 1,
        message: finding.message,
        help: Some(finding.help),
    });
    Json(RulesStatus {
        hash: rules.hash().to_string(),
        loaded_at: status.loaded_at,
        folder: app.rules_folder.display().to_string(),
        files: rules.files().map(str::to_owned).collect(),
        rules: rules.rules().len(),
        findings: of_rules.chain(of_knowledge).collect(),
    })
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
    app.records.announcer.wake_couriers();
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
    app.records.announcer.wake_couriers();
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
    Ok(Json(app.records.store.ledger().await?))
}
