//! `actions/*.yaml`: business systems, and what the bot may ask of them. Checked whole: every name that a text uses is one that
//! there is, every system is declared, nothing is changed without a yes.

mod bound;
mod calls;
mod cards;
mod cases;
mod systems;

pub(in crate::routing::load) use bound::bound;
pub(in crate::routing::load) use cases::tests;

use std::{collections::BTreeMap, ops::Range, sync::Arc};

use serde_json::{Map, Value as Json};

use super::{read, rules::first_line, within};
use crate::{
    actions::{
        Action, Actions, AskedChoices, Choices, Identity, Input, Kind, Later, Outcome, Output, OutputKind, Phrase,
        Shape, TicketSpec, pattern,
        texts::{Expression, ROOTS, Say, Template},
    },
    routing::{
        finding::{Notes, suggest},
        yaml::{Node, Value},
    },
};

/// The folder of action files within that of the rules.
pub(super) const FOLDER: &str = "actions/";

/// The most actions of all files, and inputs, outputs and outcomes of one.
const MOST: usize = 500;
const MOST_PARTS: usize = 50;
/// After how many seconds an action is forgotten, where the file does not say it.
const USUAL_EXPIRY: u64 = 30 * 60;
/// How many choices are shown, where the file does not say it.
const USUAL_CHOICES: i64 = 6;

/// The systems of one file; those of all files are known before the first action is read.
pub(super) fn systems(root: &Node, actions: &mut Actions, notes: &mut Notes<'_>) {
    let known = ["systems", "actions", "phrases", "tests"];
    let Some(fields) = read::fields(root, "an action file", &known, notes) else { return };
    for (key, node) in fields.get("systems").and_then(|node| read::entries(node, "systems", notes)).unwrap_or_default()
    {
        if !read::is_name(&key.name, &key.span, "a system", notes) {
            continue;
        }
        if actions.systems.contains_key(&key.name) {
            notes.error(&key.span, format!("there are two systems “{}”", key.name), "");
        }
        if let Some(system) =
            (Reader { actions, declared: &Declared::new(), queues: &[], notes }).system(&key.name, &key.span, node)
        {
            actions.systems.insert(key.name.clone(), Arc::new(system));
        }
    }
    for (key, node) in fields.get("phrases").and_then(|node| read::entries(node, "phrases", notes)).unwrap_or_default()
    {
        let words = Phrase::ALL.map(|(phrase, word, _)| (word, phrase));
        let Some((_, phrase)) = words.iter().find(|(word, _)| *word == key.name) else {
            let help = suggest(&key.name, words.iter().map(|(word, _)| *word));
            notes.error(&key.span, format!("there is no phrase “{}”", key.name), help);
            continue;
        };
        actions.phrases.insert(*phrase, read::titles(node, "a phrase", notes));
    }
}

/// The actions of one file.
pub(super) fn actions(
    root: &Node,
    (declared, queues): (&Declared, &[&str]),
    actions: &mut Actions,
    notes: &mut Notes<'_>,
) {
    let Value::Map(_) = &root.value else { return };
    let found = root.get("actions").and_then(|node| read::entries(node, "actions", notes)).unwrap_or_default();
    for (key, node) in read::at_most(found, root, "actions", MOST, notes) {
        if notes.full() {
            return;
        }
        if !read::is_name(&key.name, &key.span, "an action", notes) {
            continue;
        }
        if actions.actions.contains_key(&key.name) {
            notes.error(&key.span, format!("there are two actions “{}”", key.name), "");
        }
        if let Some(action) = (Reader { actions, declared, queues, notes }).action(&key.name, &key.span, node) {
            actions.actions.insert(key.name.clone(), action);
        }
    }
}

/// What a text may name beside [`ROOTS`].
#[derive(Clone, Copy)]
struct Names<'a> {
    inputs: &'a [String],
    outputs: &'a [String],
    /// What stands for something here.
    also: &'a [&'a str],
}

const NO_NAMES: Names<'static> = Names { inputs: &[], outputs: &[], also: &[] };

/// The inputs of all actions of all files, by the action's name.
pub(super) type Declared = BTreeMap<String, Vec<String>>;

