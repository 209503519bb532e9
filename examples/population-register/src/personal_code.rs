// SPDX-License-Identifier: Apache-2.0
//! The personal code (isikukood) of EVS 585:2007: eleven digits, `GYYMMDDSSSC`.
//!
//! `G` is the century and the sex, `YYMMDD` the birth day, `SSS` a serial number, `C` a check digit.

use std::fmt;

use jiff::civil::Date;
use paasla_core::personal_code::check_digit;
use serde::Serialize;

use crate::{day::Day, error::Error, sex::Sex};

/// Serial numbers of one day and sex.
const SERIALS: u32 = 1000;

/// A well-formed personal code. Its `Debug` form hides the digits, so that it cannot reach a log.
#[derive(Clone, PartialEq, Eq, Hash, Serialize)]
#[serde(transparent)]
pub struct PersonalCode(String);

impl PersonalCode {
    /// The code of a birth day, sex and serial number.
    ///
    /// `None` for a birth before 1800 or after 2099, or a serial number above 999.
    pub fn compose(birth: Date, sex: Sex, serial: u32) -> Option<Self> {
        let century = match birth.year() {
            1800..=1899 => 1,
            1900..=1999 => 3,
            2000..=2099 => 5,
            _ => return None,
        };
        if serial >= SERIALS {
            return None;
        }
        let first = century + u32::from(sex == Sex::Woman);
        let year = birth.year() % 100;
        let mut digits = format!("{first}{year:02}{:02}{:02}{serial:03}", birth.month(), birth.day());
        let mut ten = [0_u8; 10];
        ten.iter_mut().zip(digits.bytes()).for_each(|(slot, digit)| *slot = digit - b'0');
        digits.push(char::from(b'0' + check_digit(&ten)));
        Some(Self(digits))
    }

    /// Reads a code; `None` unless its form, its birth day and its check digit are right.
    pub fn parse(text: &str) -> Option<Self> {
        paasla_core::PersonalCode::parse(text).ok().map(|code| Self(code.as_str().to_owned()))
    }

    /// The eleven digits.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for PersonalCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PersonalCode(***)")
    }
}

/// Hands out every personal code at most once.
///
/// One counter for each day and sex; the counter walks through the thousand serial numbers in steps that meet each
/// of them once. Two bytes a day and sex: less than half a megabyte for two centuries.
#[derive(Debug)]
pub struct CodeBook {
    first: Day,
    shift: u32,
    taken: Vec<[u16; 2]>,
}

impl CodeBook {
    /// A book for births from `first` to `last`.
    pub fn new(first: Day, last: Day, seed: u64) -> Self {
        let days = usize::try_from(last.days_since(first)).unwrap_or(0) + 1;
        let shift = u32::try_from(seed % u64::from(SERIALS)).unwrap_or(0);
        Self { first, shift, taken: vec![[0; 2]; days] }
    }

    /// Takes a code for a person born on `birth`. Where that day is full, the birth moves to the nearest earlier day
    /// that is not.
    ///
    /// # Errors
    /// Where no earlier day has a code left, or `birth` lies outside the book.
    pub fn take(&mut self, birth: Day, sex: Sex) -> Result<(Day, PersonalCode), Error> {
        let mut day = birth;
        loop {
            let number = usize::try_from(day.days_since(self.first)).map_err(|_| Error::CodesExhausted)?;
            let [men, women] = self.taken.get_mut(number).ok_or(Error::CodesExhausted)?;
            let taken = if sex == Sex::Man { men } else { women };
            if u32::from(*taken) < SERIALS {
                // 381 shares no divisor with 1000, so a thousand steps meet a thousand serials.
                let start = day.number().unsigned_abs().wrapping_mul(617).wrapping_add(self.shift);
                let serial = (start % SERIALS + u32::from(*taken) * 381) % SERIALS;
                *taken += 1;
                let code = PersonalCode::compose(day.date(), sex, serial).ok_or(Error::CodesExhausted)?;
                return Ok((day, code));
            }
            day = day.plus_days(-1);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn known_codes_are_valid() {
        for code in [
            "36805280109",
            "60001017869",
            "39901012239",
            "49001010093",
            "49001010100",
            "49001010580",
            "49001011130",
        ] {
            assert_eq!(PersonalCode::parse(code).unwrap().as_str(), code);
        }
    }

    #[test]
    fn wrong_codes_are_refused() {
        for code in
            ["36805280108", "3680528010", "368052801099", "36813280109", "96805280109", "3680528010a", ""]
        {
            assert!(PersonalCode::parse(code).is_none(), "{code}");
        }
    }

    #[test]
    fn debug_hides_the_digits() {
        let code = PersonalCode::parse("36805280109").unwrap();
        assert!(!format!("{code:?}").contains("3680"));
    }

    #[test]
    fn a_full_day_moves_the_birth_to_the_day_before() {
        let (first, last) = (Day::new_year(2001).plus_days(-2), Day::new_year(2001));
        let mut book = CodeBook::new(first, last, 7);
        let mut seen = HashSet::new();
        for n in 0..3000 {
            let (day, code) = book.take(last, Sex::Woman).unwrap();
            assert_eq!(day, last.plus_days(-(n / 1000)));
            assert!(PersonalCode::parse(code.as_str()).is_some());
            assert!(seen.insert(code));
        }
        assert!(book.take(last, Sex::Woman).is_err());
        assert!(book.take(last, Sex::Man).is_ok());
    }
}
