//! Action files.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde_json::Value as Json;

use super::{
    rules::{CommonAction, Step},
    words::{Duration, Language, Line, Name, Text},
};
use crate::{
    actions::{Identity, OutputKind},
    routing::facts::Priority,
};

/// What people call something, by language: `{en: Order status, zh: 订单状态}`.
type Titles = BTreeMap<Language, Line>;

/// What is said, by language, in Jinja: `{en: "Your order is {{ outputs.status }}."}`.
type Say = BTreeMap<Language, Text>;

/// Business systems, and what the bot may ask of them.
#[derive(JsonSchema)]
#[schemars(title = "Switchboard actions", deny_unknown_fields, extend("type" = ["object", "null"]))]
pub(super) struct File {
    /// Business systems by name: calls go there, and nowhere else.
    systems: Option<BTreeMap<Name, System>>,
    /// What the bot may do, by name.
    actions: Option<BTreeMap<Name, Action>>,
    /// What every action says, in other words than those that are built in.
    phrases: Option<Phrases>,
    /// The tests. Files whose tests fail are not loaded.
    tests: Option<Vec<Case>>,
}

/// A business system: `{url: "https://shop.example/api"}`, or `{mcp: {…}}` for one that speaks MCP.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields, extend("oneOf" = [{"required": ["url"]}, {"required": ["mcp"]}]))]
struct System {
    /// What the paths of calls are appended to. https; http only with `private`.
    url: Option<Text>,
    /// The MCP server that it is.
    mcp: Option<Mcp>,
    /// Whether it is in your own network or on this machine. Without it only addresses of the internet are called.
    private: Option<bool>,
    /// Headers of every call; the only texts that can name secrets: `Bearer {{ secret.shop }}`.
    headers: Option<BTreeMap<String, Scalar>>,
    /// How long a call may take with all its tries, 1s to 30s; `5s` without this.
    timeout: Option<Duration>,
    /// How many calls may be under way; 16 without this.
    #[schemars(range(min = 1, max = 1000))]
    at_once: Option<u32>,
    /// How many calls a second all daemons make together; any number without this.
    #[schemars(range(min = 1, max = 100_000))]
    per_second: Option<u32>,
}

/// An MCP server: `{url: "https://tools.example/mcp"}` for streamable HTTP, or `{program: NAME}`.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields, extend("oneOf" = [{"required": ["url"]}, {"required": ["program"]}]))]
struct Mcp {
    /// Where it is. https; http only with `private`.
    url: Option<Text>,
    /// The program that the configuration declares under this name in `actions.mcp`.
    program: Option<Name>,
}

/// Something that the bot does for a customer.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
struct Action {
    /// What people call it, by language.
    #[schemars(length(min = 1))]
    title: Titles,
    /// What it does, by language, for those who choose it.
    about: Option<Titles>,
    /// How sure it must be who the customer is; `none` without this.
    identity: Option<Identity>,
    /// What has to be known, by name, in the order in which it is asked for.
    inputs: Option<BTreeMap<Name, Input>>,
    /// The question before anything that changes something.
    confirm: Option<Say>,
    /// What is asked of a business system; nothing for an action that only says something.
    call: Option<Call>,
    /// What is taken out of the answer, by name; a later one can use an earlier one.
    outputs: Option<BTreeMap<Name, TakenOut>>,
    /// What follows: the first that fits. The last has no `when` and follows success.
    #[schemars(length(min = 1))]
    outcomes: Vec<Outcome>,
    /// After how long without a word it is forgotten; `30m` without this.
    expires: Option<Duration>,
    /// The intents that begin it where no rule decides otherwise, by their names in `intents.yaml`.
    intents: Option<Vec<Text>>,
    /// What is done when it cannot be done and an intent began it. It ends in `handoff`, `close` or `ignore`.
    #[schemars(length(min = 1))]
    otherwise: Option<Vec<Step<CommonAction>>>,
}

