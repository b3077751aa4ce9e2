//! What rules ask of people, held against the people that there are: requirements that nobody meets, queues that nobody
//! serves, languages that nobody speaks. Never a reason to refuse a set: people come and go.

#[cfg(test)]
mod tests;

use std::{
    collections::{BTreeMap, BTreeSet},
    ops::Range,
};

use jiff::SignedDuration;

use super::{
    finding::{Finding, Severity},
    load::finding_in,
    rule::{
        Escalation, HIGHEST_LEVEL, HandoffSpec, Interpolated, Members, Part, Place, QueueSpec, Rule, RuleSet,
        SkillSpec, Trigger,
    },
};

/// The most findings that are said.
const MOST: usize = 200;
/// The most names that one finding lists.
const MOST_NAMES: usize = 5;

/// Somebody who may be offered conversations.
#[derive(Debug, Clone, Copy)]
pub struct Person<'a> {
    /// What they log in with.
    pub login: &'a str,
    /// Whether they may be offered work.
    pub active: bool,
    /// Languages that they speak, BCP-47.
    pub languages: &'a [String],
    /// Levels by skill, 1 to 5.
    pub skills: &'a BTreeMap<String, u8>,
    /// The queues that their account names.
    pub queues: &'a [String],
}

impl RuleSet {
    /// Somebody's levels by skill under these rules: each language counts as the skill `lang-…` at level 5.
    #[must_use]
    pub fn levels(&self, skills: &BTreeMap<String, u8>, languages: &[String]) -> BTreeMap<String, u8> {
        let mut levels = skills.clone();
        for language in languages {
            let skill = format!("lang-{language}");
            let skill = self.nearest_skill(&skill).map_or(skill.clone(), str::to_owned);
            levels.insert(skill, HIGHEST_LEVEL);
        }
        levels
    }
}

impl QueueSpec {
    /// Whether somebody with these levels, whose account names the queues `assigned`, belongs to it.
    #[must_use]
    pub fn is_served_by(&self, levels: &BTreeMap<String, u8>, assigned: &[String]) -> bool {
        match &self.members {
            Members::Everyone => true,
            Members::Assigned => assigned.contains(&self.name),
            Members::Skilled(needed) => {
                needed.iter().all(|(skill, level)| levels.get(skill).is_some_and(|has| has >= level))
            }
        }
    }
}

