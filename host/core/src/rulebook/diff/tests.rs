// SPDX-License-Identifier: Apache-2.0
//! Whatever lets one query see more is told to loosen, whatever else changed with it.

use std::collections::BTreeSet;

use jiff::civil::date;
use proptest::{collection::vec, prelude::*, sample::subsequence};

use super::*;
use crate::{
    ClientId, Date, Quota, Requirement, Scope, Vouching, Window,
    rulebook::{Matched, Wanted},
    term::{Concept, Vocabulary},
};

const CLIENTS: [&str; 3] = ["EE/GOV/1", "EE/GOV/1/a", "EE/GOV/2/b"];
const KEYS: [&str; 2] = ["code", "name"];
const REQUIREMENTS: [Requirement; 2] = [Requirement::Case, Requirement::Provision];
const FIELDS: [&str; 3] = ["code", "name", "born"];
const PURPOSES: [&str; 2] = ["urn:p", "urn:p-narrow"];
const BASES: [&str; 2] = ["urn:b", "urn:c"];

fn texts(all: &'static [&'static str], least: usize) -> impl Strategy<Value = Vec<String>> {
    subsequence(all, least..=all.len()).prop_map(|some| some.into_iter().map(str::to_owned).collect())
}

/// Lookups of which no two overlap.
fn lookups() -> impl Strategy<Value = Vec<Lookup>> {
    let rows = prop::option::of(1_u32..3);
    let lookup =
        (texts(&KEYS, 1), texts(&KEYS, 0), fields(), rows).prop_map(|(keys, optional, fields, max_rows)| {
            Lookup {
                optional_keys: optional.into_iter().filter(|key| !keys.contains(key)).collect(),
                keys,
                fields,
                max_rows,
            }
        });
    vec(lookup, 0..3).prop_map(|all| {
        let mut apart: Vec<Lookup> = Vec::new();
        for lookup in all {
            if !apart.iter().any(|other| other.overlaps(&lookup)) {
                apart.push(lookup);
            }
        }
        apart
    })
}

fn service() -> impl Strategy<Value = Service> {
    let requires = subsequence(&REQUIREMENTS, 0..=REQUIREMENTS.len());
    let more = (texts(&BASES, 0), requires, texts(&FIELDS, 0), lookups());
    (1_u32..3, texts(&KEYS, 1), texts(&FIELDS, 1), texts(&PURPOSES, 1), 1_u32..3, more).prop_map(
        |(version, keys, fields, purposes, most, (legal_bases, requires, default_fields, lookups))| Service {
            name: "s".into(),
            version,
            title: String::new(),
            entity: "person".into(),
            keys,
            fields,
            max_subjects: most,
            max_rows: most,
            purposes,
            legal_bases,
            requires,
            default_fields,
            lookups,
        },
    )
}

fn fields() -> impl Strategy<Value = Vec<String>> {
    prop_oneof![3 => texts(&FIELDS, 1), 1 => Just(vec!["*".to_owned()])]
}

fn grant() -> impl Strategy<Value = Grant> {
    let times = (1_i8..4, prop::option::of(2_i8..5));
    let quota = prop::option::of(1_u32..4);
    let who = (0_usize..2, 0_usize..CLIENTS.len());
    (who, fields(), texts(&PURPOSES, 1), texts(&BASES, 1), times, quota).prop_map(
        |((id, client), fields, purposes, legal_bases, (from, until), quota)| Grant {
            id: format!("g{id}"),
            client: CLIENTS[client].parse().unwrap(),
            service: "s".into(),
            fields,
            purposes,
            legal_bases,
            valid_from: date(2026, 1, from),
            valid_until: until.map(|day| date(2026, 1, day)),
            quotas: quota.map(|persons| Quota { window: Window::Day, persons }).into_iter().collect(),
            reference: None,
            may_hide: false,
            attributes: Vec::new(),
        },
    )
}

fn scope() -> impl Strategy<Value = Scope> {
    (any::<bool>(), subsequence(&CLIENTS[..], 0..=2)).prop_map(|(only, clients)| Scope {
        services: only.then(|| "s".to_owned()).into_iter().collect(),
        clients: clients.into_iter().map(|client| client.parse().unwrap()).collect(),
    })
}

