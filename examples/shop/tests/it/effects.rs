//! What the shop does, once, and keeps.

use std::{collections::HashSet, fs, path::Path};

use futures::future::join_all;
use serde_json::{Value, json};
use shop::{Settings, Shop};

use crate::running::{NOW, Reply, Running, TestClock, settings};

fn booking(start: &str) -> Value {
    json!({"service": "repair", "start": start, "customer": "C1001", "name": "陈晓明", "note": "毛衣袖口有洞"})
}

fn keeping(data: &Path) -> Settings {
    Settings { data: Some(data.to_owned()), ..settings() }
}

fn address() -> Value {
    json!({"name": "陈晓明", "phone": "+86 138 0000 0001", "street": "解放路1号", "city": "西安", "postcode": "710004"})
}

/// One request for each kind of effect, in an order in which all can be.
fn one_of_each() -> [(&'static str, &'static str, Value, u16); 5] {
    [
        ("POST", "/appointments", booking("2026-12-01T10:00:00+08:00"), 201),
        ("PATCH", "/appointments/B1001", json!({"start": "2026-12-01T14:30:00+08:00"}), 200),
        ("DELETE", "/appointments/B1001", Value::Null, 200),
        ("PUT", "/orders/A10025/address", address(), 200),
        ("POST", "/orders/A10025/cancel", Value::Null, 200),
    ]
}

async fn do_one_of_each(shop: &Running) -> Vec<Reply> {
    let mut replies = Vec::new();
    for (method, path, body, status) in one_of_each() {
        let reply = shop.ask(method, path, &format!("key of {path} {method}"), &body).await;
        assert_eq!(reply.status, status, "{method} {path}: {}", reply.text);
        replies.push(reply);
    }
    replies
}

#[tokio::test]
async fn each_effect_is_seen_and_in_the_ledger() {
    let shop = Running::start(settings()).await;
    let replies = do_one_of_each(&shop).await;
    let shown: Vec<Value> = replies.iter().map(Reply::json).collect();
    let booked = json!({
        "id": "B1001", "service": "repair", "service_name": {"en": "Knitwear repair", "zh": "毛衣修补"},
        "start": "2026-12-01T10:00:00+08:00", "end": "2026-12-01T11:00:00+08:00",
        "customer": "C1001", "name": "陈晓明", "note": "毛衣袖口有洞", "status": "booked",
    });
    assert_eq!(shown[0], booked);
    assert_eq!(shown[1]["start"], "2026-12-01T14:30:00+08:00");
    assert_eq!(shown[1]["end"], "2026-12-01T15:30:00+08:00");
    assert_eq!(shown[2]["status"], "cancelled");
    assert_eq!(shown[3]["address"], address());
    assert_eq!((&shown[4]["status"], &shown[4]["cancelled_at"]), (&json!("cancelled"), &json!(NOW)));
    assert_eq!(shop.shown("/orders/A10025").await, shown[4]);
    assert_eq!(shop.shown("/appointments/B1001").await, shown[2]);
    assert_eq!(shop.shown("/appointments?customer=C1001").await["appointments"], json!([shown[2]]));
    assert_eq!(shop.shown("/appointments?customer=C1002").await["appointments"], json!([]));

    let effects = shop.effects().await;
    let kinds: Vec<_> = effects.iter().map(|effect| effect["effect"]["kind"].as_str().unwrap()).collect();
    let expected =
        ["appointment_booked", "appointment_moved", "appointment_cancelled", "address_changed", "order_cancelled"];
    assert_eq!(kinds, expected);
    for (effect, (method, path, body, status)) in effects.iter().zip(one_of_each()) {
        assert_eq!(effect["key"], format!("key of {path} {method}"));
        assert_eq!(effect["request"], json!({"method": method, "path": path, "body": body}));
        assert_eq!((&effect["at"], &effect["status"]), (&json!(NOW), &json!(status)));
    }
}

