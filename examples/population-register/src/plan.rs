// SPDX-License-Identifier: Apache-2.0
//! What a register is made from. The same plan makes the same register.

use jiff::civil::Date;

use crate::error::Error;

/// The fewest people a register can hold: the cast, and some company for it.
pub const FEWEST: u32 = 60;

/// The most people a register can hold: document numbers have seven digits.
pub const MOST: u32 = 3_000_000;

/// A plan for a register.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Plan {
    /// How many people, the dead included.
    pub people: u32,
    /// The seed of all chance.
    pub seed: u64,
    /// The day on which the register is as it is.
    pub as_of: Date,
}

impl Plan {
    /// Says whether a register can be made from this plan.
    ///
    /// # Errors
    /// Where there are too few or too many people, or the date is outside the 21st century.
    pub fn check(&self) -> Result<(), Error> {
        if self.people < FEWEST {
            return Err(Error::TooFewPeople { least: FEWEST, asked: self.people });
        }
        if self.people > MOST {
            return Err(Error::TooManyPeople { most: MOST, asked: self.people });
        }
        if !(2000..=2099).contains(&self.as_of.year()) {
            return Err(Error::DateOutOfRange);
        }
        Ok(())
    }
}
