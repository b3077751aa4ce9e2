//! Puts messages into the broker's queues and tells each one's sender when a majority of the queue's members has it.
//!
//! One task owns the channel, so messages go out in the order in which they came and ids rise in that order. What
//! is not confirmed in time counts as not kept. It may have been kept all the same; then it comes twice, and the record
//! recognises that.
//!
//! What comes for a partition while something of it is on its way goes together afterwards, as one message of the broker's: what
//! that costs the broker and both its clients is the same for one as for many. Where many come, all partitions publish in rounds.

use std::{
    collections::{BTreeMap, BTreeSet, HashSet, VecDeque},
    pin::Pin,
    sync::Arc,
    time::Duration,
};

use contract::{IdClock, Inbound, MessageId};
use futures::{FutureExt, StreamExt, stream::FuturesUnordered};
use lapin::{
    BasicProperties, Channel, Confirmation,
    options::{BasicPublishOptions, ConfirmSelectOptions},
};
use serde_json::value::RawValue;
use tokio::{
    sync::{mpsc, oneshot, watch},
    time::{Instant, sleep_until},
};

use super::{
    depth::Depth,
    envelope,
    link::{self, Link},
    session::MOST,
    share::partition_of,
    topology::{INBOX, key_of},
};
use crate::rounds::Rounds;

/// How many messages may be on their way to the broker and not confirmed, or wait for their partition's turn.
const WINDOW: usize = 1024;
/// How many bytes of bodies go together at most; a longer one goes alone.
const TOGETHER_BYTES: usize = 64 * 1024;
/// How many may wait for that.
const QUEUED: usize = 1024;
/// How often the oldest is looked at.
const LOOK_EVERY: Duration = Duration::from_millis(250);
/// How far apart rounds are, where many come.
const EVERY: Duration = Duration::from_millis(20);
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
    partitions: u16,
    within: Duration,
}

