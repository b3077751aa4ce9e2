//! `switchboard rules replay`: what other rules would have done with the messages of the past.

use std::{
    io::{self, IsTerminal, Write},
    process::ExitCode,
};

use clap::{Args, value_parser};
use comfy_table::{Attribute, Cell, CellAlignment, Color, Table, presets};
use contract::Timestamp;
use jiff::{SignedDuration, Span, SpanRelativeTo};
use serde_json::json;

use super::{
    RulesFolder, refuse,
    terminal::{Style, fit, paint},
    write_json,
};
use crate::{
    cli::record::read_record,
    config::Config,
    replay::{Replayed, Stretch, replay},
    routing::{Aspect, Change, Difference, Moved, load_dir},
};

/// How wide the text of an example may be, in columns of a terminal.
const TEXT_COLUMNS: usize = 64;

/// Which rules, and which decisions.
#[derive(Debug, Clone, Args)]
pub struct ReplayArgs {
    /// The other rules.
    #[command(flatten)]
    folder: RulesFolder,
    /// From when on: 7d or 12h ago, or a moment like 2026-11-20T09:00:00Z
    #[arg(long, value_name = "WHEN", default_value = "7d", value_parser = when)]
    since: When,
    /// Up to when; now by default
    #[arg(long, value_name = "WHEN", value_parser = when)]
    until: Option<When>,
    /// Look at no more than so many decisions, the oldest first
    #[arg(long, value_name = "N", value_parser = value_parser!(u64).range(1..))]
    limit: Option<u64>,
    /// How many messages to show of each kind of change: the first ones, and some spread over the rest
    #[arg(long, value_name = "N", default_value_t = 3, value_parser = value_parser!(u16).range(..=1000))]
    examples: u16,
    /// Exit with a failure when something would change; another rule with the same effect is no change
    #[arg(long)]
    fail_on_change: bool,
}

/// A moment, as people say it.
#[derive(Debug, Clone, Copy)]
pub(super) enum When {
    Ago(SignedDuration),
    At(Timestamp),
}

impl When {
    pub(super) fn before(self, now: Timestamp) -> Timestamp {
        match self {
            Self::Ago(ago) => now.checked_sub(ago).unwrap_or(Timestamp::MIN),
            Self::At(moment) => moment,
        }
    }
}

pub(super) fn when(text: &str) -> Result<When, String> {
    if let Ok(moment) = text.parse() {
        return Ok(When::At(moment));
    }
    let ago = text.parse().ok().and_then(|span: Span| span.to_duration(SpanRelativeTo::days_are_24_hours()).ok());
    ago.filter(|ago| !ago.is_negative())
        .map(When::Ago)
        .ok_or_else(|| "write 7d or 12h for so long ago, or a moment like 2026-11-20T09:00:00Z".to_owned())
}

impl ReplayArgs {
    /// Prints what would change.
    ///
    /// # Errors
    /// There is no record, or it cannot be read.
    pub async fn run(self, config: &Config) -> anyhow::Result<ExitCode> {
        let (mut out, colour, now) = (io::stdout(), io::stdout().is_terminal(), Timestamp::now());
        let stretch = Stretch {
            since: self.since.before(now),
            until: self.until.map_or(now, |until| until.before(now)),
            limit: self.limit,
        };
        if stretch.since >= stretch.until {
            anyhow::bail!("--since {} is not before --until {}", stretch.since, stretch.until);
        }
        let loaded = load_dir(&self.folder.rules);
        let Some(rules) = &loaded.rules else {
            refuse(&loaded, self.folder.json, &mut out, colour)?;
            return Ok(ExitCode::FAILURE);
        };
        let record = read_record(config).await?;
        let replayed = replay(record, rules, stretch, usize::from(self.examples)).await?;
        if self.folder.json {
            let mut report = serde_json::to_value(&replayed)?;
            report["rules_folder"] = json!(self.folder.rules);
            write_json(&mut out, &report)?;
        } else {
            let folder = self.folder.rules.display().to_string();
            let mut words = Vec::new();
            Words { out: &mut words, colour }.say(&replayed, &folder)?;
            out.write_all(&words)?;
        }
        let has_changed = replayed.report.changed > 0;
        Ok(if self.fail_on_change && has_changed { ExitCode::FAILURE } else { ExitCode::SUCCESS })
    }
}

/// The report as a person reads it.
struct Words<'o> {
    out: &'o mut dyn Write,
    colour: bool,
}

