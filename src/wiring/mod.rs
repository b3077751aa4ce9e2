//! Puts the daemon together: the only place that names adapters and picks backends.

mod desk;
mod engines;
mod fleet;
mod secrets;

use std::{collections::BTreeMap, net::SocketAddr, path::PathBuf, sync::Arc, time::Duration};

use anyhow::{Context, bail};
use arc_swap::ArcSwap;
use base64::{Engine, engine::general_purpose::STANDARD};
use channels::{BuildContext, ChannelConfig};
use contract::{AttachmentStore, Channel, Host, IdClock, Stop};
use jiff::SignedDuration;
use tokio::{net::TcpListener, task::JoinSet};
use tokio_util::task::TaskTracker;

use self::{desk::Desk, engines::Engines};
pub(crate) use self::{
    engines::{postgres_settings, rabbitmq_settings},
    secrets::Secrets,
};
use crate::{
    alarms::AlarmHandle,
    announce::Announcer,
    bot,
    calls::Caller,
    config::{Attachments, Config, Keeper, Mode},
    consoles::Consoles,
    courier::{Bell, Courier},
    desk::{Board, DeskHandle},
    fetcher::Fetcher,
    files::{Look, Source, watch},
    hits::Hits,
    home::{Home, Lock, Running},
    http::{self, App, auth},
    identity::Verifier,
    live::Audience,
    policy::Policy,
    records::Records,
    roster::Roster,
    routing::{Loaded, RuleSet},
    satisfaction::RatingLinks,
    shadow::{Shadow, ShadowMailbox},
    store::{
        Store,
        attachments::{Carried, LocalAttachments, S3Attachments},
        people::{Agent, Role},
    },
    telemetry,
    threads::CustomerThreads,
    tickets::{Links, Tickets},
    understand,
    worker::{Asking, Calling, Lanes, Settings, Summarising, Worker},
};

/// How long the parts of the daemon get to finish when it stops.
const GRACE: Duration = Duration::from_secs(20);
/// The first pause before the loop of a pulled channel runs again.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_secs(60);

/// The adapters of the configured channels, by name.
pub(crate) type Channels = BTreeMap<String, Arc<dyn Channel>>;

/// A daemon that is ready and listening, not yet running.
pub struct Daemon {
    /// Where it listens.
    pub address: SocketAddr,
    /// What an admin logs in with, at the very first start.
    pub first_login: Option<FirstLogin>,
    config: Config,
    listener: TcpListener,
    engines: Engines,
    records: Arc<Records>,
    desk: Desk,
    policy: Arc<Policy>,
    source: Source,
    /// How the folder of the rules looked before they were loaded.
    looked: Look,
    channels: Arc<BTreeMap<String, Arc<dyn Channel>>>,
    attachments: Arc<dyn AttachmentStore>,
    couriers: Arc<Bell>,
    hits: Arc<Hits>,
    shadow: Arc<Shadow>,
    shadow_mailbox: ShadowMailbox,
    rating_links: RatingLinks,
    local_token: [u8; 32],
    verifier: Arc<Verifier>,
    metrics: metrics_exporter_prometheus::PrometheusHandle,
    _lock: Lock,
}

/// What an admin logs in with, at the very first start.
pub struct FirstLogin {
    /// `admin`.
    pub login: String,
    /// Random; printed once, kept as a hash.
    pub password: String,
}

