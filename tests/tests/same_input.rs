// SPDX-License-Identifier: Apache-2.0
//! Invariant 5: the same input gives the same ruling, so any recorded decision can be run again and checked.

use std::{collections::BTreeMap, path::Path, sync::Arc};

use anyhow::{Context as _, Result, ensure};
use paasla_core::{Call, Decision, Query, Register, Rulebook, Ruling};
use paasla_engine::{Activated, Engine, EngineConfig, Rule, decide_all};
use paasla_register::Description;
use paasla_store::{RecordFilter, SqliteStore, Store as _};
use paasla_tests::{Ask, Given, ask::agent};
use proptest::{
    prelude::*,
    sample::{select, subsequence},
    test_runner::{Config, TestRunner},
};
use serde_json::json;

/// The policies of a rulebook, activated afresh.
async fn activated(store: &SqliteStore, rulebook: &Rulebook) -> Result<Vec<Activated>> {
    let engine = Engine::new(EngineConfig::default())?;
    let mut rules: BTreeMap<String, Rule> = BTreeMap::new();
    let mut policies = Vec::new();
    for policy in &rulebook.policies {
        if !rules.contains_key(&policy.rule) {
            let stored = store.rule(&policy.rule).await?.context("a policy's rule is stored")?;
            rules.insert(policy.rule.clone(), engine.load(&stored.bytes)?);
        }
        let rule = rules.get(&policy.rule).context("just put in")?;
        policies.push(engine.activate(rule, policy, &register()?)?);
    }
    Ok(policies)
}

fn decide(policies: &[Activated], query: &Query) -> Result<(Decision, Vec<(String, u64)>)> {
    let mut decision = Decision::widest(query.fields.len());
    let mut fuel = Vec::new();
    let mut in_scope: Vec<_> = policies.iter().filter(|policy| policy.policy.scope.holds(query)).collect();
    in_scope.sort_by(|one, other| one.policy.name.cmp(&other.policy.name));
    for said in decide_all(in_scope, query) {
        let name = &said.policy.policy.name;
        decision = decision.meet(&Decision::of_ruling(name, query.fields.len(), &said.ruling?));
        fuel.push((name.clone(), said.fuel));
    }
    decision.close(&query.fields);
    Ok((decision, fuel))
}

/// Queries whose rulings differ: shown, masked, hidden, refused.
fn queries(given: &Given) -> Vec<Ask> {
    let (world, adult) = (&given.world, &given.world.persons.adult);
    let all =
        ["personalCode", "familyName", "birthDate", "residenceAddress", "ethnicNationality", "custody.kind"];
    let clients =
        ["public_task", "legitimate_interest", "small_company", "statistics_office", "health_authority"];
    let by = |client| Ask::service("person", world.client(client), &all, json!({ "personalCode": adult }));
    let mut asks: Vec<Ask> = clients.into_iter().map(by).collect();
    asks.push(by("case_authority"));
    asks.push(by("case_authority").header("X-Road-Issue", "2-26-1"));
    asks.push(by("misgranted_authority"));
    asks
}

#[tokio::test]
async fn every_recorded_decision_comes_out_again() -> Result<()> {
    let given = Given::seeded()?;
    let host = given.start()?;
    for ask in queries(&given) {
        ask.send(&agent(), &host.base_url)?;
    }
    host.stop()?;
    let store = SqliteStore::open(given.home.database()).await?;
    let rulebook = store.rulebook().await?.context("a rulebook")?;
    let policies = activated(&store, &rulebook).await?;
    let records = store.records(&RecordFilter::default()).await?;
    let mut again = 0;
    for record in &records {
        let (Some(query), Some(decision)) = (&record.query, &record.decision) else { continue };
        let (fresh, fuel) = decide(&policies, query)?;
        ensure!(fresh == **decision, "record {} comes out otherwise", record.id);
        for (policy, used) in fuel {
            let then = record
                .rulings
                .iter()
                .find(|ruling| ruling.policy == policy)
                .context("every policy is named")?;
            // A review costs fuel of its own.
            let reviewed = then.calls.0.iter().any(|call| matches!(call, Call::Review(_)));
            ensure!(used == then.fuel || (reviewed && used < then.fuel), "{policy} used other fuel");
        }
        again += 1;
    }
    ensure!(again >= 5, "only {again} records hold a decision");
    store.close().await?;
    Ok(())
}

