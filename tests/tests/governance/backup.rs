// SPDX-License-Identifier: Apache-2.0
//! A backup of a host at work holds all that it had told, and what comes back goes on from there.

use std::{
    collections::BTreeMap,
    fs,
    path::Path,
    process::{Command, Output},
    sync::{
        Mutex,
        atomic::{AtomicBool, AtomicU32, Ordering},
    },
    thread,
    time::Duration,
};

use anyhow::{Context as _, Result, ensure};
use ed25519_dalek::SigningKey;
use paasla_core::{AuditRecord, ClientId, Outcome};
use paasla_store::{Governance as _, RecordFilter, SqliteStore, Store as _, governance::change::Change};
use paasla_tests::{Ask, Home, Office, office::good, within};
use serde_json::json;

use super::scene::{FIELDS, POLICY, Scene, refuses, without_names};

fn paasla(home: &Home, verb: &str, folder: &Path) -> Result<Output> {
    Ok(Command::new(&home.paasla).arg(verb).arg(folder).arg("--config").arg(home.config()).output()?)
}

fn done(output: &Output) -> Result<()> {
    ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    Ok(())
}

fn fails(output: &Output, says: &str) -> Result<()> {
    let told = String::from_utf8_lossy(&output.stderr);
    ensure!(!output.status.success() && told.contains(says), "`{says}` was expected: {told}");
    Ok(())
}

/// Another home with the same configuration and secret, and nothing else.
fn bare(home: &Home, name: &str) -> Result<Home> {
    let folder = home.folder.join(name);
    fs::create_dir(&folder)?;
    for file in ["paasla.toml", "secret.hex"] {
        fs::copy(home.folder.join(file), folder.join(file))?;
    }
    Ok(Home { folder, ..home.clone() })
}

/// All that a store has.
struct All {
    records: BTreeMap<String, AuditRecord>,
    /// Newest first.
    changes: Vec<Change>,
    revoked: Vec<String>,
    generation: u64,
}

