use serde_json::json;
use wiremock::{
    Mock, MockServer, ResponseTemplate,
    matchers::{header, method, path},
};

use super::*;
use crate::live::LocalLive;

fn system(url: &str, reach: Reach) -> Arc<System> {
    Arc::new(System {
        name: "shop".to_owned(),
        url: Url::parse(url).unwrap(),
        reach,
        headers: Vec::new(),
        timeout: 10_000,
        at_once: 4,
        per_second: None,
        speaks: Speaks::Http,
    })
}

fn request(server: &MockServer, method: &str, effect: bool) -> Request {
    Request {
        system: system(&server.uri(), Reach::Private),
        method: method.to_owned(),
        url: Url::parse(&format!("{}/orders/1", server.uri())).unwrap(),
        headers: vec![("x-shop".to_owned(), "1".to_owned())],
        body: None,
        tool: None,
        key: None,
        effect,
        cache: Duration::ZERO,
    }
}

fn caller() -> Caller {
    let _ = rustls::crypto::ring::default_provider().install_default();
    Caller::new(BTreeMap::new(), Arc::new(LocalLive::default())).unwrap()
}

async fn server(answer: ResponseTemplate) -> MockServer {
    let server = MockServer::start().await;
    Mock::given(path("/orders/1")).respond_with(answer).mount(&server).await;
    server
}

async fn heard(server: &MockServer) -> usize {
    server.received_requests().await.unwrap().len()
}

#[tokio::test]
async fn an_answer_is_what_it_is_and_trouble_has_a_name() {
    let answers = |status: u16, body| Returned::Answer { status, body };
    let failed = Returned::Failed;
    let html = || ResponseTemplate::new(200).set_body_string("<html>");
    for (what, answer, expected, tries) in [
        ("an answer", ResponseTemplate::new(200).set_body_json(json!({"a": 1})), answers(200, json!({"a": 1})), 1),
        ("nothing", ResponseTemplate::new(204), answers(204, Json::Null), 1),
        (
            "a refusal",
            ResponseTemplate::new(404).set_body_json(json!({"error": "x"})),
            answers(404, json!({"error": "x"})),
            1,
        ),
        ("a refusal in words", ResponseTemplate::new(422).set_body_string("no"), answers(422, Json::Null), 1),
        ("a page", html(), failed(Failure::Unreadable), 1),
        ("too much", ResponseTemplate::new(200).set_body_string("1".repeat(2 << 20)), failed(Failure::TooLong), 1),
        (
            "elsewhere",
            ResponseTemplate::new(302).insert_header("location", "http://169.254.169.254/latest/meta-data"),
            failed(Failure::Redirected),
            1,
        ),
        ("away", ResponseTemplate::new(503), failed(Failure::Down), 3),
    ] {
        let server = server(answer).await;
        assert_eq!(caller().call(&request(&server, "GET", false)).await, expected, "{what}");
        assert_eq!(heard(&server).await, tries, "{what}");
    }
}

#[tokio::test]
async fn what_changes_something_is_tried_again_only_under_a_key() {
    for (key, tries) in [(None, 1), (Some("k1".to_owned()), 3)] {
        let server = server(ResponseTemplate::new(503)).await;
        let request = Request { key, ..request(&server, "POST", true) };
        assert_eq!(caller().call(&request).await, Returned::Failed(Failure::Unknown), "it may have been done");
        assert_eq!(heard(&server).await, tries);
    }
}

#[tokio::test]
async fn a_key_and_the_headers_are_sent() {
    let server = MockServer::start().await;
    let taken = Mock::given(method("POST")).and(header("idempotency-key", "k1")).and(header("x-shop", "1"));
    taken.respond_with(ResponseTemplate::new(201).set_body_json(json!({}))).mount(&server).await;
    let request = Request { key: Some("k1".to_owned()), ..request(&server, "POST", true) };
    assert!(matches!(caller().call(&request).await, Returned::Answer { status: 201, .. }));
}

#[tokio::test]
async fn a_system_that_fails_again_and_again_is_left_alone() {
    let server = server(ResponseTemplate::new(500)).await;
    let caller = caller();
    let request = request(&server, "POST", true);
    for _ in 0..5 {
        assert_eq!(caller.call(&request).await, Returned::Failed(Failure::Unknown));
    }
    assert_eq!(caller.call(&request).await, Returned::Failed(Failure::Resting));
    assert_eq!(heard(&server).await, 5);
}

#[tokio::test]
async fn an_answer_is_used_again_where_the_file_says_so() {
    let server = server(ResponseTemplate::new(200).set_body_json(json!({"a": 1}))).await;
    let caller = caller();
    let request = Request { cache: Duration::from_secs(600), ..request(&server, "GET", false) };
    let first = caller.call(&request).await;
    assert_eq!(caller.call(&request).await, first);
    assert_eq!(heard(&server).await, 1);
    let other = Request { headers: vec![("x-shop".to_owned(), "2".to_owned())], ..request };
    caller.call(&other).await;
    assert_eq!(heard(&server).await, 2, "another customer's answer is another one");
}

#[tokio::test]
async fn nobody_is_called_where_calls_may_not_go() {
    let server = server(ResponseTemplate::new(200)).await;
    let public = Request { system: system(&server.uri(), Reach::Public), ..request(&server, "GET", false) };
    assert_eq!(caller().call(&public).await, Returned::Failed(Failure::Forbidden));
    let by_name = server.uri().replace("127.0.0.1", "localhost");
    let named = Request {
        system: system(&by_name, Reach::Public),
        url: Url::parse(&format!("{by_name}/orders/1")).unwrap(),
        ..request(&server, "GET", false)
    };
    assert_eq!(
        caller().call(&named).await,
        Returned::Failed(Failure::Forbidden),
        "names are looked at when they are resolved"
    );
    assert_eq!(heard(&server).await, 0);
}