/// Notes the actions of one file, so that those before can speak of them.
pub(super) fn declare(root: &Node, declared: &mut Declared) {
    let keys = |node: Option<&Node>| match node.map(|node| &node.value) {
        Some(Value::Map(entries)) => entries.iter().map(|(key, node)| (key.name.clone(), node.clone())).collect(),
        _ => Vec::new(),
    };
    for (action, node) in keys(Some(root).and_then(|root| root.get("actions"))) {
        declared.insert(action, keys(node.get("inputs")).into_iter().map(|(input, _)| input).collect());
    }
}

struct Reader<'a, 'n> {
    actions: &'a mut Actions,
    declared: &'a Declared,
    queues: &'a [&'a str],
    notes: &'a mut Notes<'n>,
}

impl Reader<'_, '_> {
    fn action(&mut self, name: &str, at: &Range<usize>, node: &Node) -> Option<Action> {
        // What begins it, and what follows where it cannot be done, is read once the desk is known.
        let begun = ["intents", "otherwise"];
        let own = ["title", "about", "identity", "inputs", "confirm", "call", "outputs", "outcomes", "expires"];
        let known = [&own[..], &begun].concat();
        let fields = read::fields(node, "an action", &known, self.notes)?;
        let mut titles =
            |name: &str| fields.get(name).map(|node| read::titles(node, name, self.notes)).unwrap_or_default();
        let (title, about) = (titles("title"), titles("about"));
        if title.is_empty() {
            self.notes.error(at, format!("the action “{name}” has no title"), "write `title: {en: …, zh: …}`");
        }
        let identity = fields.get("identity").and_then(|node| {
            let words = [("none", Identity::None), ("known", Identity::Known), ("verified", Identity::Verified)];
            read::word(node, "`identity`", &words, self.notes)
        });
        let (inputs, names) = self.inputs(fields.get("inputs"));
        let names_of_inputs = Names { inputs: &names, ..NO_NAMES };
        let confirm = fields.get("confirm").and_then(|node| self.say(node, "`confirm`", names_of_inputs));
        let call = fields.get("call").and_then(|node| self.call(node, names_of_inputs));
        if call.as_ref().is_some_and(|call| call.effect) && confirm.is_none() {
            self.notes.error(
                at,
                format!("the action “{name}” changes something and does not ask before"),
                "add `confirm:` with the question that the customer has to say yes to, or `effect: false` to the call",
            );
        }
        let mut outputs: Vec<(String, Output)> = Vec::new();
        let found = fields.get("outputs").and_then(|node| read::entries(node, "outputs", self.notes));
        for (key, node) in found.unwrap_or_default().iter().take(MOST_PARTS) {
            let before: Vec<String> = outputs.iter().map(|(name, _)| name.clone()).collect();
            let names = Names { inputs: &names, outputs: &before, also: &[] };
            if read::is_name(&key.name, &key.span, "an output", self.notes)
                && let Some(output) = self.output(node, names)
            {
                outputs.push((key.name.clone(), output));
            }
        }
        let names_of_outputs: Vec<String> = outputs.iter().map(|(name, _)| name.clone()).collect();
        let all = Names { inputs: &names, outputs: &names_of_outputs, also: &[] };
        let found =
            fields.get("outcomes").and_then(|node| read::list(node, "outcomes", self.notes)).unwrap_or_default();
        let outcomes: Vec<Outcome> = found.iter().take(MOST_PARTS).filter_map(|node| self.outcome(node, all)).collect();
        match outcomes.iter().position(|outcome| outcome.when.is_none()) {
            None => self.notes.error(
                at,
                format!("the action “{name}” does not say what follows every success"),
                "end `outcomes:` with one that has no `when`",
            ),
            Some(first) if first + 1 < outcomes.len() => {
                let after = found.get(first + 1).map_or_else(|| at.clone(), first_line);
                self.notes.error(&after, "this outcome is never reached", "move the one without `when` to the end");
            }
            Some(_) => {}
        }
        let expires = fields.get("expires").and_then(|node| read::seconds(node, "`expires`", self.notes));
        Some(Action {
            name: name.to_owned(),
            title,
            about,
            identity: identity.unwrap_or_default(),
            inputs,
            confirm,
            call,
            outputs,
            outcomes,
            expires: expires.filter(|seconds| *seconds > 0).unwrap_or(USUAL_EXPIRY),
        })
    }

