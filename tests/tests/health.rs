// SPDX-License-Identifier: Apache-2.0
//! What breaks under a host that serves: it notices, says so, answers nothing that it should not, and works again as soon
//! as what broke is mended.

use std::{
    fs::{self, File},
    net::TcpStream,
    path::Path,
    process::Command,
    sync::atomic::AtomicBool,
    time::Duration,
};

use anyhow::{Context as _, Result, ensure};
use ed25519_dalek::SigningKey;
use paasla_tests::{Ask, Disk, Given, Got, Host, Office, ask::agent, within};
use serde_json::{Value, json};
use sqlx::{ConnectOptions as _, Executor as _, sqlite::SqliteConnectOptions};

const MINUTE: Duration = Duration::from_secs(60);

/// A host whose register is its own.
fn with_own_register() -> Result<Given> {
    let mut given = Given::empty()?;
    let register = given.home.folder.join("register.sqlite");
    fs::copy(&given.register, &register)?;
    given.home.seed(&register, &given.rules)?;
    given.register = register;
    Ok(given)
}

fn ask(given: &Given, host: &Host) -> Result<Got> {
    let keys = json!({ "personalCode": given.world.persons.adult });
    let ask = Ask::service("person", given.world.client("public_task"), &["familyName"], keys);
    ask.send(&agent(), &host.base_url)
}

/// What the host says of itself.
fn ready(given: &Given, host: &Host) -> Result<(u16, Value)> {
    let mut response = agent().get(format!("{}/health/ready", host.base_url)).call()?;
    let text = response.body_mut().read_to_string()?;
    let folder = given.home.folder.to_string_lossy();
    ensure!(!text.contains(&*folder) && !text.contains(".sqlite"), "a path is told: {text}");
    Ok((response.status().as_u16(), serde_json::from_str(&text)?))
}

/// The host is not ready because of this part, and answers no query.
fn is_out(given: &Given, host: &Host, part: &str) -> Result<()> {
    within(MINUTE, || Ok(ready(given, host)?.1.pointer(&format!("/{part}/ok")) == Some(&json!(false))))
        .with_context(|| format!("{part} was not told"))?;
    let got = ask(given, host)?;
    ensure!(got.status == 503 && got.json.get("records").is_none(), "{part}: {} {}", got.status, got.text);
    let (status, told) = ready(given, host)?;
    ensure!(status == 503 && told.get("status") == Some(&json!("not ready")), "{part}: {status} {told}");
    Ok(())
}

/// The host is ready, and answers queries.
fn is_well(given: &Given, host: &Host) -> Result<()> {
    within(MINUTE, || Ok(ready(given, host)?.0 == 200))?;
    let (_, told) = ready(given, host)?;
    for part in ["register", "control", "records", "disk", "rulebook", "log", "clock"] {
        ensure!(told.pointer(&format!("/{part}/ok")) == Some(&json!(true)), "{part}: {told}");
    }
    let got = ask(given, host)?;
    ensure!(got.status == 200, "{} {}", got.status, got.text);
    Ok(())
}

/// Moves something away, looks, and puts it back.
fn without(given: &Given, host: &Host, what: &Path, part: &str) -> Result<()> {
    let away = given.home.folder.join("away");
    fs::rename(what, &away)?;
    is_out(given, host, part)?;
    fs::rename(&away, what)?;
    is_well(given, host)
}

#[test]
fn what_is_moved_away_is_told_and_no_query_answered_until_it_is_back() -> Result<()> {
    let given = with_own_register()?;
    let host = given.start()?;
    is_well(&given, &host)?;
    without(&given, &host, &given.register, "register")?;
    without(&given, &host, &given.home.database(), "control")?;
    without(&given, &host, &given.home.records(), "records")?;
    host.stop()
}

/// The file of the register is replaced by a newer one, in which a person has restricted access.
#[tokio::test]
async fn another_register_is_read_at_once() -> Result<()> {
    let given = with_own_register()?;
    let host = given.start()?;
    let adult = &given.world.persons.adult;
    let keys = json!({ "personalCode": adult });
    let ask = Ask::service("person", given.world.client("legitimate_interest"), &["givenName"], keys);
    ensure!(ask.send(&agent(), &host.base_url)?.records().len() == 1, "the person is seen");
    let newer = given.home.folder.join("newer.sqlite");
    fs::copy(&given.register, &newer)?;
    let mut register = SqliteConnectOptions::new().filename(&newer).connect().await?;
    sqlx::query(
        "INSERT INTO access_restriction (person_id, valid_from) \
         SELECT id, '2020-01-01' FROM person WHERE personal_code = $1",
    )
    .bind(adult)
    .execute(&mut register)
    .await?;
    drop(register);
    fs::rename(&newer, &given.register)?;
    within(
        MINUTE,
        || Ok(fs::read_to_string(given.home.log())?.contains("the register's file was replaced")),
    )?;
    let got = ask.send(&agent(), &host.base_url)?;
    ensure!(got.status == 200 && got.records().is_empty(), "{} {}", got.status, got.text);

    // One that lacks what is described is not read, and the one before it is not either.
    let unfit = given.home.folder.join("unfit.sqlite");
    fs::copy(&given.register, &unfit)?;
    let mut other = SqliteConnectOptions::new().filename(&unfit).connect().await?;
    other.execute("ALTER TABLE person RENAME TO somewhere_else").await?;
    drop(other);
    let good = given.home.folder.join("good.sqlite");
    fs::copy(&given.register, &good)?;
    fs::rename(&unfit, &given.register)?;
    is_out(&given, &host, "register")?;
    fs::rename(&good, &given.register)?;
    is_well(&given, &host)?;
    host.stop()
}

