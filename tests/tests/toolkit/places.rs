// SPDX-License-Identifier: Apache-2.0
//! Where sources name what only one family of systems has, and under which conditions.

use std::{
    collections::BTreeMap,
    fmt,
    path::{Path, PathBuf},
};

use super::{
    cfg::{Cfg, Platform, closing},
    code::{Kind, Token, tokens},
};

/// What only Linux has: crates that are a dependency there only, parts of `std::os`, and how texts begin that name its files.
const OF_LINUX: [&str; 6] = ["rustix", "procfs", "linux", "/proc/", "/sys/", "/dev/"];
/// What every Unix has, and Windows has not.
const OF_UNIX: [&str; 7] = ["libc", "nix", "signal_hook", "unix", "fd", "/etc/", "/tmp/"];

/// A place where such a thing is named.
#[derive(Debug)]
pub(crate) struct Place {
    file: PathBuf,
    line: usize,
    word: String,
    guards: Vec<Cfg>,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: {}", self.file.display(), self.line, self.word)
    }
}

impl Place {
    /// Whether it is there on a platform that does not have what it names.
    pub(crate) fn is_wrong_on(&self, platform: Platform) -> bool {
        let lacks = OF_LINUX.contains(&self.word.as_str()) || platform == Platform::Windows;
        lacks && self.guards.iter().all(|guard| guard.may_hold(platform))
    }
}

/// A stretch of tokens under a condition.
struct Guarded {
    from: usize,
    to: usize,
    by: Vec<Cfg>,
}

/// All places in the sources of a crate, by their names below its `src`.
pub(crate) fn places(files: &BTreeMap<PathBuf, String>) -> Vec<Place> {
    let mut modules: BTreeMap<Vec<String>, Vec<Cfg>> = BTreeMap::new();
    let mut found = Vec::new();
    for (file, text) in files {
        let tokens = tokens(text);
        let guarded = guarded(&tokens);
        let guards = |at: usize| {
            let around = guarded.iter().filter(move |stretch| (stretch.from..stretch.to).contains(&at));
            around.flat_map(|stretch| stretch.by.iter().cloned())
        };
        for (at, module) in files_of_modules(&tokens) {
            let name = [module_of(file), vec![module]].concat();
            modules.entry(name).or_default().extend(guards(at));
        }
        let named = named(&tokens).into_iter().map(|(at, word)| Place {
            file: file.clone(),
            line: tokens[at].line,
            word,
            guards: guards(at).collect(),
        });
        found.extend(named);
    }
    // What guards a module guards its files.
    for place in &mut found {
        let own = module_of(&place.file);
        let around = (1..=own.len()).filter_map(|end| modules.get(&own[..end]));
        place.guards.extend(around.flatten().cloned());
    }
    found
}

/// The module that a file is.
fn module_of(file: &Path) -> Vec<String> {
    let names = file.with_extension("");
    let names = names.iter().map(|name| name.to_string_lossy().into_owned());
    names.filter(|name| !["lib", "main", "mod"].contains(&name.as_str())).collect()
}

/// The modules that are files of their own, each with the place of its name.
fn files_of_modules(tokens: &[Token]) -> Vec<(usize, String)> {
    let of_three = |(at, three): (usize, &[Token])| match three {
        [word, name, end] if word.name() == Some("mod") && end.is(';') => {
            Some((at + 1, name.name()?.to_owned()))
        }
        _ => None,
    };
    tokens.windows(3).enumerate().filter_map(of_three).collect()
}

/// The stretches under a condition: behind `#[cfg(…)]`, or behind `#![cfg(…)]` to the end of the file.
fn guarded(tokens: &[Token]) -> Vec<Guarded> {
    let mut all = Vec::new();
    for (at, token) in tokens.iter().enumerate() {
        let rest = &tokens[at + 1..];
        let (is_inner, rest) = match rest {
            [mark, rest @ ..] if mark.is('!') => (true, rest),
            rest => (false, rest),
        };
        let [open, word, inside @ ..] = rest else { continue };
        if !token.is('#') || !open.is('[') || word.name() != Some("cfg") {
            continue;
        }
        let by = Cfg::list(&inside[1..closing(inside)]);
        let from = tokens.len() - rest.len() + closing(rest) + 1;
        let to = if is_inner { tokens.len() } else { end_of_item(tokens, from) };
        // Within a block, it would end with that. Nobody writes it there, so it counts for nothing.
        if !is_inner || tokens[..at].iter().all(|before| !before.is('{')) {
            all.push(Guarded { from, to, by });
        }
    }
    all
}

/// Words that begin what ends with a block or a semicolon; anything else may end with a comma, too.
const BEGIN: [&str; 23] = [
    "pub",
    "fn",
    "impl",
    "struct",
    "enum",
    "union",
    "trait",
    "type",
    "use",
    "mod",
    "const",
    "static",
    "extern",
    "unsafe",
    "async",
    "let",
    "if",
    "for",
    "while",
    "loop",
    "match",
    "macro_rules",
    "return",
];

/// Where an item, a statement or a member ends that begins at a place: never behind its end, at worst before it.
fn end_of_item(tokens: &[Token], mut at: usize) -> usize {
    while tokens.get(at).is_some_and(|token| token.is('#')) {
        at += 2 + closing(&tokens[at + 1..]);
    }
    let ends_with_comma =
        tokens.get(at).is_some_and(|first| !first.name().is_some_and(|name| BEGIN.contains(&name)));
    while let Some(token) = tokens.get(at) {
        if token.is('{') {
            return at + closing(&tokens[at..]) + 1;
        }
        if token.is('(') || token.is('[') {
            at += closing(&tokens[at..]);
        } else if [')', ']', '}'].iter().any(|close| token.is(*close)) {
            return at;
        } else if token.is(';') || (ends_with_comma && token.is(',')) {
            return at + 1;
        }
        at += 1;
    }
    at
}

