//! `switchboard doctor`: what is wrong with this installation, and what to do.

use std::{process::ExitCode, time::Duration};

use clap::Args;
use contract::Check;

use crate::{
    config::{Config, Mode},
    files::Source,
    home::Home,
    store::{
        Store,
        postgres::{LiveNode, PostgresRecord},
        sqlite::SqliteRecord,
    },
    wiring::{Secrets, build_channels, postgres_settings},
};

/// How long a platform has to answer.
const PLATFORM_WITHIN: Duration = Duration::from_secs(30);

#[derive(Debug, Args)]
pub(super) struct Doctor {
    /// Also read every page of the record, which takes a while on a large one.
    #[arg(long)]
    thorough: bool,
}

struct Findings(u32);

impl Findings {
    fn good(&self, what: &str) {
        println!("ok     {what}");
    }

    fn bad(&mut self, what: &str, help: &str) {
        println!("WRONG  {what}\n       {help}");
        self.0 += 1;
    }
}

impl Doctor {
    pub async fn run(self, config: &Config) -> anyhow::Result<ExitCode> {
        let mut findings = Findings(0);
        findings.good("the configuration is right");
        rules(config, &mut findings);
        remote(config, &mut findings).await;
        match Home::at(&config.data) {
            Ok(home) => {
                match config.mode {
                    Mode::Embedded => self.home(config, &home, &mut findings).await,
                    Mode::Distributed => fleet(config, &mut findings).await,
                }
                channels(config, &home, &mut findings).await;
            }
            Err(error) => findings.bad(&format!("{error:#}"), "name a folder that this user may write, with --data"),
        }
        if findings.0 == 0 {
            println!("Nothing is wrong.");
            return Ok(ExitCode::SUCCESS);
        }
        Ok(ExitCode::FAILURE)
    }

    async fn home(&self, config: &Config, home: &Home, findings: &mut Findings) {
        match home.lock() {
            Ok(Some(_lock)) => findings.good("no daemon uses the data folder"),
            Ok(None) => daemon(home, findings).await,
            Err(error) => findings.bad(&format!("{error:#}"), "check the rights of the data folder"),
        }
        if !home.record().exists() {
            findings.good(&format!("there is no record in {} yet", config.data.display()));
            return;
        }
        match SqliteRecord::peek(&home.record()) {
            Ok(record) => self.record(&record, findings).await,
            Err(error) => findings.bad(&error.to_string(), "restore the data folder from its backup"),
        }
    }

    async fn record(&self, record: &SqliteRecord, findings: &mut Findings) {
        if self.thorough {
            match record.check_integrity().await {
                Ok(problems) if problems.is_empty() => findings.good("every page of the record can be read"),
                Ok(problems) => {
                    findings
                        .bad(&format!("the record is damaged: {}", problems.join("; ")), "restore it from its backup");
                }
                Err(error) => findings.bad(&error.to_string(), "restore the record from its backup"),
            }
        }
        ledger(record, findings).await;
    }
}

async fn ledger(record: &dyn Store, findings: &mut Findings) {
    match record.ledger().await {
        Ok(ledger) => {
            for finding in &ledger.findings {
                findings.bad(finding, "this is a defect of Switchboard; keep the data folder and report it");
            }
            if ledger.findings.is_empty() {
                findings.good(&format!("the ledger of {} messages adds up", ledger.accepted));
            }
            if ledger.dead > 0 {
                findings.bad(&format!("{} dead letters", ledger.dead), "look at them with `switchboard dead list`");
            }
        }
        Err(error) => findings.bad(&error.to_string(), "restore the record from its backup"),
    }
}

