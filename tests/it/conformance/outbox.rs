//! The outbox, receipts, dead letters and the ledger.

use contract::{Author, ConversationId, OutboundId, Reached, Timestamp};
use jiff::SignedDuration;
use switchboard::{
    inbox::Delivery,
    store::{
        Commit, Store, StoreError,
        entry::What,
        outbox::{self, DeadKind, DeliveryState, HeldFor, Leased, Precedence, Redriven, Settled},
    },
};

use super::{
    Backend,
    make::{self, CHANNEL, now, opened, replied},
};

fn settled(leased: &Leased, state: DeliveryState, next_at: Timestamp) -> Settled {
    Settled {
        id: leased.outbound.id,
        conversation: leased.outbound.conversation,
        delivery: outbox::Delivery { attempts: leased.attempts + 1, ..outbox::Delivery::first(state) },
        external_id: None,
        next_at,
    }
}

async fn lease(store: &dyn Store, limit: usize) -> Vec<Leased> {
    store.lease(CHANNEL, now(), limit, 0).await.unwrap()
}

fn ids_of(leased: &[Leased]) -> Vec<OutboundId> {
    leased.iter().map(|leased| leased.outbound.id).collect()
}

async fn state_of(store: &dyn Store, id: OutboundId) -> DeliveryState {
    store.entry(id.into()).await.unwrap().unwrap().delivery.unwrap().state
}

pub async fn the_oldest_of_each_conversation_is_leased(backend: &impl Backend) {
    let record = backend.open().await;
    let (store, ids) = (&*record.store, &record.ids);
    let (a, b) = (opened(store, ids, "a").await.id, opened(store, ids, "b").await.id);
    let mut out = Vec::new();
    for (conversation, text) in [(a, "a1"), (a, "a2"), (b, "b1"), (a, "a3")] {
        out.push(replied(store, ids, conversation, text).await);
    }
    assert!(store.lease("another", now(), 10, 0).await.unwrap().is_empty());
    let first = lease(store, 10).await;
    assert_eq!(ids_of(&first), [out[0], out[2]]);
    assert_eq!(first[0].outbound.body.text, "a1");
    assert_eq!(first[0].attempts, 0);
    assert!(lease(store, 10).await.is_empty(), "what is being sent holds up its conversation");
    assert_eq!(state_of(store, out[0]).await, DeliveryState::Sending);
    store.settle(vec![settled(&first[0], DeliveryState::Sent, now())]).await.unwrap();
    let second = lease(store, 10).await;
    assert_eq!(ids_of(&second), [out[1]]);
    // Whatever ends one lets the next go.
    store.settle(vec![settled(&second[0], DeliveryState::Failed, now())]).await.unwrap();
    assert_eq!(ids_of(&lease(store, 10).await), [out[3]]);
    assert_eq!(state_of(store, out[0]).await, DeliveryState::Sent);
}

pub async fn what_goes_by_another_channel_waits_for_nobody_and_holds_up_nobody(backend: &impl Backend) {
    let record = backend.open().await;
    let (store, ids) = (&*record.store, &record.ids);
    let c = opened(store, ids, "a").await;
    let here = replied(store, ids, c.id, "in the chat").await;
    let c = store.conversation(c.id).await.unwrap().unwrap();
    let (code, mut entry) = make::reply(ids, &c, "by mail");
    let What::Reply { outbound, .. } = &mut entry.what else { panic!("it is a reply") };
    "mail".clone_into(&mut outbound.channel);
    outbound.body.challenge = Some(ids.next(now()));
    let outbox = vec![(code, DeliveryState::Pending)];
    make::done(store, Commit { entries: [entry].into(), outbox, ..make::commit((*c).clone()) }).await;
    let then = replied(store, ids, c.id, "in the chat again").await;
    let first = lease(store, 10).await;
    assert_eq!(ids_of(&first), [here]);
    assert_eq!(ids_of(&store.lease("mail", now(), 10, 0).await.unwrap()), [code]);
    store.settle(vec![settled(&first[0], DeliveryState::Sent, now())]).await.unwrap();
    assert_eq!(ids_of(&lease(store, 10).await), [then]);
}

fn agent() -> Author {
    Author::Agent { name: "Mei".into() }
}

/// A conversation of its own for each of these.
async fn each(record: &super::Opened, name: &str, count: usize, author: Author, answers: bool) -> Vec<OutboundId> {
    let mut out = Vec::new();
    for at in 0..count {
        let c = opened(&*record.store, &record.ids, &format!("{name}{at}")).await.id;
        out.push(make::said(record, c, author.clone(), answers).await);
    }
    out
}

