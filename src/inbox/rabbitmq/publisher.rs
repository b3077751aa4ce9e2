//! Puts messages into the broker's queues and tells each one's sender when a majority of the queue's members has it.
//!
//! One task owns the channel, so messages go out in the order in which they came and ids rise in that order. What
//! is not confirmed in time counts as not kept. It may have been kept all the same; then it comes twice, and the record
//! recognises that.

use std::{
    collections::{BTreeMap, HashSet},
    pin::Pin,
    sync::Arc,
    task::Poll,
    time::{Duration, Instant},
};

use contract::{IdClock, Inbound, MessageId};
use futures::{FutureExt, StreamExt, stream::FuturesUnordered};
use lapin::{
    BasicProperties, Channel, Confirmation,
    options::{BasicPublishOptions, ConfirmSelectOptions},
};
use tokio::sync::{mpsc, oneshot};

use super::{
    depth::Depth,
    envelope,
    link::{self, Link},
    share::partition_of,
    topology::{INBOX, key_of},
};

/// How many messages may be on their way to the broker and not confirmed.
const WINDOW: usize = 256;
/// How many may wait for that.
const QUEUED: usize = 1024;
/// How often the oldest is looked at.
const LOOK_EVERY: Duration = Duration::from_millis(250);
/// AMQP's word for "on disk".
const PERSISTENT: u8 = 2;

/// The broker did not keep a message, or did not say so in time.
#[derive(Debug, Clone, thiserror::Error)]
#[error("{0}")]
pub(super) struct NotPublished(pub String);

/// Where messages go.
#[derive(Clone)]
pub(super) struct Publisher {
    requests: mpsc::Sender<Request>,
    within: Duration,
}

struct Request {
    /// `None` to be given one.
    id: Option<MessageId>,
    inbound: Arc<Inbound>,
    answer: oneshot::Sender<Result<MessageId, NotPublished>>,
}

impl Publisher {
    /// The publisher, and the task that does its work.
    pub fn new(
        link: Arc<Link>,
        ids: Arc<IdClock>,
        partitions: u16,
        within: Duration,
        depth: Arc<Depth>,
    ) -> (Self, Work) {
        let (requests, asked) = mpsc::channel(QUEUED);
        let work = Work { link, ids, partitions, within, depth, requests: asked };
        (Self { requests, within }, work)
    }

    /// Publishes a message, under its id or a new one, and waits until it is durable.
    pub async fn publish(&self, id: Option<MessageId>, inbound: Arc<Inbound>) -> Result<MessageId, NotPublished> {
        let published = async {
            let (answer, answered) = oneshot::channel();
            let closed = || NotPublished("the daemon stops".to_owned());
            self.requests.send(Request { id, inbound, answer }).await.map_err(|_| closed())?;
            answered.await.unwrap_or_else(|_| Err(closed()))
        };
        match tokio::time::timeout(self.within, published).await {
            Ok(published) => published,
            Err(_) => {
                metrics::counter!("switchboard_broker_confirms_late_total").increment(1);
                Err(NotPublished(format!("the broker did not confirm within {} s", self.within.as_secs_f32())))
            }
        }
    }
}

/// What the publisher's task works with.
pub(super) struct Work {
    link: Arc<Link>,
    ids: Arc<IdClock>,
    partitions: u16,
    within: Duration,
    depth: Arc<Depth>,
    requests: mpsc::Receiver<Request>,
}

impl Work {
    /// Works until nobody publishes any more, or the link is stopped.
    pub async fn run(mut self) {
        loop {
            let link = Arc::clone(&self.link);
            let channel = tokio::select! {
                channel = open(&link) => channel,
                () = refuse(&link, &mut self.requests) => return,
            };
            let Some(channel) = channel else { return };
            let mut flights = Flights {
                channel: &channel,
                work: &mut self,
                flying: FuturesUnordered::new(),
                waiting: BTreeMap::new(),
                returned: HashSet::new(),
                count: 0,
                refused: false,
            };
            match flights.run().await {
                Ok(()) if flights.refused => {
                    tracing::debug!("The broker refuses messages: another channel asks for the queue's leader anew.");
                    link::close(&channel).await;
                    tokio::time::sleep(LOOK_EVERY).await;
                }
                Ok(()) => return link::close(&channel).await,
                Err(why) => {
                    let failed = flights.fail_all(&why);
                    if failed == 0 && link.now().is_err() {
                        continue;
                    }
                    tracing::warn!(
                        why,
                        failed,
                        "The channel for publishing ended; what failed may have been kept, and come twice."
                    );
                }
            }
        }
    }
}

/// A channel with confirms; `None` when stopped.
async fn open(link: &Link) -> Option<Channel> {
    loop {
        let connection = link.connection().await?;
        let opened = async {
            let channel = link::channel(&connection).await?;
            link::in_time(channel.confirm_select(ConfirmSelectOptions::default())).await?;
            Ok::<_, String>(channel)
        };
        match opened.await {
            Ok(channel) => return Some(channel),
            Err(why) => {
                tracing::warn!(why, "The broker gives no channel to publish on.");
                tokio::time::sleep(LOOK_EVERY).await;
            }
        }
    }
}

/// Answers at once while the broker is away; ends when nobody publishes any more.
async fn refuse(link: &Link, requests: &mut mpsc::Receiver<Request>) {
    loop {
        if link.now().is_ok() {
            tokio::time::sleep(LOOK_EVERY).await;
            continue;
        }
        let Some(request) = requests.recv().await else { return };
        let why = link.now().err().unwrap_or_else(|| "the broker has only just come back".to_owned());
        let _ = request.answer.send(Err(NotPublished(why)));
    }
}

