//! How often something may be done: so often an hour and so often a day. What was done is kept in the record, so a restart does
//! not begin anew and daemons count together.

use contract::EntryId;
use jiff::SignedDuration;

use crate::store::{Store, StoreError};

const HOUR: SignedDuration = SignedDuration::from_hours(1);
const DAY: SignedDuration = SignedDuration::from_hours(24);
/// How often a count is begun again because another daemon counted meanwhile.
const REPEATS: u32 = 16;

/// How often something may be done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limit {
    /// Within an hour.
    pub an_hour: u32,
    /// Within 24 hours, if that is bounded apart from the hours.
    pub a_day: Option<u32>,
}

/// Counts one more doing of what has this name, unless that is more than may be: whether it may. `mark` names the doing, and
/// says when it is: counted twice it counts once, so that what is begun again after a crash is not two.
///
/// # Errors
/// The record does not work.
pub async fn allow(store: &dyn Store, name: &str, mark: EntryId, limit: Limit) -> Result<bool, StoreError> {
    for _ in 0..REPEATS {
        let was = store.tally(name).await?;
        let (allowed, now) = counted(was.as_deref().unwrap_or_default(), mark, limit);
        let Some(now) = now else { return Ok(allowed) };
        if store.put_tally(name, was.as_deref(), &now).await? {
            return Ok(allowed);
        }
    }
    Err(StoreError::Conflict)
}

/// Whether one more may be, and what is to be kept then, where that is something else.
fn counted(kept: &str, mark: EntryId, Limit { an_hour, a_day }: Limit) -> (bool, Option<String>) {
    let known = kept.split_whitespace().filter_map(|id| id.parse::<EntryId>().ok());
    let age = |id: &EntryId| mark.made_at().duration_since(id.made_at());
    let kept_for = if a_day.is_some() { DAY } else { HOUR };
    let mut recent: Vec<EntryId> = known.filter(|id| age(id) < kept_for).collect();
    if recent.contains(&mark) {
        return (true, None);
    }
    let within_hour = recent.iter().filter(|id| age(id) < HOUR).count();
    let full = within_hour >= an_hour as usize || a_day.is_some_and(|a_day| recent.len() >= a_day as usize);
    if full {
        return (false, None);
    }
    recent.push(mark);
    (true, Some(recent.iter().map(ToString::to_string).collect::<Vec<_>>().join(" ")))
}

#[cfg(test)]
mod tests {
    use contract::{IdClock, Timestamp};

    use super::*;

    fn at(minutes: i64) -> EntryId {
        let moment = Timestamp::from_second(1_800_000_000 + minutes * 60).unwrap();
        IdClock::lowest(moment)
    }

    #[test]
    fn so_many_an_hour_and_so_many_a_day_and_each_once() {
        let limit = Limit { an_hour: 2, a_day: Some(3) };
        let mut kept = String::new();
        let mut allowed = |minutes| {
            let (allowed, now) = counted(&kept, at(minutes), limit);
            if let Some(now) = now {
                kept = now;
            }
            allowed
        };
        for (minutes, expected) in [
            (0, true),
            (0, true),
            (1, true),
            (2, false),
            (1, true),
            (61, true),
            (200, false),
            (1441, true),
            (1442, true),
        ] {
            assert_eq!(allowed(minutes), expected, "{minutes}");
        }
    }
}
