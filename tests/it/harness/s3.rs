//! An S3 server of its own for a test; see `scripts/s3-server`, which checks signatures and ends with the test.

use std::{path::Path, process::Stdio, time::Duration};

use switchboard::store::attachments::S3Settings;
use tokio::{
    io::{AsyncBufReadExt, BufReader},
    process::{Child, Command},
};

use super::within;

/// The server. It ends when this does.
pub struct S3Server {
    url: String,
    child: Child,
}

impl S3Server {
    /// Starts one, with the bucket `attachments` in it.
    pub async fn start() -> Self {
        let environment = Path::new(env!("CARGO_TARGET_TMPDIR")).join("s3-server");
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("scripts/s3-server");
        let mut command = Command::new(script);
        command.arg(environment).stdin(Stdio::piped()).stdout(Stdio::piped()).kill_on_drop(true);
        let mut child = command.spawn().expect("scripts/s3-server runs");
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let url = within("an S3 server", lines.next_line()).await.unwrap().expect("scripts/s3-server says its address");
        Self { url, child }
    }

    /// How to reach it.
    pub fn settings(&self) -> S3Settings {
        S3Settings {
            endpoint: self.url.clone(),
            region: "us-east-1".into(),
            bucket: "attachments".into(),
            prefix: "shop/files".into(),
            access_key: "switchboard".into(),
            secret_key: Some("a secret of tests".into()),
            ca: None,
            bucket_in_host: false,
            links_last: Some(Duration::from_secs(60)),
            link_endpoint: String::new(),
        }
    }

    /// Kills it.
    pub async fn kill(&mut self) {
        self.child.kill().await.unwrap();
    }
}
