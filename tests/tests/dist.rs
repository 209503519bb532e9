// SPDX-License-Identifier: Apache-2.0
//! The archive that `cargo xtask dist` packs, on a machine without Rust: `paasla demo` shows its answers, leaves nothing
//! running, and starts again with what it has kept.
#![cfg(test)]

use std::{
    fs,
    io::{BufRead as _, BufReader},
    path::{Path, PathBuf},
    process::{Child, Command, Output, Stdio},
};

use anyhow::{Context as _, Result, ensure};
use paasla_tests::{Ask, Given, LONG, Parts, archive, ask::agent, files, given::root, within};
use serde_json::{Value, json};
use tempfile::TempDir;

/// As wide as a terminal is taken for.
const COLUMNS: usize = 100;

/// An unpacked archive, far from the workspace.
struct Unpacked {
    /// Gone when this is dropped.
    whole: TempDir,
    folder: PathBuf,
}

fn parts(given: &Given) -> Result<Parts> {
    let folder = given.register.parent().context("the register is in a folder")?;
    Ok(Parts {
        paasla: fs::canonicalize(&given.home.paasla)?,
        examples: given.home.examples.clone(),
        rules: given.rules.clone(),
        register: given.register.clone(),
        persons: folder.join("persons.json"),
    })
}

impl Unpacked {
    fn new() -> Result<Self> {
        let given = Given::empty()?;
        let whole = tempfile::tempdir()?;
        let packed = whole.path().join("packed.tar.gz");
        archive::pack(&parts(&given)?, &root()?, &packed)?;
        let folder = archive::unpack(&packed, whole.path())?.canonicalize()?;
        fs::remove_file(packed)?;
        Ok(Self { whole, folder })
    }

    /// `paasla demo` in a folder of its own, with nothing of this machine but its C library.
    fn demo(&self) -> Result<Command> {
        let home = self.whole.path().join("home");
        fs::create_dir_all(&home)?;
        let mut command = Command::new(self.folder.join(archive::PROGRAM));
        command.arg("demo").env_clear().env("PATH", &home).env("HOME", &home);
        command.current_dir(&home).stdin(Stdio::null());
        Ok(command)
    }

    /// The data folder that it makes.
    fn data(&self) -> PathBuf {
        self.whole.path().join("home/demo-data")
    }

    /// The processes that run the archive's program.
    fn running(&self) -> Result<Vec<PathBuf>> {
        let program = self.folder.join(archive::PROGRAM);
        let processes = fs::read_dir("/proc")?.filter_map(|entry| Some(entry.ok()?.path()));
        Ok(processes
            .filter(|process| fs::read_link(process.join("exe")).is_ok_and(|exe| exe == program))
            .collect())
    }
}

/// What a command printed, if it ended well.
fn printed(output: Output) -> Result<String> {
    let (out, err) =
        (String::from_utf8(output.stdout)?, String::from_utf8_lossy(&output.stderr).into_owned());
    ensure!(output.status.success(), "{}\n{out}\n{err}", output.status);
    Ok(out)
}

fn ensure_fits(text: &str) -> Result<()> {
    let wide = text.lines().find(|line| line.chars().count() > COLUMNS);
    ensure!(wide.is_none(), "wider than {COLUMNS} columns: {}", wide.unwrap_or_default());
    Ok(())
}

fn ensure_shows_three_answers(text: &str) -> Result<()> {
    for part in [
        "In full: an authority asks about an adult. Status 200:",
        "\"familyName\": { \"visibility\": \"show\" }",
        "Masked: a company asks about a child, and sees the year of birth only. Status 200:",
        "minors.birth-date-generalised",
        "Refused: a company without any access right asks. Status 403:",
        "grant.none",
    ] {
        ensure!(text.contains(part), "`{part}` is not in this:\n{text}");
    }
    Ok(())
}

#[test]
fn an_unpacked_archive_answers_without_rust_and_leaves_nothing_running() -> Result<()> {
    let unpacked = Unpacked::new()?;
    let mut secrets = Vec::new();
    for _ in 0..2 {
        let text = printed(unpacked.demo()?.arg("--check").output()?)?;
        ensure_shows_three_answers(&text)?;
        ensure!(text.contains("Three queries, every one answered as it should be."), "{text}");
        ensure_fits(&text)?;
        ensure!(unpacked.running()?.is_empty(), "something still runs");
        ensure!(!unpacked.data().join("demo.json").exists(), "a host that has stopped is announced");
        secrets.push(fs::read(unpacked.data().join("secret.hex"))?);
    }
    ensure!(secrets.windows(2).all(|two| two[0] == two[1]), "the second time began from nothing");
    for name in ["LICENSE", "README.md"] {
        ensure!(unpacked.folder.join(name).is_file(), "there is no {name}");
    }
    let rules = fs::read_dir(unpacked.folder.join("share/paasla/rules"))?.count();
    ensure!(rules == 7, "{rules} rules are in the archive");
    Ok(())
}