/// The record that several daemons share, and who of them is alive.
async fn fleet(config: &Config, findings: &mut Findings) {
    let place = config.distributed.postgres.place();
    let opened = async { anyhow::Ok(PostgresRecord::peek(postgres_settings(config)?).await?) };
    let record = match opened.await {
        Ok(record) => record,
        Err(error) => {
            return findings.bad(&format!("{place}: {error:#}"), "check distributed.postgres, and the server");
        }
    };
    findings.good(&format!("the record at {place} can be read, and its schema is this version's"));
    ledger(&*record, findings).await;
    let nodes = match record.database().nodes().await {
        Ok(nodes) => nodes,
        Err(error) => return findings.bad(&error.to_string(), "look at the log of PostgreSQL"),
    };
    for LiveNode { number, card, .. } in &nodes {
        findings.good(&format!("daemon {number} at {} is alive: {}, {}", card.address, card.roles, card.version));
        if card.version != env!("CARGO_PKG_VERSION") {
            let other = format!("daemon {number} is of version {}, and this command of another", card.version);
            findings.bad(&other, "finish the upgrade");
        }
    }
    for role in ["gateway", "worker", "desk"] {
        if !nodes.iter().any(|node| node.card.roles == "all" || node.card.roles == role) {
            findings.bad(
                &format!("no daemon that is alive does the work of a {role}"),
                "start one, or one with role = \"all\"",
            );
        }
    }
}

fn rules(config: &Config, findings: &mut Findings) {
    let source = Source::at(&config.rules);
    let (loaded, _) = source.rules(&config.understanding.settings);
    match &loaded.rules {
        Some(rules) => findings.good(&format!("{} rules load and pass their tests", rules.rules().len())),
        None => findings
            .bad(&format!("the rules in {} do not load", config.rules.display()), "run `switchboard rules check`"),
    }
    match source.knowledge(&crate::bot::Settings::default()) {
        Ok(_) => findings.good("the knowledge loads"),
        Err(found) => {
            for finding in found {
                findings
                    .bad(&format!("knowledge/{}:{}: {}", finding.file, finding.line, finding.message), &finding.help);
            }
        }
    }
}

async fn remote(config: &Config, findings: &mut Findings) {
    let remote = match config.understanding.open_remote() {
        Ok(None) => return,
        Ok(Some(remote)) => remote,
        Err(error) => return findings.bad(&format!("{error:#}"), "look at the certificates of this machine"),
    };
    match remote.try_out().await {
        Ok(time) => findings.good(&format!("the endpoint for second opinions answers, in {} ms", time.as_millis())),
        Err(error) => findings.bad(
            &format!("the endpoint for second opinions does not work: {error}"),
            "messages are routed without it; check understanding.remote: kind, url, key, model, deadline",
        ),
    }
}

/// Logs in to the platforms of all channels.
async fn channels(config: &Config, home: &Home, findings: &mut Findings) {
    let secrets = Secrets::open(config, home).await;
    let channels = match secrets.and_then(|secrets| build_channels(config, &secrets)) {
        Ok(channels) => channels,
        Err(error) => return findings.bad(&format!("{error:#}"), "put it right in the configuration"),
    };
    for (name, channel) in channels {
        let Ok(checks) = tokio::time::timeout(PLATFORM_WITHIN, channel.check()).await else {
            findings
                .bad(&format!("{name}: the platform does not answer"), "check the network, and whether it is blocked");
            continue;
        };
        for Check { what, problem } in checks {
            match problem {
                None => findings.good(&format!("{name}: {what}")),
                Some(problem) => findings.bad(&format!("{name}: {what}"), &problem),
            }
        }
    }
}

async fn daemon(home: &Home, findings: &mut Findings) {
    let running = match home.running() {
        Ok(running) => running,
        Err(error) => return findings.bad(&format!("{error:#}"), "wait until the daemon has started"),
    };
    let client = reqwest::Client::builder().no_proxy().timeout(Duration::from_secs(5)).build();
    let answer = match client {
        Ok(client) => client.get(format!("{}/readyz", running.url)).send().await,
        Err(error) => Err(error),
    };
    match answer {
        Ok(answer) if answer.status().is_success() => findings.good(&format!("the daemon at {} is ready", running.url)),
        Ok(answer) => findings.bad(
            &format!("the daemon at {} is not ready: {}", running.url, answer.status()),
            "look at its log; the usual cause is a full disk",
        ),
        Err(error) => {
            findings.bad(&format!("the daemon at {} does not answer: {error}", running.url), "look at its log")
        }
    }
}
