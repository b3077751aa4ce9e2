//! Which rules of a set match on decisions of the past, and which never do: a fold over their facts.

use std::{collections::BTreeMap, sync::Arc};

use contract::Timestamp;

use super::{
    decide::decide,
    facts::Facts,
    finding::{Finding, Severity},
    load::finding_in,
    rule::{Rule, RuleSet, Trigger},
};

/// How often the rules match. Decisions of the past are made again under them, so that a new rule is judged as fairly as
/// an old one.
pub struct Hits<'r> {
    set: &'r RuleSet,
    by_rule: BTreeMap<Arc<str>, u64>,
    /// In the order of [`Trigger::ALL`].
    decisions: [u64; Trigger::ALL.len()],
}

impl<'r> Hits<'r> {
    /// None yet.
    #[must_use]
    pub fn new(set: &'r RuleSet) -> Self {
        Self { set, by_rule: BTreeMap::new(), decisions: [0; Trigger::ALL.len()] }
    }

    /// Makes a decision again.
    pub fn look_at(&mut self, facts: &Facts) {
        self.decisions[Trigger::of(facts) as usize] += 1;
        for rule in decide(self.set, facts).matched {
            *self.by_rule.entry(rule).or_default() += 1;
        }
    }

    /// How many decisions were looked at.
    #[must_use]
    pub fn decisions(&self) -> u64 {
        self.decisions.iter().sum()
    }

    /// How often a rule matched.
    #[must_use]
    pub fn of(&self, rule: &str) -> u64 {
        self.by_rule.get(rule).copied().unwrap_or(0)
    }

    /// The rules about which nothing can be said: nothing that was looked at had their trigger.
    pub fn untried(&self) -> impl Iterator<Item = &'r Rule> {
        self.set.rules.iter().filter(|rule| self.decisions[rule.on as usize] == 0)
    }

    /// A warning for every rule that was tried and never matched, since when decisions were looked at. The default rule
    /// need not match.
    #[must_use]
    pub fn never(&self, since: Timestamp) -> Vec<Finding> {
        let since = since.strftime("%F %H:%M");
        let default = self.set.rules.iter().rposition(|rule| rule.on == Trigger::Message);
        let tried = self.set.rules.iter().enumerate().filter_map(|(place, rule)| {
            let decisions = self.decisions[rule.on as usize];
            (decisions > 0 && self.of(&rule.name) == 0 && Some(place) != default).then_some((rule, decisions))
        });
        let said = tried.map(|(rule, decisions)| {
            let message = match decisions {
                1 => format!("this rule did not match the one decision `on: {}` since {since} UTC", rule.on.as_str()),
                many => {
                    format!(
                        "this rule matched none of the {many} decisions `on: {}` since {since} UTC",
                        rule.on.as_str()
                    )
                }
            };
            let help =
                "change its condition, move it up, or take it out; `switchboard rules explain` shows what it sees";
            finding_in(self.set, Severity::Warning, &(rule.file, rule.span.clone()), message, help)
        });
        said.collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::routing::{SourceFile, load};

    #[test]
    fn rules_that_never_match_are_found_and_those_that_could_not_are_not_blamed() {
        let rules = "rules:
  - {name: refunds, when: 'message.text.any_word([\"refund\"])', then: [{tag: money}]}
  - {name: owls, when: 'message.text.any_word([\"owl\"])', then: [ignore]}
  - {name: noisy, on: agent_message, when: message.automatic, then: [{tag: noise}]}
  - {name: slow, on: waiting, after: 2m, then: [{tag: slow}]}
  - {name: money, when: '\"money\" in conversation.tags', then: [close]}
  - {name: end, then: [ignore]}
";
        let set = load(&[SourceFile { name: "10.yaml".into(), text: rules.into() }]).rules.unwrap();
        let since = "2026-11-20T09:00:00Z".parse().unwrap();
        let mut hits = Hits::new(&set);
        assert_eq!((hits.never(since), hits.untried().count()), (vec![], 6), "nothing was looked at");
        let mut facts = Facts::default();
        for text in ["my refund", "A REFUND", "the refund"] {
            facts.message.text = text.into();
            hits.look_at(&facts);
        }
        let untried: Vec<&str> = hits.untried().map(|rule| &*rule.name).collect();
        assert_eq!((hits.decisions(), hits.of("money"), untried), (3, 3, vec!["noisy", "slow"]));
        let never = hits.never(since);
        let said: Vec<_> = never.iter().map(|finding| (finding.line, finding.message.as_str())).collect();
        assert_eq!(said, [(3, "this rule matched none of the 3 decisions `on: message` since 2026-11-20 09:00 UTC")]);
        assert_eq!(&rules[never[0].span.clone()], "owls");
    }
}
