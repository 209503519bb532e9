// SPDX-License-Identifier: Apache-2.0
//! A host with a hostile rule in it: what its caller is told, what stands in the record, that everybody else is answered,
//! and that the host stays as large as it was.

#![allow(
    dead_code,
    unreachable_pub,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "the guests are shared with the engine's tests, which may fail at any line"
)]

#[path = "../../host/engine/tests/common/answer.rs"]
mod answer;
#[path = "../../host/engine/tests/common/guest.rs"]
mod guest;

use std::{fs, path::PathBuf};

use anyhow::{Context as _, Result, ensure};
use paasla_engine::digest_of;
use paasla_store::{RecordFilter, SqliteStore, Store as _};
use paasla_tests::{Ask, Given, Got, Host, ask::agent, files};
use serde_json::{Value, json};

use answer::{exception, narrowing};
use guest::Guest;

/// The hostile policy.
const POLICY: &str = "hostile";
/// What it may use; less than usual, so that a loop ends soon.
const FUEL: u64 = 300_000;

/// A host whose rulebook has the hostile policy for the service `person`, and one of the example for everything.
struct Scene {
    given: Given,
    rules: PathBuf,
}

impl Scene {
    fn new() -> Result<Self> {
        Self::with_fuel(FUEL)
    }

    fn with_fuel(fuel: u64) -> Result<Self> {
        let mut given = Given::empty()?;
        let policies = given.own_control()?.join("policies");
        for entry in fs::read_dir(&policies)? {
            let entry = entry?;
            if entry.file_name() != "access-restriction.toml" {
                fs::remove_file(entry.path())?;
            }
        }
        let text = format!(
            "name = \"{POLICY}\"\nrule = \"{POLICY}\"\n\n[limits]\nfuel = {fuel}\nreview-fuel = {FUEL}\n\
             row-fuel = 0\noutput-bytes = 65536\n\n[scope]\nservices = [\"person\"]\n"
        );
        fs::write(policies.join("hostile.toml"), text)?;
        let rules = given.home.folder.join("rules");
        fs::create_dir(&rules)?;
        fs::copy(given.rules.join("access-restriction.wasm"), rules.join("access-restriction.wasm"))?;
        Ok(Self { given, rules })
    }

    /// Puts a component in as the hostile policy's rule. It never goes out of service here, however often it breaks.
    fn seed(&self, component: &[u8]) -> Result<()> {
        fs::write(self.rules.join(format!("{POLICY}.wasm")), component)?;
        self.given.home.seed(&self.given.register, &self.rules)?;
        let config = self.given.home.config();
        let text = fs::read_to_string(&config)?;
        files::write_text(&config, &format!("{text}\n[quarantine]\nfaults = 1000000\nminutes = 1\n"))
    }

    /// A query in the hostile policy's scope.
    fn ask(&self, host: &Host) -> Result<Got> {
        let (client, person) = (self.given.world.client("public_task"), &self.given.world.persons.adult);
        let keys = json!({ "personalCode": person });
        Ask::service("person", client, &["familyName"], keys).send(&agent(), &host.base_url)
    }

    /// A query outside of it is answered.
    fn others_are_answered(&self, host: &Host) -> Result<()> {
        let (client, person) = (self.given.world.client("public_task"), &self.given.world.persons.adult);
        let ask = Ask::rr(client, "avalik", &[person], json!({ "isikuandmed": ["Perekonnanimi"] }));
        let got = ask.send(&agent(), &host.base_url)?;
        ensure!(got.status == 200, "outside the scope nothing changes: {}", got.text);
        Ok(())
    }

    async fn store(&self) -> Result<SqliteStore> {
        Ok(SqliteStore::open(self.given.home.database()).await?)
    }
}

/// A fault, and not a word of what the rule said or of data.
fn failed(got: &Got) -> Result<()> {
    ensure!(got.status == 503, "{} was answered with {}", got.text, got.status);
    ensure!(got.json.get("code").and_then(Value::as_str) == Some("rule_fault"), "{}", got.text);
    ensure!(got.json.get("records").is_none(), "no records: {}", got.text);
    for word in ["because", "no-such", "hostile", "unreachable", "wasm"] {
        ensure!(!got.text.contains(word), "`{word}` is no business of a caller's: {}", got.text);
    }
    Ok(())
}

