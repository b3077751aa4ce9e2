//! One record, several daemons: each thing is done once, and in order.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex},
};

use contract::{MessageId, Thread};
use futures::future::join_all;
use jiff::SignedDuration;
use switchboard::{
    inbox::rabbitmq::Letters,
    store::{
        Commit, Committed, Journal, Outbox, StoreError, Taken,
        conversation::Conversation,
        dedup_key::dedup_key,
        entry::Event,
        files::{Fetched, Files, WantedFile},
        outbox::{DeliveryState, Redriven},
        postgres::PostgresRecord,
        ticket::{TicketNumber, Tickets},
    },
};

use super::{backend, taken, turn};
use crate::{
    conformance::{
        make::{self, CHANNEL, commit, done, event, inbound, is_conflict, now, opened, replied},
        tickets::with_ticket,
    },
    harness::within,
};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_message_that_comes_twice_under_two_ids_is_decided_once() {
    let backend = backend().await;
    let (a, b) = (backend.node("a").await, backend.node("b").await);
    let c = opened(&*a, a.clock(), "v1").await;
    let message = inbound("v1", "the same", "hello");
    let (first, second) = (taken(a.clock(), &message), taken(b.clock(), &message));
    let key = dedup_key(&message).unwrap();
    assert_eq!(a.known(&[key, [0; 16]]).await.unwrap(), [None, None]);
    // Both at once, then one after the other: one of them stands.
    let both = futures::join!(a.commit(turn(first.clone(), &c)), b.commit(turn(second.clone(), &c)));
    let stands = [&both.0, &both.1].iter().filter(|result| matches!(result, Ok(Committed::Done(_)))).count();
    assert_eq!(stands, 1, "{both:?}");
    let c = a.conversation(c.id).await.unwrap().unwrap();
    for taken in [first, second] {
        assert!(matches!(a.commit(turn(taken, &c)).await, Ok(Committed::AlreadyDone)));
    }
    let id = b.known(&[key]).await.unwrap()[0].unwrap();
    assert!(b.entry(id.into()).await.unwrap().is_some());
    assert_eq!(a.ledger().await.unwrap().decided, 1);
}

/// Doubles, and what has to be looked at again, in one batch with others.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn doubles_among_others_are_told_apart_and_the_others_stand() {
    let backend = backend().await;
    let (a, b) = (backend.node("a").await, backend.node("b").await);
    let mut commits = Vec::new();
    for at in 0..24 {
        let thread = format!("v{at}");
        let mut c = opened(&*a, a.clock(), &thread).await;
        let message = inbound(&thread, &thread, "hello");
        let elsewhere = match at {
            0..6 => Some(turn(taken(b.clock(), &message), &c)),
            6 => Some(Commit { entries: [make::note(b.clock(), "meanwhile")].into(), ..commit((*c).clone()) }),
            _ => None,
        };
        if let Some(elsewhere) = elsewhere {
            let after = done(&*b, elsewhere).await;
            // The first three are made by somebody who has not heard of it.
            if (3..6).contains(&at) {
                c = after;
            }
        }
        commits.push(turn(taken(a.clock(), &message), &c));
    }
    let outcomes = join_all(commits.into_iter().map(|commit| a.commit(commit))).await;
    for (at, outcome) in outcomes.iter().enumerate() {
        match at {
            0..6 => assert!(matches!(outcome, Ok(Committed::AlreadyDone)), "{at}: {outcome:?}"),
            6 => assert!(is_conflict(outcome), "{outcome:?}"),
            _ => assert!(matches!(outcome, Ok(Committed::Done(_))), "{at}: {outcome:?}"),
        }
    }
    let ledger = a.ledger().await.unwrap();
    assert_eq!((ledger.decided, ledger.findings.len()), (23, 0));
}

