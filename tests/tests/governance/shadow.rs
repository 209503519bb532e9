// SPDX-License-Identifier: Apache-2.0
//! What a policy in shadow would have changed, beside an offline run of both rulebooks over the recorded queries.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context as _, Result, ensure};
use paasla_core::{AuditRecord, Decision, Mode, Policy, Ruling, Visibility};
use paasla_engine::{Activated, Engine, EngineConfig, decide_all};
use paasla_store::{RecordFilter, SqliteStore, Store as _, governance::Governance as _};
use paasla_tests::{Ask, Given, ask::agent, office};
use serde_json::{Value, json};

use super::{
    guests::guest::Guest,
    scene::{Scene, needs, register, soon},
};

/// What clients ask for: fields that differ in their categories. The code is always asked for, so that something is
/// shown whatever else is not.
const SELECTS: [&[&str]; 6] = [
    &["personalCode", "familyName"],
    &["personalCode", "givenName", "familyName", "birthDate", "sex"],
    &["personalCode", "residenceAddress", "residenceCounty"],
    &["personalCode", "education", "motherTongue", "maritalStatus"],
    &["personalCode", "mainCitizenship", "status", "birthCountry"],
    &["personalCode", "birthDate"],
];
const CLIENTS: [&str; 4] = ["public_task", "legitimate_interest", "health_authority", "case_authority"];

/// The differences that matter here, counted by hand.
#[derive(Debug, Default, PartialEq, Eq)]
struct Counted {
    queries: u64,
    changed: u64,
    by_client: BTreeMap<String, (u64, u64)>,
    by_field: BTreeMap<(String, String), u64>,
}

#[test]
fn the_summary_is_right_to_the_query() -> Result<()> {
    let scene = Scene::start(Given::seeded()?)?;
    let office = &scene.office;
    let rule = scene.minimisation()?;
    // In the place of the example's own: less for benefits, nothing for health.
    let settings =
        needs(&["pd:OfficialID", "pd:Gender", "pd:BirthDate", "rr:PersonStatus", "pd:PhysicalAddress"]);
    office.create("minimisation", &rule, &settings, &json!({ "services": ["person"] }))?;
    office.step("minimisation", "shadow")?;

    let persons = &scene.given.world.persons;
    let mut sent = 0_u64;
    for (number, person) in persons.twenty.iter().cycle().take(240).enumerate() {
        let client = scene.given.world.client(CLIENTS[number % CLIENTS.len()]);
        if client.is_empty() {
            continue;
        }
        let keys = json!({ "personalCode": person });
        Ask::service("person", client, SELECTS[number % SELECTS.len()], keys)
            .send(&agent(), &scene.host.base_url)?;
        sent += 1;
    }
    ensure!(sent >= 120);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let expected = runtime.block_on(offline(&scene))?;
    ensure!(expected.changed > 20 && expected.changed < expected.queries, "{expected:?}");
    ensure!(expected.by_field.len() > 3 && expected.by_client.len() > 1, "{expected:?}");

    let see = || office.see("/policies/minimisation/diff");
    soon(|| Ok(see()?["queries"] == expected.queries))?;
    let told = see()?;
    ensure!(told["missed"] == 0 && told["faults"] == 0, "{told}");
    let number = |value: &Value| value.as_u64().unwrap_or(0);
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let mut found = Counted {
        queries: number(&told["queries"]),
        changed: number(&told["changed"]),
        ..Counted::default()
    };
    for client in told["clients"].as_array().into_iter().flatten() {
        let counts = (number(&client["queries"]), number(&client["changed"]));
        found.by_client.insert(text(&client["client"]), counts);
    }
    // One difference can have several reasons, each with its own line; how often a field changed is the most of them.
    for tally in told["differences"].as_array().into_iter().flatten() {
        let count = found.by_field.entry((text(&tally["kind"]), text(&tally["field"]))).or_default();
        *count = number(&tally["queries"]).max(*count);
    }
    ensure!(found == expected, "told {found:#?}\ncounted {expected:#?}");
    let sentence = format!(
        "If this had been in force: {} of {} queries would change",
        expected.changed, expected.queries
    );
    ensure!(text(&told["summary"]).starts_with(&sentence), "{}", told["summary"]);
    ensure!(!told.to_string().contains(&persons.twenty[0]), "nothing personal in it");
    // Every one of the queries that would change can be paged to, each once.
    let (mut paged, mut before) = (BTreeSet::new(), String::new());
    loop {
        let page = office.see(&format!("/policies/minimisation/diff?limit=7{before}"))?;
        let page = page["latest"].as_array().context("a list")?;
        let Some(last) = page.last() else { break };
        ensure!(page.len() <= 7 && page.iter().all(|one| paged.insert(text(&one["record"]))), "{page:?}");
        before = format!("&before={}", text(&last["record"]));
    }
    ensure!(paged.len() as u64 == expected.changed, "{} of {}", paged.len(), expected.changed);
    let wrong = office.get(Some(&office.auditor), "/policies/minimisation/diff?before=%27&limit=x")?;
    ensure!(wrong.status == 422, "{}", wrong.text);
    scene.host.stop()
}

