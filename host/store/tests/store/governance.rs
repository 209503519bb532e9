// SPDX-License-Identifier: Apache-2.0
//! How control data changes.

use std::collections::BTreeSet;

use paasla_core::{ObjectId, ObjectKind, Rulebook};
use paasla_store::{
    Store, StoreError,
    governance::{
        act::{Act, Admission, Signature},
        change::{ChangeOutcome, NewChange},
        key::TrustKey,
        proposal::{Effect, Proposal, ProposalState, ProposedAct},
        shadow::{Difference, SHADOW_CHANGES_KEPT, ShadowMissed, ShadowOutcome, ShadowSeen},
        token::{Role, Token},
        version::{PolicyVersion, VersionState},
    },
};

use crate::{
    Home,
    sample::{NOW, client, digest, policy, rule, rulebook},
};

fn change(action: &str, target: &str) -> NewChange {
    NewChange {
        instant: NOW,
        who: "mari".into(),
        token: Some("t".into()),
        institution: None,
        action: action.into(),
        target: target.into(),
        version: None,
        reason: "a test".into(),
        outcome: ChangeOutcome::Done,
        before: None,
        after: Some(digest(b"after")),
        problems: Vec::new(),
        cancelled: Vec::new(),
    }
}

fn install(rulebook: &Rulebook, expected: u64) -> Act {
    Act::Install { rulebook: Box::new(rulebook.clone()), expected }
}

fn token(id: &str) -> Token {
    Token {
        id: id.into(),
        hash: digest(id.as_bytes()),
        holder: "mari".into(),
        roles: vec![Role::RuleAuthor],
        institution: None,
        created_at: NOW,
        expires_at: None,
        revoked_at: None,
    }
}

async fn with_rule(store: &dyn Store) -> Rulebook {
    store.put_rule(&rule(b"rule")).await.unwrap();
    rulebook()
}

async fn numbers(store: &dyn Store) -> Vec<i64> {
    store.changes(None, None, None, 100).await.unwrap().iter().map(|change| change.id).collect()
}

pub(crate) async fn a_change_goes_with_its_record_or_not_at_all(home: &impl Home) {
    let store = home.open().await;
    let rulebook = with_rule(&*store).await;
    assert_eq!((store.newest().await.unwrap(), numbers(&*store).await), (0, vec![]));
    let done = store.commit(&[install(&rulebook, 0)], &change("seed", "rulebook")).await.unwrap();
    assert_eq!((done.generation, store.newest().await.unwrap()), (Some(1), 1));
    // The second act cannot be done, so the first is not either, and nothing is noted.
    let late = [Act::PutToken(token("a")), install(&rulebook, 0)];
    let refused = store.commit(&late, &change("late", "rulebook")).await.unwrap_err();
    assert!(matches!(refused, StoreError::Conflict { what: "generation", .. }), "{refused}");
    assert_eq!(store.tokens().await.unwrap(), []);
    assert_eq!((store.newest().await.unwrap(), numbers(&*store).await), (1, vec![done.change]));
    // The same content again is a change all the same: it has its record.
    let again = store.commit(&[install(&rulebook, 1)], &change("again", "rulebook")).await.unwrap();
    assert_eq!(again.generation, Some(2));
    let other = home.open().await;
    let all = other.changes(None, None, None, 100).await.unwrap();
    let told: Vec<_> = all.iter().map(|one| (one.what.action.as_str(), one.generation)).collect();
    assert_eq!(told, [("again", Some(2)), ("seed", Some(1))]);
    assert_eq!(other.changes(Some("nothing"), None, None, 100).await.unwrap(), []);
    assert_eq!(other.changes(None, None, Some(again.change), 100).await.unwrap(), all[1..]);
}

pub(crate) async fn of_two_changes_at_once_one_wins(home: &impl Home) {
    let (one, other) = (home.open().await, home.open().await);
    let rulebook = with_rule(&*one).await;
    for expected in 0..20 {
        let (act, note) = ([install(&rulebook, expected)], change("race", "rulebook"));
        let (a, b) = tokio::join!(one.commit(&act, &note), other.commit(&act, &note));
        let lost = match (a, b) {
            (Ok(_), Err(lost)) | (Err(lost), Ok(_)) => lost,
            both => panic!("one of them: {both:?}"),
        };
        assert!(matches!(lost, StoreError::Conflict { what: "generation", .. }), "{lost}");
        assert_eq!(one.newest().await.unwrap(), expected + 1);
    }
    assert_eq!(numbers(&*one).await.len(), 20);
}

