//! From files to a rule set: everything is checked, everything that is wrong is said, and one error keeps the whole
//! set out.

mod actions;
mod cases;
mod desk;
mod escalation;
mod folder;
#[cfg(test)]
mod hostile;
mod intents;
mod lint;
mod models;
mod queues;
pub(crate) mod read;
mod rules;
#[cfg(test)]
mod tests;

pub use cases::given_from;
pub(crate) use read::parse_seconds;
#[cfg(test)]
pub(super) use rules::STEPS;

use std::{collections::BTreeMap, ops::Range, path::Path, sync::Arc};

use sha2::{Digest, Sha256};
use understand::intents::Intent;

use super::{
    calendar::Calendar,
    cases::{Case, failing},
    expr::{Needles, TextIndex, Vocabulary, World, Zone},
    finding::{Finding, Notes, Severity, SourceFile, at},
    index::Index,
    rule::{Place, Places, QueueSpec, Rule, RuleSet, Trigger},
    template::Templates,
    yaml::{self, Node},
};
use crate::{actions::Actions, models::Personas, understand::Signals};

/// The largest file, in bytes.
const MAX_FILE_BYTES: usize = 4 * 1024 * 1024;
/// The most lines of one file.
const MAX_FILE_LINES: usize = 50_000;
/// The most bytes of all files.
const MAX_BYTES: usize = 16 * 1024 * 1024;
/// The most files.
const MAX_FILES: usize = 500;
/// The most values of all files: lists, mappings and what stands in them.
const MAX_VALUES: usize = 500_000;
/// The most rules of all files.
const MAX_RULES: usize = 20_000;
/// The most tests of all files: each runs over all rules before they are in force.
const MAX_TESTS: usize = 10_000;
/// The most findings that are said; whoever made more has one cause.
const MAX_FINDINGS: usize = 200;
/// What the expression parser may need.
const STACK_BYTES: usize = 16 * 1024 * 1024;

/// The files that are not rule files.
const QUEUES: &str = "queues.yaml";
const SKILLS: &str = "skills.yaml";
const CALENDARS: &str = "calendars.yaml";
const TEMPLATES: &str = "templates.yaml";
const INTENTS: &str = "intents.yaml";

/// Whether a file is one of those beside the rules.
fn is_beside(name: &str) -> bool {
    [QUEUES, SKILLS, CALENDARS, TEMPLATES, INTENTS].contains(&name)
}

/// What loading came to.
#[derive(Debug, Clone, Default)]
pub struct Loaded {
    /// The set, unless some finding is an error.
    pub rules: Option<Arc<RuleSet>>,
    /// What is wrong, by file and line.
    pub findings: Vec<Finding>,
    /// The files, so that findings can be drawn.
    pub files: Vec<SourceFile>,
}

impl Loaded {
    /// The same, after the tests of the files have run: a set whose tests fail is not loaded. `classify` gives the
    /// signals of a text.
    #[must_use]
    pub fn tested(mut self, classify: &dyn Fn(&str) -> Signals) -> Self {
        if let Some(set) = &self.rules {
            let failed = failing(set, classify);
            if !failed.is_empty() {
                self.findings.extend(failed);
                self.rules = None;
            }
        }
        self
    }
}

/// What the files beside the rules define.
#[derive(Debug, Default)]
struct Desk {
    skills: desk::Skills,
    queues: BTreeMap<String, (QueueSpec, Range<usize>)>,
    templates: Templates,
    vocabulary: Vocabulary,
    intents: Vec<Intent>,
    actions: Actions,
    personas: Personas,
}

/// Loads the `*.yaml` files of a folder and of `actions/` and `models/` in it, in lexical order of their names; other folders
/// in it are not read.
///
/// A folder or file that cannot be read is a finding.
#[must_use]
pub fn load_dir(folder: &Path) -> Loaded {
    let (files, mut unread) = folder::read(folder);
    if unread.iter().any(|finding| finding.severity == Severity::Error) {
        return Loaded { findings: unread, ..Loaded::default() };
    }
    let mut loaded = load(&files);
    unread.append(&mut loaded.findings);
    Loaded { findings: unread, ..loaded }
}

/// Loads what a folder says of actions, and what that needs beside it: every file but those of rules. The set has no rule but
/// those of intents that actions are bound to; nothing may be wrong with the files, and nothing is said of the others but errors.
#[must_use]
pub fn load_actions(folder: &Path) -> Loaded {
    let (files, unread) = folder::read(folder);
    if unread.iter().any(Finding::is_error) {
        return Loaded { findings: unread, ..Loaded::default() };
    }
    if !files.iter().any(|file| file.name.starts_with(actions::FOLDER)) {
        let shown = folder.join(actions::FOLDER).display().to_string();
        let none =
            nowhere(&shown, format!("there are no action files in {shown}"), "docs/actions.md shows the first one");
        return Loaded { findings: vec![none], files, ..Loaded::default() };
    }
    load_actions_of(&files)
}

