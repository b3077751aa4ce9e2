use std::collections::BTreeMap;

use contract::Timestamp;
use jiff::tz::TimeZone;
use minijinja::Value;
use proptest::prelude::*;

use super::*;
use crate::{
    calls::Returned,
    routing::{Destination, Otherwise, RuleSet, SourceFile, load},
    understand::{Reader, Settings},
};

const SHOP: &str = r#"
systems:
  shop: {url: https://shop.example/api, headers: {authorization: "Bearer {{ secret.shop }}"}}
actions:
  book:
    title: {en: Book}
    inputs:
      order: {entity: order, pattern: "[A-Z][0-9]{5}", ask: {en: Which order?}}
      note: {ask: {en: Anything else?}}
    confirm: {en: "Book {{ inputs.order }}?"}
    call: {system: shop, post: "/orders/{{ inputs.order }}/notes/{{ inputs.note }}", body: {note: "{{ inputs.note }}"}}
    outcomes: [{say: {en: Done.}}]
"#;

fn files(actions: &str) -> Vec<SourceFile> {
    let file = |name: &str, text: &str| SourceFile { name: name.to_owned(), text: text.to_owned() };
    vec![file("10-all.yaml", "rules:\n  - name: all\n    then: [{ignore: true}]\n"), file("actions/shop.yaml", actions)]
}

fn rules(actions: &str) -> std::sync::Arc<RuleSet> {
    let loaded = load(&files(actions));
    loaded.rules.unwrap_or_else(|| panic!("{:?}", loaded.findings))
}

#[test]
fn what_is_wrong_in_a_file_is_said() {
    let with = |from: &str, to: &str| {
        assert!(SHOP.contains(from), "{from}");
        SHOP.replacen(from, to, 1)
    };
    for (file, said) in [
        (with("https://shop", "http://shop"), "http is read by anyone on the way"),
        (with("https://shop.example/api", "https://10.0.0.1/"), "`private: true` allows"),
        (with("https://shop.example/api", "http://169.254.169.254/, private: true"), "no address of the internet"),
        (with("https://shop.example/api", "https://me:secret@shop.example/"), "names and passwords go into `headers`"),
        (with("system: shop", "system: shpo"), "there is no system “shpo”"),
        (with("{{ inputs.order }}?", "{{ inputs.ordr }}?"), "there is nothing called `inputs.ordr`"),
        (with("{{ inputs.order }}?", "{{ secret.shop }}?"), "there is nothing called `secret.shop`"),
        (with("{{ inputs.order }}?", "{{ inputs.order }?"), "cannot be read"),
        (with("    confirm: {en: \"Book {{ inputs.order }}?\"}\n", ""), "does not ask before"),
        (with("[{say: {en: Done.}}]", "[{when: status == 200}]"), "does not say what follows every success"),
        (with("[{say: {en: Done.}}]", "[{say: {en: Done.}}, {when: status == 4}]"), "this outcome is never reached"),
        (with("[{say: {en: Done.}}]", "[{ticket: {queue: care}}]"), "there is no queue “care”"),
        (with("[{say: {en: Done.}}]", "[{ticket: {priority: high}}]"), "a ticket needs a queue"),
        (with("[{say: {en: Done.}}]", "[{ticket: {queue: care}, otherwise: true}]"), "a ticket is an end of its own"),
        (with("ask: {en: Which order?}", "retry: {en: no}"), "has no question"),
        (with("[A-Z][0-9]{5}", "[A-Z"), "this is no pattern"),
        (with("post: \"/orders", "post: \"orders"), "this is no path"),
        (with("title: {en: Book}", "titel: {en: Book}"), "has no key `titel`"),
        (with("[{say: {en: Done.}}]", "[{cards: {text: x}}]"), "cards need a `title`"),
        (
            with("[{say: {en: Done.}}]", "[{cards: {title: \"{{ item.name }}\"}}]"),
            "there is nothing called `item.name`",
        ),
        (with("[{say: {en: Done.}}]", "[{cards: {title: \"{{ item.name }\"}}]"), "cannot be read"),
        (with("[{say: {en: Done.}}]", "[{cards: {title: x, most: 11}}]"), "`most`"),
        (
            with("[{say: {en: Done.}}]", "[{cards: {title: x, buttons: [{title: y, says: z, link: /a}]}}]"),
            "a button has a title, and either a `link` or what it `says`",
        ),
        (with("[{say: {en: Done.}}]", "[{cards: {title: x, buttons: [{title: y}]}}]"), "either a `link` or"),
    ] {
        let loaded = load(&files(&file));
        let found: Vec<String> = loaded.findings.iter().map(|finding| finding.message.clone()).collect();
        assert!(found.iter().any(|message| message.contains(said)), "{said}: {found:?}");
        assert!(loaded.rules.is_none(), "{said}");
    }
}

static NOWHERE: Otherwise = Otherwise { actions: Vec::new(), destination: Destination::Ignore };

/// A talk about `book`, up to its end or the first call.
fn talk(rules: &RuleSet, reader: &Reader, words: &[String]) -> Option<Dialogue> {
    let who = Who::default();
    let zone = TimeZone::UTC;
    let mut dialogue: Option<Dialogue> = None;
    for (at, text) in words.iter().enumerate() {
        let message = at.to_string();
        let signals = reader.read(understand::Text { text, subject: None });
        let heard = Heard { text, pressed: None, entities: &signals.entities };
        let scene = Scene {
            action: "book",
            who: &who,
            language: "en",
            default_language: "en",
            conversation: "cnv_1",
            message: &message,
            text,
            ticket: None,
            next_ticket: None,
            now: Timestamp::UNIX_EPOCH,
            zone: &zone,
            means: Means::NONE,
        };
        let actions = rules.actions();
        let advance = match &dialogue {
            None => actions.begin(&scene, "book", &NOWHERE, &heard)?,
            Some(under_way) => match actions.hear(&scene, under_way, &heard) {
                Reaction::Goes(advance) => *advance,
                Reaction::NotUnderstood => actions.misunderstood(&scene, under_way),
                Reaction::Waits | Reaction::Forgotten => return dialogue,
            },
        };
        if let Some(Dialogue { step: Step::Calls { .. }, .. }) = &advance.dialogue {
            let secrets = Value::from_pairs([("shop", "s3cret")]);
            let made = actions.request(&scene, advance.dialogue.as_ref()?, &secrets);
            if let Ok(request) = made {
                assert_eq!(request.url.host_str(), Some("shop.example"));
                assert!(request.url.path().starts_with("/api/orders/"), "{}", request.url);
                assert_eq!(request.url.path_segments().unwrap().count(), 5, "{}", request.url);
                assert!(request.url.query().is_none());
                assert_eq!(request.headers, [("authorization".to_owned(), "Bearer s3cret".to_owned())]);
            }
        }
        dialogue = Some(advance.dialogue?);
    }
    dialogue
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    /// Whatever a customer writes, a call goes where the file says, and nowhere without a yes.
    #[test]
    fn a_call_goes_where_the_file_says(
        mut words in proptest::collection::vec(
            prop_oneof![".{0,40}", "[A-Z][0-9]{5}", "yes|no|cancel|\\.\\.|/|%2e%2e|\\?x=1|#|\\{\\{ 7 \\}\\}", "[0-9]{200}"], 1..8,
        ),
        note in prop_oneof![".{1,30}", "\\.\\./\\.\\./ledger", "a?b=c#d", "%2f%2e%2e", "\\{\\{ secret.shop \\}\\}"],
    ) {
        let rules = rules(SHOP);
        let reader = Settings::default().reader(&[]);
        let first = talk(&rules, &reader, &words);
        let says_yes = words.iter().any(|word| understand::answers::assent(word) == Some(understand::answers::Assent::Yes));
        let calls = matches!(first, Some(Dialogue { step: Step::Calls { .. }, .. }));
        prop_assert!(!calls || says_yes);
        words = vec!["book A12345".to_owned(), note, "yes".to_owned()];
        talk(&rules, &reader, &words);
    }
}

#[test]
fn a_dialogue_reads_as_it_was_written() {
    let rules = rules(SHOP);
    let reader = Settings::default().reader(&[]);
    let dialogue = talk(&rules, &reader, &["book A12345".to_owned(), "gift wrap".to_owned()]).unwrap();
    assert!(matches!(dialogue.step, Step::Confirms { .. }));
    assert_eq!(
        dialogue.inputs,
        BTreeMap::from([("order".to_owned(), "A12345".into()), ("note".to_owned(), "gift wrap".into())])
    );
    let written = serde_json::to_string(&dialogue).unwrap();
    assert_eq!(serde_json::from_str::<Dialogue>(&written).unwrap(), dialogue);
    let answer = Returned::Answer { status: 200, body: serde_json::Value::Null };
    let zone = TimeZone::UTC;
    let scene = Scene {
        action: "book",
        who: &Who::default(),
        language: "en",
        default_language: "en",
        conversation: "cnv_1",
        message: "1",
        text: "",
        ticket: None,
        next_ticket: None,
        now: Timestamp::UNIX_EPOCH,
        zone: &zone,
        means: Means::NONE,
    };
    assert_eq!(rules.actions().returned(&scene, &dialogue, &answer), None, "no call is under way");
}

const CARDS: &str = r#"
systems:
  shop: {url: https://shop.example/api}
actions:
  find:
    title: {en: Find}
    call: {system: shop, get: /products}
    outcomes:
      - say: {en: "{{ body.said }}"}
        cards:
          each: body.products
          most: 2
          title: "{{ item.name }}"
          text: {en: "It is {{ item.about }}", zh: "这是{{ item.about }}"}
          price: "{{ item.price }}"
          image: "{{ item.image }}"
          link: "{{ item.link }}"
          buttons:
            - {title: {en: Buy}, says: {en: "I buy {{ item.name }}", zh: "我要买{{ item.name }}"}}
            - {title: {en: See}, link: "{{ item.link }}"}
"#;

/// What the action says to an answer.
fn said(body: serde_json::Value, language: &str) -> Vec<contract::Body> {
    let rules = rules(CARDS);
    let (who, zone) = (Who::default(), TimeZone::UTC);
    let scene = Scene {
        action: "find",
        who: &who,
        language,
        default_language: "en",
        conversation: "cnv_1",
        message: "1",
        text: "",
        ticket: None,
        next_ticket: None,
        now: Timestamp::UNIX_EPOCH,
        zone: &zone,
        means: Means::NONE,
    };
    let heard = Heard { text: "", pressed: None, entities: &[] };
    let begun = rules.actions().begin(&scene, "find", &NOWHERE, &heard).unwrap();
    let answer = Returned::Answer { status: 200, body };
    rules.actions().returned(&scene, &begun.dialogue.unwrap(), &answer).unwrap().says
}

#[test]
fn a_list_becomes_cards_in_the_customers_language() {
    let product = |name: &str| serde_json::json!({"name": name, "about": "x", "price": "¥1", "image": "/i.png", "link": "https://a.example/"});
    let body = serde_json::json!({"said": "Found:", "products": [product("A"), product("B"), product("C")]});
    let says = said(body, "zh-Hans");
    assert_eq!(
        (says.len(), says[0].text.as_str(), says[0].cards.len()),
        (1, "Found:", 2),
        "at most two, with the words"
    );
    assert_eq!(
        serde_json::to_value(&says[0].cards[0]).unwrap(),
        serde_json::json!({
            "title": "A", "text": "这是x", "price": "¥1", "image": "https://shop.example/i.png", "link": "https://a.example/",
            "buttons": [{"title": "Buy", "postback": "say:我要买A"}, {"title": "See", "url": "https://a.example/"}],
        })
    );
}

#[test]
fn hostile_answers_make_cards_within_their_bounds_or_none() {
    use contract::{MAX_CARD_PRICE, MAX_CARD_TEXT, MAX_CARD_TITLE, MAX_SAYS};
    let long = "湖".repeat(5000);
    for (products, cards) in [
        (serde_json::json!("no list"), 0),
        (serde_json::json!({"name": "no list either"}), 0),
        (serde_json::json!(null), 0),
        (serde_json::json!([{}, {"name": "  "}, {"name": "never looked at"}]), 0),
        (serde_json::json!([7, null, "text"]), 0),
        (serde_json::json!([{"name": {"a": 1}}]), 1),
        (serde_json::json!([{"name": long, "about": long, "price": long, "image": long, "link": long}]), 1),
        (serde_json::json!([{"name": "a\nb\u{202e}c", "image": "javascript:x", "link": "http://a.example"}]), 1),
        (serde_json::json!([{"name": "{{ secret.shop }}", "image": ["x"], "link": {"a": 1}}]), 1),
    ] {
        let says = said(serde_json::json!({"said": "", "products": products}), "en");
        let made: Vec<_> = says.iter().flat_map(|body| &body.cards).collect();
        assert_eq!(made.len(), cards, "{products}");
        for card in made {
            let count = |text: &str| text.chars().count();
            assert!(!card.title.is_empty() && count(&card.title) <= MAX_CARD_TITLE && !card.title.contains('\n'));
            assert!(!card.title.contains('\u{202e}'));
            assert!(card.text.as_deref().is_none_or(|text| count(text) <= MAX_CARD_TEXT));
            assert!(card.price.as_deref().is_none_or(|price| count(price) <= MAX_CARD_PRICE));
            for address in [&card.image, &card.link].into_iter().flatten() {
                assert!(address.starts_with("https://") && address.len() <= contract::MAX_CARD_URL, "{address}");
            }
            for button in &card.buttons {
                assert!(count(&button.label()) <= MAX_SAYS + 10, "{button:?}");
            }
        }
    }
}