    fn inputs(&mut self, node: Option<&Node>) -> (Vec<Input>, Vec<String>) {
        let (mut inputs, mut names) = (Vec::new(), Vec::new());
        let found = node.and_then(|node| read::entries(node, "inputs", self.notes)).unwrap_or_default();
        for (key, node) in found.iter().take(MOST_PARTS) {
            if !read::is_name(&key.name, &key.span, "an input", self.notes) {
                continue;
            }
            inputs.extend(self.input(&key.name, &key.span, node, &names));
            names.push(key.name.clone());
        }
        (inputs, names)
    }

    fn input(&mut self, name: &str, at: &Range<usize>, node: &Node, before: &[String]) -> Option<Input> {
        let known = ["title", "type", "pattern", "entity", "from", "ask", "retry", "choices"];
        let fields = read::fields(node, "an input", &known, self.notes)?;
        let names = Names { inputs: before, ..NO_NAMES };
        let title = fields.get("title").map(|node| read::titles(node, "title", self.notes)).unwrap_or_default();
        let choices = fields.get("choices").and_then(|node| self.choices(node, names));
        let kind = match (fields.get("type"), choices) {
            (None, Some(choices)) => Kind::Choice(choices),
            (Some(node), Some(_)) => {
                self.notes.error(&node.span, "what is chosen needs no type", "take it out");
                return None;
            }
            (None, None) => Kind::Text,
            (Some(node), None) => {
                let words = ["text", "number", "email", "phone", "date", "moment"].map(|word| (word, word));
                match read::word(node, "`type`", &words, self.notes)? {
                    "number" => Kind::Number,
                    "email" => Kind::Email,
                    "phone" => Kind::Phone,
                    "date" => Kind::Date,
                    "moment" => Kind::Moment,
                    _ => Kind::Text,
                }
            }
        };
        let pattern = fields.get("pattern").and_then(|node| {
            let source = read::text(node, "a pattern", self.notes)?;
            match pattern(source) {
                Ok(compiled) => Some(compiled),
                Err(error) => {
                    let last = error.to_string().lines().last().unwrap_or_default().trim().to_owned();
                    self.notes.error(&node.span, format!("this is no pattern: {last}"), "");
                    None
                }
            }
        });
        let entity = fields.get("entity").and_then(|node| read::name(node, "a kind of entity", self.notes));
        let from = fields.get("from").and_then(|node| self.expression(node, names));
        let Some(ask) = fields.get("ask") else {
            let help = "write `ask: {en: Which order is it?, zh: 请问是哪个订单？}`";
            self.notes.error(at, format!("the input “{name}” has no question"), help);
            return None;
        };
        Some(Input {
            name: name.to_owned(),
            title,
            kind,
            pattern,
            entity: entity.map(str::to_owned),
            from,
            ask: self.say(ask, "`ask`", names)?,
            retry: fields.get("retry").and_then(|node| self.say(node, "`retry`", names)),
        })
    }

    fn choices(&mut self, node: &Node, names: Names<'_>) -> Option<Choices> {
        if let Value::Map(entries) = &node.value
            && entries.iter().any(|(key, _)| key.name == "call")
        {
            return self.asked(node, names).map(|asked| Choices::Asked(Box::new(asked)));
        }
        let entries = read::entries(node, "choices", self.notes)?;
        let choices: Vec<_> = entries
            .iter()
            .take(MOST_PARTS)
            .map(|(key, node)| (key.name.clone(), read::titles(node, "a choice", self.notes)))
            .collect();
        if choices.is_empty() {
            self.notes.error(
                &node.span,
                "there is nothing to choose",
                "write `choices: {repair: {en: A repair, zh: 维修}}`",
            );
        }
        Some(Choices::Listed(choices))
    }