/// What the rules ask for that nobody of these people can do: warnings, by file and line.
#[must_use]
pub fn lint_people(set: &RuleSet, people: &[Person<'_>]) -> Vec<Finding> {
    let staff = Staff::new(set, people);
    let mut findings = staff.languages();
    findings.extend(staff.queues());
    findings.extend(set.rules.iter().filter_map(|rule| Some((rule, rule.handoff()?))).flat_map(|(rule, handoff)| {
        let steps = handoff.escalate.as_ref().or_else(|| Some(&set.queues.get(&handoff.queue)?.escalate));
        let start = if rule.on == Trigger::Waiting { rule.after } else { 0 };
        Wait { staff: &staff, rule, handoff, steps: steps.map_or(&[], Vec::as_slice), start }.findings()
    }));
    findings.sort_by(|a, b| (&a.file, a.line, a.column).cmp(&(&b.file, b.line, b.column)));
    findings.dedup();
    findings.truncate(MOST);
    findings
}

/// Those who may be offered something.
struct Staff<'s> {
    set: &'s RuleSet,
    /// Login and levels.
    agents: Vec<(&'s str, BTreeMap<String, u8>)>,
    /// By queue, places in `agents`.
    members: BTreeMap<&'s str, Vec<usize>>,
    /// Languages that the business serves and nobody speaks, by their places.
    unspoken: Vec<usize>,
}

impl<'s> Staff<'s> {
    fn new(set: &'s RuleSet, people: &[Person<'s>]) -> Self {
        let people: Vec<&Person<'s>> = people.iter().filter(|person| person.active).collect();
        let agents: Vec<_> =
            people.iter().map(|person| (person.login, set.levels(person.skills, person.languages))).collect();
        let serve = |queue: &QueueSpec| {
            let all = agents.iter().zip(&people).enumerate();
            let own = all.filter(|(_, ((_, levels), person))| queue.is_served_by(levels, person.queues));
            own.map(|(place, _)| place).collect()
        };
        let members = set.queues.iter().map(|(name, queue)| (name.as_str(), serve(queue))).collect();
        let primary = |tag: &str| tag.split('-').next().unwrap_or_default().to_owned();
        let is_spoken = |language: &String| {
            let skill = format!("lang-{language}");
            let skill = set.nearest_skill(&skill);
            let by_skill = skill.is_some_and(|skill| agents.iter().any(|(_, levels)| levels.contains_key(skill)));
            let by_name = || people.iter().flat_map(|person| person.languages);
            by_skill || skill.is_none() && by_name().any(|known| primary(known) == primary(language))
        };
        let unspoken = (0..set.languages.len()).filter(|&place| !is_spoken(&set.languages[place])).collect();
        Self { set, agents, members, unspoken }
    }

    fn warn(&self, place: &Place, message: String, help: &str) -> Finding {
        finding_in(self.set, Severity::Warning, place, message, help)
    }

    fn serve(&self, queue: &str) -> impl Iterator<Item = &(&'s str, BTreeMap<String, u8>)> {
        self.members.get(queue).into_iter().flatten().map(|&place| &self.agents[place])
    }

    /// Languages that nobody speaks; where nobody is active, the queues say so.
    fn languages(&self) -> Vec<Finding> {
        let silent = self.unspoken.iter().filter(|_| !self.agents.is_empty());
        let said = silent.filter_map(|&place| {
            let message = format!("no agent speaks {}", self.set.languages[place]);
            let help = "add the language to somebody's account, or take it out if only the bot serves it";
            Some(self.warn(self.set.places.languages.get(place)?, message, help))
        });
        said.collect()
    }

    /// Queues that conversations come to and that nobody serves.
    fn queues(&self) -> Vec<Finding> {
        let handoffs = self.set.rules.iter().filter_map(Rule::handoff);
        let handed = handoffs.flat_map(|handoff| {
            let steps = handoff.escalate.iter().flatten().filter_map(|step| step.queue.as_deref());
            steps.chain([handoff.queue.as_str()])
        });
        let escalated = self.set.queues.values().flat_map(|queue| &queue.escalate);
        let used: BTreeSet<&str> = handed.chain(escalated.filter_map(|step| step.queue.as_deref())).collect();
        let alone = used.into_iter().filter(|queue| self.serve(queue).next().is_none());
        let said = alone.filter_map(|name| {
            let (queue, place) = (self.set.queues.get(name)?, self.set.places.queues.get(name)?);
            let helped = queue.escalate.iter().find_map(|step| {
                let to = step.queue.as_deref().filter(|to| self.serve(to).next().is_some())?;
                Some((spell(step.after), to))
            });
            let message = match helped {
                Some((after, to)) => format!(
                    "nobody serves “{name}”: it is offered to nobody for the first {after}, until it escalates to “{to}”"
                ),
                None => format!("nobody serves “{name}”: what comes to it is never offered to anybody"),
            };
            let help = match &queue.members {
                Members::Everyone => "no agent is active: add one with `switchboard agents add`",
                Members::Assigned => "name the queue in somebody's account, or let it have other `members`",
                Members::Skilled(_) => "give somebody the skills of its `members`, or ask for less",
            };
            Some(self.warn(place, message, help))
        });
        said.collect()
    }
}

/// A wait that a rule leads to: where, and what is asked for, as time goes by.
struct Wait<'w, 's> {
    staff: &'w Staff<'s>,
    rule: &'w Rule,
    handoff: &'w HandoffSpec,
    steps: &'w [Escalation],
    /// How long it has waited when it begins, in seconds.
    start: u64,
}

/// A requirement, and the skill that it names for some facts.
type Need<'w> = (&'w SkillSpec, &'w str);

impl Wait<'_, '_> {
    fn findings(&self) -> Vec<Finding> {
        // Where nobody serves the queues at all, the queues say so.
        let Some(served) = self.first(&[]) else { return Vec::new() };
        let asked: Vec<(&SkillSpec, Vec<&str>)> =
            self.handoff.skills.iter().map(|spec| (spec, self.skills(&spec.skill))).collect();
        let (mut findings, mut met) = (Vec::new(), Vec::new());
        for (spec, skills) in &asked {
            let mut late: BTreeMap<Option<u64>, Vec<&str>> = BTreeMap::new();
            let mut fine = Vec::new();
            for skill in skills {
                match self.first(&[(spec, skill)]) {
                    Some(first) if first == served => fine.push((*spec, *skill)),
                    Some(_) if self.is_unspoken(skill) => {}
                    first => late.entry(first).or_default().push(skill),
                }
            }
            findings.extend(late.iter().map(|(first, skills)| self.alone(spec, skills, *first)));
            met.push(fine);
        }
        if findings.is_empty() {
            findings.extend(self.together(&met, served));
        }
        findings
    }

    /// The skills that a requirement can ask for. None where a fact decides everything.
    fn skills<'n>(&'n self, name: &'n Interpolated) -> Vec<&'n str> {
        let known = self.staff.set.skills.keys().map(String::as_str);
        match name.parts.as_slice() {
            [Part::Text(name)] => vec![name],
            [Part::Text(before), Part::Fact(_)] => known.filter(|skill| skill.starts_with(before.as_str())).collect(),
            [Part::Fact(_), Part::Text(after)] => known.filter(|skill| skill.ends_with(after.as_str())).collect(),
            _ => Vec::new(),
        }
    }

