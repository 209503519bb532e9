// SPDX-License-Identifier: Apache-2.0
//! Hashes of the persons a query names, for audit records. There are so few personal codes that a plain hash of one is
//! found by trying them all in a minute; with a secret key it is not.

use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;

/// The key of subject hashes.
pub(crate) struct SubjectKey(Hmac<Sha256>);

impl SubjectKey {
    pub(crate) fn new(key: &[u8; 32]) -> Self {
        Self(keyed(key))
    }

    /// The hash of one person's code: HMAC-SHA-256, lower-case hex.
    pub(crate) fn hash(&self, code: &str) -> String {
        let mut mac = self.0.clone();
        mac.update(code.as_bytes());
        hex::encode(mac.finalize().into_bytes())
    }
}

/// A key of its own for each use, from the one secret.
pub(crate) fn derive(secret: &[u8], label: &str) -> [u8; 32] {
    let mut mac = keyed_by_any(secret);
    mac.update(b"paasla/");
    mac.update(label.as_bytes());
    mac.finalize().into_bytes().into()
}

/// By what a secret is known again, without telling anything of it.
#[must_use]
pub fn secret_check(secret: &[u8]) -> String {
    hex::encode(derive(secret, "check"))
}

fn keyed(key: &[u8; 32]) -> Hmac<Sha256> {
    let mut block = hmac::digest::Key::<Hmac<Sha256>>::default();
    block.iter_mut().zip(key).for_each(|(slot, &byte)| *slot = byte);
    Hmac::new(&block)
}

/// A secret of any length: hashed to 32 bytes first.
fn keyed_by_any(secret: &[u8]) -> Hmac<Sha256> {
    use sha2::Digest as _;
    let hashed: [u8; 32] = Sha256::digest(secret).into();
    keyed(&hashed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hashes_depend_on_the_secret_and_on_the_use() {
        let a = SubjectKey::new(&derive(b"one secret", "subject"));
        let b = SubjectKey::new(&derive(b"another secret", "subject"));
        assert_eq!(a.hash("36805280109"), a.hash("36805280109"));
        assert_ne!(a.hash("36805280109"), b.hash("36805280109"));
        assert_ne!(derive(b"one secret", "subject"), derive(b"one secret", "pseudonym"));
        assert!(!a.hash("36805280109").contains("36805280109"));
    }
}
