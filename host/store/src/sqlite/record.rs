// SPDX-License-Identifier: Apache-2.0
//! Records: writing them, and reading one.
//!
//! A batch of records is one statement, whatever its size: each statement is a trip to the connection's own thread and
//! back, and one statement is a transaction by itself, so that no error and no caller who gives up can leave half of
//! it. What a plain `INSERT` cannot do, write three tables, a trigger of the connection's own does.

use std::{collections::HashSet, sync::atomic::AtomicI64};

use paasla_core::Record;
use sqlx::{SqliteConnection, SqlitePool};

use super::{
    failure::{failure, is_conflict},
    usage,
};
use crate::{error::StoreError, usage::additions};

const WHAT: &str = "record";

/// What an `INSERT` writes a batch to. `texts` is the bytes of all texts, one after the other, so that they go in as
/// they are, whatever they hold; the others are rows of numbers, and tell a text by its place.
const BATCH: &str = "CREATE TEMP VIEW IF NOT EXISTS batch AS \
     SELECT NULL AS texts, NULL AS records, NULL AS subjects, NULL AS usage";

/// The text whose place (first byte, length) two numbers of a row are.
macro_rules! text {
    ($first:literal) => {
        concat!("CAST(substr(NEW.texts, value ->> ", $first, ", value ->> (", $first, " + 1)) AS TEXT)")
    };
}

/// The order of the numbers is that of [`Batch::new`] and [`Batch::record`].
const BATCH_WRITTEN: &str = concat!(
    "CREATE TEMP TRIGGER IF NOT EXISTS batch_written INSTEAD OF INSERT ON batch BEGIN \
     INSERT INTO record (instant, status, generation, version, outcome, id, client, service, official, \
     case_reference, message_id, request_id, content) \
     SELECT value ->> 0, value ->> 1, value ->> 2, value ->> 3, ",
    text!("4"),
    ", ",
    text!("6"),
    ", ",
    text!("8"),
    ", ",
    text!("10"),
    ", ",
    text!("12"),
    ", ",
    text!("14"),
    ", ",
    text!("16"),
    ", ",
    text!("18"),
    ", ",
    text!("20"),
    " FROM json_each(NEW.records); \
     INSERT INTO record_subject (instant, subject, record) \
     SELECT value ->> 0, ",
    text!("1"),
    ", ",
    text!("3"),
    " FROM json_each(NEW.subjects) WHERE true ON CONFLICT DO NOTHING; \
     INSERT INTO usage_bucket (grain, start, persons, client, basis) \
     SELECT value ->> 0, value ->> 1, value ->> 2, ",
    text!("3"),
    ", ",
    text!("5"),
    " FROM json_each(NEW.usage) WHERE true \
     ON CONFLICT (client, basis, grain, start) DO UPDATE SET persons = persons + excluded.persons; \
     END"
);

/// Makes a connection able to write batches.
pub(super) async fn prepare(connection: &mut SqliteConnection) -> Result<(), sqlx::Error> {
    for text in [BATCH, BATCH_WRITTEN] {
        sqlx::query(text).execute(&mut *connection).await?;
    }
    Ok(())
}

pub(super) async fn append(
    writer: &SqlitePool,
    pruned_at: &AtomicI64,
    records: &[Record],
) -> Result<(), StoreError> {
    if records.is_empty() {
        return Ok(());
    }
    let batch = Batch::new(records)?;
    let mut connection = writer.acquire().await.map_err(failure)?;
    usage::prune_now_and_then(&mut connection, pruned_at, records).await?;
    match batch.write(&mut connection).await {
        Ok(()) => Ok(()),
        Err(error) if is_conflict(&error) => Err(conflict(&mut connection, records, error).await),
        Err(error) => Err(failure(error)),
    }
}

/// Names the first record that stands in the way of a batch.
async fn conflict(connection: &mut SqliteConnection, records: &[Record], error: sqlx::Error) -> StoreError {
    let mut seen = HashSet::new();
    for Record { id, .. } in records {
        let there = sqlx::query("SELECT 1 FROM record WHERE id = $1").bind(id);
        match there.fetch_optional(&mut *connection).await {
            Ok(None) if seen.insert(id) => {}
            Ok(_) => return StoreError::Conflict { what: WHAT, key: id.clone() },
            Err(error) => return failure(error),
        }
    }
    failure(error)
}

/// What one statement writes.
#[derive(Default)]
struct Batch {
    texts: Vec<u8>,
    records: Vec<Row>,
    subjects: Vec<Row>,
    usage: Vec<Row>,
}

/// Numbers, those among them that tell a text's place included.
type Row = Vec<Option<i64>>;

