//! The figures, and what the bot was asked and did not know.

use std::{collections::HashMap, path::PathBuf, sync::Arc};

use axum::{Json, extract::State, http::StatusCode};
use contract::{IdClock, MessageId, Timestamp};
use jiff::{civil::Date, tz::TimeZone};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::{Body, Query};
use crate::{
    bot::{Citation, Knowledge, Question, Reply},
    http::{ApiError, App, auth::Caller},
    measure::{Day, Filter, Group, Miss, Report, Section, SectionError, checked, grouped, hour, save},
    store::people::Role,
};

/// The longest period, in days.
const DAYS_MOST: usize = 366;
/// How many days where none are named.
const DAYS_USUAL: i64 = 7;
/// How many questions without an answer are looked at, the newest first.
const MISSES_MOST: usize = 1_000;
/// How many conversations of a group are named.
const EXAMPLES: usize = 5;

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
pub(super) struct Period {
    /// How many days, where `since` does not say; 7 when nothing is said.
    days: Option<i64>,
    /// The first day, by the calendar of the company.
    #[param(value_type = Option<String>, example = "2026-12-01")]
    since: Option<Date>,
    /// The last day; today when nothing is said.
    #[param(value_type = Option<String>)]
    until: Option<Date>,
    /// On the channel of this name.
    channel: Option<String>,
    /// In this language; `zh` is every kind of Chinese.
    language: Option<String>,
    /// Of those that were in this queue.
    queue: Option<String>,
}

impl Period {
    /// Its days. Each has 24 hours from when the first one begins, so where clocks change an hour is counted to the day
    /// before or after.
    fn days(&self, zone: &TimeZone, now: Timestamp) -> Result<Vec<Day>, ApiError> {
        let until = self.until.unwrap_or_else(|| zone.to_datetime(now).date());
        let days = self.days.unwrap_or(DAYS_USUAL).clamp(1, DAYS_MOST as i64);
        let since = self.since.unwrap_or_else(|| until.saturating_sub(jiff::Span::new().days(days - 1)));
        let begins = since.to_zoned(zone.clone()).map_err(|_| ApiError::wrong("There is no such day."))?;
        let dates: Vec<Date> =
            since.series(jiff::Span::new().days(1)).take_while(|date| *date <= until).take(DAYS_MOST + 1).collect();
        if dates.is_empty() || dates.len() > DAYS_MOST {
            return Err(ApiError::wrong(format!("A period has 1 to {DAYS_MOST} days, and ends after it begins.")));
        }
        let first = hour(begins.timestamp());
        Ok((0..).map(|day: i64| first + 24 * day).zip(dates).map(|(begins, date)| Day { date, begins }).collect())
    }

    fn filter(&self) -> Filter {
        Filter { channel: self.channel.clone(), language: self.language.clone(), queue: self.queue.clone() }
    }
}

/// The figures of some days.
#[derive(Serialize, ToSchema)]
#[schema(as = MeasuresOfDays)]
pub(super) struct Measured {
    /// The first day.
    #[schema(value_type = String)]
    since: Date,
    /// The last day.
    #[schema(value_type = String)]
    until: Date,
    /// Whose calendar the days are of.
    zone: String,
    #[serde(flatten)]
    report: Report,
}

/// How much is solved without a person, why not, what actions come to, and how customers liked it.
#[utoipa::path(get, path = "/measures", params(Period), tag = "operations", operation_id = "measures",
    responses((status = 200, body = Measured)))]
pub(super) async fn report(
    State(app): State<App>,
    caller: Caller,
    Query(period): Query<Period>,
) -> Result<Json<Measured>, ApiError> {
    caller.needs(Role::Admin)?;
    let (now, zone) = (crate::clock::now(), app.policy.rules().zone().clone());
    let days = period.days(&zone, now)?;
    let (Some(first), Some(last)) = (days.first(), days.last()) else { return Err(ApiError::wrong("No day.")) };
    let counts = app.records.store.counts(first.begins..last.begins + 24).await?;
    let (since, until) = (first.date, last.date);
    let zone = zone.iana_name().unwrap_or("UTC").to_owned();
    let report = Report::of(&counts, &days, &period.filter(), hour(now));
    Ok(Json(Measured { since, until, zone, report }))
}

