//! What the admin's files say now: the rules and the knowledge in force. A folder with findings changes nothing; the
//! last good version stays until it is right again.

use std::sync::{Arc, Mutex, PoisonError};

use arc_swap::ArcSwap;
use contract::Timestamp;

use crate::{
    bot::{Knowledge, Responder},
    roster::Roster,
    routing::{Finding, Person, RuleSet, lint_people},
    understand::{Classifier, Reader},
};

/// The rules and the knowledge in force.
pub struct Policy {
    rules: ArcSwap<RuleSet>,
    classifier: ArcSwap<Reader>,
    knowledge: ArcSwap<Knowledge>,
    status: Mutex<Status>,
}

/// How the last load went.
#[derive(Debug, Clone)]
pub struct Status {
    /// When the rules in force were loaded.
    pub loaded_at: Timestamp,
    /// What the last load of rules found, also warnings of a set that is in force.
    pub rule_findings: Vec<Finding>,
    /// What the rules in force ask for that nobody of the company can do.
    pub people_findings: Vec<Finding>,
    /// What the last load of knowledge found.
    pub knowledge_findings: Vec<crate::bot::Finding>,
}

impl Policy {
    /// A first policy.
    #[must_use]
    pub fn new(
        rules: Arc<RuleSet>,
        classifier: Arc<Reader>,
        rule_findings: Vec<Finding>,
        knowledge: Knowledge,
    ) -> Self {
        Self {
            rules: ArcSwap::new(rules),
            classifier: ArcSwap::new(classifier),
            knowledge: ArcSwap::from_pointee(knowledge),
            status: Mutex::new(Status {
                loaded_at: crate::clock::now(),
                rule_findings,
                people_findings: Vec::new(),
                knowledge_findings: Vec::new(),
            }),
        }
    }

    /// The rules in force.
    #[must_use]
    pub fn rules(&self) -> Arc<RuleSet> {
        self.rules.load_full()
    }

    /// What understands messages, with the intents of the rules in force.
    #[must_use]
    pub fn classifier(&self) -> Arc<dyn Classifier> {
        self.classifier.load_full()
    }

    /// The same, for those who need not wait for it.
    #[must_use]
    pub fn reader(&self) -> Arc<Reader> {
        self.classifier.load_full()
    }

    /// The knowledge itself.
    #[must_use]
    pub fn knowledge(&self) -> Arc<Knowledge> {
        self.knowledge.load_full()
    }

    /// What answers questions.
    #[must_use]
    pub fn responder(&self) -> Arc<dyn Responder> {
        self.knowledge.load_full()
    }

    /// How the last load went.
    #[must_use]
    pub fn status(&self) -> Status {
        self.lock().clone()
    }

    /// Rules were loaded, with their classifier: they are in force if there are any; whether they are others than before.
    pub fn set_rules(&self, rules: Option<(Arc<RuleSet>, Arc<Reader>)>, findings: Vec<Finding>) -> bool {
        let mut status = self.lock();
        status.rule_findings = findings;
        let Some((rules, classifier)) = rules else { return false };
        let changed = rules.hash() != self.rules.load().hash();
        if changed {
            status.loaded_at = crate::clock::now();
            self.classifier.store(classifier);
            self.rules.store(rules);
        }
        changed
    }

    /// The rules or the people may have changed: holds them against each other. Whether that finds something else than
    /// before.
    pub fn check_people(&self, roster: &Roster) -> bool {
        let mut status = self.lock();
        let agents = roster.all();
        let people: Vec<Person<'_>> = agents.iter().map(|agent| Person::from(&**agent)).collect();
        let findings = lint_people(&self.rules.load(), &people);
        let changed = findings != status.people_findings;
        status.people_findings = findings;
        changed
    }

    /// Knowledge was loaded, or could not be.
    pub fn set_knowledge(&self, knowledge: Result<Knowledge, Vec<crate::bot::Finding>>) {
        match knowledge {
            Ok(knowledge) => {
                self.lock().knowledge_findings = Vec::new();
                self.knowledge.store(Arc::new(knowledge));
            }
            Err(findings) => self.lock().knowledge_findings = findings,
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Status> {
        self.status.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