impl Batch {
    fn new(records: &[Record]) -> Result<Self, StoreError> {
        let mut batch = Self::default();
        for record in records {
            let id = batch.text(&record.id);
            batch.record(record, id).ok_or_else(|| invalid(record))?;
            for subject in &record.subjects {
                batch.subject(record.instant, subject, id);
            }
        }
        for (bucket, persons) in additions(records) {
            let (client, basis) = (batch.text(&bucket.client), batch.text(&bucket.basis));
            let numbers = [bucket.grain.millis(), bucket.start, persons].map(Some);
            batch.usage.push(numbers.into_iter().chain(client).chain(basis).collect());
        }
        Ok(batch)
    }

    /// None when the record does not fit.
    fn record(&mut self, record: &Record, id: [Option<i64>; 2]) -> Option<()> {
        let generation = i64::try_from(record.generation).ok()?;
        let first = i64::try_from(self.texts.len()).ok()?;
        serde_json::to_writer(&mut self.texts, record).ok()?;
        let length = i64::try_from(self.texts.len()).ok()? - first;
        let mut row = Vec::with_capacity(22);
        row.extend([Some(record.instant), Some(record.status.into()), Some(generation)]);
        row.push(record.version.map(i64::from));
        row.extend(self.text(record.outcome.name()));
        row.extend(id);
        row.extend(self.text(&record.client.to_string()));
        for text in [&record.service, &record.official, &record.case, &record.message_id, &record.request_id]
        {
            row.extend(text.as_ref().map_or([None; 2], |text| self.text(text)));
        }
        row.extend([Some(first + 1), Some(length)]);
        self.records.push(row);
        Some(())
    }

    fn subject(&mut self, instant: i64, subject: &str, id: [Option<i64>; 2]) {
        let subject = self.text(subject);
        self.subjects.push([Some(instant)].into_iter().chain(subject).chain(id).collect());
    }

    /// Adds a text. SQL counts bytes from 1.
    fn text(&mut self, text: &str) -> [Option<i64>; 2] {
        let first = self.texts.len() + 1;
        self.texts.extend_from_slice(text.as_bytes());
        [first, text.len()].map(|number| i64::try_from(number).ok())
    }

    async fn write(self, connection: &mut SqliteConnection) -> Result<(), sqlx::Error> {
        let json =
            |rows: &[Row]| serde_json::to_string(rows).map_err(|error| sqlx::Error::Encode(error.into()));
        let (records, subjects, usage) = (json(&self.records)?, json(&self.subjects)?, json(&self.usage)?);
        sqlx::query("INSERT INTO batch (texts, records, subjects, usage) VALUES ($1, $2, $3, $4)")
            .bind(self.texts)
            .bind(records)
            .bind(subjects)
            .bind(usage)
            .execute(connection)
            .await
            .map(|_| ())
    }
}

pub(super) async fn get(readers: &SqlitePool, id: &str) -> Result<Option<Record>, StoreError> {
    let content: Option<String> = sqlx::query_scalar("SELECT content FROM record WHERE id = $1")
        .bind(id)
        .fetch_optional(readers)
        .await
        .map_err(failure)?;
    content.map(|content| read(id, &content)).transpose()
}

/// Reads a stored record. The reader's own error is dropped: it may quote what it could not read.
pub(super) fn read(id: &str, content: &str) -> Result<Record, StoreError> {
    serde_json::from_str(content).map_err(|_| StoreError::Corrupt { what: WHAT, key: id.to_owned() })
}

fn invalid(record: &Record) -> StoreError {
    StoreError::Invalid { what: WHAT, key: record.id.clone() }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::{SqliteStore, Store as _};

    fn record(n: usize) -> Record {
        let content = format!(
            r#"{{"id":"r-{n}","instant":1,"outcome":"invalid","status":400,"codes":[],"generation":1,
                "channel":"xroad","client":"EE/GOV/1/a","statements":[],"rulings":[],"subjects":["aa"],
                "returned":0,"cost":0,"durationUs":0}}"#
        );
        serde_json::from_str(&content).unwrap()
    }

    /// A caller who gives up, at whatever moment, leaves all of the batch or none of it, and nothing open.
    #[tokio::test]
    async fn a_batch_is_whole_whoever_gives_up() {
        let folder = tempfile::tempdir().unwrap();
        let store = SqliteStore::open(folder.path().join("store.db")).await.unwrap();
        for round in 0..20 {
            let batch: Vec<Record> = (0..50).map(|n| record(round * 50 + n)).collect();
            let patience = Duration::from_micros(100 * u64::try_from(round).unwrap());
            let _ = tokio::time::timeout(patience, store.append(&batch)).await;
            let there: i64 =
                sqlx::query_scalar("SELECT count(*) FROM record").fetch_one(&store.writer).await.unwrap();
            assert_eq!(there % 50, 0);
        }
        store.append(&[record(1_000_000)]).await.unwrap();
    }
}
