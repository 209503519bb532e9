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
use paasla_tests::{given::root, sources::sources};
use serde_json::Value;

/// Each room under `host`, with the rooms that it may use. Arrows point down only.
const ROOMS: [(&str, &[&str]); 9] = [
    ("paasla-core", &[]),
    ("paasla-engine", &["paasla-core", "paasla-rule"]),
    ("paasla-toolkit", &["paasla-core", "paasla-engine"]),
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
            "paasla-toolkit",
            "paasla-demo",
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

/// The files of Rust below a folder, each with its lines that are no comments.
fn code(folder: &Path) -> Result<BTreeMap<PathBuf, Vec<String>>> {
    let of_file = |(path, text): (PathBuf, String)| {
        let lines = text.lines().map(str::trim).filter(|line| !line.starts_with("//"));
        (path, lines.map(str::to_owned).collect())
    };
    Ok(sources(folder)?.into_iter().map(of_file).collect())
}

/// What begins in a line and ends in a line that `is_end`, in one line.
fn statement(lines: &[String], is_end: impl Fn(&str) -> bool) -> String {
    let end = lines.iter().position(|line| is_end(line)).map_or(lines.len(), |end| end + 1);
    lines[..end].join(" ")
}

/// A line without `pub`, `pub(crate)` and the like.
fn without_visibility(line: &str) -> &str {
    let Some(rest) = line.strip_prefix("pub") else { return line };
    let inside = rest.strip_prefix('(').and_then(|inside| inside.split_once(')'));
    inside.map_or(rest, |(_, rest)| rest).trim_start()
}

/// The name of the type that a line defines.
fn defined(line: &str) -> Option<&str> {
    let (kind, rest) = without_visibility(line).split_once(' ')?;
    let name = rest.split(|c: char| !c.is_alphanumeric() && c != '_').next()?;
    ["struct", "enum", "union"].contains(&kind).then_some(name)
}

/// The name of the type whose own methods a block holds; none where it implements a trait.
fn owner(header: &str) -> Option<&str> {
    let mut rest = header.strip_prefix("impl")?.split('{').next()?;
    if rest.starts_with('<') {
        let (mut depth, mut last) = (0, ' ');
        let end = rest.find(|c| {
            depth += match c {
                '<' => 1,
                '>' if last != '-' => -1,
                _ => 0,
            };
            last = c;
            depth == 0
        });
        rest = rest.split_at(end?).1.strip_prefix('>')?;
    }
    let of_type = rest.split(" where ").next()?.trim();
    if of_type.contains(" for ") {
        return None;
    }
    of_type.split('<').next()?.rsplit("::").next()
}

/// Whether methods in `file` may be of a type that is defined in `home`.
fn is_at_home(file: &Path, home: &Path) -> bool {
    let is_root = home == Path::new("lib.rs") || home == Path::new("main.rs");
    is_root || file == home || file.starts_with(home.with_extension(""))
}

/// The paths that stand in a tree of imports, each in full.
fn written_out(tree: &str) -> Vec<String> {
    let Some((before, inside)) = tree.split_once('{') else { return vec![tree.trim().to_owned()] };
    let (mut depth, inside) = (0, inside.trim_end());
    let parts = inside.strip_suffix('}').unwrap_or(inside).split(|c| {
        depth += match c {
            '{' => 1,
            '}' => -1,
            _ => 0,
        };
        depth == 0 && c == ','
    });
    let before = before.trim();
    let parts = parts.filter(|part| !part.trim().is_empty());
    parts.flat_map(written_out).map(|path| format!("{before}{path}")).collect()
}

/// The module that a file is.
fn module(file: &Path) -> Vec<String> {
    let names = file.with_extension("");
    let names = names.iter().map(|name| name.to_string_lossy().into_owned());
    names.filter(|name| name != "lib").collect()
}

/// The module, or the item in one, that a path means in the module `here`.
fn meant(path: &str, here: &[String]) -> Vec<String> {
    let mut at = here.to_owned();
    for name in path.split("::").filter_map(|name| name.split_whitespace().next()) {
        match name {
            "crate" => at.clear(),
            "super" => drop(at.pop()),
            "self" => {}
            name => at.push(name.to_owned()),
        }
    }
    at
}

/// Which files each file of a crate imports from. What only its tests import does not count.
fn imports(src: &Path) -> Result<BTreeMap<PathBuf, BTreeSet<PathBuf>>> {
    let mut all = BTreeMap::new();
    for (path, lines) in code(src)? {
        let file = path.strip_prefix(src)?.to_owned();
        if !file.starts_with("bin") && file.file_name().is_some_and(|name| name != "tests.rs") {
            all.insert(file, lines);
        }
    }
    let files: BTreeMap<_, _> = all.keys().map(|file| (module(file), file.clone())).collect();
    let of_file = |(file, lines): (&PathBuf, &Vec<String>)| {
        let here = module(file);
        let tests = lines.iter().position(|line| line.starts_with("mod tests"));
        let lines = &lines[..tests.unwrap_or(lines.len())];
        let uses = (0..lines.len()).filter_map(|place| {
            let whole = statement(&lines[place..], |line| line.ends_with(';'));
            Some(without_visibility(&whole).strip_prefix("use ")?.trim_end_matches(';').to_owned())
        });
        let paths = uses.flat_map(|tree| written_out(&tree)).map(|path| meant(&path, &here));
        let from = paths.filter_map(|path| (0..=path.len()).rev().find_map(|end| files.get(&path[..end])));
        (file.clone(), from.filter(|from| *from != file).cloned().collect())
    };
    Ok(all.iter().map(of_file).collect())
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
    for (path, lines) in code(&folder.join("src"))? {
        for word in
            ["StatusCode", "HeaderMap", "HeaderName", "SELECT ", "INSERT INTO", "UPDATE ", "DELETE FROM"]
        {
            let line = lines.iter().find(|line| line.contains(word));
            ensure!(line.is_none(), "{}: {}", path.display(), line.cloned().unwrap_or_default());
        }
    }
    Ok(())
}

/// The numbers of HTTP that a door may answer with (RFC 9110, RFC 6585).
const STATUSES: [&str; 19] = [
    "400", "401", "403", "404", "405", "408", "409", "410", "412", "413", "415", "417", "422", "428", "429",
    "500", "501", "502", "503",
];

/// A line without what stands between its quotation marks.
fn without_texts(line: &str) -> String {
    let line = line.replace("\\\"", "");
    line.split('"').step_by(2).collect::<Vec<_>>().join("\"\"")
}

/// What a line of code says of HTTP statuses: a name of one, or the number where a constant does not name it.
fn status_in(line: &str) -> Option<String> {
    let code = without_texts(line);
    let words = code.split(|c: char| !c.is_alphanumeric() && c != '_');
    let is_constant = ["const ", "static "].iter().any(|kind| without_visibility(&code).starts_with(kind));
    let tells = |word: &str| {
        let is_named = word == "StatusCode"
            || word == "status"
            || word.ends_with("_status")
            || word.starts_with("status_");
        let number = word.trim_end_matches("_u16").trim_end_matches("u16");
        is_named || (!is_constant && STATUSES.contains(&number))
    };
    words.map(str::to_owned).find(|word| tells(word))
}

/// The app and the words it speaks in say of what kind an end is. Which number that is, a door says.
#[test]
fn no_http_status_below_the_doors() -> Result<()> {
    let src = |room: &str| Ok::<_, anyhow::Error>(root()?.join("host").join(room).join("src"));
    for (path, lines) in code(&src("app")?)?.into_iter().chain(code(&src("core")?)?) {
        if path.file_name().is_some_and(|name| name == "tests.rs") {
            continue;
        }
        let tests = lines.iter().position(|line| line.starts_with("mod tests"));
        for line in &lines[..tests.unwrap_or(lines.len())] {
            let told = status_in(line);
            ensure!(told.is_none(), "{}: `{}` in {line}", path.display(), told.unwrap_or_default());
        }
    }
    Ok(())
}

#[test]
fn statuses_are_told_from_what_looks_like_them() {
    for line in [
        "pub status: u16,",
        "Unresolved::Invalid(404, problems)",
        "Self::new(503_u16, code)",
        "use http::StatusCode;",
    ] {
        assert!(status_in(line).is_some(), "{line}");
    }
    for line in [
        "const LONGEST_REASON: usize = 500;",
        "pub const FEW: u32 = 400;",
        r#"word("status", "404")"#,
        "14_040",
    ] {
        assert_eq!(status_in(line), None, "{line}");
    }
}

/// Whoever looks for a method of a type looks into its file, or into the folder of that name.
#[test]
fn a_type_has_its_methods_in_its_own_file_or_folder() -> Result<()> {
    let mut wrong = Vec::new();
    for room in fs::read_dir(root()?.join("host"))? {
        let src = room?.path().join("src");
        let (mut homes, mut blocks) = (BTreeMap::<String, Vec<PathBuf>>::new(), Vec::new());
        for (path, lines) in code(&src)? {
            let file = path.strip_prefix(&src)?;
            for (place, line) in lines.iter().enumerate() {
                if let Some(name) = defined(line) {
                    homes.entry(name.to_owned()).or_default().push(file.to_owned());
                }
                if line.starts_with("impl ") || line.starts_with("impl<") {
                    let header = statement(&lines[place..], |line| line.contains('{'));
                    blocks.extend(owner(&header).map(|name| (name.to_owned(), file.to_owned())));
                }
            }
        }
        ensure!(!blocks.is_empty(), "{} has no methods at all", src.display());
        for (name, file) in blocks {
            // What is defined nowhere comes from a macro.
            let homes = homes.get(&name).map(Vec::as_slice).unwrap_or_default();
            if !homes.is_empty() && !homes.iter().any(|home| is_at_home(&file, home)) {
                wrong.push(format!("{}: {name}, which is of {homes:?}", src.join(file).display()));
            }
        }
    }
    ensure!(wrong.is_empty(), "methods away from their type:\n{}", wrong.join("\n"));
    Ok(())
}

/// Who reads a file of the engine needs to know only files below it.
#[test]
fn the_files_of_the_engine_import_in_no_circle() -> Result<()> {
    let mut reached = imports(&root()?.join("host/engine/src"))?;
    ensure!(reached.values().any(|from| from.len() > 2), "these are no imports: {reached:?}");
    loop {
        let further = |from: &BTreeSet<PathBuf>| {
            from.iter().filter_map(|file| reached.get(file)).flatten().chain(from).cloned().collect()
        };
        let next: BTreeMap<_, BTreeSet<PathBuf>> =
            reached.iter().map(|(file, from)| (file.clone(), further(from))).collect();
        if next == reached {
            break;
        }
        reached = next;
    }
    for (file, from) in &reached {
        let comes_back = |other: &&PathBuf| reached.get(*other).is_some_and(|back| back.contains(file));
        let circle: BTreeSet<_> = from.iter().filter(comes_back).collect();
        ensure!(circle.len() <= 2, "a circle of imports: {circle:?}");
    }
    Ok(())
}

#[test]
fn methods_and_imports_are_told_from_what_looks_like_them() {
    assert_eq!(owner("impl Engine {"), Some("Engine"));
    assert_eq!(owner("impl<F: Fn(&str) -> Vec<u8>> query::Held<'_, F> where F: Send {"), Some("Held"));
    assert_eq!(owner("impl fmt::Debug for Engine {"), None);
    assert_eq!(owner("impl<T: Into<u8>> From<T> for Engine where T: Send {"), None);
    assert_eq!(defined("pub(crate) struct Post<'a> {"), Some("Post"));
    assert_eq!(defined("pub enum Start {"), Some("Start"));
    assert_eq!(defined("structure of"), None);
    assert!(is_at_home(Path::new("policy/rulings.rs"), Path::new("policy.rs")));
    assert!(!is_at_home(Path::new("policy_of.rs"), Path::new("policy.rs")));
    assert_eq!(written_out("crate::{ a::{B, c::D}, e, }"), ["crate::a::B", "crate::a::c::D", "crate::e"]);
    assert_eq!(meant("super::a::B as C", &["x".to_owned(), "y".to_owned()]), ["x", "a", "B"]);
}
