// SPDX-License-Identifier: Apache-2.0

use std::collections::BTreeSet;

use paasla_core::{Mask, Visibility};
use paasla_register::{Description, DescriptionError, Problem};

use crate::fixture::{EXAMPLE, description};

#[test]
fn the_example_says_what_the_register_holds() {
    let register = description();
    assert_eq!(register.name(), "population-register");
    assert_eq!(register.field_names("person").len(), 23 + 5 + 3 + 4 + 2 + 6 + 8 + 11);
    assert_eq!(register.label("ISIKU_STAATUS", "E"), Some("ELUS"));
    assert_eq!(register.label("RIIK", "233"), Some("EESTI VABARIIK"));
    assert_eq!(register.label("RIIK", "999"), None);
    assert!(register.label("RIIKIDE", "233").is_none() && register.field_names("car").is_empty());

    let code = register.core_field("person", "custody.otherCode").unwrap();
    assert_eq!(code.group.as_deref(), Some("custody"));
    assert_eq!(code.iri, "http://purl.org/dc/terms/identifier");
    assert_eq!(code.category, "https://w3id.org/dpv/pd#OfficialID");
    assert!(code.reveals.contains(&"https://w3id.org/dpv/pd#BirthDate".to_owned()));
    assert!(code.reveals.contains(&"urn:paasla:rr#Custody".to_owned()));
    assert!(register.core_field("person", "ethnicNationality").unwrap().special);
    assert!(register.core_field("person", "otherCode").is_none());

    let entity = register.entity("person").unwrap();
    let keys: Vec<&str> = entity.fields().filter(|field| field.is_key()).map(|field| field.name()).collect();
    assert_eq!(keys, ["personalCode", "givenName", "familyName", "birthDate", "residenceMunicipality"]);
}

#[test]
fn the_example_is_whole() {
    let register = description();
    let entity = register.entity("person").unwrap();
    let mut lists: BTreeSet<&str> = register.code_lists().keys().map(String::as_str).collect();
    for field in entity.fields() {
        assert!(field.title().is_some() && field.title_et().is_some(), "{}", field.name());
        // Else any mask of the field would redact it.
        assert!(!field.reveals().contains(&field.category().to_owned()), "{}", field.name());
        let custody = "urn:paasla:rr#Custody".to_owned();
        let tells = field.category() == custody || field.reveals().contains(&custody);
        assert_eq!(tells, field.group() == Some("custody"), "{}", field.name());
        lists.remove(field.code_list().unwrap_or_default());
    }
    assert_eq!(lists, BTreeSet::new(), "no field uses these code lists");
    let iris = entity.fields().flat_map(|field| {
        [field.iri(), field.category()].into_iter().chain(field.reveals().iter().map(String::as_str))
    });
    let iris: Vec<&str> = iris.collect();
    for (prefix, namespace) in register.prefixes() {
        assert!(iris.iter().any(|iri| iri.starts_with(namespace)), "nothing uses the prefix {prefix}");
    }
}

#[test]
fn the_date_is_the_registers_own() {
    // 2026-11-21T22:30:00Z is half past midnight in Tallinn.
    let date = description().date_at(1_795_300_200_000).unwrap();
    assert_eq!(date.to_string(), "2026-11-22");
    assert_eq!(description().date_at(i64::MAX), None);
}

