//! Conversations and their journals.

use std::sync::Arc;

use contract::{AgentId, EntryId, IdClock, MessageId, OfferId};
use jiff::SignedDuration;
use switchboard::{
    models::Spent,
    store::{
        Commit, Committed, Direction, ListOf, OfferRecord, Once, StoreError,
        conversation::{Conversation, Owner},
        customer::CustomerChange,
        entry::{Event, What},
        outbox::DeliveryState,
    },
};

use super::{
    Backend,
    make::{self, commit, done, event, is_conflict, journal, note, now, opened, thread},
};

pub async fn a_commit_reads_back(backend: &impl Backend) {
    let record = backend.open().await;
    let (store, ids) = (&*record.store, &record.ids);
    let first = opened(store, ids, "v1").await;
    assert_eq!(first.version, 1);
    let mut next = (*first).clone();
    next.hand_off(make::handoff("care"));
    next.tags.insert("退款".into());
    let (out, reply) = make::reply(ids, &next, "one moment 请稍候");
    let entries = vec![reply, event(ids, Event::Tagged { add: vec!["退款".into()], remove: vec![], by: "x".into() })];
    let after = done(
        store,
        Commit {
            structural: true,
            entries: entries.into(),
            outbox: vec![(out, DeliveryState::Pending)],
            ..commit(next.clone())
        },
    )
    .await;
    backend.crash().await;
    for record in [record, backend.open().await] {
        let read = record.store.conversation(first.id).await.unwrap().unwrap();
        assert_eq!(*read, *after);
        assert_eq!((read.version, read.owner, read.epoch), (2, Owner::Queue, 1));
        assert_eq!(record.store.conversation_of(&thread("v1")).await.unwrap().unwrap().id, first.id);
        let page = record.store.entries(first.id, None, 10, false).await.unwrap();
        assert_eq!(page.items.len(), 3);
        let said = &page.items[1];
        assert_eq!(said.conversation, first.id);
        assert_eq!(said.delivery.as_ref().unwrap().state, DeliveryState::Pending);
        assert!(matches!(&said.entry.what, What::Reply { outbound, .. } if outbound.body.text == "one moment 请稍候"));
        assert_eq!(record.store.entry(out.into()).await.unwrap().unwrap().entry.id, EntryId::from(out));
        assert_eq!(record.store.held().await.unwrap().iter().map(|c| c.id).collect::<Vec<_>>(), [first.id]);
    }
}

pub async fn a_stale_version_is_a_conflict_and_changes_nothing(backend: &impl Backend) {
    let record = backend.open().await;
    let (store, ids) = (&*record.store, &record.ids);
    let first = opened(store, ids, "v1").await;
    done(store, Commit { entries: [note(ids, "quicker")].into(), ..commit((*first).clone()) }).await;
    let before = journal(store, first.id).await;
    let late = store.commit(Commit { entries: [note(ids, "late")].into(), ..commit((*first).clone()) }).await;
    assert!(is_conflict(&late), "{late:?}");
    assert_eq!(journal(store, first.id).await, before);
    let future = Conversation { version: 9, ..(*first).clone() };
    assert!(is_conflict(&store.commit(Commit { entries: [note(ids, "early")].into(), ..commit(future) }).await));
    // Of those who began together one wins.
    let stands = store.conversation(first.id).await.unwrap().unwrap();
    let race = (0..8)
        .map(|at| store.commit(Commit { entries: [note(ids, &at.to_string())].into(), ..commit((*stands).clone()) }));
    let results = futures::future::join_all(race).await;
    assert_eq!(results.iter().filter(|result| matches!(result, Ok(Committed::Done(_)))).count(), 1);
    assert_eq!(results.iter().filter(|result| is_conflict(result)).count(), 7);
    assert_eq!(journal(store, first.id).await.len(), before.len() + 1);
}