pub async fn replies_go_before_bulk_which_does_not_starve(backend: &impl Backend) {
    let record = backend.open().await;
    let store = &*record.store;
    let bulk = each(&record, "bulk", 4, Author::Bot, false).await;
    let bot = each(&record, "bot", 2, Author::Bot, true).await;
    let by_hand = each(&record, "agent", 2, agent(), false).await;
    let leased = store.lease(CHANNEL, now(), 5, 1).await.unwrap();
    let of = |precedence| {
        let ids = leased.iter().filter(|leased| leased.precedence == precedence).map(|leased| leased.outbound.id);
        ids.collect::<Vec<_>>()
    };
    assert_eq!((of(Precedence::Agent), of(Precedence::Reply)), (by_hand, bot));
    assert_eq!(of(Precedence::Bulk), [bulk[0]]);
    // A retry of a reply still goes before bulk, once it is due.
    let due = now() + SignedDuration::from_secs(60);
    let retried = leased.iter().find(|leased| leased.precedence == Precedence::Reply).unwrap();
    store.settle(vec![settled(retried, DeliveryState::Pending, due)]).await.unwrap();
    assert!(store.next_due(CHANNEL).await.unwrap().unwrap() < due, "bulk is due now");
    let one = store.lease(CHANNEL, due, 1, 0).await.unwrap();
    assert_eq!(ids_of(&one), [retried.outbound.id]);
    assert_eq!(ids_of(&store.lease(CHANNEL, due, 1, 1).await.unwrap()), [bulk[1]]);
    assert_eq!(ids_of(&store.lease(CHANNEL, due, 9, 0).await.unwrap()), bulk[2..]);
}

pub async fn what_stands_before_a_reply_becomes_as_urgent(backend: &impl Backend) {
    let record = backend.open().await;
    let store = &*record.store;
    let (a, b) = (opened(store, &record.ids, "a").await.id, opened(store, &record.ids, "b").await.id);
    let other = make::said(&record, b, Author::Bot, false).await;
    let told = make::said(&record, a, Author::Bot, false).await;
    let answered = make::said(&record, a, agent(), true).await;
    let first = lease(store, 1).await;
    assert_eq!((ids_of(&first), first[0].precedence), (vec![told], Precedence::Agent));
    store.settle(vec![settled(&first[0], DeliveryState::Sent, now())]).await.unwrap();
    assert_eq!(ids_of(&lease(store, 1).await), [answered]);
    assert_eq!(ids_of(&lease(store, 1).await), [other]);
}

pub async fn a_retry_waits_for_its_time_and_holds_up_its_conversation(backend: &impl Backend) {
    let record = backend.open().await;
    let (store, ids) = (&*record.store, &record.ids);
    let (a, b) = (opened(store, ids, "a").await.id, opened(store, ids, "b").await.id);
    let first = replied(store, ids, a, "a1").await;
    replied(store, ids, a, "a2").await;
    let leased = lease(store, 10).await;
    let due = now() + SignedDuration::from_secs(60);
    store.settle(vec![settled(&leased[0], DeliveryState::Pending, due)]).await.unwrap();
    assert_eq!(store.next_due(CHANNEL).await.unwrap(), Some(due));
    assert!(lease(store, 10).await.is_empty());
    let other = replied(store, ids, b, "b1").await;
    assert_eq!(ids_of(&lease(store, 10).await), [other], "other conversations do not wait");
    let later = store.lease(CHANNEL, due, 10, 0).await.unwrap();
    assert_eq!(ids_of(&later), [first]);
    assert_eq!(later[0].attempts, 1);
    assert_eq!(store.next_due("another").await.unwrap(), None);
}

pub async fn recovery_resends_or_asks(backend: &impl Backend) {
    let mut record = backend.open().await;
    let c = opened(&*record.store, &record.ids, "a").await.id;
    let first = replied(&*record.store, &record.ids, c, "a1").await;
    for (resend, becomes) in [(true, DeliveryState::Pending), (false, DeliveryState::Unknown)] {
        assert_eq!(ids_of(&lease(&*record.store, 10).await), [first]);
        backend.crash().await;
        record = backend.open().await;
        let store = &*record.store;
        store.recover("another", !resend).await.unwrap();
        assert_eq!(state_of(store, first).await, DeliveryState::Sending, "another channel's affair");
        store.recover(CHANNEL, resend).await.unwrap();
        assert_eq!(state_of(store, first).await, becomes);
    }
}

fn held(leased: &Leased, held_for: HeldFor) -> Settled {
    let delivery = outbox::Delivery::held(held_for, leased.attempts + 1, "refused".into());
    Settled { delivery, ..settled(leased, DeliveryState::Held, now()) }
}

