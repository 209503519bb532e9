// SPDX-License-Identifier: Apache-2.0
//! The host's configuration: a TOML file, with environment variables over it (`PAASLA__REGISTER__DATABASE`).

use std::{
    fs,
    io::Write as _,
    net::SocketAddr,
    path::{Path, PathBuf},
};

use anyhow::{Context as _, Result, bail};
use figment::{
    Figment,
    providers::{Env, Format as _, Toml},
};
use serde::Deserialize;

/// Where everything is.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(crate) struct Config {
    /// The address institutions' security servers reach. Default: a free port on loopback.
    #[serde(default = "loopback")]
    pub(crate) listen: SocketAddr,
    /// The governed register.
    pub(crate) register: Register,
    /// Control data and records.
    pub(crate) store: Store,
    /// Secrets.
    pub(crate) secrets: Secrets,
    /// How many sandboxes may be alive at one time.
    #[serde(default = "instances")]
    pub(crate) sandboxes: u32,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(crate) struct Register {
    /// The file that describes it.
    pub(crate) description: PathBuf,
    /// Its SQLite file.
    pub(crate) database: PathBuf,
    /// How many connections to it.
    #[serde(default = "connections")]
    pub(crate) connections: u32,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(crate) struct Store {
    /// The SQLite file.
    pub(crate) database: PathBuf,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(crate) struct Secrets {
    /// A file with at least 32 random bytes in hex. Made when it is missing; whoever has it can undo pseudonyms.
    pub(crate) file: PathBuf,
}

fn loopback() -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], 0))
}

fn instances() -> u32 {
    256
}

fn connections() -> u32 {
    4
}

impl Config {
    /// Reads a configuration. Paths in it are relative to the file's folder.
    ///
    /// # Errors
    /// When the file is not there, or something in it is unknown, missing or of a wrong type.
    pub(crate) fn read(file: &Path) -> Result<Self> {
        if !file.is_file() {
            bail!("there is no configuration at {}", file.display());
        }
        let mut config: Self = Figment::new()
            .merge(Toml::file_exact(file))
            .merge(Env::prefixed("PAASLA__").split("__").map(|key| key.as_str().replace('_', "-").into()))
            .extract()
            .with_context(|| format!("the configuration {} is wrong", file.display()))?;
        let folder = file.parent().unwrap_or(Path::new(".")).to_owned();
        let paths = [
            &mut config.register.description,
            &mut config.register.database,
            &mut config.store.database,
            &mut config.secrets.file,
        ];
        for path in paths {
            *path = folder.join(&*path);
        }
        Ok(config)
    }
}

/// The secret, made on first use.
///
/// # Errors
/// When the file cannot be read or made, or holds no secret.
pub(crate) fn secret(file: &Path) -> Result<Vec<u8>> {
    if !file.exists() {
        let mut bytes = [0_u8; 32];
        getrandom::fill(&mut bytes).map_err(|error| anyhow::anyhow!("no random bytes: {error}"))?;
        let folder = file.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let mut fresh = tempfile::NamedTempFile::new_in(folder)
            .with_context(|| format!("no secret could be made in {}", folder.display()))?;
        writeln!(fresh, "{}", hex::encode(bytes))?;
        // Temporary files are readable by their owner only, and the name is taken by one process alone.
        match fresh.persist_noclobber(file) {
            Ok(_) => tracing::info!(file = %file.display(), "made a new secret"),
            Err(error) if file.exists() => drop(error),
            Err(error) => bail!("the secret {} could not be written: {}", file.display(), error.error),
        }
    }
    let text =
        fs::read_to_string(file).with_context(|| format!("the secret {} cannot be read", file.display()))?;
    let bytes = hex::decode(text.trim()).ok().filter(|bytes| bytes.len() >= 32);
    bytes.with_context(|| format!("the secret {} must be at least 32 bytes in hex", file.display()))
}
