//! The rules in force and the candidate: what they say, how often each acts, what they would do to a message.

use std::{collections::BTreeMap, sync::Arc};

use axum::{Json, extract::State};
use contract::{CustomerId, Timestamp};
use jiff::SignedDuration;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use utoipa::{IntoParams, ToSchema};

use super::{Body, Query};
use crate::{
    bot::{Question, Reply},
    http::{ApiError, App, auth::Caller},
    routing::{
        CustomerFacts, Destination, Facts, Finding, MessageFacts, Now, Report, Rule, RuleSet, Severity, TracedRule,
        decide, explain, facts_over, given_from,
    },
    shadow::Candidate,
    store::{conversation, people::Role},
    understand::{Reader, Signals, Text},
};

/// The rule set in force, the candidate, and what the last load found.
#[derive(Serialize, ToSchema)]
pub(super) struct RulesStatus {
    hash: String,
    #[schema(value_type = String)]
    loaded_at: Timestamp,
    folder: String,
    files: Vec<String>,
    rules: usize,
    findings: Vec<FindingView>,
    /// In the order in which they are tried.
    set: Vec<RuleBrief>,
    #[serde(skip_serializing_if = "Option::is_none")]
    candidate: Option<CandidateStatus>,
}

/// A rule, where it stands, and how often it acted.
#[derive(Serialize, ToSchema)]
struct RuleBrief {
    name: String,
    file: String,
    line: usize,
    last_line: usize,
    on: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    after: Option<u64>,
    /// Times that it acted in the last 24 hours.
    hits: u64,
}

/// The rules in `candidate/`, and what they would do differently.
#[derive(Serialize, ToSchema)]
struct CandidateStatus {
    /// Absent where they do not load.
    #[serde(skip_serializing_if = "Option::is_none")]
    hash: Option<String>,
    #[schema(value_type = String)]
    loaded_at: Timestamp,
    rules: usize,
    findings: Vec<FindingView>,
    /// In the order in which they are tried; `hits` are how often each would have acted.
    set: Vec<RuleBrief>,
    /// What would be different, of what has been decided since `loaded_at`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    report: Option<Report>,
}

impl CandidateStatus {
    fn new(candidate: &Candidate) -> Self {
        let running = candidate.running.as_ref();
        let report = running.map(crate::shadow::Running::report);
        Self {
            hash: running.map(|running| running.rules.hash().to_string()),
            loaded_at: candidate.loaded_at,
            rules: running.map_or(0, |running| running.rules.rules().len()),
            findings: candidate.findings.iter().cloned().map(|finding| FindingView::new(finding, "files")).collect(),
            set: running
                .zip(report.as_ref())
                .map(|(running, report)| briefs(&running.rules, &would_act(report)))
                .unwrap_or_default(),
            report,
        }
    }
}

/// How often each rule would have acted.
fn would_act(report: &Report) -> BTreeMap<String, u64> {
    report.rules.iter().map(|matched| (matched.rule.to_string(), matched.after)).collect()
}

fn briefs(rules: &RuleSet, hits: &BTreeMap<String, u64>) -> Vec<RuleBrief> {
    let brief = |rule: &Rule| RuleBrief {
        name: rule.name().to_string(),
        file: rules.file_of(rule).to_owned(),
        line: *rule.lines().start(),
        last_line: *rule.lines().end(),
        on: rule.on().as_str(),
        after: rule.on().is_timed().then(|| rule.after()),
        hits: hits.get(&**rule.name()).copied().unwrap_or_default(),
    };
    rules.rules().iter().map(brief).collect()
}

/// Something wrong in a file, or with what files and people come to together.
#[derive(Serialize, ToSchema)]
struct FindingView {
    severity: &'static str,
    source: &'static str,
    file: String,
    line: usize,
    column: usize,
    message: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    help: Option<String>,
}

impl FindingView {
    fn new(finding: Finding, source: &'static str) -> Self {
        let severity = match finding.severity {
            Severity::Error => "error",
            Severity::Warning => "warning",
        };
        let Finding { file, line, column, message, help, .. } = finding;
        Self { severity, source, file, line, column, message, help }
    }
}

