// SPDX-License-Identifier: Apache-2.0
//! `paasla seed`: control data from readable files into the store, as a new generation. What came to work through
//! governance stays.

use std::{
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context as _, Result};
use clap::Args;
use paasla_core::{Grant, Person, Policy, Rulebook, Service, Vocabulary};
use paasla_server::app::{BuildError, Pool, build, rulebook_digest, unmet};
use paasla_store::{
    Governance as _, SqliteStore, Store as _, StoreError, StoredRule,
    governance::{
        act::Act,
        change::{ChangeOutcome, NewChange},
        version::version_of,
    },
};
use serde::de::DeserializeOwned;
use serde_json::json;

use crate::{
    config::Config,
    failure::{Failure, Kind, invalid, not_found, of_kind, usage},
    files::{read as read_file, read_text},
    host,
    secret::secret,
    show,
};

/// What to put in.
#[derive(Debug, Args)]
pub(crate) struct Seed {
    /// The configuration.
    #[arg(long, default_value = "paasla.toml")]
    config: PathBuf,
    /// The folder with vocabulary.toml, services/, grants/ and policies/.
    #[arg(long)]
    from: PathBuf,
    /// The folder with the components that policies name: `rule = "minors"` is `minors.wasm`.
    #[arg(long)]
    rules: PathBuf,
    /// Who does this: `Mari Maasikas <mari.m>`, or a name alone.
    #[arg(long)]
    by: Person,
    /// Why.
    #[arg(long)]
    reason: String,
    /// Put in the policies of the folder only. Without it, policies that came to work through governance (`paasla
    /// policy`) stay.
    #[arg(long)]
    replace_policies: bool,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

pub(crate) fn run(arguments: &Seed) -> Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(seed(arguments))
}

async fn seed(arguments: &Seed) -> Result<()> {
    let reason = arguments.reason.trim();
    if !(1..=500).contains(&reason.chars().count()) {
        return Err(usage("--reason must say why, in 1 to 500 characters"));
    }
    let config = Config::read(&arguments.config)?;
    let description = host::description(&config)?;
    let store = SqliteStore::open(&config.store.database).await?;
    let secret = secret(&config.secrets.file, &store).await?;
    let engine = host::engine(&config, &secret, false)?;
    let mut rulebook = read(&arguments.from)?;
    let mut components = std::collections::BTreeMap::new();
    let mut stored = Vec::new();
    for policy in &mut rulebook.policies {
        if let Some(limit) = policy.limits.impossible().next() {
            let why =
                format!("policy `{}`: under this limit its rule could never rule: `{limit}`", policy.name);
            return Err(invalid(why));
        }
        let file = arguments.rules.join(format!("{}.wasm", policy.rule));
        let bytes = read_file(&file).with_context(|| {
            format!("policy `{}`: there is no rule; build it with `paasla rule build`", policy.name)
        })?;
        let rule = engine
            .load(&bytes)
            .with_context(|| format!("{} is no rule", file.display()))
            .map_err(of_kind(Kind::Invalid))?;
        policy.rule.clone_from(&rule.digest);
        stored.push(StoredRule {
            digest: rule.digest.clone(),
            bytes: bytes.clone(),
            name: rule.about.name.clone(),
            version: rule.about.version.clone(),
            summary: rule.about.summary.clone(),
        });
        components.insert(rule.digest.clone(), bytes);
    }
    // Of the files only: what came through governance may outlive an access right.
    let from_files = rulebook.policies.clone();
    let done = async {
        let newest = store.rulebook().await?;
        if let Some(newest) = &newest {
            let carried = carried(&store, newest, &rulebook.policies, arguments.replace_policies).await?;
            for policy in &carried {
                let rule = store.rule(&policy.rule).await?;
                let rule = rule.with_context(|| format!("policy `{}`: its rule is gone", policy.name))?;
                components.insert(rule.digest, rule.bytes);
            }
            rulebook.policies.extend(carried);
        }
        // Nothing is stored unless all of it can be put to work.
        build(&engine, &description, rulebook.clone(), &components, &Pool::default())
            .map_err(|error| of_kind(Kind::Invalid)(error.into()))?;
        let unmet = unmet(&rulebook, &from_files);
        if !unmet.is_empty() {
            return Err(of_kind(Kind::Invalid)(BuildError(unmet).into()));
        }
        for rule in &stored {
            store.put_rule(rule).await?;
        }
        install(&store, newest.as_ref(), &rulebook, &arguments.by.to_string(), reason).await
    };
    let done = done.await;
    store.close().await?;
    let generation = done?;
    let told = json!({
        "generation": generation,
        "services": rulebook.services.len(),
        "grants": rulebook.grants.len(),
        "policies": rulebook.policies.len(),
    });
    show::one(arguments.json, &told, |told| {
        let at = |place: &str| show::text(told, place);
        format!(
            "Generation {} is at work, with {} services, {} access rights and {} policies.",
            at("/generation"),
            at("/services"),
            at("/grants"),
            at("/policies")
        )
    })
}