/// What is named, and where: a crate, a part of `std::os` however its path is written, a file of the system.
fn named(tokens: &[Token]) -> Vec<(usize, String)> {
    let all = || OF_LINUX.into_iter().chain(OF_UNIX);
    let is_part = |name: &str| ["linux", "unix", "fd"].contains(&name);
    let mut found = Vec::new();
    for (at, token) in tokens.iter().enumerate() {
        match &token.kind {
            Kind::Name(name) if name == "os" => {
                let is_path = tokens[at + 1..].iter().take_while(|token| token.is(':')).count() == 2;
                let (from, rest) = (at + 3, tokens.get(at + 3..).unwrap_or_default());
                let end = if rest.first().is_some_and(|first| first.is('{')) { closing(rest) } else { 0 };
                let parts = rest.iter().enumerate().take(end + 1).filter(|_| is_path);
                let parts = parts.filter_map(|(more, part)| Some((from + more, part.name()?.to_owned())));
                found.extend(parts.filter(|(_, name)| is_part(name)));
            }
            Kind::Name(name) => {
                let known = all().find(|word| !is_part(word) && word == name);
                found.extend(known.map(|word| (at, word.to_owned())));
            }
            Kind::Text(text) => {
                let known = all().find(|word| word.starts_with('/') && text.starts_with(word));
                found.extend(known.map(|word| (at, word.to_owned())));
            }
            Kind::Sign(_) => {}
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Where it is wrong: on Windows, on a Mac.
    fn wrong(files: &[(&str, &str)]) -> [usize; 2] {
        let files = files.iter().map(|(name, text)| (PathBuf::from(name), (*text).to_owned())).collect();
        let found = places(&files);
        [Platform::Windows, Platform::Mac]
            .map(|platform| found.iter().filter(|place| place.is_wrong_on(platform)).count())
    }

    #[test]
    fn each_way_to_name_it_is_found() {
        for source in [
            "use std::os::unix::fs::PermissionsExt;",
            "use std::{fs, os::unix::fs::{PermissionsExt as _}, path::Path};",
            "use std::os::{fd::AsFd};",
            "fn a() { std::os::unix::process::CommandExt::exec(x); }",
            "fn a() { if cfg!(unix) { std::os::fd::AsFd::as_fd(x); } }",
            "unsafe { libc::getpid() }",
            "#[cfg(any(test, unix))] use std::os::unix::fs::symlink;",
            "#[cfg(test)] mod tests { use std::os::unix::fs::symlink; }",
        ] {
            assert_eq!(wrong(&[("a.rs", source)]), [1, 0], "{source}");
        }
        for source in [
            "use rustix::thread::sched_getcpu;",
            "use ::rustix as system;",
            "use std::os::linux::fs::MetadataExt;",
            "const STATUS: &str = \"/proc/self/status\";",
            "#[cfg(not(windows))] use rustix::fs::statx; use std::os::linux as a;",
        ] {
            let expected = if source.contains("not(windows)") { [1, 2] } else { [1, 1] };
            assert_eq!(wrong(&[("a.rs", source)]), expected, "{source}");
        }
    }

    #[test]
    fn a_condition_reaches_to_the_end_of_what_it_guards_and_no_further() {
        let unix = "std::os::unix::fs::symlink";
        for guarded in [
            format!("#[cfg(unix)] use {unix};"),
            format!(
                "#[cfg(unix)] #[inline] pub(crate) fn a<A, B>(x: [u8; 2]) -> u8 {{ {unix}(x); {unix}(x); 0 }}"
            ),
            format!("fn a() {{ #[cfg(unix)] {unix}(x, y); }}"),
            format!("fn a() {{ f(#[cfg(unix)] {unix}(x), y) }}"),
            format!("#[cfg(target_os = \"linux\")] mod a {{ mod b {{ use {unix}; }} }}"),
            format!("//! What.\n#![cfg(unix)]\nuse {unix};"),
            format!("// {unix}\n/// {unix}\nfn a() {{ let unix = fd::os(unix); }}"),
        ] {
            assert_eq!(wrong(&[("a.rs", &guarded)]), [0, 0], "{guarded}");
            let after = format!("{guarded} fn z() {{ {unix}(x) }}");
            let expected = if guarded.contains("#!") { [0, 0] } else { [1, 0] };
            assert_eq!(wrong(&[("a.rs", &after)]), expected, "{after}");
        }
    }

    #[test]
    fn what_guards_a_module_guards_its_files() {
        let (system, below) = ("pub use rustix::fs;", "use std::os::linux::fs;");
        let files = |root: &'static str| [("lib.rs", root), ("a/linux.rs", system), ("a/linux/b.rs", below)];
        let root = "mod a; mod linux;";
        let guards = "#[cfg(target_os = \"linux\")] mod linux;\nmod plain;";
        let unguarded = [("a.rs", "mod linux;"), ("a/plain.rs", "")];
        assert_eq!(wrong(&[&files(root)[..], &[("a.rs", guards)]].concat()), [0, 0]);
        assert_eq!(wrong(&[&files(root)[..], &unguarded].concat()), [2, 2]);
        let outer = "#[cfg(target_os = \"linux\")] mod a;";
        assert_eq!(wrong(&[&files(outer)[..], &unguarded].concat()), [0, 0]);
    }
}
