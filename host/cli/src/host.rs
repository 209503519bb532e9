// SPDX-License-Identifier: Apache-2.0
//! Putting a host together from its configuration.

use std::{collections::BTreeMap, fs, sync::Arc};

use anyhow::{Context as _, Result};
use paasla_core::{Policy, Rulebook};
use paasla_engine::{CodeCache, Compiler, Engine};
use paasla_ledger::LedgerConfig;
use paasla_register::{Description, SqliteConfig, SqliteRegister};
use paasla_server::app::{App, BuildError, Parts, Then, active::Active, build, quarantine};
use paasla_store::{SqliteStore, Store};

use crate::config::{Cache, Config, secret};

/// The register's description.
///
/// # Errors
/// When it cannot be read, or with everything that is wrong with it.
pub(crate) fn description(config: &Config) -> Result<Description> {
    let file = &config.register.description;
    let text = fs::read_to_string(file).with_context(|| format!("{} cannot be read", file.display()))?;
    Description::from_toml(&text).with_context(|| format!("the description {} is wrong", file.display()))
}

/// The host's engine: with its limits, with a compiler in a process of its own, and with a cache.
///
/// # Errors
/// When this machine cannot run it, or there is no cache.
pub(crate) fn engine(config: &Config) -> Result<Engine> {
    let Cache { folder, bytes } = &config.cache;
    let cache = CodeCache::open(folder, &secret(&config.secrets.file)?, *bytes)
        .with_context(|| format!("the cache {} cannot be opened", folder.display()))?;
    Ok(Engine::new(config.engine.clone())?.with_compiler(compiler()?).with_cache(cache))
}

/// This program again, as a compiler: what looks at untrusted bytes has a process of its own.
///
/// # Errors
/// When this program cannot be found.
pub(crate) fn compiler() -> Result<Compiler> {
    let program = std::env::current_exe().context("this program cannot find itself")?;
    Ok(Compiler::Worker { program, arguments: vec!["compile-worker".into()] })
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

/// The versions of policies that stand ready to take the place of those at work, with their components. None of it is
/// needed to begin with: what cannot be read is left out, loudly.
async fn previous(
    store: &dyn Store,
    rulebook: &Rulebook,
    then: Then,
) -> (Vec<Policy>, BTreeMap<String, Vec<u8>>) {
    let mut rules = BTreeMap::new();
    if then == Then::Refuse {
        return (Vec::new(), rules);
    }
    let policies = quarantine::previous(store, rulebook).await.unwrap_or_else(|error| {
        tracing::error!(%error, "no previous version of a policy is ready: earlier rulebooks cannot be read");
        Vec::new()
    });
    for Policy { rule: digest, .. } in &policies {
        match store.rule(digest).await {
            Ok(rule) => rules.extend(rule.map(|rule| (digest.clone(), rule.bytes))),
            Err(error) => tracing::error!(rule = digest, %error, "a rule cannot be read"),
        }
    }
    (policies, rules)
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
    let quarantine = config.quarantine.settings()?;
    let (earlier, their_rules) = previous(&*store, &rulebook, quarantine.then).await;
    let engine = engine(config)?;
    let active: Active = {
        let description = Arc::clone(&description);
        let work = move || {
            let active = build(&engine, &description, rulebook, &rules)?;
            Ok::<_, BuildError>(active.with_previous(&engine, &description, &earlier, &their_rules))
        };
        tokio::task::spawn_blocking(work).await.context("activation ended before its end")??
    };
    let secret = secret(&config.secrets.file)?;
    let parts = Parts {
        description,
        source: Arc::new(source),
        store,
        ledger: LedgerConfig::default(),
        quarantine,
        secret,
    };
    let app = App::new(parts, active);
    // Before any query is decided: what is out of service must not rule.
    app.look_at_quarantine().await?;
    Ok(app)
}
