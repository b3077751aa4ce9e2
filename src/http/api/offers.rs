//! Offers and queues.

use axum::{Json, extract::State, http::StatusCode};
use contract::{AgentId, OfferId};
use serde::Deserialize;
use utoipa::ToSchema;

use super::{Body, Path};
use crate::{
    desk::{Answer, Away, offer_view, queue_views},
    http::{
        ApiError, App,
        auth::Caller,
        views::{ConversationView, Items, OfferView, QueueView},
    },
};

/// An agent's pending offers, oldest first.
pub(in crate::http) async fn my_offers(app: &App, agent: AgentId) -> Result<Vec<OfferView>, Away> {
    let offers = app.records.desk.ask(move |desk| desk.offers_of(agent).cloned().collect::<Vec<_>>()).await;
    let mut views = Vec::new();
    for offer in offers? {
        views.extend(offer_view(&app.records, &offer).await);
    }
    Ok(views)
}

/// What is offered to you.
#[utoipa::path(get, path = "/offers", tag = "desk", operation_id = "list_offers", responses((status = 200, body = Items<OfferView>)))]
pub(super) async fn list(State(app): State<App>, caller: Caller) -> Result<Json<Items<OfferView>>, ApiError> {
    let agent = caller.agent()?;
    Ok(Json(Items { items: my_offers(&app, agent.id).await? }))
}

/// The offer's epoch.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct OfferAnswer {
    epoch: u32,
}

/// Take an offer.
#[utoipa::path(post, path = "/offers/{id}/accept", params(("id" = String, Path)), request_body = OfferAnswer, tag = "desk",
    responses((status = 200, body = ConversationView), (status = 409)))]
pub(super) async fn accept(
    State(app): State<App>,
    caller: Caller,
    Path(offer): Path<OfferId>,
    Body(OfferAnswer { epoch }): Body<OfferAnswer>,
) -> Result<Json<ConversationView>, ApiError> {
    let agent = caller.agent()?.id;
    let conversation = app.records.desk.answer(Answer { offer, agent, epoch, accept: true }).await?;
    Ok(Json(app.records.announcer.view(&conversation)))
}

/// Decline an offer.
#[utoipa::path(post, path = "/offers/{id}/decline", params(("id" = String, Path)), request_body = OfferAnswer, tag = "desk",
    responses((status = 204), (status = 409)))]
pub(super) async fn decline(
    State(app): State<App>,
    caller: Caller,
    Path(offer): Path<OfferId>,
    Body(OfferAnswer { epoch }): Body<OfferAnswer>,
) -> Result<StatusCode, ApiError> {
    let agent = caller.agent()?.id;
    app.records.desk.answer(Answer { offer, agent, epoch, accept: false }).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// The queues, now.
#[utoipa::path(get, path = "/queues", tag = "desk", responses((status = 200, body = Items<QueueView>)))]
pub(super) async fn queues(State(app): State<App>, _caller: Caller) -> Json<Items<QueueView>> {
    Json(Items { items: queue_views(&app.records.desk.board(), &app.policy.rules()) })
}
