//! An update of Telegram to a message of the inbox. Half of the inputs are changed as JSON, so that they stay updates.

#![no_main]

use channels::{fuzzing::update, telegram::Groups};
use contract::{AttachmentSource, Content, Inbound};
use libfuzzer_sys::{fuzz_mutator, fuzz_target, fuzzer_mutate};
use serde_json::Value;
use switchboard_fuzz::{changed, is_id, is_kept, is_line, is_media_type, is_somebody, tell_of_panics};

fuzz_target!(init: tell_of_panics(), |raw: &[u8]| {
    let Ok(given) = serde_json::from_slice::<Value>(raw) else { return };
    for groups in [Groups::Ignore, Groups::Chat, Groups::User] {
        let Some(inbound) = update(&given, groups) else { continue };
        assert_eq!(update(&given, groups).map(|again| again.external_id), Some(inbound.external_id.clone()));
        check(&inbound);
    }
});

fuzz_mutator!(|bytes: &mut [u8], size: usize, most: usize, seed: u32| {
    let given = (seed % 2 == 0).then(|| serde_json::from_slice::<Value>(&bytes[..size]).ok()).flatten();
    match given.map(|given| changed(given, seed).to_string()).filter(|text| text.len() <= most) {
        Some(text) => {
            bytes[..text.len()].copy_from_slice(text.as_bytes());
            text.len()
        }
        None => fuzzer_mutate(bytes, size, most),
    }
});

fn check(inbound: &Inbound) {
    is_id(&inbound.thread);
    is_id(&inbound.external_id);
    is_somebody(&inbound.from);
    let is_named = inbound.external_id.rsplit('/').next().is_some_and(|own| !own.is_empty());
    assert!(is_named || matches!(inbound.content, Content::Reaction { .. }), "{:?} names nothing", inbound.external_id);
    match &inbound.content {
        Content::Message(body) | Content::Edit { body, .. } => {
            // A quote stands above a text that is as long as it may be.
            is_kept(body.text.get(..256 * 1024).map_or(body.text.as_str(), str::trim));
            assert!(body.text.len() <= 260 * 1024 && body.html.is_none());
            for file in &body.attachments {
                is_line(&file.name, 100);
                is_media_type(&file.media_type);
                let AttachmentSource::Remote { reference, .. } = &file.source else { panic!("{file:?}") };
                assert!(!reference.is_empty(), "a file without an id");
            }
            if let Some(at) = &body.location {
                assert!((-90.0..=90.0).contains(&at.latitude) && (-180.0..=180.0).contains(&at.longitude), "{at:?}");
            }
        }
        Content::Postback { value, title } => assert!(!value.is_empty() && title.chars().count() <= 100),
        Content::Other { what, raw } => {
            is_id(what);
            is_kept(raw);
        }
        _ => {}
    }
    let kept = serde_json::to_string(inbound).expect("it is kept as JSON");
    assert!(serde_json::from_str::<Inbound>(&kept).is_ok(), "what was kept cannot be read");
}
