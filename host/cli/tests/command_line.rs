// SPDX-License-Identifier: Apache-2.0
//! What `paasla` says of itself, and of a command line or a file that is wrong: as it stands in `snapshots/`. `cargo insta
//! review`, or `INSTA_UPDATE=always`, takes over what changed; the difference is to be read.
#![cfg(test)]

use std::process::Command;

/// What a shell would show: each command, its exit status, what it printed, and what it complained of.
fn transcript(commands: &[&str]) -> String {
    let mut shown = String::new();
    for line in commands {
        let output = Command::new(env!("CARGO_BIN_EXE_paasla"))
            .args(line.split(' '))
            .env_remove("PAASLA_HOST")
            .env("PAASLA_TOKEN", "")
            .env("PAASLA_LOG", "warn")
            .output()
            .unwrap();
        let text = |bytes| String::from_utf8(bytes).unwrap();
        shown += &format!("$ paasla {line}\n? {}\n", output.status.code().unwrap());
        shown += &text(output.stdout);
        shown += &text(output.stderr);
        shown.push('\n');
    }
    shown
}

#[test]
fn what_it_says_of_itself() {
    insta::assert_snapshot!(transcript(&[
        "--help",
        "demo --help",
        "rule --help",
        "rule test --help",
        "rule sign --help",
        "key --help",
        "policy create --help",
        "completions --help",
    ]));
}

#[test]
fn what_it_says_of_a_command_line_that_is_wrong() {
    insta::assert_snapshot!(transcript(&[
        "compile",
        "key revoke 8173bb42",
        "key revoke 8173bb42 --json",
        "rule test --out a.wasm one two",
        "rule list",
        "rule list --host 127.0.0.1:8080",
        "rule list --host http://paasla.example.ee",
        "rule list --host http://127.0.0.1:8080 --json",
    ]));
}

#[test]
fn what_it_says_of_files_that_are_not_there_or_wrong() {
    insta::assert_snapshot!(transcript(&[
        "serve --config nowhere.toml",
        "rule test nowhere",
        "rule sign nowhere.wasm --key nowhere.pem --json",
        "rule inspect Cargo.toml",
        "rule push oci://rules/minors:1 Cargo.toml",
    ]));
}

/// Log lines have colours as the environment wants them, and standard error bears them.
#[test]
fn colours_are_as_the_environment_wants_them() {
    let description = std::path::absolute("../../examples/population-register/register.toml")
        .unwrap()
        .display()
        .to_string();
    let text = format!(
        "[register]\ndescription = {description:?}\ndatabase = \"r\"\n[store]\ndatabase = \"s\"\n[secrets]\nfile = \"f\"\n"
    );
    for (environment, coloured) in [
        (&[][..], false),
        (&[("CLICOLOR_FORCE", "1")], true),
        (&[("CLICOLOR_FORCE", "1"), ("NO_COLOR", "1")], false),
    ] {
        // A new store has a new secret, which the log tells.
        let folder = tempfile::tempdir().unwrap();
        let config = folder.path().join("paasla.toml");
        std::fs::write(&config, &text).unwrap();
        let output = Command::new(env!("CARGO_BIN_EXE_paasla"))
            .args([
                "seed", "--from", "nowhere", "--rules", "nowhere", "--by", "a", "--reason", "b", "--config",
            ])
            .arg(&config)
            .env("PAASLA_LOG", "info")
            .envs(environment.iter().copied())
            .output()
            .unwrap();
        let said = String::from_utf8(output.stderr).unwrap();
        assert!(said.contains("made a new secret"), "{said}");
        assert_eq!(said.contains('\u{1b}'), coloured, "{environment:?}: {said}");
    }
}
