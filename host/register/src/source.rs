// SPDX-License-Identifier: Apache-2.0
//! Sources: databases that a plan is run on.

use async_trait::async_trait;
use paasla_core::Value;

use crate::{
    plan::{Plan, Statement},
    rows::{Collector, Misshapen, Rows},
    sql::padded,
};

/// The most rows of the entity whose group rows are read with one statement.
const PARENTS_PER_STATEMENT: usize = 512;

/// Why a read failed. Holds no database message: it might repeat a value.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ReadError {
    /// It took longer than the configured time, or no connection was free in that time.
    #[error("the register did not answer in time")]
    Timeout,
    /// The database refused or failed.
    #[error("the register's database failed ({kind}, code {})", .code.as_deref().unwrap_or("none"))]
    Database {
        /// What failed: `connection`, `query`, `answer`.
        kind: &'static str,
        /// The database's own code, e.g. an SQLSTATE.
        code: Option<String>,
    },
    /// The database lacks tables or columns that the description names.
    #[error("the register lacks what its description names: {0}")]
    Missing(String),
    /// A value in the database is not of the described type, e.g. a date that does not exist.
    #[error("the register holds a value of field `{0}` that is not of its type")]
    Value(String),
    /// The answer has another shape than was asked for.
    #[error("the register's database answered in another shape than asked")]
    Shape,
}

impl From<Misshapen> for ReadError {
    fn from(_: Misshapen) -> Self {
        Self::Shape
    }
}

/// A register's database.
#[async_trait]
pub trait Source: Send + Sync {
    /// Runs a plan on one state of the register.
    ///
    /// # Errors
    /// When the database fails, is too slow, or holds values of other types than described.
    async fn read(&self, plan: &Plan) -> Result<Rows, ReadError>;

    /// Whether the register can be read now. If another file was put in its place, that one is read from now on, or
    /// nothing as long as it cannot be.
    ///
    /// # Errors
    /// When the database cannot be reached in time, or lacks what the description names.
    async fn ready(&self) -> Result<(), ReadError>;
}

/// What a kind of database must do for itself: run one text, and read each column as the kind that the statement
/// names.
pub(crate) trait Fetch {
    fn fetch<'v>(
        &mut self,
        plan: &Plan,
        statement: &Statement,
        sql: &str,
        binds: impl Iterator<Item = &'v Value>,
    ) -> Result<Vec<Vec<Value>>, ReadError>;
}

/// Runs all statements of a plan.
pub(crate) fn run(plan: &Plan, database: &mut impl Fetch) -> Result<Rows, ReadError> {
    let mut collector = Collector::new(plan);
    for (statement, binds) in plan.bound() {
        if statement.group().is_none() {
            let answer = database.fetch(plan, statement, statement.sql(), binds.iter())?;
            collector.entity_rows(statement, answer)?;
        } else {
            let keys = collector.keys().to_vec();
            for keys in keys.chunks(PARENTS_PER_STATEMENT) {
                let binds = binds.iter().chain(padded(keys));
                let answer = database.fetch(plan, statement, &statement.text(keys.len()), binds)?;
                collector.group_rows(statement, answer)?;
            }
        }
    }
    Ok(collector.finish())
}
