//! The days and clock times that a text names, not yet resolved: `Friday` is a weekday, `three` is an hour of some
//! half of the day.

use std::{ops::Range, sync::LazyLock};

use jiff::civil::{Time, Weekday};
use regex::{Captures, Regex};

use super::text::pattern;

/// A day as it is named.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Day {
    /// Days from today.
    Away(i32),
    /// Months from today.
    MonthsAway(i32),
    /// The next one from today on, or that of a week counted from this one.
    Weekday(Weekday, Option<i32>),
    Date(MonthDay),
    /// `3/12`: the reading that is preferred, and the other one.
    Either(MonthDay, MonthDay),
    /// A day of the month that is so many from this one, or of the next that has it.
    OfMonth(Option<i32>, i8),
    /// The last day of a month, counted from this one.
    EndOfMonth(i32),
}

/// A date, of some year if it names none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct MonthDay {
    pub year: Option<i16>,
    pub month: i8,
    pub day: i8,
}

/// A time as it is named.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Clock {
    At(Time),
    /// From 1:00 to 12:59, of either half of the day.
    Half(Time),
    /// The end of a day.
    End,
    /// Minutes from now.
    In(i64),
}

/// A part of the day as it is named.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Span {
    SmallHours,
    Morning,
    Noon,
    Afternoon,
    Evening,
    Night,
}

impl Span {
    /// A time that is named with a part of the day, and whether it belongs to the day after; none if they contradict.
    pub fn place(self, clock: Clock) -> Option<(Time, bool)> {
        let (time, is_sure) = match clock {
            Clock::At(time) => (time, true),
            Clock::Half(time) => (time, false),
            Clock::End => return Some((Time::midnight(), true)),
            Clock::In(_) => return None,
        };
        let hour = time.hour();
        let late = || Time::new(hour + 12, time.minute(), 0, 0).ok();
        let same = Some((time, false));
        if is_sure {
            let holds = match self {
                Self::SmallHours => hour <= 6,
                Self::Morning => hour <= 12,
                Self::Noon => (11..=14).contains(&hour),
                Self::Afternoon => (12..=19).contains(&hour),
                Self::Evening => hour >= 16,
                Self::Night => hour >= 18 || hour <= 5,
            };
            let is_midnight = matches!(self, Self::Evening | Self::Night) && time == Time::midnight();
            return if is_midnight { Some((time, true)) } else { same.filter(|_| holds) };
        }
        match (self, hour) {
            (Self::SmallHours, 12) => Some((Time::new(0, time.minute(), 0, 0).ok()?, false)),
            (Self::Evening | Self::Night, 12) => Some((Time::new(0, time.minute(), 0, 0).ok()?, true)),
            (Self::SmallHours, 1..=6) | (Self::Morning, 1..=11) | (Self::Noon, 11 | 12) | (Self::Afternoon, 12) => same,
            (Self::Night, 1..=5) => same,
            (Self::Noon, 1 | 2) | (Self::Afternoon, 1..=8) | (Self::Evening, 4..=11) | (Self::Night, 6..=11) => {
                Some((late()?, false))
            }
            _ => None,
        }
    }

    /// Whether a time of 24 hours lies in it.
    pub fn holds(self, time: Time) -> bool {
        let hours = match self {
            Self::SmallHours => 0..=5,
            Self::Morning => 5..=11,
            Self::Noon => 11..=13,
            Self::Afternoon => 12..=17,
            Self::Evening | Self::Night => 18..=23,
        };
        hours.contains(&time.hour())
    }
}

/// What a text names.
#[derive(Debug, Default)]
pub(super) struct When {
    /// Each once, in the order of the patterns.
    pub days: Vec<Day>,
    pub clocks: Vec<Clock>,
    pub spans: Vec<Span>,
    /// Where it stands.
    pub places: Vec<Range<usize>>,
    /// Whether something in it is no date or time (`25:00`) or names a range.
    pub is_doubtful: bool,
}

/// What a pattern reads.
enum Found {
    Day(Day),
    Clock(Clock),
    Span(Span),
    Both(Day, Span),
    /// `24/7`, `good morning`.
    Nothing,
    Nonsense,
}

