// SPDX-License-Identifier: Apache-2.0

use std::collections::BTreeSet;

use paasla_core::{Condition, Mask, Test, Value, Visibility};
use paasla_register::{
    Dialect, FieldDescription, Plan, PlanError, Read, Statement,
    description::{ColumnRef, Derivation, Entity, FactReading},
};
use proptest::{collection::vec, prelude::*, sample::select};

use crate::fixture::{MARI, by_codes, condition, description, text, unrestricted};

const SHOW: Visibility = Visibility::Show;
const HIDE: Visibility = Visibility::Hide;

fn plan(read: &Read) -> Plan {
    Plan::new(description(), Dialect::Sqlite, read).unwrap()
}

fn refused(read: &Read) -> PlanError {
    Plan::new(description(), Dialect::Sqlite, read).unwrap_err()
}

fn quoted(column: &ColumnRef) -> String {
    format!("\"{}\".\"{}\"", column.source, column.column)
}

/// All conditions that the tests choose from.
fn conditions() -> Vec<Condition> {
    let adult = Value::Date("2008-11-22".parse().unwrap());
    vec![
        unrestricted(),
        condition("subject.birth-date", Test::AtMost, adult),
        condition("subject.alive", Test::NotEqual, Value::Truth(false)),
        condition("subject.alive", Test::Present, Value::Absent),
    ]
}

/// A read of every field, each as visible as drawn.
pub(crate) fn any_read() -> impl Strategy<Value = Read> {
    let names: Vec<String> = description().field_names("person").into_iter().map(str::to_owned).collect();
    let visibilities =
        prop_oneof![vec(select(Visibility::all()), names.len()), vec(mostly_hidden(), names.len())];
    let facts = vec(select(vec!["subject.access-restricted", "subject.birth-date", "subject.alive"]), 0..3);
    let drawn = (visibilities, facts, vec(select(conditions()), 0..3), any::<bool>());
    drawn.prop_map(move |(visibilities, facts, conditions, review)| Read {
        fields: names.iter().cloned().zip(visibilities).collect(),
        row_facts: facts.into_iter().map(str::to_owned).collect(),
        conditions,
        review,
        ..by_codes(&[MARI, "60001017869"], &[])
    })
}

fn mostly_hidden() -> impl Strategy<Value = Visibility> {
    prop_oneof![20 => Just(HIDE), 1 => select(Visibility::all())]
}

/// The columns that a statement may read because something other than the field needs them.
fn needed(statement: &Statement, entity: &Entity, read: &Read) -> BTreeSet<String> {
    let mut columns = BTreeSet::new();
    let of_group = |field: &FieldDescription| field.group() == statement.group();
    for (name, visibility) in &read.fields {
        let field = entity.field(name).unwrap();
        if of_group(field) && *visibility != HIDE {
            let coarser = field.coarser();
            let all = [field.column(), coarser.municipality.as_ref(), coarser.county.as_ref()];
            columns.extend(all.into_iter().flatten().map(quoted));
        }
    }
    if statement.group().is_none() {
        columns
            .extend(read.keys.iter().map(|(name, _)| quoted(entity.field(name).unwrap().column().unwrap())));
    }
    let asked = read.row_facts.iter().chain(read.conditions.iter().map(|condition| &condition.fact));
    for name in asked {
        if let FactReading::Column(column) | FactReading::Equals(column, _) =
            &entity.fact(name).unwrap().reading
        {
            columns.insert(quoted(column));
            columns.insert(format!("\"about\".\"{}\"", column.column));
        }
    }
    columns
}

/// The columns that a statement may name inside an expression, because an answer that is seen is computed from them.
fn inputs(statement: &Statement, entity: &Entity, read: &Read) -> BTreeSet<String> {
    let seen = read.fields.iter().filter(|(_, visibility)| *visibility != HIDE);
    let seen = seen.map(|(name, _)| entity.field(name).unwrap());
    let derivations = seen.filter(|field| field.group() == statement.group()).filter_map(|f| f.derivation());
    derivations.flat_map(Derivation::inputs).map(|input| quoted(input.column())).collect()
}

