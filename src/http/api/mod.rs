//! The REST API, version 1. One file a noun; the OpenAPI document is made from the handlers.

mod assist;
mod attachments;
mod board;
mod candidates;
mod channels;
mod conversations;
mod customers;
mod decisions;
mod mail_page;
mod measures;
mod moves;
mod offers;
mod operations;
mod people;
mod rules;

use axum::{
    Json,
    extract::{FromRequest, FromRequestParts, Request, rejection::JsonRejection},
    http::StatusCode,
    middleware::from_fn_with_state,
};
use serde::de::DeserializeOwned;
use utoipa::{
    Modify, OpenApi,
    openapi::security::{ApiKey, ApiKeyValue, Http, HttpAuthScheme, SecurityScheme},
};
use utoipa_axum::{router::OpenApiRouter, routes};

use super::{ApiError, App, forward::to_the_desk};
pub(super) use offers::my_offers;

/// Most items in a list.
const LIST_MOST: usize = 200;
/// Items in a list when nothing is asked for.
const LIST_USUAL: usize = 50;

#[derive(OpenApi)]
#[openapi(
    info(
        title = "Switchboard",
        description = "Conversations, customers, queues and the people who serve them. People log in and send the \
                       session cookie and, with every change, the X-CSRF-Token header; programs send a bearer token.",
        license(name = "Apache-2.0")
    ),
    modifiers(&Security),
    security(("session" = []), ("token" = [])),
    servers((url = "/api/v1"))
)]
struct Document;

struct Security;

impl Modify for Security {
    fn modify(&self, document: &mut utoipa::openapi::OpenApi) {
        let components = document.components.get_or_insert_with(Default::default);
        let cookie = SecurityScheme::ApiKey(ApiKey::Cookie(ApiKeyValue::new(super::auth::COOKIE)));
        components.add_security_scheme("session", cookie);
        components.add_security_scheme("token", SecurityScheme::Http(Http::new(HttpAuthScheme::Bearer)));
    }
}

/// What every daemon answers.
fn everywhere() -> OpenApiRouter<App> {
    OpenApiRouter::with_openapi(Document::openapi())
        .routes(routes!(people::login))
        .routes(routes!(people::logout))
        .routes(routes!(people::me))
        .routes(routes!(people::set_password))
        .routes(routes!(people::agents, people::add_agent))
        .routes(routes!(people::change_agent))
        .routes(routes!(people::tokens, people::add_token))
        .routes(routes!(people::end_token))
        .routes(routes!(conversations::list))
        .routes(routes!(conversations::detail))
        .routes(routes!(conversations::of_ticket))
        .routes(routes!(conversations::entries))
        .routes(routes!(mail_page::page))
        .routes(routes!(conversations::reply))
        .routes(routes!(conversations::note))
        .routes(routes!(conversations::typing))
        .routes(routes!(conversations::close))
        .routes(routes!(conversations::give_back))
        .routes(routes!(conversations::tag))
        .routes(routes!(assist::assist))
        .routes(routes!(assist::summarise))
        .routes(routes!(assist::form))
        .routes(routes!(assist::act))
        .routes(routes!(moves::transfer))
        .routes(routes!(moves::take))
        .routes(routes!(offers::queues))
        .routes(routes!(customers::search))
        .routes(routes!(customers::detail, customers::change))
        .routes(routes!(customers::entries))
        .routes(routes!(customers::unmerge))
        .routes(routes!(operations::why))
        .routes(routes!(operations::why_conversation))
        .routes(routes!(decisions::decisions))
        .routes(routes!(rules::rules))
        .routes(routes!(rules::files))
        .routes(routes!(rules::try_out))
        .routes(routes!(self::channels::channels))
        .routes(routes!(self::channels::check))
        .routes(routes!(self::channels::send))
        .routes(routes!(operations::dead))
        .routes(routes!(operations::redrive))
        .routes(routes!(operations::resend))
        .routes(routes!(operations::ledger))
        .routes(routes!(measures::report))
        .routes(routes!(measures::misses))
        .routes(routes!(measures::write_section))
        .routes(routes!(attachments::read))
}

