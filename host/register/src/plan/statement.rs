// SPDX-License-Identifier: Apache-2.0
//! Statements: the SQL texts of a plan, each with what its columns mean.

use std::{borrow::Cow, ops::Range};

use super::bind::Bind;
use crate::{
    description::ValueKind,
    sql::{Dialect, padded_len},
};

/// What one column of the answer holds of a field. The field is named by its index in the query.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Part {
    /// The value itself.
    Raw(usize),
    /// The municipality in its place.
    Municipality(usize),
    /// The county in its place.
    County(usize),
    /// Only whether there is a value.
    Presence(usize),
}

impl Part {
    pub(crate) fn field(self) -> usize {
        match self {
            Self::Raw(field) | Self::Municipality(field) | Self::County(field) | Self::Presence(field) => {
                field
            }
        }
    }
}

/// One SQL text of a plan. Its answer's columns are: the key of the entity's row, the facts, the parts of fields. No value of a
/// read is in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Statement {
    pub(super) group: Option<String>,
    pub(super) dialect: Dialect,
    /// The whole text; for a group with the key of one parent row.
    pub(super) sql: String,
    /// For a group: where in the text the placeholder of the parent row's key is.
    pub(super) parent_key: Option<Range<usize>>,
    pub(super) binds: Vec<Bind>,
    pub(super) kinds: Vec<ValueKind>,
    /// For every fact of the query: whether this statement reads it.
    pub(super) facts: Vec<bool>,
    pub(super) parts: Vec<Part>,
    /// Of how many fields the parts are.
    pub(super) fields: usize,
}

impl Statement {
    /// The group whose rows it reads; none for the entity's own rows.
    #[must_use]
    pub fn group(&self) -> Option<&str> {
        self.group.as_deref()
    }

    /// The SQL. A group's text is shown for one parent row; for more, its `IN` list is longer.
    #[must_use]
    pub fn sql(&self) -> &str {
        &self.sql
    }

    /// How many values are bound in [`Statement::sql`].
    #[must_use]
    pub fn bind_count(&self) -> usize {
        self.binds.len() + usize::from(self.parent_key.is_some())
    }

    /// What is bound, in order; for a group the keys of the parent rows come after it.
    pub(crate) fn binds(&self) -> &[Bind] {
        &self.binds
    }

    /// The kinds of the answer's columns, in order.
    pub(crate) fn kinds(&self) -> &[ValueKind] {
        &self.kinds
    }

    /// For every fact of the query, whether it is in the answer.
    pub(crate) fn facts(&self) -> &[bool] {
        &self.facts
    }

    pub(crate) fn parts(&self) -> &[Part] {
        &self.parts
    }

    pub(crate) fn fields(&self) -> usize {
        self.fields
    }

    /// The field that a column of the answer belongs to; none for the key and the facts.
    pub(crate) fn field_of_column(&self, column: usize) -> Option<usize> {
        let before = 1 + self.facts.iter().filter(|&&read| read).count();
        self.parts.get(column.checked_sub(before)?).map(|part| part.field())
    }

    /// The text for so many parent rows.
    pub(crate) fn text(&self, parents: usize) -> Cow<'_, str> {
        let places = padded_len(parents);
        match &self.parent_key {
            Some(place) if places != 1 => {
                let mut text = self.sql.clone();
                text.replace_range(place.clone(), &self.dialect.placeholders(self.binds.len() + 1, places));
                Cow::Owned(text)
            }
            _ => Cow::Borrowed(&self.sql),
        }
    }
}