/// No index of PostgreSQL holds a key of this length, and whoever brings one waits for nothing.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_cannot_be_kept_is_refused_and_the_others_of_its_batch_stand() {
    let backend = backend().await;
    let a = backend.node("a").await;
    let person = opened(&*a, a.clock(), "somebody").await.customer;
    let endless: String = (0_u32..4_000).map(|at| format!("{:08x}", at.wrapping_mul(2_654_435_761))).collect();
    let commits = (0..24).map(|at| {
        let key = if at % 8 == 5 { format!("{at}{endless}") } else { format!("v{at}") };
        a.commit(Commit {
            entries: [event(a.clock(), Event::Opened)].into(),
            structural: true,
            ..commit(make::conversation(a.clock(), &key, person))
        })
    });
    for (at, outcome) in join_all(commits).await.iter().enumerate() {
        if at % 8 == 5 {
            assert!(matches!(outcome, Err(StoreError::Corrupt { .. })), "{at}: {outcome:?}");
        } else {
            assert!(matches!(outcome, Ok(Committed::Done(_))), "{at}: {outcome:?}");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_daemons_never_give_one_ticket_twice() {
    let backend = backend().await;
    let (a, b) = (backend.node("a").await, backend.node("b").await);
    let reserved =
        join_all((0..40).map(|at| if at % 2 == 0 { a.reserve_tickets(5) } else { b.reserve_tickets(3) })).await;
    let numbers: Vec<TicketNumber> = reserved.into_iter().flat_map(Result::unwrap).collect();
    let distinct: std::collections::BTreeSet<_> = numbers.iter().collect();
    assert_eq!((numbers.len(), distinct.len()), (160, 160));
    // Even if they did, the record has each once.
    let number = numbers[0];
    let (one, other) = futures::join!(with_ticket(&*a, a.clock(), "v1", number), opened(&*b, b.clock(), "v2"));
    let mut second = (*other).clone();
    second.give_ticket(number, "care", None, now());
    let given = [event(b.clock(), Event::TicketGiven { number })];
    assert!(is_conflict(&b.commit(Commit { entries: given.into(), ..commit(second) }).await));
    assert_eq!(b.conversation_of_ticket(number).await.unwrap().unwrap().id, one.id);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_thread_has_one_conversation_however_many_take_it_up() {
    let backend = backend().await;
    let (a, b) = (backend.node("a").await, backend.node("b").await);
    let person = opened(&*a, a.clock(), "somebody").await.customer;
    let first = |record: &PostgresRecord, before| Commit {
        entries: [event(record.clock(), Event::Opened)].into(),
        structural: true,
        ..commit(Conversation { before, ..make::conversation(record.clock(), "v1", person) })
    };
    let both = futures::join!(a.commit(first(&a, None)), b.commit(first(&b, None)));
    assert_eq!([&both.0, &both.1].iter().filter(|result| is_conflict(result)).count(), 1, "{both:?}");
    let thread = Thread { channel: CHANNEL.into(), key: "v1".into() };
    let stands = a.conversation_of(&thread).await.unwrap().unwrap();
    assert!(is_conflict(&b.commit(first(&b, None)).await), "it is not the first one");
    let both = futures::join!(a.commit(first(&a, Some(stands.id))), b.commit(first(&b, Some(stands.id))));
    assert_eq!([&both.0, &both.1].iter().filter(|result| is_conflict(result)).count(), 1, "{both:?}");
    assert_eq!(b.conversation_of(&thread).await.unwrap().unwrap().before, Some(stands.id));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_order_of_a_journal_is_not_that_of_its_ids() {
    let backend = backend().await;
    let (ahead, behind) = (backend.node("ahead").await, backend.node("behind").await);
    // One daemon's clock is minutes ahead of the other's.
    let later = ahead.clock().next::<MessageId>(now() + SignedDuration::from_mins(10));
    ahead.clock().advance_past(later.get());
    let mut c = opened(&*behind, behind.clock(), "v1").await;
    let mut entries = vec![c.last_entry.unwrap()];
    let mut replies = Vec::new();
    for round in 0..6 {
        let record = if round % 2 == 0 { &ahead } else { &behind };
        let (out, reply) = make::reply(record.clock(), &c, "hello");
        let message = taken(record.clock(), &inbound("v1", &round.to_string(), "hi"));
        let said = [make::message_entry(message.id), reply];
        entries.extend(said.iter().map(|entry| entry.id));
        replies.push(out);
        let outbox = vec![(out, DeliveryState::Pending)];
        c = done(&**record, Commit { turn: Some(message), entries: said.into(), outbox, ..commit((*c).clone()) }).await;
    }
    assert!(!entries.is_sorted());
    assert_eq!(make::journal(&*behind, c.id).await, entries);
    for (round, expected) in replies.iter().enumerate() {
        let record = if round % 2 == 0 { &behind } else { &ahead };
        let leased = record.lease(CHANNEL, now(), 10, 0).await.unwrap();
        assert_eq!(leased.iter().map(|leased| leased.outbound.id).collect::<Vec<_>>(), [*expected], "round {round}");
        record.bounced(*expected, "no such user").await.unwrap();
    }
    assert_eq!(behind.ledger().await.unwrap().findings, Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_dead_node_was_sending_is_taken_over() {
    let backend = backend().await;
    let (a, b) = (backend.node("a").await, backend.node("b").await);
    let c = opened(&*a, a.clock(), "v1").await;
    let out = replied(&*a, a.clock(), c.id, "hello").await;
    assert_eq!(a.lease(CHANNEL, now(), 10, 0).await.unwrap().len(), 1);
    assert!(b.lease(CHANNEL, now(), 10, 0).await.unwrap().is_empty());
    // A node that starts leaves alone what another one is sending.
    b.recover(CHANNEL, true).await.unwrap();
    assert_eq!(b.reclaim(CHANNEL, true).await.unwrap(), 0);
    let state = async || b.entry(out.into()).await.unwrap().unwrap().delivery.unwrap().state;
    assert_eq!(state().await, DeliveryState::Sending);
    a.database().leave(a.node()).await.unwrap();
    assert_eq!(b.reclaim("another", true).await.unwrap(), 0);
    assert_eq!(b.reclaim(CHANNEL, false).await.unwrap(), 1);
    assert_eq!(state().await, DeliveryState::Unknown);
    b.resend(out).await.unwrap();
    assert_eq!(b.lease(CHANNEL, now(), 10, 0).await.unwrap().len(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_leased_and_never_arrived_is_leased_again() {
    let backend = backend().await;
    let (a, b) = (backend.node("a").await, backend.node("b").await);
    let mut replies = Vec::new();
    for thread in ["v1", "v2"] {
        let c = opened(&*a, a.clock(), thread).await;
        replies.push(replied(&*a, a.clock(), c.id, "hello").await);
    }
    // As when the connection was lost behind the commit of a lease, and before its answer.
    let sql = format!(
        "UPDATE outbox SET state = 1, node = {}, incarnation = {} WHERE id = {}",
        a.node().number,
        a.node().incarnation,
        replies[0].get()
    );
    backend.server.client().await.batch_execute(&sql).await.unwrap();
    let leased = async |record: &PostgresRecord| -> Vec<_> {
        record.lease(CHANNEL, now(), 10, 0).await.unwrap().into_iter().map(|leased| leased.outbound.id).collect()
    };
    assert_eq!(leased(&a).await, replies[1..]);
    assert_eq!(b.reclaim(CHANNEL, true).await.unwrap(), 0, "it is not known to be astray there");
    assert!(leased(&b).await.is_empty());
    a.reclaim("another", true).await.unwrap();
    assert!(leased(&a).await.is_empty());
    a.reclaim(CHANNEL, false).await.unwrap();
    assert_eq!(leased(&a).await, replies[..1], "it was never sent, and what is in hand stays there");
    a.reclaim(CHANNEL, true).await.unwrap();
    assert!(leased(&a).await.is_empty());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_daemons_send_each_message_once_and_in_order() {
    const CONVERSATIONS: usize = 12;
    const REPLIES: usize = 5;
    let backend = backend().await;
    let records = join_all(["a", "b", "c"].map(|name| backend.node(name))).await;
    for at in 0..CONVERSATIONS {
        let c = opened(&*records[0], records[0].clock(), &format!("v{at}")).await;
        for text in 0..REPLIES {
            let record = &records[text % 3];
            replied(&**record, record.clock(), c.id, &text.to_string()).await;
        }
    }
    let sent = Arc::new(Mutex::new(Vec::new()));
    let couriers = records.iter().map(|record| {
        let sent = Arc::clone(&sent);
        async move {
            while sent.lock().unwrap().len() < CONVERSATIONS * REPLIES {
                for leased in record.lease(CHANNEL, now(), 4, 0).await.unwrap() {
                    let outbound = leased.outbound;
                    sent.lock().unwrap().push((outbound.conversation, outbound.body.text.clone()));
                    record.bounced(outbound.id, "sent").await.unwrap();
                }
                tokio::task::yield_now().await;
            }
        }
    });
    within("everything is sent", join_all(couriers)).await;
    let mut by_conversation: HashMap<_, Vec<String>> = HashMap::new();
    for (conversation, text) in sent.lock().unwrap().drain(..) {
        by_conversation.entry(conversation).or_default().push(text);
    }
    assert_eq!(by_conversation.len(), CONVERSATIONS);
    assert!(by_conversation.values().all(|texts| *texts == ["0", "1", "2", "3", "4"]), "{by_conversation:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_file_is_fetched_by_one_node() {
    let backend = backend().await;
    let (a, b) = (backend.node("a").await, backend.node("b").await);
    let file = WantedFile {
        message: a.clock().next(now()),
        place: 0,
        reference: "r".into(),
        name: "n".into(),
        media_type: "image/png".into(),
    };
    a.want(CHANNEL, vec![file.clone()]).await.unwrap();
    let due = async |record: &PostgresRecord| record.due(CHANNEL, now(), 9).await.unwrap();
    assert_eq!(due(&a).await, [(file.clone(), 0)]);
    assert!(due(&b).await.is_empty() && b.next_file(CHANNEL).await.unwrap().is_none());
    assert_eq!(due(&a).await, [(file.clone(), 0)], "its own until it says what came of it");
    a.database().leave(a.node()).await.unwrap();
    assert_eq!(due(&b).await, [(file.clone(), 0)], "until it is no more");
    b.fetched(&file, Fetched::Later { at: now(), problem: "later".into() }).await.unwrap();
    assert!(b.next_file(CHANNEL).await.unwrap().is_some());
    assert_eq!(due(&b).await, [(file, 1)]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_dead_message_is_published_again_until_that_is_known() {
    let backend = backend().await;
    let record = backend.node("a").await;
    let message = inbound("v1", "bad", "the bad one\0");
    let Taken { id, inbound } = taken(record.clock(), &message);
    for _ in 0..2 {
        Letters::bury(&*record, id, &inbound, "it cannot be read").await.unwrap();
    }
    let key = dedup_key(&message).unwrap();
    assert_eq!(record.known(&[key]).await.unwrap(), [Some(id)], "its repetition is none either");
    let c = opened(&*record, record.clock(), "v1").await;
    let late = Taken { id, inbound: Arc::clone(&inbound) };
    assert!(matches!(record.commit(turn(late, &c)).await, Ok(Committed::AlreadyDone)));
    assert!(record.to_publish(9).await.unwrap().is_empty());
    let letters = record.dead(9).await.unwrap();
    assert_eq!((letters.len(), letters[0].text.as_str()), (1, "the bad one\0"));
    let Redriven::Turn(new) = record.redrive(&id.to_string()).await.unwrap() else { panic!("it is a turn") };
    assert!(matches!(record.redrive(&id.to_string()).await, Err(StoreError::Missing(_))), "once is enough");
    backend.server.crash().await;
    let again = backend.node("b").await;
    let publish = again.to_publish(9).await.unwrap();
    assert_eq!(publish.iter().map(|(id, inbound)| (*id, &**inbound)).collect::<Vec<_>>(), [(new, &message)]);
    let ledger = again.ledger().await.unwrap();
    assert_eq!((ledger.accepted, ledger.dead, ledger.redriven, ledger.waiting), (2, 0, 1, 1));
    again.published(&[new]).await.unwrap();
    assert!(again.to_publish(9).await.unwrap().is_empty());
    let redriven = Taken { id: new, inbound };
    done(&*again, turn(redriven, &c)).await;
    let ledger = again.ledger().await.unwrap();
    assert_eq!((ledger.accepted, ledger.decided, ledger.redriven, ledger.waiting), (2, 1, 1, 0));
    assert_eq!(ledger.findings, Vec::<String>::new());
}
