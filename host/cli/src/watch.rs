// SPDX-License-Identifier: Apache-2.0
//! The drop folder: `NAME.wasm` is at work as the policy NAME a moment after it was saved; `NAME.toml` beside it says how.
//!
//! The folder is opened once and never left: no link is followed, whatever it points to, and the log names it. A file
//! counts once it has not changed between two looks, so that one that is still being written is left alone; one that is no
//! rule changes nothing, and neither does one whose `NAME.toml` is there but is not read.

use std::{
    collections::{BTreeMap, BTreeSet},
    io::Read as _,
    path::Path,
    sync::Arc,
    time::{Duration, SystemTime},
};

use anyhow::{Context as _, Result, anyhow, bail};
use cap_std::{ambient_authority, fs::Dir};
use paasla_app::governance::{Governance, drop_folder::DroppedPolicy, refusal::Refusal};

/// How often the folder is looked at.
const LOOK: Duration = Duration::from_millis(75);

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
    /// What is no file, and was named in the log.
    named: BTreeSet<String>,
}

/// What is in the folder.
#[derive(Debug, Default)]
struct Look {
    /// The plain files of each policy.
    policies: BTreeMap<String, Stamps>,
    /// What has the name of such a file, and is none: links and folders.
    others: BTreeSet<String>,
}

impl Folder {
    /// Opens a folder, which must be there.
    ///
    /// # Errors
    /// When it is not there, or is no folder.
    pub(crate) fn open(path: &Path) -> Result<Self> {
        let dir = Dir::open_ambient_dir(path, ambient_authority())
            .with_context(|| format!("the drop folder {} cannot be opened", path.display()))?;
        Ok(Self { dir, seen: BTreeMap::new(), done: BTreeMap::new(), named: BTreeSet::new() })
    }

    /// The policies whose files are there.
    ///
    /// # Errors
    /// When the folder cannot be read.
    pub(crate) fn names(&self) -> Result<BTreeSet<String>> {
        Ok(self.look()?.policies.into_keys().collect())
    }

    /// Watches until it is dropped.
    pub(crate) async fn watch(mut self, governance: Arc<Governance>) {
        loop {
            match self.look() {
                Ok(look) => {
                    let due = self.due(&look);
                    self.name(look.others);
                    self.take_over(&governance, due, look.policies).await;
                }
                Err(error) => tracing::warn!(error = format!("{error:#}"), "the drop folder cannot be read"),
            }
            tokio::time::sleep(LOOK).await;
        }
    }

    /// Names in the log what is no file, once.
    fn name(&mut self, others: BTreeSet<String>) {
        for file in others.difference(&self.named) {
            if file.ends_with(".toml") {
                tracing::warn!(
                    file,
                    "what is in the drop folder under this name is a link or no file, and is passed over: its policy is \
                     left as it is until the file itself is put there or this is taken away"
                );
                continue;
            }
            tracing::warn!(
                file,
                "what is in the drop folder under this name is a link or no file, and is passed over: put the file itself \
                 there"
            );
        }
        self.named = others;
    }

