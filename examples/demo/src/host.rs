// SPDX-License-Identifier: Apache-2.0
//! The host as a child process: seeded, started, stopped.

use std::{
    ffi::OsString,
    fs::{self, File},
    path::{Path, PathBuf},
    process::{Child, ChildStdin, Command, ExitStatus, Stdio},
    sync::atomic::{AtomicBool, Ordering},
    thread::sleep,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, bail};
use serde::Deserialize;

use crate::files;

/// How long the host may take to begin, and to finish what is under way.
const BEGIN: Duration = Duration::from_secs(180);
const END: Duration = Duration::from_secs(120);
const LOOK: Duration = Duration::from_millis(50);

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

    /// Writes the configuration, and puts in the example's control data.
    ///
    /// # Errors
    /// When something in it is wrong.
    pub fn seed(&self, register: &Path, rules: &Path) -> Result<()> {
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
        files::write_text(&self.config(), &config)?;
        let mut command = self.command("seed");
        command.arg("--from").arg(self.examples.join("control")).arg("--rules").arg(rules);
        command.args(["--by", "demo", "--reason", "the example's control data"]);
        // Where something is there already, at once: nobody is there to confirm it.
        command.arg("--emergency");
        let output = command.output().context("`paasla seed` could not be started")?;
        if !output.status.success() {
            bail!("`paasla seed` failed:\n{}", String::from_utf8_lossy(&output.stderr).trim());
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
                bail!("the host did not come up ({status}):\n{}", self.last_words());
            }
            if stop.load(Ordering::SeqCst) || began.elapsed() > BEGIN {
                host.stop()?;
                bail!("the host was not ready when it was stopped:\n{}", self.last_words());
            }
            sleep(LOOK);
        }
    }

    fn last_words(&self) -> String {
        let log = fs::read_to_string(self.log()).unwrap_or_default();
        let lines: Vec<&str> = log.lines().collect();
        let last = lines.iter().skip(lines.len().saturating_sub(20));
        last.map(|line| format!("    {line}")).collect::<Vec<_>>().join("\n")
    }
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