/// The rule set in force, the candidate, and what the last load found.
#[utoipa::path(get, path = "/rules", tag = "rules", responses((status = 200, body = RulesStatus)))]
pub(super) async fn rules(State(app): State<App>, _caller: Caller) -> Result<Json<RulesStatus>, ApiError> {
    let rules = app.policy.rules();
    let status = app.policy.status();
    let hits = app.hits.of_a_day().await?;
    let of_files = status.rule_findings.into_iter().map(|finding| FindingView::new(finding, "files"));
    let of_people = status.people_findings.into_iter().map(|finding| FindingView::new(finding, "people"));
    let of_knowledge = status.knowledge_findings.into_iter().map(|finding| FindingView {
        severity: "error",
        source: "knowledge",
        file: format!("knowledge/{}", finding.file),
        line: finding.line,
        column: 1,
        message: finding.message,
        help: Some(finding.help),
    });
    Ok(Json(RulesStatus {
        hash: rules.hash().to_string(),
        loaded_at: status.loaded_at,
        folder: app.rules_folder.display().to_string(),
        files: rules.files().map(str::to_owned).collect(),
        rules: rules.rules().len(),
        findings: of_files.chain(of_people).chain(of_knowledge).collect(),
        set: briefs(&rules, &hits),
        candidate: app.shadow.candidate().as_deref().map(CandidateStatus::new),
    }))
}

/// Which of the two rule sets.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
enum Which {
    #[default]
    InForce,
    Candidate,
}

fn rule_set(app: &App, which: Which) -> Result<(Arc<RuleSet>, Arc<Reader>), ApiError> {
    if which == Which::InForce {
        return Ok((app.policy.rules(), app.policy.reader()));
    }
    let candidate = app.shadow.candidate();
    let running = candidate.as_ref().and_then(|candidate| candidate.running.as_ref());
    running
        .map(|running| (Arc::clone(&running.rules), Arc::clone(&running.reader)))
        .ok_or_else(|| ApiError::missing("candidate rule set that loads"))
}

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
pub(super) struct OfWhich {
    /// `in_force` (default) or `candidate`.
    #[serde(default)]
    set: Which,
}

/// The files of a rule set.
#[derive(Serialize, ToSchema)]
pub(super) struct RuleFiles {
    hash: String,
    items: Vec<RuleFile>,
}

/// A file of a rule set.
#[derive(Serialize, ToSchema)]
struct RuleFile {
    name: String,
    text: String,
}

/// What the files of a rule set say.
#[utoipa::path(get, path = "/rules/files", params(OfWhich), tag = "rules", operation_id = "rule_files",
    responses((status = 200, body = RuleFiles), (status = 404)))]
pub(super) async fn files(
    State(app): State<App>,
    caller: Caller,
    Query(OfWhich { set }): Query<OfWhich>,
) -> Result<Json<RuleFiles>, ApiError> {
    caller.needs(Role::Supervisor)?;
    let (rules, _) = rule_set(&app, set)?;
    let items = rules.sources().iter().map(|file| RuleFile { name: file.name.clone(), text: file.text.clone() });
    Ok(Json(RuleFiles { hash: rules.hash().to_string(), items: items.collect() }))
}

/// A message that might be.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct TryOut {
    /// What a rule test's `given:` is: `message` with its `text`, `conversation`, `customer`, `queues`, `now`, `on`, `after`.
    /// What is written wins over everything else.
    #[schema(value_type = Object)]
    given: Map<String, Value>,
    /// Whose facts are taken from the record.
    #[schema(value_type = Option<String>)]
    customer: Option<CustomerId>,
    #[serde(default)]
    set: Which,
}

/// What would happen to it, and why.
#[derive(Serialize, ToSchema)]
pub(super) struct TriedOut {
    rule_set: String,
    #[schema(value_type = Object)]
    signals: Signals,
    #[schema(value_type = Vec<Object>)]
    rules: Vec<TracedRule>,
    not_reached: usize,
    outcome: String,
    destination: String,
    /// What the bot would say.
    #[serde(skip_serializing_if = "Option::is_none")]
    answer: Option<Said>,
    #[schema(value_type = Object)]
    facts: Facts,
}

/// An answer of the bot, and where it stands.
#[derive(Serialize, ToSchema)]
struct Said {
    text: String,
    file: String,
    question: String,
    score: f32,
}

/// What rules would do to a message. Nothing is done.
#[utoipa::path(post, path = "/rules/try", request_body = TryOut, tag = "rules", operation_id = "try_rules",
    responses((status = 200, body = TriedOut), (status = 400), (status = 404)))]
