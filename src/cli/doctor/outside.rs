//! What others run: the endpoint for second opinions, the channels' platforms, the attachments' store.

use std::time::Duration;

use contract::Check;

use super::Findings;
use crate::{
    config::{Config, Keeper, Mode},
    home::Home,
    store::attachments::S3Attachments,
    wiring::{Secrets, build_channels},
};

/// How long a platform has to answer.
const PLATFORM_WITHIN: Duration = Duration::from_secs(30);

/// Asks the endpoint one question.
pub(super) async fn endpoint(config: &Config, findings: &mut Findings) {
    let remote = match config.understanding.open_remote() {
        Ok(None) => return,
        Ok(Some(remote)) => remote,
        Err(error) => return findings.bad(&format!("{error:#}"), "look at the certificates of this machine"),
    };
    match remote.try_out().await {
        Ok(time) => findings.good(&format!("the endpoint for second opinions answers, in {} ms", time.as_millis())),
        Err(error) => findings.bad(
            &format!("the endpoint for second opinions does not work: {error}"),
            "messages are routed without it; check understanding.remote: kind, url, key, model, deadline",
        ),
    }
}

/// Logs in to the platforms of all channels.
pub(super) async fn channels(config: &Config, home: &Home, findings: &mut Findings) {
    let secrets = Secrets::open(config, home).await;
    let channels = match secrets.and_then(|secrets| build_channels(config, &secrets)) {
        Ok(channels) => channels,
        Err(error) => return findings.bad(&format!("{error:#}"), "put it right in the configuration"),
    };
    for (name, channel) in channels {
        let Ok(checks) = tokio::time::timeout(PLATFORM_WITHIN, channel.check()).await else {
            findings
                .bad(&format!("{name}: the platform does not answer"), "check the network, and whether it is blocked");
            continue;
        };
        for Check { what, problem } in checks {
            match problem {
                None => findings.good(&format!("{name}: {what}")),
                Some(problem) => findings.bad(&format!("{name}: {what}"), &problem),
            }
        }
    }
}

/// Lists the bucket of the attachments.
pub(super) async fn attachments(config: &Config, findings: &mut Findings) {
    let attachments = &config.attachments;
    if attachments.store == Keeper::Folder {
        if config.mode == Mode::Distributed {
            findings.note("attachments are in the data folder: every daemon must see the same files there");
        }
        return;
    }
    let opened = attachments.s3().and_then(|settings| S3Attachments::new(&settings, attachments.taken()));
    let checked = match opened {
        Ok(store) => store.check().await.map_err(anyhow::Error::from),
        Err(error) => Err(error),
    };
    match checked {
        Ok(()) => findings.good("the attachments' bucket is there and may be read"),
        Err(error) => findings.bad(
            &format!("the attachments' store does not work: {error:#}"),
            "files of customers and agents are not kept until it does; check attachments.s3: endpoint, region, bucket, keys",
        ),
    }
}
