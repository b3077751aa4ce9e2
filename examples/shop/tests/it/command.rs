//! The command itself.

use std::{fs, process::Stdio};

use serde_json::{Value, json};
use tokio::{
    io::{AsyncBufReadExt, BufReader},
    process::{Child, Command},
};

use crate::running::{client, within};

fn command(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_switchboard-shop"));
    command.args(["--listen", "127.0.0.1:0"]).args(arguments);
    command.stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
    command
}

/// The running command, and where it says that it listens.
async fn start(arguments: &[&str]) -> (Child, String) {
    let mut child = command(arguments).spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let line = within(lines.next_line()).await.unwrap().expect("a line");
    let base = line.strip_prefix("The shop listens on ").unwrap_or_else(|| panic!("{line}")).to_owned();
    (child, base)
}

#[tokio::test]
async fn what_was_done_survives_a_kill() {
    let folder = tempfile::tempdir().unwrap();
    let (data, token) = (folder.path().join("shop.jsonl"), folder.path().join("token"));
    fs::write(&token, "s3cret\n").unwrap();
    let arguments = ["--data", data.to_str().unwrap(), "--token-file", token.to_str().unwrap(), "--faults"];
    let client = client();

    let (mut shop, base) = start(&arguments).await;
    assert_eq!(client.get(format!("{base}/calls")).send().await.unwrap().status(), 401);
    let cancelled = client.post(format!("{base}/orders/A10025/cancel")).bearer_auth("s3cret").send().await.unwrap();
    assert_eq!(cancelled.status(), 200);
    within(shop.kill()).await.unwrap();

    let (_shop, base) = start(&arguments).await;
    let order = client.get(format!("{base}/orders/A10025")).bearer_auth("s3cret").send().await.unwrap();
    assert_eq!(order.json::<Value>().await.unwrap()["status"], json!("cancelled"));
}

#[tokio::test]
async fn what_cannot_be_opened_is_said() {
    let folder = tempfile::tempdir().unwrap();
    let (data, token) = (folder.path().join("shop.jsonl"), folder.path().join("token"));
    fs::write(&data, "nonsense\n").unwrap();
    fs::write(&token, "\n").unwrap();
    for (arguments, said) in [
        (["--data", data.to_str().unwrap()], "shop.jsonl, line 1"),
        (["--token-file", token.to_str().unwrap()], "has no token"),
        (["--token-file", "/nowhere/token"], "/nowhere/token"),
    ] {
        let output = within(command(&arguments).output()).await.unwrap();
        let error = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(!output.status.success() && error.contains(said), "{error}");
    }
}
