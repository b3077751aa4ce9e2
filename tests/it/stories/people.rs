//! Who may do and see what.

use serde_json::json;

use crate::harness::{Console, Home, PASSWORD, Visitor, client, items, text};

#[tokio::test]
async fn each_role_reaches_its_own() {
    let daemon = Home::new().start().await;
    let admin = daemon.admin().await;
    let ann = daemon.agent(&admin, "ann", json!({})).await;
    let sue = daemon.agent(&admin, "sue", json!({"role": "supervisor"})).await;
    let rows: [(&str, &str, [u16; 3]); 11] = [
        ("GET", "/me", [200, 200, 200]),
        ("GET", "/rules", [200, 200, 200]),
        ("GET", "/queues", [200, 200, 200]),
        ("GET", "/agents", [200, 200, 200]),
        ("GET", "/dead", [403, 200, 200]),
        ("GET", "/customers?q=a", [403, 200, 200]),
        ("GET", "/ledger", [403, 403, 200]),
        ("GET", "/tokens", [403, 403, 200]),
        ("POST", "/tokens", [403, 403, 201]),
        ("POST", "/agents", [403, 403, 422]),
        ("POST", "/dead/msg_0000000000000/redrive", [403, 404, 404]),
    ];
    for (method, path, expected) in rows {
        for (console, expected) in [&ann, &sue, &admin].into_iter().zip(expected) {
            let body = match path {
                "/tokens" => json!({"name": "crm", "role": "agent"}),
                "/agents" => json!({"login": "x", "name": "X", "password": "short"}),
                _ => json!({}),
            };
            let (status, answer) =
                if method == "GET" { console.try_get(path).await } else { console.post(path, &body).await };
            assert_eq!(status, expected, "{method} {path} as {}: {answer}", text(&console.me, "/role"));
        }
    }
}

#[tokio::test]
async fn an_agent_sees_what_waits_for_them_and_what_is_theirs() {
    let home = Home::new();
    home.unpack_rules().await;
    let queues = "queues:\n  care:\n    title: {en: Care}\n    members: assigned\n  sales:\n    title: {en: Sales}\n    members: assigned\n";
    home.write_rules("queues.yaml", queues);
    let daemon = home.start().await;
    let admin = daemon.admin().await;
    let ann = daemon.agent(&admin, "ann", json!({"queues": ["care"]})).await;
    let bo = daemon.agent(&admin, "bo", json!({"queues": ["sales"]})).await;
    let mut annas = ann.live().await;
    let mut bos = bo.live().await;
    let mut visitor = Visitor::arrive(&daemon.url).await;
    visitor.say("How do I return an item?").await;
    visitor.said_by("bot", 1).await;
    let open = admin.get("/conversations?box=open").await;
    let id = text(&items(&open)[0], "/id").to_owned();
    let path = format!("/conversations/{id}");
    let sees = async |console: &Console| console.try_get(&path).await.0;
    assert_eq!((sees(&ann).await, sees(&bo).await), (404, 404), "the bot has it");
    visitor.say("I want to talk to a person").await;
    visitor.owned_by("queue").await;
    assert_eq!((sees(&ann).await, sees(&bo).await), (200, 404));
    assert_eq!(items(&bo.get("/conversations?box=queued").await).len(), 0);
    assert_eq!(items(&bo.get("/conversations?box=open").await).len(), 0);
    ann.presence("online").await;
    let offer = annas.offer().await;
    ann.accept(&offer).await;
    ann.reply(&id, "a secret", "1").await;
    visitor.said_by("agent", 1).await;
    for (method, path) in [
        ("GET", format!("{path}/entries")),
        ("GET", format!("/customers/{}", text(&offer, "/conversation/customer/id"))),
        ("GET", format!("/customers/{}/entries", text(&offer, "/conversation/customer/id"))),
        ("POST", format!("{path}/notes")),
        ("POST", format!("{path}/tags")),
        ("POST", format!("{path}/typing")),
    ] {
        let body = json!({"text": "x", "client_id": "x"});
        let body = if path.ends_with("tags") { json!({"add": ["x"]}) } else { body };
        let (status, answer) = if method == "GET" { bo.try_get(&path).await } else { bo.post(&path, &body).await };
        assert_eq!(status, 404, "{method} {path}: {answer}");
    }
    let offered = bo.accept(&offer).await.0;
    assert_eq!(offered, 409);
    let heard = bos.settled().await;
    assert!(!heard.iter().any(|event| event.to_string().contains(&id)), "{heard:?}");
    assert_eq!(sees(&admin).await, 200);
    // Their own afterwards too, because the story goes on.
    ann.post(&format!("{path}/close"), &json!({})).await;
    assert_eq!((sees(&ann).await, sees(&bo).await), (200, 404));
}

#[tokio::test]
async fn a_change_needs_the_csrf_token() {
    let daemon = Home::new().start().await;
    let admin = daemon.admin().await;
    let forged = admin.without_csrf();
    assert_eq!(forged.try_get("/me").await.0, 200);
    let (status, answer) = forged.put("/me/presence", &json!({"presence": "online"})).await;
    assert_eq!((status, text(&answer, "/error/code")), (403, "forbidden"));
    assert_eq!(forged.post("/tokens", &json!({"name": "x", "role": "admin"})).await.0, 403);
    assert_eq!(forged.post("/logout", &json!({})).await.0, 403);
    assert_eq!(items(&admin.get("/tokens").await).len(), 0);
    assert_eq!(text(&admin.get("/me").await, "/agent/presence"), "offline");
}

