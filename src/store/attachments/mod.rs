//! The bytes of files, named by their hash, never in the database: in a folder of this machine or in an S3-compatible store.

mod folder;
mod s3;

use bytes::Bytes;
use contract::{Attachment, AttachmentError, AttachmentSource, ContentHash, clean_line};

pub use self::{
    folder::LocalAttachments,
    s3::{S3Attachments, S3Settings},
};

/// The longest name that is kept, in characters.
const NAME_CHARS: usize = 200;

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