pub(super) async fn try_out(
    State(app): State<App>,
    caller: Caller,
    Body(TryOut { given, customer, set }): Body<TryOut>,
) -> Result<Json<TriedOut>, ApiError> {
    caller.needs(Role::Supervisor)?;
    let (rules, reader) = rule_set(&app, set)?;
    let said = |field: &str| given.get("message").and_then(|message| message.get(field)).and_then(Value::as_str);
    let text = said("text").unwrap_or_default().to_owned();
    let signals = reader.read(Text { text: &text, subject: said("subject") });
    let base = Facts {
        message: MessageFacts::from_signals(&signals),
        customer: match customer {
            Some(customer) => customer_facts(&app, customer).await?,
            None => CustomerFacts::default(),
        },
        queues: Arc::clone(&app.records.desk.board().queues),
        now: Now { time: crate::clock::now() },
        ..Facts::default()
    };
    let given = given_from(&Value::Object(given)).map_err(ApiError::wrong)?;
    let facts = facts_over(&base, &given).map_err(|error| ApiError::wrong(error.to_string()))?;
    let (trace, decision) = (explain(&rules, &facts), decide(&rules, &facts));
    let owner = facts.conversation.owner;
    let answer = match &decision.destination {
        Some(Destination::Answer(wanted)) => answer(&app, &facts, &text, wanted.min_confidence).await,
        _ => None,
    };
    let destination = match &decision.destination {
        Some(Destination::Answer(wanted)) if answer.is_none() => wanted.otherwise.words(),
        _ => decision.words(owner),
    };
    Ok(Json(TriedOut {
        rule_set: trace.rule_set,
        signals,
        rules: trace.rules,
        not_reached: trace.not_reached,
        outcome: trace.outcome,
        destination,
        answer,
        facts,
    }))
}

/// What the bot would say; `None` where it knows nothing well enough.
async fn answer(app: &App, facts: &Facts, text: &str, least: Option<f64>) -> Option<Said> {
    let language = facts.message.language.as_deref().unwrap_or("und");
    let reply = app.policy.responder().respond(&Question { text, language }).await;
    let Ok(Reply::Answer(answer)) = reply else { return None };
    let citation = answer.citation;
    let is_sure = least.is_none_or(|least| f64::from(citation.score) >= least);
    is_sure.then_some(Said {
        text: answer.text,
        file: citation.file,
        question: citation.question,
        score: citation.score,
    })
}

/// What rules would see of a customer who writes now and opens a conversation.
async fn customer_facts(app: &App, id: CustomerId) -> Result<CustomerFacts, ApiError> {
    const LOOKED_AT: usize = 200;
    let contact = app.records.store.contact(id).await?.ok_or_else(|| ApiError::missing("customer"))?;
    let conversations = app.records.store.conversations_of(&contact.ids, LOOKED_AT).await?;
    let now = crate::clock::now();
    let opened_within = |hours| {
        let since = now - SignedDuration::from_hours(hours);
        1 + conversations.iter().filter(|conversation| conversation.opened_at >= since).count()
    };
    let open = conversations.iter().filter(|conversation| conversation.owner != conversation::Owner::Closed).count();
    let mut channels: Vec<String> = conversations.iter().map(|conversation| conversation.kind.clone()).collect();
    channels.sort_unstable();
    channels.dedup();
    let roster = app.records.announcer.roster();
    let last_agent = conversations.iter().find_map(|conversation| conversation.agent.or(conversation.previous_agent));
    let count = |count: usize| i64::try_from(count).unwrap_or(i64::MAX);
    let customer = contact.customer;
    Ok(CustomerFacts {
        id: customer.id.to_string(),
        tier: customer.attributes.get("tier").cloned(),
        name: customer.name,
        language: customer.language,
        verified: customer.verified,
        attributes: customer.attributes,
        channels,
        contacts_24h: count(opened_within(24)),
        contacts_7d: count(opened_within(7 * 24)),
        open_conversations: count(open + 1),
        first_seen: Some(customer.first_seen),
        last_seen: conversations.iter().filter_map(|c| c.last_message).map(contract::MessageId::made_at).max(),
        last_agent: last_agent.and_then(|agent| roster.get(agent)).map(|agent| agent.login.clone()),
    })
}
