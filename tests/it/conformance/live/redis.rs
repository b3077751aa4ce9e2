//! Nodes that share a Redis server, and what happens to them when it goes.

use std::{
    collections::BTreeSet,
    sync::Arc,
    time::{Duration, Instant},
};

use async_trait::async_trait;
use bytes::Bytes;
use contract::AgentId;
use futures::StreamExt;
use redis::Script;
use switchboard::{
    live::{
        RedisLive, Topic,
        redis::{Look, Settings, Timing, bucket, look},
    },
    pace::{Pace, SAVED},
};

use super::{Fleet, Node, WATCHED, frame, settle, thread, watch};
use crate::harness::{RedisServer, eventually, uuid, within};

/// Nodes on one Redis server.
pub struct OnRedis {
    server: RedisServer,
}

pub async fn on_one_server() -> OnRedis {
    OnRedis { server: RedisServer::start().await }
}

pub async fn on_a_cluster() -> OnRedis {
    OnRedis { server: RedisServer::start_cluster().await }
}

/// As in production, but less patient.
fn timing() -> Timing {
    Timing {
        retry: Duration::from_millis(20),
        retry_most: Duration::from_millis(100),
        probe: Duration::from_millis(200),
        remind: Duration::from_millis(50),
        linger: Duration::from_millis(100),
        repeat: Duration::from_millis(100),
        forget: Duration::from_secs(3),
    }
}

fn settings(server: &RedisServer) -> Settings {
    let _ = rustls::crypto::ring::default_provider().install_default();
    Settings {
        url: server.url(),
        password: server.password().map(Into::into),
        ca: server.ca(),
        prefix: "test".to_owned(),
        node: uuid(),
        threads_of: BTreeSet::from([WATCHED.to_owned()]),
        nodes: Box::new(|| 3),
        timing: timing(),
    }
}

impl OnRedis {
    async fn open(&self) -> Arc<RedisLive> {
        let live = Arc::new(RedisLive::open(settings(&self.server)).unwrap());
        within("Redis", live.connected()).await;
        live
    }
}

