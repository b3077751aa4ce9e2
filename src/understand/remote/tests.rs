//! The endpoint behind a real socket: what it is asked, what becomes of what it says, and what happens when it fails.

use serde_json::{Value, json};
use understand::SentimentLabel;
use wiremock::{
    Match, Mock, MockServer, Request, ResponseTemplate,
    matchers::{bearer_token, body_partial_json, method, path},
};

use super::*;

fn settings(protocol: Protocol, url: String) -> Settings {
    Settings {
        protocol,
        url: protocol.address(&url).unwrap(),
        key: Some("secret".to_owned().into()),
        model: "judge-1".to_owned(),
        signals: vec!["sentiment".to_owned()],
        below: 0.6,
        deadline: Duration::from_secs(20),
        at_once: NonZeroUsize::new(2).unwrap(),
        per_minute: 100,
        per_day: 100,
        remembered: NonZeroUsize::new(10).unwrap(),
    }
}

fn remote(settings: Settings) -> Remote {
    // Whichever test is first installs it.
    let _ = rustls::crypto::ring::default_provider().install_default();
    Remote::new(settings, Thresholds::default()).unwrap()
}

fn at_first(text: &str) -> Signals {
    crate::understand::Settings::default().reader(&[]).read(text)
}

async fn tone(remote: &Remote, text: &str) -> Option<SentimentLabel> {
    let refined = remote.refine(&text.into(), &Signals::default(), &[]).await.ok()??;
    refined.sentiment.label.known().copied()
}

async fn answers(server: &MockServer, response: ResponseTemplate) {
    Mock::given(method("POST")).respond_with(response).mount(server).await;
}

async fn asked(server: &MockServer) -> usize {
    server.received_requests().await.unwrap_or_default().len()
}

const ANGRY: &str = r#"{"sentiment": {"label": "very_negative"}}"#;

