// SPDX-License-Identifier: Apache-2.0
//! What in a compiled crate wants the outside world, which a rule does not have, and which of its dependencies brings that.

use std::{collections::BTreeMap, path::Path, process::Command};

use serde::Deserialize;
use wasmparser::{Parser, Payload};

/// How many imports are told.
const TOLD: usize = 3;

/// The names of the functions that the SDK's `export!` makes begin so: with the package of the rule interface.
const OF_EXPORT: &str = "paasla:rule/";

/// A function that a module wants from outside.
type Import = (String, String);

/// Why a module cannot become a rule, as far as that can be seen from what it imports. `manifest` is its crate's.
pub(crate) fn why(module: &[u8], manifest: &Path) -> Option<String> {
    let (imports, has_export) = look(module);
    if let Some(first) = imports.first() {
        let told: Vec<String> =
            imports.iter().take(TOLD).map(|(module, name)| format!("`{module}` `{name}`")).collect();
        let more = imports.len().saturating_sub(TOLD);
        let more = if more == 0 { String::new() } else { format!(" and {more} more") };
        let who = graph(manifest).and_then(|graph| graph.way_to(first));
        let who = who.map_or_else(
            || "one of the crates that it uses brings that".to_owned(),
            |way| format!("that comes with {}", way.join(" -> ")),
        );
        return Some(format!(
            "it wants the outside world ({}{more}), and a rule has none: no clock, no chance, no files, no JavaScript; date \
             and time are in the query. {who}: do without that crate, or without the feature of it that needs this (many \
             crates work with `default-features = false`)",
            told.join(", ")
        ));
    }
    (!has_export).then(|| "it does not call `paasla_rule::export!`, which makes a crate a rule".to_owned())
}

/// What a module imports, and whether `export!` made it.
fn look(module: &[u8]) -> (Vec<Import>, bool) {
    let (mut found, mut has_export) = (Vec::new(), false);
    for payload in Parser::new(0).parse_all(module).map_while(Result::ok) {
        match payload {
            Payload::ImportSection(section) => {
                for import in section.into_imports().map_while(Result::ok) {
                    found.push((import.module.to_owned(), import.name.to_owned()));
                }
            }
            Payload::ExportSection(section) => {
                has_export |= section
                    .into_iter()
                    .map_while(Result::ok)
                    .any(|export| export.name.starts_with(OF_EXPORT));
            }
            _ => {}
        }
    }
    (found, has_export)
}

#[derive(Deserialize)]
struct Metadata {
    packages: Vec<Package>,
    resolve: Resolve,
}

#[derive(Deserialize)]
struct Package {
    id: String,
    name: String,
    manifest_path: std::path::PathBuf,
}

#[derive(Deserialize)]
struct Resolve {
    nodes: Vec<Node>,
}

#[derive(Deserialize)]
struct Node {
    id: String,
    dependencies: Vec<String>,
}

/// Which crate uses which.
struct Graph {
    root: String,
    names: BTreeMap<String, String>,
    uses: BTreeMap<String, Vec<String>>,
}

/// The crates that a crate is made of. None when cargo does not say: then nothing is lost but a hint.
fn graph(manifest: &Path) -> Option<Graph> {
    let output = Command::new("cargo")
        .args(["metadata", "--format-version", "1", "--offline", "--filter-platform"])
        .args([crate::toolchain::TARGET, "--manifest-path"])
        .arg(manifest)
        .output()
        .ok()?;
    let Metadata { packages, resolve } = serde_json::from_slice(&output.stdout).ok()?;
    let root = packages.iter().find(|package| package.manifest_path == manifest)?.id.clone();
    Some(Graph {
        root,
        names: packages.into_iter().map(|package| (package.id, package.name)).collect(),
        uses: resolve.nodes.into_iter().map(|node| (node.id, node.dependencies)).collect(),
    })
}

impl Graph {
    /// The shortest way from the rule to the crate that an import most likely belongs to.
    fn way_to(&self, (module, name): &Import) -> Option<Vec<String>> {
        let belongs = |of: &str| {
            let plain = of.replace('-', "_");
            let said = format!("{module} {name}");
            // Shorter names are in every text.
            plain.len() >= 4 && said.contains(&plain) || of == "wasm-bindgen" && module.contains("wbindgen")
        };
        let mut ways = std::collections::VecDeque::from([vec![self.root.as_str()]]);
        let mut seen = std::collections::BTreeSet::from([self.root.as_str()]);
        while let Some(way) = ways.pop_front() {
            let last = *way.last()?;
            let of = self.names.get(last)?;
            if way.len() > 1 && belongs(of) {
                return way.into_iter().map(|id| self.names.get(id).cloned()).collect();
            }
            for next in self.uses.get(last).into_iter().flatten() {
                if seen.insert(next) {
                    let longer = way.iter().copied().chain([next.as_str()]);
                    ways.push_back(longer.collect());
                }
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_crate_that_brings_an_import_is_found() {
        let ids = ["night-watch", "chrono", "js-sys", "wasm-bindgen", "getrandom"];
        let uses = |of: &str, what: &[&str]| {
            (of.to_owned(), what.iter().map(|id| (*id).to_owned()).collect::<Vec<_>>())
        };
        let graph = Graph {
            root: "night-watch".to_owned(),
            names: ids.iter().map(|id| ((*id).to_owned(), (*id).to_owned())).collect(),
            uses: BTreeMap::from([
                uses("night-watch", &["chrono", "getrandom"]),
                uses("chrono", &["js-sys"]),
                uses("js-sys", &["wasm-bindgen"]),
            ]),
        };
        let import = |module: &str, name: &str| (module.to_owned(), name.to_owned());
        let way = graph.way_to(&import("__wbindgen_placeholder__", "__wbg_new_0")).unwrap();
        assert_eq!(way, ["night-watch", "chrono", "js-sys", "wasm-bindgen"]);
        let way = graph.way_to(&import("env", "__getrandom_v03_custom")).unwrap();
        assert_eq!(way, ["night-watch", "getrandom"]);
        assert_eq!(graph.way_to(&import("env", "puts")), None);
    }

    #[test]
    fn what_a_module_lacks_is_told() {
        let nowhere = Path::new("/nowhere/Cargo.toml");
        let mut imports = wasm_encoder::ImportSection::new();
        let memory = wasm_encoder::MemoryType {
            minimum: 1,
            maximum: None,
            memory64: false,
            shared: false,
            page_size_log2: None,
        };
        imports.import("__wbindgen_placeholder__", "__wbg_new_0", memory);
        let mut module = wasm_encoder::Module::new();
        module.section(&imports);
        let told = why(&module.finish(), nowhere).unwrap();
        assert!(
            told.contains("`__wbindgen_placeholder__` `__wbg_new_0`") && !told.contains("export!"),
            "{told}"
        );
        let told = why(&wasm_encoder::Module::new().finish(), nowhere).unwrap();
        assert!(told.contains("export!"), "{told}");
    }
}