impl Daemon {
    /// Opens everything that `config` names, and listens. What was accepted before a crash is on its way again when
    /// this returns.
    ///
    /// # Errors
    /// What cannot be opened or is configured wrongly, and what to do.
    pub async fn open(config: Config) -> anyhow::Result<Self> {
        let home = Home::at(&config.data)?;
        let Some(lock) = home.lock()? else {
            bail!(
                "another daemon uses the data folder {}; stop it, or give this one another with --data",
                config.data.display()
            );
        };
        // First of all what fails most often, so that nothing has happened yet when it does.
        let listener = TcpListener::bind(config.listen)
            .await
            .with_context(|| format!("the daemon cannot listen on {}; is the port in use?", config.listen))?;
        let metrics = telemetry::metrics();
        let source = match &config.demo {
            Some(demo) => Source::Demo(demo.clone()),
            None => Source::at(&config.rules),
        };
        let looked = Look::at(&config.rules);
        let policy = Arc::new(load_policy(&source, &config)?);

        let address = listener.local_addr()?;
        // A port that the machine chooses is known only now.
        let public_url = match config.public_url.strip_suffix(":0") {
            Some(host) => format!("{host}:{}", address.port()),
            None => config.public_url.clone(),
        };
        let secrets = Secrets::open(&config, &home).await?;
        let channels = Arc::new(build_channels(&config, &secrets)?);
        let rating_links = RatingLinks::new(&public_url, secrets.get(secrets::DAEMON)?);
        let engines = Engines::open(&config, &home, address, &channels).await?;
        let (store, ids) = (Arc::clone(&engines.store), Arc::clone(&engines.ids));
        let (live, shared) = (Arc::clone(&engines.live), Arc::clone(&engines.shared));
        keep_rule_set(&*store, &policy.rules()).await?;
        let (roster, first_login) = open_roster(&*store, &ids).await?;
        check_people(&policy, &roster);

        let board = Arc::new(ArcSwap::from_pointee(Board::default()));
        let couriers = Arc::new(Bell::default());
        let announcer = Announcer::new(live, shared, roster, Arc::clone(&board), Arc::clone(&couriers));
        let announcer = announcer.with_events(engines.events(&config));
        let (desk, alarms) = (DeskHandle::new(board), AlarmHandle::new(Arc::clone(&policy)));
        let links = Links::new(&secrets.get(secrets::DAEMON)?, &public_url);
        let last = SignedDuration::try_from(config.conversation.ticket_page).unwrap_or(SignedDuration::MAX);
        let tickets = Tickets::new(Arc::clone(&store), links, last);
        let records = Arc::new(Records::new(store, ids, announcer, desk, alarms, tickets, Arc::clone(&channels)));
        let desk = Desk::open(&engines, &records, &policy, config.desk.offline_after).await?;

        let attachments = attachments(&config.attachments, &home)?;
        let hits = Arc::new(Hits::new(Arc::clone(&records.store)));
        let (shadow, shadow_mailbox) = Shadow::new();
        let shadow = Arc::new(shadow);
        set_candidate(&shadow, &source, &config.understanding.settings, &policy.rules());

        let token = secrets.local_token();
        let verifier = config.verifier(&secrets.get(secrets::DAEMON)?, &public_url);
        home.announce(&Running { url: format!("http://{address}"), token: token.clone() })?;
        Ok(Self {
            address,
            first_login,
            config,
            listener,
            engines,
            records,
            desk,
            policy,
            source,
            looked,
            channels,
            attachments,
            couriers,
            hits,
            shadow,
            shadow_mailbox,
            rating_links,
            local_token: auth::secret_hash(&token),
            verifier,
            metrics,
            _lock: lock,
        })
    }

    /// Runs until `stop`, then finishes what has begun: requests first, so that nothing new is accepted, then turns,
    /// deliveries, and the record's last rows.
    ///
    /// # Errors
    /// The listener failed.
    pub async fn run(self, stop: Stop) -> anyhow::Result<()> {
        let threads = CustomerThreads::new(Arc::clone(&self.records), Arc::clone(&self.engines.live));
        let host = Host {
            inbox: Arc::clone(&self.engines.queue) as Arc<dyn contract::Inbox>,
            attachments: Arc::clone(&self.attachments),
            threads: Arc::new(threads),
            memory: Arc::clone(&self.engines.memory),
        };
        let (worker, role) = (Arc::new(self.worker()?), self.config.role);
        let router = http::router(self.app(&host, &worker, &stop));
        let mut tasks = JoinSet::new();
        tasks.spawn(telemetry::keep_up(self.metrics.clone(), stop.clone()));
        let grace = self.grace();
        for (name, channel) in &*self.channels {
            if role.takes() {
                let (name, channel, host) = (name.clone(), Arc::clone(channel), host.clone());
                let lease = format!("channel {name}");
                let run = move |stop| run_channel(name.clone(), Arc::clone(&channel), host.clone(), stop);
                tasks.spawn(self.engines.alone(lease, run, stop.clone()));
            }
            if role.works() {
                self.carry(name, channel, &host, &mut tasks, &stop);
            }
        }
        if let Source::Folder(folder) = &self.source {
            let reload = self.reload();
            tasks.spawn(watch(folder.clone(), self.looked, stop.clone(), reload));
        }
        let (last, farewell) = (Stop::new(), Stop::new());
        let kept = self.engines.keep(&self.records, &self.policy, &self.couriers, &mut tasks, &stop, &farewell);
        let desk = self.desk.run(&self.engines, &worker, &mut tasks, &stop, &last);
        if role.works() {
            tasks.spawn(worker.run(stop.clone()));
        }
        tasks.spawn(Arc::clone(&self.hits).keep(stop.clone()));
        tasks.spawn(self.shadow.run(self.shadow_mailbox, stop.clone()));
        let served = http::serve(self.listener, router, stop.clone());
        let served = tokio::select! {
            served = served => served,
            () = async { stop.cancelled().await; tokio::time::sleep(grace).await } => Ok(()),
        };
        stop.cancel();
        let finished = tokio::time::timeout(grace, async { while tasks.join_next().await.is_some() {} }).await;
        if finished.is_err() {
            tracing::warn!("Some work was not finished in time; it goes on at the next start.");
        }
        let parting = async {
            self.hits.write().await;
            self.engines.drain().await;
            last.cancel();
            let _ = desk.await;
            farewell.cancel();
            kept.await.unwrap_or(Ok(()))
        };
        // Engines that are gone keep nobody from stopping.
        let kept = tokio::time::timeout(grace, parting).await.unwrap_or_else(|_| {
            tracing::warn!("Not everything could be handed back; it is free when its leases end.");
            Ok(())
        });
        self.engines.close().await?;
        kept.context("the other daemons took this one for dead, and another has its place; start it again")?;
        served.context("the daemon cannot listen any more")
    }

