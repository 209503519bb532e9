// SPDX-License-Identifier: Apache-2.0
//! A host that is stopped or killed while it answers.

use std::{
    collections::BTreeSet,
    process::Command,
    sync::atomic::{AtomicUsize, Ordering},
    thread::{self, sleep},
    time::Duration,
};

use anyhow::{Result, ensure};
use paasla_store::{RecordFilter, SqliteStore, Store as _};
use paasla_tests::{Ask, Given, Host, LONG, ask::agent, within};
use serde_json::json;

/// How one query of many ended.
enum Ended {
    /// With a whole answer; its record.
    Answered(u16, Option<String>),
    /// Without one.
    CutOff,
}

/// Asks from many sides, sends the host a signal in the middle, and says how every query ended.
fn asked_until(given: &Given, host: &Host, signal: &str) -> Result<Vec<Ended>> {
    let client = given.world.client("public_task");
    let twenty = &given.world.persons.twenty;
    let (host_id, base_url) = (host.id().to_string(), host.base_url.as_str());
    let answered = &AtomicUsize::new(0);
    thread::scope(|scope| {
        let askers: Vec<_> = (0..8)
            .map(|_| {
                scope.spawn(move || {
                    let agent = agent();
                    let keys = json!({ "personalCode": twenty });
                    let ask = Ask::service("person", client, &["personalCode", "familyName"], keys);
                    let mut ended = Vec::new();
                    for _ in 0..2_000 {
                        match ask.send(&agent, base_url) {
                            Ok(got) => {
                                answered.fetch_add(1, Ordering::Relaxed);
                                ended.push(Ended::Answered(got.status, got.decision));
                            }
                            Err(_) => {
                                ended.push(Ended::CutOff);
                                break;
                            }
                        }
                    }
                    ended
                })
            })
            .collect();
        within(LONG, || Ok(answered.load(Ordering::Relaxed) > 100))?;
        let killed = Command::new("kill").args([&format!("-{signal}"), &host_id]).status()?;
        ensure!(killed.success(), "kill failed");
        Ok(askers.into_iter().filter_map(|asker| asker.join().ok()).flatten().collect())
    })
}

async fn recorded(given: &Given) -> Result<BTreeSet<String>> {
    let store = SqliteStore::open(given.home.database()).await?;
    let mut filter = RecordFilter { limit: RecordFilter::MAX_LIMIT, ..RecordFilter::default() };
    let mut ids = BTreeSet::new();
    loop {
        let page = store.records(&filter).await?;
        let Some(last) = page.last() else { break };
        filter.before_id = Some(last.id.clone());
        ids.extend(page.into_iter().map(|record| record.id));
    }
    store.close().await?;
    Ok(ids)
}

fn answered(ended: &[Ended]) -> Result<BTreeSet<String>> {
    let mut ids = BTreeSet::new();
    for one in ended {
        if let Ended::Answered(status, id) = one {
            ensure!(*status == 200, "a query ended with {status}");
            ids.extend(id.clone());
        }
    }
    ensure!(ids.len() > 20, "only {} queries were answered: nothing was under way", ids.len());
    Ok(ids)
}

#[tokio::test]
async fn sigterm_finishes_what_is_under_way() -> Result<()> {
    let given = Given::seeded()?;
    let mut host = given.start()?;
    let ended = asked_until(&given, &host, "TERM")?;
    let ids = answered(&ended)?;
    let status = loop {
        if let Some(status) = host.ended()? {
            break status;
        }
        sleep(Duration::from_millis(50));
    };
    ensure!(status.success(), "the host ended badly: {status}");
    let cut_off = ended.iter().filter(|one| matches!(one, Ended::CutOff)).count();
    ensure!(cut_off <= 8, "each of eight callers is turned away once at most, not {cut_off} times");
    // A query that was recorded and not answered would be one that was cut off.
    ensure!(recorded(&given).await? == ids, "records and answers are not the same");
    Ok(())
}

/// Whatever left the host has its record on disk: pulling the plug does not change that.
#[tokio::test]
async fn sigkill_leaves_a_record_of_every_answer() -> Result<()> {
    let given = Given::seeded()?;
    let host = given.start()?;
    let ended = asked_until(&given, &host, "KILL")?;
    let ids = answered(&ended)?;
    ensure!(host.stop().is_err(), "it was killed");
    let recorded = recorded(&given).await?;
    let lost: Vec<_> = ids.difference(&recorded).collect();
    ensure!(lost.is_empty(), "{} of {} answers have no record", lost.len(), ids.len());
    // And it comes up again on what is there.
    given.start()?.stop()
}

/// The program that started the host is gone: so is the host.
#[test]
fn the_end_of_standard_input_stops_the_host() -> Result<()> {
    let given = Given::seeded()?;
    given.start()?.stop()
}
