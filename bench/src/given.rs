// SPDX-License-Identifier: Apache-2.0
//! The decision that every system makes: a purpose needs some categories of data, and the fields of all others are
//! hidden. Eight purposes, twelve categories; of twenty fields about a third are hidden.

use std::{
    env, fs,
    path::PathBuf,
    sync::{Arc, LazyLock},
};

use anyhow::{Context as _, Result};
use paasla_core::{
    Date, Field, GrantView, Limits, Mode, Policy, Query, Register, RegisterField, RowFact, Scope, Subjects,
    Term, Value, Vouching,
};
use paasla_engine::{Engine, EngineConfig, RowInput, Rule};
use serde_json::json;

/// The variable that names the folder with the components of the shipped rules.
pub const RULES: &str = "PAASLA_RULES";

/// The purposes that the settings name, each with what is broader than it.
pub const PURPOSES: [(&str, &[&str]); 8] = [
    (
        "https://w3id.org/dpv#IdentityVerification",
        &["https://w3id.org/dpv#EnforceSecurity", "https://w3id.org/dpv#Verification"],
    ),
    ("https://w3id.org/dpv#ProvideOfficialStatistics", &["https://w3id.org/dpv#PublicBenefit"]),
    ("https://w3id.org/dpv#ImproveHealthcare", &["https://w3id.org/dpv#PublicBenefit"]),
    ("https://w3id.org/dpv#ScientificResearch", &["https://w3id.org/dpv#ResearchAndDevelopment"]),
    ("https://w3id.org/dpv#LegalCompliance", &["https://w3id.org/dpv#FulfilmentOfObligation"]),
    (
        "https://w3id.org/dpv/sector/law#JudicialSystemManagement",
        &["https://w3id.org/dpv/sector/law#JusticeManagement"],
    ),
    (
        "https://w3id.org/dpv/sector/publicservices#SocialWelfareEligibilityAssessment",
        &[
            "https://w3id.org/dpv#PublicBenefit",
            "https://w3id.org/dpv/sector/publicservices#PublicServiceManagement",
            "https://w3id.org/dpv/sector/publicservices#SocialWelfareManagement",
        ],
    ),
    (
        "https://w3id.org/dpv#FraudPreventionAndDetection",
        &["https://w3id.org/dpv#EnforceSecurity", "https://w3id.org/dpv#MisusePreventionAndDetection"],
    ),
];

/// Purposes that the settings do not name: one is narrower than one that they name, the other is not.
pub const OTHER_PURPOSES: [(&str, &[&str]); 2] = [
    (
        "https://w3id.org/dpv#CounterMoneyLaundering",
        &[
            "https://w3id.org/dpv#EnforceSecurity",
            "https://w3id.org/dpv#FraudPreventionAndDetection",
            "https://w3id.org/dpv#MisusePreventionAndDetection",
        ],
    ),
    ("https://w3id.org/dpv#DirectMarketing", &["https://w3id.org/dpv#Marketing"]),
];

/// The categories of data.
pub const CATEGORIES: [&str; 12] = [
    "https://w3id.org/dpv/pd#OfficialID",
    "https://w3id.org/dpv/pd#Name",
    "https://w3id.org/dpv/pd#Gender",
    "https://w3id.org/dpv/pd#BirthDate",
    "https://w3id.org/dpv/pd#BirthPlace",
    "https://w3id.org/dpv/pd#Citizenship",
    "https://w3id.org/dpv/pd#MaritalStatus",
    "https://w3id.org/dpv/pd#EducationQualification",
    "https://w3id.org/dpv/pd#Language",
    "https://w3id.org/dpv/pd#PhysicalAddress",
    "https://w3id.org/dpv/pd#Relationship",
    "https://w3id.org/dpv/pd#PersonalDocuments",
];

/// Fields: name, what it means, and its category as an index.
const FIELDS: [(&str, &str, usize); 20] = [
    ("personalCode", "http://www.w3.org/ns/person#identifier", 0),
    ("givenName", "http://xmlns.com/foaf/0.1/givenName", 1),
    ("familyName", "http://xmlns.com/foaf/0.1/familyName", 1),
    ("birthFamilyName", "http://www.w3.org/ns/person#birthName", 1),
    ("sex", "http://data.europa.eu/m8g/sex", 2),
    ("birthDate", "http://data.europa.eu/m8g/birthDate", 3),
    ("birthCountry", "http://www.w3.org/ns/person#countryOfBirth", 4),
    ("birthPlace", "http://www.w3.org/ns/person#placeOfBirth", 4),
    ("mainCitizenship", "http://www.w3.org/ns/person#citizenship", 5),
    ("maritalStatus", "urn:paasla:rr#maritalStatus", 6),
    ("education", "urn:paasla:rr#education", 7),
    ("motherTongue", "urn:paasla:rr#motherTongue", 8),
    ("residenceAddress", "http://data.europa.eu/m8g/domicile", 9),
    ("residenceMunicipality", "http://www.w3.org/ns/locn#adminUnitL2", 9),
    ("residenceCounty", "http://www.w3.org/ns/locn#adminUnitL1", 9),
    ("residencePostalCode", "http://www.w3.org/ns/locn#postCode", 9),
    ("spouseCode", "urn:paasla:rr#spouseCode", 10),
    ("spouseName", "urn:paasla:rr#spouseName", 10),
    ("documentNumber", "urn:paasla:rr#documentNumber", 11),
    ("documentValidUntil", "urn:paasla:rr#documentValidUntil", 11),
];

