//! Customers: addresses, identifiers, merges.

use contract::{CustomerId, EntryId, IdClock, Sender};
use switchboard::{
    identity::{Limit, allow},
    store::{
        Commit, StoreError,
        customer::{Customer, CustomerChange, Identifier, IdentifierKind, Merge},
        entry::Event,
    },
};

use super::{
    Backend, Opened,
    make::{self, address, commit, customer, done, event, is_conflict, now, opened, sender, thread},
};

fn email(value: &str, verified: bool) -> Identifier {
    Identifier { kind: IdentifierKind::Email, value: value.into(), verified }
}

fn vouched(handle: &str, email: &str) -> Sender {
    Sender { email: Some(email.into()), email_verified: true, ..sender(handle) }
}

fn merge(from: CustomerId, into: CustomerId) -> CustomerChange {
    let identifier = "li@example.com".into();
    CustomerChange::Merge(Merge { id: String::new(), from, into, identifier, at: now(), undone_at: None })
}

/// A commit of nothing but these changes, on a conversation of its own.
fn changes(ids: &IdClock, key: &str, of: CustomerId, customers: Vec<CustomerChange>) -> Commit {
    let new = make::conversation(ids, key, of);
    Commit { structural: true, entries: [event(ids, Event::Opened)].into(), customers, ..commit(new) }
}

async fn known(record: &Opened, handle: &str) -> Customer {
    let recall = record.store.recall(&thread(handle), &sender(handle)).await.unwrap();
    (*recall.customer.unwrap()).clone()
}

pub async fn an_address_is_recalled_with_what_is_known(backend: &impl Backend) {
    let record = backend.open().await;
    let (store, ids) = (&*record.store, &record.ids);
    let nobody = store.recall(&thread("a"), &sender("a")).await.unwrap();
    assert!(nobody.customer.is_none() && nobody.conversation.is_none());
    let c = opened(store, ids, "a").await;
    backend.crash().await;
    for record in [&record, &backend.open().await] {
        let recall = record.store.recall(&thread("a"), &sender("a")).await.unwrap();
        assert_eq!(recall.conversation.unwrap().id, c.id);
        assert_eq!(recall.customer.unwrap().id, c.customer);
        assert_eq!((recall.ties.open_conversations, recall.ties.contacts), (1, (1, 1)));
        assert_eq!(recall.ties.spaces, ["webchat:shop"]);
        assert!(recall.identified.is_empty());
    }
}

pub async fn an_address_is_somebodys_once(backend: &impl Backend) {
    let record = backend.open().await;
    let (store, ids) = (&*record.store, &record.ids);
    // Somebody new writes on two threads at once: both commits believe that they are the first.
    let race = (0..6).map(|at| {
        let person = customer(ids, "Li");
        let link = CustomerChange::Link(address("li"), person.id);
        store.commit(changes(
            ids,
            &format!("t{at}"),
            person.id,
            vec![CustomerChange::Put { was: None, now: person }, link],
        ))
    });
    let results = futures::future::join_all(race).await;
    assert_eq!(results.iter().filter(|result| result.is_ok()).count(), 1);
    assert_eq!(results.iter().filter(|result| is_conflict(result)).count(), 5);
    assert_eq!(store.search("Li", 10).await.unwrap().len(), 1);
}

pub async fn what_is_counted_is_counted_once_and_outlives_a_crash(backend: &impl Backend) {
    let record = backend.open().await;
    let (store, ids) = (&*record.store, &record.ids);
    let c = opened(store, ids, "a").await;
    let claim = CustomerChange::Identify(email("li@example.com", false), c.customer);
    done(store, Commit { customers: vec![claim], ..commit((*c).clone()) }).await;
    assert!(store.is_somebodys(IdentifierKind::Email, "li@example.com").await.unwrap(), "a claim is one");
    for (kind, value) in [(IdentifierKind::Phone, "li@example.com"), (IdentifierKind::Email, "li@example.co")] {
        assert!(!store.is_somebodys(kind, value).await.unwrap());
    }

    let limit = Limit { an_hour: 3, a_day: None };
    let marks: Vec<EntryId> = (0..8).map(|_| ids.next(now())).collect();
    let count = |mark: EntryId| allow(store, "codes", mark, limit);
    assert!(count(marks[0]).await.unwrap() && count(marks[0]).await.unwrap(), "the same one again");
    backend.crash().await;
    let again = backend.open().await;
    let store = &*again.store;
    let all = futures::future::join_all(marks.iter().map(|mark| allow(store, "codes", *mark, limit))).await;
    let allowed = all.iter().filter(|allowed| *allowed.as_ref().unwrap()).count();
    assert_eq!(allowed, 3, "however many count at once: {all:?}");
    assert!(allow(store, "others", marks[7], limit).await.unwrap());
}

