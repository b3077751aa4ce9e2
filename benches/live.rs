//! Fan-out over Redis: from `publish` on one node to the watcher on another, beside bare `PUBLISH` and `SUBSCRIBE` of the
//! same bytes on the same server in the same run; and what shared rates cost.
//!
//! `cargo bench --bench live`, with `redis-server` installed: about half a minute. Only the ratios say something.

#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs, reason = "a tool for developers: it may stop at once")]

use std::{
    collections::BTreeSet,
    io::{BufRead, BufReader},
    process::{Child, Command, Stdio},
    sync::Arc,
    time::{Duration, Instant},
};

use futures::{StreamExt, stream::BoxStream};
use switchboard::live::{
    Audience, Event, Frame, Live, Rates, RedisLive, Topic,
    redis::{Settings, Timing},
};
use tokio::sync::{Semaphore, mpsc};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const TOPICS: u64 = 64;
const EVENTS: usize = 200_000;
/// How many events are on their way at once.
const WINDOW: usize = 1_024;
const ROUNDS: usize = 5_000;
const PORT: u16 = 16_399;

struct Server(Child);

impl Server {
    fn start() -> Self {
        let mut child = Command::new("redis-server")
            .args(["--port", &PORT.to_string(), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"])
            .stdout(Stdio::piped())
            .spawn()
            .expect("redis-server is installed");
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let mut ready = lines.map_while(Result::ok).filter(|line| line.contains("Ready to accept"));
        ready.next().expect("a server that is ready; is the port in use?");
        Self(child)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn url() -> String {
    format!("redis://127.0.0.1:{PORT}")
}

/// A frame as consoles get them.
fn json() -> String {
    let text = "I ordered a kettle last week and it has not come yet. ".repeat(4);
    format!(r#"{{"type":"entry","entry":{{"id":"ent_0123456789abc","text":"{text}"}}}}"#)
}

async fn node(name: &str) -> RedisLive {
    let live = RedisLive::open(Settings {
        url: url(),
        password: None,
        ca: None,
        prefix: "bench".to_owned(),
        node: name.to_owned(),
        threads_of: BTreeSet::new(),
        nodes: Box::new(|| 2),
        timing: Timing::default(),
    })
    .unwrap();
    live.connected().await;
    live
}

fn topic(number: usize) -> Topic {
    Topic::Agent((number as u64 % TOPICS).into())
}

struct Measured {
    per_second: f64,
    median: Duration,
    rare: Duration,
}

fn latencies(mut took: Vec<Duration>) -> (Duration, Duration) {
    took.sort_unstable();
    (took[took.len() / 2], took[took.len() * 99 / 100])
}

async fn bare() -> Measured {
    let client = redis::Client::open(url()).unwrap();
    let (mut sink, mut heard) = client.get_async_pubsub().await.unwrap().split();
    let channels: Vec<String> = (0..TOPICS).map(|number| format!("bare:{number}")).collect();
    sink.subscribe(&channels).await.unwrap();
    let mut publisher = client.get_multiplexed_async_connection().await.unwrap();
    let body = json();
    let mut took = Vec::with_capacity(ROUNDS);
    for round in 0..ROUNDS {
        let begun = Instant::now();
        let channel = &channels[round % channels.len()];
        let () = redis::cmd("PUBLISH").arg(channel).arg(&body).query_async(&mut publisher).await.unwrap();
        heard.next().await.unwrap();
        took.push(begun.elapsed());
    }
    let (median, rare) = latencies(took);
    let room = Arc::new(Semaphore::new(WINDOW));
    let begun = Instant::now();
    let publishing = tokio::spawn({
        let room = Arc::clone(&room);
        async move {
            let mut sent = 0;
            while sent < EVENTS {
                let mut pipeline = redis::pipe();
                for number in sent..(sent + 256).min(EVENTS) {
                    room.acquire().await.unwrap().forget();
                    pipeline.cmd("PUBLISH").arg(&channels[number % channels.len()]).arg(&body).ignore();
                }
                sent += 256;
                let () = pipeline.query_async(&mut publisher).await.unwrap();
            }
        }
    });
    for _ in 0..EVENTS {
        heard.next().await.unwrap();
        room.add_permits(1);
    }
    let per_second = EVENTS as f64 / begun.elapsed().as_secs_f64();
    publishing.await.unwrap();
    Measured { per_second, median, rare }
}

async fn subscribed(watch: &mut BoxStream<'static, Event>) {
    while !matches!(watch.next().await, Some(Event::Missed)) {}
}

async fn ours() -> Measured {
    let (here, there) = (node("here").await, node("there").await);
    let json = json();
    let event = || Event::Frame(Arc::new(Frame { json: json.clone(), audience: Audience::Everyone }));
    let (heard, mut hears) = mpsc::channel(WINDOW);
    for number in 0..TOPICS {
        let mut watch = there.watch(vec![topic(number as usize)]);
        subscribed(&mut watch).await;
        let heard = heard.clone();
        tokio::spawn(async move {
            while let Some(event) = watch.next().await {
                let is_whole = matches!(event, Event::Frame(_));
                if heard.send(is_whole).await.is_err() {
                    return;
                }
            }
        });
    }
    let mut took = Vec::with_capacity(ROUNDS);
    for round in 0..ROUNDS {
        let begun = Instant::now();
        here.publish(&topic(round), event());
        while !hears.recv().await.unwrap() {}
        took.push(begun.elapsed());
    }
    let (median, rare) = latencies(took);
    let (begun, mut on_the_way) = (Instant::now(), 0);
    for number in 0..EVENTS {
        here.publish(&topic(number), event());
        on_the_way += 1;
        while on_the_way >= WINDOW || (on_the_way > 0 && !hears.is_empty()) {
            assert!(hears.recv().await.unwrap(), "something was missed");
            on_the_way -= 1;
        }
    }
    while on_the_way > 0 {
        assert!(hears.recv().await.unwrap(), "something was missed");
        on_the_way -= 1;
    }
    Measured { per_second: EVENTS as f64 / begun.elapsed().as_secs_f64(), median, rare }
}

/// How long asking for what may go takes.
async fn rates() -> (Duration, Duration) {
    let node = node("courier").await;
    let mut took = Vec::with_capacity(ROUNDS);
    for _ in 0..ROUNDS {
        let begun = Instant::now();
        node.take("mail", Some(2_000), 32).await;
        took.push(begun.elapsed());
    }
    latencies(took)
}

fn main() {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let _server = Server::start();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    runtime.block_on(async {
        for round in 1..=3 {
            let (bare, ours) = (bare().await, ours().await);
            for (name, measured) in [("bare", &bare), ("ours", &ours)] {
                let Measured { per_second, median, rare } = measured;
                println!("{round} {name}: {per_second:.0} events/s, one alone {median:?}, p99 {rare:?}");
            }
            println!(
                "{round} ours / bare: {:.0} % of the events, {:.2} times the time",
                100.0 * ours.per_second / bare.per_second,
                ours.median.as_secs_f64() / bare.median.as_secs_f64()
            );
        }
        let (median, rare) = rates().await;
        println!("a shared rate is asked in {median:?}, p99 {rare:?}");
    });
}
