//! An agent takes over: what the bot gathered stands there, what could be said too, and the bot's own actions are theirs to press,
//! each of them once, whatever fails.

use serde_json::{Value, json};

use crate::harness::{Console, Daemon, Home, ShopServer, Visitor, eventually, items, text, uuid};

/// The shop, a daemon with its rules, and a customer whom `ann` has accepted.
struct Scene {
    shop: ShopServer,
    daemon: Daemon,
    admin: Console,
    ann: Console,
    visitor: Visitor,
    conversation: String,
}

impl Scene {
    async fn of(words: &[&str]) -> Self {
        Self::with(None, words).await
    }

    /// The same with a customer who says who they are.
    async fn with(user: Option<Value>, words: &[&str]) -> Self {
        let shop = ShopServer::open().await;
        let home = Home::new().with_web_chat("");
        shop.rules_into(&home).await;
        let daemon = home.start().await;
        let admin = daemon.admin().await;
        let ann = daemon.agent(&admin, "ann", json!({"skills": {"lang-en": 5, "lang-zh": 5}})).await;
        let mut visitor = match user {
            Some(user) => Visitor::arrive_as(&daemon.url, user).await,
            None => Visitor::arrive(&daemon.url).await,
        };
        for (said, word) in words.iter().enumerate() {
            visitor.say(word).await;
            visitor.said_by("bot", said + 1).await;
        }
        visitor.owned_by("queue").await;
        let queued = admin.get("/conversations?box=queued").await;
        let conversation = text(&items(&queued)[0], "/id").to_owned();
        let mut live = ann.live().await;
        ann.presence("online").await;
        let offer = live.offer().await;
        assert_eq!(ann.accept(&offer).await.0, 200);
        Self { shop, daemon, admin, ann, visitor, conversation }
    }

    fn path(&self, rest: &str) -> String {
        format!("/conversations/{}/{rest}", self.conversation)
    }

    async fn form(&self, action: &str, body: Value) -> Value {
        let (status, form) = self.ann.post(&self.path(&format!("actions/{action}/form")), &body).await;
        assert_eq!(status, 200, "{form}");
        form
    }

    async fn press(&self, by: &Console, action: &str, body: &Value) -> (u16, Value) {
        by.post(&self.path(&format!("actions/{action}")), body).await
    }

    /// What came of the actions of agents, once there are so many.
    async fn acted(&self, by: &Console, many: usize) -> Vec<Value> {
        eventually("an action is over", || async {
            let entries = by.entries(&self.conversation).await;
            let acted =
                entries.into_iter().map(|entry| entry["event"].clone()).filter(|event| event["type"] == "agent_acted");
            let acted: Vec<Value> = acted.collect();
            (acted.len() >= many).then_some(acted)
        })
        .await
    }
}

fn field<'f>(form: &'f Value, name: &str) -> &'f Value {
    form["inputs"].as_array().unwrap().iter().find(|input| input["name"] == name).unwrap()
}

fn line<'a>(assist: &'a Value, kind: &str) -> &'a Value {
    let lines = assist["summary"].as_array().unwrap();
    lines.iter().find(|line| line["kind"] == kind).unwrap_or_else(|| panic!("no {kind}: {assist}"))
}

