//! What the bot says: a seam. A responder answers a question or says that it has no answer; what happens then is
//! decided by rules, never here.

mod knowledge;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};

pub use knowledge::{Finding, Knowledge, MAX_FILE_BYTES, Settings, Terms};

/// What a customer asks.
#[derive(Debug, Clone, Copy)]
pub struct Question<'a> {
    /// The message's text; may be empty, of any length and in any language.
    pub text: &'a str,
    /// The customer's language as a BCP-47 tag (`en`, `zh-Hans`), or `und`.
    pub language: &'a str,
}

/// Answers customers.
#[async_trait]
pub trait Responder: Send + Sync {
    /// An answer, or that there is none.
    ///
    /// # Errors
    /// The responder could not work. The caller hands the conversation to a person, as it does when the responder
    /// takes longer than its deadline.
    async fn respond(&self, question: &Question<'_>) -> Result<Reply, RespondError>;
}

/// What a responder came to.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "outcome", rename_all = "snake_case")]
pub enum Reply {
    /// This is the answer.
    Answer(Answer),
    /// Nothing known answers it well enough.
    NoAnswer {
        /// What came nearest, for the trace.
        best: Option<Citation>,
    },
}

/// An answer and where it comes from.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Answer {
    /// Plain text, as any channel can carry it: lists with dashes, links as `text (URL)`.
    pub text: String,
    /// The knowledge that it is taken from.
    pub citation: Citation,
    /// The language of `text` as a BCP-47 tag.
    pub language: String,
}

/// Names a section of the knowledge.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Citation {
    /// The file's name in the knowledge folder.
    pub file: String,
    /// The section's question.
    pub question: String,
    /// How well it fits, 0 to 1; comparable between knowledge folders of any size.
    pub score: f32,
}

/// Why a responder said nothing.
#[derive(Debug, thiserror::Error)]
#[error("the responder failed")]
pub struct RespondError(#[source] pub Box<dyn std::error::Error + Send + Sync>);