pub async fn a_turn_is_committed_once(backend: &impl Backend) {
    let record = backend.open().await;
    let (store, ids) = (&*record.store, &record.ids);
    let first = opened(store, ids, "v1").await;
    let taken = make::taken(&record, make::inbound("v1", "a", "hi")).await;
    let id = taken.id;
    let turn = |c: &Conversation| {
        let (out, reply) = make::reply(ids, c, "hello");
        let entries = vec![make::message_entry(id), reply];
        Commit {
            turn: Some(taken.clone()),
            entries: entries.into(),
            outbox: vec![(out, DeliveryState::Pending)],
            ..commit(c.clone())
        }
    };
    let after = done(store, turn(&first)).await;
    let before = journal(store, first.id).await;
    // Again under the new version, under the old one, and after a crash.
    for c in [&after, &first] {
        assert!(matches!(store.commit(turn(c)).await, Ok(Committed::AlreadyDone)));
    }
    backend.crash().await;
    let again = backend.open().await;
    assert!(matches!(again.store.commit(turn(&after)).await, Ok(Committed::AlreadyDone)));
    assert_eq!(journal(&*again.store, first.id).await, before);
    let ledger = again.store.ledger().await.unwrap();
    assert_eq!((ledger.accepted, ledger.decided, ledger.outbound.iter().sum::<u64>()), (1, 1, 1));
    let full = again.store.entry(id.into()).await.unwrap().unwrap();
    assert_eq!(full.inbound.unwrap().content.text(), "hi");
}

pub async fn a_refused_commit_changes_nothing(backend: &impl Backend) {
    let record = backend.open().await;
    let (store, ids) = (&*record.store, &record.ids);
    let first = opened(store, ids, "v1").await;
    let taken = make::taken(&record, make::inbound("v2", "a", "hi")).await;
    let id = taken.id;
    let stranger = make::customer(ids, "Somebody");
    let new = make::conversation(ids, "v2", stranger.id);
    let (out, reply) = make::reply(ids, &new, "hello");
    let key: EntryId = ids.next(now());
    // Everything at once, with an address that is taken: none of it must be left.
    let refused = Commit {
        structural: true,
        turn: Some(taken.clone()),
        entries: [make::message_entry(id), reply].into(),
        outbox: vec![(out, DeliveryState::Pending)],
        customers: vec![
            CustomerChange::Put { was: None, now: stranger.clone() },
            CustomerChange::Link(make::address("v1"), stranger.id),
        ],
        once: Some(Once { writer: 1.into(), client_id: "a".into(), entry: key }),
        ..commit(new.clone())
    };
    assert!(is_conflict(&store.commit(refused).await));
    backend.crash().await;
    for record in [&record, &backend.open().await] {
        let store = &record.store;
        assert!(store.conversation(new.id).await.unwrap().is_none());
        assert!(store.conversation_of(&thread("v2")).await.unwrap().is_none());
        assert!(store.contact(stranger.id).await.unwrap().is_none());
        assert!(store.entry_once(1.into(), "a").await.unwrap().is_none());
        assert!(store.entry(id.into()).await.unwrap().is_none());
        assert_eq!(journal(&**store, first.id).await.len(), 1);
        let ledger = record.ledger().await;
        assert_eq!((ledger.waiting, ledger.decided, ledger.outbound.iter().sum::<u64>()), (1, 0, 0));
    }
}

pub async fn a_key_commits_once(backend: &impl Backend) {
    let record = backend.open().await;
    let (store, ids) = (&*record.store, &record.ids);
    let first = opened(store, ids, "v1").await;
    let entry = note(ids, "sent twice by a browser");
    let once = Some(Once { writer: 1.into(), client_id: "a".to_owned(), entry: entry.id });
    let after =
        done(store, Commit { entries: [entry.clone()].into(), once: once.clone(), ..commit((*first).clone()) }).await;
    let again = Commit { entries: [note(ids, "again")].into(), once, ..commit((*after).clone()) };
    assert!(matches!(store.commit(again).await, Ok(Committed::AlreadyDone)));
    assert_eq!(store.entry_once(1.into(), "a").await.unwrap(), Some(entry.id));
    assert_eq!(store.entry_once(1.into(), "b").await.unwrap(), None);
    assert_eq!(store.entry_once(2.into(), "a").await.unwrap(), None);
    assert_eq!(journal(store, first.id).await.len(), 2);
}