/// Rulings name fields by their index: it must be their place in what rules are told.
#[test]
fn every_field_stands_at_its_index_in_what_rules_are_told() {
    let several = r#"
name = "x"
title = "X"
iri = "urn:x"
time-zone = "Europe/Tallinn"
[[entities]]
name = "person"
table = "person"
key = "id"
fields = [
  { name = "a", column = "a", type = "text", iri = "urn:a", category = "urn:c", key = true },
  { name = "b", column = "b", type = "text", iri = "urn:b", category = "urn:c" },
]
facts = [{ name = "subject.a", category = "urn:c", equals = { column = "a", value = "x" } }]
[[entities.groups]]
name = "first"
table = "first"
parent = "person_id"
order-by = "id"
fields = [{ name = "a", column = "a", type = "date", iri = "urn:a", category = "urn:d" }]
[[entities]]
name = "car"
table = "car"
key = "id"
fields = [{ name = "a", column = "a", type = "text", iri = "urn:a", category = "urn:c", key = true }]
facts = [{ name = "car.a", equals = { column = "a", value = "x" } }]
"#;
    let several = Description::from_toml(several).unwrap();
    for register in [description(), &several] {
        let rules_register = register.for_rules();
        for (place, known) in rules_register.fields().iter().enumerate() {
            assert_eq!(usize::try_from(known.field.index), Ok(place));
            assert_eq!(register.core_field(&known.entity, &known.field.name), Some(&known.field));
        }
        let fields: usize = register.entities().iter().map(|entity| entity.fields().count()).sum();
        assert_eq!(rules_register.fields().len(), fields);
    }
    let facts: Vec<_> =
        several.for_rules().row_facts().iter().map(|f| (&*f.entity, &*f.name, f.kind)).collect();
    assert_eq!(facts, [("person", "subject.a", "truth"), ("car", "car.a", "truth")]);
    let categories: Vec<_> = several.for_rules().row_facts().iter().map(|f| f.category.as_deref()).collect();
    assert_eq!(categories, [Some("urn:c"), None]);
    let again = Description::from_toml(EXAMPLE).unwrap();
    assert_eq!(again.for_rules().digest(), description().for_rules().digest());
    assert_ne!(several.for_rules().digest(), description().for_rules().digest());
}

/// In Tallinn clocks are two hours ahead of UTC in winter and three in summer; they change at 01:00 UTC.
#[test]
fn the_clocks_are_the_registers_own() {
    let register = description();
    for (instant, minutes) in [
        (1_795_300_200_000, 120),
        (1_782_900_000_000, 180),
        // 2026-03-29T00:59:59.999Z and one millisecond on; 2026-10-25 the same.
        (1_774_745_999_999, 120),
        (1_774_746_000_000, 180),
        (1_792_889_999_999, 180),
        (1_792_890_000_000, 120),
        (i64::MAX, 0),
        (i64::MIN, 0),
    ] {
        assert_eq!(register.utc_offset_at(instant), minutes, "{instant}");
    }
}

#[test]
fn a_mask_that_does_not_fit_redacts() {
    let register = description();
    let effective =
        |name: &str, mask: Mask| match register.effective("person", name, Visibility::Masked(mask)) {
            Some(Visibility::Masked(mask)) => mask,
            other => panic!("{other:?}"),
        };
    assert_eq!(effective("birthDate", Mask::Year), Mask::Year);
    assert_eq!(effective("familyName", Mask::Year), Mask::Redact);
    assert_eq!(effective("familyName", Mask::Initial), Mask::Initial);
    assert_eq!(effective("sex", Mask::Initial), Mask::Redact);
    assert_eq!(effective("residenceAddress", Mask::Municipality), Mask::Municipality);
    assert_eq!(effective("residenceCounty", Mask::Municipality), Mask::Redact);
    assert_eq!(effective("addresses.address", Mask::County), Mask::County);
    assert_eq!(effective("birthPlace", Mask::County), Mask::Redact);
    assert_eq!(effective("personalCode", Mask::Pseudonym), Mask::Pseudonym);
    assert_eq!(register.effective("person", "nothing", Visibility::Show), None);
}

fn problems(text: &str) -> Vec<Problem> {
    match Description::from_toml(text) {
        Err(DescriptionError::Invalid(problems)) => problems,
        other => panic!("{other:?}"),
    }
}