/// Both rulebooks over every recorded query of the generation in which the policy was in shadow.
async fn offline(scene: &Scene) -> Result<Counted> {
    let store = SqliteStore::open(scene.given.home.database()).await?;
    let rulebook = store.rulebook().await?.context("there is one")?;
    let engine = Engine::new(EngineConfig::default())?;
    let (mut in_force, mut with) = (Vec::new(), Vec::new());
    let mut policies: Vec<&Policy> = rulebook.policies.iter().collect();
    policies.sort_by(|one, other| one.name.cmp(&other.name));
    let shadow: BTreeSet<&str> =
        policies.iter().filter(|own| own.mode == Mode::Shadow).map(|own| own.name.as_str()).collect();
    for policy in policies {
        let stored = store.rule(&policy.rule).await?.context("its rule is stored")?;
        let activated = engine.activate(&engine.load(&stored.bytes)?, policy, &register()?)?;
        match policy.mode {
            Mode::Shadow => with.push(activated),
            Mode::Enforce if shadow.contains(policy.name.as_str()) => in_force.push(activated),
            Mode::Enforce => {
                in_force.push(activated.clone());
                with.push(activated);
            }
        }
    }
    let mut counted = Counted::default();
    let filter = RecordFilter { limit: 10_000, ..RecordFilter::default() };
    for record in store.records(&filter).await? {
        if record.generation == rulebook.generation && record.query.is_some() {
            count(&mut counted, &record, &in_force, &with)?;
        }
    }
    store.close().await?;
    Ok(counted)
}

fn count(
    counted: &mut Counted,
    record: &AuditRecord,
    in_force: &[Activated],
    with: &[Activated],
) -> Result<()> {
    let (was, would_be) = (decided(record, in_force)?, decided(record, with)?);
    let query = record.query.as_ref().context("it came that far")?;
    let mut kinds = BTreeSet::new();
    match (was, would_be) {
        (Some(was), Some(would_be)) => {
            for ((field, was), would_be) in query.fields.iter().zip(was).zip(would_be) {
                if was != would_be {
                    let kind = match (was, would_be) {
                        (_, Visibility::Hide) => "hidden",
                        _ if was.meet(would_be) == would_be => "narrowed",
                        _ if was.meet(would_be) == was => "widened",
                        _ => "masked-otherwise",
                    };
                    kinds.insert((kind.to_owned(), field.name.clone()));
                }
            }
        }
        (Some(_), None) => drop(kinds.insert(("refused".to_owned(), String::new()))),
        (None, Some(_)) => drop(kinds.insert(("allowed".to_owned(), String::new()))),
        (None, None) => {}
    }
    let own = counted.by_client.entry(record.client.to_string()).or_default();
    let changed = u64::from(!kinds.is_empty());
    (counted.queries, counted.changed) = (counted.queries + 1, counted.changed + changed);
    *own = (own.0 + 1, own.1 + changed);
    for kind in kinds {
        *counted.by_field.entry(kind).or_default() += 1;
    }
    Ok(())
}

