//! `switchboard actions`: what admins check, try out and begin from documents; and intents that begin actions.

use serde_json::{Value, json};

use crate::harness::{Home, ShopServer, Visitor, client, text};

const SECRET: &str = "a-secret-of-the-shop";

async fn shop() -> (ShopServer, Home) {
    let shop = ShopServer::open().await;
    let home = Home::new().with_env("SWITCHBOARD_ACTIONS__SECRETS__SHOP", SECRET);
    shop.rules_into(&home).await;
    (shop, home)
}

#[tokio::test]
async fn action_files_are_checked_and_tested_by_themselves() {
    let (_shop, home) = shop().await;
    let ran = home.run(&["actions", "check"]).await;
    assert!(ran.ok && ran.out.contains("actions on 1 system load"), "{}", ran.all());
    let ran = home.run(&["actions", "test"]).await;
    assert!(ran.ok && ran.out.contains("tests pass") && ran.out.contains("order-status"), "{}", ran.all());

    // What is wrong with rules is not theirs to say.
    home.write_rules("10-broken.yaml", "rules: [{name: a, then: [{tagg: x}]}]");
    assert!(home.run(&["actions", "check"]).await.ok);
    let more = "actions:\n  hi: {title: {en: Hi}, outcomes: [{say: {en: \"{{ nobody }}\"}}]}\n";
    home.write_rules("actions/more.yaml", more);
    let ran = home.run(&["actions", "check"]).await;
    assert!(!ran.ok && ran.out.contains("actions/more.yaml:2") && ran.out.contains("`nobody`"), "{}", ran.all());
    let ran = home.run(&["actions", "check", "--json"]).await;
    let said: Value = serde_json::from_str(&ran.out).unwrap();
    assert_eq!(said["findings"][0]["line"], 2);
    let wrong = "actions:\n  hi: {title: {en: Hi}, outcomes: [{say: {en: Hello}}]}\ntests: [{name: t, action: hi, turns: [{customer: hi, says: Bye}]}]\n";
    home.write_rules("actions/more.yaml", wrong);
    let ran = home.run(&["actions", "test"]).await;
    assert!(!ran.ok && ran.out.contains("✗ t  (actions/more.yaml:3)") && ran.out.contains("“Bye”"), "{}", ran.all());
    let ran = home.run(&["actions", "test", "--json"]).await;
    let said: Value = serde_json::from_str(&ran.out).unwrap();
    assert_eq!(said["tests"]["hi"], 1);
}

#[tokio::test]
async fn a_call_is_tried_with_everything_that_follows() {
    let (shop, home) = shop().await;
    let ran = home.run(&["actions", "call", "order-status", "--input", "order=a10023"]).await;
    assert!(ran.ok, "{}", ran.all());
    for part in [
        &format!("request   GET {}/orders/A10023", shop.url),
        "status    200",
        "output    status = \"shipped\"",
        "outcome   2, when outputs.status == \"shipped\"",
        "en        Order A10023 is on its way",
        "zh        订单 A10023 已由",
        "then      it is done",
    ] {
        assert!(ran.out.contains(part), "{part}\n{}", ran.out);
    }
    let ran = home.run(&["actions", "call", "order-status", "--input", "order=A99999", "--json"]).await;
    let said: Value = serde_json::from_str(&ran.out).unwrap();
    assert_eq!((&said["status"], &said["then"]), (&json!(404), &json!("`order` is asked for again")));
    shop.fault(&ShopServer::kind("drop", "/orders")).await;
    let ran = home.run(&["actions", "call", "order-status", "--input", "order=A10023"]).await;
    assert!(!ran.ok && ran.out.contains("failure   down") && ran.out.contains("`otherwise` follows"), "{}", ran.all());
}