#[tokio::test]
async fn the_same_key_has_the_same_answer_and_no_second_effect() {
    let shop = Running::start(settings()).await;
    let first = do_one_of_each(&shop).await;
    assert_eq!(do_one_of_each(&shop).await, first);
    assert_eq!(shop.effects().await.len(), 5);
    for (method, path, body, _) in one_of_each() {
        let key = format!("key of {path} {method}");
        let mut other = if body.is_null() { json!({}) } else { body };
        other["more"] = json!("than before");
        let reply = shop.ask(method, path, &key, &other).await;
        assert_eq!(reply.status, 422, "{method} {path}: {}", reply.text);
    }
    let reply = shop.ask("POST", "/orders/A10024/cancel", "key of /orders/A10025/cancel POST", &Value::Null).await;
    assert_eq!(reply.status, 422, "another path: {}", reply.text);
    assert_eq!(shop.effects().await.len(), 5);
}

#[tokio::test]
async fn a_refusal_does_not_use_up_its_key() {
    let shop = Running::start(settings()).await;
    let start = "2026-12-01T10:00:00+08:00";
    assert_eq!(shop.ask("POST", "/appointments", "", &booking(start)).await.status, 201);
    assert_eq!(shop.ask("POST", "/appointments", "mine", &booking(start)).await.status, 409);
    assert_eq!(shop.ask("DELETE", "/appointments/B1001", "", &Value::Null).await.status, 200);
    assert_eq!(shop.ask("POST", "/appointments", "mine", &booking(start)).await.status, 201);
}

