// SPDX-License-Identifier: Apache-2.0
//! A demo at work: the data folder that it has to itself, its host, and the file that tells scripts about both.

use std::{
    collections::BTreeMap,
    fs::{self, File},
    net::{Ipv4Addr, TcpListener},
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread::sleep,
    time::Duration,
};

use anyhow::{Error, Result, anyhow, bail};
use serde_json::json;

use crate::{
    Home, Host, Parts, World,
    ask::RR,
    files,
    out::{say, step},
    show,
    signals::{is_stopped, stop_flag},
};

/// What to do about a folder in which nothing can be kept, and about a port on which nobody can listen.
const OTHER_FOLDER: &str = "remedy: name another folder with --data";
const OTHER_PORT: &str = "remedy: take another --port";
/// How a host says that it has no port.
const NO_PORT: &str = "cannot listen on";

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
    /// Its host's log.
    log: PathBuf,
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
        let shown = folder.display();
        fs::create_dir_all(&folder)
            .map_err(|error| anyhow!("{shown} could not be made: {error}\n{OTHER_FOLDER}"))?;
        let lock = File::create(folder.join("demo.lock"))
            .map_err(|error| anyhow!("nothing can be written in {shown}: {error}\n{OTHER_FOLDER}"))?;
        if lock.try_lock().is_err() {
            bail!("a demo that still runs uses {shown}: stop it, or name another folder with --data");
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
    /// When something is missing or wrong, or the host does not come up; with what can be done about it.
    pub fn open(&self, parts: &Parts, port: u16, afresh: bool) -> Result<Demo<'_>> {
        let home = parts.home(&self.folder);
        let world = World::read(&home.examples, &parts.persons)?;
        ensure_can_listen(port)?;
        let stop = stop_flag()?;
        if afresh {
            home.forget()?;
        }
        let has_past = home.has_past();
        let start = || -> Result<_> {
            step("seed", "services, access rights, policies and their rules; the first time takes seconds");
            home.seed_until(&parts.register, &parts.rules, &stop)?;
            let tokens = tokens(&home)?;
            step("serve", format_args!("the host's log is in {}", home.log().display()));
            Ok((home.start(port, &stop)?, tokens))
        };
        let (host, tokens) = match start() {
            Ok(started) => started,
            Err(error) if stop.load(Ordering::SeqCst) => return Err(error),
            Err(error) => return Err(self.with_remedy(&error, has_past)),
        };
        let stage = Stage { base_url: host.base_url.clone(), world };
        announce(&self.announcement(), &stage, &tokens)?;
        Ok(Demo { stage, host, log: home.log(), stop, claim: self })
    }

    /// A failed start with what can be done about it here. What the seed and the host advise is for those who run a host, and
    /// may need options that the demo does not have.
    fn with_remedy(&self, error: &Error, has_past: bool) -> Error {
        let folder = self.folder.display();
        if format!("{error:#}").contains(NO_PORT) {
            anyhow!("{error:#}\n{OTHER_PORT}")
        } else if has_past {
            anyhow!("{error:#}\nremedy: delete the folder {folder}, or name another with --data")
        } else {
            anyhow!("{error:#}")
        }
    }
}

/// Finds out about a port that cannot be had before anything is done.
fn ensure_can_listen(port: u16) -> Result<()> {
    let tried = TcpListener::bind((Ipv4Addr::LOCALHOST, port));
    tried.map(drop).map_err(|error| anyhow!("{NO_PORT} 127.0.0.1:{port}: {error}\n{OTHER_PORT}"))
}

impl Demo<'_> {
    /// Shows three answers and what else to ask, and waits until a signal asks to stop: Ctrl-C, or the end of the terminal.
    ///
    /// # Errors
    /// When the host does not answer, or ends by itself.
    pub fn wait(&mut self) -> Result<()> {
        show::answers(&self.stage)?;
        show::queries(&self.stage);
        say(format_args!("\nThe host answers at {}. Ctrl-C stops it.", self.stage.base_url));
        while !self.stop.load(Ordering::SeqCst) {
            if let Some(status) = self.host.ended()? {
                if is_stopped(&self.stop) {
                    break;
                }
                bail!("the host ended by itself ({status}); its log says why: {}", self.log.display());
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

/// The roles of those who govern, as `demo.json` names their tokens.
const ROLES: [&str; 5] = ["data_manager", "rule_author", "rule_approver", "auditor", "operator"];

/// A token for each role, each of another person.
fn tokens(home: &Home) -> Result<BTreeMap<&'static str, String>> {
    let token = |name: &'static str| {
        let role = name.replace('_', "-");
        Ok((name, home.token(&format!("the demo's {role}"), &[&role], None, 1)?))
    };
    ROLES.into_iter().map(token).collect()
}

/// Tells scripts where everything is. Only the owner may read it: tokens are in it.
fn announce(file: &Path, stage: &Stage, tokens: &BTreeMap<&str, String>) -> Result<()> {
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
        "tokens": tokens,
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
    #[test]
    fn a_folder_that_cannot_be_used_is_named_with_what_to_do() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("file");
        fs::write(&file, "").unwrap();
        fs::create_dir(folder.path().join("demo.lock")).unwrap();
        for (data, says) in
            [(file.join("data"), "could not be made: "), (folder.path().into(), "nothing can be written in ")]
        {
            let error = Claim::take(&data).unwrap_err().to_string();
            assert!(
                error.contains(says) && error.ends_with("\nremedy: name another folder with --data"),
                "{error}"
            );
        }
    }

    #[test]
    fn a_start_that_fails_says_what_can_be_done_about_it_here() {
        let folder = tempfile::tempdir().unwrap();
        let claim = Claim::take(folder.path()).unwrap();
        let told = |error: &str, has_past| claim.with_remedy(&anyhow!("{error}"), has_past).to_string();
        let delete =
            format!("x\nremedy: delete the folder {}, or name another with --data", folder.path().display());
        assert_eq!(told("x", true), delete);
        // What is new is not what is wrong.
        assert_eq!(told("x", false), "x");
        let taken = told("error: cannot listen on 127.0.0.1:80", true);
        assert!(taken.ends_with("\nremedy: take another --port"), "{taken}");
    }

    #[test]
    fn a_port_that_somebody_has_is_no_port() {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let port = listener.local_addr().unwrap().port();
        let error = ensure_can_listen(port).unwrap_err().to_string();
        assert!(error.starts_with(&format!("cannot listen on 127.0.0.1:{port}: ")), "{error}");
        assert!(error.ends_with("\nremedy: take another --port"), "{error}");
        ensure_can_listen(0).unwrap();
    }
}
