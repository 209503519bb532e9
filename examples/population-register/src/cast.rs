// SPDX-License-Identifier: Apache-2.0
//! The cast: people with a known part, planted at the start of every register for examples and tests.

use serde::Serialize;

use crate::{
    day::Day,
    error::Error,
    family::{Care, Couple, Family, Member, Name, Seat},
    heritage::{ESTONIA, Heritage},
    names::Surname,
    personal_code::PersonalCode,
    sex::Sex,
    source::{Draft, Source},
};

/// A surname that no drawing of names can give: its parts are in no list.
const UNIQUE_SURNAME: &str = "Vaikulaid";

/// Who plays which part, by personal code. Written as `persons.json`.
#[derive(Clone, Serialize, Debug)]
pub struct Cast {
    /// Says that nobody here is real.
    pub notice: &'static str,
    /// A living citizen of 30 to 50 who holds both kinds of custody over `child`.
    pub adult: PersonalCode,
    /// A child of 5 to 8 whose parents both live.
    pub child: PersonalCode,
    /// A living adult with an open-ended restriction and a surname that nobody else bears.
    pub restricted: PersonalCode,
    /// A child of `restricted`, not restricted.
    pub child_of_restricted: PersonalCode,
    /// A dead adult.
    pub deceased: PersonalCode,
    /// A valid code of nobody in the register.
    pub absent: PersonalCode,
    /// A living adult whose name has õ, ä, ö, ü, š, ž and a hyphen.
    pub special_characters: PersonalCode,
    /// A living adult who holds custody over nobody.
    pub no_custody_adult: PersonalCode,
    /// Twenty living adults.
    pub twenty: Vec<PersonalCode>,
}

impl Source {
    /// Plants the cast: its families, and who plays which part.
    ///
    /// # Errors
    /// Where no personal code is left.
    pub fn cast(&mut self) -> Result<(Vec<Family>, Cast), Error> {
        let mut families = Vec::new();
        let mut plant = |family: Family| {
            let codes: Vec<PersonalCode> = family.seats().map(|seat| family.at(seat).code.clone()).collect();
            families.push(family);
            codes
        };

        let (family, [woman, man, child]) = self.adult_and_child()?;
        let adult = if self.dice.percent(50) { woman } else { man };
        let (adult, child) = (family.at(adult).code.clone(), family.at(child).code.clone());
        plant(family);

        let (family, [restricted, child_of_restricted]) = self.restricted()?;
        let restricted = family.at(restricted).code.clone();
        let child_of_restricted = family.at(child_of_restricted).code.clone();
        plant(family);

        let deceased = plant(self.deceased()?);
        let special = plant(self.special_characters()?);
        let free = plant(self.single(30, 60)?);
        let mut twenty = Vec::new();
        for _ in 0..8 {
            twenty.append(&mut plant(self.pair()?));
        }
        for _ in 0..4 {
            twenty.append(&mut plant(self.single(25, 70)?));
        }

        let birth = self.dice.day(self.as_of.plus_years(-60), self.as_of.plus_years(-30));
        let (_, absent) = self.codes.take(birth, Sex::Woman)?;
        let only = |codes: Vec<PersonalCode>| codes.into_iter().next().ok_or(Error::CodesExhausted);
        let cast = Cast {
            notice: crate::NOTICE,
            adult,
            child,
            restricted,
            child_of_restricted,
            deceased: only(deceased)?,
            absent,
            special_characters: only(special)?,
            no_custody_adult: only(free)?,
            twenty,
        };
        Ok((families, cast))
    }

    fn adult_and_child(&mut self) -> Result<(Family, [Seat; 3]), Error> {
        let mut family = Family::default();
        let woman = family.add(self.grown_up(Sex::Woman, 30, 40)?);
        let man = family.add(self.grown_up(Sex::Man, 31, 45)?);
        self.marry(&mut family, woman, man, 9, true);
        let birth = self.dice.day(self.as_of.plus_years(-8), self.as_of.plus_years(-5));
        let child = self.planted_child(&mut family, woman, man, birth)?;
        Ok((family, [woman, man, child]))
    }