#[tokio::test(flavor = "multi_thread")]
async fn one_key_at_once_has_one_effect() {
    let folder = tempfile::tempdir().unwrap();
    let shop = Running::start(keeping(&folder.path().join("shop.jsonl"))).await;
    let body = booking("2026-12-01T10:00:00+08:00");
    let replies = join_all((0..24).map(|_| shop.ask("POST", "/appointments", "once", &body))).await;
    assert_eq!(replies[0].status, 201, "{}", replies[0].text);
    assert!(replies.iter().all(|reply| *reply == replies[0]), "{replies:?}");
    assert_eq!(shop.effects().await.len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn no_slot_is_booked_twice() {
    let shop = Running::start(settings()).await;
    // Hours that overlap by half: of four neighbours, two can be had at most.
    let starts = ["10:00", "10:30", "11:00", "13:00"].map(|time| format!("2026-12-01T{time}:00+08:00"));
    let bodies: Vec<Value> = starts.iter().cycle().take(40).map(|start| booking(start)).collect();
    let replies = join_all(bodies.iter().map(|body| shop.ask("POST", "/appointments", "", body))).await;

    let booked: Vec<Value> = replies.iter().filter(|reply| reply.status == 201).map(Reply::json).collect();
    let mut times: Vec<_> = booked.iter().map(|one| (one["start"].as_str(), one["end"].as_str())).collect();
    times.sort_unstable();
    assert!(times.windows(2).all(|pair| pair[0].1 <= pair[1].0), "{times:?}");
    assert!(times.len() >= 2, "{times:?}");
    assert_eq!(shop.effects().await.len(), booked.len());
    let ids: HashSet<_> = booked.iter().map(|one| one["id"].as_str()).collect();
    assert_eq!(ids.len(), booked.len());

    let free = shop.shown("/slots?service=repair").await["slots"].as_array().unwrap().clone();
    for reply in replies.iter().filter(|reply| reply.status != 201) {
        assert_eq!((reply.status, &reply.json()["error"]), (409, &json!("taken")));
    }
    for (start, end) in times {
        let overlap = free.iter().find(|slot| slot["start"].as_str() < end && start < slot["end"].as_str());
        assert_eq!(overlap, None, "free, though {start:?} is booked");
    }
}

#[tokio::test]
async fn who_cannot_have_a_slot_hears_of_the_nearest() {
    let shop = Running::start(settings()).await;
    let start = "2026-12-01T15:00:00+08:00";
    assert_eq!(shop.ask("POST", "/appointments", "", &booking(start)).await.status, 201);
    for (start, error, nearest) in [
        (start, "taken", "2026-12-01T14:00:00+08:00"),
        ("2026-12-01T15:30:00+08:00", "taken", "2026-12-01T16:00:00+08:00"),
        ("2026-12-01T12:00:00+08:00", "closed", "2026-12-01T11:00:00+08:00"),
        ("2026-12-01T10:10:00+08:00", "closed", "2026-12-01T10:00:00+08:00"),
        ("2026-11-30T08:30:00+08:00", "closed", "2026-11-30T10:00:00+08:00"),
        ("2027-12-01T10:00:00+08:00", "closed", "2026-12-12T17:00:00+08:00"),
    ] {
        let reply = shop.ask("POST", "/appointments", "", &booking(start)).await;
        let refusal = reply.json();
        assert_eq!((reply.status, &refusal["error"]), (409, &json!(error)), "{start}: {refusal}");
        assert_eq!(refusal["nearest"][0]["start"], nearest, "{start}: {refusal}");
        assert_eq!(refusal["nearest"].as_array().unwrap().len(), 5);
    }
    // One's own slot is no obstacle to moving by half of it.
    let later = json!({"start": "2026-12-01T15:30:00+08:00"});
    assert_eq!(shop.ask("PATCH", "/appointments/B1001", "", &later).await.status, 200);
}

#[tokio::test]
async fn what_is_too_late_is_refused_with_the_reason() {
    let clock = TestClock::at(NOW);
    let shop = Running::start(clock.settings()).await;
    for (number, status) in [("A10023", "shipped"), ("A10012", "delivered"), ("A10014", "cancelled")] {
        for (method, action, body) in [("POST", "cancel", Value::Null), ("PUT", "address", address())] {
            let reply = shop.ask(method, &format!("/orders/{number}/{action}"), "", &body).await;
            let refusal = reply.json();
            assert_eq!((reply.status, &refusal["error"]), (409, &json!("too_late")), "{number} {action}");
            assert_eq!(refusal["status"], status);
            assert!(refusal["reason"]["en"].is_string() && refusal["reason"]["zh"].is_string(), "{refusal}");
        }
    }
    let start = "2026-11-30T10:00:00+08:00";
    assert_eq!(shop.ask("POST", "/appointments", "", &booking(start)).await.status, 201);
    clock.set(start);
    assert_eq!(shop.ask("DELETE", "/appointments/B1001", "", &Value::Null).await.json()["error"], "too_late");
    assert_eq!(shop.effects().await.len(), 1);
}

#[tokio::test]
async fn what_is_wrong_is_refused_and_leaves_nothing() {
    let shop = Running::start(settings()).await;
    let with = |field: &str, value: Value| {
        let mut body = booking("2026-12-01T10:00:00+08:00");
        body[field] = value;
        body
    };
    for (method, path, body, status) in [
        ("POST", "/appointments", Value::Null, 400),
        ("POST", "/appointments", json!({"service": "repair"}), 400),
        ("POST", "/appointments", with("start", json!("tomorrow")), 400),
        ("POST", "/appointments", with("name", json!(" ")), 400),
        ("POST", "/appointments", with("note", json!("长".repeat(1001))), 400),
        ("POST", "/appointments", with("service", json!("haircut")), 404),
        ("POST", "/appointments", with("customer", json!("C9999")), 404),
        ("PATCH", "/appointments/B1001", json!({"start": "2026-12-01T10:00:00+08:00"}), 404),
        ("DELETE", "/appointments/B1001", Value::Null, 404),
        ("POST", "/orders/A99999/cancel", Value::Null, 404),
        ("PUT", "/orders/A10025/address", json!({"city": "北京"}), 400),
        (
            "PUT",
            "/orders/A10025/address",
            json!({"name": "", "phone": "1", "street": "1", "city": "1", "postcode": "1"}),
            400,
        ),
    ] {
        let reply = shop.ask(method, path, "", &body).await;
        assert_eq!(reply.status, status, "{method} {path} {body}: {}", reply.text);
        assert!(reply.json()["error"].is_string());
    }
    let torn = shop.request("POST", "/appointments").body("{\"service\"");
    assert_eq!(Reply::of(torn).await.unwrap().status, 400);
    let key = "k".repeat(201);
    assert_eq!(shop.ask("POST", "/orders/A10025/cancel", &key, &Value::Null).await.status, 400);
    assert_eq!(shop.effects().await, [] as [Value; 0]);
}

#[tokio::test]
async fn a_start_finds_what_was_done_before() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("shop.jsonl");
    let shop = Running::start(keeping(&data)).await;
    let replies = do_one_of_each(&shop).await;
    let ledger = shop.get("/ledger").await;
    let paths = ["/orders/A10025", "/appointments/B1001", "/slots?service=repair"];
    let before = join_all(paths.map(|path| shop.get(path))).await;
    shop.stop().await;

    let shop = Running::start(keeping(&data)).await;
    assert_eq!(shop.get("/ledger").await, ledger);
    assert_eq!(join_all(paths.map(|path| shop.get(path))).await, before);
    assert_eq!(do_one_of_each(&shop).await, replies);
    assert_eq!(shop.effects().await.len(), 5);
    let next = shop.ask("POST", "/appointments", "", &booking("2026-12-02T10:00:00+08:00")).await;
    assert_eq!(next.json()["id"], "B1002");
}

#[tokio::test]
async fn a_torn_last_line_never_happened() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("shop.jsonl");
    let shop = Running::start(keeping(&data)).await;
    for start in ["2026-12-01T10:00:00+08:00", "2026-12-01T11:00:00+08:00"] {
        assert_eq!(shop.ask("POST", "/appointments", start, &booking(start)).await.status, 201);
    }
    shop.stop().await;
    let whole = fs::read(&data).unwrap();
    let first_line = whole.iter().position(|&byte| byte == b'\n').unwrap() + 1;
    // Torn in the middle, and before the end of the line alone.
    for length in [first_line + 10, whole.len() - 1] {
        fs::write(&data, &whole[..length]).unwrap();
        let shop = Running::start(keeping(&data)).await;
        assert_eq!(shop.effects().await.len(), 1);
        let again = booking("2026-12-01T11:00:00+08:00");
        assert_eq!(shop.ask("POST", "/appointments", "", &again).await.json()["id"], "B1002");
        shop.stop().await;
        let shop = Running::start(keeping(&data)).await;
        assert_eq!(shop.effects().await.len(), 2);
        shop.stop().await;
    }
}

#[tokio::test]
async fn a_wrong_line_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("shop.jsonl");
    let shop = Running::start(keeping(&data)).await;
    do_one_of_each(&shop).await;
    shop.stop().await;
    let text = fs::read_to_string(&data).unwrap();
    let lines: Vec<&str> = text.lines().collect();
    for (lines, problem) in [
        (vec![lines[0], "nonsense", lines[2]], "line 2: "),
        (vec![lines[0], ""], "line 2: "),
        (vec![lines[1], lines[0]], "line 1: there is no appointment B1001"),
        (vec![lines[0], lines[1], "{\"at\":\"2026-11-30T09:00:00+08:00\"}"], "line 3: missing field"),
    ] {
        fs::write(&data, lines.iter().flat_map(|line| [line, "\n"]).collect::<String>()).unwrap();
        let error = Shop::open(keeping(&data)).unwrap_err().to_string();
        assert!(error.contains("shop.jsonl") && error.contains(problem), "{error}");
    }
}

#[tokio::test]
async fn two_shops_do_not_share_a_data_file() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("shop.jsonl");
    let _open = Shop::open(keeping(&data)).unwrap();
    let error = Shop::open(keeping(&data)).unwrap_err().to_string();
    assert!(error.contains("in use"), "{error}");
}
