// SPDX-License-Identifier: Apache-2.0
//! Compiled code on disk. Loading machine code means trusting it, so an entry counts only with a code of
//! authentication (HMAC-SHA-256, RFC 2104) made with a key that only this host has, over the entry's name and content:
//! an entry that was changed, or put under another's name, is not there.

use std::{
    hash::{BuildHasher as _, Hash, Hasher, RandomState},
    io::{self, Read as _, Write as _},
    path::Path,
    process,
    time::{Duration, SystemTime},
};

use cap_std::{
    ambient_authority,
    fs::{Dir, OpenOptions},
};
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::{Digest as _, Sha256};

use crate::system::make_private_folder;

/// Bytes of the code of authentication, at the start of an entry.
const TAG: usize = 32;
/// A half-written entry that is older than this was left by a crash.
const LEFT_OVER: Duration = Duration::from_secs(3600);

/// A folder of compiled code. What is in it can be lost at any time: it is made again.
#[derive(Debug)]
pub struct CodeCache {
    folder: Dir,
    key: Key,
    most_bytes: u64,
}

/// The key. Never shown.
struct Key([u8; 32]);

impl std::fmt::Debug for Key {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Key")
    }
}

/// The name of an entry: a digest of everything that its content depends on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Name(String);

impl Name {
    /// `parts` are told apart by their lengths, so no two lists of parts have one name.
    pub(crate) fn new(kind: &str, engine: &wasmtime::Engine, parts: &[&str]) -> Self {
        let mut digest = Sha256::new();
        for part in [kind].iter().chain(parts) {
            digest.update(u64::try_from(part.len()).unwrap_or(u64::MAX).to_le_bytes());
            digest.update(part.as_bytes());
        }
        digest.update(env!("CARGO_PKG_VERSION"));
        // Holds wasmtime's full version, the processor's features and every setting that changes code.
        let mut compatible = Feed(digest);
        engine.precompile_compatibility_hash().hash(&mut compatible);
        Self(format!("{}.{kind}", hex::encode(compatible.0.finalize())))
    }
}

/// Feeds whatever is hashed into a digest, so that the name is the same in every process.
struct Feed(Sha256);

impl Hasher for Feed {
    fn write(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    fn finish(&self) -> u64 {
        0
    }
}

impl CodeCache {
    /// Opens a folder, and makes it if it is not there. `secret` is the host's own; a key of the cache's own is
    /// derived from it. When the entries exceed `most_bytes`, those that were not used for longest go.
    ///
    /// # Errors
    /// When the folder cannot be made or opened.
    pub fn open(folder: &Path, secret: &[u8], most_bytes: u64) -> io::Result<Self> {
        make_private_folder(folder)?;
        let folder = Dir::open_ambient_dir(folder, ambient_authority())?;
        let key = Key(code(secret, &[b"paasla: cache of compiled code"])?);
        Ok(Self { folder, key, most_bytes })
    }

    /// An entry's content, if it is there and whole.
    pub(crate) fn get(&self, name: &Name) -> Option<Vec<u8>> {
        let mut file = self.folder.open(&name.0).ok()?;
        let mut entry = Vec::new();
        let size = file.metadata().ok()?.len();
        if size > self.most_bytes || file.read_to_end(&mut entry).is_err() {
            return None;
        }
        let whole = entry.split_at_checked(TAG).filter(|(tag, content)| self.is_ours(name, tag, content));
        let Some((_, content)) = whole else {
            tracing::warn!(
                entry = name.0,
                "compiled code in the cache is not what this host wrote: made again"
            );
            return None;
        };
        let content = content.to_vec();
        // Used now: what is used least goes first. Not worth an error.
        let _ = file.into_std().set_modified(SystemTime::now());
        Some(content)
    }

    /// Keeps an entry. A cache that cannot write is as good as an empty one, so this only warns.
    pub(crate) fn put(&self, name: &Name, content: &[u8]) {
        if let Err(error) = self.write(name, content).and_then(|()| self.trim()) {
            tracing::warn!(entry = name.0, %error, "compiled code could not be kept in the cache");
        }
    }

    fn write(&self, name: &Name, content: &[u8]) -> io::Result<()> {
        let tag = code(&self.key.0, &[name.0.as_bytes(), &[0], content])?;
        // A number that nobody else takes, in this process or another: two may write one entry at a time.
        let number = RandomState::new().build_hasher().finish();
        let draft = format!("{}.{}-{number:016x}.draft", name.0, process::id());
        let mut options = OpenOptions::new();
        let mut file = self.folder.open_with(&draft, options.write(true).create_new(true))?;
        // From here on the draft is ours, and ours to remove.
        let mut write = || {
            file.write_all(&tag)?;
            file.write_all(content)?;
            // Whoever reads the name reads all of it, also after a crash.
            file.sync_all()?;
            self.folder.rename(&draft, &self.folder, &name.0)
        };
        write().inspect_err(|_| drop(self.folder.remove_file(&draft)))
    }

    fn is_ours(&self, name: &Name, tag: &[u8], content: &[u8]) -> bool {
        let mac = <Hmac<Sha256>>::new_from_slice(&self.key.0);
        mac.is_ok_and(|mac| {
            let mac = mac.chain_update(name.0.as_bytes()).chain_update([0]).chain_update(content);
            mac.verify_slice(tag).is_ok()
        })
    }

    /// Removes what was not used for longest, until the rest fits.
    fn trim(&self) -> io::Result<()> {
        let now = SystemTime::now();
        let mut entries = Vec::new();
        let mut total = 0_u64;
        for entry in self.folder.entries()? {
            let entry = entry?;
            // Another process may remove it meanwhile.
            let Ok(metadata) = entry.metadata() else { continue };
            let used = metadata.modified().map_or(now, cap_std::time::SystemTime::into_std);
            let name = entry.file_name();
            let is_draft = name.to_string_lossy().ends_with(".draft");
            if is_draft && now.duration_since(used).is_ok_and(|age| age > LEFT_OVER) {
                let _ = self.folder.remove_file(&name);
            } else if metadata.is_file() && !is_draft {
                total = total.saturating_add(metadata.len());
                entries.push((used, metadata.len(), name));
            }
        }
        entries.sort();
        for (_, size, name) in entries {
            if total <= self.most_bytes {
                break;
            }
            let _ = self.folder.remove_file(&name);
            total = total.saturating_sub(size);
        }
        Ok(())
    }
}

fn code(key: &[u8], parts: &[&[u8]]) -> io::Result<[u8; 32]> {
    let mut mac = <Hmac<Sha256>>::new_from_slice(key).map_err(io::Error::other)?;
    for part in parts {
        mac.update(part);
    }
    Ok(mac.finalize().into_bytes().into())
}