pub(crate) async fn tokens_keys_and_signatures_are_kept(home: &impl Home) {
    let store = home.open().await;
    let note = change("x", "x");
    with_rule(&*store).await;
    let digest = rule(b"rule").digest;
    let key = TrustKey {
        id: "k".into(),
        public_key: "00".into(),
        owner: "the ministry".into(),
        scope: serde_json::from_str(r#"{"clients":["EE/GOV/1"]}"#).unwrap(),
        added_at: NOW,
        revoked_at: None,
    };
    let signature = Signature { rule: digest.clone(), key: "k".into(), signature: "ff".into(), at: NOW };
    let admission = Admission {
        by: "mari".into(),
        institution: None,
        at: NOW,
        cases: 3,
        also_by: Vec::new(),
        also_for: Vec::new(),
    };
    let acts = [
        Act::PutToken(token("a")),
        Act::PutToken(token("b")),
        Act::PutKey(key.clone()),
        Act::PutRule(rule(b"rule"), admission.clone()),
        Act::PutSignature(signature.clone()),
    ];
    store.commit(&acts, &note).await.unwrap();
    let store = home.open().await;
    assert_eq!(store.token(&token("a").hash).await.unwrap(), Some(token("a")));
    assert_eq!(store.token("nobody").await.unwrap(), None);
    assert_eq!(store.keys().await.unwrap(), std::slice::from_ref(&key));
    assert_eq!(store.admission(&digest).await.unwrap(), Some(admission.clone()));
    assert_eq!(store.signatures(&digest).await.unwrap(), [signature]);
    // Who brought a rule in first stays; keys and tokens can lose their force.
    let revoked = TrustKey { revoked_at: Some(NOW), ..key };
    let gone = Token { revoked_at: Some(NOW), ..token("a") };
    let later = Admission { by: "jaan".into(), ..admission.clone() };
    let acts =
        [Act::PutKey(revoked.clone()), Act::PutToken(gone.clone()), Act::PutRule(rule(b"rule"), later)];
    store.commit(&acts, &note).await.unwrap();
    assert_eq!(store.keys().await.unwrap(), [revoked]);
    assert_eq!(store.token(&gone.hash).await.unwrap(), Some(gone.clone()));
    assert_eq!(store.tokens().await.unwrap().len(), 2);
    assert_eq!(store.admission(&digest).await.unwrap(), Some(admission.clone()));
    // Who brings it again is noted once, beside the first.
    for by in ["jaan", "mari", "jaan"] {
        store
            .commit(&[Act::AddBringer { rule: digest.clone(), by: by.into(), institution: None }], &note)
            .await
            .unwrap();
    }
    store
        .commit(&[Act::AddBringer { rule: "nothing".into(), by: "mari".into(), institution: None }], &note)
        .await
        .unwrap();
    for rule in [digest.clone(), "nothing".into()] {
        store.commit(&[Act::PutCases { rule, cases: 18 }], &note).await.unwrap();
    }
    let both = Admission { also_by: vec!["jaan".into()], cases: 18, ..admission };
    assert!(both.was_brought_by("jaan") && both.was_brought_by("mari") && !both.was_brought_by("liis"));
    assert_eq!(store.admission(&digest).await.unwrap(), Some(both));
    assert!(!gone.is_good(NOW) && token("b").is_good(NOW));
}

pub(crate) async fn versions_are_counted_and_never_overwritten(home: &impl Home) {
    let store = home.open().await;
    let policy = policy("minors", b"rule", "{}");
    let version = |number| PolicyVersion {
        version: number,
        policy: policy.clone(),
        state: VersionState::Checked,
        by: "mari".into(),
        token: None,
        institution: None,
        at: NOW,
        approved_by: None,
        activate_at: None,
        expires_at: None,
        replaced: None,
    };
    let note = change("policy.create", &policy.name);
    store.commit(&[Act::NewVersion(version(1)), Act::NewVersion(version(2))], &note).await.unwrap();
    let twice = store.commit(&[Act::NewVersion(version(2))], &note).await.unwrap_err();
    assert!(matches!(twice, StoreError::Conflict { what: "policy version", .. }), "{twice}");
    let approved =
        PolicyVersion { state: VersionState::Approved, approved_by: Some("jaan".into()), ..version(2) };
    store.commit(&[Act::SetVersion(approved.clone())], &note).await.unwrap();
    let missing = store.commit(&[Act::SetVersion(version(3))], &note).await.unwrap_err();
    assert!(matches!(missing, StoreError::NotFound { what: "policy version", .. }), "{missing}");
    let expected = [version(1), approved];
    assert_eq!(store.versions(None).await.unwrap(), expected);
    assert_eq!(store.versions(Some(&policy.name)).await.unwrap(), expected);
    assert_eq!(store.versions(Some("other")).await.unwrap(), []);
    // Those for which a time is set, and they only.
    assert_eq!(store.planned().await.unwrap(), []);
    let [first, second] = expected;
    let planned = [
        PolicyVersion { expires_at: Some(NOW + 2), ..first },
        PolicyVersion { activate_at: Some(NOW + 1), ..second.clone() },
    ];
    let acts = planned.clone().map(Act::SetVersion);
    store.commit(&acts, &note).await.unwrap();
    assert_eq!(store.planned().await.unwrap(), planned);
    store.commit(&[Act::SetVersion(second)], &note).await.unwrap();
    assert_eq!(store.planned().await.unwrap(), planned[..1]);
}

pub(crate) async fn what_a_rulebook_ever_held_is_known(home: &impl Home) {
    let store = home.open().await;
    assert!(store.held_before().await.unwrap().is_empty());
    let full = with_rule(&*store).await;
    let emptied = Rulebook { grants: Vec::new(), policies: Vec::new(), ..full.clone() };
    let shadow = paasla_core::Policy { mode: paasla_core::Mode::Shadow, ..policy("watched", b"rule", "{}") };
    let full = Rulebook { policies: vec![policy("minors", b"rule", "{}"), shadow], ..full };
    store.commit(&[install(&full, 0)], &change("seed", "rulebook")).await.unwrap();
    store.commit(&[install(&emptied, 1)], &change("seed", "rulebook")).await.unwrap();
    let mut expected: BTreeSet<ObjectId> = full.objects().into_keys().collect();
    expected.retain(|id| id.kind != ObjectKind::Shadow);
    assert_eq!(store.held_before().await.unwrap(), expected);
}

pub(crate) async fn a_proposal_is_decided_once(home: &impl Home) {
    let store = home.open().await;
    let rulebook = with_rule(&*store).await;
    let act = ProposedAct::Seed {
        files: Box::new(rulebook.clone()),
        replace_policies: false,
        bring_back: vec!["grant/a".into()],
    };
    let effect = Effect { changes: Rulebook::default().diff(&rulebook), ..Effect::default() };
    let proposal = Proposal {
        id: 0,
        act,
        state: ProposalState::Open,
        by: "mari".into(),
        token: None,
        institution: None,
        at: NOW,
        reason: "a test".into(),
        base: 0,
        effect,
        decided: None,
    };
    let put = Act::PutProposal(Box::new(proposal.clone()));
    let id = store.commit(&[put], &change("rulebook.seed", "rulebook")).await.unwrap().proposal.unwrap();
    let kept = Proposal { id, ..proposal };
    assert_eq!(
        store.proposal(id).await.unwrap().as_ref(),
        Some(&kept),
        "and what is read is what was written"
    );
    assert_eq!(store.proposals(true).await.unwrap(), std::slice::from_ref(&kept));
    let confirmed = Proposal { state: ProposalState::Confirmed, ..kept };
    let acts = [install(&rulebook, 0), Act::DecideProposal(Box::new(confirmed.clone()))];
    store.commit(&acts, &change("rulebook.seed", "rulebook")).await.unwrap();
    assert_eq!(store.proposals(true).await.unwrap(), []);
    assert_eq!(store.proposals(false).await.unwrap(), std::slice::from_ref(&confirmed));
    // A second time nothing of it is done.
    let acts = [install(&rulebook, 1), Act::DecideProposal(Box::new(confirmed))];
    let again = store.commit(&acts, &change("rulebook.seed", "rulebook")).await;
    assert!(matches!(again, Err(StoreError::Conflict { what: "proposal", .. })), "{again:?}");
    assert_eq!(store.newest().await.unwrap(), 1);
}

fn seen(record: &str, subsystem: &str, what: ShadowOutcome) -> ShadowSeen {
    ShadowSeen {
        version: "v".into(),
        record: record.into(),
        instant: NOW,
        client: client(subsystem),
        service: "person".into(),
        what,
    }
}

pub(crate) async fn what_was_seen_in_shadow_is_summed(home: &impl Home) {
    let store = home.open().await;
    let hidden = |field: &str, reasons: &[&str]| Difference {
        kind: "hidden".into(),
        field: Some(field.into()),
        was: Some("show".into()),
        would_be: Some("hide".into()),
        reasons: reasons.iter().map(|&reason| reason.into()).collect(),
    };
    let changed = ShadowOutcome::Changed(vec![hidden("name", &["a.x", "a.y"]), hidden("sex", &[])]);
    let all = [
        seen("1", "rr", ShadowOutcome::Same),
        seen("2", "rr", changed.clone()),
        seen("3", "rr", ShadowOutcome::Fault { kind: "trap".into(), changed: true }),
        seen("4", "rr", ShadowOutcome::Fault { kind: "trap".into(), changed: false }),
        seen("5", "other", changed.clone()),
    ];
    let missed = ShadowMissed { version: "v".into(), client: client("rr"), queries: 7 };
    store.add_shadow(&all, &[missed]).await.unwrap();
    // The same query is counted once.
    store.add_shadow(&[seen("2", "rr", changed)], &[]).await.unwrap();
    let store = home.open().await;
    let counts = store.shadow_counts("v").await.unwrap();
    let told: Vec<_> = counts.iter().map(|one| (one.queries, one.changed, one.faults, one.missed)).collect();
    assert_eq!(told, [(4, 2, 2, 7), (1, 1, 0, 0)]);
    let tallies = store.shadow_tallies("v").await.unwrap();
    let of = |field: &str, reason: &str| {
        let own = tallies.iter().filter(|one| one.field == field && one.reason == reason);
        own.map(|one| one.queries).sum::<u64>()
    };
    assert_eq!((of("name", "a.x"), of("name", "a.y"), of("sex", ""), of("", "fault.trap")), (2, 2, 2, 2));
    let latest = store.shadow_changes("v", None, 2).await.unwrap();
    assert_eq!(latest.iter().map(|one| one.record.as_str()).collect::<Vec<_>>(), ["5", "3"]);
    assert_eq!(latest[0].differences[0], hidden("name", &["a.x", "a.y"]));
    let rest = store.shadow_changes("v", Some("3"), 9).await.unwrap();
    assert_eq!(rest.iter().map(|one| one.record.as_str()).collect::<Vec<_>>(), ["2"]);
    assert_eq!(store.shadow_counts("other version").await.unwrap(), []);
}

/// The newest changes are kept, older ones go; the sums hold all.
pub(crate) async fn what_changed_in_shadow_is_kept_up_to_a_number(home: &impl Home) {
    let store = home.open().await;
    let changed = || {
        let (field, was, would_be) = (None, Some("allowed".into()), Some("refused".into()));
        ShadowOutcome::Changed(vec![Difference {
            kind: "refused".into(),
            field,
            was,
            would_be,
            reasons: vec![],
        }])
    };
    let all = SHADOW_CHANGES_KEPT + 2_500;
    let numbers: Vec<u32> = (0..all).collect();
    for batch in numbers.chunks(500) {
        let batch: Vec<_> =
            batch.iter().map(|number| seen(&format!("{number:08}"), "rr", changed())).collect();
        store.add_shadow(&batch, &[]).await.unwrap();
    }
    let left = store.shadow_changes("v", None, u32::MAX).await.unwrap();
    let (least, most) = (SHADOW_CHANGES_KEPT as usize, SHADOW_CHANGES_KEPT as usize + 1_500);
    assert!((least..=most).contains(&left.len()), "{}", left.len());
    assert_eq!(left[0].record, format!("{:08}", all - 1), "the newest are there");
    assert_eq!(left[least - 1].record, format!("{:08}", all - SHADOW_CHANGES_KEPT), "without a gap");
    assert_eq!(store.shadow_counts("v").await.unwrap()[0].changed, u64::from(all));
}
