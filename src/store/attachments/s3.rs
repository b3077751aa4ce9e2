//! Files in an S3-compatible store: the same bytes once, under the names that the folder has. The bucket is private; whoever
//! is to get a file from it gets an address that is signed and ends.

use std::{fmt, future::Future, io, path::PathBuf, time::Duration};

use anyhow::Context;
use async_trait::async_trait;
use bytes::Bytes;
use contract::{Attachment, AttachmentBytes, AttachmentError, AttachmentStore, ContentHash, ServedAs};
use futures::StreamExt;
use object_store::{
    Attribute, BackoffConfig, Certificate, ClientOptions, ObjectStore, ObjectStoreExt, PutOptions, RetryConfig,
    aws::{AmazonS3, AmazonS3Builder, Checksum},
    path::Path,
    signer::{Method, SignedUrlOptions, Signer},
};
use secrecy::{ExposeSecret, SecretString};

use super::{Carried, Taken, folder_of, hashes, place};

/// How long keeping a file may take, with all attempts.
const KEEP_WITHIN: Duration = Duration::from_secs(60);
/// How long the store may take to answer, and to go on in the middle of a file.
const ANSWER_WITHIN: Duration = Duration::from_secs(20);
const CONNECT_WITHIN: Duration = Duration::from_secs(5);
/// A failed request is made again so often, within [`ANSWER_WITHIN`].
const RETRIES: usize = 3;

/// Where the store is and who is asking.
#[derive(Clone)]
pub struct S3Settings {
    /// `https://s3.example.com`; empty: Amazon's, in the region.
    pub endpoint: String,
    /// The region.
    pub region: String,
    /// The bucket, which is there already.
    pub bucket: String,
    /// What stands before all names, without slashes at the ends; may be empty.
    pub prefix: String,
    /// Whose requests these are; empty: what the machine or the environment of Amazon's tools says.
    pub access_key: String,
    /// What signs them.
    pub secret_key: Option<SecretString>,
    /// A file with the authorities of the server's certificate, where the machine's own do not know it.
    pub ca: Option<PathBuf>,
    /// Whether the bucket is a part of the host's name, as Amazon has it, or of the path, as most others do.
    pub bucket_in_host: bool,
    /// For how long an address is good at which browsers get files from the store itself; `None`: they get them from here.
    pub links_last: Option<Duration>,
    /// The endpoint as browsers reach it; empty: the same.
    pub link_endpoint: String,
}

/// Without the secret.
impl fmt::Debug for S3Settings {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { endpoint, bucket, prefix, access_key, .. } = self;
        out.debug_struct("S3Settings")
            .field("endpoint", endpoint)
            .field("bucket", bucket)
            .field("prefix", prefix)
            .field("access_key", access_key)
            .finish_non_exhaustive()
    }
}

impl S3Settings {
    fn client(&self, endpoint: &str) -> anyhow::Result<AmazonS3> {
        let mut options = ClientOptions::new()
            .with_connect_timeout(CONNECT_WITHIN)
            .with_timeout_disabled()
            .with_read_timeout(ANSWER_WITHIN)
            .with_allow_http(endpoint.starts_with("http://"));
        if let Some(ca) = &self.ca {
            let read = std::fs::read(ca).with_context(|| format!("{} cannot be read", ca.display()))?;
            let found = Certificate::from_pem_bundle(&read);
            for certificate in found.with_context(|| format!("{} holds no certificates", ca.display()))? {
                options = options.with_root_certificate(certificate);
            }
        }
        let backoff = BackoffConfig { init_backoff: Duration::from_millis(100), ..BackoffConfig::default() };
        let mut builder = AmazonS3Builder::new()
            .with_region(&self.region)
            .with_bucket_name(&self.bucket)
            .with_virtual_hosted_style_request(self.bucket_in_host)
            .with_checksum_algorithm(Checksum::SHA256)
            .with_retry(RetryConfig { backoff, max_retries: RETRIES, retry_timeout: ANSWER_WITHIN })
            .with_client_options(options);
        if !endpoint.is_empty() {
            builder = builder.with_endpoint(endpoint.trim_end_matches('/'));
        }
        if !self.access_key.is_empty() {
            builder = builder.with_access_key_id(&self.access_key);
        }
        if let Some(secret) = &self.secret_key {
            builder = builder.with_secret_access_key(secret.expose_secret());
        }
        builder.build().context("the store of attachments cannot be set up")
    }
}

/// Files in an S3-compatible store.
pub struct S3Attachments {
    store: AmazonS3,
    /// Signs addresses for browsers.
    links: Option<(AmazonS3, Duration)>,
    prefix: String,
    taken: Taken,
}

impl S3Attachments {
    /// A store as the settings say. Asks nothing of it yet.
    ///
    /// # Errors
    /// The settings are wrong, or the file of authorities cannot be read.
    pub fn new(settings: &S3Settings, taken: Taken) -> anyhow::Result<Self> {
        let store = settings.client(&settings.endpoint)?;
        let reached = if settings.link_endpoint.is_empty() { &settings.endpoint } else { &settings.link_endpoint };
        let links = settings.links_last.map(|last| anyhow::Ok((settings.client(reached)?, last))).transpose()?;
        Ok(Self { store, links, prefix: settings.prefix.trim_matches('/').to_owned(), taken })
    }

    /// Whether the bucket is there and may be read.
    ///
    /// # Errors
    /// What the store says.
    pub async fn check(&self) -> Result<(), AttachmentError> {
        let folder = Path::from(self.prefix.as_str());
        let first = in_time(ANSWER_WITHIN, async { self.store.list(Some(&folder)).next().await.transpose() }).await?;
        drop(first);
        Ok(())
    }

