//! A model's server that nobody here wrote: npm's aimock, which plays what a test gives it and notes what it is asked.

use std::{path::Path, process::Stdio};

use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::{
    io::{AsyncBufReadExt, BufReader},
    process::{Child, Command},
};

use super::{eventually, within};

/// A server of a model; it ends with this.
pub struct ModelServer {
    pub url: String,
    client: reqwest::Client,
    _child: Child,
    _folder: TempDir,
}

impl ModelServer {
    /// One that plays these: `{"match": …, "response": …}`, the first that fits.
    pub async fn plays(fixtures: Value) -> Self {
        let command =
            Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/models/node_modules/@copilotkit/aimock/dist/cli.js");
        assert!(command.is_file(), "{} is not there: run npm ci --prefix tests/models", command.display());
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("fixtures.json");
        std::fs::write(&file, json!({"fixtures": fixtures}).to_string()).unwrap();
        let mut child = Command::new("node")
            .arg(command)
            .args(["-p", "0", "-h", "127.0.0.1", "--strict", "-f"])
            .arg(&file)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::inherit())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let url = within("the model's server listens", async {
            loop {
                let line = lines.next_line().await.unwrap().expect("it goes on");
                if let Some((_, url)) = line.split_once("listening on ") {
                    return url.trim().to_owned();
                }
            }
        })
        .await;
        tokio::spawn(async move { while let Ok(Some(_)) = lines.next_line().await {} });
        Self { url, client: super::client(), _child: child, _folder: folder }
    }

    /// What it was asked, in its order: the bodies of the requests.
    pub async fn asked(&self) -> Vec<Value> {
        let journal = self.client.get(format!("{}/__aimock/journal", self.url)).send().await.unwrap();
        let journal: Vec<Value> = journal.json().await.unwrap();
        journal.into_iter().map(|entry| entry["body"].clone()).collect()
    }

    /// Waits until it was asked so often.
    pub async fn until_asked(&self, times: usize) -> Vec<Value> {
        eventually(&format!("{times} requests to the model"), || async {
            Some(self.asked().await).filter(|asked| asked.len() >= times)
        })
        .await
    }
}
