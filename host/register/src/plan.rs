// SPDX-License-Identifier: Apache-2.0
//! Plans: SQL that reads just what may be seen. A hidden field's column is in no text of a plan, unless something
//! visible, a key or a fact needs the same column. Of a derived field its inputs are in the text, inside an expression: only the
//! answer is read.

mod bind;
mod derived;
mod facts;
mod statement;
mod template;

use std::fmt;

use paasla_core::{Value, Visibility};

pub(crate) use self::bind::Bind;
pub(crate) use self::statement::Part;
pub use self::statement::Statement;
use self::template::PlanTemplate;
pub use crate::read::{KEY_VALUES_MAX, LIMIT_MAX};
use crate::{description::Description, read::Read, sql::Dialect};

/// Why a read cannot be planned. Fields and keys are named by their index: their names may come from outside.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PlanError {
    /// The register has no such entity.
    #[error("the register has no entity `{0}`")]
    UnknownEntity(String),
    /// The entity has no such field.
    #[error("field {0} of the read is not in the register")]
    UnknownField(usize),
    /// No key: the whole register would be read.
    #[error("a read needs at least one key")]
    NoKeys,
    /// The field is unknown, belongs to a group, or is not declared as a key.
    #[error("key {0} of the read is no key of the register")]
    NotAKey(usize),
    /// No value, or one of another type than the field's.
    #[error("key {0} of the read has no values, or one of a wrong type")]
    KeyType(usize),
    /// Too many key values, or too many rows asked for.
    #[error("the read asks for too much: at most {KEY_VALUES_MAX} key values and {LIMIT_MAX} rows")]
    TooMuch,
    /// The entity has no such fact.
    #[error("the register has no fact `{0}`")]
    UnknownFact(String),
    /// The value is not of the fact's type.
    #[error("a condition on fact `{0}` has a value of a wrong type")]
    ConditionType(String),
    /// Only dates and whole numbers have an order that every database agrees on.
    #[error("a condition asks for an order of fact `{0}`, which has none")]
    NotOrdered(String),
}

/// The SQL for one read, and the values to bind in it.
#[derive(Clone, PartialEq, Eq)]
pub struct Plan {
    /// Everything that does not depend on values.
    template: PlanTemplate,
    /// For each statement its values.
    binds: Vec<Vec<Value>>,
    limit: u32,
}

impl Plan {
    /// Plans a read.
    ///
    /// # Errors
    /// When the read names what the register does not have, compares what cannot be compared, has no key, or asks
    /// for too much.
    pub fn new<N: AsRef<str>>(
        description: &Description,
        dialect: Dialect,
        read: &Read<N>,
    ) -> Result<Self, PlanError> {
        let template = PlanTemplate::new(description, dialect, read)?;
        let values = |statement: &Statement| statement.binds().iter().map(|bind| bind.value(read)).collect();
        let binds = template.statements.iter().map(values).collect();
        Ok(Self { template, binds, limit: read.limit })
    }

    /// All SQL of the plan: first the rows of the entity, then one for every group that anything is seen of.
    #[must_use]
    pub fn statements(&self) -> &[Statement] {
        &self.template.statements
    }

    /// The statements, each with the values that are bound in it.
    pub(crate) fn bound(&self) -> impl Iterator<Item = (&Statement, &[Value])> {
        self.statements().iter().zip(self.binds.iter().map(Vec::as_slice))
    }

    /// Whether one text is all there is to run: it then sees one state of the register by itself.
    #[must_use]
    pub fn is_one_statement(&self) -> bool {
        matches!(self.statements(), [only] if only.group().is_none())
    }

    /// For every field of the read, the most that can be seen of it: a mask that does not fit has become `redact`.
    #[must_use]
    pub fn visibilities(&self) -> &[Visibility] {
        &self.template.visibilities
    }

    /// The most rows of an answer, those of groups aside.
    #[must_use]
    pub fn limit(&self) -> u32 {
        self.limit
    }

    /// The names of the read's fields.
    pub(crate) fn field_name(&self, index: usize) -> Option<&str> {
        self.template.field_names.get(index).map(String::as_str)
    }
}

impl fmt::Debug for Plan {
    /// Tells the SQL, none of the values.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Plan")
            .field("template", &self.template)
            .field("limit", &self.limit)
            .finish_non_exhaustive()
    }
}
