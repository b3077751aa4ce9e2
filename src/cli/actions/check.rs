//! `switchboard actions check|test`: what `rules check` and `rules test` say, of action files alone.

use std::{
    io::{self, Write},
    sync::Arc,
    time::Duration,
};

use clap::Args;
use minijinja::Value;
use serde_json::json;

use super::{
    super::rules::{
        RulesFolder, refuse,
        terminal::{Style, paint},
        write_failed, write_findings, write_json,
    },
    count,
};
use crate::{
    actions::{Actions, Speaks},
    calls::{Caller, unfit},
    config::Config,
    live::LocalLive,
    routing::{Loaded, load_actions, run_tests},
    understand::Settings,
};

/// How long an MCP server may take to say what it offers.
const WITHIN: Duration = Duration::from_secs(30);

/// Which actions, and beside what.
#[derive(Debug, Clone, Args)]
pub(in crate::cli) struct Check {
    /// Which rules.
    #[command(flatten)]
    folder: RulesFolder,
    /// Also ask MCP servers whether they offer the tools that actions call, and take what these give. Nothing is called.
    #[arg(long)]
    tools: bool,
}

impl Check {
    /// Answers whether nothing is wrong.
    pub(super) async fn run(&self, config: &Config, out: &mut dyn Write, colour: bool) -> anyhow::Result<bool> {
        let loaded = load_actions(&self.folder.rules);
        let wrong = match loaded.rules.as_ref().filter(|_| self.tools) {
            Some(set) => wrong_tools(config, set.actions()).await?,
            None => Vec::new(),
        };
        let fine = check(&self.folder, loaded, &config.understanding.settings, &wrong, out, colour)?;
        Ok(fine && wrong.is_empty())
    }
}

/// What does not fit of the calls of tools, one sentence each.
async fn wrong_tools(config: &Config, actions: &Actions) -> anyhow::Result<Vec<String>> {
    let caller = Caller::new(config.actions.secrets()?, Arc::new(LocalLive::default()))?
        .with_programs(config.actions.mcp.clone());
    let mut wrong = Vec::new();
    for system in actions.systems.values().filter(|system| system.speaks != Speaks::Http) {
        let request = actions.request_to(system, &Value::UNDEFINED, &caller.secrets());
        let offered = match request {
            Ok(request) => caller.tools(&request, WITHIN).await,
            Err(why) => Err(why),
        };
        let offered = match offered {
            Ok(offered) => offered,
            Err(why) => {
                wrong.push(format!("{}: it does not say what it offers: {why}", system.name));
                continue;
            }
        };
        let all = actions.actions.values().flat_map(|action| action.calls().map(move |call| (action, call)));
        for (action, call) in all.filter(|(_, call)| call.system.name == system.name) {
            let name = call.tool.as_deref().unwrap_or_default();
            let said = unfit(&offered, name, &call.given());
            wrong.extend(said.map(|said| format!("{}: {name} of {}: {said}", action.name, system.name)));
        }
    }
    Ok(wrong)
}

fn check(
    folder: &RulesFolder,
    mut loaded: Loaded,
    settings: &Settings,
    tools: &[String],
    out: &mut dyn Write,
    colour: bool,
) -> io::Result<bool> {
    if let Some(set) = &loaded.rules {
        let reader = settings.reader(set.intents());
        loaded = loaded.tested(&|text| reader.read(text));
    }
    let Some(set) = &loaded.rules else { return refuse(&loaded, folder.json, out, colour) };
    let (actions, systems) = (&set.actions().actions, &set.actions().systems);
    if folder.json {
        let names: (Vec<&String>, Vec<&String>) = (actions.keys().collect(), systems.keys().collect());
        write_json(out, &json!({"findings": loaded.findings, "actions": names.0, "systems": names.1, "tools": tools}))?;
    } else {
        write_findings(&loaded.files, &loaded.findings, out, colour)?;
        tools.iter().try_for_each(|wrong| writeln!(out, "{wrong}"))?;
        let (actions, systems) = (count(actions.len(), "action"), count(systems.len(), "system"));
        writeln!(out, "{}: {actions} on {systems} load", folder.rules.display())?;
    }
    Ok(loaded.findings.is_empty())
}

/// Answers whether every test passed.
pub(super) fn test(folder: &RulesFolder, settings: &Settings, out: &mut dyn Write, colour: bool) -> io::Result<bool> {
    let loaded = load_actions(&folder.rules);
    let Some(set) = &loaded.rules else { return refuse(&loaded, folder.json, out, colour) };
    let reader = settings.reader(set.intents());
    let report = run_tests(set, &|text| reader.read(text));
    let tests: Vec<(&str, usize)> = set.actions().tests_by_action().collect();
    if folder.json {
        let tests: serde_json::Map<_, _> =
            tests.iter().map(|(name, count)| ((*name).to_owned(), json!(count))).collect();
        write_json(out, &json!({"outcomes": report.outcomes, "tests": tests}))?;
        return Ok(report.passed());
    }
    write_failed(&report.outcomes, out, colour)?;
    writeln!(out, "tests  action")?;
    for (name, tests) in tests {
        let shade = if tests == 0 { Style::Red } else { Style::Green };
        writeln!(out, "{}  {name}", paint(colour, shade, &format!("{tests:>5}")))?;
    }
    let passed = report.outcomes.iter().filter(|outcome| outcome.passed()).count();
    writeln!(out, "\n{passed} of {} tests pass", report.outcomes.len())?;
    Ok(report.passed())
}
