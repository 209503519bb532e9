// SPDX-License-Identifier: Apache-2.0
//! Opening the store to serve: the folder of records must hold all that was written to it, as it was written.

use std::path::Path;

use anyhow::Result;
use paasla_store::{
    LogFault, SqliteStore, Store as _,
    governance::change::{ChangeOutcome, NewChange},
};

use crate::{
    failure::{Failure, Kind},
    policy::operator,
    why,
};

const REMEDY: &str = "put back what was moved or removed, from a backup if need be (`paasla restore`); where records are \
                      lost for good, start once with `--accept-records-loss REASON`, which is kept among the changes: the \
                      host then goes on without files that are missing, and without what was cut off or changed; what is \
                      in a wrong place has to be put right first";

/// How many faults are told one by one.
const TOLD: usize = 20;

/// Opens the store. With a reason to accept that records are lost it goes on without them.
///
/// # Errors
/// When it cannot be opened; or with what is wrong with the records, and what to do.
pub(crate) async fn store(database: &Path, accept_loss: Option<&str>) -> Result<SqliteStore> {
    let reason = accept_loss.map(|reason| why::reason("--accept-records-loss", reason)).transpose()?;
    let store = SqliteStore::open(database).await?;
    tracing::info!("every record is read, to see that none is missing or changed");
    let faults = store.check_records().await?;
    if faults.is_empty() {
        return Ok(store);
    }
    let folder = format!("{}-records", database.display());
    let reason = reason.filter(|_| faults.iter().all(LogFault::is_loss));
    let accepted = match reason {
        Some(reason) => store.accept_loss(&faults, &change(&faults, reason)).await,
        None => Ok(()),
    };
    store.close().await?;
    accepted?;
    if reason.is_none() {
        let what = format!("the folder of records {folder} is not as it was written:\n{}", list(&faults));
        return Err(Failure::new(Kind::Conflict, what).remedy(REMEDY).into());
    }
    tracing::error!(folder, faults = list(&faults), "records are lost, and this was accepted");
    Ok(SqliteStore::open(database).await?)
}

fn list(faults: &[LogFault]) -> String {
    let mut lines: Vec<String> = faults.iter().take(TOLD).map(|fault| format!("  {fault}")).collect();
    if faults.len() > TOLD {
        lines.push(format!("  and {} more", faults.len() - TOLD));
    }
    lines.join("\n")
}

fn change(faults: &[LogFault], reason: &str) -> NewChange {
    NewChange {
        instant: jiff::Timestamp::now().as_millisecond(),
        who: operator(),
        token: None,
        institution: None,
        action: "records.accept-loss".to_owned(),
        target: "records".to_owned(),
        version: None,
        reason: reason.to_owned(),
        outcome: ChangeOutcome::Done,
        before: None,
        after: None,
        problems: faults.iter().map(ToString::to_string).collect(),
        cancelled: Vec::new(),
    }
}
