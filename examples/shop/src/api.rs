//! All routes, and what they show. What is done is decided in `decide.rs`.

use std::sync::Arc;

use axum::{
    Json, Router,
    extract::{DefaultBodyLimit, Path, Request, State},
    http::{StatusCode, header},
    middleware::{self, Next},
    response::{IntoResponse, Response},
    routing::{get, post, put},
};
use jiff::{ToSpan, civil::Date};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::{
    Shop,
    answer::{Answer, EffectRequest, Query, Refusal},
    decide::{self, Booking, Move},
    faults, image,
    moment::{Moment, ZONE},
    orders::Address,
    recommend::recommend,
    search::search,
    slots,
};

type Shown = Result<Json<Value>, Refusal>;
type Done = Result<Answer, Refusal>;

const LARGEST_BODY: usize = 64 * 1024;
/// How many products are shown to those who do not say how many.
const PRODUCTS: usize = 10;
const RECOMMENDATIONS: usize = 5;

pub(crate) fn router(shop: Arc<Shop>) -> Router {
    let mut router = Router::new()
        .route("/health", get(health))
        .route("/images/{file}", get(picture))
        .route("/orders/{number}", get(order))
        .route("/orders/{number}/cancel", post(cancel_order))
        .route("/orders/{number}/address", put(change_address))
        .route("/customers", get(find_customers))
        .route("/customers/{id}", get(customer))
        .route("/customers/{id}/orders", get(orders_of))
        .route("/customers/{id}/recommendations", get(recommendations))
        .route("/products", get(products))
        .route("/products/{sku}", get(product))
        .route("/services", get(services))
        .route("/slots", get(free_slots))
        .route("/appointments", get(appointments_of).post(book))
        .route("/appointments/{id}", get(appointment).patch(move_appointment).delete(cancel_appointment))
        .route("/ledger", get(ledger));
    if shop.faults.is_some() {
        router = router.route("/faults", put(faults::put).delete(faults::delete)).route("/calls", get(faults::calls));
    }
    router = router
        .fallback(async || Refusal::none("path"))
        .method_not_allowed_fallback(async || Refusal::new(StatusCode::METHOD_NOT_ALLOWED, "no such method"))
        .layer(DefaultBodyLimit::max(LARGEST_BODY));
    // From the inside out: a caller without a token meets no fault, and is counted.
    if let Some(faults) = &shop.faults {
        router = router.layer(middleware::from_fn_with_state(Arc::clone(faults), faults::disturb));
    }
    router = router.layer(middleware::from_fn_with_state(Arc::clone(&shop), let_in));
    if let Some(faults) = &shop.faults {
        router = router.layer(middleware::from_fn_with_state(Arc::clone(faults), faults::count));
    }
    router.with_state(shop)
}

/// Asks for the token, but for pictures, which browsers fetch, and for health.
async fn let_in(State(shop): State<Arc<Shop>>, request: Request, next: Next) -> Response {
    let path = request.uri().path();
    let public = path == "/health" || path.starts_with("/images/");
    let authorization = request.headers().get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
    let token = authorization
        .and_then(|value| value.split_once(' '))
        .filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"))
        .map(|(_, token)| token.trim());
    if public || shop.lets_in(token) {
        return next.run(request).await;
    }
    let refusal = Refusal::new(StatusCode::UNAUTHORIZED, "a bearer token is needed");
    ([(header::WWW_AUTHENTICATE, "Bearer")], refusal).into_response()
}

async fn health() -> Json<Value> {
    Json(json!({ "status": "ok" }))
}

async fn picture(State(shop): State<Arc<Shop>>, Path(file): Path<String>) -> Result<Response, Refusal> {
    let product = file.strip_suffix(".svg").and_then(|sku| shop.catalog.product(sku));
    let product = product.ok_or_else(|| Refusal::none("image"))?;
    Ok(([(header::CONTENT_TYPE, "image/svg+xml")], image::draw(&shop.catalog, product)).into_response())
}

