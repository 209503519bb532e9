// SPDX-License-Identifier: Apache-2.0
//! What a rule author meets: the README's first rule works as it is written there, and what is wrong with a rule is told where
//! it is wrong.
#![cfg(test)]

use std::{
    fs::{self, File},
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
};

use anyhow::{Context as _, Result, ensure};
use paasla_tests::given::{root, rule_target, variable};
use serde_json::Value;
use tempfile::TempDir;

/// The README's first rule, in a folder of its own.
struct Author {
    folder: TempDir,
    target: PathBuf,
    _lock: File,
}

/// What stands in the README between the first fence of this language and the next fence.
fn block(readme: &str, language: &str) -> Result<String> {
    let (_, rest) = readme
        .split_once(&format!("\n```{language}\n"))
        .with_context(|| format!("the README has {language}"))?;
    Ok(rest.split_once("\n```").context("a fence ends")?.0.to_owned())
}

impl Author {
    /// As the README says: what `cargo new --lib` makes, and the three files' texts.
    fn new() -> Result<Self> {
        let readme = fs::read_to_string(root()?.join("README.md"))?;
        let (target, lock) = rule_target()?;
        let author = Self { folder: tempfile::tempdir()?, target, _lock: lock };
        let written = "../paasla/guest-sdk";
        let dependencies = block(&readme, "toml")?;
        ensure!(dependencies.contains(written), "{dependencies}");
        let sdk = root()?.join("guest-sdk");
        let sdk = sdk.to_str().context("a path is text")?;
        let dependencies = dependencies.replace(written, sdk);
        let package = "[package]\nname = \"night-watch\"\nversion = \"0.1.0\"\nedition = \"2024\"\n\n";
        author.write("Cargo.toml", &format!("{package}{dependencies}\n[workspace]\n"))?;
        author.write("src/lib.rs", &block(&readme, "rust")?)?;
        author.write("cases/night-watch.json", &block(&readme, "json")?)?;
        // The versions that are here already.
        fs::copy(root()?.join("Cargo.lock"), author.path("Cargo.lock"))?;
        for file in ["night-watch.wasm", "night-watch.quick.wasm"] {
            let _ = fs::remove_file(author.target.join(file));
        }
        Ok(author)
    }

    fn path(&self, file: &str) -> PathBuf {
        self.folder.path().join("night-watch").join(file)
    }

    fn write(&self, file: &str, text: &str) -> Result<()> {
        let path = self.path(file);
        fs::create_dir_all(path.parent().context("a file is in a folder")?)?;
        Ok(fs::write(path, text)?)
    }

    /// Replaces a text in a file; gives what was there.
    fn change(&self, file: &str, from: &str, to: &str) -> Result<String> {
        let before = fs::read_to_string(self.path(file))?;
        ensure!(before.contains(from), "{file}: {before}");
        self.write(file, &before.replace(from, to))?;
        Ok(before)
    }

    /// Runs `paasla rule …` in a folder.
    fn paasla(&self, folder: &Path, arguments: &[&str]) -> Result<Output> {
        let mut command = Command::new(variable("PAASLA_BIN")?);
        command.arg("rule").args(arguments).arg("--target-dir").arg(&self.target).current_dir(folder);
        Ok(command.env("PAASLA_LOG", "warn").stdin(Stdio::null()).output()?)
    }

    /// Runs the rule's cases, from its own folder.
    fn test(&self, arguments: &[&str]) -> Result<Output> {
        self.paasla(&self.path(""), &[&["test"], arguments].concat())
    }

    /// What is said when its cases fail, or it is no rule.
    fn fails(&self, status: i32) -> Result<String> {
        let output = self.test(&[])?;
        let said = String::from_utf8(output.stderr)?;
        ensure!(output.status.code() == Some(status), "{}: {said}", output.status);
        Ok(said)
    }

    fn component(&self) -> PathBuf {
        self.target.join("night-watch.wasm")
    }
}

