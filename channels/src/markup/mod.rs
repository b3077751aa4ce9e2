//! Text from one markup to another: what bots and agents write is Markdown, what platforms take and send is their own.

#[cfg(feature = "fuzzing")]
pub(crate) mod fuzzing;
pub(crate) mod html;
pub(crate) mod markdown;
pub(crate) mod marks;
