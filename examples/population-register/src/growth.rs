// SPDX-License-Identifier: Apache-2.0
//! How a family grows: a founder finds a partner, they have children, and these do the same, until today.

use std::collections::VecDeque;

use crate::{
    day::Day,
    error::Error,
    family::{Couple, Ending, Family, Name, Reason, Seat},
    heritage::{ESTONIA, Heritage},
    names::{given_names, surname},
    sex::Sex,
    source::{Draft, Source},
};

/// A family does not grow beyond this.
pub(crate) const LARGEST_FAMILY: usize = 48;

const YEAR: i32 = 365;

/// Years before the date of the register in which founders are born, with weights.
const FOUNDERS: &[((i32, i32), u32)] =
    &[((19, 40), 12), ((40, 60), 20), ((60, 80), 40), ((80, 100), 36), ((100, 120), 4), ((120, 133), 1)];

/// How large a family grows, with weights. Where it stops short, the young have not come or have gone abroad.
const SIZES: &[(usize, u32)] = &[(2, 12), (4, 24), (7, 24), (12, 20), (24, 14), (LARGEST_FAMILY, 6)];

impl Source {
    /// Grows a family of at least one person and at most `budget`.
    ///
    /// # Errors
    /// Where no personal code is left.
    pub fn family(&mut self, budget: usize) -> Result<Family, Error> {
        let size = self.dice.weighted(SIZES).unwrap_or(LARGEST_FAMILY);
        let budget = budget.min(size);
        let mut family = Family::default();
        let mut queue = VecDeque::from([family.add(self.founder()?)]);
        while let Some(seat) = queue.pop_front() {
            self.live(&mut family, seat, budget, &mut queue)?;
        }
        Ok(family)
    }

    fn founder(&mut self) -> Result<crate::family::Member, Error> {
        let (young, old) = self.dice.weighted(FOUNDERS).unwrap_or((40, 60));
        let birth = self.dice.day(self.as_of.plus_years(-old), self.as_of.plus_years(-young));
        let sex = self.dice.pick(&[Some(Sex::Man), Some(Sex::Woman)]).unwrap_or(Sex::Woman);
        let heritage = Heritage::draw(&mut self.dice);
        let grown = birth.plus_years(25).min(self.as_of);
        self.newcomer(sex, birth, heritage, grown)
    }

    /// Lets one person find partners and have children; the children join the queue.
    fn live(
        &mut self,
        family: &mut Family,
        seat: Seat,
        budget: usize,
        queue: &mut VecDeque<Seat>,
    ) -> Result<(), Error> {
        let (birth, majority) = (family.at(seat).birth, family.at(seat).majority());
        let horizon = family.at(seat).death.unwrap_or(self.as_of);
        if horizon <= majority {
            return Ok(());
        }
        let mut from = birth.plus_days(self.dice.bell(26 * YEAR, 4 * YEAR)).max(majority.plus_days(40));
        let mut chance = 90;
        for _ in 0..2 {
            let too_late = from >= horizon || from.age(birth) > 60 || family.len() >= budget;
            if too_late || !self.dice.percent(chance) {
                break;
            }
            let couple = self.couple(family, seat, from)?;
            family.couples.push(couple);
            self.children(family, couple, budget, queue)?;
            let Some((end, _)) = couple.ended else {
                break;
            };
            from = end.plus_days(self.dice.between(300, 2500));
            chance = 45;
        }
        if family.couples_of(seat).next().is_none() {
            self.alone(family, seat, budget, queue)?;
        }
        self.rename(family, seat, horizon);
        Ok(())
    }