struct Request {
    /// `None` to be given one.
    id: Option<MessageId>,
    inbound: Box<RawValue>,
    partition: usize,
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
        alike: watch::Receiver<bool>,
    ) -> (Self, Work) {
        let (requests, asked) = mpsc::channel(QUEUED);
        let lanes = (0..partitions).map(|_| Lane::default()).collect();
        let work = Work { link, ids, within, depth, alike, lanes, requests: asked };
        (Self { requests, partitions, within }, work)
    }

    /// Publishes a message, under its id or a new one, and waits until it is durable.
    pub async fn publish(&self, id: Option<MessageId>, inbound: Arc<Inbound>) -> Result<MessageId, NotPublished> {
        let published = async {
            let (answer, answered) = oneshot::channel();
            let closed = || NotPublished("the daemon stops".to_owned());
            let partition = partition_of(&inbound.channel, &inbound.thread, self.partitions).into();
            let inbound = envelope::write(&inbound)
                .map_err(|error| NotPublished(format!("the message cannot be written: {error}")))?;
            self.requests.send(Request { id, inbound, partition, answer }).await.map_err(|_| closed())?;
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
    within: Duration,
    depth: Arc<Depth>,
    /// Whether every daemon reads several messages as one.
    alike: watch::Receiver<bool>,
    /// By partition.
    lanes: Vec<Lane>,
    requests: mpsc::Receiver<Request>,
}

/// What is of one partition.
#[derive(Default)]
struct Lane {
    /// What waits, in its order.
    waiting: VecDeque<Request>,
    /// How many of the broker's messages are on their way.
    flying: usize,
}

impl Lane {
    /// What goes next: one, or as many as may go together. Whoever has gone away takes no place.
    fn next(&mut self, most: usize) -> Vec<Request> {
        let mut bytes = 0;
        let mut batch = Vec::new();
        while batch.len() < most
            && let Some(request) = self.waiting.pop_front_if(|request| {
                bytes += request.inbound.get().len();
                batch.is_empty() || bytes <= TOGETHER_BYTES
            })
        {
            if !request.answer.is_closed() {
                batch.push(request);
            }
        }
        batch
    }
}

impl Work {
    /// Works until nobody publishes any more, or the link is stopped.
    pub async fn run(mut self) {
        loop {
            let link = Arc::clone(&self.link);
            let channel = tokio::select! {
                channel = open(&link) => channel,
                () = self.refuse() => return,
            };
            let Some(channel) = channel else { return };
            let mut flights = Flights {
                channel: &channel,
                work: &mut self,
                flying: FuturesUnordered::new(),
                unconfirmed: BTreeMap::new(),
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

    /// Answers at once while the broker is away; ends when nobody publishes any more.
    async fn refuse(&mut self) {
        loop {
            if self.link.now().is_ok() {
                tokio::time::sleep(LOOK_EVERY).await;
                continue;
            }
            let waiting = self.lanes.iter_mut().find_map(|lane| lane.waiting.pop_front());
            let Some(request) = (match waiting {
                Some(request) => Some(request),
                None => self.requests.recv().await,
            }) else {
                return;
            };
            let why = self.link.now().err().unwrap_or_else(|| "the broker has only just come back".to_owned());
            let _ = request.answer.send(Err(NotPublished(why)));
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

type Landed = (u64, lapin::Result<Confirmation>);

/// What goes as one message of the broker's, by the id of its first.
struct Unconfirmed {
    partition: usize,
    since: Instant,
    messages: Vec<(MessageId, oneshot::Sender<Result<MessageId, NotPublished>>)>,
}

/// What is on its way on one channel.
struct Flights<'a> {
    channel: &'a Channel,
    work: &'a mut Work,
    flying: FuturesUnordered<Pin<Box<dyn Future<Output = Landed> + Send>>>,
    /// By their numbers, so oldest first.
    unconfirmed: BTreeMap<u64, Unconfirmed>,
    /// What no queue took, and whose confirm has not been seen.
    returned: HashSet<String>,
    count: u64,
    /// A queue could not keep a message. The broker's end of a channel may believe for ever that a queue's leader is on a node
    /// that is gone (RabbitMQ 3.10), so this one takes no more.
    refused: bool,
}

impl Flights<'_> {
    /// Publishes until nobody does any more, or the broker refuses a message; an error says why the channel is of no use.
    async fn run(&mut self) -> Result<(), String> {
        for partition in 0..self.work.lanes.len() {
            self.work.lanes[partition].flying = 0;
            self.take_off(partition)?;
        }
        let mut looks = tokio::time::interval(LOOK_EVERY);
        let mut closed = false;
        let mut asked = Vec::new();
        let mut rounds = Rounds::every(EVERY);
        let mut next = None;
        while !(closed && self.held() == 0 || self.refused && self.unconfirmed.is_empty()) {
            let room = WINDOW.saturating_sub(self.held());
            tokio::select! {
                Some(landed) = self.flying.next(), if !self.flying.is_empty() => self.land(landed)?,
                () = sleep_until(next.unwrap_or_else(Instant::now)), if next.is_some() => next = None,
                many = self.work.requests.recv_many(&mut asked, room),
                    if next.is_none() && !closed && !self.refused && room > 0 =>
                {
                    closed = many == 0;
                    next = rounds.took(many);
                    let mut partitions = BTreeSet::new();
                    for request in asked.drain(..) {
                        partitions.insert(request.partition);
                        self.work.lanes[request.partition].waiting.push_back(request);
                    }
                    for partition in partitions {
                        self.take_off(partition)?;
                    }
                }
                _ = looks.tick() => self.look()?,
            }
        }
        Ok(())
    }

    /// How many are held here.
    fn held(&self) -> usize {
        let unconfirmed: usize = self.unconfirmed.values().map(|flight| flight.messages.len()).sum();
        unconfirmed + self.work.lanes.iter().map(|lane| lane.waiting.len()).sum::<usize>()
    }

    /// Puts on the wire what of a partition may go now.
    fn take_off(&mut self, partition: usize) -> Result<(), String> {
        let alike = *self.work.alike.borrow();
        while !self.refused {
            let lane = &mut self.work.lanes[partition];
            if alike && lane.flying > 0 {
                return Ok(());
            }
            let batch = lane.next(if alike { MOST } else { 1 });
            if batch.is_empty() {
                return Ok(());
            }
            self.fly(partition, batch)?;
        }
        Ok(())
    }

    fn fly(&mut self, partition: usize, batch: Vec<Request>) -> Result<(), String> {
        let id_of = |request: &Request| request.id.unwrap_or_else(|| self.work.ids.next(crate::clock::now()));
        let ids: Vec<MessageId> = batch.iter().map(id_of).collect();
        let items: Vec<(MessageId, &RawValue)> =
            ids.iter().zip(&batch).map(|(id, request)| (*id, &*request.inbound)).collect();
        let body = envelope::put_up(&items).map_err(|error| error.to_string())?;
        let first = ids.first().map(ToString::to_string).unwrap_or_default();
        self.count += 1;
        let number = self.count;
        let properties = BasicProperties::default()
            .with_delivery_mode(PERSISTENT)
            .with_content_type("application/json".into())
            .with_message_id(first.into());
        let (channel, key) = (self.channel.clone(), key_of(u16::try_from(partition).unwrap_or(u16::MAX)));
        let options = BasicPublishOptions { mandatory: true, ..BasicPublishOptions::default() };
        let mut flight = Box::pin(async move {
            let sent = channel.basic_publish(INBOX.into(), key, options, &body, properties).await;
            let confirmed = match sent {
                Ok(confirm) => confirm.await,
                Err(error) => Err(error),
            };
            (number, confirmed)
        });
        let messages = ids.into_iter().zip(batch.into_iter().map(|request| request.answer)).collect();
        self.unconfirmed.insert(number, Unconfirmed { partition, since: Instant::now(), messages });
        self.work.lanes[partition].flying += 1;
        // The first poll puts it on the wire: the order is that of the requests.
        match flight.as_mut().now_or_never() {
            Some(landed) => self.land(landed),
            None => {
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
        let mut free = BTreeSet::new();
        for (number, taken) in judged {
            let Some(Unconfirmed { partition, since, messages }) = self.unconfirmed.remove(&number) else { continue };
            metrics::histogram!("switchboard_broker_confirm_seconds").record(since.elapsed().as_secs_f64());
            let first = messages.first().map(|(id, _)| id.to_string());
            let returned = !self.returned.is_empty() && first.is_some_and(|first| self.returned.remove(&first));
            let outcome = if returned {
                Err(NotPublished("no queue takes the message: the queue of its partition is missing".to_owned()))
            } else if taken {
                Ok(())
            } else {
                self.refused = true;
                Err(NotPublished("the broker refused the message: its queue cannot keep it now".to_owned()))
            };
            for (id, answer) in messages {
                if outcome.is_ok() {
                    self.work.depth.published();
                }
                let _ = answer.send(outcome.clone().map(|()| id));
            }
            self.work.lanes[partition].flying -= 1;
            free.insert(partition);
        }
        free.into_iter().try_for_each(|partition| self.take_off(partition))
    }

    /// Gives the channel up when it has not confirmed in time.
    fn look(&mut self) -> Result<(), String> {
        if !self.channel.status().connected() {
            return Err("it was closed".to_owned());
        }
        match self.unconfirmed.first_key_value() {
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
        let failed = std::mem::take(&mut self.unconfirmed);
        let answers: Vec<_> = failed.into_values().flat_map(|flight| flight.messages).collect();
        let many = answers.len();
        for (_, answer) in answers {
            let _ = answer.send(Err(NotPublished(why.to_owned())));
        }
        many
    }
}
