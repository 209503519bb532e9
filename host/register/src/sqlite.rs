// SPDX-License-Identifier: Apache-2.0
//! A register in an SQLite file, opened for reading only.

use std::{
    collections::BTreeSet,
    fmt,
    path::PathBuf,
    sync::Arc,
    time::{Duration, Instant},
};

use async_trait::async_trait;
use paasla_core::Value;
use sqlx::{
    AssertSqlSafe, ConnectOptions, Connection, Row as _, Sqlite, SqliteConnection, TypeInfo, ValueRef,
    query::Query,
    sqlite::{SqliteArguments, SqliteConnectOptions, SqliteRow},
};

use crate::{
    connections::Connections,
    description::{Description, ValueKind},
    key,
    plan::{Plan, Statement},
    rows::Rows,
    source::{Fetch, ReadError, Source, run},
};

/// Prepared statements kept by each connection.
const STATEMENTS_KEPT: usize = 256;

/// How to open a register.
#[derive(Debug, Clone)]
pub struct SqliteConfig {
    /// The file.
    pub path: PathBuf,
    /// The most connections, each with a thread of its own. At least 1 is opened.
    pub connections: u32,
    /// How long SQLite waits for a writer of another program.
    pub busy_timeout: Duration,
    /// How long one read may take, waiting for a connection included.
    pub read_timeout: Duration,
}

impl SqliteConfig {
    /// A file with the usual settings: 4 connections, 1 s for a writer, 10 s for a read.
    #[must_use]
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self {
            path: path.into(),
            connections: 4,
            busy_timeout: Duration::from_secs(1),
            read_timeout: Duration::from_secs(10),
        }
    }
}

/// A table, or a column of one, that the description names and the database does not have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Missing {
    /// The table.
    pub table: String,
    /// The column; none when the whole table is missing.
    pub column: Option<String>,
}

impl fmt::Display for Missing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.column {
            Some(column) => write!(f, "column {}.{column}", self.table),
            None => write!(f, "table {}", self.table),
        }
    }
}

/// Why a register cannot be opened. No data have been read yet, so nothing of a person is in the causes.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The file is not there, is no database, or may not be read.
    #[error("the register `{}` cannot be opened", path.display())]
    Open {
        /// The file.
        path: PathBuf,
        /// What SQLite says.
        #[source]
        source: sqlx::Error,
    },
    /// The database does not have everything that the description names.
    #[error("the register lacks what its description names: {}", listed(.0))]
    Missing(Vec<Missing>),
}

fn listed(missing: &[Missing]) -> String {
    missing.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}

/// A register in an SQLite file.
#[derive(Debug, Clone)]
pub struct SqliteRegister {
    connections: Arc<Connections>,
    read_timeout: Duration,
}

impl SqliteRegister {
    /// Opens the file for reading and compares it with the description.
    ///
    /// # Errors
    /// When the file cannot be opened, or with everything that it lacks.
    pub async fn open(config: &SqliteConfig, description: &Description) -> Result<Self, OpenError> {
        let failed = |source| OpenError::Open { path: config.path.clone(), source };
        let options = SqliteConnectOptions::new()
            .filename(&config.path)
            .read_only(true)
            .immutable(false)
            .busy_timeout(config.busy_timeout)
            .statement_cache_capacity(STATEMENTS_KEPT)
            // No log of statements: what is asked of the register is for the ledger alone.
            .disable_statement_logging();
        let connections = Connections::new(options, config.connections);
        let mut held = connections.take(Instant::now() + config.read_timeout).await.map_err(failed)?;
        let missing = missing(held.connection(), description).await.map_err(failed)?;
        held.give_back();
        if missing.is_empty() {
            Ok(Self { connections: Arc::new(connections), read_timeout: config.read_timeout })
        } else {
            Err(OpenError::Missing(missing))
        }
    }

    /// Closes all connections.
    pub async fn close(&self) {
        self.connections.close().await;
    }

    async fn read_by(&self, plan: &Plan, deadline: Instant) -> Result<Rows, ReadError> {
        let failed = |error| failure("connection", &error);
        let mut held = self.connections.take(deadline).await.map_err(failed)?;
        let connection = held.connection();
        let rows = if plan.is_one_statement() {
            run(plan, &mut Reader { connection }).await?
        } else {
            // One transaction for all statements, so that they see one state of the register.
            let mut transaction = connection.begin().await.map_err(failed)?;
            let rows = run(plan, &mut Reader { connection: &mut transaction }).await?;
            transaction.rollback().await.map_err(failed)?;
            rows
        };
        held.give_back();
        Ok(rows)
    }

    async fn look(&self, deadline: Instant) -> Result<(), sqlx::Error> {
        let mut held = self.connections.take(deadline).await?;
        sqlx::query("SELECT 1 FROM sqlite_schema LIMIT 1").execute(held.connection()).await?;
        held.give_back();
        Ok(())
    }
}

