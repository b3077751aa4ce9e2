//! The bytes of files, named by their hash, never in the database: in a folder of this machine or in an S3-compatible store.

mod folder;
mod s3;

use async_trait::async_trait;
use bytes::Bytes;
use contract::{Attachment, AttachmentError, AttachmentSource, AttachmentStore, ContentHash, clean_line};

pub use self::{
    folder::LocalAttachments,
    s3::{S3Attachments, S3Settings},
};

/// The longest name that is kept, in characters.
const NAME_CHARS: usize = 200;

/// A store whose files can be carried to another one.
#[async_trait]
pub trait Carried: AttachmentStore {
    /// The hashes of its files that begin with this byte, rising.
    ///
    /// # Errors
    /// [`AttachmentError::Unavailable`] when the store cannot be read now.
    async fn beginning(&self, first: u8) -> Result<Vec<ContentHash>, AttachmentError>;

    /// Keeps bytes that were taken once, whatever is taken now.
    ///
    /// # Errors
    /// [`AttachmentError::Unavailable`] when the store cannot keep them now.
    async fn restore(&self, bytes: Bytes) -> Result<(), AttachmentError>;
}

/// Which files are taken, whatever keeps them.
#[derive(Debug, Clone)]
pub struct Taken {
    /// The largest file, in bytes.
    pub most_bytes: usize,
    /// The media types; `image/*` allows all images.
    pub types: Vec<String>,
}

impl Taken {
    /// The attachment that names the bytes, if they are taken.
    fn attachment(
        &self,
        name: &str,
        media_type: &str,
        bytes: &Bytes,
    ) -> Result<(Attachment, ContentHash), AttachmentError> {
        let name = clean_line(name, NAME_CHARS);
        let media_type = media_type.split(';').next().unwrap_or_default().trim().to_lowercase();
        self.check(&name, &media_type, bytes.len())?;
        let hash = ContentHash::of(bytes);
        let source = AttachmentSource::Stored { hash, size: bytes.len() as u64 };
        Ok((Attachment { name, media_type, source }, hash))
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

/// Where a hash is, below the folder or the prefix: the same in both, so that one can be copied into the other.
fn place(hash: ContentHash) -> (String, String) {
    let name = hash.to_string();
    (name[..2].to_owned(), name[2..].to_owned())
}

/// The folder of the hashes that begin with a byte.
fn folder_of(first: u8) -> String {
    format!("{first:02x}")
}

/// The hashes of the files of such names in a folder, rising. What is no hash is something else's.
fn hashes(folder: &str, names: impl Iterator<Item = String>) -> Vec<ContentHash> {
    let mut hashes: Vec<ContentHash> = names.filter_map(|name| format!("{folder}{name}").parse().ok()).collect();
    hashes.sort_by_key(ToString::to_string);
    hashes
}