    fn asked(&mut self, node: &Node, names: Names<'_>) -> Option<AskedChoices> {
        let known = ["call", "each", "value", "title", "most", "take_single", "none", "ask"];
        let fields = read::fields(node, "choices", &known, self.notes)?;
        for name in ["each", "value", "title", "none"] {
            if fields.get(name).is_none() {
                let help = "`each` is the list in the answer; `value` and `title` speak of `item`; `none` is said where it is empty";
                self.notes.error(&first_line(node), format!("choices of a call need `{name}`"), help);
            }
        }
        let of_item = Names { also: &["item"], ..names };
        let call = self.call(fields.get("call")?, names)?;
        if call.effect {
            self.notes.error(&first_line(node), "choices are only looked up", "write `effect: false`, or use a GET");
        }
        let take_single = fields.get("take_single").and_then(|node| read::boolean(node, "`take_single`", self.notes));
        let most = fields.get("most").and_then(|node| read::whole(node, "`most`", 1..=50, self.notes));
        Some(AskedChoices {
            call,
            each: self.expression(fields.get("each")?, names)?,
            value: self.expression(fields.get("value")?, of_item)?,
            title: self.say(fields.get("title")?, "a title", of_item)?,
            take_single: take_single.unwrap_or(false),
            most: usize::try_from(most.unwrap_or(USUAL_CHOICES)).unwrap_or(1),
            none: self.say(fields.get("none")?, "`none`", names)?,
            ask: fields.get("ask").and_then(|node| self.input_named(node, names)),
        })
    }

    fn output(&mut self, node: &Node, names: Names<'_>) -> Option<Output> {
        if matches!(node.value, Value::Text(_)) {
            let from = self.expression(node, names)?;
            return Some(Output { from, kind: OutputKind::Text, optional: false });
        }
        let fields = read::fields(node, "an output", &["from", "type", "optional"], self.notes)?;
        let Some(from) = fields.get("from") else {
            self.notes.error(&first_line(node), "an output needs `from`", "for example `from: body.status`");
            return None;
        };
        let kinds = [
            ("text", OutputKind::Text),
            ("number", OutputKind::Number),
            ("boolean", OutputKind::Boolean),
            ("list", OutputKind::List),
            ("object", OutputKind::Object),
        ];
        let kind = fields.get("type").and_then(|node| read::word(node, "`type`", &kinds, self.notes));
        let optional = fields.get("optional").and_then(|node| read::boolean(node, "`optional`", self.notes));
        let from = self.expression(from, names)?;
        Some(Output { from, kind: kind.unwrap_or_default(), optional: optional.unwrap_or(false) })
    }

    fn outcome(&mut self, node: &Node, names: Names<'_>) -> Option<Outcome> {
        let known = ["when", "say", "cards", "set", "ask", "ticket", "otherwise", "later"];
        let fields = read::fields(node, "an outcome", &known, self.notes)?;
        let ask = fields.get("ask").and_then(|node| self.input_named(node, names));
        let otherwise = fields.get("otherwise").and_then(|node| read::boolean(node, "`otherwise`", self.notes));
        let ticket = fields.get("ticket").and_then(|node| self.ticket(node, names));
        if let Some(node) = fields.get("ticket").filter(|_| ask.is_some() || otherwise == Some(true)) {
            self.notes.error(&first_line(node), "a ticket is an end of its own", "take `ask` and `otherwise` out");
        }
        let when = fields.get("when").map(|node| self.expression(node, names));
        if matches!(when, Some(None)) {
            return None;
        }
        Some(Outcome {
            when: when.flatten(),
            say: fields.get("say").and_then(|node| self.say(node, "`say`", names)),
            cards: fields.get("cards").and_then(|node| self.cards(node, names)),
            set: fields.get("set").map(|node| self.templates(node, "set", names)).unwrap_or_default(),
            ask,
            ticket,
            otherwise: otherwise.unwrap_or(false),
            later: fields.get("later").and_then(|node| self.later(node, names)),
        })
    }

    fn input_named(&mut self, node: &Node, names: Names<'_>) -> Option<String> {
        let input = read::text(node, "an input", self.notes)?;
        if !names.inputs.iter().any(|known| known == input) {
            let help = suggest(input, names.inputs.iter().map(String::as_str));
            self.notes.error(&node.span, format!("there is no input “{input}”"), help);
        }
        Some(input.to_owned())
    }