/// Random queries, each decided twice by every shipped rule, with another query between.
#[tokio::test]
async fn random_queries_are_decided_the_same_twice() -> Result<()> {
    let given = Given::seeded()?;
    let store = SqliteStore::open(given.home.database()).await?;
    let rulebook = store.rulebook().await?.context("a rulebook")?;
    let policies = activated(&store, &rulebook).await?;
    let sample = sample(&given, &store).await?;
    let terms = |kind| {
        let concepts = rulebook.vocabulary.concepts.iter().filter(move |concept| concept.kind == kind);
        concepts.filter_map(|concept| rulebook.vocabulary.term(kind, &concept.iri)).collect::<Vec<_>>()
    };
    let purposes = terms(paasla_core::term::ConceptKind::Purpose);
    let bases = terms(paasla_core::term::ConceptKind::LegalBasis);
    let input = (
        subsequence(sample.fields.clone(), 1..=sample.fields.len()),
        select(purposes),
        select(bases),
        select(vec!["EE/GOV/1/a", "EE/COM/2/b", "EE/NGO/3"]),
        prop_oneof![Just(None), Just(Some("2-26-1".to_owned()))],
    );
    let earlier = std::cell::RefCell::new(None::<Query>);
    let mut runner = TestRunner::new(Config { cases: 150, failure_persistence: None, ..Config::default() });
    runner.run(&input, |(fields, purpose, legal_basis, client, case)| {
        let client = client.parse().map_err(|_| TestCaseError::fail("a client"))?;
        let query = Query { fields, purpose, legal_basis, client, case, ..(*sample).clone() };
        for policy in &policies {
            let first = policy.decide(&query);
            if let Some(other) = &*earlier.borrow() {
                let _ = policy.decide(other);
            }
            prop_assert_eq!(&policy.decide(&query), &first, "{} rules otherwise", policy.policy.name);
            prop_assert!(first.0.is_ok(), "{} breaks: {:?}", policy.policy.name, first.0);
            if let Ok(Ruling::Refuse(reason)) = &first.0 {
                prop_assert_eq!(&*reason.by, policy.policy.name.as_str());
            }
        }
        earlier.replace(Some(query));
        Ok(())
    })?;
    Ok(())
}

/// A query as the host tells it to rules.
async fn sample(given: &Given, store: &SqliteStore) -> Result<std::sync::Arc<Query>> {
    let host = given.start()?;
    let description =
        std::fs::read_to_string(Path::new(&given.home.examples).join("control/services/person.toml"))?;
    let names: Vec<String> = description
        .lines()
        .skip_while(|line| !line.starts_with("fields"))
        .take_while(|line| !line.starts_with(']'))
        .flat_map(|line| line.split('"').skip(1).step_by(2).map(str::to_owned).collect::<Vec<_>>())
        .collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let world = &given.world;
    let keys = json!({ "personalCode": world.persons.adult });
    let got =
        Ask::service("person", world.client("public_task"), &names, keys).send(&agent(), &host.base_url)?;
    let id = got.decision.context("a record")?;
    host.stop()?;
    let record = store.record(&id).await?.context("the record")?;
    record.query.with_context(|| format!("the query was told to rules: {}", got.text))
}

/// What rules are told of the example's register.
fn register() -> Result<Arc<Register>> {
    let file = paasla_tests::given::root()?.join("examples/population-register/register.toml");
    Ok(Arc::clone(Description::from_toml(&std::fs::read_to_string(file)?)?.for_rules()))
}