/// Something that has to be known.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
struct Input {
    /// What people call it, by language.
    title: Option<Titles>,
    /// What it is; `text` without this.
    r#type: Option<Type>,
    /// What it has to look like, as a whole: a regular expression.
    pattern: Option<Text>,
    /// A kind of entity that fills it wherever a message names one: `order`, `email`.
    entity: Option<Name>,
    /// What it is without being asked for: an expression, for example `customer.name`.
    from: Option<Text>,
    /// The question, by language.
    ask: Say,
    /// What is said before the question is repeated, by language.
    retry: Option<Say>,
    /// What can be chosen: values with what people call them, or what a business system answers.
    choices: Option<Choices>,
}

#[derive(JsonSchema)]
#[schemars(rename_all = "snake_case")]
enum Type {
    /// Anything, or what fits the pattern; at most 500 characters.
    Text,
    /// A number.
    Number,
    /// An email address.
    Email,
    /// A phone number.
    Phone,
    /// A day: `2026-12-03`.
    Date,
    /// A day and a time of day: `2026-12-03T15:00:00+08:00`.
    Moment,
}

#[derive(JsonSchema)]
#[schemars(untagged)]
enum Choices {
    Asked(Box<AskedChoices>),
    /// Values, and what people call them by language: `{repair: {en: A repair, zh: 维修}}`.
    #[schemars(extend("minProperties" = 1, "not" = {"required": ["call"]}))]
    Listed(BTreeMap<String, Titles>),
}

/// Choices that a business system answers.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
struct AskedChoices {
    /// What it is asked.
    call: Call,
    /// The list in its answer: `body.slots`.
    each: Text,
    /// The value of an `item` of it: `item.start`.
    value: Text,
    /// What people call an `item`, by language.
    title: Say,
    /// How many are shown at most; 6 without this.
    #[schemars(range(min = 1, max = 50))]
    most: Option<u8>,
    /// Whether one that is alone is taken without asking.
    take_single: Option<bool>,
    /// What is said where there is none, by language.
    none: Say,
    /// The input that is asked for anew then; without it the action ends.
    ask: Option<Text>,
}

/// What is asked of a business system: `{system: shop, get: "/orders/{{ inputs.order }}"}`.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields, extend("oneOf" = [
    {"required": ["get"]}, {"required": ["post"]}, {"required": ["put"]}, {"required": ["patch"]}, {"required": ["delete"]},
    {"required": ["tool"]},
]))]
struct Call {
    /// Which one, by its name in `systems`.
    system: Text,
    /// The path that is read, from `/` on.
    get: Option<Path>,
    /// The path that is posted to.
    post: Option<Path>,
    /// The path that is put to.
    put: Option<Path>,
    /// The path that is patched.
    patch: Option<Path>,
    /// The path that is deleted.
    delete: Option<Path>,
    /// The query by name; what is empty is left out.
    query: Option<BTreeMap<String, Scalar>>,
    /// Headers beside those of the system.
    headers: Option<BTreeMap<String, Scalar>>,
    /// The body, as JSON. A text that is nothing but `{{ … }}` keeps the value's type.
    body: Option<Json>,
    /// The tool that is called, of a system that speaks MCP.
    tool: Option<Line>,
    /// What the tool takes, by name.
    arguments: Option<BTreeMap<String, Json>>,
    /// Whether it changes something; true for everything but `get` without this.
    effect: Option<bool>,
    /// Whether the system does it once however often it hears it under one `Idempotency-Key`; true without this, and false for
    /// a tool.
    idempotent: Option<bool>,
    /// For how long an answer is used again for the same request; not at all without this.
    cache: Option<Duration>,
}

/// A path: it begins with `/`, and what would follow a question mark goes into `query`.
#[derive(JsonSchema)]
#[schemars(extend(
    "pattern" = r"^/[^?#\\]*$",
    "patternErrorMessage" = "It begins with “/”, and what follows a question mark goes into `query:`.",
))]
struct Path(String);

/// A text in Jinja, a number, or true or false.
#[derive(JsonSchema)]
#[schemars(untagged)]
enum Scalar {
    Text(Text),
    Number(f64),
    Truth(bool),
}

/// Where it stands in the answer, for a text: `body.status`; or with what it has to be.
#[derive(JsonSchema)]
#[schemars(untagged)]
enum TakenOut {
    From(Text),
    Output(Output),
}

