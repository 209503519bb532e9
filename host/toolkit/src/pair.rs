// SPDX-License-Identifier: Apache-2.0
//! A key pair and its files: the private key in PKCS#8 (RFC 8410, 7), the public one as SubjectPublicKeyInfo, both PEM,
//! as OpenSSL writes and reads them.

use std::{
    fmt,
    fs::{self, File, OpenOptions},
    io::{self, Write as _},
    path::{Path, PathBuf},
};

use anyhow::{Context as _, Result, anyhow};
use ed25519_dalek::{
    Signer as _, SigningKey, VerifyingKey,
    pkcs8::{
        DecodePrivateKey as _, DecodePublicKey as _, EncodePrivateKey as _, EncodePublicKey as _,
        KeypairBytes, spki::der::pem::LineEnding,
    },
};
use sha2::{Digest as _, Sha256};

use crate::{
    failure::{Failure, Kind, invalid},
    files::{folder_of, read_text},
};

/// A private key with its public key. Its bytes are wiped when it goes.
pub struct KeyPair(SigningKey);

/// Shows the id, never the key.
impl fmt::Debug for KeyPair {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("KeyPair").field(&self.id()).finish()
    }
}

impl KeyPair {
    /// A new one, from the system's random bytes.
    ///
    /// # Errors
    /// When the system has none.
    pub fn generate() -> Result<Self> {
        let mut seed = [0_u8; 32];
        getrandom::fill(&mut seed).map_err(|error| anyhow!("no random bytes: {error}"))?;
        let key = SigningKey::from_bytes(&seed);
        seed.fill(0);
        Ok(Self(key))
    }

    /// Reads a private key.
    ///
    /// # Errors
    /// When it cannot be read, or is none. Says nothing of what is in the file.
    pub fn read(file: &Path) -> Result<Self> {
        let text = read_text(file)?;
        if text.contains("-----BEGIN ENCRYPTED PRIVATE KEY-----") {
            let why =
                format!("{} is locked with a passphrase: `openssl pkey` writes it unlocked", file.display());
            return Err(invalid(why));
        }
        let key = SigningKey::from_pkcs8_pem(text.trim()).map_err(|_| {
            invalid(format!(
                "{} is no Ed25519 private key (PKCS#8 in PEM): `paasla key generate` makes one, and so does \
                 `openssl genpkey -algorithm ed25519`",
                file.display()
            ))
        })?;
        Ok(Self(key))
    }

    /// Writes both keys: the private one readable by its owner alone, where there are permissions. Nothing is overwritten.
    /// Gives the public one's file.
    ///
    /// # Errors
    /// When one of the files is there already, or cannot be written; then neither is left.
    pub fn write(&self, private: &Path) -> Result<PathBuf> {
        let public = beside(private);
        // Version 1 of PKCS#8, without the public key: OpenSSL does not read version 2.
        let bytes = KeypairBytes { secret_key: self.0.to_bytes(), public_key: None };
        let secret =
            bytes.to_pkcs8_pem(LineEnding::LF).map_err(|_| anyhow!("the key could not be written as PEM"))?;
        let open = self.0.verifying_key().to_public_key_pem(LineEnding::LF);
        let open = open.map_err(|_| anyhow!("the public key could not be written as PEM"))?;
        let mut private_file = make(private, 0o600)?;
        let written = private_file.write_all(secret.as_bytes()).and_then(|()| private_file.sync_all());
        let written =
            written.with_context(|| format!("{} could not be written", private.display())).and_then(|()| {
                let mut public_file = make(&public, 0o644)?;
                let written = public_file.write_all(open.as_bytes());
                written.with_context(|| format!("{} could not be written", public.display()))
            });
        if let Err(error) = written {
            // Ours, and of no use without the other.
            let _ = fs::remove_file(private);
            return Err(error);
        }
        Ok(public)
    }

    /// The id of the key: SHA-256 of the public key's 32 bytes, lower-case hex.
    pub fn id(&self) -> String {
        hex::encode(Sha256::digest(self.0.verifying_key().as_bytes()))
    }

    /// Signs (Ed25519, RFC 8032); gives hex.
    pub fn sign(&self, text: &str) -> String {
        hex::encode(self.0.sign(text.as_bytes()).to_bytes())
    }

    /// Its public half.
    #[cfg(test)]
    pub fn public(&self) -> VerifyingKey {
        self.0.verifying_key()
    }
}

/// A key's file for its public half.
fn beside(private: &Path) -> PathBuf {
    let mut name = private.as_os_str().to_owned();
    name.push(".pub");
    PathBuf::from(name)
}

