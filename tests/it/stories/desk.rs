//! Agents: offers, the whole context, replies, closing, and that a conversation has one owner.

use futures::future::join_all;
use serde_json::{Value, json};

use crate::harness::{Console, Daemon, Home, Live, Visitor, items, text};

/// A daemon with an agent who is online.
async fn shop() -> (Daemon, Console, Console, Live) {
    let daemon = Home::new().start().await;
    let admin = daemon.admin().await;
    let (ann, live) = online(&daemon, &admin, "ann").await;
    (daemon, admin, ann, live)
}

/// A new agent who is at work.
async fn online(daemon: &Daemon, admin: &Console, login: &str) -> (Console, Live) {
    let agent = daemon.agent(admin, login, json!({})).await;
    let live = agent.live().await;
    agent.presence("online").await;
    (agent, live)
}

/// A visitor who asks for a person.
async fn asks_for_a_person(daemon: &Daemon) -> Visitor {
    let mut visitor = Visitor::arrive(&daemon.url).await;
    visitor.say("I want to talk to a person").await;
    visitor.said_by("bot", 1).await;
    visitor
}

fn conversation_of(offer: &Value) -> String {
    text(offer, "/conversation/id").to_owned()
}

async fn is_event(console: &Console, conversation: &str, kind: &str) -> usize {
    console.entries(conversation).await.iter().filter(|entry| text(entry, "/event/type") == kind).count()
}

#[tokio::test]
async fn an_agent_takes_over_and_the_customer_sees_it_live_and_later() {
    let (daemon, _, ann, mut live) = shop().await;
    let mut visitor = Visitor::arrive(&daemon.url).await;
    visitor.say("How do I return an item?").await;
    visitor.said_by("bot", 1).await;
    visitor.say("This is a disgrace, where is my parcel!!!").await;
    visitor.said_by("bot", 2).await;

    let offer = live.offer().await;
    assert_eq!(text(&offer, "/queue"), "care");
    assert_eq!(text(&offer, "/summary"), "This is a disgrace, where is my parcel!!!");
    let id = conversation_of(&offer);
    let (status, taken) = ann.accept(&offer).await;
    assert_eq!((status, text(&taken, "/owner")), (200, "agent"));
    assert_eq!(ann.accept(&offer).await.0, 200, "accepting is idempotent");
    visitor.owned_by("agent").await;
    assert_eq!(text(&visitor.status, "/agent"), "Name of ann");

    // The whole context: what was said, by whom, what was understood and decided, and why it is here.
    let entries = ann.entries(&id).await;
    let said: Vec<(&str, &str)> = entries.iter().map(|e| (text(e, "/kind"), text(e, "/author/type"))).collect();
    let talk: Vec<_> = said.iter().filter(|(kind, _)| *kind != "event").copied().collect();
    assert_eq!(talk, [("message", "customer"), ("reply", "bot"), ("message", "customer"), ("reply", "bot")]);
    assert_eq!(text(&entries[1], "/decision/rule"), "the bot answers");
    let answer = entries.iter().find(|entry| !entry["citation"].is_null()).unwrap();
    assert_eq!(text(answer, "/citation/file"), "returns.en.md");
    let detail = ann.get(&format!("/conversations/{id}")).await;
    assert_eq!(text(&detail, "/handoff/rule"), "angry customers reach a person");
    assert!(text(&detail, "/handoff/reason").contains("angry"), "{detail}");
    assert_eq!(items(&json!({"items": detail["contact"]["conversations"]})).len(), 1);
    let why = ann.get(&format!("/messages/{}/why", text(&detail, "/handoff/decided_in"))).await;
    assert_eq!(text(&why, "/signals/sentiment/value"), "very_negative");

    // Both ways, live; sent twice is said once.
    for _ in 0..2 {
        let (status, entry) = ann.reply(&id, "Hello, I am Ann. 您好！", "c-1").await;
        assert_eq!((status, text(&entry, "/kind")), (201, "reply"));
    }
    assert_eq!(visitor.said_by("agent", 1).await, ["Hello, I am Ann. 您好！"]);
    let told = live.wait("the reply", |event| text(event, "/entry/kind") == "reply").await;
    assert_eq!(text(&told, "/entry/client_id"), "c-1", "a console knows its own");
    visitor.say("At last.").await;
    let heard = live.wait("the customer's answer", |event| text(event, "/entry/body/text") == "At last.").await;
    assert_eq!(text(&heard, "/entry/conversation"), id);

    visitor.said_by("customer", 3).await;

    // The customer's connection is lost; what was said meanwhile comes with the cursor, once.
    let away = visitor;
    assert_eq!(ann.reply(&id, "It left this morning.", "c-2").await.0, 201);
    let mut back = away.come_back(&daemon.url).await;
    assert_eq!(back.said_by("agent", 1).await, ["It left this morning."]);
    assert_eq!(back.entries.len(), 1, "only what was missing");
    let reloaded = away.reload(&daemon.url).await;
    assert_eq!(reloaded.entries.len(), 7);
    assert_eq!(text(&reloaded.status, "/owner"), "agent");

    let (status, closed) = ann.post(&format!("/conversations/{id}/close"), &json!({})).await;
    assert_eq!((status, text(&closed, "/owner")), (200, "closed"));
    back.owned_by("closed").await;
    assert_eq!(ann.reply(&id, "too late", "c-3").await.0, 409);
    // Writing again goes on with it, and the bot is the first to answer.
    back.say("How do I return an item?").await;
    back.said_by("bot", 1).await;
    assert_eq!(is_event(&ann, &id, "reopened").await, 1);
    assert_eq!(daemon.ledger().await["decided"], 4);
}

