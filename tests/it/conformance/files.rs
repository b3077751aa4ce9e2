//! Files that stayed with the platform.

use contract::{Attachment, AttachmentSource, Body, Content, ContentHash, Inbound, MessageId};
use jiff::SignedDuration;
use switchboard::store::{
    Commit, Store,
    files::{Fetched, WantedFile},
};

use super::{
    Backend,
    make::{CHANNEL, commit, done, inbound, message_entry, now, opened, taken},
};

fn remote(reference: &str) -> Attachment {
    let source = AttachmentSource::Remote { reference: reference.into(), size: Some(9), problem: None };
    Attachment { name: format!("{reference}.png"), media_type: "image/png".into(), source }
}

fn stored(bytes: &[u8]) -> Attachment {
    let source = AttachmentSource::Stored { hash: ContentHash::of(bytes), size: bytes.len() as u64 };
    Attachment { name: "照片.png".into(), media_type: "image/png".into(), source }
}

fn with(files: Vec<Attachment>) -> Inbound {
    let content = Content::Message(Body { attachments: files, ..Body::text("see") });
    Inbound { content, ..inbound("v1", "m1", "") }
}

async fn seen(store: &dyn Store, id: MessageId) -> Vec<Attachment> {
    let full = store.entry(id.into()).await.unwrap().unwrap();
    full.inbound.unwrap().content.body().unwrap().attachments.clone()
}

pub async fn a_file_is_due_until_it_has_come_and_then_stands_in_its_message(backend: &impl Backend) {
    let record = backend.open().await;
    let message = with(vec![remote("a"), stored(b"here"), remote("b"), remote("c")]);
    let turn_of = taken(&record, message.clone()).await;
    let id = turn_of.id;
    let wanted: Vec<WantedFile> = WantedFile::of(id, &message).collect();
    assert_eq!(
        wanted.iter().map(|file| (file.place, &*file.reference)).collect::<Vec<_>>(),
        [(0, "a"), (2, "b"), (3, "c")]
    );
    let (store, ids) = (&*record.store, &record.ids);
    assert_eq!(store.next_file(CHANNEL).await.unwrap(), None);
    store.want(CHANNEL, wanted.clone()).await.unwrap();
    store.want(CHANNEL, wanted.clone()).await.unwrap();
    let conversation = opened(store, ids, "v1").await;
    let turn = Commit { turn: Some(turn_of), entries: [message_entry(id)].into(), ..commit((*conversation).clone()) };
    done(store, turn).await;
    assert_eq!(seen(store, id).await, message.content.body().unwrap().attachments);
    assert!(store.due("other", now(), 9).await.unwrap().is_empty());

    store.fetched(&wanted[0], Fetched::Here(stored(b"came"))).await.unwrap();
    let later = now() + SignedDuration::from_mins(5);
    store.fetched(&wanted[1], Fetched::Later { at: later, problem: "the platform rests".into() }).await.unwrap();
    store.fetched(&wanted[2], Fetched::Never("it is gone".into())).await.unwrap();
    backend.crash().await;

    let record = backend.open().await;
    let store = &*record.store;
    // What is noted already stays as it is.
    store.want(CHANNEL, wanted.clone()).await.unwrap();
    assert!(store.due(CHANNEL, now(), 9).await.unwrap().is_empty());
    assert_eq!(store.next_file(CHANNEL).await.unwrap(), Some(later));
    assert_eq!(store.due(CHANNEL, later, 9).await.unwrap(), [(wanted[1].clone(), 1)]);
    let mut gone = remote("c");
    let AttachmentSource::Remote { problem, .. } = &mut gone.source else { panic!() };
    *problem = Some("it is gone".into());
    assert_eq!(seen(store, id).await, [stored(b"came"), stored(b"here"), remote("b"), gone]);
}
