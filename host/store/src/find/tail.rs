// SPDX-License-Identifier: Apache-2.0
//! What finds the records of one segment, in memory, as long as there is no index of it.

use std::collections::{BTreeSet, HashMap};

use paasla_core::IndexRow;

use super::{
    hit::{Hit, Wanted},
    pieces::Pieces,
    row::{Key, Listed, Row, key, outcome_number},
};
use crate::log::Place;

/// One segment, up to some byte.
#[derive(Debug)]
pub(crate) struct Tail {
    pub(crate) segment: u32,
    /// The first byte that was not looked at.
    pub(crate) to: u64,
    /// In the order they were written.
    pub(crate) rows: Pieces<Row>,
    /// The key of each row's id.
    pub(crate) ids: Pieces<Key>,
    /// By row.
    pub(crate) subjects: Pieces<Listed<Key>>,
    pub(crate) clients: Numbers,
    pub(crate) services: Numbers,
}

/// Texts with numbers, in the order they came.
#[derive(Debug, Default)]
pub(crate) struct Numbers(HashMap<String, u32>);

impl Numbers {
    fn number(&mut self, text: &str) -> u32 {
        if let Some(number) = self.0.get(text) {
            return *number;
        }
        let number = u32::try_from(self.0.len()).unwrap_or(u32::MAX);
        self.0.insert(text.to_owned(), number);
        number
    }

    fn get(&self, text: &str) -> Option<u32> {
        self.0.get(text).copied()
    }

    /// The texts in their own order, and what becomes of each number then.
    pub(crate) fn sorted(&self) -> (Vec<String>, Vec<u32>) {
        let mut texts: Vec<(&String, u32)> = self.0.iter().map(|(text, number)| (text, *number)).collect();
        texts.sort();
        let mut places = vec![0; texts.len()];
        for (number, (_, before)) in (0..).zip(&texts) {
            if let Some(place) = usize::try_from(*before).ok().and_then(|before| places.get_mut(before)) {
                *place = number;
            }
        }
        (texts.into_iter().map(|(text, _)| text.clone()).collect(), places)
    }
}

impl Tail {
    pub(crate) fn new(segment: u32) -> Self {
        Self {
            segment,
            to: 0,
            rows: Pieces::new(),
            ids: Pieces::new(),
            subjects: Pieces::new(),
            clients: Numbers::default(),
            services: Numbers::default(),
        }
    }

    /// Adds a record that lies at `place`, by what finds it.
    pub(crate) fn add(&mut self, place: Place, finds: &IndexRow) {
        let number = u32::try_from(self.rows.len()).unwrap_or(u32::MAX);
        let client = self.clients.number(&finds.client);
        let service = finds.service.as_ref().map_or(0, |service| self.services.number(service) + 1);
        let outcome = outcome_number(finds.outcome);
        self.rows.push(Row { instant: finds.instant, place, client, service, outcome });
        self.ids.push(key(&finds.id));
        // Named twice, found once.
        let subjects: BTreeSet<Key> = finds.subjects.iter().map(|subject| key(subject)).collect();
        for what in subjects {
            self.subjects.push(Listed { what, row: number });
        }
    }

    /// What is wanted of it, newest first.
    pub(crate) fn hits(&self, wanted: &Wanted) -> Vec<Hit> {
        let local = wanted.local(|client| self.clients.get(client), |service| self.services.get(service));
        let Some(local) = local else { return Vec::new() };
        let fits = |row: &&Row| wanted.is_in_time(row) && local.fits(row);
        let mut hits: Vec<Hit> = match wanted.subject {
            Some(subject) => {
                let listed = self.subjects.iter().filter(|listed| listed.what == subject);
                listed.filter_map(|listed| self.row(listed.row)).filter(fits).map(Hit::of).collect()
            }
            None => self.rows.iter().filter(fits).map(Hit::of).collect(),
        };
        hits.sort_unstable_by(|one, other| other.cmp(one));
        hits
    }

    /// Where records with this id are.
    pub(crate) fn by_id(&self, id: &Key) -> impl Iterator<Item = Hit> {
        let rows = self.ids.iter().zip(self.rows.iter());
        rows.filter(move |(other, _)| *other == id).map(|(_, row)| Hit::of(row))
    }

    fn row(&self, number: u32) -> Option<&Row> {
        usize::try_from(number).ok().and_then(|number| self.rows.get(number))
    }
}