    /// How long the parts of the daemon get to finish when it stops.
    fn grace(&self) -> Duration {
        match self.config.mode {
            Mode::Embedded => GRACE,
            Mode::Distributed => self.config.distributed.drain_within,
        }
    }

    /// What comes and goes on a channel beside its messages: files that stayed with the platform, and replies.
    fn carry(&self, name: &str, channel: &Arc<dyn Channel>, host: &Host, tasks: &mut JoinSet<()>, stop: &Stop) {
        let fetcher = Fetcher {
            name: name.to_owned(),
            channel: Arc::clone(channel),
            records: Arc::clone(&self.records),
            attachments: Arc::clone(&self.attachments),
            bell: Arc::clone(&self.records.fetchers),
        };
        tasks.spawn(fetcher.run(stop.clone()));
        if !channel.limits().kept {
            let courier = Courier {
                name: name.to_owned(),
                channel: Arc::clone(channel),
                records: Arc::clone(&self.records),
                bell: Arc::clone(&self.couriers),
                rates: Arc::clone(&self.engines.rates),
                host: host.clone(),
                verifier: Arc::clone(&self.verifier),
            };
            tasks.spawn(courier.run(stop.clone()));
        }
    }

    fn app(&self, host: &Host, worker: &Arc<Worker>, stop: &Stop) -> App {
        App {
            channels: Arc::clone(&self.channels),
            host: host.clone(),
            records: Arc::clone(&self.records),
            queue: Arc::clone(&self.engines.queue),
            policy: Arc::clone(&self.policy),
            live: Arc::clone(&self.engines.live),
            consoles: Consoles::new(Arc::clone(&self.engines.shared)),
            hits: Arc::clone(&self.hits),
            shadow: Arc::clone(&self.shadow),
            attachments: Arc::clone(&self.attachments),
            auth: Arc::new(auth::Auth::new(self.config.public_url.starts_with("https://"))),
            local_token: Some(self.local_token),
            worker: Arc::clone(worker),
            metrics: self.metrics.clone(),
            public_url: self.config.public_url.as_str().into(),
            rules_folder: Arc::new(match &self.source {
                Source::Folder(folder) => folder.clone(),
                Source::Shipped | Source::Demo(_) => PathBuf::from("(shipped with the binary)"),
            }),
            forward: Arc::new(self.engines.forward()),
            takes: self.config.role.takes(),
            demo: self.config.demo.clone(),
            rating_links: self.rating_links.clone(),
            knowledge: Arc::new((self.source.knowledge_folder(), bot_settings(&self.config))),
            stop: stop.clone(),
        }
    }

