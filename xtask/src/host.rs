// SPDX-License-Identifier: Apache-2.0
//! The host as a child process: seeded, started, stopped.

use std::{
    fs::{self, File},
    path::{Path, PathBuf},
    process::{Child, ChildStdin, Command, ExitStatus, Stdio},
    sync::atomic::{AtomicBool, Ordering},
    thread::sleep,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, bail};
use serde::Deserialize;

use crate::{
    files,
    workspace::{Workspace, finish},
};

/// How long the host may take to begin, and to finish what is under way.
const BEGIN: Duration = Duration::from_secs(180);
const END: Duration = Duration::from_secs(45);
const LOOK: Duration = Duration::from_millis(50);

/// A host, and the folder it lives in.
#[derive(Debug)]
pub(crate) struct Home<'a> {
    pub(crate) paasla: &'a Path,
    pub(crate) folder: &'a Path,
}

/// A host that answers.
#[derive(Debug)]
pub(crate) struct Host {
    child: Child,
    /// The host stops when this closes, however this program ends.
    stdin: Option<ChildStdin>,
    pub(crate) base_url: String,
}

#[derive(Deserialize)]
struct Ready {
    base_url: String,
}

impl Home<'_> {
    pub(crate) fn config(&self) -> PathBuf {
        self.folder.join("paasla.toml")
    }

    pub(crate) fn log(&self) -> PathBuf {
        self.folder.join("host.log")
    }

    /// Writes the configuration, and puts in the example's control data.
    ///
    /// # Errors
    /// When something in it is wrong.
    pub(crate) fn seed(&self, workspace: &Workspace, register: &Path, rules: &Path) -> Result<()> {
        let example = workspace.root.join("examples");
        // A basic string of TOML is written as one of JSON is.
        let quoted = |path: PathBuf| serde_json::to_string(&path.to_string_lossy());
        let config = format!(
            "# Written by `cargo xtask demo`.\n[register]\ndescription = {}\ndatabase = {}\n\n\
             [store]\ndatabase = \"control.sqlite\"\n\n[secrets]\nfile = \"secret.hex\"\n",
            quoted(example.join("population-register/register.toml"))?,
            quoted(std::path::absolute(register)?)?,
        );
        files::write_text(&self.config(), &config)?;
        let mut command = Command::new(self.paasla);
        command.arg("seed").arg("--config").arg(self.config());
        command.arg("--from").arg(example.join("control")).arg("--rules").arg(rules);
        command.args(["--by", "cargo xtask", "--reason", "the example's control data"]);
        finish(&mut command, "`paasla seed`")
    }

    /// Starts the host, and waits until it answers.
    ///
    /// # Errors
    /// When it does not come up; with the end of its log.
    pub(crate) fn start(&self, port: u16, stop: &AtomicBool) -> Result<Host> {
        let ready = self.folder.join("ready.json");
        files::remove(&ready)?;
        let log = File::create(self.log()).context("the host's log could not be made")?;
        let mut command = Command::new(self.paasla);
        command.arg("serve").arg("--config").arg(self.config());
        command.arg("--listen").arg(format!("127.0.0.1:{port}")).arg("--ready-file").arg(&ready);
        command.arg("--stop-with-stdin");
        command.stdin(Stdio::piped()).stdout(log.try_clone()?).stderr(log);
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
    /// How the host ended, if it did.
    ///
    /// # Errors
    /// When the system cannot tell.
    pub(crate) fn ended(&mut self) -> Result<Option<ExitStatus>> {
        Ok(self.child.try_wait()?)
    }

    /// Lets the host finish what is under way, and waits for its end.
    ///
    /// # Errors
    /// When it ends badly, or has to be killed.
    pub(crate) fn stop(mut self) -> Result<()> {
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
