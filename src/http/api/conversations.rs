//! Conversations: lists, journals, and what agents do in them.

use std::sync::Arc;

use axum::{Json, extract::State, http::StatusCode};
use contract::{
    Attachment, AttachmentSource, ContentHash, ConversationId, EntryId, MessageId, OutboundId, clean_line, clean_text,
};
use serde::Deserialize;
use utoipa::{IntoParams, ToSchema};

use super::{Body, Path, Query, limit};
use crate::{
    bot::Citation,
    http::{
        ApiError, App,
        auth::Caller,
        live::{may_see, served},
        views::{ConversationDetail, ConversationView, CustomerView, EntriesView, EntryView, PageView},
    },
    live::Audience,
    store::{
        Draft, ListOf, Once,
        conversation::{Conversation, Owner, TicketNumber},
        entry::{EntryAuthor, Event},
        people::{Agent, Role},
    },
};

/// The longest text of a reply or a note, in characters.
const TEXT_CHARS: usize = 20_000;
/// The longest name of what a reply was taken from, in characters.
const CITED_CHARS: usize = 500;
/// Most files with one reply.
const FILES_MOST: usize = 10;

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
pub(super) struct Listed {
    /// `mine`, `queued`, `open` or `closed`.
    r#box: BoxName,
    /// Only of this queue.
    queue: Option<String>,
    limit: Option<usize>,
    /// `next` of the part before.
    before: Option<String>,
}

#[derive(Clone, Copy, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
enum BoxName {
    Mine,
    Queued,
    Open,
    Closed,
}

/// Conversations: my own, those that wait (next first), open or closed ones (newest first).
#[utoipa::path(get, path = "/conversations", params(Listed), tag = "conversations", operation_id = "list_conversations",
    responses((status = 200, body = PageView<ConversationView>)))]
pub(super) async fn list(
    State(app): State<App>,
    caller: Caller,
    Query(listed): Query<Listed>,
) -> Result<Json<PageView<ConversationView>>, ApiError> {
    let before = listed.before.as_deref().map(str::parse::<ConversationId>).transpose();
    let before = before.map_err(|error| ApiError::wrong(error.to_string()))?;
    let limit = limit(listed.limit);
    let list = match listed.r#box {
        BoxName::Queued => return waiting(&app, &caller, listed.queue.as_deref(), limit).await.map(Json),
        BoxName::Mine => ListOf::Mine(caller.agent()?.id),
        BoxName::Open => ListOf::Open,
        BoxName::Closed => ListOf::Closed,
    };
    let page = app.records.store.conversations(list, before, limit).await?;
    let next = page.items.last().filter(|_| page.more).map(|last| last.id.to_string());
    let mut items: Vec<Arc<Conversation>> = page
        .items
        .into_iter()
        .filter(|c| sees(&app, &caller, c))
        .filter(|c| is_of(c, listed.queue.as_deref()))
        .collect();
    if matches!(listed.r#box, BoxName::Open | BoxName::Mine) {
        items.sort_by_key(|c| std::cmp::Reverse(c.last.as_ref().map_or(c.opened_at, |last| last.at)));
    }
    Ok(Json(PageView { items: items.iter().map(|c| app.records.announcer.view(c)).collect(), next }))
}

fn is_of(conversation: &Conversation, queue: Option<&str>) -> bool {
    queue.is_none_or(|queue| conversation.handoff.as_ref().is_some_and(|handoff| handoff.queue == queue))
}

/// What waits, in the desk's own order.
async fn waiting(
    app: &App,
    caller: &Caller,
    queue: Option<&str>,
    limit: usize,
) -> Result<PageView<ConversationView>, ApiError> {
    let mut queues: Vec<String> = if caller.role >= Role::Supervisor {
        app.policy.rules().queues().keys().cloned().collect()
    } else {
        served(app, caller).into_iter().collect()
    };
    queues.retain(|name| queue.is_none_or(|queue| queue == name));
    let now = crate::clock::now();
    let wanted = queues.clone();
    let in_order = app.records.desk.ask(move |desk| {
        let mut found: Vec<(f64, ConversationId)> = Vec::new();
        for queue in wanted {
            found.extend(desk.waiting(&queue, now).take(limit).map(|waits| (waits.score, waits.waiting.conversation)));
        }
        found.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)));
        found.into_iter().map(|(_, id)| id).collect::<Vec<_>>()
    });
    let in_order = in_order.await.unwrap_or_else(|_| app.records.desk.board().in_order());
    let mut items = Vec::new();
    for id in in_order {
        if items.len() == limit {
            break;
        }
        let Some(conversation) = app.records.store.conversation(id).await? else { continue };
        if queues.iter().any(|queue| is_of(&conversation, Some(queue))) {
            items.push(app.records.announcer.view(&conversation));
        }
    }
    Ok(PageView { items, next: None })
}

