use contract::{Address, Body, ButtonAction, Content, EntryId, Thread, Timestamp};
use jiff::SignedDuration;

use super::*;

fn now() -> Timestamp {
    Timestamp::from_second(1_800_000_000).unwrap()
}

/// One that was closed a moment ago, and after which the customer was asked.
fn closed() -> Conversation {
    let thread = Thread { channel: "shop".into(), key: "v1".into() };
    let address = Address { space: "webchat:shop".into(), handle: "v1".into() };
    let mut conversation = Conversation::open(1.into(), &thread, "webchat", address, 1.into(), now());
    conversation.close(now());
    conversation.satisfaction = Some(Box::new(Satisfaction::asked(EntryId::from(42), now(), 3600, None)));
    conversation
}

fn said(conversation: &Conversation, text: &str) -> Option<Heard> {
    heard(conversation, &Content::Message(Body::text(text)), &Signals::default(), now())
}

fn pressed(conversation: &Conversation, value: &str, at: Timestamp) -> Option<Heard> {
    let content = Content::Postback { value: value.into(), title: "5 😀".into() };
    heard(conversation, &content, &Signals::default(), at)
}

fn rated(stars: u8, comment: &str) -> Heard {
    Heard::Rated(Rating { stars, comment: comment.into() })
}

#[test]
fn a_rating_is_understood_in_the_words_of_customers() {
    for (text, stars, remark) in [
        ("5", 5, ""),
        (" ５ ", 5, ""),
        ("4/5", 4, ""),
        ("4 / 5", 4, ""),
        ("3 out of 5", 3, ""),
        ("3 stars", 3, ""),
        ("five", 5, ""),
        ("Two stars, it took long", 2, "it took long"),
        ("五", 5, ""),
        ("五星", 5, ""),
        ("4分", 4, ""),
        ("3分，等太久了", 3, "等太久了"),
        ("两颗星", 2, ""),
        ("⭐⭐⭐⭐", 4, ""),
        ("★★★☆☆", 3, ""),
        ("😀", 5, ""),
        ("5 😀", 5, ""),
        ("😞 nobody helped", 0, ""),
        ("5!", 5, ""),
        ("1. Nobody answered", 1, "Nobody answered"),
        ("5\n\nThank you Bo", 5, "Thank you Bo"),
        ("", 0, ""),
        ("0", 0, ""),
        ("6", 0, ""),
        ("10", 0, ""),
        ("4.5", 0, ""),
        ("5 items are missing", 0, ""),
        ("2, can you help me?", 0, ""),
        ("one more question", 0, ""),
        ("一个问题", 0, ""),
        ("5th floor", 0, ""),
        ("thanks", 0, ""),
        ("⭐⭐⭐⭐⭐⭐", 0, ""),
    ] {
        let expected = (stars > 0).then(|| Rating { stars, comment: remark.into() });
        assert_eq!(Rating::read(text), expected, "{text:?}");
    }
}

#[test]
fn a_button_counts_for_its_own_closing_and_in_time() {
    let mut conversation = closed();
    let asked = question("How was it?".into(), &conversation, EntryId::from(42), None);
    assert_eq!(asked.buttons.len(), 5);
    let ButtonAction::Postback(value) = &asked.buttons[4].action else { panic!("{asked:?}") };
    assert!(value.len() <= 64, "Telegram takes no longer ones");
    assert_eq!(pressed(&conversation, value, now()), Some(rated(5, "")));
    let late = now() + SignedDuration::from_hours(2);
    assert_eq!(pressed(&conversation, value, late), Some(Heard::Late));
    assert_eq!(pressed(&conversation, "do:0123", now()), None, "another button");
    assert_eq!(pressed(&conversation, "satisfaction:ent_0000000000000:5", now()), Some(Heard::Late));
    conversation.reopen();
    assert_eq!(pressed(&conversation, value, now()), Some(rated(5, "")), "the old question can still be answered");
    conversation.satisfaction = None;
    assert_eq!(pressed(&conversation, value, now()), Some(Heard::Late), "no rule hears of a stale button");
}

#[test]
fn words_count_while_it_is_closed_and_else_go_their_way() {
    let mut conversation = closed();
    assert_eq!(said(&conversation, "4"), Some(rated(4, "")));
    assert_eq!(said(&conversation, "where is my parcel"), None);
    assert_eq!(said(&conversation, "it was fine"), None, "nothing was rated yet");
    assert_eq!(heard(&conversation, &Content::Delete { of: "1".into() }, &Signals::default(), now()), None);
    conversation.reopen();
    assert_eq!(said(&conversation, "4"), None, "the bot may have asked for a number");
}

#[test]
fn what_is_said_right_after_a_rating_is_about_it_once_and_unless_it_asks() {
    let mut conversation = closed();
    let asked = conversation.satisfaction.as_mut().unwrap();
    let rating = Rating { stars: 2, comment: String::new() };
    assert_eq!(asked.rate(&rating, now()), Some(None));
    assert_eq!(asked.rate(&rating, now()), None, "the same again is nothing new");
    assert_eq!(asked.rate(&Rating { stars: 3, ..rating }, now()), Some(Some(2)));
    assert_eq!(said(&conversation, "It took you a week."), Some(Heard::Comment));
    assert_eq!(said(&conversation, "where is my parcel?"), None);
    assert_eq!(said(&conversation, "我的包裹在哪呢"), None);
    let wants_human = crate::understand::Signal { value: 0.9, confidence: 0.9, known: true, terms: vec![] };
    let wants = Signals { wants_human, ..Signals::default() };
    assert_eq!(heard(&conversation, &Content::Message(Body::text("a person, now")), &wants, now()), None);
    let later = now() + SignedDuration::from_mins(11);
    let words = Content::Message(Body::text("It took you a week."));
    assert_eq!(heard(&conversation, &words, &Signals::default(), later), None);
    conversation.satisfaction.as_mut().unwrap().comment = "It took you a week.".into();
    assert_eq!(said(&conversation, "And it was broken."), None, "a second one is a message");
    assert_eq!(said(&conversation, "5"), Some(rated(5, "")), "a change of mind");
}

#[test]
fn a_link_is_only_one_that_we_made() {
    let links = RatingLinks::new("https://chat.example.com/", [7; 32]);
    let asked = question("How was it?".into(), &closed(), EntryId::from(42), Some(&links));
    let ButtonAction::Url(url) = &asked.buttons[0].action else { panic!("{asked:?}") };
    let token = url.strip_prefix("https://chat.example.com/satisfaction/").unwrap();
    let token = token.strip_suffix("?stars=1").unwrap();
    assert_eq!(links.read(token), Some((1.into(), 42.into())));
    assert_eq!(RatingLinks::new("https://chat.example.com", [8; 32]).read(token), None, "another installation's");
    let other = token.replace("0000000000001.", "0000000000002.");
    assert_ne!(other, token);
    assert_eq!(links.read(&other), None, "another conversation's");
    for broken in ["", ".", "..", "a.b.c", &token[..token.len() - 1], &format!("{token}A")] {
        assert_eq!(links.read(broken), None, "{broken:?}");
    }
}
