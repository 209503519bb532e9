// SPDX-License-Identifier: Apache-2.0
//! The file of one signature on a rule: `{"rule", "key", "signature"}`, beside the component.
//!
//! Each key has a file of its own, `FILE.wasm.<first 12 digits of the key's id>.sig.json`, so that several people can
//! sign the same component without writing over each other.

use std::{
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context as _, Result};
use paasla_core::signed_text;
use serde::{Deserialize, Serialize};

use crate::{
    failure::invalid,
    files::{folder_of, read_text, write_whole},
    pair::KeyPair,
};

/// How the name of such a file ends.
const ENDING: &str = ".sig.json";

/// The largest such file, in bytes.
pub const LARGEST: usize = 4096;

/// One key's signature on one rule.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SignatureFile {
    /// The rule: SHA-256 of its component, lower-case hex.
    pub rule: String,
    /// The key's id.
    pub key: String,
    /// The signature (Ed25519, RFC 8032), in hex.
    pub signature: String,
}

impl SignatureFile {
    /// Signs a rule.
    pub fn by(pair: &KeyPair, rule: &str) -> Self {
        Self { rule: rule.to_owned(), key: pair.id(), signature: pair.sign(&signed_text(rule)) }
    }

    /// Reads one from bytes. What it holds is hexadecimal and nothing else, so it can be put into names.
    ///
    /// # Errors
    /// When it is none.
    pub fn parse(bytes: &[u8]) -> Result<Self> {
        if bytes.len() > LARGEST {
            return Err(invalid(format!("a file of a signature has at most {LARGEST} bytes")));
        }
        let read: Self =
            serde_json::from_slice(bytes).map_err(|error| invalid(format!("it is no signature: {error}")))?;
        for (name, text, digits) in
            [("rule", &read.rule, 64), ("key", &read.key, 64), ("signature", &read.signature, 128)]
        {
            let is_hex = text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
            if text.len() != digits || !is_hex {
                return Err(invalid(format!("its `{name}` must be {digits} lower-case hexadecimal digits")));
            }
        }
        Ok(read)
    }

    /// Reads a file.
    ///
    /// # Errors
    /// When it cannot be read, or is none.
    pub fn read(file: &Path) -> Result<Self> {
        Self::parse(read_text(file)?.as_bytes())
            .with_context(|| format!("the signature {} is wrong", file.display()))
    }

    /// The text of the file.
    ///
    /// # Errors
    /// Never, as far as is known.
    pub fn text(&self) -> Result<String> {
        Ok(format!("{}\n", serde_json::to_string(self)?))
    }

    /// Where it lies beside a component.
    pub fn place(&self, component: &Path) -> PathBuf {
        let mut name = component.as_os_str().to_owned();
        name.push(format!(".{}{ENDING}", self.key.chars().take(12).collect::<String>()));
        PathBuf::from(name)
    }

    /// Writes the file.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn write(&self, file: &Path) -> Result<()> {
        write_whole(file, self.text()?.as_bytes())
    }
}

/// The signatures on a rule: those in the files that were named, which must be on this rule, and those beside the
/// component, of which others are left out, after saying so. One of each key.
///
/// # Errors
/// When one of the files is no signature, or one that was named is on another rule.
pub fn signatures(component: &Path, rule: &str, named: &[PathBuf]) -> Result<Vec<SignatureFile>> {
    let mut found: Vec<SignatureFile> = Vec::new();
    let mut take = |signature: SignatureFile| {
        if !found.iter().any(|known| known.key == signature.key) {
            found.push(signature);
        }
    };
    for file in named {
        let signature = SignatureFile::read(file)?;
        if signature.rule != rule {
            return Err(invalid(format!(
                "{} is a signature on another rule, {}: {} is {rule}",
                file.display(),
                signature.rule,
                component.display()
            )));
        }
        take(signature);
    }
    for file in beside(component)? {
        let signature = SignatureFile::read(&file)?;
        if signature.rule == rule {
            take(signature);
        } else {
            tracing::warn!(
                file = %file.display(),
                "this signature is left out: it is on another rule, maybe on an earlier build; sign again"
            );
        }
    }
    Ok(found)
}

/// Every file beside a component that is called like a signature on it, by name.
fn beside(component: &Path) -> Result<Vec<PathBuf>> {
    let folder = folder_of(component);
    let name = component.file_name().and_then(|name| name.to_str());
    let name = name.with_context(|| format!("the name of {} is no text", component.display()))?;
    let entries = fs::read_dir(folder).with_context(|| format!("{} cannot be read", folder.display()))?;
    let mut files: Vec<PathBuf> = Vec::new();
    for entry in entries {
        let path = entry.with_context(|| format!("{} cannot be read", folder.display()))?.path();
        let own = path.file_name().and_then(|own| own.to_str());
        let rest = own.and_then(|own| own.strip_prefix(name)).and_then(|rest| rest.strip_prefix('.'));
        if rest.is_some_and(|rest| rest.len() > ENDING.len() && rest.ends_with(ENDING)) {
            files.push(path);
        }
    }
    files.sort();
    Ok(files)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_signature_that_was_written_is_found_beside_the_component() {
        let folder = tempfile::tempdir().unwrap();
        let component = folder.path().join("a.wasm");
        let (rule, other) = ("ab".repeat(32), "cd".repeat(32));
        let (mari, jaan) = (KeyPair::generate().unwrap(), KeyPair::generate().unwrap());
        let by_mari = SignatureFile::by(&mari, &rule);
        let place = by_mari.place(&component);
        assert_eq!(place, folder.path().join(format!("a.wasm.{}.sig.json", mari.id().get(..12).unwrap())));
        by_mari.write(&place).unwrap();
        let stale = SignatureFile::by(&jaan, &other);
        stale.write(&stale.place(&component)).unwrap();
        for foreign in ["a.wasm.sig.json", "b.wasm.0.sig.json", "a.wasm"] {
            fs::write(folder.path().join(foreign), "no signature").unwrap();
        }
        let found = signatures(&component, &rule, std::slice::from_ref(&place)).unwrap();
        assert_eq!(found, [by_mari], "once, and not the one on another rule");
        let error = signatures(&component, &rule, &[stale.place(&component)]).unwrap_err().to_string();
        assert!(error.contains("another rule"), "{error}");
    }

    #[test]
    fn what_is_signed_is_the_text_that_the_host_checks() {
        let pair = KeyPair::generate().unwrap();
        let rule = "ab".repeat(32);
        let signature = hex::decode(SignatureFile::by(&pair, &rule).signature).unwrap();
        let signature = ed25519_dalek::Signature::from_slice(&signature).unwrap();
        pair.public()
            .verify_strict(format!("paasla-rule-v1\nsha256:{rule}\n").as_bytes(), &signature)
            .unwrap();
    }

    #[test]
    fn only_hexadecimal_digits_come_in() {
        let good = SignatureFile { rule: "ab".repeat(32), key: "0".repeat(64), signature: "1".repeat(128) };
        assert_eq!(SignatureFile::parse(good.text().unwrap().as_bytes()).unwrap(), good);
        let wrong = [
            SignatureFile { key: format!("../{}", "0".repeat(61)), ..good.clone() },
            SignatureFile { rule: "AB".repeat(32), ..good.clone() },
            SignatureFile { signature: "1".repeat(64), ..good.clone() },
        ];
        for wrong in wrong {
            SignatureFile::parse(wrong.text().unwrap().as_bytes()).unwrap_err();
        }
        SignatureFile::parse(&[b' '; LARGEST + 1]).unwrap_err();
        SignatureFile::parse(b"{}").unwrap_err();
    }
}
