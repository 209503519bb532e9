// SPDX-License-Identifier: Apache-2.0
//! The trust list: keys whose signatures on rules count.

use ed25519_dalek::{VerifyingKey, pkcs8::DecodePublicKey as _};
use paasla_core::{Mode, Policy, Scope, text::check_line};
use paasla_store::{
    Action, NewQuarantine,
    governance::{
        act::Act,
        key::TrustKey,
        proposal::{ProposalState, ProposedAct},
        version::digest_of,
    },
};
use serde::Deserialize;
use sha2::{Digest as _, Sha256};

use super::{
    ActContext, Governance, Revoked,
    actor::Actor,
    now,
    proposals::proposal,
    refusal::Refusal,
    rulebook_change::{OnUnloadable, RulebookChange},
    signatures,
};
use crate::{active::scope_unmet, quarantine::VersionId};

/// How many characters the name of an owner may have.
const MAX_OWNER_CHARACTERS: usize = 100;

/// A key as it is brought.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct NewKey {
    /// The public key (Ed25519): PEM as `paasla key generate` and OpenSSL write it, or 32 bytes in hex.
    pub public_key: String,
    /// Whose it is.
    pub owner: String,
    /// What its rules may be used for; everything if left out. For an institution: its own clients.
    #[serde(default)]
    pub scope: Scope,
}

/// What came of revoking a key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RevokedKey {
    /// The key.
    pub key: TrustKey,
    /// Policies in force or in shadow for which no other key vouches.
    pub policies: Vec<String>,
    /// What became of them; where it takes two people to retire them, that is proposed.
    pub then: Revoked,
}

impl Governance {
    /// Puts a key into the trust list. One that is there already stays as it is.
    ///
    /// # Errors
    /// When it is no key, or was revoked.
    pub async fn add_key(&self, actor: &Actor, new: NewKey, reason: &str) -> Result<TrustKey, Refusal> {
        let public = public_key(&new.public_key);
        let id = public.map(|public| hex::encode(Sha256::digest(public.as_bytes()))).unwrap_or_default();
        let context = ActContext { actor, action: "key.add", target: &id, version: None, reason };
        let work = async {
            context.check_reason()?;
            actor.check_ministry()?;
            check_line(&new.owner, MAX_OWNER_CHARACTERS).map_err(|error| {
                let message = format!("say whose key it is: {error}");
                Refusal::invalid("owner_missing", "/owner", message)
            })?;
            let public = public.ok_or_else(|| {
                let message = "this is no Ed25519 public key of a key pair: send that of `paasla key generate`, PEM or 32 bytes in hex";
                Refusal::invalid("key_invalid", "/publicKey", message)
            })?;
            let rulebook = self.rulebook();
            Refusal::all(scope_unmet(&rulebook, &new.scope, |client| actor.sees_client(client)))?;
            let _lock = self.change_lock.lock().await;
            if let Some(known) = self.store.keys().await?.into_iter().find(|key| key.id == id) {
                if known.is_in_force() && known.scope == new.scope && known.owner == new.owner {
                    return Ok(known);
                }
                let message =
                    "the key is in the trust list already, with another owner or scope, or was revoked";
                return Err(Refusal::conflict("key_known", message));
            }
            let key = TrustKey {
                id: id.clone(),
                public_key: hex::encode(public.as_bytes()),
                owner: new.owner.trim().to_owned(),
                scope: new.scope.clone(),
                added_at: now(),
                revoked_at: None,
            };
            self.store.commit(&[Act::PutKey(key.clone())], &context.change(None, Some(id.clone()))).await?;
            Ok(key)
        };
        match work.await {
            Ok(key) => Ok(key),
            Err(refusal) => Err(self.refused(context, refusal).await),
        }
    }

    /// Takes a key's force away, and does with the policies for which no other key vouches what is configured.
    ///
    /// # Errors
    /// When there is no such key, or it was revoked already.
    pub async fn revoke_key(&self, actor: &Actor, id: &str, reason: &str) -> Result<RevokedKey, Refusal> {
        let context = ActContext { actor, action: "key.revoke", target: id, version: None, reason };
        match self.revoke(context, id).await {
            Ok(done) => Ok(done),
            Err(refusal) => Err(self.refused(context, refusal).await),
        }
    }

