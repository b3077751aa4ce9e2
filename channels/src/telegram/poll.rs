//! Long polling (<https://core.telegram.org/bots/api#getupdates>): the offset moves only behind updates that were kept.

use std::time::Duration;

use contract::{ChannelError, Stop};
use serde_json::{Value, json};

use super::{
    ALLOWED,
    api::{Api, Fault},
    decode::{album_of, update_id},
    intake::Intake,
};

/// How long one request waits for updates, and how many it takes.
const WAIT: Duration = Duration::from_secs(50);
const MOST_UPDATES: usize = 100;
/// How long an album that came last in a batch is given to be whole.
const ALBUM_WAIT: Duration = Duration::from_millis(500);

/// Polls until `stop`.
pub(super) async fn run(intake: &Intake, stop: &Stop) -> Result<(), ChannelError> {
    let api = &intake.api;
    let mut offset = 0;
    loop {
        let asked = stop.run_until_cancelled(updates(api, offset, WAIT)).await;
        let Some(asked) = asked else { return Ok(()) };
        let mut batch = asked.map_err(|fault| ended(&fault))?;
        if let Some(album) = batch.last().and_then(album_of) {
            batch = whole(api, offset, batch, &album, stop).await.map_err(|fault| ended(&fault))?;
        }
        while let Err(refused) = intake.take(&batch).await {
            tracing::warn!(error = %refused, channel = intake.decoder.channel, "Updates wait: they cannot be kept now.");
            if stop.run_until_cancelled(tokio::time::sleep(refused.pause())).await.is_none() {
                return Ok(());
            }
        }
        if let Some(last) = batch.iter().filter_map(update_id).max() {
            offset = last + 1;
        }
    }
}

async fn updates(api: &Api, offset: i64, wait: Duration) -> Result<Vec<Value>, Fault> {
    let asked = json!({"offset": offset, "timeout": wait.as_secs(), "limit": MOST_UPDATES, "allowed_updates": ALLOWED});
    api.call_within("getUpdates", &asked, wait + Duration::from_secs(20)).await
}

/// The batch with the whole of an album that it ends in: the same offset is asked again, so that nothing counts as taken.
/// Where there is no room for all of it, the album is left for the next batch.
async fn whole(api: &Api, offset: i64, batch: Vec<Value>, album: &str, stop: &Stop) -> Result<Vec<Value>, Fault> {
    let _ = stop.run_until_cancelled(tokio::time::sleep(ALBUM_WAIT)).await;
    let mut again = updates(api, offset, Duration::ZERO).await?;
    if again.len() < batch.len() {
        return Ok(batch);
    }
    let begins = again.iter().position(|update| album_of(update).as_deref() == Some(album)).unwrap_or(0);
    if again.len() == MOST_UPDATES && again.last().and_then(album_of).as_deref() == Some(album) && begins > 0 {
        again.truncate(begins);
    }
    Ok(again)
}

fn ended(fault: &Fault) -> ChannelError {
    ChannelError(match fault {
        Fault::Refused { code: 409, said } if said.contains("webhook") => {
            format!("{fault}: set `receive = \"webhook\"`, or take the webhook away (deleteWebhook)")
        }
        Fault::Refused { code: 409, .. } => {
            format!("{fault}: another program polls with this token; stop it, or give this one a bot of its own")
        }
        Fault::Refused { code: 401 | 404, .. } => fault.consequence().to_string(),
        fault => fault.to_string(),
    })
}
