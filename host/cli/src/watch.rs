// SPDX-License-Identifier: Apache-2.0
//! The drop folder: `NAME.wasm` is at work as the policy NAME a moment after it was saved; `NAME.toml` beside it says how.
//!
//! The folder is opened once and never left: no link is followed, whatever it points to. A file counts once it has not
//! changed between two looks, so that one that is still being written is left alone; one that is no rule changes nothing.

use std::{
    collections::{BTreeMap, BTreeSet},
    io::Read as _,
    path::Path,
    sync::Arc,
    time::{Duration, SystemTime},
};

use anyhow::{Context as _, Result, bail};
use cap_std::{ambient_authority, fs::Dir};
use paasla_server::app::{App, governance::dropped::DroppedPolicy};

/// How often the folder is looked at.
const LOOK: Duration = Duration::from_millis(150);

/// The largest file that is read, in bytes.
const LARGEST: u64 = 64 << 20;

/// What tells one state of a file from another.
type Stamp = (u64, Option<SystemTime>);

/// The files of one policy: its component, and what says how it is to be at work.
type Stamps = (Stamp, Option<Stamp>);

/// A folder that is watched.
pub(crate) struct Folder {
    dir: Dir,
    /// What was there at the last look.
    seen: BTreeMap<String, Stamps>,
    /// What was put to work, or tried.
    done: BTreeMap<String, Stamps>,
}

impl Folder {
    /// Opens a folder, which must be there.
    ///
    /// # Errors
    /// When it is not there, or is no folder.
    pub(crate) fn open(path: &Path) -> Result<Self> {
        let dir = Dir::open_ambient_dir(path, ambient_authority())
            .with_context(|| format!("the drop folder {} cannot be opened", path.display()))?;
        Ok(Self { dir, seen: BTreeMap::new(), done: BTreeMap::new() })
    }

    /// The policies whose files are there.
    ///
    /// # Errors
    /// When the folder cannot be read.
    pub(crate) fn names(&self) -> Result<BTreeSet<String>> {
        Ok(self.look()?.into_keys().collect())
    }

    /// Watches until it is dropped.
    pub(crate) async fn watch(mut self, app: Arc<App>) {
        loop {
            match self.look() {
                Ok(found) => self.take_over(&app, found).await,
                Err(error) => tracing::warn!(error = format!("{error:#}"), "the drop folder cannot be read"),
            }
            tokio::time::sleep(LOOK).await;
        }
    }

    /// The plain files of each policy.
    fn look(&self) -> Result<BTreeMap<String, Stamps>> {
        let (mut components, mut policies) = (BTreeMap::new(), BTreeMap::new());
        for entry in self.dir.entries()? {
            let entry = entry?;
            let Ok(file) = entry.file_name().into_string() else { continue };
            // Of the entry itself: a link is no file.
            if !entry.file_type()?.is_file() {
                continue;
            }
            let Ok(about) = entry.metadata() else { continue };
            let stamp = (about.len(), about.modified().ok().map(cap_std::time::SystemTime::into_std));
            if let Some(name) = file.strip_suffix(".wasm") {
                components.insert(name.to_owned(), stamp);
            } else if let Some(name) = file.strip_suffix(".toml") {
                policies.insert(name.to_owned(), stamp);
            }
        }
        let both = |(name, stamp)| {
            let policy = policies.remove(&name);
            (name, (stamp, policy))
        };
        Ok(components.into_iter().map(both).collect())
    }

    async fn take_over(&mut self, app: &App, found: BTreeMap<String, Stamps>) {
        for (name, stamps) in &found {
            let is_still = self.seen.get(name) == Some(stamps);
            if is_still && self.done.get(name) != Some(stamps) {
                self.done.insert(name.clone(), *stamps);
                if let Err(error) = self.put_to_work(app, name, stamps.1.is_some()).await {
                    tracing::error!(
                        policy = name,
                        error = format!("{error:#}"),
                        "a file in the drop folder was not put to work: nothing changed"
                    );
                }
            }
        }
        let gone: Vec<String> = self.done.keys().filter(|name| !found.contains_key(*name)).cloned().collect();
        for name in gone {
            self.done.remove(&name);
            match app.drop_out(&name).await {
                Ok(()) => {
                    tracing::info!(policy = name, "its file is gone from the drop folder: it is retired")
                }
                Err(refusal) => {
                    tracing::error!(policy = name, problems = ?refusal.problems, "it could not be retired")
                }
            }
        }
        self.seen = found;
    }

    async fn put_to_work(&self, app: &App, name: &str, has_policy: bool) -> Result<()> {
        let component = self.read(&format!("{name}.wasm"))?;
        let wanted = if has_policy {
            let file = format!("{name}.toml");
            let text = String::from_utf8(self.read(&file)?).with_context(|| format!("{file} is no text"))?;
            toml::from_str(&text).with_context(|| format!("{file} is wrong"))?
        } else {
            DroppedPolicy::default()
        };
        let cases: Arc<[u8]> = component.as_slice().into();
        let view = app.drop_in(name, component, wanted).await.map_err(|refusal| {
            let problem = |p: &paasla_server::app::problem::Problem| format!("{}: {}", p.place, p.message);
            anyhow::anyhow!("{}", refusal.problems.iter().map(problem).collect::<Vec<_>>().join("; "))
        })?;
        tracing::info!(policy = name, version = view.version, life = ?view.life, "from the drop folder: at work");
        match app.dropped_cases(cases).await {
            Ok(0) => {}
            Ok(count) => tracing::info!(policy = name, count, "its cases pass"),
            Err(failures) => {
                for failure in failures {
                    tracing::error!(policy = name, failure, "a case of a rule in the drop folder fails");
                }
            }
        }
        Ok(())
    }

    fn read(&self, file: &str) -> Result<Vec<u8>> {
        let about = self.dir.symlink_metadata(file).with_context(|| format!("{file} is gone"))?;
        if !about.is_file() || about.len() > LARGEST {
            bail!("{file} is no plain file of at most {} MiB", LARGEST >> 20);
        }
        let mut bytes = Vec::new();
        let open = self.dir.open(file).with_context(|| format!("{file} cannot be read"))?;
        open.take(LARGEST).read_to_end(&mut bytes).with_context(|| format!("{file} cannot be read"))?;
        Ok(bytes)
    }
}