/// A term with what is broader than it.
#[must_use]
pub fn term((iri, broader): (&str, &[&str])) -> Term {
    Term { iri: iri.to_owned(), broader: broader.iter().map(|iri| (*iri).to_owned()).collect() }
}

/// Whether policy number `policy` finds that a purpose needs a category. Every policy leaves a third of the categories
/// out, so that each has as much to do as the first; those after the first leave out another in place of one.
#[must_use]
pub fn needs(policy: usize, purpose: usize, category: usize) -> bool {
    let place = (purpose + category) % CATEGORIES.len();
    match policy {
        0 => !place.is_multiple_of(3),
        _ => place == 0 || (!place.is_multiple_of(3) && place != 1 + 3 * (policy % 3)),
    }
}

/// The categories that a purpose needs, by policy number `policy`.
pub fn needed(policy: usize, purpose: usize) -> impl Iterator<Item = &'static str> {
    let categories = CATEGORIES.iter().enumerate();
    categories.filter(move |(category, _)| needs(policy, purpose, *category)).map(|(_, iri)| *iri)
}

/// The settings of policy number `policy` for the rule `minimisation`.
#[must_use]
pub fn settings(policy: usize) -> serde_json::Value {
    let entry = |(nth, (purpose, _)): (usize, &(&str, &[&str]))| {
        let categories: Vec<&str> = needed(policy, nth).collect();
        json!({ "purposes": [purpose], "categories": categories })
    };
    json!({ "allow": PURPOSES.iter().enumerate().map(entry).collect::<Vec<_>>(), "otherwise": "refuse" })
}

/// A policy with these settings.
#[must_use]
pub fn policy(name: String, settings: serde_json::Value) -> Policy {
    let (scope, mode, limits) = (Scope::default(), Mode::Enforce, Limits::default());
    Policy { name, rule: String::new(), settings, scope, mode, limits, vouched_by: Vouching::Ministry }
}

/// A field; those after the twentieth are the same again, under other names.
#[must_use]
pub fn field(nth: usize) -> Arc<Field> {
    let (name, iri, category) = FIELDS.get(nth % FIELDS.len()).copied().unwrap_or_default();
    let name = if nth < FIELDS.len() { name.to_owned() } else { format!("{name}{}", nth / FIELDS.len()) };
    // A personal code tells sex and birth date; both may be given away by default.
    let told: &[usize] = if category == 0 { &[2, 3] } else { &[] };
    let category_iri = |nth: usize| CATEGORIES.get(nth).copied().unwrap_or_default().to_owned();
    Arc::new(Field {
        index: u32::try_from(nth).unwrap_or(u32::MAX),
        name,
        group: None,
        iri: iri.to_owned(),
        category: category_iri(category),
        special: false,
        reveals: told.iter().map(|nth| category_iri(*nth)).collect(),
    })
}

/// How many fields the register has: no query that is measured asks for more.
const REGISTER_FIELDS: usize = 100;

/// The register that the rules are told of, the same for all.
static REGISTER: LazyLock<Arc<Register>> = LazyLock::new(|| {
    let field = |nth| RegisterField { entity: "person".to_owned(), field: field(nth) };
    let birth_date = RowFact {
        entity: "person".to_owned(),
        name: "subject.birth-date".to_owned(),
        kind: "date",
        category: CATEGORIES.get(3).map(|iri| (*iri).to_owned()),
    };
    Arc::new(Register::new((0..REGISTER_FIELDS).map(field).collect(), vec![birth_date]))
});

/// The register that the rules are told of.
#[must_use]
pub fn register() -> &'static Arc<Register> {
    &REGISTER
}

