//! Bytes of a mail to what is kept of it.

#![no_main]

use channels::fuzzing::{Letter, Mail, mail};
use contract::normalise_email;
use libfuzzer_sys::fuzz_target;
use switchboard_fuzz::{is_id, is_kept, is_line, is_media_type, is_somebody, tell_of_panics};

/// The secret that the seals of `channels/cases/email` are made with.
const OURS: [u8; 32] = [7; 32];
/// A secret that no seal is made with.
const NOBODYS: [u8; 32] = [0x5b; 32];

fuzz_target!(init: tell_of_panics(), |raw: &[u8]| {
    let (id, read) = mail(raw, &OURS);
    is_id(&id);
    assert!(id.len() <= 500, "a name of {} bytes", id.len());
    match &read {
        Mail::Letter(letter) => check(letter),
        Mail::Bounce { recipient, reason, .. } => {
            is_line(reason, 300);
            assert!(recipient.iter().all(|to| normalise_email(to).as_ref() == Some(to)), "{recipient:?}");
        }
        Mail::Nothing(why) => assert!(!why.is_empty()),
    }
    let (same, forged) = mail(raw, &NOBODYS);
    assert_eq!(id, same, "a mail's name depends on who reads it");
    match forged {
        Mail::Letter(letter) => assert!(letter.threads.is_empty(), "a seal was forged"),
        Mail::Bounce { of, .. } => assert_eq!(of, None, "a seal was forged"),
        Mail::Nothing(_) => {}
    }
});

fn check(letter: &Letter) {
    is_somebody(&letter.from);
    assert_eq!(normalise_email(&letter.from.address.handle).as_ref(), Some(&letter.from.address.handle));
    is_kept(&letter.text);
    assert!(letter.html.as_ref().is_none_or(|page| page.len() <= 256 * 1024 && !page.trim().is_empty()));
    if let Some(subject) = &letter.subject {
        is_line(subject, 300);
    }
    assert!(letter.files.len() <= 50, "{} files", letter.files.len());
    for (name, media_type, bytes) in &letter.files {
        is_line(name, 160);
        is_media_type(media_type);
        assert!(*bytes > 0, "{name} is empty");
    }
    assert!(letter.threads.iter().all(|thread| thread.len() == 20), "{:?}", letter.threads);
    assert!(letter.answers.len() <= 600 && letter.references.len() <= 600, "ids without bound");
    for id in letter.answers.iter().chain(&letter.references) {
        assert!((3..=500).contains(&id.len()) && !id.contains(char::is_whitespace), "{id:?}");
        is_id(id);
    }
}
