//! Who a sender is: an address becomes a customer, and two customers become one when a channel vouches for an email or
//! phone that both have. Pure; the answer is committed with the turn.

pub mod codes;
mod limits;
mod verifier;

use std::sync::Arc;

use contract::{IdClock, Sender, Timestamp};

use crate::store::{
    Recall,
    customer::{Customer, CustomerChange, Identifier, IdentifierKind, Merge},
};

pub use limits::{Limit, allow};
pub use verifier::{Route, Verifier};

/// Who a sender is, and what has to be written down about it.
#[derive(Debug, Clone)]
pub struct Identity {
    /// The customer, as they will be after the changes.
    pub customer: Customer,
    /// In the order in which they have to be written.
    pub changes: Vec<CustomerChange>,
    /// The merges among the changes.
    pub merges: Vec<Merge>,
}

/// Finds out who a sender is. Of several customers that turn out to be one the oldest stays.
#[must_use]
pub fn identify(recall: &Recall, from: &Sender, ids: &IdClock, now: Timestamp) -> Identity {
    let mut candidates: Vec<&Arc<Customer>> = recall.customer.iter().collect();
    let identified = recall.identified.iter().map(|(_, customer)| customer);
    candidates.extend(identified.filter(|customer| !recall.parted.contains(&customer.id)));
    candidates.sort_by_key(|customer| customer.id);
    candidates.dedup_by_key(|customer| customer.id);

    let mut changes = Vec::new();
    let was = candidates.first().map(|oldest| Arc::clone(oldest));
    let mut customer = match was.as_deref() {
        Some(oldest) => oldest.clone(),
        None => Customer {
            id: ids.next(now),
            name: None,
            language: None,
            attributes: Default::default(),
            verified: false,
            first_seen: now,
        },
    };
    learn(&mut customer, from);
    if was.as_deref() != Some(&customer) {
        changes.push(CustomerChange::Put { was, now: customer.clone() });
    }
    if recall.customer.is_none() {
        changes.push(CustomerChange::Link(from.address.clone(), customer.id));
    }
    changes.extend(new_identifiers(recall, from).map(|identifier| CustomerChange::Identify(identifier, customer.id)));
    let merges = merges(recall, from, &candidates, now);
    changes.extend(merges.iter().cloned().map(CustomerChange::Merge));
    Identity { customer, changes, merges }
}

fn learn(customer: &mut Customer, from: &Sender) {
    if customer.name.is_none() {
        customer.name.clone_from(&from.name);
    }
    for (name, value) in &from.attributes {
        if customer.attributes.get(name) != Some(value) {
            customer.attributes.insert(name.clone(), value.clone());
        }
    }
    customer.verified |= is_vouched(from);
}

/// Whether a channel vouches for a sender.
pub(crate) fn is_vouched(from: &Sender) -> bool {
    from.email_verified && from.email.is_some() || from.phone_verified && from.phone.is_some()
}

fn new_identifiers<'a>(recall: &'a Recall, from: &'a Sender) -> impl Iterator<Item = Identifier> + 'a {
    let named = [
        (IdentifierKind::Email, &from.email, from.email_verified),
        (IdentifierKind::Phone, &from.phone, from.phone_verified),
    ];
    named.into_iter().filter_map(|(kind, value, verified)| {
        let identifier = Identifier { kind, value: value.clone()?, verified };
        let known = recall.ties.identifiers.iter().any(|known| {
            known.kind == kind && known.value == identifier.value && known.verified >= identifier.verified
        });
        // Somebody's verified identifier stays theirs: this customer is merged with them instead.
        let theirs = recall.identified.iter().any(|(of, _)| *of == kind);
        (!known && !theirs).then_some(identifier)
    })
}

