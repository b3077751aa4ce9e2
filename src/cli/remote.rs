//! Speaking to the daemon that has the data folder.

use anyhow::{Context, bail};
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::home::Running;

/// The running daemon's API, with the token that it made for this machine's command line.
pub(super) struct Remote {
    client: reqwest::Client,
    running: Running,
}

impl Remote {
    pub fn new(running: Running) -> anyhow::Result<Self> {
        let client = reqwest::Client::builder().no_proxy().timeout(std::time::Duration::from_secs(30)).build()?;
        Ok(Self { client, running })
    }

    /// Asks an address under `/api/v1`.
    pub async fn get<T: DeserializeOwned>(&self, path: &str) -> anyhow::Result<T> {
        self.send(self.client.get(self.address(path))).await
    }

    /// Asks an address under `/api/v1` with a query.
    pub async fn get_with<T: DeserializeOwned>(&self, path: &str, query: &[(&str, &str)]) -> anyhow::Result<T> {
        let address = reqwest::Url::parse_with_params(&self.address(path), query)?;
        self.send(self.client.get(address)).await
    }

    /// Posts to an address under `/api/v1`.
    pub async fn post<T: DeserializeOwned>(&self, path: &str, body: &Value) -> anyhow::Result<T> {
        self.send(self.client.post(self.address(path)).json(body)).await
    }

    /// Changes what is at an address under `/api/v1`.
    pub async fn patch<T: DeserializeOwned>(&self, path: &str, body: &Value) -> anyhow::Result<T> {
        self.send(self.client.patch(self.address(path)).json(body)).await
    }

    fn address(&self, path: &str) -> String {
        format!("{}/api/v1{path}", self.running.url)
    }

    async fn send<T: DeserializeOwned>(&self, request: reqwest::RequestBuilder) -> anyhow::Result<T> {
        let response = request
            .bearer_auth(&self.running.token)
            .send()
            .await
            .with_context(|| format!("the daemon at {} does not answer", self.running.url))?;
        let status = response.status();
        let text = response.text().await?;
        if !status.is_success() {
            let said: Value = serde_json::from_str(&text).unwrap_or_default();
            bail!("{}", said["error"]["message"].as_str().unwrap_or(&text));
        }
        Ok(serde_json::from_str(&text)?)
    }
}