async fn order(State(shop): State<Arc<Shop>>, Path(number): Path<String>) -> Shown {
    let open = shop.lock();
    let order = open.books.order(&number).ok_or_else(|| Refusal::none("order"))?;
    Ok(Json(json!(order.show())))
}

async fn cancel_order(State(shop): State<Arc<Shop>>, Path(number): Path<String>, request: EffectRequest) -> Done {
    shop.act(request, StatusCode::OK, move |_, books, _| decide::cancel_order(books, &number)).await
}

async fn change_address(State(shop): State<Arc<Shop>>, Path(number): Path<String>, request: EffectRequest) -> Done {
    let address: Address = request.body()?;
    shop.act(request, StatusCode::OK, move |_, books, _| decide::change_address(books, &number, address)).await
}

#[derive(Debug, Deserialize)]
struct CustomerQuery {
    email: Option<String>,
    phone: Option<String>,
}

async fn find_customers(State(shop): State<Arc<Shop>>, Query(query): Query<CustomerQuery>) -> Shown {
    let CustomerQuery { email, phone } = query;
    if email.is_none() && phone.is_none() {
        return Err(Refusal::bad("give an email or a phone"));
    }
    let customers = shop.catalog.customers.iter();
    let customers = customers.filter(|customer| email.as_deref().is_none_or(|email| customer.has_email(email)));
    let customers = customers.filter(|customer| phone.as_deref().is_none_or(|phone| customer.has_phone(phone)));
    Ok(Json(json!({ "customers": customers.collect::<Vec<_>>() })))
}

async fn customer(State(shop): State<Arc<Shop>>, Path(id): Path<String>) -> Shown {
    let customer = shop.catalog.customer(&id).ok_or_else(|| Refusal::none("customer"))?;
    Ok(Json(json!(customer)))
}

async fn orders_of(State(shop): State<Arc<Shop>>, Path(id): Path<String>) -> Shown {
    let customer = shop.catalog.customer(&id).ok_or_else(|| Refusal::none("customer"))?;
    let open = shop.lock();
    let orders: Vec<_> = open.books.orders_of(&customer.id).into_iter().map(|order| order.show()).collect();
    Ok(Json(json!({ "orders": orders })))
}

#[derive(Debug, Deserialize)]
struct RecommendationQuery {
    limit: Option<usize>,
}

async fn recommendations(
    State(shop): State<Arc<Shop>>,
    Path(id): Path<String>,
    Query(query): Query<RecommendationQuery>,
) -> Shown {
    let customer = shop.catalog.customer(&id).ok_or_else(|| Refusal::none("customer"))?;
    let open = shop.lock();
    let orders = open.books.orders_of(&customer.id);
    let recommended = recommend(&shop.catalog, &orders, query.limit.unwrap_or(RECOMMENDATIONS));
    Ok(Json(json!({ "recommendations": recommended })))
}

#[derive(Debug, Deserialize)]
struct ProductQuery {
    query: Option<String>,
    category: Option<String>,
    limit: Option<usize>,
}

async fn products(State(shop): State<Arc<Shop>>, Query(asked): Query<ProductQuery>) -> Shown {
    let found = match asked.query.as_deref().map(str::trim) {
        None | Some("") => shop.catalog.products.iter().collect(),
        Some(query) => search(&shop.catalog, query),
    };
    let found = found.into_iter().filter(|product| asked.category.as_ref().is_none_or(|it| *it == product.category));
    let shown: Vec<_> = found.take(asked.limit.unwrap_or(PRODUCTS)).map(|found| shop.catalog.show(found)).collect();
    Ok(Json(json!({ "products": shown })))
}

async fn product(State(shop): State<Arc<Shop>>, Path(sku): Path<String>) -> Shown {
    let product = shop.catalog.product(&sku).ok_or_else(|| Refusal::none("product"))?;
    Ok(Json(json!(shop.catalog.show(product))))
}