fn merges(recall: &Recall, from: &Sender, candidates: &[&Arc<Customer>], now: Timestamp) -> Vec<Merge> {
    let Some((oldest, younger)) = candidates.split_first() else { return Vec::new() };
    let shared = recall.identified.iter().find_map(|(kind, _)| match kind {
        IdentifierKind::Email => from.email.clone(),
        IdentifierKind::Phone => from.phone.clone(),
    });
    younger
        .iter()
        .map(|customer| Merge {
            id: String::new(),
            from: customer.id,
            into: oldest.id,
            identifier: shared.clone().unwrap_or_default(),
            at: now,
            undone_at: None,
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use contract::Address;

    use super::*;
    use crate::store::Ties;

    fn customer(id: u64) -> Arc<Customer> {
        Arc::new(Customer {
            id: id.into(),
            name: None,
            language: None,
            attributes: Default::default(),
            verified: false,
            first_seen: Timestamp::UNIX_EPOCH,
        })
    }

    fn recall(customer: Option<Arc<Customer>>, identified: Vec<(IdentifierKind, Arc<Customer>)>) -> Recall {
        Recall {
            conversation: None,
            owner: customer.as_ref().map(|customer| customer.id),
            customer,
            ties: Arc::default(),
            identified,
            parted: vec![],
        }
    }

    fn sender(email: Option<&str>, verified: bool) -> Sender {
        Sender {
            address: Address { space: "http:crm".into(), handle: "li".into() },
            name: Some("Li".into()),
            email: email.map(Into::into),
            phone: None,
            email_verified: verified,
            phone_verified: false,
            attributes: Default::default(),
        }
    }

    fn identify_now(recall: &Recall, from: &Sender) -> Identity {
        identify(recall, from, &IdClock::new(0), Timestamp::UNIX_EPOCH)
    }

    #[test]
    fn a_stranger_becomes_a_customer_with_an_address() {
        let identity = identify_now(&recall(None, vec![]), &sender(Some("li@example.com"), false));
        assert!(matches!(
            identity.changes[..],
            [
                CustomerChange::Put { .. },
                CustomerChange::Link(..),
                CustomerChange::Identify(Identifier { verified: false, .. }, _)
            ]
        ));
        assert_eq!(identity.customer.name.as_deref(), Some("Li"));
        assert!(!identity.customer.verified);
    }

    #[test]
    fn a_new_address_with_a_verified_email_is_the_customer_who_has_that_email() {
        let identity = identify_now(
            &recall(None, vec![(IdentifierKind::Email, customer(5))]),
            &sender(Some("li@example.com"), true),
        );
        assert_eq!(identity.customer.id, 5.into());
        assert!(identity.merges.is_empty());
        assert!(identity.changes.iter().any(|c| matches!(c, CustomerChange::Link(_, to) if *to == 5.into())));
        assert!(!identity.changes.iter().any(|c| matches!(c, CustomerChange::Identify(..))));
    }

    #[test]
    fn two_customers_with_one_verified_email_become_the_older_one() {
        let both = recall(Some(customer(9)), vec![(IdentifierKind::Email, customer(5))]);
        let identity = identify_now(&both, &sender(Some("li@example.com"), true));
        assert_eq!(identity.customer.id, 5.into());
        assert_eq!((identity.merges.len(), identity.merges[0].from), (1, 9.into()));
        assert_eq!(identity.merges[0].identifier, "li@example.com");
    }

    #[test]
    fn customers_whom_a_person_parted_stay_two() {
        let mut both = recall(Some(customer(9)), vec![(IdentifierKind::Email, customer(5))]);
        both.parted = vec![5.into()];
        let identity = identify_now(&both, &sender(Some("li@example.com"), true));
        assert_eq!(identity.customer.id, 9.into());
        assert!(!identity.changes.iter().any(|c| matches!(c, CustomerChange::Merge(_) | CustomerChange::Identify(..))));
    }

    #[test]
    fn somebody_known_who_says_nothing_new_changes_nothing() {
        let mut known = recall(Some(customer(9)), vec![]);
        known.customer = Some(Arc::new(Customer { name: Some("Li".into()), ..Customer::clone(&customer(9)) }));
        let email = Identifier { kind: IdentifierKind::Email, value: "li@example.com".into(), verified: true };
        known.ties = Arc::new(Ties { identifiers: vec![email], ..Ties::default() });
        let identity = identify_now(&known, &sender(Some("li@example.com"), false));
        assert!(identity.changes.is_empty(), "{:?}", identity.changes);
    }
}
