// SPDX-License-Identifier: Apache-2.0
//! Many records noted in one statement.
//!
//! Each statement is a trip to the connection's own thread and back. What a plain `INSERT` cannot do, write three
//! tables, a trigger of the connection's own does. What goes wrong in it ends the transaction: then SQLite needs no
//! copies of what the statement changes.

use paasla_core::{ClientId, Counted, Outcome, record::persons};
use serde::Deserialize;
use sha2::{Digest as _, Sha256};
use sqlx::SqliteConnection;

use crate::{log::Place, usage::additions};

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

/// The order of the numbers is that of [`Batch::add`].
const BATCH_WRITTEN: &str = concat!(
    "CREATE TEMP TRIGGER IF NOT EXISTS batch_written INSTEAD OF INSERT ON batch BEGIN \
     INSERT OR ROLLBACK INTO record (place, instant, id, client, outcome, service) SELECT value ->> 0, value ->> 1, ",
    text!("2"),
    ", ",
    text!("4"),
    ", ",
    text!("6"),
    ", ",
    text!("8"),
    " FROM json_each(NEW.records); \
     INSERT OR IGNORE INTO record_subject (place, instant, subject) SELECT value ->> 0, value ->> 1, \
     substr(NEW.texts, value ->> 2, 16) FROM json_each(NEW.subjects); \
     INSERT OR ROLLBACK INTO usage_bucket (grain, start, persons, client, basis) \
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

/// What finds a record, out of its bytes.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Found {
    id: String,
    instant: i64,
    outcome: Outcome,
    client: ClientId,
    #[serde(default)]
    service: Option<String>,
    #[serde(default)]
    subjects: Vec<String>,
    #[serde(default)]
    usage_basis: Option<String>,
    #[serde(default)]
    usage_holder: Option<ClientId>,
    returned: u32,
}

/// What a person is found by: a part of SHA-256 over what records hold of them, itself a keyed hash.
pub(super) fn subject_key(subject: &str) -> [u8; 16] {
    let mut key = [0; 16];
    for (place, byte) in key.iter_mut().zip(Sha256::digest(subject)) {
        *place = byte;
    }
    key
}

/// What one statement writes.
#[derive(Default)]
pub(super) struct Batch {
    texts: Vec<u8>,
    records: Vec<Row>,
    subjects: Vec<Row>,
    counted: Vec<Counted>,
    /// The latest instant of all records.
    pub(super) newest: Option<i64>,
}

/// Numbers, those among them that tell a text's place included.
type Row = Vec<Option<i64>>;

impl Batch {
    /// Adds a record. What cannot be read is left out: no search would find it by what it holds.
    pub(super) fn add(&mut self, place: Place, bytes: &[u8]) {
        let Ok(found) = serde_json::from_slice::<Found>(bytes) else {
            tracing::error!(segment = place.segment, offset = place.offset, "a record cannot be read");
            return;
        };
        let (number, instant) = (Some(place.number()), Some(found.instant));
        self.newest = self.newest.max(instant);
        let client = found.client.to_string();
        let mut row = Vec::with_capacity(10);
        row.extend([number, instant]);
        for text in [Some(&*found.id), Some(&client), Some(found.outcome.name()), found.service.as_deref()] {
            row.extend(text.map_or([None; 2], |text| self.text(text)));
        }
        self.records.push(row);
        for subject in &found.subjects {
            let first = i64::try_from(self.texts.len() + 1).ok();
            self.texts.extend(subject_key(subject));
            self.subjects.push(vec![number, instant, first]);
        }
        let persons = persons(found.outcome, found.subjects.len(), found.returned);
        if let Some(basis) = found.usage_basis.filter(|_| persons > 0) {
            let holder = found.usage_holder.map_or(client, |holder| holder.to_string());
            self.counted.push(Counted { holder, basis, instant: found.instant, persons });
        }
    }

    /// Adds a text. SQL counts bytes from 1.
    fn text(&mut self, text: &str) -> [Option<i64>; 2] {
        let first = self.texts.len() + 1;
        self.texts.extend_from_slice(text.as_bytes());
        [first, text.len()].map(|number| i64::try_from(number).ok())
    }

    pub(super) async fn write(mut self, connection: &mut SqliteConnection) -> Result<(), sqlx::Error> {
        let mut usage = Vec::new();
        for (bucket, persons) in additions(&std::mem::take(&mut self.counted)) {
            let (client, basis) = (self.text(&bucket.client), self.text(&bucket.basis));
            let numbers = [bucket.grain.millis(), bucket.start, persons].map(Some);
            usage.push(numbers.into_iter().chain(client).chain(basis).collect());
        }
        let json =
            |rows: &[Row]| serde_json::to_string(rows).map_err(|error| sqlx::Error::Encode(error.into()));
        let (records, subjects, usage) = (json(&self.records)?, json(&self.subjects)?, json(&usage)?);
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
