// SPDX-License-Identifier: Apache-2.0
//! The compiler in a process of its own: that it does the same as in the engine's, and that whatever becomes of it, the
//! host gets a clean error in time.

use std::{
    fs,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use paasla_core::Ruling;
use paasla_engine::{ActivateError, Compiler, ComponentLimits, Engine, LoadError, Start};

use crate::common::{
    activate, answer::narrowing, engine, engine_for, guest::Guest, is_well, policy, query, refused, register,
};

const PROGRAM: &str = env!("CARGO_BIN_EXE_paasla-compile");

pub fn worker() -> Compiler {
    Compiler::Worker { program: PROGRAM.into(), arguments: vec![] }
}

/// The same program under a name that no other process has. A link, so that it takes no room; to be removed.
pub fn unmistakable(name: &str) -> PathBuf {
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("{name}-{}", std::process::id()));
    let _ = fs::remove_file(&path);
    fs::hard_link(PROGRAM, &path).unwrap();
    path
}

/// Whether a process runs this program.
pub fn is_running(program: &Path) -> bool {
    let processes = fs::read_dir("/proc").unwrap().flatten();
    processes.filter_map(|process| fs::read_link(process.path().join("exe")).ok()).any(|exe| exe == program)
}

/// An engine with a program for a compiler that is none.
fn engine_with(program: &str, arguments: &[&str], compile_ms: u64) -> Engine {
    // A small component bounds what a worker may write, too.
    let component =
        ComponentLimits { compile_ms, bytes: 64 << 10, code_bytes: 4 << 20, ..ComponentLimits::default() };
    let arguments = arguments.iter().map(Into::into).collect();
    engine_for(component).with_compiler(Compiler::Worker { program: program.into(), arguments })
}

pub fn crashed() -> LoadError {
    LoadError::Crashed("crashed".to_owned())
}

fn outcome(program: &str, arguments: &[&str]) -> LoadError {
    let began = Instant::now();
    let error = engine_with(program, arguments, 500).load(&Guest::default().component()).unwrap_err();
    assert!(began.elapsed() < Duration::from_secs(60), "{program} took {:?}", began.elapsed());
    error
}

#[test]
fn a_rule_compiled_elsewhere_rules_the_same() {
    let (here, there) = (engine(), engine().with_compiler(worker()));
    let hiding =
        Guest { decide: "i32.const 2048", data: narrowing((0, 0), (0, 0), (0, 0), &[]), ..Guest::default() };
    let looping = Guest { decide: "(loop (br 0)) unreachable", ..Guest::default() };
    for guest in [Guest::default(), hiding, looping] {
        let said = activate(&there, &guest).decide(&query());
        assert_eq!(said, activate(&here, &guest).decide(&query()));
    }
}

