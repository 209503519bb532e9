// SPDX-License-Identifier: Apache-2.0
//! A rule is changed, built and put to work without touching the host; and the same source gives the same component
//! wherever it lies.

use std::{
    fs::{self, File},
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use anyhow::{Context as _, Result, bail, ensure};
use paasla_tests::{
    Ask, Given,
    ask::agent,
    files::copy,
    given::{root, variable},
};
use serde_json::{Value, json};

/// The rule that is built here.
const RULE: &str = "minors";

/// As much of the repository as one rule needs, in another folder: what a clone would hold.
fn clone_to(folder: &Path) -> Result<PathBuf> {
    let root = root()?;
    let manifest = fs::read_to_string(root.join("Cargo.toml"))?;
    let (before, rest) = manifest.split_once("members = [").context("the workspace lists its members")?;
    let (_, after) = rest.split_once(']').context("the list ends")?;
    fs::create_dir_all(folder)?;
    let manifest = format!("{before}members = [\"guest-sdk\", \"rules/*\"]{after}");
    fs::write(folder.join("Cargo.toml"), manifest)?;
    fs::copy(root.join("Cargo.lock"), folder.join("Cargo.lock"))?;
    for part in ["guest-sdk", "wit", "rules/minors"] {
        copy(&root.join(part), &folder.join(part))?;
    }
    Ok(folder.join("rules").join(RULE))
}

/// Builds a rule with `paasla rule build`, and gives its digest.
///
/// The target folder is the tests' own: in that of the shipped rules cargo could take a changed rule for theirs, since
/// both have the same place in their workspace. It starts as a copy, so that the standard library need not be built again.
fn build(rule: &Path, out: &Path) -> Result<String> {
    let shipped = variable("PAASLA_RULES")?;
    let target = variable("PAASLA_TEST_REGISTER")?.join("rules");
    fs::create_dir_all(&target)?;
    let lock = File::create(target.join("paasla-tests.lock"))?;
    lock.lock()?;
    if !target.join("wasm32-unknown-unknown").exists() {
        for part in ["release", "rule", "wasm32-unknown-unknown"] {
            let from = shipped.join(part);
            if from.exists() {
                // Keeps times, by which cargo knows what is fresh.
                let copied = Command::new("cp").arg("-a").arg(&from).arg(&target).status()?;
                ensure!(copied.success(), "{} could not be copied", from.display());
            }
        }
    }
    let mut command = Command::new(variable("PAASLA_BIN")?);
    command.args(["rule", "build", "--json", "--target-dir"]).arg(&target).arg("--out").arg(out).arg(rule);
    let output = command.stderr(Stdio::piped()).output()?;
    if !output.status.success() {
        bail!("the rule could not be built:\n{}", String::from_utf8_lossy(&output.stderr));
    }
    let built: Value = serde_json::from_slice(&output.stdout)?;
    Ok(built.get("digest").and_then(Value::as_str).context("a build has a digest")?.to_owned())
}

#[test]
fn the_same_source_gives_the_same_component_anywhere() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let (first, second) = (folder.path().join("first.wasm"), folder.path().join("second.wasm"));
    let one = clone_to(&folder.path().join("one"))?;
    let other = clone_to(&folder.path().join("another/and/deeper/folder"))?;
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
    let same = clone_to(&folder.path().join("same"))?;
    let changed = clone_to(&folder.path().join("changed"))?;
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
    let rule = clone_to(&given.home.folder.join("clone"))?;
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
