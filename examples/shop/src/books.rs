//! Orders and appointments, and the effects that change them. Pure: what is kept of it is the ledger's matter.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::{
    catalog::{Catalog, Service},
    moment::Moment,
    orders::{Address, Order, Status},
    slots::{self, Slot},
};

/// The number of the first appointment.
const FIRST_APPOINTMENT: usize = 1001;

/// All orders and appointments, as the effects so far have left them.
#[derive(Debug)]
pub(crate) struct Books {
    orders: BTreeMap<String, Order>,
    appointments: BTreeMap<String, Appointment>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Appointment {
    /// Short enough to be read out: `B1001`.
    pub id: String,
    /// The service's id.
    pub service: String,
    #[serde(flatten)]
    pub slot: Slot,
    /// The customer's id, if they are known.
    pub customer: Option<String>,
    /// Who comes.
    pub name: String,
    pub note: Option<String>,
    pub status: AppointmentStatus,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum AppointmentStatus {
    Booked,
    Cancelled,
}

/// One change, as the ledger keeps it.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub(crate) enum Effect {
    AppointmentBooked(Appointment),
    AppointmentMoved {
        id: String,
        #[serde(flatten)]
        slot: Slot,
    },
    AppointmentCancelled {
        id: String,
    },
    OrderCancelled {
        number: String,
    },
    AddressChanged {
        number: String,
        address: Address,
    },
}

/// What an effect changes, as it is afterwards.
#[derive(Debug)]
pub(crate) enum Record {
    Order(Box<Order>),
    Appointment(Box<Appointment>),
}

/// An effect on something that is not in the books.
#[derive(Debug, thiserror::Error)]
#[error("there is no {noun} {id}")]
pub(crate) struct Unknown {
    noun: &'static str,
    id: String,
}

impl Books {
    pub(crate) fn new(orders: Vec<Order>) -> Self {
        let orders = orders.into_iter().map(|order| (order.number.clone(), order)).collect();
        Self { orders, appointments: BTreeMap::new() }
    }

    pub(crate) fn order(&self, number: &str) -> Option<&Order> {
        self.orders.get(number)
    }

    /// A customer's orders, the newest first.
    pub(crate) fn orders_of(&self, customer: &str) -> Vec<&Order> {
        let mut orders: Vec<_> = self.orders.values().filter(|order| order.customer == customer).collect();
        orders.sort_by(|one, other| (other.placed_at, &other.number).cmp(&(one.placed_at, &one.number)));
        orders
    }

    pub(crate) fn appointment(&self, id: &str) -> Option<&Appointment> {
        self.appointments.get(id)
    }

    /// A customer's appointments in the order of time, with those that were cancelled.
    pub(crate) fn appointments_of(&self, customer: &str) -> Vec<&Appointment> {
        let all = self.appointments.values();
        let mut theirs: Vec<_> = all.filter(|one| one.customer.as_deref() == Some(customer)).collect();
        theirs.sort_by_key(|appointment| appointment.slot.start);
        theirs
    }

    pub(crate) fn next_appointment_id(&self) -> String {
        format!("B{}", FIRST_APPOINTMENT + self.appointments.len())
    }

    /// The slots of a service that nobody has, in the order of time. What the appointment `but` has counts as free.
    pub(crate) fn free(&self, service: &Service, now: Moment, but: Option<&str>) -> Vec<Slot> {
        let taken: Vec<Slot> = self
            .appointments
            .values()
            .filter(|one| one.service == service.id && one.status == AppointmentStatus::Booked)
            .filter(|one| Some(one.id.as_str()) != but)
            .map(|one| one.slot)
            .collect();
        let mut slots = slots::open(service, now);
        slots.retain(|slot| !taken.iter().any(|taken| taken.overlaps(*slot)));
        slots
    }

    /// What an effect leaves; nothing changes until it is [`put`](Self::put).
    ///
    /// # Errors
    /// It is an effect on something that is not here.
    pub(crate) fn after(&self, effect: &Effect, at: Moment) -> Result<Record, Unknown> {
        match effect {
            Effect::AppointmentBooked(appointment) => Ok(Record::Appointment(Box::new(appointment.clone()))),
            Effect::AppointmentMoved { id, slot } => self.changed_appointment(id, |one| one.slot = *slot),
            Effect::AppointmentCancelled { id } => {
                self.changed_appointment(id, |one| one.status = AppointmentStatus::Cancelled)
            }
            Effect::OrderCancelled { number } => self.changed_order(number, |order| {
                order.status = Status::Cancelled;
                order.cancelled_at = Some(at);
            }),
            Effect::AddressChanged { number, address } => {
                self.changed_order(number, |order| order.address.clone_from(address))
            }
        }
    }

    /// Puts a record in the place of what it was before.
    pub(crate) fn put(&mut self, record: Record) {
        match record {
            Record::Order(order) => {
                self.orders.insert(order.number.clone(), *order);
            }
            Record::Appointment(appointment) => {
                self.appointments.insert(appointment.id.clone(), *appointment);
            }
        }
    }

    fn changed_order(&self, number: &str, change: impl FnOnce(&mut Order)) -> Result<Record, Unknown> {
        let order = self.orders.get(number).ok_or_else(|| Unknown { noun: "order", id: number.to_owned() })?;
        let mut order = Box::new(order.clone());
        change(&mut order);
        Ok(Record::Order(order))
    }

    fn changed_appointment(&self, id: &str, change: impl FnOnce(&mut Appointment)) -> Result<Record, Unknown> {
        let appointment =
            self.appointments.get(id).ok_or_else(|| Unknown { noun: "appointment", id: id.to_owned() })?;
        let mut appointment = Box::new(appointment.clone());
        change(&mut appointment);
        Ok(Record::Appointment(appointment))
    }
}

impl Record {
    /// The record as the API shows it.
    pub(crate) fn show(&self, catalog: &Catalog) -> Value {
        match self {
            Self::Order(order) => json!(order.show()),
            Self::Appointment(appointment) => appointment.show(catalog),
        }
    }
}

impl Appointment {
    /// The appointment as the API shows it.
    pub(crate) fn show(&self, catalog: &Catalog) -> Value {
        let mut shown = json!(self);
        shown["service_name"] = json!(catalog.service(&self.service).map(|service| &service.name));
        shown
    }
}