    fn later(&mut self, node: &Node, names: Names<'_>) -> Option<Later> {
        let fields = read::fields(node, "what is done later", &["action", "at", "before", "inputs"], self.notes)?;
        let (Some(action), Some(at)) = (fields.get("action"), fields.get("at")) else {
            let help = "write `later: {action: remind, at: outputs.start, before: 1d}`";
            self.notes.error(&first_line(node), "what is done later needs an action and `at`", help);
            return None;
        };
        let name = read::text(action, "an action", self.notes)?;
        let declared = self.declared;
        let Some(takes) = declared.get(name) else {
            let help = suggest(name, declared.keys().map(String::as_str));
            self.notes.error(&action.span, format!("there is no action “{name}”"), help);
            return None;
        };
        let mut inputs = Vec::new();
        let found = fields.get("inputs").and_then(|node| read::entries(node, "inputs", self.notes));
        for (key, node) in found.unwrap_or_default().iter().take(MOST_PARTS) {
            if !takes.contains(&key.name) {
                let help = suggest(&key.name, takes.iter().map(String::as_str));
                self.notes.error(&key.span, format!("there is no input “{}”", key.name), help);
            }
            inputs.push((key.name.clone(), self.shape(node, names)?));
        }
        Some(Later {
            action: name.to_owned(),
            at: self.expression(at, names)?,
            before: fields.get("before").and_then(|node| read::seconds(node, "`before`", self.notes)).unwrap_or(0),
            inputs,
        })
    }

    fn ticket(&mut self, node: &Node, names: Names<'_>) -> Option<TicketSpec> {
        let fields = read::fields(node, "a ticket", &["queue", "priority", "subject"], self.notes)?;
        let Some(queue_node) = fields.get("queue") else {
            let help = suggest("", self.queues.iter().copied());
            self.notes.error(&first_line(node), "a ticket needs a queue", help);
            return None;
        };
        let queue = read::text(queue_node, "a queue", self.notes)?;
        if !self.queues.contains(&queue) {
            let help = suggest(queue, self.queues.iter().copied());
            self.notes.error(&queue_node.span, format!("there is no queue “{queue}”"), help);
        }
        Some(TicketSpec {
            queue: queue.to_owned(),
            priority: fields.get("priority").and_then(|node| read::priority(node, self.notes)),
            subject: fields.get("subject").and_then(|node| self.say(node, "`subject`", names)),
        })
    }

    fn templates(&mut self, node: &Node, what: &str, names: Names<'_>) -> Vec<(String, Template)> {
        let entries = read::entries(node, what, self.notes).unwrap_or_default();
        let mut templates = Vec::new();
        for (key, node) in entries.iter().take(MOST_PARTS) {
            if let Some(text) = scalar(node).or_else(|| read::text(node, what, self.notes).map(str::to_owned))
                && let Some(template) = self.template_of(node, &text, names)
            {
                templates.push((key.name.clone(), template));
            }
        }
        templates
    }

    fn shape(&mut self, node: &Node, names: Names<'_>) -> Option<Shape> {
        Some(match &node.value {
            Value::Text(text) => match only_value(text) {
                Some(source) => Shape::Value(self.expression_of(node, source, names)?),
                None if text.contains('{') => Shape::Text(self.template_of(node, text, names)?),
                None => Shape::Plain(Json::from(text.as_str())),
            },
            Value::List(items) => Shape::List(items.iter().map(|item| self.shape(item, names)).collect::<Option<_>>()?),
            Value::Map(entries) => {
                let field = |(key, node): &(crate::routing::yaml::Key, Node), this: &mut Self| {
                    Some((key.name.clone(), this.shape(node, names)?))
                };
                Shape::Object(entries.iter().map(|entry| field(entry, self)).collect::<Option<_>>()?)
            }
            _ => Shape::Plain(json(node)),
        })
    }

