//! What a shop that is not well does to its callers.

use serde_json::{Value, json};
use shop::Settings;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

use crate::running::{Reply, Running, settings, within};

const CANCEL: &str = "/orders/A10025/cancel";

async fn faulty(fault: Value) -> Running {
    let shop = Running::start(Settings { faults: true, ..settings() }).await;
    let reply = shop.ask("PUT", "/faults", "", &fault).await;
    assert_eq!((reply.status, &reply.json()["faults"][0]["kind"]), (200, &fault["kind"]), "{}", reply.text);
    shop
}

/// Sends a request for an effect that will not be answered at once.
fn cancelling(shop: &Running) -> tokio::task::JoinHandle<reqwest::Result<Reply>> {
    tokio::spawn(Reply::of(shop.asking("POST", CANCEL, "cancel", &Value::Null)))
}

#[tokio::test]
async fn slow_does_nothing_before_its_time() {
    let shop = faulty(json!({"path": "/orders", "kind": "slow", "times": null, "seconds": 1e6})).await;
    let answer = cancelling(&shop);
    shop.until(|seen| seen.held == 1).await;
    assert_eq!(shop.effects().await.len(), 0);
    assert_eq!(shop.ask("DELETE", "/faults", "", &Value::Null).await.status, 204);
    assert_eq!(within(answer).await.unwrap().unwrap().status, 200);
    assert_eq!(shop.effects().await.len(), 1);
}

#[tokio::test]
async fn slow_does_nothing_for_those_who_hang_up() {
    let shop = faulty(json!({"path": "/orders", "kind": "slow", "seconds": 1e6})).await;
    let answer = cancelling(&shop);
    shop.until(|seen| seen.held == 1).await;
    answer.abort();
    shop.until(|seen| seen.held == 0).await;
    assert_eq!(shop.ask("DELETE", "/faults", "", &Value::Null).await.status, 204);
    assert_eq!(shop.effects().await.len(), 0);
}

#[tokio::test]
async fn late_does_it_at_once_and_says_so_later() {
    let shop = faulty(json!({"path": "/orders", "kind": "late", "times": 1, "seconds": 1e6})).await;
    let answer = cancelling(&shop);
    shop.until(|seen| seen.held == 1).await;
    assert_eq!(shop.effects().await.len(), 1);
    assert!(!answer.is_finished());
    // The fault is used up, so the same request again is answered, and with what the first will hear.
    let again = shop.ask("POST", CANCEL, "cancel", &Value::Null).await;
    assert_eq!(shop.ask("DELETE", "/faults", "", &Value::Null).await.status, 204);
    assert_eq!(within(answer).await.unwrap().unwrap(), again);
    assert_eq!(shop.effects().await.len(), 1);
}

#[tokio::test]
async fn waiting_ends_by_itself() {
    for kind in ["slow", "late"] {
        let shop = faulty(json!({"path": "/orders", "kind": kind, "seconds": 0.001})).await;
        assert_eq!(within(cancelling(&shop)).await.unwrap().unwrap().status, 200, "{kind}");
    }
}

#[tokio::test]
async fn a_shop_that_closes_lets_the_waiting_go() {
    let shop = faulty(json!({"path": "/orders", "kind": "late", "seconds": 1e6})).await;
    let answer = cancelling(&shop);
    shop.until(|seen| seen.held == 1).await;
    shop.stop().await;
    assert_eq!(within(answer).await.unwrap().unwrap().status, 200);
}

#[tokio::test]
async fn drop_does_it_and_hangs_up() {
    let shop = faulty(json!({"path": "/orders", "kind": "drop", "times": 1})).await;
    let mut connection = TcpStream::connect(shop.base.strip_prefix("http://").unwrap()).await.unwrap();
    let request =
        format!("POST {CANCEL} HTTP/1.1\r\nHost: shop\r\nIdempotency-Key: cancel\r\nContent-Length: 0\r\n\r\n");
    connection.write_all(request.as_bytes()).await.unwrap();
    let mut heard = Vec::new();
    within(connection.read_to_end(&mut heard)).await.unwrap();
    assert_eq!(String::from_utf8_lossy(&heard), "");
    assert_eq!(shop.effects().await.len(), 1);
    assert_eq!(shop.ask("POST", CANCEL, "cancel", &Value::Null).await.json()["status"], "cancelled");
    assert_eq!(shop.effects().await.len(), 1);
}

