//! Agent assist: what the bot gathered and did, what could be said, and the bot's actions to be carried out by hand.

use std::collections::BTreeMap;

use axum::{
    Json,
    extract::{Path as Parts, State},
    http::StatusCode,
};
use contract::{Content, ConversationId};
use serde::Deserialize;
use serde_json::Value as Any;
use utoipa::{IntoParams, ToSchema};

use super::{
    Body, Path, Query,
    conversations::{author, visible},
};
use crate::{
    actions::{Form, Heard},
    assist::{Recap, Tongue, gathered, passages, recap, replies},
    http::{
        ApiError, App,
        assisting::{ActionBrief, AssistView, FormView, UnderWay},
        auth::Caller,
        views::EntryView,
    },
    models::Why,
    routing::{RuleSet, TemplateContext},
    store::{
        AmendError, FullEntry,
        conversation::{Conversation, Owner},
        entry::{EntryAuthor, What},
        people::{Agent, Role},
    },
    turn::Stage,
    worker::{Assisted, Refused, Unsummarised},
};

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
pub(super) struct Reader {
    /// The agent's language, a BCP-47 tag; `en` where it is not said.
    language: Option<String>,
}

/// What helps an agent with a conversation: a summary of what happened, passages and replies that may fit, the actions.
#[utoipa::path(get, path = "/conversations/{id}/assist", params(("id" = String, Path), Reader), tag = "conversations",
    operation_id = "assist", responses((status = 200, body = AssistView), (status = 404)))]
pub(super) async fn assist(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<ConversationId>,
    Query(Reader { language }): Query<Reader>,
) -> Result<Json<AssistView>, ApiError> {
    let conversation = visible(&app, &caller, id).await?;
    let language = language.as_deref().unwrap_or("en");
    let entries = app.worker.journal_of(id).await?;
    let stage = app.worker.stage_of(&conversation).await?;
    let (rules, tongue) = (app.policy.rules(), Tongue::of(language));
    let identity = stage.as_ref().map(Stage::identity).unwrap_or_default();
    let summary = app.worker.summary_of(&conversation, &entries, stage.as_ref(), tongue).await?;
    let asked: Vec<&str> = unanswered(&entries).map(|(text, _)| text).collect();
    let customers = stage.as_ref().map(Stage::language).filter(|language| !language.is_empty());
    Ok(Json(AssistView {
        summary,
        recap: recap(&entries, tongue),
        may_summarise: stage.is_some() && caller.agent.is_some() && app.worker.summariser().is_some(),
        passages: passages(&app.policy.knowledge(), &asked, customers.unwrap_or_default()),
        replies: suggested_replies(&rules, &conversation, &entries, customers),
        actions: rules.actions().for_agents().map(|action| ActionBrief::new(action, language, identity)).collect(),
        may_act: stage.is_some() && conversation.owner != Owner::Closed && may_act(&caller, &conversation),
        under_way: conversation.agent_act.as_ref().map(|act| UnderWay::new(act)),
    }))
}

/// For whom a conversation is summarised.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Summarise {
    /// The agent's language.
    language: Option<String>,
}

/// Have a model say in a few sentences what a conversation is about; what it said before where nothing has happened since.
#[utoipa::path(post, path = "/conversations/{id}/summary", params(("id" = String, Path)), request_body = Summarise,
    tag = "conversations", operation_id = "summarise",
    responses((status = 200, body = Recap), (status = 404), (status = 409), (status = 429), (status = 503)))]
pub(super) async fn summarise(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<ConversationId>,
    Body(Summarise { language }): Body<Summarise>,
) -> Result<Json<Recap>, ApiError> {
    let by = author(caller.agent()?);
    visible(&app, &caller, id).await?;
    let tongue = Tongue::of(language.as_deref().unwrap_or("en"));
    Ok(Json(app.worker.summarise(id, by, tongue, &app.stop).await.map_err(unsummarised)?))
}

fn unsummarised(why: Unsummarised) -> ApiError {
    let said = format!("Only the ordinary summary stands: {why}.");
    match why {
        Unsummarised::NoModel => ApiError::conflict("no_model", said),
        Unsummarised::NothingSaid => ApiError::conflict("nothing_said", said),
        Unsummarised::Model(Why::Budget) => ApiError::new(StatusCode::TOO_MANY_REQUESTS, Why::Budget.as_str(), said),
        Unsummarised::Model(why) => ApiError::new(StatusCode::SERVICE_UNAVAILABLE, why.as_str(), said),
        Unsummarised::Store(error) => error.into(),
    }
}