use Found::Nonsense;

type Read = fn(&Captures<'_>, bool) -> Found;

const MONTH: &str =
    "(jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)(?:uary|ruary|ch|il|e|y|ust|t|tember|ober|ember)?";
const WEEKDAY: &str = "(mon|tue|wed|thu|fri|sat|sun)(?:s?day|nesday|rsday|urday|rs?|s)?";
const HAN_WEEK: &str = "(?:周|星期|礼拜)";
const HALF_DAY: &str = r"(a\.?m\b\.?|p\.?m\b\.?)";

/// In order of preference: what an earlier one takes, a later one does not see. A group `it` is what is taken. The
/// readers are told whether the text is Chinese.
static PATTERNS: LazyLock<Vec<(Regex, Read)>> = LazyLock::new(|| {
    let weekday_of_week =
        format!(r"\b(?:(next|this|last) week (?:on )?{WEEKDAY}|{WEEKDAY} (?:of )?(next|this|last) week)\b");
    let patterns: [(String, Read); 38] = [
        (
            r"\bgood (?:morning|afternoon|evening|night)\b|(?:早上|上午|中午|下午|晚上|早|晚)好|早安|晚安|24/7".into(),
            |_, _| Found::Nothing,
        ),
        (r"\b([0-9]{4})[-/.年] ?([0-9]{1,2})[-/.月] ?([0-9]{1,2})[日号]?".into(), iso),
        (r"(下下个?月|下个?月|这个?月|本月)([0-9]{1,2})[号日]".into(), of_month_in_chinese),
        (
            concat!(
                r"\b(next|this) month (?:on )?(?:the )?([0-9]{1,2})(?:st|nd|rd|th)\b",
                r"|\b(?:the )?([0-9]{1,2})(?:st|nd|rd|th) (?:of )?(next|this) month\b"
            )
            .into(),
            of_month,
        ),
        (r"(?:([0-9]{2,4})年)?([0-9]{1,2})月份?(?:的)?([0-9]{1,2})[日号]?".into(), month_day_in_chinese),
        (format!(r"\b([0-9]{{1,2}})(?:st|nd|rd|th)?(?: of)?[ -]{MONTH}\b\.?(?:,? ?-?([0-9]{{4}})\b)?"), day_month),
        (format!(r"\b{MONTH}\b\.?[ -](?:the )?([0-9]{{1,2}})(?:st|nd|rd|th)?\b(?:,? ([0-9]{{4}})\b)?"), month_day),
        (r"\b([0-9]{1,2})/([0-9]{1,2})(?:/([0-9]{4}|[0-9]{2}))?\b".into(), slashes),
        (r"(下个?|这个?|本)?月(?:底|末)|\bend of (?:the|this|(next)) month\b".into(), end_of_month),
        (
            concat!(
                r"\b(?:in |within )(?:about |around )?(an?|1|[0-9]{1,3}) (minute|min|hour|hr|day|week",
                r"|month)s?(?: and a half)?\b"
            )
            .into(),
            in_a_while,
        ),
        (r"\b(an?|[0-9]{1,3}) (minute|min|hour|hr|day|week|month)s? (?:from now|later)\b".into(), in_a_while),
        (r"\b(?:in )?(?:a )?half an? hour(?: from now| later)?\b".into(), |_, _| Found::Clock(Clock::In(30))),
        (r"\b(an?|[0-9]{1,3}) (day|week|month)s? ago\b".into(), a_while_ago),
        (
            concat!(
                r"\b(?:day|week|month)s? (?:from|after|before) (?:mon|tue|wed|thu|fri|sat|sun|next|the",
                r"|jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec|[0-9])"
            )
            .into(),
            |_, _| Nonsense,
        ),
        (r"([0-9]{1,3})个?(半)?个?(分钟|小时|钟头|天|日|周|星期|礼拜|月)(?:之|以)?后".into(), in_a_while_in_chinese),
        (r"半个?(?:小时|钟头)(?:之|以)?后".into(), |_, _| Found::Clock(Clock::In(30))),
        (r"1刻钟(?:之|以)?后".into(), |_, _| Found::Clock(Clock::In(15))),
        (r"([0-9]{1,3})个?(天|日|周|星期|礼拜|月)(?:之|以)?前".into(), a_while_ago_in_chinese),
        (r"\b(?:the )?day after tomm?orr?ow\b|大?后[天日]".into(), |found, _| {
            Found::Day(Day::Away(if found[0].starts_with('大') { 3 } else { 2 }))
        }),
        (r"\b(?:the )?day before yesterday\b|前[天日]".into(), |_, _| Found::Day(Day::Away(-2))),
        (r"今(早|晚|夜|天|日|儿)|\btonight\b|\btoday\b".into(), today),
        (r"\bthis (morning|afternoon|evening)\b".into(), |found, _| Found::Both(Day::Away(0), english_span(&found[1]))),
        (r"(?:明|听)(早|晚|天|日|儿)|\b(?:tomm?orr?ow|tmrw|tmr|tomoz)\b".into(), tomorrow),
        (r"昨[天日晚]|\byesterday\b".into(), |_, _| Found::Day(Day::Away(-1))),
        (weekday_of_week, weekday_of_week_named),
        (format!(r"\b(?:(this coming|this|next|last|coming) )?{WEEKDAY}\b\.?"), weekday),
        (format!(r"(下下个?|下个?|这个?|本|上个?)?{HAN_WEEK}([1-6]|日|天)"), weekday_in_chinese),
        (
            concat!(
                r"\b(?P<it>([0-9]{1,2})[号日])(?:$|[^线楼店院门机房桌台柜码])",
                r"|\bon the (?P<th>[0-9]{1,2})(?:st|nd|rd|th)\b"
            )
            .into(),
            of_some_month,
        ),
        (format!(r"\b([0-9]{{1,2}})(?::|h)([0-9]{{2}})(?::[0-9]{{2}})?(?: ?{HALF_DAY})?"), hour_and_minute),
        (format!(r"\b([0-9]{{1,2}})(?:\.([0-9]{{2}}))? ?{HALF_DAY}"), hour_of_half_day),
        (r"\bat ([0-9]{1,2})\.([0-9]{2})\b".into(), hour_and_minute),
        (r"\b(half|quarter|[0-9]{1,2})(?: minutes)? (past|to|after) ([0-9]{1,2})\b".into(), past_or_to),
        (
            concat!(
                r"差(?:([0-9]{1,2})分钟?|1刻钟?)(?:到|就)?([0-9]{1,2})点",
                r"|([0-9]{1,2})点(?:差(?:([0-9]{1,2})分|1刻))"
            )
            .into(),
            short_of,
        ),
        (
            r"\b([0-9]{1,2})[点时](?:钟|整)?(?:(半)|([13])刻|([0-9]{1,2})分|([0-9]{2}))?(?:钟|整)?".into(),
            hour_in_chinese,
        ),
        (r"\b([0-9]{1,2})(?: ?oclock|h)\b".into(), hour),
        (
            concat!(
                r"\b(?P<it>([0-9]{1,2}))(?: (?:in the (?:morning|afternoon|evening)|at night|tonight",
                r"|this (?:morning|afternoon|evening)|tomorrow (?:morning|afternoon|evening)))"
            )
            .into(),
            hour,
        ),
        (
            concat!(
                r"\b(?:at|around|by|@) ?(?P<it>([0-9]{1,2}))(?: ?$| ?[,!?;)\n]|\.(?:$|[^0-9])",
                r"| (?:or so|please|pls|thanks|thank|on|tomorrow|today|tonight|this|next|in the",
                r"|at night|sharp|then|works|is|would|will|if|suits|should|ok|[0-9]{0,2}(?:st|nd|rd",
                r"|th)? ?(?:mon|tue|wed|thu|fri|sat|sun|jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov",
                r"|dec)))"
            )
            .into(),
            hour,
        ),
        (
            concat!(
                r"(?P<it>\b(?:in the )?(?:morning|afternoon|evening|noon|midday|midnight|at night)\b",
                r"|凌晨|清晨|早上|早晨|上午|中午|正午|午后|下午|下昼|上昼|傍晚|晚上|晚间|夜里|夜晚",
                r"|半夜|深夜|午夜|[早晚](?:[0-9]))|[日号天1-6](?P<th>[早晚])"
            )
            .into(),
            span,
        ),
    ];
    patterns.into_iter().map(|(source, read)| (pattern(&source.replace(r"\b", r"(?-u:\b)")), read)).collect()
});

/// Reads a text in digits. What it names twice is there once.
pub(super) fn read(said: &str) -> When {
    let mut when = When::default();
    let is_chinese = said.chars().any(crate::han::is_han);
    for (pattern, read) in PATTERNS.iter() {
        for captures in pattern.captures_iter(said) {
            let Some(it) = captures.name("it").or_else(|| captures.name("th")).or_else(|| captures.get(0)) else {
                continue;
            };
            let mut place = it.range();
            // A part of the day that is one character is told by the hour behind it.
            if it.as_str().starts_with(['早', '晚']) && it.as_str().ends_with(|c: char| c.is_ascii_digit()) {
                place.end -= 1;
            }
            if when.places.iter().any(|taken| taken.start < place.end && place.start < taken.end) {
                continue;
            }
            when.add(read(&captures, is_chinese));
            when.places.push(place);
        }
    }
    when.is_doubtful |= when.places.iter().any(|place| goes_on(said, place, &when.places));
    when
}

impl When {
    fn add(&mut self, found: Found) {
        match found {
            Found::Day(day) => include(&mut self.days, day),
            Found::Clock(clock) => include(&mut self.clocks, clock),
            Found::Span(span) => include(&mut self.spans, span),
            Found::Both(day, span) => {
                include(&mut self.days, day);
                include(&mut self.spans, span);
            }
            Found::Nothing => {}
            Nonsense => self.is_doubtful = true,
        }
    }

    pub fn is_empty(&self) -> bool {
        self.days.is_empty() && self.clocks.is_empty() && self.spans.is_empty()
    }
}

fn include<T: PartialEq>(all: &mut Vec<T>, one: T) {
    if !all.contains(&one) {
        all.push(one);
    }
}

static RANGE_BEFORE: LazyLock<Regex> = LazyLock::new(|| {
    pattern(concat!(
        r"[0-9](?: ?[ap]\.?m\.?)?(?:[.:/]| ?(?:-|~|到|至|或)| (?:to|until|till|or|and)) ?$",
        r"|(?-u:\b)(?:after|before|until|till|since|than|(?:be)?tween) (?:the )?$"
    ))
});
static RANGE_AFTER: LazyLock<Regex> = LazyLock::new(|| {
    pattern(concat!(
        r"^(?:[0-9]|[.:/][0-9]| ?(?:-|~|到|至|或者?)(?:[0-9]|$)| (?:to|until|till|or) (?:[0-9]",
        r"|$)| ?(?:-|~) [0-9]|多|[之以]?[前后])"
    ))
});

/// Whether a place is only the edge of what is meant (`after 3pm`, `周五之前`), or a range or more digits go on beside
/// it, outside of what was read: `3-5pm`, `12:305`.
fn goes_on(said: &str, place: &Range<usize>, places: &[Range<usize>]) -> bool {
    let is_read = |at: usize| places.iter().any(|other| other != place && other.contains(&at));
    let before = RANGE_BEFORE.find(&said[..place.start]).is_some_and(|found| !is_read(found.start()));
    let after = RANGE_AFTER.find(&said[place.end..]).is_some_and(|found| !is_read(place.end + found.end() - 1));
    before || after
}

fn integer<T: std::str::FromStr>(found: &Captures<'_>, group: usize) -> Option<T> {
    found.get(group)?.as_str().parse().ok()
}

fn text<'a>(found: &'a Captures<'_>, group: usize) -> &'a str {
    found.get(group).map_or("", |found| found.as_str())
}

impl MonthDay {
    fn new(year: Option<i16>, month: i8, day: i8) -> Option<Self> {
        let year = year.map(|year| if year < 100 { year + 2_000 } else { year });
        // 2024 has a 29 February.
        jiff::civil::Date::new(year.unwrap_or(2_024), month, day).ok()?;
        Some(Self { year, month, day })
    }
}

fn date(year: Option<i16>, month: Option<i8>, day: Option<i8>) -> Found {
    let date = month.zip(day).and_then(|(month, day)| MonthDay::new(year, month, day));
    date.map_or(Nonsense, |date| Found::Day(Day::Date(date)))
}

fn iso(found: &Captures<'_>, _: bool) -> Found {
    date(integer(found, 1), integer(found, 2), integer(found, 3))
}

fn month_day_in_chinese(found: &Captures<'_>, _: bool) -> Found {
    date(integer(found, 1), integer(found, 2), integer(found, 3))
}

fn day_month(found: &Captures<'_>, _: bool) -> Found {
    date(integer(found, 3), month(text(found, 2)), integer(found, 1))
}

fn month_day(found: &Captures<'_>, _: bool) -> Found {
    date(integer(found, 3), month(text(found, 1)), integer(found, 2))
}

fn month(name: &str) -> Option<i8> {
    const MONTHS: [&str; 12] = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"];
    let place = MONTHS.iter().position(|month| name.starts_with(month))?;
    i8::try_from(place + 1).ok()
}

/// Day first, as most of the world writes; month first in a Chinese text, and where the other is no date.
fn slashes(found: &Captures<'_>, is_chinese: bool) -> Found {
    let (Some(first), Some(second), year) = (integer(found, 1), integer(found, 2), integer(found, 3)) else {
        return Nonsense;
    };
    let day_first = MonthDay::new(year, second, first);
    let month_first = MonthDay::new(year, first, second);
    match if is_chinese { (month_first, day_first) } else { (day_first, month_first) } {
        (Some(one), Some(other)) if one != other => Found::Day(Day::Either(one, other)),
        (Some(one), _) | (None, Some(one)) => Found::Day(Day::Date(one)),
        (None, None) => Nonsense,
    }
}

fn day_of(months: Option<i32>, day: Option<i8>) -> Found {
    match day {
        Some(day @ 1..=31) => Found::Day(Day::OfMonth(months, day)),
        _ => Nonsense,
    }
}

fn of_month_in_chinese(found: &Captures<'_>, _: bool) -> Found {
    day_of(Some(months_away(text(found, 1))), integer(found, 2))
}

fn months_away(words: &str) -> i32 {
    words.chars().filter(|c| *c == '下').count().try_into().unwrap_or(0)
}

fn of_month(found: &Captures<'_>, _: bool) -> Found {
    let which = if text(found, 1).is_empty() { text(found, 4) } else { text(found, 1) };
    day_of(Some(i32::from(which == "next")), integer(found, 2).or_else(|| integer(found, 3)))
}

fn of_some_month(found: &Captures<'_>, _: bool) -> Found {
    day_of(None, integer(found, 2).or_else(|| integer(found, 3)))
}

fn end_of_month(found: &Captures<'_>, _: bool) -> Found {
    Found::Day(Day::EndOfMonth(months_away(text(found, 1)) + i32::from(found.get(2).is_some())))
}

fn away(count: Option<i32>, unit: &str) -> Found {
    let Some(count) = count else { return Nonsense };
    match unit {
        "day" | "天" | "日" => Found::Day(Day::Away(count)),
        "week" | "周" | "星期" | "礼拜" => Found::Day(Day::Away(count * 7)),
        "month" | "月" => Found::Day(Day::MonthsAway(count)),
        "hour" | "hr" | "小时" | "钟头" => Found::Clock(Clock::In(i64::from(count) * 60)),
        _ => Found::Clock(Clock::In(i64::from(count))),
    }
}

fn count(found: &Captures<'_>) -> Option<i32> {
    if matches!(text(found, 1), "a" | "an") { Some(1) } else { integer(found, 1) }
}

fn in_a_while(found: &Captures<'_>, _: bool) -> Found {
    match away(count(found), text(found, 2)) {
        Found::Clock(Clock::In(minutes)) if found[0].ends_with("half") => Found::Clock(Clock::In(minutes + 30)),
        _ if found[0].ends_with("half") => Nonsense,
        found => found,
    }
}

fn in_a_while_in_chinese(found: &Captures<'_>, _: bool) -> Found {
    match away(integer(found, 1), text(found, 3)) {
        Found::Clock(Clock::In(minutes)) if found.get(2).is_some() => Found::Clock(Clock::In(minutes + 30)),
        _ if found.get(2).is_some() => Nonsense,
        found => found,
    }
}

fn ago(found: Found) -> Found {
    match found {
        Found::Day(Day::Away(days)) => Found::Day(Day::Away(-days)),
        Found::Day(Day::MonthsAway(months)) => Found::Day(Day::MonthsAway(-months)),
        _ => Nonsense,
    }
}

fn a_while_ago(found: &Captures<'_>, _: bool) -> Found {
    ago(away(count(found), text(found, 2)))
}

fn a_while_ago_in_chinese(found: &Captures<'_>, _: bool) -> Found {
    ago(away(integer(found, 1), text(found, 2)))
}

fn today(found: &Captures<'_>, _: bool) -> Found {
    match (&found[0], text(found, 1)) {
        (_, "早") => Found::Both(Day::Away(0), Span::Morning),
        ("tonight", _) | (_, "晚" | "夜") => Found::Both(Day::Away(0), Span::Evening),
        _ => Found::Day(Day::Away(0)),
    }
}

fn tomorrow(found: &Captures<'_>, _: bool) -> Found {
    match text(found, 1) {
        "早" => Found::Both(Day::Away(1), Span::Morning),
        "晚" => Found::Both(Day::Away(1), Span::Evening),
        _ => Found::Day(Day::Away(1)),
    }
}

fn weekday_named(name: &str) -> Option<Weekday> {
    Some(match name {
        "mon" | "1" => Weekday::Monday,
        "tue" | "2" => Weekday::Tuesday,
        "wed" | "3" => Weekday::Wednesday,
        "thu" | "4" => Weekday::Thursday,
        "fri" | "5" => Weekday::Friday,
        "sat" | "6" => Weekday::Saturday,
        "sun" | "日" | "天" => Weekday::Sunday,
        _ => return None,
    })
}

fn weekday(found: &Captures<'_>, _: bool) -> Found {
    let week = match text(found, 1) {
        "next" => Some(1),
        "last" => Some(-1),
        _ => None,
    };
    weekday_named(text(found, 2)).map_or(Nonsense, |weekday| Found::Day(Day::Weekday(weekday, week)))
}

fn weekday_of_week_named(found: &Captures<'_>, _: bool) -> Found {
    let (which, name) = if found.get(1).is_some() { (1, 2) } else { (4, 3) };
    let week = match text(found, which) {
        "next" => 1,
        "last" => -1,
        _ => 0,
    };
    weekday_named(text(found, name)).map_or(Nonsense, |weekday| Found::Day(Day::Weekday(weekday, Some(week))))
}

fn weekday_in_chinese(found: &Captures<'_>, _: bool) -> Found {
    let week = match text(found, 1) {
        "" => None,
        words if words.starts_with('上') => Some(-1),
        words => Some(months_away(words)),
    };
    weekday_named(text(found, 2)).map_or(Nonsense, |weekday| Found::Day(Day::Weekday(weekday, week)))
}

/// A time of the clock; of a 12-hour one unless it is written as no 12-hour clock writes it.
fn clock(hour: &str, minute: i8) -> Found {
    let Ok(number) = hour.parse::<i8>() else { return Nonsense };
    if number == 24 && minute == 0 {
        return Found::Clock(Clock::End);
    }
    match Time::new(number, minute, 0, 0) {
        Ok(time) if hour.starts_with('0') || number > 12 => Found::Clock(Clock::At(time)),
        Ok(time) => Found::Clock(Clock::Half(time)),
        Err(_) => Nonsense,
    }
}

fn of_half_day(found: Found, half: &str) -> Found {
    let is_late = half.starts_with('p');
    let time = match found {
        found if half.is_empty() => return found,
        Found::Clock(Clock::Half(time)) => {
            Time::new(time.hour() % 12 + if is_late { 12 } else { 0 }, time.minute(), 0, 0).ok()
        }
        Found::Clock(Clock::At(time)) if (1..=11).contains(&time.hour()) => {
            Time::new(time.hour() + if is_late { 12 } else { 0 }, time.minute(), 0, 0).ok()
        }
        Found::Clock(Clock::At(time)) if is_late && time.hour() >= 12 => Some(time),
        _ => None,
    };
    time.map_or(Nonsense, |time| Found::Clock(Clock::At(time)))
}

fn hour_and_minute(found: &Captures<'_>, _: bool) -> Found {
    let Some(minute) = integer(found, 2) else { return Nonsense };
    let half = if found.len() > 3 { text(found, 3) } else { "" };
    of_half_day(clock(text(found, 1), minute), half)
}

fn hour_of_half_day(found: &Captures<'_>, _: bool) -> Found {
    let hour = text(found, 1);
    match hour.parse() {
        Ok(1..=12) => of_half_day(clock(hour, integer(found, 2).unwrap_or(0)), text(found, 3)),
        _ => Nonsense,
    }
}

fn before_hour(hour: &str, minutes: i8) -> Found {
    match hour.parse::<i8>() {
        Ok(hour @ 1..=23) if (1..60).contains(&minutes) => {
            clock(&(if hour == 1 { 12 } else { hour - 1 }).to_string(), 60 - minutes)
        }
        _ => Nonsense,
    }
}

fn past_or_to(found: &Captures<'_>, _: bool) -> Found {
    let (minutes, is_past) = (text(found, 1), text(found, 2) != "to");
    let minutes = match minutes {
        "half" if is_past => 30,
        "quarter" => 15,
        minutes if matches!(minutes, "5" | "10" | "20" | "25") => minutes.parse().unwrap_or(0),
        _ => return Nonsense,
    };
    if is_past { clock(text(found, 3), minutes) } else { before_hour(text(found, 3), minutes) }
}

fn short_of(found: &Captures<'_>, _: bool) -> Found {
    let (minutes, hour) = if found.get(2).is_some() { (1, 2) } else { (4, 3) };
    before_hour(text(found, hour), integer(found, minutes).unwrap_or(15))
}

fn hour_in_chinese(found: &Captures<'_>, _: bool) -> Found {
    let minute = match (found.get(2), integer::<i8>(found, 3)) {
        (Some(_), _) => 30,
        (None, Some(quarters)) => quarters * 15,
        (None, None) => integer(found, 4).or_else(|| integer(found, 5)).unwrap_or(0),
    };
    clock(text(found, 1), minute)
}

fn hour(found: &Captures<'_>, _: bool) -> Found {
    clock(text(found, 1), 0)
}

fn english_span(name: &str) -> Span {
    match name {
        "morning" => Span::Morning,
        "afternoon" => Span::Afternoon,
        _ => Span::Evening,
    }
}

fn span(found: &Captures<'_>, _: bool) -> Found {
    let name = found.name("it").or_else(|| found.name("th")).map_or("", |found| found.as_str());
    Found::Span(match name.strip_prefix("in the ").unwrap_or(name) {
        "noon" | "midday" | "中午" | "正午" => Span::Noon,
        "midnight" | "午夜" => return Found::Clock(Clock::At(Time::midnight())),
        "at night" | "夜里" | "夜晚" | "半夜" | "深夜" => Span::Night,
        "凌晨" => Span::SmallHours,
        "下午" | "午后" | "下昼" => Span::Afternoon,
        "清晨" | "早上" | "早晨" | "上午" | "上昼" => Span::Morning,
        "傍晚" | "晚上" | "晚间" => Span::Evening,
        name if name.starts_with('早') => Span::Morning,
        name if name.starts_with('晚') => Span::Evening,
        name => english_span(name),
    })
}
