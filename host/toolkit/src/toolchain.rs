// SPDX-License-Identifier: Apache-2.0
//! Finding a compiler that can make WebAssembly. Nothing is ever downloaded.

use std::{
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context as _, Result, bail};

/// The target of every rule: no operating system, so nothing to import.
pub(crate) const TARGET: &str = "wasm32-unknown-unknown";

/// Bytes of a rule's stack. What needs more traps, in its own cases first of all.
const STACK: u32 = 16 << 10;

/// The oldest compiler that rules can be compiled with: the workspace's `rust-version`.
const OLDEST: &str = env!("CARGO_PKG_RUST_VERSION");

/// Where Debian's packages `rustc-web` and `rust-web-src` put compiler and library source.
const DEBIAN_RUSTC: &str = "/usr/bin/rustc";
const DEBIAN_SOURCE: &str = "/usr/lib/rustlib/src/rust/library/std/Cargo.toml";

/// A way to compile for [`TARGET`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Toolchain {
    /// The target's standard library is installed for the current compiler.
    Installed,
    /// Debian's compiler builds the standard library from Debian's source.
    Debian {
        /// A linker for WebAssembly.
        linker: PathBuf,
    },
}

impl Toolchain {
    /// The first that works: the installed target, then Debian's packages.
    ///
    /// # Errors
    /// When there is neither; names both remedies.
    pub(crate) fn find() -> Result<Self> {
        let installed = ask("rustc", &["--print", "target-libdir", "--target", TARGET]).ok();
        let found =
            Self::among(installed.as_deref(), Path::new(DEBIAN_RUSTC), Path::new(DEBIAN_SOURCE), linker)?;
        if found != Self::Installed {
            refuse_old(&ask(DEBIAN_RUSTC, &["--version"])?)?;
        }
        Ok(found)
    }

    /// Chooses among what may be there: the folder of the installed target's libraries, and Debian's files.
    fn among(
        installed: Option<&str>,
        rustc: &Path,
        source: &Path,
        linker: impl Fn() -> Option<PathBuf>,
    ) -> Result<Self> {
        if installed.is_some_and(|folder| has_std(Path::new(folder))) {
            return Ok(Self::Installed);
        }
        if rustc.exists() && source.exists() {
            if let Some(linker) = linker() {
                return Ok(Self::Debian { linker });
            }
            bail!(
                "Debian's `rustc-web` and `rust-web-src` are here, but no linker for WebAssembly: neither `rust-lld` \
                 of a rustup toolchain nor `wasm-ld`. Remedy: apt-get install lld"
            );
        }
        bail!(
            "no Rust compiler for {TARGET} is here. Either of these helps:\n  \
             rustup target add {TARGET}\n  \
             apt-get install --no-install-recommends rustc-web rust-web-src   (Debian)"
        )
    }

    /// What it is, for people.
    pub(crate) fn name(&self) -> &'static str {
        match self {
            Self::Installed => "the installed target",
            Self::Debian { .. } => "Debian's rustc-web with the standard library from source",
        }
    }

    /// Makes a cargo command use it. `remap` are folders whose names must not reach the binary.
    pub(crate) fn apply(&self, command: &mut Command, remap: &[(PathBuf, &str)]) {
        let mut flags = vec![
            // Every ruling begins with its whole memory written anew, so it should be small: little stack, and no more
            // pages than the rule has data. The SDK asks for another where there would be no room for a query.
            format!("-Clink-arg=-zstack-size={STACK}"),
        ];
        match self {
            Self::Installed => {
                let remapped =
                    remap.iter().map(|(from, to)| format!("--remap-path-prefix={}={to}", from.display()));
                flags.extend(remapped);
            }
            Self::Debian { linker } => {
                // Panic messages name source files; without them no folder's name reaches the binary.
                flags.push("-Zlocation-detail=none".to_owned());
                command
                    .env("RUSTC", DEBIAN_RUSTC)
                    .env("RUSTC_BOOTSTRAP", "1")
                    .env("CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_LINKER", linker)
                    .arg("-Zbuild-std=std,panic_abort")
                    // Nobody reads what a rule says when it panics: it has nowhere to say it, and traps. Without the
                    // words, and what puts them together, a third of its constants is gone.
                    .args(["-Zpanic-immediate-abort", "--config", "profile.rule.panic=\"immediate-abort\""]);
            }
        }
        for inherited in ["RUSTFLAGS", "CARGO_ENCODED_RUSTFLAGS", "RUSTC_WRAPPER", "RUSTC_WORKSPACE_WRAPPER"]
        {
            command.env_remove(inherited);
        }
        // Not by spaces: a folder's name may have one.
        command.env("CARGO_ENCODED_RUSTFLAGS", flags.join("\u{1f}"));
    }
}

