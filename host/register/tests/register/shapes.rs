// SPDX-License-Identifier: Apache-2.0
//! Plans that share what does not depend on values are those that would be made anew.

use std::sync::{Arc, LazyLock};

use paasla_core::{Condition, Mask, Test, Value, Visibility};
use paasla_register::{Dialect, Plan, Plans, Read};
use proptest::{collection::vec, prelude::*, sample::select};

use crate::{
    fixture::{Fixture, JAAN, MARI, by_codes, condition, description, text, unrestricted},
    plans::any_read,
};

/// Values of every type: most of them do not fit.
fn value() -> impl Strategy<Value = Value> {
    let date = |text: &str| Value::Date(text.parse().unwrap());
    let fitting = vec![text(MARI), text(JAAN), text(""), date("1990-01-01"), date("2008-11-22")];
    let others =
        vec![Value::Truth(true), Value::Integer(7), Value::Absent, Value::Texts(vec![MARI.to_owned()])];
    prop_oneof![8 => select(fitting), 1 => select(others)]
}

fn key() -> impl Strategy<Value = (String, Vec<Value>)> {
    let names = prop_oneof![12 => select(vec!["personalCode", "familyName", "birthDate"]), 1 => Just("sex")];
    let values = prop_oneof![
        6 => vec(select(vec![text(MARI), text(JAAN), text("x")]), 1..6),
        2 => vec(value(), 0..4),
        1 => Just(vec![text(MARI); 40]),
    ];
    (names, values).prop_map(|(name, values)| (name.to_owned(), values))
}

fn any_condition() -> impl Strategy<Value = Condition> {
    let facts = prop_oneof![
        6 => select(vec!["subject.access-restricted", "subject.birth-date", "subject.alive"]),
        1 => Just("subject.x"),
    ];
    let tests = select(vec![
        Test::Equal,
        Test::NotEqual,
        Test::Less,
        Test::AtMost,
        Test::Greater,
        Test::AtLeast,
        Test::Absent,
        Test::Present,
    ]);
    let drawn = (facts, tests, value());
    prop_oneof![
        2 => Just(unrestricted()),
        1 => Just(condition("subject.access-restricted", Test::Equal, Value::Truth(true))),
        3 => drawn.prop_map(|(fact, test, value)| condition(fact, test, value)),
    ]
}

/// A read from few words, so that many are alike and many nearly so. Some cannot be planned.
fn few_words() -> impl Strategy<Value = Read> {
    let names =
        vec!["givenName", "sex", "birthDate", "residenceAddress", "custody.otherCode", "contacts.kind"];
    let names = prop_oneof![40 => select(names), 1 => Just("noSuchField")];
    let seen = vec![Visibility::Show, Visibility::Hide, Visibility::Masked(Mask::County)];
    let seen = prop_oneof![3 => select(seen), 1 => select(Visibility::all())];
    let facts = vec(select(vec!["subject.alive", "subject.birth-date"]), 0..3);
    let entity = prop_oneof![40 => Just("person"), 1 => Just("car")];
    let values = (select(vec!["2026-11-22", "2027-01-01"]), select(vec![1, 100, 100_000, 100_001]));
    let drawn = (
        (vec(key(), 0..3), vec((names, seen), 0..4), facts),
        (vec(any_condition(), 0..3), entity, values, any::<bool>()),
    );
    drawn.prop_map(|((keys, fields, facts), (conditions, entity, (date, limit), review))| Read {
        entity: entity.to_owned(),
        keys,
        row_facts: facts.into_iter().map(str::to_owned).collect(),
        conditions,
        date: date.parse().unwrap(),
        limit,
        review,
        ..by_codes(&[], &fields)
    })
}

/// The same read with other values, as many of each.
fn with_other_values(mut read: Read) -> Read {
    for value in read.keys.iter_mut().flat_map(|(_, values)| values) {
        if let Value::Text(text) = value {
            text.push('9');
        }
    }
    for condition in &mut read.conditions {
        if let Value::Truth(truth) = &mut condition.value {
            *truth = !*truth;
        }
    }
    (read.date, read.limit) = ("2031-12-31".parse().unwrap(), 55);
    read
}

