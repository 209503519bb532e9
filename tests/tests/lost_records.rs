// SPDX-License-Identifier: Apache-2.0
//! Records that went missing while the host was stopped: it says so and does not start, unless it is told to go on.

use std::{
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context as _, Result, bail, ensure};
use paasla_store::{Governance as _, RecordFilter, SqliteStore, Store as _};
use paasla_tests::{Ask, Given, ask::agent, files};
use serde_json::json;

const REASON: &str = "the disk broke";

fn ask(given: &Given, base_url: &str) -> Result<()> {
    let keys = json!({ "personalCode": given.world.persons.adult });
    let ask = Ask::service("person", given.world.client("public_task"), &["familyName"], keys);
    let got = ask.send(&agent(), base_url)?;
    ensure!(got.status == 200, "{}", got.text);
    Ok(())
}

fn segment(given: &Given, number: u32) -> PathBuf {
    given.home.records().join(format!("{number:010}.log"))
}

/// The host says this, and does not start.
fn refuses(given: &Given, says: &str) -> Result<()> {
    match given.start() {
        Ok(host) => {
            host.stop()?;
            bail!("it starts without a word: `{says}` was expected")
        }
        Err(error) => {
            let told = format!("{error:#}");
            ensure!(told.contains(says) && told.contains("--accept-records-loss"), "{says}: {told}");
            Ok(())
        }
    }
}

fn flip(file: &Path, place: usize) -> Result<()> {
    let mut bytes = fs::read(file)?;
    *bytes.get_mut(place).context("it is long enough")? ^= 1;
    Ok(fs::write(file, bytes)?)
}

#[tokio::test]
async fn a_host_does_not_start_on_records_that_are_not_all_there() -> Result<()> {
    let mut given = Given::seeded()?;
    for _ in 0..3 {
        let host = given.start()?;
        ask(&given, &host.base_url)?;
        ask(&given, &host.base_url)?;
        host.stop()?;
    }
    let kept = given.home.folder.join("kept");
    files::copy(&given.home.records(), &kept)?;
    let put_back = |given: &Given| -> Result<()> {
        if given.home.records().exists() {
            fs::remove_dir_all(given.home.records())?;
        }
        files::copy(&kept, &given.home.records())
    };

    let records = given.home.records();
    let moved = given.home.folder.join("moved");
    fs::rename(&records, &moved)?;
    refuses(&given, "are missing")?;
    ensure!(!records.exists(), "nobody makes it anew");
    fs::create_dir(&records)?;
    refuses(&given, "are missing")?;
    put_back(&given)?;
    fs::remove_file(segment(&given, 1))?;
    refuses(&given, "0000000001.log is missing")?;
    put_back(&given)?;
    fs::rename(segment(&given, 1), given.home.folder.join("aside"))?;
    fs::rename(segment(&given, 2), segment(&given, 1))?;
    fs::rename(given.home.folder.join("aside"), segment(&given, 2))?;
    refuses(&given, "0000000001.log is segment 2 under another name")?;
    put_back(&given)?;
    fs::copy(segment(&given, 1), segment(&given, 9))?;
    refuses(&given, "0000000009.log is a copy of 0000000001.log")?;
    put_back(&given)?;
    flip(&segment(&given, 1), 200)?;
    refuses(&given, "0000000001.log was changed")?;
    put_back(&given)?;
    fs::write(segment(&given, 2), &fs::read(segment(&given, 2))?[..100])?;
    refuses(&given, "0000000002.log has 100 bytes")?;
    put_back(&given)?;
    fs::write(segment(&given, u32::MAX), "paasla records 1")?;
    refuses(&given, "4294967295.log leaves no number for the next: take it away")?;
    put_back(&given)?;
    given.start()?.stop()?;

    // What is lost for good is given up, by somebody and for a reason, and once.
    fs::remove_file(segment(&given, 1))?;
    flip(&segment(&given, 2), 200)?;
    given.home.serve_with = ["--accept-records-loss", REASON].map(Into::into).to_vec();
    let host = given.start()?;
    ask(&given, &host.base_url)?;
    host.stop()?;
    given.home.serve_with.clear();
    let host = given.start()?;
    ask(&given, &host.base_url)?;
    host.stop()?;
    let store = SqliteStore::open(given.home.database()).await?;
    // Of six, two were in the first file, and one was changed; then came two.
    ensure!(store.count_records(&RecordFilter::default()).await? == 5);
    let newest = store.records(&RecordFilter { limit: 1, ..RecordFilter::default() }).await?;
    let (holder, basis) =
        (newest[0].usage_holder.as_ref().unwrap_or(&newest[0].client), &newest[0].usage_basis);
    let usage = store.usage(holder, basis.as_deref().unwrap_or_default(), newest[0].instant).await?;
    ensure!(usage.year == 8, "what was counted stays: {usage:?}");
    let changes = store.changes(Some("records"), None, None, 10).await?;
    ensure!(changes.len() == 1, "{changes:?}");
    let change = &changes[0].what;
    ensure!(change.action == "records.accept-loss" && change.reason == REASON, "{change:?}");
    ensure!(change.problems.iter().any(|lost| lost == "0000000001.log is missing"), "{change:?}");
    store.close().await?;
    Ok(())
}