pub async fn a_verified_identifier_is_one_customers(backend: &impl Backend) {
    let record = backend.open().await;
    let (store, ids) = (&*record.store, &record.ids);
    let (a, b) = (opened(store, ids, "a").await, opened(store, ids, "b").await);
    let identify = |c: &switchboard::store::conversation::Conversation, verified| Commit {
        entries: [make::note(ids, "x")].into(),
        customers: vec![CustomerChange::Identify(email("li@example.com", verified), c.customer)],
        ..commit(c.clone())
    };
    // A claim is nobody's: any number of people may make it.
    let a = done(store, identify(&a, false)).await;
    let b = done(store, identify(&b, false)).await;
    let claim = store.recall(&thread("c"), &vouched("c", "li@example.com")).await.unwrap();
    assert!(claim.identified.is_empty(), "a claim identifies nobody");
    done(store, identify(&a, true)).await;
    let second = store.commit(identify(&b, true)).await;
    assert!(is_conflict(&second), "{second:?}");
    let recall = store.recall(&thread("c"), &vouched("c", "li@example.com")).await.unwrap();
    assert_eq!(recall.identified.iter().map(|(_, c)| c.id).collect::<Vec<_>>(), [a.customer]);
    // What the sender only claims is not looked for.
    let claims = Sender { email_verified: false, ..vouched("c", "li@example.com") };
    assert!(store.recall(&thread("c"), &claims).await.unwrap().identified.is_empty());
    assert_eq!(store.contact(a.customer).await.unwrap().unwrap().identifiers, [email("li@example.com", true)]);
    assert_eq!(store.contact(b.customer).await.unwrap().unwrap().identifiers, [email("li@example.com", false)]);
}

pub async fn merges_are_followed_and_undone(backend: &impl Backend) {
    let record = backend.open().await;
    let (store, ids) = (&*record.store, &record.ids);
    let (old, young) = (opened(store, ids, "old").await, opened(store, ids, "young").await);
    let one = Commit {
        entries: [make::note(ids, "x")].into(),
        customers: vec![merge(young.customer, old.customer)],
        ..commit((*young).clone())
    };
    let young = done(store, one.clone()).await;
    let twice = Commit { conversation: (*young).clone(), ..one };
    assert!(is_conflict(&store.commit(twice).await), "somebody merged is not merged again");
    backend.crash().await;
    let crashed = backend.open().await;
    for record in [&record, &crashed] {
        assert_eq!(known(record, "young").await.id, old.customer);
        assert_eq!(known(record, "old").await.id, old.customer);
        for id in [old.customer, young.customer] {
            let contact = record.store.contact(id).await.unwrap().unwrap();
            assert_eq!(contact.customer.id, old.customer);
            assert_eq!(contact.ids, [old.customer, young.customer]);
            assert_eq!(contact.addresses.len(), 2);
            assert_eq!(contact.merges.len(), 1);
            let all = record.store.conversations_of(&contact.ids, 10).await.unwrap();
            assert_eq!(all.iter().map(|c| c.id).collect::<Vec<_>>(), [young.id, old.id]);
        }
        assert_eq!(record.store.recall(&thread("old"), &sender("old")).await.unwrap().ties.open_conversations, 2);
    }
    let (record, store) = (&crashed, &*crashed.store);
    let id = store.contact(old.customer).await.unwrap().unwrap().merges[0].id.clone();
    let undone = store.unmerge(&id, now()).await.unwrap();
    assert_eq!((undone.from, undone.into), (young.customer, old.customer));
    assert!(undone.undone_at.is_some());
    for again in [id.as_str(), "0", "x"] {
        assert!(matches!(store.unmerge(again, now()).await, Err(StoreError::Missing(_))), "{again}");
    }
    backend.crash().await;
    for record in [record, &backend.open().await] {
        assert_eq!(known(record, "young").await.id, young.customer);
        let contact = record.store.contact(old.customer).await.unwrap().unwrap();
        assert_eq!((contact.ids, contact.addresses.len()), (vec![old.customer], 1));
        assert!(contact.merges[0].undone_at.is_some(), "it stays in the story");
    }
}

