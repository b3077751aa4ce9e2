//! Business hours: when `open("…")` holds, when a queue is served, and which time counts.

use std::collections::BTreeMap;

use jiff::{
    SignedDuration, Timestamp, ToSpan,
    civil::{Date, Time},
    tz::TimeZone,
};

/// How far ahead an opening is looked for, in days: a calendar that opens on one day a year has one within.
const DAYS_AHEAD: usize = 370;

/// When a business is open. Times are local to its zone, so that daylight saving moves them with the clocks: a span that
/// begins in the hour that is skipped begins after it, and one in the hour that comes twice ends with its first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Calendar {
    pub(super) name: String,
    pub(super) zone: TimeZone,
    /// From Monday; each day's spans, rising.
    pub(super) week: [Vec<Span>; 7],
    /// Days that differ from their weekday: holidays have no span.
    pub(super) dates: BTreeMap<Date, Vec<Span>>,
}

/// From the minute `from`, before the minute `until`, counted from midnight; `until` may be 1,440.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Span {
    pub from: u16,
    pub until: u16,
}

impl Calendar {
    /// Its name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Whether there is no moment at which it is open.
    #[must_use]
    pub fn never_opens(&self) -> bool {
        self.week.iter().chain(self.dates.values()).all(Vec::is_empty)
    }

    /// Whether it is open at a moment.
    #[must_use]
    pub fn open_at(&self, now: Timestamp) -> bool {
        self.hours_of(self.zone.to_datetime(now).date()).any(|(from, until)| from <= now && now < until)
    }

    /// The next moment after `now` at which it opens or closes; `None` where none comes within a year.
    #[must_use]
    pub fn changes_after(&self, now: Timestamp) -> Option<Timestamp> {
        self.hours_from(now).flat_map(|(from, until)| [from, until]).find(|&edge| now < edge && self.is_edge(edge))
    }

    /// The first moment from `now` on at which it is open; `None` where none comes within a year.
    #[must_use]
    pub fn opens_from(&self, now: Timestamp) -> Option<Timestamp> {
        self.hours_from(now).next().map(|(from, _)| from.max(now))
    }

    /// The moment at which it has been open for so many seconds since `start`; `None` where that takes over a year.
    #[must_use]
    pub fn after(&self, start: Timestamp, seconds: u64) -> Option<Timestamp> {
        let mut left = SignedDuration::from_secs(i64::try_from(seconds).ok()?);
        let mut counted = start;
        for (from, until) in self.hours_from(start) {
            let from = from.max(counted);
            let open = until.duration_since(from);
            if left <= open {
                return from.checked_add(left).ok();
            }
            if !open.is_negative() {
                left -= open;
                counted = until;
            }
        }
        None
    }

    /// What is open on a day, rising.
    fn hours_of(&self, date: Date) -> impl Iterator<Item = (Timestamp, Timestamp)> {
        let weekday = usize::from(date.weekday().to_monday_zero_offset().unsigned_abs());
        let spans = self.dates.get(&date).unwrap_or(&self.week[weekday % 7]);
        let moment = move |minute: u16| {
            let midnight = date.to_datetime(Time::midnight()).checked_add(i64::from(minute).minutes()).ok()?;
            self.zone.to_ambiguous_timestamp(midnight).compatible().ok()
        };
        spans.iter().filter_map(move |span| Some((moment(span.from)?, moment(span.until)?)))
    }

    /// What is open from a moment on, for a year.
    fn hours_from(&self, now: Timestamp) -> impl Iterator<Item = (Timestamp, Timestamp)> {
        let today = self.zone.to_datetime(now).date();
        today
            .series(1.day())
            .take(DAYS_AHEAD)
            .flat_map(|date| self.hours_of(date))
            .filter(move |&(_, until)| now < until)
    }

    /// Whether it opens or closes at the end of a span: spans may touch.
    fn is_edge(&self, at: Timestamp) -> bool {
        let before = at.checked_sub(SignedDuration::from_nanos(1)).unwrap_or(at);
        self.open_at(before) != self.open_at(at)
    }
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