    async fn revoke(&self, context: ActContext<'_>, id: &str) -> Result<RevokedKey, Refusal> {
        context.check_reason()?;
        context.actor.check_ministry()?;
        let _lock = self.change_lock.lock().await;
        // A key must be revocable whatever another program put into the store.
        self.newest_or_unloadable().await?;
        let mut keys = self.store.keys().await?;
        let key = keys.iter_mut().find(|key| key.id == id);
        let key = key.ok_or_else(|| Refusal::not_found("key", id))?;
        if !key.is_in_force() {
            return Err(Refusal::conflict("key_revoked", "the key was revoked already"));
        }
        key.revoked_at = Some(now());
        let key = key.clone();
        let touched = self.only_by(&keys, id).await?;
        let policies: Vec<String> = touched.iter().map(|policy| policy.name.clone()).collect();
        let then = self.settings.revoked;
        let put = Act::PutKey(key.clone());
        if then == Revoked::Retire && !touched.is_empty() {
            // What is in force goes when a second person agrees: more may be seen then.
            let proposals = self.propose_retirements(context, &touched).await?;
            let is_proposed = |own: &Policy| !proposals.is_empty() && own.mode == Mode::Enforce;
            let gone: Vec<String> = touched.iter().map(digest_of).collect();
            let acts: Vec<Act> = std::iter::once(put).chain(proposals.clone()).collect();
            self.change_rulebook(context, OnUnloadable::Override, |active| {
                let mut rulebook = active.rulebook.clone();
                rulebook.policies.retain(|own| is_proposed(own) || !gone.contains(&digest_of(own)));
                Ok(RulebookChange::new(rulebook, acts.clone()))
            })
            .await?;
        } else {
            if then == Revoked::Refuse {
                // Before the key loses its force: if it ends here, too much is refused rather than too little.
                self.quarantine_all(&touched).await?;
            }
            let id = Some(id.to_owned());
            self.store.commit(&[put], &context.change(id.clone(), id)).await?;
            self.look_at_stand_ins().await;
        }
        tracing::warn!(key = id, owner = key.owner, ?policies, ?then, "a key was revoked");
        Ok(RevokedKey { key, policies, then })
    }

    /// Proposals to take those of these policies out of force that are in it; none where one person may do that.
    async fn propose_retirements(
        &self,
        context: ActContext<'_>,
        policies: &[Policy],
    ) -> Result<Vec<Act>, Refusal> {
        let mut acts = Vec::new();
        if !self.settings.four_eyes {
            return Ok(acts);
        }
        for policy in policies.iter().filter(|policy| policy.mode == Mode::Enforce) {
            let act = ProposedAct::Retire { name: policy.name.clone(), version: None };
            let plan = self.plan_retirement(context, &policy.name, None).await?;
            acts.push(Act::PutProposal(Box::new(proposal(context, act, &plan, ProposalState::Open))));
        }
        Ok(acts)
    }

    /// Policies in force and in shadow whose rule this key signed, and for which no key vouches that is in force.
    async fn only_by(&self, keys: &[TrustKey], id: &str) -> Result<Vec<Policy>, Refusal> {
        let mut touched = Vec::new();
        for policy in &self.active.load_full().rulebook.policies {
            let signatures = self.store.signatures(&policy.rule).await?;
            if signatures.iter().any(|signature| signature.key == id)
                && signatures::vouched(keys, &signatures, &policy.rule, &policy.scope).is_err()
            {
                touched.push(policy.clone());
            }
        }
        Ok(touched)
    }

    async fn quarantine_all(&self, policies: &[Policy]) -> Result<(), Refusal> {
        for policy in policies.iter().filter(|policy| policy.mode == Mode::Enforce) {
            let VersionId { policy, rule, settings } = VersionId::of(policy);
            let entry = NewQuarantine {
                policy,
                rule,
                settings,
                since: now(),
                faults: 0,
                kind: "key-revoked".to_owned(),
                action: Action::Refuse,
            };
            self.store.put_quarantine(&entry).await?;
        }
        self.look_at_quarantine().await?;
        Ok(())
    }
}

/// A public key from PEM (SubjectPublicKeyInfo, RFC 8410) or hex. None of those for which there is no secret key: points
/// of small order, under which one signature fits many texts, and second spellings of a point (RFC 8032 §5.1.3).
fn public_key(text: &str) -> Option<VerifyingKey> {
    let text = text.trim();
    let key = if text.starts_with("-----BEGIN") {
        VerifyingKey::from_public_key_pem(text).ok()?
    } else {
        VerifyingKey::try_from(hex::decode(text).ok()?.as_slice()).ok()?
    };
    let is_canonical = key.to_edwards().compress().as_bytes() == key.as_bytes();
    (is_canonical && !key.is_weak()).then_some(key)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_that_nobody_can_sign_with_is_none() {
        // RFC 8032 §7.1, test 1.
        let good = "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a";
        assert!(public_key(good).is_some());
        let small = format!("ec{}7f", "ff".repeat(30));
        let second_spelling = format!("ee{}7f", "ff".repeat(30));
        for (name, bytes) in [
            ("zeros", "00".repeat(32)),
            ("identity", format!("01{}", "00".repeat(31))),
            ("small order", small),
            ("second spelling", second_spelling),
            ("no point", "ff".repeat(32)),
            ("short", "d75a".to_owned()),
        ] {
            assert!(public_key(&bytes).is_none(), "{name}");
        }
    }
}