#[test]
fn all_problems_are_told_at_once_with_their_places() {
    let text = r#"
name = "x"
iri = "no iri"
time-zone = "Europe/Atlantis"
[prefixes]
urn = "https://example.org/"
ex = "example"
[[entities]]
name = "person"
table = "person\""
key = "id; DROP TABLE person"
joins = [
  { alias = "b", table = "t", from = { source = "c", column = "x" }, to = "id" },
  { alias = "b", table = "t", from = { column = "x" }, to = "id" },
  { alias = "about", table = "t", to = "id" },
]
fields = [
  { name = "a", column = "a", type = "text", iri = "zz:a" },
  { name = "a", source = "nowhere", column = "a b", type = "texts", iri = "urn:a", category = "urn:c" },
  { name = "c", column = "c", type = "code", list = "NONE", iri = "urn:a", category = "urn:c", reveals = ["q:r"] },
  { name = "d", column = "d", type = "code", iri = "urn:a", category = "urn:c" },
  { name = "e", column = "d", type = "date", list = "NONE", iri = "urn:<a>", category = "urn:c" },
]
facts = [
  { name = "Subject", equals = { column = "a", value = "x" } },
  { name = "subject.x" },
  { name = "subject.y", column = { column = "a", type = "code" } },
]
[[entities.groups]]
name = "a"
table = "g"
parent = "p"
about = { entity = "ghost", column = "g h" }
fields = [{ name = "k", source = "about", column = "k", type = "text", iri = "urn:a", category = "urn:c", key = true }]
[[entities.groups]]
name = "empty"
table = "g"
parent = "p"
order-by = "1"
"#;
    let found = problems(text);
    let paths: BTreeSet<&str> = found.iter().map(|problem| problem.path.as_str()).collect();
    let expected = [
        "title",
        "iri",
        "time-zone",
        "prefixes.urn",
        "prefixes.ex",
        "entities.person.table",
        "entities.person.key",
        "entities.person.joins.b.from.source",
        "entities.person.joins.b.alias",
        "entities.person.joins.about.alias",
        "entities.person.joins.about.from",
        "entities.person.fields.a.category",
        "entities.person.fields.a.iri",
        "entities.person.fields.a.name",
        "entities.person.fields.a.source",
        "entities.person.fields.a.column",
        "entities.person.fields.a.type",
        "entities.person.fields.c.list",
        "entities.person.fields.c.reveals[0]",
        "entities.person.fields.d.list",
        "entities.person.fields.e.list",
        "entities.person.fields.e.iri",
        "entities.person.facts.Subject.name",
        "entities.person.facts.subject.x",
        "entities.person.facts.subject.y.column.type",
        "entities.person.groups.a.name",
        "entities.person.groups.a.about.entity",
        "entities.person.groups.a.about.column",
        "entities.person.groups.a.fields.k.key",
        "entities.person.groups.empty.fields",
        "entities.person.groups.empty.order-by",
    ];
    let missing: Vec<&str> = expected.into_iter().filter(|path| !paths.contains(path)).collect();
    let unexpected: Vec<&&str> = paths.iter().filter(|path| !expected.contains(path)).collect();
    assert!(missing.is_empty() && unexpected.is_empty(), "missing {missing:?}, unexpected {unexpected:?}");
}

#[test]
fn an_unknown_key_is_told_with_its_line() {
    let text = EXAMPLE.replacen("time-zone =", "timezone =", 1);
    let line = EXAMPLE.lines().position(|line| line.starts_with("time-zone")).unwrap() + 1;
    match Description::from_toml(&text) {
        Err(DescriptionError::Syntax { line: told, message }) => {
            assert_eq!(told, line);
            assert!(message.contains("timezone"), "{message}");
        }
        other => panic!("{other:?}"),
    }
    assert!(matches!(Description::from_toml("= 1"), Err(DescriptionError::Syntax { line: 1, .. })));
    assert_eq!(problems("").len(), 5);
}

#[test]
fn one_fact_name_has_one_type() {
    let entity = |name: &str, kind: &str| {
        format!(
            "[[entities]]\nname = \"{name}\"\ntable = \"{name}\"\nkey = \"id\"\n\
             facts = [{{ name = \"subject.x\", column = {{ column = \"x\", type = \"{kind}\" }} }}]\n"
        )
    };
    let head = "name = \"x\"\ntitle = \"X\"\niri = \"urn:x\"\ntime-zone = \"UTC\"\n";
    let found = problems(&format!("{head}{}{}", entity("a", "date"), entity("b", "text")));
    assert_eq!(found.len(), 1);
    assert_eq!(found[0].path, "entities.b.facts.subject.x");
}
