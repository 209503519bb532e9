// SPDX-License-Identifier: Apache-2.0
//! The commands: what rule authors do without a host.

use std::{
    io::Write as _,
    path::{Path, PathBuf},
};

use anyhow::Result;
use clap::{Args, Subcommand};
use paasla_engine::{Outcome, Start, run_cases};
use serde_json::{Value, json};

use crate::{
    build,
    engine::{engine, load},
    failure::{Failure, Kind, Problem, usage},
    files::read,
    out::out,
    sign::{self, Sign},
};

/// What rule authors do without a host.
#[derive(Debug, Subcommand)]
pub enum AuthorCommand {
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
    Sign(Sign),
}

/// What `build` and `test` are told.
#[derive(Debug, Args)]
pub struct Build {
    /// Folders of rules: each holds a Cargo.toml. Without any: this folder.
    #[arg(default_value = ".", hide_default_value = true)]
    folders: Vec<PathBuf>,
    /// Where to put the component; only with one rule. Otherwise `<name>.wasm` in the target folder, and
    /// `<name>.quick.wasm` for a quick build.
    #[arg(long)]
    out: Option<PathBuf>,
    /// Where to compile. Otherwise `paasla-rules` in the target folder of the rule's workspace.
    #[arg(long)]
    target_dir: Option<PathBuf>,
    /// To try a rule out, say with the drop folder of `paasla serve --watch`: it is there sooner and costs more to run. It is
    /// marked, and neither signed nor brought to a host by accident.
    #[arg(long)]
    quick: bool,
    /// Print JSON, one object a line.
    #[arg(long)]
    json: bool,
}

/// Does what a command line says.
///
/// # Errors
/// With what is wrong, and of which kind: see [`Failure::of`].
pub fn run(command: AuthorCommand) -> Result<()> {
    match command {
        AuthorCommand::Build(arguments) => build(&arguments, false),
        AuthorCommand::Test(arguments) => build(&arguments, true),
        AuthorCommand::Inspect { file, json } => inspect(&file, json),
        AuthorCommand::Sign(arguments) => sign::run(&arguments),
    }
}

/// Makes sure that what was built is a rule, and runs its cases if that is wanted. Gives what came of each, or why none ran.
fn look(built: &build::Built, folder: &Path, test: bool) -> Result<Option<Result<Vec<Outcome>, String>>> {
    let engine = engine()?;
    let what = format!("{} was built, and not kept: it", built.name);
    let rule = load(&engine, built.component(), &what)?;
    Ok(test.then(|| run_cases(&engine, &rule, &folder.join("cases"))))
}

fn build(arguments: &Build, test: bool) -> Result<()> {
    if arguments.out.is_some() && arguments.folders.len() != 1 {
        return Err(usage("--out goes with one rule"));
    }
    let mut out = out();
    let mut failed: Vec<Problem> = Vec::new();
    let profile = if arguments.quick { build::Profile::Quick } else { build::Profile::Rule };
    for folder in &arguments.folders {
        let built = build::build(folder, arguments.target_dir.as_deref(), arguments.out.as_deref(), profile)?;
        // A host whose drop folder it is in is at it already: it says what is wrong, and this would only keep it from it.
        let is_looked_at_elsewhere = arguments.quick && arguments.out.is_some() && !test;
        let cases = if is_looked_at_elsewhere { None } else { look(&built, folder, test)? };
        built.write()?;
        let outcomes = cases.as_ref().and_then(|cases| cases.as_ref().ok());
        if arguments.json {
            let outcome = |one: &Outcome| json!({ "name": one.name, "passed": one.failure.is_none(), "failure": one.failure });
            let mut line = serde_json::to_value(&built)?;
            if let Some(line) = line.as_object_mut() {
                let cases = outcomes.map(|all| all.iter().map(outcome).collect::<Value>());
                line.insert("cases".to_owned(), cases.unwrap_or_default());
            }
            writeln!(out, "{line}")?;
        } else {
            let build::Built { name, path, digest, bytes, .. } = &built;
            writeln!(out, "{digest}  {name}  {bytes} bytes  {}", path.display())?;
            if let Some(outcomes) = outcomes {
                let passed = outcomes.iter().filter(|one| one.failure.is_none()).count();
                writeln!(out, "  {passed} of {} cases passed in the sandbox", outcomes.len())?;
            }
        }
        let problem =
            |code: &str, place: String, message: String| Problem { code: code.to_owned(), place, message };
        match cases {
            None => {}
            Some(Err(why)) => failed.push(problem("cases_unreadable", built.name, why)),
            Some(Ok(outcomes)) => failed.extend(outcomes.into_iter().filter_map(|one| {
                let place = format!("{}: {}", built.name, one.name);
                Some(problem("case_failed", place, one.failure?))
            })),
        }
    }
    if failed.is_empty() {
        return Ok(());
    }
    Err(Failure { problems: failed, ..Failure::new(Kind::CasesFailed, "cases failed") }.into())
}

fn inspect(file: &Path, json: bool) -> Result<()> {
    let bytes = read(file)?;
    let engine = engine()?;
    let rule = load(&engine, &bytes, &file.display().to_string())?;
    let mut out = out();
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
    for provision in &about.provisions {
        writeln!(out, "provision  {} ({}, {})", provision.label, provision.id, provision.source)?;
    }
    Ok(())
}