fn policy() -> impl Strategy<Value = Policy> {
    let vouching = prop_oneof![Just(Vouching::Ministry), Just(Vouching::Institution)];
    let parts = (0_usize..2, 0_usize..2, scope(), any::<bool>(), vouching);
    parts.prop_map(|(name, rule, scope, shadow, vouched_by)| Policy {
        name: format!("p{name}"),
        rule: format!("r{rule}"),
        settings: Value::Null,
        scope,
        mode: if shadow { Mode::Shadow } else { Mode::Enforce },
        limits: crate::Limits::default(),
        vouched_by,
    })
}

/// Of several with one identity the first stays.
fn unique<T>(all: Vec<T>, id: impl Fn(&T) -> ObjectId) -> Vec<T> {
    let mut seen = BTreeSet::new();
    all.into_iter().filter(|one| seen.insert(id(one))).collect()
}

fn rulebook() -> impl Strategy<Value = Rulebook> {
    (vec(service(), 1..3), vec(grant(), 0..4), vec(policy(), 0..4), any::<bool>()).prop_map(
        |(services, grants, policies, within)| {
            let concept = |kind, iri: &str, broader: &[&str]| Concept {
                iri: iri.into(),
                kind,
                label: iri.into(),
                label_et: None,
                broader: broader.iter().map(|&one| one.into()).collect(),
            };
            let concepts = vec![
                concept(ConceptKind::Purpose, PURPOSES[0], &[]),
                concept(ConceptKind::Purpose, PURPOSES[1], if within { &PURPOSES[..1] } else { &[] }),
                concept(ConceptKind::LegalBasis, BASES[0], &[]),
                concept(ConceptKind::LegalBasis, BASES[1], &[]),
            ];
            Rulebook {
                generation: 0,
                vocabulary: Vocabulary { concepts, ..Vocabulary::default() },
                services: unique(services, ObjectId::of_service),
                grants: unique(grants, |grant| ObjectId::new(ObjectKind::Grant, &grant.id)),
                policies: unique(policies, ObjectId::of_policy),
            }
        },
    )
}

/// A query that some rulebook may answer.
#[derive(Debug, Clone)]
struct Asked {
    client: ClientId,
    version: u32,
    field: &'static str,
    purpose: Option<&'static str>,
    basis: Option<&'static str>,
    date: Date,
    keys: Vec<&'static str>,
    stated: Vec<Requirement>,
    /// Whether it names no field, so that the service's own selection counts.
    by_default: bool,
    limit: Option<u32>,
    /// How many rows match.
    hits: u32,
}

fn asked() -> impl Strategy<Value = Asked> {
    let stated = (prop::option::of(0_usize..2), prop::option::of(0_usize..2));
    let keys = (subsequence(&KEYS, 1..=KEYS.len()), subsequence(&REQUIREMENTS, 0..=REQUIREMENTS.len()));
    let rows = (any::<bool>(), prop::option::of(1_u32..4), 1_u32..4);
    (0_usize..CLIENTS.len(), 1_u32..3, 0_usize..FIELDS.len(), stated, 1_i8..5, keys, rows).prop_map(
        |(client, version, field, (purpose, basis), day, (keys, stated), (by_default, limit, hits))| Asked {
            client: CLIENTS[client].parse().unwrap(),
            version,
            field: FIELDS[field],
            purpose: purpose.map(|number| PURPOSES[number]),
            basis: basis.map(|number| BASES[number]),
            date: date(2026, 1, day),
            keys,
            stated,
            by_default,
            limit,
            hits,
        },
    )
}

/// How many rows, how many persons, and the policies in scope by name and rule.
type Opened = (u32, u32, BTreeSet<(String, String)>);