    /// Finds a partner for a person and settles how long they stay together.
    fn couple(&mut self, family: &mut Family, seat: Seat, from: Day) -> Result<Couple, Error> {
        let person = family.at(seat);
        let (sex, birth, death, own, home) =
            (person.sex, person.birth, person.death, person.heritage, person.home);
        // The man is a little older, as a rule.
        let gap = self.dice.bell(2 * YEAR + 100, 3 * YEAR).clamp(-7 * YEAR, 14 * YEAR);
        let partner_birth = birth.plus_days(if sex == Sex::Woman { -gap } else { gap });
        let latest = from.plus_years(-18).plus_days(-self.dice.between(20, 700));
        let partner_birth =
            partner_birth.min(latest).max(self.oldest_birth().plus_days(self.dice.between(0, 700)));
        let heritage = if self.dice.percent(90) { own } else { Heritage::draw(&mut self.dice) };
        let mut partner = self.newcomer(sex.other(), partner_birth, heritage, from)?;
        let home = if self.dice.percent(45) { partner.home } else { home };
        partner.home = home;
        family.at_mut(seat).home = home;

        let first_death = [death, partner.death].into_iter().flatten().min();
        let breaks = if from.year() < 1955 { 8 } else { 32 };
        let parting = self.dice.percent(breaks).then(|| from.plus_days(self.dice.between(600, 8000)));
        let end = first_death.unwrap_or(self.as_of);
        let parting = parting.filter(|&day| day < end);
        let married = self.wedding(from).filter(|&day| day.plus_days(100) < parting.unwrap_or(end));
        let ended = match (parting, married) {
            (Some(day), Some(_)) => Some((day, Ending::Divorce)),
            (Some(day), None) => Some((day, Ending::Parting)),
            (None, _) => first_death.map(|day| (day, Ending::Death)),
        };
        let other = family.add(partner);
        let (woman, man) = if sex == Sex::Woman { (seat, other) } else { (other, seat) };
        let couple = Couple { woman, man, from, married, ended };
        self.take_name(family, couple);
        Ok(couple)
    }

    /// Draws a wedding day; fewer couples marry, and later, the nearer today.
    fn wedding(&mut self, from: Day) -> Option<Day> {
        let (chance, wait) = match from.year() {
            ..1970 => (94, 30),
            1970..1990 => (88, 500),
            _ => (58, 2200),
        };
        self.dice.percent(chance).then(|| from.plus_days(self.dice.between(0, wait)))
    }

    /// A bride takes her husband's name, as a rule, and sometimes gives it back on divorce.
    pub(crate) fn take_name(&mut self, family: &mut Family, couple: Couple) {
        let Some(day) = couple.married else {
            return;
        };
        let husband = family.at(couple.man).surname_on(day);
        let Some(before) = family.at(couple.woman).name_on(day).cloned() else {
            return;
        };
        let taken = match self.dice.between(0, 99) {
            0..=84 => husband,
            85..=90 => before.family.joined(&husband).unwrap_or(husband),
            _ => return,
        };
        if taken == before.family {
            return;
        }
        let given = before.given.clone();
        let names = &mut family.at_mut(couple.woman).names;
        names.push(Name { from: day, given: given.clone(), family: taken, reason: Some(Reason::Marriage) });
        if let Some((end, Ending::Divorce)) = couple.ended
            && self.dice.percent(30)
        {
            names.push(Name { from: end, given, family: before.family, reason: Some(Reason::Divorce) });
        }
    }

    /// Draws the children of a couple.
    fn children(
        &mut self,
        family: &mut Family,
        couple: Couple,
        budget: usize,
        queue: &mut VecDeque<Seat>,
    ) -> Result<(), Error> {
        let wanted = [(0, 12), (1, 27), (2, 40), (3, 15), (4, 4), (5, 1), (7, 1)];
        let wanted = self.dice.weighted(&wanted).unwrap_or(0);
        let married_name = couple.married.is_some() || self.dice.percent(70);
        let namesake = if married_name { couple.man } else { couple.woman };
        let mut day = couple.from.plus_days(self.dice.between(100, 1500));
        let last = couple.ended.map_or(self.as_of, |(end, _)| end.plus_days(-1));
        for _ in 0..wanted {
            let age = day.age(family.at(couple.woman).birth);
            if day > last || !(18..=44).contains(&age) || family.len() >= budget {
                break;
            }
            queue.push_back(self.child(family, couple.woman, Some(couple.man), namesake, day)?);
            let twin = self.dice.permille(12);
            day = if twin { day } else { day.plus_days(self.dice.between(400, 1900)) };
        }
        Ok(())
    }

