// SPDX-License-Identifier: Apache-2.0
//! `paasla seed`: control data from readable files into the store, as a new generation.

use std::{
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context as _, Result, bail};
use clap::Args;
use paasla_core::{Grant, Policy, Rulebook, Service, Vocabulary};
use paasla_server::app::{Pool, build};
use paasla_store::{SqliteStore, Store as _, StoredRule};
use serde::de::DeserializeOwned;

use crate::{config::Config, host};

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
    /// Who does this.
    #[arg(long)]
    by: String,
    /// Why.
    #[arg(long)]
    reason: String,
}

pub(crate) fn run(arguments: &Seed) -> Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(seed(arguments))
}

async fn seed(arguments: &Seed) -> Result<()> {
    let config = Config::read(&arguments.config)?;
    let description = host::description(&config)?;
    let engine = host::engine(&config, false)?;
    let mut rulebook = read(&arguments.from)?;
    let mut components = std::collections::BTreeMap::new();
    let mut stored = Vec::new();
    for policy in &mut rulebook.policies {
        let file = arguments.rules.join(format!("{}.wasm", policy.rule));
        let bytes = fs::read(&file).with_context(|| {
            format!(
                "policy `{}`: no rule at {}; build it with `paasla rule build`",
                policy.name,
                file.display()
            )
        })?;
        let rule = engine.load(&bytes).with_context(|| format!("{} is no rule", file.display()))?;
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
    // Nothing is stored unless all of it can be put to work.
    build(&engine, &description, rulebook.clone(), &components, &Pool::default())?;
    let store = SqliteStore::open(&config.store.database).await?;
    for rule in &stored {
        store.put_rule(rule).await?;
    }
    let generation = store.install(&rulebook, &arguments.by, &arguments.reason).await?;
    store.close().await?;
    tracing::info!(
        generation,
        services = rulebook.services.len(),
        grants = rulebook.grants.len(),
        policies = rulebook.policies.len(),
        "the rulebook is in"
    );
    Ok(())
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
        bail!("{} holds no .toml file", folder.display());
    }
    files.iter().map(|file| one(file)).collect()
}

fn one<T: DeserializeOwned>(file: &Path) -> Result<T> {
    let text = fs::read_to_string(file).with_context(|| format!("{} cannot be read", file.display()))?;
    toml::from_str(&text).with_context(|| format!("{} is wrong", file.display()))
}