#[tokio::test]
async fn an_agent_gives_it_back_to_the_bot() {
    let (daemon, _, ann, mut live) = shop().await;
    let mut visitor = asks_for_a_person(&daemon).await;
    let offer = live.offer().await;
    let id = conversation_of(&offer);
    assert_eq!(ann.accept(&offer).await.0, 200);
    visitor.say("怎么退货？").await;
    live.wait("the question", |event| text(event, "/entry/body/text") == "怎么退货？").await;
    assert_eq!(visitor.said_by("bot", 1).await.len(), 1, "the bot is silent while an agent speaks");
    let (status, back) = ann.post(&format!("/conversations/{id}/return"), &json!({})).await;
    assert_eq!((status, text(&back, "/owner")), (200, "bot"));
    visitor.owned_by("bot").await;
    visitor.say("怎么退货？").await;
    let said = visitor.said_by("bot", 2).await;
    assert!(said[1].contains("30 天"), "{said:?}");
    let entries = ann.entries(&id).await;
    let bots = entries.iter().filter(|entry| text(entry, "/author/type") == "bot").count();
    assert_eq!(bots, 2);
}

#[tokio::test]
async fn who_declines_is_not_asked_again_at_once_and_another_is() {
    let (daemon, admin, ann, mut live) = shop().await;
    let _visitor = asks_for_a_person(&daemon).await;
    let offer = live.offer().await;
    let id = conversation_of(&offer);
    assert_eq!(ann.decline(&offer).await, 204);
    let ended = live.event("offer_ended").await;
    assert_eq!((&ended["offer"], &ended["state"]), (&offer["id"], &json!("declined")));
    assert_eq!(ann.accept(&offer).await.0, 409, "it is gone");
    // The one decline leads to nothing for the agent who cools down: another one is asked.
    let (bo, mut bos) = online(&daemon, &admin, "bo").await;
    let second = bos.offer().await;
    assert_eq!(conversation_of(&second), id);
    assert_ne!(second["id"], offer["id"]);
    assert!(items(&ann.get("/offers").await).is_empty());
    let offers = live.settled().await.iter().filter(|event| event["type"] == "offer").count();
    assert_eq!(offers, 1);
    assert_eq!(bo.accept(&second).await.0, 200);
    let detail = admin.get(&format!("/conversations/{id}")).await;
    assert_eq!(text(&detail, "/agent/name"), "Name of bo");
    assert_eq!(is_event(&admin, &id, "declined").await, 1);
}