/// What the customer wrote since an agent last answered, newest first, with what was understood of it.
fn unanswered(entries: &[FullEntry]) -> impl Iterator<Item = (&str, &crate::understand::Signals)> {
    let newest = entries.iter().rev().skip_while(|full| !matches!(full.entry.what, What::Message(_)));
    let until = newest.take_while(|full| {
        !matches!((&full.entry.what, &full.entry.author), (What::Reply { .. }, EntryAuthor::Agent { .. }))
    });
    until.filter_map(|FullEntry { entry, inbound, .. }| match (&entry.what, &inbound.as_ref()?.content) {
        (What::Message(record), content @ Content::Message(_)) if !content.text().trim().is_empty() => {
            let content = &inbound.as_ref()?.content;
            Some((content.text(), &*record.signals))
        }
        _ => None,
    })
}

fn suggested_replies(
    rules: &RuleSet,
    conversation: &Conversation,
    entries: &[FullEntry],
    language: Option<&str>,
) -> Vec<crate::assist::SuggestedReply> {
    let signals = || unanswered(entries).map(|(_, signals)| signals);
    let intents = signals().filter_map(|signals| signals.intent.as_ref()?.known()).map(String::as_str);
    let topics = signals().flat_map(|signals| signals.topics.iter().map(String::as_str));
    let id = conversation.id.to_string();
    let context = TemplateContext {
        customer_name: conversation.customer_name.as_deref(),
        conversation: Some(&id),
        message_text: unanswered(entries).next().map(|(text, _)| text),
        ..TemplateContext::default()
    };
    replies(rules, &intents.chain(topics).collect::<Vec<_>>(), language, &context)
}

/// Whether somebody may have actions carried out in a conversation: its agent, and whoever supervises.
fn may_act(caller: &Caller, conversation: &Conversation) -> bool {
    let owns = |agent: &Agent| conversation.owner == Owner::Agent && conversation.agent == Some(agent.id);
    caller.agent.as_deref().is_some_and(|agent| caller.role >= Role::Supervisor || owns(agent))
}

/// A form as far as it is filled in.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Filled {
    /// Values by the names of the inputs; without it, what is known already.
    inputs: Option<BTreeMap<String, Any>>,
    /// The agent's language.
    language: Option<String>,
    /// Whether the agent has checked by themselves who the customer is.
    #[serde(default)]
    checked: bool,
}

/// An action that is to be carried out.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Pressed {
    /// Values by the names of the inputs.
    inputs: BTreeMap<String, Any>,
    /// The agent's language.
    language: Option<String>,
    /// Whether the agent has checked by themselves who the customer is; it is noted in the journal.
    #[serde(default)]
    checked: bool,
    /// The `confirm` that the form showed, word by word.
    #[serde(default)]
    confirmed: String,
    /// The browser's own id for it: sent twice, it is done once.
    client_id: String,
}

/// What an action is filled in on.
struct Desk {
    conversation: std::sync::Arc<Conversation>,
    stage: Stage,
    rules: std::sync::Arc<RuleSet>,
}

impl Desk {
    async fn at(app: &App, caller: &Caller, id: &str, checked: bool) -> Result<Self, ApiError> {
        let id: ConversationId = id.parse().map_err(|error| ApiError::wrong(format!("{error}")))?;
        caller.agent()?;
        let conversation = visible(app, caller, id).await?;
        if !may_act(caller, &conversation) {
            return Err(refused(&Refused::NotYours));
        }
        let stage = app.worker.stage_of(&conversation).await?;
        let stage = stage.ok_or_else(|| ApiError::missing("customer here: nobody has written yet"))?.vouched(checked);
        Ok(Self { conversation, stage, rules: app.policy.rules() })
    }

    async fn known(&self, app: &App, action: &str, language: &str) -> Result<BTreeMap<String, Any>, ApiError> {
        let Some(spec) = self.rules.actions().actions.get(action) else { return Ok(BTreeMap::new()) };
        let entries = app.worker.journal_of(self.conversation.id).await?;
        let said = entries.iter().rev().filter_map(|FullEntry { entry, inbound, .. }| match &entry.what {
            What::Message(record) => {
                let text = inbound.as_ref()?.content.text();
                Some(Heard { text, pressed: None, entities: &record.signals.entities })
            }
            _ => None,
        });
        let said: Vec<Heard<'_>> = said.collect();
        let scene = self.stage.scene(action, &self.rules, crate::clock::now()).read_in(language);
        let gathered = gathered(&self.conversation, &entries, action);
        Ok(self.rules.actions().known_for(&scene, spec, &said, &gathered))
    }

