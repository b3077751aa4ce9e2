//! Simulated days as a table: one column a rule set, and what differs.

use std::{
    collections::BTreeSet,
    io::{self, Write},
};

use comfy_table::{Cell, CellAlignment, Color, Row, Table, presets};
use jiff::SignedDuration;

use crate::{
    routing::{Priority, SlaClock},
    simulate::{AgentReport, Day, QueueReport, Report, Scenario, Service},
};

/// A number that a day came to.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Figure {
    Count(u64),
    Time(SignedDuration),
    Share(f64),
}

/// Which way is better.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Better {
    More,
    Less,
    Neither,
}

/// Writes the days of one or two rule sets.
pub(super) fn write(
    reports: &[Report],
    scenario: &Scenario,
    day: &Day,
    each_agent: bool,
    out: &mut dyn Write,
    colour: bool,
) -> io::Result<()> {
    let start = scenario.start.to_zoned(scenario.zone.clone());
    let (hours, seed, target) = (scenario.duration, scenario.seed, scenario.target);
    writeln!(out, "{hours:#} from {}, seed {seed}, target {target:#}", start.strftime("%F %H:%M %:z"))?;
    if day.outside > 0 {
        writeln!(out, "{} recorded arrivals are before or after that and left out", day.outside)?;
    }
    for (name, report) in ["present", "candidate"].iter().zip(reports) {
        writeln!(out, "{name}: rule set {}", &report.rules[..12])?;
    }
    let mut page = Page { reports, rows: Vec::new() };
    page.fill(each_agent);
    let mut table = Table::new();
    table.load_style(presets::NOTHING);
    if colour {
        table.enforce_styling();
    } else {
        table.force_no_tty();
    }
    let columns = if reports.len() > 1 { &["", "present", "candidate", "difference"][..] } else { &["", "present"] };
    table.set_header(columns);
    table.add_rows(page.rows);
    for (place, column) in table.column_iter_mut().enumerate() {
        column.set_padding((if place == 0 { 0 } else { 2 }, 0));
        column.set_cell_alignment(if place == 0 { CellAlignment::Left } else { CellAlignment::Right });
    }
    writeln!(out, "\n{}", table.trim_fmt())
}

struct Page<'r> {
    reports: &'r [Report],
    rows: Vec<Row>,
}

impl<'r> Page<'r> {
    fn fill(&mut self, each_agent: bool) {
        use Better::{Less, More, Neither};
        self.heading("conversations");
        self.row("arrived", Neither, |r| Some(Figure::Count(r.arrived)));
        self.row("answered by the bot", Neither, |r| Some(Figure::Count(r.answered_by_bot)));
        self.row("ended by a rule", Neither, |r| Some(Figure::Count(r.ended_by_rule)));
        self.row("left without an answer", Less, |r| Some(Figure::Count(r.unanswered)));
        self.row("handed to people", Neither, |r| Some(Figure::Count(r.all.queued)));
        self.row("accepted", More, |r| Some(Figure::Count(r.all.accepted)));
        self.row("given up", Less, |r| Some(Figure::Count(r.all.given_up)));
        self.row("waiting at the end", Less, |r| Some(Figure::Count(r.all.waiting)));
        self.heading("waiting for a person");
        self.waits(|r| Some(&r.all));
        self.longest();
        self.heading("offers");
        self.row("made", Neither, |r| Some(Figure::Count(r.offers.made)));
        self.row("declined", Less, |r| Some(Figure::Count(r.offers.declined)));
        self.row("expired", Less, |r| Some(Figure::Count(r.offers.expired)));
        self.row("withdrawn", Less, |r| Some(Figure::Count(r.offers.withdrawn)));
        let queues: BTreeSet<&str> = self.reports.iter().flat_map(|r| r.queues.keys()).map(String::as_str).collect();
        for name in queues {
            self.queue(name);
        }
        for priority in [Priority::Urgent, Priority::High, Priority::Normal, Priority::Low] {
            if self.reports.iter().any(|r| r.priorities.contains_key(&priority)) {
                self.heading(&format!("priority {}", priority.as_str()));
                self.row("handed to people", Neither, |r| Some(Figure::Count(r.priorities.get(&priority)?.queued)));
                self.waits(|r| r.priorities.get(&priority));
            }
        }
        let name = |agent: &'r AgentReport| if each_agent { agent.name.as_str() } else { agent.group.as_str() };
        let mut names: Vec<&str> = Vec::new();
        for agent in self.reports.iter().flat_map(|r| &r.agents) {
            if !names.contains(&name(agent)) {
                names.push(name(agent));
            }
        }
        self.heading("agents: capacity in use");
        for one in &names {
            let of = |r: &'r Report| r.agents.iter().filter(|agent| name(agent) == *one);
            self.row(one, Neither, |r| together(of(r), |agent| agent.load));
        }
        self.heading("agents: time with work");
        for one in &names {
            let of = |r: &'r Report| r.agents.iter().filter(|agent| name(agent) == *one);
            self.row(one, Neither, |r| together(of(r), |agent| agent.busy));
        }
    }

