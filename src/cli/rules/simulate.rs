//! `switchboard rules simulate`: reads the files, runs the day under each rule set, and shows them side by side.

use std::{
    fs,
    io::{self, Write},
    path::{Path, PathBuf},
};

use clap::Args;
use jiff::SignedDuration;
use serde_json::json;

use super::{RulesFolder, refuse, side_by_side, write_json};
use crate::{
    routing::{Finding, RuleSet, SourceFile, load_dir, nowhere, read::parse_seconds},
    simulate::{Day, Report, Scenario, simulate},
    understand::Settings,
};

/// Which day, under which rules.
#[derive(Debug, Clone, Args)]
pub struct SimulateArgs {
    /// The rules of the present.
    #[command(flatten)]
    pub folder: RulesFolder,
    /// The scenario: who writes, who answers, how long things take (YAML).
    #[arg(long, value_name = "FILE")]
    pub scenario: PathBuf,
    /// A folder of other rules, to be shown beside the present ones.
    #[arg(long, value_name = "DIR")]
    pub candidate: Option<PathBuf>,
    /// Recorded arrivals instead of the scenario's: JSON Lines of {"at": "…", "text": "…"}.
    #[arg(long, value_name = "FILE")]
    pub arrivals: Option<PathBuf>,
    /// What chance is drawn from; goes before the scenario's. The same seed gives the same day.
    #[arg(long, value_name = "NUMBER")]
    pub seed: Option<u64>,
    /// How long a customer may wait for a person, such as 60s; goes before the scenario's.
    #[arg(long, value_name = "DURATION", value_parser = target)]
    pub target: Option<SignedDuration>,
    /// Show every agent, and not only what is alike together.
    #[arg(long)]
    pub agents: bool,
}

fn target(text: &str) -> Result<SignedDuration, String> {
    let seconds = parse_seconds(text).and_then(|seconds| i64::try_from(seconds).ok()).filter(|seconds| *seconds > 0);
    seconds.map(SignedDuration::from_secs).ok_or_else(|| "write it as 30s, 2m or 1h30m".to_owned())
}

/// Runs the command; answers whether there was anything to show.
pub(super) fn run(args: &SimulateArgs, settings: &Settings, out: &mut dyn Write, colour: bool) -> io::Result<bool> {
    let mut sets = Vec::new();
    for folder in [Some(&args.folder.rules), args.candidate.as_ref()].into_iter().flatten() {
        let loaded = load_dir(folder);
        let Some(rules) = loaded.rules.clone() else {
            if !args.folder.json {
                writeln!(out, "{}: these rules do not load", folder.display())?;
            }
            return refuse(&loaded, args.folder.json, out, colour);
        };
        sets.push(rules);
    }
    let rules: Vec<&RuleSet> = sets.iter().map(AsRef::as_ref).collect();
    let (scenario, day) = match prepare(args, &rules) {
        Ok(prepared) => prepared,
        Err(wrong) => return wrong.tell(args.folder.json, out, colour),
    };
    let reports: Vec<Report> = rules
        .iter()
        .map(|rules| {
            let reader = settings.reader(rules.intents());
            simulate(rules, &scenario, &day, &|text| reader.read(text))
        })
        .collect();
    if args.folder.json {
        let scenario = json!({
            "start": scenario.start, "duration": scenario.duration.as_secs(), "seed": scenario.seed,
            "target": scenario.target.as_secs(), "outside": day.outside,
        });
        let [present, candidate] = [reports.first(), reports.get(1)];
        write_json(out, &json!({"scenario": scenario, "present": present, "candidate": candidate}))?;
    } else {
        side_by_side::write(&reports, &scenario, &day, args.agents, out, colour)?;
    }
    Ok(true)
}

/// Files that cannot be used.
struct Wrong {
    findings: Vec<Finding>,
    files: Vec<SourceFile>,
}

impl Wrong {
    fn tell(&self, json: bool, out: &mut dyn Write, colour: bool) -> io::Result<bool> {
        if json {
            write_json(out, &json!({"findings": self.findings}))?;
        } else {
            super::write_findings(&self.files, &self.findings, out, colour)?;
        }
        Ok(false)
    }
}