#[tokio::test]
async fn some_faults_answer_and_do_nothing() {
    let elsewhere = "http://169.254.169.254/latest/meta-data";
    for (fault, status, header, value) in [
        (json!({"path": "/orders", "kind": "status", "status": 503}), 503, "content-type", "application/json"),
        (json!({"path": "/orders/A10025", "kind": "status", "status": 429}), 429, "content-type", "application/json"),
        (json!({"path": "/", "kind": "html"}), 200, "content-type", "text/html; charset=utf-8"),
        (json!({"path": "/orders", "kind": "redirect", "to": elsewhere}), 302, "location", elsewhere),
    ] {
        let shop = faulty(fault.clone()).await;
        let response = shop.asking("POST", CANCEL, "cancel", &Value::Null).send().await.unwrap();
        assert_eq!(
            (response.status().as_u16(), response.headers()[header].to_str().unwrap()),
            (status, value),
            "{fault}"
        );
        if fault["kind"] == "status" {
            assert!(response.json::<Value>().await.unwrap()["error"].is_string(), "{fault}");
        }
        assert_eq!(shop.effects().await.len(), 0, "{fault}");
    }
}

#[tokio::test]
async fn huge_is_ten_mebibytes_of_json_without_a_length() {
    let shop = faulty(json!({"path": "/orders", "kind": "huge"})).await;
    let response = shop.request("GET", "/orders/A10025").send().await.unwrap();
    assert_eq!(response.content_length(), None);
    let value: Value = within(response.json()).await.unwrap();
    assert_eq!(value["filler"].as_str().unwrap().len(), 10 * 1024 * 1024);
}

#[tokio::test]
async fn types_keeps_the_names_and_nothing_else() {
    let shop = faulty(json!({"path": "/orders", "kind": "types", "times": 1})).await;
    let wrong = shop.shown("/orders/A10025").await;
    let right = shop.shown("/orders/A10025").await;
    let names = |value: &Value| value.as_object().unwrap().keys().cloned().collect::<Vec<_>>();
    assert_eq!(names(&wrong), names(&right));
    for (pointer, value) in
        [("/number", json!(6)), ("/total", json!("27800")), ("/status_name/zh", json!(3)), ("/shipping", json!([]))]
    {
        assert_eq!(wrong.pointer(pointer), Some(&value), "{wrong}");
    }
}

#[tokio::test]
async fn a_fault_meets_its_paths_so_many_times() {
    let shop = faulty(json!({"path": "/orders", "kind": "status", "status": 500, "times": 2})).await;
    for (path, status) in [
        ("/customers/C1001", 200),
        ("/orders/A10023", 500),
        ("/health", 200),
        ("/orders/A10012", 500),
        ("/orders/A10023", 200),
    ] {
        assert_eq!(shop.get(path).await.status, status, "{path}");
    }
    let calls = json!({"calls": {"GET /customers/C1001": 1, "GET /orders/A10023": 2, "GET /orders/A10012": 1}});
    assert_eq!(shop.shown("/calls").await, calls);
}

#[tokio::test]
async fn a_fault_that_makes_no_sense_is_refused() {
    let shop = Running::start(Settings { faults: true, ..settings() }).await;
    for fault in [
        json!({"path": "/", "kind": "earthquake"}),
        json!({"path": "/", "kind": "slow"}),
        json!({"path": "/", "kind": "slow", "seconds": -1}),
        json!({"path": "/", "kind": "status", "status": 99}),
        json!({"path": "/", "kind": "redirect", "to": "a\nb"}),
        json!({"path": "/", "kind": "html", "times": 0}),
        json!({"kind": "html"}),
    ] {
        assert_eq!(shop.ask("PUT", "/faults", "", &fault).await.status, 400, "{fault}");
    }
    assert_eq!(shop.get("/orders/A10023").await.status, 200);
}
