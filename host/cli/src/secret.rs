// SPDX-License-Identifier: Apache-2.0
//! The host's secret, kept in a file apart from the control database, which knows it again.
//!
//! Pseudonyms and the hashes in records depend on it: with another one they would mean other persons, and nobody would
//! notice. So a host does not start with a secret that is not its own, and makes one only for a new control database.

use std::{
    fs,
    io::{ErrorKind, Write as _},
    os::unix::fs::MetadataExt as _,
    path::Path,
};

use anyhow::{Context as _, Result, bail};
use paasla_app::secret_check;
use paasla_store::{Store, StoreError};

/// What others than the owner may do with a file.
const OTHERS: u32 = 0o077;

/// The secret in this file, which is made if the store knows none yet.
///
/// # Errors
/// When the file cannot be read or made, may be read by others, holds no secret or another one than the store knows, or is
/// missing although the store knows one.
pub(crate) async fn secret(file: &Path, store: &dyn Store) -> Result<Vec<u8>> {
    let known = store.secret_check().await?;
    let there = match fs::metadata(file) {
        Ok(there) => there,
        Err(error) if error.kind() == ErrorKind::NotFound && known.is_none() => {
            make(file)?;
            fs::metadata(file).with_context(|| format!("the secret {} cannot be read", file.display()))?
        }
        Err(error) if error.kind() == ErrorKind::NotFound => bail!(
            "the secret {} is missing, and the control database depends on it: put it back from where you keep a copy. \
             A new one would give pseudonyms and the hashes of earlier records another meaning",
            file.display()
        ),
        Err(error) => {
            return Err(error).with_context(|| format!("the secret {} cannot be read", file.display()));
        }
    };
    if there.mode() & OTHERS != 0 {
        bail!("the secret {0} may be used by others than its owner: `chmod 600 {0}`", file.display());
    }
    let text =
        fs::read_to_string(file).with_context(|| format!("the secret {} cannot be read", file.display()))?;
    let bytes = hex::decode(text.trim()).ok().filter(|bytes| bytes.len() >= 32);
    let secret = bytes.with_context(|| {
        format!("the secret {} must be at least 32 bytes in hex: put the right file back", file.display())
    })?;
    match store.put_secret_check(&secret_check(&secret)).await {
        Ok(()) => Ok(secret),
        Err(StoreError::Conflict { .. }) => bail!(
            "the secret {} is not the one that the control database was made with: put that one back. With another one, \
             pseudonyms and the hashes of earlier records would mean other persons",
            file.display()
        ),
        Err(error) => Err(error.into()),
    }
}

fn make(file: &Path) -> Result<()> {
    let mut bytes = [0_u8; 32];
    getrandom::fill(&mut bytes).map_err(|error| anyhow::anyhow!("no random bytes: {error}"))?;
    let folder = file.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let mut fresh = tempfile::NamedTempFile::new_in(folder)
        .with_context(|| format!("no secret could be made in {}", folder.display()))?;
    writeln!(fresh, "{}", hex::encode(bytes))?;
    fresh.as_file().sync_all()?;
    // Temporary files are readable by their owner only, and the name is taken by one process alone.
    match fresh.persist_noclobber(file) {
        Ok(_) => tracing::info!(file = %file.display(), "made a new secret"),
        Err(error) if file.exists() => drop(error),
        Err(error) => bail!("the secret {} could not be written: {}", file.display(), error.error),
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use paasla_store::SqliteStore;

    use super::*;

    #[tokio::test]
    async fn only_the_secret_of_the_control_database_is_taken() {
        let folder = tempfile::tempdir().unwrap();
        let (file, away) = (folder.path().join("secret.hex"), folder.path().join("away"));
        let store = SqliteStore::open(folder.path().join("store.db")).await.unwrap();
        let wrong = async || format!("{:#}", secret(&file, &store).await.unwrap_err());
        let own = secret(&file, &store).await.unwrap();
        assert_eq!(secret(&file, &store).await.unwrap(), own);

        fs::set_permissions(&file, fs::Permissions::from_mode(0o640)).unwrap();
        assert!(wrong().await.contains("chmod 600"), "{}", wrong().await);
        fs::set_permissions(&file, fs::Permissions::from_mode(0o600)).unwrap();

        fs::rename(&file, &away).unwrap();
        assert!(wrong().await.contains("is missing") && !file.exists(), "{}", wrong().await);
        fs::copy(&away, &file).unwrap();
        fs::write(&file, "00".repeat(32)).unwrap();
        let said = wrong().await;
        assert!(said.contains("not the one") && !said.contains("0000"), "{said}");
        fs::write(&file, "no secret").unwrap();
        assert!(wrong().await.contains("32 bytes in hex"));

        fs::rename(&away, &file).unwrap();
        assert_eq!(secret(&file, &store).await.unwrap(), own);
    }
}