pub async fn entries_are_a_chain_in_parts(backend: &impl Backend) {
    let record = backend.open().await;
    let (store, ids) = (&*record.store, &record.ids);
    let mut c = opened(store, ids, "v1").await;
    let mut expected = journal(store, c.id).await;
    for at in 0..12 {
        // Written down out of the order of their ids: the chain keeps the order of the commits.
        let (late, early) = (note(ids, &format!("{at} a")), note(ids, &format!("{at} b")));
        expected.extend([early.id, late.id]);
        c = done(store, Commit { entries: [early, late].into(), ..commit((*c).clone()) }).await;
    }
    let mut read = Vec::new();
    let mut before = None;
    loop {
        let page = store.entries(c.id, before, 7, true).await.unwrap();
        let part: Vec<EntryId> = page.items.iter().map(|full| full.entry.id).collect();
        assert!(part.len() == 7 || !page.more);
        before = part.first().copied();
        read.splice(0..0, part);
        if !page.more {
            break;
        }
    }
    assert_eq!(read, expected);
    let unknown = store.entries(ids.next(now()), None, 7, true).await;
    assert!(matches!(unknown, Err(StoreError::Missing(_))));
}

pub async fn a_thread_goes_on_over_its_conversations(backend: &impl Backend) {
    let record = backend.open().await;
    let (store, ids) = (&*record.store, &record.ids);
    let mut expected = Vec::new();
    let mut before: Option<Arc<Conversation>> = None;
    let person = opened(store, ids, "somebody").await.customer;
    for round in 0..3 {
        let mut new = make::conversation(ids, "v1", person);
        new.before = before.as_ref().map(|c| c.id);
        let entries = vec![event(ids, Event::Opened), note(ids, &format!("round {round}"))];
        expected.extend(entries.iter().map(|entry| entry.id));
        new.close(now());
        before = Some(done(store, Commit { structural: true, entries: entries.into(), ..commit(new) }).await);
    }
    let last = before.unwrap();
    assert_eq!(store.conversation_of(&thread("v1")).await.unwrap().unwrap().id, last.id);
    let ids_of = |page: switchboard::store::Page<switchboard::store::FullEntry>| {
        (page.items.iter().map(|full| full.entry.id).collect::<Vec<_>>(), page.more)
    };
    assert_eq!(ids_of(store.entries(last.id, None, 10, true).await.unwrap()), (expected.clone(), false));
    assert_eq!(ids_of(store.entries(last.id, None, 10, false).await.unwrap()), (expected[4..].to_vec(), false));
    assert_eq!(ids_of(store.entries(last.id, None, 3, true).await.unwrap()), (expected[3..].to_vec(), true));
    // A cursor may lie in a conversation before.
    let older = store.entries(last.id, Some(expected[4]), 3, true).await.unwrap();
    assert_eq!(ids_of(older), (expected[1..4].to_vec(), true));
    let oldest = store.entries(last.id, Some(expected[3]), 10, true).await.unwrap();
    assert_eq!(ids_of(oldest), (expected[..3].to_vec(), false));
}

pub async fn lists_show_what_they_say_newest_first_in_parts(backend: &impl Backend) {
    let record = backend.open().await;
    let (store, ids) = (&*record.store, &record.ids);
    let agent: AgentId = ids.next(now());
    let (mut bot, mut queued, mut mine, mut closed) = (vec![], vec![], vec![], vec![]);
    for at in 0..12 {
        let c = opened(store, ids, &format!("v{at}")).await;
        let mut next = (*c).clone();
        match at % 4 {
            0 => bot.push(c.id),
            1 => {
                next.hand_off(make::handoff("care"));
                queued.push(c.id);
            }
            2 => {
                next.hand_off(make::handoff("care"));
                next.assign(agent, make::now());
                mine.push(c.id);
            }
            _ => {
                next.close(now());
                closed.push(c.id);
            }
        }
        done(store, Commit { structural: true, entries: [note(ids, "x")].into(), ..commit(next) }).await;
    }
    let mut open: Vec<_> = [bot, queued.clone(), mine.clone()].concat();
    for list in [&mut open, &mut queued, &mut mine, &mut closed] {
        list.sort_unstable_by(|a, b| b.cmp(a));
    }
    for (list, expected) in [
        (ListOf::Open, open),
        (ListOf::Queued, queued),
        (ListOf::Mine(agent), mine),
        (ListOf::Mine(ids.next(now())), vec![]),
        (ListOf::Closed, closed),
    ] {
        let mut read = Vec::new();
        loop {
            let page = store.conversations(list.clone(), read.last().copied(), 2).await.unwrap();
            read.extend(page.items.iter().map(|c| c.id));
            if !page.more {
                break;
            }
        }
        assert_eq!(read, expected, "{list:?}");
    }
}

