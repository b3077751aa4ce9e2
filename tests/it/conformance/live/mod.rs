//! What is live: the same suite for one process and for nodes that share a Redis server.

mod redis;

use std::{
    collections::BTreeSet,
    sync::Arc,
    time::{Duration, Instant},
};

use async_trait::async_trait;
use bytes::Bytes;
use contract::{AgentId, Thread, ThreadEvent};
use futures::{StreamExt, stream::BoxStream};
use switchboard::live::{Audience, Event, Frame, Here, Live, LocalLive, Rates, Shared, Topic};

use crate::harness::{eventually, within};

/// A fleet of nodes that share what is live.
#[async_trait]
pub trait Fleet: Send + Sync {
    /// One more node.
    async fn node(&self) -> Node;
}

/// A node, seen by each of its seams.
#[derive(Clone)]
pub struct Node {
    pub live: Arc<dyn Live>,
    pub shared: Arc<dyn Shared>,
    pub rates: Arc<dyn Rates>,
}

impl Node {
    pub fn of<T: Live + Shared + Rates + 'static>(node: Arc<T>) -> Self {
        Self { live: Arc::clone(&node) as _, shared: Arc::clone(&node) as _, rates: node }
    }
}

/// Of one process there is one node.
struct OneProcess(Node);

#[async_trait]
impl Fleet for OneProcess {
    async fn node(&self) -> Node {
        self.0.clone()
    }
}

async fn one_process() -> OneProcess {
    OneProcess(Node::of(Arc::new(LocalLive::default())))
}

macro_rules! conform {
    ($name:ident, $factory:path: $($case:ident)+) => {
        mod $name {
            $(
                #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                async fn $case() {
                    let fleet = $factory().await;
                    super::$case(&fleet).await;
                }
            )+
        }
    };
    ($name:ident, $factory:path) => {
        conform!($name, $factory:
            a_watcher_gets_its_topics_and_no_others
            every_kind_of_event_arrives_as_it_was
            who_watches_nothing_any_more_hears_nothing
            a_slow_watcher_is_told_that_it_missed_something
            many_threads_are_watched_at_once
            what_may_be_watched_is_built
            agents_are_here_while_a_node_says_so
            the_board_is_the_last_one_of_the_newest_epoch
            a_rate_is_kept_by_all_nodes_together
            what_did_not_go_may_go_again
            a_pause_holds_for_all_nodes);
    };
}

conform!(in_one_process, super::one_process);
conform!(over_redis, super::redis::on_one_server);
conform!(over_a_cluster, super::redis::on_a_cluster);

pub fn frame(text: &str) -> Event {
    Event::Frame(Arc::new(Frame { json: format!("{text:?}"), audience: Audience::Everyone }))
}

/// A channel whose threads are watched.
pub const WATCHED: &str = "web";

pub fn thread(key: &str) -> Topic {
    Topic::Thread(Thread { channel: WATCHED.to_owned(), key: key.to_owned() })
}

/// What [`settle`] says begins with this.
const PROBE: &str = "probe";

