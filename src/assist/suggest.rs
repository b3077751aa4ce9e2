//! What an agent could say: sections of the knowledge base that come near to what the customer asks, and the templates that are
//! meant for agents. Suggested only; nothing is sent by itself.

use serde::Serialize;
use utoipa::ToSchema;

use crate::{
    bot::{Knowledge, Question},
    routing::{RuleSet, TemplateContext},
};

/// How many passages are suggested.
const MOST: usize = 3;
/// Passages that fit worse are none: they share a word with the question, and nothing more.
const LEAST: f32 = 0.2;
/// How many of the customer's last messages are looked at.
const MESSAGES: usize = 3;
/// The names of templates that are for agents begin so.
pub(crate) const FOR_AGENTS: &str = "agent-";

/// A section of the knowledge base that may answer the customer.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct Passage {
    /// Its question.
    pub title: String,
    /// Its answer, as the customer would read it.
    pub text: String,
    /// Its language, a BCP-47 tag.
    pub language: String,
    /// The file that it stands in.
    pub file: String,
    /// How well it fits, 0 to 1.
    pub score: f32,
}

/// A template that is meant for agents.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct SuggestedReply {
    /// Its name, without what says that it is for agents.
    pub name: String,
    /// Its text, in the customer's language.
    pub text: String,
}

/// The passages nearest to what a customer wrote last, best first. `asked` are their messages since the company last answered,
/// newest first; the language, a BCP-47 tag, is theirs.
#[must_use]
pub fn passages(knowledge: &Knowledge, asked: &[&str], language: &str) -> Vec<Passage> {
    let mut found: Vec<Passage> = Vec::new();
    let language = if language.is_empty() { "und" } else { language };
    for text in asked.iter().take(MESSAGES) {
        for answer in knowledge.best(&Question { text, language }, MOST) {
            let (citation, text) = (answer.citation, answer.text);
            let passage = Passage {
                title: citation.question,
                text,
                language: answer.language,
                file: citation.file,
                score: citation.score,
            };
            match found.iter_mut().find(|known| known.file == passage.file && known.title == passage.title) {
                Some(known) => known.score = known.score.max(passage.score),
                None => found.push(passage),
            }
        }
    }
    found.retain(|passage| passage.score >= LEAST);
    found.sort_by(|a, b| b.score.total_cmp(&a.score));
    found.truncate(MOST);
    found
}

/// The templates for agents, in the customer's language: first those that are named as what the customer wants (`agent-return`
/// where the intent or a topic is `return`), then those that are named as nothing that customers want.
#[must_use]
pub fn replies(
    rules: &RuleSet,
    wanted: &[&str],
    language: Option<&str>,
    context: &TemplateContext<'_>,
) -> Vec<SuggestedReply> {
    let is_a_wish = |name: &str| {
        let mut intents = rules.intents().iter();
        intents.any(|intent| intent.name == name || intent.topics.iter().any(|topic| topic == name))
    };
    let mut replies: Vec<(bool, SuggestedReply)> = rules
        .templates()
        .filter_map(|template| Some((template, template.strip_prefix(FOR_AGENTS)?)))
        .filter(|(_, name)| wanted.contains(name) || !is_a_wish(name))
        .map(|(template, name)| {
            let text = rules.render(template, language, context);
            (!wanted.contains(&name), SuggestedReply { name: name.to_owned(), text })
        })
        .filter(|(_, reply)| !reply.text.is_empty())
        .collect();
    replies.sort_by_key(|(general, _)| *general);
    replies.into_iter().map(|(_, reply)| reply).collect()
}