/// What a query can come to: nothing, or the field under these caps and these policies.
fn opened(rulebook: &Rulebook, asked: &Asked) -> Option<Opened> {
    let vocabulary = &rulebook.vocabulary;
    let purpose = asked.purpose.map(|iri| vocabulary.term(ConceptKind::Purpose, iri).unwrap());
    let basis = asked.basis.map(|iri| vocabulary.term(ConceptKind::LegalBasis, iri).unwrap());
    let service = rulebook.service("s", asked.version)?;
    let wanted = Wanted {
        client: &asked.client,
        service: "s",
        date: asked.date,
        purpose: purpose.as_ref(),
        basis: basis.as_ref(),
    };
    let Matched { grant, purpose, basis } = rulebook.grant_for(wanted).ok()?;
    let purpose = vocabulary.term(ConceptKind::Purpose, &purpose).unwrap();
    let basis = vocabulary.term(ConceptKind::LegalBasis, &basis).unwrap();
    let lookup = match service.lookups.as_slice() {
        [] => None,
        _ => Some(service.lookup(&asked.keys)?),
    };
    let open = purpose.is_within_any(&service.purposes)
        && service.allows_basis(&basis)
        && service.requires.iter().all(|required| asked.stated.contains(required))
        && asked.keys.iter().all(|key| service.keys.iter().any(|known| known == key))
        && grant.opens(asked.field)
        && (!asked.by_default || service.default_fields_by(lookup).any(|field| field == asked.field))
        && service.fields_by(lookup).any(|field| field == asked.field);
    let most = service.max_rows_by(lookup);
    let rows = asked.hits.min(asked.limit.unwrap_or(most));
    let is_refused = asked.limit.is_some_and(|limit| limit > most)
        || (lookup.is_some_and(|lookup| lookup.max_rows.is_some())
            && asked.limit.is_none_or(|limit| limit == most)
            && asked.hits > most);
    let in_scope = |policy: &&Policy| {
        policy.mode == Mode::Enforce
            && (policy.scope.clients.is_empty()
                || policy.scope.clients.iter().any(|own| own.covers(&asked.client)))
    };
    let policies = rulebook.policies.iter().filter(in_scope).map(|own| (own.name.clone(), own.rule.clone()));
    let cap = grant.quotas.iter().map(|quota| quota.persons).min().unwrap_or(u32::MAX);
    (open && !is_refused).then(|| (rows, cap, policies.collect()))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn whatever_opens_something_loosens(before in rulebook(), after in rulebook(), queries in vec(asked(), 20)) {
        let diff = before.diff(&after);
        let loosens = diff.iter().any(|one| one.loosens);
        for asked in queries {
            let Some((rows, cap, policies)) = opened(&after, &asked) else { continue };
            let wider = match opened(&before, &asked) {
                None => true,
                Some((old_rows, old_cap, old)) => rows > old_rows || cap > old_cap || !old.is_subset(&policies),
            };
            prop_assert!(loosens || !wider, "{asked:?} sees more, and nothing of it is told: {diff:?}");
        }
    }

    #[test]
    fn what_is_taken_over_whole_differs_in_nothing(before in rulebook(), after in rulebook()) {
        prop_assert_eq!(before.diff(&before.clone()), vec![]);
        let removed: BTreeSet<ObjectId> = before.objects().into_keys().collect();
        prop_assert!(before.clone().without(&removed).objects().is_empty());
        // What is stored is what is found again.
        let diff = before.diff(&after);
        let text = serde_json::to_string(&diff).unwrap();
        prop_assert_eq!(serde_json::from_str::<Vec<ObjectDiff>>(&text).unwrap(), diff);
    }
}

fn first(before: &Rulebook, after: &Rulebook) -> ObjectDiff {
    let mut diff = before.diff(after);
    assert_eq!(diff.len(), 1, "{diff:?}");
    diff.remove(0)
}

#[test]
fn what_only_tightens_is_told_apart() {
    let grant: Grant = serde_json::from_value(serde_json::json!({
        "id": "tartu", "client": "EE/GOV/1/a", "service": "s", "fields": ["code", "name"], "purposes": ["urn:p"],
        "legal-bases": ["urn:b"], "valid-from": "2026-01-01",
    }))
    .unwrap();
    let with = |grants: &[&Grant]| Rulebook {
        grants: grants.iter().map(|&one| one.clone()).collect(),
        ..Rulebook::default()
    };
    let removed = first(&with(&[&grant]), &with(&[]));
    assert_eq!((removed.change, removed.loosens), (ObjectChange::Removed, false));
    assert!(first(&with(&[]), &with(&[&grant])).loosens);
    let narrower =
        Grant { fields: vec!["code".into()], valid_until: Some(date(2027, 1, 1)), ..grant.clone() };
    assert!(!first(&with(&[&grant]), &with(&[&narrower])).loosens);
    let wider = first(&with(&[&narrower]), &with(&[&grant]));
    assert!(wider.loosens);
    let places: Vec<&str> = wider.members.iter().map(|member| member.place.as_str()).collect();
    assert_eq!(places, ["/fields", "/valid-until"]);
    // Another holder has used nothing yet, and a cap of the access right's own may take the place of a rule's.
    let member = Grant { client: "EE/GOV/1".parse().unwrap(), ..grant.clone() };
    assert!(first(&with(&[&member]), &with(&[&grant])).loosens);
    let quota = |persons| vec![Quota { window: Window::Month, persons }];
    let [capped, more, fewer] = [20, 21, 19].map(|persons| Grant { quotas: quota(persons), ..grant.clone() });
    assert!(first(&with(&[&grant]), &with(&[&capped])).loosens);
    assert!(first(&with(&[&capped]), &with(&[&grant])).loosens);
    assert!(first(&with(&[&capped]), &with(&[&more])).loosens);
    assert!(!first(&with(&[&capped]), &with(&[&fewer])).loosens);
    // What stood on the narrow one stands on the other from now on.
    let other = Grant { id: "whole".into(), client: "EE/GOV/1".parse().unwrap(), ..grant.clone() };
    assert!(first(&with(&[&narrower, &other]), &with(&[&other])).loosens);
}

