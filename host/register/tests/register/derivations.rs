// SPDX-License-Identifier: Apache-2.0
//! Derived fields in a description: what it may say, and what is told of mistakes.

use std::collections::BTreeMap;

use paasla_register::{
    Description, DescriptionError, FieldType,
    description::{AGE_YEARS_MAX, ColumnRef, Criterion, Derivation, Input},
};

use crate::fixture::description;

/// A description with these fields beside three columns.
fn with(fields: &str) -> Result<Description, DescriptionError> {
    Description::from_toml(&format!(
        r#"
name = "x"
title = "X"
iri = "urn:x"
time-zone = "Europe/Tallinn"
[code-lists.STATUS]
E = "alive"
S = "dead"
[[entities]]
name = "person"
table = "person"
key = "id"
fields = [
  {{ name = "status", column = "status", type = "code", list = "STATUS", key = true, iri = "urn:s", category = "urn:S" }},
  {{ name = "born", column = "born", type = "date", iri = "urn:b", category = "urn:B" }},
  {{ name = "origin", column = "origin", type = "text", special = true, iri = "urn:o", category = "urn:O" }},
{fields}
]
[[entities.groups]]
name = "ties"
table = "tie"
parent = "person_id"
about = {{ entity = "person", column = "other_id" }}
fields = [
  {{ name = "isOf", derived = {{ equals = {{ source = "about", column = "origin", value = "x" }} }}, special = true, iri = "urn:i", category = "urn:O" }},
]
"#
    ))
}

/// One derived field, and what goes beside it.
fn field(derived: &str, more: &str) -> String {
    format!("{{ name = \"f\", derived = {derived}, iri = \"urn:f\", category = \"urn:F\"{more} }}")
}

/// What is wrong, by place.
fn told(fields: &str) -> BTreeMap<String, String> {
    match with(fields) {
        Err(DescriptionError::Invalid(problems)) => {
            problems.into_iter().map(|problem| (problem.path, problem.message)).collect()
        }
        other => panic!("{other:?}"),
    }
}

fn column(name: &str) -> ColumnRef {
    ColumnRef { source: "person".to_owned(), column: name.to_owned() }
}

#[test]
fn every_form_is_read() {
    let all = "{ all = [{ is-absent = { column = \"born\" } }, { equals = { column = \"status\", value = \"E\" } }] }";
    let born = column("born");
    for (derived, field_type, expected) in [
        ("{ age = { column = \"born\" } }", FieldType::Integer, Derivation::Age(born.clone())),
        (
            "{ age-at-least = { column = \"born\", years = 18 } }",
            FieldType::Boolean,
            Derivation::All(vec![Criterion::AgeAtLeast { born: born.clone(), years: 18 }]),
        ),
        (
            all,
            FieldType::Boolean,
            Derivation::All(vec![
                Criterion::IsAbsent(born.clone()),
                Criterion::Equals(column("status"), "E".to_owned()),
            ]),
        ),
    ] {
        for more in [String::new(), format!(", type = \"{}\"", field_type.name())] {
            let description = with(&field(derived, &more)).unwrap();
            let field = description.field("person", "f").unwrap();
            assert_eq!((field.derivation(), field.field_type()), (Some(&expected), &field_type), "{derived}");
            assert!(field.column().is_none() && !field.is_key());
        }
    }
    let alive = description().field("person", "isAlive").unwrap().derivation().unwrap();
    let inputs: Vec<_> = alive.inputs().map(Input::column).collect();
    assert_eq!(inputs, [&column("death_date"), &column("status")]);
}