#[tokio::test]
async fn an_agent_sees_what_the_bot_did_and_looks_the_order_up() {
    let scene = Scene::of(&["Where is my order A10023?", "I want to talk to a person"]).await;
    let assist = scene.ann.get(&scene.path("assist?language=en")).await;
    assert_eq!(text(line(&assist, "wants"), "/text"), "The customer wants: Order status.");
    let action = line(&assist, "action");
    assert_eq!(text(action, "/text"), "Order status: done.");
    assert_eq!(
        action["details"],
        json!([{"title": "order number", "value": "A10023"}, {"title": "shop", "value": "answered (200)"}])
    );
    assert!(text(line(&assist, "handed_over"), "/text").contains("who asks for a person"), "{assist}");
    let hello = assist["replies"].as_array().unwrap().iter().find(|reply| reply["name"] == "hello").unwrap();
    assert_eq!(text(hello, "/text"), "Hello! I have read what you wrote and will see to it.");
    assert_eq!(assist["may_act"], true);
    let chinese = scene.ann.get(&scene.path("assist?language=zh")).await;
    assert_eq!(text(line(&chinese, "action"), "/text"), "订单状态：已完成。");

    let form = scene.form("order-status", json!({"language": "zh"})).await;
    assert_eq!((&form["ready"], &form["effect"]), (&json!(true), &json!(false)));
    assert_eq!((text(field(&form, "order"), "/title"), text(field(&form, "order"), "/value")), ("订单号", "A10023"));
    let pressed = json!({"inputs": {"order": "A10023"}, "language": "zh", "client_id": uuid()});
    assert_eq!(scene.press(&scene.ann, "order-status", &pressed).await.0, 201);
    let acted = &scene.acted(&scene.ann, 1).await[0];
    assert_eq!((text(acted, "/outcome"), text(acted, "/how"), text(acted, "/by")), ("200", "done", "Name of ann"));
    assert!(text(acted, "/told").contains("A10023 is on its way"), "in the customer's language: {acted}");
    assert_eq!(text(acted, "/outputs/name"), "已发货", "in the agent's");
    assert_eq!(acted["outputs"].get("body"), None);
    let said = scene.visitor.entries.values().filter(|entry| text(entry, "/author/type") == "agent").count();
    assert_eq!(said, 0, "nothing is sent by itself");

    let unknown = json!({"inputs": {"order": "A99999"}, "client_id": uuid()});
    assert_eq!(scene.press(&scene.ann, "order-status", &unknown).await.0, 201);
    let acted = &scene.acted(&scene.ann, 2).await[1];
    assert_eq!((text(acted, "/how"), text(acted, "/told")), ("asked_again", "I cannot find an order A99999."));
    let wrong = json!({"inputs": {"order": "what"}, "client_id": uuid()});
    let (status, answer) = scene.press(&scene.ann, "order-status", &wrong).await;
    assert_eq!((status, text(&answer, "/error/code")), (422, "incomplete"));
}

/// All that a booking needs, in English; `start` is the first time that is free.
async fn booking(scene: &Scene) -> Value {
    let given = json!({"service": "repair", "day": "tomorrow", "name": "Emma"});
    let form = scene.form("book-appointment", json!({"inputs": given})).await;
    let start = field(&form, "start")["choices"][0]["value"].clone();
    let inputs = json!({"service": "repair", "day": field(&form, "day")["value"], "start": start, "name": "Emma"});
    let form = scene.form("book-appointment", json!({"inputs": inputs})).await;
    assert!(text(&form, "/confirm").starts_with("Shall I book it for"), "{form}");
    json!({"inputs": inputs, "confirmed": form["confirm"], "client_id": uuid()})
}

#[tokio::test]
async fn what_is_pressed_twice_is_done_once() {
    let mut scene = Scene::of(&["I want to talk to a person"]).await;
    let pressed = booking(&scene).await;
    let mut unconfirmed = pressed.clone();
    unconfirmed["confirmed"] = json!("Shall I book it for free?");
    let (status, answer) = scene.press(&scene.ann, "book-appointment", &unconfirmed).await;
    assert_eq!((status, text(&answer, "/error/code")), (409, "not_confirmed"));
    let both = tokio::join!(
        scene.press(&scene.ann, "book-appointment", &pressed),
        scene.press(&scene.ann, "book-appointment", &pressed)
    );
    assert_eq!((both.0.0, both.1.0), (201, 201), "{both:?}");
    assert_eq!(both.0.1["id"], both.1.1["id"], "one entry");
    let acted = scene.acted(&scene.ann, 1).await;
    assert!(text(&acted[0], "/told").contains("Booked"), "{acted:?}");
    assert_eq!(scene.press(&scene.ann, "book-appointment", &pressed).await.0, 201, "also after it");
    scene.shop.until_effects(1).await;
    assert_eq!(scene.shop.effects().await.len(), 1);
    assert_eq!(scene.acted(&scene.ann, 1).await.len(), 1);
}

#[tokio::test]
async fn what_an_agent_pressed_before_the_daemon_was_killed_is_done_once() {
    let mut scene = Scene::of(&["I want to talk to a person"]).await;
    let pressed = booking(&scene).await;
    scene.shop.fault(&json!({"path": "/appointments", "kind": "late", "seconds": 600, "times": 1})).await;
    assert_eq!(scene.press(&scene.ann, "book-appointment", &pressed).await.0, 201);
    scene.shop.until_effects(1).await;
    let assist = scene.ann.get(&scene.path("assist")).await;
    assert_eq!(text(&assist, "/under_way/action"), "book-appointment");
    let other = json!({"inputs": {"order": "A10023"}, "client_id": uuid()});
    let (status, answer) = scene.press(&scene.ann, "order-status", &other).await;
    assert_eq!((status, text(&answer, "/error/code")), (409, "under_way"));
    scene.daemon.kill().await;
    scene.shop.mend().await;
    scene.daemon.restart().await;
    let ann = scene.ann.moved(&scene.daemon.url);
    assert_eq!(scene.press(&ann, "book-appointment", &pressed).await.0, 201, "a browser that tries again");
    let acted = scene.acted(&ann, 1).await;
    assert!(text(&acted[0], "/told").contains("B1001"), "{acted:?}");
    assert_eq!(scene.shop.effects().await.len(), 1, "one key, one appointment");
}

