//! Actions that an intent begins.

use super::*;

const INTENTS: &str = "intents: {order-status: {examples: [where is it, is it sent, a parcel]}, visit: {examples: [a visit, an appointment, come by]}}";

fn action(name: &str, keys: &str) -> String {
    format!("  {name}: {{title: {{en: A}}, outcomes: [{{say: {{en: x}}}}], {keys}}}\n")
}

fn loaded(rules: &str, actions: &str) -> Loaded {
    let (rules, actions) = (format!("rules:\n{rules}{END}"), format!("actions:\n{actions}"));
    load(&files(&[("10.yaml", &rules), ("intents.yaml", INTENTS), ("actions/shop.yaml", &actions)]))
}

const OTHERWISE: &str = "otherwise: [{reply: {template: hello}}, {handoff: {queue: care}}]";

#[test]
fn an_intent_begins_its_action_where_no_rule_decides_otherwise() {
    let rule = "  - {name: vip, when: 'customer.tier == \"gold\"', then: [{handoff: {queue: care}}]}\n";
    let bound = action("order-status", &format!("intents: [order-status, visit], {OTHERWISE}"));
    let loaded = loaded(rule, &bound);
    let set = loaded.rules.unwrap_or_else(|| panic!("{:#?}", loaded.findings));
    let mut facts = Facts::default();
    facts.message.intent.name = Some("visit".to_owned());
    let decision = decide(&set, &facts);
    let Some(Destination::Do(wanted)) = &decision.destination else { panic!("{decision:#?}") };
    assert_eq!(wanted.action, "order-status");
    assert_eq!(wanted.otherwise.actions, [Action::Reply { template: "hello".to_owned() }]);
    assert!(matches!(&wanted.otherwise.destination, Destination::Handoff(handoff) if handoff.queue == "care"));

    let trace = explain(&set, &facts);
    assert_eq!(trace.outcome, "Begun the action order-status because rule “order-status (by intent)” matched.");
    let traced = trace.rules.last().unwrap();
    assert_eq!((traced.file.as_str(), traced.line), ("actions/shop.yaml", 2));
    assert!(traced.values.iter().any(|value| value.expression == "message.intent.name" && value.value == "\"visit\""));

    facts.customer.tier = Some("gold".to_owned());
    assert_eq!(decide(&set, &facts).rule.as_deref(), Some("vip"), "a rule goes before");
    facts = Facts::default();
    assert_eq!(decide(&set, &facts).rule.as_deref(), Some("end"), "an intent that is not sure begins nothing");
    facts.message.intent.name = Some("visit".to_owned());
    facts.conversation.owner = Owner::Agent;
    assert_eq!(decide(&set, &facts).destination, None, "what an agent owns is the agent's");
}

#[test]
fn what_is_wrong_with_an_intent_that_is_bound_is_found_where_it_stands() {
    let rule =
        "  - {name: parcels, when: 'message.intent.name == \"order-status\"', then: [{handoff: {queue: care}}]}\n";
    let mut compare = Vec::new();
    for (rules, actions, expected) in [
        ("", action("a", &format!("intents: [visits], {OTHERWISE}")), "there is no intent “visits” [visits]"),
        (
            "",
            action("a", "intents: [visit]"),
            "the action “a” begins by an intent and does not say what happens when it cannot be done [visit]",
        ),
        ("", action("a", OTHERWISE), "`otherwise` of an action goes with `intents` [reply]"),
        ("", action("a", "intents: [visit], otherwise: [{handoff: {queue: cart}}]"), "there is no queue “cart” [cart]"),
        ("", action("a", "intents: [visit], otherwise: [{tag: x}]"), "`otherwise` must end in a destination [tag]"),
        (
            "",
            [
                action("a", &format!("intents: [visit], {OTHERWISE}")),
                action("b", &format!("intents: [visit], {OTHERWISE}")),
            ]
            .concat(),
            "the intent “visit” begins two actions [visit]",
        ),
        (
            rule,
            action("a", &format!("intents: [order-status], {OTHERWISE}")),
            "this rule never acts: “parcels” matches whenever it would, and ends the pass [a]",
        ),
    ] {
        let said = said(&loaded(rules, &actions));
        let found = said.iter().filter_map(|said| Some(said.split_once(' ')?.1.to_owned())).collect();
        compare.push(("", found, vec![expected.to_owned()]));
    }
    all_equal(compare);
}