#[async_trait]
impl Source for SqliteRegister {
    async fn read(&self, plan: &Plan) -> Result<Rows, ReadError> {
        let work = self.read_by(plan, Instant::now() + self.read_timeout);
        tokio::time::timeout(self.read_timeout, work).await.unwrap_or(Err(ReadError::Timeout))
    }

    async fn ready(&self) -> Result<(), ReadError> {
        let work = self.look(Instant::now() + self.read_timeout);
        match tokio::time::timeout(self.read_timeout, work).await {
            Ok(answer) => answer.map_err(|error| failure("query", &error)),
            Err(_) => Err(ReadError::Timeout),
        }
    }
}

/// One read's hold on a connection.
struct Reader<'c> {
    connection: &'c mut SqliteConnection,
}

impl Fetch for Reader<'_> {
    async fn fetch(
        &mut self,
        plan: &Plan,
        statement: &Statement,
        sql: String,
        binds: Vec<Value>,
    ) -> Result<Vec<Vec<Value>>, ReadError> {
        let mut rows = Vec::new();
        for row in
            query(sql, binds).fetch_all(&mut *self.connection).await.map_err(|e| failure("query", &e))?
        {
            let mut values = Vec::with_capacity(statement.kinds().len());
            for (column, kind) in statement.kinds().iter().enumerate() {
                let value = decode(&row, column, *kind).map_err(|Undecodable| {
                    let field = statement.field_of_column(column).and_then(|index| plan.field_name(index));
                    ReadError::Value(field.unwrap_or("(key or fact)").to_owned())
                })?;
                values.push(value);
            }
            rows.push(values);
        }
        Ok(rows)
    }
}

/// The one place where a text made at run time becomes a query.
fn query(sql: String, binds: Vec<Value>) -> Query<'static, Sqlite, SqliteArguments> {
    // Sound: every text comes from a `Plan`, which is made of fixed words, placeholders, numbers of ours, and
    // names of a checked description (`[A-Za-z_][A-Za-z0-9_]*`, in double quotes). Whatever a client or a rule
    // says is bound below.
    let query = sqlx::query(AssertSqlSafe(sql));
    binds.into_iter().fold(query, |query, value| match value {
        Value::Truth(truth) => query.bind(i64::from(truth)),
        Value::Integer(number) => query.bind(number),
        Value::Text(text) => query.bind(text),
        Value::Date(date) => query.bind(date.to_string()),
        Value::Absent | Value::Texts(_) => query.bind(None::<i64>),
    })
}

struct Undecodable;

fn decode(row: &SqliteRow, column: usize, kind: ValueKind) -> Result<Value, Undecodable> {
    let raw = row.try_get_raw(column).map_err(|_| Undecodable)?;
    if raw.is_null() {
        return Ok(Value::Absent);
    }
    let is_integer = raw.type_info().name() == "INTEGER";
    let integer = || row.try_get_unchecked::<i64, _>(column).map_err(|_| Undecodable);
    // SQLite turns a number in a column of texts into text by itself.
    let text = || row.try_get_unchecked::<String, _>(column).map_err(|_| Undecodable);
    match kind {
        ValueKind::Text => text().map(Value::Text),
        ValueKind::Date => key::date(&text()?).map(Value::Date).ok_or(Undecodable),
        ValueKind::Truth => match (is_integer, integer()?) {
            (true, 0) => Ok(Value::Truth(false)),
            (true, 1) => Ok(Value::Truth(true)),
            _ => Err(Undecodable),
        },
        ValueKind::Integer if is_integer => integer().map(Value::Integer),
        ValueKind::Integer => Err(Undecodable),
        ValueKind::Id if is_integer => integer().map(Value::Integer),
        ValueKind::Id => text().map(Value::Text),
    }
}

/// Keeps of a database error its code only: its message might repeat a value.
fn failure(kind: &'static str, error: &sqlx::Error) -> ReadError {
    match error {
        sqlx::Error::Database(database) => match database.code() {
            // SQLITE_INTERRUPT: the clock stopped it.
            Some(code) if code == "9" => ReadError::Timeout,
            code => ReadError::Database { kind, code: code.map(|code| code.into_owned()) },
        },
        _ => ReadError::Database { kind, code: None },
    }
}

/// Compares the database with the description, table by table. SQLite's names do not tell upper from lower case.
async fn missing(
    connection: &mut SqliteConnection,
    description: &Description,
) -> Result<Vec<Missing>, sqlx::Error> {
    let mut missing = Vec::new();
    for (table, columns) in description.tables() {
        let there: BTreeSet<String> = sqlx::query_scalar("SELECT lower(name) FROM pragma_table_info(?1)")
            .bind(&table)
            .fetch_all(&mut *connection)
            .await?
            .into_iter()
            .collect();
        if there.is_empty() {
            missing.push(Missing { table, column: None });
            continue;
        }
        let absent = columns.into_iter().filter(|column| !there.contains(&column.to_ascii_lowercase()));
        missing.extend(absent.map(|column| Missing { table: table.clone(), column: Some(column) }));
    }
    Ok(missing)
}
