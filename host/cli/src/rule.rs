// SPDX-License-Identifier: Apache-2.0
//! `paasla rule`: what rule authors do.

mod build;
mod oci;
mod pull;
mod push;
mod sign;
mod signature;
mod toolchain;

use std::{
    fs,
    io::Write as _,
    path::{Path, PathBuf},
};

use anyhow::{Context as _, Result, anyhow};
use clap::{Args, Subcommand};
use paasla_engine::{Engine, EngineConfig, Start, run_cases};
use serde_json::json;

use crate::host;

/// Commands for rules.
#[derive(Debug, Subcommand)]
pub(crate) enum RuleCommand {
    /// Compile rules in Rust to components without imports, with their cases inside, and print their digests.
    Build(Build),
    /// Build rules, then run their cases against the components, in the sandbox.
    Test(Build),
    /// Check a component and print what it says of itself.
    Inspect {
        /// The component.
        file: PathBuf,
        /// Print JSON.
        #[arg(long)]
        json: bool,
    },
    /// Sign a component with your private key. No host is asked.
    Sign(sign::Sign),
    /// Bring a component with its signatures to a host, which checks it and runs its cases; or to an OCI registry.
    Push(push::Push),
    /// Fetch a component with its signatures from an OCI registry.
    Pull(pull::Pull),
    /// List the rules that a host has, and who signed them.
    List(push::List),
}

#[derive(Debug, Args)]
pub(crate) struct Build {
    /// Folders of rules: each holds a Cargo.toml.
    #[arg(required = true)]
    folders: Vec<PathBuf>,
    /// Where to put the component; only with one rule. Otherwise `<name>.wasm` in the target folder.
    #[arg(long)]
    out: Option<PathBuf>,
    /// Where to compile. Otherwise `paasla-rules` in the target folder of the rule's workspace.
    #[arg(long)]
    target_dir: Option<PathBuf>,
    /// To try a rule out, say with the drop folder of `paasla serve --watch`: it is there sooner and costs more to run, and
    /// its digest is not that of the rule that you sign.
    #[arg(long)]
    quick: bool,
    /// Print JSON, one object a line.
    #[arg(long)]
    json: bool,
}

pub(crate) fn run(command: RuleCommand) -> Result<()> {
    match command {
        RuleCommand::Build(arguments) => build(&arguments, false),
        RuleCommand::Test(arguments) => build(&arguments, true),
        RuleCommand::Inspect { file, json } => inspect(&file, json),
        RuleCommand::Sign(arguments) => sign::run(&arguments),
        RuleCommand::Push(arguments) => push::run(&arguments),
        RuleCommand::Pull(arguments) => pull::run(&arguments),
        RuleCommand::List(arguments) => push::list(&arguments),
    }
}

/// An engine for looking at rules: the default limits, nothing kept.
fn engine() -> Result<Engine> {
    Ok(Engine::new(EngineConfig::default())?.with_compiler(host::compiler(false)?))
}

/// What came of a rule's cases.
type Cases = Result<usize, String>;

/// Makes sure that what was built is a rule, and runs its cases if that is wanted.
fn look(built: &build::Built, folder: &Path, test: bool) -> Result<Option<Cases>> {
    let bytes = fs::read(&built.path)?;
    let engine = engine()?;
    let rule = engine.load(&bytes).with_context(|| format!("{} was built, but is no rule", built.name))?;
    Ok(test.then(|| run_cases(&engine, &rule, &folder.join("cases"))))
}

fn build(arguments: &Build, test: bool) -> Result<()> {
    if arguments.out.is_some() && arguments.folders.len() != 1 {
        return Err(anyhow!("--out goes with one rule"));
    }
    let mut out = std::io::stdout().lock();
    let mut failed = Vec::new();
    let profile = if arguments.quick { build::Profile::Quick } else { build::Profile::Rule };
    for folder in &arguments.folders {
        let built = build::build(folder, arguments.target_dir.as_deref(), arguments.out.as_deref(), profile)?;
        // A host whose drop folder it is in is at it already: it says what is wrong, and this would only keep it from it.
        let is_looked_at_elsewhere = arguments.quick && arguments.out.is_some() && !test;
        let cases = if is_looked_at_elsewhere { None } else { look(&built, folder, test)? };
        if arguments.json {
            let passed = cases.as_ref().map(|cases| cases.as_ref().ok());
            let line = json!({ "name": built.name, "path": built.path, "digest": built.digest, "bytes": built.bytes, "cases": passed });
            writeln!(out, "{line}")?;
        } else {
            writeln!(
                out,
                "{}  {}  {} bytes  {}",
                built.digest,
                built.name,
                built.bytes,
                built.path.display()
            )?;
            if let Some(Ok(count)) = &cases {
                writeln!(out, "  {count} cases passed in the sandbox")?;
            }
        }
        if let Some(Err(failures)) = cases {
            failed.push(format!("{}:\n{failures}", built.name));
        }
    }
    if failed.is_empty() { Ok(()) } else { Err(anyhow!("cases failed\n{}", failed.join("\n"))) }
}

fn inspect(file: &std::path::Path, json: bool) -> Result<()> {
    let bytes = fs::read(file).with_context(|| format!("{} could not be read", file.display()))?;
    let engine = engine()?;
    let rule = engine.load(&bytes).with_context(|| format!("{} is no rule", file.display()))?;
    let mut out = std::io::stdout().lock();
    let about = &rule.about;
    let start = match engine.start(&rule)? {
        Start::Snapshot => "from a snapshot of the configured rule".to_owned(),
        Start::ConfigureEachTime(why) => format!("`configure` runs for every ruling, because {why}"),
    };
    if json {
        let mut whole = serde_json::to_value(about.as_ref())?;
        if let Some(object) = whole.as_object_mut() {
            object.insert("digest".to_owned(), rule.digest.clone().into());
            object.insert("bytes".to_owned(), bytes.len().into());
            object.insert("start".to_owned(), start.into());
        }
        writeln!(out, "{whole}")?;
        return Ok(());
    }
    writeln!(out, "{} {}  ({} bytes, imports nothing)", about.name, about.version, bytes.len())?;
    writeln!(out, "digest     {}", rule.digest)?;
    writeln!(out, "summary    {}", about.summary)?;
    writeln!(out, "start      {start}")?;
    for need in &about.facts {
        writeln!(out, "fact       {}: {}", need.name, need.summary)?;
    }
    for need in &about.row_facts {
        writeln!(out, "row fact   {}: {}", need.name, need.summary)?;
    }
    for category in &about.reads {
        writeln!(out, "reads      {category}")?;
    }
    for want in &about.wants {
        writeln!(out, "wants      {}", want.name())?;
    }
    for provision in &about.provisions {
        writeln!(out, "provision  {} ({}, {})", provision.label, provision.id, provision.source)?;
    }
    Ok(())
}
