// SPDX-License-Identifier: Apache-2.0
//! How far a build is, and about how long it takes: what a crate costs is known roughly, and how quick this machine is
//! shows as the build goes on.

use std::{collections::BTreeMap, time::Duration};

/// What a crate costs that is not in the list below, in seconds of one processor.
const USUAL_SECONDS: f64 = 1.0;

/// What the heavy crates cost, in seconds of one processor, as `cargo build --timings` has them for the profile `dev`.
const HEAVY_SECONDS: [(&str, f64); 36] = [
    ("cranelift-assembler-x64", 15.0),
    ("cranelift-codegen", 180.0),
    ("cranelift-isle", 16.0),
    ("clap_builder", 12.0),
    ("gimli", 8.0),
    ("jiff", 14.0),
    ("libsqlite3-sys", 52.0),
    ("object", 9.0),
    ("oci-client", 8.0),
    ("oci-spec", 9.0),
    ("paasla", 16.0),
    ("paasla-app", 30.0),
    ("paasla-core", 21.0),
    ("paasla-engine", 39.0),
    ("paasla-http", 25.0),
    ("paasla-register", 18.0),
    ("paasla-store", 61.0),
    ("population-register", 17.0),
    ("pulley-interpreter", 20.0),
    ("regex-automata", 20.0),
    ("reqwest", 16.0),
    ("ring", 10.0),
    ("rustix", 9.0),
    ("rustls", 21.0),
    ("sqlx-sqlite", 17.0),
    ("syn", 10.0),
    ("tokio", 14.0),
    ("toml_edit", 12.0),
    ("wasm-encoder", 15.0),
    ("wasmparser", 35.0),
    ("wasmprinter", 16.0),
    ("wasmtime", 75.0),
    ("wasmtime-environ", 47.0),
    ("wasmtime-internal-cranelift", 45.0),
    ("wit-component", 40.0),
    ("wit-parser", 42.0),
];

/// How much more a crate costs with full optimisation.
const OPTIMISED: f64 = 1.3;

/// How long it takes to link the host as one piece, on one processor, in the profile `dist`.
const LINK_SECONDS: f64 = 480.0;

/// Crates wait for each other: more processors than this make no build shorter.
const MOST_PROCESSORS: f64 = 6.0;

/// How long a build goes on before its own speed counts as much as what was expected.
const LEARN_SECONDS: f64 = 60.0;

/// A build as far as it is.
#[derive(Debug)]
pub(crate) struct Progress {
    /// What each crate costs that may have to be compiled, by name and version.
    costs: BTreeMap<String, f64>,
    compiled: BTreeMap<String, f64>,
    processors: usize,
    /// What comes last, on one processor.
    link_seconds: f64,
}

impl Progress {
    /// Of these crates (each `name 1.2.3`), none of which is known to be compiled. `profile` is cargo's.
    pub(crate) fn new(crates: impl IntoIterator<Item = String>, profile: &str, processors: usize) -> Self {
        let factor = if profile == "dev" { 1.0 } else { OPTIMISED };
        let costs: BTreeMap<String, f64> =
            crates.into_iter().map(|name| (name.clone(), factor * usual_cost(&name))).collect();
        let links = profile == "dist" && costs.keys().any(|name| is_host(name));
        let link_seconds = if links { LINK_SECONDS } else { 0.0 };
        Self { costs, compiled: BTreeMap::new(), processors: processors.max(1), link_seconds }
    }

    /// Takes note that cargo is done with a crate; `was_fresh` where there was nothing to do.
    pub(crate) fn note(&mut self, name: &str, was_fresh: bool) {
        if self.compiled.contains_key(name) {
            return;
        }
        let cost = self.costs.remove(name);
        if was_fresh {
            if is_host(name) {
                self.link_seconds = 0.0;
            }
        } else {
            self.compiled.insert(name.to_owned(), cost.unwrap_or(USUAL_SECONDS));
        }
    }

    /// Whether something was compiled.
    pub(crate) fn has_compiled(&self) -> bool {
        !self.compiled.is_empty()
    }

    /// What is ahead, when the build has just begun; none where everything is there already.
    pub(crate) fn outlook(&self) -> Option<String> {
        let count = self.costs.len() + self.compiled.len();
        if self.costs.is_empty() {
            return None;
        }
        let crates = if count == 1 { "one crate".to_owned() } else { format!("about {count} crates") };
        let processors = match self.processors {
            1 => "one processor".to_owned(),
            many => format!("{many} processors"),
        };
        let time = rounded(self.seconds_left(Duration::ZERO));
        Some(format!("build: {crates} to compile, about {time} with {processors}"))
    }

    /// How far it is after so long.
    pub(crate) fn line(&self, since: Duration) -> String {
        let (done, count) = (self.compiled.len(), self.compiled.len() + self.costs.len());
        let (so_far, left) = (rounded(since.as_secs_f64()), rounded(self.seconds_left(since)));
        if self.costs.is_empty() {
            return format!("build: {done} of about {count} crates, {so_far} so far");
        }
        format!("build: {done} of about {count} crates, {so_far} so far, about {left} left")
    }

    /// What was seen of this machine counts the more the longer it was seen.
    fn seconds_left(&self, since: Duration) -> f64 {
        let processors = f64::from(u32::try_from(self.processors).unwrap_or(u32::MAX));
        let expected_speed = processors.min(MOST_PROCESSORS);
        let done: f64 = self.compiled.values().sum();
        let seen = since.as_secs_f64();
        let speed = (done + expected_speed * LEARN_SECONDS) / (seen + LEARN_SECONDS);
        let ahead: f64 = self.costs.values().sum();
        ahead / speed + self.link_seconds * expected_speed / speed
    }
}

