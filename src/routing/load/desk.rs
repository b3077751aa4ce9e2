//! `skills.yaml`, `calendars.yaml`, `templates.yaml`.

use std::{collections::BTreeMap, ops::Range, sync::Arc};

use jiff::{civil::Date, tz::TimeZone};

use super::read::{self, Fields};
use crate::routing::{
    calendar::{Calendar, Span},
    expr::WEEKDAYS,
    finding::{Notes, suggest},
    rule::Titles,
    template::Templates,
    yaml::Node,
};

/// What to do about a calendar that never opens.
pub(super) const NO_HOURS: &str = "give the calendar hours: `week: {monday: [\"9:00-18:00\"]}`";
/// The most languages, skills and calendars, and the most texts of all templates.
const MAX_LANGUAGES: usize = 100;
const MAX_SKILLS: usize = 5_000;
const MAX_CALENDARS: usize = 500;
const MAX_TEXTS: usize = 5_000;

/// What `skills.yaml` says.
#[derive(Debug, Default)]
pub(super) struct Skills {
    pub languages: Vec<String>,
    /// The bytes of each language.
    pub spans: Vec<Range<usize>>,
    pub titles: BTreeMap<String, Titles>,
}

/// What `calendars.yaml` says.
#[derive(Debug, Default)]
pub(super) struct Calendars {
    pub zone: Option<TimeZone>,
    pub calendars: Vec<Arc<Calendar>>,
}

pub(super) fn skills(root: &Node, notes: &mut Notes<'_>) -> Skills {
    let mut skills = Skills::default();
    let Some(fields) = read::fields(root, "skills.yaml", &["languages", "skills"], notes) else { return skills };
    let languages = fields.get("languages").and_then(|node| read::list(node, "languages", notes)).unwrap_or_default();
    for node in read::at_most(languages, root, "languages", MAX_LANGUAGES, notes) {
        if let Some(tag) = read::text(node, "a language", notes)
            && read::is_language(tag, &node.span, notes)
        {
            skills.languages.push(tag.to_owned());
            skills.spans.push(node.span.clone());
        }
    }
    let entries = fields.get("skills").and_then(|node| read::entries(node, "skills", notes)).unwrap_or_default();
    for (key, node) in read::at_most(entries, root, "skills", MAX_SKILLS, notes) {
        if !read::is_name(&key.name, &key.span, "a skill", notes) {
            continue;
        }
        let title = read::fields(node, "a skill", &["title"], notes).and_then(|fields| fields.get("title"));
        let titles = title.map(|title| read::titles(title, "a title", notes)).unwrap_or_default();
        skills.titles.insert(key.name.clone(), titles);
    }
    skills
}

pub(super) fn calendars(root: &Node, notes: &mut Notes<'_>) -> Calendars {
    let mut read_ = Calendars::default();
    let Some(fields) = read::fields(root, "calendars.yaml", &["time_zone", "calendars"], notes) else { return read_ };
    read_.zone = fields.get("time_zone").and_then(|node| read::zone(node, notes));
    let default = read_.zone.clone().unwrap_or(TimeZone::UTC);
    let entries = fields.get("calendars").and_then(|node| read::entries(node, "calendars", notes)).unwrap_or_default();
    for (key, node) in read::at_most(entries, root, "calendars", MAX_CALENDARS, notes) {
        let known = ["time_zone", "week", "holidays", "exceptions"];
        if read::is_name(&key.name, &key.span, "a calendar", notes)
            && let Some(fields) = read::fields(node, "a calendar", &known, notes)
        {
            let wrong = notes.findings.len();
            let calendar = calendar(&key.name, fields, &default, notes);
            if calendar.never_opens() && notes.findings.len() == wrong {
                let message = format!("“{}” is never open, so `open(\"{0}\")` never holds", key.name);
                notes.warn(&key.span, message, NO_HOURS);
            }
            read_.calendars.push(Arc::new(calendar));
        }
    }
    read_
}

fn calendar(name: &str, fields: Fields<'_>, default: &TimeZone, notes: &mut Notes<'_>) -> Calendar {
    let zone = fields.get("time_zone").and_then(|node| read::zone(node, notes)).unwrap_or_else(|| default.clone());
    let mut week: [Vec<Span>; 7] = Default::default();
    if let Some(days) = fields.get("week").and_then(|node| read::fields(node, "a week", &WEEKDAYS, notes)) {
        for (day, spans_of_day) in WEEKDAYS.iter().zip(&mut week) {
            *spans_of_day = days.get(day).map(|node| spans(node, notes)).unwrap_or_default();
        }
    }
    let mut dates = BTreeMap::new();
    for node in fields.get("holidays").and_then(|node| read::list(node, "holidays", notes)).unwrap_or_default() {
        if let Some(date) = date(node, notes) {
            dates.insert(date, Vec::new());
        }
    }
    for node in fields.get("exceptions").and_then(|node| read::list(node, "exceptions", notes)).unwrap_or_default() {
        let Some(exception) = read::fields(node, "an exception", &["date", "open"], notes) else { continue };
        let spans = exception.get("open").map(|node| spans(node, notes)).unwrap_or_default();
        match exception.get("date") {
            Some(node) => {
                if let Some(date) = date(node, notes) {
                    dates.insert(date, spans);
                }
            }
            None => notes.error(
                &node.span,
                "an exception needs a date",
                "for example {date: 2026-12-24, open: [\"9:00-12:00\"]}",
            ),
        }
    }
    Calendar { name: name.to_owned(), zone, week, dates }
}