    fn worker(&self) -> anyhow::Result<Worker> {
        Ok(Worker {
            remote: self.config.understanding.open_remote()?.map(Arc::new),
            queue: Arc::clone(&self.engines.queue),
            records: Arc::clone(&self.records),
            policy: Arc::clone(&self.policy),
            settings: Settings {
                at_once: match self.config.mode {
                    Mode::Embedded => 256,
                    // Most of them wait for PostgreSQL.
                    Mode::Distributed => 1024,
                },
                classify_within: self.config.turn.classify_within,
                opinion_within: self.config.understanding.wait,
                respond_within: self.config.turn.respond_within,
                reopen_within: SignedDuration::try_from(self.config.conversation.reopen_within)
                    .unwrap_or(SignedDuration::MAX),
            },
            hits: Arc::clone(&self.hits),
            shadow: Arc::clone(&self.shadow),
            lanes: Lanes::default(),
            opinions: TaskTracker::new(),
            caller: Arc::new(
                Caller::new(self.config.actions.secrets()?, Arc::clone(&self.engines.rates))?
                    .with_programs(self.config.actions.mcp.clone()),
            ),
            calling: Calling::default(),
            verifier: Arc::clone(&self.verifier),
            models: self.config.model.open(&self.config.understanding.settings.patterns)?.map(Arc::new),
            asking: Asking::default(),
            summarising: Summarising::default(),
            rating_links: self.rating_links.clone(),
        })
    }

    /// Loads rules and knowledge again, and puts them in force if nothing is wrong with them. Answers whether that could
    /// be done.
    fn reload(&self) -> impl Fn() -> bool + Send + Sync + 'static {
        let (policy, source, records) = (Arc::clone(&self.policy), self.source.clone(), Arc::clone(&self.records));
        let shadow = Arc::clone(&self.shadow);
        let (understanding, settings) = (self.config.understanding.settings.clone(), bot_settings(&self.config));
        let runtime = tokio::runtime::Handle::current();
        move || {
            let (loaded, reader) = source.rules(&understanding);
            say_findings(&loaded);
            let is_good = loaded.rules.is_some();
            if let Some(rules) = &loaded.rules
                && let Err(error) = runtime.block_on(keep_rule_set(&*records.store, rules))
            {
                tracing::error!(%error, "The new rules cannot be kept, so the old ones stay in force.");
                return false;
            }
            if policy.set_rules(loaded.rules.zip(reader), loaded.findings) {
                let rules = policy.rules();
                tracing::info!(hash = &rules.hash()[..12], rules = rules.rules().len(), "New rules are in force.");
                records.desk.rules(rules);
                records.alarms.rules();
                check_people(&policy, records.announcer.roster());
            }
            metrics::counter!("switchboard_rule_loads_total", "outcome" => if is_good { "good" } else { "refused" })
                .increment(1);
            set_candidate(&shadow, &source, &understanding, &policy.rules());
            policy.set_knowledge(source.knowledge(&settings).inspect_err(|findings| {
                for finding in findings {
                    tracing::error!(%finding, "The knowledge has a finding; what was loaded before stays in force.");
                }
            }));
            let brief = http::views::RulesBrief::of(&policy);
            records.announcer.tell(Audience::Everyone, &http::views::LiveFrame::Rules(brief));
            true
        }
    }
}

/// What keeps files.
///
/// # Errors
/// It is configured wrongly, or its folder cannot be made.
pub(crate) fn attachments(config: &Attachments, home: &Home) -> anyhow::Result<Arc<dyn Carried>> {
    Ok(match config.store {
        Keeper::Folder => Arc::new(
            LocalAttachments::new(home.attachments(), config.taken())
                .context("the folder of attachments cannot be made")?,
        ),
        Keeper::S3 => Arc::new(S3Attachments::new(&config.s3()?, config.taken())?),
    })
}

/// Looks at the candidate rules again.
fn set_candidate(shadow: &Shadow, source: &Source, settings: &understand::Settings, in_force: &Arc<RuleSet>) {
    if shadow.set(source.candidate(settings), in_force) {
        tracing::info!("Candidate rules are compared with those in force on every decision from now on.");
    }
}

fn bot_settings(config: &Config) -> bot::Settings {
    bot::Settings { threshold: config.bot.threshold, ..bot::Settings::default() }
}

fn say_findings(loaded: &Loaded) {
    for finding in &loaded.findings {
        let place = format!("{}:{}:{}", finding.file, finding.line, finding.column);
        let help = finding.help.as_deref().unwrap_or_default();
        if loaded.rules.is_none() {
            tracing::error!(
                place,
                finding = finding.message,
                help,
                "The rules have a finding; the last good ones stay in force."
            );
        } else {
            tracing::warn!(place, finding = finding.message, help, "The rules have a finding.");
        }
    }
}

