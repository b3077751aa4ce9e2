//! Everything that Switchboard says over HTTP: the REST and live API for consoles and programs, the channels' own
//! routes, the pages, health and metrics. Shapes and status codes here; what is done is elsewhere.

mod api;
mod assisting;
pub mod auth;
mod error;
mod forward;
mod live;
mod pages;
mod plain_page;
mod satisfaction;
mod ticket_page;
mod verify;
pub mod views;

use std::{collections::BTreeMap, net::SocketAddr, path::PathBuf, sync::Arc, time::Duration};

use axum::{
    Router,
    extract::{DefaultBodyLimit, FromRef, Request, State},
    http::{HeaderName, HeaderValue, StatusCode, header},
    middleware::{Next, from_fn},
    response::{IntoResponse, Response},
    routing::get,
    serve::ListenerExt,
};
use contract::{AttachmentStore, Channel, Host, Stop};
use metrics_exporter_prometheus::PrometheusHandle;
use tokio::net::TcpListener;
use tower_http::{catch_panic::CatchPanicLayer, compression::CompressionLayer, set_header::SetResponseHeaderLayer};

pub use error::ApiError;
pub use forward::{DeskAt, Forward};

use crate::{
    bot,
    consoles::Consoles,
    hits::Hits,
    inbox::Queue,
    live::Live,
    measure::{Conversations, Filter, Report, hour},
    policy::Policy,
    records::Records,
    satisfaction::RatingLinks,
    shadow::Shadow,
    worker::Worker,
};

/// What handlers need. Cheap to clone.
#[derive(Clone)]
pub struct App {
    /// The record.
    pub records: Arc<Records>,
    /// The inbox, from its daemon side.
    pub queue: Arc<dyn Queue>,
    /// Rules and knowledge.
    pub policy: Arc<Policy>,
    /// Fan-out of events.
    pub live: Arc<dyn Live>,
    /// The consoles that are open here.
    pub consoles: Arc<Consoles>,
    /// How often each rule acts.
    pub hits: Arc<Hits>,
    /// What candidate rules would decide.
    pub shadow: Arc<Shadow>,
    /// The bytes of files.
    pub attachments: Arc<dyn AttachmentStore>,
    /// The channels by name.
    pub channels: Arc<BTreeMap<String, Arc<dyn Channel>>>,
    /// What channels may ask of the daemon.
    pub host: Host,
    /// Passwords, sessions, tokens.
    pub auth: Arc<auth::Auth>,
    /// The hash of the token that the command line on this machine uses.
    pub local_token: Option<[u8; 32]>,
    /// Counters.
    pub metrics: PrometheusHandle,
    /// Where browsers may come from.
    pub public_url: Arc<str>,
    /// Where the rule files are, for messages.
    pub rules_folder: Arc<PathBuf>,
    /// What gives messages their turns, for those that a request brings about.
    pub worker: Arc<Worker>,
    /// To whom requests go that need the desk.
    pub forward: Arc<Forward>,
    /// Whether messages are taken here: the routes of the channels.
    pub takes: bool,
    /// The demo, where this is one.
    pub demo: Option<crate::demo::Demo>,
    /// Links to the page to rate on.
    pub rating_links: RatingLinks,
    /// The folder of the bot's knowledge, where there is one, and how it is used.
    pub knowledge: Arc<(Option<PathBuf>, bot::Settings)>,
    /// Told when the daemon stops.
    pub stop: Stop,
}

/// How large the body of a request of the API may be.
const API_BODY_BYTES: usize = 1024 * 1024;
/// How long a request of the API may take.
const API_TIME: Duration = Duration::from_secs(30);

/// All routes.
pub fn router(app: App) -> Router {
    let mut router = Router::new();
    for (name, channel) in &*app.channels {
        if app.takes
            && let Some(routes) = channel.routes(app.host.clone())
        {
            router = router.nest(&format!("/channels/{name}"), routes);
        }
    }
    let api =
        api::router(&app).layer(DefaultBodyLimit::max(API_BODY_BYTES)).layer(from_fn(in_time)).merge(api::uploads());
    let own = Router::new()
        .nest("/api/v1", api)
        .route("/api/v1/live", get(live::socket))
        .route("/healthz", get(|| async { "ok" }))
        .route("/readyz", get(ready))
        .route("/metrics", get(metrics))
        .merge(pages::router())
        .merge(verify::router())
        .merge(ticket_page::router())
        .merge(satisfaction::router())
        .merge(api::documentation())
        .with_state(app);
    let header = |name, value| SetResponseHeaderLayer::if_not_present(name, HeaderValue::from_static(value));
    // One layer of four: each one by itself would cost every request an allocation.
    let around = (
        CatchPanicLayer::custom(|_: Box<dyn std::any::Any + Send>| {
            tracing::error!("A request ended by a defect of the daemon.");
            ApiError::new(StatusCode::INTERNAL_SERVER_ERROR, "defect", "This is a defect of Switchboard; see its log.")
                .into_response()
        }),
        header(HeaderName::from_static("referrer-policy"), "same-origin"),
        header(header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        CompressionLayer::new(),
    );
    router.route("/channels/{name}/{*rest}", axum::routing::any(no_channel)).merge(own).layer(around)
}

async fn in_time(request: Request, next: Next) -> Result<Response, ApiError> {
    tokio::time::timeout(API_TIME, next.run(request)).await.map_err(|_| {
        let message =
            "It took longer than 30 s. What it was to change may be changed or not: look before you try again.";
        ApiError::new(StatusCode::SERVICE_UNAVAILABLE, "too_slow", message).retry_after(Duration::from_secs(5))
    })
}

async fn no_channel(axum::extract::Path((name, _)): axum::extract::Path<(String, String)>) -> ApiError {
    let name: String = name.chars().take(60).collect();
    ApiError::new(
        StatusCode::NOT_FOUND,
        "no_such_channel",
        format!("There is no channel {name:?} with such an address."),
    )
}

/// Whether a message could be taken now.
async fn ready(State(app): State<App>) -> Result<&'static str, ApiError> {
    app.queue.ready().await?;
    Ok("ready")
}

