// SPDX-License-Identifier: Apache-2.0
//! A day of the calendar, as a number that is cheap to compare and to add to.

use std::fmt;

use jiff::{SignedDuration, ToSpan, civil::Date};

const EPOCH: Date = Date::constant(1970, 1, 1);

/// A day, counted from 1970-01-01.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Day(i32);

impl Day {
    /// The day of a calendar date.
    pub fn from_date(date: Date) -> Self {
        let days = date.duration_since(EPOCH).as_hours() / 24;
        Self(i32::try_from(days).unwrap_or(i32::MAX))
    }

    /// The first of January of a year.
    pub fn new_year(year: i16) -> Self {
        Self::from_date(Date::new(year, 1, 1).unwrap_or(EPOCH))
    }

    /// The calendar date of this day.
    pub fn date(self) -> Date {
        EPOCH.saturating_add(SignedDuration::from_hours(i64::from(self.0) * 24))
    }

    /// The calendar year of this day.
    pub fn year(self) -> i16 {
        self.date().year()
    }

    /// The days since 1970-01-01.
    pub fn number(self) -> i32 {
        self.0
    }

    /// This day moved by a number of days.
    #[must_use]
    pub fn plus_days(self, days: i32) -> Self {
        Self(self.0.saturating_add(days))
    }

    /// The same day so many years later; 29 February becomes 28 February where needed.
    #[must_use]
    pub fn plus_years(self, years: i32) -> Self {
        Self::from_date(self.date().saturating_add(years.years()))
    }

    /// The whole years a person born on `birth` has lived on this day.
    pub fn age(self, birth: Self) -> i32 {
        let (now, then) = (self.date(), birth.date());
        let had_birthday = (now.month(), now.day()) >= (then.month(), then.day());
        i32::from(now.year()) - i32::from(then.year()) - i32::from(!had_birthday)
    }

    /// The days from `earlier` to this day.
    pub fn days_since(self, earlier: Self) -> i32 {
        self.0.saturating_sub(earlier.0)
    }
}

impl fmt::Display for Day {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.date().fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn day(text: &str) -> Day {
        Day::from_date(text.parse().unwrap())
    }

    #[test]
    fn a_day_is_its_date() {
        for text in ["1893-03-01", "1969-12-31", "1970-01-01", "2000-02-29", "2026-01-01", "2099-12-31"] {
            assert_eq!(day(text).to_string(), text);
        }
    }

    #[test]
    fn ages_change_on_the_birthday() {
        assert_eq!(day("2026-05-27").age(day("1968-05-28")), 57);
        assert_eq!(day("2026-05-28").age(day("1968-05-28")), 58);
        assert_eq!(day("2018-02-28").age(day("2000-02-29")), 17);
        assert_eq!(day("2000-02-29").plus_years(18), day("2018-02-28"));
    }
}