/// A stream of events, and what they say.
pub struct Watch(BoxStream<'static, Event>);

impl Watch {
    /// The next event but for misses, shortly.
    pub async fn next(&mut self) -> String {
        loop {
            let event = self.any().await;
            if event != "missed" {
                return event;
            }
        }
    }

    /// The next event but for those of [`settle`], shortly.
    pub async fn any(&mut self) -> String {
        loop {
            let event = self.raw().await;
            if !event.starts_with(PROBE) {
                return event;
            }
        }
    }

    async fn raw(&mut self) -> String {
        match within("an event", self.0.next()).await.expect("streams do not end") {
            Event::Frame(frame) => frame.json.trim_matches('"').to_owned(),
            Event::Missed => "missed".to_owned(),
            other => format!("{other:?}"),
        }
    }

    /// Waits for a miss.
    pub async fn missed(&mut self) {
        while self.any().await != "missed" {}
    }
}

/// Watches `topics` on `here`, and returns when what `there` publishes about the first of them arrives.
pub async fn watch(here: &Node, there: &Node, topics: &[Topic]) -> Watch {
    let mut watch = Watch(here.live.watch(topics.to_vec()));
    settle(&mut watch, there, &topics[0]).await;
    watch
}

/// Returns when what `there` publishes about `topic` arrives, and everything before it has.
pub async fn settle(watch: &mut Watch, there: &Node, topic: &Topic) {
    let mut probes = tokio::time::interval(Duration::from_millis(20));
    let mine = format!("{PROBE} {}", crate::harness::uuid());
    within("a subscription", async {
        loop {
            tokio::select! {
                _ = probes.tick() => there.live.publish(topic, frame(&mine)),
                event = watch.raw() => if event == mine { break },
            }
        }
        let last = format!("{mine}, the last");
        there.live.publish(topic, frame(&last));
        while watch.raw().await != last {}
    })
    .await;
}

pub async fn a_watcher_gets_its_topics_and_no_others(fleet: &impl Fleet) {
    let (here, there) = (fleet.node().await, fleet.node().await);
    let topics = [Topic::Consoles, Topic::Agent(1.into()), thread("a")];
    let mut watch = watch(&here, &there, &topics).await;
    for topic in &topics {
        settle(&mut watch, &there, topic).await;
    }
    for (topic, text) in [
        (Topic::Agent(2.into()), "another agent's"),
        (thread("b"), "another thread's"),
        (Topic::Board, "the board's"),
        (topics[1].clone(), "mine"),
        (topics[2].clone(), "my thread's"),
        (topics[0].clone(), "everybody's"),
    ] {
        there.live.publish(&topic, frame(text));
        if topics.contains(&topic) {
            assert_eq!(watch.next().await, text);
        }
    }
    // Once, on the node that says it too.
    let mut other = self::watch(&there, &here, &[Topic::Consoles]).await;
    for round in 0..10 {
        let (said, answered) = (format!("said {round}"), format!("answered {round}"));
        here.live.publish(&Topic::Consoles, frame(&said));
        assert_eq!(other.next().await, said);
        there.live.publish(&Topic::Consoles, frame(&answered));
        assert_eq!(other.next().await, answered);
        assert_eq!((watch.next().await, watch.next().await), (said, answered));
    }
}

pub async fn every_kind_of_event_arrives_as_it_was(fleet: &impl Fleet) {
    let (here, there) = (fleet.node().await, fleet.node().await);
    let topics = [thread("a"), Topic::Consoles, Topic::Desk, Topic::People];
    let mut watch = watch(&here, &there, &topics).await;
    let audience = Audience::Conversation { agents: [Some(5.into()), None], queue: Some("售后".to_owned()) };
    let shown = Event::Frame(Arc::new(Frame { json: r#"{"text":"怎么退货？ \"now\""}"#.to_owned(), audience }));
    let typing = Event::Thread(Arc::new(ThreadEvent::Typing { name: "Li".to_owned() }));
    for (topic, event) in [
        (&topics[0], typing),
        (&topics[1], shown),
        (&topics[2], Event::Conversation(7.into())),
        (&topics[3], Event::Changed),
        (&topics[3], Event::Insisted),
    ] {
        settle(&mut watch, &there, topic).await;
        there.live.publish(topic, event.clone());
        let heard = loop {
            match within("an event", watch.0.next()).await.unwrap() {
                Event::Missed => {}
                heard if format!("{heard:?}").contains(PROBE) => {}
                heard => break heard,
            }
        };
        assert_eq!(format!("{heard:?}"), format!("{event:?}"));
    }
}

pub async fn who_watches_nothing_any_more_hears_nothing(fleet: &impl Fleet) {
    let (here, there) = (fleet.node().await, fleet.node().await);
    let first = watch(&here, &there, &[thread("a")]).await;
    let mut second = watch(&here, &there, &[thread("a")]).await;
    drop(first);
    there.live.publish(&thread("a"), frame("still heard"));
    assert_eq!(second.next().await, "still heard");
    drop(second);
    there.live.publish(&thread("a"), frame("heard by nobody"));
    let mut third = watch(&here, &there, &[thread("a")]).await;
    there.live.publish(&thread("a"), frame("heard again"));
    assert_eq!(third.next().await, "heard again");
}

pub async fn a_slow_watcher_is_told_that_it_missed_something(fleet: &impl Fleet) {
    let (here, there) = (fleet.node().await, fleet.node().await);
    let mut slow = watch(&here, &there, &[Topic::Consoles]).await;
    let mut quick = watch(&here, &there, &[Topic::Consoles]).await;
    settle(&mut slow, &there, &Topic::Consoles).await;
    for number in 0..300 {
        there.live.publish(&Topic::Consoles, frame(&number.to_string()));
        assert_eq!(quick.next().await, number.to_string());
    }
    let mut heard = Vec::new();
    loop {
        match slow.any().await {
            event if event == "missed" => break,
            event => heard.push(event),
        }
    }
    assert!(!heard.is_empty() && heard.len() < 300, "{}", heard.len());
    assert!(
        heard.iter().enumerate().all(|(at, event)| *event == at.to_string()),
        "in order and without a gap: {heard:?}"
    );
    there.live.publish(&Topic::Consoles, frame("after"));
    assert_eq!(slow.next().await, "after");
}

pub async fn many_threads_are_watched_at_once(fleet: &impl Fleet) {
    let (here, there) = (fleet.node().await, fleet.node().await);
    let topics: Vec<Topic> = (0..600).map(|number| thread(&number.to_string())).collect();
    let mut watches: Vec<Watch> = topics.iter().map(|topic| Watch(here.live.watch(vec![topic.clone()]))).collect();
    for (topic, watch) in topics.iter().zip(&mut watches) {
        settle(watch, &there, topic).await;
    }
    for (number, topic) in topics.iter().enumerate() {
        there.live.publish(topic, frame(&number.to_string()));
    }
    for (number, watch) in watches.iter_mut().enumerate() {
        assert_eq!(watch.next().await, number.to_string());
    }
}

pub async fn what_may_be_watched_is_built(fleet: &impl Fleet) {
    let (here, there) = (fleet.node().await, fleet.node().await);
    let watched = [Topic::Consoles, Topic::Agent(1.into()), thread("a"), Topic::Desk, Topic::People];
    let _watch = here.live.watch(watched.to_vec());
    for topic in &watched {
        assert!(here.live.is_watched(topic) && there.live.is_watched(topic), "{topic:?}");
    }
    let mail = Topic::Thread(Thread { channel: "mail".to_owned(), key: "a".to_owned() });
    assert!(!here.live.is_watched(&mail), "nobody watches the threads of mail");
    let _watch = here.live.watch(vec![mail.clone()]);
    assert!(here.live.is_watched(&mail));
}

pub async fn agents_are_here_while_a_node_says_so(fleet: &impl Fleet) {
    let node = fleet.node().await;
    let leader = fleet.node().await;
    let mut hints = watch(&leader, &node, &[Topic::Presence]).await;
    let (li, wang) = (AgentId::from(1), AgentId::from(u64::MAX >> 1));
    for agents in [vec![li, wang], vec![wang], vec![]] {
        let agents = BTreeSet::from_iter(agents);
        node.shared.say_here(agents.clone());
        assert_eq!(hints.next().await, "Changed");
        let here = leader.shared.here().await.expect("it is known");
        assert_eq!(here.agents, agents);
    }
    // Who is not named is known not to be there, if not at once.
    let complete =
        eventually("a complete list", || async { leader.shared.here().await.filter(|here: &Here| here.complete) });
    assert!(complete.await.agents.is_empty());
}

pub async fn the_board_is_the_last_one_of_the_newest_epoch(fleet: &impl Fleet) {
    let (node, leader) = (fleet.node().await, fleet.node().await);
    let mut hints = watch(&node, &leader, &[Topic::Board]).await;
    assert_eq!(node.shared.board().await, None);
    for (epoch, board) in [(1, "one"), (2, "two"), (2, "three")] {
        leader.shared.put_board(epoch, Bytes::from(board));
        assert_eq!(hints.next().await, "Changed");
        assert_eq!(node.shared.board().await.as_deref(), Some(board.as_bytes()));
    }
    // A leader that was deposed and does not know it yet.
    let deposed = fleet.node().await;
    deposed.shared.put_board(1, Bytes::from("old"));
    leader.shared.put_board(3, Bytes::from("new"));
    assert_eq!(hints.next().await, "Changed");
    deposed.shared.put_board(1, Bytes::from("old"));
    settle(&mut hints, &deposed, &Topic::Board).await;
    assert_eq!(node.shared.board().await.as_deref(), Some(b"new".as_slice()));
}

pub async fn a_rate_is_kept_by_all_nodes_together(fleet: &impl Fleet) {
    let nodes = [fleet.node().await, fleet.node().await, fleet.node().await];
    let begun = Instant::now();
    let mut all = 0;
    for node in &nodes {
        let granted = node.rates.take("mail", Some(1), 32).await;
        assert!(granted.now <= 1 && granted.wait <= Duration::from_secs(1), "{granted:?}");
        all += granted.now;
    }
    let most = 1 + begun.elapsed().as_secs() as usize;
    assert!((1..=most).contains(&all), "{all} of one a second");
    for node in &nodes {
        let granted = node.rates.take("chat", None, 32).await;
        assert_eq!((granted.now, granted.wait), (32, Duration::ZERO), "without a rate all go");
    }
}

pub async fn what_did_not_go_may_go_again(fleet: &impl Fleet) {
    let (one, other) = (fleet.node().await, fleet.node().await);
    for _ in 0..20 {
        let granted = one.rates.take("mail", Some(1), 32).await;
        assert_eq!(granted.now, 1, "{granted:?}");
        one.rates.give_back("mail", Some(1), granted.now).await;
    }
    assert_eq!(other.rates.take("mail", Some(1), 32).await.now, 1);
}

pub async fn a_pause_holds_for_all_nodes(fleet: &impl Fleet) {
    let (one, other) = (fleet.node().await, fleet.node().await);
    one.rates.pause("mail", Duration::from_secs(600)).await;
    one.rates.pause("mail", Duration::from_secs(1)).await;
    for (key, node) in [("chat", &one), ("letters", &other)] {
        let granted = node.rates.take("mail", Some(1_000), 8).await;
        assert_eq!(granted.now, 0);
        assert!(granted.wait > Duration::from_secs(500), "{granted:?}");
        assert_eq!(node.rates.take(key, Some(1_000), 1).await.now, 1, "another key goes on");
    }
}