#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
struct Output {
    /// Where it stands: an expression, `body.items[0].price`.
    from: Text,
    /// What it has to be; `text` without this. An answer that is not so counts as no answer.
    r#type: Option<OutputKind>,
    /// Whether it may be missing.
    optional: Option<bool>,
}

/// What follows an answer.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
struct Outcome {
    /// When: an expression, `status == 404` or `failure == "slow"`. Without it, after every success.
    when: Option<Text>,
    /// What the customer is told, by language.
    say: Option<Say>,
    /// Cards that the customer is shown: of a list in the answer, or one.
    cards: Option<Cards>,
    /// What is noted of the conversation: its attributes.
    set: Option<BTreeMap<String, Scalar>>,
    /// The input that is asked for anew.
    ask: Option<Text>,
    /// Whether the rule's `otherwise` follows.
    otherwise: Option<bool>,
    /// What the bot begins later by itself.
    later: Option<Later>,
    /// The ticket that is opened.
    ticket: Option<Ticket>,
}

/// A ticket: `{queue: care, priority: high, subject: {en: …, zh: …}}`.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
struct Ticket {
    /// The queue's name in `queues.yaml`.
    queue: Text,
    /// The priority; the conversation's without this.
    priority: Option<Priority>,
    /// What it is about, by language, for the customer.
    subject: Option<Say>,
}

/// Cards: `{each: body.products, title: "{{ item.name }}"}`.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
struct Cards {
    /// The list in the answer, of which each `item` becomes a card; one card without this.
    each: Option<Text>,
    /// How many are shown at most.
    #[schemars(range(min = 1))]
    most: Option<u8>,
    /// The first line.
    title: Words,
    /// What is said below it.
    text: Option<Words>,
    /// What it costs.
    price: Option<Words>,
    /// The address of a picture.
    image: Option<Text>,
    /// The address of a page.
    link: Option<Text>,
    /// Buttons of a card.
    buttons: Option<Vec<CardButton>>,
}

/// A button of a card, with a `link` or what it `says`.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields, extend("oneOf" = [{"required": ["link"]}, {"required": ["says"]}]))]
struct CardButton {
    /// What stands on it.
    title: Words,
    /// The address of the page that it opens.
    link: Option<Text>,
    /// What the customer says with it.
    says: Option<Words>,
}

/// A text by language, or one that is the same in every language.
#[derive(JsonSchema)]
#[schemars(untagged)]
enum Words {
    Same(Text),
    ByLanguage(Say),
}

/// An action that begins at a moment: `{action: remind, at: outputs.start, before: 1d}`.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
struct Later {
    /// The action.
    action: Text,
    /// The moment: an expression, `outputs.start`.
    at: Text,
    /// How long before that moment; at it without this.
    before: Option<Duration>,
    /// Inputs of that action, by name, as they are known now.
    inputs: Option<BTreeMap<Name, Json>>,
}

/// What every action says, in words of your own, by language.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
struct Phrases {
    /// The button to agree.
    yes: Option<Titles>,
    /// The button to disagree.
    no: Option<Titles>,
    /// Before a question is repeated.
    not_understood: Option<Titles>,
    /// When the customer does not want it any more.
    cancelled: Option<Titles>,
    /// When it does not work now.
    failed: Option<Titles>,
    /// When nobody knows whether it was done.
    unknown: Option<Titles>,
    /// When it is not sure enough who they are.
    identity: Option<Titles>,
    /// The question for an email address.
    ask_email: Option<Titles>,
    /// The question for a phone number.
    ask_phone: Option<Titles>,
    /// The question for either.
    ask_address: Option<Titles>,
    /// The question for a code: `{address}`, `{minutes}`.
    code_sent: Option<Titles>,
    /// The button to have it sent again.
    resend: Option<Titles>,
    /// When it was sent a moment ago.
    code_wait: Option<Titles>,
    /// When that is not the code: `{left}`.
    wrong_code: Option<Titles>,
    /// When the code is too old.
    old_code: Option<Titles>,
    /// When no more codes are sent.
    no_code: Option<Titles>,
    /// When they could not prove who they are.
    unverified: Option<Titles>,
    /// When they have proven it.
    verified: Option<Titles>,
    /// The subject of a code's mail.
    code_subject: Option<Titles>,
    /// What it says: `{code}`, `{minutes}`.
    code_letter: Option<Titles>,
    /// What it says of its link: `{link}`.
    code_link: Option<Titles>,
}