/// An act that nobody would find after a restart is not acknowledged.
#[test]
fn no_act_is_done_in_a_control_database_that_was_replaced() -> Result<()> {
    let given = Given::seeded()?;
    let host = given.start()?;
    let office = Office::open(&given.home, &host.base_url)?;
    let (own, other) = (given.home.database(), given.home.folder.join("other"));
    fs::copy(&own, &other)?;
    let away = given.home.folder.join("away");
    fs::hard_link(&own, &away)?;
    fs::rename(&other, &own)?;
    is_out(&given, &host, "control")?;
    let key = json!({
        "publicKey": hex::encode(SigningKey::from_bytes(&[8; 32]).verifying_key().as_bytes()),
        "owner": "somebody", "scope": {}, "reason": "why not",
    });
    let got = office.post(&office.operator, "/keys", &key)?;
    ensure!(got.status == 503 && got.text.contains("replaced"), "{} {}", got.status, got.text);
    fs::rename(&away, &own)?;
    is_well(&given, &host)?;
    let got = office.post(&office.operator, "/keys", &key)?;
    ensure!(got.status == 201, "{} {}", got.status, got.text);
    host.stop()
}

#[test]
fn a_control_database_that_was_overwritten_is_told() -> Result<()> {
    let given = Given::seeded()?;
    let host = given.start()?;
    is_well(&given, &host)?;
    let length = usize::try_from(fs::metadata(given.home.database())?.len())?;
    fs::write(given.home.database(), vec![b'x'; length])?;
    is_out(&given, &host, "control")?;
    // It cannot end well.
    let _ = host.stop();
    Ok(())
}

/// The disk was full for a moment: governance works as soon as there is room, and so do queries.
#[test]
fn a_full_disk_stops_what_it_must_and_nothing_stays_behind() -> Result<()> {
    let mut given = Given::seeded()?;
    let disk = Disk::new(64)?;
    given.move_to(disk.path())?;
    let elsewhere = tempfile::tempdir()?;
    let log = elsewhere.path().join("host.log");
    let file = File::create(&log)?;
    let host = given.home.start_with(0, &AtomicBool::new(false), |command| {
        command.stderr(file);
    })?;
    let office = Office::open(&given.home, &host.base_url)?;
    is_well(&given, &host)?;
    let trust = |seed: u8| office.trust(&SigningKey::from_bytes(&[seed; 32]), "somebody", &json!({}));
    for round in 0..3 {
        disk.fill()?;
        is_out(&given, &host, "disk")?;
        let mut refused = 0;
        for seed in 0..40 {
            refused += u32::from(trust(100 + round * 40 + seed).is_err());
        }
        ensure!(refused > 0, "there was room for acts on a full disk");
        disk.free()?;
        is_well(&given, &host)?;
        trust(10 + round)?;
    }
    host.stop()?;
    let log = fs::read_to_string(log)?;
    ensure!(log.contains("disk is full"), "the log does not tell why:\n{log}");
    Ok(())
}

/// Connections that cannot be taken are told with what is in the way.
#[test]
fn too_many_open_files_are_told_by_name() -> Result<()> {
    let given = Given::seeded()?;
    let host = given.start()?;
    is_well(&given, &host)?;
    let open = fs::read_dir(format!("/proc/{}/fd", host.id()))?.count();
    let limited = Command::new("prlimit")
        .args(["--pid", &host.id().to_string(), &format!("--nofile={}", open + 20)])
        .status()
        .context("there is no program `prlimit`: install util-linux")?;
    ensure!(limited.success(), "prlimit failed");
    let address = host.base_url.trim_start_matches("http://").to_owned();
    let connections: Vec<_> = (0..60).map(|_| TcpStream::connect(&address)).collect::<Result<_, _>>()?;
    within(MINUTE, || Ok(fs::read_to_string(given.home.log())?.contains("Too many open files")))?;
    drop(connections);
    is_well(&given, &host)?;
    host.stop()
}
