// SPDX-License-Identifier: Apache-2.0
//! The host's configuration: a TOML file, with environment variables over it (`PAASLA__REGISTER__DATABASE`).

use std::{
    net::SocketAddr,
    num::NonZeroU32,
    path::{Path, PathBuf},
};

use anyhow::{Context as _, Result};
use figment::{
    Figment,
    providers::{Env, Format as _, Toml},
};
use paasla_app::{QuarantineFallback, QuarantineSettings, governance::GovernanceSettings};
use paasla_engine::EngineConfig;
use serde::Deserialize;

use crate::{
    failure::{Failure, Kind, invalid},
    files::read_text,
};

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
    /// Policies whose rules break.
    #[serde(default)]
    pub(crate) quarantine: Quarantine,
    /// How governance changes: see `GovernanceSettings`.
    #[serde(default)]
    pub(crate) governance: GovernanceSettings,
    /// Limits of the sandbox: see `EngineConfig`, whose names stand here with hyphens.
    #[serde(default)]
    pub(crate) engine: EngineConfig,
    /// Compiled rules, kept from one start to the next.
    #[serde(default)]
    pub(crate) cache: Cache,
}

/// Compiled rules. Everything in the folder is made again when it is lost, and nothing in it is trusted unless this
/// host wrote it.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub(crate) struct Cache {
    /// The folder. Default: `cache`.
    pub(crate) folder: PathBuf,
    /// How much it may hold, in bytes; what was not used for longest goes. Default: 1 GiB.
    pub(crate) bytes: u64,
}

impl Default for Cache {
    fn default() -> Self {
        Self { folder: PathBuf::from("cache"), bytes: 1 << 30 }
    }
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
    /// A file with at least 32 random bytes in hex, readable by its owner only. Made for a new control database; whoever
    /// has it can undo pseudonyms.
    pub(crate) file: PathBuf,
}

/// A policy whose rule breaks `faults` times in `minutes` minutes is taken out of service.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub(crate) struct Quarantine {
    /// How many faults are too many. Default 5.
    pub(crate) faults: u32,
    /// Within how many minutes. Default 10.
    pub(crate) minutes: u32,
    /// What is done instead: `refuse` every query in its scope (the default), or let its `previous` version rule.
    pub(crate) then: QuarantineFallback,
}

impl Default for Quarantine {
    fn default() -> Self {
        let (faults, minutes) = (QuarantineSettings::FAULTS, QuarantineSettings::MINUTES);
        Self { faults: faults.get(), minutes: minutes.get(), then: QuarantineFallback::default() }
    }
}

impl Quarantine {
    /// The same, checked.
    ///
    /// # Errors
    /// When a number is 0.
    pub(crate) fn settings(&self) -> Result<QuarantineSettings> {
        let faults = NonZeroU32::new(self.faults).context(
            "`quarantine.faults` must be at least 1; 0 is not taken for `never`, since a rule that keeps breaking must \
             not stay in service",
        )?;
        let minutes = NonZeroU32::new(self.minutes).context(
            "`quarantine.minutes` must be at least 1: in no time at all, no fault would ever count",
        )?;
        Ok(QuarantineSettings::new(faults, minutes, self.then))
    }
}

/// What is wrong, and for which key of the file or the environment.
fn told(error: &figment::Error) -> String {
    let of_environment =
        error.metadata.as_ref().is_some_and(|metadata| metadata.name.contains("environment"));
    let key = match (error.path.as_slice(), of_environment) {
        ([], _) => String::new(),
        (path, false) => format!("`{}`: ", path.join(".")),
        (path, true) => format!("PAASLA__{}: ", path.join("__").replace('-', "_").to_uppercase()),
    };
    format!("{key}{}", error.kind)
}

fn loopback() -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], 0))
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
            let why = format!("there is no configuration at {}", file.display());
            let remedy = "name one with --config; docs/reference/configuration.md says what is in it, and `paasla \
                          demo` leaves one at demo-data/paasla.toml";
            return Err(Failure::new(Kind::NotFound, why).remedy(remedy).into());
        }
        let wrong = |what: String| invalid(format!("the configuration {} is wrong: {what}", file.display()));
        let mut config: Self = Figment::new()
            .merge(Toml::string(&read_text(file)?))
            .merge(Env::prefixed("PAASLA__").split("__").map(|key| key.as_str().replace('_', "-").into()))
            .extract()
            .map_err(|error| wrong(error.into_iter().map(|one| told(&one)).collect::<Vec<_>>().join("; ")))?;
        config.quarantine.settings().map_err(|error| wrong(error.to_string()))?;
        config.engine.check_for_service().map_err(wrong)?;
        config.governance.check().map_err(wrong)?;
        if !(1..=1_000).contains(&config.register.connections) {
            return Err(wrong("`register.connections` must be 1 to 1,000".to_owned()));
        }
        if config.cache.bytes == 0 {
            return Err(wrong("`cache.bytes` must be at least 1: nothing compiled could be kept".to_owned()));
        }
        let folder = file.parent().unwrap_or(Path::new(".")).to_owned();
        let paths = [
            &mut config.register.description,
            &mut config.register.database,
            &mut config.store.database,
            &mut config.secrets.file,
            &mut config.cache.folder,
        ];
        for path in paths {
            *path = folder.join(&*path);
        }
        Ok(config)
    }
}

