// SPDX-License-Identifier: Apache-2.0
//! A register as a stream: family after family, each with all its rows, none kept.

use std::collections::VecDeque;

use crate::{
    address::Address,
    cast::Cast,
    contact::Contact,
    custody::{Custody, custodies},
    document::Document,
    error::Error,
    family::Family,
    kinship::{Relation, relations},
    person::{Citizenship, FormerName, Person, former_names},
    plan::Plan,
    residence::Residence,
    restriction::Restriction,
    source::Source,
};

/// Every row of one family.
#[derive(Default, Debug)]
pub struct Records {
    /// Rows of `address`.
    pub addresses: Vec<Address>,
    /// Rows of `person`.
    pub people: Vec<Person>,
    /// Rows of `name_history`.
    pub former_names: Vec<FormerName>,
    /// Rows of `citizenship`.
    pub citizenships: Vec<Citizenship>,
    /// Rows of `residence_history`.
    pub residences: Vec<Residence>,
    /// Rows of `contact`.
    pub contacts: Vec<Contact>,
    /// Rows of `document`.
    pub documents: Vec<Document>,
    /// Rows of `relation`.
    pub relations: Vec<Relation>,
    /// Rows of `custody`.
    pub custodies: Vec<Custody>,
    /// Rows of `access_restriction`.
    pub restrictions: Vec<Restriction>,
}

impl Source {
    /// Makes every row of a family.
    pub fn records(&mut self, family: &Family) -> Records {
        let ties = self.custody(family);
        let mut homes = self.homes(family, &ties);
        let mut records = Records {
            relations: relations(family),
            custodies: custodies(family, &ties),
            ..Records::default()
        };
        for seat in family.seats() {
            let member = family.at(seat);
            let home = homes.now.get(&seat).copied();
            records.people.push(self.person_record(family, seat, home));
            records.former_names.extend(former_names(member));
            records.citizenships.append(&mut self.citizenships(member));
            records.residences.append(&mut self.residences(family, seat, &mut homes));
            records.contacts.append(&mut self.contacts(member));
            records.documents.append(&mut self.documents(member));
            records.restrictions.extend(self.restriction(member));
        }
        records.addresses = homes.addresses;
        records
    }
}

/// The families of a register, one after another: first those of the cast, then as many as the plan asks for.
#[derive(Debug)]
pub struct Register {
    source: Source,
    planted: VecDeque<Family>,
    left: usize,
    cast: Cast,
}

impl Register {
    /// Begins a register.
    ///
    /// # Errors
    /// Where the plan cannot be carried out.
    pub fn begin(plan: &Plan) -> Result<Self, Error> {
        plan.check()?;
        let mut source = Source::new(plan);
        let (planted, cast) = source.cast()?;
        let people = usize::try_from(plan.people).unwrap_or(usize::MAX);
        Ok(Self { source, planted: planted.into(), left: people, cast })
    }

    /// The cast.
    pub fn cast(&self) -> &Cast {
        &self.cast
    }

    fn next_family(&mut self) -> Result<Option<Family>, Error> {
        let family = match self.planted.pop_front() {
            Some(family) => family,
            None if self.left == 0 => return Ok(None),
            None => self.source.family(self.left)?,
        };
        self.left = self.left.saturating_sub(family.len());
        Ok(Some(family))
    }
}

impl Iterator for Register {
    type Item = Result<(Family, Records), Error>;

    fn next(&mut self) -> Option<Self::Item> {
        let family = self.next_family().transpose()?;
        Some(family.map(|family| {
            let records = self.source.records(&family);
            (family, records)
        }))
    }
}
