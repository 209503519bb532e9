// SPDX-License-Identifier: Apache-2.0
//! A row of a table, and how its values reach the database.

use sqlx::{Arguments, sqlite::SqliteArguments};

use crate::day::Day;

/// A row that can be written.
pub trait Record {
    /// The table.
    const TABLE: &'static str;
    /// The columns, in the order in which `write` gives the values.
    const COLUMNS: &'static [&'static str];

    /// Gives the values, one for each column.
    ///
    /// # Errors
    /// Where a value cannot be bound to a statement.
    fn write(&self, cells: &mut Cells) -> sqlx::Result<()>;
}

/// The values of rows on their way to a statement.
#[derive(Default, Debug)]
pub struct Cells(SqliteArguments);

impl Cells {
    /// A text.
    ///
    /// # Errors
    /// Where the value cannot be bound.
    pub fn text(&mut self, text: &str) -> sqlx::Result<()> {
        self.0.add(text).map_err(sqlx::Error::Encode)
    }

    /// A text or NULL.
    ///
    /// # Errors
    /// Where the value cannot be bound.
    pub fn text_or_null(&mut self, text: Option<&str>) -> sqlx::Result<()> {
        self.0.add(text).map_err(sqlx::Error::Encode)
    }

    /// A number.
    ///
    /// # Errors
    /// Where the value cannot be bound.
    pub fn number(&mut self, number: i64) -> sqlx::Result<()> {
        self.0.add(number).map_err(sqlx::Error::Encode)
    }

    /// A number or NULL.
    ///
    /// # Errors
    /// Where the value cannot be bound.
    pub fn number_or_null(&mut self, number: Option<i64>) -> sqlx::Result<()> {
        self.0.add(number).map_err(sqlx::Error::Encode)
    }

    /// A day, as `YYYY-MM-DD`.
    ///
    /// # Errors
    /// Where the value cannot be bound.
    pub fn day(&mut self, day: Day) -> sqlx::Result<()> {
        self.0.add(day.to_string()).map_err(sqlx::Error::Encode)
    }

    /// A day or NULL.
    ///
    /// # Errors
    /// Where the value cannot be bound.
    pub fn day_or_null(&mut self, day: Option<Day>) -> sqlx::Result<()> {
        self.0.add(day.map(|day| day.to_string())).map_err(sqlx::Error::Encode)
    }

    /// What was gathered, ready for a statement.
    pub(crate) fn take(&mut self) -> SqliteArguments {
        std::mem::take(&mut self.0)
    }
}
