// SPDX-License-Identifier: Apache-2.0
//! What is needed to compile rules to WebAssembly: the same that `paasla rule build` looks for.

use std::{
    env, fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use anyhow::{Context as _, Result, bail};

use crate::{
    out::{say, step},
    workspace::finish,
};

const TARGET: &str = "wasm32-unknown-unknown";
const DEBIAN_RUSTC: &str = "/usr/bin/rustc";
const DEBIAN_SOURCE: &str = "/usr/lib/rustlib/src/rust/library/std/Cargo.toml";
const DEBIAN_PACKAGES: [&str; 2] = ["rustc-web", "rust-web-src"];
const DEBIAN_LINKER: &str = "lld";
const DEBIAN_REGISTRY: &str = "docker-registry";

/// The oldest compiler that rules and the SDK can be compiled with: the workspace's `rust-version`.
const OLDEST: &str = env!("CARGO_PKG_RUST_VERSION");

/// What there is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Found {
    /// The target's standard library, for the current compiler.
    Installed,
    /// Debian's compiler and library source, and a linker.
    Debian,
    /// Debian's compiler, but older than rules need. What a machine was set up with may well be.
    Old,
    /// Debian's compiler and library source, but no linker.
    NoLinker,
    Nothing,
}

/// Makes sure that rules can be compiled. On Debian, as root or with a sudo that asks for no password, it installs
/// what is missing, after saying so.
///
/// # Errors
/// When something is missing and cannot be installed here; says what to run.
pub(crate) fn ensure() -> Result<()> {
    let packages: &[&str] = match look() {
        Found::Installed => {
            step("tools", format_args!("the standard library for {TARGET} is installed"));
            return Ok(());
        }
        Found::Debian => {
            step("tools", "Debian's rustc-web and rust-web-src are installed");
            return Ok(());
        }
        Found::NoLinker => &[DEBIAN_LINKER],
        Found::Old | Found::Nothing => &DEBIAN_PACKAGES,
    };
    let Some(prefix) = may_install() else { bail!("{}", remedy(packages)) };
    step("tools", format_args!("installing Debian's {} to compile rules with", packages.join(" and ")));
    install(prefix, packages)?;
    match look() {
        Found::Installed | Found::Debian => Ok(()),
        Found::NoLinker => {
            apt(prefix, &["install", "-y", "--no-install-recommends", DEBIAN_LINKER])?;
            if look() == Found::Debian { Ok(()) } else { bail!("{}", remedy(&[DEBIAN_LINKER])) }
        }
        Found::Old => bail!(
            "Debian offers no `rustc-web` of version {OLDEST} or newer here, and rules need one. Its security archive does: \
             add it to the sources of apt, or run: rustup target add {TARGET}"
        ),
        Found::Nothing => bail!("the packages are installed, but there is no compiler for {TARGET} in them"),
    }
}

/// Looks for an OCI registry for the tests to push rules to. On Debian, as root or with a sudo that asks for no password,
/// it installs one, after saying so. Where there is none, everything but the tests of registries works.
pub(crate) fn offer_registry() {
    let is_there = || answer(DEBIAN_REGISTRY, &["--version"]).is_some();
    if is_there() {
        step("tools", format_args!("Debian's {DEBIAN_REGISTRY} is installed"));
        return;
    }
    if let Some(prefix) = may_install() {
        step("tools", format_args!("installing Debian's {DEBIAN_REGISTRY} to test OCI registries with"));
        if let Err(error) = install(prefix, &[DEBIAN_REGISTRY]) {
            step("tools", format_args!("it could not be installed: {error:#}"));
        }
    }
    if !is_there() {
        step(
            "tools",
            format_args!(
                "there is no {DEBIAN_REGISTRY}, so the tests of OCI registries will fail. On Debian, as root: apt-get \
                 install -y --no-install-recommends {DEBIAN_REGISTRY}"
            ),
        );
    }
}

/// Makes sure that instructions can be counted. On Debian, as root or with a sudo that asks for no password, it installs
/// what is missing, after saying so.
///
/// # Errors
/// When valgrind is missing and cannot be installed here; says what to run.
pub(crate) fn ensure_valgrind() -> Result<()> {
    let is_there = || answer("valgrind", &["--version"]).is_some();
    if is_there() {
        return Ok(());
    }
    if let Some(prefix) = may_install() {
        step("tools", "installing Debian's valgrind to count instructions with");
        install(prefix, &["valgrind"])?;
    }
    if !is_there() {
        bail!("instructions cannot be counted: there is no valgrind. On Debian: apt-get install valgrind");
    }
    Ok(())
}

/// Installs Debian's packages, if that can be done without asking for a password.
///
/// # Errors
/// When this is not Debian, or they cannot be installed; says what to run.
pub(crate) fn install_debian(packages: &[&str]) -> Result<()> {
    let line = format!("apt-get install -y --no-install-recommends {}", packages.join(" "));
    let Some(prefix) = may_install() else { bail!("on Debian, as root: {line}") };
    step("tools", format_args!("installing Debian's {}", packages.join(" and ")));
    install(prefix, packages)
}

