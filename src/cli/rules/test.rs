//! `switchboard rules test`: the tests of the rule files, and how much of the rules they try out.

use std::io::{self, Write};

use clap::{Args, value_parser};
use serde_json::json;
use unicode_width::UnicodeWidthStr;

use super::{
    RulesFolder, refuse,
    terminal::{Style, fit, paint},
    write_json,
};
use crate::{
    routing::{Coverage, TestOutcome, TestReport, load_dir, run_tests},
    understand::Settings,
};

/// The widest part of a condition that is shown, in columns.
const MAX_WIDTH: usize = 100;

/// Which tests, and what is asked of them.
#[derive(Debug, Clone, Args)]
pub struct TestArgs {
    /// Which rules.
    #[command(flatten)]
    pub folder: RulesFolder,
    /// Fail unless the tests take at least this share of all branches, 0 to 100.
    ///
    /// A rule with a condition has two branches: it matches, or is passed over. Each part that `&&`, `||`, `!` and `?:`
    /// join has two of its own: true and false. A rule without a condition has one: a test reaches it. `answer` adds
    /// two: a test expects it, and a test says what happens `otherwise`.
    #[arg(long, value_name = "PERCENT", value_parser = value_parser!(u8).range(..=100))]
    pub min_coverage: Option<u8>,
}

/// Answers whether every test passed and the coverage is what was asked for.
pub(super) fn run(args: &TestArgs, settings: &Settings, out: &mut dyn Write, colour: bool) -> io::Result<bool> {
    let loaded = load_dir(&args.folder.rules);
    let Some(set) = &loaded.rules else { return refuse(&loaded, args.folder.json, out, colour) };
    let reader = settings.reader(set.intents());
    let report = run_tests(set, &|text| reader.read(text));
    let enough = args.min_coverage.is_none_or(|percent| report.branches.reach(percent));
    if args.folder.json {
        let mut json = serde_json::to_value(&report)?;
        if let Some(percent) = args.min_coverage {
            json["min_coverage"] = json!(percent);
        }
        write_json(out, &json)?;
    } else {
        write_report(&report, out, colour)?;
        if let Some(percent) = args.min_coverage.filter(|_| !enough) {
            let message = format!("that is less than the {percent} % asked for: write tests for the branches above");
            writeln!(out, "{}", paint(colour, Style::Red, &message))?;
        }
    }
    Ok(report.passed() && enough)
}

fn write_report(report: &TestReport, out: &mut dyn Write, colour: bool) -> io::Result<()> {
    write_failed(&report.outcomes, out, colour)?;
    let widest = report.coverage.iter().map(|rule| rule.rule.width()).max().unwrap_or(0);
    writeln!(out, "tests  branches        %  rule")?;
    for rule in &report.coverage {
        write_rule(rule, widest, out, colour)?;
    }
    let passed = report.outcomes.iter().filter(|outcome| outcome.passed()).count();
    writeln!(out, "\n{passed} of {} tests pass", report.outcomes.len())?;
    let all = report.branches;
    writeln!(out, "{} of {} branches covered: {:.1} %", all.covered, all.total, all.percent())
}

/// The tests that failed, and why.
pub(in crate::cli) fn write_failed(outcomes: &[TestOutcome], out: &mut dyn Write, colour: bool) -> io::Result<()> {
    for outcome in outcomes.iter().filter(|outcome| !outcome.passed()) {
        let failed = paint(colour, Style::Red, &format!("✗ {}", outcome.name));
        writeln!(out, "{failed}  ({}:{})", outcome.file, outcome.line)?;
        for difference in &outcome.differences {
            writeln!(out, "    {difference}")?;
        }
    }
    Ok(())
}