#[test]
fn a_service_that_is_asked_in_fewer_ways_is_tighter() {
    let service = |more: &str| {
        let whole = r#"{"name":"s","version":1,"title":"","entity":"person","keys":["code","name"],"fields":["code",
            "name","born"],"max-subjects":9,"max-records":9,"purposes":["urn:p"]"#;
        let services = vec![serde_json::from_str(&format!("{whole}{more}}}")).unwrap()];
        Rulebook { services, ..Rulebook::default() }
    };
    for (wide, narrow) in [
        ("", r#","requires":["case"]"#),
        ("", r#","legal-bases":["urn:b"]"#),
        (r#","legal-bases":["urn:b","urn:c"]"#, r#","legal-bases":["urn:b"]"#),
        (r#","default-fields":["code"]"#, ""),
        ("", r#","lookups":[{"keys":["code"],"fields":["*"]}]"#),
        (
            r#","lookups":[{"keys":["code"],"optional-keys":["name"],"fields":["*"]}]"#,
            r#","lookups":[{"keys":["code"],"fields":["code","name","born"]}]"#,
        ),
        (
            r#","lookups":[{"keys":["code"],"fields":["*"]}]"#,
            r#","lookups":[{"keys":["code"],"fields":["born"]}]"#,
        ),
        (
            r#","lookups":[{"keys":["name"],"fields":["*"],"max-records":3}]"#,
            r#","lookups":[{"keys":["name"],"fields":["*"],"max-records":2}]"#,
        ),
        (
            r#","lookups":[{"keys":["name"],"fields":["*"]}]"#,
            r#","lookups":[{"keys":["name"],"fields":["*"],"max-records":3}]"#,
        ),
    ] {
        let (wide_book, narrow_book) = (service(wide), service(narrow));
        assert!(!first(&wide_book, &narrow_book).loosens, "{wide} to {narrow}");
        assert!(first(&narrow_book, &wide_book).loosens, "{narrow} to {wide}");
    }
    // Nobody could ask by both before.
    let apart = service(r#","lookups":[{"keys":["code"],"fields":["*"]},{"keys":["name"],"fields":["*"]}]"#);
    let together = service(r#","lookups":[{"keys":["code","name"],"fields":["*"]}]"#);
    assert!(first(&apart, &together).loosens && first(&together, &apart).loosens);
}

/// Nothing in a rulebook says whether a rule is shown rows, and then it is to be approved first.
#[test]
fn a_policy_comes_into_shadow_by_two_people_and_goes_by_one() {
    let policy: Policy =
        serde_json::from_value(serde_json::json!({ "name": "p", "rule": "r", "mode": "shadow" })).unwrap();
    let with = |policies: &[&Policy]| Rulebook {
        policies: policies.iter().map(|&one| one.clone()).collect(),
        ..Rulebook::default()
    };
    assert!(first(&with(&[]), &with(&[&policy])).loosens);
    assert!(!first(&with(&[&policy]), &with(&[])).loosens);
}

#[test]
fn a_thing_is_called_by_its_name_and_kind() {
    let service = ObjectId::new(ObjectKind::Service, "persons/v1");
    for name in ["persons", "persons/v1", "service/persons", "service/persons/v1"] {
        assert!(service.is_called(name), "{name}");
    }
    assert!(!service.is_called("grant/persons") && !service.is_called("person") && !service.is_called("v1"));
    let term = ObjectId::new(ObjectKind::Purpose, "https://w3id.org/dpv#X");
    assert!(term.is_called("https://w3id.org/dpv#X") && term.is_called("purpose/https://w3id.org/dpv#X"));
}
