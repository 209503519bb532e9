// SPDX-License-Identifier: Apache-2.0
//! `cargo xtask test`: everything that the tests need, then all of them.

use std::{ffi::OsString, process::Stdio};

use anyhow::Result;

use crate::{
    demo, judges,
    out::step,
    tools,
    workspace::{Workspace, finish},
};

/// How many people the tests' register holds.
const PEOPLE: u32 = 2_000;

/// Runs the whole suite. `rest` goes to cargo-nextest, or to `cargo test`.
///
/// # Errors
/// When something is missing, does not build, or a test fails.
pub(crate) fn run(rest: &[OsString]) -> Result<()> {
    let workspace = Workspace::find()?;
    tools::offer_registry();
    let judges = judges::offer(&workspace);
    let folder = workspace.target.join("paasla-test");
    let parts = demo::build(&workspace, &[], &folder, (PEOPLE, 1))?;
    let home = parts.home(&folder);
    step("seed", "a control database, of which each test has its own copy");
    home.forget()?;
    home.seed(&parts.register, &parts.rules)?;

    let with = |arguments: &[&str]| {
        let mut command = workspace.cargo();
        command.args(arguments);
        command
            .env("PAASLA_BIN", &parts.paasla)
            .env("PAASLA_JUDGES", &judges)
            .env("PAASLA_RULES", &parts.rules)
            .env("PAASLA_TEST_REGISTER", &folder);
        command
    };
    if !has_nextest(&workspace) {
        step("test", "the workspace, with `cargo test`: cargo-nextest is not installed, and would be faster");
        return finish(with(&["test", "--workspace"]).args(rest), "`cargo test`");
    }
    if rest.is_empty() {
        step("test", "examples in the documentation");
        finish(&mut with(&["test", "--workspace", "--doc", "--quiet"]), "`cargo test --doc`")?;
    }
    step("test", "the workspace, with cargo-nextest");
    finish(with(&["nextest", "run", "--workspace"]).args(rest), "`cargo nextest run`")
}

fn has_nextest(workspace: &Workspace) -> bool {
    let mut version = workspace.cargo();
    version.args(["nextest", "--version"]).stdout(Stdio::null()).stderr(Stdio::null());
    version.status().is_ok_and(|status| status.success())
}
