// SPDX-License-Identifier: Apache-2.0
//! Queries while the rulebook changes: none fails, none sees two generations. `cargo xtask soak` does the same for longer.

use std::{
    collections::BTreeMap,
    sync::atomic::{AtomicBool, Ordering},
    thread,
};

use anyhow::{Context as _, Result, ensure};
use paasla_tests::{Ask, ask::agent};
use serde_json::json;

use super::scene::{FIELDS, POLICY, Scene, generation, with_names, without_names};

#[test]
fn no_query_fails_and_none_sees_two_generations() -> Result<()> {
    let scene = Scene::new()?;
    let rule = scene.minimisation()?;
    scene.office.enforce(POLICY, &rule, &without_names(), &json!({}))?;
    let hidden = scene.generation()?;
    scene.office.enforce(POLICY, &rule, &with_names(), &json!({}))?;
    let shown = scene.generation()?;
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
