//! Reads `cases/<kind>/*.json`: tables of what comes in and what it must become.
//!
//! A file is an array of rows; what a row holds is its kind's business. Large payloads are written small:
//! `{"$repeat": ["x", 1000]}` is a text of a thousand x, and with anything but a text an array of so many.

use std::{fs, path::Path};

use serde::de::DeserializeOwned;
use serde_json::Value;

/// Runs every row of a kind: `run` gives what it became and what it should be. Fails with every row that differs.
pub(crate) fn check<T: DeserializeOwned>(kind: &str, run: impl Fn(&T) -> (Value, Value)) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("cases").join(kind);
    let mut files: Vec<_> = fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    let rows: Vec<_> = files.iter().flat_map(|file| read(file)).collect();
    assert!(!rows.is_empty(), "{} has no cases", folder.display());
    let wrong: Vec<String> = rows
        .iter()
        .map(|(place, row)| (place, run(row)))
        .filter(|(_, (became, expected))| became != expected)
        .map(|(place, (became, expected))| format!("{place}\n  became   {became}\n  expected {expected}"))
        .collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

fn read<T: DeserializeOwned>(file: &Path) -> Vec<(String, T)> {
    let name = file.file_name().unwrap_or_default().to_string_lossy();
    let rows: Vec<Value> = serde_json::from_slice(&fs::read(file).unwrap()).unwrap_or_else(|e| panic!("{name}: {e}"));
    let row = |(number, row): (usize, Value)| {
        let title = row["name"].as_str().unwrap_or_default().to_owned();
        let place = format!("{name} row {}, {title:?}", number + 1);
        let row = serde_json::from_value(expand(row)).unwrap_or_else(|e| panic!("{place}: {e}"));
        (place, row)
    };
    rows.into_iter().enumerate().map(row).collect()
}

/// Writes out every `$repeat`.
fn expand(value: Value) -> Value {
    match value {
        Value::Array(items) => items.into_iter().map(expand).collect(),
        Value::Object(fields) => match fields.get("$repeat").and_then(Value::as_array).map(Vec::as_slice) {
            Some([what, times]) => repeat(what, usize::try_from(times.as_u64().unwrap_or(0)).unwrap_or(0)),
            _ => fields.into_iter().map(|(name, value)| (name, expand(value))).collect(),
        },
        other => other,
    }
}

fn repeat(what: &Value, times: usize) -> Value {
    match what {
        Value::String(text) => text.repeat(times).into(),
        other => vec![other.clone(); times].into(),
    }
}
