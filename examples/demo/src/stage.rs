// SPDX-License-Identifier: Apache-2.0
//! A demo at work: the data folder that it has to itself, its host, and the file that tells scripts about both.

use std::{
    collections::BTreeMap,
    fs::{self, File},
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread::sleep,
    time::Duration,
};

use anyhow::{Context as _, Result, bail};
use serde_json::json;
use signal_hook::{consts::TERM_SIGNALS, flag};

use crate::{
    Host, Parts, World,
    ask::RR,
    files,
    out::{say, step},
    show,
};

/// The exit status of a program that was interrupted.
const INTERRUPTED_STATUS: i32 = 130;

/// A host that answers, who may ask it, and about whom.
#[derive(Debug)]
pub struct Stage {
    /// Where it answers.
    pub base_url: String,
    /// Who may ask, and about whom.
    pub world: World,
}

/// A data folder that one demo has to itself. Two hosts must not write to one control database.
#[derive(Debug)]
pub struct Claim {
    folder: PathBuf,
    /// Locked as long as it is open.
    _lock: File,
}

/// A demo whose host answers.
#[derive(Debug)]
pub struct Demo<'c> {
    /// What may be asked.
    pub stage: Stage,
    host: Host,
    stop: Arc<AtomicBool>,
    claim: &'c Claim,
}

impl Claim {
    /// Makes a data folder or takes one that is there.
    ///
    /// # Errors
    /// When another demo uses it, or it cannot be made.
    pub fn take(folder: &Path) -> Result<Self> {
        let folder = std::path::absolute(folder)?;
        fs::create_dir_all(&folder).with_context(|| format!("{} could not be made", folder.display()))?;
        let lock = File::create(folder.join("demo.lock"))
            .with_context(|| format!("nothing can be written in {}", folder.display()))?;
        if lock.try_lock().is_err() {
            bail!(
                "a demo that still runs uses {}: stop it, or name another folder with --data",
                folder.display()
            );
        }
        let claim = Self { folder, _lock: lock };
        files::remove(&claim.announcement())?;
        Ok(claim)
    }

    /// The folder.
    #[must_use]
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// The file that tells scripts where everything is. It is there as long as the host answers.
    fn announcement(&self) -> PathBuf {
        self.folder.join("demo.json")
    }

    /// Puts the example's control data in and starts the host on a port of the loopback address. `afresh` begins with an
    /// empty control database.
    ///
    /// # Errors
    /// When something is missing or wrong, or the host does not come up.
    pub fn open(&self, parts: &Parts, port: u16, afresh: bool) -> Result<Demo<'_>> {
        let home = parts.home(&self.folder);
        if afresh {
            home.forget()?;
        }
        step("seed", "services, access rights, policies and their rules; the first time takes seconds");
        home.seed(&parts.register, &parts.rules)?;
        step("serve", format_args!("the host's log is in {}", home.log().display()));
        let stop = Arc::new(AtomicBool::new(false));
        for signal in TERM_SIGNALS {
            // The first asks to stop, the second does not ask.
            flag::register_conditional_shutdown(*signal, INTERRUPTED_STATUS, Arc::clone(&stop))?;
            flag::register(*signal, Arc::clone(&stop))?;
        }
        let world = World::read(&home.examples, &parts.persons)?;
        let host = home.start(port, &stop)?;
        let stage = Stage { base_url: host.base_url.clone(), world };
        announce(&self.announcement(), &stage)?;
        Ok(Demo { stage, host, stop, claim: self })
    }
}

impl Demo<'_> {
    /// Shows three answers and what else to ask, and waits for Ctrl-C.
    ///
    /// # Errors
    /// When the host does not answer, or ends by itself.
    pub fn wait(&mut self) -> Result<()> {
        show::answers(&self.stage)?;
        show::queries(&self.stage);
        say(format_args!("\nThe host answers at {}. Ctrl-C stops it.", self.stage.base_url));
        while !self.stop.load(Ordering::SeqCst) {
            if let Some(status) = self.host.ended()? {
                // A Ctrl-C reaches the host too, maybe sooner.
                sleep(Duration::from_millis(300));
                if self.stop.load(Ordering::SeqCst) {
                    break;
                }
                bail!("the host ended by itself ({status}); its log says why");
            }
            sleep(Duration::from_millis(100));
        }
        Ok(())
    }

    /// Stops the host, whatever came of the demo.
    ///
    /// # Errors
    /// With what came of the demo, or when the host does not stop well.
    pub fn close(self, outcome: Result<()>) -> Result<()> {
        let removed = files::remove(&self.claim.announcement());
        let stopped = self.host.stop();
        outcome.and(removed).and(stopped)?;
        say("The host has stopped.");
        Ok(())
    }
}

/// Tells scripts where everything is.
fn announce(file: &Path, stage: &Stage) -> Result<()> {
    let Stage { base_url, world } = stage;
    let clients: BTreeMap<&str, &str> =
        world.clients.iter().map(|(part, client)| (part.as_str(), client.id.as_str())).collect();
    let persons = &world.persons;
    let content = json!({
        "base_url": base_url,
        "rr_url": format!("{base_url}{RR}"),
        "clients": clients,
        "persons": {
            "adult": persons.adult,
            "child": persons.child,
            "restricted": persons.restricted,
            "deceased": persons.deceased,
            "absent": persons.absent,
            "special_characters": persons.special_characters,
            "no_custody_adult": persons.no_custody_adult,
            "child_of_restricted": persons.child_of_restricted,
        },
        "twenty": persons.twenty,
    });
    files::write(file, &content)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_data_folder_has_one_demo_at_a_time() {
        let folder = tempfile::tempdir().unwrap();
        let data = folder.path().join("new/data");
        let first = Claim::take(&data).unwrap();
        let error = Claim::take(&data).unwrap_err().to_string();
        assert!(error.contains("still runs") && error.contains("--data"), "{error}");
        drop(first);
        fs::write(data.join("demo.json"), "of a demo that was killed").unwrap();
        Claim::take(&data).unwrap();
        assert!(!data.join("demo.json").exists());
    }
}
