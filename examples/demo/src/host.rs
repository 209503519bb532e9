// SPDX-License-Identifier: Apache-2.0
//! The host as a child process: seeded, started, stopped.

use std::{
    ffi::OsString,
    fs::{self, File},
    io::{Read as _, Seek as _},
    os::unix::process::CommandExt as _,
    path::{Path, PathBuf},
    process::{Child, ChildStdin, Command, ExitStatus, Stdio},
    sync::atomic::{AtomicBool, Ordering},
    thread::sleep,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, bail, ensure};
use rustix::process::{Pid, Signal, kill_process_group};
use serde::Deserialize;

use crate::{files, signals::is_stopped};

/// How long the host may take to begin, and to finish what is under way.
const BEGIN: Duration = Duration::from_secs(180);
const END: Duration = Duration::from_secs(120);
const LOOK: Duration = Duration::from_millis(50);

/// What is shown of a log in which no error stands out.
const LAST_LINES: usize = 20;

/// What a start ends with that was asked to stop.
const STOPPED: &str = "stopped before the host answered";

/// Where a host lives, and what it lives by.
#[derive(Debug, Clone)]
pub struct Home {
    /// The program.
    pub paasla: PathBuf,
    /// The folder for compiled rules, if it is not the host's own.
    pub cache: Option<PathBuf>,
    /// The folder for configuration, control database, secret and log.
    pub folder: PathBuf,
    /// The folder with the example's control data and its register's description.
    pub examples: PathBuf,
    /// What the host logs: `info`, `debug`.
    pub log_level: &'static str,
    /// More arguments of `paasla serve`.
    pub serve_with: Vec<OsString>,
}

/// A host that answers.
#[derive(Debug)]
pub struct Host {
    child: Child,
    /// The host stops when this closes, however this program ends.
    stdin: Option<ChildStdin>,
    /// Where it answers.
    pub base_url: String,
}

#[derive(Deserialize)]
struct Ready {
    base_url: String,
}

impl Home {
    /// The configuration.
    #[must_use]
    pub fn config(&self) -> PathBuf {
        self.folder.join("paasla.toml")
    }

    /// What the host logs. Each start begins it anew.
    #[must_use]
    pub fn log(&self) -> PathBuf {
        self.folder.join("host.log")
    }

    /// The control database.
    #[must_use]
    pub fn database(&self) -> PathBuf {
        self.folder.join("control.sqlite")
    }

    /// The folder of records, beside the control database.
    #[must_use]
    pub fn records(&self) -> PathBuf {
        self.folder.join("control.sqlite-records")
    }

    /// Makes a token for somebody, which is good for so many days.
    ///
    /// # Errors
    /// When it is not made.
    pub fn token(
        &self,
        holder: &str,
        roles: &[&str],
        institution: Option<&str>,
        days: u32,
    ) -> Result<String> {
        let mut command = Command::new(&self.paasla);
        command.args(["admin", "token", "create", holder, "--days", &days.to_string()]);
        command.arg("--config").arg(self.config());
        for role in roles {
            command.args(["--role", role]);
        }
        if let Some(institution) = institution {
            command.args(["--institution", institution]);
        }
        let output = command.output()?;
        ensure!(output.status.success(), "no token: {}", String::from_utf8_lossy(&output.stderr));
        Ok(String::from_utf8(output.stdout)?.trim().to_owned())
    }

