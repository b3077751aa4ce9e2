//! What customers answer, and what is heard: tables in English and Chinese, each with what must not be heard.

#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs, reason = "tests")]

mod assent;
mod choice;
mod hostile;
mod moment;
mod number;

/// Reports all cases of a table that are heard wrongly at once.
fn check<T: PartialEq + std::fmt::Debug>(heard: impl IntoIterator<Item = (String, T, T)>) {
    let wrong: Vec<String> = heard
        .into_iter()
        .filter(|(_, heard, meant)| heard != meant)
        .map(|(text, heard, meant)| format!("{text:?}: heard {heard:?}, meant {meant:?}"))
        .collect();
    assert!(wrong.is_empty(), "{} wrong\n{}", wrong.len(), wrong.join("\n"));
}
