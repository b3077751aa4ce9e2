//! What calls to business systems need and no action file may say.

use std::{collections::BTreeMap, fs, path::PathBuf};

use secrecy::SecretString;
use serde::Deserialize;

use super::ConfigError;

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(missing_docs, reason = "config.default.toml explains them")]
pub struct Actions {
    pub secrets_folder: PathBuf,
    /// Hidden from `Debug` by their type.
    secrets: BTreeMap<String, SecretString>,
    pub mcp: BTreeMap<String, crate::calls::Program>,
}

impl Actions {
    /// The secrets by name: those of the environment, and the files of the folder.
    ///
    /// # Errors
    /// The folder or a file in it cannot be read.
    pub fn secrets(&self) -> anyhow::Result<BTreeMap<String, SecretString>> {
        let mut secrets = self.secrets.clone();
        if self.secrets_folder.as_os_str().is_empty() {
            return Ok(secrets);
        }
        let shown = self.secrets_folder.display();
        let unreadable =
            |error: std::io::Error| anyhow::anyhow!("actions.secrets_folder {shown} cannot be read: {error}");
        for entry in fs::read_dir(&self.secrets_folder).map_err(unreadable)? {
            let path = entry.map_err(unreadable)?.path();
            let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
            // Kubernetes keeps versions of a mounted secret in hidden folders.
            if name.is_empty() || name.starts_with('.') || !path.is_file() {
                continue;
            }
            let secret = fs::read_to_string(&path).map_err(|error| anyhow::anyhow!("{}: {error}", path.display()))?;
            secrets.insert(name.to_owned(), SecretString::from(secret.trim_end().to_owned()));
        }
        Ok(secrets)
    }
}

/// A secret in the file would end in a repository.
pub(super) fn no_secret_in(file: &std::path::Path, alone: &config::Config) -> Result<(), ConfigError> {
    match alone.get_table("actions.secrets") {
        Ok(secrets) if !secrets.is_empty() => Err(ConfigError {
            what: format!("{} has secrets in it: actions.secrets", file.display()),
            help: Some(
                "put each into a file of the folder that actions.secrets_folder names, or into \
                 SWITCHBOARD_ACTIONS__SECRETS__NAME"
                    .to_owned(),
            ),
        }),
        _ => Ok(()),
    }
}