    /// Removes the control database, records and all.
    ///
    /// # Errors
    /// When it stays.
    pub fn forget(&self) -> Result<()> {
        let database = self.database();
        for suffix in ["", "-wal", "-shm"] {
            files::remove(&PathBuf::from(format!("{}{suffix}", database.display())))?;
        }
        match std::fs::remove_dir_all(self.records()) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(error.into()),
            _ => Ok(()),
        }
    }

    /// Whether a host has been at home here before.
    #[must_use]
    pub fn has_past(&self) -> bool {
        let database = self.database();
        [self.config(), database, self.records(), self.folder.join("secret.hex")]
            .iter()
            .any(|path| path.exists())
    }

    /// Writes the configuration, and puts in the example's control data.
    ///
    /// # Errors
    /// When something in it is wrong.
    pub fn seed(&self, register: &Path, rules: &Path) -> Result<()> {
        self.write_config(register)?;
        self.put_in(rules, None)
    }

    /// The same, until it is asked to stop. Then nothing of it is left running.
    ///
    /// # Errors
    /// When something in it is wrong, or it was asked to stop.
    pub fn seed_until(&self, register: &Path, rules: &Path, stop: &AtomicBool) -> Result<()> {
        self.write_config(register)?;
        self.put_in(rules, Some(stop))
    }

    fn write_config(&self, register: &Path) -> Result<()> {
        // A basic string of TOML is written as one of JSON is.
        let quoted = |path: PathBuf| serde_json::to_string(&path.to_string_lossy());
        let config = format!(
            "# Written for the demo, at each start anew.\n[register]\ndescription = {}\ndatabase = {}\n\n\
             [store]\ndatabase = \"control.sqlite\"\n\n[secrets]\nfile = \"secret.hex\"\n\n\
             [cache]\nfolder = {}\n",
            quoted(self.examples.join("population-register/register.toml"))?,
            quoted(std::path::absolute(register)?)?,
            quoted(std::path::absolute(self.cache.clone().unwrap_or_else(|| self.folder.join("cache")))?)?,
        );
        files::write_text(&self.config(), &config)
    }

    fn put_in(&self, rules: &Path, stop: Option<&AtomicBool>) -> Result<()> {
        let mut command = self.command("seed");
        command.arg("--from").arg(self.examples.join("control")).arg("--rules").arg(rules);
        command.args(["--by", "demo", "--reason", "the example's control data"]);
        // Where something is there already, at once: nobody is there to confirm it.
        command.arg("--emergency");
        let mut said = tempfile::tempfile_in(&self.folder)?;
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(said.try_clone()?);
        if stop.is_some() {
            // So that its compilers can be ended with it.
            command.process_group(0);
        }
        let mut child = command.spawn().context("`paasla seed` could not be started")?;
        let status = loop {
            if let Some(status) = child.try_wait()? {
                break status;
            }
            if stop.is_some_and(|stop| stop.load(Ordering::SeqCst)) {
                kill_process_group(Pid::from_child(&child), Signal::KILL)?;
                child.wait()?;
                bail!(STOPPED);
            }
            sleep(LOOK);
        };
        if !status.success() {
            let mut bytes = Vec::new();
            said.rewind()?;
            said.read_to_end(&mut bytes)?;
            bail!("`paasla seed` failed ({status}):\n{}", last_words(&String::from_utf8_lossy(&bytes)));
        }
        Ok(())
    }

    fn command(&self, verb: &str) -> Command {
        let mut command = Command::new(&self.paasla);
        command.arg(verb).arg("--config").arg(self.config()).env("PAASLA_LOG", self.log_level);
        command
    }

    /// Starts the host, and waits until it answers.
    ///
    /// # Errors
    /// When it does not come up; with the end of its log.
    pub fn start(&self, port: u16, stop: &AtomicBool) -> Result<Host> {
        let log = File::create(self.log()).context("the host's log could not be made")?;
        self.start_with(port, stop, |command| {
            command.stderr(log);
        })
    }

    /// The same with something else about its process: where its log goes, what is in its environment.
    ///
    /// # Errors
    /// When it does not come up; with the end of its log.
    pub fn start_with(
        &self,
        port: u16,
        stop: &AtomicBool,
        prepare: impl FnOnce(&mut Command),
    ) -> Result<Host> {
        let ready = self.folder.join("ready.json");
        files::remove(&ready)?;
        let mut command = self.command("serve");
        command.arg("--listen").arg(format!("127.0.0.1:{port}")).arg("--ready-file").arg(&ready);
        command.arg("--stop-with-stdin").args(&self.serve_with);
        command.stdin(Stdio::piped()).stdout(Stdio::null());
        prepare(&mut command);
        let mut child = command.spawn().context("`paasla serve` could not be started")?;
        let stdin = child.stdin.take();
        let mut host = Host { child, stdin, base_url: String::new() };
        let began = Instant::now();
        loop {
            if ready.is_file() {
                let told: Ready = files::read(&ready)?;
                host.base_url = told.base_url;
                return Ok(host);
            }
            if let Some(status) = host.ended()? {
                if is_stopped(stop) {
                    bail!(STOPPED);
                }
                bail!("the host did not come up ({status}):\n{}", self.last_words());
            }
            if stop.load(Ordering::SeqCst) {
                // Of a host that is not there yet, it does not matter how it ends.
                let _ = host.stop();
                bail!(STOPPED);
            }
            if began.elapsed() > BEGIN {
                host.stop()?;
                bail!("the host was not ready within {} s:\n{}", BEGIN.as_secs(), self.last_words());
            }
            sleep(LOOK);
        }
    }

    /// What the host said last, and where the rest is.
    fn last_words(&self) -> String {
        match fs::read(self.log()) {
            Ok(log) => {
                let words = last_words(&String::from_utf8_lossy(&log));
                format!("{words}\n    (its log is in {})", self.log().display())
            }
            Err(_) => "    (nobody keeps its log)".to_owned(),
        }
    }
}