proptest! {
    /// Invariant 4: what is hidden is not read.
    #[test]
    fn no_hidden_column_is_named(read in any_read()) {
        let register = description();
        let entity = register.entity("person").unwrap();
        for dialect in [Dialect::Sqlite, Dialect::Postgres] {
            let plan = Plan::new(register, dialect, &read).unwrap();
            for statement in plan.statements() {
                let (needed, inputs) = (needed(statement, entity, &read), inputs(statement, entity, &read));
                for (name, visibility) in &read.fields {
                    let field = entity.field(name).unwrap();
                    let Some(column) = field.column().map(quoted) else { continue };
                    if *visibility == HIDE && field.group() == statement.group() && !needed.contains(&column) {
                        let read_alone = format!("{column} AS ");
                        prop_assert!(!statement.sql().contains(&read_alone), "{name} in {}", statement.sql());
                        let named = statement.sql().contains(&column);
                        prop_assert!(!named || inputs.contains(&column), "{name} in {}", statement.sql());
                    }
                }
            }
            let visible = |group: &str| {
                let mut fields = read.fields.iter().filter(|(_, visibility)| *visibility != HIDE);
                fields.any(|(name, _)| entity.field(name).unwrap().group() == Some(group))
            };
            let expected: Vec<&str> = entity.groups().iter().map(|g| g.name()).filter(|g| visible(g)).collect();
            let planned: Vec<&str> = plan.statements().iter().filter_map(|s| s.group()).collect();
            prop_assert_eq!(planned, expected);
        }
    }

    /// Values are bound, never written into SQL.
    #[test]
    fn no_value_stands_in_sql(read in any_read(), name in "[a-z]{12}'\"; --[a-z]{3}") {
        let mut read = read;
        read.keys.push(("familyName".to_owned(), vec![text(&name)]));
        for statement in plan(&read).statements() {
            prop_assert!(!statement.sql().contains(&name) && !statement.sql().contains(MARI));
            prop_assert!(!statement.sql().contains('\''));
            let highest = (1..100).rfind(|n| statement.sql().contains(&format!("?{n}"))).unwrap();
            prop_assert_eq!(highest, statement.bind_count());
        }
        let said = format!("{:?} {read:?}", plan(&read));
        prop_assert!(!said.contains(&name));
    }
}

#[test]
fn a_redacted_field_is_read_as_presence_only() {
    let redact = Visibility::Masked(Mask::Redact);
    let read = by_codes(&[MARI], &[("sex", redact), ("familyName", Visibility::Masked(Mask::Year))]);
    let plan = plan(&read);
    assert_eq!(plan.visibilities(), [redact, redact]);
    let sql = plan.statements()[0].sql();
    assert!(sql.contains("(\"person\".\"sex\" IS NOT NULL) AS \"c1\""), "{sql}");
    assert_eq!(sql.matches("\"family_name\"").count(), 1, "{sql}");
    assert!(!sql.contains("JOIN"), "{sql}");
}

#[test]
fn a_coarser_mask_reads_another_column_in_place_of_the_fields_own() {
    let municipality = Visibility::Masked(Mask::Municipality);
    let mut read = by_codes(&[MARI], &[("residenceAddress", municipality)]);
    let sql = plan(&read).statements()[0].sql().to_owned();
    assert!(sql.contains("\"municipality\".\"name\"") && !sql.contains("full_text"), "{sql}");
    assert!(!sql.contains("\"county\""), "{sql}");
    read.review = true;
    let sql = plan(&read).statements()[0].sql().to_owned();
    assert!(sql.contains("\"county\".\"name\"") && !sql.contains("full_text"), "{sql}");
    read.fields[0].1 = SHOW;
    let sql = plan(&read).statements()[0].sql().to_owned();
    assert!(sql.contains("\"county\".\"name\"") && sql.contains("full_text"), "{sql}");
}

