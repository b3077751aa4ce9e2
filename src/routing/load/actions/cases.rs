//! The tests of an action file.

use contract::Timestamp;
use serde_json::Value as Json;

use super::json;
use crate::{
    actions::{Actions, Case, CaseTurn, Given, Happens, Identity, Who},
    calls::{Failure, Returned},
    routing::{
        finding::{Notes, suggest},
        load::{Lines, read, rules::first_line},
        yaml::{Node, Value},
    },
};

/// The tests of one file.
pub(in crate::routing::load) fn tests(
    root: &Node,
    file: usize,
    lines: &Lines,
    actions: &mut Actions,
    notes: &mut Notes<'_>,
) {
    let Value::Map(_) = &root.value else { return };
    for node in root.get("tests").and_then(|node| read::list(node, "tests", notes)).unwrap_or_default() {
        if notes.full() {
            return;
        }
        let case = case(node, file, lines, actions, notes);
        actions.cases.extend(case);
    }
}

fn case(node: &Node, file: usize, lines: &Lines, actions: &Actions, notes: &mut Notes<'_>) -> Option<Case> {
    let fields = read::fields(node, "a test", &["name", "action", "given", "turns"], notes)?;
    let (Some(name), Some(action), Some(turns)) = (fields.get("name"), fields.get("action"), fields.get("turns"))
    else {
        notes.error(&first_line(node), "a test needs a name, an action and `turns`", "docs/actions.md shows one");
        return None;
    };
    let title = read::line(name, "a test's name", notes)?.to_owned();
    let action_name = read::text(action, "an action", notes)?;
    if !actions.actions.contains_key(action_name) {
        let help = suggest(action_name, actions.actions.keys().map(String::as_str));
        notes.error(&action.span, format!("there is no action “{action_name}”"), help);
        return None;
    }
    let given = given(fields.get("given"), notes)?;
    let turns = read::list(turns, "turns", notes)?.iter().filter_map(|node| turn(node, lines, notes)).collect();
    let (line, span) = (lines.line(name.span.start), name.span.clone());
    Some(Case { name: title, file, line, span, action: action_name.to_owned(), given, turns })
}

fn given(node: Option<&Node>, notes: &mut Notes<'_>) -> Option<Given> {
    let empty = Node::NULL;
    let fields = read::fields(node.unwrap_or(&empty), "given", &["customer", "language", "now"], notes)?;
    let mut who = Who { id: "cus_test".to_owned(), ..Who::default() };
    if let Some(node) = fields.get("customer") {
        let known = ["name", "email", "phone", "identity", "attributes"];
        let customer = read::fields(node, "a customer", &known, notes)?;
        let mut text =
            |name: &str| customer.get(name).and_then(|node| read::line(node, name, notes)).map(str::to_owned);
        (who.name, who.email, who.phone) = (text("name"), text("email"), text("phone"));
        let words = [("none", Identity::None), ("known", Identity::Known), ("verified", Identity::Verified)];
        who.identity =
            customer.get("identity").and_then(|node| read::word(node, "`identity`", &words, notes)).unwrap_or_default();
        for (key, node) in
            customer.get("attributes").and_then(|node| read::entries(node, "attributes", notes)).unwrap_or_default()
        {
            who.attributes.extend(read::line(node, "a value", notes).map(|value| (key.name.clone(), value.to_owned())));
        }
    }
    let now = fields.get("now").map_or(Some("2026-01-05T04:00:00Z"), |node| read::line(node, "`now`", notes))?;
    let Ok(now) = now.parse::<Timestamp>() else {
        let at = fields.get("now").map_or(0..0, |node| node.span.clone());
        notes.error(&at, "this is no moment", "write it as 2026-12-03T15:00:00+08:00");
        return None;
    };
    let language = fields.get("language").map_or(Some("en"), |node| read::text(node, "a language", notes))?;
    Some(Given { who, language: language.to_owned(), now })
}

fn turn(node: &Node, lines: &Lines, notes: &mut Notes<'_>) -> Option<CaseTurn> {
    let known = [
        "customer", "presses", "answer", "verifies", "comes", "says", "cards", "asks", "wants", "confirms", "calls",
        "sends", "plans", "ends", "ticket",
    ];
    let fields = read::fields(node, "a turn", &known, notes)?;
    let things = ["customer", "presses", "answer", "verifies", "comes"].map(|name| fields.get(name));
    let happens = match things {
        [Some(node), None, None, None, None] => {
            Happens::Customer(read::text(node, "what a customer writes", notes)?.to_owned())
        }
        [None, Some(node), None, None, None] => Happens::Presses(read::text(node, "a button", notes)?.to_owned()),
        [None, None, Some(node), None, None] => Happens::Answer(answer(node, notes)?),
        [None, None, None, Some(node), None] => {
            let words = [("right", true), ("wrong", false)];
            Happens::Verifies(read::word(node, "`verifies`", &words, notes)?)
        }
        [None, None, None, None, Some(node)] => {
            let given = read::entries(node, "comes", notes)?;
            Happens::Comes(given.iter().map(|(key, node)| (key.name.clone(), json(node))).collect())
        }
        _ => {
            let help = "begin it with `customer: …`, `presses: …`, `answer: {…}`, `verifies: right` or `comes: {…}`";
            notes.error(&first_line(node), "a turn is one thing that happens", help);
            return None;
        }
    };
    let says = match fields.get("says") {
        None => Vec::new(),
        Some(node @ Node { value: Value::List(_), .. }) => {
            let items = read::list(node, "says", notes)?;
            items.iter().filter_map(|node| read::text(node, "says", notes)).map(str::to_owned).collect()
        }
        Some(node) => vec![read::text(node, "says", notes)?.to_owned()],
    };
    let cards = match fields.get("cards") {
        None => None,
        Some(node) => {
            let titles = read::list(node, "cards", notes)?;
            Some(titles.iter().filter_map(|node| read::text(node, "a title", notes)).map(str::to_owned).collect())
        }
    };
    let mut text = |name: &str| fields.get(name).and_then(|node| read::text(node, name, notes)).map(str::to_owned);
    let (asks, calls, plans, ticket) = (text("asks"), text("calls"), text("plans"), text("ticket"));
    let wants = ["address", "code"].map(|word| (word, word));
    let ends = ["done", "cancelled", "otherwise"].map(|word| (word, word));
    Some(CaseTurn {
        line: lines.line(first_line(node).start),
        happens,
        says,
        cards,
        asks,
        wants: fields.get("wants").and_then(|node| read::word(node, "`wants`", &wants, notes)),
        calls,
        plans,
        ticket,
        confirms: fields.get("confirms").and_then(|node| read::boolean(node, "`confirms`", notes)).unwrap_or(false),
        sends: fields.get("sends").map(json),
        ends: fields.get("ends").and_then(|node| read::word(node, "`ends`", &ends, notes)),
    })
}

fn answer(node: &Node, notes: &mut Notes<'_>) -> Option<Returned> {
    let fields = read::fields(node, "an answer", &["status", "body", "failure"], notes)?;
    if let Some(node) = fields.get("failure") {
        let words = Failure::ALL.map(|failure| (failure.as_str(), failure));
        return read::word(node, "`failure`", &words, notes).map(Returned::Failed);
    }
    let status = fields.get("status").and_then(|node| read::whole(node, "`status`", 100..=599, notes)).unwrap_or(200);
    let body = fields.get("body").map_or(Json::Null, json);
    Some(Returned::Answer { status: u16::try_from(status).unwrap_or(200), body })
}