fn prepare(args: &SimulateArgs, rules: &[&RuleSet]) -> Result<(Scenario, Day), Wrong> {
    let file = open(&args.scenario)?;
    let wrong = |findings: Vec<Finding>, file: &SourceFile| Wrong { findings, files: vec![file.clone()] };
    let mut scenario = Scenario::read(&file).map_err(|findings| wrong(findings, &file))?;
    let unknown = scenario.unknown_names(&file, rules);
    if !unknown.is_empty() {
        return Err(wrong(unknown, &file));
    }
    scenario.seed = args.seed.unwrap_or(scenario.seed);
    scenario.target = args.target.unwrap_or(scenario.target);
    let day = match &args.arrivals {
        Some(path) => {
            let file = open(path)?;
            Day::recorded(&file, &scenario).map_err(|findings| wrong(findings, &file))?
        }
        None => Day::drawn(&scenario),
    };
    if day.arrivals.is_empty() {
        let help = "write `arrivals:` into the scenario, or name a recording with --arrivals";
        return Err(wrong(vec![nowhere(&file.name, "nobody comes on this day".to_owned(), help)], &file));
    }
    Ok((scenario, day))
}

fn open(path: &Path) -> Result<SourceFile, Wrong> {
    let name = path.display().to_string();
    match fs::read_to_string(path) {
        Ok(text) => Ok(SourceFile { name, text }),
        Err(error) => {
            let finding = nowhere(&name, format!("{name} cannot be read: {error}"), "");
            Err(Wrong { findings: vec![finding], files: Vec::new() })
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::{super::tests::SHIPPED, *};

    #[derive(Parser)]
    struct Cli {
        #[command(flatten)]
        args: SimulateArgs,
    }

    const EXAMPLE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/examples/simulate.yaml");

    fn simulated(arguments: &[&str]) -> (bool, String) {
        let cli = Cli::try_parse_from([&["simulate", "--rules", SHIPPED], arguments].concat()).unwrap();
        let mut out = Vec::new();
        let fine = run(&cli.args, &Settings::default(), &mut out, false).unwrap();
        (fine, String::from_utf8(out).unwrap())
    }

    /// The shipped rules with a queue of another kind.
    fn candidate() -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        for entry in fs::read_dir(SHIPPED).unwrap().map(Result::unwrap).filter(|entry| entry.path().is_file()) {
            let text = fs::read_to_string(entry.path()).unwrap();
            let text = text.replace("    sticky: 24h", "    auto_accept: true").replace("  sales:", "  销售:");
            let text = text.replace("queue: sales", "queue: 销售").replace("handoff: sales", "handoff: 销售");
            fs::write(folder.path().join(entry.file_name()), text).unwrap();
        }
        folder
    }

    #[test]
    fn the_example_runs_and_the_same_seed_says_the_same() {
        let (fine, said) = simulated(&["--scenario", EXAMPLE]);
        assert!(fine && said.contains("seed 7") && said.contains("queue sales") && said.contains("early"), "{said}");
        assert_eq!(simulated(&["--scenario", EXAMPLE]).1, said);
        assert_ne!(simulated(&["--scenario", EXAMPLE, "--seed", "8"]).1, said);
        let (_, each) = simulated(&["--scenario", EXAMPLE, "--agents"]);
        assert!(each.contains("early 1") && each.contains("early 2"), "{each}");
    }

    #[test]
    fn a_candidate_stands_beside_the_present_rules_with_what_differs() {
        let folder = candidate();
        let arguments = ["--scenario", EXAMPLE, "--candidate", folder.path().to_str().unwrap()];
        let (fine, said) = simulated(&arguments);
        assert!(fine, "{said}");
        let row = |label: &str| said.lines().find(|line| line.trim_start().starts_with(label)).unwrap();
        assert_eq!(row("present ").split_whitespace().collect::<Vec<_>>(), ["present", "candidate", "difference"]);
        assert_eq!(row("arrived").split_whitespace().last(), Some("="));
        assert!(said.contains("queue 销售") && said.contains('–'), "{said}");
        let (fine, said) = simulated(&[&arguments[..], &["--json"]].concat());
        let json: serde_json::Value = serde_json::from_str(&said).unwrap();
        assert!(fine);
        assert_eq!(json["present"]["arrived"], json["candidate"]["arrived"]);
        assert_eq!(json["candidate"]["queues"]["care"]["waiting"], 0);
        assert_eq!(json["present"]["agents"][0]["name"], "early 1");
    }

    #[test]
    fn what_cannot_be_used_is_said() {
        let (fine, said) = simulated(&["--scenario", "/nowhere.yaml"]);
        assert!(!fine && said.contains("/nowhere.yaml cannot be read"), "{said}");
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("day.yaml");
        fs::write(&path, fs::read_to_string(EXAMPLE).unwrap().replace("{billing: 4}", "{biling: 4}")).unwrap();
        let (fine, said) = simulated(&["--scenario", path.to_str().unwrap()]);
        assert!(!fine && said.contains("did you mean “billing”?") && said.contains("skills: {biling: 4}"), "{said}");
        let (fine, said) = simulated(&["--scenario", EXAMPLE, "--candidate", "/nowhere"]);
        assert!(!fine && said.contains("/nowhere: these rules do not load"), "{said}");
    }
}
