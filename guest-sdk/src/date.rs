// SPDX-License-Identifier: Apache-2.0
//! Calendar dates, small enough for a guest.

use core::fmt;

/// A date of the Gregorian calendar, held as days since 1970-01-01.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Date(pub i32);

impl Date {
    /// The date of a year, month (1 to 12) and day (1 to 31); none if there is no such day.
    #[must_use]
    pub fn new(year: i32, month: u8, day: u8) -> Option<Self> {
        if !(-9999..=9999).contains(&year)
            || !(1..=12).contains(&month)
            || day < 1
            || day > days_in(year, month)
        {
            return None;
        }
        // Counted from 0000-03-01, so that the leap day is the last day of a year.
        let (y, m) = if month > 2 { (year, i32::from(month) - 3) } else { (year - 1, i32::from(month) + 9) };
        let era = y.div_euclid(400);
        let year_of_era = y.rem_euclid(400);
        let day_of_year = (153 * m + 2) / 5 + i32::from(day) - 1;
        let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
        Some(Self(era * 146_097 + day_of_era - 719_468))
    }

    /// Reads `yyyy-mm-dd`.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let mut parts = text.splitn(3, '-');
        let (year, month, day) = (parts.next()?, parts.next()?, parts.next()?);
        if (year.len(), month.len(), day.len()) != (4, 2, 2) {
            return None;
        }
        Self::new(year.parse().ok()?, month.parse().ok()?, day.parse().ok()?)
    }

    /// Year, month and day.
    #[must_use]
    pub fn civil(self) -> (i32, u8, u8) {
        let days = self.0 + 719_468;
        let era = days.div_euclid(146_097);
        let day_of_era = days.rem_euclid(146_097);
        let year_of_era =
            (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
        let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
        let m = (5 * day_of_year + 2) / 153;
        let day = day_of_year - (153 * m + 2) / 5 + 1;
        let (month, carry) = if m < 10 { (m + 3, 0) } else { (m - 9, 1) };
        let small = |n: i32| u8::try_from(n).unwrap_or(1);
        (year_of_era + era * 400 + carry, small(month), small(day))
    }

    /// Full years from this date to `later`: the age on that day of somebody born on this one. Who is born on
    /// 29 February grows older on 1 March in other years.
    #[must_use]
    pub fn years_until(self, later: Self) -> i32 {
        let (y1, m1, d1) = self.civil();
        let (y2, m2, d2) = later.civil();
        y2 - y1 - i32::from((m2, d2) < (m1, d1))
    }

    /// The latest birthday of those who are so many full years old on this date: who was born later is younger.
    #[must_use]
    pub fn years_earlier(self, years: u8) -> Self {
        let (year, month, day) = self.civil();
        let year = year - i32::from(years);
        // On 29 February the youngest of a year without that day were born on the 28th.
        Self::new(year, month, day).or_else(|| Self::new(year, month, 28)).unwrap_or(Self(i32::MIN))
    }
}

/// A day of the week.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[expect(missing_docs, reason = "the names say it")]
pub enum Weekday {
    Monday,
    Tuesday,
    Wednesday,
    Thursday,
    Friday,
    Saturday,
    Sunday,
}

impl Date {
    /// The day of the week.
    #[must_use]
    pub fn weekday(self) -> Weekday {
        use Weekday::{Friday, Monday, Saturday, Sunday, Thursday, Tuesday, Wednesday};
        // 1970-01-01 was a Thursday.
        match (self.0.rem_euclid(7) + 3) % 7 {
            0 => Monday,
            1 => Tuesday,
            2 => Wednesday,
            3 => Thursday,
            4 => Friday,
            5 => Saturday,
            _ => Sunday,
        }
    }
}

/// A time of the day, by the clocks where the register is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LocalTime {
    /// The day.
    pub date: Date,
    /// The hour, 0 to 23.
    pub hour: u8,
    /// The minute, 0 to 59.
    pub minute: u8,
}

impl LocalTime {
    /// The time at an instant (milliseconds since 1970-01-01T00:00:00Z) so many minutes ahead of UTC.
    #[must_use]
    pub fn of(instant: i64, utc_offset: i32) -> Self {
        let minutes = instant.div_euclid(60_000).saturating_add(utc_offset.into());
        let small = |number: i64| u8::try_from(number).unwrap_or(0);
        let minute_of_day = minutes.rem_euclid(1_440);
        Self {
            date: Date(i32::try_from(minutes.div_euclid(1_440)).unwrap_or(i32::MAX)),
            hour: small(minute_of_day / 60),
            minute: small(minute_of_day % 60),
        }
    }

