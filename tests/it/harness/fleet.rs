//! RabbitMQ, PostgreSQL and Redis of a test's own, and daemons that share the work over them.

use std::fs;

use secrecy::ExposeSecret;
use tempfile::TempDir;

use super::{Broker, Callback, Daemon, Home, Postgres, RedisServer, Wire};

/// The three engines.
pub struct Fleet {
    pub postgres: Postgres,
    pub broker: Broker,
    pub redis: RedisServer,
    secrets: TempDir,
    /// The password of the admin whom the first daemon made.
    admin: Option<String>,
}

impl Fleet {
    /// Engines that nobody else uses, so that they can be killed.
    pub async fn start() -> Self {
        Self::start_with(Broker::start()).await
    }

    /// The same with the broker's management interface, for `doctor`.
    pub async fn start_managed() -> Self {
        Self::start_with(Broker::start_managed()).await
    }

    async fn start_with(broker: impl Future<Output = Broker>) -> Self {
        let (postgres, broker, redis) = tokio::join!(Postgres::start(), broker, RedisServer::start());
        let secrets = tempfile::tempdir().unwrap();
        if let Some(password) = &broker.settings().password {
            fs::write(secrets.path().join("rabbitmq"), password.expose_secret()).unwrap();
        }
        Self { postgres, broker, redis, secrets, admin: None }
    }

    /// A home for one more daemon; `role` as the configuration spells it. Its replies on the HTTP channel go to `callback`.
    pub fn home(&self, role: &str, callback: Option<&Callback>) -> Home {
        let home = Home::new()
            .with_config(&format!("mode = \"distributed\"\nrole = {role:?}\n"))
            .with_engines(&self.settings(), self.admin.is_some());
        match callback {
            Some(callback) => home.with_callback(&callback.url),
            None => home,
        }
    }

    /// The record that it gets has an admin already, with this password.
    pub fn inherit(&mut self, password: &str) {
        self.admin = Some(password.to_owned());
    }

    /// Starts a daemon in its home. The first one of all makes the admin.
    pub async fn daemon(&mut self, home: Home) -> Daemon {
        let mut daemon = home.start().await;
        match &self.admin {
            Some(admin) => daemon.first_password.clone_from(admin),
            None => self.admin = Some(daemon.first_password.clone()),
        }
        daemon
    }

    /// The same, by way of wires that can be cut.
    pub async fn wired(&self, role: &str, callback: Option<&Callback>) -> (Home, Vec<Wire>) {
        let mut home = self.home(role, callback);
        let mut wires = Vec::new();
        for (engine, url) in [
            ("RABBITMQ", self.broker.settings().url.expose_secret()),
            ("POSTGRES", self.postgres.tcp_url().as_str()),
            ("REDIS", self.redis.url().as_str()),
        ] {
            let wire = Wire::to(url).await;
            home = home.with_env(&format!("SWITCHBOARD_DISTRIBUTED__{engine}__URL"), &wire.url);
            wires.push(wire);
        }
        (home, wires)
    }

    fn settings(&self) -> String {
        let broker = self.broker.settings();
        format!(
            "[distributed]\npartitions = 8\ndrain_within = \"20s\"\n{}\
             [distributed.rabbitmq]\nurl = {:?}\npassword_file = {:?}\n\
             [distributed.postgres]\nurl = {:?}\n[distributed.redis]\nurl = {:?}\n",
            // Only where there is one: a version before this one does not know it.
            broker.management.first().map(|url| format!("rabbitmq_management = \"{url}\"\n")).unwrap_or_default(),
            broker.url.expose_secret(),
            self.secrets.path().join("rabbitmq"),
            self.postgres.tcp_url(),
            self.redis.url(),
        )
    }
}