/// Makes a file that is not there yet. Where there are permissions, it has these.
fn make(file: &Path, mode: u32) -> Result<File> {
    let folder = folder_of(file);
    fs::create_dir_all(folder).with_context(|| format!("{} could not be made", folder.display()))?;
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, mode);
    #[cfg(not(unix))]
    let _ = mode;
    options.open(file).map_err(|error| match error.kind() {
        io::ErrorKind::AlreadyExists => {
            let why = format!(
                "{} is there already, and a key is never overwritten: choose another name",
                file.display()
            );
            Failure::new(Kind::Conflict, why).into()
        }
        _ => anyhow!("{} could not be made: {error}", file.display()),
    })
}

/// Reads a public key: PEM, or 32 bytes in hex.
///
/// # Errors
/// When it cannot be read, or is none.
pub fn public_key(file: &Path) -> Result<VerifyingKey> {
    let text = read_text(file)?;
    if text.contains("PRIVATE KEY") {
        return Err(invalid(format!(
            "{} is a private key, and stays on your machine: give the public key beside it, {}",
            file.display(),
            beside(file).display()
        )));
    }
    let text = text.trim();
    let key = if text.starts_with("-----BEGIN") {
        VerifyingKey::from_public_key_pem(text).ok()
    } else {
        hex::decode(text).ok().and_then(|bytes| VerifyingKey::try_from(bytes.as_slice()).ok())
    };
    key.ok_or_else(|| {
        invalid(format!("{} is no Ed25519 public key: PEM, or 32 bytes in hex, is wanted", file.display()))
    })
}

#[cfg(test)]
mod tests {
    use ed25519_dalek::Signature;

    use super::*;

    #[test]
    fn a_key_that_was_written_is_read_again_and_signs() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("keys/mari.pem");
        let pair = KeyPair::generate().unwrap();
        let public = pair.write(&file).unwrap();
        assert_eq!(public, folder.path().join("keys/mari.pem.pub"));
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt as _;
            assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
        }
        let again = KeyPair::read(&file).unwrap();
        let read = public_key(&public).unwrap();
        assert_eq!((again.id(), read), (pair.id(), pair.public()));
        let signature = Signature::from_slice(&hex::decode(again.sign("x")).unwrap()).unwrap();
        read.verify_strict(b"x", &signature).unwrap();
        fs::write(&public, hex::encode(read.as_bytes())).unwrap();
        assert_eq!(public_key(&public).unwrap(), read);
    }

    #[test]
    fn openssl_writes_what_is_read_here() {
        // `openssl genpkey -algorithm ed25519`: version 1 of PKCS#8, RFC 8410, 10.3.
        let text = "-----BEGIN PRIVATE KEY-----\n\
                    MC4CAQAwBQYDK2VwBCIEINTuctv5E1hK1bbY8fdp+K06/nwoy/HU++CXqI9EdVhC\n\
                    -----END PRIVATE KEY-----\n";
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("k");
        fs::write(&file, text).unwrap();
        let pair = KeyPair::read(&file).unwrap();
        let public = "19bf44096984cdfe8541bac167dc3b96c85086aa30b6b6cb0c5c38ad703166e1";
        assert_eq!(hex::encode(pair.public().as_bytes()), public);
        let copy = folder.path().join("copy");
        pair.write(&copy).unwrap();
        assert_eq!(fs::read_to_string(&copy).unwrap(), text, "what is written is what OpenSSL writes");
    }

    #[test]
    fn no_key_is_overwritten_and_none_is_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        let (file, public) = (folder.path().join("k"), folder.path().join("k.pub"));
        let pair = KeyPair::generate().unwrap();
        fs::write(&public, "other").unwrap();
        assert!(pair.write(&file).unwrap_err().to_string().contains("never overwritten"));
        assert!(!file.exists() && fs::read_to_string(&public).unwrap() == "other");
        fs::remove_file(&public).unwrap();
        fs::write(&file, "mine").unwrap();
        pair.write(&file).unwrap_err();
        assert!(!public.exists() && fs::read_to_string(&file).unwrap() == "mine");
    }

    #[test]
    fn a_private_key_is_never_taken_for_a_public_one_nor_told() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("k");
        let pair = KeyPair::generate().unwrap();
        pair.write(&file).unwrap();
        let text = fs::read_to_string(&file).unwrap();
        let secret = text.lines().nth(1).unwrap();
        let error = format!("{:#}", public_key(&file).unwrap_err());
        assert!(error.contains("private key") && !error.contains(secret), "{error}");
        fs::write(&file, format!("x{secret}")).unwrap();
        let error = format!("{:#} {:?}", KeyPair::read(&file).unwrap_err(), pair);
        assert!(!error.contains(secret), "{error}");
    }
}
