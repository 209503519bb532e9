// SPDX-License-Identifier: Apache-2.0
//! Finding records.

use sqlx::{QueryBuilder, Sqlite, SqlitePool};

use super::{batch::subject_key, failure::failure};
use crate::{error::StoreError, filter::RecordFilter};

/// The records of one page, each with its id and its place in the log.
pub(super) async fn records(
    readers: &SqlitePool,
    filter: &RecordFilter,
) -> Result<Vec<(String, i64)>, StoreError> {
    let after = match &filter.before_id {
        Some(id) => Some(instant_and_place(readers, id).await?),
        None => None,
    };
    page(filter, after).build_query_as().fetch_all(readers).await.map_err(failure)
}

pub(super) async fn count(readers: &SqlitePool, filter: &RecordFilter) -> Result<u64, StoreError> {
    let mut query = matching("count(*)", filter);
    let count: i64 = query.build_query_scalar().fetch_one(readers).await.map_err(failure)?;
    Ok(u64::try_from(count).unwrap_or(0))
}

async fn instant_and_place(readers: &SqlitePool, id: &str) -> Result<(i64, i64), StoreError> {
    sqlx::query_as("SELECT instant, place FROM record WHERE id = $1 ORDER BY place LIMIT 1")
        .bind(id)
        .fetch_optional(readers)
        .await
        .map_err(failure)?
        .ok_or_else(|| StoreError::NotFound { what: "record", key: id.to_owned() })
}

/// One page, from the record after `after` on.
fn page(filter: &RecordFilter, after: Option<(i64, i64)>) -> QueryBuilder<Sqlite> {
    let mut query = matching("r.id, r.place", filter);
    let (instant, place) = order(filter);
    if let Some((after_instant, after_place)) = after {
        query.push(format_args!(" AND ({instant}, {place}) < ("));
        query.push_bind(after_instant).push(", ").push_bind(after_place).push(")");
    }
    query.push(format_args!(" ORDER BY {instant} DESC, {place} DESC LIMIT "));
    query.push_bind(i64::from(filter.limit.min(RecordFilter::MAX_LIMIT)));
    query
}

/// The columns that hold instant and place: those of the table whose index leads to the records.
fn order(filter: &RecordFilter) -> (&'static str, &'static str) {
    if filter.subject_hash.is_some() { ("s.instant", "s.place") } else { ("r.instant", "r.place") }
}

/// All records that fit the filter, page and limit left aside.
fn matching(columns: &'static str, filter: &RecordFilter) -> QueryBuilder<Sqlite> {
    let mut query = QueryBuilder::new("SELECT ");
    query.push(columns);
    match &filter.subject_hash {
        // To SQLite, CROSS JOIN means: in this order.
        Some(subject) => query
            .push(" FROM record_subject AS s CROSS JOIN record AS r ON r.place = s.place WHERE s.subject = ")
            .push_bind(subject_key(subject).to_vec()),
        None => query.push(" FROM record AS r WHERE TRUE"),
    };
    if let Some(client) = &filter.client {
        query.push(" AND r.client = ").push_bind(client.to_string());
    }
    if let Some(service) = &filter.service {
        query.push(" AND r.service = ").push_bind(service.clone());
    }
    if let Some(outcome) = filter.outcome {
        query.push(" AND r.outcome = ").push_bind(outcome.name());
    }
    let (instant, _) = order(filter);
    if let Some(since) = filter.since {
        query.push(format_args!(" AND {instant} >= ")).push_bind(since);
    }
    if let Some(until) = filter.until {
        query.push(format_args!(" AND {instant} < ")).push_bind(until);
    }
    query
}

#[cfg(test)]
mod tests {
    use paasla_core::Outcome;
    use sqlx::{AssertSqlSafe, Row as _};

    use super::*;
    use crate::SqliteStore;

    /// Whatever the filter, SQLite goes along an index that is already in the order of the answer: it neither
    /// sorts nor reads the table from end to end.
    #[tokio::test]
    async fn every_search_goes_along_an_index() {
        let folder = tempfile::tempdir().unwrap();
        let store = SqliteStore::open(folder.path().join("store.db")).await.unwrap();
        for bits in 0_u8..64 {
            let set = |bit: u8| bits & (1 << bit) != 0;
            let filter = RecordFilter {
                client: set(0).then(|| "EE/GOV/70008440/rr".parse().unwrap()),
                service: set(1).then(|| "person".into()),
                outcome: set(2).then_some(Outcome::Refused),
                subject_hash: set(3).then(|| "ab".into()),
                since: set(4).then_some(1),
                until: set(4).then_some(9),
                ..RecordFilter::default()
            };
            let after = set(5).then_some((5, 7));
            let explain = format!("EXPLAIN QUERY PLAN {}", page(&filter, after).into_string());
            let plan = sqlx::query(AssertSqlSafe(explain)).fetch_all(&store.readers).await.unwrap();
            let plan: Vec<String> = plan.iter().map(|step| step.get("detail")).collect();
            let whole = bits & 0b11_1111 == 0;
            let walks = |step: &String| step.starts_with("SEARCH") || (whole && step.contains("USING INDEX"));
            assert!(plan.iter().all(walks), "{filter:?}: {plan:?}");
        }
    }
}
