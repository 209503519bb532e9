// SPDX-License-Identifier: Apache-2.0
//! The program: its four commands, and its compiler, which is the program again.
#![cfg(test)]

use std::{
    path::Path,
    process::{Command, Output},
};

fn run(arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_paasla-toolkit"));
    command.args(arguments).env("PAASLA_LOG", "warn").output().unwrap()
}

/// Its exit status, and what it says on standard output and standard error.
fn said(arguments: &[&str]) -> (i32, String, String) {
    let Output { status, stdout, stderr } = run(arguments);
    (status.code().unwrap(), String::from_utf8(stdout).unwrap(), String::from_utf8(stderr).unwrap())
}

#[test]
fn it_has_four_commands() {
    let (status, out, _) = said(&["--help"]);
    assert_eq!(status, 0);
    for command in ["build", "test", "inspect", "sign"] {
        assert!(out.contains(&format!("\n  {command} ")), "{out}");
    }
    assert!(!out.contains("compile-worker") && !out.contains("push"), "{out}");
    assert_eq!(said(&["push"]).0, 2);
}

#[test]
fn what_is_wrong_is_told_to_people_and_to_programs() {
    let (status, out, told) = said(&["sign", "nowhere.wasm", "--key", "nowhere.pem"]);
    assert!(
        status == 5 && out.is_empty() && told.starts_with("error: nowhere.wasm cannot be read"),
        "{told}"
    );
    let (status, out, told) = said(&["test", "nowhere", "--json"]);
    assert!(status == 5 && told.is_empty(), "{told}");
    assert!(out.starts_with("{\"error\":{\"kind\":\"not_found\",\"exitStatus\":5,"), "{out}");
}

/// A compiler that was not started would have crashed.
#[test]
fn components_are_looked_at_in_a_process_of_their_own() {
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str, bytes: &[u8]| {
        let path = folder.path().join(name);
        std::fs::write(&path, bytes).unwrap();
        path
    };
    let inspect = |path: &Path| said(&["inspect", path.to_str().unwrap()]);
    let (status, _, told) = inspect(&file("a.wasm", b"no wasm"));
    assert!(status == 3 && told.contains("this is no WebAssembly binary"), "{told}");
    let (status, _, told) = inspect(&file("b.wasm", &wasm_encoder::Component::new().finish()));
    assert!(status == 3 && told.contains("does not offer the rule interface"), "{told}");
    let (status, _, told) = inspect(&file("c.wasm", &wasm_encoder::Module::new().finish()));
    assert!(status == 3 && told.contains("this is a core module"), "{told}");
    let worker = run(&["compile-worker"]);
    assert!(!worker.status.success() && worker.stdout.is_empty(), "it was given no work");
}
