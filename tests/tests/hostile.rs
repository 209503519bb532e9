// SPDX-License-Identifier: Apache-2.0
//! A host with a hostile rule in it: what its caller is told, what stands in the record, that everybody else is answered,
//! and that the host stays as large as it was.

#[path = "governance/guests.rs"]
mod guests;
#[path = "hostile/table.rs"]
mod table;

use std::{fs, path::PathBuf};

use anyhow::{Context as _, Result, ensure};
use paasla_core::Outcome;
use paasla_engine::{EngineConfig, digest_of};
use paasla_store::{SqliteStore, Store as _};
use paasla_tests::{Ask, Given, Got, Host, LONG, Office, ask::agent, files, within};
use serde_json::{Value, json};

use guests::guest::Guest;
use table::Row;

/// The hostile policy.
const POLICY: &str = "hostile";
/// What it may use where it is seeded; less than usual, so that a loop ends soon.
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
        Ask::service("person", client, &["familyName", "birthDate"], keys).send(&agent(), &host.base_url)
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

/// The host, people who change its rulebook, and a query that is answered between any two that are not.
struct Street {
    scene: Scene,
    host: Host,
    office: Office,
}

impl Street {
    fn new() -> Result<Self> {
        let scene = Scene::new()?;
        scene.seed(&Guest::default().component())?;
        let host = scene.given.start()?;
        let office = Office::open(&scene.given.home, &host.base_url)?;
        Ok(Self { scene, host, office })
    }

    fn scope() -> Value {
        json!({ "services": ["person"] })
    }

    /// Brings a component in, and puts the policy in force with it; gives the generation.
    fn enforce(&self, name: &str, component: &[u8]) -> Result<u64> {
        let digest = self.office.push(component)?;
        self.office.enforce(name, &digest, &json!({}), &Self::scope())?;
        self.office.generation()
    }

    /// What the caller is told by the policy at work, and what is recorded; and the next good query is answered.
    async fn breaks(&self, row: &Row) -> Result<()> {
        let got = self.scene.ask(&self.host)?;
        failed(&got)?;
        self.scene.others_are_answered(&self.host)?;
        let store = self.scene.store().await?;
        let id = got.decision.context("the record is named")?;
        let record = store.record(&id).await?.context("the record is there")?;
        store.close().await?;
        ensure!((record.outcome, record.returned) == (Outcome::Failed, 0), "{record:?}");
        let said = record.rulings.iter().rfind(|ruling| ruling.policy == POLICY).context("it is named")?;
        ensure!(said.calls.to_string() == row.expected, "{said:?}");
        ensure!(said.rule == digest_of(&row.component), "the record names the very bytes");
        let most =
            if row.expected.ends_with("out-of-fuel") { EngineConfig::default().ration.fuel } else { 1 };
        ensure!(said.fuel >= most, "the fuel is counted: {said:?}");
        Ok(())
    }

    /// The last act that is noted is this, refused for this among others.
    fn is_noted_as_refused(&self, code: &str) -> Result<()> {
        let changes = self.office.see("/changes?limit=1")?;
        let last = changes.get(0).context("there is one")?;
        ensure!(last.get("outcome") == Some(&json!("refused")), "{last}");
        let problems = last.get("problems").and_then(Value::as_array).context("it says why")?;
        ensure!(problems.contains(&json!(code)), "{code}: {last}");
        Ok(())
    }
}

