//! What stands at the ends of the files: names, durations, texts. The patterns say what `load/read.rs` takes; editors show
//! `patternErrorMessage` where one does not fit.

use schemars::JsonSchema;

/// A name: letters and digits of any script, `-`, `_` and `.`, at most 64.
#[derive(JsonSchema, PartialEq, Eq, PartialOrd, Ord)]
#[schemars(extend(
    "pattern" = r"^[\p{Alphabetic}\p{N}._\-]{1,64}$",
    "patternErrorMessage" = "Letters, digits, “-”, “_” and “.”, 64 at most.",
))]
pub(super) struct Name(String);

/// A text.
#[derive(JsonSchema)]
#[schemars(extend("pattern" = r"\S", "patternErrorMessage" = "This is empty."))]
pub(super) struct Text(String);

/// One line of at most 120 characters.
#[derive(JsonSchema)]
#[schemars(extend(
    "pattern" = r"^\s*[^\s\p{Cc}]([^\p{Cc}]{0,118}[^\s\p{Cc}])?\s*$",
    "patternErrorMessage" = "One line of at most 120 characters.",
))]
pub(super) struct Line(String);

/// A language: a BCP-47 tag such as `en`, `zh`, `zh-Hans` or `pt-BR`.
#[derive(JsonSchema, PartialEq, Eq, PartialOrd, Ord)]
#[schemars(extend(
    "pattern" = r"^[a-z]{2,3}(-[A-Za-z0-9]{2,8})*$",
    "patternErrorMessage" = "Write a BCP-47 tag: en, zh, zh-Hans, pt-BR.",
))]
pub(super) struct Language(String);

/// A duration: `90s`, `5m`, `1h30m`, `7d`; at most 366 days.
#[derive(JsonSchema)]
#[schemars(extend(
    "type" = ["string", "integer"],
    "pattern" = r"^\s*([0-9]+[smhd])+\s*$",
    "patternErrorMessage" = "Write it as 90s, 5m, 1h30m or 7d.",
    "if" = {"type": "integer"},
    "then" = {"const": 0, "errorMessage": "Write it as 90s, 5m, 1h30m or 7d."},
))]
pub(super) struct Duration(String);

/// A duration that may be below zero: `15m`, `1h`, `-10m`; at most 7 days.
#[derive(JsonSchema)]
#[schemars(extend(
    "type" = ["string", "integer"],
    "pattern" = r"^-?([0-9]+[smhd])+$",
    "patternErrorMessage" = "Write it as 15m, 1h or -10m.",
    "if" = {"type": "integer"},
    "then" = {"const": 0, "errorMessage": "Write it as 15m, 1h or -10m."},
))]
pub(super) struct Credit(String);

/// A level, from 1 (a little) to 5 (best).
#[derive(JsonSchema)]
pub(super) struct Level(#[schemars(range(min = 1, max = 5))] u8);

/// A number from 0 to 1.
#[derive(JsonSchema)]
pub(super) struct Share(#[schemars(range(min = 0, max = 1))] f64);

/// Always `true`: leave the key out otherwise.
#[derive(JsonSchema)]
#[schemars(extend("const" = true))]
pub(super) struct Yes(bool);

/// A time zone: `Europe/Berlin`, `Asia/Shanghai`, `Etc/UTC`.
#[derive(JsonSchema)]
#[schemars(extend(
    "pattern" = r"^[A-Za-z][A-Za-z0-9_+\-]*(/[A-Za-z0-9_+\-]+)*$",
    "patternErrorMessage" = "Write it as Europe/Berlin or Asia/Shanghai.",
))]
pub(super) struct TimeZone(String);

/// A day: `2026-12-25`.
#[derive(JsonSchema)]
#[schemars(extend(
    "pattern" = r"^[0-9]{4}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])$",
    "patternErrorMessage" = "Write it as 2026-12-25.",
))]
pub(super) struct Date(String);

/// From when to when: `"9:00-18:00"`, the end not included; `24:00` is the end of the day.
#[derive(JsonSchema)]
#[schemars(extend(
    "pattern" = r"^\s*([01]?[0-9]|2[0-3]):[0-5]?[0-9]\s*[\-–]\s*(([01]?[0-9]|2[0-3]):[0-5]?[0-9]|24:0?0)\s*$",
    "patternErrorMessage" = "Write it as \"9:00-18:00\"; 24:00 is the end of the day.",
))]
pub(super) struct Span(String);