/// Hostile rules, what stands of them in the record, and whether it used up its fuel.
fn kinds() -> Vec<(Guest, &'static str, bool)> {
    let deciding = |decide| Guest { decide, ..Guest::default() };
    let returning = |data| Guest { decide: "i32.const 2048", data, ..Guest::default() };
    let exceptions = |list: &[Vec<u8>]| {
        narrowing((2500, u32::try_from(list.len()).unwrap_or(0)), (0, 0), (0, 0), &[(2500, list.concat())])
    };
    // Asks for a review, in which it breaks.
    let reviewing = narrowing((0, 0), (0, 0), (0, 0), &[(2084, vec![1])]);
    vec![
        (deciding("(loop (br 0)) unreachable"), "fault: out-of-fuel", true),
        (deciding("(drop (memory.grow (i32.const 60000))) unreachable"), "fault: out-of-memory", false),
        (
            Guest {
                more: "(func $f (result i32) (i32.add (call $f) (i32.const 1)))",
                ..deciding("(call $f)")
            },
            "fault: out-of-stack",
            false,
        ),
        (deciding("(i32.div_u (i32.const 1) (i32.const 0))"), "fault: trap", false),
        (deciding("i32.const -16"), "fault: unreadable-output", false),
        (returning(exceptions(&[exception(77, None, 0)])), "fault: forbidden-output", false),
        (returning(narrowing((4096, 12_000), (0, 0), (0, 0), &[])), "fault: output-too-large", false),
        (
            Guest { review: "(loop (br 0)) unreachable", ..returning(reviewing) },
            "narrow, review: fault: out-of-fuel",
            true,
        ),
    ]
}

#[tokio::test]
async fn each_kind_is_told_recorded_and_survived() -> Result<()> {
    let scene = Scene::new()?;
    for (number, (guest, kind, all_fuel)) in (1_u64..).zip(kinds()) {
        let component = guest.component();
        scene.seed(&component)?;
        let host = scene.given.start()?;
        let got = scene.ask(&host)?;
        failed(&got).with_context(|| format!("number {number}, {kind}"))?;
        scene.others_are_answered(&host)?;
        host.stop()?;
        let store = scene.store().await?;
        let id = got.decision.context("the record is named")?;
        let record = store.record(&id).await?.context("the record is there")?;
        ensure!((record.status, record.returned) == (503, 0), "{record:?}");
        let said = record.rulings.iter().rfind(|ruling| ruling.policy == POLICY).context("it is named")?;
        ensure!(said.said == kind, "number {number}, {kind}: {said:?}");
        ensure!(said.rule == digest_of(&component), "the record names the very bytes");
        ensure!(
            said.fuel > 0 && said.fuel >= if all_fuel { FUEL } else { 0 },
            "the fuel is counted: {said:?}"
        );
        ensure!(
            store.count_records(&RecordFilter::default()).await? == 2 * number,
            "one record for each query"
        );
        store.close().await?;
    }
    Ok(())
}

