//! The rules and the knowledge.

use super::Findings;
use crate::{config::Config, files::Source};

/// Loads both.
pub(super) fn look(config: &Config, findings: &mut Findings) {
    let source = Source::at(&config.rules);
    let (loaded, _) = source.rules(&config.understanding.settings);
    match &loaded.rules {
        Some(rules) => findings.good(&format!("{} rules load and pass their tests", rules.rules().len())),
        None => findings
            .bad(&format!("the rules in {} do not load", config.rules.display()), "run `switchboard rules check`"),
    }
    match source.knowledge(&crate::bot::Settings::default()) {
        Ok(_) => findings.good("the knowledge loads"),
        Err(found) => {
            for finding in found {
                findings
                    .bad(&format!("knowledge/{}:{}: {}", finding.file, finding.line, finding.message), &finding.help);
            }
        }
    }
}
