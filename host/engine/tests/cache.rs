// SPDX-License-Identifier: Apache-2.0
//! Compiled code on disk: that it changes nothing but the time, and that code which this host did not write never
//! runs.
#![allow(
    missing_docs,
    unreachable_pub,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::string_slice,
    reason = "a test has no public items, and may fail at any line"
)]

mod common;
#[path = "cache/names.rs"]
mod names;
#[path = "cache/own.rs"]
mod own;

use std::{
    collections::BTreeMap,
    fs,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    sync::Arc,
    time::{Duration, SystemTime},
};

use paasla_core::{Query, Register, Ruling};
use paasla_engine::{Activated, CodeCache, Compiler, Engine, LoadError, Start};
use tempfile::TempDir;

use common::{answer::repeating, engine, guest::Guest, policy_with, query, register};

const SECRET: &[u8] = b"a secret of this host, thirty-two bytes";
const PLENTY: u64 = 1 << 30;

/// A compiler that never compiles: with it, only the cache can help.
fn no_compiler() -> Compiler {
    Compiler::Worker { program: "/bin/false".into(), arguments: vec![] }
}

fn cached(engine: Engine, folder: &Path) -> Engine {
    engine.with_cache(CodeCache::open(folder, SECRET, PLENTY).unwrap())
}

/// Loads, activates with settings, decides. The rule refuses with its settings for a message.
fn made(engine: &Engine, component: &[u8], settings: &str) -> Result<Activated, LoadError> {
    made_for(engine, component, settings, &register())
}

/// The same for another register.
fn made_for(
    engine: &Engine,
    component: &[u8],
    settings: &str,
    register: &Arc<Register>,
) -> Result<Activated, LoadError> {
    let rule = engine.load(component)?;
    let policy = policy_with(serde_json::json!({ "say": settings }));
    match engine.activate(&rule, &policy, register) {
        Ok(activated) => Ok(activated),
        Err(paasla_engine::ActivateError::Load(error)) => Err(error),
        Err(other) => panic!("{other:?}"),
    }
}

fn said(activated: &Activated) -> String {
    match activated.decide(&query()).0 {
        Ok(Ruling::Refuse(reason)) => reason.message.clone(),
        other => panic!("{other:?}"),
    }
}

/// The entries by name.
fn entries(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    let all = fs::read_dir(folder).unwrap().map(Result::unwrap);
    all.map(|e| (e.file_name().into_string().unwrap(), fs::read(e.path()).unwrap())).collect()
}

fn entry(folder: &Path, kind: &str) -> PathBuf {
    let names: Vec<_> = entries(folder).into_keys().filter(|name| name.ends_with(kind)).collect();
    assert_eq!(names.len(), 1, "one entry of a kind: {names:?}");
    folder.join(&names[0])
}

/// A folder that holds everything of one policy, says `one`.
fn filled() -> (TempDir, PathBuf) {
    let home = TempDir::new().unwrap();
    let folder = home.path().join("code");
    made(&cached(engine(), &folder), &repeating().component(), "one").unwrap();
    (home, folder)
}

#[test]
fn rulings_and_fuel_from_the_cache_are_the_same() {
    let (_home, folder) = filled();
    let from_cache = cached(engine(), &folder).with_compiler(no_compiler());
    let hit = made(&from_cache, &repeating().component(), "one").unwrap();
    let fresh = made(&engine(), &repeating().component(), "one").unwrap();
    assert_eq!((&hit.start, &hit.about), (&Start::Snapshot, &fresh.about));
    let other = Query { official: None, case: Some("another case".into()), ..query() };
    for query in [query(), other] {
        assert_eq!(hit.decide(&query), fresh.decide(&query));
        assert_eq!(hit.review(&query, &common::rows()), fresh.review(&query, &common::rows()));
    }
    assert!(said(&hit).contains("one"));
}

