//! The client against servers that do what real ones do.

use std::{
    collections::BTreeSet,
    sync::{Arc, Mutex},
    time::Duration,
};

use serde_json::{Value as Json, json};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
    time::Instant,
};

use super::{Client, Failure, Limits, Price, Said, Settings};

const OK: &str = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nconnection: close\r\n\r\n";
const SAYS: &str = "data: {\"choices\":[{\"delta\":{\"content\":\"Hello\"}}]}\n\ndata: {\"choices\":[{\"delta\":{},\"finish_reason\":\"stop\"}]}\n\n";

/// What a server does with one request.
#[derive(Clone)]
enum Does {
    /// Writes this and hangs up.
    Writes(Vec<u8>),
    /// Writes this and nothing more.
    Stalls(&'static str),
}

fn writes(head: &str, body: &str) -> Does {
    Does::Writes(format!("{head}{body}").into_bytes())
}

fn refuses(status: &str, headers: &str, body: &str) -> Does {
    writes(&format!("HTTP/1.1 {status}\r\nconnection: close\r\n{headers}\r\n"), body)
}

/// A server that does one thing after the other; the bodies that it was sent.
async fn server(does: Vec<Does>) -> (String, Arc<Mutex<Vec<Json>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/v1/chat/completions", listener.local_addr().unwrap());
    let bodies = Arc::new(Mutex::new(Vec::new()));
    let seen = Arc::clone(&bodies);
    tokio::spawn(async move {
        let mut held = Vec::new();
        for does in does {
            let (mut socket, _) = listener.accept().await.unwrap();
            let mut read = Vec::new();
            let body = loop {
                let mut part = [0; 8192];
                let count = socket.read(&mut part).await.unwrap();
                read.extend_from_slice(&part[..count]);
                let text = String::from_utf8_lossy(&read);
                if let Some((_, body)) = text.split_once("\r\n\r\n")
                    && let Ok(body) = serde_json::from_str::<Json>(body)
                {
                    break body;
                }
            };
            seen.lock().unwrap().push(body);
            match does {
                Does::Writes(bytes) => socket.write_all(&bytes).await.unwrap(),
                Does::Stalls(text) => {
                    socket.write_all(text.as_bytes()).await.unwrap();
                    held.push(socket);
                }
            }
        }
        std::future::pending::<()>().await;
    });
    (url, bodies)
}

fn client(url: &str) -> Client {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let settings = Settings {
        url: url.parse().unwrap(),
        key: None,
        name: "m".into(),
        temperature: Some(0.2),
        most_tokens: 99,
        steps: 3,
        at_once: 2,
        connect: Duration::from_secs(5),
        first_word: Duration::from_secs(2),
        pause: Duration::from_secs(1),
        time: Duration::from_secs(20),
        history: 9,
        summaries: true,
        mask: BTreeSet::new(),
        price: Price::default(),
        per_conversation: Limits::default(),
        per_day: Limits::default(),
    };
    Client::new(&settings).unwrap()
}

async fn asked(url: &str) -> Result<Said, Failure> {
    client(url).ask(&[], &[], Instant::now() + Duration::from_secs(20), &mut |_| {}).await
}

#[tokio::test]
async fn words_are_told_as_they_come() {
    let (url, bodies) = server(vec![writes(OK, SAYS)]).await;
    let (asking, mut told) = (client(&url), Vec::new());
    let (end, words) = (Instant::now() + Duration::from_secs(20), [json!({"role": "user", "content": "x"})]);
    let said = asking.ask(&words, &[], end, &mut |text| told.push(text.to_owned())).await;
    assert_eq!(said.unwrap().text, "Hello");
    assert_eq!(told.last().map(String::as_str), Some("Hello"));
    let body = bodies.lock().unwrap()[0].clone();
    assert_eq!((&body["model"], &body["stream"], &body["max_tokens"]), (&json!("m"), &json!(true), &json!(99)));
}

#[tokio::test]
async fn what_an_endpoint_does_not_take_is_left_out_from_then_on() {
    let refusals =
        ["unknown field stream_options", "use max_completion_tokens in place of max_tokens", "temperature is fixed"];
    let mut does: Vec<Does> = refusals.iter().map(|text| refuses("400 Bad Request", "", text)).collect();
    does.extend([writes(OK, SAYS), writes(OK, SAYS)]);
    let (url, bodies) = server(does).await;
    let client = client(&url);
    for _ in 0..2 {
        let end = Instant::now() + Duration::from_secs(20);
        assert_eq!(client.ask(&[], &[], end, &mut |_| {}).await.unwrap().text, "Hello");
    }
    let bodies = bodies.lock().unwrap().clone();
    assert_eq!(bodies.len(), 5, "it is asked so again");
    let last = &bodies[4];
    assert!(last["stream_options"].is_null() && last["temperature"].is_null() && last["max_tokens"].is_null());
    assert_eq!(last["max_completion_tokens"], 99);
    let (url, _) = server(vec![refuses("400 Bad Request", "", "no such model")]).await;
    assert_eq!(asked(&url).await, Err(Failure::Refused));
}

#[tokio::test]
async fn one_whole_answer_will_do() {
    let whole = r#"{"choices":[{"message":{"content":"Hello"},"finish_reason":"stop"}],"usage":{"prompt_tokens":3,"completion_tokens":1}}"#;
    let head = "HTTP/1.1 200 OK\r\ncontent-type: application/json; charset=utf-8\r\nconnection: close\r\n\r\n";
    let (url, _) = server(vec![writes(head, whole)]).await;
    assert_eq!(asked(&url).await.unwrap().text, "Hello");
    let (url, _) = server(vec![writes(head, r#"{"error": {"message": "busy"}}"#), writes(head, whole)]).await;
    assert_eq!(asked(&url).await, Err(Failure::Down), "an error under a status that says all is well");
}

#[tokio::test]
async fn it_is_tried_again_only_while_nothing_has_come() {
    for first in [
        refuses("503 Service Unavailable", "", ""),
        refuses("429 Too Many Requests", "retry-after: 0\r\n", ""),
        writes(OK, ""),
        Does::Stalls(""),
        Does::Stalls(OK),
    ] {
        let (url, bodies) = server(vec![first, writes(OK, SAYS)]).await;
        assert_eq!(asked(&url).await.unwrap().text, "Hello");
        assert_eq!(bodies.lock().unwrap().len(), 2);
    }
    let half = "data: {\"choices\":[{\"delta\":{\"content\":\"Hel\"}}]}\n\n";
    let (url, bodies) = server(vec![writes(OK, half), writes(OK, SAYS)]).await;
    assert_eq!(asked(&url).await, Err(Failure::Broken));
    assert_eq!(bodies.lock().unwrap().len(), 1);
    let stalls: &'static str = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\r\ndata: {\"choices\":[{\"delta\":{\"content\":\"Hel\"}}]}\n\n";
    let (url, bodies) = server(vec![Does::Stalls(stalls), writes(OK, SAYS)]).await;
    assert_eq!(asked(&url).await, Err(Failure::Stalled));
    assert_eq!(bodies.lock().unwrap().len(), 1);
}

#[tokio::test]
async fn redirects_are_not_followed_and_the_end_is_the_end() {
    let (url, _) = server(vec![refuses("307 Temporary Redirect", "location: http://127.0.0.1:1/\r\n", "")]).await;
    assert_eq!(asked(&url).await, Err(Failure::Refused));
    let (url, _) = server(vec![Does::Stalls("")]).await;
    let end = Instant::now() + Duration::from_millis(50);
    assert_eq!(client(&url).ask(&[], &[], end, &mut |_| {}).await, Err(Failure::Slow));
}

#[tokio::test]
async fn one_that_fails_again_and_again_is_left_alone() {
    let (url, bodies) = server(vec![refuses("500 Internal Server Error", "", ""); 20]).await;
    let client = client(&url);
    let mut last = Ok(Said::default());
    for _ in 0..5 {
        last = client.ask(&[], &[], Instant::now() + Duration::from_secs(20), &mut |_| {}).await;
    }
    assert_eq!(last, Err(Failure::Resting));
    assert_eq!(bodies.lock().unwrap().len(), 5);
}
