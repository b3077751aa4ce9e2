//! First versions of action files, from what a business system says of itself: an operation of an OpenAPI document, or a tool of
//! an MCP server. Pure: a document comes in, the text of a file goes out, and it loads.

mod draft;
mod names;
mod openapi;
mod schema;
#[cfg(test)]
mod tests;
mod tool;
mod write;

pub use openapi::openapi;
pub use tool::tool;

/// What the file is to be like.
#[derive(Debug, Clone, Copy, Default)]
pub struct Wish<'a> {
    /// What the system is called; without this, a name made of the document's title.
    pub system: Option<&'a str>,
    /// The systems that other files declare.
    pub declared: &'a [&'a str],
    /// Whether what may be left out is asked for too.
    pub optional: bool,
}

/// Why there is no file.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{what}{}", if help.is_empty() { String::new() } else { format!("\n  help: {help}") })]
pub struct Refused {
    /// What is wrong with the document.
    pub what: String,
    /// What to do.
    pub help: String,
}

impl Refused {
    fn new(what: impl Into<String>, help: impl Into<String>) -> Self {
        Self { what: what.into(), help: help.into() }
    }
}