/// What only the daemon that runs the desk can answer.
fn at_the_desk() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(people::set_presence))
        .routes(routes!(people::ready))
        .routes(routes!(candidates::candidates))
        .routes(routes!(board::board))
        .routes(routes!(offers::list))
        .routes(routes!(offers::accept))
        .routes(routes!(offers::decline))
}

fn documented() -> utoipa::openapi::OpenApi {
    everywhere().merge(at_the_desk()).into_openapi()
}

/// The routes, to be nested under `/api/v1`.
pub(super) fn router(app: &App) -> axum::Router<App> {
    let at_the_desk = axum::Router::from(at_the_desk()).route_layer(from_fn_with_state(app.clone(), to_the_desk));
    axum::Router::from(everywhere())
        .merge(at_the_desk)
        .fallback(|| async { ApiError::missing("address in the API; see /api/docs") })
}

/// Uploads, whose bodies may be larger than those of other requests.
pub(super) fn uploads() -> axum::Router<App> {
    attachments::uploads()
}

/// The OpenAPI document and the pages that show it.
pub(super) fn documentation() -> axum::Router<App> {
    let document = documented();
    utoipa_swagger_ui::SwaggerUi::new("/api/docs").url("/api/openapi.json", document).into()
}

/// A JSON body; what is wrong with it is said as every other error is.
pub(super) struct Body<T>(pub T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequest<S> for Body<T> {
    type Rejection = ApiError;

    async fn from_request(request: Request, state: &S) -> Result<Self, ApiError> {
        match Json::<T>::from_request(request, state).await {
            Ok(Json(value)) => Ok(Self(value)),
            Err(rejection) => Err(wrong_json(&rejection)),
        }
    }
}

fn wrong_json(rejection: &JsonRejection) -> ApiError {
    match rejection.status() {
        StatusCode::PAYLOAD_TOO_LARGE => {
            ApiError::new(StatusCode::PAYLOAD_TOO_LARGE, "too_large", "The body is larger than 1 MiB.")
        }
        StatusCode::UNSUPPORTED_MEDIA_TYPE => ApiError::new(
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            "not_json",
            "The body must be JSON, with Content-Type: application/json.",
        ),
        _ => ApiError::wrong(rejection.body_text()),
    }
}

/// A query string; what is wrong with it is said as every other error is.
pub(super) struct Query<T>(pub T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequestParts<S> for Query<T> {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut axum::http::request::Parts, state: &S) -> Result<Self, ApiError> {
        match axum::extract::Query::<T>::from_request_parts(parts, state).await {
            Ok(axum::extract::Query(value)) => Ok(Self(value)),
            Err(rejection) => Err(ApiError::wrong(rejection.body_text())),
        }
    }
}

/// An id in the path.
pub(super) struct Path<T>(pub T);

impl<S: Send + Sync, T: std::str::FromStr> FromRequestParts<S> for Path<T>
where
    T::Err: std::fmt::Display,
{
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut axum::http::request::Parts, state: &S) -> Result<Self, ApiError> {
        let axum::extract::Path(text) = axum::extract::Path::<String>::from_request_parts(parts, state)
            .await
            .map_err(|rejection| ApiError::wrong(rejection.body_text()))?;
        text.parse().map(Self).map_err(|error: T::Err| ApiError::wrong(error.to_string()))
    }
}

/// How many items to return.
fn limit(asked: Option<usize>) -> usize {
    asked.unwrap_or(LIST_USUAL).clamp(1, LIST_MOST)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_route_is_documented_under_its_own_name() {
        let document = documented();
        let mut names = Vec::new();
        for item in document.paths.paths.values() {
            let operations = [&item.get, &item.post, &item.put, &item.patch, &item.delete].into_iter().flatten();
            names.extend(operations.map(|operation| operation.operation_id.clone().unwrap_or_default()));
        }
        let all = names.len();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), all, "two operations share a name: {names:?}");
        assert!(all > 30 && !names.contains(&String::new()), "{names:?}");
    }
}
