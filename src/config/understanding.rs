//! How messages are understood here.

use serde::Deserialize;
use understand::{Prior, Thresholds, entities::Patterns};

use crate::understand::Settings;

/// The section `[understanding]`.
#[derive(Debug, Clone, Deserialize)]
#[serde(try_from = "Written")]
pub struct Understanding {
    /// What it comes to.
    pub settings: Settings,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    thresholds: WrittenThresholds,
    prior: WrittenPrior,
    entities: Vec<Entity>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenThresholds {
    language: f32,
    sentiment: f32,
    urgency: f32,
    complaint: f32,
    churn_risk: f32,
    wants_human: f32,
    thanks: f32,
    spam: f32,
    intent: f32,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenPrior {
    negative: f32,
    neutral: f32,
    positive: f32,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Entity {
    kind: String,
    pattern: String,
}

impl TryFrom<Written> for Understanding {
    type Error = String;

    fn try_from(written: Written) -> Result<Self, String> {
        let of = written.thresholds;
        let thresholds = Thresholds {
            language: of.language,
            sentiment: of.sentiment,
            wishes: [of.urgency, of.complaint, of.churn_risk, of.wants_human, of.thanks, of.spam],
            intent: of.intent,
        };
        let all = [thresholds.language, thresholds.sentiment, thresholds.intent];
        if !all.iter().chain(&thresholds.wishes).all(|threshold| (0.0..=1.0).contains(threshold)) {
            return Err("understanding.thresholds are numbers from 0 to 1".to_owned());
        }
        let prior = [written.prior.negative, written.prior.neutral, written.prior.positive];
        if !prior.iter().all(|share| *share > 0.0 && share.is_finite()) {
            return Err("understanding.prior: every share is above 0".to_owned());
        }
        let own: Vec<(String, String)> =
            written.entities.into_iter().map(|entity| (entity.kind, entity.pattern)).collect();
        let patterns = Patterns::new(&own)
            .map_err(|(number, error)| format!("understanding.entities: pattern {} is wrong: {error}", number + 1))?;
        Ok(Self { settings: Settings { thresholds, prior: Prior(prior), patterns } })
    }
}
