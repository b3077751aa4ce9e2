//! `switchboard rules test|explain|simulate|schema`: needs the files and nothing else, no running daemon. `check` looks at
//! the record too if there is one, and `replay` needs it.

mod check;
mod replay;
mod schema;
mod side_by_side;
mod simulate;
pub(in crate::cli) mod terminal;
mod test;

use std::{
    io::{self, Write},
    path::PathBuf,
};

use clap::{Args, Subcommand};
use serde_json::json;

use crate::{
    routing::{
        Finding, Loaded, RuleSet, SourceFile, Trace, Trigger, decide, explain, facts_from, load_dir, parse_seconds,
    },
    understand::{Settings, Signals},
};

pub use check::CheckArgs;
pub use replay::ReplayArgs;
pub(in crate::cli) use test::write_failed;

/// What to do with rules.
#[derive(Debug, Clone, Subcommand)]
pub enum Rules {
    /// Check every file and run every test; and, where there is a record, what the rules ask for that no agent can do.
    Check(CheckArgs),
    /// What needs their files and nothing else.
    #[command(flatten)]
    Files(RulesCommand),
    /// Make decisions of the past again under other rules, and say what would change.
    ///
    /// Every message is decided on the facts that were kept with it: what was understood of it then (it is not read again),
    /// and its conversation, its customer and the queues as they were at that moment. What another decision would have led to
    /// afterwards is not followed. Nothing is changed; a daemon may be running.
    Replay(ReplayArgs),
}

/// What to do with the rules.
#[derive(Debug, Clone, Subcommand)]
pub enum RulesCommand {
    /// Run the tests that stand in the rule files, and say which branches of the rules they take.
    Test(test::TestArgs),
    /// Show what would happen to a message, and why.
    Explain(ExplainArgs),
    /// Show what a day of work would come to: waits, breaches, who is busy; also under a candidate rule set beside it.
    Simulate(simulate::SimulateArgs),
    /// Print the JSON Schema of a kind of file, for completion and checks in an editor.
    Schema(schema::SchemaArgs),
}

/// Which rules.
#[derive(Debug, Clone, Args)]
pub struct RulesFolder {
    /// The folder of the rule files.
    #[arg(long, value_name = "DIR", default_value = "./routing-rules")]
    pub rules: PathBuf,
    /// Print JSON.
    #[arg(long)]
    pub json: bool,
}

/// Which message.
#[derive(Debug, Clone, Args)]
pub struct ExplainArgs {
    /// Which rules.
    #[command(flatten)]
    pub folder: RulesFolder,
    /// What the customer writes.
    #[arg(long)]
    pub text: String,
    /// The name of the channel on which they write.
    #[arg(long)]
    pub channel: Option<String>,
    /// The language, instead of the one that the classifier finds: en, zh-Hans, …
    #[arg(long)]
    pub language: Option<String>,
    /// Why the rules run: message, signals for a second opinion that came later, waiting, idle, closed, sla_risk.
    #[arg(long, value_name = "TRIGGER", default_value = "message", value_parser = trigger)]
    pub on: Trigger,
    /// For how long that has lasted, as the rules say it: 2m, 1h30m.
    #[arg(long, value_name = "DURATION", default_value = "0s", value_parser = seconds)]
    pub after: u64,
    /// A fact, by its path: conversation.bot_misses=1, customer.tier=gold. Can be given more than once.
    #[arg(long = "set", value_name = "PATH=VALUE")]
    pub facts: Vec<String>,
}

fn trigger(text: &str) -> Result<Trigger, String> {
    let known = || Trigger::ALL.map(Trigger::as_str).join(", ");
    Trigger::ALL.into_iter().find(|on| on.as_str() == text).ok_or_else(|| format!("there are {}", known()))
}

fn seconds(text: &str) -> Result<u64, String> {
    parse_seconds(text).ok_or_else(|| "write a duration as 90s, 5m, 1h30m or 7d".to_owned())
}

