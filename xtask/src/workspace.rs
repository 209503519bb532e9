// SPDX-License-Identifier: Apache-2.0
//! The workspace and its cargo.

use std::{
    collections::BTreeMap,
    env,
    ffi::OsString,
    fs,
    io::{self, BufRead as _, BufReader, IsTerminal as _, Read},
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::mpsc::{Receiver, RecvTimeoutError, channel},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, bail};
use serde::Deserialize;

use crate::{
    out::{complain, step},
    progress::{Progress, crate_of_id, crates_of_tree},
};

/// How often a build is looked at, and how often it says how far it is where there is no bar.
const LOOK_EVERY: Duration = Duration::from_secs(1);
const SAY_EVERY: Duration = Duration::from_secs(20);
/// How long cargo takes to name what is fresh.
const SETTLE: Duration = Duration::from_secs(2);

/// Where things are.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Workspace {
    /// The folder of the root's Cargo.toml.
    #[serde(rename = "workspace_root")]
    pub(crate) root: PathBuf,
    /// Where cargo puts what it builds; never guessed.
    #[serde(rename = "target_directory")]
    pub(crate) target: PathBuf,
}

#[derive(Deserialize)]
struct Message {
    reason: String,
    #[serde(default)]
    package_id: Option<String>,
    #[serde(default)]
    fresh: bool,
    #[serde(default)]
    executable: Option<PathBuf>,
    #[serde(default)]
    target: Option<Target>,
}

#[derive(Deserialize)]
struct Target {
    name: String,
    kind: Vec<String>,
}

impl Workspace {
    /// The workspace that this program was started from.
    ///
    /// # Errors
    /// When cargo cannot tell.
    pub(crate) fn find() -> Result<Self> {
        let manifest = env::var_os("CARGO_MANIFEST_DIR").context("start this as `cargo xtask`")?;
        let mut command = cargo();
        command.args(["metadata", "--format-version", "1", "--no-deps"]).current_dir(manifest);
        let output = command.stderr(Stdio::inherit()).output().context("cargo could not be started")?;
        if !output.status.success() {
            bail!("cargo cannot read the workspace: see the messages above");
        }
        Ok(serde_json::from_slice(&output.stdout)?)
    }

    /// Cargo in the workspace's root.
    pub(crate) fn cargo(&self) -> Command {
        let mut command = cargo();
        command.current_dir(&self.root);
        command
    }

    /// Where programs are that are installed for this workspace alone: in `bin` below it.
    pub(crate) fn tools(&self) -> PathBuf {
        self.target.join("ci-tools")
    }

    /// Installs a program from crates.io there. `options` are more of `cargo install`'s.
    ///
    /// # Errors
    /// When it cannot be fetched, or does not compile.
    pub(crate) fn install(&self, name: &str, version: &str, options: &[&str]) -> Result<()> {
        let tools = self.tools();
        step("tools", format_args!("installing {name} {version} in {}", tools.display()));
        let build = tools.join("build");
        let mut install = self.cargo();
        install.args(["install", name, "--locked", "--force", "--version", version]).args(options);
        install.arg("--root").arg(&tools).env("CARGO_TARGET_DIR", &build);
        finish(&mut install, &format!("`cargo install {name}`"))?;
        fs::remove_dir_all(&build).with_context(|| format!("{} could not be removed", build.display()))
    }

    /// Builds packages, and says where their programs are, by name.
    ///
    /// # Errors
    /// When something does not compile.
    pub(crate) fn build(&self, packages: &[&str]) -> Result<BTreeMap<String, PathBuf>> {
        self.build_with(&[], packages)
    }

    /// The same, with more options for cargo.
    ///
    /// # Errors
    /// When something does not compile.
    pub(crate) fn build_with(
        &self,
        options: &[&str],
        packages: &[&str],
    ) -> Result<BTreeMap<String, PathBuf>> {
        let mut watch = Watch::new(self.progress(options, packages));
        let mut command = self.cargo();
        command.args(["build", "--message-format=json-render-diagnostics"]).args(options);
        for package in packages {
            command.args(["--package", package]);
        }
        let mut child = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .context("cargo could not be started")?;
        let messages = lines(child.stdout.take().context("cargo has an output")?)?;
        let mut programs = BTreeMap::new();
        // To the end, whatever cargo says: it would otherwise go on by itself.
        let mut wrong = None;
        loop {
            match messages.recv_timeout(LOOK_EVERY) {
                Ok(line) => match serde_json::from_slice::<Message>(&line) {
                    Ok(message) => watch.note(&message, &mut programs),
                    Err(error) => wrong = Some(error),
                },
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => break,
            }
            watch.look();
        }
        if !child.wait()?.success() {
            bail!("the build failed: see the messages above");
        }
        match wrong {
            Some(error) => Err(error).context("cargo said something unexpected"),
            None => Ok(programs),
        }
    }