    fn longest(&mut self) {
        let longest = self.reports.iter().map(|r| match &r.longest_queue {
            Some(longest) => format!("{} {}", longest.waiting, longest.queue),
            None => "–".to_owned(),
        });
        let cells = std::iter::once("  longest queue".to_owned()).chain(longest);
        self.rows.push(Row::from(cells));
    }

    fn queue(&mut self, name: &str) {
        use Better::{Less, Neither};
        self.heading(&format!("queue {name}"));
        let of = |r: &'r Report| r.queues.get(name);
        self.row("handed to people", Neither, |r| Some(Figure::Count(of(r)?.service.queued)));
        self.row("given up", Less, |r| Some(Figure::Count(of(r)?.service.given_up)));
        self.row("waiting at the end", Less, |r| Some(Figure::Count(of(r)?.service.waiting)));
        self.waits(|r| of(r).map(|QueueReport { service, .. }| service));
        self.row("most at once", Less, |r| {
            let longest = of(r)?.longest.as_ref();
            Some(Figure::Count(longest.map_or(0, |longest| longest.waiting).into()))
        });
        self.row("capacity in use", Neither, |r| of(r)?.utilisation.map(Figure::Share));
    }

    fn waits(&mut self, of: impl Fn(&'r Report) -> Option<&'r Service>) {
        let wait = |r| of(r)?.wait.as_ref();
        self.row("half within", Better::Less, |r| Some(Figure::Time(wait(r)?.p50)));
        self.row("80% within", Better::Less, |r| Some(Figure::Time(wait(r)?.p80)));
        self.row("95% within", Better::Less, |r| Some(Figure::Time(wait(r)?.p95)));
        self.row("longest", Better::Less, |r| Some(Figure::Time(wait(r)?.max)));
        self.row("within the target", Better::More, |r| of(r)?.level().map(Figure::Share));
        self.row("beyond the target", Better::Less, |r| Some(Figure::Count(of(r)?.breaches)));
        for (clock, name) in [(SlaClock::FirstReply, "first reply late"), (SlaClock::Resolution, "resolution late")] {
            let promises = |r| of(r)?.promises.get(&clock);
            if self.reports.iter().any(|r| promises(r).is_some()) {
                self.row(name, Better::Less, |r| Some(Figure::Count(promises(r)?.broken)));
            }
        }
    }

    fn heading(&mut self, name: &str) {
        self.rows.push(Row::from([""]));
        self.rows.push(Row::from([name]));
    }

    fn row(&mut self, label: &str, better: Better, figure: impl Fn(&'r Report) -> Option<Figure>) {
        let figures: Vec<Option<Figure>> = self.reports.iter().map(figure).collect();
        let mut row = Row::from([Cell::new(format!("  {label}"))]);
        for figure in &figures {
            row.add_cell(Cell::new(figure.map_or_else(|| "–".to_owned(), Figure::text)));
        }
        if let [present, candidate] = figures[..] {
            row.add_cell(difference(present, candidate, better));
        }
        self.rows.push(row);
    }
}

/// A share of several agents together, each for as long as they worked.
fn together<'a>(
    agents: impl Iterator<Item = &'a AgentReport>,
    share: impl Fn(&AgentReport) -> Option<f64>,
) -> Option<Figure> {
    let (sum, worked) = agents.fold((0.0, 0.0), |(sum, worked), agent| {
        let seconds = agent.at_work.as_secs_f64();
        (share(agent).unwrap_or_default().mul_add(seconds, sum), worked + seconds)
    });
    (worked > 0.0).then(|| Figure::Share(sum / worked))
}

impl Figure {
    fn text(self) -> String {
        match self {
            Self::Count(count) => count.to_string(),
            Self::Time(duration) => time(duration),
            Self::Share(share) => format!("{:.1}%", share * 100.0),
        }
    }
}

/// What the candidate has more or less, of what is shown of both.
fn difference(present: Option<Figure>, candidate: Option<Figure>, better: Better) -> Cell {
    let amount = |before: f64, after: f64| (after > before, format!("{:.1}", (after - before).abs()));
    let (is_more, amount) = match (present, candidate) {
        (Some(before), Some(after)) if before.text() == after.text() => return Cell::new("="),
        (Some(Figure::Count(before)), Some(Figure::Count(after))) => {
            (after > before, after.abs_diff(before).to_string())
        }
        (Some(Figure::Time(before)), Some(Figure::Time(after))) => (after > before, time(shown(after) - shown(before))),
        (Some(Figure::Share(before)), Some(Figure::Share(after))) => amount(percent(before), percent(after)),
        _ => return Cell::new(""),
    };
    let cell = Cell::new(format!("{}{amount}", if is_more { '+' } else { '−' }));
    match better {
        Better::Neither => cell,
        Better::More => cell.fg(if is_more { Color::Green } else { Color::Red }),
        Better::Less => cell.fg(if is_more { Color::Red } else { Color::Green }),
    }
}

/// To the tenth.
fn percent(share: f64) -> f64 {
    (share * 1000.0).round() / 10.0
}

/// To the tenth of a second, or, from a minute on, to the second.
fn shown(duration: SignedDuration) -> SignedDuration {
    let to = |unit: i64| SignedDuration::from_millis((duration.as_millis() as i64 + unit / 2) / unit * unit);
    if to(100) < SignedDuration::from_mins(1) { to(100) } else { to(1000) }
}

/// `6.3s`, `4m05s`, `1h30m`, whatever the sign.
fn time(duration: SignedDuration) -> String {
    let duration = shown(duration.abs());
    let (seconds, tenth) = (duration.as_secs(), duration.subsec_millis() / 100);
    match seconds {
        0..60 => format!("{seconds}.{tenth}s"),
        60..3600 => format!("{}m{:02}s", seconds / 60, seconds % 60),
        _ => format!("{}h{:02}m", seconds / 3600, seconds % 3600 / 60),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_as_exact_as_they_are_short_and_differences_are_of_what_is_shown() {
        let ms = SignedDuration::from_millis;
        for (milliseconds, text) in [
            (0, "0.0s"),
            (11_649, "11.6s"),
            (59_949, "59.9s"),
            (59_951, "1m00s"),
            (245_400, "4m05s"),
            (5_400_000, "1h30m"),
        ] {
            assert_eq!(time(ms(milliseconds)), text);
        }
        let of = |before, after| difference(Some(before), Some(after), Better::Less).content();
        assert_eq!(of(Figure::Time(ms(11_649)), Figure::Time(ms(10_051))), "−1.5s");
        assert_eq!(of(Figure::Time(ms(1_000)), Figure::Time(ms(1_020))), "=");
        assert_eq!(of(Figure::Share(0.6704), Figure::Share(0.8416)), "+17.2");
        assert_eq!(of(Figure::Count(7), Figure::Count(9)), "+2");
        assert_eq!(difference(None, Some(Figure::Count(1)), Better::More).content(), "");
    }

    #[test]
    fn colours_say_which_is_better() {
        let (less, more) = (Some(Figure::Count(1)), Some(Figure::Count(2)));
        let green = |cell: Cell| cell == Cell::new(cell.content()).fg(Color::Green);
        assert!(green(difference(less, more, Better::More)) && green(difference(more, less, Better::Less)));
        assert!(!green(difference(less, more, Better::Less)) && !green(difference(less, more, Better::Neither)));
    }
}
