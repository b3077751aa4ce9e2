//! The console's live connection.

use std::{collections::BTreeSet, time::Duration};

use axum::{
    extract::{
        State,
        ws::{CloseFrame, Message, WebSocket, WebSocketUpgrade, close_code},
    },
    http::{HeaderMap, Method, StatusCode, header},
    response::Response,
};
use bytes::Bytes;
use contract::AgentId;
use futures::{SinkExt, StreamExt};
use serde::Deserialize;
use serde_json::value::{RawValue, to_raw_value};
use tokio::time::{Instant, MissedTickBehavior};

use super::{
    ApiError, App,
    api::my_offers,
    auth::Caller,
    views::{AgentView, Items, LiveFrame, RulesBrief},
};
use crate::{
    consoles::OpenConsole,
    desk::{Board, queue_views},
    live::{Audience, Event, Topic},
    store::people::Role,
};

/// How often an idle connection is probed.
const PING_EVERY: Duration = Duration::from_secs(20);
/// How long the other end may be silent.
const SILENT_MOST: Duration = Duration::from_secs(65);
/// How large a frame of a console may be.
const FRAME_BYTES: usize = 16 * 1024;
const BUFFER_BYTES: usize = 4 * 1024;

/// What a console may send.
#[derive(Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum FromConsole {
    Ping,
}

/// `GET /api/v1/live`.
pub(super) async fn socket(
    State(app): State<App>,
    caller: Caller,
    headers: HeaderMap,
    upgrade: WebSocketUpgrade,
) -> Result<Response, ApiError> {
    check_origin(&app, &headers)?;
    let console = app.consoles.open(caller.agent()?.id);
    Ok(upgrade
        .read_buffer_size(BUFFER_BYTES)
        .write_buffer_size(BUFFER_BYTES)
        .max_message_size(FRAME_BYTES)
        .on_upgrade(move |socket| serve(app, caller, headers, console, socket)))
}

/// A page of another site must not open a console's connection with its visitor's cookie.
fn check_origin(app: &App, headers: &HeaderMap) -> Result<(), ApiError> {
    let Some(origin) = headers.get(header::ORIGIN).and_then(|value| value.to_str().ok()) else { return Ok(()) };
    let host = headers.get(header::HOST).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let own = origin.split_once("://").is_some_and(|(_, authority)| authority == host) || origin == &*app.public_url;
    if own {
        return Ok(());
    }
    Err(ApiError::new(
        StatusCode::FORBIDDEN,
        "wrong_origin",
        format!(
            "Consoles connect from {}, not from {origin}. Set public_url if this is the right address.",
            app.public_url
        ),
    ))
}

async fn serve(app: App, caller: Caller, headers: HeaderMap, console: OpenConsole, socket: WebSocket) {
    let mut topics = vec![Topic::Consoles];
    topics.extend(caller.agent.as_ref().map(|agent| Topic::Agent(agent.id)));
    // Watched before the first frame is made, so that nothing falls between the two.
    let mut events = app.live.watch(topics);
    let (mut out, mut incoming) = socket.split();
    let mut desk_at = app.forward.watch();
    app.consoles.tell(&app.records.desk).await;
    let Some(hello) = hello(&app, &caller, headers).await else { return };
    if out.send(Message::Text(hello.into())).await.is_err() {
        return;
    }
    let mut probe = tokio::time::interval(PING_EVERY);
    probe.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut heard = Instant::now();
    loop {
        let sent = tokio::select! {
            () = app.stop.cancelled() => {
                let frame = CloseFrame { code: close_code::RESTART, reason: "the daemon is stopping".into() };
                let _ = out.send(Message::Close(Some(frame))).await;
                break;
            }
            event = events.next() => match event {
                Some(event) => match frame_for(&app, &caller, event) {
                    Some(json) => out.send(Message::Text(json.into())).await,
                    None => Ok(()),
                },
                None => break,
            },
            // What was offered is known again where the desk is now.
            Ok(()) = desk_at.changed() => out.send(Message::Text(LiveFrame::Missed.to_json().into())).await,
            frame = incoming.next() => {
                heard = Instant::now();
                match frame {
                    Some(Ok(Message::Text(text))) => match serde_json::from_str(&text) {
                        Ok(FromConsole::Ping) => out.send(Message::Text(LiveFrame::Pong.to_json().into())).await,
                        Err(_) => break,
                    },
                    Some(Ok(Message::Close(_)) | Err(_)) | None => break,
                    Some(Ok(_)) => Ok(()),
                }
            }
            _ = probe.tick() => {
                if heard.elapsed() > SILENT_MOST || !is_still_welcome(&app, &caller) {
                    break;
                }
                out.send(Message::Ping(Default::default())).await
            }
        };
        if sent.is_err() {
            break;
        }
    }
    drop(console);
}

/// Somebody who was deactivated or lost a role connects anew, and is asked who they are.
fn is_still_welcome(app: &App, caller: &Caller) -> bool {
    caller.agent.as_ref().is_none_or(|agent| {
        app.records.announcer.roster().get(agent.id).is_some_and(|now| now.active && now.role == agent.role)
    })
}

async fn hello(app: &App, caller: &Caller, headers: HeaderMap) -> Option<String> {
    let agent = caller.agent.as_ref()?;
    let id = agent.id;
    let board = app.records.desk.board();
    let at_desk = app.records.desk.ask(move |desk| Board::of_one(desk, id)).await.unwrap_or_else(|_| board.agent(id));
    let frame = LiveFrame::Hello {
        me: &AgentView::new(agent, at_desk),
        offers: offers(app, agent.id, &headers).await.or_else(|| to_raw_value::<[(); 0]>(&[]).ok())?,
        queues: queue_views(&app.records.desk.board(), &app.policy.rules()),
        rules: RulesBrief::of(&app.policy),
    };
    Some(frame.to_json())
}

/// What is offered to an agent, from wherever the desk is; nothing while it moves.
async fn offers(app: &App, agent: AgentId, headers: &HeaderMap) -> Option<Box<RawValue>> {
    if let Ok(offers) = my_offers(app, agent).await {
        return to_raw_value(&offers).ok();
    }
    let answer = app.forward.answer(Method::GET, "/api/v1/offers", headers, Bytes::new()).await?;
    let Items { items } = serde_json::from_slice(&answer).ok()?;
    to_raw_value::<Vec<Box<RawValue>>>(&items).ok()
}

fn frame_for(app: &App, caller: &Caller, event: Event) -> Option<String> {
    match event {
        Event::Frame(frame) => may_see(app, caller, &frame.audience).then(|| frame.json.clone()),
        Event::Missed => Some(LiveFrame::Missed.to_json()),
        Event::Thread(_) | Event::Conversation(_) | Event::Changed | Event::Insisted => None,
    }
}

/// Whether somebody sees conversations of this audience: supervisors see all, agents their own and those that wait in
/// their queues.
pub(super) fn may_see(app: &App, caller: &Caller, audience: &Audience) -> bool {
    if caller.role >= Role::Supervisor {
        return true;
    }
    match audience {
        Audience::Everyone => true,
        Audience::Conversation { agents, queue } => {
            let mine = caller.agent.as_ref().is_some_and(|me| agents.contains(&Some(me.id)));
            mine || queue.as_ref().is_some_and(|queue| served(app, caller).contains(queue))
        }
    }
}

/// The queues that somebody serves.
pub(super) fn served(app: &App, caller: &Caller) -> BTreeSet<String> {
    let rules = app.policy.rules();
    match &caller.agent {
        Some(agent) => crate::desk::queues_of(agent, &rules),
        None => rules.queues().keys().cloned().collect(),
    }
}