/// Holds the rules in force against the people that there are, and says what is new.
fn check_people(policy: &Policy, roster: &Roster) {
    if !policy.check_people(roster) {
        return;
    }
    for finding in policy.status().people_findings {
        let place = format!("{}:{}:{}", finding.file, finding.line, finding.column);
        tracing::info!(place, finding = finding.message, "The rules ask for what nobody can do.");
    }
}

fn load_policy(source: &Source, config: &Config) -> anyhow::Result<Policy> {
    let (loaded, reader) = source.rules(&config.understanding.settings);
    let Some((rules, reader)) = loaded.rules.zip(reader) else {
        let findings: Vec<String> =
            loaded.findings.iter().map(|finding| finding.render(&loaded.files, false)).collect();
        bail!("the rules in {} cannot be used:\n\n{}", config.rules.display(), findings.join("\n"));
    };
    let knowledge = source.knowledge(&bot_settings(config)).map_err(|findings| {
        let lines: Vec<String> = findings.iter().map(ToString::to_string).collect();
        anyhow::anyhow!("the knowledge in {} cannot be used:\n{}", config.rules.display(), lines.join("\n"))
    })?;
    Ok(Policy::new(rules, reader, loaded.findings, knowledge))
}

async fn keep_rule_set(store: &dyn Store, rules: &RuleSet) -> anyhow::Result<()> {
    let files =
        serde_json::to_string(&rules.sources().iter().map(|file| (&file.name, &file.text)).collect::<Vec<_>>())?;
    Ok(store.keep_rule_set(rules.hash(), &files).await?)
}

/// The adapters of the configured channels, by name.
///
/// # Errors
/// A setting of one is not usable.
pub(crate) fn build_channels(config: &Config, secrets: &Secrets) -> anyhow::Result<Channels> {
    let context = BuildContext { secret: secrets.get(secrets::DAEMON)?, public_url: config.public_url.clone() };
    let mut built = BTreeMap::new();
    for (name, channel) in &config.channels {
        let mut channel = channel.clone();
        if let ChannelConfig::Http(http) = &mut channel
            && http.secrets.is_empty()
        {
            let secret = secrets.get(name)?;
            http.secrets.push(format!("whsec_{}", STANDARD.encode(secret)).into());
        }
        built.insert(name.clone(), channels::build(name, &channel, &context)?);
    }
    Ok(built)
}

/// Everybody; at the very first start an admin with a random password.
async fn open_roster(store: &dyn Store, ids: &IdClock) -> anyhow::Result<(Arc<Roster>, Option<FirstLogin>)> {
    let roster = Arc::new(Roster::default());
    let mut agents = store.agents().await?;
    let mut first_login = None;
    if agents.is_empty() {
        let password = auth::new_secret();
        let admin = Agent {
            id: ids.next(crate::clock::now()),
            login: "admin".to_owned(),
            name: "Admin".to_owned(),
            role: Role::Admin,
            password_hash: auth::hash_password(&password),
            languages: vec!["en".to_owned(), "zh".to_owned()],
            skills: BTreeMap::new(),
            queues: Vec::new(),
            capacity: 100,
            caps: BTreeMap::new(),
            active: true,
        };
        store.put_agent(admin.clone()).await?;
        first_login = Some(FirstLogin { login: admin.login.clone(), password });
        agents.push(admin);
    }
    roster.set(agents);
    Ok((roster, first_login))
}

/// The loop of a pulled channel, run again after a growing pause when it ends.
async fn run_channel(name: String, channel: Arc<dyn Channel>, host: Host, stop: Stop) {
    let mut pause = FIRST_PAUSE;
    while !stop.is_cancelled() {
        let started = tokio::time::Instant::now();
        let Err(error) = channel.run(host.clone(), stop.clone()).await else { return };
        if started.elapsed() > LONGEST_PAUSE {
            pause = FIRST_PAUSE;
        }
        tracing::warn!(%error, channel = name, pause = pause.as_secs(), "A channel's connection ended; it is opened again.");
        tokio::select! {
            () = stop.cancelled() => return,
            () = tokio::time::sleep(pause) => pause = (pause * 2).min(LONGEST_PAUSE),
        }
    }
}