    fn say(&mut self, node: &Node, what: &str, names: Names<'_>) -> Option<Say> {
        let mut texts = BTreeMap::new();
        for (key, node) in read::entries(node, what, self.notes)? {
            if read::is_language(&key.name, &key.span, self.notes)
                && let Some(text) = read::text(node, what, self.notes)
            {
                texts.insert(key.name.clone(), text.to_owned());
            }
        }
        if texts.is_empty() {
            self.notes.error(&node.span, format!("{what} has no text"), "write `{en: …, zh: …}`");
            return None;
        }
        match self.actions.texts.say(&texts) {
            Ok(say) => {
                for language in texts.keys() {
                    let used = self.actions.texts.names_of_say(&say, language);
                    self.names(node, &used, names);
                }
                Some(say)
            }
            Err((language, error)) => {
                let cause = super::desk::cause(&error);
                self.notes.error(&node.span, format!("the text in {language} cannot be read: {cause}"), JINJA);
                None
            }
        }
    }

    fn template_of(&mut self, node: &Node, text: &str, names: Names<'_>) -> Option<Template> {
        match self.actions.texts.template(text) {
            Ok(template) => {
                let used = self.actions.texts.names_of(&template);
                self.names(node, &used, names);
                Some(template)
            }
            Err(error) => {
                self.notes.error(&node.span, format!("this cannot be read: {}", super::desk::cause(&error)), JINJA);
                None
            }
        }
    }

    fn expression(&mut self, node: &Node, names: Names<'_>) -> Option<Expression> {
        let source = read::text(node, "an expression", self.notes)?;
        self.expression_of(node, source, names)
    }

    fn expression_of(&mut self, node: &Node, source: &str, names: Names<'_>) -> Option<Expression> {
        match self.actions.texts.expression(source) {
            Ok(expression) => {
                let used = self.actions.texts.names_of_expression(&expression);
                self.names(node, &used, names);
                Some(expression)
            }
            Err(error) => {
                let help = "for example `body.items[0].price > 100 and status == 200`";
                self.notes.error(&node.span, format!("this cannot be read: {}", super::desk::cause(&error)), help);
                None
            }
        }
    }

    /// Each name that is used has to be one that there is.
    fn names(&mut self, node: &Node, used: &[String], names: Names<'_>) {
        for name in used {
            let mut parts = name.split('.');
            let (root, field) = (parts.next().unwrap_or_default(), parts.next());
            let known = match (root, field) {
                ("inputs", Some(field)) => names.inputs.iter().any(|known| known == field),
                ("outputs", Some(field)) => names.outputs.iter().any(|known| known == field),
                ("item" | "secret", _) => names.also.contains(&root),
                _ => ROOTS.contains(&root) || ["range", "dict", "namespace"].contains(&root),
            };
            if !known {
                let inputs = names.inputs.iter().map(|name| format!("inputs.{name}"));
                let outputs = names.outputs.iter().map(|name| format!("outputs.{name}"));
                let others = ROOTS.iter().filter(|root| !["item", "inputs", "outputs"].contains(root));
                let there: Vec<String> = inputs.chain(outputs).chain(others.map(|root| (*root).to_owned())).collect();
                let span = within(&self.notes.file.text, node, "", None);
                let help = suggest(name, there.iter().map(String::as_str));
                self.notes.error(&span, format!("there is nothing called `{name}` here"), help);
            }
        }
    }
}

const JINJA: &str = "texts are written in Jinja: {{ inputs.order }}, {% if outputs.late %} … {% endif %}";

/// The expression of a text that is nothing but `{{ … }}`.
fn only_value(text: &str) -> Option<&str> {
    let inner = text.trim().strip_prefix("{{")?.strip_suffix("}}")?;
    (!inner.contains("{{") && !inner.contains("}}")).then(|| inner.trim())
}

fn scalar(node: &Node) -> Option<String> {
    match &node.value {
        Value::Bool(value) => Some(value.to_string()),
        Value::Int(value) => Some(value.to_string()),
        Value::Float(value) => Some(value.to_string()),
        _ => None,
    }
}

fn json(node: &Node) -> Json {
    match &node.value {
        Value::Null => Json::Null,
        Value::Bool(value) => Json::from(*value),
        Value::Int(value) => Json::from(*value),
        Value::Float(value) => Json::from(*value),
        Value::Text(text) => Json::from(text.as_str()),
        Value::List(items) => Json::Array(items.iter().map(json).collect()),
        Value::Map(entries) => {
            entries.iter().map(|(key, node)| (key.name.clone(), json(node))).collect::<Map<_, _>>().into()
        }
    }
}