pub async fn what_is_held_for_its_channel_is_tried_alone_and_goes_together(backend: &impl Backend) {
    let record = backend.open().await;
    let (store, ids) = (&*record.store, &record.ids);
    let (a, b) = (opened(store, ids, "a").await.id, opened(store, ids, "b").await.id);
    let out =
        [replied(store, ids, a, "a1").await, replied(store, ids, b, "b1").await, replied(store, ids, a, "a2").await];
    assert!(store.probe(CHANNEL).await.unwrap().is_none(), "nothing is held");
    // The first of each conversation, then what stood behind them.
    for count in [2, 1] {
        let leased = lease(store, 10).await;
        assert_eq!(leased.len(), count);
        let how = if count == 2 { HeldFor::Channel } else { HeldFor::Customer };
        store.settle(leased.iter().map(|leased| held(leased, how)).collect()).await.unwrap();
    }
    let delivery = store.entry(out[0].into()).await.unwrap().unwrap().delivery.unwrap();
    assert_eq!(delivery, outbox::Delivery::held(HeldFor::Channel, 1, "refused".into()));
    assert_eq!(store.next_due(CHANNEL).await.unwrap(), None);
    assert!(store.probe("another").await.unwrap().is_none());
    let tried = store.probe(CHANNEL).await.unwrap().unwrap();
    assert_eq!((tried.outbound.id, tried.attempts), (out[0], 1), "the oldest");
    assert_eq!(state_of(store, out[0]).await, DeliveryState::Sending);
    store.settle(vec![settled(&tried, DeliveryState::Sent, now())]).await.unwrap();
    store.release("another").await.unwrap();
    assert!(lease(store, 10).await.is_empty());
    store.release(CHANNEL).await.unwrap();
    let leased = lease(store, 10).await;
    assert_eq!(ids_of(&leased), [out[1]]);
    store.settle(vec![held(&leased[0], HeldFor::Channel)]).await.unwrap();
    assert_eq!(state_of(store, out[2]).await, DeliveryState::Held, "it waits for its customer");
    // A start tries all of it.
    store.recover(CHANNEL, true).await.unwrap();
    assert_eq!(ids_of(&lease(store, 10).await), out[1..]);
}

pub async fn what_is_held_for_its_customer_goes_with_their_next_turn(backend: &impl Backend) {
    let record = backend.open().await;
    let (store, ids) = (&*record.store, &record.ids);
    let (a, b) = (opened(store, ids, "a").await.id, opened(store, ids, "b").await.id);
    let out = [replied(store, ids, a, "a1").await, replied(store, ids, b, "b1").await];
    let leased = lease(store, 10).await;
    store.settle(leased.iter().map(|leased| held(leased, HeldFor::Customer)).collect()).await.unwrap();
    let delivery = store.entry(out[0].into()).await.unwrap().unwrap().delivery.unwrap();
    assert_eq!(delivery.held_for, Some(HeldFor::Customer));
    assert!(store.probe(CHANNEL).await.unwrap().is_none());
    let behind = replied(store, ids, a, "a2").await;
    assert_eq!(ids_of(&lease(store, 10).await), [behind], "an agent's own words alone release nothing");
    turn(&record, a, "1").await;
    assert_eq!(ids_of(&lease(store, 10).await), [out[0]]);
    assert_eq!(state_of(store, out[1]).await, DeliveryState::Held, "that is somebody else's");
    assert_eq!(store.ledger().await.unwrap().findings, Vec::<String>::new());
}

pub async fn receipts_never_go_back(backend: &impl Backend) {
    let record = backend.open().await;
    let (store, ids) = (&*record.store, &record.ids);
    let c = opened(store, ids, "a").await.id;
    let out = replied(store, ids, c, "a1").await;
    let leased = lease(store, 1).await;
    let reached = async |reached| store.reached(out, reached).await.unwrap();
    let (told, delivery) = reached(Reached::Delivered).await.unwrap();
    assert_eq!((told, delivery.state), (c, DeliveryState::Delivered));
    store.settle(vec![settled(&leased[0], DeliveryState::Sent, now())]).await.unwrap();
    assert_eq!(state_of(store, out).await, DeliveryState::Delivered, "a receipt says more than the send");
    assert!(reached(Reached::Delivered).await.is_none());
    assert_eq!(reached(Reached::Read).await.unwrap().1.state, DeliveryState::Read);
    assert!(reached(Reached::Delivered).await.is_none());
    assert_eq!(state_of(store, out).await, DeliveryState::Read);
    assert!(store.reached(ids.next(now()), Reached::Read).await.unwrap().is_none());
    let (told, delivery) = store.bounced(out, "550 no such user").await.unwrap().unwrap();
    assert_eq!((told, delivery.state, delivery.error.as_deref()), (c, DeliveryState::Failed, Some("550 no such user")));
    assert!(store.bounced(out, "again").await.unwrap().is_none());
    store.settle(vec![settled(&leased[0], DeliveryState::Sent, now())]).await.unwrap();
    assert_eq!(state_of(store, out).await, DeliveryState::Failed, "what came back was not delivered");
}