    async fn fill_in(
        &self,
        app: &App,
        (action, language): (&str, &str),
        given: &BTreeMap<String, Any>,
    ) -> Result<Form<'_>, ApiError> {
        let form = app.worker.fill_in(&self.rules, &self.stage, (action, language), given).await;
        form.ok_or_else(|| ApiError::missing(&format!("action {action:?} that agents can have carried out")))
    }

    fn view(&self, form: &Form<'_>, language: &str) -> FormView {
        let scene = self.stage.scene(&form.action.name, &self.rules, crate::clock::now()).read_in(language);
        FormView::new(self.rules.actions(), &scene, form)
    }
}

/// Fill in the form of an action: what is known already, what can be chosen, what has to be said yes to. Nothing is carried out.
#[utoipa::path(post, path = "/conversations/{id}/actions/{action}/form", params(("id" = String, Path), ("action" = String, Path)),
    request_body = Filled, tag = "conversations", operation_id = "action_form",
    responses((status = 200, body = FormView), (status = 403), (status = 404)))]
pub(super) async fn form(
    State(app): State<App>,
    caller: Caller,
    Parts((id, action)): Parts<(String, String)>,
    Body(Filled { inputs, language, checked }): Body<Filled>,
) -> Result<Json<FormView>, ApiError> {
    let desk = Desk::at(&app, &caller, &id, checked).await?;
    let language = language.as_deref().unwrap_or("en");
    let given = match inputs {
        Some(inputs) => inputs,
        None => desk.known(&app, &action, language).await?,
    };
    let form = desk.fill_in(&app, (&action, language), &given).await?;
    Ok(Json(desk.view(&form, language)))
}

/// Have an action carried out for the customer. What comes of it is an event of the journal.
#[utoipa::path(post, path = "/conversations/{id}/actions/{action}", params(("id" = String, Path), ("action" = String, Path)),
    request_body = Pressed, tag = "conversations", operation_id = "act",
    responses((status = 201, body = EntryView), (status = 403), (status = 404), (status = 409), (status = 422)))]
pub(super) async fn act(
    State(app): State<App>,
    caller: Caller,
    Parts((id, action)): Parts<(String, String)>,
    Body(pressed): Body<Pressed>,
) -> Result<(StatusCode, Json<EntryView>), ApiError> {
    let desk = Desk::at(&app, &caller, &id, pressed.checked).await?;
    let agent = caller.agent()?;
    super::conversations::checked_client_id(&pressed.client_id)?;
    // What was pressed before is not looked up again: a time that was free is not free any more.
    let already = app.records.store.entry_once(agent.id, &pressed.client_id).await?;
    let entry = match already {
        Some(entry) => entry,
        None => {
            let language = pressed.language.as_deref().unwrap_or("en");
            let form = desk.fill_in(&app, (&action, language), &pressed.inputs).await?;
            let view = desk.view(&form, language);
            view.must_be_ready(&pressed.confirmed)?;
            let wanted = Assisted {
                agent,
                form,
                language,
                checked: pressed.checked,
                client_id: &pressed.client_id,
                may: &|conversation| may_act(&caller, conversation),
            };
            let asked = app.worker.assist(&desk.conversation, &desk.stage, &wanted, &app.stop).await;
            asked.map_err(|error| match error {
                AmendError::Refused(why) => refused(&why),
                AmendError::Store(error) => error.into(),
            })?
        }
    };
    let full = app.records.store.entry(entry).await?.ok_or_else(|| ApiError::missing("entry"))?;
    Ok((StatusCode::CREATED, Json(EntryView::new(full))))
}

fn refused(why: &Refused) -> ApiError {
    let said = format!("Nothing was done: {why}.");
    match why {
        Refused::NotYours => ApiError::forbidden(said),
        Refused::Identity => ApiError::new(StatusCode::FORBIDDEN, "identity", said),
        Refused::Closed => ApiError::conflict("closed", said),
        Refused::UnderWay => ApiError::conflict("under_way", said),
    }
}
