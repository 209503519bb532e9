// SPDX-License-Identifier: Apache-2.0
//! What every person is drawn from: chance, unused codes and row ids, the atlas, the date of the register.

use crate::{
    day::Day,
    dice::Dice,
    error::Error,
    family::{Care, Member, Name, Seat},
    heritage::{Country, ESTONIA, Heritage, place_abroad},
    names::{Surname, given_names},
    personal_code::CodeBook,
    places::{Atlas, Municipality},
    plan::Plan,
    sex::Sex,
};

/// Nobody in the register was born longer ago than this many years.
const OLDEST_BIRTH: i32 = 135;

/// Nobody grows older than this.
pub(crate) const LONGEST_LIFE: i32 = 107;

/// The source of people.
#[derive(Debug)]
pub struct Source {
    pub(crate) dice: Dice,
    pub(crate) codes: CodeBook,
    pub(crate) atlas: Atlas,
    pub(crate) as_of: Day,
    next_person: i64,
    next_address: i64,
    next_document: u32,
}

/// What has to be known of a person before the rest is drawn.
#[derive(Debug)]
pub(crate) struct Draft {
    pub(crate) sex: Sex,
    pub(crate) birth: Day,
    pub(crate) heritage: Heritage,
    pub(crate) surname: Surname,
    pub(crate) home: &'static Municipality,
    pub(crate) mother: Option<Seat>,
    pub(crate) father: Option<Seat>,
    pub(crate) abroad: Option<(Country, Day)>,
    pub(crate) citizenship: Option<Country>,
    /// The person lives at least until after this day.
    pub(crate) outlives: Day,
}

impl Source {
    /// A fresh source.
    pub fn new(plan: &Plan) -> Self {
        let as_of = Day::from_date(plan.as_of);
        let first = as_of.plus_years(-OLDEST_BIRTH - 1);
        Self {
            dice: Dice::new(plan.seed),
            codes: CodeBook::new(first, as_of, plan.seed),
            atlas: Atlas::new(),
            as_of,
            next_person: 1,
            next_address: 1,
            next_document: 1,
        }
    }

    /// The id for the next address.
    pub(crate) fn address_id(&mut self) -> i64 {
        let id = self.next_address;
        self.next_address += 1;
        id
    }

    /// The number for the next document.
    pub(crate) fn document_number(&mut self) -> u32 {
        let number = self.next_document;
        self.next_document += 1;
        number
    }

    /// The earliest day of birth.
    pub(crate) fn oldest_birth(&self) -> Day {
        self.as_of.plus_years(-OLDEST_BIRTH)
    }

    /// Makes a person from a draft.
    pub(crate) fn person(&mut self, draft: Draft) -> Result<Member, Error> {
        let (birth, code) = self.codes.take(draft.birth, draft.sex)?;
        let death = self.death(birth, draft.sex, draft.outlives);
        let id = self.next_person;
        self.next_person += 1;
        let given = given_names(&mut self.dice, draft.heritage, draft.sex, birth.year());
        let (birth_country, birth_place, arrived) = match draft.abroad {
            Some((country, arrived)) => {
                // Whoever died young came before that.
                let arrived = arrived.min(death.plus_days(-1)).max(birth);
                (country, place_abroad(&mut self.dice, country), Some(arrived))
            }
            None => (ESTONIA, draft.home.stem(), None),
        };
        Ok(Member {
            id,
            code,
            sex: draft.sex,
            birth,
            death: Some(death).filter(|&death| death <= self.as_of),
            heritage: draft.heritage,
            names: vec![Name { from: birth, given, family: draft.surname, reason: None }],
            mother: draft.mother,
            father: draft.father,
            birth_country,
            birth_place,
            arrived,
            home: draft.home,
            citizenship: draft.citizenship,
            care: Care::Usual,
        })
    }

    /// Draws a grown-up whose parents are not in the register.
    pub(crate) fn newcomer(
        &mut self,
        sex: Sex,
        birth: Day,
        heritage: Heritage,
        outlives: Day,
    ) -> Result<Member, Error> {
        let surname = crate::names::surname(&mut self.dice, heritage);
        let home = self.atlas.draw(&mut self.dice, heritage);
        let abroad = self.dice.percent(heritage.born_abroad()).then(|| {
            let last = birth.plus_years(38).min(outlives).min(self.as_of);
            (heritage.country(&mut self.dice), self.dice.day(birth.plus_days(200), last))
        });
        let citizenship = self.citizenship(heritage, abroad);
        self.person(Draft {
            sex,
            birth,
            heritage,
            surname,
            home,
            mother: None,
            father: None,
            abroad,
            citizenship,
            outlives,
        })
    }

    /// Draws the citizenship of a person whose parents are not in the register.
    fn citizenship(&mut self, heritage: Heritage, abroad: Option<(Country, Day)>) -> Option<Country> {
        let independence = Day::new_year(1991);
        let (estonian, own) = match (heritage, abroad) {
            (Heritage::Estonian, _) => (100, 0),
            (_, Some((_, arrived))) if arrived >= independence => (4, 96),
            (_, Some(_)) if heritage.is_slavic() => (45, 30),
            (_, None) if heritage.is_slavic() => (65, 17),
            (_, Some(_)) => (15, 85),
            (_, None) => (70, 30),
        };
        let roll = self.dice.between(0, 99);
        if roll < estonian {
            Some(ESTONIA)
        } else if roll < estonian + own {
            let came_from = abroad.map(|(country, _)| country);
            Some(came_from.unwrap_or_else(|| heritage.country(&mut self.dice)))
        } else {
            None
        }
    }

    /// Draws a day of death after the day that the person outlives.
    fn death(&mut self, birth: Day, sex: Sex, outlives: Day) -> Day {
        let drawn = (0..16).map(|_| self.lifespan(birth, sex)).find(|&death| death > outlives);
        drawn.unwrap_or_else(|| {
            let last = birth.plus_years(LONGEST_LIFE);
            outlives.plus_days(self.dice.between(1, 3000)).min(last)
        })
    }

    fn lifespan(&mut self, birth: Day, sex: Sex) -> Day {
        const YEAR: i32 = 365;
        let infants = if birth.year() < 1950 { 35 } else { 5 };
        let days = match self.dice.between(0, 999) {
            roll if roll < infants => self.dice.between(0, 2 * YEAR),
            roll if roll < infants + 10 => self.dice.between(2 * YEAR, 30 * YEAR),
            roll if roll < infants + 75 => self.dice.between(30 * YEAR, 62 * YEAR),
            _ => self.dice.bell(if sex == Sex::Man { 77 } else { 84 } * YEAR, 9 * YEAR),
        };
        birth.plus_days(days.clamp(1, LONGEST_LIFE * YEAR))
    }
}