/// Each mistake has its place, and a remedy.
#[test]
fn every_mistake_is_told_with_its_place() {
    let one_form = "exactly one of `age`, `age-at-least`, `is-absent`, `equals` and `all`";
    let is_absent = "{ is-absent = { column = \"born\" } }";
    let at = "entities.person.fields.f";
    let two = "{ age = { column = \"born\" }, is-absent = { column = \"born\" } }";
    for (derived, more, place, says) in [
        ("{}", "", ".derived", one_form),
        (two, "", ".derived", one_form),
        ("{ all = [] }", "", ".derived.all", "say in it what must hold"),
        (
            "{ all = [{ age = { column = \"born\" } }] }",
            "",
            ".derived.all[0]",
            "exactly one of `age-at-least`, `is-absent` and `equals`",
        ),
        ("{ all = [{ all = [] }] }", "", ".derived.all[0]", "exactly one of"),
        ("{ age = {} }", "", ".derived.age.column", "is missing"),
        (
            "{ age = { source = \"s\", column = \"born\" } }",
            "",
            ".derived.age.source",
            "neither the own table",
        ),
        ("{ is-absent = { column = \"a b\" } }", "", ".derived.is-absent.column", "no identifier"),
        ("{ equals = { column = \"status\" } }", "", ".derived.equals.value", "is missing"),
        ("{ age-at-least = { column = \"born\" } }", "", ".derived.age-at-least.years", "from 1 to 150"),
        (
            "{ age-at-least = { column = \"born\", years = 0 } }",
            "",
            ".derived.age-at-least.years",
            "from 1 to 150",
        ),
        (
            "{ all = [{ age-at-least = { column = \"born\", years = 151 } }] }",
            "",
            ".derived.all[0].age-at-least.years",
            "from 1 to 150",
        ),
        (is_absent, ", type = \"integer\"", ".type", "is `boolean` by what `derived` says"),
        ("{ age = { column = \"born\" } }", ", type = \"boolean\"", ".type", "is `integer`"),
        (is_absent, ", key = true", ".key", "a derived field is no key"),
        (is_absent, ", column = \"born\"", ".column", "leave it out"),
        (is_absent, ", source = \"person\"", ".source", "leave it out"),
        (is_absent, ", list = \"STATUS\"", ".list", "leave it out"),
        (is_absent, ", compare = \"name\"", ".compare", "leave it out"),
        (is_absent, ", compare-column = { column = \"c\" }", ".compare-column", "leave it out"),
        (is_absent, ", coarser = { county = { column = \"c\" } }", ".coarser", "leave it out"),
        (is_absent, ", pseudonym-domain = \"d\"", ".pseudonym-domain", "leave it out"),
        ("{ is-absent = { column = \"origin\" } }", "", ".special", "`origin`, a special category"),
        ("{ age = { column = \"status\" } }", "", ".derived", "`status`, which is of type code"),
        (
            "{ equals = { column = \"status\", value = \"dead\" } }",
            "",
            ".derived",
            "a code that its list `STATUS` lacks",
        ),
    ] {
        let told = told(&field(derived, more));
        let place = format!("{at}{place}");
        assert_eq!(told.keys().collect::<Vec<_>>(), [&place], "{derived}{more}");
        assert!(told[&place].contains(says), "{derived}{more}: {told:?}");
    }
    assert_eq!(AGE_YEARS_MAX, 150);
}

#[test]
fn all_mistakes_are_told_at_once() {
    let wrong = "{ all = [{ age-at-least = { years = 0 } }, {}, { is-absent = { column = \"origin\" } }] }";
    let told = told(&field(wrong, ", key = true, type = \"date\", column = \"born\""));
    let at = "entities.person.fields.f";
    let expected = [
        ".column",
        ".derived.all[0].age-at-least.column",
        ".derived.all[0].age-at-least.years",
        ".derived.all[1]",
        ".key",
        ".special",
        ".type",
    ];
    assert_eq!(told.into_keys().collect::<Vec<_>>(), expected.map(|place| format!("{at}{place}")));
}

/// By whatever table and name a column is reached, what is special in it stays so.
#[test]
fn an_answer_from_a_special_category_is_one() {
    assert!(with("").unwrap().field("person", "ties.isOf").unwrap().is_special());
    let text = r#"
name = "x"
title = "X"
iri = "urn:x"
time-zone = "UTC"
[[entities]]
name = "person"
table = "person"
key = "id"
joins = [{ alias = "roots", table = "origin", from = { column = "origin_id" }, to = "id" }]
fields = [{ name = "origin", source = "roots", column = "name", type = "text", special = true, iri = "urn:o", category = "urn:O" }]
[[entities.groups]]
name = "places"
table = "origin"
parent = "person_id"
fields = [{ name = "isOf", derived = { equals = { column = "name", value = "x" } }, iri = "urn:i", category = "urn:O" }]
"#;
    let Err(DescriptionError::Invalid(problems)) = Description::from_toml(text) else { panic!("{text}") };
    let places: Vec<&str> = problems.iter().map(|problem| problem.path.as_str()).collect();
    assert_eq!(places, ["entities.person.groups.places.fields.isOf.special"]);
}

/// A form that is not there is told with those that are.
#[test]
fn an_unknown_form_is_told_with_its_line() {
    let error = with(&field("{ younger-than = { column = \"born\", years = 18 } }", "")).unwrap_err();
    let said = error.to_string();
    assert!(
        said.contains("younger-than") && said.contains("age-at-least") && said.contains("line 17"),
        "{said}"
    );
}
