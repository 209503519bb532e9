// SPDX-License-Identifier: Apache-2.0
//! A rule is changed, built and put to work without touching the host; and the same source gives the same component
//! wherever it lies.

use std::fs;

use anyhow::{Context as _, Result, ensure};
use paasla_tests::{
    Ask, Given,
    ask::agent,
    given::{build_rule as build, clone_to, variable},
};
use serde_json::{Value, json};

/// The rule that is built here.
const RULE: &str = "minors";

#[test]
fn the_same_source_gives_the_same_component_anywhere() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let (first, second) = (folder.path().join("first.wasm"), folder.path().join("second.wasm"));
    let one = clone_to(&folder.path().join("one"), RULE)?;
    let other = clone_to(&folder.path().join("another/and/deeper/folder"), RULE)?;
    let digest = build(&one, &first)?;
    ensure!(build(&other, &second)? == digest, "two folders, two digests");
    let shipped = fs::read(variable("PAASLA_RULES")?.join("minors.wasm"))?;
    ensure!(fs::read(&first)? == shipped, "a clone gives another component than this folder");
    Ok(())
}

/// Two copies of a crate in one target folder, the second older than what was built of the first: each gets its own
/// component all the same.
#[test]
fn a_shared_target_folder_mixes_nothing_up() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let same = clone_to(&folder.path().join("same"), RULE)?;
    let changed = clone_to(&folder.path().join("changed"), RULE)?;
    let source = changed.join("src/lib.rs");
    fs::write(&source, fs::read_to_string(&source)?.replace("Mask::Year", "Mask::Decade"))?;
    let digest = build(&changed, &folder.path().join("changed.wasm"))?;
    ensure!(build(&same, &folder.path().join("same.wasm"))? != digest, "the copy was taken for the original");
    Ok(())
}

#[test]
fn a_changed_rule_changes_the_answers() -> Result<()> {
    let given = Given::seeded()?;
    let client = given.world.client("legitimate_interest");
    let keys = json!({ "personalCode": given.world.persons.child });
    let ask = Ask::service("person", client, &["birthDate"], keys);
    let host = given.start()?;
    let before = ask.send(&agent(), &host.base_url)?;
    host.stop()?;
    let year = before.value("/birthDate");
    ensure!(year.len() == 4, "of a child the year is shown: {}", before.text);

    let rules = given.home.folder.join("rules");
    fs::create_dir(&rules)?;
    for entry in fs::read_dir(&given.rules)? {
        let path = entry?.path();
        if path.extension().is_some_and(|extension| extension == "wasm") {
            fs::copy(&path, rules.join(path.file_name().context("a file has a name")?))?;
        }
    }
    let rule = clone_to(&given.home.folder.join("clone"), RULE)?;
    let source = rule.join("src/lib.rs");
    let text = fs::read_to_string(&source)?;
    ensure!(text.contains("Mask::Year"), "the rule no longer names the mask that this test changes");
    fs::write(&source, text.replace("Mask::Year", "Mask::Decade"))?;
    build(&rule, &rules.join("minors.wasm"))?;

    given.home.seed(&given.register, &rules)?;
    let host = given.start()?;
    let after = ask.send(&agent(), &host.base_url)?;
    host.stop()?;
    let decade = year.chars().take(3).chain("0s".chars()).collect::<String>();
    ensure!(after.value("/birthDate") == decade, "{decade} was expected: {}", after.text);
    let generation =
        |got: &paasla_tests::Got| got.json.pointer("/decision/generation").and_then(Value::as_u64);
    ensure!(
        generation(&before) == Some(1) && generation(&after) == Some(2),
        "another rule, another generation"
    );
    Ok(())
}