/// Questions that ask the same.
#[derive(Serialize, ToSchema)]
#[schema(as = Misses)]
pub(super) struct GroupView {
    /// The question that the others are most like.
    question: String,
    /// Other wordings, newest first.
    wordings: Vec<String>,
    language: String,
    /// How often that was asked.
    count: usize,
    /// How many of them the knowledge answers by now.
    answered: usize,
    #[schema(value_type = String)]
    last_seen: Timestamp,
    /// Some of the conversations, newest first.
    conversations: Vec<String>,
    /// The section that comes nearest.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    nearest: Option<Citation>,
    /// A name for a new file.
    file: String,
}

/// What the bot was asked and did not know.
#[derive(Serialize, ToSchema)]
#[schema(as = AllMisses)]
pub(super) struct MissesView {
    /// Those that nobody has answered first, of these the largest first.
    groups: Vec<GroupView>,
    /// How many questions that are.
    questions: usize,
    /// Whether there are older ones in the period that were not looked at.
    more: bool,
    /// Whether there is a folder that sections can be written into.
    folder: bool,
}

/// Questions without an answer, those that ask the same together, without personal data.
#[utoipa::path(get, path = "/measures/misses", params(Period), tag = "operations", operation_id = "misses",
    responses((status = 200, body = MissesView)))]
pub(super) async fn misses(
    State(app): State<App>,
    caller: Caller,
    Query(period): Query<Period>,
) -> Result<Json<MissesView>, ApiError> {
    caller.needs(Role::Admin)?;
    let days = period.days(app.policy.rules().zone(), crate::clock::now())?;
    let (Some(first), Some(last)) = (days.first(), days.last()) else { return Err(ApiError::wrong("No day.")) };
    let ids = lowest(first.begins)..lowest(last.begins + 24);
    let found = app.records.store.misses(ids, MISSES_MOST).await?;
    let wanted = |miss: &Miss| {
        let is = |wanted: &Option<String>, has: &str| wanted.as_ref().is_none_or(|wanted| wanted == has);
        let family = miss.language.split('-').next().unwrap_or_default();
        is(&period.channel, &miss.channel) && (is(&period.language, &miss.language) || is(&period.language, family))
    };
    let misses: Vec<Miss> = found.items.into_iter().filter(wanted).collect();
    let (questions, more, knowledge) = (misses.len(), found.more, app.policy.knowledge());
    // Up to some seconds where the knowledge is large.
    let groups = tokio::task::spawn_blocking(move || views(&misses, &knowledge));
    let groups =
        groups.await.map_err(|_| ApiError::new(StatusCode::INTERNAL_SERVER_ERROR, "defect", "See the log."))?;
    Ok(Json(MissesView { groups, questions, more, folder: app.knowledge.0.is_some() }))
}

fn lowest(hour: i64) -> MessageId {
    IdClock::lowest(Timestamp::from_second(hour * 3600).unwrap_or(Timestamp::UNIX_EPOCH))
}

fn views(misses: &[Miss], knowledge: &Knowledge) -> Vec<GroupView> {
    let by_id: HashMap<MessageId, &Miss> = misses.iter().map(|miss| (miss.id, miss)).collect();
    let mut known: HashMap<(&str, &str), bool> = HashMap::new();
    let mut views: Vec<GroupView> = grouped(misses)
        .into_iter()
        .map(|group| {
            let of: Vec<&Miss> = group.misses.iter().filter_map(|id| by_id.get(id).copied()).collect();
            let mut answered = 0;
            for miss in &of {
                let asked = (miss.text.as_str(), miss.language.as_str());
                answered += usize::from(*known.entry(asked).or_insert_with(|| is_answered(knowledge, asked)));
            }
            view(group, &of, answered, knowledge)
        })
        .collect();
    // Within each as they were.
    views.sort_by_key(|view| view.answered == view.count);
    views
}

fn view(group: Group, of: &[&Miss], answered: usize, knowledge: &Knowledge) -> GroupView {
    let language = if group.language.is_empty() { "und" } else { &group.language };
    let nearest = knowledge.best(&Question { text: &group.question, language }, 1).pop();
    let mut conversations: Vec<String> = of.iter().map(|miss| miss.conversation.to_string()).collect();
    conversations.dedup();
    conversations.truncate(EXAMPLES);
    GroupView {
        file: file_for(&group),
        question: group.question,
        wordings: group.wordings,
        count: of.len(),
        answered,
        last_seen: of.first().map_or(Timestamp::UNIX_EPOCH, |miss| miss.id.made_at()),
        conversations,
        nearest: nearest.map(|nearest| nearest.citation),
        language: group.language,
    }
}

