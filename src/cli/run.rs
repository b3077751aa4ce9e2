//! `switchboard run`: the daemon.

use std::{net::SocketAddr, process::ExitCode};

use clap::Args;
use contract::Stop;
use tokio::signal::unix::{SignalKind, signal};

use crate::{
    config::{Config, Role},
    demo::Demo,
    home::Home,
    telemetry,
    wiring::Daemon,
};

#[derive(Debug, Args)]
pub(super) struct Run {
    /// Where to listen; goes before the configuration. Port 0 takes a free one.
    #[arg(long, value_name = "ADDR")]
    listen: Option<SocketAddr>,
    /// What this daemon does, of those that share the work; goes before the configuration.
    #[arg(long)]
    role: Option<Role>,
    /// Try the bot: a made-up shop runs beside it, with orders, goods and appointments.
    #[arg(long)]
    demo: bool,
}

impl Run {
    pub async fn run(self, mut config: Config) -> anyhow::Result<ExitCode> {
        if let Some(role) = self.role {
            config = config.with_role(role)?;
        }
        if let Some(listen) = self.listen {
            let usual = format!("http://localhost:{}", config.listen.port());
            config.listen = listen;
            if config.public_url == usual {
                config.public_url = format!("http://localhost:{}", listen.port());
            }
        }
        telemetry::start_logs(&config.log)?;
        let stop = Stop::new();
        stop_on_signals(stop.clone())?;
        // It outlives the daemon's last turn.
        let over = Stop::new();
        let shop = if self.demo { Some(Demo::open(&mut config, over.clone()).await?) } else { None };
        let daemon = Daemon::open(config.clone()).await?;
        welcome(&daemon, &config);
        let ran = daemon.run(stop).await;
        over.cancel();
        if let Some(shop) = shop {
            shop.await?;
        }
        ran?;
        Ok(ExitCode::SUCCESS)
    }
}

/// The first signal stops gently, the second one at once.
fn stop_on_signals(stop: Stop) -> anyhow::Result<()> {
    let (mut terminate, mut interrupt) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
    tokio::spawn(async move {
        let mut wait = async || {
            tokio::select! {
                _ = terminate.recv() => {}
                _ = interrupt.recv() => {}
            }
        };
        wait().await;
        tracing::info!("Stopping: nothing new is taken, what has begun is finished.");
        stop.cancel();
        wait().await;
        std::process::exit(1);
    });
    Ok(())
}

/// What somebody who has just started it wants to know.
fn welcome(daemon: &Daemon, config: &Config) {
    let port = daemon.address.port();
    println!("Switchboard listens on http://{}", daemon.address);
    println!("  demo shop with the chat   http://localhost:{port}/");
    if config.demo.is_some() {
        println!(
            "    ask it where order A10023 is, for an appointment, for a scarf; be one of its customers and ask for a recommendation"
        );
        println!("    问它订单 A10023 到哪了、预约维修、想买围巾；选择一位顾客，请它推荐商品");
    }
    println!("  console for agents        http://localhost:{port}/console");
    println!("  API                       http://localhost:{port}/api/docs");
    for (name, channel) in &config.channels {
        if let channels::ChannelConfig::Http(http) = channel {
            println!("  channel {name:<18}http://localhost:{port}/channels/{name}/messages");
            if http.secrets.is_empty()
                && let Ok(home) = Home::at(&config.data)
            {
                println!("    its signing secret is whsec_ and what is in {}", home.secret_path(name).display());
            }
        }
    }
    if let Some(login) = &daemon.first_login {
        println!("\nLog in at the console as {:?} with this password, which is not shown again:\n", login.login);
        println!("  {}\n", login.password);
    }
}
