// SPDX-License-Identifier: Apache-2.0
//! Derivations: how a field is computed by the database from columns that are not disclosed themselves.
//!
//! A closed set, so that everything a description can say becomes one SQL expression that means the same in every database,
//! and nothing of it can read more than its inputs.

use super::{entity::ColumnRef, field::FieldType};

/// The highest age that a description may ask about, in years.
pub const AGE_YEARS_MAX: u8 = 150;

/// How the answer of a derived field is computed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Derivation {
    /// An age in whole years on the query's date where the register is. Absent without a date of birth, and before it.
    Age(ColumnRef),
    /// Whether all of these hold. Absent as soon as for one of them it is not known.
    All(Vec<Criterion>),
}

/// What may be asked of one column.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Criterion {
    /// Whether so many years are completed since this date, on the query's date where the register is. Not known where the
    /// column is empty. Who was born on 29 February completes a year on 1 March where the year has no such day.
    AgeAtLeast {
        /// The date of birth.
        born: ColumnRef,
        /// The years, from 1 to [`AGE_YEARS_MAX`].
        years: u8,
    },
    /// Whether the column is empty. Not known where the row of a joined table is not there.
    IsAbsent(ColumnRef),
    /// Whether the column has this value. Not known where it is empty.
    Equals(ColumnRef, String),
}

impl Derivation {
    /// What its answers are.
    #[must_use]
    pub fn field_type(&self) -> FieldType {
        match self {
            Self::Age(_) => FieldType::Integer,
            Self::All(_) => FieldType::Boolean,
        }
    }

    /// The columns that it is computed from, each with what is asked of it.
    pub fn inputs(&self) -> impl Iterator<Item = Input<'_>> {
        let (age, criteria) = match self {
            Self::Age(born) => (Some(Input::Date(born)), [].as_slice()),
            Self::All(criteria) => (None, criteria.as_slice()),
        };
        age.into_iter().chain(criteria.iter().map(Criterion::input))
    }
}

impl Criterion {
    /// The column that it asks about.
    #[must_use]
    pub fn input(&self) -> Input<'_> {
        match self {
            Self::AgeAtLeast { born, .. } => Input::Date(born),
            Self::IsAbsent(column) => Input::Presence(column),
            Self::Equals(column, value) => Input::Code(column, value),
        }
    }
}

/// A column that an answer is computed from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Input<'a> {
    /// A date, from which years are counted.
    Date(&'a ColumnRef),
    /// A value that is compared with this one.
    Code(&'a ColumnRef, &'a str),
    /// Only whether there is a value.
    Presence(&'a ColumnRef),
}

impl<'a> Input<'a> {
    /// The column.
    #[must_use]
    pub fn column(self) -> &'a ColumnRef {
        match self {
            Self::Date(column) | Self::Code(column, _) | Self::Presence(column) => column,
        }
    }
}
