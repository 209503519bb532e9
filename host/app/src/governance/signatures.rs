// SPDX-License-Identifier: Apache-2.0
//! Signatures on rules: which keys vouch for a rule, and for what.

use ed25519_dalek::{Signature as Bytes, VerifyingKey};
use paasla_core::{Scope, Vouching, signed_text};
use paasla_store::governance::{act::Signature, key::TrustKey};

use crate::problem::Problem;

/// Checks a signature with a key: Ed25519 (RFC 8032), strictly.
pub(crate) fn verifies(key: &TrustKey, rule: &str, signature: &str) -> bool {
    let bytes = |text: &str| hex::decode(text).ok();
    let key = bytes(&key.public_key).and_then(|bytes| VerifyingKey::try_from(bytes.as_slice()).ok());
    let signature = bytes(signature).and_then(|bytes| Bytes::from_slice(&bytes).ok());
    let (Some(key), Some(signature)) = (key, signature) else { return false };
    key.verify_strict(signed_text(rule).as_bytes(), &signature).is_ok()
}

/// What is wrong with a signature that is brought; nothing when it counts.
pub(crate) fn problem(
    keys: &[TrustKey],
    rule: &str,
    key: &str,
    signature: &str,
    place: &str,
) -> Option<Problem> {
    let Some(trusted) = keys.iter().find(|trusted| trusted.id == key) else {
        let message = format!(
            "the key {} is not in the trust list: an operator can add it with `paasla key add`",
            short(key)
        );
        return Some(Problem::new("key_unknown", place, message));
    };
    if !trusted.is_in_force() {
        let message = format!("the key {} of {} was revoked: sign with another", short(key), trusted.owner);
        return Some(Problem::new("key_revoked", place, message));
    }
    if !verifies(trusted, rule, signature) {
        let message = format!(
            "this is no signature by the key {} of {} on the rule {}: sign these very bytes with `paasla rule sign`",
            short(key),
            trusted.owner,
            short(rule)
        );
        return Some(Problem::new("signature_wrong", place, message));
    }
    None
}

/// Whether keys in force vouch for a rule in a scope; otherwise why not.
pub(crate) fn vouched(
    keys: &[TrustKey],
    signatures: &[Signature],
    rule: &str,
    scope: &Scope,
) -> Result<(), Problem> {
    let signed: Vec<&TrustKey> = signatures
        .iter()
        .filter_map(|signature| {
            let key = keys.iter().find(|key| key.id == signature.key)?;
            verifies(key, rule, &signature.signature).then_some(key)
        })
        .collect();
    let in_force: Vec<&&TrustKey> = signed.iter().filter(|key| key.is_in_force()).collect();
    if in_force.iter().any(|key| scope.is_within(&key.scope)) {
        return Ok(());
    }
    let short = short(rule);
    Err(match (signed.first(), in_force.first()) {
        (None, _) => Problem::new(
            "rule_unsigned",
            "/rule",
            format!(
                "the rule {short} carries no signature by a key of the trust list: sign it with `paasla rule sign`"
            ),
        ),
        (Some(key), None) => Problem::new(
            "key_revoked",
            "/rule",
            format!(
                "the key of {} that signed the rule {short} was revoked: have it signed by another",
                key.owner
            ),
        ),
        (_, Some(key)) => Problem::new(
            "key_out_of_scope",
            "/scope",
            format!(
                "the key of {} may vouch for policies with {} only: narrow the policy's scope, or have the rule signed \
                 by a key that may vouch for more",
                key.owner,
                scope_text(&key.scope)
            ),
        ),
    })
}

/// Who vouches for a rule. A key that may vouch for certain clients only is an institution's.
pub(crate) fn vouching(keys: &[TrustKey], signatures: &[Signature], rule: &str) -> Vouching {
    let signed = |key: &&TrustKey| {
        signatures.iter().any(|own| own.key == key.id && verifies(key, rule, &own.signature))
    };
    let mut ministry = keys.iter().filter(|key| key.is_in_force() && key.scope.clients.is_empty());
    if ministry.any(|key| signed(&key)) { Vouching::Ministry } else { Vouching::Institution }
}

/// Whether nobody vouches any more for a rule in a scope, because keys were revoked; then why not. A rule for which
/// nobody ever vouched, as one that came with a seeded rulebook, has lost nothing.
pub(crate) fn lost(
    keys: &[TrustKey],
    signatures: &[Signature],
    rule: &str,
    scope: &Scope,
) -> Option<Problem> {
    let problem = vouched(keys, signatures, rule, scope).err()?;
    let once: Vec<TrustKey> = keys.iter().map(|key| TrustKey { revoked_at: None, ..key.clone() }).collect();
    vouched(&once, signatures, rule, scope).is_ok().then_some(problem)
}