    fn restricted(&mut self) -> Result<(Family, [Seat; 2]), Error> {
        let mut family = Family::default();
        let mut mother = self.grown_up(Sex::Woman, 31, 42)?;
        mother.care = Care::Restricted;
        for name in &mut mother.names {
            name.family = Surname::plain(UNIQUE_SURNAME);
        }
        let mother = family.add(mother);
        let man = family.add(self.grown_up(Sex::Man, 32, 45)?);
        self.marry(&mut family, mother, man, 12, false);
        let birth = self.dice.day(self.as_of.plus_years(-11), self.as_of.plus_years(-3));
        let child = self.planted_child(&mut family, mother, man, birth)?;
        Ok((family, [mother, child]))
    }

    fn deceased(&mut self) -> Result<Family, Error> {
        let mut member = self.grown_up(Sex::Man, 62, 85)?;
        member.death = Some(self.dice.day(self.as_of.plus_years(-6), self.as_of.plus_years(-1)));
        Ok(Self::household([member]))
    }

    fn special_characters(&mut self) -> Result<Family, Error> {
        let mut member = self.grown_up(Sex::Woman, 28, 60)?;
        let from = member.birth;
        let given = "ÕNNE-ŽANETT".to_owned();
        member.names = vec![Name { from, given, family: Surname::plain("Šöder-Küläots"), reason: None }];
        Ok(Self::household([member]))
    }

    fn single(&mut self, youngest: i32, oldest: i32) -> Result<Family, Error> {
        let sex = if self.dice.percent(50) { Sex::Man } else { Sex::Woman };
        let member = self.grown_up(sex, youngest, oldest)?;
        Ok(Self::household([member]))
    }

    fn pair(&mut self) -> Result<Family, Error> {
        let mut family = Family::default();
        let woman = family.add(self.grown_up(Sex::Woman, 28, 70)?);
        let age = self.as_of.age(family.at(woman).birth);
        let man = family.add(self.grown_up(Sex::Man, age.max(28), age + 3)?);
        self.marry(&mut family, woman, man, 5, true);
        Ok(family)
    }

    fn household<const N: usize>(members: [Member; N]) -> Family {
        let mut family = Family::default();
        for member in members {
            family.add(member);
        }
        family
    }

    /// Marries two members so many years ago, and gives them one home.
    fn marry(&mut self, family: &mut Family, woman: Seat, man: Seat, years: i32, takes_name: bool) {
        let from = self.as_of.plus_years(-years).plus_days(-self.dice.between(0, 300));
        let couple = Couple { woman, man, from, married: Some(from), ended: None };
        family.at_mut(man).home = family.at(woman).home;
        if takes_name {
            self.take_name(family, couple);
        }
        family.couples.push(couple);
    }

    fn planted_child(
        &mut self,
        family: &mut Family,
        woman: Seat,
        man: Seat,
        birth: Day,
    ) -> Result<Seat, Error> {
        let child = self.child(family, woman, Some(man), man, birth)?;
        let member = family.at_mut(child);
        member.death = None;
        member.care = Care::Full;
        Ok(child)
    }

    /// A living citizen born in Estonia, aged `youngest` to `oldest`.
    fn grown_up(&mut self, sex: Sex, youngest: i32, oldest: i32) -> Result<Member, Error> {
        let earliest = self.as_of.plus_years(-oldest - 1).plus_days(1);
        let birth = self.dice.day(earliest, self.as_of.plus_years(-youngest));
        let heritage = if self.dice.percent(80) { Heritage::Estonian } else { Heritage::Russian };
        let surname = crate::names::surname(&mut self.dice, heritage);
        let home = self.atlas.draw(&mut self.dice, heritage);
        let mut member = self.person(Draft {
            sex,
            birth,
            heritage,
            surname,
            home,
            mother: None,
            father: None,
            abroad: None,
            citizenship: Some(ESTONIA),
            outlives: self.as_of,
        })?;
        member.care = Care::Full;
        Ok(member)
    }
}
