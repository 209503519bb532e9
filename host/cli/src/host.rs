// SPDX-License-Identifier: Apache-2.0
//! Putting a host together from its configuration.

use std::{collections::BTreeMap, fs, sync::Arc};

use anyhow::{Context as _, Result};
use paasla_core::Rulebook;
use paasla_engine::{Engine, EngineConfig};
use paasla_ledger::LedgerConfig;
use paasla_register::{Description, SqliteConfig, SqliteRegister};
use paasla_server::app::{App, Parts, active::Active, build};
use paasla_store::{SqliteStore, Store};

use crate::config::{Config, secret};

/// The register's description.
///
/// # Errors
/// When it cannot be read, or with everything that is wrong with it.
pub(crate) fn description(config: &Config) -> Result<Description> {
    let file = &config.register.description;
    let text = fs::read_to_string(file).with_context(|| format!("{} cannot be read", file.display()))?;
    Description::from_toml(&text).with_context(|| format!("the description {} is wrong", file.display()))
}

/// The engine.
///
/// # Errors
/// When this machine cannot run it.
pub(crate) fn engine(config: &Config) -> Result<Engine> {
    Ok(Engine::new(EngineConfig { instances: config.sandboxes, ..EngineConfig::default() })?)
}

/// The components that a rulebook's policies name.
///
/// # Errors
/// When the store cannot be read.
pub(crate) async fn rules(store: &dyn Store, rulebook: &Rulebook) -> Result<BTreeMap<String, Vec<u8>>> {
    let mut rules = BTreeMap::new();
    for policy in &rulebook.policies {
        if !rules.contains_key(&policy.rule)
            && let Some(rule) = store.rule(&policy.rule).await?
        {
            rules.insert(policy.rule.clone(), rule.bytes);
        }
    }
    Ok(rules)
}

/// The whole app, with the rulebook that the store holds.
///
/// # Errors
/// With whatever is missing or wrong.
pub(crate) async fn app(config: &Config) -> Result<App> {
    let description = Arc::new(description(config)?);
    let register = SqliteConfig {
        connections: config.register.connections,
        ..SqliteConfig::new(&config.register.database)
    };
    let source = SqliteRegister::open(&register, &description).await?;
    let store: Arc<dyn Store> = Arc::new(SqliteStore::open(&config.store.database).await?);
    let rulebook = store.rulebook().await?.with_context(|| {
        format!("{} holds no rulebook yet: put one in with `paasla seed`", config.store.database.display())
    })?;
    let rules = rules(&*store, &rulebook).await?;
    let engine = engine(config)?;
    let active: Active = {
        let description = Arc::clone(&description);
        let work = move || build(&engine, &description, rulebook, &rules);
        tokio::task::spawn_blocking(work).await.context("activation ended before its end")??
    };
    let secret = secret(&config.secrets.file)?;
    let parts =
        Parts { description, source: Arc::new(source), store, ledger: LedgerConfig::default(), secret };
    Ok(App::new(parts, active))
}
