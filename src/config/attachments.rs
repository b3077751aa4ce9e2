//! Which files are taken, and what keeps them.

use std::{path::Path, time::Duration};

use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;

use super::{ConfigError, duration};
use crate::store::attachments::{S3Settings, Taken};

/// What keeps files.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Keeper {
    /// A folder in the data folder.
    Folder,
    /// An S3-compatible store.
    S3,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(missing_docs, reason = "config.default.toml explains them")]
pub struct Attachments {
    pub max_bytes: usize,
    pub types: Vec<String>,
    pub store: Keeper,
    s3: S3,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct S3 {
    endpoint: String,
    region: String,
    bucket: String,
    prefix: String,
    access_key: String,
    /// Hidden from `Debug` by its type.
    secret_key: SecretString,
    secret_key_file: String,
    ca: String,
    bucket_in_host: bool,
    links: bool,
    #[serde(deserialize_with = "duration")]
    links_last: Duration,
    link_endpoint: String,
}

impl Attachments {
    /// Which files are taken.
    #[must_use]
    pub fn taken(&self) -> Taken {
        Taken { most_bytes: self.max_bytes, types: self.types.clone() }
    }

    /// Where the S3-compatible store is.
    ///
    /// # Errors
    /// The file of its secret key cannot be read.
    pub fn s3(&self) -> anyhow::Result<S3Settings> {
        let s3 = &self.s3;
        let secret_key = if s3.secret_key_file.is_empty() {
            Some(s3.secret_key.clone()).filter(|key| !key.expose_secret().is_empty())
        } else {
            Some(super::secret_in(s3.secret_key_file.as_ref())?)
        };
        Ok(S3Settings {
            endpoint: s3.endpoint.clone(),
            region: s3.region.clone(),
            bucket: s3.bucket.clone(),
            prefix: s3.prefix.clone(),
            access_key: s3.access_key.clone(),
            secret_key,
            ca: Some(s3.ca.clone().into()).filter(|_| !s3.ca.is_empty()),
            bucket_in_host: s3.bucket_in_host,
            links_last: s3.links.then_some(s3.links_last),
            link_endpoint: s3.link_endpoint.clone(),
        })
    }

    /// What is wrong with the settings, and what to do.
    pub(super) fn mistake(&self) -> Option<(&'static str, &'static str)> {
        let s3 = &self.s3;
        if self.store == Keeper::S3 && s3.bucket.is_empty() {
            return Some(("attachments.s3.bucket is empty", "name the bucket that attachments are kept in"));
        }
        if !s3.secret_key_file.is_empty() && !s3.secret_key.expose_secret().is_empty() {
            return Some(("attachments.s3 has both a secret_key and a secret_key_file", "keep one of them"));
        }
        // As Amazon has it: seven days.
        if s3.links && !(Duration::from_secs(10)..=Duration::from_secs(7 * 86_400)).contains(&s3.links_last) {
            return Some(("attachments.s3.links_last is not between 10s and 7d", "5m is the default"));
        }
        None
    }
}

/// Refuses the secret key in a configuration file: files are copied, shown and kept in Git.
pub(super) fn no_secret_in(file: &Path, read: &config::Config) -> Result<(), ConfigError> {
    if read.get_string("attachments.s3.secret_key").unwrap_or_default().is_empty() {
        return Ok(());
    }
    Err(ConfigError {
        what: format!("{} holds the secret key of attachments.s3", file.display()),
        help: Some(
            "put it into a file that secret_key_file names, or into SWITCHBOARD_ATTACHMENTS__S3__SECRET_KEY".into(),
        ),
    })
}