#[test]
fn an_order_tells_nothing_of_a_hidden_column() {
    let toml = crate::fixture::EXAMPLE.replace(
        "name = \"documents\"\ntable = \"document\"\nparent = \"person_id\"\norder-by = \"id\"",
        "name = \"documents\"\ntable = \"document\"\nparent = \"person_id\"\norder-by = \"issued_on\"",
    );
    let register = paasla_register::Description::from_toml(&toml).unwrap();
    let sql = |visibility| {
        let read = by_codes(&[MARI], &[("documents.kind", SHOW), ("documents.issuedOn", visibility)]);
        Plan::new(&register, Dialect::Sqlite, &read).unwrap().statements()[1].sql().to_owned()
    };
    assert!(sql(SHOW).contains("ORDER BY \"document\".\"issued_on\""));
    assert!(!sql(HIDE).contains("issued_on"));
    assert!(!sql(Visibility::Masked(Mask::Year)).contains("ORDER BY \"document\""));
}

#[test]
fn postgres_has_its_own_placeholders() {
    let mut read =
        by_codes(&[MARI, "60001017869", "36805280109"], &[("givenName", SHOW), ("custody.otherCode", SHOW)]);
    read.conditions = conditions();
    read.row_facts = vec!["subject.access-restricted".to_owned()];
    let plan = Plan::new(description(), Dialect::Postgres, &read).unwrap();
    let [root, custody] = plan.statements() else { panic!("{plan:?}") };
    assert!(root.sql().contains("\"person\".\"personal_code\" IN ($2, $3, $4, $5)"), "{}", root.sql());
    assert!(root.sql().ends_with(&format!("ORDER BY \"person\".\"id\" LIMIT ${}", root.bind_count())));
    assert!(custody.sql().contains(&format!("\"custody\".\"person_id\" IN (${})", custody.bind_count())));
    for statement in plan.statements() {
        assert!(!statement.sql().contains('?'), "{}", statement.sql());
    }
    let nobody = "(\"custody\".\"other_person_id\" IS NULL OR (\"about\".\"birth_date\") <= $";
    assert!(custody.sql().contains(nobody), "{}", custody.sql());
}

#[test]
fn what_cannot_be_read_is_no_plan() {
    let good = || by_codes(&[MARI], &[("givenName", SHOW)]);
    let date = Value::Date("1990-01-01".parse().unwrap());
    assert_eq!(refused(&Read { entity: "car".into(), ..good() }), PlanError::UnknownEntity("car".into()));
    assert_eq!(refused(&by_codes(&[MARI], &[("givenName", SHOW), ("x", SHOW)])), PlanError::UnknownField(1));
    assert_eq!(refused(&by_codes(&[], &[])), PlanError::KeyType(0));
    assert_eq!(refused(&Read { keys: vec![], ..good() }), PlanError::NoKeys);
    for name in ["sex", "custody.otherCode", "x"] {
        let keys = vec![(name.to_owned(), vec![text("M")])];
        assert_eq!(refused(&Read { keys, ..good() }), PlanError::NotAKey(0));
    }
    let keys = vec![("birthDate".to_owned(), vec![date.clone(), text("1990-01-01")])];
    assert_eq!(refused(&Read { keys, ..good() }), PlanError::KeyType(0));
    let keys = vec![("givenName".to_owned(), vec![text("x"); 10_001])];
    assert_eq!(refused(&Read { keys, ..good() }), PlanError::TooMuch);
    assert_eq!(refused(&Read { limit: 100_001, ..good() }), PlanError::TooMuch);
    let unknown = PlanError::UnknownFact("subject.x".into());
    assert_eq!(refused(&Read { row_facts: vec!["subject.x".into()], ..good() }), unknown);
    let with =
        |fact: &str, test, value| refused(&Read { conditions: vec![condition(fact, test, value)], ..good() });
    assert_eq!(with("subject.x", Test::Present, Value::Absent), unknown);
    let mismatch = |fact: &str| PlanError::ConditionType(fact.into());
    assert_eq!(with("subject.alive", Test::Equal, text("E")), mismatch("subject.alive"));
    assert_eq!(with("subject.alive", Test::Equal, Value::Absent), mismatch("subject.alive"));
    assert_eq!(with("subject.alive", Test::Absent, Value::Truth(true)), mismatch("subject.alive"));
    assert_eq!(with("subject.birth-date", Test::Less, Value::Integer(1990)), mismatch("subject.birth-date"));
    let unordered = PlanError::NotOrdered("subject.alive".into());
    assert_eq!(with("subject.alive", Test::Less, Value::Truth(true)), unordered);
}