fn sees(app: &App, caller: &Caller, conversation: &Conversation) -> bool {
    let queue = conversation.handoff.as_ref().filter(|_| conversation.owner == Owner::Queue);
    let audience = Audience::Conversation {
        agents: [conversation.agent, conversation.previous_agent],
        queue: queue.map(|handoff| handoff.queue.clone()),
    };
    may_see(app, caller, &audience)
}

/// A conversation, if the caller may see it. An agent may also see one of a customer of theirs: the whole context is
/// what they work with.
pub(super) async fn visible(app: &App, caller: &Caller, id: ConversationId) -> Result<Arc<Conversation>, ApiError> {
    let conversation = app.records.store.conversation(id).await?.ok_or_else(|| ApiError::missing("conversation"))?;
    if sees(app, caller, &conversation) || serves_customer(app, caller, conversation.customer).await? {
        return Ok(conversation);
    }
    Err(ApiError::missing("conversation that you may see"))
}

/// Whether one of a customer's conversations is the caller's to see.
pub(super) async fn serves_customer(
    app: &App,
    caller: &Caller,
    customer: contract::CustomerId,
) -> Result<bool, ApiError> {
    if caller.role >= Role::Supervisor {
        return Ok(true);
    }
    let Some(contact) = app.records.store.contact(customer).await? else { return Ok(false) };
    let conversations = app.records.store.conversations_of(&contact.ids, super::LIST_MOST).await?;
    Ok(conversations.iter().any(|conversation| sees(app, caller, conversation)))
}

/// The conversation of a ticket, by its number: `10023`, or `%2310023`.
#[utoipa::path(get, path = "/tickets/{number}", params(("number" = String, Path)), tag = "conversations", operation_id = "ticket",
    responses((status = 200, body = ConversationView), (status = 404)))]
pub(super) async fn of_ticket(
    State(app): State<App>,
    caller: Caller,
    Path(number): Path<TicketNumber>,
) -> Result<Json<ConversationView>, ApiError> {
    let found = app.records.store.conversation_of_ticket(number).await?.ok_or_else(|| ApiError::missing("ticket"))?;
    let conversation = visible(&app, &caller, found.id).await?;
    Ok(Json(app.records.announcer.view(&conversation)))
}

/// A conversation with its customer's whole context.
#[utoipa::path(get, path = "/conversations/{id}", params(("id" = String, Path)), tag = "conversations", operation_id = "conversation",
    responses((status = 200, body = ConversationDetail), (status = 404)))]
pub(super) async fn detail(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<ConversationId>,
) -> Result<Json<ConversationDetail>, ApiError> {
    let conversation = visible(&app, &caller, id).await?;
    let contact = contact(&app, conversation.customer).await?;
    let view = app.records.announcer.view(&conversation);
    Ok(Json(ConversationDetail::new(&conversation, view, &app.records.tickets.links, contact)))
}

/// A customer with all their conversations.
pub(super) async fn contact(app: &App, id: contract::CustomerId) -> Result<CustomerView, ApiError> {
    let contact = app.records.store.contact(id).await?.ok_or_else(|| ApiError::missing("customer"))?;
    let conversations = app.records.store.conversations_of(&contact.ids, super::LIST_MOST).await?;
    Ok(CustomerView::new(contact, conversations.iter().map(|c| app.records.announcer.view(c)).collect()))
}

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
pub(super) struct Part {
    /// An entry's id: what came before it.
    pub(super) before: Option<String>,
    pub(super) limit: Option<usize>,
}

/// The id of an entry, in any of the forms in which entries name themselves.
pub(super) fn entry_id(text: &str) -> Result<EntryId, ApiError> {
    text.parse::<EntryId>()
        .or_else(|_| text.parse::<MessageId>().map(Into::into))
        .or_else(|_| text.parse::<OutboundId>().map(Into::into))
        .map_err(|error| ApiError::wrong(error.to_string()))
}

/// A conversation's journal, oldest first.
#[utoipa::path(get, path = "/conversations/{id}/entries", params(("id" = String, Path), Part), tag = "conversations",
    operation_id = "conversation_entries", responses((status = 200, body = EntriesView)))]
pub(super) async fn entries(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<ConversationId>,
    Query(part): Query<Part>,
) -> Result<Json<EntriesView>, ApiError> {
    visible(&app, &caller, id).await?;
    let before = part.before.as_deref().map(entry_id).transpose()?;
    let page = app.records.store.entries(id, before, limit(part.limit), false).await?;
    Ok(Json(EntriesView { items: page.items.into_iter().map(EntryView::new).collect(), more: page.more }))
}

