//! The day and the time that an answer names.

use jiff::{
    ToSpan,
    civil::{Date, DateTime, Time, Weekday},
};

use super::{
    negation::negates,
    text::Answer,
    when::{self, Clock, Day, MonthDay, Span},
};

/// What an answer names; the rest is for the bot to ask.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Moment {
    /// The day, if one is named.
    pub date: Option<Date>,
    /// The time, if one is named; to the minute.
    pub time: Option<Time>,
    /// The part of the day, if no time is named but that.
    pub part: Option<Part>,
}

/// A part of the day.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Part {
    /// Up to noon: `in the morning`, `早上`, `上午`, `凌晨`.
    Morning,
    /// From noon on: `下午`.
    Afternoon,
    /// `tonight`, `晚上`, `傍晚`, `at night`.
    Evening,
}

/// A usual day: of a time that may be of either half of the day, the one that lies in these hours is meant.
const USUAL: std::ops::RangeInclusive<i8> = 8..=20;

/// The one day and time that an answer names, as seen from `now`: `tomorrow`, `next Tuesday at 10`, `Dec 3, 2:30pm`,
/// `in two weeks`, `明天下午三点`, `下周三`, `十二月三号`, `半小时后`, `月底`.
///
/// - A date without a year is the next one from today on, a day of the month likewise. A weekday is the next one from
///   today on; `next Monday` and `下周一` are of the week after this one, which begins on a Monday, `这周五` is of this
///   week, even if it has passed.
/// - `3/12` has the day first; in a text with Chinese characters the month. The other way is taken where the first is
///   no date (`12/25`), and where the first has passed this year (or the one it names) and the other has not.
/// - A time that may be of either half of the day (`at 3`, `三点`, `3:30`) is the one between 8:00 and 20:00; where
///   both are, the next one. `03:30` and `15:00` are of 24 hours. A time that is named without a day says nothing of
///   the day, even if it has passed today; but a time from now (`in an hour`) has both.
/// - `midnight` begins the day that is named; `tonight at midnight` and `晚上12点` end it.
///
/// None if it names none, what is no date or time (`25:00`, `30 Feb`), a date that is not that weekday, several, a
/// range, or if it excludes something (`not on Friday`, `周一不行`): then the bot has to ask.
#[must_use]
pub fn moment(text: &str, now: DateTime) -> Option<Moment> {
    let said = Answer::of(text).in_digits();
    let when = when::read(&said);
    if when.is_empty() || when.is_doubtful || negates(&said) {
        return None;
    }
    let date = match when.days.as_slice() {
        [] => None,
        [day] => Some(on(*day, now.date(), None)?),
        [Day::Weekday(weekday, None), day] | [day, Day::Weekday(weekday, None)] => {
            Some(on(*day, now.date(), Some(*weekday)).filter(|date| date.weekday() == *weekday)?)
        }
        _ => return None,
    };
    let (clock, span) = match (when.clocks.as_slice(), when.spans.as_slice()) {
        (clocks, spans) if clocks.len() > 1 || spans.len() > 1 => return None,
        (clocks, spans) => (clocks.first().copied(), spans.first().copied()),
    };
    match (clock, span) {
        (Some(Clock::In(minutes)), None) if date.is_none_or(|date| date == now.date()) => {
            let then = now.checked_add(minutes.minutes()).ok()?;
            let time = Time::new(then.hour(), then.minute(), 0, 0).ok()?;
            Some(Moment { date: Some(then.date()), time: Some(time), part: None })
        }
        (Some(Clock::In(_)), _) => None,
        (Some(clock), Some(span)) => timed(date, span.place(clock)?),
        (Some(clock), None) => timed(date, usual(clock, date, now)?),
        (None, Some(Span::Noon)) => timed(date, (Time::constant(12, 0, 0, 0), false)),
        (None, span) => Some(Moment { date, time: None, part: span.and_then(part) }),
    }
}

/// A moment with a time, which may belong to the day after the one named.
fn timed(date: Option<Date>, (time, is_day_after): (Time, bool)) -> Option<Moment> {
    let date = match date {
        Some(date) if is_day_after => Some(date.tomorrow().ok()?),
        date => date,
    };
    Some(Moment { date, time: Some(time), part: None })
}

const fn part(span: Span) -> Option<Part> {
    match span {
        Span::SmallHours | Span::Morning => Some(Part::Morning),
        Span::Afternoon => Some(Part::Afternoon),
        Span::Evening | Span::Night => Some(Part::Evening),
        Span::Noon => None,
    }
}

fn usual(clock: Clock, date: Option<Date>, now: DateTime) -> Option<(Time, bool)> {
    let time = match clock {
        Clock::At(time) => return Some((time, false)),
        Clock::End => return Some((Time::midnight(), true)),
        Clock::In(_) => return None,
        Clock::Half(time) => time,
    };
    let hours = [time.hour(), time.hour() + 12];
    let usual = hours
        .into_iter()
        .filter_map(|hour| Time::new(hour, time.minute(), 0, 0).ok())
        .filter(|time| USUAL.contains(&time.hour()) && (time.hour() < *USUAL.end() || time.minute() == 0));
    let is_today = date.is_none_or(|date| date == now.date());
    let next = usual.clone().find(|time| !is_today || *time > now.time());
    Some((next.or_else(|| usual.clone().next())?, false))
}

/// A day as seen from today; of two readings the one that is the weekday, if that is known.
fn on(day: Day, today: Date, weekday: Option<Weekday>) -> Option<Date> {
    match day {
        Day::Away(days) => today.checked_add(days.days()).ok(),
        Day::MonthsAway(months) => today.checked_add(months.months()).ok(),
        Day::Weekday(weekday, None) => {
            let days = (weekday.to_monday_zero_offset() - today.weekday().to_monday_zero_offset()).rem_euclid(7);
            today.checked_add(i32::from(days).days()).ok()
        }
        Day::Weekday(weekday, Some(week)) => {
            let days = weekday.to_monday_zero_offset() - today.weekday().to_monday_zero_offset();
            today.checked_add((i32::from(days) + week * 7).days()).ok()
        }
        Day::Date(date) => next(date, today),
        Day::Either(one, other) => {
            let (first, second) = (next(one, today), next(other, today));
            match weekday {
                Some(weekday) => [first, second].into_iter().flatten().find(|date| date.weekday() == weekday),
                None if has_passed(one, today) && !has_passed(other, today) => second,
                None => first,
            }
        }
        Day::OfMonth(Some(months), day) => {
            let month = today.first_of_month().checked_add(months.months()).ok()?;
            Date::new(month.year(), month.month(), day).ok()
        }
        Day::OfMonth(None, day) => (0..12).find_map(|months: i32| {
            let month = today.first_of_month().checked_add(months.months()).ok()?;
            Date::new(month.year(), month.month(), day).ok().filter(|date| *date >= today)
        }),
        Day::EndOfMonth(months) => Some(today.first_of_month().checked_add(months.months()).ok()?.last_of_month()),
    }
}

fn has_passed(date: MonthDay, today: Date) -> bool {
    Date::new(date.year.unwrap_or(today.year()), date.month, date.day).is_ok_and(|date| date < today)
}

/// The date, or the next one of its kind; 29 February is at most eight years away.
fn next(date: MonthDay, today: Date) -> Option<Date> {
    if let Some(year) = date.year {
        return Date::new(year, date.month, date.day).ok();
    }
    (0..=8).find_map(|years| {
        let year = today.year().checked_add(years)?;
        Date::new(year, date.month, date.day).ok().filter(|date| *date >= today)
    })
}