/// What a crate costs in the profile `dev`, in seconds of one processor.
fn usual_cost(crate_and_version: &str) -> f64 {
    let name = crate_and_version.split(' ').next().unwrap_or_default();
    HEAVY_SECONDS.iter().find(|(heavy, _)| *heavy == name).map_or(USUAL_SECONDS, |(_, seconds)| *seconds)
}

fn is_host(crate_and_version: &str) -> bool {
    crate_and_version.split(' ').next() == Some("paasla")
}

/// `40 s`, `7 min`: no more exact than it is known.
fn rounded(seconds: f64) -> String {
    if seconds < 90.0 {
        return format!("{:.0} s", (seconds / 10.0).ceil().max(1.0) * 10.0);
    }
    format!("{:.0} min", seconds / 60.0)
}

/// The crates of `cargo tree --prefix none --format {p}`: a line is `name v1.2.3`, maybe with more behind it.
pub(crate) fn crates_of_tree(tree: &str) -> Vec<String> {
    let of_line = |line: &str| {
        let mut words = line.split(' ');
        let name = words.next().filter(|name| !name.is_empty())?;
        let version = words.next()?.strip_prefix('v')?;
        Some(format!("{name} {version}"))
    };
    tree.lines().filter_map(of_line).collect()
}

/// The crate that cargo's id of a package names: `registry+https://…#serde@1.0.2`, or `path+file:///…/xtask#0.1.0` where the
/// folder has the crate's name.
pub(crate) fn crate_of_id(id: &str) -> Option<String> {
    let (place, last) = id.rsplit_once('#')?;
    let folder = || place.split('?').next()?.rsplit('/').next();
    let (name, version) = match last.split_once('@') {
        Some(both) => both,
        None => (folder()?, last),
    };
    Some(format!("{name} {version}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seconds(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    fn build(processors: usize) -> Progress {
        let tree = "paasla v0.1.0 (/a/host/cli)\nwasmtime v48.0.8\nserde v1.0.2 (*)\nserde v1.0.2\nsyn v2.0.1 (proc-macro)\n\n";
        let crates = crates_of_tree(tree);
        assert_eq!(crates.len(), 5);
        Progress::new(crates, "dev", processors)
    }

    #[test]
    fn crates_are_known_by_name_and_version_wherever_cargo_names_them() {
        let registry = "registry+https://github.com/rust-lang/crates.io-index#serde@1.0.2";
        assert_eq!(crate_of_id(registry).as_deref(), Some("serde 1.0.2"));
        assert_eq!(crate_of_id("path+file:///a/xtask#0.1.0").as_deref(), Some("xtask 0.1.0"));
        assert_eq!(crate_of_id("path+file:///a/host/cli#paasla@0.1.0").as_deref(), Some("paasla 0.1.0"));
        assert_eq!(crate_of_id("nonsense"), None);
    }

    #[test]
    fn where_everything_is_there_nothing_is_said() {
        let mut progress = build(2);
        assert!(progress.outlook().is_some());
        for name in ["paasla 0.1.0", "wasmtime 48.0.8", "serde 1.0.2", "syn 2.0.1"] {
            progress.note(name, true);
        }
        assert_eq!(progress.outlook(), None);
        assert!(!progress.has_compiled());
    }

    #[test]
    fn what_is_fresh_is_no_work_and_what_is_compiled_counts_once() {
        let mut progress = build(2);
        progress.note("serde 1.0.2", true);
        for _ in 0..2 {
            // For this machine and for a build script.
            progress.note("syn 2.0.1", false);
        }
        assert!(progress.has_compiled());
        let line = progress.line(seconds(20));
        assert!(line.starts_with("build: 1 of about 3 crates, 20 s so far, about "), "{line}");
        progress.note("wasmtime 48.0.8", false);
        progress.note("paasla 0.1.0", false);
        assert_eq!(progress.line(seconds(125)), "build: 3 of about 3 crates, 2 min so far");
    }

    #[test]
    fn more_processors_and_a_quick_beginning_make_less_of_it() {
        let (one, four, many) = (build(1), build(4), build(64));
        let left = |progress: &Progress| progress.seconds_left(Duration::ZERO);
        assert!(left(&one) > 3.9 * left(&four) && left(&four) > left(&many));
        assert!(left(&many) > left(&one) / 10.0, "crates wait for each other");
        let (mut quick, mut slow) = (build(2), build(2));
        for progress in [&mut quick, &mut slow] {
            progress.note("wasmtime 48.0.8", false);
        }
        assert!(quick.seconds_left(seconds(20)) < slow.seconds_left(seconds(200)));
    }

    #[test]
    fn to_link_the_host_as_one_piece_takes_longest_and_nothing_where_it_is_fresh() {
        let crates = || ["paasla 0.1.0", "serde 1.0.2"].map(str::to_owned);
        let mut dist = Progress::new(crates(), "dist", 2);
        let left = |progress: &Progress| progress.seconds_left(Duration::ZERO);
        assert!(left(&dist) > LINK_SECONDS);
        assert!(left(&Progress::new(crates(), "release", 2)) < 60.0);
        dist.note("paasla 0.1.0", true);
        assert!(left(&dist) < 60.0);
    }

    #[test]
    fn times_are_as_exact_as_they_are_known() {
        for (seconds, text) in
            [(0.0, "10 s"), (31.0, "40 s"), (89.0, "90 s"), (95.0, "2 min"), (800.0, "13 min")]
        {
            assert_eq!(rounded(seconds), text);
        }
    }
}
