// SPDX-License-Identifier: Apache-2.0
//! The rows of `access_restriction`: people whose data may not be given out.

use crate::{
    day::Day,
    family::{Care, Member},
    record::{Cells, Record},
    source::Source,
};

/// A row of `access_restriction`.
#[derive(Clone, Copy, Debug)]
pub struct Restriction {
    person_id: i64,
    from: Day,
    until: Option<Day>,
}

impl Source {
    /// Draws whether the data of a person is or was restricted: open-ended, with an end to come, or over.
    pub(crate) fn restriction(&mut self, member: &Member) -> Option<Restriction> {
        let person_id = member.id;
        let yesterday = self.as_of.plus_days(-1);
        let chance = if member.death.is_none() { 21 } else { 3 };
        let from = self.dice.day(member.birth.max(self.as_of.plus_years(-8)), yesterday);
        let drawn = self.dice.permille(chance);
        match member.care {
            Care::Full => None,
            Care::Restricted => {
                let from = self.as_of.plus_days(-self.dice.between(400, 1200));
                Some(Restriction { person_id, from, until: None })
            }
            Care::Usual if !drawn || from > yesterday => None,
            Care::Usual => {
                let until = match self.dice.between(0, 9) {
                    0..=3 => None,
                    4..=6 => Some(self.as_of.plus_days(self.dice.between(20, 2000))),
                    _ => Some(self.dice.day(from, yesterday)),
                };
                Some(Restriction { person_id, from, until })
            }
        }
    }
}

impl Record for Restriction {
    const TABLE: &'static str = "access_restriction";
    const COLUMNS: &'static [&'static str] = &["person_id", "valid_from", "valid_until"];

    fn write(&self, cells: &mut Cells) -> sqlx::Result<()> {
        cells.number(self.person_id)?;
        cells.day(self.from)?;
        cells.day_or_null(self.until)
    }
}