/// What may be seen of each field; none when the query is refused.
fn decided(record: &AuditRecord, policies: &[Activated]) -> Result<Option<Vec<Visibility>>> {
    let query = record.query.as_ref().context("it came that far")?;
    let in_scope = policies.iter().filter(|policy| policy.policy.scope.holds(query));
    let mut rulings: Vec<(String, Ruling)> = Vec::new();
    for said in decide_all(in_scope, query) {
        rulings.push((said.policy.policy.name.clone(), said.ruling?));
    }
    let rulings = rulings.iter().map(|(name, ruling)| (name.as_str(), ruling));
    let mut decision = Decision::combine(&Decision::widest(query.fields.len()), rulings);
    decision.close(&query.fields);
    let seen: Vec<Visibility> = decision.fields.iter().map(|field| field.visibility).collect();
    // The host refuses what would show nothing.
    let refused = !decision.is_allowed() || seen.iter().all(|seen| *seen == Visibility::Hide);
    Ok((!refused).then_some(seen))
}

/// What a rule says of rows is compared as well: a child's birth date becomes a year, an adult's does not.
#[test]
fn rows_are_compared_too() -> Result<()> {
    let scene = Scene::new()?;
    let office = &scene.office;
    let rule = office.push(&scene.component("minors")?)?;
    let settings = json!({ "purposes": ["dpv:ProvideOfficialStatistics"] });
    office.create("minors", &rule, &settings, &json!({}))?;
    // It is told of rows, so it must be approved before it runs on what others ask.
    let early = office.try_step("minors", "shadow", &json!({}))?;
    ensure!(early.status == 409 && early.text.contains("told of rows"), "{}", early.text);
    office.step("minors", "approve")?;
    office.step("minors", "shadow")?;
    let persons = &scene.given.world.persons;
    let client = scene.given.world.client("public_task");
    for person in [&persons.adult, &persons.child, &persons.adult] {
        let keys = json!({ "personalCode": person });
        let ask = Ask::service("person", client, &["personalCode", "givenName", "birthDate"], keys);
        let got = ask.send(&agent(), &scene.host.base_url)?;
        ensure!(
            got.status == 200 && got.value("/birthDate").len() == 10,
            "in shadow it narrows nothing: {}",
            got.text
        );
    }
    let see = || office.see("/policies/minors/diff");
    soon(|| Ok(see()?["queries"] == 3))?;
    let told = see()?;
    ensure!(told["changed"] == 1 && told["missed"] == 0, "{told}");
    let fields: BTreeSet<(&str, &str)> = told["differences"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(|one| Some((one["kind"].as_str()?, one["field"].as_str()?)))
        .collect();
    ensure!(
        fields.contains(&("narrowed", "birthDate")) || told["differences"][0]["kind"] == "rows",
        "{told}"
    );
    let record = told["latest"][0]["record"].as_str().context("the query is named")?;
    ensure!(record.len() == 36 && !told.to_string().contains(&persons.child), "{told}");
    // Once it is in force, exactly that happens.
    office.step("minors", "activate")?;
    for (person, whole_date) in [(&persons.child, false), (&persons.adult, true)] {
        let keys = json!({ "personalCode": person });
        let ask = Ask::service("person", client, &["personalCode", "givenName", "birthDate"], keys);
        let got = ask.send(&agent(), &scene.host.base_url)?;
        ensure!(got.status == 200 && (got.value("/birthDate").len() == 10) == whole_date, "{}", got.text);
        ensure!(got.value("/givenName").is_empty() != whole_date, "{}", got.text);
    }
    office::good(&office.get(Some(&office.auditor), "/policies/minors")?)?;
    scene.host.stop()
}

/// A full queue costs comparisons, never answers; and what was not compared is counted.
#[test]
fn what_finds_no_place_in_the_queue_is_counted() -> Result<()> {
    let scene = Scene::with("[governance]\nshadow-queue = 1")?;
    let rule = scene.minimisation()?;
    scene.office.create("spare", &rule, &super::scene::without_names(), &json!({}))?;
    scene.office.step("spare", "shadow")?;
    let (mut threads, each) = (Vec::new(), 50);
    for _ in 0..8 {
        let keys = json!({ "personalCode": scene.given.world.persons.adult });
        let ask =
            Ask::service("person", scene.given.world.client("public_task"), &super::scene::FIELDS, keys);
        let base_url = scene.host.base_url.clone();
        threads.push(std::thread::spawn(move || {
            let agent = agent();
            (0..each).all(|_| ask.send(&agent, &base_url).is_ok_and(|got| got.status == 200))
        }));
    }
    for thread in threads {
        ensure!(thread.join().is_ok_and(|good| good), "every query is answered");
    }
    let see = || scene.office.see("/policies/spare/diff");
    let sum = |told: &Value| told["queries"].as_u64().unwrap_or(0) + told["missed"].as_u64().unwrap_or(0);
    soon(|| Ok(sum(&see()?) == 8 * each))?;
    let told = see()?;
    ensure!(told["missed"].as_u64().is_some_and(|missed| missed > 0), "{told}");
    ensure!(told["summary"].as_str().is_some_and(|summary| summary.contains("were not compared")), "{told}");
    scene.host.stop()
}

/// A rule in shadow that burns all the fuel it gets takes no query its answer, however much its policy asks for; and
/// every query is counted once.
#[test]
fn a_rule_that_burns_its_fuel_in_shadow_costs_no_answer() -> Result<()> {
    let scene = Scene::with("[governance]\nshadow-queue = 4")?;
    let burning = Guest { decide: "(loop (br 0)) unreachable", ..Guest::default() };
    let rule = scene.office.push(&burning.component())?;
    let mut body = office::policy("spare", &rule, &json!({}), &json!({}));
    body["limits"] = json!({ "fuel": 1_000_000_000 });
    office::good(&scene.office.post(&scene.office.author, "/policies", &body)?)?;
    scene.office.step("spare", "shadow")?;
    let (askers, each) = (4, 60);
    let all = std::thread::scope(|scope| {
        let ask = || (0..each).map(|_| Ok(scene.ask()?.status)).collect::<Result<Vec<_>>>();
        let askers: Vec<_> = (0..askers).map(|_| scope.spawn(ask)).collect();
        askers.into_iter().map(|asker| asker.join().map_err(|_| anyhow::anyhow!("an asker broke"))?).collect()
    });
    let all: Result<Vec<Vec<u16>>> = all;
    ensure!(all?.into_iter().flatten().all(|status| status == 200), "every query is answered");
    let see = || scene.office.see("/policies/spare/diff");
    let number = |told: &Value, what: &str| told[what].as_u64().unwrap_or(0);
    soon(|| Ok(see().map(|told| number(&told, "queries") + number(&told, "missed"))? == askers * each))?;
    let told = see()?;
    ensure!(number(&told, "queries") > 0 && number(&told, "missed") > 0, "{told}");
    ensure!(number(&told, "faults") == number(&told, "queries"), "{told}");
    ensure!(told["differences"][0]["reason"] == "fault.out-of-fuel", "{told}");
    scene.host.stop()
}

/// What waits when the host stops is compared or counted as missed, and nothing is lost.
#[test]
fn nothing_is_lost_when_the_host_stops() -> Result<()> {
    let scene = Scene::new()?;
    let rule = scene.minimisation()?;
    scene.office.create("spare", &rule, &super::scene::without_names(), &json!({}))?;
    let digest = scene.office.step("spare", "shadow")?["digest"].as_str().context("a digest")?.to_owned();
    for _ in 0..40 {
        ensure!(scene.ask()?.status == 200);
    }
    let Scene { given, host, .. } = scene;
    host.stop()?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let counts = runtime.block_on(async {
        let store = SqliteStore::open(given.home.database()).await?;
        let counts = store.shadow_counts(&digest).await?;
        store.close().await?;
        anyhow::Ok(counts)
    })?;
    let sum: u64 = counts.iter().map(|one| one.queries + one.missed).sum();
    ensure!(sum == 40, "{counts:?}");
    Ok(())
}
