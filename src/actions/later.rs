//! What the bot begins later by itself: a reminder the day before an appointment, a question after a delivery. An outcome plans
//! it; what is said then is what the business system says then, so nothing has to be taken back where it changes.

use std::{collections::BTreeMap, time::Duration};

use contract::Timestamp;
use jiff::SignedDuration;
use minijinja::Value;
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

use super::{
    dialogue::{Advance, Ended, Heard, Why},
    scene::Scene,
    spec::{Actions, Shape},
    texts::Expression,
};
use crate::{
    desk::later,
    routing::{Destination, Otherwise},
};

/// How far ahead the bot plans.
pub(crate) const HORIZON: SignedDuration = SignedDuration::from_hours(60 * 24);
/// How much one conversation can have planned.
pub(crate) const MOST: usize = 20;
/// How often it is tried, and after how long again.
const TRIES: u8 = 3;
const AGAIN: Duration = Duration::from_secs(5 * 60);
/// How long it waits for a customer who writes at that very moment.
const AFTER_A_WORD: Duration = Duration::from_secs(60);
/// Where an action leads that nobody asked for, and that cannot be done.
pub(crate) const NOWHERE: Otherwise = Otherwise { actions: Vec::new(), destination: Destination::Ignore };

/// What an outcome says of later.
#[derive(Debug)]
pub struct Later {
    /// What is begun.
    pub action: String,
    /// The moment that it is about: RFC 3339.
    pub at: Expression,
    /// How many seconds before that.
    pub before: u64,
    /// What it is begun with.
    pub inputs: Vec<(String, Shape)>,
}

/// An action that is begun at its moment.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Planned {
    /// Which.
    pub action: String,
    /// With what.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub inputs: BTreeMap<String, Json>,
    /// When.
    #[serde(with = "jiff::fmt::serde::timestamp::microsecond::required")]
    pub at: Timestamp,
    /// How often it was tried in vain.
    #[serde(default, skip_serializing_if = "crate::routing::is_default")]
    pub tries: u8,
}

impl Planned {
    /// The same, once more after a while; `None` where it was tried often enough.
    #[must_use]
    pub fn again(self, now: Timestamp) -> Option<Self> {
        let tries = self.tries + 1;
        (tries < TRIES).then(|| Self { at: later(now, AGAIN), tries, ..self })
    }

    /// The same, after whatever the customer has just said.
    #[must_use]
    pub fn put_off(self, now: Timestamp) -> Self {
        Self { at: later(now, AFTER_A_WORD), ..self }
    }

    /// Notes it. The same action with the same inputs is planned once: the later word counts.
    pub fn put(self, plan: &mut Vec<Self>) {
        plan.retain(|known| known.action != self.action || known.inputs != self.inputs);
        if plan.len() < MOST {
            plan.push(self);
        } else {
            tracing::warn!(action = self.action, "A conversation has too much planned; this is not.");
        }
    }
}

impl Actions {
    /// What an outcome plans; nothing where its moment is over, too far away, or none.
    pub(super) fn planned(&self, scene: &Scene<'_>, wanted: &Later, context: &Value) -> Option<Planned> {
        let planned = self.plan(scene, wanted, context);
        planned
            .inspect_err(|why| {
                tracing::warn!(action = scene.action, later = wanted.action, why, "Nothing is planned.");
            })
            .ok()
            // Whoever books for the next hour needs no reminder of the day before.
            .filter(|planned| planned.at > scene.now)
    }

    fn plan(&self, scene: &Scene<'_>, wanted: &Later, context: &Value) -> Result<Planned, String> {
        let about = self.texts.value(&wanted.at, context)?;
        let before = SignedDuration::from_secs(i64::try_from(wanted.before).unwrap_or(i64::MAX));
        let about = about.as_str().and_then(|at| at.parse::<Timestamp>().ok()).ok_or("`at` is no moment")?;
        let at = about.checked_sub(before).map_err(|error| error.to_string())?;
        if at.duration_since(scene.now) > HORIZON {
            return Err("it is too far away".to_owned());
        }
        let inputs = wanted.inputs.iter().map(|(name, shape)| Ok((name.clone(), self.shaped(shape, context)?)));
        Ok(Planned { action: wanted.action.clone(), inputs: inputs.collect::<Result<_, String>>()?, at, tries: 0 })
    }

    /// Begins what was planned, without anybody having asked.
    #[must_use]
    pub fn begin_planned(&self, scene: &Scene<'_>, planned: &Planned) -> Option<Advance> {
        let spec = self.actions.get(&planned.action)?;
        if spec.identity > scene.who.identity {
            return Some(Advance { ended: Some(Ended::Otherwise(Why::Identity)), ..Advance::default() });
        }
        let silence = Heard { text: "", pressed: None, entities: &[] };
        let mut dialogue = self.beginning(scene, spec, &NOWHERE, &silence, (&planned.inputs, &BTreeMap::new()));
        dialogue.planned = Some(planned.clone());
        Some(self.go_on(scene, spec, dialogue, Vec::new()))
    }
}
