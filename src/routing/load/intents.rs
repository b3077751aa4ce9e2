//! `intents.yaml`: what customers can want, each with examples that it is learned from.

use understand::intents::{Intent, MOST_EXAMPLES};

use super::read;
use crate::routing::{finding::Notes, yaml::Node};

/// The fewest examples that say anything.
const FEWEST: usize = 3;
/// The most intents.
const MOST: usize = 300;

pub(super) fn intents(root: &Node, notes: &mut Notes<'_>) -> Vec<Intent> {
    let Some(fields) = read::fields(root, "intents.yaml", &["intents"], notes) else { return Vec::new() };
    let entries = fields.get("intents").and_then(|node| read::entries(node, "intents", notes)).unwrap_or_default();
    if entries.len() > MOST {
        notes.error(&root.span, format!("there are more than {MOST} intents"), "join those that lead to the same rule");
        return Vec::new();
    }
    let mut intents = Vec::new();
    for (key, node) in entries {
        if !read::is_name(&key.name, &key.span, "an intent", notes) {
            continue;
        }
        let Some(fields) = read::fields(node, "an intent", &["examples", "topics"], notes) else { continue };
        let mut texts = |name: &str| -> Vec<String> {
            let items = fields.get(name).and_then(|node| read::list(node, name, notes)).unwrap_or_default();
            items.iter().filter_map(|item| read::text(item, "an item", notes)).map(str::to_owned).collect()
        };
        let (examples, topics) = (texts("examples"), texts("topics"));
        if examples.len() < FEWEST {
            notes.error(
                &key.span,
                format!("the intent `{}` has {} examples; {FEWEST} are the fewest", key.name, examples.len()),
                "write 5 to 50 sentences as customers write them, in every language that they use",
            );
        }
        intents.push(Intent { name: key.name.clone(), topics, examples });
    }
    let all: usize = intents.iter().map(|intent| intent.examples.len()).sum();
    if all > MOST_EXAMPLES {
        notes.error(
            &root.span,
            format!("there are {all} examples; {MOST_EXAMPLES} are the most"),
            "keep the best of each",
        );
        return Vec::new();
    }
    intents
}