#[test]
fn a_rule_that_is_configured_each_time_comes_from_the_cache_too() {
    let more = "(table $t 1 funcref) (func $unused (table.set $t (i32.const 0) (ref.null func)))";
    let bytes = Guest { more, ..repeating() }.component();
    let home = TempDir::new().unwrap();
    let fresh = made(&cached(engine(), home.path()), &bytes, "one").unwrap();
    assert!(matches!(fresh.start, Start::ConfigureEachTime(_)));
    let hit = made(&cached(engine(), home.path()).with_compiler(no_compiler()), &bytes, "one").unwrap();
    assert_eq!(hit.start, fresh.start);
    assert_eq!(hit.decide(&query()), fresh.decide(&query()));
}

/// Whatever was done to the entries, the policy is made again from the component, and says what it always said.
fn is_made_again(folder: &Path) {
    let engine = cached(engine(), folder);
    assert!(said(&made(&engine, &repeating().component(), "one").unwrap()).contains("one"));
    // And what was made again is whole.
    let again = cached(common::engine(), folder).with_compiler(no_compiler());
    assert!(said(&made(&again, &repeating().component(), "one").unwrap()).contains("one"));
}

fn is_not_used(folder: &Path) {
    let engine = cached(engine(), folder).with_compiler(no_compiler());
    let error = made(&engine, &repeating().component(), "one").unwrap_err();
    assert_eq!(error, LoadError::Crashed("crashed".to_owned()));
}

#[test]
fn a_flipped_bit() {
    let (_home, folder) = filled();
    let path = entry(&folder, ".configured");
    let whole = fs::read(&path).unwrap();
    // In the code of authentication, in the line before the code, in the code, and the last bit of all.
    for place in [0, 31, 33, whole.len() / 2, whole.len() - 1] {
        let mut flipped = whole.clone();
        flipped[place] ^= 1;
        fs::write(&path, flipped).unwrap();
        is_not_used_and_stays(&folder);
        is_made_again(&folder);
        assert_eq!(fs::read(&path).unwrap(), whole, "the same component makes the same code");
    }
}

/// Without the policy's own entry there must be a compiler; the other entries are of no help.
fn is_not_used_and_stays(folder: &Path) {
    let before = entries(folder);
    is_not_used(folder);
    assert_eq!(entries(folder), before);
}

#[test]
fn every_entry_cut_off() {
    let (_home, folder) = filled();
    let path = entry(&folder, ".configured");
    let whole = fs::read(&path).unwrap();
    for length in [0, 1, 31, 32, 33, whole.len() - 1] {
        fs::write(&path, &whole[..length]).unwrap();
        is_not_used(&folder);
        is_made_again(&folder);
    }
    fs::write(&path, [&whole[..], b"\0"].concat()).unwrap();
    is_not_used(&folder);
    is_made_again(&folder);
}

/// Each of these is whole, and of this host: only the name is another's.
#[test]
fn an_entry_under_another_name() {
    let (_home, folder) = filled();
    let engine = cached(engine(), &folder);
    let (one, of_rule) = (entry(&folder, ".configured"), entry(&folder, ".rule"));
    let before = entries(&folder);
    made(&engine, &repeating().component(), "another").unwrap();
    let after = entries(&folder);
    let another = after.keys().find(|name| !before.contains_key(*name)).unwrap();
    let content = fs::read(folder.join(another)).unwrap();
    fs::write(&one, &content).unwrap();
    is_not_used(&folder);
    is_made_again(&folder);
    assert!(said(&made(&engine, &repeating().component(), "another").unwrap()).contains("another"));
    // The description of one rule for that of another.
    let second = Guest { data: vec![], decide: "unreachable", ..repeating() }.component();
    cached(common::engine(), &folder).load(&second).unwrap();
    let rules: Vec<_> = entries(&folder).into_iter().filter(|(name, _)| name.ends_with(".rule")).collect();
    let other = rules.iter().find(|(name, _)| folder.join(name) != of_rule).unwrap();
    fs::write(&of_rule, &other.1).unwrap();
    is_made_again(&folder);
}