pub async fn offers_that_were_refused_are_remembered(backend: &impl Backend) {
    let record = backend.open().await;
    let (store, ids) = (&*record.store, &record.ids);
    let agent: AgentId = ids.next(now());
    let conversation = opened(store, ids, "v1").await.id;
    let offer = |state, ago| {
        let id: OfferId = ids.next(now());
        OfferRecord { id, conversation, agent, state, at: now() - SignedDuration::from_secs(ago) }
    };
    let (declined, expired, old) = (offer("declined", 10), offer("expired", 20), offer("declined", 900));
    let pending = offer("pending", 0);
    store.record_offers(vec![declined, expired, old, pending, offer("accepted", 5)]).await.unwrap();
    store.record_offers(vec![OfferRecord { state: "withdrawn", ..pending }]).await.unwrap();
    backend.crash().await;
    let again = backend.open().await;
    let mut found = again.store.declined_since(now() - SignedDuration::from_mins(5)).await.unwrap();
    found.sort_by_key(|offer| offer.id);
    assert_eq!(found, [declined, expired]);
}

pub async fn rule_sets_are_kept(backend: &impl Backend) {
    let record = backend.open().await;
    for _ in 0..2 {
        record.store.keep_rule_set("abc", "规则").await.unwrap();
    }
    backend.crash().await;
    let again = backend.open().await;
    assert_eq!(again.store.rule_set("abc").await.unwrap().as_deref(), Some("规则"));
    assert_eq!(again.store.rule_set("abd").await.unwrap(), None);
}

pub async fn decisions_are_read_in_order_in_parts(backend: &impl Backend) {
    let record = backend.open().await;
    let (store, ids) = (&*record.store, &record.ids);
    let mut c = opened(store, ids, "v1").await;
    let began = c.opened_at;
    let mut expected: Vec<(EntryId, MessageId, String)> = Vec::new();
    for at in 0..9 {
        let said = format!("第 {at} 条");
        let taken = make::taken(&record, make::inbound("v1", &said, &said)).await;
        let id = taken.id;
        // Every third message is one that no rule looked at.
        let (reply, answer) = make::reply(ids, &c, "hello");
        let mut entries = vec![make::turn_entry(id, (at % 3 > 0).then_some("end")), answer, note(ids, "in between")];
        if at % 3 > 0 {
            expected.push((id.into(), id, said.clone()));
        }
        if at == 4 {
            let opinion = make::opinion_entry(ids, id, "later");
            expected.push((opinion.id, id, said));
            entries.push(opinion);
        }
        let outbox = vec![(reply, DeliveryState::Pending)];
        c = done(store, Commit { turn: Some(taken), entries: entries.into(), outbox, ..commit((*c).clone()) }).await;
    }
    backend.crash().await;
    let end: EntryId = ids.next(now());
    for store in [backend.peek().await, Arc::clone(&backend.open().await.store)] {
        let (mut read, mut from) = (Vec::new(), IdClock::lowest::<EntryId>(began));
        loop {
            let page = store.decisions(from..end, Direction::Forward, 3).await.unwrap();
            assert!(page.items.len() == 3 || !page.more);
            for past in &page.items {
                let is_opinion = past.id != EntryId::from(past.message);
                assert_eq!(past.decision.rule, if is_opinion { "later" } else { "end" });
                assert_eq!(past.conversation, c.id);
                read.push((past.id, past.message, past.inbound.content.text().to_owned()));
            }
            let Some(last) = page.items.last().filter(|_| page.more) else { break };
            from = EntryId::from(last.id.get() + 1);
        }
        assert_eq!(read, expected);
        let some = store.decisions(expected[1].0..expected[4].0, Direction::Forward, 10).await.unwrap();
        assert_eq!(some.items.iter().map(|past| past.id).collect::<Vec<_>>(), [1, 2, 3].map(|at| expected[at].0));
        assert!(!some.more && store.decisions(end..end, Direction::Forward, 3).await.unwrap().items.is_empty());
        let last = store.decisions(IdClock::lowest(began)..end, Direction::Backward, 2).await.unwrap();
        let newest: Vec<EntryId> = expected.iter().rev().map(|(id, ..)| *id).take(2).collect();
        assert_eq!(last.items.iter().map(|past| past.id).collect::<Vec<_>>(), newest);
        assert!(last.more);
    }
}

