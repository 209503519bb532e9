// SPDX-License-Identifier: Apache-2.0
//! A register in an SQLite file, opened for reading only. A file that is put in its place is read from then on.

use std::{
    collections::BTreeSet,
    fmt,
    path::PathBuf,
    sync::{
        Arc, PoisonError, RwLock,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use async_trait::async_trait;
use paasla_core::Value;
use rusqlite::{
    Connection, ErrorCode, Row, Statement as Prepared,
    types::{Value as Bound, ValueRef},
};
use tokio::runtime::{Handle, RuntimeFlavor};

use crate::{
    connections::{Connections, Held},
    description::{Description, ValueKind},
    key,
    plan::{Plan, Statement},
    rows::Rows,
    source::{Fetch, ReadError, Source, run},
};

/// How to open a register.
#[derive(Debug, Clone)]
pub struct SqliteConfig {
    /// The file.
    pub path: PathBuf,
    /// The most connections. At least 1 is opened.
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
        source: rusqlite::Error,
    },
    /// The database does not have everything that the description names.
    #[error("the register lacks what its description names: {}", listed(.0))]
    Missing(Vec<Missing>),
}

fn listed(missing: &[Missing]) -> String {
    missing.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}

/// A register in an SQLite file.
#[derive(Debug)]
pub struct SqliteRegister {
    config: SqliteConfig,
    description: Description,
    /// To the file that is read. Another file has others.
    connections: RwLock<Arc<Connections>>,
    /// Whether the file could be read, and had all that the description names, when it was last looked at.
    is_sound: AtomicBool,
}

impl SqliteRegister {
    /// Opens the file for reading and compares it with the description.
    ///
    /// # Errors
    /// When the file cannot be opened, or with everything that it lacks.
    pub async fn open(config: &SqliteConfig, description: &Description) -> Result<Self, OpenError> {
        let register = Self {
            config: config.clone(),
            description: description.clone(),
            connections: RwLock::new(Arc::new(Connections::new(config.path.clone(), config.connections))),
            is_sound: AtomicBool::new(true),
        };
        let connections = register.current();
        let Some(place) = connections.place().await else { return Ok(register) };
        let missing = inline_blocking(|| {
            let mut held = connections.take(place)?;
            let deadline = Instant::now() + config.read_timeout;
            let missing = missing(held.until(deadline, config.busy_timeout)?, description)?;
            held.give_back();
            Ok(missing)
        });
        match missing {
            Ok(missing) if missing.is_empty() => Ok(register),
            Ok(missing) => Err(OpenError::Missing(missing)),
            Err(source) => Err(OpenError::Open { path: config.path.clone(), source }),
        }
    }

    /// Closes all connections.
    pub async fn close(&self) {
        self.current().close();
    }

    fn current(&self) -> Arc<Connections> {
        Arc::clone(&self.connections.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Looks at the file that the path leads to, which is read from now on if it has all that the description names.
    async fn look(&self, deadline: Instant) -> Result<(), ReadError> {
        let open = self.current();
        let is_other = !open.are_current() && !open.are_closed();
        let there = if is_other {
            let Self { config: SqliteConfig { path, connections, .. }, .. } = self;
            Arc::new(Connections::new(path.clone(), *connections))
        } else {
            open
        };
        let mut held = held(&there, deadline).await?;
        let missing =
            inline_blocking(|| missing(held.until(deadline, self.config.busy_timeout)?, &self.description));
        let missing = missing.map_err(|error| failure("query", &error))?;
        held.give_back();
        if !missing.is_empty() {
            return Err(ReadError::Missing(listed(&missing)));
        }
        if is_other {
            *self.connections.write().unwrap_or_else(PoisonError::into_inner) = there;
            tracing::warn!("the register's file was replaced: the new one is read from now on");
        }
        Ok(())
    }

    fn read_by(&self, held: &mut Held, plan: &Plan, deadline: Instant) -> Result<Rows, ReadError> {
        let failed = |error| failure("connection", &error);
        let connection = held.until(deadline, self.config.busy_timeout).map_err(failed)?;
        if plan.is_one_statement() {
            return run(plan, &mut Reader { connection });
        }
        // One transaction for all statements, so that they see one state of the register; it ends when it is dropped.
        let transaction = connection.transaction().map_err(failed)?;
        let rows = run(plan, &mut Reader { connection: &transaction })?;
        transaction.rollback().map_err(failed)?;
        Ok(rows)
    }
}

#[async_trait]
impl Source for SqliteRegister {
    async fn read(&self, plan: &Plan) -> Result<Rows, ReadError> {
        if !self.is_sound.load(Ordering::Acquire) {
            self.ready().await?;
        }
        let deadline = Instant::now() + self.config.read_timeout;
        let mut held = match held(&self.current(), deadline).await {
            // Another file may be where this one was.
            Err(ReadError::Database { .. }) => {
                self.ready().await?;
                held(&self.current(), deadline).await?
            }
            held => held?,
        };
        let rows = inline_blocking(|| self.read_by(&mut held, plan, deadline))?;
        held.give_back();
        Ok(rows)
    }

    async fn ready(&self) -> Result<(), ReadError> {
        let looked = self.look(Instant::now() + self.config.read_timeout).await;
        self.is_sound.store(looked.is_ok(), Ordering::Release);
        looked
    }
}

/// A connection, as soon as one is free.
async fn held(connections: &Arc<Connections>, deadline: Instant) -> Result<Held, ReadError> {
    let place = tokio::time::timeout_at(deadline.into(), connections.place());
    let place = place.await.map_err(|_| ReadError::Timeout)?;
    let closed = || ReadError::Database { kind: "connection", code: None };
    connections.take(place.ok_or_else(closed)?).map_err(|error| failure("connection", &error))
}

/// Runs work that may block. Another thread takes over the other tasks of this one, if the runtime has several.
fn inline_blocking<T>(work: impl FnOnce() -> T) -> T {
    let has_others =
        Handle::try_current().is_ok_and(|own| own.runtime_flavor() == RuntimeFlavor::MultiThread);
    if has_others { tokio::task::block_in_place(work) } else { work() }
}

/// One read's hold on a connection.
struct Reader<'c> {
    connection: &'c Connection,
}

impl Fetch for Reader<'_> {
    fn fetch<'v>(
        &mut self,
        plan: &Plan,
        statement: &Statement,
        sql: &str,
        binds: impl Iterator<Item = &'v Value>,
    ) -> Result<Vec<Vec<Value>>, ReadError> {
        let failed = |error| failure("query", &error);
        // Sound, although the text is made at run time: every text comes from a `Plan`, which is made of fixed words,
        // placeholders, numbers of ours, and names of a checked description (`[A-Za-z_][A-Za-z0-9_]*`, in double
        // quotes). Whatever a client or a rule says is bound.
        let mut prepared = self.connection.prepare_cached(sql).map_err(failed)?;
        for (place, value) in binds.enumerate() {
            bind(&mut prepared, place + 1, value).map_err(failed)?;
        }
        let mut answer = prepared.raw_query();
        let mut rows = Vec::new();
        while let Some(row) = answer.next().map_err(failed)? {
            let mut values = Vec::with_capacity(statement.kinds().len());
            for (column, kind) in statement.kinds().iter().enumerate() {
                let value = decode(row, column, *kind).map_err(|Undecodable| {
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

fn bind(prepared: &mut Prepared<'_>, place: usize, value: &Value) -> rusqlite::Result<()> {
    match value {
        Value::Truth(truth) => prepared.raw_bind_parameter(place, i64::from(*truth)),
        Value::Integer(number) => prepared.raw_bind_parameter(place, number),
        Value::Text(text) => prepared.raw_bind_parameter(place, text),
        Value::Date(date) => prepared.raw_bind_parameter(place, date.to_string()),
        Value::Absent | Value::Texts(_) => prepared.raw_bind_parameter(place, Bound::Null),
    }
}

struct Undecodable;

fn decode(row: &Row<'_>, column: usize, kind: ValueKind) -> Result<Value, Undecodable> {
    let raw = row.get_ref(column).map_err(|_| Undecodable)?;
    match (kind, raw) {
        (_, ValueRef::Null) => Ok(Value::Absent),
        (ValueKind::Truth, ValueRef::Integer(0)) => Ok(Value::Truth(false)),
        (ValueKind::Truth, ValueRef::Integer(1)) => Ok(Value::Truth(true)),
        (ValueKind::Integer | ValueKind::Id, ValueRef::Integer(number)) => Ok(Value::Integer(number)),
        // A number in a column of texts.
        (ValueKind::Text, ValueRef::Integer(number)) => Ok(Value::Text(number.to_string())),
        (ValueKind::Text | ValueKind::Id, ValueRef::Text(text)) => {
            let text = std::str::from_utf8(text).map_err(|_| Undecodable)?;
            Ok(Value::Text(text.to_owned()))
        }
        (ValueKind::Date, ValueRef::Text(text)) => {
            let date = std::str::from_utf8(text).ok().and_then(key::date);
            date.map(Value::Date).ok_or(Undecodable)
        }
        _ => Err(Undecodable),
    }
}

/// Keeps of a database error its code only: its message might repeat a value.
fn failure(kind: &'static str, error: &rusqlite::Error) -> ReadError {
    match error.sqlite_error() {
        // The clock stopped it.
        Some(error) if error.code == ErrorCode::OperationInterrupted => ReadError::Timeout,
        error => ReadError::Database { kind, code: error.map(|error| error.extended_code.to_string()) },
    }
}

/// Compares the database with the description, table by table. SQLite's names do not tell upper from lower case.
fn missing(connection: &Connection, description: &Description) -> rusqlite::Result<Vec<Missing>> {
    let mut missing = Vec::new();
    let mut names = connection.prepare("SELECT lower(name) FROM pragma_table_info(?1)")?;
    for (table, columns) in description.tables() {
        let there = names.query_map([&table], |row| row.get(0))?;
        let there: BTreeSet<String> = there.collect::<Result<_, _>>()?;
        if there.is_empty() {
            missing.push(Missing { table, column: None });
            continue;
        }
        let absent = columns.into_iter().filter(|column| !there.contains(&column.to_ascii_lowercase()));
        missing.extend(absent.map(|column| Missing { table: table.clone(), column: Some(column) }));
    }
    Ok(missing)
}