impl Words<'_> {
    fn say(&mut self, replayed: &Replayed, folder: &str) -> io::Result<()> {
        let report = &replayed.report;
        self.say_counts(replayed, folder)?;
        if report.changed + report.by_another_rule == 0 {
            let nothing = if report.messages + replayed.unreadable == 0 {
                "\nNothing was decided in that time."
            } else {
                "\nNothing would change."
            };
            return writeln!(self.out, "{nothing}");
        }
        if report.changed > 0 {
            let (moved, stays): (Vec<_>, Vec<_>) = report.destinations.iter().partition(|way| way.before != way.after);
            self.say_moves("Where conversations go", &[moved, stays].concat())?;
        }
        self.say_moves("Priorities", &report.priorities.iter().collect::<Vec<_>>())?;
        let actions = report.actions.iter();
        let actions = actions.map(|action| (&*action.action, [action.no_longer, action.newly])).collect();
        self.say_counted("Actions", ["ACTION", "NO LONGER", "NEWLY"], actions)?;
        let rules = report.rules.iter().filter(|rule| rule.before != rule.after);
        let rules = rules.map(|rule| (&*rule.rule, [rule.before, rule.after])).collect();
        self.say_counted("How often rules match", ["RULE", "BEFORE", "AFTER"], rules)?;
        report.changes.iter().try_for_each(|change| self.say_change(change))
    }

    fn say_counts(&mut self, replayed: &Replayed, folder: &str) -> io::Result<()> {
        let Replayed { rule_set, since, until, limited, decided_by, unreadable, report } = replayed;
        let sets = match decided_by.len() {
            0 | 1 => String::new(),
            many => format!(", by {many} rule sets"),
        };
        let [since, until] = [since, until].map(|moment| moment.strftime("%F %T").to_string());
        writeln!(self.out, "{} from {since} to {until} UTC{sets},", decisions(report.messages))?;
        writeln!(self.out, "made again under {folder} ({})\n", rule_set.get(..12).unwrap_or_default())?;
        writeln!(self.out, "{:>8}  the same", report.unchanged)?;
        if report.by_another_rule > 0 {
            writeln!(self.out, "{:>8}  by another rule, with the same effect", report.by_another_rule)?;
        }
        let changed = format!("{:>8}  changed", report.changed);
        let changed = if report.changed > 0 { paint(self.colour, Style::Yellow, &changed) } else { changed };
        writeln!(self.out, "{changed}")?;
        let notes = [
            (*limited, "Stopped at --limit: later decisions were not looked at.".to_owned()),
            (
                report.by_record > 0,
                format!(
                    "The rules of the time do not make {} again: only destination, rule and added tags were compared.",
                    decisions(report.by_record)
                ),
            ),
            (*unreadable > 0, format!("This version cannot read the facts of {}: left out.", decisions(*unreadable))),
        ];
        for (_, note) in notes.iter().filter(|(holds, _)| *holds) {
            writeln!(self.out, "{note}")?;
        }
        Ok(())
    }

    fn say_moves(&mut self, title: &str, moves: &[&Moved]) -> io::Result<()> {
        let rows = moves.iter().map(|way| {
            let stays = way.before == way.after;
            let after = if stays { "the same" } else { &way.after };
            let styled =
                |cell: Cell| if stays { cell.add_attribute(Attribute::Dim) } else { cell.fg(Color::DarkYellow) };
            [Cell::new(&way.before), Cell::new(after), Cell::new(way.messages)].map(styled)
        });
        self.say_table(title, ["BEFORE", "AFTER", "MESSAGES"], 2, rows.collect())
    }

    fn say_counted(&mut self, title: &str, header: [&str; 3], counted: Vec<(&str, [u64; 2])>) -> io::Result<()> {
        let row = |(name, [before, after]): (&str, [u64; 2])| [Cell::new(name), Cell::new(before), Cell::new(after)];
        self.say_table(title, header, 1, counted.into_iter().map(row).collect())
    }

    /// A table with numbers from a column on; nothing when it has no rows.
    fn say_table(&mut self, title: &str, header: [&str; 3], numbers: usize, rows: Vec<[Cell; 3]>) -> io::Result<()> {
        if rows.is_empty() {
            return Ok(());
        }
        let mut table = Table::new();
        table.load_style(presets::NOTHING).set_header(header).add_rows(rows);
        if self.colour {
            table.enforce_styling()
        } else {
            table.force_no_tty()
        };
        for (place, column) in table.column_iter_mut().enumerate() {
            column.set_padding((2, 0));
            if place >= numbers {
                column.set_cell_alignment(CellAlignment::Right);
            }
        }
        let title = paint(self.colour, Style::Bold, title);
        writeln!(self.out, "\n{title}\n{}", table.trim_fmt())
    }

    fn say_change(&mut self, change: &Change) -> io::Result<()> {
        let what = match change.what {
            Aspect::Destination => format!("{} → {}", change.before, change.after),
            Aspect::Priority => format!("priority {} → {}", change.before, change.after),
            Aspect::Rule => "another rule, with the same effect".to_owned(),
            other => format!("other {}", other.as_str()),
        };
        let shown = change.examples.len() as u64;
        let some = if (1..change.messages).contains(&shown) { ", for example" } else { "" };
        let title = paint(self.colour, Style::Bold, &format!("{what}: {}{some}", decisions(change.messages)));
        writeln!(self.out, "\n{title}")?;
        for example in &change.examples {
            let (at, text) = (example.at.strftime("%F %T"), fit(&example.text, TEXT_COLUMNS));
            let id = paint(self.colour, Style::Dim, &example.id);
            writeln!(self.out, "  {at}  {}  “{text}”  {id}", example.channel)?;
            for Difference { what, before, after } in &example.differences {
                let [before, after] = [before, after].map(|word| if word.is_empty() { "none" } else { word });
                writeln!(self.out, "      {:<12} {before} → {after}", what.as_str())?;
            }
        }
        Ok(())
    }
}

pub(super) fn decisions(count: u64) -> String {
    if count == 1 { "1 decision".to_owned() } else { format!("{count} decisions") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_moment_is_so_long_ago_or_itself() {
        let noon: Timestamp = "2026-11-23T12:00:00Z".parse().unwrap();
        for (text, moment) in [
            ("7d", "2026-11-16T12:00:00Z"),
            ("12h", "2026-11-23T00:00:00Z"),
            ("1h30m", "2026-11-23T10:30:00Z"),
            ("2026-11-20T09:00:00+08:00", "2026-11-20T01:00:00Z"),
        ] {
            assert_eq!(when(text).unwrap().before(noon).to_string(), moment);
        }
        for wrong in ["", "soon", "7", "-7d", "2026-11-20", "1mo"] {
            assert!(when(wrong).unwrap_err().contains("7d"), "{wrong}");
        }
    }
}
