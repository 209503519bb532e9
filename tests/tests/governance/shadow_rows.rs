// SPDX-License-Identifier: Apache-2.0
//! What policies in shadow say of rows, whom they refuse and how they break, beside an offline run over the recorded
//! queries and the rows that were read for them: to the query, to the field, to the reason.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context as _, Result, ensure};
use paasla_core::{Decision, Mode, Query, RowDecision, Ruling, Value, Visibility};
use paasla_engine::{Activated, Engine, EngineConfig, RowInput, decide_all};
use paasla_store::{RecordFilter, SqliteStore, Store as _};
use paasla_tests::{Ask, Got, ask::agent};
use serde_json::json;

use super::{
    guests::{
        answer::{narrowing, repeating},
        guest::Guest,
    },
    scene::{FIELDS, Scene, register, soon},
};

const NONE: (u32, u32) = (0, 0);
/// The differences that are told of one policy in shadow.
#[derive(Debug, Default, PartialEq, Eq)]
struct Sums {
    queries: u64,
    changed: u64,
    faults: u64,
    /// By kind, field and reason.
    lines: BTreeMap<[String; 3], u64>,
}

/// How a query ends.
enum Ended {
    Answered(Vec<Seen>),
    Refused(BTreeSet<String>),
    Broken(&'static str),
}

/// What is seen of one field in the row.
struct Seen {
    visibility: Visibility,
    codes: BTreeSet<String>,
}

#[test]
fn the_summary_is_right_to_the_row_the_refusal_and_the_fault() -> Result<()> {
    let scene = Scene::new()?;
    let office = &scene.office;
    let client = |part: &str| scene.given.world.client(part).to_owned();
    let refused = client("health_authority");
    let refusing = office.push(&repeating().component())?;
    office.enforce("closed", &refusing, &json!({}), &json!({ "clients": [refused] }))?;
    // Before `closed` by name, so that it breaks for the client too that `closed` refuses.
    let breaking = Guest { decide: "unreachable", ..Guest::default() };
    let breaking_in_review = Guest {
        review: "unreachable",
        decide: "i32.const 2048",
        data: narrowing(NONE, NONE, NONE, &[(2076, vec![1])]),
        ..Guest::default()
    };
    let minors = json!({ "purposes": ["dpv:ProvideOfficialStatistics"] });
    let shadows = [
        ("a-breaks", breaking.component(), json!({})),
        ("breaks-in-review", breaking_in_review.component(), json!({})),
        ("minors", scene.component("minors")?, minors),
        ("refuses", repeating().component(), json!({ "other": 1 })),
    ];
    for (name, component, settings) in &shadows {
        let rule = office.push(component)?;
        office.create(name, &rule, settings, &json!({}))?;
        // One that is told of rows must be approved before it runs on what others ask.
        office.step(name, "approve")?;
        office.step(name, "shadow")?;
    }
    let persons = &scene.given.world.persons;
    let mut answers: BTreeMap<String, Got> = BTreeMap::new();
    for person in
        [&persons.adult, &persons.child, &persons.no_custody_adult].into_iter().chain(&persons.twenty)
    {
        for client in [&client("public_task"), &refused] {
            let ask = Ask::service("person", client, &FIELDS, json!({ "personalCode": person }));
            let got = ask.send(&agent(), &scene.host.base_url)?;
            ensure!(got.status == if *client == refused { 403 } else { 200 }, "{}", got.text);
            answers.insert(got.decision.clone().context("it is recorded")?, got);
        }
    }
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let expected = runtime.block_on(offline(&scene, &answers))?;
    for (name, _, _) in &shadows {
        let own = expected.get(*name).context("it is in shadow")?;
        let path = format!("/policies/{name}/diff");
        soon(|| Ok(office.see(&path)?["queries"] == own.queries))?;
        let told = office.see(&path)?;
        let number = |what: &str| told[what].as_u64().unwrap_or(0);
        let mut found = Sums {
            queries: number("queries"),
            changed: number("changed"),
            faults: number("faults"),
            lines: BTreeMap::new(),
        };
        for tally in told["differences"].as_array().into_iter().flatten() {
            let line = ["kind", "field", "reason"].map(|part| tally[part].as_str().unwrap_or("").to_owned());
            found.lines.insert(line, tally["queries"].as_u64().unwrap_or(0));
        }
        ensure!(found == *own && number("missed") == 0, "{name}: told {found:#?}\ncounted {own:#?}");
    }
    // The offline run would be worth nothing if it found nothing.
    let of = |name: &str| expected.get(name).context("it is in shadow");
    let (answered, all) = (persons.twenty.len() as u64 + 3, 2 * (persons.twenty.len() as u64 + 3));
    let breaks = of("a-breaks")?;
    ensure!((breaks.queries, breaks.changed, breaks.faults) == (all, answered, all), "{breaks:?}");
    let in_review = of("breaks-in-review")?;
    ensure!((in_review.changed, in_review.faults) == (answered, answered), "{in_review:?}");
    ensure!((1..answered).contains(&of("minors")?.changed), "{:?}", of("minors")?);
    ensure!(of("refuses")?.changed == answered, "{expected:?}");
    scene.host.stop()
}

/// Every policy in shadow over every recorded query, with the row that was answered.
async fn offline(scene: &Scene, answers: &BTreeMap<String, Got>) -> Result<BTreeMap<String, Sums>> {
    let store = SqliteStore::open(scene.given.home.database()).await?;
    let rulebook = store.rulebook().await?.context("there is one")?;
    let engine = Engine::new(EngineConfig::default())?;
    let (mut in_force, mut shadows) = (Vec::new(), Vec::new());
    for policy in &rulebook.policies {
        let stored = store.rule(&policy.rule).await?.context("its rule is stored")?;
        let activated = engine.activate(&engine.load(&stored.bytes)?, policy, &register()?)?;
        if policy.mode == Mode::Shadow { shadows.push(activated) } else { in_force.push(activated) }
    }
    let records = store.records(&RecordFilter { limit: 10_000, ..RecordFilter::default() }).await?;
    store.close().await?;
    let mut all = BTreeMap::new();
    for shadow in shadows {
        let name = shadow.policy.name.clone();
        let mut with = in_force.clone();
        with.push(shadow);
        with.sort_by(|one, other| one.policy.name.cmp(&other.policy.name));
        let mut sums = Sums::default();
        for record in &records {
            let (Some(query), Some(answer)) = (&record.query, answers.get(&record.id)) else { continue };
            let row = row(query, answer)?;
            count(&mut sums, query, ended(query, &in_force, &row), ended(query, &with, &row));
        }
        all.insert(name, sums);
    }
    Ok(all)
}

/// The row as it was read: no rule in force narrows anything.
fn row(query: &Query, answer: &Got) -> Result<RowInput> {
    let date = |text: &str| text.parse().map(Value::Date);
    let born = answer.value("/birthDate");
    let born = if born.is_empty() { Value::Absent } else { date(born)? };
    let cell = |(place, field): (usize, &std::sync::Arc<paasla_core::Field>)| {
        let text = answer.value(&format!("/{}", field.name));
        let value = if field.name == "birthDate" { born.clone() } else { Value::Text(text.to_owned()) };
        (place, value)
    };
    Ok(RowInput {
        group: None,
        parent: None,
        facts: [("subject.birth-date".to_owned(), born.clone())].into_iter().collect(),
        cells: query.fields.iter().enumerate().map(cell).collect(),
    })
}

fn ended(query: &Query, policies: &[Activated], row: &RowInput) -> Ended {
    let in_scope = || policies.iter().filter(|policy| policy.policy.scope.holds(query));
    let mut rulings: Vec<(&str, Ruling)> = Vec::new();
    for said in decide_all(in_scope(), query) {
        match said.ruling {
            Ok(ruling) => rulings.push((&said.policy.policy.name, ruling)),
            Err(fault) => return Ended::Broken(fault.kind()),
        }
    }
    let rulings = rulings.iter().map(|(name, ruling)| (*name, ruling));
    let mut decision = Decision::combine(&Decision::widest(query.fields.len()), rulings);
    decision.close(&query.fields);
    if !decision.is_allowed() {
        return Ended::Refused(decision.refusals.iter().map(|reason| reason.code.clone()).collect());
    }
    let mut own = RowDecision::new(&decision);
    for reviewer in in_scope().filter(|policy| decision.reviewers.contains(&policy.policy.name)) {
        match reviewer.review(query, std::slice::from_ref(row)).0 {
            Ok(rulings) => rulings.iter().for_each(|ruling| own.add(ruling)),
            Err(fault) => return Ended::Broken(fault.kind()),
        }
    }
    own.close(&query.fields);
    let seen = own.fields.iter().map(|field| Seen {
        visibility: field.visibility,
        codes: field.reasons.iter().map(|reason| reason.code.clone()).collect(),
    });
    Ended::Answered(seen.collect())
}

fn count(sums: &mut Sums, query: &Query, was: Ended, would_be: Ended) {
    let mut lines: BTreeSet<[String; 3]> = BTreeSet::new();
    let mut note = |kind: &str, field: &str, codes: Vec<&String>| {
        let none = codes.is_empty().then(String::new);
        let codes = codes.into_iter().cloned().chain(none);
        lines.extend(codes.map(|code| [kind.to_owned(), field.to_owned(), code]));
    };
    sums.queries += 1;
    match (&was, &would_be) {
        (Ended::Answered(was), Ended::Answered(would_be)) => {
            for ((field, was), would_be) in query.fields.iter().zip(was).zip(would_be) {
                let kind = match (was.visibility, would_be.visibility) {
                    (before, after) if before == after => continue,
                    (_, Visibility::Hide) => "hidden",
                    _ => "narrowed",
                };
                note(kind, &field.name, would_be.codes.difference(&was.codes).collect());
            }
        }
        (Ended::Answered(_), Ended::Refused(codes)) => note("refused", "", codes.iter().collect()),
        (_, Ended::Broken(kind)) => {
            sums.faults += 1;
            note("fault", "", vec![&format!("fault.{kind}")]);
        }
        // Only what is in force refuses here, and nothing can widen.
        (Ended::Refused(_) | Ended::Broken(_), _) => {}
    }
    sums.changed += u64::from(matches!(was, Ended::Answered(_)) && !lines.is_empty());
    for line in lines {
        *sums.lines.entry(line).or_default() += 1;
    }
}
