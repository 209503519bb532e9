// SPDX-License-Identifier: Apache-2.0
//! Building: from a Rust crate to a component without imports, with its cases inside.

use std::{
    fs, io,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context as _, Result, bail};
use paasla_engine::{
    digest_of,
    travelling::{CaseFiles, with_cases},
};
use serde::Deserialize;
use wit_component::ComponentEncoder;

use crate::{
    failure::{invalid, not_found},
    files::{read_text, write_whole},
    imports::why,
    quick,
    toolchain::{TARGET, Toolchain},
};

/// A rule that was built.
#[derive(Debug, Clone, serde::Serialize)]
pub struct Built {
    /// The crate's name.
    pub name: String,
    /// The component.
    pub path: PathBuf,
    /// SHA-256 of its bytes.
    pub digest: String,
    /// Its size in bytes.
    pub bytes: usize,
    /// Whether it is a quick build.
    pub quick: bool,
    #[serde(skip)]
    component: Vec<u8>,
}

impl Built {
    /// The component, which is in no file yet.
    pub fn component(&self) -> &[u8] {
        &self.component
    }

    /// Writes it, so that whoever sees the file sees it whole.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn write(&self) -> Result<()> {
        write_whole(&self.path, &self.component)
    }
}

#[derive(Deserialize)]
struct Metadata {
    packages: Vec<Package>,
    target_directory: PathBuf,
    workspace_root: PathBuf,
}

#[derive(Deserialize)]
struct Package {
    name: String,
    manifest_path: PathBuf,
    targets: Vec<Target>,
}

#[derive(Deserialize)]
struct Target {
    name: String,
    crate_types: Vec<String>,
}

/// How every rule is compiled, whatever its own workspace says: fast code, one unit, no unwinding, no symbols.
const PROFILE: [&str; 8] = [
    "profile.rule.inherits=\"release\"",
    "profile.rule.opt-level=3",
    "profile.rule.lto=\"fat\"",
    "profile.rule.codegen-units=1",
    "profile.rule.panic=\"abort\"",
    "profile.rule.strip=true",
    "profile.rule.overflow-checks=true",
    "profile.rule.debug=false",
];

/// What is different for a rule that is only tried out: it is there sooner, and costs more to run.
const QUICK: [&str; 5] = [
    "profile.rule-quick.inherits=\"rule\"",
    "profile.rule-quick.opt-level=1",
    "profile.rule-quick.lto=false",
    "profile.rule-quick.codegen-units=16",
    "profile.rule-quick.incremental=true",
];

/// Which of the two.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Profile {
    /// What is signed and put in force: fast, and the same bytes anywhere.
    Rule,
    /// What is tried out.
    Quick,
}

impl Profile {
    fn name(self) -> &'static str {
        match self {
            Self::Rule => "rule",
            Self::Quick => "rule-quick",
        }
    }
}

/// Builds the rule in `folder`. The component belongs at `out`, or at `<name>.wasm` in the target folder, a quick build at
/// `<name>.quick.wasm`: it is not there before it is written.
///
/// # Errors
/// When no toolchain is there, or the crate cannot be compiled or made a component.
pub fn build(
    folder: &Path,
    target_folder: Option<&Path>,
    out: Option<&Path>,
    profile: Profile,
) -> Result<Built> {
    let manifest = place_of(&folder.join("Cargo.toml"))
        .map_err(|_| not_found(format!("{} holds no rule: there is no Cargo.toml", folder.display())))?;
    let toolchain = Toolchain::find()?;
    tracing::info!(toolchain = toolchain.name(), rule = %folder.display(), "building");
    let metadata = metadata(&manifest)?;
    let package = metadata
        .packages
        .iter()
        .find(|package| package.manifest_path == manifest)
        .with_context(|| format!("{} is a workspace, not a crate", manifest.display()))?;
    let library = package.targets.iter().find(|target| {
        target.crate_types.iter().any(|kind| matches!(kind.as_str(), "cdylib" | "lib" | "rlib"))
    });
    let library = library.with_context(|| format!("{} has no library: a rule is one", package.name))?;
    let target_folder = match target_folder {
        Some(folder) => folder.to_owned(),
        None => metadata.target_directory.join("paasla-rules"),
    };

    // Held to the end: of two builds in one folder at a time, one could read what the other left.
    fs::create_dir_all(&target_folder)
        .with_context(|| format!("{} could not be made", target_folder.display()))?;
    let lock = fs::File::create(target_folder.join("paasla.lock"))?;
    lock.lock().with_context(|| format!("{} could not be locked", target_folder.display()))?;
    forget_other_folders(&metadata, &manifest, &target_folder)?;
    let mut command = cargo("rustc", profile, &manifest, &target_folder);
    command.args(["--lib", "--crate-type", "cdylib"]);
    let home = std::env::var_os("CARGO_HOME").map(PathBuf::from);
    let home = home.or_else(|| Some(std::env::home_dir()?.join(".cargo")));
    let mut remap = vec![(metadata.workspace_root.clone(), "rule")];
    remap.extend(home.map(|home| (home, "cargo")));
    toolchain.apply(&mut command, &remap);
    command.env_remove("CARGO_MANIFEST_DIR").env_remove("CARGO_BUILD_TARGET");
    let status = command.status().context("`cargo` could not be started")?;
    if !status.success() {
        return Err(invalid(format!("{} could not be compiled: see the messages above", package.name)));
    }

    let core = target_folder
        .join(TARGET)
        .join(profile.name())
        .join(format!("{}.wasm", library.name.replace('-', "_")));
    let core = fs::read(&core).with_context(|| format!("the compiler left no {}", core.display()))?;
    let component = componentise(&core).map_err(|error| {
        let why = why(&core, &manifest).unwrap_or_else(|| format!("{error:#}"));
        invalid(format!("{} is no rule: {why}", package.name))
    })?;
    let mut component = with_cases(&component, &cases(&folder.join("cases"))?);
    let quick = profile == Profile::Quick;
    if quick {
        quick::mark(&mut component);
    }
    let ending = if quick { ".quick.wasm" } else { ".wasm" };
    let path = match out {
        Some(path) => path.to_owned(),
        None => target_folder.join(format!("{}{ending}", package.name)),
    };
    let (digest, bytes) = (digest_of(&component), component.len());
    Ok(Built { name: package.name.clone(), path, digest, bytes, quick, component })
}