/// A query as institutions send them, for so many fields.
#[must_use]
pub fn query(fields: usize, purpose: Term) -> Query {
    let text = |text: &str| Some(text.to_owned());
    let client =
        "EE/GOV/70999911/toetused".parse().unwrap_or_else(|_| unreachable!("it has four plain parts"));
    Query {
        id: "0196a0b0-0000-7000-8000-000000000000".to_owned(),
        instant: 1_795_000_000_000,
        utc_offset: 120,
        date: Date::constant(2026, 11, 18),
        channel: "xroad".to_owned(),
        service: "person".to_owned(),
        version: 1,
        client,
        represented: None,
        official: text("EE60001017869"),
        agent: None,
        case: text("1-1/26/1"),
        purpose,
        legal_basis: term((
            "https://w3id.org/dpv/legal/eu/gdpr#A6-1-e",
            &["https://w3id.org/dpv#LegalBasis", "https://w3id.org/dpv#PublicInterest"],
        )),
        special_ground: None,
        provision: None,
        bundle: None,
        subjects: Subjects { kind: "keys".to_owned(), count: 1 },
        fields: register().fields().iter().take(fields).map(|known| Arc::clone(&known.field)).collect(),
        grant: GrantView {
            id: "public-task-person".to_owned(),
            reference: text("Invented decision 1-1/26/1"),
            quotas: Vec::new(),
            attributes: Vec::new(),
        },
        facts: Vec::new(),
    }
}

/// The query that is measured: for the first purpose.
#[must_use]
pub fn usual(fields: usize) -> Query {
    query(fields, term(PURPOSES.first().copied().unwrap_or_default()))
}

/// The purpose for which the rule `minors` does not hide data of children.
pub const CHILDREN: &str = "https://w3id.org/dpv/sector/publicservices#SocialWelfareEligibilityAssessment";

/// Settings of the rule `minors`: for the query that is measured, children's data is narrowed.
#[must_use]
pub fn minors() -> serde_json::Value {
    json!({ "purposes": [CHILDREN] })
}

/// The day of the youngest adults on the day of the query.
pub const LATEST_ADULT: Date = Date::constant(2008, 11, 18);

/// The day on which the person of a row was born: every fifth is a child.
#[must_use]
pub fn born(row: usize) -> Date {
    let (year, month) = (i16::try_from(row % 40).unwrap_or(0), i8::try_from(row % 12).unwrap_or(0));
    let first = if row.is_multiple_of(5) { 2009 } else { 1960 };
    let span = if row.is_multiple_of(5) { year % 17 } else { year };
    Date::constant(first + span, 1 + month, 15)
}

/// So many rows of persons.
#[must_use]
pub fn rows(count: usize) -> Vec<RowInput> {
    let row = |nth| RowInput {
        group: None,
        parent: None,
        facts: vec![("subject.birth-date".to_owned(), Value::Date(born(nth)))],
        cells: Vec::new(),
    };
    (0..count).map(row).collect()
}

/// An engine as hosts have it.
///
/// # Errors
/// When this machine cannot run it.
pub fn engine() -> Result<Engine> {
    Ok(Engine::new(EngineConfig::default())?)
}

/// The component of a shipped rule.
///
/// # Errors
/// When it is not there.
pub fn component(name: &str) -> Result<Vec<u8>> {
    let folder = env::var_os(RULES).map(PathBuf::from);
    let file =
        folder.context("PAASLA_RULES is not set: run `cargo xtask bench`")?.join(format!("{name}.wasm"));
    fs::read(&file)
        .with_context(|| format!("there is no component {}: `cargo xtask bench` makes it", file.display()))
}

/// A shipped rule, loaded.
///
/// # Errors
/// When its component is not there, or is no rule.
pub fn rule(engine: &Engine, name: &str) -> Result<Rule> {
    engine.load(&component(name)?).with_context(|| format!("the rule {name} cannot be loaded"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_twenty_fields_about_a_third_are_hidden() {
        let query = usual(20);
        let shown: Vec<&str> = needed(0, 0).collect();
        let hidden = query.fields.iter().filter(|field| !shown.contains(&field.category.as_str())).count();
        assert!((6..=8).contains(&hidden), "{hidden}");
    }

    #[test]
    fn every_fifth_person_is_a_child() {
        let children = (0..1_000).filter(|row| born(*row) > LATEST_ADULT).count();
        assert_eq!(children, 200);
    }

    /// Nobody can make a good rule break by asking for many rows, all of them children's, under the usual limits.
    #[test]
    fn ten_thousand_rows_are_reviewed_under_the_usual_limits() {
        let engine = engine().unwrap();
        let policy = policy("minors".to_owned(), minors());
        let policy = engine.activate(&rule(&engine, "minors").unwrap(), &policy, register()).unwrap();
        let child = rows(1).into_iter().find(|_| born(0) > LATEST_ADULT).unwrap();
        let (query, children) = (usual(20), vec![child; 10_000]);
        let (said, fuel) = policy.review(&query, &children);
        assert_eq!(said.unwrap().len(), children.len(), "{fuel} units of fuel");
    }

    #[test]
    fn every_policy_does_as_much_and_something_else() {
        for purpose in 0..PURPOSES.len() {
            for policy in 0..20 {
                assert_eq!(needed(policy, purpose).count(), 8);
            }
            let by_all =
                CATEGORIES.iter().filter(|c| (0..20).all(|p| needed(p, purpose).any(|one| one == **c)));
            assert_eq!(by_all.count(), 5);
        }
    }
}