/// A name made of the question's first words, or where it has none that a name may have, of when it was asked.
fn file_for(group: &Group) -> String {
    const WORDS: usize = 5;
    let words: Vec<String> = group
        .question
        .to_lowercase()
        .split(|c: char| !c.is_ascii_alphanumeric())
        .filter(|word| !word.is_empty())
        .take(WORDS)
        .map(|word| word.chars().take(12).collect())
        .collect();
    let stem = if words.len() > 1 {
        words.join("-")
    } else {
        let id = group.misses.first().map(ToString::to_string).unwrap_or_default();
        format!("section-{}", id.trim_start_matches("msg_"))
    };
    let language = if group.language.is_empty() { "en" } else { &group.language };
    format!("{stem}.{language}.md")
}

fn is_answered(knowledge: &Knowledge, (text, language): (&str, &str)) -> bool {
    let language = if language.is_empty() { "und" } else { language };
    matches!(knowledge.answer(&Question { text, language }), Reply::Answer(_))
}

/// A section to be written.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = NewSection)]
pub(super) struct NewSection {
    /// The name of the new file.
    file: String,
    /// A BCP-47 tag.
    language: String,
    question: String,
    /// Other ways to ask it.
    #[serde(default)]
    also: Vec<String>,
    /// The answer, as Markdown.
    answer: String,
    /// Only says what would come of it.
    #[serde(default)]
    check: bool,
}

/// What came of a section.
#[derive(Serialize, ToSchema)]
#[schema(as = WrittenSection)]
pub(super) struct WrittenSection {
    /// The file as it is, or would be.
    markdown: String,
    /// Whether it was written.
    saved: bool,
    /// Of the question and the other ways to ask it those that the bot does not answer even so.
    unanswered: Vec<String>,
}

/// Writes a section of the knowledge into a new file. What is there is never changed; what does not load is not written.
#[utoipa::path(post, path = "/measures/sections", request_body = NewSection, tag = "operations",
    operation_id = "write_section",
    responses((status = 200, body = WrittenSection), (status = 409, description = "There is such a file, or none can be written"),
              (status = 422, description = "The knowledge would not load with it")))]
pub(super) async fn write_section(
    State(app): State<App>,
    caller: Caller,
    Body(new): Body<NewSection>,
) -> Result<Json<WrittenSection>, ApiError> {
    caller.needs(Role::Admin)?;
    let by = caller.agent().map_or_else(|_| "a program".to_owned(), |agent| agent.login.clone());
    let (place, check) = (Arc::clone(&app.knowledge), new.check);
    let NewSection { file, language, question, also, answer, .. } = new;
    let section = Section { file, language, question, also, answer };
    let written = tokio::task::spawn_blocking(move || write(&place, &section, check)).await;
    let (section, knowledge) =
        written.map_err(|_| ApiError::new(StatusCode::INTERNAL_SERVER_ERROR, "defect", "See the log."))??;
    if !check {
        tracing::info!(file = section.file, by, "A section of the knowledge was written in the console.");
    }
    let forms = std::iter::once(&section.question).chain(&section.also);
    let unanswered = forms.filter(|form| !is_answered(&knowledge, (form, &section.language))).cloned().collect();
    Ok(Json(WrittenSection { markdown: section.to_markdown(), saved: !check, unanswered }))
}

fn write(
    (folder, settings): &(Option<PathBuf>, crate::bot::Settings),
    section: &Section,
    check: bool,
) -> Result<(Section, Knowledge), ApiError> {
    let Some(folder) = folder else {
        let message = "The daemon has no folder of rules: `switchboard init` makes one. Copy the text meanwhile.";
        return Err(ApiError::conflict("not_writable", message));
    };
    let done = if check { checked(folder, section, settings) } else { save(folder, section, settings) };
    Ok((section.clone(), done.map_err(refused)?))
}

fn refused(error: SectionError) -> ApiError {
    match error {
        SectionError::Wrong(message) => ApiError::wrong(message),
        SectionError::Exists(file) => ApiError::conflict(
            "exists",
            format!("There is a file {file} already, which stays as it is: choose another name."),
        ),
        SectionError::NotWritable(error) => ApiError::conflict(
            "not_writable",
            format!(
                "The daemon cannot write into the knowledge folder ({error}). Copy the text, and put it there yourself."
            ),
        ),
        SectionError::Findings(findings) => {
            let findings: Vec<String> = findings.iter().map(ToString::to_string).collect();
            ApiError::new(StatusCode::UNPROCESSABLE_ENTITY, "findings", findings.join("\n"))
        }
    }
}
