//! Webhooks (<https://core.telegram.org/bots/api#setwebhook>): Telegram posts each update, with a token that it was told,
//! and posts it again until it hears success.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use axum::{
    Json, Router,
    extract::{DefaultBodyLimit, State},
    http::{HeaderMap, StatusCode},
    routing::post,
};
use contract::Rejected;
use serde_json::Value;
use tokio::sync::{OnceCell, watch};

use super::{
    HOOK,
    decode::{album_of, update_id},
    intake::Intake,
};
use crate::{answer::Refusal, seal::Seal};

/// The header that the token comes in.
const TOKEN: &str = "X-Telegram-Bot-Api-Secret-Token";
/// Updates are small; files stay with Telegram.
const MOST_BYTES: usize = 1024 * 1024;
/// How long an album is given to be whole.
const ALBUM_WAIT: Duration = Duration::from_millis(700);

pub(super) struct Door {
    channel: String,
    seal: Seal,
    intake: Arc<OnceCell<Intake>>,
    albums: Mutex<HashMap<String, Album>>,
}

/// An album that comes piece by piece: its first update waits for the others and answers for all.
struct Album {
    updates: Vec<Value>,
    done: watch::Receiver<Option<bool>>,
}

impl Door {
    pub(super) fn new(channel: &str, seal: Seal, intake: Arc<OnceCell<Intake>>) -> Self {
        Self { channel: channel.to_owned(), seal, intake, albums: Mutex::default() }
    }
}

pub(super) fn routes(door: Door) -> Router {
    Router::new().route("/updates", post(take).layer(DefaultBodyLimit::max(MOST_BYTES))).with_state(Arc::new(door))
}

async fn take(
    State(door): State<Arc<Door>>,
    headers: HeaderMap,
    Json(update): Json<Value>,
) -> Result<StatusCode, Refusal> {
    let refused = |refusal: Refusal| refusal.counted(&door.channel);
    let given = headers.get(TOKEN).and_then(|token| token.to_str().ok()).unwrap_or_default();
    if !door.seal.holds(&[HOOK], given) {
        return Err(refused(Rejected::Unauthentic.into()));
    }
    if update_id(&update).is_none() {
        return Err(refused(Rejected::Malformed("this is not an update: it has no `update_id`".to_owned()).into()));
    }
    let later = || Refusal::later("unavailable", "the bot is not ready yet", Duration::from_secs(1));
    let intake = door.intake.get().ok_or_else(|| refused(later()))?;
    let kept = match album_of(&update) {
        Some(album) => door.take_album(intake, album, update).await,
        None => intake.take(&[update]).await.map_err(|error| tracing::warn!(%error, "An update waits.")).is_ok(),
    };
    if kept { Ok(StatusCode::OK) } else { Err(refused(later())) }
}

impl Door {
    async fn take_album(&self, intake: &Intake, name: String, update: Value) -> bool {
        let (tell, done) = watch::channel(None);
        let others = {
            let mut albums = self.albums.lock().unwrap_or_else(PoisonError::into_inner);
            match albums.get_mut(&name) {
                Some(album) => {
                    album.updates.push(update.clone());
                    Some(album.done.clone())
                }
                None => {
                    albums.insert(name.clone(), Album { updates: vec![update], done });
                    None
                }
            }
        };
        if let Some(mut done) = others {
            // The first one may be dropped with its connection; then this is posted again.
            return done.wait_for(Option::is_some).await.is_ok_and(|kept| *kept == Some(true));
        }
        let forget = Forget { door: self, name: &name };
        tokio::time::sleep(ALBUM_WAIT).await;
        let mut updates = forget.take();
        updates.sort_by_key(update_id);
        let kept = intake.take(&updates).await.is_ok();
        let _ = tell.send(Some(kept));
        kept
    }
}

/// Takes an album out when its first request ends, however it ends.
struct Forget<'a> {
    door: &'a Door,
    name: &'a str,
}

impl Forget<'_> {
    fn take(&self) -> Vec<Value> {
        let mut albums = self.door.albums.lock().unwrap_or_else(PoisonError::into_inner);
        albums.remove(self.name).map(|album| album.updates).unwrap_or_default()
    }
}

impl Drop for Forget<'_> {
    fn drop(&mut self) {
        self.take();
    }
}