/// Code that another host wrote, or somebody who does not know the secret.
#[test]
fn entries_of_another_secret() {
    let (home, folder) = filled();
    let foreign = home.path().join("foreign");
    let cache = CodeCache::open(&foreign, b"another secret", PLENTY).unwrap();
    made(&engine().with_cache(cache), &repeating().component(), "one").unwrap();
    let (ours, theirs) = (entries(&folder), entries(&foreign));
    assert!(ours.keys().eq(theirs.keys()), "names hold no secret");
    for (name, content) in &theirs {
        fs::write(folder.join(name), content).unwrap();
    }
    is_not_used(&folder);
    is_made_again(&folder);
}

/// Code of a rule that lets everything through, put where the code of one that refuses belongs.
#[test]
fn code_of_another_rule_never_runs() {
    let (home, folder) = filled();
    let open = home.path().join("open");
    made(&cached(engine(), &open), &Guest::default().component(), "one").unwrap();
    let path = entry(&folder, ".configured");
    fs::copy(entry(&open, ".configured"), &path).unwrap();
    is_not_used(&folder);
    is_made_again(&folder);
}

#[test]
fn the_folder_is_for_its_owner_only() {
    let (_home, folder) = filled();
    assert_eq!(fs::metadata(&folder).unwrap().permissions().mode() & 0o777, 0o700);
    let left: Vec<_> = entries(&folder).into_keys().filter(|name| name.ends_with(".draft")).collect();
    assert!(left.is_empty(), "{left:?}");
}

#[test]
fn a_folder_that_cannot_be_written_changes_nothing() {
    let (home, folder) = filled();
    let engine = cached(engine(), &folder);
    // Gone, though it was there when the cache was opened.
    fs::rename(&folder, home.path().join("elsewhere")).unwrap();
    fs::remove_dir_all(home.path().join("elsewhere")).unwrap();
    for _ in 0..2 {
        assert!(said(&made(&engine, &repeating().component(), "one").unwrap()).contains("one"));
    }
    // A folder where the entry should be: it can be neither read nor replaced.
    let (_home, folder) = filled();
    let path = entry(&folder, ".configured");
    fs::remove_file(&path).unwrap();
    fs::create_dir(&path).unwrap();
    let engine = cached(common::engine(), &folder);
    assert!(said(&made(&engine, &repeating().component(), "one").unwrap()).contains("one"));
    assert!(path.is_dir());
}

#[test]
fn a_file_in_place_of_the_folder_is_an_error_at_once() {
    let home = TempDir::new().unwrap();
    let file = home.path().join("file");
    fs::write(&file, "").unwrap();
    assert!(CodeCache::open(&file, SECRET, PLENTY).is_err());
}

/// Reads what is in the folder, not what a link points to elsewhere.
#[test]
fn links_out_of_the_folder_are_not_followed() {
    let (home, folder) = filled();
    let path = entry(&folder, ".configured");
    let outside = home.path().join("outside");
    fs::rename(&path, &outside).unwrap();
    std::os::unix::fs::symlink(&outside, &path).unwrap();
    is_not_used(&folder);
}