#[tokio::test]
async fn what_changes_something_is_called_on_demand_alone() {
    let (mut shop, home) = shop().await;
    let slots = client().get(format!("{}/slots?service=repair", shop.url)).send().await.unwrap();
    let slots: Value = slots.json().await.unwrap();
    let start = format!("start={}", text(&slots, "/slots/0/start"));
    let inputs = ["service=repair", "day=tomorrow", &start, "name=Emma"];
    let inputs: Vec<&str> = inputs.iter().flat_map(|input| ["--input", input]).collect();
    let call = |more: &[&'static str]| [&["actions", "call", "book-appointment"], &inputs[..], more].concat();
    let ran = home.run(&call(&[])).await;
    assert!(!ran.ok && ran.err.contains("add --yes to really do it"), "{}", ran.all());
    let ran = home.run(&call(&["--dry-run"])).await;
    assert!(ran.ok && ran.out.contains("POST") && ran.out.contains("\"name\":\"Emma\""), "{}", ran.all());
    assert!(shop.effects().await.is_empty(), "nobody was called");
    for _ in 0..2 {
        let ran = home.run(&call(&["--yes", "--key", "once"])).await;
        assert!(
            ran.ok && ran.out.contains("key       once") && ran.out.contains("en        Booked: "),
            "{}",
            ran.all()
        );
        shop.until_effects(1).await;
    }
    assert_eq!(shop.effects().await.len(), 1, "one key, one appointment");
}

#[tokio::test]
async fn what_is_wrong_with_a_trial_is_said_and_no_secret_ever_is() {
    let (shop, home) = shop().await;
    let actions = format!(
        "systems:\n  echo: {{url: {:?}, private: true, headers: {{x-key: \"k {{{{ secret.shop }}}}\"}}}}\nactions:\n  \
         whole: {{title: {{en: Whole}}, identity: known, inputs: {{n: {{type: number, ask: {{en: N?}}}}}}, \
         call: {{system: echo, get: \"/{SECRET}\"}}, outcomes: [{{when: status == 404, say: {{en: none}}}}, {{say: {{en: x}}}}]}}\n",
        shop.url
    );
    home.write_rules("actions/echo.yaml", &actions);
    for (arguments, expected) in [
        (&["ordr-status"][..], "did you mean “order-status”?"),
        (&["order-status"], "`order` is missing"),
        (&["order-status", "--input", "odrer=A10023"], "did you mean “order”?"),
        (&["order-status", "--input", "order=what"], "`order` has to be such a text, and “what” is none"),
        (&["whole", "--input", "n=many"], "`n` has to be a number"),
        (&["whole", "--input", "n=7"], "add `--as identity=known`"),
        (&["whole", "--input", "n=7", "--as", "mood=well"], "a customer has no `mood`"),
        (&["whole", "--input", "n=7", "--as", "identity=sure"], "none, known or verified"),
    ] {
        let ran = home.run(&[&["actions", "call"], arguments].concat()).await;
        assert!(!ran.ok && ran.all().contains(expected), "{arguments:?}: {}", ran.all());
    }
    let ran = home.run(&["actions", "call", "whole", "--input", "n=7", "--as", "email=a@b.example", "--body"]).await;
    assert!(ran.out.contains("headers   x-key") && ran.out.contains("/••••"), "{}", ran.all());
    assert!(!ran.all().contains(SECRET), "{}", ran.all());
}

#[tokio::test]
async fn an_operation_becomes_a_file_that_loads_beside_the_others() {
    let home = Home::new();
    home.unpack_rules().await;
    let document = json!({"openapi": "3.0.0", "info": {"title": "Parcels"}, "servers": [{"url": "https://parcels.example"}],
        "paths": {"/parcels/{number}": {"get": {"operationId": "getParcel", "summary": "Find a parcel",
            "parameters": [{"name": "number", "in": "path", "required": true, "schema": {"type": "string"}}],
            "responses": {"200": {"content": {"application/json": {"schema": {"type": "object", "required": ["state"],
                "properties": {"state": {"type": "string"}}}}}}}}}}});
    std::fs::write(home.path().join("parcels.json"), document.to_string()).unwrap();
    let import = ["actions", "import", "parcels.json", "--operation"];
    let ran = home.run(&[&import[..], &["getParcel"]].concat()).await;
    assert!(ran.ok && ran.err.is_empty(), "{}", ran.all());
    home.write_rules("actions/parcels.yaml", &ran.out);
    let ran = home.run(&["actions", "check"]).await;
    assert!(ran.ok && ran.out.contains("1 action on 1 system"), "{}", ran.all());
    assert!(home.run(&["rules", "check"]).await.ok);
    let ran = home.run(&["actions", "call", "get-parcel", "--input", "number=7", "--dry-run"]).await;
    assert!(ran.ok && ran.out.contains("GET https://parcels.example/parcels/7"), "{}", ran.all());
    let ran = home.run(&[&import[..], &["getParcell"]].concat()).await;
    assert!(!ran.ok && ran.err.contains("did you mean “getParcel”?"), "{}", ran.all());
    let ran = home.run(&[&import[..], &["getParcel", "--system", "parcels"]].concat()).await;
    assert!(ran.ok && !ran.out.contains("systems:") && ran.err.contains("there are two actions"), "{}", ran.all());
}

#[tokio::test]
async fn an_intent_begins_an_action_and_it_is_said_why() {
    let home = Home::new();
    home.unpack_rules().await;
    home.write_rules(
        "intents.yaml",
        "intents: {opening: {examples: [when are you open, what are your opening hours, are you open on sunday, 你们几点开门, 周末营业吗]}}",
    );
    home.write_rules(
        "actions/hours.yaml",
        "actions:\n  hours:\n    title: {en: Opening hours, zh: 营业时间}\n    intents: [opening]\n    otherwise: [{handoff: {queue: care}}]\n    \
         outcomes: [{say: {en: We are open from nine to six., zh: 我们九点到六点营业。}}]\n",
    );
    let ran = home.run(&["rules", "explain", "--text", "what are your opening hours"]).await;
    assert!(ran.ok && ran.out.contains("✓ hours (by intent)  (actions/hours.yaml:2)"), "{}", ran.all());
    let daemon = home.start().await;
    for (says, told) in [("what are your opening hours", "from nine to six"), ("你们几点开门", "九点到六点")]
    {
        let mut visitor = Visitor::arrive(&daemon.url).await;
        visitor.say(says).await;
        let said = visitor.said_by("bot", 1).await;
        assert!(said[0].contains(told), "{said:?}");
    }
    let mut person = Visitor::arrive(&daemon.url).await;
    person.say("转人工").await;
    person.owned_by("queue").await;
}
