// SPDX-License-Identifier: Apache-2.0
//! Killed at any moment of a change of governance, a host comes back with the old or the new rulebook, whole, and
//! with no less than what it said was done.

use std::{
    collections::BTreeMap,
    process::Command,
    sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, ensure};
use paasla_tests::Office;
use serde_json::{Value, json};

use super::scene::{POLICY, Scene, generation};

const KILLS: u32 = 200;

/// The longest span that kills are spread over.
const LONGEST_SPAN: Duration = Duration::from_secs(20);

#[test]
fn killed_two_hundred_times_it_always_has_one_whole_generation() -> Result<()> {
    let mut scene = Scene::new()?;
    let rule = scene.minimisation()?;
    // Two contents that an answer tells apart. From then on each change goes from the one to the other.
    let [without, with] = scene.without_then_with(&rule)?;
    let shows: BTreeMap<String, bool> =
        [(content(&scene.office, without)?, false), (content(&scene.office, with)?, true)].into();
    ensure!(shows.len() == 2);

    let mut span = span_of_changes(&scene.office, without)?;
    let (mut newest, mut moved, mut activated) = (scene.office.generation()?, 0, 0);
    for kill in 0..KILLS {
        let stop = AtomicBool::new(false);
        // The newest generation that the host said is at work.
        let told = AtomicU64::new(newest);
        let activations = AtomicU32::new(0);
        let pid = scene.host.id().to_string();
        thread::scope(|scope| -> Result<()> {
            scope.spawn(|| {
                // Whatever comes back when the host dies under it is no answer.
                for turn in kill.. {
                    let changed = if turn % 2 == 0 {
                        back(&scene.office, without, &told)
                    } else {
                        forth(&scene.office, &activations, &told)
                    };
                    if changed.is_err() || stop.load(Ordering::SeqCst) {
                        break;
                    }
                }
            });
            // Spread over the span; 89 and `KILLS` have no common divisor.
            thread::sleep(span * (kill * 89 % KILLS) / KILLS);
            let status = Command::new("kill").args(["-9", &pid]).status()?;
            stop.store(true, Ordering::SeqCst);
            ensure!(status.success(), "the host could not be killed");
            Ok(())
        })?;
        let told = told.into_inner();
        drop(scene.host);
        scene.host = scene.given.start().with_context(|| format!("after kill {kill}"))?;
        scene.office.base_url.clone_from(&scene.host.base_url);

        let answer = scene.ask()?;
        let answered = generation(&answer)?;
        ensure!(answered == scene.office.generation()?, "kill {kill}: the store and the answer differ");
        ensure!(answered >= told, "kill {kill}: what was said to be done is undone: {told}, then {answered}");
        let digest = content(&scene.office, answered)?;
        let shown = *shows.get(&digest).with_context(|| format!("kill {kill}: a rulebook nobody made"))?;
        ensure!((answer.visibility("familyName") == Some("show")) == shown, "kill {kill}: {}", answer.text);
        moved += u64::from(answered > newest);
        activated += activations.into_inner();
        newest = answered;
        // The machine may have more to do by now than when the span was measured.
        if (kill + 1) % 20 == 0 && activated <= kill / 5 {
            span = (span * 2).min(LONGEST_SPAN);
        }
    }
    ensure!(activated > KILLS / 10, "only {activated} activations were finished before a kill");
    ensure!(moved > u64::from(KILLS) / 10, "only {moved} of {KILLS} kills came after a change was written");
    one_record_for_each(&scene)?;
    scene.host.stop()
}

/// The time in which the kills fall: what the way back and forth takes on this machine, four times. A host that was just
/// started, beside other tests, takes longer for it than this one.
fn span_of_changes(office: &Office, without: u64) -> Result<Duration> {
    let began = Instant::now();
    back(office, without, &AtomicU64::new(0))?;
    forth(office, &AtomicU32::new(0), &AtomicU64::new(0))?;
    Ok(began.elapsed() * 4)
}

/// Back to the version that hides the name. Notes the generation that the host says it has made.
fn back(office: &Office, to: u64, told: &AtomicU64) -> Result<()> {
    let body = json!({ "to": to, "reason": "back" });
    let got = office.confirmed(office.post(&office.manager, "/rulebook/rollback", &body)?)?;
    told.fetch_max(got["generation"].as_u64().context("it has a number")?, Ordering::SeqCst);
    Ok(())
}

/// Forth to the version that shows it, by an approval and an activation. Where a kill came between these, or before the
/// way back, the one that was done already is refused.
fn forth(office: &Office, activations: &AtomicU32, told: &AtomicU64) -> Result<()> {
    office.try_step(POLICY, "approve", &json!({ "version": 2 }))?;
    let got = office.try_step(POLICY, "activate", &json!({ "version": 2 }))?;
    if got.status == 200 {
        activations.fetch_add(1, Ordering::SeqCst);
        // It is at least one more than what was there before.
        told.fetch_add(1, Ordering::SeqCst);
        return Ok(());
    }
    ensure!(got.has_problem("wrong_state", "state"), "{}", got.text);
    Ok(())
}

/// The digest of what a generation holds.
fn content(office: &Office, number: u64) -> Result<String> {
    let all = office.see("/rulebook/generations")?;
    let one = all.as_array().into_iter().flatten().find(|one| one["generation"] == number);
    Ok(one.and_then(|one| one["policies"].as_str()).context("it is there")?.to_owned())
}

/// Every generation has its change, in the same transaction.
fn one_record_for_each(scene: &Scene) -> Result<()> {
    let generations = scene.office.see("/rulebook/generations")?;
    let numbers: Vec<u64> =
        generations.as_array().into_iter().flatten().filter_map(|one| one["generation"].as_u64()).collect();
    let whole: Vec<u64> = (1..=numbers.len() as u64).rev().collect();
    ensure!(numbers == whole, "one active generation, and none is missing");
    let (mut recorded, mut before) = (Vec::new(), String::new());
    loop {
        let page = scene.office.see(&format!("/changes?limit=1000{before}"))?;
        let page = page.as_array().cloned().unwrap_or_default();
        recorded.extend(page.iter().filter_map(|change| change["generation"].as_u64()));
        let Some(last) = page.last().and_then(|change| change["id"].as_u64()) else { break };
        before = format!("&before={last}");
    }
    ensure!(recorded == whole, "each change made one generation: {}", Value::from(recorded.len()));
    Ok(())
}