#[test]
fn the_readmes_first_rule_works_as_it_is_written() -> Result<()> {
    let author = Author::new()?;
    let output = author.paasla(author.folder.path(), &["test", "night-watch"])?;
    let said = String::from_utf8(output.stdout)?;
    ensure!(output.status.success(), "{said}{}", String::from_utf8_lossy(&output.stderr));
    ensure!(said.contains("2 of 2 cases passed"), "{said}");
    // A quick build beside it does not take its place.
    let before = fs::read(author.component())?;
    let quick = author.test(&["--quick"])?;
    ensure!(quick.status.success(), "{}", String::from_utf8_lossy(&quick.stderr));
    ensure!(fs::read(author.component())? == before, "the quick build has a file of its own");
    let text = author.target.join("night-watch.quick.wasm");
    ensure!(text.is_file(), "{}", text.display());
    Ok(())
}

#[test]
fn what_is_wrong_with_cases_is_told_where_it_is() -> Result<()> {
    const CASES: &str = "cases/night-watch.json";
    let author = Author::new()?;
    // A case fails: programs are told what came of each.
    let before = author.change(CASES, "\"expect\": \"abstain\"", "\"expect\": { \"refuse\": \"never\" }")?;
    let output = author.test(&["--json"])?;
    ensure!(output.status.code() == Some(8), "{}", output.status);
    let said = String::from_utf8(output.stdout)?;
    let lines: Vec<Value> = said.lines().map(serde_json::from_str).collect::<Result<_, _>>()?;
    let [built, failed] = lines.as_slice() else { anyhow::bail!("two objects: {said}") };
    ensure!(built["cases"][0]["passed"] == false && built["cases"][1]["passed"] == true, "{built}");
    ensure!(failed["error"]["kind"] == "cases_failed", "{failed}");
    author.write(CASES, &before)?;
    // Settings that the rule refuses are told once.
    author.change(CASES, "[\"COM\"]", "[]")?;
    let said = author.fails(8)?;
    ensure!(said.matches("at `/settings/classes`: Name at least one member class").count() == 1, "{said}");
    author.write(CASES, &before)?;
    // A name that is none, in the third line of cases.
    author.change(CASES, "\"query\": { \"client\": \"EE/COM/1/a\" }", "\"qery\": {}")?;
    let said = author.fails(8)?;
    ensure!(said.contains("a company sees the year") && said.contains("line 6"), "{said}");
    // No cases pass nothing.
    author.write(CASES, "{\"cases\": []}")?;
    ensure!(author.fails(8)?.contains("there is no case in it"));
    fs::rename(author.path(CASES), author.path("cases/night-watch.JSON"))?;
    ensure!(author.fails(8)?.contains("there is no case"));
    Ok(())
}

#[test]
fn what_is_no_rule_is_told_with_the_crate_that_brings_it_and_not_kept() -> Result<()> {
    let author = Author::new()?;
    // It says of itself what no rule may say.
    let before = author.change("src/lib.rs", "About::new(\"night-watch\"", "About::new(\"Night Watch\"")?;
    let said = author.fails(3)?;
    ensure!(said.contains("was built, and not kept") && !author.component().exists(), "{said}");
    author.write("src/lib.rs", &before)?;
    // It does not call `export!`.
    author.change("src/lib.rs", "paasla_rule::export!(NightWatch);", "")?;
    ensure!(author.fails(3)?.contains("export!"));
    author.write("src/lib.rs", &before)?;
    // A crate that it uses wants a clock.
    author.write(
        "../worldclock/Cargo.toml",
        "[package]\nname = \"worldclock\"\nversion = \"1.0.0\"\nedition = \"2024\"\n\n[workspace]\n",
    )?;
    author.write(
        "../worldclock/src/lib.rs",
        "#[link(wasm_import_module = \"env\")]\nunsafe extern \"C\" { fn worldclock_now() -> i32; }\n\
         pub fn now() -> i32 { unsafe { worldclock_now() } }\n",
    )?;
    author.change(
        "Cargo.toml",
        "[dependencies]",
        "[dependencies]\nworldclock = { path = \"../worldclock\" }",
    )?;
    author.change(
        "src/lib.rs",
        "return Decided::Abstain;",
        "if worldclock::now() > 0 { return Decided::Abstain; }",
    )?;
    let said = author.fails(3)?;
    ensure!(said.contains("`env` `worldclock_now`") && said.contains("night-watch -> worldclock"), "{said}");
    ensure!(!said.contains("export!") && !author.component().exists(), "{said}");
    Ok(())
}