    fn look(&self) -> Result<Look> {
        let (mut components, mut policies) = (BTreeMap::new(), BTreeMap::new());
        let mut others = BTreeSet::new();
        for entry in self.dir.entries()? {
            let entry = entry?;
            let Ok(file) = entry.file_name().into_string() else { continue };
            // Of the entry itself: a link is no file.
            if !entry.file_type()?.is_file() {
                if file.ends_with(".wasm") || file.ends_with(".toml") {
                    others.insert(file);
                }
                continue;
            }
            let Ok(about) = entry.metadata() else {
                if file.ends_with(".toml") {
                    others.insert(file);
                }
                continue;
            };
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
        Ok(Look { policies: components.into_iter().map(both).collect(), others })
    }

    /// The policies whose files changed, and are written whole. Not those whose settings are passed over: without them a
    /// rule would be at work as nobody asked.
    fn due(&self, look: &Look) -> Vec<(String, Stamps)> {
        let is_due = |name: &String, stamps: &Stamps| {
            self.seen.get(name) == Some(stamps)
                && self.done.get(name) != Some(stamps)
                && !look.others.contains(&format!("{name}.toml"))
        };
        let due = look.policies.iter().filter(|(name, stamps)| is_due(name, stamps));
        due.map(|(name, stamps)| (name.clone(), *stamps)).collect()
    }

    async fn take_over(
        &mut self,
        governance: &Governance,
        due: Vec<(String, Stamps)>,
        found: BTreeMap<String, Stamps>,
    ) {
        for (name, stamps) in due {
            self.done.insert(name.clone(), stamps);
            if let Err(error) = self.put_to_work(governance, &name, stamps.1.is_some()).await {
                tracing::error!(
                    policy = name,
                    error = format!("{error:#}"),
                    "a file in the drop folder was not put to work: nothing changed"
                );
            }
        }
        let gone: Vec<String> = self.done.keys().filter(|name| !found.contains_key(*name)).cloned().collect();
        for name in gone {
            self.done.remove(&name);
            match governance.drop_out(&name).await {
                Ok(()) => {
                    tracing::info!(policy = name, "its file is gone from the drop folder: it is retired")
                }
                Err(refusal) => {
                    tracing::error!(policy = name, problems = told(&refusal), "it could not be retired")
                }
            }
        }
        self.seen = found;
    }

    async fn put_to_work(&self, governance: &Governance, name: &str, has_policy: bool) -> Result<()> {
        let component = self.read(&format!("{name}.wasm"))?;
        let wanted = if has_policy {
            let file = format!("{name}.toml");
            let text = String::from_utf8(self.read(&file)?).with_context(|| format!("{file} is no text"))?;
            toml::from_str(&text).map_err(|error| anyhow!("{file} is wrong{}", wrong(&text, &error)))?
        } else {
            DroppedPolicy::default()
        };
        let cases: Arc<[u8]> = component.as_slice().into();
        let view = governance
            .drop_in(name, component, wanted)
            .await
            .map_err(|refusal| anyhow!("{}", told(&refusal)))?;
        let life = view.life.name();
        tracing::info!(policy = name, version = view.version, life, "from the drop folder: at work");
        match governance.dropped_cases(cases).await {
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

/// The largest part of one problem that is put into the log, in characters.
const LONGEST_TOLD: usize = 300;

/// Every problem, for the log.
fn told(refusal: &Refusal) -> String {
    let problem = |problem: &paasla_app::problem::Problem| {
        let place = if problem.place.is_empty() { "at the top" } else { problem.place.as_str() };
        format!("{place}: {}", without_value(&problem.message))
    };
    refusal.problems.iter().map(problem).collect::<Vec<_>>().join("; ")
}

/// Where a file is no TOML, or not what is wanted; without what it says there.
fn wrong(text: &str, error: &toml::de::Error) -> String {
    let before = error.span().and_then(|span| text.get(..span.start));
    let place = before.map_or_else(String::new, |before| {
        let line = before.matches('\n').count().saturating_add(1);
        let column = before.chars().rev().take_while(|c| *c != '\n').count().saturating_add(1);
        format!(" at line {line}, column {column}")
    });
    format!("{place}: {}", without_value(error.message()))
}

/// What a reader says is wrong, without the value that it found: a log holds none.
fn without_value(message: &str) -> String {
    let quotes = ["invalid type: ", "invalid value: ", "invalid length ", "unknown variant "];
    let kept = match message.rfind("expected ") {
        Some(at) if quotes.iter().any(|start| message.contains(start)) => {
            message.get(at..).unwrap_or_default()
        }
        None if quotes.iter().any(|start| message.contains(start)) => "it is not what is wanted",
        _ => message,
    };
    let line = kept.split_whitespace().collect::<Vec<_>>().join(" ");
    line.chars().take(LONGEST_TOLD).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_its_settings_a_rule_is_not_put_to_work() {
        let place = tempfile::tempdir().unwrap();
        let path = |file: &str| place.path().join(file);
        for file in ["plain.wasm", "linked.wasm", "folder.wasm", "both.wasm", "both.toml"] {
            std::fs::write(path(file), "").unwrap();
        }
        std::os::unix::fs::symlink(path("both.toml"), path("linked.toml")).unwrap();
        std::fs::create_dir(path("folder.toml")).unwrap();
        let mut folder = Folder::open(place.path()).unwrap();
        let due = |folder: &mut Folder| -> Vec<String> {
            let look = folder.look().unwrap();
            folder.seen.clone_from(&look.policies);
            folder.due(&look).into_iter().map(|(name, _)| name).collect()
        };
        assert_eq!(due(&mut folder), ["both", "plain"]);
        // They are not gone, though: what is at work stays.
        assert!(folder.names().unwrap().contains("linked"));
        std::fs::remove_file(path("linked.toml")).unwrap();
        assert_eq!(due(&mut folder), ["both", "linked", "plain"]);
    }

    #[test]
    fn a_wrong_file_is_told_in_one_short_line_without_its_values() {
        let told = |text: &str| {
            let error = toml::from_str::<DroppedPolicy>(text).unwrap_err();
            wrong(text, &error)
        };
        let long = format!("settings = \"SECRET{}", "a".repeat(1_000_000));
        for wrong in [
            long.as_str(),
            "mode = \"SECRET\"",
            "mode = \"shadow\"\n[limits]\nfuel = \"SECRET\"",
            "[scope]\nclients = [\"SECRET\"]",
            "[scope]\nservices = \"SECRET\"",
            "x = SECRET",
        ] {
            let told = told(wrong);
            assert!(!told.contains("SECRET") && !told.contains("aaaa"), "{told}");
            assert!(told.contains("line ") && told.lines().count() == 1 && told.len() < 500, "{told}");
        }
        assert!(
            told("mode = \"shadow\"\n[limits]\nfuel = \"x\"").starts_with(" at line 3, column 8: expected")
        );
        assert!(told("scop = 1").contains("unknown field `scop`"));
    }
}