fn scope_text(scope: &Scope) -> String {
    let clients: Vec<String> = scope.clients.iter().map(|client| format!("`{client}`")).collect();
    let services: Vec<String> = scope.services.iter().map(|name| format!("`{name}`")).collect();
    match (clients.is_empty(), services.is_empty()) {
        (true, _) => format!("the services {}", services.join(", ")),
        (_, true) => format!("the clients {}", clients.join(", ")),
        _ => format!("the clients {} and the services {}", clients.join(", "), services.join(", ")),
    }
}

fn short(digest: &str) -> &str {
    digest.get(..12).unwrap_or(digest)
}

#[cfg(test)]
mod tests {
    use ed25519_dalek::{Signer as _, SigningKey};

    use super::*;

    fn scope(json: &str) -> Scope {
        serde_json::from_str(json).unwrap()
    }

    fn key(seed: u8, own: &str) -> (SigningKey, TrustKey) {
        let secret = SigningKey::from_bytes(&[seed; 32]);
        let public_key = hex::encode(secret.verifying_key().as_bytes());
        let owner = "x".to_owned();
        let key = TrustKey {
            id: format!("{seed}"),
            public_key,
            owner,
            scope: scope(own),
            added_at: 0,
            revoked_at: None,
        };
        (secret, key)
    }

    fn sign(secret: &SigningKey, key: &TrustKey, rule: &str) -> Signature {
        let signature = hex::encode(secret.sign(signed_text(rule).as_bytes()).to_bytes());
        Signature { rule: rule.to_owned(), key: key.id.clone(), signature, at: 0 }
    }

    #[test]
    fn a_scope_within_another_is_never_wider() {
        let within = |inner: &Scope, outer: &Scope| inner.is_within(outer);
        let institution = scope(r#"{"clients":["EE/GOV/1"]}"#);
        assert!(within(&scope(r#"{"clients":["EE/GOV/1/a","EE/GOV/1"]}"#), &institution));
        assert!(within(&scope(r#"{"clients":["EE/GOV/1/a"],"services":["person"]}"#), &institution));
        assert!(!within(&scope("{}"), &institution), "no list means everybody");
        assert!(!within(&scope(r#"{"clients":["EE/GOV/1/a","EE/GOV/2"]}"#), &institution));
        let one = scope(r#"{"clients":["EE/GOV/1/a"]}"#);
        assert!(!within(&institution, &one), "a member is more than its subsystem");
        let service = scope(r#"{"services":["person"]}"#);
        assert!(within(&service, &service) && !within(&one, &service) && within(&one, &scope("{}")));
    }

    #[test]
    fn one_key_in_force_and_in_scope_is_needed_and_enough() {
        let (ministry, all) = key(1, "{}");
        let (unit, own) = key(2, r#"{"clients":["EE/GOV/1"]}"#);
        let (foreign, unknown) = key(3, "{}");
        let revoked = TrustKey { revoked_at: Some(1), ..all.clone() };
        let everywhere = scope("{}");
        let code = |keys: &[TrustKey], signatures: &[Signature], scope: &Scope| {
            vouched(keys, signatures, "ab", scope).map_err(|problem| problem.code)
        };
        let keys = [all.clone(), own.clone()];
        assert_eq!(code(&keys, &[sign(&ministry, &all, "ab")], &everywhere), Ok(()));
        assert_eq!(code(&keys, &[], &everywhere), Err("rule_unsigned"));
        assert_eq!(code(&keys, &[sign(&foreign, &unknown, "ab")], &everywhere), Err("rule_unsigned"));
        assert_eq!(code(&keys, &[sign(&foreign, &all, "ab")], &everywhere), Err("rule_unsigned"));
        assert_eq!(code(&keys, &[sign(&ministry, &all, "cd")], &everywhere), Err("rule_unsigned"));
        assert_eq!(code(&keys, &[sign(&unit, &own, "ab")], &everywhere), Err("key_out_of_scope"));
        assert_eq!(code(&keys, &[sign(&unit, &own, "ab")], &scope(r#"{"clients":["EE/GOV/1/x"]}"#)), Ok(()));
        let signatures = [sign(&ministry, &all, "ab"), sign(&unit, &own, "ab")];
        assert_eq!(code(std::slice::from_ref(&revoked), &signatures, &everywhere), Err("key_revoked"));
        assert_eq!(
            code(&[revoked.clone(), own.clone()], &signatures, &scope(r#"{"clients":["EE/GOV/1"]}"#)),
            Ok(())
        );
        let lost = |keys: &[TrustKey], signatures: &[Signature]| {
            lost(keys, signatures, "ab", &everywhere).map(|problem| problem.code)
        };
        assert_eq!(lost(&keys, &signatures), None);
        assert_eq!(lost(std::slice::from_ref(&revoked), &signatures), Some("key_revoked"));
        assert_eq!(lost(&[revoked.clone(), own.clone()], &signatures), Some("key_out_of_scope"));
        assert_eq!(lost(&[revoked, own.clone()], &signatures[1..]), None, "it never vouched for that");
        assert_eq!(lost(&[own], &[]), None, "nor did anybody");
    }
}