/// Where a manifest is, as cargo says it: without links, and on Windows without the `\\\\?\\` that `canonicalize` begins with.
fn place_of(manifest: &Path) -> io::Result<PathBuf> {
    let whole = manifest.canonicalize()?;
    if cfg!(windows) { std::path::absolute(manifest) } else { Ok(whole) }
}

/// A cargo command for the rule's profile and target.
fn cargo(verb: &str, profile: Profile, manifest: &Path, target_folder: &Path) -> Command {
    let mut command = Command::new("cargo");
    command.args([verb, "--profile", profile.name(), "--target", TARGET]);
    command.arg("--manifest-path").arg(manifest).arg("--target-dir").arg(target_folder);
    for setting in PROFILE.iter().chain(&QUICK) {
        command.args(["--config", setting]);
    }
    command
}

/// Throws away what another folder's copy of the same crates left in a shared target folder. Cargo tells two copies
/// apart by the times of their files only, and could give this folder the component of that one.
fn forget_other_folders(metadata: &Metadata, manifest: &Path, target_folder: &Path) -> Result<()> {
    let note = target_folder.join("paasla-origin");
    let own = metadata.workspace_root.to_string_lossy();
    if let Ok(origin) = fs::read_to_string(&note)
        && origin != own
    {
        let mut clean = cargo("clean", Profile::Rule, manifest, target_folder);
        clean.arg("--quiet");
        for package in &metadata.packages {
            clean.args(["--package", &package.name]);
        }
        let status = clean.status().context("`cargo` could not be started")?;
        if !status.success() {
            bail!("what {origin} left in {} could not be thrown away", target_folder.display());
        }
    }
    write_whole(&note, own.as_bytes())
}

fn componentise(core: &[u8]) -> Result<Vec<u8>> {
    ComponentEncoder::default().module(core)?.validate(true).encode()
}

/// The files of cases in a folder, by name, as they are: they travel in the component. None when there is no folder.
pub fn cases(folder: &Path) -> Result<CaseFiles> {
    if !folder.is_dir() {
        return Ok(CaseFiles::new());
    }
    let entries = fs::read_dir(folder).with_context(|| format!("{} cannot be read", folder.display()))?;
    let mut files = CaseFiles::new();
    for entry in entries {
        let path = entry.with_context(|| format!("{} cannot be read", folder.display()))?.path();
        if path.extension().is_none_or(|extension| extension != "json") {
            continue;
        }
        let name = path.file_name().and_then(std::ffi::OsStr::to_str);
        let name = name.with_context(|| format!("the name of {} is no text", path.display()))?;
        files.insert(name.to_owned(), read_text(&path)?);
    }
    Ok(files)
}

fn metadata(manifest: &Path) -> Result<Metadata> {
    let output = Command::new("cargo")
        .args(["metadata", "--format-version", "1", "--no-deps", "--manifest-path"])
        .arg(manifest)
        .output()
        .context("`cargo` could not be started")?;
    if !output.status.success() {
        bail!("cargo cannot read {}: {}", manifest.display(), String::from_utf8_lossy(&output.stderr).trim());
    }
    Ok(serde_json::from_slice(&output.stdout)?)
}