/// A test: a customer and a business system say this, and the bot says that.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
struct Case {
    /// What findings call it.
    name: Line,
    /// The action that is begun.
    action: Text,
    /// With whom, when and in which language.
    given: Option<Given>,
    /// What happens, in order.
    turns: Vec<Turn>,
}

#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
struct Given {
    /// The customer.
    customer: Option<Customer>,
    /// Their language; `en` without this.
    language: Option<Text>,
    /// The moment; Monday, 5 January 2026, 04:00 UTC without this.
    now: Option<Line>,
}

#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
struct Customer {
    /// What they are called.
    name: Option<Line>,
    /// An email address of theirs.
    email: Option<Line>,
    /// A phone number of theirs.
    phone: Option<Line>,
    /// How sure that is; `none` without this.
    identity: Option<Identity>,
    /// Facts of the business's own.
    attributes: Option<BTreeMap<String, Line>>,
}

/// One thing that happens, and what is expected of it.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields, extend("oneOf" = [
    {"required": ["customer"]}, {"required": ["presses"]}, {"required": ["answer"]}, {"required": ["comes"]},
    {"required": ["verifies"]},
]))]
struct Turn {
    /// What the customer writes.
    customer: Option<Text>,
    /// The button that they press, by its title.
    presses: Option<Text>,
    /// What the business system answers; `{}` is an empty success.
    answer: Option<Answer>,
    /// The moment of what was planned, with what it knows.
    comes: Option<BTreeMap<Name, Json>>,
    /// Whether the customer gives the code that they were sent, or another one.
    verifies: Option<Code>,
    /// A part of what the bot says, or several.
    says: Option<Says>,
    /// The titles of all cards, in their order.
    cards: Option<Vec<Text>>,
    /// The input that the bot asks for.
    asks: Option<Text>,
    /// What the bot wants as a proof of who they are.
    wants: Option<Proof>,
    /// Whether the bot asks whether it is right so.
    confirms: Option<bool>,
    /// The method with the path that is called: `GET /orders/A10023`.
    calls: Option<Text>,
    /// The body that is sent.
    sends: Option<Json>,
    /// What is begun later: `remind at 2026-12-02T15:00:00+08:00`.
    plans: Option<Text>,
    /// How it ends.
    ends: Option<End>,
    /// The queue in which a ticket is opened.
    ticket: Option<Text>,
}

#[derive(JsonSchema)]
#[schemars(rename_all = "snake_case")]
enum Code {
    /// The code that they were sent.
    Right,
    /// Another one.
    Wrong,
}

#[derive(JsonSchema)]
#[schemars(rename_all = "snake_case")]
enum Proof {
    /// An email address or a phone number.
    Address,
    /// The code that was sent there.
    Code,
}

#[derive(JsonSchema)]
#[schemars(untagged)]
enum Says {
    One(Text),
    Several(Vec<Text>),
}

#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
struct Answer {
    /// HTTP's status; 200 without this.
    #[schemars(range(min = 100, max = 599))]
    status: Option<u16>,
    /// The body, as JSON.
    body: Option<Json>,
    /// Why there is no answer.
    failure: Option<Trouble>,
}

#[derive(JsonSchema)]
#[schemars(rename_all = "snake_case")]
enum Trouble {
    /// Nobody listens there, or it says that it does not work.
    Down,
    /// It took too long.
    Slow,
    /// It is left alone for a while.
    Resting,
    /// The answer is no JSON, or not what it was declared to be.
    Unreadable,
    /// The answer is too long.
    TooLong,
    /// It sends one elsewhere.
    Redirected,
    /// It lies where calls may not go.
    Forbidden,
    /// Nobody knows whether it was done.
    Unknown,
    /// The call cannot be made of what is known.
    Unmade,
}

#[derive(JsonSchema)]
#[schemars(rename_all = "snake_case")]
enum End {
    /// The customer has what they wanted, or an honest answer.
    Done,
    /// The customer does not want it any more.
    Cancelled,
    /// It cannot be done, and what the rule says then follows.
    Otherwise,
}
