// SPDX-License-Identifier: Apache-2.0
//! The answer to a query that was allowed, before a door shapes it.

use paasla_core::{FieldDecision, Obligation, Value};

/// An answer. Doors shape it; they add and leave out nothing that matters.
#[derive(Debug, Clone)]
pub struct Answer {
    /// The decision's id, also the audit record's.
    pub id: String,
    /// The rulebook's generation.
    pub generation: u64,
    /// The purpose it was decided for, as a full IRI.
    pub purpose: String,
    /// The legal basis it was decided on, as a full IRI.
    pub legal_basis: String,
    /// Every field asked for, in the order asked, with what may be seen of it.
    pub fields: Vec<AnswerField>,
    /// Obligations that the client has to observe.
    pub obligations: Vec<Obligation>,
    /// The rows found.
    pub rows: Vec<AnswerRow>,
    /// Whether there were more rows than the limit.
    pub more: bool,
}

/// One field asked for.
#[derive(Debug, Clone)]
pub struct AnswerField {
    /// Its name in the service: `birthDate`, `custody.otherCode`.
    pub name: String,
    /// The group of rows it belongs to.
    pub group: Option<String>,
    /// What may be seen of it, and why not more.
    pub decision: FieldDecision,
}

/// One row of the entity: its own cells, and the rows of its groups.
#[derive(Debug, Clone, Default)]
pub struct AnswerRow {
    /// Its own cells: index into [`Answer::fields`], and the cell. Hidden fields have none.
    pub cells: Vec<(usize, Cell)>,
    /// The groups asked for of which any field may be seen, each with its rows (maybe none), in the order asked.
    pub groups: Vec<(String, Vec<GroupRow>)>,
}

/// One row of a group: index into [`Answer::fields`], and the cell.
pub type GroupRow = Vec<(usize, Cell)>;

/// One value as it may be seen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cell {
    /// The value, masked if need be. Absent when the register has none, or when it is redacted.
    pub value: Value,
    /// How much of it is shown, and why not more, where this row differs from [`AnswerField::decision`].
    pub narrowed: Option<FieldDecision>,
    /// The mask in force, whether for the whole query or for this row: `show` when the value is whole.
    pub visibility: paasla_core::Visibility,
}