pub async fn hits_of_rules_add_up_by_hour(backend: &impl Backend) {
    let record = backend.open().await;
    let hour = |n: i64| jiff::Timestamp::from_second(1_795_000_000 / 3600 * 3600 + n * 3600).unwrap();
    let rule = |name: &str, hits| (Arc::from(name), hits);
    record.store.add_rule_hits(hour(0), vec![rule("退款", 2), rule("end", 1)]).await.unwrap();
    record.store.add_rule_hits(hour(0), vec![rule("退款", 3)]).await.unwrap();
    record.store.add_rule_hits(hour(5), vec![rule("end", 7)]).await.unwrap();
    backend.crash().await;
    let store = backend.open().await.store;
    let hits = |of: &[(&str, u64)]| of.iter().map(|(rule, hits)| ((*rule).to_owned(), *hits)).collect();
    assert_eq!(store.rule_hits(hour(0)).await.unwrap(), hits(&[("退款", 5), ("end", 8)]));
    assert_eq!(store.rule_hits(hour(1)).await.unwrap(), hits(&[("end", 7)]));
    // Nothing is kept for ever.
    store.add_rule_hits(hour(24 * 101), vec![rule("end", 1)]).await.unwrap();
    assert_eq!(store.rule_hits(hour(0)).await.unwrap(), hits(&[("end", 1)]));
}

pub async fn what_models_cost_adds_up_by_day(backend: &impl Backend) {
    let record = backend.open().await;
    let day = |n: i64| jiff::Timestamp::from_second((20_000 + n) * 86_400).unwrap();
    let spent = |steps, tokens| Spent { steps, tokens, millis: 10, micros: 7 };
    let none = Spent::default();
    assert_eq!(record.store.spend_on_models(day(0), none, none).await.unwrap(), none);
    assert_eq!(record.store.spend_on_models(day(0), spent(1, 900), none).await.unwrap(), spent(1, 900));
    let reserved = spent(1, 900);
    let told = record.store.spend_on_models(day(0), spent(1, 100), reserved).await.unwrap();
    assert_eq!(told, spent(1, 100), "what was reserved too much comes back");
    let together = (0..8).map(|_| record.store.spend_on_models(day(1), spent(1, 5), none));
    let mut sums: Vec<u64> =
        futures::future::join_all(together).await.into_iter().map(|sum| sum.unwrap().steps).collect();
    sums.sort_unstable();
    assert_eq!(sums, [1, 2, 3, 4, 5, 6, 7, 8], "nobody reads what somebody else read before");
    backend.crash().await;
    let store = backend.open().await.store;
    assert_eq!(store.spend_on_models(day(0), none, none).await.unwrap(), spent(1, 100));
}

pub async fn what_may_have_an_alarm_is_read_in_parts(backend: &impl Backend) {
    let record = backend.open().await;
    let (store, ids) = (&*record.store, &record.ids);
    let mut all = Vec::new();
    for number in 0..5_i64 {
        let before = opened(store, ids, &format!("v{number}")).await;
        let mut next = (*before).clone();
        if number > 2 {
            next.close(now() - SignedDuration::from_hours(24 * (number - 3)));
        }
        let entries = [event(ids, Event::Opened)].into();
        all.push(done(store, Commit { structural: true, entries, ..commit(next) }).await.id);
    }
    for (closed_since, expected) in [
        (None, &all[..3]),
        (Some(now() - SignedDuration::from_hours(1)), &all[..4]),
        (Some(now() - SignedDuration::from_hours(25)), &all[..]),
    ] {
        let (mut found, mut after) = (Vec::new(), None);
        loop {
            let page = store.open_conversations(after, closed_since, 2).await.unwrap();
            let Some(last) = page.last() else { break };
            after = Some(last.id);
            found.extend(page.iter().map(|conversation| conversation.id));
        }
        assert_eq!(found, expected, "{closed_since:?}");
    }
}
