// SPDX-License-Identifier: Apache-2.0
//! A governed, recorded query over HTTP beside the same query by a bare handler. They take turns, on one machine, under
//! load from a process of its own.

use std::{
    cmp::Ordering,
    collections::BTreeMap,
    io::{BufRead as _, BufReader},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::atomic::AtomicBool,
};

use anyhow::{Context as _, Result, bail};
use paasla_tests::{Home, World};
use serde::Deserialize;

use super::results::{Line, Results};
use crate::{
    out::step,
    register,
    workspace::{self, Workspace, program},
};

/// How many people the register holds.
const PEOPLE: u32 = 10_000;

const CONNECTIONS: [(usize, &str); 3] =
    [(1, "http/1-connection"), (16, "http/16-connections"), (64, "http/64-connections")];
const SYSTEMS: [&str; 2] = ["paasla-governed", "bare"];
const FSYNC: [&str; 2] = ["fsync/disk", "fsync/sqlite-wal"];

/// What to measure, and with what.
pub(super) struct Load<'a> {
    pub(super) workspace: &'a Workspace,
    pub(super) programs: &'a BTreeMap<String, PathBuf>,
    pub(super) quick: bool,
    pub(super) only: Option<&'a str>,
}

/// The two servers, as the generator of load sees them.
struct Target<'a> {
    register: &'a Path,
    client: &'a str,
    /// In the order of [`SYSTEMS`].
    urls: [&'a str; 2],
}

impl Load<'_> {
    fn wants(&self, name: &str) -> bool {
        self.only.is_none_or(|only| name.contains(only))
    }

    /// Makes a register and a host of its own in this folder, and measures.
    pub(super) fn run(&self, components: &Path, folder: &Path) -> Result<Vec<Line>> {
        let mut lines = Vec::new();
        let wanted: Vec<(usize, &str)> = CONNECTIONS
            .into_iter()
            .filter(|(_, scenario)| SYSTEMS.iter().any(|system| self.wants(&format!("{scenario}/{system}"))))
            .collect();
        if wanted.is_empty() {
            if FSYNC.iter().any(|name| self.wants(name)) {
                lines.extend(middle(vec![self.fsync(folder)?], by_time));
            }
            return Ok(lines);
        }
        let generator = program(self.programs, "population-register")?;
        let register = register::make(self.workspace, generator, folder, PEOPLE, 1)?;
        let paasla = program(self.programs, "paasla")?.to_owned();
        let examples = self.workspace.root.join("examples");
        let home = Home {
            paasla,
            folder: folder.to_owned(),
            cache: None,
            examples,
            log_level: "info",
            serve_with: Vec::new(),
        };
        home.forget()?;
        home.seed(&register.file, components)?;
        let world = World::read(&home.examples, &register.persons)?;

        workspace::settle()?;
        let bare = Bare::start(program(self.programs, "bare")?, &register.file)?;
        let host = home.start(0, &AtomicBool::new(false))?;
        let target = Target {
            register: &register.file,
            client: world.client("public_task"),
            urls: [&host.base_url, &bare.base_url],
        };
        let measured = wanted.into_iter().map(|(connections, scenario)| {
            step("load", format_args!("{scenario}, governed and bare in turns"));
            self.turns(&target, connections, scenario, folder)
        });
        let measured = measured.collect::<Result<Vec<_>>>();
        let stopped = host.stop();
        lines.extend(measured?.into_iter().flatten());
        stopped?;
        Ok(lines)
    }

    /// The round with the median rate counts. Beside one connection the disk is measured, in turns with it: what is
    /// added there is compared with an fsync.
    fn turns(
        &self,
        target: &Target<'_>,
        connections: usize,
        scenario: &str,
        folder: &Path,
    ) -> Result<Vec<Line>> {
        let rounds = if self.quick { 1 } else { 5 };
        let (mut fsyncs, mut of) = (Vec::new(), [Vec::new(), Vec::new()]);
        for _ in 0..rounds {
            if connections == 1 && FSYNC.iter().any(|name| self.wants(name)) {
                fsyncs.push(self.fsync(folder)?);
            }
            for ((rounds, system), url) in of.iter_mut().zip(SYSTEMS).zip(target.urls) {
                if self.wants(&format!("{scenario}/{system}")) {
                    rounds.push(self.round(target, url, connections, scenario, system)?);
                }
            }
        }
        let mut lines = middle(fsyncs, by_time);
        lines.extend(of.into_iter().flat_map(|rounds| middle(rounds, by_rate)));
        Ok(lines)
    }

    /// What the disk takes to make one record durable.
    fn fsync(&self, folder: &Path) -> Result<Vec<Line>> {
        let mut command = Command::new(program(self.programs, "fsync")?);
        command.arg("--folder").arg(folder).args(["--count", if self.quick { "100" } else { "300" }]);
        let lines = printed(&mut command, "the measurement of the disk")?;
        Ok(lines.into_iter().filter(|line| self.wants(&line.name())).collect())
    }

    fn round(
        &self,
        target: &Target<'_>,
        url: &str,
        connections: usize,
        scenario: &str,
        system: &str,
    ) -> Result<Vec<Line>> {
        let (warm_up, measure) = if self.quick { ("300", "1000") } else { ("500", "3000") };
        let mut command = Command::new(program(self.programs, "load")?);
        command.args(["--base-url", url, "--client", target.client, "--scenario", scenario]);
        command.args(["--system", system, "--warm-up-ms", warm_up, "--measure-ms", measure]);
        command.arg("--connections").arg(connections.to_string()).arg("--register").arg(target.register);
        printed(&mut command, "the generator of load")
    }
}

