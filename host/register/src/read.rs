// SPDX-License-Identifier: Apache-2.0
//! A read: what one query reads of the register, after it has been decided.

use std::fmt;

use paasla_core::{Condition, Date, Value, Visibility};

/// The most rows of one group that one row of the entity gets.
pub const GROUP_ROWS_MAX: u32 = 1000;

/// The most values that all keys of one read may have together. SQLite binds at most 32766 values.
pub const KEY_VALUES_MAX: usize = 10_000;

/// The most rows that one read may ask for, those of groups aside.
pub const LIMIT_MAX: u32 = 100_000;

/// What one query reads. Names may be borrowed: a read is planned and then gone.
#[derive(Clone)]
pub struct Read<N = String> {
    /// The entity.
    pub entity: N,
    /// Key fields, each with the values it may have. All must hold.
    pub keys: Vec<(N, Vec<Value>)>,
    /// The fields in the query's order, each with the most that may be seen of it.
    pub fields: Vec<(N, Visibility)>,
    /// The facts that rules want to see with every row.
    pub row_facts: Vec<N>,
    /// What every row must fulfil.
    pub conditions: Vec<Condition>,
    /// The query's date where the register is.
    pub date: Date,
    /// The most rows of the entity.
    pub limit: u32,
    /// Whether rules will see the rows and may narrow further: then the columns that coarser masks would need are
    /// read too.
    pub review: bool,
}

impl<N> Read<N> {
    /// Whether there are too many key values, or too many rows are asked for.
    pub(crate) fn asks_too_much(&self) -> bool {
        let values: usize = self.keys.iter().map(|(_, values)| values.len()).sum();
        values > KEY_VALUES_MAX || self.limit > LIMIT_MAX
    }
}

impl<N: AsRef<str>> fmt::Debug for Read<N> {
    /// Tells no key values.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let keys: Vec<(&str, usize)> =
            self.keys.iter().map(|(name, values)| (name.as_ref(), values.len())).collect();
        let fields: Vec<(&str, Visibility)> =
            self.fields.iter().map(|(name, visibility)| (name.as_ref(), *visibility)).collect();
        let row_facts: Vec<&str> = self.row_facts.iter().map(AsRef::as_ref).collect();
        f.debug_struct("Read")
            .field("entity", &self.entity.as_ref())
            .field("keys", &keys)
            .field("fields", &fields)
            .field("row_facts", &row_facts)
            .field("limit", &self.limit)
            .field("review", &self.review)
            .finish_non_exhaustive()
    }
}