#[tokio::test]
async fn an_http_endpoint_is_asked_by_the_schema() {
    let server = MockServer::start().await;
    let question = json!({"text": "呵呵，真快", "subject": "order", "intents": ["delay"]});
    Mock::given(path("/judge"))
        .and(bearer_token("secret"))
        .and(body_partial_json(&question))
        .respond_with(
            ResponseTemplate::new(200).set_body_string(r#"{"sentiment": {"label": "negative"}, "intent": "delay"}"#),
        )
        .expect(1)
        .mount(&server)
        .await;
    let remote = remote(settings(Protocol::Http, format!("{}/judge", server.uri())));
    let intents = [Intent { name: "delay".into(), topics: vec!["delivery".into()], examples: vec![] }];
    let text = Text { text: "呵呵，真快", subject: Some("order") };
    let refined = remote.refine(&text, &Signals::default(), &intents).await.unwrap().unwrap();
    assert_eq!(refined.sentiment.label.known(), Some(&SentimentLabel::Negative));
    assert_eq!(refined.topics, ["delivery"]);
    assert!(refined.model.ends_with(" + judge-1"), "{}", refined.model);
}

fn chat(content: &Value) -> ResponseTemplate {
    let message = json!({"role": "assistant", "content": content});
    ResponseTemplate::new(200).set_body_json(json!({"id": "x", "choices": [{"index": 0, "message": message}]}))
}

struct WithSchema(bool);

impl Match for WithSchema {
    fn matches(&self, request: &Request) -> bool {
        let body: Value = serde_json::from_slice(&request.body).unwrap();
        body.get("response_format").is_some() == self.0
    }
}

#[tokio::test]
async fn a_chat_endpoint_is_asked_as_openai_has_it() {
    for content in [json!(ANGRY), json!([{"type": "text", "text": ANGRY}]), json!(format!("```json\n{ANGRY}\n```"))] {
        let server = MockServer::start().await;
        Mock::given(path("/v1/chat/completions"))
            .and(WithSchema(true))
            .and(body_partial_json(json!({"model": "judge-1"})))
            .respond_with(chat(&content))
            .mount(&server)
            .await;
        let remote = remote(settings(Protocol::Openai, format!("{}/v1/", server.uri())));
        assert_eq!(tone(&remote, "so").await, Some(SentimentLabel::VeryNegative), "{content}");
        let request = &server.received_requests().await.unwrap()[0];
        let body: Value = serde_json::from_slice(&request.body).unwrap();
        assert_eq!(body["messages"][1]["content"], json!({"text": "so"}).to_string(), "the message is data");
    }
}

#[tokio::test]
async fn a_chat_endpoint_that_takes_no_schema_is_asked_without_from_then_on() {
    let server = MockServer::start().await;
    Mock::given(WithSchema(true)).respond_with(ResponseTemplate::new(400)).expect(1).mount(&server).await;
    Mock::given(WithSchema(false)).respond_with(chat(&json!(ANGRY))).expect(2).mount(&server).await;
    let remote = remote(settings(Protocol::Openai, server.uri()));
    for text in ["one", "two"] {
        assert_eq!(tone(&remote, text).await, Some(SentimentLabel::VeryNegative));
    }
}

#[tokio::test]
async fn the_same_text_is_asked_about_once() {
    let server = MockServer::start().await;
    answers(&server, ResponseTemplate::new(200).set_body_string(ANGRY)).await;
    let remote = remote(settings(Protocol::Http, server.uri()));
    for _ in 0..3 {
        assert_eq!(tone(&remote, "well").await, Some(SentimentLabel::VeryNegative));
    }
    assert_eq!(asked(&server).await, 1);
}

#[tokio::test]
async fn an_endpoint_that_fails_says_nothing_and_is_left_alone() {
    let long = "x".repeat(100_000);
    for response in [
        ResponseTemplate::new(500),
        ResponseTemplate::new(302).insert_header("location", "http://127.0.0.1:1/"),
        ResponseTemplate::new(200).set_body_string(&long),
        ResponseTemplate::new(200).set_body_bytes(vec![0xff, 0xfe, 0x00]),
    ] {
        let server = MockServer::start().await;
        answers(&server, response).await;
        let remote = remote(settings(Protocol::Http, server.uri()));
        for number in 0..12 {
            assert_eq!(tone(&remote, &format!("{number} things")).await, None);
        }
        assert_eq!(asked(&server).await, 5, "after five failures the breaker is open");
    }
}

/// Who writes a message can make a model say nonsense; that takes the opinion on other messages from nobody.
#[tokio::test]
async fn an_answer_that_cannot_be_read_says_nothing_of_the_endpoint() {
    for nonsense in ["I would rather not say.", r#"{"sentiment": {"label": "grumpy"}}"#, r#"{"status": "ok"}"#] {
        let server = MockServer::start().await;
        answers(&server, ResponseTemplate::new(200).set_body_string(nonsense)).await;
        let remote = remote(settings(Protocol::Http, server.uri()));
        for number in 0..10 {
            assert_eq!(tone(&remote, &format!("{number} things")).await, None);
        }
        assert_eq!(asked(&server).await, 10);
        assert_eq!(tone(&remote, "9 things").await, None);
        assert_eq!(asked(&server).await, 10, "the same text is not asked about again");
    }
}

#[tokio::test]
async fn who_waits_for_a_place_is_no_failure_of_the_endpoint() {
    let server = MockServer::start().await;
    answers(&server, ResponseTemplate::new(200).set_body_string(ANGRY)).await;
    let deadline = Duration::from_millis(50);
    let late = remote(Settings { at_once: NonZeroUsize::MIN, deadline, ..settings(Protocol::Http, server.uri()) });
    let place = late.places.acquire().await.unwrap();
    for number in 0..10 {
        let text = format!("{number} things");
        assert_eq!(late.refine(&text.as_str().into(), &Signals::default(), &[]).await, Err(Silence::TOO_MANY));
    }
    drop(place);
    assert!(lock(&late.breaker).may_ask(Instant::now()));
    assert_eq!(asked(&server).await, 0);
}

#[tokio::test]
async fn one_that_asks_for_a_pause_gets_it_at_once() {
    let server = MockServer::start().await;
    answers(&server, ResponseTemplate::new(429).insert_header("retry-after", "60")).await;
    let remote = remote(settings(Protocol::Http, server.uri()));
    for number in 0..3 {
        assert_eq!(tone(&remote, &format!("{number} things")).await, None);
    }
    assert_eq!(asked(&server).await, 1);
}

#[tokio::test]
async fn an_answer_after_the_deadline_is_none() {
    let server = MockServer::start().await;
    answers(&server, ResponseTemplate::new(200).set_body_string(ANGRY).set_delay(Duration::from_secs(60))).await;
    let deadline = Duration::from_millis(50);
    let remote = remote(Settings { deadline, ..settings(Protocol::Http, server.uri()) });
    assert_eq!(tone(&remote, "well").await, None);
}

#[tokio::test]
async fn no_more_is_asked_than_the_budget_has() {
    let server = MockServer::start().await;
    answers(&server, ResponseTemplate::new(200).set_body_string(ANGRY)).await;
    let remote = remote(Settings { per_day: 2, ..settings(Protocol::Http, server.uri()) });
    let mut tones = Vec::new();
    for number in 0..4 {
        tones.push(tone(&remote, &format!("{number} things")).await.is_some());
    }
    assert_eq!(tones, [true, true, false, false]);
    assert_eq!(asked(&server).await, 2);
}

#[test]
fn only_what_is_not_sure_is_doubted_and_no_machine() {
    let remote = remote(settings(Protocol::Http, "http://127.0.0.1:1".to_owned()));
    let doubts = |text: &str| remote.doubts(text, &at_first(text));
    assert!(doubts("so"));
    assert!(!doubts("This is terrible, I am furious! Worst service ever!"));
    assert!(!doubts(""));
    let machine = Signals { automatic: true, ..at_first("so") };
    assert!(!remote.doubts("so", &machine));
    let mut spam = at_first("so");
    spam.spam = understand::Signal { value: 0.9, confidence: 0.9, known: true, terms: Vec::new() };
    assert!(!remote.doubts("so", &spam));
}

#[test]
fn a_wrong_address_is_refused_at_once() {
    for url in ["", "localhost:11434", "ftp://x/", "http://name:secret@x/"] {
        assert!(Protocol::Openai.address(url).is_err(), "{url}");
    }
}