#[tokio::test]
async fn guessing_passwords_is_slow_and_says_nothing() {
    let daemon = Home::new().start().await;
    let Err((status, nobody)) = Console::try_login(&daemon.url, "nobody", "wrong password").await else { panic!() };
    assert_eq!((status, text(&nobody, "/error/code")), (401, "wrong_login"));
    let mut limited = None;
    for _ in 0..12 {
        match Console::try_login(&daemon.url, "ADMIN ", "wrong password").await {
            Err((401, answer)) => assert_eq!(answer, nobody, "a login that is there looks like one that is not"),
            Err((429, answer)) => limited = Some(answer),
            Err((status, answer)) => panic!("{status} {answer}"),
            Ok(_) => panic!("a wrong password"),
        }
    }
    assert_eq!(text(&limited.unwrap(), "/error/code"), "too_many_logins");
    let right = Console::try_login(&daemon.url, "admin", &daemon.first_password).await;
    assert!(matches!(right, Err((429, _))), "not even the right one, for a while");
}

#[tokio::test]
async fn who_is_deactivated_is_out_at_once() {
    let daemon = Home::new().start().await;
    let admin = daemon.admin().await;
    let ann = daemon.agent(&admin, "ann", json!({})).await;
    assert_eq!(ann.try_get("/me").await.0, 200);
    let path = format!("/agents/{}", ann.id());
    assert_eq!(ann.patch(&path, &json!({"role": "admin"})).await.0, 403);
    assert_eq!(admin.patch(&path, &json!({"active": false})).await.0, 200);
    assert_eq!(ann.try_get("/me").await.0, 401);
    assert!(matches!(ann.try_live(None).await, Err(401)));
    assert!(matches!(Console::try_login(&daemon.url, "ann", PASSWORD).await, Err((401, _))));
    assert_eq!(admin.patch(&path, &json!({"active": true})).await.0, 200);
    assert_eq!(ann.try_get("/me").await.0, 401, "the old session stays ended");
    let ann = Console::login(&daemon.url, "ann", PASSWORD).await;
    let own = format!("/agents/{}", admin.id());
    assert_eq!(admin.patch(&own, &json!({"active": false})).await.0, 409, "nobody locks themselves out");
    let change = json!({"current": PASSWORD, "new": "another good password"});
    assert_eq!(ann.put("/me/password", &change).await.0, 204);
    assert_eq!(ann.try_get("/me").await.0, 401, "the old cookie ends with the old password");
    Console::login(&daemon.url, "ann", "another good password").await;
    let (status, taken) = admin.patch(&path, &json!({"login": "admin"})).await;
    assert_eq!((status, text(&taken, "/error/code")), (409, "login_taken"));
}

#[tokio::test]
async fn programs_have_tokens_with_a_role_and_an_end() {
    let daemon = Home::new().start().await;
    let admin = daemon.admin().await;
    let (status, made) = admin.post("/tokens", &json!({"name": "crm", "role": "supervisor"})).await;
    assert_eq!(status, 201);
    let program = Console::program(&daemon.url, text(&made, "/token"));
    assert_eq!(program.try_get("/dead").await.0, 200);
    assert_eq!(program.try_get("/ledger").await.0, 403);
    assert_eq!(program.try_get("/me").await.0, 403, "a program is no agent");
    assert!(admin.get("/tokens").await.to_string().find(text(&made, "/token")).is_none(), "shown once");
    assert_eq!(admin.ask(reqwest::Method::DELETE, &format!("/tokens/{}", made["id"]), None).await.0, 204);
    assert_eq!(program.try_get("/dead").await.0, 401);
    for token in ["", "swb_x", &"x".repeat(10_000)] {
        assert_eq!(Console::program(&daemon.url, token).try_get("/dead").await.0, 401);
    }
}

#[tokio::test]
async fn a_page_of_another_site_opens_no_live_connection() {
    let daemon = Home::new().start().await;
    let admin = daemon.admin().await;
    for origin in ["https://evil.example", "null", "http://localhost.evil.example", "http://127.0.0.1:1"] {
        assert!(matches!(admin.try_live(Some(origin)).await, Err(403)), "{origin}");
    }
    let own = daemon.url.clone();
    assert!(admin.try_live(Some(&own)).await.is_ok());
    let stranger = Console::program(&daemon.url, "x");
    assert!(matches!(stranger.try_live(None).await, Err(401)));
}

#[tokio::test]
async fn logging_out_ends_the_session() {
    let daemon = Home::new().start().await;
    let admin = daemon.admin().await;
    admin.presence("online").await;
    assert_eq!(admin.post("/logout", &json!({})).await.0, 204);
    assert_eq!(admin.try_get("/me").await.0, 401);
    let again = Console::login(&daemon.url, "admin", &daemon.first_password).await;
    assert_eq!(text(&again.me, "/presence"), "offline");
    let plain = client().get(format!("{}/api/v1/me", daemon.url)).send().await.unwrap();
    assert_eq!(plain.status().as_u16(), 401);
    assert_eq!(plain.headers()["x-content-type-options"], "nosniff");
}
