//! The request that a call is made of. Pure: nothing that a customer wrote can lead it elsewhere than the file says.

use std::{sync::Arc, time::Duration};

use minijinja::{Value, context};
use serde_json::Value as Json;
use url::Url;

use super::{
    dialogue::{Dialogue, Step},
    scene::Scene,
    spec::{Actions, Call, Choices, Kind, Shape, System},
    texts::Template,
};
use crate::calls::Request;

impl Actions {
    /// How long the call may take that a dialogue waits for.
    #[must_use]
    pub fn time_of(&self, dialogue: &Dialogue) -> Duration {
        self.call_of(dialogue).map_or(Duration::ZERO, |call| Duration::from_millis(call.system.timeout))
    }

    /// Whether the call that a dialogue waits for may be made again without harm.
    #[must_use]
    pub fn is_repeatable(&self, dialogue: &Dialogue) -> bool {
        self.call_of(dialogue).is_none_or(|call| !call.effect || call.idempotent)
    }

    /// The call that a dialogue waits for.
    fn call_of(&self, dialogue: &Dialogue) -> Option<&Call> {
        let Step::Calls { choices_of, .. } = &dialogue.step else { return None };
        let spec = self.actions.get(&dialogue.action)?;
        let Some(input) = choices_of else { return spec.call.as_ref() };
        match &spec.input(input)?.kind {
            Kind::Choice(Choices::Asked(asked)) => Some(&asked.call),
            _ => None,
        }
    }

    /// The request that a dialogue waits for. `secrets` are what headers of systems may name.
    ///
    /// # Errors
    /// It cannot be made of what is known; in words for the log.
    pub fn request(&self, scene: &Scene<'_>, dialogue: &Dialogue, secrets: &Value) -> Result<Request, String> {
        let Step::Calls { key, .. } = &dialogue.step else { return Err("nothing is to be called".to_owned()) };
        let call =
            self.call_of(dialogue).ok_or_else(|| format!("the action {} calls nobody any more", dialogue.action))?;
        self.filled(call, &scene.context(&dialogue.inputs), key, secrets)
    }

    fn filled(&self, call: &Call, context: &Value, key: &str, secrets: &Value) -> Result<Request, String> {
        let fill = |template: &Template| self.texts.fill(template, context);
        let mut request = self.request_to(&call.system, context, secrets)?;
        if call.tool.is_none() {
            let mut path = request.url.path_segments_mut().map_err(|()| "the system's URL has no path".to_owned())?;
            path.pop_if_empty();
            for segment in &call.path {
                let segment = fill(segment)?;
                if segment.is_empty() || segment == "." || segment == ".." {
                    return Err(format!("“{segment}” is no part of a path"));
                }
                path.push(&segment);
            }
        }
        let query = call.query.iter().map(|(name, value)| Ok((name, fill(value)?)));
        let query: Vec<_> = query.collect::<Result<_, String>>()?;
        add_query(&mut request.url, query.iter().filter(|(_, value)| !value.is_empty()));
        for (name, value) in &call.headers {
            request.headers.push((name.clone(), fill(value)?));
        }
        if let Some((name, _)) = request.headers.iter().find(|(_, value)| value.chars().any(char::is_control)) {
            return Err(format!("the header {name} would have a line break in it"));
        }
        Ok(Request {
            method: call.method.clone(),
            body: call.body.as_ref().map(|body| self.shaped(body, context)).transpose()?,
            tool: call.tool.clone(),
            key: (call.effect && call.idempotent).then(|| key.to_owned()),
            effect: call.effect,
            cache: Duration::from_secs(call.cache),
            ..request
        })
    }

    /// A request to a system that asks for nothing yet. `secrets` are what its headers may name, beside the context.
    ///
    /// # Errors
    /// A header cannot be made of what is known; in words for the log.
    pub fn request_to(&self, system: &Arc<System>, context: &Value, secrets: &Value) -> Result<Request, String> {
        let secret = context! { secret => secrets, ..context.clone() };
        let headers = system.headers.iter().map(|(name, value)| Ok((name.clone(), self.texts.fill(value, &secret)?)));
        Ok(Request {
            system: Arc::clone(system),
            method: "GET".to_owned(),
            url: system.url.clone(),
            headers: headers.collect::<Result<_, String>>()?,
            body: None,
            tool: None,
            key: None,
            effect: false,
            cache: Duration::ZERO,
        })
    }

    /// The secrets that the headers of a system name.
    #[must_use]
    pub fn secrets_of(&self, system: &System) -> Vec<String> {
        let named = system.headers.iter().flat_map(|(_, value)| self.texts.names_of(value));
        named.filter_map(|name| Some(name.strip_prefix("secret.")?.to_owned())).collect()
    }

    pub(super) fn shaped(&self, shape: &Shape, context: &Value) -> Result<Json, String> {
        Ok(match shape {
            Shape::Plain(value) => value.clone(),
            Shape::Value(expression) => self.texts.value(expression, context)?,
            Shape::Text(template) => Json::from(self.texts.fill(template, context)?),
            Shape::List(items) => {
                Json::Array(items.iter().map(|item| self.shaped(item, context)).collect::<Result<_, _>>()?)
            }
            Shape::Object(fields) => {
                let fields = fields.iter().map(|(name, value)| Ok((name.clone(), self.shaped(value, context)?)));
                // What is not known is not sent.
                let fields = fields.filter(|field| !matches!(field, Ok((_, Json::Null))));
                Json::Object(fields.collect::<Result<_, String>>()?)
            }
        })
    }
}

fn add_query<'q>(url: &mut Url, query: impl Iterator<Item = &'q (&'q String, String)>) {
    let mut query = query.peekable();
    if query.peek().is_some() {
        url.query_pairs_mut().extend_pairs(query.map(|(name, value)| (name.as_str(), value.as_str())));
    }
}
