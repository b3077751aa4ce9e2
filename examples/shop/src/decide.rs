//! What is asked of the shop, and whether it can be: a request becomes an effect or a refusal. Pure.

use axum::http::StatusCode;
use serde::Deserialize;

use crate::{
    answer::Refusal,
    books::{Appointment, AppointmentStatus, Books, Effect},
    catalog::{Catalog, Service},
    moment::Moment,
    orders::{Address, Order},
    slots::{self, Slot},
};

/// How many other slots one is offered who cannot have what they asked for.
const ALTERNATIVES: usize = 5;
const LONGEST_NAME: usize = 100;
const LONGEST_NOTE: usize = 1000;

/// What somebody sends who wants to come.
#[derive(Debug, Deserialize)]
pub(crate) struct Booking {
    service: String,
    start: Moment,
    customer: Option<String>,
    name: String,
    note: Option<String>,
}

/// The new time of an appointment.
#[derive(Debug, Deserialize)]
pub(crate) struct Move {
    start: Moment,
}

pub(crate) fn cancel_order(books: &Books, number: &str) -> Result<Effect, Refusal> {
    let order = changeable(books, number)?;
    Ok(Effect::OrderCancelled { number: order.number.clone() })
}

pub(crate) fn change_address(books: &Books, number: &str, address: Address) -> Result<Effect, Refusal> {
    let order = changeable(books, number)?;
    let Address { name, phone, street, city, postcode } = &address;
    if [name, phone, street, city, postcode].iter().any(|part| part.trim().is_empty()) {
        return Err(Refusal::bad("an address needs name, phone, street, city and postcode"));
    }
    Ok(Effect::AddressChanged { number: order.number.clone(), address })
}

pub(crate) fn book(catalog: &Catalog, books: &Books, booking: Booking, now: Moment) -> Result<Effect, Refusal> {
    let Booking { service, start, customer, name, note } = booking;
    let service = catalog.service(&service).ok_or_else(|| Refusal::none("service"))?;
    if customer.as_deref().is_some_and(|id| catalog.customer(id).is_none()) {
        return Err(Refusal::none("customer"));
    }
    if name.trim().is_empty() || name.chars().count() > LONGEST_NAME {
        return Err(Refusal::bad("a name has 1 to 100 characters"));
    }
    if note.as_ref().is_some_and(|note| note.chars().count() > LONGEST_NOTE) {
        return Err(Refusal::bad("a note has at most 1000 characters"));
    }
    let slot = free_slot(books, service, start, now, None)?;
    Ok(Effect::AppointmentBooked(Appointment {
        id: books.next_appointment_id(),
        service: service.id.clone(),
        slot,
        customer,
        name,
        note,
        status: AppointmentStatus::Booked,
    }))
}

pub(crate) fn move_appointment(
    catalog: &Catalog,
    books: &Books,
    id: &str,
    to: &Move,
    now: Moment,
) -> Result<Effect, Refusal> {
    let appointment = to_come(books, id, now)?;
    let service = catalog.service(&appointment.service).ok_or_else(|| Refusal::none("service"))?;
    let slot = free_slot(books, service, to.start, now, Some(id))?;
    Ok(Effect::AppointmentMoved { id: id.to_owned(), slot })
}

pub(crate) fn cancel_appointment(books: &Books, id: &str, now: Moment) -> Result<Effect, Refusal> {
    let appointment = to_come(books, id, now)?;
    Ok(Effect::AppointmentCancelled { id: appointment.id.clone() })
}

fn changeable<'a>(books: &'a Books, number: &str) -> Result<&'a Order, Refusal> {
    let order = books.order(number).ok_or_else(|| Refusal::none("order"))?;
    match order.status.settled() {
        None => Ok(order),
        Some(reason) => {
            Err(Refusal::new(StatusCode::CONFLICT, "too_late").with("status", order.status).with("reason", reason))
        }
    }
}

pub(crate) fn to_come<'a>(books: &'a Books, id: &str, now: Moment) -> Result<&'a Appointment, Refusal> {
    let appointment = books.appointment(id).ok_or_else(|| Refusal::none("appointment"))?;
    if appointment.status == AppointmentStatus::Cancelled {
        return Err(Refusal::new(StatusCode::CONFLICT, "cancelled"));
    }
    if appointment.slot.start <= now {
        return Err(Refusal::new(StatusCode::CONFLICT, "too_late"));
    }
    Ok(appointment)
}

/// The slot that begins at a moment, if it can be had: `taken` says that somebody has it, `closed` that there is none.
fn free_slot(books: &Books, service: &Service, start: Moment, now: Moment, but: Option<&str>) -> Result<Slot, Refusal> {
    let mut free = books.free(service, now, but);
    if let Some(slot) = free.iter().find(|slot| slot.start == start) {
        return Ok(*slot);
    }
    let exists = slots::open(service, now).iter().any(|slot| slot.start == start);
    slots::nearest_first(&mut free, start);
    free.truncate(ALTERNATIVES);
    Err(Refusal::new(StatusCode::CONFLICT, if exists { "taken" } else { "closed" }).with("nearest", free))
}
