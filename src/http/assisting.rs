//! What agent assist shows: shapes only.

use axum::http::StatusCode;
use contract::Timestamp;
use serde::Serialize;
use serde_json::Value as Json;
use utoipa::ToSchema;

use super::ApiError;
use crate::{
    actions::{Action, Actions, Field, Form, Identity, Kind, Problem, Scene, shown},
    assist::{AgentAct, Line, Passage, Recap, SuggestedReply},
    routing::title,
};

/// What helps an agent with a conversation.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[schema(as = Assist)]
pub struct AssistView {
    /// What happened, in a few lines.
    pub summary: Vec<Line>,
    /// The same in a few sentences of a model's, as it was last asked in your language.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub recap: Option<Recap>,
    /// Whether you may have a model write that.
    pub may_summarise: bool,
    /// Sections of the knowledge base that may answer the customer, best first.
    pub passages: Vec<Passage>,
    /// Templates that are meant for agents.
    pub replies: Vec<SuggestedReply>,
    /// What can be carried out for the customer.
    pub actions: Vec<ActionBrief>,
    /// Whether you may have an action carried out here.
    pub may_act: bool,
    /// The action that is being carried out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub under_way: Option<UnderWay>,
}

/// An action, in brief.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct ActionBrief {
    name: String,
    title: String,
    about: String,
    /// Whether it changes something.
    effect: bool,
    /// Whether you have to check first who the customer is.
    needs_check: bool,
}

impl ActionBrief {
    /// An action for readers of a language, for a customer who is known so well.
    #[must_use]
    pub fn new(action: &Action, language: &str, identity: Identity) -> Self {
        Self {
            name: action.name.clone(),
            title: title(&action.title, language).unwrap_or(&action.name).to_owned(),
            about: title(&action.about, language).unwrap_or_default().to_owned(),
            effect: !action.only_reads(),
            needs_check: action.identity > identity,
        }
    }
}

/// An action that an agent is having carried out.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct UnderWay {
    action: String,
    by: String,
    #[schema(value_type = String)]
    since: Timestamp,
}

impl UnderWay {
    /// One that waits for its call.
    #[must_use]
    pub fn new(act: &AgentAct) -> Self {
        Self { action: act.dialogue.action.clone(), by: act.name.clone(), since: act.since() }
    }
}

/// The form of an action, as far as it is filled in.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[schema(as = ActionForm)]
pub struct FormView {
    #[serde(flatten)]
    action: ActionBrief,
    inputs: Vec<FieldView>,
    /// Whether nothing is missing.
    ready: bool,
    /// What has to be said yes to, once nothing is missing; it is sent back as `confirmed`.
    #[serde(skip_serializing_if = "String::is_empty")]
    confirm: String,
}

/// One input of a form.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct FieldView {
    name: String,
    title: String,
    /// `text`, `number`, `email`, `phone`, `date`, `moment` or `choice`.
    r#type: &'static str,
    /// The question that the bot would ask.
    ask: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    value: Option<Json>,
    /// The value as people read it.
    #[serde(skip_serializing_if = "Option::is_none")]
    shown: Option<String>,
    /// What can be chosen; absent where that is not known yet.
    #[serde(skip_serializing_if = "Option::is_none")]
    choices: Option<Vec<ChoiceView>>,
    /// `not_fitting`, `not_offered`, `none_offered`, `failed`.
    #[serde(skip_serializing_if = "Option::is_none")]
    problem: Option<&'static str>,
    /// What the file says of that.
    #[serde(skip_serializing_if = "Option::is_none")]
    says: Option<String>,
}

/// Something that can be chosen.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct ChoiceView {
    #[schema(value_type = Object)]
    value: Json,
    title: String,
}

impl FormView {
    /// A form in the language of a scene.
    #[must_use]
    pub fn new(actions: &Actions, scene: &Scene<'_>, form: &Form<'_>) -> Self {
        let action = ActionBrief::new(form.action, scene.language, scene.who.identity);
        let ready = form.is_complete() && !action.needs_check;
        Self {
            confirm: if ready { actions.confirmation(scene, form) } else { String::new() },
            inputs: form.fields.iter().map(|field| FieldView::new(actions, scene, form, field)).collect(),
            action,
            ready,
        }
    }

    /// Nothing, where all is known and the agent has said yes to what they were shown.
    ///
    /// # Errors
    /// 403 where they have to check who the customer is, 422 where something is missing, 409 where they said yes to something else.
    pub fn must_be_ready(&self, confirmed: &str) -> Result<(), ApiError> {
        if self.action.needs_check {
            let said = "It is not sure enough who the customer is. Check it, and say so with `checked`.";
            return Err(ApiError::new(StatusCode::FORBIDDEN, "identity", said));
        }
        if let Some(missing) = self.inputs.iter().find(|input| input.value.is_none()) {
            let why = match missing.problem {
                Some("not_offered") => "it cannot be chosen, or not any more; choose another one",
                Some("none_offered") => "there is nothing to choose",
                Some("failed") => "what can be chosen could not be looked up; try again later",
                Some(_) => "it cannot be this; mend it",
                None => "it is missing",
            };
            let said = format!("Nothing was done because of “{}”: {why}.", missing.title);
            return Err(ApiError::new(StatusCode::UNPROCESSABLE_ENTITY, "incomplete", said));
        }
        if self.confirm != confirmed {
            let said = format!("Nothing was done: what has to be confirmed is “{}”.", self.confirm);
            return Err(ApiError::conflict("not_confirmed", said));
        }
        Ok(())
    }
}

impl FieldView {
    fn new(actions: &Actions, scene: &Scene<'_>, form: &Form<'_>, field: &Field<'_>) -> Self {
        let Field { input, value, choices, problem, .. } = field;
        let (ask, retry) = actions.asks(scene, form, input);
        let choices: Option<Vec<ChoiceView>> = choices.as_ref().map(|choices| {
            choices
                .iter()
                .map(|choice| ChoiceView { value: choice.value.clone(), title: choice.title.clone() })
                .collect()
        });
        let chosen = |value: &Json| choices.iter().flatten().find(|choice| choice.value == *value);
        let shown_as = |value: &Json| match chosen(value) {
            Some(choice) => choice.title.clone(),
            None => shown(Some(input), value, scene.language),
        };
        let (problem, says) = match problem {
            None => (None, None),
            Some(Problem::NotFitting) => (Some("not_fitting"), retry),
            Some(Problem::NotOffered) => (Some("not_offered"), None),
            Some(Problem::NoneOffered(none)) => (Some("none_offered"), Some(none.clone())),
            Some(Problem::Failed(_)) => (Some("failed"), None),
        };
        Self {
            name: input.name.clone(),
            title: title(&input.title, scene.language).unwrap_or(&input.name).to_owned(),
            r#type: kind(&input.kind),
            ask,
            shown: value.as_ref().map(shown_as),
            value: value.clone(),
            choices,
            problem,
            says: says.filter(|says| !says.is_empty()),
        }
    }
}

const fn kind(kind: &Kind) -> &'static str {
    match kind {
        Kind::Text => "text",
        Kind::Number => "number",
        Kind::Email => "email",
        Kind::Phone => "phone",
        Kind::Date => "date",
        Kind::Moment => "moment",
        Kind::Choice(_) => "choice",
    }
}
