// SPDX-License-Identifier: Apache-2.0
//! Every case of every rule gives the same as plain Rust and as a component in the sandbox, and what it should.

use std::{path::Path, sync::Arc};

use anyhow::{Result, anyhow, ensure};
use paasla_core::Register;
use paasla_engine::{Activated, CaseRunner, CodeCache, Engine, EngineConfig, Start};
use paasla_register::Description;
use paasla_rule::{
    Rule,
    testing::{Native, load, run},
};
use paasla_tests::given::{root, variable};

fn check<R: Rule>(name: &str) -> Result<()> {
    let cases = load(&root()?.join("rules").join(name).join("cases"))?;
    ensure!(cases.len() >= 10, "{} cases: each rule has at least ten", cases.len());
    let bytes = std::fs::read(variable("PAASLA_RULES")?.join(format!("{name}.wasm")))?;
    let engine = Engine::new(EngineConfig::default())?;
    let rule = engine.load(&bytes)?;
    ensure!(rule.about.name == name, "the component calls itself {}", rule.about.name);

    let (mut native, mut sandbox) = (Native::<R>::new(), CaseRunner::new(&engine, &rule));
    for case in &cases {
        let fault = |how: &str, fault: String| anyhow!("{}, {how}: {fault}", case.name);
        let plain = run(&mut native, case).map_err(|error| fault("as plain Rust", error))?;
        let boxed = run(&mut sandbox, case).map_err(|error| fault("in the sandbox", error))?;
        ensure!(plain == boxed, "{}: plain Rust says {plain}, the component says {boxed}", case.name);
        ensure!(plain == case.expect, "{}: expected {}, it says {plain}", case.name, case.expect);
    }
    Ok(())
}

#[test]
fn access_restriction() -> Result<()> {
    check::<access_restriction::AccessRestriction>("access-restriction")
}

#[test]
fn minimisation() -> Result<()> {
    check::<minimisation::Minimisation>("minimisation")
}

#[test]
fn minors() -> Result<()> {
    check::<minors::Minors>("minors")
}

#[test]
fn purpose_basis() -> Result<()> {
    check::<purpose_basis::PurposeBasis>("purpose-basis")
}

#[test]
fn quota() -> Result<()> {
    check::<quota::Quota>("quota")
}

#[test]
fn special_categories() -> Result<()> {
    check::<special_categories::SpecialCategories>("special-categories")
}

#[test]
fn statistics() -> Result<()> {
    check::<statistics::Statistics>("statistics")
}

/// A rule that is added is added here too.
#[test]
fn no_rule_is_left_out() -> Result<()> {
    let folders = std::fs::read_dir(root()?.join("rules"))?;
    let rules = folders.flatten().filter(|folder| folder.path().join("Cargo.toml").is_file()).count();
    ensure!(rules == 7, "rules/ holds {rules} rules, seven are run here");
    Ok(())
}

/// What only `configure` needs is not in the memory that every ruling begins with: it would be written anew for each.
#[test]
fn a_snapshot_holds_what_was_made_of_settings_and_not_their_text() -> Result<()> {
    let (iri, text) = ("urn:of-this-test#Category", r#"{"allow":[{"purposes":["dpv:Marketing"],"#);
    let folder = tempfile::tempdir()?;
    cached(folder.path(), &format!(r#"{text}"categories":["{iri}"]}}]}}"#))?;

    let (mut with_iri, mut with_text) = (0, 0);
    for file in std::fs::read_dir(folder.path())? {
        let code = std::fs::read(file?.path())?;
        let holds = |part: &str| code.windows(part.len()).any(|bytes| bytes == part.as_bytes());
        with_iri += u32::from(holds(iri));
        with_text += u32::from(holds(text));
    }
    ensure!((with_iri, with_text) == (1, 0), "{with_iri} files hold the IRI, {with_text} the text");
    Ok(())
}

/// What reads settings is not compiled for a policy. If a component came to be made in another way than these are, nothing
/// would be left out, and nobody would see it.
#[test]
fn a_policy_has_no_more_code_than_its_rulings_reach() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let settings = r#"{"allow":[{"purposes":["dpv:Marketing"],"categories":["pd:Name"]}]}"#;
    cached(folder.path(), settings)?;
    let size = |kind: &str| {
        let files = std::fs::read_dir(folder.path())?.flatten();
        let files = files.filter(|file| file.path().extension().is_some_and(|of| of == kind));
        let sizes = files.map(|file| Ok(file.metadata()?.len())).collect::<Result<Vec<_>>>()?;
        ensure!(sizes.len() == 1, "{} files of {kind}", sizes.len());
        Ok(sizes.into_iter().sum::<u64>())
    };
    let (rule, policy) = (size("prepared")?, size("configured")?);
    ensure!(policy * 2 < rule, "{policy} bytes of a policy, {rule} of its rule");
    Ok(())
}

/// Activates a policy, which leaves what was compiled in a folder.
fn cached(folder: &Path, settings: &str) -> Result<()> {
    let policy = activated(&engine(folder)?, settings)?;
    ensure!(policy.start == Start::Snapshot, "{:?}", policy.start);
    Ok(())
}

fn engine(folder: &Path) -> Result<Engine> {
    engine_of(EngineConfig::default(), folder)
}

fn engine_of(limits: EngineConfig, folder: &Path) -> Result<Engine> {
    let cache = CodeCache::open(folder, b"a secret of this test", 64 << 20)?;
    Ok(Engine::new(limits)?.with_cache(cache))
}

/// A policy of `minimisation`.
fn activated(engine: &Engine, settings: &str) -> Result<Activated> {
    let bytes = std::fs::read(variable("PAASLA_RULES")?.join("minimisation.wasm"))?;
    let policy = serde_json::from_str(&format!(r#"{{"name":"p","rule":"","settings":{settings}}}"#))?;
    Ok(engine.activate(&engine.load(&bytes)?, &policy, &register()?)?)
}

/// What rules are told of the example's register.
fn register() -> Result<Arc<Register>> {
    let file = paasla_tests::given::root()?.join("examples/population-register/register.toml");
    Ok(Arc::clone(Description::from_toml(&std::fs::read_to_string(file)?)?.for_rules()))
}
