// SPDX-License-Identifier: Apache-2.0
//! Queries while the rulebook changes: none fails, none sees two generations. `cargo xtask soak` does the same for longer.
//! And the way back: it compiles nothing.

use std::{
    collections::BTreeMap,
    fs,
    sync::atomic::{AtomicBool, Ordering},
    thread,
};

use anyhow::{Context as _, Result, ensure};
use paasla_tests::{Ask, ask::agent};
use serde_json::json;

use super::scene::{FIELDS, POLICY, Scene, generation, needs, small};

#[test]
fn no_query_fails_and_none_sees_two_generations() -> Result<()> {
    let scene = Scene::new()?;
    let rule = scene.minimisation()?;
    let [hidden, shown] = scene.without_then_with(&rule)?;
    let stop = AtomicBool::new(false);
    let seen = thread::scope(|scope| -> Result<Vec<(u64, bool)>> {
        let work = || -> Result<Vec<(u64, bool)>> {
            let (agent, mut seen) = (agent(), Vec::new());
            let keys = json!({ "personalCode": scene.given.world.persons.adult });
            let ask = Ask::service("person", scene.given.world.client("public_task"), &FIELDS, keys);
            while !stop.load(Ordering::SeqCst) {
                let got = ask.send(&agent, &scene.host.base_url)?;
                ensure!(got.status == 200, "{}", got.text);
                seen.push((generation(&got)?, got.visibility("familyName") == Some("show")));
            }
            Ok(seen)
        };
        let askers: Vec<_> = (0..4).map(|_| scope.spawn(work)).collect();
        let swapped = (0..60).try_for_each(|number| {
            if number % 2 == 0 {
                return scene.office.roll_back(Some(hidden)).map(drop);
            }
            scene.office.step(POLICY, "approve")?;
            scene.office.step(POLICY, "activate").map(drop)
        });
        stop.store(true, Ordering::SeqCst);
        let mut all = Vec::new();
        for asker in askers {
            all.extend(asker.join().ok().context("nobody panics")??);
        }
        swapped.map(|()| all)
    })?;
    let generations = scene.office.see("/rulebook/generations")?;
    let contents: BTreeMap<u64, &str> = generations
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(|one| Some((one["generation"].as_u64()?, one["policies"].as_str()?)))
        .collect();
    let by_generation: BTreeMap<u64, bool> = contents
        .iter()
        .filter(|(_, content)| {
            Some(**content) == contents.get(&hidden).copied()
                || Some(**content) == contents.get(&shown).copied()
        })
        .map(|(number, content)| (*number, Some(*content) == contents.get(&shown).copied()))
        .collect();
    ensure!(by_generation.len() == 62, "sixty changes after the first two: {}", by_generation.len());
    let mut told: Vec<u64> = seen.iter().map(|(number, _)| *number).collect();
    for (number, shows) in seen {
        ensure!(by_generation.get(&number) == Some(&shows), "generation {number} showed {shows}");
    }
    told.sort_unstable();
    told.dedup();
    ensure!(told.len() > 10, "queries saw {} generations only", told.len());
    scene.host.stop()
}

#[test]
fn the_way_back_compiles_nothing() -> Result<()> {
    let mut given = small()?;
    // A program of its own, which it starts once more for each rule that it compiles; and an empty cache.
    let program = given.home.folder.join("paasla");
    if fs::hard_link(&given.home.paasla, &program).is_err() {
        fs::copy(&given.home.paasla, &program)?;
    }
    let shared = std::mem::replace(&mut given.home.paasla, program.clone());
    given.home.cache = None;
    given.home.seed(&given.register, &given.rules)?;
    let mut scene = Scene::start(given)?;
    let rule = scene.minimisation()?;
    let [hidden, shown] = scene.without_then_with(&rule)?;
    // From here on nothing can be compiled, and nothing that was is found again.
    fs::remove_file(&program)?;
    fs::remove_dir_all(scene.given.home.folder.join("cache"))?;
    for number in 0..10 {
        scene.office.roll_back(Some(if number % 2 == 0 { hidden } else { shown }))?;
        ensure!(scene.sees("familyName")? == (number % 2 == 1));
    }
    let other = paasla_tests::office::policy("other", &rule, &needs(&["pd:Name"]), &json!({}));
    let got = scene.office.post(&scene.office.author, "/policies", &other)?;
    ensure!(got.status != 201, "something was compiled after all: {}", got.text);
    scene.given.home.paasla = shared;
    scene.host.stop()
}
