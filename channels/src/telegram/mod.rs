//! Telegram bots: private chats, groups and topics, by long polling or by webhook.

mod api;
mod cards;
mod decode;
#[cfg(feature = "fuzzing")]
pub(crate) mod fuzzing;
mod intake;
mod poll;
mod send;
mod webhook;

use std::sync::Arc;

use async_trait::async_trait;
use axum::Router;
use bytes::Bytes;
use contract::{Address, Channel, ChannelError, Check, Host, Limits, Outbound, Receipt, SendError, Stop};
use secrecy::SecretString;
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::sync::OnceCell;

pub use self::decode::Groups;
use self::{
    api::{Api, Fault},
    decode::{Bot, Decoder},
    intake::Intake,
    send::Sender,
    webhook::Door,
};
use crate::{BuildContext, seal::Seal};

/// The longest text of a message, in UTF-16 units, and how many of its entities are looked at
/// (<https://core.telegram.org/bots/api#sendmessage>).
const MOST_UNITS: usize = 4096;
const MOST_ENTITIES: usize = 100;

/// The kind's name.
pub const KIND: &str = "telegram";

/// What is asked for; Telegram leaves reactions out unless they are named.
const ALLOWED: &[&str] = &[
    "message",
    "edited_message",
    "callback_query",
    "message_reaction",
    "business_connection",
    "business_message",
    "edited_business_message",
    "deleted_business_messages",
];

/// A bot.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// What @BotFather gave: `123456789:AA…`.
    pub token: SecretString,
    /// The Bot API server; one of your own may have a path.
    #[serde(default = "telegram")]
    pub api_url: String,
    /// How updates come.
    #[serde(default)]
    pub receive: Receive,
    /// What to do with messages in groups that are addressed to the bot.
    #[serde(default)]
    pub groups: Groups,
    /// What becomes of a message that Telegram may or may not have taken.
    #[serde(default)]
    pub unknown: Unknown,
    /// Messages a second, over all chats (<https://core.telegram.org/bots/faq#broadcasting-to-users>).
    #[serde(default = "thirty")]
    pub per_second: u32,
}

/// How updates come.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Receive {
    /// The daemon asks for them. Needs nothing that can be reached from outside.
    #[default]
    Polling,
    /// Telegram posts them to `public_url`.
    Webhook,
}

/// What becomes of a message that may or may not have arrived.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Unknown {
    /// A person looks, and sends it again or not.
    #[default]
    Hold,
    /// It is sent again: a customer may get it twice.
    Resend,
}

fn telegram() -> String {
    "https://api.telegram.org".to_owned()
}

fn thirty() -> u32 {
    30
}

/// One bot.
pub struct Telegram {
    name: String,
    api: Arc<Api>,
    receive: Receive,
    groups: Groups,
    unknown: Unknown,
    per_second: u32,
    hook: String,
    seal: Seal,
    /// Once the bot has said who it is.
    intake: Arc<OnceCell<Intake>>,
}

#[derive(Deserialize)]
struct WebhookInfo {
    url: String,
    #[serde(default)]
    pending_update_count: u64,
    #[serde(default)]
    last_error_message: Option<String>,
}

impl Telegram {
    /// Does no I/O.
    ///
    /// # Errors
    /// Which setting is wrong, and what would be right.
    pub fn new(name: &str, config: &Config, context: &BuildContext) -> Result<Self, String> {
        // A Bot API server of one's own may post without TLS.
        let is_telegrams = config.api_url.contains("//api.telegram.org");
        if config.receive == Receive::Webhook && is_telegrams && !context.public_url.starts_with("https://") {
            return Err(format!(
                "`receive = \"webhook\"` needs a `public_url` that begins with https://, not {:?}; `receive = \"polling\"` needs none",
                context.public_url
            ));
        }
        if config.per_second == 0 {
            return Err("`per_second` is 0, so that nothing could be sent".to_owned());
        }
        Ok(Self {
            name: name.to_owned(),
            api: Arc::new(Api::new(&config.api_url, &config.token)?),
            receive: config.receive,
            groups: config.groups,
            unknown: config.unknown,
            per_second: config.per_second,
            hook: format!("{}/channels/{name}/updates", context.public_url),
            seal: Seal::new(&context.secret, "telegram webhook", name),
            intake: Arc::default(),
        })
    }

    async fn register(&self) -> Result<(), Fault> {
        let webhook = json!({"url": self.hook, "secret_token": self.seal.mark(&[HOOK]), "allowed_updates": ALLOWED});
        self.api.call::<Value>("setWebhook", &webhook).await.map(drop)
    }
}