/// The policies at work that came through governance, which files know nothing of: they stay.
async fn carried(
    store: &SqliteStore,
    newest: &Rulebook,
    files: &[Policy],
    replace: bool,
) -> Result<Vec<Policy>> {
    let (mut carried, mut both) = (Vec::new(), Vec::new());
    for policy in &newest.policies {
        let versions = store.versions(Some(&policy.name)).await?;
        let known = version_of(&versions, policy);
        // One that was seeded is a version only if it was retired since.
        let came_so = known.is_some_and(|version| version.by != "seed" || version.token.is_some());
        let file = files.iter().find(|file| file.name == policy.name && file.mode == policy.mode);
        match file {
            _ if !came_so => {}
            None => carried.push(policy.clone()),
            Some(file) if file == policy => {}
            Some(_) => both.push(policy.name.as_str()),
        }
    }
    if replace {
        for policy in &carried {
            tracing::warn!(policy = policy.name, "it came through governance, and is taken out");
        }
        return Ok(Vec::new());
    }
    if !both.is_empty() {
        let why = format!(
            "there are files for policies that came to work through governance since: {}",
            both.join(", ")
        );
        let remedy = "take the files away to keep what is at work, or give --replace-policies to put in the policies of \
                      the folder only";
        return Err(Failure::new(Kind::Conflict, why).remedy(remedy).into());
    }
    Ok(carried)
}

/// Writes the next generation with the record of the change. The same content makes none.
async fn install(
    store: &SqliteStore,
    newest: Option<&Rulebook>,
    rulebook: &Rulebook,
    by: &str,
    reason: &str,
) -> Result<u64> {
    let (before, after) = (newest.map(rulebook_digest), rulebook_digest(rulebook));
    let expected = newest.map_or(0, |newest| newest.generation);
    if before.as_ref() == Some(&after) {
        return Ok(expected);
    }
    let change = NewChange {
        instant: jiff::Timestamp::now().as_millisecond(),
        who: by.to_owned(),
        token: None,
        institution: None,
        action: "rulebook.seed".to_owned(),
        target: "rulebook".to_owned(),
        version: None,
        reason: reason.to_owned(),
        outcome: ChangeOutcome::Done,
        before,
        after: Some(after),
        problems: Vec::new(),
        cancelled: Vec::new(),
    };
    let act = Act::Install { rulebook: Box::new(rulebook.clone()), expected };
    match store.commit(&[act], &change).await {
        Ok(committed) => Ok(committed.generation.unwrap_or(expected)),
        Err(StoreError::Conflict { .. }) => {
            let why =
                "somebody else changed the rulebook at the same time, and nothing was put in: try again";
            Err(Failure::new(Kind::Conflict, why).into())
        }
        Err(error) => Err(error.into()),
    }
}

fn read(folder: &Path) -> Result<Rulebook> {
    let mut vocabulary: Vocabulary = one(&folder.join("vocabulary.toml"))?;
    vocabulary.expand_all();
    let mut services: Vec<Service> = all(&folder.join("services"))?;
    let mut grants: Vec<Grant> = all(&folder.join("grants"))?;
    let policies: Vec<Policy> = all(&folder.join("policies"))?;
    let expand = |iris: &mut Vec<String>| iris.iter_mut().for_each(|iri| *iri = vocabulary.expand(iri));
    services.iter_mut().for_each(|service| expand(&mut service.purposes));
    for grant in &mut grants {
        expand(&mut grant.purposes);
        expand(&mut grant.legal_bases);
    }
    Ok(Rulebook { generation: 0, vocabulary, services, grants, policies })
}

/// Every `*.toml` in a folder, by name.
fn all<T: DeserializeOwned>(folder: &Path) -> Result<Vec<T>> {
    let entries = fs::read_dir(folder).with_context(|| format!("{} cannot be read", folder.display()))?;
    let mut files: Vec<PathBuf> = entries.filter_map(|entry| Some(entry.ok()?.path())).collect();
    files.retain(|path| path.extension().is_some_and(|extension| extension == "toml"));
    files.sort();
    if files.is_empty() {
        return Err(not_found(format!("{} holds no .toml file", folder.display())));
    }
    files.iter().map(|file| one(file)).collect()
}

fn one<T: DeserializeOwned>(file: &Path) -> Result<T> {
    toml::from_str(&read_text(file)?)
        .with_context(|| format!("{} is wrong", file.display()))
        .map_err(of_kind(Kind::Invalid))
}