#[async_trait]
impl Fleet for OnRedis {
    async fn node(&self) -> Node {
        Node::of(self.open().await)
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_said_before_a_subscription_is_there_is_told_as_missed() {
    let fleet = on_one_server().await;
    let (here, there) = (fleet.node().await, fleet.node().await);
    let mut watch = super::Watch(here.live.watch(vec![thread("a")]));
    there.live.publish(&thread("a"), frame("perhaps lost"));
    // Whether it was in time or not, the watcher reads the record once it hears everything.
    watch.missed().await;
    settle(&mut watch, &there, &thread("a")).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_killed_server_is_missed_and_comes_back() {
    let mut fleet = on_one_server().await;
    let (here, there) = (fleet.node().await, fleet.node().await);
    let topics = [Topic::Consoles, thread("a")];
    let mut far = watch(&here, &there, &topics).await;
    let mut near = watch(&there, &here, &topics).await;
    near.next_is_quiet().await;
    fleet.server.kill().await;
    for round in 0..2 {
        // Again and again, for as long as it is away; and what is said on the same node is heard.
        far.missed().await;
        there.live.publish(&Topic::Consoles, frame(&format!("at home {round}")));
        assert_eq!(near.next().await, format!("at home {round}"));
    }
    assert_eq!(here.shared.here().await, None);
    assert_eq!(here.shared.board().await, None);
    fleet.server.start_again().await;
    // What was said while it was away is told as missed, and what is said from now on is heard.
    for topic in &topics {
        settle(&mut far, &there, topic).await;
        settle(&mut near, &here, topic).await;
    }
    there.live.publish(&topics[1], frame("after"));
    assert_eq!((far.next().await, near.next().await), ("after".to_owned(), "after".to_owned()));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_killed_master_is_replaced_as_its_sentinel_says() {
    let [mut master, _replica, sentinel] = RedisServer::start_watched().await;
    let fleet = OnRedis { server: sentinel };
    let (here, there) = (fleet.node().await, fleet.node().await);
    let mut far = watch(&here, &there, &[thread("a")]).await;
    there.live.publish(&thread("a"), frame("before"));
    assert_eq!(far.next().await, "before");
    master.kill().await;
    far.missed().await;
    settle(&mut far, &there, &thread("a")).await;
    there.live.publish(&thread("a"), frame("after"));
    assert_eq!(far.next().await, "after");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_consoles_see_is_built_while_one_is_open_on_any_node() {
    let fleet = on_one_server().await;
    let (here, there) = (fleet.node().await, fleet.node().await);
    let is_built = || async { there.live.is_watched(&Topic::Consoles).then_some(()) };
    let is_not_built = || async {
        there.live.publish(&Topic::Consoles, frame("heard by nobody"));
        (!there.live.is_watched(&Topic::Consoles)).then_some(())
    };
    for _ in 0..2 {
        eventually("nobody is there", is_not_built).await;
        let mut console = super::Watch(here.live.watch(vec![Topic::Consoles]));
        console.missed().await;
        eventually("somebody is there", is_built).await;
        assert!(there.live.is_watched(&Topic::Consoles), "and stays");
        there.live.publish(&Topic::Consoles, frame("heard"));
        while console.next().await != "heard" {}
    }
    // One of whom nothing was said, such as a console of a daemon of an older version.
    eventually("nobody is there", is_not_built).await;
    let client = redis::Client::open(fleet.server.url()).unwrap();
    let mut console = client.get_async_pubsub().await.unwrap();
    console.subscribe("test:consoles").await.unwrap();
    there.live.is_watched(&Topic::Consoles);
    let mut told = console.on_message().map(|message| message.get_payload::<String>().unwrap());
    while !within("that it missed something", told.next()).await.unwrap().ends_with(r#""event":"missed"}"#) {}
    eventually("somebody is there", is_built).await;
}

impl super::Watch {
    /// Nothing of what was said before is left.
    async fn next_is_quiet(&mut self) {
        use futures::FutureExt;
        while self.0.next().now_or_never().is_some() {}
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hanging_server_is_noticed() {
    let fleet = on_one_server().await;
    let node = fleet.open().await;
    let mut console = super::Watch(switchboard::live::Live::watch(&*node, vec![Topic::Consoles]));
    fleet.server.hang().await;
    eventually("a connection that is given up", || async { (!node.is_connected()).then_some(()) }).await;
    for _ in 0..3 {
        console.missed().await;
    }
    fleet.server.go_on().await;
    within("Redis", node.connected()).await;
    let (here, there) = (Node::of(node), fleet.node().await);
    let _watch = watch(&here, &there, &[Topic::Consoles]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_daemon_starts_without_redis() {
    let mut fleet = on_one_server().await;
    fleet.server.kill().await;
    let node = Arc::new(RedisLive::open(settings(&fleet.server)).unwrap());
    let here = Node::of(Arc::clone(&node));
    let mut console = super::Watch(here.live.watch(vec![Topic::Consoles]));
    here.live.publish(&Topic::Consoles, frame("alone"));
    assert_eq!(console.next().await, "alone");
    here.shared.say_here(BTreeSet::from([AgentId::from(1)]));
    here.shared.put_board(1, Bytes::from("board"));
    fleet.server.start_again().await;
    within("Redis", node.connected()).await;
    let there = fleet.node().await;
    settle(&mut console, &there, &Topic::Consoles).await;
    // What it said meanwhile is known now.
    eventually("what was said", || async {
        let is_here = there.shared.here().await?.agents.contains(&AgentId::from(1));
        (is_here && there.shared.board().await? == "board").then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn more_than_fits_is_told_as_missed() {
    let fleet = on_one_server().await;
    let (here, there) = (fleet.node().await, fleet.node().await);
    let mut far = watch(&here, &there, &[Topic::Agent(1.into())]).await;
    far.next_is_quiet().await;
    fleet.server.hang().await;
    // On a topic that nobody watches, and many more than are kept.
    for number in 0..20_000 {
        there.live.publish(&Topic::Agent(2.into()), frame(&number.to_string()));
    }
    fleet.server.go_on().await;
    far.missed().await;
    settle(&mut far, &there, &Topic::Agent(1.into())).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_that_dies_is_forgotten_and_one_that_leaves_at_once() {
    let fleet = on_one_server().await;
    let leader = fleet.node().await;
    let (dies, leaves) = (fleet.open().await, fleet.open().await);
    let mut hints = watch(&leader, &leader, &[Topic::Presence]).await;
    use switchboard::live::Shared;
    dies.say_here(BTreeSet::from([AgentId::from(1)]));
    assert_eq!(hints.next().await, "Changed");
    leaves.say_here(BTreeSet::from([AgentId::from(2)]));
    assert_eq!(hints.next().await, "Changed");
    let here = leader.shared.here().await.unwrap();
    assert_eq!(here.agents, BTreeSet::from([1.into(), 2.into()]));
    Arc::into_inner(leaves).unwrap().close().await;
    assert_eq!(hints.next().await, "Changed");
    assert_eq!(leader.shared.here().await.unwrap().agents, BTreeSet::from([1.into()]));
    drop(dies);
    eventually("an empty list", || async { leader.shared.here().await?.agents.is_empty().then_some(()) }).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_forgot_everything_has_no_complete_list() {
    let mut fleet = on_one_server().await;
    let (node, leader) = (fleet.open().await, fleet.node().await);
    use switchboard::live::Shared;
    node.say_here(BTreeSet::from([AgentId::from(1)]));
    eventually("a complete list", || async { leader.shared.here().await?.complete.then_some(()) }).await;
    fleet.server.kill().await;
    fleet.server.start_again().await;
    let first = eventually("a list", || async { leader.shared.here().await }).await;
    assert!(!first.complete, "others may not have been heard yet: {first:?}");
    let whole = eventually("a complete list", || async { leader.shared.here().await.filter(|here| here.complete) });
    assert_eq!(whole.await.agents, BTreeSet::from([1.into()]));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tls_and_a_password_are_used() {
    let server = RedisServer::start_locked().await;
    let open = || Arc::new(RedisLive::open(settings(&server)).unwrap());
    let (here, there) = (open(), open());
    within("Redis", async { tokio::join!(here.connected(), there.connected()) }).await;
    let (here, there) = (Node::of(here), Node::of(there));
    let _watch = watch(&here, &there, &[Topic::Consoles]).await;
    // Without the authority nobody is trusted, and without the password nobody is let in.
    let without: [fn(&mut Settings); 2] = [|settings| settings.ca = None, |settings| settings.password = None];
    for without in without {
        let mut settings = settings(&server);
        without(&mut settings);
        let stranger = Node::of(Arc::new(RedisLive::open(settings).unwrap()));
        let mut console = super::Watch(stranger.live.watch(vec![Topic::Consoles]));
        console.missed().await;
        assert_eq!(stranger.shared.here().await, None);
    }
}

/// The script is [`Pace`]: moment by moment, whatever three nodes want.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_shared_rate_is_the_local_one_to_the_message() {
    let server = RedisServer::start().await;
    let client = redis::Client::open(server.url()).unwrap();
    let mut connection = client.get_multiplexed_async_connection().await.unwrap();
    let script = Script::new(&bucket("local now = tonumber(ARGV[4])\n"));
    // A moment of these days, where numbers are as large as they get.
    let start = 1_790_000_000_000_000_u64;
    for rate in [1_u32, 8, 40, 320, 2_000] {
        let begun = Instant::now();
        let (mut pace, mut now, mut gone) = (Pace::new(Some(rate), begun), 0_u64, 0_usize);
        // Each of three looks when it was told to, and late by a few milliseconds.
        for step in 0..1_500_u64 {
            let wanted = usize::try_from(step % 40).unwrap();
            let moment = begun + Duration::from_micros(now);
            let expected = pace.allows(wanted, moment);
            pace.take(expected, moment);
            let mut call = script.key(format!("rate {rate}"));
            let each = Pace::each(rate).as_nanos() as f64 / 1_000.0;
            call.arg(each).arg(SAVED.as_micros() as u64).arg(wanted).arg(start + now);
            let (granted, wait): (usize, u64) = call.invoke_async(&mut connection).await.unwrap();
            assert_eq!(granted, expected, "step {step} at {rate}/s");
            let pace_wait = pace.wait(moment).as_nanos().div_ceil(1_000) as u64;
            assert!(wait.abs_diff(pace_wait) <= 1, "{wait} {pace_wait}");
            gone += granted;
            now += wait + step % 3 * 4_000;
        }
        let ideal = f64::from(rate) * now as f64 / 1e6;
        assert!((gone as f64 - ideal).abs() <= ideal * 0.02 + 2.0, "{gone} of {ideal} at {rate}/s");
    }
}

/// By Redis' clock, and by counting: no more than the rate, whatever three greedy nodes do.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn three_greedy_nodes_keep_the_rate() {
    const RATE: u32 = 200;
    let fleet = on_one_server().await;
    let client = redis::Client::open(fleet.server.url()).unwrap();
    let mut connection = client.get_multiplexed_async_connection().await.unwrap();
    let moment = |(seconds, micros): (f64, f64)| seconds + micros / 1e6;
    let begun: (f64, f64) = redis::cmd("TIME").query_async(&mut connection).await.unwrap();
    let mut nodes = Vec::new();
    for _ in 0..3 {
        let node = fleet.node().await;
        nodes.push(tokio::spawn(async move {
            let mut gone = 0;
            while gone < 100 {
                gone += node.rates.take("mail", Some(RATE), 16).await.now;
            }
            gone
        }));
    }
    let mut gone = 0;
    for node in nodes {
        gone += within("a greedy node", node).await.unwrap();
    }
    let ended: (f64, f64) = redis::cmd("TIME").query_async(&mut connection).await.unwrap();
    let most = f64::from(RATE) * (moment(ended) - moment(begun)) + 1.0;
    assert!(gone as f64 <= most, "{gone} of {most}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_redis_each_node_keeps_to_its_part() {
    let mut fleet = on_one_server().await;
    let node = fleet.open().await;
    fleet.server.kill().await;
    eventually("a connection that is given up", || async { (!node.is_connected()).then_some(()) }).await;
    use switchboard::live::Rates;
    let granted = node.take("mail", Some(1), 32).await;
    assert_eq!(granted.now, 1);
    // One of three nodes that share one a second.
    assert!(granted.wait > Duration::from_millis(2_900) && granted.wait <= Duration::from_secs(3), "{granted:?}");
}

async fn seen(server: &RedisServer) -> Vec<Look> {
    let _ = rustls::crypto::ring::default_provider().install_default();
    within("a look", look(&server.url(), server.password().map(Into::into), server.ca())).await.unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_look_says_what_a_server_is() {
    let (plain, locked) = (RedisServer::start().await, RedisServer::start_locked().await);
    let cluster = RedisServer::start_cluster().await;
    for (server, nodes) in [(&plain, 1), (&locked, 1), (&cluster, 3)] {
        let seen = seen(server).await;
        assert_eq!(seen.len(), nodes, "{seen:?}");
        for one in seen {
            assert!(one.version.contains('.') && !one.is_replica, "{one:?}");
            assert_eq!((one.is_in_cluster, &*one.eviction), (nodes > 1, "noeviction"));
        }
    }
    let master = RedisServer::start().await;
    let url = master.url();
    plain.cli(&["replicaof", "127.0.0.1", url.rsplit_once(':').unwrap().1]).await;
    assert!(seen(&plain).await[0].is_replica);
    assert!(look("redis://127.0.0.1:1", None, None).await.is_err());
}
