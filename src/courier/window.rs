//! Reply windows: how long after the customer's last message a platform takes what the company writes. Pure.

use std::time::Duration;

use contract::Timestamp;

/// Why a message may not go now, in words; `None` where it may. `last` is when the customer last wrote.
#[must_use]
pub(super) fn closed(window: Duration, last: Option<Timestamp>, now: Timestamp) -> Option<String> {
    let taken = format!("this channel takes replies for {} after that", length(window));
    let goes = "it goes out when the customer writes";
    let Some(last) = last else { return Some(format!("the customer has not written yet; {taken}, so {goes}")) };
    let since = Duration::try_from(now.duration_since(last)).unwrap_or_default();
    (since > window).then(|| format!("the customer last wrote {} ago; {taken}, so {goes} again", length(since)))
}

/// A length of time as people say it: `24 h`, `7 days`, `90 s`.
fn length(time: Duration) -> String {
    let seconds = time.as_secs();
    match seconds {
        0..120 => format!("{seconds} s"),
        120..7200 => format!("{} min", seconds / 60),
        7200..259_200 => format!("{} h", seconds / 3600),
        _ => format!("{} days", seconds / 86_400),
    }
}

#[cfg(test)]
mod tests {
    use jiff::SignedDuration;

    use super::*;

    #[test]
    fn a_window_says_since_when_it_is_closed() {
        let now: Timestamp = "2026-11-03T10:00:00Z".parse().unwrap();
        let day = Duration::from_secs(24 * 3600);
        let ago = |hours| Some(now - SignedDuration::from_hours(hours));
        assert_eq!(closed(day, ago(24), now), None);
        assert_eq!(closed(day, ago(-1), now), None, "a clock that was ahead");
        assert_eq!(
            closed(day, ago(30), now).unwrap(),
            "the customer last wrote 30 h ago; this channel takes replies for 24 h after that, so it goes out when the customer writes again"
        );
        assert!(closed(7 * day, ago(240), now).unwrap().contains("10 days ago; this channel takes replies for 7 days"));
        assert!(closed(day, None, now).unwrap().starts_with("the customer has not written yet"));
    }
}
