// SPDX-License-Identifier: Apache-2.0
//! Rows of the answer: reviewed by rules, masked by the host.

use std::collections::BTreeMap;

use paasla_core::{Decision, FieldDecision, Query, RowDecision};
use paasla_register::{Description, MaskContext, Masker, Row, Rows};

use super::answer::{AnswerRow, Cell};

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

/// What masks a row's cells.
pub(crate) struct Shaper<'a> {
    pub(crate) description: &'a Description,
    pub(crate) entity: &'a str,
    pub(crate) query: &'a Query,
    pub(crate) masker: &'a Masker,
    /// For each field of the query, its place in the answer; none if it was only looked up by.
    pub(crate) places: &'a [Option<usize>],
    /// The groups asked for of which any field may be seen, in the order asked.
    pub(crate) groups: &'a [&'a str],
    pub(crate) decision: &'a Decision,
    /// Whether a row may be found, by its decision.
    pub(crate) may_be_found: &'a dyn Fn(&RowDecision) -> bool,
    /// The place from which on rows are beyond the limit.
    pub(crate) end: usize,
}

impl Shaper<'_> {
    /// The rows of the answer, each with its groups, by the place where they were read; rows that are left out are not in it.
    pub(crate) fn answer_rows(&self, rows: &Rows, decisions: &[RowDecision]) -> BTreeMap<usize, AnswerRow> {
        let context = MaskContext { client: self.query.client.as_str(), purpose: &self.query.purpose.iri };
        let mut shaped: BTreeMap<usize, AnswerRow> = BTreeMap::new();
        for (place, (row, settled)) in rows.rows.iter().zip(decisions).enumerate() {
            if !settled.drops.is_empty() {
                continue;
            }
            let cells = self.cells(row, settled, &context);
            match (&row.group, row.parent) {
                (Some(group), Some(parent)) => {
                    // A row of a group goes with the row it belongs to.
                    let Some(parent) = shaped.get_mut(&parent) else { continue };
                    if let Some((_, list)) = parent.groups.iter_mut().find(|(name, _)| name == group) {
                        list.push(cells);
                    }
                }
                _ if place >= self.end || !(self.may_be_found)(settled) => {}
                _ => {
                    let groups = self.groups.iter().map(|group| ((*group).to_owned(), Vec::new())).collect();
                    shaped.insert(place, AnswerRow { cells, groups });
                }
            }
        }
        shaped
    }

    fn cells(&self, row: &Row, settled: &RowDecision, context: &MaskContext<'_>) -> Vec<(usize, Cell)> {
        let cell = |(field, read): &(usize, paasla_register::Cell)| {
            let name = &self.query.fields.get(*field)?.name;
            let described = self.description.field(self.entity, name)?;
            let own: &FieldDecision = settled.fields.get(*field)?;
            let (value, visibility) = self.masker.mask(read, described, own.visibility, context);
            let usual = self.decision.fields.get(*field)?;
            let narrowed = (own != usual).then(|| FieldDecision { visibility, reasons: own.reasons.clone() });
            Some(((*self.places.get(*field)?)?, Cell { value, narrowed, visibility }))
        };
        row.cells.iter().filter_map(cell).collect()
    }
}