    /// What a build of packages may have to compile. Where cargo cannot tell, nothing is known, and the build will say why.
    fn progress(&self, options: &[&str], packages: &[&str]) -> Progress {
        let mut tree = self.cargo();
        tree.args(["tree", "--edges", "normal,build", "--prefix", "none", "--format", "{p}"]);
        for package in packages {
            tree.args(["--package", package]);
        }
        // What is not there yet is fetched here, and cargo says so.
        let output = tree.stderr(Stdio::inherit()).output().ok();
        let text = output.map(|output| String::from_utf8_lossy(&output.stdout).into_owned());
        let mut words = options.iter().skip_while(|word| **word != "--profile");
        let profile = words.nth(1).copied().unwrap_or("dev");
        let processors = thread::available_parallelism().map_or(1, usize::from);
        Progress::new(crates_of_tree(&text.unwrap_or_default()), profile, processors)
    }
}

/// The lines of a stream, as they come.
fn lines(stream: impl Read + Send + 'static) -> Result<Receiver<Vec<u8>>> {
    let (sender, receiver) = channel();
    thread::Builder::new().name("cargo".to_owned()).spawn(move || {
        let lines = BufReader::new(stream).split(b'\n').map_while(Result::ok);
        // Nobody to hear it is the end.
        let _ = lines.filter(|line| !line.is_empty()).try_for_each(|line| sender.send(line));
    })?;
    Ok(receiver)
}

/// A build that is watched: says once what is ahead, and then how far it is, unless cargo's own bar says so on a terminal.
struct Watch {
    progress: Progress,
    is_terminal: bool,
    first: Option<Instant>,
    last: Instant,
    said: Option<Instant>,
}

impl Watch {
    fn new(progress: Progress) -> Self {
        let is_terminal = io::stderr().is_terminal();
        Self { progress, is_terminal, first: None, last: Instant::now(), said: None }
    }

    /// Takes note of what cargo says, and of programs.
    fn note(&mut self, message: &Message, programs: &mut BTreeMap<String, PathBuf>) {
        self.last = Instant::now();
        self.first.get_or_insert(self.last);
        let Some(target) = &message.target else { return };
        // A build script is made before its crate.
        if message.reason != "compiler-artifact" || target.kind.iter().any(|kind| kind == "custom-build") {
            return;
        }
        if let Some(name) = message.package_id.as_deref().and_then(crate_of_id) {
            self.progress.note(&name, message.fresh);
        }
        if let Some(program) = &message.executable {
            programs.insert(target.name.clone(), program.clone());
        }
    }

    /// Says how far it is, if it is time.
    fn look(&mut self) {
        let Some(first) = self.first else { return };
        match self.said {
            None => {
                // What is fresh, cargo says in one go: before that nobody knows how much there is to do.
                let is_known = self.progress.has_compiled() && first.elapsed() >= SETTLE
                    || self.last.elapsed() >= 2 * SETTLE;
                if is_known && let Some(outlook) = self.progress.outlook() {
                    // Over cargo's bar, which it draws again.
                    complain(format_args!("{}{outlook}", if self.is_terminal { "\r\x1b[K" } else { "" }));
                    self.said = Some(Instant::now());
                }
            }
            Some(said) if !self.is_terminal && said.elapsed() >= SAY_EVERY => {
                complain(self.progress.line(first.elapsed()));
                self.said = Some(Instant::now());
            }
            Some(_) => {}
        }
    }
}

/// One program of those built.
///
/// # Errors
/// When it is not among them.
pub(crate) fn program<'a>(programs: &'a BTreeMap<String, PathBuf>, name: &str) -> Result<&'a Path> {
    programs.get(name).map(PathBuf::as_path).with_context(|| format!("cargo built no program `{name}`"))
}

/// The cargo that runs this program, or the first on the path. What cargo told this program of itself is not passed on: build
/// scripts that ask for it would run anew each time that cargo is started in another way.
fn cargo() -> Command {
    let mut command = Command::new(env::var_os("CARGO").unwrap_or_else(|| OsString::from("cargo")));
    for (name, _) in env::vars_os() {
        let ours = name.to_str().is_some_and(|name| {
            name.starts_with("CARGO_PKG_") || name.starts_with("CARGO_MANIFEST_") || name == "OUT_DIR"
        });
        if ours {
            command.env_remove(name);
        }
    }
    command
}

/// Runs a command to its end.
///
/// # Errors
/// When it cannot be started, or fails.
pub(crate) fn finish(command: &mut Command, what: &str) -> Result<()> {
    let status = command.status().with_context(|| format!("{what} could not be started"))?;
    if !status.success() {
        bail!("{what} failed ({status}): see the messages above");
    }
    Ok(())
}

/// Waits until what was written before is on the disk: what a build left would go there in the midst of a measurement, and
/// every record would wait for it.
///
/// # Errors
/// When there is no `sync` (coreutils).
pub(crate) fn settle() -> Result<()> {
    finish(&mut Command::new("sync"), "`sync`")
}
