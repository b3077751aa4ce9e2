//! `switchboard actions call`: one real call, and everything that follows from its answer.

use std::{
    collections::BTreeMap,
    io::{self, Write},
    sync::{Arc, Mutex, PoisonError},
};

use anyhow::{anyhow, bail, ensure};
use clap::Args;
use contract::Timestamp;
use secrecy::{ExposeSecret, SecretString};
use serde_json::{Map, Value as Json, json};

use super::super::rules::{
    RulesFolder, refuse,
    terminal::{Style, paint},
    write_json,
};
use crate::{
    actions::{Action, Actions, Dialogue, Ended, Identity, Means, Scene, Step, Who},
    calls::{Caller, Request, Returned},
    config::Config,
    live::LocalLive,
    routing::{RuleSet, load_actions, suggest},
};

/// The widest label of the lines that are printed.
const LABEL: usize = 9;

/// Which action, and with what.
#[derive(Debug, Clone, Args)]
pub(in crate::cli) struct Call {
    /// The action's name.
    pub name: String,
    /// An input, as a customer would write it: order=A10023, day=tomorrow. Can be given more than once.
    #[arg(long = "input", value_name = "NAME=VALUE", value_parser = pair)]
    pub inputs: Vec<(String, String)>,
    /// Who the customer is: name=Emma, email=emma@example.com, phone=…, identity=known, attributes.tier=gold. Can be given more
    /// than once.
    #[arg(long = "as", value_name = "FACT=VALUE", value_parser = pair)]
    pub customer: Vec<(String, String)>,
    /// Show the request, and do not make it.
    #[arg(long)]
    pub dry_run: bool,
    /// Really do what changes something.
    #[arg(long)]
    pub yes: bool,
    /// The idempotency key, to make a call once more as the same one; a new one without this.
    #[arg(long, value_name = "KEY")]
    pub key: Option<String>,
    /// Show the whole answer too.
    #[arg(long)]
    pub body: bool,
    /// Which rules.
    #[command(flatten)]
    pub folder: RulesFolder,
}

fn pair(text: &str) -> Result<(String, String), String> {
    let (name, value) = text.split_once('=').ok_or("write NAME=VALUE")?;
    Ok((name.trim().to_owned(), value.to_owned()))
}

/// What is known once a call was made, or was not.
struct Told<'a> {
    actions: &'a Actions,
    spec: &'a Action,
    request: Option<&'a Request>,
    dialogue: &'a Dialogue,
    returned: Option<&'a Returned>,
    hidden: &'a Hidden,
}

impl Call {
    /// Answers whether the system answered.
    pub(super) async fn run(&self, config: &Config, out: &mut dyn Write, colour: bool) -> anyhow::Result<bool> {
        let loaded = load_actions(&self.folder.rules);
        let Some(set) = &loaded.rules else { return Ok(refuse(&loaded, self.folder.json, out, colour)?) };
        let actions = set.actions();
        let spec = actions.actions.get(&self.name).ok_or_else(|| {
            let help = suggest(&self.name, actions.actions.keys().map(String::as_str));
            anyhow!("there is no action “{}”: {help}", self.name)
        })?;
        let who = who(&self.customer)?;
        let secrets = config.actions.secrets()?;
        let hidden = Hidden::of(&secrets);
        let missing = spec.call.as_ref().map(|call| actions.secrets_of(&call.system)).unwrap_or_default();
        let missing: Vec<String> = missing.into_iter().filter(|name| !secrets.contains_key(name)).collect();
        let caller = Caller::new(secrets, Arc::new(LocalLive::default()))?.with_programs(config.actions.mcp.clone());
        let (now, key) =
            (crate::clock::now(), self.key.clone().unwrap_or_else(|| format!("try-{:032x}", rand::random::<u128>())));
        let scene = |language| scene_of(set, spec, &who, language, now);
        let language = spec.title.keys().next().map_or("en", String::as_str);
        let inputs: BTreeMap<String, String> = self.inputs.iter().cloned().collect();
        let dialogue = actions
            .about_to_call(&scene(language), spec, &inputs, &key)
            .map_err(|wrong| anyhow!("{} cannot be called: {}", self.name, wrong.join("; ")))?;
        let request = match &spec.call {
            Some(_) => Some(
                actions
                    .request(&scene(language), &dialogue, &caller.secrets())
                    .map_err(|why| anyhow!(hidden.text(&why)))?,
            ),
            None => None,
        };
        ensure!(
            self.dry_run || self.yes || !spec.has_effect(),
            "{} changes something: add --yes to really do it, or --dry-run to see the request",
            self.name
        );
        let log = Log::open();
        let returned = match &request {
            Some(request) if !self.dry_run => Some(caller.call(request).await),
            _ => None,
        };
        eprint!("{}", hidden.text(&log.text()));
        let told = Told {
            actions,
            spec,
            request: request.as_ref(),
            dialogue: &dialogue,
            returned: returned.as_ref(),
            hidden: &hidden,
        };
        let languages: Vec<Scene<'_>> = spec.title.keys().map(|language| scene(language)).collect();
        let shown = told.json(if self.dry_run { &[] } else { &languages });
        if self.folder.json {
            write_json(out, &shown)?;
        } else {
            self.say(&shown, &missing, out, colour)?;
        }
        Ok(!matches!(returned, Some(Returned::Failed(_))))
    }

