// SPDX-License-Identifier: Apache-2.0
//! Which room may use which: what the compiler does not see to, because a dependency is one line in a file.
#![cfg(test)]

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context as _, Result, ensure};
use paasla_tests::given::root;
use serde_json::Value;

/// Each room under `host`, with the rooms that it may use. Arrows point down only.
const ROOMS: [(&str, &[&str]); 8] = [
    ("paasla-core", &[]),
    ("paasla-engine", &["paasla-core", "paasla-rule"]),
    ("paasla-register", &["paasla-core"]),
    ("paasla-store", &["paasla-core"]),
    ("paasla-ledger", &["paasla-core"]),
    ("paasla-app", &["paasla-core", "paasla-engine", "paasla-register", "paasla-store", "paasla-ledger"]),
    ("paasla-http", &["paasla-app", "paasla-core", "paasla-engine", "paasla-register", "paasla-store"]),
    (
        "paasla",
        &[
            "paasla-http",
            "paasla-app",
            "paasla-core",
            "paasla-engine",
            "paasla-register",
            "paasla-store",
            "paasla-ledger",
        ],
    ),
];

/// What only one room may know, by the crates that bring it.
const ALONE: [(&str, &[&str]); 3] = [
    ("paasla-engine", &["wasmtime", "wasmtime-wizer"]),
    ("paasla-http", &["axum", "hyper", "hyper-util", "tower", "http-body-util"]),
    ("paasla-store", &["sqlx"]),
];

/// The dependencies of each crate of the workspace that it is built with; what only tests use is left out.
fn dependencies() -> Result<BTreeMap<String, (PathBuf, BTreeSet<String>)>> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let told = Command::new(cargo)
        .args(["metadata", "--no-deps", "--offline", "--format-version", "1"])
        .current_dir(root()?)
        .output()?;
    ensure!(told.status.success(), "{}", String::from_utf8_lossy(&told.stderr));
    let told: Value = serde_json::from_slice(&told.stdout)?;
    let mut all = BTreeMap::new();
    for package in told["packages"].as_array().context("a list of packages")? {
        let name = package["name"].as_str().context("a package has a name")?.to_owned();
        let manifest = package["manifest_path"].as_str().context("a package has a manifest")?;
        let folder = Path::new(manifest).parent().context("a manifest is in a folder")?.to_owned();
        let built_with = package["dependencies"].as_array().into_iter().flatten();
        let built_with = built_with.filter(|dependency| dependency["kind"].as_str() != Some("dev"));
        let names = built_with.filter_map(|dependency| Some(dependency["name"].as_str()?.to_owned()));
        all.insert(name, (folder, names.collect()));
    }
    Ok(all)
}

/// The lines of a crate that are no comments, by their files.
fn lines(folder: &Path) -> Result<Vec<(PathBuf, String)>> {
    let (mut all, mut folders) = (Vec::new(), vec![folder.to_owned()]);
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder)? {
            let path = entry?.path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let text = fs::read_to_string(&path)?;
                let code = text.lines().map(str::trim).filter(|line| !line.starts_with("//"));
                all.extend(code.map(|line| (path.clone(), line.to_owned())));
            }
        }
    }
    Ok(all)
}

#[test]
fn arrows_point_down_only() -> Result<()> {
    let all = dependencies()?;
    let hosts: BTreeSet<&str> = ROOMS.iter().map(|(name, _)| *name).collect();
    let host = root()?.join("host");
    let there: BTreeSet<&str> = all
        .iter()
        .filter(|(_, (folder, _))| folder.starts_with(&host))
        .map(|(name, _)| name.as_str())
        .collect();
    ensure!(there == hosts, "the rooms are {there:?}: say here what they may use");
    for (name, may) in ROOMS {
        let (_, uses) = all.get(name).context(name)?;
        let ours = uses.iter().filter(|used| all.contains_key(*used));
        let wrong: Vec<_> = ours.filter(|used| !may.contains(&used.as_str())).collect();
        ensure!(wrong.is_empty(), "{name} uses {wrong:?}");
    }
    for (room, crates) in ALONE {
        for name in hosts.iter().filter(|name| **name != room) {
            let (_, uses) = all.get(*name).context(room)?;
            let wrong: Vec<_> = crates.iter().filter(|known| uses.contains(**known)).collect();
            ensure!(wrong.is_empty(), "{name} uses {wrong:?}, which only {room} may");
        }
    }
    Ok(())
}

/// The app speaks neither HTTP nor SQL.
#[test]
fn the_app_names_no_http_and_no_sql() -> Result<()> {
    let all = dependencies()?;
    let (folder, _) = all.get("paasla-app").context("there is a crate of that name")?;
    for (path, line) in lines(&folder.join("src"))? {
        for word in
            ["StatusCode", "HeaderMap", "HeaderName", "SELECT ", "INSERT INTO", "UPDATE ", "DELETE FROM"]
        {
            ensure!(!line.contains(word), "{}: {line}", path.display());
        }
    }
    Ok(())
}
