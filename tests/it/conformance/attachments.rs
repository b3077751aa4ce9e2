//! What every store of attachments does, and what an S3-compatible one does besides.

use std::time::Duration;

use bytes::Bytes;
use contract::{Attachment, AttachmentError, AttachmentSource, AttachmentStore, ContentHash, ServedAs};
use futures::{StreamExt, future::join_all};
use switchboard::store::attachments::{Carried, LocalAttachments, S3Attachments, S3Settings, Taken};

use crate::harness::S3Server;

const MOST_BYTES: usize = 300_000;

fn taken() -> Taken {
    Taken { most_bytes: MOST_BYTES, types: vec!["image/*".into(), "text/plain".into()] }
}

fn hash_of(attachment: &Attachment) -> ContentHash {
    let AttachmentSource::Stored { hash, .. } = attachment.source else { panic!("{attachment:?}") };
    hash
}

async fn streamed(store: &dyn AttachmentStore, hash: ContentHash) -> (u64, Vec<Bytes>) {
    let file = store.open(hash).await.unwrap().unwrap();
    (file.size, file.chunks.map(|chunk| chunk.unwrap()).collect().await)
}

async fn conforms(store: &dyn Carried) {
    all_of_them_are_listed_and_restored(store).await;
    what_is_kept_is_read_whole_and_streamed(store).await;
    the_same_bytes_are_kept_once_under_two_names(store).await;
    what_is_too_large_or_of_another_type_is_refused(store).await;
    many_at_once_keep_what_they_are(store).await;
}

async fn all_of_them_are_listed_and_restored(store: &dyn Carried) {
    let files: Vec<Bytes> = (0..300u32).map(|number| Bytes::from(format!("restored {number}"))).collect();
    for bytes in files.iter().chain(&files[..3]) {
        store.restore(bytes.clone()).await.unwrap();
    }
    // What was taken once is not looked at again.
    let large = Bytes::from(vec![5; MOST_BYTES + 1]);
    store.restore(large.clone()).await.unwrap();
    let mut listed = Vec::new();
    for first in 0..=u8::MAX {
        listed.extend(store.beginning(first).await.unwrap().iter().map(ToString::to_string));
    }
    let mut expected: Vec<String> =
        files.iter().chain([&large]).map(|bytes| ContentHash::of(bytes).to_string()).collect();
    expected.sort();
    assert_eq!(listed, expected);
    assert_eq!(store.open(ContentHash::of(&large)).await.unwrap().unwrap().size, large.len() as u64);
}

async fn what_is_kept_is_read_whole_and_streamed(store: &dyn AttachmentStore) {
    let large: Bytes = (0..MOST_BYTES).map(|at| (at * 31 % 251) as u8).collect();
    for bytes in [Bytes::from_static(b""), Bytes::from_static("照片".as_bytes()), large] {
        let kept = store.keep("../../a\u{202e}.png", "Image/PNG; x=y", bytes.clone()).await.unwrap();
        assert_eq!((kept.name.as_str(), kept.media_type.as_str()), ("../../a.png", "image/png"));
        let hash = hash_of(&kept);
        assert_eq!(hash, ContentHash::of(&bytes));
        assert_eq!(store.read(hash).await.unwrap().unwrap(), bytes);
        let (size, chunks) = streamed(store, hash).await;
        assert_eq!((size, chunks.concat()), (bytes.len() as u64, bytes.to_vec()));
    }
    let other = ContentHash::of(b"other");
    assert!(store.read(other).await.unwrap().is_none());
    assert!(store.open(other).await.unwrap().is_none());
}

async fn the_same_bytes_are_kept_once_under_two_names(store: &dyn AttachmentStore) {
    let bytes = Bytes::from_static(b"the same");
    let one = store.keep("a.txt", "text/plain", bytes.clone()).await.unwrap();
    let two = store.keep("b.png", "image/png", bytes).await.unwrap();
    assert_eq!(one.source, two.source);
    assert_eq!((one.name.as_str(), two.name.as_str()), ("a.txt", "b.png"));
}