/// Something an agent writes.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Written {
    text: String,
    /// The writer's own id for it: sent twice, it is written once.
    client_id: String,
    /// Files that were uploaded before, by their hashes.
    #[serde(default)]
    #[schema(value_type = Vec<Object>)]
    attachments: Vec<WrittenFile>,
    /// The section of the knowledge base that a reply was taken from.
    #[schema(value_type = Option<Object>)]
    citation: Option<Citation>,
}

/// A file that was uploaded before.
#[derive(Deserialize)]
#[serde(untagged)]
enum WrittenFile {
    /// As the upload answered.
    Whole(Attachment),
    /// By its hash alone.
    Hash(String),
}

pub(super) fn checked_client_id(client_id: &str) -> Result<(), ApiError> {
    match client_id.len() {
        1..=80 => Ok(()),
        _ => Err(ApiError::wrong("client_id has 1 to 80 characters; a UUID will do.")),
    }
}

async fn body_of(app: &App, written: &Written) -> Result<contract::Body, ApiError> {
    let text = clean_text(&written.text);
    if text.is_empty() && written.attachments.is_empty() {
        return Err(ApiError::wrong("There is neither text nor a file."));
    }
    if text.chars().count() > TEXT_CHARS || written.attachments.len() > FILES_MOST {
        let message = format!("A text has at most {TEXT_CHARS} characters and {FILES_MOST} files.");
        return Err(ApiError::new(StatusCode::UNPROCESSABLE_ENTITY, "too_long", message));
    }
    checked_client_id(&written.client_id)?;
    let mut body = contract::Body::text(text);
    for file in &written.attachments {
        let (hash, name, media_type) = match file {
            WrittenFile::Whole(Attachment { source: AttachmentSource::Stored { hash, .. }, name, media_type }) => {
                (*hash, clean_line(name, 200), media_type.clone())
            }
            WrittenFile::Whole(_) => return Err(ApiError::wrong("A link is no file; put it into the text.")),
            WrittenFile::Hash(text) => {
                let hash = text.parse::<ContentHash>().map_err(|_| ApiError::wrong("That is no file's hash."))?;
                (hash, text.clone(), "application/octet-stream".to_owned())
            }
        };
        let bytes = app.attachments.read(hash).await?.ok_or_else(|| ApiError::missing("file; upload it first"))?;
        let source = AttachmentSource::Stored { hash, size: bytes.len() as u64 };
        body.attachments.push(Attachment { name, media_type, source });
    }
    Ok(body)
}

pub(super) fn author(agent: &Agent) -> EntryAuthor {
    EntryAuthor::Agent { id: agent.id, name: agent.name.clone() }
}

pub(super) fn needs_owner(draft: &Draft<'_>, agent: &Agent) -> Result<(), ApiError> {
    if draft.conversation.owner == Owner::Agent && draft.conversation.agent == Some(agent.id) {
        return Ok(());
    }
    Err(ApiError::conflict("not_owner", "The conversation is not yours, or not any more; nothing was done."))
}

async fn write(
    app: &App,
    caller: &Caller,
    id: ConversationId,
    client_id: &str,
    mut draft: impl FnMut(&mut Draft<'_>, &Agent, EntryId) -> Result<(), ApiError>,
) -> Result<(StatusCode, Json<EntryView>), ApiError> {
    let agent = caller.agent()?;
    let already = || app.records.store.entry_once(agent.id, client_id);
    let written: EntryId = match already().await? {
        Some(already) => already,
        None => {
            let new: EntryId = app.records.ids.next(crate::clock::now());
            let amended = app.records.amend(id, |change| {
                change.once = Some(Once { writer: agent.id, client_id: client_id.to_owned(), entry: new });
                draft(change, agent, new)
            });
            let (_, entries) = amended.await?;
            match entries.first() {
                Some(entry) => entry.id,
                None => already().await?.unwrap_or(new),
            }
        }
    };
    let full = app.records.store.entry(written).await?.ok_or_else(|| ApiError::missing("entry"))?;
    Ok((StatusCode::CREATED, Json(EntryView::new(full))))
}

/// Reply to the customer. Only the conversation's agent can.
#[utoipa::path(post, path = "/conversations/{id}/replies", params(("id" = String, Path)), request_body = Written, tag = "conversations",
    responses((status = 201, body = EntryView), (status = 409)))]
pub(super) async fn reply(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<ConversationId>,
    Body(written): Body<Written>,
) -> Result<(StatusCode, Json<EntryView>), ApiError> {
    let body = body_of(&app, &written).await?;
    write(&app, &caller, id, &written.client_id, |draft, agent, entry| {
        needs_owner(draft, agent)?;
        let state = app.records.reply_state(&draft.conversation.channel);
        draft.reply(OutboundId::from(entry.get()), author(agent), body.clone(), state);
        if let Some(Citation { file, question, score }) = &written.citation {
            let (file, question) = (clean_line(file, CITED_CHARS), clean_line(question, CITED_CHARS));
            draft.cite(Citation { file, question, score: score.clamp(0.0, 1.0) });
        }
        Ok(())
    })
    .await
}

