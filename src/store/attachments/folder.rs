//! Files in a local folder: `ab/cdef…`, written beside their place and moved there when they are durable.

use std::{
    io::{self, Write},
    path::{Path, PathBuf},
};

use async_trait::async_trait;
use bytes::Bytes;
use contract::{Attachment, AttachmentBytes, AttachmentError, AttachmentStore, ContentHash};
use futures::StreamExt;
use tokio_util::io::ReaderStream;

use super::{Carried, Taken, folder_of, hashes, place};

/// How much of a file is read at once.
const CHUNK_BYTES: usize = 64 * 1024;

/// Files in a local folder.
pub struct LocalAttachments {
    folder: PathBuf,
    taken: Taken,
}

impl LocalAttachments {
    /// A store in `folder`.
    ///
    /// # Errors
    /// The folder cannot be made.
    pub fn new(folder: PathBuf, taken: Taken) -> io::Result<Self> {
        std::fs::create_dir_all(&folder)?;
        Ok(Self { folder, taken })
    }

    fn path(&self, hash: ContentHash) -> PathBuf {
        let (folder, name) = place(hash);
        self.folder.join(folder).join(name)
    }

    async fn write(&self, hash: ContentHash, bytes: Bytes) -> Result<(), AttachmentError> {
        let path = self.path(hash);
        tokio::task::spawn_blocking(move || write_durably(&path, &bytes))
            .await
            .map_err(io::Error::other)
            .and_then(|written| written)
            .map_err(AttachmentError::Unavailable)
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
        let (attachment, hash) = self.taken.attachment(name, media_type, &bytes)?;
        self.write(hash, bytes).await?;
        Ok(attachment)
    }

    async fn read(&self, hash: ContentHash) -> Result<Option<Bytes>, AttachmentError> {
        found(tokio::fs::read(self.path(hash)).await.map(Bytes::from))
    }

    async fn open(&self, hash: ContentHash) -> Result<Option<AttachmentBytes>, AttachmentError> {
        let Some(file) = found(tokio::fs::File::open(self.path(hash)).await)? else { return Ok(None) };
        let size = file.metadata().await.map_err(AttachmentError::Unavailable)?.len();
        Ok(Some(AttachmentBytes { size, chunks: ReaderStream::with_capacity(file, CHUNK_BYTES).boxed() }))
    }
}

#[async_trait]
impl Carried for LocalAttachments {
    async fn beginning(&self, first: u8) -> Result<Vec<ContentHash>, AttachmentError> {
        let folder = folder_of(first);
        let Some(mut entries) = found(tokio::fs::read_dir(self.folder.join(&folder)).await)? else {
            return Ok(Vec::new());
        };
        let mut names = Vec::new();
        while let Some(entry) = entries.next_entry().await.map_err(AttachmentError::Unavailable)? {
            names.extend(entry.file_name().into_string().ok());
        }
        Ok(hashes(&folder, names.into_iter()))
    }

    async fn restore(&self, bytes: Bytes) -> Result<(), AttachmentError> {
        self.write(ContentHash::of(&bytes), bytes).await
    }
}

fn found<T>(read: io::Result<T>) -> Result<Option<T>, AttachmentError> {
    match read {
        Ok(found) => Ok(Some(found)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(AttachmentError::Unavailable(error)),
    }
}