/// The same read with one thing in it otherwise: nearly of the same shape.
fn neighbours(read: &Read) -> Vec<Read> {
    let mut all = vec![Read { review: !read.review, ..read.clone() }];
    let mut change = |change: fn(&mut Read)| {
        let mut other = read.clone();
        change(&mut other);
        all.push(other);
    };
    change(|read| read.fields.iter_mut().for_each(|(_, visibility)| *visibility = Visibility::Hide));
    change(|read| {
        read.fields.iter_mut().for_each(|(_, visibility)| *visibility = Visibility::Masked(Mask::Redact));
    });
    change(|read| {
        read.fields.iter_mut().for_each(|(_, visibility)| *visibility = Visibility::Masked(Mask::Year));
    });
    change(|read| read.fields.reverse());
    change(|read| drop(read.fields.pop()));
    change(|read| read.row_facts.reverse());
    change(|read| drop(read.row_facts.pop()));
    change(|read| read.conditions.reverse());
    change(|read| drop(read.conditions.pop()));
    change(|read| {
        read.conditions.iter_mut().for_each(|condition| condition.fact = "subject.alive".to_owned());
    });
    change(|read| read.conditions.iter_mut().for_each(|condition| condition.test = Test::NotEqual));
    change(|read| read.conditions.iter_mut().for_each(|condition| condition.value = text("x")));
    change(|read| read.keys.reverse());
    change(|read| read.keys.iter_mut().for_each(|(name, _)| *name = "givenName".to_owned()));
    change(|read| read.keys.iter_mut().for_each(|(_, values)| drop(values.pop())));
    change(|read| read.keys.iter_mut().for_each(|(_, values)| values.push(Value::Truth(true))));
    change(|read| read.limit += 50_000);
    all
}

/// Asked by all cases of a test, so that each finds what those before it left.
fn plans(dialect: Dialect) -> Plans {
    Plans::new(Arc::new(description().clone()), dialect)
}

fn check(plans: &Plans, dialect: Dialect, read: &Read) -> Result<(), TestCaseError> {
    let anew = Plan::new(description(), dialect, read);
    // `Plan` has no difference that equality does not see: texts, places of binds, values, parts.
    prop_assert_eq!(plans.plan(read), anew);
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn a_plan_is_the_one_that_would_be_made_anew(reads in vec(few_words(), 1..4), full in any_read()) {
        static SQLITE: LazyLock<Plans> = LazyLock::new(|| plans(Dialect::Sqlite));
        static POSTGRES: LazyLock<Plans> = LazyLock::new(|| plans(Dialect::Postgres));
        for (plans, dialect) in [(&*SQLITE, Dialect::Sqlite), (&*POSTGRES, Dialect::Postgres)] {
            for read in reads.iter().chain([&full]).chain(reads.iter().rev()) {
                check(plans, dialect, read)?;
                check(plans, dialect, &with_other_values(read.clone()))?;
            }
            for neighbour in reads.iter().chain([&full]).flat_map(neighbours) {
                check(plans, dialect, &neighbour)?;
            }
        }
    }
}

#[test]
fn names_that_run_together_are_told_apart() {
    let plans = plans(Dialect::Sqlite);
    let read = |fields: &[&str], facts: &[&str]| Read {
        row_facts: facts.iter().map(|&name| name.to_owned()).collect(),
        ..by_codes(&[MARI], &fields.iter().map(|&name| (name, Visibility::Show)).collect::<Vec<_>>())
    };
    let alike = [
        read(&["sex", "status"], &[]),
        read(&["status", "sex"], &[]),
        read(&["sex", "sex"], &[]),
        read(&["sex"], &[]),
        read(&["sexstatus"], &[]),
        read(&["sex"], &["subject.alive"]),
        read(&["sex"], &["subject.alive", "subject.alive"]),
        read(&["sex", "subject.alive"], &[]),
    ];
    for read in alike.iter().chain(alike.iter().rev()) {
        assert_eq!(plans.plan(read), Plan::new(description(), Dialect::Sqlite, read));
    }
}

#[tokio::test]
async fn a_plan_of_a_known_shape_reads_whom_it_is_asked_for() {
    let register = Fixture::new().await;
    let plans = plans(Dialect::Sqlite);
    let fields = [("givenName", Visibility::Show), ("contacts.value", Visibility::Show)];
    for (codes, limit) in
        [(&[MARI][..], 1), (&[JAAN][..], 1), (&[JAAN, MARI, MARI][..], 1), (&[MARI, JAAN, JAAN][..], 9)]
    {
        let read = Read { limit, ..by_codes(codes, &fields) };
        let rows =
            paasla_register::Source::read(&register.register, &plans.plan(&read).unwrap()).await.unwrap();
        assert_eq!(rows, register.read(&read).await);
        assert!(rows.rows.iter().any(|row| row.group.is_none()));
    }
}