#[test]
fn refusals_from_elsewhere_are_the_same() {
    let there = engine().with_compiler(worker());
    let core = wat::parse_str(Guest::default().text()).unwrap();
    let importing = wat::parse_str(r#"(component (import "wasi:io/poll@0.2.0" (instance)))"#).unwrap();
    let empty = wat::parse_str("(component)").unwrap();
    let many = crate::bombs::with_section(crate::bombs::TYPE, &crate::bombs::list(6_000, &[0x7f]));
    let broken = crate::bombs::with_section(crate::bombs::TYPE, &[1, 0xff]);
    for bytes in [
        vec![],
        core,
        importing,
        empty,
        many,
        broken,
        Guest { describe: "unreachable", ..Guest::default() }.component(),
    ] {
        assert_eq!(there.load(&bytes).unwrap_err(), refused(&bytes));
    }
}

#[test]
fn a_worker_that_ends_at_once() {
    assert_eq!(outcome("/bin/false", &[]), crashed());
    assert_eq!(outcome("/bin/true", &[]), crashed());
}

#[test]
fn a_worker_that_is_killed() {
    let error = outcome("/bin/sh", &["-c", "kill -SEGV $$"]);
    assert_eq!(error, crashed());
}

#[test]
fn a_worker_that_does_not_exist() {
    let error = outcome("/nowhere/at-all", &[]);
    assert!(matches!(&error, LoadError::Host(what) if what.contains("could not be started")), "{error:?}");
}

#[test]
fn a_worker_that_repeats_what_it_is_told() {
    let error = outcome("/bin/cat", &[]);
    assert!(matches!(&error, LoadError::Host(what) if what.contains("could not be understood")), "{error:?}");
}

#[test]
fn a_worker_that_hangs() {
    for (program, arguments) in [
        ("/bin/sleep", &["100"][..]),
        // It takes nothing in, and what it writes is not what is waited for.
        ("/bin/sh", &["-c", "exec 0<&-; while :; do echo no >&2; done"]),
        // It answers, and does not end.
        ("/bin/sh", &["-c", "cat >/dev/null; echo '{\"Refused\":\"NotWasm\"}'; exec sleep 100"]),
    ] {
        assert_eq!(outcome(program, arguments), LoadError::CompileTime { limit_ms: 500 }, "{arguments:?}");
    }
}

#[test]
fn a_worker_that_talks_without_end() {
    let error = outcome("/bin/sh", &["-c", "while :; do echo no; done"]);
    let expected = LoadError::CompileTime { limit_ms: 500 };
    let understood = matches!(&error, LoadError::Host(what) if what.contains("could not be understood"));
    assert!(error == expected || understood, "{error:?}");
}

/// It says that it is done, and what it gives is no machine code of wasmtime's.
#[test]
fn a_worker_that_gives_something_else() {
    for code in ["", "no machine code", r"\177ELF\002\001\001"] {
        let length = if code.starts_with('\\') { 7 } else { code.len() };
        let script =
            format!("cat >/dev/null; echo '{{\"Done\":[\"Instrumented\",{length}]}}'; printf '{code}'");
        let error = outcome("/bin/sh", &["-c", &script]);
        assert!(matches!(error, LoadError::Compile(_)), "{code}: {error:?}");
    }
}

/// It is ended while it writes: what came of it is no answer, and is not kept.
#[test]
fn a_worker_that_is_killed_while_it_answers() {
    let cut = r#"cat | "$0" | head -c 2000"#;
    assert_eq!(outcome("/bin/sh", &["-c", cut, PROGRAM]), crashed());
    let longer = r#"{ cat | "$0"; echo; }"#;
    assert_eq!(outcome("/bin/sh", &["-c", longer, PROGRAM]), crashed());
}

/// A crash over the snapshot says nothing of the rule: it is not taken for one that cannot be snapshotted.
#[test]
fn a_worker_that_crashes_once_changes_nothing() {
    let home = tempfile::tempdir().unwrap();
    // Its first job after `prepare` is the snapshot: then it is killed, and not again.
    let flag = home.path().join("was-killed");
    let script = format!(
        r#"read -r order; case "$order" in *Snapshot*) [ -e {0} ] || {{ touch {0}; kill -KILL $$; }};; esac
           {{ echo "$order"; cat; }} | "$0""#,
        flag.display()
    );
    let cache = paasla_engine::CodeCache::open(&home.path().join("code"), b"a secret", 1 << 30).unwrap();
    let engine = engine_with("/bin/sh", &["-c", &script, PROGRAM], 20_000).with_cache(cache);
    let rule = engine.load(&Guest::default().component()).unwrap();
    assert_eq!(engine.activate(&rule, &policy(), &register()).unwrap_err(), ActivateError::Load(crashed()));
    assert_eq!(engine.activate(&rule, &policy(), &register()).unwrap().start, Start::Snapshot);
}

/// It does the first job, and not the second: a rule that could be loaded cannot be activated.
#[test]
fn a_worker_that_breaks_half_way() {
    let script =
        r#"read -r order; case "$order" in *Prepare*) { echo "$order"; cat; } | "$0";; *) exit 1;; esac"#;
    let engine = engine_with("/bin/sh", &["-c", script, PROGRAM], 20_000);
    let rule = engine.load(&Guest::default().component()).unwrap();
    let error = engine.activate(&rule, &policy(), &register()).unwrap_err();
    assert_eq!(error, ActivateError::Load(crashed()));
}

#[test]
fn many_workers_at_once() {
    let program = unmistakable("paasla-many");
    let compiler = Compiler::Worker { program: program.clone(), arguments: vec![] };
    let engine = engine().with_compiler(compiler);
    std::thread::scope(|scope| {
        let load = || activate(&engine, &Guest::default()).decide(&query()).0;
        let all: Vec<_> = (0..8).map(|_| scope.spawn(load)).collect();
        for one in all {
            assert_eq!(one.join().unwrap(), Ok(Ruling::Abstain));
        }
    });
    assert!(!is_running(&program), "no worker outlives its job");
    is_well(&engine);
    fs::remove_file(&program).unwrap();
}
