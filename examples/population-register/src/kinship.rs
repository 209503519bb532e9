// SPDX-License-Identifier: Apache-2.0
//! The rows of `relation`: who is whose parent, child and spouse.

use crate::{
    day::Day,
    family::{Ending, Family},
    record::{Cells, Record},
};

/// A row of `relation`: `other_person_id` is the `kind` of `person_id`.
#[derive(Clone, Copy, Debug)]
pub struct Relation {
    person_id: i64,
    other_person_id: i64,
    kind: &'static str,
    from: Day,
    until: Option<Day>,
}

/// Every relation of a family, in both directions.
pub(crate) fn relations(family: &Family) -> Vec<Relation> {
    let mut rows = Vec::new();
    for seat in family.seats() {
        let child = family.at(seat);
        for parent in family.parents_of(seat).into_iter().flatten() {
            let parent = family.at(parent);
            let row = |person_id, other_person_id, kind| Relation {
                person_id,
                other_person_id,
                kind,
                from: child.birth,
                until: None,
            };
            rows.push(row(child.id, parent.id, "parent"));
            rows.push(row(parent.id, child.id, "child"));
        }
    }
    for couple in &family.couples {
        let Some(from) = couple.married else {
            continue;
        };
        let until = couple.ended.filter(|(_, how)| *how != Ending::Parting).map(|(day, _)| day);
        let (woman, man) = (family.at(couple.woman).id, family.at(couple.man).id);
        for (person_id, other_person_id) in [(woman, man), (man, woman)] {
            rows.push(Relation { person_id, other_person_id, kind: "spouse", from, until });
        }
    }
    rows
}

impl Record for Relation {
    const TABLE: &'static str = "relation";
    const COLUMNS: &'static [&'static str] =
        &["person_id", "other_person_id", "kind", "valid_from", "valid_until"];

    fn write(&self, cells: &mut Cells) -> sqlx::Result<()> {
        cells.number(self.person_id)?;
        cells.number(self.other_person_id)?;
        cells.text(self.kind)?;
        cells.day(self.from)?;
        cells.day_or_null(self.until)
    }
}