    /// The day of the week.
    #[must_use]
    pub fn weekday(self) -> Weekday {
        self.date.weekday()
    }
}

impl fmt::Display for Date {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (year, month, day) = self.civil();
        write!(f, "{year:04}-{month:02}-{day:02}")
    }
}

fn days_in(year: i32, month: u8) -> u8 {
    let leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
    match month {
        2 if leap => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_day_of_four_centuries_goes_there_and_back() {
        for days in -62_000..85_000 {
            let date = Date(days);
            let (year, month, day) = date.civil();
            assert_eq!(Date::new(year, month, day), Some(date));
            assert_eq!(Date::parse(&date.to_string()), Some(date));
        }
    }

    #[test]
    fn known_days() {
        assert_eq!(Date::new(1970, 1, 1), Some(Date(0)));
        assert_eq!(Date::new(2000, 3, 1), Some(Date(11_017)));
        assert_eq!(Date::new(1900, 2, 29), None);
        assert_eq!(Date::parse("2026-13-01"), None);
        assert_eq!(Date::parse("2026-1-01"), None);
    }

    #[test]
    fn age_changes_on_the_birthday() {
        let born = Date::new(2008, 11, 22).unwrap();
        assert_eq!(born.years_until(Date::new(2026, 11, 21).unwrap()), 17);
        assert_eq!(born.years_until(Date::new(2026, 11, 22).unwrap()), 18);
        let leap = Date::new(2008, 2, 29).unwrap();
        assert_eq!(leap.years_until(Date::new(2026, 2, 28).unwrap()), 17);
        assert_eq!(leap.years_until(Date::new(2026, 3, 1).unwrap()), 18);
    }

    #[test]
    fn who_was_born_later_is_younger() {
        for today in (Date::new(2027, 12, 1).unwrap().0..).take(500).map(Date) {
            let latest = today.years_earlier(18);
            assert_eq!(latest.years_until(today), 18);
            assert_eq!(Date(latest.0 + 1).years_until(today), 17);
        }
    }

    #[test]
    fn days_of_the_week_follow_each_other() {
        assert_eq!(Date(0).weekday(), Weekday::Thursday);
        assert_eq!(Date::new(2026, 12, 1).unwrap().weekday(), Weekday::Tuesday);
        assert_eq!(Date::new(1900, 1, 1).unwrap().weekday(), Weekday::Monday);
        let week = [
            Weekday::Monday,
            Weekday::Tuesday,
            Weekday::Wednesday,
            Weekday::Thursday,
            Weekday::Friday,
            Weekday::Saturday,
            Weekday::Sunday,
        ];
        for days in -1_000..1_000 {
            let place = |days| week.iter().position(|day| *day == Date(days).weekday()).unwrap();
            assert_eq!(place(days + 1), (place(days) + 1) % 7);
        }
    }

    #[test]
    fn clocks_are_ahead_of_utc_or_behind() {
        let noon = Date::new(2026, 6, 30).unwrap();
        let instant = i64::from(noon.0) * 86_400_000 + 12 * 3_600_000 + 59_999;
        let at = |offset| LocalTime::of(instant, offset);
        assert_eq!(at(0), LocalTime { date: noon, hour: 12, minute: 0 });
        assert_eq!(at(180), LocalTime { date: noon, hour: 15, minute: 0 });
        assert_eq!(at(720), LocalTime { date: Date(noon.0 + 1), hour: 0, minute: 0 });
        assert_eq!(at(-721), LocalTime { date: Date(noon.0 - 1), hour: 23, minute: 59 });
        assert_eq!(at(345).weekday(), noon.weekday());
        // Before 1970, and where no calendar reaches.
        assert_eq!(LocalTime::of(-1, 0), LocalTime { date: Date(-1), hour: 23, minute: 59 });
        assert_eq!(LocalTime::of(i64::MAX, i32::MAX).date, Date(i32::MAX));
        let _ = LocalTime::of(i64::MIN, i32::MIN);
    }
}
