// SPDX-License-Identifier: Apache-2.0
//! Rule authors work on any system: the toolkit, and what it is made of, has nothing of a server's, and nothing that only one
//! system has without a word that says so.
#![cfg(test)]

mod cfg;
mod code;
mod places;

use std::{
    collections::{BTreeMap, BTreeSet},
    process::Command,
};

use anyhow::{Result, ensure};
use paasla_tests::{given::root, sources::sources};

use cfg::Platform;
use places::places;

/// The crates of ours that the toolkit is made of, itself included, with their folders.
const OURS: [(&str, &str); 4] = [
    ("paasla-toolkit", "host/toolkit"),
    ("paasla-engine", "host/engine"),
    ("paasla-core", "host/core"),
    ("paasla-rule", "guest-sdk"),
];

/// Where rule authors work besides Linux.
const ELSEWHERE: [&str; 2] = ["x86_64-pc-windows-msvc", "aarch64-apple-darwin"];

/// Where hosts run.
const HOST: &str = "x86_64-unknown-linux-gnu";

/// What the program `paasla` needs to be a server, and to talk to one.
const SERVER: [&str; 22] = [
    "axum",
    "axum-core",
    "figment",
    "http",
    "hyper",
    "hyper-util",
    "libsqlite3-sys",
    "mimalloc",
    "mio",
    "oci-client",
    "paasla-app",
    "paasla-http",
    "paasla-ledger",
    "paasla-register",
    "paasla-store",
    "reqwest",
    "ring",
    "rusqlite",
    "rustls",
    "sqlx",
    "tokio",
    "ureq",
];

/// Crates that offer what only one family of systems has.
const OF_ONE_SYSTEM: [&str; 5] = ["libc", "nix", "procfs", "rustix", "signal-hook"];

/// The names of the crates that a crate is built with on a platform, features as they are for it alone; to a depth. Crates for
/// other platforms that are not here yet, cargo fetches.
fn tree(package: &str, platform: &str, depth: &str) -> Result<BTreeSet<String>> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let told = Command::new(cargo)
        .args(["tree", "--locked", "--edges", "normal,build", "--prefix", "none", "--format", "{p}"])
        .args(["--package", package, "--target", platform, "--depth", depth])
        .current_dir(root()?)
        .output()?;
    ensure!(told.status.success(), "{}", String::from_utf8_lossy(&told.stderr));
    let told = String::from_utf8(told.stdout)?;
    let names: BTreeSet<_> =
        told.lines().filter_map(|line| line.split(' ').next()).map(str::to_owned).collect();
    ensure!(names.contains(package), "this is no tree of {package}: {told}");
    Ok(names)
}

/// All of a crate's tree.
const WHOLE: &str = "1000";
/// What its own Cargo.toml names.
const OWN: &str = "1";

#[test]
fn the_toolkit_needs_nothing_of_a_server() -> Result<()> {
    // The list is of what there is: a word that is written wrong, or is history, would find nothing.
    let server = tree("paasla", HOST, WHOLE)?;
    let unknown: Vec<_> = SERVER.iter().filter(|name| !server.contains(**name)).collect();
    ensure!(unknown.is_empty(), "`paasla` does not need these: take them out of the list: {unknown:?}");
    for platform in ELSEWHERE.into_iter().chain([HOST]) {
        let needed = tree("paasla-toolkit", platform, WHOLE)?;
        ensure!(needed.contains("wasmtime"), "this is not all of it: {needed:?}");
        let wrong: Vec<_> = SERVER.iter().filter(|name| needed.contains(**name)).collect();
        ensure!(wrong.is_empty(), "for {platform} the toolkit needs {wrong:?}");
        let ours: BTreeSet<_> =
            needed.iter().filter(|name| name.starts_with("paasla")).map(String::as_str).collect();
        ensure!(ours == OURS.iter().map(|(name, _)| *name).collect(), "say here where these are: {ours:?}");
    }
    Ok(())
}

#[test]
fn what_only_one_system_has_is_a_dependency_there_only() -> Result<()> {
    ensure!(tree("paasla-engine", HOST, OWN)?.contains("rustix"), "a host's engine asks the system");
    for (package, _) in OURS {
        for platform in ELSEWHERE {
            let own = tree(package, platform, OWN)?;
            let wrong: Vec<_> = OF_ONE_SYSTEM.iter().filter(|name| own.contains(**name)).collect();
            ensure!(wrong.is_empty(), "for {platform}, {package} needs {wrong:?}: put it under a target");
        }
    }
    Ok(())
}

#[test]
fn what_only_one_system_has_stands_under_a_word_that_says_so() -> Result<()> {
    let (mut wrong, mut guarded) = (Vec::new(), 0);
    for (package, folder) in OURS {
        let src = root()?.join(folder).join("src");
        let files =
            sources(&src)?.into_iter().map(|(path, text)| Ok((path.strip_prefix(&src)?.to_owned(), text)));
        let files: BTreeMap<_, _> = files.collect::<Result<_>>()?;
        ensure!(!files.is_empty(), "{package} has no sources in {}", src.display());
        for place in places(&files) {
            let on = [Platform::Windows, Platform::Mac]
                .into_iter()
                .filter(|platform| place.is_wrong_on(*platform));
            let on: Vec<_> = on.collect();
            if on.is_empty() {
                guarded += 1;
            } else {
                wrong.push(format!("{folder}/src/{place}, on {on:?}"));
            }
        }
    }
    ensure!(wrong.is_empty(), "these are not on every system:\n{}", wrong.join("\n"));
    ensure!(guarded > 0, "the engine has parts that are for Linux only, and this did not see them");
    Ok(())
}
