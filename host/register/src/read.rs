// SPDX-License-Identifier: Apache-2.0
//! What one query reads, after it has been decided.

use std::fmt;

use paasla_core::{Condition, Date, Value, Visibility};

/// The most rows of one group that one record gets.
pub const GROUP_ROWS_MAX: u32 = 1000;

/// What one query reads.
#[derive(Clone)]
pub struct Read {
    /// The entity.
    pub entity: String,
    /// Key fields, each with the values it may have. All must hold.
    pub keys: Vec<(String, Vec<Value>)>,
    /// The fields in the query's order, each with the most that may be seen of it.
    pub fields: Vec<(String, Visibility)>,
    /// The facts that rules want to see with every row.
    pub row_facts: Vec<String>,
    /// What every row must fulfil.
    pub conditions: Vec<Condition>,
    /// The query's date where the register is.
    pub date: Date,
    /// The most records.
    pub limit: u32,
    /// Whether rules will see the rows and may narrow further: then the columns that coarser masks would need are
    /// read too.
    pub review: bool,
}

impl fmt::Debug for Read {
    /// Tells no key values.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let keys: Vec<(&str, usize)> =
            self.keys.iter().map(|(name, values)| (name.as_str(), values.len())).collect();
        f.debug_struct("Read")
            .field("entity", &self.entity)
            .field("keys", &keys)
            .field("fields", &self.fields)
            .field("row_facts", &self.row_facts)
            .field("limit", &self.limit)
            .field("review", &self.review)
            .finish_non_exhaustive()
    }
}