/// Starts a demo that waits, and reads it up to the line that says how to stop it.
fn shown(unpacked: &Unpacked) -> Result<(Child, String)> {
    let mut child = unpacked.demo()?.stdout(Stdio::piped()).spawn()?;
    let mut lines = BufReader::new(child.stdout.take().context("it has an output")?).lines();
    let mut text = String::new();
    for line in &mut lines {
        let line = line?;
        text.push_str(&line);
        text.push('\n');
        if line.contains("Ctrl-C stops it.") {
            // It may go on to write, also where nobody reads.
            return Ok((child, text));
        }
    }
    child.wait()?;
    anyhow::bail!("it ended by itself:\n{text}")
}

#[test]
fn a_demo_waits_says_how_to_ask_and_takes_its_host_along() -> Result<()> {
    let unpacked = Unpacked::new()?;
    for signal in ["INT", "KILL"] {
        let (mut child, text) = shown(&unpacked)?;
        ensure_shows_three_answers(&text)?;
        // Each stands apart from what it is about, so that it can be pasted without.
        ensure!(text.matches("\n\ncurl -sS -w '\\n' http://127.0.0.1:").count() == 5, "{text}");
        ensure_fits(&text)?;

        let told: Value = files::read(&unpacked.data().join("demo.json"))?;
        let word = |place: &str| told.pointer(place).and_then(Value::as_str).unwrap_or_default().to_owned();
        let keys = json!({ "personalCode": word("/persons/adult") });
        let ask = Ask::service("person", &word("/clients/public_task"), &["familyName"], keys);
        let got = ask.send(&agent(), &word("/base_url"))?;
        ensure!(got.status == 200 && got.records().len() == 1, "{}: {}", got.status, got.text);

        // A second one with the same folder would write to the same control database.
        let second = unpacked.demo()?.arg("--check").output()?;
        let refused = String::from_utf8_lossy(&second.stderr).into_owned();
        ensure!(second.status.code() == Some(1) && refused.contains("a demo that still runs"), "{refused}");

        let killed = Command::new("kill").arg(format!("-{signal}")).arg(child.id().to_string()).status()?;
        ensure!(killed.success(), "kill failed");
        let status = child.wait()?;
        ensure!(status.success() == (signal == "INT"), "{signal}: {status}");
        within(LONG, || Ok(unpacked.running()?.is_empty()))?;
    }
    Ok(())
}

#[test]
fn without_its_files_it_says_which_and_what_to_do() -> Result<()> {
    let given = Given::empty()?;
    let parts = parts(&given)?;
    let folder = tempfile::tempdir()?;
    let demo = |arguments: &[&str]| {
        let mut command = Command::new(&parts.paasla);
        command.args(["demo", "--check"]).args(arguments).current_dir(folder.path()).output()
    };
    let output = demo(&[])?;
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    ensure!(output.status.code() == Some(5), "{}: {said}", output.status);
    for part in ["share/paasla/examples/control", "--from", "cargo xtask demo"] {
        ensure!(said.contains(part), "`{part}` is not in this: {said}");
    }
    ensure!(fs::read_dir(folder.path())?.count() == 0, "a data folder was made all the same");
    parts.lay_out(&folder.path().join("files"))?;
    ensure_shows_three_answers(&printed(demo(&["--from", "files", "--data", "data"])?)?)
}

/// Who packs the same twice has the same twice.
#[test]
fn the_same_files_make_the_same_archive() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let given = Given::empty()?;
    let small = folder.path().join("program");
    fs::write(&small, "no program")?;
    let parts = Parts { paasla: small, ..parts(&given)? };
    let pack = |name: &str| -> Result<Vec<u8>> {
        let out: &Path = &folder.path().join(name);
        archive::pack(&parts, &root()?, out)?;
        Ok(fs::read(out)?)
    };
    ensure!(pack("one.tar.gz")? == pack("two.tar.gz")?, "two archives of the same files differ");
    Ok(())
}
