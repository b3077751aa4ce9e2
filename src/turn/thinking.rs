//! What a turn does of a model: asks it, and takes what came of that.

use std::collections::BTreeMap;

use contract::{Author, Body, truncate_chars};
use serde_json::Value as Json;

use super::Turn;
use crate::{
    bot::Citation,
    models::{Asked, End, Thought, apology},
    routing::{Answer, Destination, Handoff, Otherwise},
    store::conversation::Owner,
};

/// The longest reason that a model gives to the colleague, in characters.
const LONGEST_REASON: usize = 500;

/// What is to be done next of a thought.
#[derive(Debug, Clone, PartialEq)]
pub enum After {
    /// Nothing: it is done.
    Done,
    /// The rule's own way, with or without a word of it before.
    Otherwise(Box<Otherwise>),
    /// What the bot does without a model.
    Without(Box<Answer>),
}

impl Turn<'_> {
    /// Whether a model has been asked something that it has not answered.
    #[must_use]
    pub fn is_thinking(&self) -> bool {
        self.conversation.thinking.is_some()
    }

    /// Has a model asked about the message, in place of what it was asked before: it sees everything that was said.
    pub fn think(&mut self, wanted: &Answer, persona: &str, within: std::time::Duration) {
        self.leave(super::acting::LEFT);
        self.conversation.thinking = Some(Box::new(Asked {
            key: self.message.to_string(),
            persona: persona.to_owned(),
            wanted: wanted.clone(),
            since: self.setting.now,
            within: u64::try_from(within.as_millis()).unwrap_or(u64::MAX),
        }));
    }

    /// A model answered, or did not.
    pub fn take_thought(&mut self, thought: &Thought) -> After {
        let Some(asked) = self.conversation.thinking.take() else { return After::Done };
        self.conversation.spent = self.conversation.spent.and(thought.spent);
        self.conversation.attributes.extend(thought.sets.iter().cloned());
        if !matches!(self.conversation.owner, Owner::Bot | Owner::Queue) {
            return After::Done;
        }
        match &thought.end {
            End::Answer { text, citations } => {
                self.answered(text, citations);
                self.ask_again();
                After::Done
            }
            // The customer has begun something else since.
            End::Act { .. } if self.conversation.dialogue.is_some() => After::Done,
            End::Act { action, arguments } => self.acts(action, arguments, &asked.wanted),
            End::HandOff { queue, reason } => After::Otherwise(self.handed(&asked, queue.as_deref(), reason)),
            End::Failed(_) => After::Without(Box::new(asked.wanted.clone())),
        }
    }

    /// Says that it does not work, before what happens otherwise.
    pub fn apologise(&mut self, persona: &str) {
        let rules = self.setting.rules;
        let language = self.language().unwrap_or(rules.default_language());
        let text = apology(rules.personas().personas.get(persona), language);
        self.reply(Author::Bot, Body::text(text), None);
    }

    fn answered(&mut self, text: &str, citations: &[Citation]) {
        let (first, also) =
            citations.split_first().map_or((None, &[][..]), |(first, also)| (Some(first.clone()), also));
        self.conversation.bot_turns += 1;
        self.conversation.bot_misses = 0;
        self.reply_from(Author::Bot, Body::text(text), first, also.to_vec());
    }

    fn acts(&mut self, action: &str, arguments: &BTreeMap<String, Json>, wanted: &Answer) -> After {
        let otherwise = self.act_with(action, &wanted.otherwise, arguments);
        otherwise.map_or(After::Done, After::Otherwise)
    }

    /// A handover as the rule has it where it hands over, to the queue that the model chose, for its reason.
    fn handed(&self, asked: &Asked, queue: Option<&str>, reason: &str) -> Box<Otherwise> {
        let mut handed = asked.wanted.otherwise.clone();
        let reason = truncate_chars(reason.trim(), LONGEST_REASON).to_owned();
        match (&mut handed.destination, queue) {
            (Destination::Handoff(handoff), queue) => {
                if let Some(queue) = queue.filter(|queue| *queue != handoff.queue) {
                    queue.clone_into(&mut handoff.queue);
                    handoff.escalate = self.setting.rules.escalation(queue);
                }
                if !reason.is_empty() {
                    handoff.reason = reason;
                }
            }
            (destination, Some(queue)) => {
                *destination = Destination::Handoff(Handoff {
                    queue: queue.to_owned(),
                    priority: self.conversation.priority,
                    skills: Vec::new(),
                    reason,
                    rule: asked.persona.as_str().into(),
                    escalate: self.setting.rules.escalation(queue),
                });
            }
            (_, None) => {}
        }
        handed
    }
}