/// [`load_actions`] of files that were read.
#[must_use]
pub(crate) fn load_actions_of(files: &[SourceFile]) -> Loaded {
    let wanted = |file: &&SourceFile| is_beside(&file.name) || file.name.starts_with(actions::FOLDER);
    let files: Vec<SourceFile> = files.iter().filter(wanted).cloned().collect();
    let mut loaded = load_files(&files, false);
    loaded.findings.retain(|finding| finding.is_error() || finding.file.starts_with(actions::FOLDER));
    loaded
}

/// A finding about a file as a whole, or about no file.
pub(crate) fn nowhere(file: &str, message: String, help: &str) -> Finding {
    Finding {
        severity: Severity::Error,
        file: file.to_owned(),
        line: 0,
        column: 0,
        message,
        help: Some(help.to_owned()).filter(|help| !help.is_empty()),
        span: 0..0,
    }
}

/// Loads files: all of them, or none. Their order is the order of their names.
///
/// Takes time proportional to their size, which is bounded, and runs on a thread of its own, because the expression
/// parser needs more stack than callers have.
#[must_use]
pub fn load(files: &[SourceFile]) -> Loaded {
    load_files(files, true)
}

fn load_files(files: &[SourceFile], wants_rules: bool) -> Loaded {
    let mut files = files.to_vec();
    files.sort_by(|a, b| a.name.cmp(&b.name));
    let total: usize = files.iter().map(|file| file.text.len()).sum();
    let largest = files.iter().find(|file| file.text.len() > MAX_FILE_BYTES);
    let longest = files.iter().map(|file| (file, file.text.lines().count())).find(|(_, lines)| *lines > MAX_FILE_LINES);
    let refused = match (largest, longest) {
        (Some(file), _) => Some(folder::too_large(&file.name, file.text.len() as u64)),
        (None, Some((file, lines))) => Some(folder::too_long(&file.name, lines, MAX_FILE_LINES)),
        (None, None) => (total > MAX_BYTES).then(|| folder::too_much("")),
    };
    if let Some(finding) = refused {
        return Loaded { findings: vec![finding], ..Loaded::default() };
    }
    let loaded = std::thread::scope(|scope| {
        let thread = std::thread::Builder::new().name("rules".to_owned()).stack_size(STACK_BYTES);
        thread.spawn_scoped(scope, || Loading::run(&files, wants_rules)).map(|thread| thread.join())
    });
    let (rules, findings) = match loaded {
        Ok(Ok(loaded)) => loaded,
        Ok(Err(_)) => (
            None,
            vec![nowhere(
                "",
                "the loader failed on these files".to_owned(),
                "this is a fault of Switchboard: please report it with the files",
            )],
        ),
        Err(error) => (None, vec![nowhere("", format!("no thread for loading: {error}"), "")]),
    };
    Loaded { rules: rules.map(Arc::new), findings, files }
}

/// One load, while it goes on.
struct Loading<'f> {
    files: &'f [SourceFile],
    trees: Vec<Node>,
    notes: Vec<Notes<'f>>,
    desk: Desk,
    needles: Needles,
    rules: Vec<Rule>,
    cases: Vec<Case>,
}

impl<'f> Loading<'f> {
    fn run(files: &'f [SourceFile], wants_rules: bool) -> (Option<RuleSet>, Vec<Finding>) {
        let mut loading = Self {
            files,
            trees: Vec::new(),
            notes: files.iter().map(Notes::new).collect(),
            desk: Desk::default(),
            needles: Needles::default(),
            rules: Vec::new(),
            cases: Vec::new(),
        };
        loading.parse();
        let zone = loading.read_desk();
        loading.read_rules();
        lint::check(&mut loading);
        let places = loading.places();
        let Loading { notes, desk, needles, rules, cases, .. } = loading;
        let mut findings: Vec<Finding> = notes.into_iter().flat_map(|notes| notes.findings).collect();
        if wants_rules && rules.is_empty() && !findings.iter().any(Finding::is_error) {
            findings.push(nowhere("", "there are no rules".to_owned(), "add a file with `rules:`"));
        }
        findings.sort_by(|a, b| (&a.file, a.line, a.column).cmp(&(&b.file, b.line, b.column)));
        findings.dedup();
        findings.truncate(MAX_FINDINGS);
        if findings.iter().any(Finding::is_error) {
            return (None, findings);
        }
        let texts = match TextIndex::new(needles) {
            Ok(texts) => texts,
            Err(error) => {
                findings.push(nowhere("", format!("the words of all rules are too many: {error}"), ""));
                return (None, findings);
            }
        };
        let set = RuleSet {
            hash: hash(files).into(),
            files: files.to_vec(),
            indices: Trigger::ALL.map(|trigger| Index::new(&rules, trigger)),
            thresholds: Trigger::ALL.map(|trigger| thresholds(&rules, trigger)),
            rules,
            queues: desk.queues.into_iter().map(|(name, (queue, _))| (name, queue)).collect(),
            skills: desk.skills.titles,
            languages: desk.skills.languages,
            world: World { texts, calendars: zone.1, zone: zone.0 },
            templates: desk.templates,
            cases,
            intents: desk.intents,
            actions: desk.actions,
            personas: desk.personas,
            places,
        };
        (Some(set), findings)
    }

