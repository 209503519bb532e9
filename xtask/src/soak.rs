// SPDX-License-Identifier: Apache-2.0
//! `cargo xtask soak`: governance changes over and over under a steady load, and nobody notices.

use std::{
    collections::BTreeMap,
    fs,
    io::Write as _,
    path::PathBuf,
    process::{Child, Command, Stdio},
    sync::atomic::AtomicBool,
    thread::sleep,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use anyhow::{Context as _, Result, bail, ensure};
use clap::Args;
use paasla_tests::{Home, Host, Office, World, office};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::{
    out::{say, step},
    register, rules, tools,
    workspace::{self, Workspace, program},
};

/// How many people the register holds.
const PEOPLE: u32 = 10_000;
/// The policy that changes.
const POLICY: &str = "soak";
/// The policy that stands in shadow all the while.
const SHADOW: &str = "soak-shadow";
/// How many swaps lie between two that bring a version with settings that were never there before.
const FRESH: u32 = 250;
/// How many versions the host keeps ready besides those at work: fewer than come, so that old ones are freed.
const KEPT: u32 = 2;
/// What is asked for. What may be seen of the second differs between the two contents of the rulebook.
const SELECT: &str = "personalCode,familyName,birthDate";

/// How long and how hard.
#[derive(Debug, Args)]
pub(crate) struct Soak {
    /// How many activations and roll-backs, one after the other.
    #[arg(long, default_value_t = 1_000)]
    swaps: u32,
    /// How many queries a second.
    #[arg(long, default_value_t = 300)]
    rate: u32,
    /// For how many seconds there is load without changes, before and after.
    #[arg(long, default_value_t = 15)]
    quiet_seconds: u64,
    /// Write the results to this file, as one JSON object.
    #[arg(long)]
    json: Option<PathBuf>,
    /// Build with full optimisation first, which takes many minutes the first time.
    #[arg(long)]
    release: bool,
}

/// One answer, as the generator of load tells it.
#[derive(Debug, Deserialize)]
struct Answered {
    due_us: u64,
    took_us: u64,
    status: u16,
    generation: u64,
    visible: Vec<String>,
}

/// What came of it.
#[derive(Debug, Serialize)]
struct Outcome {
    swaps: u32,
    queries: usize,
    failed: usize,
    mixed_generations: usize,
    p99_ratio: f64,
    rss_growth_percent: f64,
    rate: u32,
    generations_seen: usize,
    versions_made: u32,
    shadow_compared: u64,
    shadow_missed: u64,
    p99_quiet_us: u64,
    p99_swaps_us: u64,
    swap_median_us: u64,
    swap_p99_us: u64,
    rss_before_kib: u64,
    rss_after_kib: u64,
}

/// Runs it.
///
/// # Errors
/// When a query failed or saw two generations, memory grew, or answers became more than twice as slow.
pub(crate) fn run(arguments: &Soak) -> Result<()> {
    ensure!(arguments.swaps > 0 && arguments.rate > 0, "at least one change and one query a second");
    let workspace = Workspace::find()?;
    tools::ensure()?;
    step("build", "the host, the generator of the register, and the generator of load");
    let packages = ["paasla", "population-register", "paasla-bench"];
    let profile: &[&str] = if arguments.release { &["--release", "--bins"] } else { &["--bins"] };
    let programs = workspace.build_with(profile, &packages)?;
    let paasla = program(&programs, "paasla")?;
    let components = rules::build(&workspace, paasla)?;
    let folder = workspace.target.join("paasla-soak");
    fs::create_dir_all(&folder)?;
    let generator = program(&programs, "population-register")?;
    let register = register::make(&workspace, generator, &folder, PEOPLE, 1)?;
    let home = Home {
        paasla: paasla.to_owned(),
        cache: None,
        folder: folder.clone(),
        examples: workspace.root.join("examples"),
        log_level: "warn",
        serve_with: Vec::new(),
    };
    home.forget()?;
    home.seed(&register.file, &components)?;
    let config = fs::read_to_string(home.config())?;
    fs::write(home.config(), format!("{config}\n[governance]\nkept = {KEPT}\n"))?;
    let world = World::read(&home.examples, &register.persons)?;
    let host = home.start(0, &AtomicBool::new(false))?;
    let office = Office::open(&home, &host.base_url)?;
    let mut contents = Contents::make(&office, &fs::read(components.join("minimisation.wasm"))?)?;

    workspace::settle()?;
    step("load", format_args!("{} queries a second from a process of its own", arguments.rate));
    let mut load = Command::new(program(&programs, "steady")?);
    load.args(["--base-url", &host.base_url, "--client", world.client("public_task"), "--select", SELECT]);
    load.arg("--register").arg(&register.file).arg("--rate").arg(arguments.rate.to_string());
    let load =
        load.stdin(Stdio::piped()).stdout(Stdio::from(fs::File::create(folder.join("answers.jsonl"))?));
    let mut load = load.spawn().context("the generator of load could not be started")?;
    // Connections and caches settle first.
    sleep(Duration::from_secs(2));
    let quiet = Duration::from_secs(arguments.quiet_seconds);
    let before = during(|| {
        sleep(quiet);
        Ok(())
    })?;
    // Until as many versions have come as the host keeps; of few swaps, half.
    let warm = arguments.swaps.div_ceil(10).max((FRESH * (KEPT + 2)).min(arguments.swaps / 2));
    let mut took = Vec::new();
    let mut rss_before = 0;
    step("swap", format_args!("{} activations and roll-backs in a row", arguments.swaps));
    let swapping = during(|| {
        for number in 0..arguments.swaps {
            if number == warm {
                rss_before = resident_kib(&host)?;
            }
            let began = std::time::Instant::now();
            contents.swap(&office, number)?;
            took.push(u64::try_from(began.elapsed().as_micros())?);
        }
        Ok(())
    })?;
    let rss_after = resident_kib(&host)?;
    let after = during(|| {
        sleep(quiet);
        Ok(())
    })?;
    finish(&mut load)?;
    let shows = contents.by_generation(&office)?;
    let shadow = office.see(&format!("/policies/{SHADOW}/diff"))?;
    let of_shadow = |what: &str| shadow.get(what).and_then(Value::as_u64).unwrap_or(0);
    host.stop()?;

    let text = fs::read_to_string(folder.join("answers.jsonl"))?;
    let answers: Vec<Answered> = text.lines().map(serde_json::from_str).collect::<Result<_, _>>()?;
    let within = |span: (u64, u64)| {
        let own = answers.iter().filter(move |one| (span.0..span.1).contains(&one.due_us));
        own.map(|one| one.took_us).collect::<Vec<_>>()
    };
    let quiet_times: Vec<u64> = within(before).into_iter().chain(within(after)).collect();
    let (p99_quiet_us, p99_swaps_us) = (percentile(quiet_times, 99), percentile(within(swapping), 99));
    let failed = answers.iter().filter(|one| one.status != 200).count();
    let is_mixed = |one: &&Answered| {
        one.status == 200
            && shows.get(&one.generation).map(|shown| if *shown { "show" } else { "hide" })
                != one.visible.get(1).map(String::as_str)
    };
    let mut generations: Vec<u64> = answers.iter().map(|one| one.generation).collect();
    generations.sort_unstable();
    generations.dedup();
    let outcome = Outcome {
        swaps: arguments.swaps,
        queries: answers.len(),
        failed,
        mixed_generations: answers.iter().filter(is_mixed).count(),
        p99_ratio: ratio(p99_swaps_us, p99_quiet_us),
        rss_growth_percent: (ratio(rss_after, rss_before) - 1.0) * 100.0,
        rate: arguments.rate,
        generations_seen: generations.len(),
        versions_made: arguments.swaps / FRESH,
        shadow_compared: of_shadow("queries"),
        shadow_missed: of_shadow("missed"),
        p99_quiet_us,
        p99_swaps_us,
        swap_median_us: percentile(took.clone(), 50),
        swap_p99_us: percentile(took, 99),
        rss_before_kib: rss_before,
        rss_after_kib: rss_after,
    };
    let line = serde_json::to_string(&outcome)?;
    if let Some(file) = &arguments.json {
        fs::write(file, format!("{line}\n"))
            .with_context(|| format!("{} cannot be written", file.display()))?;
    }
    say(format_args!("{line}"));
    verdict(&outcome)
}

fn verdict(outcome: &Outcome) -> Result<()> {
    let mut wrong = Vec::new();
    if outcome.failed > 0 {
        wrong.push(format!("{} queries failed", outcome.failed));
    }
    if outcome.mixed_generations > 0 {
        wrong.push(format!("{} queries saw two generations", outcome.mixed_generations));
    }
    if outcome.p99_ratio > 2.0 {
        wrong.push(format!("answers took {:.2} times as long (99th percentile)", outcome.p99_ratio));
    }
    if outcome.rss_growth_percent > 10.0 {
        wrong.push(format!("memory grew by {:.1} %", outcome.rss_growth_percent));
    }
    if outcome.shadow_compared == 0 {
        wrong.push("no query was compared with the policy in shadow".to_owned());
    }
    if wrong.is_empty() { Ok(()) } else { bail!("{}", wrong.join("; ")) }
}

/// Contents of the rulebook that an answer tells apart: the family name is shown or hidden.
struct Contents {
    /// The digest of the rule.
    rule: String,
    /// The generation in which it is hidden first.
    hidden: u64,
    /// The version with which it is shown first.
    shown: u64,
    /// Whether it is shown, in the generation that a version came into force with.
    known: Vec<(u64, bool)>,
    /// When it began, in microseconds.
    began: u64,
}

impl Contents {
    fn make(office: &Office, component: &[u8]) -> Result<Self> {
        let rule = office.push(component)?;
        office.create(SHADOW, &rule, &settings(&[]), &scope())?;
        office.step(SHADOW, "shadow")?;
        let mut contents = Self { rule, hidden: 0, shown: 0, known: Vec::new(), began: now_us()? };
        contents.enforce(office, &[])?;
        contents.hidden = office.generation()?;
        contents.shown = contents.enforce(office, &["pd:Name"])?;
        Ok(contents)
    }

    /// Puts a version in force, approval and all; gives its number.
    fn enforce(&mut self, office: &Office, more: &[&str]) -> Result<u64> {
        let version = office.enforce(POLICY, &self.rule, &settings(more), &scope())?;
        self.known.push((office.generation()?, more.contains(&"pd:Name")));
        Ok(version)
    }

    /// In turns back to the first, and the second activated anew; and every now and then a version that was never there,
    /// so that something is compiled, and something old is let go.
    fn swap(&mut self, office: &Office, number: u32) -> Result<()> {
        if number % FRESH == FRESH - 1 {
            // Not in the cache of an earlier soak either.
            let own = format!("urn:paasla:soak#{}-{number}", self.began);
            let name: &[&str] = if (number / FRESH).is_multiple_of(2) { &["pd:Name"] } else { &[] };
            self.enforce(office, &[name, &[own.as_str()]].concat())?;
        } else if number.is_multiple_of(2) {
            office.roll_back(Some(self.hidden))?;
        } else {
            for step in ["approve", "activate"] {
                let got = office.try_step(POLICY, step, &json!({ "version": self.shown }))?;
                office::good(&got).with_context(|| format!("{step} of version {}", self.shown))?;
            }
        }
        Ok(())
    }

    /// Whether the family name is shown, for every generation there ever was.
    fn by_generation(&self, office: &Office) -> Result<BTreeMap<u64, bool>> {
        let all = office.see("/rulebook/generations")?;
        let all = all.as_array().context("a list")?;
        let of =
            |one: &Value| Some((one.get("generation")?.as_u64()?, one.get("policies")?.as_str()?.to_owned()));
        let digests: BTreeMap<u64, String> = all.iter().filter_map(of).collect();
        let mut shown_by: BTreeMap<&String, bool> = BTreeMap::new();
        for (generation, shown) in &self.known {
            let digest = digests.get(generation).context("it is there")?;
            let known = shown_by.insert(digest, *shown);
            ensure!(known.is_none_or(|known| known == *shown), "the contents differ");
        }
        Ok(digests.iter().filter_map(|(n, own)| Some((*n, *shown_by.get(own)?))).collect())
    }
}

/// What a purpose of the authority may see: these categories besides a few.
fn settings(more: &[&str]) -> Value {
    let categories = [&["pd:OfficialID", "pd:BirthDate", "pd:Gender"], more].concat();
    json!({ "allow": [{
        "purposes": ["services:SocialWelfareEligibilityAssessment"], "categories": categories,
    }], "otherwise": "hide-all" })
}

fn scope() -> Value {
    json!({ "clients": ["EE/GOV/70999911"] })
}

/// Does something; gives back from when to when, in microseconds since 1970-01-01T00:00:00Z.
fn during(work: impl FnOnce() -> Result<()>) -> Result<(u64, u64)> {
    let began = now_us()?;
    work()?;
    Ok((began, now_us()?))
}

fn now_us() -> Result<u64> {
    Ok(u64::try_from(SystemTime::now().duration_since(UNIX_EPOCH)?.as_micros())?)
}

/// Ends the load, and waits for what it has to tell.
fn finish(load: &mut Child) -> Result<()> {
    if let Some(mut stdin) = load.stdin.take() {
        stdin.flush()?;
    }
    let status = load.wait()?;
    ensure!(status.success(), "the generator of load failed ({status})");
    Ok(())
}

/// Resident memory of the host.
fn resident_kib(host: &Host) -> Result<u64> {
    let status = fs::read_to_string(format!("/proc/{}/status", host.id()))?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).context("the system tells it")?;
    Ok(line.trim().trim_end_matches("kB").trim().parse()?)
}

fn percentile(mut times: Vec<u64>, percent: usize) -> u64 {
    times.sort_unstable();
    let place = (times.len() * percent).div_ceil(100).saturating_sub(1);
    times.get(place).copied().unwrap_or(0)
}

#[expect(clippy::cast_precision_loss, reason = "far less than 2^52")]
fn ratio(one: u64, other: u64) -> f64 {
    one as f64 / other.max(1) as f64
}
