// SPDX-License-Identifier: Apache-2.0
//! The archive that `cargo xtask dist` packs, on a machine without Rust: `paasla demo` shows its answers, leaves nothing
//! running, and starts again with what it has kept.
#![cfg(test)]

use std::{
    fs::{self, File},
    io::{BufRead as _, BufReader},
    net::TcpListener,
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
        let mut command = self.at_home(Command::new(self.folder.join(archive::PROGRAM)))?;
        command.arg("demo");
        Ok(command)
    }

    /// The same where SIGHUP is not ignored, also if these tests run under `nohup`.
    fn demo_at_a_terminal(&self) -> Result<Command> {
        let mut command = self.at_home(Command::new("/usr/bin/env"))?;
        command.arg("--default-signal=HUP").arg(self.folder.join(archive::PROGRAM)).arg("demo");
        Ok(command)
    }

    fn at_home(&self, mut command: Command) -> Result<Command> {
        let home = self.home();
        fs::create_dir_all(&home)?;
        command.env_clear().env("PATH", &home).env("HOME", &home);
        command.current_dir(&home).stdin(Stdio::null());
        Ok(command)
    }

    fn home(&self) -> PathBuf {
        self.whole.path().join("home")
    }

    /// The data folder that it makes.
    fn data(&self) -> PathBuf {
        self.home().join("demo-data")
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

/// Sends a signal to processes.
fn kill(signal: &str, ids: &[String]) -> Result<()> {
    let killed = Command::new("kill").arg(format!("-{signal}")).args(ids).status()?;
    ensure!(killed.success(), "kill failed");
    Ok(())
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
    let mut child = unpacked.demo_at_a_terminal()?.stdout(Stdio::piped()).spawn()?;
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
    for signal in ["INT", "HUP", "KILL"] {
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

        let mut ids = vec![child.id().to_string()];
        if signal == "HUP" {
            // A terminal that closes tells all that runs in it.
            let all = unpacked.running()?.into_iter();
            ids = all.filter_map(|process| Some(process.file_name()?.to_str()?.to_owned())).collect();
            ensure!(ids.len() >= 2, "a demo and its host run: {ids:?}");
        }
        kill(signal, &ids)?;
        let status = child.wait()?;
        ensure!(status.success() == (signal != "KILL"), "{signal}: {status}");
        ensure!(signal == "KILL" || !unpacked.data().join("demo.json").exists(), "{signal}: it is announced");
        within(LONG, || Ok(unpacked.running()?.is_empty()))?;
    }
    Ok(())
}

/// What is told of governance can be done, by somebody who has only the program.
#[test]
fn the_tour_goes_through_in_a_running_demo() -> Result<()> {
    let unpacked = Unpacked::new()?;
    let (mut child, _) = shown(&unpacked)?;
    let announced = unpacked.data().join("demo.json");
    let mode = std::os::unix::fs::PermissionsExt::mode(&fs::metadata(&announced)?.permissions());
    ensure!(mode & 0o777 == 0o600, "tokens are for the owner only: {mode:o}");
    for _ in 0..2 {
        let mut tour = Command::new("bash");
        tour.arg(root()?.join("examples/tour.sh")).arg(unpacked.data());
        let text = printed(tour.env("PAASLA", unpacked.folder.join(archive::PROGRAM)).output()?)?;
        for part in ["answered with 200", "legitimate-interest-person", "grant.retire", "term.put"] {
            ensure!(text.contains(part), "`{part}` is not in this:\n{text}");
        }
    }
    kill("INT", &[child.id().to_string()])?;
    ensure!(child.wait()?.success());
    Ok(())
}

#[test]
fn a_demo_that_is_stopped_while_it_seeds_leaves_nothing_running() -> Result<()> {
    let unpacked = Unpacked::new()?;
    for signal in ["TERM", "INT"] {
        let child = unpacked.demo()?.stdout(Stdio::null()).stderr(Stdio::piped()).spawn()?;
        // The demo, and its seed.
        within(LONG, || Ok(unpacked.running()?.len() > 1))?;
        kill(signal, &[child.id().to_string()])?;
        let output = child.wait_with_output()?;
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        ensure!(said == "error: stopped before the host answered\n", "{signal}: {}: {said}", output.status);
        // What was killed may be seen for a moment yet.
        within(LONG, || Ok(unpacked.running()?.is_empty()))?;
    }
    // And what it left does no harm.
    ensure_shows_three_answers(&printed(unpacked.demo()?.arg("--check").output()?)?)
}

#[test]
fn a_port_that_cannot_be_had_is_told_before_anything_is_done() -> Result<()> {
    let unpacked = Unpacked::new()?;
    let listener = TcpListener::bind(("127.0.0.1", 0))?;
    let port = listener.local_addr()?.port().to_string();
    let output = unpacked.demo()?.args(["--check", "--port", &port]).output()?;
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    let lines: Vec<&str> = said.lines().collect();
    ensure!(output.status.code() == Some(1) && lines.len() == 2, "{}: {said}", output.status);
    ensure!(lines[0].starts_with(&format!("error: cannot listen on 127.0.0.1:{port}: ")), "{said}");
    ensure!(lines[1] == "remedy: take another --port", "{said}");
    ensure!(output.stdout.is_empty() && !unpacked.data().join("control.sqlite").exists());
    Ok(())
}

/// Puts a rule to work in a demo's folder as rule authors do, under the name of one of the example's policies.
fn drop_in(unpacked: &Unpacked) -> Result<()> {
    let folder = unpacked.home().join("drop");
    fs::create_dir_all(&folder)?;
    fs::copy(unpacked.folder.join("share/paasla/rules/minors.wasm"), folder.join("minors.wasm"))?;
    let log = unpacked.whole.path().join("serve.log");
    let mut command = unpacked.at_home(Command::new(unpacked.folder.join(archive::PROGRAM)))?;
    command.args(["serve", "--config", "demo-data/paasla.toml", "--listen", "127.0.0.1:0"]);
    command.args(["--watch", "drop", "--stop-with-stdin"]).env("PAASLA_LOG", "info");
    command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(File::create(&log)?);
    let mut host = command.spawn()?;
    let at_work = within(LONG, || Ok(fs::read_to_string(&log)?.contains("from the drop folder: at work")));
    drop(host.stdin.take());
    let status = host.wait()?;
    at_work.with_context(|| fs::read_to_string(&log).unwrap_or_default())?;
    ensure!(status.success(), "{status}");
    Ok(())
}

#[test]
fn a_demo_that_cannot_go_on_in_its_folder_says_what_can_be_done() -> Result<()> {
    let unpacked = Unpacked::new()?;
    printed(unpacked.demo()?.arg("--check").output()?)?;
    let (data, kept) = (unpacked.data().canonicalize()?, unpacked.whole.path().join("kept"));
    files::copy(&data, &kept)?;
    type Harm = fn(&Unpacked) -> Result<()>;
    let harms: [(&str, Harm); 4] = [
        ("came to work through governance since: minors", drop_in),
        ("secret.hex is missing", |unpacked| Ok(fs::remove_file(unpacked.data().join("secret.hex"))?)),
        ("are missing", |unpacked| Ok(fs::remove_dir_all(unpacked.data().join("control.sqlite-records"))?)),
        ("stored in a form that cannot be read", |unpacked| {
            Ok(fs::write(unpacked.data().join("control.sqlite"), "garbage ".repeat(1_024))?)
        }),
    ];
    let remedy = format!("remedy: delete the folder {}, or name another with --data", data.display());
    for (says, harm) in harms {
        harm(&unpacked)?;
        let output = unpacked.demo()?.arg("--check").output()?;
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        ensure!(output.status.code() == Some(1) && said.contains(says), "{says}: {}: {said}", output.status);
        ensure!(said.lines().last() == Some(remedy.as_str()), "{says}: {said}");
        ensure!(!said.contains(" INFO "), "what is no error is in the log only: {said}");
        // A compiler that was at work ends a moment after whoever asked it.
        within(LONG, || Ok(unpacked.running()?.is_empty()))
            .with_context(|| format!("{says}: something still runs"))?;
        fs::remove_dir_all(&data)?;
        files::copy(&kept, &data)?;
    }
    // And so it goes on with what was put back.
    ensure_shows_three_answers(&printed(unpacked.demo()?.arg("--check").output()?)?)
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