    fn parse(&mut self) {
        let mut left = MAX_VALUES;
        for (file, notes) in self.files.iter().zip(&mut self.notes) {
            let tree = yaml::parse(&file.text).unwrap_or_else(|malformed| {
                notes.error(
                    &malformed.span,
                    format!("this is not YAML that can be read: {}", malformed.message),
                    malformed.help,
                );
                Node::NULL
            });
            let values = tree.count();
            if values > left {
                let message = format!("with this file, there are more than {MAX_VALUES} values");
                notes.error(&(0..0), message, "move what is not a rule file out of the folder");
            }
            self.trees.push(if values > left { Node::NULL } else { tree });
            left = left.saturating_sub(values);
        }
    }

    fn place(&self, name: &str) -> Option<usize> {
        self.files.iter().position(|file| file.name == name)
    }

    /// Where the files name what findings about the set point at.
    fn places(&self) -> Places {
        let at = |file: &str, span: &Range<usize>| -> Option<Place> { Some((self.place(file)?, span.clone())) };
        let queues = self.desk.queues.iter();
        Places {
            queues: queues.filter_map(|(name, (_, span))| Some((name.clone(), at(QUEUES, span)?))).collect(),
            languages: self.desk.skills.spans.iter().filter_map(|span| at(SKILLS, span)).collect(),
        }
    }

    fn read_desk(&mut self) -> (Zone, Vec<Arc<Calendar>>) {
        if let Some(place) = self.place(SKILLS) {
            self.desk.skills = desk::skills(&self.trees[place], &mut self.notes[place]);
        }
        if let Some(place) = self.place(TEMPLATES) {
            let languages = &self.desk.skills.languages;
            self.desk.templates = desk::templates(&self.trees[place], languages, &mut self.notes[place]);
        }
        if let Some(place) = self.place(INTENTS) {
            self.desk.intents = intents::intents(&self.trees[place], &mut self.notes[place]);
        }
        let calendars = self
            .place(CALENDARS)
            .map(|place| desk::calendars(&self.trees[place], &mut self.notes[place]))
            .unwrap_or_default();
        if let Some(place) = self.place(QUEUES) {
            let (skills, templates) = (&self.desk.skills, &self.desk.templates);
            let known = queues::Known { skills, calendars: &calendars.calendars, templates };
            self.desk.queues = queues::queues(&self.trees[place], &known, &mut self.notes[place]);
        }
        self.read_actions();
        self.read_personas();
        self.desk.vocabulary = Vocabulary {
            calendars: calendars.calendars.iter().map(|calendar| calendar.name().to_owned()).collect(),
            queues: self.desk.queues.keys().cloned().collect(),
            intents: self.desk.intents.iter().map(|intent| intent.name.clone()).collect(),
        };
        (calendars.zone.map(Zone).unwrap_or_default(), calendars.calendars)
    }

    fn read_actions(&mut self) {
        let places: Vec<usize> = (0..self.files.len()).filter(|place| self.is_action_file(*place)).collect();
        let (mut found, mut declared) = (Actions::default(), actions::Declared::new());
        let queues: Vec<&str> = self.desk.queues.keys().map(String::as_str).collect();
        for &place in &places {
            actions::declare(&self.trees[place], &mut declared);
            actions::systems(&self.trees[place], &mut found, &mut self.notes[place]);
        }
        for &place in &places {
            actions::actions(&self.trees[place], (&declared, &queues), &mut found, &mut self.notes[place]);
        }
        for &place in &places {
            let lines = Lines::new(&self.files[place].text);
            actions::tests(&self.trees[place], place, &lines, &mut found, &mut self.notes[place]);
        }
        self.desk.actions = found;
    }

    fn read_personas(&mut self) {
        for place in 0..self.files.len() {
            if self.is_persona_file(place) {
                models::personas(&self.trees[place], &mut self.desk, &mut self.notes[place]);
            }
        }
    }

    fn is_persona_file(&self, place: usize) -> bool {
        self.files[place].name.starts_with(models::FOLDER)
    }