/// Every hostile rule breaks its own query only, is told to its caller as a fault and recorded by its kind; and when all
/// of them ruled again, each many times, the host is as large as before.
#[tokio::test]
async fn each_row_is_told_recorded_and_survived() -> Result<()> {
    let street = Street::new()?;
    let rows = table::rulings();
    ensure!(rows.len() >= 30, "{} hostile rules", rows.len());
    let mut generations = Vec::new();
    for row in &rows {
        let generation = street.enforce(POLICY, &row.component).context(row.name)?;
        street.breaks(row).await.context(row.name)?;
        generations.push((row, generation));
    }
    let mut sizes = Vec::new();
    for _ in 0..3 {
        for (row, generation) in &generations {
            street.office.roll_back(Some(*generation)).context(row.name)?;
            street.breaks(row).await.context(row.name)?;
            (0..20).try_for_each(|_| failed(&street.scene.ask(&street.host)?)).context(row.name)?;
        }
        sizes.push(resident(&street.host)?);
    }
    // What the first round takes, later ones use again.
    let [_, before, after] = sizes.as_slice() else { anyhow::bail!("three rounds") };
    println!("{} hostile rules: {before} KiB after two rounds, {after} KiB after three", rows.len());
    ensure!(*after <= before + 8 * 1024, "{before} KiB after two rounds, {after} KiB after three");
    let log = fs::read_to_string(street.scene.given.home.log())?;
    ensure!(!log.contains("panicked"), "nothing in the host panicked");
    street.host.stop()
}

/// What is no rule, or no policy can be made of, is refused with a problem that names it, noted, and changes nothing.
#[tokio::test]
async fn each_row_that_does_not_get_in_is_refused_and_noted() -> Result<()> {
    let street = Street::new()?;
    let (rules, generation) = (street.office.see("/rules")?, street.office.generation()?);
    for row in table::refused() {
        let upload = Office::upload(&row.component, Some(&street.office.key));
        let got = street.office.post(&street.office.author, "/rules", &upload)?;
        let is_refused = got.status == 422 && got.has_problem(row.expected, "/component");
        ensure!(is_refused, "{}: {}", row.name, got.text);
        street.is_noted_as_refused(row.expected).context(row.name)?;
        ensure!(street.office.see("/rules")? == rules, "{}: nothing is stored", row.name);
        ensure!(street.scene.ask(&street.host)?.status == 200, "{}: the first rule is at work", row.name);
    }
    for row in table::not_activated() {
        let digest = street.office.push(&row.component).context(row.name)?;
        let body = paasla_tests::office::policy(POLICY, &digest, &json!({}), &Street::scope());
        let got = street.office.post(&street.office.author, "/policies", &body)?;
        let is_refused = got.status == 422 && got.has_problem(row.expected, "/settings");
        ensure!(is_refused, "{}: {}", row.name, got.text);
        street.is_noted_as_refused(row.expected).context(row.name)?;
        ensure!(street.scene.ask(&street.host)?.status == 200, "{}: the first rule is at work", row.name);
    }
    ensure!(street.office.generation()? == generation, "the rulebook is the same");
    street.host.stop()
}

/// Of two policies one hides a field, and the other would have it shown in part: it stays hidden, whoever comes first.
#[tokio::test]
async fn what_one_policy_hides_no_other_shows() -> Result<()> {
    let street = Street::new()?;
    let [hiding, masking] = table::hiding_and_masking();
    let shown = |as_what: &str| -> Result<()> {
        let got = street.scene.ask(&street.host)?;
        ensure!(
            got.status == 200 && got.visibility("familyName") == Some(as_what),
            "{as_what}: {}",
            got.text
        );
        let value = got.first().get("familyName").is_some();
        ensure!(value == (as_what != "hide"), "{as_what}: {}", got.text);
        Ok(())
    };
    street.enforce("b-masks", &masking)?;
    shown("initial")?;
    street.enforce("a-hides", &hiding)?;
    shown("hide")?;
    street.office.step("a-hides", "retire")?;
    shown("initial")?;
    street.enforce("c-hides", &hiding)?;
    shown("hide")?;
    street.host.stop()
}

/// The size of a process in KiB, as the system counts it.
fn resident(host: &Host) -> Result<u64> {
    let status = fs::read_to_string(format!("/proc/{}/status", host.id()))?;
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).context("a process has a size")?;
    Ok(line.split_whitespace().nth(1).context("a number")?.parse()?)
}