async fn services(State(shop): State<Arc<Shop>>) -> Json<Value> {
    Json(json!({ "time_zone": ZONE, "services": shop.catalog.services }))
}

#[derive(Debug, Deserialize)]
struct SlotQuery {
    service: Option<String>,
    /// Instead of a service: where this appointment could be moved to.
    appointment: Option<String>,
    /// The first day; today without it.
    from: Option<Date>,
    /// How many days; as many as can be booked without it.
    days: Option<i32>,
    /// The nearest to this come first.
    around: Option<Moment>,
    limit: Option<usize>,
}

async fn free_slots(State(shop): State<Arc<Shop>>, Query(asked): Query<SlotQuery>) -> Shown {
    let now = shop.now();
    let open = shop.lock();
    let moved = asked.appointment.as_deref().map(|id| decide::to_come(&open.books, id, now)).transpose()?;
    let wanted = moved.map(|moved| moved.service.as_str()).or(asked.service.as_deref());
    let wanted = wanted.ok_or_else(|| Refusal::bad("give a service or an appointment"))?;
    let service = shop.catalog.service(wanted).ok_or_else(|| Refusal::none("service"))?;
    let mut slots = open.books.free(service, now, moved.map(|moved| moved.id.as_str()));
    // Nobody moves to where they are.
    slots.retain(|slot| moved.is_none_or(|moved| moved.slot.start != slot.start));
    drop(open);
    let first = asked.from.unwrap_or_else(|| now.date());
    let end = asked.days.and_then(|days| first.checked_add(days.days()).ok()).unwrap_or(Date::MAX);
    slots.retain(|slot| (first..end).contains(&slot.start.date()));
    if let Some(around) = asked.around {
        slots::nearest_first(&mut slots, around);
    }
    slots.truncate(asked.limit.unwrap_or(usize::MAX));
    let shown = json!({
        "service": service.id,
        "service_name": service.name,
        "duration_minutes": service.duration_minutes,
        "time_zone": ZONE,
        "slots": slots,
    });
    Ok(Json(shown))
}

async fn book(State(shop): State<Arc<Shop>>, request: EffectRequest) -> Done {
    let booking: Booking = request.body()?;
    shop.act(request, StatusCode::CREATED, move |catalog, books, now| decide::book(catalog, books, booking, now)).await
}

#[derive(Debug, Deserialize)]
struct AppointmentQuery {
    customer: String,
}

async fn appointments_of(State(shop): State<Arc<Shop>>, Query(query): Query<AppointmentQuery>) -> Shown {
    let customer = shop.catalog.customer(&query.customer).ok_or_else(|| Refusal::none("customer"))?;
    let open = shop.lock();
    let theirs = open.books.appointments_of(&customer.id);
    let shown: Vec<_> = theirs.into_iter().map(|appointment| appointment.show(&shop.catalog)).collect();
    Ok(Json(json!({ "appointments": shown })))
}

async fn appointment(State(shop): State<Arc<Shop>>, Path(id): Path<String>) -> Shown {
    let open = shop.lock();
    let appointment = open.books.appointment(&id).ok_or_else(|| Refusal::none("appointment"))?;
    Ok(Json(appointment.show(&shop.catalog)))
}

async fn move_appointment(State(shop): State<Arc<Shop>>, Path(id): Path<String>, request: EffectRequest) -> Done {
    let to: Move = request.body()?;
    shop.act(request, StatusCode::OK, move |catalog, books, now| {
        decide::move_appointment(catalog, books, &id, &to, now)
    })
    .await
}

async fn cancel_appointment(State(shop): State<Arc<Shop>>, Path(id): Path<String>, request: EffectRequest) -> Done {
    shop.act(request, StatusCode::OK, move |_, books, now| decide::cancel_appointment(books, &id, now)).await
}

async fn ledger(State(shop): State<Arc<Shop>>) -> Json<Value> {
    Json(json!({ "effects": shop.lock().ledger.entries() }))
}
