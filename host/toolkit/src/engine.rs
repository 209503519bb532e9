// SPDX-License-Identifier: Apache-2.0
//! The engine that rules are looked at with, and its compiler: what looks at untrusted bytes has a process of its own,
//! which is the same program again.

use std::{ffi::OsString, process::ExitCode};

use anyhow::{Context as _, Result};
use paasla_engine::{Compiler, Engine, EngineConfig, Rule, give_way, run_compiler};

use crate::failure::{Kind, of_kind};

/// The words that start a program as a compiler: from standard input to standard output, and behind other work. No command
/// of its own: nobody says them but the program itself.
const COMPILER: &str = "compile-worker";
const GIVE_WAY: &str = "--give-way";

/// This program again, as a compiler. `gives_way` says that other work comes before compiling.
///
/// # Errors
/// When this program cannot be found.
pub fn compiler(gives_way: bool) -> Result<Compiler> {
    let program = std::env::current_exe().context("this program cannot find itself")?;
    let arguments = std::iter::once(COMPILER).chain(gives_way.then_some(GIVE_WAY));
    Ok(Compiler::Worker { program, arguments: arguments.map(Into::into).collect() })
}

/// Is the compiler, if that is what a program was started as. `line` is its command line.
#[must_use]
pub fn compile(line: &[OsString]) -> Option<ExitCode> {
    if line.get(1).is_none_or(|first| first != COMPILER) {
        return None;
    }
    if line.get(2).is_some_and(|second| second == GIVE_WAY) {
        give_way();
    }
    #[expect(clippy::disallowed_methods, reason = "what is compiled must arrive")]
    let out = std::io::stdout();
    Some(run_compiler(std::io::stdin().lock(), out.lock()))
}

/// An engine for looking at rules: the default limits, nothing kept.
///
/// # Errors
/// When this machine cannot run it.
pub fn engine() -> Result<Engine> {
    Ok(Engine::new(EngineConfig::default())?.with_compiler(compiler(false)?))
}

/// A rule from a component's bytes; `what` names them.
///
/// # Errors
/// When they are no rule.
pub fn load(engine: &Engine, component: &[u8], what: &str) -> Result<Rule> {
    let rule = engine.load(component).with_context(|| format!("{what} is no rule"));
    rule.map_err(of_kind(Kind::Invalid))
}