fn by_time(a: &Line, b: &Line) -> Ordering {
    a.median_ns.cmp(&b.median_ns)
}

fn by_rate(a: &Line, b: &Line) -> Ordering {
    a.per_second.unwrap_or(0.0).total_cmp(&b.per_second.unwrap_or(0.0))
}

/// Of several rounds with the same lines, for each line the one in the middle.
fn middle(rounds: Vec<Vec<Line>>, order: fn(&Line, &Line) -> Ordering) -> Vec<Line> {
    let mut by_name: BTreeMap<String, Vec<Line>> = BTreeMap::new();
    for line in rounds.into_iter().flatten() {
        by_name.entry(line.name()).or_default().push(line);
    }
    let middle = |mut lines: Vec<Line>| {
        lines.sort_by(order);
        let place = lines.len() / 2;
        lines.into_iter().nth(place)
    };
    by_name.into_values().filter_map(middle).collect()
}

/// The results that a program prints.
fn printed(command: &mut Command, what: &str) -> Result<Vec<Line>> {
    command.env_remove("PAASLA_BENCH_JSON").stderr(Stdio::inherit());
    let output = command.output().with_context(|| format!("{what} could not be started"))?;
    if !output.status.success() {
        bail!("{what} failed ({}): see the messages above", output.status);
    }
    Ok(Results::parse(&String::from_utf8(output.stdout)?)?.lines().to_vec())
}

/// The bare handler as a child process; it ends with us, or when this is dropped.
struct Bare {
    child: Child,
    base_url: String,
}

#[derive(Deserialize)]
struct Ready {
    base_url: String,
}

impl Bare {
    fn start(program: &Path, register: &Path) -> Result<Self> {
        let mut command = Command::new(program);
        command.arg("--register").arg(register).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.spawn().context("the bare handler could not be started")?;
        let mut line = String::new();
        let out = child.stdout.take().context("its output is a pipe")?;
        BufReader::new(out).read_line(&mut line)?;
        let ready: Ready = serde_json::from_str(&line).context("the bare handler did not come up")?;
        Ok(Self { child, base_url: ready.base_url })
    }
}

impl Drop for Bare {
    fn drop(&mut self) {
        // It holds nothing that would have to be put in order.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
