//! The configured channels: what they are, whether they work, and a message to try one out.

use std::time::Duration;

use axum::{Json, extract::State};
use contract::{Address, Author, Body as MessageBody, Outbound, SendError, clean_text};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{Body, Path};
use crate::{
    http::{ApiError, App, auth::Caller, views::Items},
    store::people::Role,
};

/// How long a check or a message to try out may take.
const PATIENCE: Duration = Duration::from_secs(25);

/// A configured channel.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct ChannelView {
    /// Its name.
    name: String,
    /// The kind of channel: `webchat`, `email`, …
    kind: &'static str,
    /// Whether replies can carry files.
    attachments: bool,
}

/// One thing that was tried out with a platform.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct CheckView {
    /// What was tried, and what was found.
    what: String,
    /// What is wrong and what to do.
    #[serde(skip_serializing_if = "Option::is_none")]
    problem: Option<String>,
}

/// A message to try a channel out.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Trial {
    /// Who gets it, as the platform calls them.
    address: String,
    /// What it says.
    text: String,
}

/// What the platform said.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Sent {
    /// The platform's id for the message.
    #[serde(skip_serializing_if = "Option::is_none")]
    external_id: Option<String>,
}

/// The configured channels.
#[utoipa::path(get, path = "/channels", tag = "operations", operation_id = "channels", responses((status = 200, body = Items<ChannelView>)))]
pub(super) async fn channels(State(app): State<App>, _caller: Caller) -> Json<Items<ChannelView>> {
    let view = |(name, channel): (&String, &std::sync::Arc<dyn contract::Channel>)| ChannelView {
        name: name.clone(),
        kind: channel.kind(),
        attachments: channel.limits().attachments,
    };
    Json(Items { items: app.channels.iter().map(view).collect() })
}

/// Log in to a channel's platform for real, change nothing, and say what works.
#[utoipa::path(post, path = "/channels/{name}/check", params(("name" = String, Path)), tag = "operations",
    operation_id = "check_channel", responses((status = 200, body = Items<CheckView>), (status = 404)))]
pub(super) async fn check(
    State(app): State<App>,
    caller: Caller,
    Path(name): Path<String>,
) -> Result<Json<Items<CheckView>>, ApiError> {
    caller.needs(Role::Admin)?;
    let channel = app.channels.get(&name).ok_or_else(|| ApiError::missing("channel"))?;
    let checks = tokio::time::timeout(PATIENCE, channel.check()).await.map_err(|_elapsed| silent())?;
    let items = checks.into_iter().map(|check| CheckView { what: check.what, problem: check.problem }).collect();
    Ok(Json(Items { items }))
}

/// Send a message apart from every conversation. It is not kept.
#[utoipa::path(post, path = "/channels/{name}/send", params(("name" = String, Path)), tag = "operations",
    operation_id = "try_channel", request_body = Trial, responses((status = 200, body = Sent), (status = 404), (status = 502)))]
pub(super) async fn send(
    State(app): State<App>,
    caller: Caller,
    Path(name): Path<String>,
    Body(trial): Body<Trial>,
) -> Result<Json<Sent>, ApiError> {
    caller.needs(Role::Admin)?;
    let channel = app.channels.get(&name).ok_or_else(|| ApiError::missing("channel"))?;
    if channel.limits().kept {
        let message = format!("customers of {name:?} fetch their messages here; there is nobody to send this to");
        return Err(ApiError::wrong(message));
    }
    let (ids, now) = (&app.records.ids, crate::clock::now());
    let outbound = Outbound {
        id: ids.next(now),
        conversation: ids.next(now),
        channel: name,
        to: Address { space: channel.kind().to_owned(), handle: trial.address.clone() },
        thread: trial.address,
        queue: None,
        author: Author::System,
        body: MessageBody::text(clean_text(&trial.text)),
        in_reply_to: None,
    };
    let sent = tokio::time::timeout(PATIENCE, channel.send(&outbound, &app.host)).await.map_err(|_elapsed| silent())?;
    sent.map(|receipt| Json(Sent { external_id: receipt.external_id })).map_err(|error| refused(&error))
}

fn refused(error: &SendError) -> ApiError {
    ApiError::new(axum::http::StatusCode::BAD_GATEWAY, "platform_refused", error.to_string())
}

fn silent() -> ApiError {
    let message = format!("the platform did not answer within {} seconds", PATIENCE.as_secs());
    ApiError::new(axum::http::StatusCode::GATEWAY_TIMEOUT, "platform_silent", message)
}