pub async fn only_what_is_open_or_failed_is_resent(backend: &impl Backend) {
    use DeliveryState::{Delivered, Failed, Held, Pending, Sent, Unknown};
    let record = backend.open().await;
    let (store, ids) = (&*record.store, &record.ids);
    for (state, can) in
        [(Failed, true), (Unknown, true), (Held, true), (Sent, false), (Delivered, false), (Pending, false)]
    {
        let c = opened(store, ids, &format!("{state:?}")).await.id;
        let out = replied(store, ids, c, "x").await;
        let leased = lease(store, 1).await;
        assert_eq!(ids_of(&leased), [out]);
        store.settle(vec![settled(&leased[0], state, now() + SignedDuration::from_hours(1))]).await.unwrap();
        match store.resend(out).await {
            Ok(channel) => assert_eq!((can, channel.as_str()), (true, CHANNEL), "{state:?}"),
            Err(StoreError::Conflict) => assert!(!can, "{state:?}"),
            Err(error) => panic!("{state:?}: {error}"),
        }
        assert_eq!(ids_of(&lease(store, 10).await), if can { vec![out] } else { vec![] }, "{state:?}");
    }
}

async fn fail(store: &dyn Store, reason: &str) {
    let leased = lease(store, 1).await;
    let mut failed = settled(&leased[0], DeliveryState::Failed, now());
    failed.delivery.error = Some(reason.to_owned());
    store.settle(vec![failed]).await.unwrap();
}

async fn turn(record: &super::Opened, conversation: ConversationId, external_id: &str) {
    let taken = make::taken(record, make::inbound("a", external_id, "x")).await;
    let c = record.store.conversation(conversation).await.unwrap().unwrap();
    let entries = vec![make::message_entry(taken.id)];
    let commit =
        switchboard::store::Commit { turn: Some(taken), entries: entries.into(), ..make::commit((*c).clone()) };
    make::done(&*record.store, commit).await;
}

pub async fn the_ledger_adds_up(backend: &impl Backend) {
    let record = backend.open().await;
    let (store, ids) = (&*record.store, &record.ids);
    let c = opened(store, ids, "a").await.id;
    for at in 0..3 {
        turn(&record, c, &at.to_string()).await;
    }
    record.queue.accept(make::inbound("a", "waits", "x")).await.unwrap();
    let buried = make::taken(&record, make::inbound("a", "dead", "x")).await;
    let buried = Delivery::new(buried.id, buried.inbound);
    record.queue.dead(&buried, "cannot be read").await.unwrap();
    record.queue.dead(&buried, "again").await.unwrap();
    let failed = replied(store, ids, c, "never arrives").await;
    replied(store, ids, c, "waits").await;
    fail(store, "blocked by the recipient").await;

    let ledger = record.ledger().await;
    assert_eq!((ledger.accepted, ledger.decided, ledger.waiting, ledger.dead, ledger.redriven), (5, 3, 1, 1, 0));
    let count = |state: DeliveryState| ledger.outbound[state as usize];
    assert_eq!((count(DeliveryState::Failed), count(DeliveryState::Pending)), (1, 1));
    assert_eq!(ledger.findings, Vec::<String>::new());

    let letters = store.dead(10).await.unwrap();
    let outbound = letters.iter().find(|letter| letter.kind == DeadKind::Outbound).unwrap();
    assert_eq!((outbound.reason.as_str(), outbound.text.as_str()), ("blocked by the recipient", "never arrives"));
    assert_eq!(letters.len(), 2);
    assert_eq!(store.dead(1).await.unwrap().len(), 1);
    assert_eq!(store.redrive(&failed.to_string()).await.unwrap(), Redriven::Outbound(failed));
    assert_eq!(ids_of(&lease(store, 10).await), [failed], "in its old place");
    for nothing in [failed.to_string(), "msg_0000000000000".to_owned(), "x".to_owned()] {
        assert!(matches!(store.redrive(&nothing).await, Err(StoreError::Missing(_))), "{nothing}");
    }
}