async fn metrics(State(app): State<App>) -> impl IntoResponse {
    metrics::gauge!("switchboard_inbox_waiting").set(app.queue.waiting() as f64);
    for (name, queue) in &*app.records.desk.board().queues {
        metrics::gauge!("switchboard_queue_waiting", "queue" => name.clone()).set(queue.waiting as f64);
        metrics::gauge!("switchboard_queue_agents_online", "queue" => name.clone()).set(queue.agents_online as f64);
        metrics::gauge!("switchboard_queue_agents_free", "queue" => name.clone()).set(queue.agents_free as f64);
    }
    for (name, queue) in app.policy.rules().queues() {
        let bound = queue.overtaking_bound() as f64;
        metrics::gauge!("switchboard_queue_overtaking_bound_seconds", "queue" => name.clone()).set(bound);
    }
    if let Ok(audit) = app.records.desk.ask(|desk| desk.audit(crate::clock::now())).await {
        for (what, count) in [
            ("unmatched", audit.unmatched),
            ("two_owners", audit.two_owners),
            ("wrong_loads", audit.wrong_loads),
            ("stray_offers", audit.stray_offers),
        ] {
            metrics::gauge!("switchboard_desk_defects", "what" => what).set(count as f64);
        }
        metrics::gauge!("switchboard_desk_offers_out").set(audit.offers as f64);
        metrics::gauge!("switchboard_desk_agents_above_capacity").set(audit.above_capacity as f64);
    }
    measured(&app).await;
    let status = app.policy.status();
    metrics::gauge!("switchboard_rule_findings").set(status.rule_findings.len() as f64);
    metrics::gauge!("switchboard_knowledge_findings").set(status.knowledge_findings.len() as f64);
    ([(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], app.metrics.render())
}

/// The figures of the last day, from the record.
async fn measured(app: &App) {
    let now = hour(crate::clock::now());
    let counts = match app.records.store.counts(now - 23..now + 1).await {
        Ok(counts) => counts,
        Err(error) => return tracing::warn!(%error, "The figures of the last day cannot be read."),
    };
    let total = Report::of(&counts, &[], &Filter::default(), now).total;
    let Conversations { contained, handed, under_way, .. } = total.conversations;
    for (stands, count) in [("contained", contained), ("handed", handed), ("under_way", under_way)] {
        metrics::gauge!("switchboard_day_conversations", "stands" => stands).set(count as f64);
    }
    metrics::gauge!("switchboard_day_containment_ratio").set(total.containment.unwrap_or(f64::NAN));
    metrics::gauge!("switchboard_day_satisfaction").set(total.satisfaction.average.unwrap_or(f64::NAN));
}

/// Serves until `stop`, then lets requests under way end.
///
/// # Errors
/// The listener failed.
pub async fn serve(listener: TcpListener, router: Router, stop: Stop) -> std::io::Result<()> {
    // Without this, small frames wait for the acknowledgement of the one before.
    let listener = listener.tap_io(|stream| {
        if let Err(error) = stream.set_nodelay(true) {
            tracing::debug!(%error, "A connection keeps Nagle's algorithm.");
        }
    });
    let service = router.into_make_service_with_connect_info::<SocketAddr>();
    axum::serve(listener, service).with_graceful_shutdown(async move { stop.cancelled().await }).await
}

impl FromRef<App> for Arc<Records> {
    fn from_ref(app: &App) -> Self {
        Arc::clone(&app.records)
    }
}

#[cfg(test)]
mod tests {
    use axum::{body::Body, extract::FromRequest};
    use tower::ServiceExt;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn what_takes_too_long_is_ended_with_an_error_that_says_so() {
        let never = Router::new().route("/", get(std::future::pending::<()>)).layer(from_fn(in_time));
        let answer = never.oneshot(Request::new(Body::empty())).await.unwrap();
        assert_eq!(answer.status(), StatusCode::SERVICE_UNAVAILABLE);
        assert_eq!(answer.headers()[header::RETRY_AFTER], "5");
        let body = String::from_request(Request::new(answer.into_body()), &()).await.unwrap();
        assert!(body.contains("\"too_slow\""), "{body}");
    }
}