#[tokio::test]
async fn only_who_answers_the_customer_acts_for_them() {
    let scene = Scene::of(&["I want to talk to a person"]).await;
    let bo = scene.daemon.agent(&scene.admin, "bo", json!({})).await;
    let sue = scene.daemon.agent(&scene.admin, "sue", json!({"role": "supervisor"})).await;
    let look = || json!({"inputs": {"order": "A10023"}, "client_id": uuid()});
    assert_eq!(scene.press(&bo, "order-status", &look()).await.0, 404, "it is not theirs to see");
    let (status, token) = scene.admin.post("/tokens", &json!({"name": "crm", "role": "admin"})).await;
    assert_eq!(status, 201);
    let program = Console::program(&scene.daemon.url, text(&token, "/token"));
    assert_eq!(scene.press(&program, "order-status", &look()).await.0, 403, "programs have no desk");
    assert_eq!(scene.press(&sue, "order-status", &look()).await.0, 201);
    scene.acted(&sue, 1).await;
    assert_eq!(scene.press(&sue, "no-such-action", &look()).await.0, 404);

    let moved = scene.ann.post(&scene.path("transfer"), &json!({"agent": "bo"})).await;
    assert_eq!(moved.0, 200, "{}", moved.1);
    let mut live = bo.live().await;
    bo.presence("online").await;
    let offer = live.offer().await;
    assert_eq!(bo.accept(&offer).await.0, 200);
    let (status, answer) = scene.press(&scene.ann, "order-status", &look()).await;
    assert_eq!((status, text(&answer, "/error/code")), (403, "forbidden"), "{answer}");
    assert_eq!(scene.ann.get(&scene.path("assist")).await["may_act"], false);
    assert_eq!(scene.press(&bo, "order-status", &look()).await.0, 201);
    assert_eq!(scene.acted(&sue, 2).await.len(), 2);
}

#[tokio::test]
async fn for_a_customer_who_is_not_verified_an_agent_says_that_they_checked() {
    let claims = json!({"email": "emma.clarke@example.com"});
    let scene = Scene::with(Some(claims), &["I want to talk to a person"]).await;
    let assist = scene.ann.get(&scene.path("assist")).await;
    let listed = assist["actions"].as_array().unwrap();
    let needs = |name: &str| listed.iter().find(|action| action["name"] == name).unwrap()["needs_check"].clone();
    assert_eq!((needs("recommend"), needs("order-status")), (json!(true), json!(false)), "{assist}");
    let calls = scene.shop.seen.borrow().calls;
    let form = scene.form("recommend", json!({})).await;
    assert_eq!((&form["needs_check"], &form["ready"]), (&json!(true), &json!(false)));
    let mut pressed = json!({"inputs": {"account": "C1002"}, "client_id": uuid()});
    let (status, answer) = scene.press(&scene.ann, "recommend", &pressed).await;
    assert_eq!((status, text(&answer, "/error/code")), (403, "identity"));
    assert_eq!(scene.shop.seen.borrow().calls, calls, "nobody is looked up before");

    let form = scene.form("recommend", json!({"checked": true})).await;
    assert_eq!((&form["ready"], &field(&form, "account")["value"]), (&json!(true), &json!("C1002")), "{form}");
    pressed["checked"] = json!(true);
    pressed["inputs"]["account"] = json!("C1001");
    let (status, answer) = scene.press(&scene.ann, "recommend", &pressed).await;
    assert_eq!((status, text(&answer, "/error/code")), (422, "incomplete"), "somebody else's account: {answer}");
    pressed["inputs"]["account"] = json!("C1002");
    let (status, entry) = scene.press(&scene.ann, "recommend", &pressed).await;
    assert_eq!((status, &entry["event"]["checked"]), (201, &json!(true)), "{entry}");
    let acted = &scene.acted(&scene.ann, 1).await[0];
    assert!(text(acted, "/told").contains("You may like"), "{acted}");
    let assist = scene.ann.get(&scene.path("assist")).await;
    assert!(text(line(&assist, "agent_action"), "/text").contains("who checked who the customer is"), "{assist}");
}
