// SPDX-License-Identifier: Apache-2.0
//! A log that nobody reads any more, or that has no room: queries are answered all the same, and the host stops when it is
//! told to.

use std::{
    fs::File,
    io::{BufRead as _, BufReader, PipeReader, pipe},
    process::{Command, Stdio},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::Duration,
};

use anyhow::{Result, ensure};
use paasla_tests::{Ask, Given, Host, ask::agent, within};
use serde_json::{Value, json};

const MINUTE: Duration = Duration::from_secs(60);

/// Starts a host that logs there.
fn start(given: &Given, log: impl Into<Stdio>) -> Result<Host> {
    given.home.start_with(0, &AtomicBool::new(false), |command| {
        command.stderr(log);
    })
}

/// Starts a host that logs into a pipe.
fn start_piped(given: &Given) -> Result<(Host, PipeReader)> {
    let (reader, writer) = pipe()?;
    Ok((start(given, writer)?, reader))
}

fn get(host: &Host, path: &str) -> Result<Value> {
    let mut response = agent().get(format!("{}{path}", host.base_url)).call()?;
    ensure!(response.status() == 200, "{path}: {}", response.status());
    Ok(serde_json::from_str(&response.body_mut().read_to_string()?)?)
}

/// Queries are answered, the host says that it lives, and SIGTERM ends it well.
fn serves_and_stops(given: &Given, mut host: Host) -> Result<()> {
    let keys = json!({ "personalCode": given.world.persons.adult });
    let ask = Ask::service("person", given.world.client("public_task"), &["familyName"], keys);
    for _ in 0..60 {
        ensure!(ask.send(&agent(), &host.base_url)?.status == 200, "a query was not answered");
    }
    get(&host, "/health/live")?;
    ensure!(Command::new("kill").args(["-TERM", &host.id().to_string()]).status()?.success(), "kill failed");
    let mut status = None;
    within(MINUTE, || {
        status = host.ended()?;
        Ok(status.is_some())
    })?;
    ensure!(status.is_some_and(|status| status.success()), "the host ended badly: {status:?}");
    Ok(())
}

#[test]
fn whoever_reads_the_log_goes_away() -> Result<()> {
    let given = Given::seeded()?;
    let (host, reader) = start_piped(&given)?;
    let mut line = String::new();
    BufReader::new(reader).read_line(&mut line)?;
    ensure!(!line.is_empty(), "the log says nothing");
    serves_and_stops(&given, host)
}

#[test]
fn the_disk_of_the_log_is_full() -> Result<()> {
    let given = Given::seeded()?;
    let host = start(&given, File::options().write(true).open("/dev/full")?)?;
    within(MINUTE, || {
        let told = get(&host, "/health/ready")?;
        let lost = told.pointer("/log/lostLines").and_then(Value::as_u64);
        Ok(told.pointer("/log/ok") == Some(&json!(false)) && lost.is_some_and(|lost| lost > 0))
    })?;
    serves_and_stops(&given, host)
}

/// Reads nothing until many lines were lost; then the log says that they were.
#[test]
fn nobody_reads_the_log_for_a_while() -> Result<()> {
    let given = Given::seeded()?;
    let (host, reader) = start_piped(&given)?;
    let agent = agent();
    within(MINUTE, || {
        for _ in 0..500 {
            agent.get(format!("{}/health/live", host.base_url)).call()?;
        }
        Ok(get(&host, "/health/ready")?.pointer("/log/ok") == Some(&json!(false)))
    })?;
    let is_told = Arc::new(AtomicBool::new(false));
    let told = Arc::clone(&is_told);
    let reads = thread::spawn(move || {
        for line in BufReader::new(reader).lines().map_while(Result::ok) {
            if line.contains("lines of the log were lost lines=") {
                told.store(true, Ordering::SeqCst);
            }
        }
    });
    within(MINUTE, || {
        let ready = get(&host, "/health/ready")?;
        Ok(is_told.load(Ordering::SeqCst) && ready.pointer("/log/ok") == Some(&json!(true)))
    })?;
    serves_and_stops(&given, host)?;
    ensure!(reads.join().is_ok(), "the reader broke");
    Ok(())
}

/// Nobody ever reads it: the pipe is full before the host is told to stop.
#[test]
fn nobody_reads_the_log_at_all() -> Result<()> {
    let given = Given::seeded()?;
    let (host, reader) = start_piped(&given)?;
    for _ in 0..1_000 {
        get(&host, "/health/live")?;
    }
    serves_and_stops(&given, host)?;
    drop(reader);
    Ok(())
}

#[test]
fn a_wrong_filter_is_no_start() -> Result<()> {
    let given = Given::seeded()?;
    for wrong in ["[[[", "verbose"] {
        let output = Command::new(&given.home.paasla)
            .args(["serve", "--config"])
            .arg(given.home.config())
            .env("PAASLA_LOG", wrong)
            .output()?;
        let said = String::from_utf8_lossy(&output.stderr);
        ensure!(!output.status.success() && said.contains("PAASLA_LOG") && said.contains("info"), "{said}");
    }
    Ok(())
}