/// Twelve thousand hostile queries, from several clients at once, leave the host as large as it was.
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
    // As many first: so many it takes until every thread has met every sort of work, and what finds records is as large
    // as it gets (a segment's index; see `LONGEST` of the log).
    round(3_000)?;
    // What these records count is noted within this time, which takes memory for a moment.
    std::thread::sleep(std::time::Duration::from_secs(4));
    let before = resident(&host)?;
    round(3_000)?;
    let mut after = 0;
    let level = within(LONG, || {
        after = resident(&host)?;
        Ok(after <= before + before / 20)
    });
    level.with_context(|| format!("{before} KiB before, {after} KiB after, and that stays so"))?;
    println!("{before} KiB before, {after} KiB after");
    scene.others_are_answered(&host)?;
    host.stop()
}

/// Every ruling has a sandbox of its own, however many there are at one time: a rule that counts its calls, in memory and
/// in a global, never gets further than one.
#[tokio::test]
async fn every_ruling_is_the_first_of_its_sandbox() -> Result<()> {
    // One member has a quarter of 256 places.
    const CONNECTIONS: usize = 48;
    const QUERIES: usize = 10_000;
    let scene = Scene::new()?;
    let counting = Guest {
        decide: "(global.set $calls (i32.add (global.get $calls) (i32.const 1)))
                 (i32.store (i32.const 1500) (i32.add (i32.load (i32.const 1500)) (i32.const 1)))
                 (if (i32.or (i32.gt_s (global.get $calls) (i32.const 1))
                             (i32.gt_s (i32.load (i32.const 1500)) (i32.const 1))) (then unreachable))
                 (i32.const 1024)",
        more: "(global $calls (mut i32) (i32.const 0))",
        ..Guest::default()
    };
    scene.seed(&counting.component())?;
    let host = scene.given.start()?;
    std::thread::scope(|scope| -> Result<()> {
        let answered = || -> Result<()> {
            (0..QUERIES.div_ceil(CONNECTIONS)).try_for_each(|_| {
                let got = scene.ask(&host)?;
                ensure!(got.status == 200, "{}", got.text);
                Ok(())
            })
        };
        let all: Vec<_> = (0..CONNECTIONS).map(|_| scope.spawn(answered)).collect();
        all.into_iter().try_for_each(|one| one.join().map_err(|_| anyhow::anyhow!("a client broke"))?)
    })?;
    host.stop()
}

/// Rulings that take a second or more keep neither who asks about something else waiting, nor who asks how the host is.
#[tokio::test]
async fn long_rulings_keep_nobody_else_waiting() -> Result<()> {
    let scene = Scene::with_fuel(1_000_000_000)?;
    scene.seed(&Guest { decide: "(loop (br 0)) unreachable", ..Guest::default() }.component())?;
    let host = scene.given.start()?;
    scene.others_are_answered(&host)?;
    let answered = std::thread::scope(|scope| {
        // More than the host has threads.
        let cores = std::thread::available_parallelism().map_or(2, usize::from);
        let slow: Vec<_> = (0..2 * cores + 2)
            .map(|_| scope.spawn(|| (0..2).try_for_each(|_| failed(&scene.ask(&host)?))))
            .collect();
        let mut answered = 0;
        while !slow.iter().all(std::thread::ScopedJoinHandle::is_finished) {
            let live = agent().get(format!("{}/health/live", host.base_url)).call()?;
            ensure!(live.status() == 200);
            scene.others_are_answered(&host)?;
            answered += 1;
            // As somebody who looks every now and then.
            std::thread::sleep(std::time::Duration::from_millis(20));
        }
        slow.into_iter().try_for_each(|one| one.join().map_err(|_| anyhow::anyhow!("a client broke"))?)?;
        anyhow::Ok(answered)
    })?;
    // Who had to wait for a long ruling each time would have had four answers at most.
    ensure!(answered > 5, "{answered}");
    host.stop()
}