async fn all(home: &Home) -> Result<All> {
    let store = SqliteStore::open(home.database()).await?;
    ensure!(store.check_records().await?.is_empty(), "no file is missing");
    let mut filter = RecordFilter { limit: RecordFilter::MAX_LIMIT, ..RecordFilter::default() };
    let mut records = BTreeMap::new();
    loop {
        let page = store.records(&filter).await?;
        let Some(last) = page.last() else { break };
        filter.before_id = Some(last.id.clone());
        records.extend(page.into_iter().map(|record| (record.id.clone(), record)));
    }
    // What is counted is what is recorded.
    let mut persons: BTreeMap<(ClientId, String), u64> = BTreeMap::new();
    let now = records.values().map(|record| record.instant).max().unwrap_or(0);
    for record in records.values().filter(|record| record.outcome == Outcome::Answered) {
        let Some(basis) = record.usage_basis.clone() else { continue };
        let holder = record.usage_holder.as_ref().unwrap_or(&record.client).clone();
        let asked = (record.subjects.len() as u64).max(record.returned.into());
        *persons.entry((holder, basis)).or_default() += asked;
    }
    ensure!(!persons.is_empty(), "something counts");
    for ((holder, basis), persons) in persons {
        let usage = store.usage(&holder, &basis, now).await?;
        ensure!(usage.year == persons, "{holder}: {usage:?}, and {persons} by the records");
    }
    let keys = store.keys().await?;
    let all = All {
        records,
        changes: store.changes(None, None, None, 10_000).await?,
        revoked: keys.into_iter().filter(|key| key.revoked_at.is_some()).map(|key| key.id).collect(),
        generation: store.newest().await?,
    };
    store.close().await?;
    Ok(all)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_backup_of_a_host_at_work_comes_back_whole() -> Result<()> {
    let scene = Scene::new()?;
    let (office, home) = (&scene.office, &scene.given.home);
    let rule = scene.minimisation()?;
    office.enforce(POLICY, &rule, &without_names(), &json!({}))?;
    let lost = SigningKey::from_bytes(&[8; 32]);
    let revoke = |id: &str| {
        good(&office.post(
            &office.operator,
            &format!("/keys/{id}/revoke"),
            &json!({ "reason": "it was lost" }),
        )?)
    };
    let id = office.trust(&lost, "somebody", &json!({}))?;
    revoke(&id)?;

    // Queries and acts go on, all the while.
    let (stop, told, acts) = (AtomicBool::new(false), Mutex::new(Vec::new()), AtomicU32::new(0));
    let folder = home.folder.join("backup");
    let (before, output) = thread::scope(|scope| {
        for _ in 0..3 {
            scope.spawn(|| {
                while !stop.load(Ordering::SeqCst) {
                    let decision = scene.ask().unwrap().decision.unwrap();
                    told.lock().unwrap().push(decision);
                }
            });
        }
        scope.spawn(|| {
            while !stop.load(Ordering::SeqCst) {
                let mut seed = [1; 32];
                seed[..4].copy_from_slice(&acts.load(Ordering::SeqCst).to_be_bytes());
                let key = office.trust(&SigningKey::from_bytes(&seed), "another", &json!({}));
                revoke(&key.unwrap()).unwrap();
                acts.fetch_add(1, Ordering::SeqCst);
                thread::sleep(Duration::from_millis(20));
            }
        });
        let work = || {
            let at_work = || told.lock().unwrap().len() > 60 && acts.load(Ordering::SeqCst) > 3;
            within(Duration::from_secs(120), || Ok(at_work()))?;
            let before = (told.lock().unwrap().clone(), acts.load(Ordering::SeqCst));
            let output = paasla(home, "backup", &folder)?;
            let so_far = told.lock().unwrap().len();
            within(Duration::from_secs(120), || Ok(told.lock().unwrap().len() > so_far + 20))?;
            anyhow::Ok((before, output))
        };
        let worked = work();
        stop.store(true, Ordering::SeqCst);
        worked
    })?;
    done(&output)?;
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    ensure!(said.contains("is not in it"), "it says what it leaves out: {said}");
    ensure!(!folder.join("secret.hex").exists());
    fails(&paasla(home, "backup", &folder)?, "is not empty")?;
    let Scene { given, host, mut office } = scene;
    host.stop()?;

    let restored = bare(&given.home, "restored")?;
    done(&paasla(&restored, "restore", &folder)?)?;
    fails(&paasla(&restored, "restore", &folder)?, "is there already, and nothing is overwritten")?;
    let (was, is) = (all(&given.home).await?, all(&restored).await?);
    let (records, acts) = before;
    for id in &records {
        ensure!(is.records.contains_key(id), "the record {id} was told, and is not in the backup");
    }
    ensure!(
        is.records.iter().all(|(id, record)| was.records.get(id) == Some(record)),
        "no record is another"
    );
    ensure!(is.records.len() < was.records.len(), "it was made at work");
    let later = was.changes.len() - is.changes.len();
    ensure!(was.changes.get(later..) == Some(&is.changes[..]), "changes are all those up to a moment");
    ensure!(is.revoked.len() > acts as usize && is.revoked.contains(&id), "{:?}", is.revoked);
    ensure!(is.generation == was.generation, "the same rulebook is at work");

    // The same decides there.
    let host = restored.start(0, &AtomicBool::new(false))?;
    office.base_url.clone_from(&host.base_url);
    let keys = json!({ "personalCode": given.world.persons.adult });
    let ask = Ask::service("person", given.world.client("public_task"), &FIELDS, keys);
    let got = ask.send(&paasla_tests::ask::agent(), &host.base_url)?;
    ensure!(got.status == 200 && got.visibility("familyName") != Some("show"), "{}", got.text);
    ensure!(got.visibility("birthDate") == Some("show"), "{}", got.text);
    let component = fs::read(given.rules.join("quota.wasm"))?;
    let got = office.post(&office.author, "/rules", &Office::upload(&component, Some(&lost)))?;
    refuses(&got, 422, "key_revoked", "/signatures/0")?;
    host.stop()?;

    // Of a host that is stopped, with the secret: nothing else is needed.
    let second = given.home.folder.join("second");
    let mut command = Command::new(&given.home.paasla);
    command.arg("backup").arg(&second).arg("--with-secret").arg("--config").arg(given.home.config());
    done(&command.output()?)?;
    let again = bare(&given.home, "again")?;
    fs::remove_file(again.folder.join("secret.hex"))?;
    done(&paasla(&again, "restore", &second)?)?;
    ensure!(fs::read(again.folder.join("secret.hex"))? == fs::read(given.home.folder.join("secret.hex"))?);
    let again = all(&again).await?;
    ensure!(again.records == was.records && again.changes == was.changes);
    Ok(())
}

/// What is not as it was when the backup was made does not come back, and leaves nothing.
#[test]
fn a_backup_that_was_changed_is_refused() -> Result<()> {
    let scene = Scene::new()?;
    for _ in 0..3 {
        scene.ask()?;
    }
    let Scene { given, host, .. } = scene;
    host.stop()?;
    let folder = given.home.folder.join("backup");
    done(&paasla(&given.home, "backup", &folder)?)?;
    let target = bare(&given.home, "restored")?;
    let record = folder.join("records/0000000001.log");
    for file in [&record, &folder.join("control.sqlite")] {
        let good = fs::read(file)?;
        let mut bytes = good.clone();
        *bytes.get_mut(good.len() / 2).context("it is not empty")? ^= 1;
        fs::write(file, &bytes)?;
        fails(&paasla(&target, "restore", &folder)?, "is not as it was when the backup was made")?;
        fs::remove_file(file)?;
        fails(&paasla(&target, "restore", &folder)?, "could not be copied")?;
        fs::write(file, good)?;
    }
    let more = folder.join("records/0000000099.log");
    fs::copy(&record, &more)?;
    fails(&paasla(&target, "restore", &folder)?, "its manifest does not know it")?;
    fs::remove_file(more)?;
    fs::rename(folder.join("manifest.json"), folder.join("aside"))?;
    fails(&paasla(&target, "restore", &folder)?, "is no backup")?;
    fs::rename(folder.join("aside"), folder.join("manifest.json"))?;
    let left: Vec<_> = fs::read_dir(&target.folder)?
        .map(|file| file.map(|file| file.file_name()))
        .collect::<Result<_, _>>()?;
    ensure!(left.len() == 2, "nothing is left behind: {left:?}");
    done(&paasla(&target, "restore", &folder)?)
}