/// Leave a note that the customer never sees.
#[utoipa::path(post, path = "/conversations/{id}/notes", params(("id" = String, Path)), request_body = Written, tag = "conversations",
    responses((status = 201, body = EntryView)))]
pub(super) async fn note(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<ConversationId>,
    Body(written): Body<Written>,
) -> Result<(StatusCode, Json<EntryView>), ApiError> {
    visible(&app, &caller, id).await?;
    let body = body_of(&app, &written).await?;
    write(&app, &caller, id, &written.client_id, |draft, agent, entry| {
        draft.note(entry, author(agent), body.clone());
        Ok(())
    })
    .await
}

/// Tell the customer that you are writing.
#[utoipa::path(post, path = "/conversations/{id}/typing", params(("id" = String, Path)), tag = "conversations", responses((status = 204)))]
pub(super) async fn typing(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<ConversationId>,
) -> Result<StatusCode, ApiError> {
    let agent = caller.agent()?;
    let conversation = visible(&app, &caller, id).await?;
    if conversation.agent == Some(agent.id) {
        app.records.agent_types(&conversation, agent.name.clone());
    }
    Ok(StatusCode::NO_CONTENT)
}

/// Close it. Its agent can; a supervisor can close any.
#[utoipa::path(post, path = "/conversations/{id}/close", params(("id" = String, Path)), tag = "conversations",
    responses((status = 200, body = ConversationView), (status = 409)))]
pub(super) async fn close(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<ConversationId>,
) -> Result<Json<ConversationView>, ApiError> {
    end(&app, &caller, id, |draft, by| {
        if draft.conversation.owner != Owner::Closed {
            let now = draft.now;
            draft.conversation.close(now);
            draft.event(EntryAuthor::System, Event::Closed { by });
        }
    })
    .await
}

/// Give it back to the bot.
#[utoipa::path(post, path = "/conversations/{id}/return", params(("id" = String, Path)), tag = "conversations",
    responses((status = 200, body = ConversationView), (status = 409)))]
pub(super) async fn give_back(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<ConversationId>,
) -> Result<Json<ConversationView>, ApiError> {
    end(&app, &caller, id, |draft, by| {
        if matches!(draft.conversation.owner, Owner::Agent | Owner::Queue) {
            draft.conversation.give_to_bot();
            draft.event(EntryAuthor::System, Event::ReturnedToBot { by });
        }
    })
    .await
}

async fn end(
    app: &App,
    caller: &Caller,
    id: ConversationId,
    mut change: impl FnMut(&mut Draft<'_>, String),
) -> Result<Json<ConversationView>, ApiError> {
    let amended = app.records.amend(id, |draft| {
        if caller.role < Role::Supervisor {
            needs_owner(draft, caller.agent()?)?;
        }
        change(draft, caller.name.clone());
        Ok::<(), ApiError>(())
    });
    let (conversation, _) = amended.await?;
    Ok(Json(app.records.announcer.view(&conversation)))
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Tags {
    #[serde(default)]
    add: Vec<String>,
    #[serde(default)]
    remove: Vec<String>,
}

/// Add and remove tags.
#[utoipa::path(post, path = "/conversations/{id}/tags", params(("id" = String, Path)), request_body = Tags, tag = "conversations",
    responses((status = 200, body = ConversationView)))]
pub(super) async fn tag(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<ConversationId>,
    Body(tags): Body<Tags>,
) -> Result<Json<ConversationView>, ApiError> {
    const TAGS_MOST: usize = 50;
    visible(&app, &caller, id).await?;
    let clean = |tags: &[String]| -> Vec<String> {
        tags.iter().map(|tag| clean_line(tag, 40)).filter(|tag| !tag.is_empty()).collect()
    };
    let (wanted, unwanted) = (clean(&tags.add), clean(&tags.remove));
    let amended = app.records.amend(id, |draft| {
        let has = &mut draft.conversation.tags;
        let add: Vec<String> = wanted.iter().filter(|tag| has.insert((*tag).clone())).cloned().collect();
        let remove: Vec<String> = unwanted.iter().filter(|tag| has.remove(*tag)).cloned().collect();
        if has.len() > TAGS_MOST {
            return Err(ApiError::wrong(format!("A conversation has at most {TAGS_MOST} tags.")));
        }
        if !add.is_empty() || !remove.is_empty() {
            draft.event(EntryAuthor::System, Event::Tagged { add, remove, by: caller.name.clone() });
        }
        Ok(())
    });
    let (conversation, _) = amended.await?;
    Ok(Json(app.records.announcer.view(&conversation)))
}
