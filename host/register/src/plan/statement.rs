// SPDX-License-Identifier: Apache-2.0
//! One SQL text of a plan.

use std::fmt;

use paasla_core::Value;

use crate::{
    description::ValueKind,
    sql::{Dialect, padded},
};

/// What one column of the answer tells of a field. The field is named by its index in the query.
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

/// One SQL text of a plan. Its answer's columns are: the record's key, the facts, the parts of fields.
#[derive(Clone)]
pub struct Statement {
    pub(super) group: Option<String>,
    pub(super) dialect: Dialect,
    /// The whole text; for a group with one record key.
    pub(super) sql: String,
    /// For a group: the text before and after the placeholders of record keys.
    pub(super) around_keys: Option<(String, String)>,
    pub(super) binds: Vec<Value>,
    pub(super) kinds: Vec<ValueKind>,
    /// For every fact of the query: whether this statement reads it.
    pub(super) facts: Vec<bool>,
    pub(super) parts: Vec<Part>,
}

impl Statement {
    /// The group whose rows it reads; none for the records themselves.
    #[must_use]
    pub fn group(&self) -> Option<&str> {
        self.group.as_deref()
    }

    /// The SQL. A group's text is shown for one record; for more, its `IN` list is longer.
    #[must_use]
    pub fn sql(&self) -> &str {
        &self.sql
    }

    /// How many values are bound in [`Statement::sql`].
    #[must_use]
    pub fn bind_count(&self) -> usize {
        self.binds.len() + usize::from(self.around_keys.is_some())
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

    /// The field that a column of the answer belongs to; none for the key and the facts.
    pub(crate) fn field_of_column(&self, column: usize) -> Option<usize> {
        let before = 1 + self.facts.iter().filter(|&&read| read).count();
        self.parts.get(column.checked_sub(before)?).map(|part| part.field())
    }

    /// The text and values for these records; `keys` are not used by the statement of the records themselves.
    pub(crate) fn prepared(&self, keys: &[Value]) -> (String, Vec<Value>) {
        let mut binds = self.binds.clone();
        let Some((before, after)) = &self.around_keys else { return (self.sql.clone(), binds) };
        let keys = padded(keys);
        let places = self.dialect.placeholders(binds.len() + 1, keys.len());
        binds.extend(keys);
        (format!("{before}{places}{after}"), binds)
    }
}

impl fmt::Debug for Statement {
    /// Tells the SQL, none of the values.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Statement")
            .field("group", &self.group)
            .field("sql", &self.sql)
            .finish_non_exhaustive()
    }
}