pub async fn several_become_one_through_a_chain(backend: &impl Backend) {
    let record = backend.open().await;
    let (store, ids) = (&*record.store, &record.ids);
    let (a, b, c) = (opened(store, ids, "a").await, opened(store, ids, "b").await, opened(store, ids, "c").await);
    for (at, (from, into)) in [(&c, &b), (&b, &a)].into_iter().enumerate() {
        let joined = changes(ids, &format!("t{at}"), into.customer, vec![merge(from.customer, into.customer)]);
        done(store, joined).await;
    }
    assert_eq!(known(&record, "c").await.id, a.customer);
    let contact = store.contact(c.customer).await.unwrap().unwrap();
    assert_eq!(contact.ids, [a.customer, b.customer, c.customer]);
    assert_eq!(contact.merges.len(), 2);
    // The middle one undone: the last two are one, without the first.
    let second = contact.merges.iter().find(|merge| merge.from == b.customer).unwrap();
    store.unmerge(&second.id, now()).await.unwrap();
    assert_eq!(known(&record, "c").await.id, b.customer);
    assert_eq!(store.contact(a.customer).await.unwrap().unwrap().ids, [a.customer]);
}

pub async fn what_two_threads_learn_at_once_is_not_overwritten(backend: &impl Backend) {
    let record = backend.open().await;
    let (store, ids) = (&*record.store, &record.ids);
    let person = customer(ids, "Li Wei");
    let met = vec![
        CustomerChange::Put { was: None, now: person.clone() },
        CustomerChange::Link(address("shop"), person.id),
        CustomerChange::Link(address("mail"), person.id),
    ];
    done(store, changes(ids, "shop", person.id, met)).await;
    let was = known(&record, "shop").await;
    let learned = |name: &str| CustomerChange::Put {
        was: Some(was.clone().into()),
        now: Customer { attributes: [(name.to_owned(), "yes".to_owned())].into(), ..person.clone() },
    };
    done(store, changes(ids, "one", person.id, vec![learned("vip")])).await;
    let late = store.commit(changes(ids, "two", person.id, vec![learned("wholesale")])).await;
    assert!(matches!(late, Err(StoreError::Conflict)), "{late:?}");
    assert_eq!(known(&record, "mail").await.attributes.keys().collect::<Vec<_>>(), ["vip"], "and is read anew");
}

pub async fn search_finds_by_name_address_and_identifier(backend: &impl Backend) {
    let record = backend.open().await;
    let (store, ids) = (&*record.store, &record.ids);
    let person = Customer { name: Some("Zoë 张伟".into()), ..customer(ids, "") };
    let phone = Identifier { kind: IdentifierKind::Phone, value: "+8613800138000".into(), verified: true };
    let all = vec![
        CustomerChange::Put { was: None, now: person.clone() },
        CustomerChange::Link(address("shop-4711"), person.id),
        CustomerChange::Identify(email("zoe@example.com", true), person.id),
        CustomerChange::Identify(phone, person.id),
    ];
    done(store, changes(ids, "t", person.id, all)).await;
    opened(store, ids, "else").await;
    let find = async |text: &str| -> Vec<CustomerId> {
        store.search(text, 10).await.unwrap().iter().map(|contact| contact.customer.id).collect()
    };
    for text in ["Zoë", "Zoë 张", "shop-47", "zoe@", "+86138"] {
        assert_eq!(find(text).await, [person.id], "{text}");
    }
    for text in ["hop-47", "*", "%", "[", "?", "", " ", "_oë", "sho*4711", "'; DROP TABLE customers; --"] {
        assert_eq!(find(text).await, [], "{text}");
    }
    assert_eq!(find("zoe@").await, [person.id], "nothing was dropped");
    let zora = Customer { name: Some("Zora".into()), ..person.clone() };
    store.put_customer(&person, zora.clone()).await.unwrap();
    let late = store.put_customer(&person, Customer { verified: true, ..person.clone() }).await;
    assert!(matches!(late, Err(StoreError::Conflict)), "what was learned in between is not overwritten");
    assert_eq!(find("Zora").await, [person.id]);
    assert_eq!(known(&record, "shop-4711").await.name.as_deref(), Some("Zora"));
}
