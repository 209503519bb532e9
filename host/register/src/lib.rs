// SPDX-License-Identifier: Apache-2.0
//! Reads the governed data. A [`Description`] says what the register holds; a [`Read`] says what one query may
//! see; a [`Plan`] is the SQL for exactly that, and nothing hidden is in it; a [`Source`] runs the plan and gives
//! [`Rows`]; a [`Masker`] shows of each cell what the decision allows.
//!
//! This is the only room that builds SQL for the register. Errors and `Debug` texts hold no values of persons.

mod connections;
pub mod description;
pub mod mask;
pub mod plan;
pub mod read;
pub mod rows;
pub mod source;
mod sql;
pub mod sqlite;

pub use description::{
    Description, DescriptionError, Entity, Fact, FieldDescription, FieldType, Group, Problem,
    key::{self, KeyError},
};
pub use mask::{MaskContext, Masker};
pub use plan::{Plan, PlanError, Statement};
pub use read::Read;
pub use rows::{Cell, Row, RowId, Rows};
pub use source::{ReadError, Source};
pub use sql::Dialect;
pub use sqlite::{OpenError, SqliteConfig, SqliteRegister};