    fn is_action_file(&self, place: usize) -> bool {
        self.files[place].name.starts_with(actions::FOLDER)
    }

    fn read_rules(&mut self) {
        self.read_rule_files();
        let bound = self.bound_actions();
        // Where no rule decides otherwise: those with a condition go before, and the one without after.
        let ends = |rule: &Rule| rule.on == Trigger::Message && rule.when.is_none() && lint::ends(rule);
        let place = self.rules.iter().position(ends).unwrap_or(self.rules.len());
        self.rules.splice(place..place, bound);
    }

    /// The rules of actions that intents begin.
    fn bound_actions(&mut self) -> Vec<Rule> {
        let (mut rules, mut taken) = (Vec::new(), BTreeMap::new());
        for place in (0..self.files.len()).filter(|place| self.is_action_file(*place)).collect::<Vec<_>>() {
            let mut reader = rules::RuleReader {
                file: place,
                lines: &Lines::new(&self.files[place].text),
                desk: &self.desk,
                needles: &mut self.needles,
                notes: &mut self.notes[place],
            };
            rules.extend(actions::bound(&self.trees[place], &mut reader, &mut taken));
        }
        rules
    }

    fn read_rule_files(&mut self) {
        for place in 0..self.files.len() {
            if is_beside(&self.files[place].name) || self.is_action_file(place) || self.is_persona_file(place) {
                continue;
            }
            if self.notes.iter().map(|notes| notes.findings.len()).sum::<usize>() >= MAX_FINDINGS {
                return;
            }
            let (tree, notes) = (&self.trees[place], &mut self.notes[place]);
            let Some(fields) = read::fields(tree, "a rule file", &["rules", "tests"], notes) else { continue };
            let items = fields.get("rules").and_then(|node| read::list(node, "rules", notes)).unwrap_or_default();
            let tests = fields.get("tests").and_then(|node| read::list(node, "tests", notes)).unwrap_or_default();
            let in_words = "put words into any_word([…]), and values into `in […]`";
            for (found, most, what, help) in [
                (self.rules.len() + items.len(), MAX_RULES, "rules", in_words),
                (self.cases.len() + tests.len(), MAX_TESTS, "tests", "keep those that try out different branches"),
            ] {
                if found > most {
                    notes.error(
                        &(0..0),
                        format!("with this file, there are {found} {what}; {most} are the most"),
                        help,
                    );
                    return;
                }
            }
            let lines = Lines::new(&self.files[place].text);
            for item in items {
                if notes.full() {
                    break;
                }
                let mut reader = rules::RuleReader {
                    file: place,
                    lines: &lines,
                    desk: &self.desk,
                    needles: &mut self.needles,
                    notes,
                };
                self.rules.extend(reader.rule(item));
            }
            for item in tests {
                if notes.full() {
                    break;
                }
                self.cases.extend(cases::case(item, place, &lines, &self.desk, notes));
            }
        }
    }
}

/// After how many seconds the rules of a trigger run, rising.
fn thresholds(rules: &[Rule], on: Trigger) -> Vec<u64> {
    let mut thresholds: Vec<u64> = rules.iter().filter(|rule| rule.on == on).map(|rule| rule.after).collect();
    thresholds.sort_unstable();
    thresholds.dedup();
    thresholds
}

/// Where the lines of a text begin.
#[derive(Debug)]
struct Lines(Vec<usize>);

impl Lines {
    fn new(text: &str) -> Self {
        Self(text.bytes().enumerate().filter(|(_, byte)| *byte == b'\n').map(|(at, _)| at).collect())
    }

    /// The line of a byte, counted from 1.
    fn line(&self, byte: usize) -> usize {
        self.0.partition_point(|&newline| newline < byte) + 1
    }
}

/// The bytes of the file that say `part` of a scalar's value; the whole scalar without one.
fn within(file: &str, node: &Node, value: &str, part: Option<Range<usize>>) -> Range<usize> {
    match part {
        Some(part) => {
            let start = yaml::position_in_scalar(file, &node.span, value, part.start);
            let last = yaml::position_in_scalar(file, &node.span, value, part.end.saturating_sub(1).max(part.start));
            start..(last + 1).max(start)
        }
        None => node.span.clone(),
    }
}

fn hash(files: &[SourceFile]) -> String {
    let mut hash = Sha256::new();
    for file in files {
        for text in [&file.name, &file.text] {
            hash.update((text.len() as u64).to_be_bytes());
            hash.update(text);
        }
    }
    hex::encode(hash.finalize())
}

/// A finding about a rule set that loaded, in its own files.
pub(super) fn finding_in(set: &RuleSet, severity: Severity, place: &Place, message: String, help: &str) -> Finding {
    let help = Some(help.to_owned()).filter(|help| !help.is_empty());
    at(&set.files[place.0], severity, &place.1, message, help)
}