/// Refuses a compiler that calls itself so, e.g. `rustc 1.85.0 (…)`, if it is older than rules need.
fn refuse_old(version: &str) -> Result<()> {
    let numbers = |text: &str| -> Vec<u32> { text.split('.').map_while(|part| part.parse().ok()).collect() };
    let own = version.split(' ').nth(1).unwrap_or_default();
    if numbers(own) < numbers(OLDEST) {
        bail!(
            "Debian's compiler here is {own}, and rules need {OLDEST} or newer. Remedy: apt-get update, then apt-get \
             install --no-install-recommends rustc-web rust-web-src; or: rustup target add {TARGET}"
        );
    }
    Ok(())
}

fn has_std(folder: &Path) -> bool {
    let Ok(entries) = folder.read_dir() else { return false };
    entries.flatten().any(|entry| entry.file_name().to_string_lossy().starts_with("libstd-"))
}

fn linker() -> Option<PathBuf> {
    // Both at once: whoever tries rules out waits for it.
    let ours = ask("rustc", &["--print", "sysroot", "--print", "host-tuple"]).ok().and_then(|told| {
        let (sysroot, host) = told.split_once('\n')?;
        Some(Path::new(sysroot.trim()).join("lib/rustlib").join(host.trim()).join("bin/rust-lld"))
    });
    let on_path = ["wasm-ld", "wasm-ld-22", "wasm-ld-19", "wasm-ld-14"];
    ours.filter(|path| path.exists()).or_else(|| {
        let folders = std::env::var_os("PATH")?;
        let candidates: Vec<_> = std::env::split_paths(&folders).collect();
        on_path
            .iter()
            .flat_map(|name| candidates.iter().map(move |f| f.join(name)))
            .find(|path| path.exists())
    })
}

fn ask(program: &str, arguments: &[&str]) -> Result<String> {
    let output = Command::new(program)
        .args(arguments)
        .env_remove("RUSTC_BOOTSTRAP")
        .output()
        .with_context(|| format!("`{program}` could not be started"))?;
    if !output.status.success() {
        bail!("`{program} {}` failed", arguments.join(" "));
    }
    Ok(String::from_utf8(output.stdout)?.trim().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_installed_target_comes_first_then_debian_then_both_remedies() {
        let folder = tempfile::tempdir().unwrap();
        let (there, missing) = (folder.path().join("there"), folder.path().join("missing"));
        std::fs::write(&there, "").unwrap();
        let own = folder.path().to_str();
        let linker = || Some(PathBuf::from("rust-lld"));
        let debian = Toolchain::Debian { linker: PathBuf::from("rust-lld") };

        // An empty folder is what rustup leaves of a target that is not installed.
        assert_eq!(Toolchain::among(own, &there, &there, linker).unwrap(), debian);
        let error = Toolchain::among(own, &there, &missing, linker).unwrap_err().to_string();
        for remedy in ["rustup target add wasm32-unknown-unknown", "rustc-web rust-web-src"] {
            assert!(error.contains(remedy), "{error}");
        }
        let error = Toolchain::among(None, &there, &there, || None).unwrap_err().to_string();
        assert!(error.contains("linker"), "{error}");
        std::fs::write(folder.path().join("libstd-1.rlib"), "").unwrap();
        assert_eq!(Toolchain::among(own, &there, &there, linker).unwrap(), Toolchain::Installed);
    }

    #[test]
    fn an_old_compiler_is_refused_with_the_remedy() {
        refuse_old("rustc 1.96.0 (ac68faa20 2026-05-25) (built from a source tarball)").unwrap();
        let error = refuse_old("rustc 1.85.0 (4d91de4e4 2025-02-17)").unwrap_err().to_string();
        assert!(error.contains("1.85.0") && error.contains("apt-get update"), "{error}");
    }
}