    fn say(&self, shown: &Json, missing: &[String], out: &mut dyn Write, colour: bool) -> io::Result<()> {
        let mut line = |label: &str, text: &str| {
            let label = paint(colour, Style::Dim, &format!("{label:<LABEL$}"));
            text.lines().enumerate().try_for_each(|(at, text)| match at {
                0 => writeln!(out, "{label} {text}"),
                _ => writeln!(out, "{:LABEL$} {text}", ""),
            })
        };
        let request = &shown["request"];
        if let Some(made) = request["line"].as_str() {
            line("request", made)?;
            let headers = request["headers"].as_array().map(Vec::as_slice).unwrap_or_default();
            let names: Vec<&str> = headers.iter().filter_map(Json::as_str).collect();
            line("headers", &names.join(", "))?;
            request.get("key").and_then(Json::as_str).map_or(Ok(()), |key| line("key", key))?;
            request.get("body").map_or(Ok(()), |body| line("body", &body.to_string()))?;
        }
        missing.iter().try_for_each(|name| line("note", &format!("the secret `{name}` is not configured")))?;
        if self.dry_run {
            return line("", "Not called: this is a dry run.");
        }
        if let Some(status) = shown["status"].as_u64() {
            line("status", &status.to_string())?;
        }
        if let Some(failure) = shown["failure"].as_str() {
            line("failure", failure)?;
        }
        if self.body {
            line("answer", &format!("{:#}", shown["answer"]))?;
        }
        for (name, value) in shown["outputs"].as_object().into_iter().flatten() {
            line("output", &format!("{name} = {value}"))?;
        }
        line("outcome", shown["outcome"].as_str().unwrap_or_default())?;
        for (language, says) in shown["says"].as_object().into_iter().flatten() {
            let texts: Vec<&str> = says.as_array().into_iter().flatten().filter_map(Json::as_str).collect();
            let text = if texts.is_empty() { "(nothing)".to_owned() } else { texts.join("\n") };
            line(language, &text)?;
        }
        line("then", shown["then"].as_str().unwrap_or_default())
    }
}

impl Told<'_> {
    fn json(&self, languages: &[Scene<'_>]) -> Json {
        let mut shown = Map::new();
        if let Some(request) = self.request {
            let names: Vec<&str> = request.headers.iter().map(|(name, _)| name.as_str()).collect();
            let mut of = json!({"line": format!("{request:?}"), "headers": names});
            let more = [("key", request.key.clone().map(Json::from)), ("body", request.body.clone())];
            more.into_iter().for_each(|(name, value)| value.into_iter().for_each(|value| of[name] = value));
            shown.insert("request".to_owned(), of);
        }
        if let Some(first) = languages.first() {
            match self.returned {
                Some(Returned::Answer { status, body }) => {
                    shown.insert("status".to_owned(), json!(status));
                    shown.insert("answer".to_owned(), body.clone());
                }
                Some(Returned::Failed(failure)) => _ = shown.insert("failure".to_owned(), json!(failure.as_str())),
                None => {}
            }
            let meaning = self.actions.meaning(first, self.spec, self.dialogue, self.returned);
            shown.insert("outputs".to_owned(), meaning.outputs);
            shown.insert("outcome".to_owned(), json!(self.outcome(meaning.outcome)));
            let (says, then): (Map<String, Json>, Vec<String>) = languages.iter().map(|scene| self.said(scene)).unzip();
            shown.insert("says".to_owned(), says.into());
            shown.insert("then".to_owned(), json!(then.first()));
        }
        self.hidden.json(shown.into())
    }

    fn outcome(&self, place: Option<usize>) -> String {
        let Some(place) = place else { return "none fits".to_owned() };
        let when = self.spec.outcomes.get(place).and_then(|outcome| outcome.when.as_ref());
        let number = place + 1;
        when.map_or_else(
            || format!("{number}, after every success"),
            |when| format!("{number}, when {}", when.source()),
        )
    }

    /// What the customer is told in a language, and what follows.
    fn said(&self, scene: &Scene<'_>) -> ((String, Json), String) {
        let no_call = Returned::Answer { status: 200, body: Json::Null };
        let advance = self.actions.returned(scene, self.dialogue, self.returned.unwrap_or(&no_call));
        let advance = advance.unwrap_or_default();
        let texts: Vec<&str> = advance.says.iter().map(|body| body.text.as_str()).collect();
        let then = match (&advance.ended, advance.dialogue.as_ref().map(|dialogue| &dialogue.step)) {
            (Some(Ended::Done), _) => "it is done".to_owned(),
            (Some(Ended::Cancelled), _) => "it is cancelled".to_owned(),
            (Some(Ended::Otherwise(why)), _) => format!("the rule's `otherwise` follows ({})", why.word()),
            (None, Some(Step::Asks { input, .. })) => format!("`{input}` is asked for again"),
            (None, Some(Step::Calls { choices_of: Some(input), .. })) => {
                format!("the choices of `{input}` are looked up again")
            }
            (None, _) => "the customer is asked whether it is right so".to_owned(),
        };
        let then = match &advance.later {
            Some(planned) => format!("{then}, and {} begins at {}", planned.action, planned.at),
            None => then,
        };
        ((scene.language.to_owned(), json!(texts)), then)
    }
}