/// Runs the command and writes what it found. `settings` are those of the classifier, `now` is the time of the
/// decision unless `--set now.time=…` says otherwise. Answers whether nothing was found wrong: the process exits
/// with a failure otherwise.
///
/// # Errors
/// When `out` cannot be written to.
pub fn run(
    command: &RulesCommand,
    settings: &Settings,
    now: contract::Timestamp,
    out: &mut dyn Write,
    colour: bool,
) -> io::Result<bool> {
    match command {
        RulesCommand::Test(args) => test::run(args, settings, out, colour),
        RulesCommand::Explain(args) => explain_message(args, settings, now, out, colour),
        RulesCommand::Simulate(args) => simulate::run(args, settings, out, colour),
        RulesCommand::Schema(args) => schema::run(args, out),
    }
}

fn explain_message(
    args: &ExplainArgs,
    settings: &Settings,
    now: contract::Timestamp,
    out: &mut dyn Write,
    colour: bool,
) -> io::Result<bool> {
    let loaded = load_dir(&args.folder.rules);
    let Some(set) = &loaded.rules else { return refuse(&loaded, args.folder.json, out, colour) };
    let signals = settings.reader(set.intents()).read(args.text.as_str());
    let mut facts = match facts_from(&signals, &args.facts) {
        Ok(facts) => facts,
        Err(error) => {
            writeln!(out, "--set: {error}")?;
            return Ok(false);
        }
    };
    (facts.on, facts.after) = (args.on, args.after);
    facts.message.text = contract::clean_text(&args.text);
    if let Some(channel) = &args.channel {
        facts.message.channel.clone_from(channel);
    }
    if let Some(language) = &args.language {
        facts.message.language = Some(language.clone());
    }
    if !args.facts.iter().any(|fact| fact.trim_start().starts_with("now.")) {
        facts.now.time = now;
    }
    let trace = explain(set, &facts);
    if args.folder.json {
        let decision = decide(set, &facts);
        write_json(out, &json!({"signals": signals, "facts": facts, "trace": trace, "decision": decision}))?;
    } else {
        write_signals(&signals, out)?;
        write_trace(set, &trace, out)?;
    }
    Ok(true)
}

fn write_signals(signals: &Signals, out: &mut dyn Write) -> io::Result<()> {
    let known = |known: bool| if known { "" } else { "   (not sure: rules see it as unknown)" };
    let terms = |terms: &[String]| if terms.is_empty() { String::new() } else { format!("   [{}]", terms.join(", ")) };
    let language = &signals.language;
    let tag = if language.value.is_empty() { "und" } else { &language.value };
    writeln!(out, "language     {tag}{}", known(language.known))?;
    let tone = &signals.sentiment;
    let (label, of) = (tone.label.value.as_str(), &tone.label);
    writeln!(out, "sentiment    {label} ({:.2}){}{}", tone.score, terms(&of.terms), known(of.known))?;
    for (name, signal) in [
        ("urgency", &signals.urgency),
        ("complaint", &signals.complaint),
        ("churn_risk", &signals.churn_risk),
        ("thanks", &signals.thanks),
        ("spam", &signals.spam),
        ("wants_human", &signals.wants_human),
    ] {
        writeln!(out, "{name:<12} {:.2}{}{}", signal.value, terms(&signal.terms), known(signal.known))?;
    }
    if let Some(intent) = &signals.intent {
        writeln!(out, "intent       {}{}", intent.value, known(intent.known))?;
    }
    if signals.automatic {
        writeln!(out, "automatic    a machine wrote it")?;
    }
    for entity in &signals.entities {
        writeln!(out, "{:<12} {}", entity.kind, entity.text)?;
    }
    writeln!(out)
}

fn write_trace(set: &RuleSet, trace: &Trace, out: &mut dyn Write) -> io::Result<()> {
    for rule in &trace.rules {
        writeln!(out, "{} {}  ({}:{})", if rule.matched { "✓" } else { "·" }, rule.name, rule.file, rule.line)?;
        for value in &rule.values {
            writeln!(out, "      {} = {}", value.expression, value.value)?;
        }
        for action in &rule.actions {
            writeln!(out, "    → {action}")?;
        }
    }
    if trace.not_reached > 0 {
        writeln!(out, "  {} more not reached", trace.not_reached)?;
    }
    writeln!(out, "\n{}\nrule set {}", trace.outcome, &set.hash()[..12])
}