fn spans(node: &Node, notes: &mut Notes<'_>) -> Vec<Span> {
    let mut spans = Vec::new();
    for node in read::list(node, "the hours of a day", notes).unwrap_or_default() {
        match read::text(node, "a span", notes).map(Span::parse) {
            Some(Some(span)) => spans.push(span),
            Some(None) => notes.error(
                &node.span,
                "this is not a span of hours",
                "write it as \"9:00-18:00\"; 24:00 is the end of the day",
            ),
            None => {}
        }
    }
    spans.sort_unstable();
    spans
}

fn date(node: &Node, notes: &mut Notes<'_>) -> Option<Date> {
    let date = read::text(node, "a date", notes)?.parse().ok();
    if date.is_none() {
        notes.error(&node.span, "this is not a date", "write it as 2026-12-25");
    }
    date
}

pub(super) fn templates(root: &Node, languages: &[String], notes: &mut Notes<'_>) -> Templates {
    let mut templates = Templates::default();
    let Some(fields) = read::fields(root, "templates.yaml", &["templates"], notes) else { return templates };
    let entries = fields.get("templates").and_then(|node| read::entries(node, "templates", notes)).unwrap_or_default();
    let mut left = MAX_TEXTS;
    for (key, node) in read::at_most(entries, root, "templates", MAX_TEXTS, notes) {
        if !read::is_name(&key.name, &key.span, "a template", notes) {
            continue;
        }
        let texts = read::entries(node, "a template", notes).unwrap_or_default();
        if texts.len() > left {
            notes.error(&key.span, format!("with this template, there are more than {MAX_TEXTS} texts"), "");
            break;
        }
        left -= texts.len();
        for (language, node) in texts {
            if read::is_language(&language.name, &language.span, notes)
                && let Some(source) = read::text(node, "a template's text", notes)
            {
                template(&mut templates, &key.name, &language.name, source, node, notes);
            }
        }
        for language in languages {
            let found = templates.language(&key.name, language, language);
            if found.is_none_or(|found| found.split('-').next() != language.split('-').next()) {
                let message = format!("the template “{}” has no text for {language}", key.name);
                notes.error(&key.span, message, format!("add `{language}: …`, or take {language} out of skills.yaml"));
            }
        }
    }
    templates
}

fn template(templates: &mut Templates, name: &str, language: &str, source: &str, node: &Node, notes: &mut Notes<'_>) {
    let file = notes.file;
    let spot = |error: &minijinja::Error| {
        let offset = error.range().map(|range| range.start).or_else(|| {
            let line = error.line()?.checked_sub(1)?;
            Some(source.split_inclusive('\n').take(line).map(str::len).sum())
        });
        super::within(&file.text, node, source, offset.map(|start| start..start + 1))
    };
    if let Err(error) = templates.add(name, language, source) {
        let span = spot(&error);
        notes.error(
            &span,
            format!("the template cannot be read: {}", cause(&error)),
            "templates are written in Jinja: {{ customer.name }}, {% if position %} … {% endif %}",
        );
        return;
    }
    let unknown = templates.unknown_variables(name, language);
    for variable in &unknown {
        let at = source.find(variable).map(|start| start..start + variable.len());
        let span = super::within(&file.text, node, source, at);
        let help = suggest(variable, crate::routing::template::VARIABLES.iter().copied());
        notes.error(&span, format!("templates have no variable `{variable}`"), help);
    }
    if unknown.is_empty()
        && let Err(error) = templates.try_out(name, language)
    {
        let span = spot(&error);
        notes.error(
            &span,
            format!("the template fails: {}", cause(&error)),
            "a template says one short text, by little work",
        );
    }
}

/// What went wrong in a template, or in the one that it includes.
pub(super) fn cause(error: &minijinja::Error) -> String {
    let causes = std::iter::successors(Some(error as &dyn std::error::Error), |error| error.source());
    let last = causes.last().unwrap_or(error);
    match last.downcast_ref::<minijinja::Error>() {
        Some(last) => last.detail().map_or_else(|| last.kind().to_string(), str::to_owned),
        None => last.to_string(),
    }
}