/// Why a program ended, from what it said: its last error and what follows, or the last lines where none stands out.
fn last_words(said: &str) -> String {
    let mut lines: Vec<String> = said.trim_end().lines().map(|line| format!("    {line}")).collect();
    let error = lines.iter().rposition(|line| line.starts_with("    error: "));
    lines.drain(..error.unwrap_or(lines.len().saturating_sub(LAST_LINES)));
    lines.join("\n")
}

impl Host {
    /// The process id.
    #[must_use]
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// How the host ended, if it did.
    ///
    /// # Errors
    /// When the system cannot tell.
    pub fn ended(&mut self) -> Result<Option<ExitStatus>> {
        Ok(self.child.try_wait()?)
    }

    /// Ends the host at once, whatever it does.
    ///
    /// # Errors
    /// When the system does not let it.
    pub fn kill(mut self) -> Result<()> {
        self.child.kill()?;
        self.child.wait()?;
        Ok(())
    }

    /// Lets the host finish what is under way, and waits for its end.
    ///
    /// # Errors
    /// When it ends badly, or has to be killed.
    pub fn stop(mut self) -> Result<()> {
        drop(self.stdin.take());
        let began = Instant::now();
        loop {
            match self.ended()? {
                Some(status) if status.success() => return Ok(()),
                Some(status) => bail!("the host ended badly ({status})"),
                None if began.elapsed() > END => {
                    self.child.kill()?;
                    self.child.wait()?;
                    bail!("the host did not stop within {} s, and was killed", END.as_secs());
                }
                None => sleep(LOOK),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::{os::unix::fs::PermissionsExt as _, thread};

    use super::*;

    /// A home whose program is a script of a shell.
    fn home(folder: &Path, script: &str) -> Home {
        let paasla = folder.join("program");
        fs::write(&paasla, format!("#!/bin/sh\n{script}\n")).unwrap();
        fs::set_permissions(&paasla, fs::Permissions::from_mode(0o700)).unwrap();
        Home {
            paasla,
            cache: None,
            folder: folder.to_owned(),
            examples: folder.to_owned(),
            log_level: "info",
            serve_with: Vec::new(),
        }
    }

    fn runs(id: &str) -> bool {
        let stat = fs::read_to_string(format!("/proc/{id}/stat"));
        stat.is_ok_and(|stat| !stat.contains(") Z "))
    }

    fn within_a_minute(mut holds: impl FnMut() -> bool) -> bool {
        (0..1_200).any(|_| {
            sleep(LOOK);
            holds()
        })
    }

    // One test, since no other thread may fork while a script is written that is to be run.
    #[test]
    fn a_seed_leaves_nothing_running_and_a_failure_is_told_by_its_error() {
        let folder = tempfile::tempdir().unwrap();
        let folder = folder.path();
        let worker = folder.join("worker");
        let id = || fs::read_to_string(&worker).unwrap_or_default().trim().to_owned();
        let sleeper = format!("sleep 600 & echo $! > '{}'; wait", worker.display());
        let (sleeps, stop) = (home(folder, &sleeper), AtomicBool::new(false));
        assert!(!sleeps.has_past());
        let error = thread::scope(|scope| {
            let seed = scope.spawn(|| sleeps.seed_until(folder, folder, &stop).unwrap_err().to_string());
            assert!(within_a_minute(|| !id().is_empty()));
            assert!(runs(&id()));
            stop.store(true, Ordering::SeqCst);
            seed.join().unwrap()
        });
        assert_eq!(error, STOPPED);
        assert!(within_a_minute(|| !runs(&id())), "a process of the seed still runs");
        assert!(sleeps.has_past());

        let script =
            "echo 'INFO one' >&2; echo 'error: it is' >&2; echo 'so' >&2; echo 'remedy: this' >&2; exit 3";
        let fails = home(folder, script);
        let error = fails.seed(folder, folder).unwrap_err().to_string();
        assert_eq!(
            error,
            "`paasla seed` failed (exit status: 3):\n    error: it is\n    so\n    remedy: this"
        );
        let error = fails.start(0, &AtomicBool::new(false)).unwrap_err().to_string();
        let log = folder.join("host.log").display().to_string();
        let said = "the host did not come up (exit status: 3):\n    error: it is\n    so\n    remedy: this";
        assert_eq!(error, format!("{said}\n    (its log is in {log})"));
        let error = fails.start(0, &AtomicBool::new(true)).unwrap_err().to_string();
        assert_eq!(error, STOPPED);
    }

    #[test]
    fn without_an_error_the_last_lines_are_shown() {
        let log: String = (0..30).map(|line| format!("INFO {line}\n")).collect();
        let words = last_words(&log);
        assert!(words.starts_with("    INFO 10\n") && words.ends_with("\n    INFO 29"), "{words}");
        assert_eq!(last_words(""), "");
    }
}
