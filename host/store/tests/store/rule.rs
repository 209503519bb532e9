// SPDX-License-Identifier: Apache-2.0
//! Rules, named by their bytes.

use paasla_store::{StoreError, StoredRule};

use crate::{
    Home,
    sample::{digest, rule},
};

pub(crate) async fn is_stored_once_under_its_digest(home: &impl Home) {
    let store = home.open().await;
    let one = rule(b"\0asm one");
    let other = StoredRule { name: "adults".into(), ..rule(b"\0asm other") };
    assert_eq!(store.rule(&one.digest).await.unwrap(), None);
    assert!(store.put_rule(&one).await.unwrap());
    assert!(store.put_rule(&other).await.unwrap());
    let renamed = StoredRule { name: "renamed".into(), ..one.clone() };
    assert!(!store.put_rule(&renamed).await.unwrap());

    let store = home.open().await;
    assert_eq!(store.rule(&one.digest).await.unwrap(), Some(one.clone()));
    let rules = store.rules().await.unwrap();
    let told: Vec<_> =
        rules.iter().map(|rule| (rule.name.as_str(), rule.digest.as_str(), rule.size)).collect();
    assert_eq!(told, [("adults", other.digest.as_str(), 10), ("minors", one.digest.as_str(), 8)]);
    assert!(rules[0].stored_at > 0);
}

pub(crate) async fn must_have_the_stated_digest(home: &impl Home) {
    let store = home.open().await;
    for stated in [digest(b"something else"), digest(b"rule").to_uppercase(), String::new()] {
        let refused = store.put_rule(&StoredRule { digest: stated.clone(), ..rule(b"rule") }).await;
        let Err(StoreError::WrongDigest { stated: told, actual }) = refused else { panic!("{refused:?}") };
        assert_eq!((told, actual), (stated, digest(b"rule")));
    }
    assert_eq!(store.rules().await.unwrap(), []);
}