#[tokio::test]
async fn who_does_not_answer_an_offer_loses_it_to_another() {
    let home = Home::new();
    home.unpack_rules().await;
    let queues = std::fs::read_to_string(home.path().join("routing-rules/queues.yaml")).unwrap();
    home.write_rules("queues.yaml", &queues.replace("offer_timeout: 30s", "offer_timeout: 1s"));
    let daemon = home.start().await;
    let admin = daemon.admin().await;
    let (ann, mut live) = online(&daemon, &admin, "ann").await;
    let _visitor = asks_for_a_person(&daemon).await;
    let offer = live.offer().await;
    let id = conversation_of(&offer);
    let ended = live.event("offer_ended").await;
    assert_eq!((&ended["offer"], &ended["state"]), (&offer["id"], &json!("expired")));
    assert_eq!(ann.accept(&offer).await.0, 409, "it is gone");
    // The next one has time to answer, however slow the machine is.
    daemon.home.write_rules("queues.yaml", &queues);
    live.event("rules").await;
    let (bo, mut bos) = online(&daemon, &admin, "bo").await;
    let second = bos.offer().await;
    assert_eq!(conversation_of(&second), id);
    assert_eq!(bo.accept(&second).await.0, 200);
    assert_eq!(is_event(&admin, &id, "expired").await, 1);
}

#[tokio::test]
async fn who_closes_the_console_is_offline_after_a_while() {
    let daemon = Home::new().with_config("[desk]\noffline_after = \"1s\"\n").start().await;
    let admin = daemon.admin().await;
    let mut watching = admin.live().await;
    let (ann, live) = online(&daemon, &admin, "ann").await;
    let is_ann = |event: &Value, presence: &str| {
        text(event, "/agent/login") == "ann" && text(event, "/agent/presence") == presence
    };
    watching.wait("ann is online", |event| is_ann(event, "online")).await;
    drop(live);
    watching.wait("ann is offline", |event| is_ann(event, "offline")).await;
    let _visitor = asks_for_a_person(&daemon).await;
    let mut back = ann.live().await;
    ann.presence("online").await;
    back.offer().await;
}

#[tokio::test]
async fn of_all_who_reach_for_it_one_has_it() {
    let (daemon, admin, ann, mut live) = shop().await;
    let bo = daemon.agent(&admin, "bo", json!({})).await;
    let _bos = bo.live().await;
    bo.presence("online").await;
    let _visitor = asks_for_a_person(&daemon).await;
    // One of the two is asked; both, and the admin, reach for it at once, from several windows.
    let offered = async |console: &Console| items(&console.get("/offers").await).first().cloned();
    let offer = crate::harness::eventually("an offer", || async {
        match offered(&ann).await {
            Some(offer) => Some(offer),
            None => offered(&bo).await,
        }
    })
    .await;
    let asked_ann = offered(&ann).await.is_some();
    let (asked, other) = if asked_ann { (&ann, &bo) } else { (&bo, &ann) };
    let tries = [asked, other, &admin, asked, other, asked];
    let results = join_all(tries.into_iter().map(|console| console.accept(&offer))).await;
    for (console, (status, answer)) in tries.into_iter().zip(&results) {
        let right = if console.id() == asked.id() { 200 } else { 409 };
        assert_eq!(*status, right, "{answer}");
    }
    let id = conversation_of(&offer);
    assert_eq!(text(&admin.get(&format!("/conversations/{id}")).await, "/agent/id"), asked.id());
    assert_eq!(is_event(&admin, &id, "accepted").await, 1);
    assert_eq!(other.reply(&id, "me too", "x").await.0, 409);
    assert_eq!(other.post(&format!("/conversations/{id}/close"), &json!({})).await.0, 409);
    if asked_ann {
        live.wait("the end of the offer", |event| event["type"] == "offer_ended" && event["state"] == "accepted").await;
    }
}

#[tokio::test]
async fn a_closed_conversation_is_not_accepted_any_more() {
    let (daemon, admin, ann, mut live) = shop().await;
    let _visitor = asks_for_a_person(&daemon).await;
    let offer = live.offer().await;
    let id = conversation_of(&offer);
    let (path, nothing) = (format!("/conversations/{id}/close"), json!({}));
    let ((closed, _), (accepted, answer)) = futures::join!(admin.post(&path, &nothing), ann.accept(&offer));
    assert_eq!(closed, 200, "a supervisor closes whoever has it");
    assert!(matches!(accepted, 200 | 409), "{answer}");
    let detail = admin.get(&format!("/conversations/{id}")).await;
    assert_eq!(text(&detail, "/owner"), "closed");
    assert_eq!(is_event(&admin, &id, "accepted").await, usize::from(accepted == 200));
    assert_eq!(ann.accept(&offer).await.0, 409);
}