/// What the webhook's token is the mark of.
const HOOK: &str = "updates";

#[async_trait]
impl Channel for Telegram {
    fn kind(&self) -> &'static str {
        KIND
    }

    fn limits(&self) -> Limits {
        Limits {
            text_chars: MOST_UNITS,
            attachments: true,
            buttons: true,
            reply_window: None,
            per_second: Some(self.per_second),
            kept: false,
            resends_unknown: self.unknown == Unknown::Resend,
        }
    }

    fn routes(&self, _host: Host) -> Option<Router> {
        let door = Door::new(&self.name, self.seal.clone(), Arc::clone(&self.intake));
        (self.receive == Receive::Webhook).then(|| webhook::routes(door))
    }

    async fn run(&self, host: Host, stop: Stop) -> Result<(), ChannelError> {
        let ended = |fault: Fault| ChannelError(fault.consequence().to_string());
        let intake = self.intake.get_or_try_init(|| async {
            let bot: Bot = self.api.call("getMe", &json!({})).await?;
            tracing::info!(channel = self.name, bot = bot.username, "The bot has said who it is.");
            let decoder = Decoder { channel: self.name.clone(), groups: self.groups, bot };
            Ok(Intake { decoder, api: Arc::clone(&self.api), host })
        });
        let intake = intake.await.map_err(ended)?;
        match self.receive {
            Receive::Polling => poll::run(intake, &stop).await,
            Receive::Webhook => {
                self.register().await.map_err(ended)?;
                stop.cancelled().await;
                Ok(())
            }
        }
    }

    async fn send(&self, outbound: &Outbound, host: &Host) -> Result<Receipt, SendError> {
        Sender { api: &self.api, channel: &self.name, host }.send(outbound).await
    }

    async fn fetch(&self, reference: &str) -> Result<Bytes, SendError> {
        self.api.download(reference).await
    }

    async fn typing(&self, _to: &Address, thread: &str) {
        let (chat, _) = intake::parted(thread);
        let _ = self.api.call::<Value>("sendChatAction", &json!({"chat_id": chat, "action": "typing"})).await;
    }

    async fn check(&self) -> Vec<Check> {
        let bot = match self.api.call::<Bot>("getMe", &json!({})).await {
            Ok(bot) => bot,
            Err(fault) => return vec![Check::wrong("the bot's token", fault.consequence().to_string())],
        };
        let who = Check::fine(format!("the bot @{}", bot.username));
        let mut checks = vec![who];
        if self.groups != Groups::Ignore && !bot.can_read_all_group_messages {
            // All that is for the bot comes in privacy mode too, but for a name within a text.
            checks.push(Check::fine(
                "groups, in privacy mode: the bot sees commands and answers to it; to be called by name too, turn privacy off with @BotFather (/setprivacy) and add it to the group again",
            ));
        }
        checks.push(match self.api.call::<WebhookInfo>("getWebhookInfo", &json!({})).await {
            Ok(info) => self.judge(&info),
            Err(fault) => Check::wrong("the webhook", fault.to_string()),
        });
        checks
    }
}

impl Telegram {
    fn judge(&self, info: &WebhookInfo) -> Check {
        let waiting = format!("{} updates wait", info.pending_update_count);
        match self.receive {
            Receive::Polling if info.url.is_empty() => Check::fine(format!("polling; {waiting}")),
            Receive::Polling => Check::wrong(
                "polling",
                format!(
                    "updates go to the webhook {}: set `receive = \"webhook\"`, or take that away (deleteWebhook)",
                    info.url
                ),
            ),
            Receive::Webhook if info.url.is_empty() => {
                Check::wrong("the webhook", "none is set yet: the running daemon sets it")
            }
            Receive::Webhook if info.url != self.hook => Check::wrong(
                "the webhook",
                format!("updates go to {}, and not to {}: another program uses this bot", info.url, self.hook),
            ),
            Receive::Webhook => match &info.last_error_message {
                Some(error) => Check::wrong("the webhook", format!("Telegram could not deliver: {error}; {waiting}")),
                None => Check::fine(format!("the webhook {}; {waiting}", self.hook)),
            },
        }
    }
}

/// An update as a bot reads it, from its bytes: how long its text is.
#[doc(hidden)]
#[must_use]
pub fn measured(raw: &[u8]) -> Option<usize> {
    let decoder = Decoder { channel: "telegram".to_owned(), groups: Groups::Chat, bot: Bot::default() };
    match decoder.decode(&serde_json::from_slice(raw).ok()?) {
        decode::Decoded::Message { inbound, .. } => Some(inbound.content.text().len()),
        _ => None,
    }
}