/// The entry that was not used for longest goes first, and the rest is within the limit.
#[test]
fn what_is_too_much_goes_by_last_use() {
    let (_home, folder) = filled();
    let engine = cached(engine(), &folder);
    let component = repeating().component();
    for settings in ["two", "three", "four"] {
        made(&engine, &component, settings).unwrap();
    }
    let policies: Vec<_> =
        entries(&folder).into_iter().filter(|(name, _)| name.ends_with(".configured")).collect();
    let [total, one]: [u64; 2] = [
        entries(&folder).values().map(Vec::len).sum::<usize>(),
        policies.iter().map(|(_, content)| content.len()).max().unwrap(),
    ]
    .map(|bytes| u64::try_from(bytes).unwrap());
    // Everything was used long ago; the policy `one` again just now.
    let long_ago = SystemTime::now() - Duration::from_secs(1_000);
    for name in entries(&folder).keys() {
        fs::File::options().write(true).open(folder.join(name)).unwrap().set_modified(long_ago).unwrap();
    }
    let dry = |folder: &Path| cached(common::engine(), folder).with_compiler(no_compiler());
    made(&dry(&folder), &component, "one").unwrap();
    // A cache with room for one policy less: something is written, and something has to go.
    let most = total - 1;
    let tight = common::engine().with_cache(CodeCache::open(&folder, SECRET, most).unwrap());
    made(&tight, &component, "five").unwrap();
    let left: usize = entries(&folder).values().map(Vec::len).sum();
    assert!(u64::try_from(left).unwrap() <= most, "{left} of {most} bytes");
    assert!(u64::try_from(left).unwrap() + 3 * one > most, "no more than had to go: {left} of {most}");
    for settings in ["one", "five"] {
        made(&dry(&folder), &component, settings).unwrap();
    }
    let gone = ["two", "three", "four"].iter().filter(|s| made(&dry(&folder), &component, s).is_err());
    assert!(gone.count() >= 1);
}

/// An entry that alone is more than the limit is not kept, and is no obstacle.
#[test]
fn a_cache_of_no_bytes_holds_nothing() {
    let home = TempDir::new().unwrap();
    let cache = CodeCache::open(home.path(), SECRET, 0).unwrap();
    let engine = engine().with_cache(cache);
    for _ in 0..2 {
        assert!(said(&made(&engine, &repeating().component(), "one").unwrap()).contains("one"));
    }
    assert_eq!(entries(home.path()), BTreeMap::new());
}

/// A crash leaves a half-written entry: it is not read, and goes when it is old.
#[test]
fn what_a_crash_left_goes() {
    let (_home, folder) = filled();
    let (old, young) = (folder.join("x.configured.1-0.draft"), folder.join("x.configured.1-1.draft"));
    for path in [&old, &young] {
        fs::write(path, "half").unwrap();
    }
    let long_ago = SystemTime::now() - Duration::from_secs(7_200);
    fs::File::options().write(true).open(&old).unwrap().set_modified(long_ago).unwrap();
    made(&cached(engine(), &folder), &repeating().component(), "two").unwrap();
    assert!(!old.exists() && young.exists());
}

/// Several hosts, and several threads of each, make the same policy at once.
#[test]
fn many_writers_at_once() {
    let home = TempDir::new().unwrap();
    let component = repeating().component();
    let engines: Vec<_> = (0..2).map(|_| cached(engine(), home.path())).collect();
    std::thread::scope(|scope| {
        for number in 0..8 {
            let (engine, component) = (&engines[number % 2], &component);
            scope.spawn(move || {
                for settings in ["one", "two", "three"] {
                    assert!(said(&made(engine, component, settings).unwrap()).contains(settings));
                }
            });
        }
    });
    let dry = cached(engine(), home.path()).with_compiler(no_compiler());
    for settings in ["one", "two", "three"] {
        assert!(said(&made(&dry, &component, settings).unwrap()).contains(settings));
    }
    assert!(entries(home.path()).keys().all(|name| !name.ends_with(".draft")));
}

/// The start of a host with two hundred policies compiles nothing.
#[test]
fn two_hundred_policies_start_without_a_compiler() {
    let home = TempDir::new().unwrap();
    let component = repeating().component();
    let names: Vec<_> = (0..200).map(|number| format!("policy {number}")).collect();
    let first = cached(engine(), home.path());
    let rule = first.load(&component).unwrap();
    for name in &names {
        first.activate(&rule, &policy_with(serde_json::json!({ "say": name })), &register()).unwrap();
    }
    let dry = cached(engine(), home.path()).with_compiler(no_compiler());
    let all: Vec<_> = names.iter().map(|name| made(&dry, &component, name).unwrap()).collect();
    for (policy, name) in all.iter().zip(&names) {
        assert!(said(policy).contains(name.as_str()));
    }
}
