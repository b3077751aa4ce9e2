//! The bytes of files, on disk under the data folder, named by their hash. Never in the database.

use std::{
    io::{self, Write},
    path::{Path, PathBuf},
};

use async_trait::async_trait;
use bytes::Bytes;
use contract::{Attachment, AttachmentError, AttachmentSource, AttachmentStore, ContentHash, clean_line};

/// The longest name that is kept, in characters.
const NAME_CHARS: usize = 200;

/// Files in a local folder: `ab/cdef…`, written beside their place and moved there when they are durable.
pub struct LocalAttachments {
    folder: PathBuf,
    most_bytes: usize,
    types: Vec<String>,
}

impl LocalAttachments {
    /// A store in `folder` for files of up to `most_bytes`, of the media types `types` (`image/*` allows all images).
    ///
    /// # Errors
    /// The folder cannot be made.
    pub fn new(folder: PathBuf, most_bytes: usize, types: Vec<String>) -> io::Result<Self> {
        std::fs::create_dir_all(&folder)?;
        Ok(Self { folder, most_bytes, types })
    }

    fn path(&self, hash: ContentHash) -> PathBuf {
        let name = hash.to_string();
        self.folder.join(&name[..2]).join(&name[2..])
    }

    fn check(&self, name: &str, media_type: &str, size: usize) -> Result<(), AttachmentError> {
        if size > self.most_bytes {
            return Err(AttachmentError::Refused(format!(
                "{name:?} has {size} bytes; files of up to {} bytes are taken",
                self.most_bytes
            )));
        }
        if !self.types.iter().any(|allowed| covers(allowed, media_type)) {
            return Err(AttachmentError::Refused(format!(
                "{name:?} is {media_type:?}; files of these types are taken: {}",
                self.types.join(", ")
            )));
        }
        Ok(())
    }
}

fn covers(allowed: &str, media_type: &str) -> bool {
    match allowed.strip_suffix("/*") {
        Some(group) => media_type.split('/').next() == Some(group),
        None => allowed == media_type,
    }
}

fn write_durably(path: &Path, bytes: &[u8]) -> io::Result<()> {
    if path.exists() {
        return Ok(());
    }
    let folder = path.parent().ok_or_else(|| io::Error::other("a file without a folder"))?;
    std::fs::create_dir_all(folder)?;
    let beside = folder.join(format!(".{:032x}", rand::random::<u128>()));
    let written = (|| {
        let mut file = std::fs::File::create_new(&beside)?;
        file.write_all(bytes)?;
        file.sync_all()?;
        std::fs::rename(&beside, path)?;
        std::fs::File::open(folder)?.sync_all()
    })();
    if written.is_err() {
        let _ = std::fs::remove_file(&beside);
    }
    written
}

#[async_trait]
impl AttachmentStore for LocalAttachments {
    async fn keep(&self, name: &str, media_type: &str, bytes: Bytes) -> Result<Attachment, AttachmentError> {
        let name = clean_line(name, NAME_CHARS);
        let media_type = media_type.split(';').next().unwrap_or_default().trim().to_lowercase();
        self.check(&name, &media_type, bytes.len())?;
        let size = bytes.len() as u64;
        let hash = ContentHash::of(&bytes);
        let path = self.path(hash);
        tokio::task::spawn_blocking(move || write_durably(&path, &bytes))
            .await
            .map_err(io::Error::other)
            .and_then(|written| written)
            .map_err(AttachmentError::Unavailable)?;
        Ok(Attachment { name, media_type, source: AttachmentSource::Stored { hash, size } })
    }

    async fn read(&self, hash: ContentHash) -> Result<Option<Bytes>, AttachmentError> {
        match tokio::fs::read(self.path(hash)).await {
            Ok(bytes) => Ok(Some(bytes.into())),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(AttachmentError::Unavailable(error)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn files_are_kept_once_by_what_they_hold() {
        let folder = tempfile::tempdir().unwrap();
        let store =
            LocalAttachments::new(folder.path().into(), 10, vec!["image/*".into(), "text/plain".into()]).unwrap();
        let kept = store.keep("../../a\u{202e}.png", "Image/PNG; x=y", Bytes::from_static(b"12345")).await.unwrap();
        assert_eq!((kept.name.as_str(), kept.media_type.as_str()), ("../../a.png", "image/png"));
        let AttachmentSource::Stored { hash, size: 5 } = kept.source else { panic!("{kept:?}") };
        assert_eq!(store.read(hash).await.unwrap().unwrap(), Bytes::from_static(b"12345"));
        assert!(store.read(ContentHash::of(b"other")).await.unwrap().is_none());
        let again = store.keep("b.txt", "text/plain", Bytes::from_static(b"12345")).await.unwrap();
        assert!(matches!(again.source, AttachmentSource::Stored { hash: same, .. } if same == hash));

        let large = store.keep("c.png", "image/png", Bytes::from_static(b"12345678901")).await.unwrap_err();
        assert!(large.to_string().contains("11 bytes") && large.to_string().contains("10 bytes"), "{large}");
        let wrong = store.keep("d.exe", "application/x-msdownload", Bytes::new()).await.unwrap_err();
        assert!(wrong.to_string().contains("image/*, text/plain"), "{wrong}");
    }
}