    fn path(&self, hash: ContentHash) -> Path {
        let (folder, name) = place(hash);
        Path::from(format!("{}/{folder}/{name}", self.prefix))
    }

    async fn put(&self, hash: ContentHash, bytes: Bytes) -> Result<(), AttachmentError> {
        let path = self.path(hash);
        if self.has(&path, bytes.len() as u64).await? {
            return Ok(());
        }
        // Whoever finds the object without a link of ours gets nothing that a browser would run.
        let attributes =
            [(Attribute::ContentType, "application/octet-stream"), (Attribute::ContentDisposition, "attachment")];
        let options = PutOptions { attributes: attributes.into_iter().collect(), ..PutOptions::default() };
        in_time(KEEP_WITHIN, self.store.put_opts(&path, bytes.into(), options)).await?;
        Ok(())
    }

    /// Whether it is there already, whole.
    async fn has(&self, path: &Path, size: u64) -> Result<bool, AttachmentError> {
        let found = found(in_time(ANSWER_WITHIN, self.store.head(path)).await)?;
        Ok(found.is_some_and(|meta| meta.size == size))
    }
}

/// Why a file is not there now: the store's own words.
fn unavailable(error: object_store::Error) -> AttachmentError {
    AttachmentError::Unavailable(io::Error::other(error))
}

enum Failed {
    Absent,
    Unavailable(AttachmentError),
}

impl From<Failed> for AttachmentError {
    fn from(failed: Failed) -> Self {
        match failed {
            Failed::Absent => Self::Unavailable(io::Error::other("the bucket or the file is not there")),
            Failed::Unavailable(error) => error,
        }
    }
}

async fn in_time<T>(
    within: Duration,
    asked: impl Future<Output = Result<T, object_store::Error>>,
) -> Result<T, Failed> {
    match tokio::time::timeout(within, asked).await {
        Ok(Ok(answer)) => Ok(answer),
        Ok(Err(object_store::Error::NotFound { .. })) => Err(Failed::Absent),
        Ok(Err(error)) => Err(Failed::Unavailable(unavailable(error))),
        Err(_elapsed) => {
            let problem = format!("no answer within {} s", within.as_secs());
            Err(Failed::Unavailable(AttachmentError::Unavailable(io::Error::new(io::ErrorKind::TimedOut, problem))))
        }
    }
}

fn found<T>(answer: Result<T, Failed>) -> Result<Option<T>, AttachmentError> {
    match answer {
        Ok(found) => Ok(Some(found)),
        Err(Failed::Absent) => Ok(None),
        Err(Failed::Unavailable(error)) => Err(error),
    }
}

#[async_trait]
impl AttachmentStore for S3Attachments {
    async fn keep(&self, name: &str, media_type: &str, bytes: Bytes) -> Result<Attachment, AttachmentError> {
        let (attachment, hash) = self.taken.attachment(name, media_type, &bytes)?;
        self.put(hash, bytes).await?;
        Ok(attachment)
    }

    async fn read(&self, hash: ContentHash) -> Result<Option<Bytes>, AttachmentError> {
        let Some(file) = self.open(hash).await? else { return Ok(None) };
        let mut whole = Vec::with_capacity(usize::try_from(file.size).unwrap_or(0).min(self.taken.most_bytes));
        let mut chunks = file.chunks;
        while let Some(chunk) = chunks.next().await {
            whole.extend_from_slice(&chunk.map_err(AttachmentError::Unavailable)?);
        }
        if ContentHash::of(&whole) != hash {
            return Err(AttachmentError::Unavailable(io::Error::other(format!(
                "the store has other bytes under {hash} than were kept there"
            ))));
        }
        Ok(Some(whole.into()))
    }

    async fn open(&self, hash: ContentHash) -> Result<Option<AttachmentBytes>, AttachmentError> {
        let answer = in_time(ANSWER_WITHIN, self.store.get(&self.path(hash))).await;
        let Some(file) = found(answer)? else { return Ok(None) };
        let size = file.meta.size;
        Ok(Some(AttachmentBytes {
            size,
            chunks: file.into_stream().map(|chunk| chunk.map_err(io::Error::other)).boxed(),
        }))
    }

    async fn link(&self, hash: ContentHash, served: ServedAs<'_>) -> Result<Option<String>, AttachmentError> {
        let Some((signer, last)) = &self.links else { return Ok(None) };
        let options = SignedUrlOptions::new().with_query([
            ("response-content-type", served.media_type),
            ("response-content-disposition", served.disposition),
        ]);
        let signed = signer.signed_url_opts(Method::GET, &self.path(hash), *last, &options).await;
        Ok(Some(signed.map_err(unavailable)?.into()))
    }
}

#[async_trait]
impl Carried for S3Attachments {
    async fn beginning(&self, first: u8) -> Result<Vec<ContentHash>, AttachmentError> {
        let folder = folder_of(first);
        let place = Path::from(format!("{}/{folder}", self.prefix));
        let mut listed = self.store.list(Some(&place));
        let mut names = Vec::new();
        while let Some(file) = in_time(ANSWER_WITHIN, async { listed.next().await.transpose() }).await? {
            names.extend(file.location.filename().map(str::to_owned));
        }
        Ok(hashes(&folder, names.into_iter()))
    }

    async fn restore(&self, bytes: Bytes) -> Result<(), AttachmentError> {
        self.put(ContentHash::of(&bytes), bytes).await
    }
}
