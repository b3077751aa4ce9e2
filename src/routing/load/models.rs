//! `models/*.yaml`: how a model speaks for the company, what it may do and what it may know.

use std::collections::BTreeMap;

use super::{Desk, read};
use crate::{
    actions::texts::Say,
    models::{FACTS, Persona, VARIABLES},
    routing::{
        finding::{Notes, suggest},
        yaml::Node,
    },
};

/// The folder of the files of personas within that of the rules.
pub(super) const FOLDER: &str = "models/";

/// The most personas of all files.
const MOST: usize = 100;
/// How many passages of knowledge it is given at a time: at most, and where the file does not say it.
const MOST_PASSAGES: i64 = 20;
const USUAL_PASSAGES: usize = 4;
const JINJA: &str = "texts are written in Jinja: {% if mood.average < -0.3 %} … {% endif %}";

/// The personas of one file. Actions and queues are known by now.
pub(super) fn personas(root: &Node, desk: &mut Desk, notes: &mut Notes<'_>) {
    let Some(fields) = read::fields(root, "a file of personas", &["personas"], notes) else { return };
    let found = fields.get("personas").and_then(|node| read::entries(node, "personas", notes)).unwrap_or_default();
    for (key, node) in read::at_most(found, root, "personas", MOST, notes) {
        if notes.full() {
            return;
        }
        if !read::is_name(&key.name, &key.span, "a persona", notes) {
            continue;
        }
        if desk.personas.personas.contains_key(&key.name) {
            notes.error(&key.span, format!("there are two personas “{}”", key.name), "give one of them another name");
        }
        if let Some(persona) = persona(&key.name, node, desk, notes) {
            desk.personas.personas.insert(key.name.clone(), persona);
        }
    }
}

fn persona(name: &str, node: &Node, desk: &mut Desk, notes: &mut Notes<'_>) -> Option<Persona> {
    let known = ["persona", "tone", "rules", "actions", "queues", "facts", "must_cite", "passages", "failed"];
    let fields = read::fields(node, "a persona", &known, notes)?;
    let Some(own) = fields.get("persona") else {
        notes.error(&node.span, "a persona does not say who it is", "write `persona: {en: …, zh: …}`");
        return None;
    };
    let persona = say(own, "persona", desk, notes)?;
    let tone = fields.get("tone").and_then(|node| say(node, "tone", desk, notes));
    let rules = fields.get("rules").and_then(|node| say(node, "rules", desk, notes));
    let actions = names(fields.get("actions"), "actions", notes, |action| {
        let known = &desk.actions.actions;
        (!known.contains_key(action)).then(|| ("action", suggest(action, known.keys().map(String::as_str))))
    });
    let queues = names(fields.get("queues"), "queues", notes, |queue| {
        let known = &desk.queues;
        (!known.contains_key(queue)).then(|| ("queue", suggest(queue, known.keys().map(String::as_str))))
    });
    let facts = names(fields.get("facts"), "facts", notes, |fact| {
        let fits = FACTS.contains(&fact) || fact.strip_prefix("attributes.").is_some_and(|name| !name.is_empty());
        (!fits).then(|| ("fact of customers", suggest(fact, FACTS.iter().copied())))
    });
    let must_cite = fields.get("must_cite").and_then(|node| read::boolean(node, "`must_cite`", notes));
    let passages = fields.get("passages").and_then(|node| read::whole(node, "`passages`", 0..=MOST_PASSAGES, notes));
    let failed = fields.get("failed").map(|node| read::titles(node, "`failed`", notes)).unwrap_or_default();
    Some(Persona {
        name: name.to_owned(),
        persona,
        tone,
        rules,
        actions,
        queues,
        facts,
        must_cite: must_cite.unwrap_or(true),
        passages: passages.and_then(|most| usize::try_from(most).ok()).unwrap_or(USUAL_PASSAGES),
        failed,
    })
}

fn say(node: &Node, what: &str, desk: &mut Desk, notes: &mut Notes<'_>) -> Option<Say> {
    let mut texts = BTreeMap::new();
    for (key, node) in read::entries(node, what, notes)? {
        if read::is_language(&key.name, &key.span, notes)
            && let Some(text) = read::text(node, what, notes)
        {
            texts.insert(key.name.clone(), text.to_owned());
        }
    }
    if texts.is_empty() {
        notes.error(&node.span, format!("`{what}` has no text"), "write `{en: …, zh: …}`");
        return None;
    }
    let say = match desk.personas.texts.say(&texts) {
        Ok(say) => say,
        Err((language, error)) => {
            let cause = super::desk::cause(&error);
            notes.error(&node.span, format!("the text in {language} cannot be read: {cause}"), JINJA);
            return None;
        }
    };
    for language in texts.keys() {
        let used = desk.personas.texts.names_of_say(&say, language);
        for name in used.iter().filter(|name| !VARIABLES.contains(&name.split('.').next().unwrap_or(name))) {
            let help = "what a customer wrote never stands in a model's orders; list what it may know under `facts`";
            notes.error(&node.span, format!("orders cannot name `{name}`"), help);
        }
    }
    Some(say)
}

/// A list of names, each of which there is.
fn names(
    node: Option<&Node>,
    what: &str,
    notes: &mut Notes<'_>,
    lacks: impl Fn(&str) -> Option<(&'static str, String)>,
) -> Vec<String> {
    let mut names = Vec::new();
    for node in node.and_then(|node| read::list(node, what, notes)).unwrap_or_default() {
        let Some(name) = read::text(node, what, notes) else { continue };
        if let Some((kind, help)) = lacks(name) {
            notes.error(&node.span, format!("there is no {kind} “{name}”"), help);
        }
        names.push(name.to_owned());
    }
    names
}