#[tokio::test]
async fn nobody_holds_more_than_they_can() {
    let (daemon, admin, ann, mut live) = shop().await;
    // A chat costs 25: this one holds two.
    let body = json!({"capacity": 50});
    assert_eq!(admin.patch(&format!("/agents/{}", ann.id()), &body).await.0, 200);
    let mut visitors = Vec::new();
    for _ in 0..4 {
        visitors.push(asks_for_a_person(&daemon).await);
    }
    let mut mine = Vec::new();
    for _ in 0..2 {
        let offer = live.offer().await;
        assert_eq!(ann.accept(&offer).await.0, 200);
        mine.push(conversation_of(&offer));
    }
    live.settled().await;
    assert!(items(&ann.get("/offers").await).is_empty());
    assert_eq!(items(&ann.get("/conversations?box=queued").await).len(), 2);
    // Room again: the one that has waited longest.
    let waiting = ann.get("/conversations?box=queued").await;
    let first = text(&items(&waiting)[0], "/id").to_owned();
    assert_eq!(ann.post(&format!("/conversations/{}/close", mine[0]), &json!({})).await.0, 200);
    assert_eq!(conversation_of(&live.offer().await), first);
    visitors[2].place(1).await;
}

#[tokio::test]
async fn tags_notes_and_files_stay_with_the_company() {
    let (daemon, _, ann, mut live) = shop().await;
    let mut visitor = asks_for_a_person(&daemon).await;
    let offer = live.offer().await;
    let id = conversation_of(&offer);
    ann.accept(&offer).await;
    let (status, _) =
        ann.post(&format!("/conversations/{id}/notes"), &json!({"text": "a difficult one 难", "client_id": "n"})).await;
    assert_eq!(status, 201);
    let (status, tagged) =
        ann.post(&format!("/conversations/{id}/tags"), &json!({"add": ["vip", "退款"], "remove": ["nothing"]})).await;
    assert_eq!((status, &tagged["tags"]), (200, &json!(["vip", "退款"])));
    assert_eq!(ann.reply(&id, "visible", "r").await.0, 201);
    visitor.said_by("agent", 1).await;
    assert!(!visitor.entries.values().any(|entry| entry.to_string().contains("difficult")));
    let kinds: Vec<String> = ann.entries(&id).await.iter().map(|entry| text(entry, "/kind").to_owned()).collect();
    assert!(kinds.contains(&"note".to_owned()), "{kinds:?}");
}

#[tokio::test]
async fn whoever_was_away_long_misses_nothing() {
    let (daemon, _, ann, mut live) = shop().await;
    let visitor = asks_for_a_person(&daemon).await;
    let offer = live.offer().await;
    let id = conversation_of(&offer);
    ann.accept(&offer).await;
    let said: Vec<String> = (0..230).map(|at| format!("reply {at}")).collect();
    for (at, reply) in said.iter().enumerate() {
        assert_eq!(ann.reply(&id, reply, &at.to_string()).await.0, 201);
    }
    let mut back = visitor.come_back(&daemon.url).await;
    assert_eq!(back.said_by("agent", 230).await, said);
    // An HTTP channel's other system reads the same in parts.
    let http = daemon.http();
    let first = http.say("reader", "How do I return an item?").await;
    for at in 0..110 {
        http.say("reader", &format!("How do I return an item? {at}")).await;
    }
    http.said_by("reader", "customer", 89).await;
    let all = crate::harness::eventually("222 entries", || async {
        let cursor = http.thread("reader").await;
        (!cursor.is_empty()).then_some(())?;
        let entries = http.thread_after("reader", &entry_of(&first)).await;
        (entries.len() == 221).then_some(entries)
    })
    .await;
    let mine: Vec<&str> =
        all.iter().filter(|e| text(e, "/author/type") == "customer").map(|e| text(e, "/body/text")).collect();
    let expected: Vec<String> = (0..110).map(|at| format!("How do I return an item? {at}")).collect();
    assert_eq!(mine, expected);
    assert_eq!(http.whole_thread("reader").await.len(), 222, "from its beginning");
}

/// The entry of a message has its number.
fn entry_of(message: &str) -> String {
    message.replace("msg_", "ent_")
}
