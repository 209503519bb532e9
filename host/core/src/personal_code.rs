// SPDX-License-Identifier: Apache-2.0
//! The Estonian personal code (isikukood, EVS 585:2007): `GYYMMDDSSSC`.

use std::fmt;

use jiff::civil::Date;

/// A well-formed personal code: eleven digits, a real birth date, the right check digit.
///
/// `Debug` hides the digits, and there is no `Display`: a code reaches text only through [`PersonalCode::as_str`].
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PersonalCode(String);

/// Why a text is no personal code. Never repeats the text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PersonalCodeError {
    /// Not eleven ASCII digits.
    #[error("a personal code is eleven digits")]
    Form,
    /// The first digit names no century, or the date does not exist.
    #[error("the date in the personal code does not exist")]
    Date,
    /// The last digit does not fit the others.
    #[error("the check digit of the personal code does not match")]
    CheckDigit,
}

/// The check digit for ten digits: weights 1..9,1 modulo 11; if that gives 10, weights 3..9,1,2,3; if again, 0.
#[must_use]
pub fn check_digit(ten: &[u8; 10]) -> u8 {
    let sum = |first: u32| -> u32 {
        let weights = (0..10).map(|i| (first - 1 + i) % 9 + 1);
        ten.iter().zip(weights).map(|(&digit, weight)| u32::from(digit) * weight).sum::<u32>() % 11
    };
    let digit = match sum(1) {
        10 => match sum(3) {
            10 => 0,
            second => second,
        },
        first => first,
    };
    u8::try_from(digit).unwrap_or(0)
}

impl PersonalCode {
    /// Reads eleven digits. An `EE` prefix, as X-Road user ids carry it, is for the caller to take off.
    ///
    /// # Errors
    /// When the form, the date or the check digit is wrong.
    pub fn parse(text: &str) -> Result<Self, PersonalCodeError> {
        let mut digits = [0_u8; 11];
        if text.len() != 11 {
            return Err(PersonalCodeError::Form);
        }
        for (slot, byte) in digits.iter_mut().zip(text.bytes()) {
            *slot = match byte {
                b'0'..=b'9' => byte - b'0',
                _ => return Err(PersonalCodeError::Form),
            };
        }
        let [g, y1, y2, m1, m2, d1, d2, s1, s2, s3, check] = digits;
        let century = match g {
            1 | 2 => 1800,
            3 | 4 => 1900,
            5 | 6 => 2000,
            7 | 8 => 2100,
            _ => return Err(PersonalCodeError::Date),
        };
        let two = |a: u8, b: u8| i16::from(a) * 10 + i16::from(b);
        let day = |a: u8, b: u8| i8::try_from(two(a, b)).unwrap_or(0);
        Date::new(century + two(y1, y2), day(m1, m2), day(d1, d2)).map_err(|_| PersonalCodeError::Date)?;
        if check_digit(&[g, y1, y2, m1, m2, d1, d2, s1, s2, s3]) != check {
            return Err(PersonalCodeError::CheckDigit);
        }
        Ok(Self(text.to_owned()))
    }

    /// The eleven digits.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for PersonalCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PersonalCode(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn published_vectors_are_accepted() {
        for code in [
            "36805280109",
            "60001017869",
            "39901012239",
            "49001010093",
            "49001010100",
            "49001010580",
            "49001011130",
        ] {
            assert!(PersonalCode::parse(code).is_ok(), "{code}");
        }
    }

    #[test]
    fn each_fault_has_its_own_error() {
        assert_eq!(PersonalCode::parse("3680528010"), Err(PersonalCodeError::Form));
        assert_eq!(PersonalCode::parse("3680528010x"), Err(PersonalCodeError::Form));
        assert_eq!(PersonalCode::parse("36802300109"), Err(PersonalCodeError::Date));
        assert_eq!(PersonalCode::parse("96805280109"), Err(PersonalCodeError::Date));
        assert_eq!(PersonalCode::parse("36805280108"), Err(PersonalCodeError::CheckDigit));
        assert_eq!(format!("{:?}", PersonalCode::parse("36805280109").unwrap()), "PersonalCode(…)");
    }

    proptest! {
        #[test]
        fn any_text_is_read_without_panic(text in "\\PC{0,14}") {
            let _ = PersonalCode::parse(&text);
        }

        /// The check digit finds every single wrong digit (it is a weighted sum modulo a prime), except
        /// where the double-ten rule folds two remainders into 0.
        #[test]
        fn exactly_one_check_digit_fits(serial in 0_u32..1000, day in 1_u8..29) {
            let stem = format!("39001{day:02}{serial:03}");
            let fitting = (0..10).filter(|c| PersonalCode::parse(&format!("{stem}{c}")).is_ok()).count();
            prop_assert_eq!(fitting, 1);
        }
    }
}
