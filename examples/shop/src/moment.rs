//! The shop's time: that of Asia/Shanghai. There has been no summer time since 1991, so a fixed offset is enough and
//! no database of time zones is asked.

use std::fmt;

use jiff::{
    SignedDuration, Timestamp,
    civil::{Date, Time},
    tz::{self, Offset},
};
use serde::{Deserialize, Serialize};

/// The zone's name, for those who show times.
pub(crate) const ZONE: &str = "Asia/Shanghai";

const OFFSET: Offset = tz::offset(8);

/// A moment, to the second. In JSON it is RFC 3339 with the shop's offset: `2026-11-30T10:00:00+08:00`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub(crate) struct Moment(Timestamp);

impl Moment {
    /// A day and a time of the day in the shop.
    pub(crate) fn on(date: Date, time: Time) -> Result<Self, jiff::Error> {
        OFFSET.to_timestamp(date.to_datetime(time)).map(Self::from)
    }

    /// The day on the shop's calendar.
    pub(crate) fn date(self) -> Date {
        OFFSET.to_datetime(self.0).date()
    }

    pub(crate) fn plus_minutes(self, minutes: u32) -> Result<Self, jiff::Error> {
        self.0.checked_add(SignedDuration::from_mins(minutes.into())).map(Self)
    }

    /// Seconds between the two, whichever comes first.
    pub(crate) fn distance(self, other: Self) -> u64 {
        self.0.as_second().abs_diff(other.0.as_second())
    }
}

impl From<Timestamp> for Moment {
    fn from(timestamp: Timestamp) -> Self {
        Self(Timestamp::from_second(timestamp.as_second()).unwrap_or(timestamp))
    }
}

impl TryFrom<String> for Moment {
    type Error = String;

    /// A `+` that a query string made a space of is taken for what it was.
    fn try_from(text: String) -> Result<Self, String> {
        let (date, time) = text.split_at_checked(10).unwrap_or((&text, ""));
        let meant = format!("{date}{}", time.replace(' ', "+"));
        meant
            .parse::<Timestamp>()
            .map(Self::from)
            .map_err(|_| format!("{text:?} is no time of RFC 3339, like \"2026-11-30T10:00:00+08:00\""))
    }
}

impl From<Moment> for String {
    fn from(moment: Moment) -> Self {
        moment.to_string()
    }
}

impl fmt::Display for Moment {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{:.0}", self.0.display_with_offset(OFFSET))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_moment_is_read_and_shown() {
        for (given, shown) in [
            ("2026-11-30T10:00:00+08:00", Some("2026-11-30T10:00:00+08:00")),
            ("2026-11-30T10:00:00 08:00", Some("2026-11-30T10:00:00+08:00")),
            ("2026-11-30T02:00:00.9Z", Some("2026-11-30T10:00:00+08:00")),
            ("2026-11-30T10:00:00", None),
            ("tomorrow", None),
            ("明天上午", None),
        ] {
            let read = Moment::try_from(given.to_owned());
            assert_eq!(read.ok().map(String::from).as_deref(), shown, "{given}");
        }
    }
}
