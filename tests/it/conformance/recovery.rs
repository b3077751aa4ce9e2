//! What a crash leaves.

use std::{collections::HashMap, sync::Arc};

use contract::{ConversationId, MessageId};
use futures::future::join_all;
use switchboard::store::{AmendError, Commit, Store, amend, conversation::Conversation, entry::EntryAuthor};

use super::{
    Backend, Opened,
    make::{self, commit, done, journal, note, now, opened},
};

pub async fn a_crash_keeps_what_was_committed(backend: &impl Backend) {
    let record = backend.open().await;
    let (store, ids) = (&*record.store, &record.ids);
    let mut c = opened(store, ids, "a").await;
    // Nothing structural: only the journal has it.
    for at in 0..5 {
        let mut next = (*c).clone();
        next.bot_turns = at + 1;
        c = done(store, Commit { entries: [note(ids, "x")].into(), ..commit(next) }).await;
    }
    let taken = make::taken(&record, make::inbound("a", "1", "waits")).await;
    backend.crash().await;
    let again = backend.open().await;
    let read = again.store.conversation(c.id).await.unwrap().unwrap();
    assert_eq!(*read, *c);
    assert_eq!(read.bot_turns, 5);
    assert_eq!(again.store.conversation_of(&make::thread("a")).await.unwrap().unwrap().version, c.version);
    assert_eq!(again.queue.waiting(), 1);
    // And it goes on from there.
    let turn = Commit {
        turn: Some(taken.clone()),
        entries: [make::message_entry(taken.id)].into(),
        ..commit((*read).clone())
    };
    done(&*again.store, turn).await;
    assert_eq!(journal(&*again.store, c.id).await.len(), 7);
}

/// One turn in each of these conversations, all at once.
async fn round(record: &Opened, conversations: &[ConversationId], round: usize) -> Vec<MessageId> {
    let turns = conversations.iter().enumerate().map(|(at, id)| async move {
        let message = make::inbound(&format!("t{at}"), &format!("{round}/{at}"), "x");
        let taken = make::taken(record, message).await;
        let message = taken.id;
        let c = record.store.conversation(*id).await.unwrap().unwrap();
        let entries = vec![make::message_entry(message), note(&record.ids, "answered")];
        let next = Conversation { messages: c.messages + 1, ..(*c).clone() };
        done(&*record.store, Commit { turn: Some(taken), entries: entries.into(), ..commit(next) }).await;
        message
    });
    join_all(turns).await
}

pub async fn many_commits_survive_a_crash(backend: &impl Backend) {
    const CONVERSATIONS: usize = 40;
    let mut record = backend.open().await;
    let mut conversations = Vec::new();
    for at in 0..CONVERSATIONS {
        conversations.push(opened(&*record.store, &record.ids, &format!("t{at}")).await.id);
    }
    let mut journals: HashMap<ConversationId, Vec<MessageId>> = HashMap::new();
    for life in 0..4 {
        for turn in 0..6 {
            let messages = round(&record, &conversations, life * 10 + turn).await;
            for (id, message) in conversations.iter().zip(messages) {
                journals.entry(*id).or_default().push(message);
            }
        }
        // One life in two ends gently.
        if life % 2 == 0 {
            backend.crash().await;
        }
        drop(record);
        record = backend.open().await;
        assert_eq!(record.queue.waiting(), 0, "life {life}");
    }
    for id in &conversations {
        let c = record.store.conversation(*id).await.unwrap().unwrap();
        assert_eq!((c.messages, c.version), (24, 25));
        let page = record.store.entries(*id, None, 1000, false).await.unwrap();
        let messages = page.items.iter().filter(|full| full.inbound.is_some());
        let messages: Vec<MessageId> = messages.map(|full| MessageId::from(full.entry.id.get())).collect();
        assert_eq!(messages, journals[id]);
        assert_eq!(page.items.len(), 49);
    }
    let ledger = record.store.ledger().await.unwrap();
    assert_eq!((ledger.accepted, ledger.decided, ledger.findings), (960, 960, vec![]));
}

pub async fn ids_never_go_back(backend: &impl Backend) {
    let record = backend.open().await;
    let far = now() + jiff::SignedDuration::from_hours(1);
    // A clock that was an hour ahead when the last entry was made.
    let person = opened(&*record.store, &record.ids, "a").await;
    let mut entry = note(&record.ids, "from the future");
    entry.id = record.ids.next(far);
    done(&*record.store, Commit { entries: [entry.clone()].into(), ..commit((*person).clone()) }).await;
    backend.crash().await;
    let again = backend.open().await;
    let next: contract::EntryId = again.ids.next(now());
    assert!(next > entry.id);
    assert!(again.queue.accept(make::inbound("a", "1", "x")).await.unwrap().id.get() > entry.id.get());
}

pub async fn a_peek_reads_beside_the_writer(backend: &impl Backend) {
    let record = backend.open().await;
    let (store, ids) = (&*record.store, &record.ids);
    let mut c = opened(store, ids, "a").await;
    for _ in 0..3 {
        c = done(store, Commit { entries: [note(ids, "x")].into(), ..commit((*c).clone()) }).await;
    }
    let peek = backend.peek().await;
    assert_eq!(*peek.conversation(c.id).await.unwrap().unwrap(), *c);
    assert_eq!(journal(&*peek, c.id).await, journal(store, c.id).await);
    assert!(peek.put_presence(ids.next(now()), "online").await.is_err(), "a peek writes nothing");
    // The writer goes on as if nobody looked.
    done(store, Commit { entries: [note(ids, "y")].into(), ..commit((*c).clone()) }).await;
    assert_eq!(peek.ledger().await.unwrap().findings, Vec::<String>::new());
}

pub async fn writers_at_once_lose_no_update(backend: &impl Backend) {
    const WRITERS: usize = 12;
    let record = Arc::new(backend.open().await);
    let c = opened(&*record.store, &record.ids, "a").await.id;
    let tasks = (0..WRITERS).map(|_| {
        let record = Arc::clone(&record);
        tokio::spawn(async move { add_one(&*record.store, &record, c).await })
    });
    for task in join_all(tasks).await {
        task.unwrap();
    }
    let read = record.store.conversation(c).await.unwrap().unwrap();
    assert_eq!((read.bot_turns as usize, read.version as usize), (WRITERS, WRITERS + 1));
    assert_eq!(journal(&*record.store, c).await.len(), WRITERS + 1);
}

async fn add_one(store: &dyn Store, record: &Opened, id: ConversationId) {
    let result = amend(
        store,
        &record.ids,
        id,
        None,
        |_, _| false,
        |draft| {
            draft.conversation.bot_turns += 1;
            let id = record.ids.next(draft.now);
            draft.note(id, EntryAuthor::System, contract::Body::text("one more"));
            Ok::<(), std::convert::Infallible>(())
        },
    );
    if let Err(AmendError::Store(error)) = result.await {
        panic!("{error}");
    }
}