fn install(prefix: &[&str], packages: &[&str]) -> Result<()> {
    // The lists that a machine was set up with name versions that are gone, or too old. Without a network they may do.
    if let Err(error) = apt(prefix, &["update"]) {
        step("tools", format_args!("the lists of packages are not the newest: {error:#}"));
    }
    let install = ["install", "-y", "--no-install-recommends"];
    apt(prefix, &install.iter().chain(packages).copied().collect::<Vec<_>>())
}

fn remedy(packages: &[&str]) -> String {
    let apt = format!("apt-get install -y --no-install-recommends {}", packages.join(" "));
    format!(
        "rules cannot be compiled here: there is no Rust for {TARGET}. Run one of these, then try again:\n  \
         rustup target add {TARGET}\n  {apt}   (Debian, as root)"
    )
}

fn look() -> Found {
    let installed = answer("rustc", &["--print", "target-libdir", "--target", TARGET]);
    if installed.is_some_and(|folder| has_std(Path::new(&folder))) {
        return Found::Installed;
    }
    if !(Path::new(DEBIAN_RUSTC).exists() && Path::new(DEBIAN_SOURCE).exists()) {
        return Found::Nothing;
    }
    if !answer(DEBIAN_RUSTC, &["--version"]).is_some_and(|version| is_new_enough(&version)) {
        return Found::Old;
    }
    if has_linker() { Found::Debian } else { Found::NoLinker }
}

/// Whether a compiler that calls itself so, e.g. `rustc 1.96.0 (ac68faa20 2026-05-25)`, is not older than [`OLDEST`].
fn is_new_enough(version: &str) -> bool {
    let numbers = |text: &str| -> Vec<u32> { text.split('.').map_while(|part| part.parse().ok()).collect() };
    version.split(' ').nth(1).is_some_and(|own| numbers(own) >= numbers(OLDEST))
}

fn has_std(folder: &Path) -> bool {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    entries.into_iter().any(|entry| entry.file_name().to_string_lossy().starts_with("libstd-"))
}

fn has_linker() -> bool {
    let ours = answer("rustc", &["--print", "sysroot"]).zip(answer("rustc", &["--print", "host-tuple"]));
    let ours = ours.map(|(root, host)| Path::new(&root).join("lib/rustlib").join(host).join("bin/rust-lld"));
    if ours.is_some_and(|linker| linker.exists()) {
        return true;
    }
    let folders: Vec<PathBuf> =
        env::var_os("PATH").map(|path| env::split_paths(&path).collect()).unwrap_or_default();
    let names = ["wasm-ld", "wasm-ld-22", "wasm-ld-19", "wasm-ld-14"];
    folders.iter().any(|folder| names.iter().any(|name| folder.join(name).exists()))
}

/// How to become root here: none when this is not Debian, or root needs a password.
fn may_install() -> Option<&'static [&'static str]> {
    let release = fs::read_to_string("/etc/os-release").ok()?;
    if !release.lines().any(|line| matches!(line, "ID=debian" | "ID=\"debian\"")) {
        return None;
    }
    if answer("id", &["-u"])? == "0" {
        return Some(&[]);
    }
    answer("sudo", &["-n", "true"]).map(|_| ["sudo", "-n"].as_slice())
}

fn apt(prefix: &[&str], arguments: &[&str]) -> Result<()> {
    let line: Vec<&str> = prefix
        .iter()
        .chain(&["env", "DEBIAN_FRONTEND=noninteractive", "apt-get"])
        .chain(arguments)
        .copied()
        .collect();
    say(format_args!("    {}", line.join(" ")));
    let (program, rest) = line.split_first().context("a command has a program")?;
    finish(Command::new(program).args(rest).stdin(Stdio::null()), "apt-get")
}

/// What a program prints; none when it is not there, or fails.
pub(crate) fn answer(program: &str, arguments: &[&str]) -> Option<String> {
    let mut command = Command::new(program);
    command.args(arguments).env_remove("RUSTC_BOOTSTRAP").stdin(Stdio::null()).stderr(Stdio::null());
    let output = command.output().ok().filter(|output| output.status.success())?;
    Some(String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_compiler_of_long_ago_does_not_do() {
        assert!(is_new_enough("rustc 1.96.0 (ac68faa20 2026-05-25) (built from a source tarball)"));
        assert!(is_new_enough(&format!("rustc {OLDEST}.0 (59807616e 2026-04-14)")));
        for old in ["rustc 1.85.0 (4d91de4e4 2025-02-17)", "rustc 1.9.0", "rustc", ""] {
            assert!(!is_new_enough(old), "{old}");
        }
    }
}