#[cfg(test)]
mod tests {
    use std::{fs, time::Duration};

    use super::*;

    fn read(quarantine: &str) -> Result<Config> {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("paasla.toml");
        let rest = "[register]\ndescription = \"d\"\ndatabase = \"r\"\n[store]\ndatabase = \"s\"\n\
                    [secrets]\nfile = \"f\"\n";
        fs::write(&file, format!("{rest}{quarantine}")).unwrap();
        Config::read(&file)
    }

    fn settings(quarantine: &str) -> QuarantineSettings {
        read(quarantine).unwrap().quarantine.settings().unwrap()
    }

    #[test]
    fn quarantine_has_defaults_one_by_one() {
        assert_eq!(settings(""), QuarantineSettings::default());
        let previous =
            QuarantineSettings { then: QuarantineFallback::Previous, ..QuarantineSettings::default() };
        assert_eq!(settings("[quarantine]\nthen = \"previous\"\n"), previous);
        let two = settings("[quarantine]\nfaults = 2\nminutes = 3\nthen = \"refuse\"\n");
        assert_eq!(
            (two.faults.get(), two.within, two.then),
            (2, Duration::from_secs(180), QuarantineFallback::Refuse)
        );
    }

    #[test]
    fn what_is_wrong_is_told_with_its_key() {
        let wrong = |text: &str| Failure::of(&read(text).unwrap_err());
        let failure = wrong("[governance]\nfour-eye = true\n");
        assert_eq!(failure.kind, Kind::Invalid);
        assert!(!failure.message.contains("default"), "{failure}");
        assert!(failure.message.contains("`governance.four-eye`: unknown field"), "{failure}");
        let missing = Config::read(Path::new("nowhere/paasla.toml")).unwrap_err();
        assert_eq!(Failure::of(&missing).kind, Kind::NotFound);
    }

    #[test]
    fn what_would_let_nothing_or_too_much_through_is_refused() {
        for (wrong, what) in [
            ("[engine.ration]\nfuel = 0\n", "`ration.fuel`"),
            ("[engine.most]\noutput-bytes = 0\n", "`most.output-bytes`"),
            ("[engine.setup]\ndescribe-fuel = 0\n", "`setup.describe-fuel`"),
            ("[engine.ration]\nfuel = 2000000000\n", "`ration.fuel` must be no more than `most.fuel`"),
            ("[engine.component]\nfunctions = 0\n", "`component.functions`"),
            ("[engine.answer]\nreasons = 0\n", "`answer.reasons`"),
            ("[engine]\ntable-elements = 0\n", "`table-elements`"),
            ("[governance]\nshadow-queue = 1152921504606846976\n", "`governance.shadow-queue`"),
            ("[governance]\nshadow-queue = 0\n", "`governance.shadow-queue`"),
            ("[governance]\ncases-seconds = 0\n", "`governance.cases-seconds`"),
            ("[governance]\nkept = 1000000\n", "`governance.kept`"),
            ("[cache]\nbytes = 0\n", "`cache.bytes`"),
        ] {
            let failure = Failure::of(&read(wrong).unwrap_err());
            assert!(failure.kind == Kind::Invalid && failure.message.contains(what), "{wrong}: {failure}");
        }
    }

    #[test]
    fn what_would_mean_never_is_refused() {
        for (wrong, what) in [
            ("faults = 0", "`quarantine.faults` must be at least 1"),
            ("minutes = 0", "`quarantine.minutes` must be at least 1"),
            ("faults = -1", "quarantine"),
            ("then = \"allow\"", "allow"),
            ("hours = 1", "hours"),
        ] {
            let error = format!("{:#}", read(&format!("[quarantine]\n{wrong}\n")).unwrap_err());
            assert!(error.contains(what), "{wrong}: {error}");
        }
    }
}
