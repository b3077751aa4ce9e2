//! `switchboard agents`: the people of the company.

use std::{collections::BTreeMap, process::ExitCode};

use anyhow::{Context, bail};
use clap::{Args, Subcommand};
use comfy_table::{Table, presets};
use contract::Timestamp;
use serde_json::{Value, json};

use super::{open_record, record::read_record, remote::Remote};
use crate::{
    config::Config,
    home::Home,
    http::auth,
    store::{
        People, StoreError,
        people::{Agent, Role},
    },
};

#[derive(Debug, Subcommand)]
pub(super) enum AgentsCommand {
    /// Add somebody, or give somebody a new password and these rights.
    Add(Add),
    /// List everybody.
    List {
        /// As JSON.
        #[arg(long)]
        json: bool,
    },
}

#[derive(Debug, Args)]
pub(super) struct Add {
    /// What they log in with.
    login: String,
    /// The name that customers see; the login by default.
    #[arg(long)]
    name: Option<String>,
    /// What they may do.
    #[arg(long, value_enum, default_value = "agent")]
    role: Role,
    /// A language that they speak (en, zh, …); may be repeated.
    #[arg(long = "language", value_name = "TAG")]
    languages: Vec<String>,
    /// Something that they can do, with its level 1 to 5; may be repeated.
    #[arg(long = "skill", value_name = "NAME=LEVEL", value_parser = skill)]
    skills: Vec<(String, u8)>,
    /// A queue that they serve; may be repeated.
    #[arg(long = "queue", value_name = "NAME")]
    queues: Vec<String>,
    /// How much they can hold at once; a chat costs 25.
    #[arg(long, default_value_t = 100)]
    capacity: u32,
}

fn skill(text: &str) -> Result<(String, u8), String> {
    let (name, level) = text.split_once('=').ok_or("write NAME=LEVEL, for example billing=4")?;
    match level.parse() {
        Ok(level @ 1..=5) => Ok((name.to_owned(), level)),
        _ => Err("a level is 1 to 5".to_owned()),
    }
}

impl AgentsCommand {
    pub async fn run(self, config: &Config) -> anyhow::Result<ExitCode> {
        match self {
            Self::Add(add) => add.run(config, &Home::at(&config.data)?).await,
            Self::List { json } => list(&read_record(config).await?.agents().await?, json),
        }
    }
}

impl Add {
    /// The password is random and shown once, so that none is in a shell's history.
    async fn run(self, config: &Config, home: &Home) -> anyhow::Result<ExitCode> {
        let password = auth::new_secret();
        let login = self.login.trim().to_lowercase();
        let name = self.name.clone().unwrap_or_else(|| login.clone());
        if let Some(_lock) = home.lock()? {
            let record = open_record(config, home)?;
            let known = record.agents().await?.into_iter().find(|agent| agent.login == login);
            let agent = Agent {
                id: known.map_or_else(|| record.clock().next(Timestamp::now()), |agent| agent.id),
                login: login.clone(),
                name,
                role: self.role,
                password_hash: auth::hash_password(&password),
                languages: self.languages,
                skills: self.skills.into_iter().collect(),
                queues: self.queues,
                capacity: self.capacity,
                caps: BTreeMap::new(),
                active: true,
            };
            match record.put_agent(agent).await {
                Err(StoreError::Conflict) => bail!("the login {login:?} is somebody else's"),
                result => result?,
            }
            record.close();
        } else {
            let remote = Remote::new(home.running()?)?;
            let skills: BTreeMap<String, u8> = self.skills.into_iter().collect();
            let body = json!({
                "login": login, "name": name, "password": password, "role": self.role, "languages": self.languages,
                "skills": skills, "queues": self.queues, "capacity": self.capacity,
            });
            let everybody: Value = remote.get("/agents").await?;
            let known =
                everybody["items"].as_array().into_iter().flatten().find(|agent| agent["login"] == login.as_str());
            let done = match known.and_then(|agent| agent["id"].as_str()) {
                Some(id) => remote.patch::<Value>(&format!("/agents/{id}"), &body).await,
                None => remote.post::<Value>("/agents", &body).await,
            };
            done.context("the running daemon refused")?;
        }
        println!("{login} can log in at the console with this password, which is not shown again:\n\n  {password}\n");
        Ok(ExitCode::SUCCESS)
    }
}

fn list(agents: &[Agent], as_json: bool) -> anyhow::Result<ExitCode> {
    if as_json {
        let shown: Vec<Value> = agents
            .iter()
            .map(|agent| {
                json!({
                    "id": agent.id, "login": agent.login, "name": agent.name, "role": agent.role,
                    "languages": agent.languages, "skills": agent.skills, "queues": agent.queues,
                    "capacity": agent.capacity, "active": agent.active,
                })
            })
            .collect();
        println!("{}", serde_json::to_string_pretty(&shown)?);
        return Ok(ExitCode::SUCCESS);
    }
    let mut table = Table::new();
    table.load_style(presets::NOTHING);
    table.set_header(["LOGIN", "NAME", "ROLE", "LANGUAGES", "SKILLS", "QUEUES", "CAPACITY"]);
    for agent in agents {
        let skills: Vec<String> = agent.skills.iter().map(|(name, level)| format!("{name}={level}")).collect();
        table.add_row([
            agent.login.clone(),
            agent.name.clone(),
            format!("{:?}{}", agent.role, if agent.active { "" } else { " (inactive)" }).to_lowercase(),
            agent.languages.join(" "),
            skills.join(" "),
            agent.queues.join(" "),
            agent.capacity.to_string(),
        ]);
    }
    println!("{table}");
    Ok(ExitCode::SUCCESS)
}