pub(in crate::cli) fn refuse(loaded: &Loaded, json: bool, out: &mut dyn Write, colour: bool) -> io::Result<bool> {
    if json {
        write_json(out, &json!({"findings": loaded.findings}))?;
    } else {
        write_findings(&loaded.files, &loaded.findings, out, colour)?;
    }
    Ok(false)
}

pub(in crate::cli) fn write_findings(
    files: &[SourceFile],
    findings: &[Finding],
    out: &mut dyn Write,
    colour: bool,
) -> io::Result<()> {
    findings.iter().try_for_each(|finding| writeln!(out, "{}", finding.render(files, colour)))
}

pub(in crate::cli) fn write_json(out: &mut dyn Write, value: &serde_json::Value) -> io::Result<()> {
    writeln!(out, "{value:#}")
}

#[cfg(test)]
mod tests {
    use clap::Parser;
    use futures::FutureExt;

    use super::*;

    #[derive(Parser)]
    struct Cli {
        #[command(subcommand)]
        command: Rules,
    }

    pub(super) const SHIPPED: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/routing-rules");

    /// Runs `switchboard rules …`: whether it is fine, and what it says.
    pub(super) fn rules(arguments: &[&str]) -> (bool, String) {
        let cli = Cli::try_parse_from([&["rules"], arguments].concat()).unwrap();
        let mut out = Vec::new();
        let noon = "2026-11-23T12:00:00Z".parse().unwrap();
        let settings = Settings::default();
        let fine = match &cli.command {
            Rules::Files(command) => run(command, &settings, noon, &mut out, false).unwrap(),
            Rules::Check(check) => check
                .say(&settings, Err("no record".to_owned()), noon, &mut out, false)
                .now_or_never()
                .unwrap()
                .unwrap(),
            Rules::Replay(_) => panic!("it needs a record"),
        };
        (fine, String::from_utf8(out).unwrap())
    }

    #[test]
    fn the_shipped_rules_are_fine() {
        let (fine, said) = rules(&["check", "--rules", SHIPPED]);
        assert!(fine && said.contains("rules in 10 files load"), "{said}");
        let (fine, said) = rules(&["test", "--rules", SHIPPED]);
        assert!(fine && said.contains("tests pass") && !said.contains("no test reaches it"), "{said}");
    }

    #[test]
    fn an_explanation_says_what_would_happen_and_why() {
        let arguments = ["explain", "--rules", SHIPPED, "--text", "退货？", "--language", "zh-Hans"];
        let (fine, said) = rules(&[&arguments[..], &["--set", "conversation.bot_misses=1"]].concat());
        assert!(fine && said.contains("conversation.bot_misses = 1") && said.contains("lang-zh ≥ 2"), "{said}");
        let (fine, said) = rules(&[&arguments[..], &["--json"]].concat());
        let json: serde_json::Value = serde_json::from_str(&said).unwrap();
        assert!(fine);
        assert_eq!(json["decision"]["destination"]["type"], "answer");
        assert_eq!(json["facts"]["message"]["language"], "zh-Hans");
    }

    #[test]
    fn what_is_wrong_is_said_and_fails() {
        let (fine, said) = rules(&["explain", "--rules", SHIPPED, "--text", "x", "--set", "conversation.bot_mises=1"]);
        assert!(!fine && said.contains("did you mean “conversation.bot_misses”?"), "{said}");
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(
            folder.path().join("1.yaml"),
            "rules:\n  - name: a\n    when: mesage.automatic\n    then: [ignore]\n",
        )
        .unwrap();
        let path = folder.path().to_str().unwrap();
        let (fine, said) = rules(&["check", "--rules", path]);
        assert!(!fine && said.contains("1.yaml:3:11") && said.contains("did you mean “message”?"), "{said}");
        let (fine, said) = rules(&["check", "--rules", path, "--json"]);
        let json: serde_json::Value = serde_json::from_str(&said).unwrap();
        assert!(!fine);
        assert_eq!(json["findings"][0]["line"], 3);
        let (fine, said) = rules(&["test", "--rules", "/nowhere"]);
        assert!(!fine && said.contains("/nowhere cannot be read"), "{said}");
    }
}
