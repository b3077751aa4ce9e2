//! Files that come with messages: named by the hash of their bytes, never inline.

use std::{fmt, io, str::FromStr};

use async_trait::async_trait;
use bytes::Bytes;
use futures::{StreamExt, stream, stream::BoxStream};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use sha2::{Digest, Sha256};

/// SHA-256 of a file's bytes; text is 64 lower-case hexadecimal digits.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ContentHash([u8; 32]);

impl ContentHash {
    /// The hash of these bytes.
    #[must_use]
    pub fn of(bytes: &[u8]) -> Self {
        Self(Sha256::digest(bytes).into())
    }
}

impl fmt::Display for ContentHash {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&hex::encode(self.0))
    }
}

impl fmt::Debug for ContentHash {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, out)
    }
}

impl FromStr for ContentHash {
    type Err = hex::FromHexError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let mut hash = [0; 32];
        hex::decode_to_slice(text, &mut hash)?;
        Ok(Self(hash))
    }
}

impl Serialize for ContentHash {
    fn serialize<S: Serializer>(&self, out: S) -> Result<S::Ok, S::Error> {
        out.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for ContentHash {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(from)?;
        text.parse().map_err(de::Error::custom)
    }
}

/// A file of a message.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attachment {
    /// The sender's name for it, one clean line. Never used as a path.
    pub name: String,
    /// The sender's word for what it is, lower-case: `image/png`. Never trusted when it is served.
    pub media_type: String,
    /// Where its bytes are.
    #[serde(flatten)]
    pub source: AttachmentSource,
}

/// Where a file's bytes are.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum AttachmentSource {
    /// In Switchboard's own store.
    Stored {
        /// What names it there.
        hash: ContentHash,
        /// Its length in bytes.
        size: u64,
    },
    /// At the sender's; Switchboard shows the link and does not follow it.
    Linked {
        /// An absolute `http` or `https` URL.
        url: String,
    },
    /// With the platform, until [`Channel::fetch`](crate::Channel::fetch) has brought it.
    Remote {
        /// What the platform calls it.
        reference: String,
        /// Its length in bytes, if the platform says.
        #[serde(default, rename = "remote_size", skip_serializing_if = "Option::is_none")]
        size: Option<u64>,
        /// Why it will never come, once that is known.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        problem: Option<String>,
    },
}

/// Where adapters put the bytes of files before they accept the message that names them.
#[async_trait]
pub trait AttachmentStore: Send + Sync {
    /// Keeps the bytes durably and returns the attachment that names them. The same bytes are kept once.
    ///
    /// # Errors
    /// [`AttachmentError::Refused`] for a file that is too large or of a type that is not allowed, which is final;
    /// [`AttachmentError::Unavailable`] when the store cannot keep it now.
    async fn keep(&self, name: &str, media_type: &str, bytes: Bytes) -> Result<Attachment, AttachmentError>;

    /// The bytes, or `None` where there are none of that hash.
    ///
    /// # Errors
    /// [`AttachmentError::Unavailable`] when the store cannot be read now.
    async fn read(&self, hash: ContentHash) -> Result<Option<Bytes>, AttachmentError>;

    /// The same bytes as they come, for handing them on; a large file is never whole in memory.
    ///
    /// # Errors
    /// As [`read`](Self::read); what breaks later is an error in the stream.
    async fn open(&self, hash: ContentHash) -> Result<Option<AttachmentBytes>, AttachmentError> {
        let bytes = self.read(hash).await?;
        Ok(bytes.map(|bytes| AttachmentBytes {
            size: bytes.len() as u64,
            chunks: stream::once(std::future::ready(Ok(bytes))).boxed(),
        }))
    }

    /// An address at which a browser gets the bytes from the store itself, signed, and good for some minutes. `None` where
    /// the store has no such addresses: then the bytes are served from here.
    ///
    /// # Errors
    /// [`AttachmentError::Unavailable`] when none can be made now.
    async fn link(&self, hash: ContentHash, served: ServedAs<'_>) -> Result<Option<String>, AttachmentError> {
        let _ = (hash, served);
        Ok(None)
    }
}

/// A file's bytes as they come.
pub struct AttachmentBytes {
    /// How many there are.
    pub size: u64,
    /// The bytes.
    pub chunks: BoxStream<'static, io::Result<Bytes>>,
}

/// The headers under which a browser gets a file.
#[derive(Debug, Clone, Copy)]
pub struct ServedAs<'a> {
    /// `Content-Type`.
    pub media_type: &'a str,
    /// `Content-Disposition`.
    pub disposition: &'a str,
}

/// Why a file was not kept or read.
#[derive(Debug, thiserror::Error)]
pub enum AttachmentError {
    /// It will never be taken: too large, or of a type that is not allowed.
    #[error("{0}")]
    Refused(String),
    /// The store failed; the same call may succeed later.
    #[error("the attachment store is unavailable")]
    Unavailable(#[source] io::Error),
}
