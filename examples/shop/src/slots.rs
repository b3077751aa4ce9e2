//! When people can come: opening hours become slots. Pure; time is passed in.

use jiff::ToSpan;
use serde::{Deserialize, Serialize};

use crate::{catalog::Service, moment::Moment};

/// How many days can be booked, with today.
const DAYS: i32 = 14;
/// A slot begins when the shop opens, and so many minutes after another.
const STEP_MINUTES: u32 = 30;

/// A stretch of time for one appointment; the end is no part of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Slot {
    pub start: Moment,
    pub end: Moment,
}

impl Slot {
    pub(crate) fn overlaps(self, other: Self) -> bool {
        self.start < other.end && other.start < self.end
    }
}

/// The slots of a service that are yet to come, in the order of time, whether or not somebody has them.
pub(crate) fn open(service: &Service, now: Moment) -> Vec<Slot> {
    let mut slots = Vec::new();
    for day in 0..DAYS {
        let Ok(date) = now.date().checked_add(day.days()) else { break };
        let weekday = date.weekday().to_monday_one_offset();
        for hours in service.hours.iter().filter(|hours| hours.days.contains(&weekday)) {
            let (Ok(opens), Ok(closes)) = (Moment::on(date, hours.from), Moment::on(date, hours.to)) else { break };
            let starts = (0..).map_while(|step| opens.plus_minutes(step * STEP_MINUTES).ok());
            let whole = starts.map_while(|start| {
                let end = start.plus_minutes(service.duration_minutes).ok()?;
                (end <= closes).then_some(Slot { start, end })
            });
            slots.extend(whole.filter(|slot| slot.start > now));
        }
    }
    slots.sort_by_key(|slot| slot.start);
    slots
}

/// Puts the slots that begin nearest to a moment first; of two as near, the earlier.
pub(crate) fn nearest_first(slots: &mut [Slot], to: Moment) {
    slots.sort_by_key(|slot| (slot.start.distance(to), slot.start));
}

#[cfg(test)]
mod tests {
    use jiff::civil::date;

    use super::*;

    /// A Monday.
    fn moment(text: &str) -> Moment {
        Moment::try_from(format!("2026-11-30T{text}:00+08:00")).unwrap()
    }

    #[test]
    fn slots_follow_the_opening_hours() {
        let (catalog, _) = crate::seed::read(date(2026, 11, 30)).unwrap();
        for (service, now, first, today, all) in [
            ("repair", "08:00", "2026-11-30T10:00:00+08:00", 3 + 9, 12 * 12),
            ("repair", "10:00", "2026-11-30T10:30:00+08:00", 2 + 9, 12 * 12 - 1),
            ("repair", "11:30", "2026-11-30T13:00:00+08:00", 9, 12 * 12 - 3),
            ("repair", "18:00", "2026-12-01T10:00:00+08:00", 0, 11 * 12),
            ("fitting", "08:00", "2026-11-30T10:00:00+08:00", 19, 12 * 19),
            ("consultation", "08:00", "2026-12-01T14:00:00+08:00", 0, 4 * 8 + 2 * 10),
        ] {
            let slots = open(catalog.service(service).unwrap(), moment(now));
            assert_eq!(slots[0].start.to_string(), first, "{service} at {now}");
            let of_today = slots.iter().filter(|slot| slot.start.date() == date(2026, 11, 30));
            assert_eq!((of_today.count(), slots.len()), (today, all), "{service} at {now}");
        }
    }

    #[test]
    fn the_nearest_come_first_and_the_earlier_of_two() {
        let (catalog, _) = crate::seed::read(date(2026, 11, 30)).unwrap();
        let mut slots = open(catalog.service("fitting").unwrap(), moment("08:00"));
        nearest_first(&mut slots, moment("15:00"));
        let starts: Vec<_> = slots.iter().take(3).map(|slot| slot.start).collect();
        assert_eq!(starts, [moment("15:00"), moment("14:30"), moment("15:30")]);
    }
}