    /// Some women without a partner have a child whose father is not in the register.
    fn alone(
        &mut self,
        family: &mut Family,
        seat: Seat,
        budget: usize,
        queue: &mut VecDeque<Seat>,
    ) -> Result<(), Error> {
        let woman = family.at(seat);
        let day = woman.birth.plus_days(self.dice.between(19 * YEAR, 40 * YEAR));
        let possible = woman.sex == Sex::Woman && woman.alive_on(day) && day <= self.as_of;
        if possible && family.len() < budget && self.dice.percent(22) {
            queue.push_back(self.child(family, seat, None, seat, day)?);
        }
        if day < self.as_of && self.dice.percent(30) {
            let heritage = family.at(seat).heritage;
            family.at_mut(seat).home = self.atlas.draw(&mut self.dice, heritage);
        }
        Ok(())
    }

    /// Adds a child, named after one of the parents.
    pub(crate) fn child(
        &mut self,
        family: &mut Family,
        woman: Seat,
        man: Option<Seat>,
        namesake: Seat,
        birth: Day,
    ) -> Result<Seat, Error> {
        let mother = family.at(woman);
        let father = man.map(|man| family.at(man));
        let heritages = [mother.heritage, father.map_or(mother.heritage, |father| father.heritage)];
        let [first, second] = heritages;
        let passports = [mother.citizenship, father.and_then(|father| father.citizenship)];
        let abroad = mother.arrived.filter(|&day| day > birth).map(|day| (mother.birth_country, day));
        let (home, surname) = (mother.home, family.at(namesake).surname_on(birth));
        let heritage = if self.dice.percent(50) { first } else { second };
        let citizenship = self.inherited(passports, birth);
        let sex = if self.dice.permille(515) { Sex::Man } else { Sex::Woman };
        let outlives = birth.plus_days(-1);
        let draft = Draft {
            sex,
            birth,
            heritage,
            surname,
            home,
            mother: Some(woman),
            father: man,
            abroad,
            citizenship,
            outlives,
        };
        Ok(family.add(self.person(draft)?))
    }

    /// The citizenship of a child: Estonian if a parent's is; otherwise a parent's, or undetermined.
    fn inherited(&mut self, parents: [Option<&'static str>; 2], birth: Day) -> Option<&'static str> {
        if parents.contains(&Some(ESTONIA)) {
            return Some(ESTONIA);
        }
        match parents.into_iter().flatten().next() {
            Some(country) => Some(if self.dice.percent(75) { country } else { ESTONIA }),
            None if birth >= Day::new_year(1992) => Some(ESTONIA).filter(|_| self.dice.percent(92)),
            None => Some(ESTONIA).filter(|_| self.dice.percent(35)),
        }
    }

    /// A few people ask for another name. Those with children change their given name only.
    fn rename(&mut self, family: &mut Family, seat: Seat, horizon: Day) {
        if !self.dice.permille(12) {
            return;
        }
        let day = self.dice.day(family.at(seat).majority(), horizon);
        let person = family.at(seat);
        let (sex, heritage, year) = (person.sex, person.heritage, person.birth.year());
        let Some(last) = person.names.last().cloned() else {
            return;
        };
        if day <= last.from || day >= horizon {
            return;
        }
        let childless = family.children_of(seat).next().is_none();
        let (given, surname) = if childless && self.dice.percent(40) {
            (last.given.clone(), surname(&mut self.dice, heritage))
        } else {
            (given_names(&mut self.dice, heritage, sex, year), last.family.clone())
        };
        if (&given, &surname) != (&last.given, &last.family) {
            let reason = Some(Reason::Application);
            family.at_mut(seat).names.push(Name { from: day, given, family: surname, reason });
        }
    }
}
