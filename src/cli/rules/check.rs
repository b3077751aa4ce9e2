//! `switchboard rules check`: what is wrong with the files, with what they ask of the people that there are, and with
//! rules that never match.

use std::{
    io::{self, IsTerminal, Write},
    process::ExitCode,
    sync::Arc,
};

use clap::Args;
use contract::Timestamp;
use serde_json::{Value, json};

use super::{
    RulesFolder,
    replay::{When, decisions, when},
    write_findings, write_json,
};
use crate::{
    cli::record::read_record,
    config::Config,
    replay::{Stretch, hits},
    routing::{Finding, Person, RuleSet, lint_people, load_dir},
    store::{Store, StoreError},
    understand::Settings,
};

/// Which rules, and beside what.
#[derive(Debug, Clone, Args)]
pub struct CheckArgs {
    /// Which rules.
    #[command(flatten)]
    folder: RulesFolder,
    /// Also find rules that match none of the recorded messages: from 30d or 12h ago on, or from a moment like
    /// 2026-11-20T09:00:00Z. Every message is decided again under these rules, so a new rule is judged as an old one is
    #[arg(long, value_name = "WHEN", value_parser = when)]
    since: Option<When>,
}

/// What was looked at beside the files.
#[derive(Default)]
struct Beside {
    /// How many people there are; `None` without a record.
    people: Option<usize>,
    past: Option<LookedAt>,
}

/// Which decisions rules were tried on.
struct LookedAt {
    since: Timestamp,
    until: Timestamp,
    decisions: u64,
    unreadable: u64,
    /// Rules that no decision could try.
    untried: Vec<Arc<str>>,
}

impl CheckArgs {
    /// Prints what is wrong; fails when anything is with the files.
    ///
    /// # Errors
    /// The record cannot be read, or `--since` is given and there is none.
    pub async fn run(self, config: &Config) -> anyhow::Result<ExitCode> {
        let record = match read_record(config).await {
            // Without a record that can be read, the files can be checked all the same.
            Err(error) if self.since.is_none() => Err(format!("{error:#}")),
            record => Ok(record?),
        };
        let (mut out, colour) = (Vec::new(), io::stdout().is_terminal());
        let fine = self.say(&config.understanding.settings, record, Timestamp::now(), &mut out, colour).await?;
        io::stdout().write_all(&out)?;
        Ok(if fine { ExitCode::SUCCESS } else { ExitCode::FAILURE })
    }

    /// Writes what is wrong; answers whether nothing is. In place of the record can stand why there is none.
    ///
    /// # Errors
    /// The record cannot be read, or `out` not written to.
    pub(super) async fn say(
        &self,
        settings: &Settings,
        record: Result<Arc<dyn Store>, String>,
        now: Timestamp,
        out: &mut dyn Write,
        colour: bool,
    ) -> anyhow::Result<bool> {
        let mut loaded = load_dir(&self.folder.rules);
        if let Some(set) = &loaded.rules {
            let reader = settings.reader(set.intents());
            loaded = loaded.tested(&|text| reader.read(text));
        }
        let mut findings: Vec<(&str, Finding)> = loaded.findings.drain(..).map(|finding| ("files", finding)).collect();
        let mut beside = Beside::default();
        if let (Some(set), Ok(record)) = (&loaded.rules, &record) {
            beside = self.look_beside(set, record, now, &mut findings).await?;
        }
        // Who works today, and what was written lately, is not wrong with the files.
        let fine = findings.iter().all(|(source, _)| *source != "files");
        if self.folder.json {
            let findings: Vec<Value> = findings.iter().map(|(source, finding)| with_source(source, finding)).collect();
            let hash = loaded.rules.as_ref().map(|set| set.hash().to_string());
            write_json(
                out,
                &json!({"hash": hash, "findings": findings, "people": beside.people, "past": beside.past()}),
            )?;
            return Ok(fine);
        }
        let findings: Vec<Finding> = findings.into_iter().map(|(_, finding)| finding).collect();
        write_findings(&loaded.files, &findings, out, colour)?;
        let folder = self.folder.rules.display();
        let Some(set) = &loaded.rules else {
            writeln!(out, "{folder}: these rules do not load")?;
            return Ok(false);
        };
        let (rules, files) = (set.rules().len(), set.files().count());
        writeln!(out, "{folder}: {rules} rules in {files} files load ({})", &set.hash()[..12])?;
        if let Err(reason) = &record {
            writeln!(out, "People were not checked: {reason}.")?;
        }
        beside.say(out)?;
        Ok(fine)
    }

    /// Holds the rules against the people and the messages of the record.
    async fn look_beside(
        &self,
        set: &RuleSet,
        record: &Arc<dyn Store>,
        now: Timestamp,
        findings: &mut Vec<(&str, Finding)>,
    ) -> Result<Beside, StoreError> {
        let agents = record.agents().await?;
        let people: Vec<Person<'_>> = agents.iter().map(Person::from).collect();
        findings.extend(lint_people(set, &people).into_iter().map(|finding| ("people", finding)));
        let mut beside = Beside { people: Some(people.len()), past: None };
        if let Some(since) = self.since {
            let stretch = Stretch { since: since.before(now), until: now, limit: None };
            let (hits, unreadable) = hits(record, set, stretch).await?;
            findings.extend(hits.never(stretch.since).into_iter().map(|finding| ("past", finding)));
            beside.past = Some(LookedAt {
                since: stretch.since,
                until: stretch.until,
                decisions: hits.decisions(),
                unreadable,
                untried: hits.untried().map(|rule| Arc::clone(rule.name())).collect(),
            });
        }
        Ok(beside)
    }
}

fn with_source(source: &str, finding: &Finding) -> Value {
    let mut shown = json!(finding);
    shown["source"] = json!(source);
    shown
}

impl Beside {
    fn past(&self) -> Option<Value> {
        let LookedAt { since, until, decisions, unreadable, untried } = self.past.as_ref()?;
        Some(json!({
            "since": since, "until": until, "decisions": decisions, "unreadable": unreadable, "untried": untried,
        }))
    }

    fn say(&self, out: &mut dyn Write) -> io::Result<()> {
        if let Some(people) = self.people {
            writeln!(out, "People were checked: {people} in the record.")?;
        }
        let Some(past) = &self.past else { return Ok(()) };
        let since = past.since.strftime("%F %T");
        writeln!(out, "{} since {since} UTC were made again under these rules.", decisions(past.decisions))?;
        if past.unreadable > 0 {
            writeln!(out, "This version cannot read the facts of {}: left out.", decisions(past.unreadable))?;
        }
        if past.decisions > 0 && !past.untried.is_empty() {
            let names = past.untried.join(", ");
            writeln!(out, "Nothing can be said about rules that none of these decisions could try: {names}.")?;
        }
        Ok(())
    }
}
