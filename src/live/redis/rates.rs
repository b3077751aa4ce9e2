//! Rates that all nodes keep together: one token bucket a key, in Redis, by Redis' clock. It is [`Pace`]'s algorithm, the
//! generic cell rate algorithm. While Redis is away each node keeps to its part of the rate.

use std::{sync::Arc, time::Duration};

use redis::{RedisResult, Script, ScriptInvocation};

use super::{
    super::{Granted, rates::LocalRates},
    link::Link,
    server::Connection,
};
use crate::pace::{Pace, SAVED};

/// How long a courier waits for Redis to say what may go, before it keeps to its part.
const ANSWER_WITHIN: Duration = Duration::from_millis(500);
/// The moment, in microseconds.
const NOW: &str = "local t = redis.call('TIME') local now = t[1] * 1000000 + t[2]\n";

/// The script that takes from a bucket, with a clock: Lua that sets `now` to the moment in microseconds.
///
/// Keys: the bucket. Arguments: what one takes up and how much unused time is saved, in microseconds; how many are wanted.
/// Answers how many may go, and after how many microseconds one more may.
#[must_use]
pub fn bucket(clock: &str) -> String {
    format!("{clock}{}", include_str!("take.lua"))
}

pub(super) struct RedisRates {
    link: Arc<Link>,
    prefix: String,
    nodes: Box<dyn Fn() -> usize + Send + Sync>,
    local: LocalRates,
    take: Script,
    give_back: Script,
    pause: Script,
}

impl RedisRates {
    pub(super) fn new(link: Arc<Link>, prefix: String, nodes: Box<dyn Fn() -> usize + Send + Sync>) -> Self {
        Self {
            link,
            prefix,
            nodes,
            local: LocalRates::default(),
            take: Script::new(&bucket(NOW)),
            give_back: Script::new(include_str!("give_back.lua")),
            pause: Script::new(&format!("{NOW}{}", include_str!("pause.lua"))),
        }
    }

    pub(super) async fn take(&self, key: &str, per_second: Option<u32>, wanted: usize) -> Granted {
        if let Some(wait) = self.local.paused(key) {
            return Granted { now: 0, wait };
        }
        let Some(rate) = per_second else { return self.local.take(key, None, wanted) };
        let mut call = self.take.prepare_invoke();
        call.key(self.key(key)).arg(micros(Pace::each(rate))).arg(micros(SAVED)).arg(wanted);
        match self.ask::<(usize, u64)>(&call).await {
            Some((now, wait)) => Granted { now, wait: Duration::from_micros(wait) },
            None => self.local.take(key, Some(self.part(rate)), wanted),
        }
    }

    pub(super) async fn give_back(&self, key: &str, per_second: Option<u32>, count: usize) {
        let Some(rate) = per_second else { return };
        let mut call = self.give_back.prepare_invoke();
        call.key(self.key(key)).arg(micros(Pace::each(rate))).arg(count);
        if self.ask::<()>(&call).await.is_none() {
            self.local.give_back(key, Some(self.part(rate)), count);
        }
    }

    /// Is remembered here too, in case Redis forgets it.
    pub(super) async fn pause(&self, key: &str, pause: Duration) {
        self.local.pause(key, pause);
        let mut call = self.pause.prepare_invoke();
        call.key(self.key(key)).arg(micros(pause));
        self.ask::<()>(&call).await;
    }

    /// The time that one takes up where each node keeps to its part.
    fn part(&self, rate: u32) -> Duration {
        Pace::each(rate).saturating_mul(u32::try_from((self.nodes)().max(1)).unwrap_or(u32::MAX))
    }

    fn key(&self, key: &str) -> String {
        format!("{}:rate:{key}", self.prefix)
    }

    async fn ask<T: redis::FromRedisValue>(&self, call: &ScriptInvocation<'_>) -> Option<T> {
        let mut connection: Connection = self.link.get()?;
        // One that is slow is not given up for that: whether it works is asked elsewhere.
        let asked: RedisResult<T> =
            tokio::time::timeout(ANSWER_WITHIN, call.invoke_async(&mut connection)).await.ok()?;
        asked.inspect_err(|error| self.link.failed(error)).ok()
    }
}

/// To the thousandth of a microsecond.
fn micros(duration: Duration) -> String {
    format!("{}.{:03}", duration.as_micros(), duration.as_nanos() % 1_000)
}
