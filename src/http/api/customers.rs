//! Customers.

use std::collections::BTreeMap;

use axum::{Json, extract::State};
use contract::{CustomerId, clean_line};
use serde::Deserialize;
use utoipa::{IntoParams, ToSchema};

use super::{
    Body, Path, Query,
    conversations::{Part, contact, entry_id, serves_customer},
    limit,
};
use crate::{
    http::{
        ApiError, App,
        auth::Caller,
        views::{CustomerView, EntriesView, EntryView, Items},
    },
    store::{StoreError, customer::Customer, people::Role},
};

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
pub(super) struct Search {
    /// The beginning of a name, an email address, a phone number or a handle.
    q: String,
}

/// Find customers. Supervisors only: an agent sees the customers whom they serve.
#[utoipa::path(get, path = "/customers", params(Search), tag = "customers", operation_id = "search_customers",
    responses((status = 200, body = Items<CustomerView>)))]
pub(super) async fn search(
    State(app): State<App>,
    caller: Caller,
    Query(search): Query<Search>,
) -> Result<Json<Items<CustomerView>>, ApiError> {
    const FOUND_MOST: usize = 50;
    caller.needs(Role::Supervisor)?;
    if search.q.trim().is_empty() {
        return Err(ApiError::wrong(
            "q is empty; give the beginning of a name, email address, phone number or handle.",
        ));
    }
    let found = app.records.store.search(&search.q, FOUND_MOST).await?;
    Ok(Json(Items { items: found.into_iter().map(|contact| CustomerView::new(contact, Vec::new())).collect() }))
}

async fn needs_sight(app: &App, caller: &Caller, id: CustomerId) -> Result<(), ApiError> {
    if serves_customer(app, caller, id).await? {
        return Ok(());
    }
    Err(ApiError::missing("customer that you may see"))
}

/// A customer with all their conversations on all channels.
#[utoipa::path(get, path = "/customers/{id}", params(("id" = String, Path)), tag = "customers", operation_id = "customer",
    responses((status = 200, body = CustomerView), (status = 404)))]
pub(super) async fn detail(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<CustomerId>,
) -> Result<Json<CustomerView>, ApiError> {
    needs_sight(&app, &caller, id).await?;
    Ok(Json(contact(&app, id).await?))
}

/// What to change of a customer.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct CustomerUpdate {
    name: Option<String>,
    language: Option<String>,
    /// `null` removes an attribute.
    attributes: Option<BTreeMap<String, Option<String>>>,
}

/// Change a customer.
#[utoipa::path(patch, path = "/customers/{id}", params(("id" = String, Path)), request_body = CustomerUpdate, tag = "customers",
    operation_id = "change_customer", responses((status = 200, body = CustomerView)))]
pub(super) async fn change(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<CustomerId>,
    Body(update): Body<CustomerUpdate>,
) -> Result<Json<CustomerView>, ApiError> {
    const ATTRIBUTES_MOST: usize = 100;
    needs_sight(&app, &caller, id).await?;
    loop {
        let found = app.records.store.contact(id).await?.ok_or_else(|| ApiError::missing("customer"))?;
        let changed = update.on(&found.customer);
        if changed.attributes.len() > ATTRIBUTES_MOST {
            return Err(ApiError::wrong(format!("A customer has at most {ATTRIBUTES_MOST} attributes.")));
        }
        match app.records.store.put_customer(&found.customer, changed).await {
            // Somebody else changed them in between: the change is made to what they are now.
            Err(StoreError::Conflict) => {}
            result => {
                result?;
                return Ok(Json(contact(&app, id).await?));
            }
        }
    }
}

impl CustomerUpdate {
    fn on(&self, customer: &Customer) -> Customer {
        let mut customer = customer.clone();
        let line = |text: &str, most| Some(clean_line(text, most)).filter(|text| !text.is_empty());
        if let Some(name) = &self.name {
            customer.name = line(name, 80);
        }
        if let Some(language) = &self.language {
            customer.language = line(language, 20);
        }
        for (name, value) in self.attributes.iter().flatten() {
            let name = clean_line(name, 60);
            match value {
                Some(value) => customer.attributes.insert(name, clean_line(value, 500)),
                None => customer.attributes.remove(&name),
            };
        }
        customer
    }
}

/// Everything that a customer and the company said to each other, over all channels, oldest first.
#[utoipa::path(get, path = "/customers/{id}/entries", params(("id" = String, Path), Part), tag = "customers",
    operation_id = "customer_entries", responses((status = 200, body = EntriesView)))]
pub(super) async fn entries(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<CustomerId>,
    Query(part): Query<Part>,
) -> Result<Json<EntriesView>, ApiError> {
    needs_sight(&app, &caller, id).await?;
    let limit = limit(part.limit);
    let before = part.before.as_deref().map(entry_id).transpose()?;
    let before = match before {
        Some(id) => app.records.store.entry(id).await?.map(|full| full.entry.at),
        None => None,
    };
    let found = app.records.store.contact(id).await?.ok_or_else(|| ApiError::missing("customer"))?;
    let mut all = Vec::new();
    let mut more = false;
    for conversation in app.records.store.conversations_of(&found.ids, super::LIST_MOST).await? {
        let mut cursor = None;
        let mut wanted = 0;
        // Back to the moment that was asked for, and then as much as could be shown.
        loop {
            let page = app.records.store.entries(conversation.id, cursor, limit, false).await?;
            cursor = page.items.first().map(|full| full.entry.id);
            let older = page.items.into_iter().filter(|full| before.is_none_or(|before| full.entry.at < before));
            let taken: Vec<_> = older.collect();
            wanted += taken.len();
            all.extend(taken);
            if !page.more {
                break;
            }
            if wanted >= limit {
                more = true;
                break;
            }
        }
    }
    all.sort_by_key(|full| (full.entry.at, full.entry.id));
    let surplus = all.len().saturating_sub(limit);
    let items = all.split_off(surplus).into_iter().map(EntryView::new).collect();
    Ok(Json(EntriesView { items, more: more || surplus > 0 }))
}

/// Which merge to undo.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Unmerge {
    merge: String,
}

/// Undo a merge: two customers are two again.
#[utoipa::path(post, path = "/customers/{id}/unmerge", params(("id" = String, Path)), request_body = Unmerge, tag = "customers",
    responses((status = 200, body = CustomerView), (status = 404)))]
pub(super) async fn unmerge(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<CustomerId>,
    Body(Unmerge { merge }): Body<Unmerge>,
) -> Result<Json<CustomerView>, ApiError> {
    caller.needs(Role::Supervisor)?;
    let undone = app.records.store.unmerge(&merge, crate::clock::now()).await?;
    tracing::info!(from = %undone.from, into = %undone.into, by = caller.name, "A merge was undone.");
    Ok(Json(contact(&app, id).await?))
}
