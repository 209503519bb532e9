// SPDX-License-Identifier: Apache-2.0
//! Rows into an SQLite file, fast: nothing is journalled, many rows a statement, indexes at the end.
//!
//! A file that is being written cannot survive a crash, and need not: it bears another name until it is whole.

use std::{marker::PhantomData, path::Path, sync::Arc};

use sqlx::{
    AssertSqlSafe, ConnectOptions, Connection,
    sqlite::{SqliteConnectOptions, SqliteConnection, SqliteJournalMode, SqliteSynchronous},
};

use crate::{
    address::Address,
    contact::Contact,
    custody::Custody,
    document::Document,
    kinship::Relation,
    person::{Citizenship, FormerName, Person},
    places,
    record::{Cells, Record},
    register::Records,
    residence::Residence,
    restriction::Restriction,
};

const SCHEMA: &str = include_str!("schema.sql");
const INDEXES: &str = include_str!("indexes.sql");

/// Rows in one INSERT.
const ROWS: usize = 100;

/// People in one transaction.
const PEOPLE_PER_TRANSACTION: usize = 100_000;

/// Writes a register.
#[derive(Debug)]
pub(crate) struct Writer {
    connection: SqliteConnection,
    people: usize,
    sheets: Sheets,
}

#[derive(Debug, Default)]
struct Sheets {
    addresses: Sheet<Address>,
    persons: Sheet<Person>,
    former_names: Sheet<FormerName>,
    citizenships: Sheet<Citizenship>,
    residences: Sheet<Residence>,
    contacts: Sheet<Contact>,
    documents: Sheet<Document>,
    relations: Sheet<Relation>,
    custodies: Sheet<Custody>,
    restrictions: Sheet<Restriction>,
}

impl Writer {
    /// Makes the file and its tables.
    pub(crate) async fn create(file: &Path, about: &[(&str, String)]) -> sqlx::Result<Self> {
        let mut connection = SqliteConnectOptions::new()
            .filename(file)
            .create_if_missing(true)
            .journal_mode(SqliteJournalMode::Off)
            .synchronous(SqliteSynchronous::Off)
            .foreign_keys(false)
            .pragma("cache_size", "-65536")
            .disable_statement_logging()
            .connect()
            .await?;
        sqlx::raw_sql(SCHEMA).execute(&mut connection).await?;
        sqlx::raw_sql("BEGIN").execute(&mut connection).await?;
        for (key, value) in about {
            sqlx::query("INSERT INTO about (key, value) VALUES (?, ?)")
                .bind(*key)
                .bind(value)
                .execute(&mut connection)
                .await?;
        }
        for county in places::counties() {
            sqlx::query("INSERT INTO county (code, name) VALUES (?, ?)")
                .bind(county.code)
                .bind(county.name)
                .execute(&mut connection)
                .await?;
        }
        for place in places::municipalities() {
            sqlx::query("INSERT INTO municipality (code, name, county_code) VALUES (?, ?, ?)")
                .bind(place.code)
                .bind(place.name)
                .bind(place.county_code)
                .execute(&mut connection)
                .await?;
        }
        Ok(Self { connection, people: 0, sheets: Sheets::default() })
    }

    /// Writes the rows of a family.
    pub(crate) async fn add(&mut self, records: &Records) -> sqlx::Result<()> {
        let Self { connection, sheets, .. } = self;
        sheets.addresses.add(connection, &records.addresses).await?;
        sheets.persons.add(connection, &records.people).await?;
        sheets.former_names.add(connection, &records.former_names).await?;
        sheets.citizenships.add(connection, &records.citizenships).await?;
        sheets.residences.add(connection, &records.residences).await?;
        sheets.contacts.add(connection, &records.contacts).await?;
        sheets.documents.add(connection, &records.documents).await?;
        sheets.relations.add(connection, &records.relations).await?;
        sheets.custodies.add(connection, &records.custodies).await?;
        sheets.restrictions.add(connection, &records.restrictions).await?;
        self.people += records.people.len();
        if self.people >= PEOPLE_PER_TRANSACTION {
            self.people = 0;
            sqlx::raw_sql("COMMIT; BEGIN").execute(&mut self.connection).await?;
        }
        Ok(())
    }

    /// Writes the rows that wait for company.
    pub(crate) async fn flush(&mut self) -> sqlx::Result<()> {
        let Self { connection, sheets, .. } = self;
        sheets.addresses.flush(connection).await?;
        sheets.persons.flush(connection).await?;
        sheets.former_names.flush(connection).await?;
        sheets.citizenships.flush(connection).await?;
        sheets.residences.flush(connection).await?;
        sheets.contacts.flush(connection).await?;
        sheets.documents.flush(connection).await?;
        sheets.relations.flush(connection).await?;
        sheets.custodies.flush(connection).await?;
        sheets.restrictions.flush(connection).await?;
        sqlx::raw_sql("COMMIT").execute(connection).await?;
        Ok(())
    }

    /// Makes the indexes.
    pub(crate) async fn index(&mut self) -> sqlx::Result<()> {
        sqlx::raw_sql(INDEXES).execute(&mut self.connection).await?;
        Ok(())
    }

    /// Gathers statistics for the query planner, makes the file safe to read, and closes it.
    pub(crate) async fn close(mut self) -> sqlx::Result<()> {
        let end = "ANALYZE; PRAGMA synchronous = FULL; PRAGMA journal_mode = DELETE";
        sqlx::raw_sql(end).execute(&mut self.connection).await?;
        self.connection.close().await
    }
}

/// Rows of one table that wait until there are enough for a statement.
#[derive(Debug)]
struct Sheet<R> {
    insert: Arc<str>,
    cells: Cells,
    rows: usize,
    kind: PhantomData<fn(R)>,
}

impl<R: Record> Default for Sheet<R> {
    fn default() -> Self {
        Self { insert: insert::<R>(ROWS).into(), cells: Cells::default(), rows: 0, kind: PhantomData }
    }
}

impl<R: Record> Sheet<R> {
    async fn add(&mut self, connection: &mut SqliteConnection, records: &[R]) -> sqlx::Result<()> {
        for record in records {
            record.write(&mut self.cells)?;
            self.rows += 1;
            if self.rows == ROWS {
                self.rows = 0;
                let insert = AssertSqlSafe(Arc::clone(&self.insert));
                sqlx::query_with(insert, self.cells.take()).execute(&mut *connection).await?;
            }
        }
        Ok(())
    }

    async fn flush(&mut self, connection: &mut SqliteConnection) -> sqlx::Result<()> {
        if self.rows > 0 {
            let insert = AssertSqlSafe(insert::<R>(self.rows));
            self.rows = 0;
            sqlx::query_with(insert, self.cells.take()).execute(connection).await?;
        }
        Ok(())
    }
}

/// An INSERT of so many rows. Made of constants only.
fn insert<R: Record>(rows: usize) -> String {
    let row = format!("({})", vec!["?"; R::COLUMNS.len()].join(", "));
    let rows = vec![row; rows].join(", ");
    format!("INSERT INTO {} ({}) VALUES {rows}", R::TABLE, R::COLUMNS.join(", "))
}
