//! The `switchboard-shop` command.

use std::{
    fs,
    net::SocketAddr,
    path::{Path, PathBuf},
    process::ExitCode,
    sync::Arc,
};

use anyhow::Context as _;
use clap::Parser;
use shop::{Settings, Shop};
use tokio::{
    net::TcpListener,
    signal::unix::{SignalKind, signal},
};

/// A small online shop to try Switchboard's bot on.
#[derive(Debug, Parser)]
#[command(version)]
struct Arguments {
    /// Where to listen. Port 0 takes a free one.
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:7070")]
    listen: SocketAddr,
    /// Keep what people do in this file. Without it, all is forgotten at the end.
    #[arg(long, value_name = "FILE")]
    data: Option<PathBuf>,
    /// Let only those in who send the token that is in this file.
    #[arg(long, value_name = "FILE")]
    token_file: Option<PathBuf>,
    /// Let callers make the shop fail, for tests.
    #[arg(long)]
    faults: bool,
}

#[tokio::main]
async fn main() -> ExitCode {
    match run(Arguments::parse()).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

async fn run(arguments: Arguments) -> anyhow::Result<()> {
    let Arguments { listen, data, token_file, faults } = arguments;
    let token = token_file.as_deref().map(read_token).transpose()?;
    let shop = Arc::new(Shop::open(Settings { data, token, faults, ..Settings::default() })?);
    let (mut interrupt, mut terminate) = (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?);
    let listener = TcpListener::bind(listen).await.with_context(|| format!("cannot listen on {listen}"))?;
    println!("The shop listens on http://{}", listener.local_addr()?);
    let stop = async move {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
    };
    shop::serve(listener, shop, stop).await?;
    Ok(())
}

fn read_token(path: &Path) -> anyhow::Result<String> {
    let text = fs::read_to_string(path).with_context(|| path.display().to_string())?;
    let token = text.trim();
    anyhow::ensure!(!token.is_empty(), "{} has no token", path.display());
    Ok(token.to_owned())
}