    /// Whether a skill is that of a language that nobody speaks, which is said where the languages stand.
    fn is_unspoken(&self, skill: &str) -> bool {
        let set = self.staff.set;
        self.staff.unspoken.iter().any(|&place| {
            let own = format!("lang-{}", set.languages[place]);
            set.nearest_skill(&own) == Some(skill)
        })
    }

    /// The first moment at which somebody can be asked, in seconds of waiting.
    fn first(&self, needs: &[Need<'_>]) -> Option<u64> {
        let relaxed = needs.iter().flat_map(|(spec, _)| &spec.relax).map(|step| step.after);
        let moved = self.steps.iter().filter(|step| step.queue.is_some()).map(|step| step.after);
        let moments: BTreeSet<u64> = relaxed.chain(moved).filter(|&at| at > self.start).chain([self.start]).collect();
        moments.into_iter().find(|&at| {
            let can = |levels: &BTreeMap<String, u8>| {
                needs.iter().all(|(spec, skill)| levels.get(*skill).copied().unwrap_or(0) >= level_at(spec, at))
            };
            self.staff.serve(self.queue_at(at)).any(|(_, levels)| can(levels))
        })
    }

    fn queue_at(&self, at: u64) -> &str {
        let steps = self.steps.iter().take_while(|step| step.after <= at);
        steps.filter_map(|step| step.queue.as_deref()).last().unwrap_or(&self.handoff.queue)
    }

    /// A requirement that alone finds nobody, or nobody at first.
    fn alone(&self, spec: &SkillSpec, skills: &[&str], first: Option<u64>) -> Finding {
        let best = skills.first().filter(|_| skills.len() == 1).and_then(|skill| {
            let have =
                self.staff.serve(&self.handoff.queue).filter_map(|(login, levels)| Some((levels.get(*skill)?, login)));
            have.max_by_key(|(level, login)| (**level, std::cmp::Reverse(**login)))
        });
        let best = best.map_or(String::new(), |(level, login)| format!(" (the best is {login}, with {level})"));
        let mut names = skills[..skills.len().min(MOST_NAMES)].join(" or ");
        if skills.len() > MOST_NAMES {
            names += " …";
        }
        let message = format!(
            "nobody in “{}” has {names} at level {} or above{best}: {}",
            self.handoff.queue,
            level_at(spec, self.start),
            outcome(first),
        );
        let help = if first.is_some() {
            "give somebody the level, ask for less, or let it `relax` sooner"
        } else if spec.hard {
            "give somebody the level, or let it `relax` in place of `hard`"
        } else {
            "give somebody the level, ask for less, or let it `relax`"
        };
        self.staff.warn(&(self.rule.file, spec.span.clone()), message, help)
    }

    /// Requirements of which each finds somebody, and all together nobody, or nobody at first.
    fn together(&self, met: &[Vec<Need<'_>>], served: u64) -> Option<Finding> {
        let several = met.iter().position(|needs| needs.len() > 1);
        let fixed = || met.iter().filter(|needs| needs.len() == 1).flatten().copied();
        let choices: Vec<Vec<Need<'_>>> = match several {
            Some(place) => met[place].iter().map(|&one| fixed().chain([one]).collect()).collect(),
            None => vec![fixed().collect()],
        };
        let worst = choices.into_iter().filter_map(|needs| match self.first(&needs) {
            Some(first) if first == served => None,
            first => Some((first.unwrap_or(u64::MAX), first, needs)),
        });
        let (_, first, needs) = worst.max_by_key(|(at, ..)| *at)?;
        let names: Vec<String> =
            needs.iter().map(|(spec, skill)| format!("{skill} {}", level_at(spec, self.start))).collect();
        let queue = &self.handoff.queue;
        let message = format!("nobody in “{queue}” has all of {}: {}", names.join(", "), outcome(first));
        let help = "give somebody what they lack, ask for less, or let more of it `relax`";
        let span: Range<usize> = self.handoff.skills.first()?.span.clone();
        Some(self.staff.warn(&(self.rule.file, span), message, help))
    }
}

/// The level that is asked for after so many seconds; 0 where none is.
fn level_at(spec: &SkillSpec, at: u64) -> u8 {
    let step = spec.relax.iter().rev().find(|step| step.after <= at);
    step.map_or(spec.min, |step| step.min.unwrap_or(0))
}

fn outcome(first: Option<u64>) -> String {
    match first {
        Some(first) => format!("it is offered to nobody for the first {}", spell(first)),
        None => "it is never offered to anybody".to_owned(),
    }
}

fn spell(seconds: u64) -> String {
    format!("{:#}", SignedDuration::from_secs(i64::try_from(seconds).unwrap_or(i64::MAX)))
}
