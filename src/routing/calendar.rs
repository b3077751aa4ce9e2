//! Business hours: when `open("…")` holds.

use std::collections::BTreeMap;

use jiff::{
    Timestamp,
    civil::{Date, Time},
    tz::TimeZone,
};

/// When a business is open. Times are local to its zone, so that daylight saving moves them with the clocks.
#[derive(Debug, Clone)]
pub(super) struct Calendar {
    pub name: String,
    pub zone: TimeZone,
    /// From Monday; each day's spans.
    pub week: [Vec<Span>; 7],
    /// Days that differ from their weekday: holidays have no span.
    pub dates: BTreeMap<Date, Vec<Span>>,
}

/// From the minute `from`, before the minute `until`, counted from midnight; `until` may be 1,440.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Span {
    pub from: u16,
    pub until: u16,
}

impl Calendar {
    /// Whether it is open at a moment.
    pub(super) fn open_at(&self, now: Timestamp) -> bool {
        let local = self.zone.to_datetime(now);
        let weekday = usize::from(local.date().weekday().to_monday_zero_offset().unsigned_abs());
        let spans = self.dates.get(&local.date()).unwrap_or(&self.week[weekday % 7]);
        let minute = minute_of(local.time());
        spans.iter().any(|span| (span.from..span.until).contains(&minute))
    }
}

fn minute_of(time: Time) -> u16 {
    u16::from(time.hour().unsigned_abs()) * 60 + u16::from(time.minute().unsigned_abs())
}

impl Span {
    /// Reads `9:00-18:00`; until 24:00 at most, and after its beginning.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let (from, until) = text.split_once(['-', '–'])?;
        let span = Self { from: minutes(from)?, until: minutes(until)? };
        (span.from < span.until).then_some(span)
    }
}

fn minutes(text: &str) -> Option<u16> {
    let (hour, minute) = text.trim().split_once(':')?;
    let two_digits = |text: &str| (1..=2).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_digit());
    if !two_digits(hour) || !two_digits(minute) {
        return None;
    }
    let (hour, minute): (u16, u16) = (hour.parse().ok()?, minute.parse().ok()?);
    (minute < 60 && hour * 60 + minute <= 24 * 60).then_some(hour * 60 + minute)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_are_read_or_refused() {
        for (text, span) in [
            ("9:00-18:00", Some((540, 1080))),
            ("00:00 – 24:00", Some((0, 1440))),
            ("18:00-9:00", None),
            ("9-18", None),
            ("9:60-18:00", None),
            ("+9:00-18:00", None),
            ("9:00-24:01", None),
        ] {
            assert_eq!(Span::parse(text).map(|span| (span.from, span.until)), span, "{text}");
        }
    }

    #[test]
    fn a_calendar_follows_its_zone_and_its_holidays() {
        let zone = TimeZone::get("Europe/Berlin").unwrap();
        let day = vec![Span::parse("9:00-12:00").unwrap(), Span::parse("13:00-18:00").unwrap()];
        let mut week: [Vec<Span>; 7] = Default::default();
        week[..5].fill(day);
        let half = vec![Span::parse("10:00-12:00").unwrap()];
        let dates = [("2026-12-25".parse().unwrap(), vec![]), ("2026-12-24".parse().unwrap(), half)].into();
        let calendar = Calendar { name: "shop".into(), zone, week, dates };
        for (now, open) in [
            ("2026-11-23T07:59:00Z", false), // Monday 8:59 in winter
            ("2026-11-23T08:00:00Z", true),
            ("2026-11-23T11:00:00Z", false), // lunch
            ("2026-07-20T07:00:00Z", true),  // 9:00 in summer
            ("2026-11-22T09:00:00Z", false), // Sunday
            ("2026-12-25T09:00:00Z", false), // holiday
            ("2026-12-24T09:30:00Z", true),  // exception
            ("2026-12-24T13:00:00Z", false),
        ] {
            assert_eq!(calendar.open_at(now.parse().unwrap()), open, "{now}");
        }
    }
}