/// What is no rule does not get in, and what was there stays.
#[tokio::test]
async fn what_cannot_be_a_rule_is_not_put_in() -> Result<()> {
    let scene = Scene::new()?;
    scene.seed(&Guest::default().component())?;
    let core = wat::parse_str(Guest::default().text())?;
    let importing = wat::parse_str(r#"(component (import "wasi:io/poll@0.2.0" (instance)))"#)?;
    let looping = |describe, configure| Guest { describe, configure, ..Guest::default() }.component();
    let head = b"\0asm\x0d\0\x01\0".to_vec();
    let empty_components = [head.clone(), [&[4, 8][..], &head].concat().repeat(1_000)].concat();
    let cut = Guest::default().component();
    for (component, told) in [
        (b"#!/bin/sh".to_vec(), "no WebAssembly"),
        (core, "core module"),
        (importing, "wasi:io/poll@0.2.0"),
        (cut.get(..cut.len() / 2).unwrap_or_default().to_vec(), "not a valid component"),
        (empty_components, "components; the host takes at most"),
        (looping("(loop (br 0)) unreachable", "i32.const 1024"), "units of fuel"),
        (looping("i32.const 256", "(loop (br 0)) unreachable"), "units of fuel"),
    ] {
        let error = format!("{:#}", scene.seed(&component).err().context(told)?);
        ensure!(error.contains(told), "{told}: {error}");
        ensure!(!error.contains("panicked"), "{error}");
    }
    let host = scene.given.start()?;
    ensure!(scene.ask(&host)?.status == 200, "the first rule is still at work");
    host.stop()
}

/// The size of a process in KiB, as the system counts it.
fn resident(host: &Host) -> Result<u64> {
    let status = fs::read_to_string(format!("/proc/{}/status", host.id()))?;
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).context("a process has a size")?;
    Ok(line.split_whitespace().nth(1).context("a number")?.parse()?)
}

/// Thousands of hostile queries, from several clients at once, leave the host as large as it was.
#[tokio::test]
async fn thousands_of_hostile_queries_leave_nothing_behind() -> Result<()> {
    let scene = Scene::new()?;
    // Takes all the memory it gets, writes to it, and breaks.
    let decide = "(loop (br_if 0 (i32.ne (memory.grow (i32.const 16)) (i32.const -1))))
                  (memory.fill (i32.const 262144) (i32.const 7) (i32.const 100000)) unreachable";
    scene.seed(&Guest { decide, ..Guest::default() }.component())?;
    let host = scene.given.start()?;
    let round = |each: usize| -> Result<()> {
        std::thread::scope(|scope| {
            let client = || -> Result<()> { (0..each).try_for_each(|_| failed(&scene.ask(&host)?)) };
            let all: Vec<_> = (0..4).map(|_| scope.spawn(client)).collect();
            all.into_iter().try_for_each(|one| one.join().map_err(|_| anyhow::anyhow!("a client broke"))?)
        })
    };
    round(300)?;
    let before = resident(&host)?;
    round(750)?;
    let after = resident(&host)?;
    ensure!(after <= before + before / 20, "{before} KiB before, {after} KiB after");
    scene.others_are_answered(&host)?;
    host.stop()
}

/// Rulings that take a second or more keep neither who asks about something else waiting, nor who asks how the host is.
#[tokio::test]
async fn long_rulings_keep_nobody_else_waiting() -> Result<()> {
    let scene = Scene::with_fuel(1_000_000_000)?;
    scene.seed(&Guest { decide: "(loop (br 0)) unreachable", ..Guest::default() }.component())?;
    let host = scene.given.start()?;
    scene.others_are_answered(&host)?;
    let mut took = std::thread::scope(|scope| {
        // More than the host has threads.
        let cores = std::thread::available_parallelism().map_or(2, usize::from);
        let slow: Vec<_> = (0..2 * cores + 2)
            .map(|_| scope.spawn(|| (0..2).try_for_each(|_| failed(&scene.ask(&host)?))))
            .collect();
        let mut took = Vec::new();
        while !slow.iter().all(std::thread::ScopedJoinHandle::is_finished) {
            let began = std::time::Instant::now();
            let live = agent().get(format!("{}/health/live", host.base_url)).call()?;
            ensure!(live.status() == 200);
            scene.others_are_answered(&host)?;
            took.push(began.elapsed());
            // As somebody who looks every now and then.
            std::thread::sleep(std::time::Duration::from_millis(20));
        }
        slow.into_iter().try_for_each(|one| one.join().map_err(|_| anyhow::anyhow!("a client broke"))?)?;
        anyhow::Ok(took)
    })?;
    took.sort_unstable();
    let median = took.get(took.len() / 2).context("somebody else asked")?;
    ensure!(took.len() > 5 && *median < std::time::Duration::from_millis(700), "{took:?}");
    host.stop()
}
