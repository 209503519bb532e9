// SPDX-License-Identifier: Apache-2.0
//! Putting a host together from its configuration.

use std::sync::Arc;

use anyhow::{Context as _, Result};
use paasla_app::{App, Parts};
use paasla_engine::{CodeCache, Engine};
use paasla_ledger::LedgerConfig;
use paasla_register::{Description, SqliteConfig, SqliteRegister};
use paasla_store::Store;
use paasla_toolkit::engine::compiler;

use crate::{
    config::{Cache, Config},
    failure::{Kind, of_kind},
    files::read_text,
    log, records,
    secret::secret,
};

/// The register's description.
///
/// # Errors
/// When it cannot be read, or with everything that is wrong with it.
pub(crate) fn description(config: &Config) -> Result<Description> {
    let file = &config.register.description;
    Description::from_toml(&read_text(file)?)
        .with_context(|| format!("the description {} is wrong", file.display()))
        .map_err(of_kind(Kind::Invalid))
}

/// The host's engine: with its limits, with a compiler in a process of its own, and with a cache. `gives_way` says that
/// queries come before compiling.
///
/// # Errors
/// When this machine cannot run it, or there is no cache.
pub(crate) fn engine(config: &Config, secret: &[u8], gives_way: bool) -> Result<Engine> {
    let Cache { folder, bytes } = &config.cache;
    let cache = CodeCache::open(folder, secret, *bytes)
        .with_context(|| format!("the cache {} cannot be opened", folder.display()))?;
    Ok(Engine::new(config.engine.clone())?.with_compiler(compiler(gives_way)?).with_cache(cache))
}

/// The whole app, with the rulebook that the store holds. `gives_way` as for [`engine`]; `accept_loss` says why records
/// that are lost are given up.
///
/// # Errors
/// With whatever is missing or wrong.
pub(crate) async fn app(config: &Config, gives_way: bool, accept_loss: Option<&str>) -> Result<App> {
    let description = Arc::new(description(config)?);
    let register = SqliteConfig {
        connections: config.register.connections,
        ..SqliteConfig::new(&config.register.database)
    };
    let source = SqliteRegister::open(&register, &description).await?;
    let store: Arc<dyn Store> = Arc::new(records::store(&config.store.database, accept_loss).await?);
    let rulebook = store.rulebook().await?.with_context(|| {
        format!("{} holds no rulebook yet: put one in with `paasla seed`", config.store.database.display())
    })?;
    let secret = secret(&config.secrets.file, &*store).await?;
    let parts = Parts {
        description,
        source: Arc::new(source),
        store,
        ledger: LedgerConfig::default(),
        quarantine: config.quarantine.settings()?,
        engine: engine(config, &secret, gives_way)?,
        governance: config.governance.clone(),
        secret,
        lost_lines: log::lost(),
    };
    Ok(App::start(parts, rulebook).await?)
}
