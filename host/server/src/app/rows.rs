// SPDX-License-Identifier: Apache-2.0
//! From rows that were read to records that may leave: reviewed by rules, masked by the host.

use std::collections::BTreeMap;

use paasla_core::{Decision, FieldDecision, Query, RowDecision, RowRuling, Value, Visibility};
use paasla_engine::{Activated, RowInput};
use paasla_register::{Description, MaskContext, Masker, Row, Rows};

use super::answer::{AnswerRecord, Cell};

/// Rows as a reviewing rule is given them: raw values only where they are shown in full.
pub(crate) fn inputs(rows: &Rows, facts: &[String]) -> Vec<RowInput> {
    let input = |row: &Row| RowInput {
        group: row.group.clone(),
        parent: row.parent.and_then(|parent| u32::try_from(parent).ok()),
        facts: facts.iter().cloned().zip(row.facts.iter().cloned()).collect(),
        cells: row.cells.iter().filter_map(|(i, cell)| Some((*i, cell.shown()?.clone()))).collect(),
    };
    rows.rows.iter().map(input).collect()
}

/// Every row's own decision: the query's, narrowed by what reviewers said.
pub(crate) fn settle(
    query: &Query,
    decision: &Decision,
    rows: &Rows,
    reviews: &[(&Activated, Vec<RowRuling>)],
) -> Vec<RowDecision> {
    let mut decisions: Vec<RowDecision> = rows.rows.iter().map(|_| RowDecision::new(decision)).collect();
    let mut given: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
    for (reviewer, rulings) in reviews {
        for ruling in rulings {
            let (Some(row), Some(settled)) = (rows.rows.get(ruling.row), decisions.get_mut(ruling.row))
            else {
                continue;
            };
            settled.add(ruling);
            if !ruling.replacements.is_empty() {
                let seen = row.cells.iter().map(|(field, _)| *field).filter(|f| reviewer.reads(query, *f));
                given.entry(ruling.row).or_default().extend(seen);
            }
        }
    }
    for (place, settled) in decisions.iter_mut().enumerate() {
        settled.settle(&query.fields, given.get(&place).map_or(&[], Vec::as_slice));
    }
    decisions
}

/// Whether a field of a query is seen in full under a decision.
pub(crate) fn shows_all(
    description: &Description,
    entity: &str,
    query: &Query,
    place: usize,
    decision: Option<&FieldDecision>,
) -> bool {
    let described = query.fields.get(place).and_then(|field| description.field(entity, &field.name));
    described.zip(decision).is_some_and(|(field, decision)| field.shows_all(decision.visibility))
}

/// What masks a record's cells.
pub(crate) struct Shaper<'a, 'n> {
    pub(crate) description: &'a Description,
    pub(crate) entity: &'a str,
    pub(crate) query: &'a Query,
    pub(crate) masker: &'a Masker,
    /// For each field of the query, its place in the answer; none if it was only looked up by.
    pub(crate) places: &'a [Option<usize>],
    /// The groups asked for of which any field may be seen, in the order asked.
    pub(crate) groups: &'a [&'n str],
    pub(crate) decision: &'a Decision,
    /// The fields looked up by.
    pub(crate) search: &'a [usize],
}

impl<'n> Shaper<'_, 'n> {
    /// The records, each with its groups, by the place of their row; rows that are left out are not in it.
    pub(crate) fn records(
        &self,
        rows: &Rows,
        decisions: &[RowDecision],
    ) -> BTreeMap<usize, AnswerRecord<'n>> {
        let context = MaskContext { client: self.query.client.as_str(), purpose: &self.query.purpose.iri };
        let mut records: BTreeMap<usize, AnswerRecord<'n>> = BTreeMap::new();
        for (place, (row, settled)) in rows.rows.iter().zip(decisions).enumerate() {
            if !settled.drops.is_empty() {
                continue;
            }
            let cells = self.cells(row, settled, &context);
            match (&row.group, row.parent) {
                (Some(group), Some(parent)) => {
                    // A row whose record was left out goes with it.
                    let Some(record) = records.get_mut(&parent) else { continue };
                    if let Some((_, list)) = record.groups.iter_mut().find(|(name, _)| name == group) {
                        list.push(cells);
                    }
                }
                _ if !self.may_be_found(settled) => {}
                _ => {
                    let groups = self.groups.iter().map(|group| (*group, Vec::new())).collect();
                    records.insert(place, AnswerRecord { cells, groups });
                }
            }
        }
        records
    }

    /// Whether everything that the record was found by is seen in full in it: that it was found would tell the rest.
    fn may_be_found(&self, settled: &RowDecision) -> bool {
        let own = |place| settled.fields.get(place);
        self.search
            .iter()
            .all(|&place| shows_all(self.description, self.entity, self.query, place, own(place)))
    }

    fn cells(&self, row: &Row, settled: &RowDecision, context: &MaskContext<'_>) -> Vec<(usize, Cell)> {
        let cell = |(field, read): &(usize, paasla_register::Cell)| {
            let name = &self.query.fields.get(*field)?.name;
            let described = self.description.field(self.entity, name)?;
            let own: &FieldDecision = settled.fields.get(*field)?;
            let (value, visibility) = match settled.replacements.get(field) {
                Some(replacement)
                    if described.field_type().kind().fits(replacement) || replacement.is_absent() =>
                {
                    (replacement.clone(), Visibility::Show)
                }
                Some(_) => (Value::Absent, Visibility::Masked(paasla_core::Mask::Redact)),
                None => self.masker.mask(read, described, own.visibility, context),
            };
            let usual = self.decision.fields.get(*field)?;
            let narrowed = (own != usual).then(|| FieldDecision { visibility, reasons: own.reasons.clone() });
            Some(((*self.places.get(*field)?)?, Cell { value, narrowed, visibility }))
        };
        row.cells.iter().filter_map(cell).collect()
    }
}
