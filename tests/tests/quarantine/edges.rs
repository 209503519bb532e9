// SPDX-License-Identifier: Apache-2.0
//! Many faults at one time, a store that cannot be written, and a new rulebook.

use std::thread;

use anyhow::{Result, ensure};
use paasla_tests::{Got, Host, LONG, within};
use sqlx::{ConnectOptions as _, Executor as _};

use crate::scene::{BROKEN, POLICY, REFUSED, Scene, answered, faulted, quarantined, refused};

/// Sixteen queries at one time.
fn storm(scene: &Scene, host: &Host) -> Result<Vec<Got>> {
    thread::scope(|scope| {
        let threads: Vec<_> = (0..16).map(|_| scope.spawn(|| scene.ask(host))).collect();
        threads
            .into_iter()
            .map(|thread| thread.join().map_err(|_| anyhow::anyhow!("a thread broke"))?)
            .collect()
    })
}

#[test]
fn faults_at_one_time_take_it_out_of_service_once() -> Result<()> {
    let scene = Scene::new()?;
    scene.seed("statistics", BROKEN, "faults = 4\nminutes = 60")?;
    let host = scene.0.start()?;
    let mut broken = 0;
    for got in storm(&scene, &host)? {
        if got.is_refused(REFUSED) {
            continue;
        }
        faulted(&got)?;
        broken += 1;
    }
    ensure!(broken >= 4, "{broken} faults are too few");
    for got in storm(&scene, &host)? {
        refused(&got)?;
    }
    let kept = scene.list(&["--all"])?;
    ensure!(kept.len() == 1 && kept.iter().all(|kept| kept["faults"] == 4), "{kept:?}");
    host.stop()?;
    ensure!(scene.log()?.matches("QUARANTINE").count() == 1, "it is said once");
    Ok(())
}

/// Another program holds the store: what cannot be written holds all the same, and is written once it can be.
#[tokio::test]
async fn it_holds_though_the_store_cannot_be_written() -> Result<()> {
    let scene = Scene::new()?;
    scene.seed("statistics", BROKEN, "faults = 1")?;
    let host = scene.0.start()?;
    let options = sqlx::sqlite::SqliteConnectOptions::new().filename(scene.0.home.database());
    let mut holder = options.connect().await?;
    holder.execute("BEGIN IMMEDIATE").await?;
    let got = scene.ask(&host)?;
    ensure!(got.status == 503, "a rule broke: {}", got.text);
    ensure!(
        quarantined(&host)? == 1 && scene.list(&[])?.is_empty(),
        "it is in nobody's memory but the host's"
    );
    ensure!(scene.log()?.contains("the quarantine could not be written"), "{}", scene.log()?);
    holder.execute("ROLLBACK").await?;
    refused(&scene.ask(&host)?)?;
    // A try that is under way may wait for the lock until it gives up.
    within(LONG, || Ok(scene.list(&[])?.iter().any(|kept| kept["policy"] == POLICY)))?;
    host.stop()?;
    let host = scene.0.start()?;
    refused(&scene.ask(&host)?)?;
    host.stop()
}

/// A repaired policy is another one, and the broken one stays out of service should it come back.
#[test]
fn a_new_version_begins_in_service() -> Result<()> {
    let scene = Scene::new()?;
    let strict = "faults = 1";
    scene.seed("statistics", BROKEN, strict)?;
    let host = scene.0.start()?;
    faulted(&scene.ask(&host)?)?;
    refused(&scene.ask(&host)?)?;
    host.stop()?;
    for (rule, limits, status) in [
        // Enough fuel; the broken one again; another rule.
        ("statistics", "", 200),
        ("statistics", BROKEN, 403),
        ("minors", "", 200),
    ] {
        scene.seed(rule, limits, strict)?;
        let host = scene.0.start()?;
        let got = scene.ask(&host)?;
        if status == 200 {
            answered(&got)?
        } else {
            refused(&got)?
        }
        host.stop()?;
    }
    Ok(())
}