fn scene_of<'s>(set: &'s RuleSet, spec: &'s Action, who: &'s Who, language: &'s str, now: Timestamp) -> Scene<'s> {
    Scene {
        action: &spec.name,
        who,
        language,
        default_language: set.default_language(),
        conversation: "cnv_try",
        message: "msg_try",
        text: "",
        ticket: None,
        next_ticket: None,
        now,
        zone: set.zone(),
        means: Means::NONE,
    }
}

fn who(facts: &[(String, String)]) -> anyhow::Result<Who> {
    let mut who = Who { id: "cus_try".to_owned(), ..Who::default() };
    let mut identity = None;
    for (name, value) in facts {
        match (name.as_str(), name.strip_prefix("attributes.")) {
            ("id", _) => who.id.clone_from(value),
            ("name", _) => who.name = Some(value.clone()),
            ("email", _) => who.email = Some(value.clone()),
            ("phone", _) => who.phone = Some(value.clone()),
            ("identity", _) => {
                let word = serde_json::from_value(json!(value));
                identity =
                    Some(word.map_err(|_| anyhow!("`identity` is none, known or verified, and never “{value}”"))?);
            }
            (_, Some(attribute)) => _ = who.attributes.insert(attribute.to_owned(), value.clone()),
            (other, None) => {
                let known = ["id", "name", "email", "phone", "identity", "attributes.NAME"];
                bail!("a customer has no `{other}`: {}", suggest(other, known));
            }
        }
    }
    let reachable = who.email.is_some() || who.phone.is_some();
    who.identity = identity.unwrap_or(if reachable { Identity::Known } else { Identity::None });
    Ok(who)
}

/// What the daemon would log of the call: why it failed.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Log {
    fn open() -> Self {
        let log = Self::default();
        let writer = log.clone();
        let subscriber = tracing_subscriber::fmt()
            .with_env_filter("off,switchboard=warn")
            .with_writer(move || writer.clone())
            .with_ansi(false)
            .with_target(false)
            .without_time();
        // In a process that logs already, what is logged is seen there.
        let _ = subscriber.try_init();
        log
    }

    fn text(&self) -> String {
        String::from_utf8_lossy(&self.0.lock().unwrap_or_else(PoisonError::into_inner)).into_owned()
    }
}

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Secrets, so that none is printed: a system may well answer what it was sent.
struct Hidden(Vec<String>);

impl Hidden {
    fn of(secrets: &BTreeMap<String, SecretString>) -> Self {
        let mut all: Vec<String> = secrets.values().map(|secret| secret.expose_secret().to_owned()).collect();
        all.retain(|secret| !secret.is_empty());
        // What is a part of a longer one comes after it.
        all.sort_by_key(|secret| std::cmp::Reverse(secret.len()));
        Self(all)
    }

    fn text(&self, text: &str) -> String {
        self.0.iter().fold(text.to_owned(), |text, secret| text.replace(secret, "••••"))
    }

    fn json(&self, value: Json) -> Json {
        match value {
            Json::String(text) => Json::from(self.text(&text)),
            Json::Array(items) => items.into_iter().map(|item| self.json(item)).collect(),
            Json::Object(fields) => {
                fields.into_iter().map(|(name, value)| (self.text(&name), self.json(value))).collect()
            }
            other if self.0.contains(&other.to_string()) => Json::from("••••"),
            other => other,
        }
    }
}
