//! What an action file is to say, before it is written.

use serde_json::Value as Json;

/// A first version of an action.
#[derive(Debug, Default)]
pub(super) struct Draft {
    /// Where it comes from, for the first line.
    pub source: String,
    /// The name of the system.
    pub system: String,
    /// How the system is reached; nothing where another file says it.
    pub reached: Option<Reached>,
    /// The action's name.
    pub action: String,
    /// What it is called, in the document's language.
    pub title: String,
    /// What it does, in the document's language.
    pub about: String,
    pub inputs: Vec<Input>,
    pub call: Call,
    pub outputs: Vec<Output>,
    /// Whether there may be nothing of what is looked for.
    pub may_lack: bool,
    /// What a person has to look at, beside the texts.
    pub notes: Vec<String>,
}

/// How a system is reached.
#[derive(Debug, Default)]
pub(super) struct Reached {
    /// Lines below the system's name, such as `url: …`.
    pub lines: Vec<String>,
    /// Headers of every call.
    pub headers: Vec<(String, String)>,
}

/// Something that is asked for.
#[derive(Debug)]
pub(super) struct Input {
    pub name: String,
    pub title: String,
    pub kind: Kind,
    pub example: Option<String>,
}

/// What an input is.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Kind {
    Text {
        pattern: Option<String>,
    },
    Number,
    Email,
    Phone,
    Date,
    Moment,
    /// Values with what they are called in English and in Chinese.
    Choice(Vec<(String, [String; 2])>),
}

/// What is asked of the system.
#[derive(Debug)]
pub(super) enum Call {
    /// A request: method, path, query, headers, body.
    Http {
        method: String,
        path: String,
        query: Vec<(String, String)>,
        headers: Vec<(String, String)>,
        body: Option<Shape>,
    },
    /// A tool: its name, and its arguments.
    Tool { name: String, arguments: Shape, effect: bool, idempotent: bool },
}

impl Default for Call {
    fn default() -> Self {
        let (method, path, query, headers) = ("get".to_owned(), "/".to_owned(), Vec::new(), Vec::new());
        Self::Http { method, path, query, headers, body: None }
    }
}

impl Call {
    /// Whether it changes something.
    pub fn effect(&self) -> bool {
        match self {
            Self::Http { method, .. } => method != "get",
            Self::Tool { effect, .. } => *effect,
        }
    }
}

/// A body with inputs in it.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Shape {
    /// An expression: `inputs.order`.
    Value(String),
    Plain(Json),
    List(Vec<Shape>),
    Object(Vec<(String, Shape)>),
}

/// What is taken out of an answer.
#[derive(Debug)]
pub(super) struct Output {
    pub name: String,
    pub from: String,
    pub kind: &'static str,
    pub optional: bool,
}