/// One line of the table, and what its tests leave out under it.
fn write_rule(rule: &Coverage, widest: usize, out: &mut dyn Write, colour: bool) -> io::Result<()> {
    let percent = rule.branches.percent();
    let branches = format!("{}/{}", rule.branches.covered, rule.branches.total);
    let numbers = format!("{:>5}  {branches:>8}  {percent:>7.1}", rule.tests);
    let shade = match rule.branches.covered {
        0 => Style::Red,
        covered if covered < rule.branches.total => Style::Yellow,
        _ => Style::Green,
    };
    let gap = " ".repeat(widest - rule.rule.width());
    writeln!(out, "{}  {}{gap}  {}:{}", paint(colour, shade, &numbers), rule.rule, rule.file, rule.line)?;
    let under = " ".repeat(24);
    if rule.reached == 0 {
        return writeln!(out, "{under}{}", paint(colour, Style::Red, "✗ no test reaches it"));
    }
    for branch in &rule.uncovered {
        let missing = paint(colour, Style::Yellow, &format!("✗ {}", branch.missing));
        match &branch.expression {
            Some(expression) => {
                writeln!(out, "{under}{missing}: {}  ({}:{})", fit(expression, MAX_WIDTH), branch.file, branch.line)?;
            }
            None => writeln!(out, "{under}{missing}")?,
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::tests::{SHIPPED, rules};

    /// A folder with these rules, beside a queue.
    fn folder(rules: &str) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("queues.yaml"), "queues: {care: }").unwrap();
        std::fs::write(folder.path().join("10.yaml"), rules).unwrap();
        folder
    }

    const HALF: &str = r#"
rules:
  - name: 退货的客户
    when: message.text.contains("退") && message.urgency > 0.5
    then: [{tag: return}]
  - name: nobody comes here
    on: signals
    when: message.automatic
    then: [close]
  - name: end
    then: [{handoff: {queue: care}}]
tests:
  - name: a return
    given: {message: {text: 退货, urgency: 0.9}}
    expect: {tags: [return], handoff: care}
"#;

    #[test]
    fn what_no_test_tries_stands_under_its_rule() {
        let folder = folder(HALF);
        let (fine, said) = rules(&["test", "--rules", folder.path().to_str().unwrap()]);
        assert!(fine);
        let expected = "\
tests  branches        %  rule
    1       3/6     50.0  退货的客户         10.yaml:3
                        ✗ never passed over
                        ✗ never false: message.text.contains(\"退\")  (10.yaml:4)
                        ✗ never false: message.urgency > 0.5  (10.yaml:4)
    0       0/2      0.0  nobody comes here  10.yaml:6
                        ✗ no test reaches it
    1       1/1    100.0  end                10.yaml:10

1 of 1 tests pass
4 of 9 branches covered: 44.4 %
";
        assert_eq!(said, expected);
    }

    #[test]
    fn too_little_coverage_fails() {
        let folder = folder(HALF);
        let path = folder.path().to_str().unwrap();
        let (fine, said) = rules(&["test", "--rules", path, "--min-coverage", "45"]);
        assert!(!fine && said.contains("less than the 45 % asked for"), "{said}");
        assert!(rules(&["test", "--rules", path, "--min-coverage", "44"]).0);
        let (fine, said) = rules(&["test", "--rules", path, "--min-coverage", "45", "--json"]);
        let json: serde_json::Value = serde_json::from_str(&said).unwrap();
        assert!(!fine);
        assert_eq!(json["branches"], serde_json::json!({"covered": 4, "total": 9, "percent": 44.4}));
        assert_eq!(json["min_coverage"], 45);
        assert_eq!(
            json["coverage"][0]["uncovered"][1],
            serde_json::json!({
                "missing": "never false",
                "expression": "message.text.contains(\"退\")",
                "file": "10.yaml",
                "line": 4,
            })
        );
    }

    #[test]
    fn the_shipped_rules_would_pass_the_check_that_the_documents_recommend() {
        let (fine, said) = rules(&["test", "--rules", SHIPPED, "--min-coverage", "80"]);
        assert!(fine, "{said}");
    }
}
