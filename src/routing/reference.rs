//! docs/rules.md is held against the code: it has every fact, function, action, key, word, variable and finding.

use std::{collections::BTreeSet, fs, path::Path};

use regex::Regex;
use serde_json::Value as Json;

use super::{
    expr::{FIELDS, FUNCTIONS, QUEUE_FIELDS},
    load::STEPS,
    schema::{FileKind, tests::in_schemas},
    template::VARIABLES,
};

const REFERENCE: &str = include_str!("../../docs/rules.md");

const ACTIONS: &str = include_str!("../../docs/actions.md");

const MODELS: &str = include_str!("../../docs/models.md");

/// What the reference lacks of this.
#[track_caller]
fn has_all(what: &str, needed: impl IntoIterator<Item = String>) {
    lacks_nothing(REFERENCE, what, needed);
}

#[track_caller]
fn lacks_nothing(reference: &str, what: &str, needed: impl IntoIterator<Item = String>) {
    let lacking: BTreeSet<String> = needed.into_iter().filter(|text| !reference.contains(text.as_str())).collect();
    assert!(lacking.is_empty(), "the document has not every {what}: {lacking:#?}");
}

#[test]
fn the_document_of_actions_has_every_finding() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/routing/load/actions");
    let files = fs::read_dir(root).unwrap().map(|entry| fs::read_to_string(entry.unwrap().path()).unwrap());
    lacks_nothing(ACTIONS, "finding", files.flat_map(|source| messages(&source)));
}

#[test]
fn the_document_of_models_has_every_finding() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/routing/load/models.rs");
    lacks_nothing(MODELS, "finding", messages(&fs::read_to_string(path).unwrap()));
}

#[test]
fn the_reference_has_every_fact_function_action_and_variable() {
    has_all("fact", FIELDS.iter().map(|field| format!("`{}", field.path)));
    has_all("fact of a queue", QUEUE_FIELDS.iter().map(|field| format!(".{}`", field.name)));
    has_all("function", FUNCTIONS.iter().map(|name| format!("{name}(")));
    has_all("action", STEPS.iter().map(|name| format!("| `{name}: ")));
    has_all("variable", VARIABLES.iter().map(|name| format!("`{name}`")));
}

/// The keys and words of kinds of files that a document does not have in code.
fn unsaid(reference: &str, kinds: &[FileKind]) -> BTreeSet<String> {
    let said: BTreeSet<&str> = reference
        .split('`')
        .skip(1)
        .step_by(2)
        .flat_map(|code| code.split(|c: char| !(c.is_alphanumeric() || c == '_')))
        .collect();
    let mut lacking = BTreeSet::new();
    in_schemas(kinds, |object| {
        let keys =
            object.get("properties").and_then(Json::as_object).into_iter().flatten().map(|(key, _)| key.as_str());
        let words = object.get("enum").and_then(Json::as_array).into_iter().flatten().filter_map(Json::as_str);
        lacking.extend(keys.chain(words).filter(|name| !said.contains(name)).map(str::to_owned));
    });
    lacking
}

#[test]
fn the_documents_have_every_key_and_word() {
    let elsewhere = [FileKind::Actions, FileKind::Models];
    let rules: Vec<FileKind> = FileKind::ALL.into_iter().filter(|kind| !elsewhere.contains(kind)).collect();
    assert_eq!(unsaid(REFERENCE, &rules), BTreeSet::new(), "docs/rules.md has not every key and word");
    // Steps are the same in both, and described once.
    let both = format!("{ACTIONS}{REFERENCE}");
    assert_eq!(unsaid(&both, &[FileKind::Actions]), BTreeSet::new(), "docs/actions.md has not every key and word");
    assert_eq!(unsaid(MODELS, &[FileKind::Models]), BTreeSet::new(), "docs/models.md has not every key and word");
}

/// The messages of findings in a source, `…` for what is put in; those that are written where they are noted or as
/// `message`, which are nearly all.
fn messages(source: &str) -> Vec<String> {
    let lines = source.lines().filter(|line| !line.trim_start().starts_with("//"));
    let source = lines.collect::<Vec<_>>().join("\n");
    let source = source.split("#[cfg(test)]").next().unwrap();
    let text = r#""((?:[^"\\]|\\.)*)""#;
    let noted =
        Regex::new(&format!(r"(?:\.(?:error|warn|none|problem|fail)|\bnowhere|\brefuse)\(([^\x22;]*?){text}")).unwrap();
    let named = Regex::new(&format!(r"\bmessage(?:\s*=|:)\s*(?:format!\(\s*)?{text}")).unwrap();
    let put_in = Regex::new(r"\{[A-Za-z0-9_:#]*\}").unwrap();
    let noted =
        noted.captures_iter(source).filter(|found| !found[1].contains("message")).map(|found| found[2].to_owned());
    let named = named.captures_iter(source).map(|found| found[1].to_owned());
    noted
        .chain(named)
        .map(|message| {
            put_in.replace_all(&message.replace("\\\"", "\""), "…").trim_end_matches(['…', ' ', ':']).to_owned()
        })
        .filter(|message| !message.is_empty())
        .collect()
}

#[test]
fn the_reference_has_every_finding() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/routing");
    let files = fs::read_dir(root.join("load")).unwrap().map(|entry| entry.unwrap().path());
    let files = files.filter(|path| path.extension().is_some_and(|extension| extension == "rs"));
    let files = files.filter(|path| !path.ends_with("tests.rs") && !path.ends_with("models.rs"));
    let beside = ["expr/check.rs", "people.rs", "hits.rs", "cases.rs"].map(|name| root.join(name));
    let all: Vec<String> = files.chain(beside).flat_map(|path| messages(&fs::read_to_string(path).unwrap())).collect();
    assert!(all.len() > 110, "{} messages are found: their form has changed", all.len());
    has_all("finding", all);
}