type Landed = (u64, lapin::Result<Confirmation>);

struct Waiting {
    id: MessageId,
    since: Instant,
    answer: oneshot::Sender<Result<MessageId, NotPublished>>,
}

/// What is on its way on one channel.
struct Flights<'a> {
    channel: &'a Channel,
    work: &'a mut Work,
    flying: FuturesUnordered<Pin<Box<dyn Future<Output = Landed> + Send>>>,
    /// By their numbers, so oldest first.
    waiting: BTreeMap<u64, Waiting>,
    /// Messages that no queue took, and whose confirm has not been seen.
    returned: HashSet<String>,
    count: u64,
    /// A queue could not keep a message. The broker's end of a channel may believe for ever that a queue's leader is on a node
    /// that is gone (RabbitMQ 3.10), so this one takes no more.
    refused: bool,
}

impl Flights<'_> {
    /// Publishes until nobody does any more, or the broker refuses a message; an error says why the channel is of no use.
    async fn run(&mut self) -> Result<(), String> {
        let mut looks = tokio::time::interval(LOOK_EVERY);
        let mut closed = false;
        while !((closed || self.refused) && self.waiting.is_empty()) {
            tokio::select! {
                Some(landed) = self.flying.next(), if !self.flying.is_empty() => self.land(landed)?,
                request = self.work.requests.recv(), if !closed && !self.refused && self.waiting.len() < WINDOW => match request {
                    Some(request) => self.take_off(request).await?,
                    None => closed = true,
                },
                _ = looks.tick() => self.look()?,
            }
        }
        Ok(())
    }

    async fn take_off(&mut self, request: Request) -> Result<(), String> {
        if request.answer.is_closed() {
            return Ok(());
        }
        let Request { id, inbound, answer } = request;
        let id = id.unwrap_or_else(|| self.work.ids.next(crate::clock::now()));
        let body = match envelope::write(id, &inbound) {
            Ok(body) => body,
            Err(error) => {
                let _ = answer.send(Err(NotPublished(format!("the message cannot be written: {error}"))));
                return Ok(());
            }
        };
        self.count += 1;
        let number = self.count;
        let key = key_of(partition_of(&inbound.channel, &inbound.thread, self.work.partitions));
        let properties = BasicProperties::default()
            .with_delivery_mode(PERSISTENT)
            .with_content_type("application/json".into())
            .with_message_id(id.to_string().into());
        let channel = self.channel.clone();
        let options = BasicPublishOptions { mandatory: true, ..BasicPublishOptions::default() };
        let mut flight = Box::pin(async move {
            let sent = channel.basic_publish(INBOX.into(), key, options, &body, properties).await;
            let confirmed = match sent {
                Ok(confirm) => confirm.await,
                Err(error) => Err(error),
            };
            (number, confirmed)
        });
        self.waiting.insert(number, Waiting { id, since: Instant::now(), answer });
        // The first poll puts it on the wire: the order is that of the requests.
        match futures::poll!(flight.as_mut()) {
            Poll::Ready(landed) => self.land(landed),
            Poll::Pending => {
                self.flying.push(flight);
                Ok(())
            }
        }
    }

    /// Answers whoever has landed.
    ///
    /// A message that no queue took is returned, and then confirmed. The library ties a returned one to whichever confirm
    /// it completes next, which with several at once may be another one's; so all that have landed are looked at
    /// together, and the returned one is known by its id.
    fn land(&mut self, first: Landed) -> Result<(), String> {
        let mut landed = vec![first];
        while let Some(Some(more)) = self.flying.next().now_or_never() {
            landed.push(more);
        }
        let mut judged = Vec::with_capacity(landed.len());
        for (number, confirmation) in landed {
            let confirmed = match confirmation {
                Ok(confirmation) => confirmation,
                Err(error) => return Err(error.to_string()),
            };
            let taken = confirmed.is_ack();
            if let Some(returned) = confirmed.take_message()
                && let Some(id) = returned.delivery.properties.message_id()
            {
                self.returned.insert(id.to_string());
            }
            judged.push((number, taken));
        }
        for (number, taken) in judged {
            let Some(Waiting { id, since, answer }) = self.waiting.remove(&number) else { continue };
            metrics::histogram!("switchboard_broker_confirm_seconds").record(since.elapsed().as_secs_f64());
            let returned = !self.returned.is_empty() && self.returned.remove(&id.to_string());
            let outcome = if returned {
                Err(NotPublished("no queue takes the message: the queue of its partition is missing".to_owned()))
            } else if taken {
                self.work.depth.published();
                Ok(id)
            } else {
                self.refused = true;
                Err(NotPublished("the broker refused the message: its queue cannot keep it now".to_owned()))
            };
            let _ = answer.send(outcome);
        }
        Ok(())
    }

    /// Gives the channel up when it has not confirmed in time.
    fn look(&mut self) -> Result<(), String> {
        if !self.channel.status().connected() {
            return Err("it was closed".to_owned());
        }
        match self.waiting.first_key_value() {
            Some((_, oldest)) if oldest.since.elapsed() > self.work.within => {
                let why = format!("the broker has not confirmed for {} s", self.work.within.as_secs_f32());
                self.work.link.renew(&why);
                Err(why)
            }
            _ => Ok(()),
        }
    }

    /// How many failed.
    fn fail_all(&mut self, why: &str) -> usize {
        let failed = std::mem::take(&mut self.waiting);
        let many = failed.len();
        for (_, Waiting { answer, .. }) in failed {
            let _ = answer.send(Err(NotPublished(why.to_owned())));
        }
        many
    }
}
