// SPDX-License-Identifier: Apache-2.0
//! Previous versions of policies, from earlier rulebooks: the newest that was in force before.

use std::collections::{BTreeMap, BTreeSet};

use paasla_core::{Mode, Policy, Rulebook};
use paasla_store::{Store, StoreError};

use super::VersionId;

/// For every policy of a rulebook, the version that was in force before the one at work now: the latest rulebook in
/// which a policy of the same name was enforced with another rule, other settings or other limits. It keeps today's
/// scope. Policies that never had another version are not in it.
///
/// # Errors
/// When the past cannot be read.
pub async fn previous(store: &dyn Store, rulebook: &Rulebook) -> Result<Vec<Policy>, StoreError> {
    let of = |policy: &Policy| (policy.name.clone(), (VersionId::of(policy), policy.scope.clone()));
    let mut wanted: BTreeMap<String, _> = rulebook.policies.iter().map(of).collect();
    let (mut found, mut seen) = (Vec::new(), BTreeSet::new());
    for past in store.generations().await? {
        if wanted.is_empty() {
            break;
        }
        if past.generation >= rulebook.generation || !seen.insert(past.policies) {
            continue;
        }
        for policy in store.policies_at(past.generation).await?.unwrap_or_default() {
            let differs = |(version, _): &(VersionId, _)| VersionId::of(&policy) != *version;
            if policy.mode == Mode::Enforce
                && wanted.get(&policy.name).is_some_and(differs)
                && let Some((_, scope)) = wanted.remove(&policy.name)
            {
                found.push(Policy { scope, ..policy });
            }
        }
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use paasla_store::{SqliteStore, StoredRule};

    use super::*;

    async fn store() -> (tempfile::TempDir, SqliteStore, [String; 2]) {
        let folder = tempfile::tempdir().unwrap();
        let store = SqliteStore::open(folder.path().join("store.db")).await.unwrap();
        let mut digests = Vec::new();
        for bytes in [b"one", b"two"] {
            let digest = paasla_engine::digest_of(bytes);
            let text = || "x".to_owned();
            let rule = StoredRule {
                digest: digest.clone(),
                bytes: bytes.to_vec(),
                name: text(),
                version: text(),
                summary: text(),
            };
            store.put_rule(&rule).await.unwrap();
            digests.push(digest);
        }
        (folder, store, digests.try_into().unwrap())
    }

    fn policy(name: &str, rule: &str, more: &str) -> Policy {
        serde_json::from_str(&format!(r#"{{"name":"{name}","rule":"{rule}"{more}}}"#)).unwrap()
    }

    async fn install(store: &SqliteStore, policies: &[&Policy]) -> Rulebook {
        let policies = policies.iter().map(|policy| (*policy).clone()).collect();
        let rulebook = Rulebook { policies, ..Rulebook::default() };
        store.install(&rulebook, "mari", "test").await.unwrap();
        store.rulebook().await.unwrap().unwrap()
    }

    #[tokio::test]
    async fn it_is_the_latest_that_differs() {
        let (_folder, store, [one, two]) = store().await;
        let first = policy("p", &one, "");
        let second = policy("p", &two, r#","settings":{"a":1},"scope":{"services":["old"]}"#);
        let third = policy("p", &two, r#","settings":{"a":2},"scope":{"services":["new"]}"#);
        let rulebook = install(&store, &[&first]).await;
        assert_eq!(previous(&store, &rulebook).await.unwrap(), [], "there was none before");
        let rulebook = install(&store, &[&second]).await;
        let of_second = Policy { scope: second.scope.clone(), ..first.clone() };
        assert_eq!(previous(&store, &rulebook).await.unwrap(), [of_second]);
        install(&store, &[&third]).await;
        // Another scope is no other version, and another policy no version of this one.
        let narrower = policy("p", &two, r#","settings":{"a":2},"scope":{"services":["narrow"]}"#);
        let rulebook = install(&store, &[&narrower, &policy("q", &one, "")]).await;
        let of_third = Policy { scope: narrower.scope.clone(), ..second.clone() };
        assert_eq!(previous(&store, &rulebook).await.unwrap(), [of_third]);
    }

    #[tokio::test]
    async fn what_was_not_enforced_never_ruled() {
        let (_folder, store, [one, two]) = store().await;
        let enforced = policy("p", &one, "");
        install(&store, &[&enforced]).await;
        install(&store, &[&policy("p", &one, r#","settings":{"tried":true},"mode":"shadow""#)]).await;
        install(&store, &[]).await;
        let rulebook = install(&store, &[&policy("p", &two, "")]).await;
        assert_eq!(previous(&store, &rulebook).await.unwrap(), [enforced]);
    }
}
