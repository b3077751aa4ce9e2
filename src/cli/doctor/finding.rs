//! What was found, one line each, with help for what is wrong.

use std::fmt;

/// One thing that was looked at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Finding {
    /// It is as it should be.
    Good(String),
    /// Nothing is wrong, but somebody may want to know.
    Note(String),
    /// It is not as it should be, and what to do.
    Wrong(String, String),
}

impl Finding {
    pub fn good(what: impl Into<String>) -> Self {
        Self::Good(what.into())
    }

    pub fn note(what: impl Into<String>) -> Self {
        Self::Note(what.into())
    }

    pub fn wrong(what: impl Into<String>, help: impl Into<String>) -> Self {
        Self::Wrong(what.into(), help.into())
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Good(what) => write!(out, "ok     {what}"),
            Self::Note(what) => write!(out, "note   {what}"),
            Self::Wrong(what, help) => write!(out, "WRONG  {what}\n       {help}"),
        }
    }
}

/// Says what is found, and counts what is wrong.
#[derive(Default)]
pub(super) struct Findings(u32);

impl Findings {
    /// How much is wrong.
    pub const fn wrong(&self) -> u32 {
        self.0
    }

    pub fn say(&mut self, findings: impl IntoIterator<Item = Finding>) {
        for finding in findings {
            println!("{finding}");
            self.0 += u32::from(matches!(finding, Finding::Wrong(..)));
        }
    }

    pub fn good(&mut self, what: &str) {
        self.say([Finding::good(what)]);
    }

    pub fn note(&mut self, what: &str) {
        self.say([Finding::note(what)]);
    }

    pub fn bad(&mut self, what: &str, help: &str) {
        self.say([Finding::wrong(what, help)]);
    }
}
