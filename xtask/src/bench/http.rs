// SPDX-License-Identifier: Apache-2.0
//! A governed, recorded query over HTTP beside the same query by a bare handler. They take turns, on one machine, under
//! load from a process of its own.

use std::{
    collections::BTreeMap,
    io::{BufRead as _, BufReader},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::atomic::AtomicBool,
};

use anyhow::{Context as _, Result, bail};
use paasla_tests::{Home, World};
use serde::Deserialize;

use super::{
    results::{Line, Results},
    side_channels,
};
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
/// How often each is asked, beside the other.
const TURNS: usize = 9;
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
        let hiding = side_channels::SCENARIOS.iter().any(|scenario| {
            side_channels::SYSTEMS.iter().any(|system| self.wants(&format!("{scenario}/{system}")))
        });
        if wanted.is_empty() && !hiding {
            if FSYNC.iter().any(|name| self.wants(name)) {
                lines.extend(self.fsync(folder)?);
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
        let wants = |scenario: &str| {
            side_channels::SYSTEMS.iter().any(|system| self.wants(&format!("{scenario}/{system}")))
        };
        let told = side_channels::run(&host.base_url, &world, self.quick.then_some(500), wants);
        let stopped = host.stop();
        lines.extend(measured?.into_iter().flatten().chain(told?));
        stopped?;
        Ok(lines)
    }

    /// The turn counts whose ratio of the two is in the middle: how much a machine does differs from minute to minute,
    /// and what is compared must be of the same one. Beside one connection the disk is measured in each turn: what is
    /// added there is compared with an fsync.
    fn turns(
        &self,
        target: &Target<'_>,
        connections: usize,
        scenario: &str,
        folder: &Path,
    ) -> Result<Vec<Line>> {
        let mut turns = Vec::new();
        for nth in 0..if self.quick { 1 } else { TURNS } {
            let mut lines = Vec::new();
            if connections == 1 && FSYNC.iter().any(|name| self.wants(name)) {
                lines.extend(self.fsync(folder)?);
            }
            let mut pair: Vec<_> = SYSTEMS.into_iter().zip(target.urls).collect();
            if nth % 2 == 1 {
                pair.reverse();
            }
            for (system, url) in pair {
                if self.wants(&format!("{scenario}/{system}")) {
                    lines.extend(self.round(target, url, connections, scenario, system)?);
                }
            }
            lines.sort_by_key(|line| SYSTEMS.iter().position(|system| *system == line.system));
            turns.push(lines);
        }
        Ok(middle(turns))
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
        let (warm_up, measure) = if self.quick { ("300", "1000") } else { ("500", "2000") };
        let mut command = Command::new(program(self.programs, "load")?);
        command.args(["--base-url", url, "--client", target.client, "--scenario", scenario]);
        command.args(["--system", system, "--warm-up-ms", warm_up, "--measure-ms", measure]);
        command.arg("--connections").arg(connections.to_string()).arg("--register").arg(target.register);
        printed(&mut command, "the generator of load")
    }
}

/// The turn in the middle: by what the governed host answers in a second beside the bare handler, or, where only one of
/// them was asked, by what that answers.
fn middle(mut turns: Vec<Vec<Line>>) -> Vec<Line> {
    let rate = |turn: &[Line], system| {
        turn.iter().find(|line| line.system == system).and_then(|line| line.per_second)
    };
    let place = |turn: &[Line]| {
        let [governed, bare] = SYSTEMS.map(|system| rate(turn, system));
        match (governed, bare) {
            (Some(governed), Some(bare)) => governed / bare,
            (one, other) => one.or(other).unwrap_or_default(),
        }
    };
    turns.sort_by(|one, other| place(one).total_cmp(&place(other)));
    let middle = turns.len() / 2;
    turns.into_iter().nth(middle).unwrap_or_default()
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

#[cfg(test)]
mod tests {
    use super::*;

    fn turn(rates: &[(&str, f64)]) -> Vec<Line> {
        let line = |(system, rate): &(&str, f64)| Line {
            per_second: Some(*rate),
            ..Results::parse(&format!(
                r#"{{"scenario":"http/64-connections","system":"{system}","median_ns":1,"p99_ns":1,"n":1}}"#
            ))
            .unwrap()
            .lines()[0]
                .clone()
        };
        rates.iter().map(line).collect()
    }

    /// A minute in which everything was slow has the ratio of any other.
    #[test]
    fn the_turn_in_the_middle_is_told_by_what_is_compared() {
        let [governed, bare] = SYSTEMS;
        let turns = vec![
            turn(&[(governed, 10_000.0), (bare, 25_000.0)]),
            turn(&[(governed, 3_000.0), (bare, 6_000.0)]),
            turn(&[(governed, 9_000.0), (bare, 15_000.0)]),
        ];
        let rates: Vec<_> = middle(turns).iter().filter_map(|line| line.per_second).collect();
        assert_eq!(rates, [3_000.0, 6_000.0]);
        let alone = [3.0, 1.0, 2.0].map(|rate| turn(&[(bare, rate)])).to_vec();
        assert_eq!(middle(alone).iter().filter_map(|line| line.per_second).collect::<Vec<_>>(), [2.0]);
    }
}