    fn calendar(zone: &str, days: &[(usize, &str)]) -> Calendar {
        let mut week: [Vec<Span>; 7] = Default::default();
        for (day, span) in days {
            week[*day].push(Span::parse(span).unwrap());
        }
        Calendar { name: "c".into(), zone: TimeZone::get(zone).unwrap(), week, dates: BTreeMap::new() }
    }

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    #[test]
    fn open_time_is_counted_over_nights_weekends_and_lunch() {
        let mut office = calendar("Asia/Shanghai", &[(0, "9:00-12:00"), (0, "13:00-18:00"), (4, "9:00-18:00")]);
        office.dates.insert("2026-11-27".parse().unwrap(), vec![]);
        for (start, seconds, due) in [
            ("2026-11-23T01:00:00Z", 0, "2026-11-23T01:00:00Z"),
            ("2026-11-23T01:00:00Z", 7_200, "2026-11-23T03:00:00Z"),
            ("2026-11-23T03:30:00Z", 3_600, "2026-11-23T05:30:00Z"), // over lunch
            ("2026-11-22T00:00:00Z", 60, "2026-11-23T01:01:00Z"),    // from a Sunday
            ("2026-11-23T09:00:00Z", 7_200, "2026-11-30T02:00:00Z"), // the Friday is a holiday
            ("2026-11-23T04:30:00Z", 0, "2026-11-23T05:00:00Z"),
        ] {
            assert_eq!(office.after(at(start), seconds), Some(at(due)), "{start} + {seconds}");
        }
        assert_eq!(office.changes_after(at("2026-11-23T03:00:00Z")), Some(at("2026-11-23T04:00:00Z")));
        assert_eq!(office.opens_from(at("2026-11-23T04:00:00Z")), Some(at("2026-11-23T05:00:00Z")));
        assert_eq!(office.opens_from(at("2026-11-23T06:00:00Z")), Some(at("2026-11-23T06:00:00Z")));
        let never = calendar("UTC", &[]);
        assert_eq!(
            (never.after(at("2026-11-23T01:00:00Z"), 1), never.opens_from(at("2026-11-23T01:00:00Z"))),
            (None, None)
        );
    }

    #[test]
    fn spans_that_touch_do_not_close_and_all_hours_never_do() {
        let day: Vec<(usize, &str)> = (0..7).map(|day| (day, "00:00-24:00")).collect();
        let always = calendar("America/New_York", &day);
        assert_eq!(always.changes_after(at("2026-11-23T01:00:00Z")), None);
        assert!(always.open_at(at("2026-11-01T05:30:00Z")) && always.open_at(at("2026-11-01T06:30:00Z")));
        let split = calendar("UTC", &[(0, "9:00-12:00"), (0, "12:00-18:00")]);
        assert_eq!(split.changes_after(at("2026-11-23T10:00:00Z")), Some(at("2026-11-23T18:00:00Z")));
    }

    #[test]
    fn clocks_that_go_forward_or_back_move_the_hours() {
        let night = calendar("Europe/Berlin", &[(6, "1:00-6:00")]);
        // On 2026-03-29 the hour from 2:00 is skipped, on 2026-10-25 it comes twice.
        let spring = (at("2026-03-29T00:00:00Z"), at("2026-03-29T04:00:00Z"));
        assert_eq!(
            (night.opens_from(at("2026-03-28T12:00:00Z")), night.changes_after(spring.0)),
            (Some(spring.0), Some(spring.1))
        );
        assert_eq!(night.after(spring.0, 3 * 3_600), Some(at("2026-03-29T03:00:00Z")));
        let autumn = at("2026-10-24T23:00:00Z");
        assert_eq!(night.opens_from(at("2026-10-24T12:00:00Z")), Some(autumn));
        assert_eq!(night.changes_after(autumn), Some(at("2026-10-25T05:00:00Z")));
        assert_eq!(night.after(autumn, 5 * 3_600), Some(at("2026-10-25T04:00:00Z")));
    }
}