async fn what_is_too_large_or_of_another_type_is_refused(store: &dyn AttachmentStore) {
    let large = Bytes::from(vec![7; MOST_BYTES + 1]);
    let refused = store.keep("c.png", "image/png", large.clone()).await.unwrap_err();
    assert!(matches!(&refused, AttachmentError::Refused(why) if why.contains("300001 bytes")), "{refused}");
    assert!(store.read(ContentHash::of(&large)).await.unwrap().is_none());
    let refused = store.keep("d.exe", "application/x-msdownload", Bytes::new()).await.unwrap_err();
    assert!(refused.to_string().contains("image/*, text/plain"), "{refused}");
}

async fn many_at_once_keep_what_they_are(store: &dyn AttachmentStore) {
    let files: Vec<Bytes> = (0..40u32).map(|number| Bytes::from((number % 20).to_string().repeat(999))).collect();
    let kept = join_all(files.iter().map(|bytes| store.keep("n.txt", "text/plain", bytes.clone()))).await;
    for (kept, bytes) in kept.into_iter().zip(files) {
        assert_eq!(store.read(hash_of(&kept.unwrap())).await.unwrap().unwrap(), bytes);
    }
}

#[tokio::test]
async fn a_folder_conforms() {
    let folder = tempfile::tempdir().unwrap();
    let store = LocalAttachments::new(folder.path().into(), taken()).unwrap();
    conforms(&store).await;
    let served = ServedAs { media_type: "text/plain", disposition: "attachment" };
    assert!(store.link(ContentHash::of(b"the same"), served).await.unwrap().is_none());
}

fn s3(settings: &S3Settings) -> S3Attachments {
    let _ = rustls::crypto::ring::default_provider().install_default();
    S3Attachments::new(settings, taken()).unwrap()
}

#[tokio::test]
async fn an_s3_store_conforms_and_signs_addresses_that_end() {
    let server = S3Server::start().await;
    let store = s3(&server.settings());
    store.check().await.unwrap();
    conforms(&store).await;
    store.check().await.unwrap();

    let hash = ContentHash::of(b"the same");
    let disposition = "attachment; filename*=UTF-8''%E9%80%80%E8%B4%A7%20%26.pdf";
    let served = ServedAs { media_type: "application/octet-stream", disposition };
    let link = store.link(hash, served).await.unwrap().unwrap();
    let got = reqwest::get(&link).await.unwrap();
    assert_eq!(got.status(), 200, "{link}");
    assert_eq!(got.headers()["content-disposition"], disposition);
    assert_eq!(got.headers()["content-type"], "application/octet-stream");
    assert_eq!(got.bytes().await.unwrap(), "the same");

    let (address, _) = link.split_once('?').unwrap();
    assert!(address.contains(&format!("/attachments/shop/files/{}/", &hash.to_string()[..2])), "{address}");
    for changed in [address.to_owned(), link.replace("attachment", "inline"), link.replace("Expires=60", "Expires=600")]
    {
        assert_eq!(reqwest::get(&changed).await.unwrap().status(), 403, "{changed}");
    }
    let ended = s3(&S3Settings { links_last: Some(Duration::ZERO), ..server.settings() });
    let link = ended.link(hash, served).await.unwrap().unwrap();
    let refused = crate::harness::eventually("the address has ended", || async {
        (reqwest::get(&link).await.unwrap().status() == 403).then_some(())
    });
    refused.await;
}

#[tokio::test]
async fn what_an_s3_store_refuses_or_cannot_do_may_succeed_later() {
    let mut server = S3Server::start().await;
    let stranger = s3(&S3Settings { secret_key: Some("another".into()), ..server.settings() });
    let nowhere = s3(&S3Settings { bucket: "nowhere".into(), ..server.settings() });
    let store = s3(&server.settings());
    let bytes = Bytes::from_static(b"bytes");
    let kept = store.keep("a.txt", "text/plain", bytes.clone()).await.unwrap();
    for wrong in [&stranger, &nowhere] {
        assert!(matches!(wrong.check().await, Err(AttachmentError::Unavailable(_))));
        let kept = wrong.keep("a.txt", "text/plain", bytes.clone()).await;
        assert!(matches!(kept, Err(AttachmentError::Unavailable(_))), "{kept:?}");
    }
    assert!(!format!("{:?}", server.settings()).contains("a secret of tests"));
    server.kill().await;
    for answer in [store.read(hash_of(&kept)).await, store.read(ContentHash::of(b"other")).await] {
        assert!(matches!(answer, Err(AttachmentError::Unavailable(_))), "{answer:?}");
    }
}
