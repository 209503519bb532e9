// SPDX-License-Identifier: Apache-2.0
//! Homes: who lives with whom, and the rows of `residence_history`.

use std::collections::BTreeMap;

use crate::{
    address::Address,
    custody::{Holder, Kind, Tie},
    day::Day,
    family::{Care, Family, Seat},
    places::Municipality,
    record::{Cells, Record},
    source::Source,
};

/// A row of `residence_history`.
#[derive(Clone, Copy, Debug)]
pub struct Residence {
    person_id: i64,
    address_id: i64,
    kind: &'static str,
    from: Day,
    until: Option<Day>,
}

/// Where a family lives.
#[derive(Default, Debug)]
pub(crate) struct Homes {
    /// The address that each living person lives at; some live abroad.
    pub(crate) now: BTreeMap<Seat, i64>,
    /// Every address.
    pub(crate) addresses: Vec<Address>,
}

impl Homes {
    fn new_address(&mut self, source: &mut Source, municipality: &'static Municipality) -> i64 {
        let id = source.address_id();
        self.addresses.push(Address::draw(&mut source.dice, id, municipality));
        id
    }
}

impl Source {
    /// Gives every living person a home: couples share one, children live with who holds custody over them.
    pub(crate) fn homes(&mut self, family: &Family, ties: &[Tie]) -> Homes {
        let mut homes = Homes::default();
        let living = |seat: &Seat| family.at(*seat).death.is_none();
        let minor = |seat: &Seat| family.at(*seat).majority() > self.as_of;
        let (minors, adults): (Vec<Seat>, Vec<Seat>) = family.seats().filter(living).partition(minor);
        for seat in adults {
            self.home_of_adult(family, seat, &mut homes);
        }
        for seat in minors {
            let holder = ties.iter().find_map(|tie| match tie.holder {
                Holder::Person(holder)
                    if tie.child == seat && tie.until.is_none() && tie.kind == Kind::Person =>
                {
                    homes.now.get(&holder).copied()
                }
                _ => None,
            });
            let home = match holder {
                Some(home) => home,
                None => homes.new_address(self, family.at(seat).home),
            };
            homes.now.insert(seat, home);
        }
        homes
    }

    fn home_of_adult(&mut self, family: &Family, seat: Seat, homes: &mut Homes) {
        let member = family.at(seat);
        if let Some(couple) = family.partnership_now(seat) {
            let shared = homes.now.get(&couple.other(seat)).copied();
            let home = shared.unwrap_or_else(|| homes.new_address(self, member.home));
            homes.now.insert(seat, home);
            return;
        }
        let young = self.as_of.age(member.birth) < 26 && self.dice.percent(55);
        let parents = family.parents_of(seat).into_iter().flatten().find_map(|parent| homes.now.get(&parent));
        if let Some(&home) = parents.filter(|_| young && member.care == Care::Usual) {
            homes.now.insert(seat, home);
            return;
        }
        let childless = family.children_of(seat).next().is_none();
        let abroad = self.dice.permille(60) && childless && member.care == Care::Usual;
        if !abroad {
            let home = homes.new_address(self, member.home);
            homes.now.insert(seat, home);
        }
    }

    /// Draws where a person lived when.
    pub(crate) fn residences(&mut self, family: &Family, seat: Seat, homes: &mut Homes) -> Vec<Residence> {
        let member = family.at(seat);
        let person_id = member.id;
        let mut rows = Vec::new();
        let mut add = |address_id, kind, from, until| {
            rows.push(Residence { person_id, address_id, kind, from, until });
        };
        if let Some(death) = member.death {
            if member.care != Care::Usual || self.dice.percent(60) {
                let from = self.dice.day(member.here_since(), death.plus_days(-1));
                add(homes.new_address(self, member.home), "residence", from.min(death), Some(death));
            }
            return rows;
        }
        let Some(&now) = homes.now.get(&seat) else {
            if self.dice.percent(50) {
                let from = self.dice.day(member.here_since(), self.as_of);
                add(homes.new_address(self, member.home), "whereabouts", from, None);
            }
            return rows;
        };
        let here = member.here_since();
        let from = self.moved_in(family, seat);
        add(now, "residence", from, None);
        if here < from && self.dice.percent(45) {
            let parents =
                family.parents_of(seat).into_iter().flatten().find_map(|parent| homes.now.get(&parent));
            match parents.copied().filter(|&address| address != now) {
                Some(address) => add(address, "residence", here, Some(from)),
                None if self.dice.percent(40) => {
                    let place = self.atlas.draw(&mut self.dice, member.heritage);
                    let since = self.dice.day(here, from.plus_days(-1));
                    add(homes.new_address(self, place), "residence", since, Some(from));
                }
                None => {}
            }
        }
        if self.dice.percent(6) {
            let place = self.atlas.draw(&mut self.dice, member.heritage);
            let since = self.dice.day(here, self.as_of);
            add(homes.new_address(self, place), "additional", since, None);
        }
        rows
    }

    /// The day on which a person moved to the present home.
    fn moved_in(&mut self, family: &Family, seat: Seat) -> Day {
        let member = family.at(seat);
        let here = member.here_since();
        let majority = member.majority();
        if majority > self.as_of {
            return here;
        }
        match family.partnership_now(seat) {
            Some(couple) => couple.from.max(here),
            None => self.dice.day(here.max(majority), self.as_of),
        }
    }
}

impl Record for Residence {
    const TABLE: &'static str = "residence_history";
    const COLUMNS: &'static [&'static str] =
        &["person_id", "address_id", "kind", "valid_from", "valid_until"];

    fn write(&self, cells: &mut Cells) -> sqlx::Result<()> {
        cells.number(self.person_id)?;
        cells.number(self.address_id)?;
        cells.text(self.kind)?;
        cells.day(self.from)?;
        cells.day_or_null(self.until)
    }
}
