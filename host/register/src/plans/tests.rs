// SPDX-License-Identifier: Apache-2.0

use std::{sync::LazyLock, thread};

use paasla_core::{Condition, Mask, Reason, Test, Value, Visibility};

use super::*;

const EXAMPLE: &str = include_str!("../../../../examples/population-register/register.toml");

fn plans() -> Plans {
    static EXAMPLES: LazyLock<Arc<Description>> =
        LazyLock::new(|| Arc::new(Description::from_toml(EXAMPLE).unwrap()));
    Plans::new(Arc::clone(&EXAMPLES), Dialect::Sqlite)
}

/// One read of each number below 10⁸, all of different shapes.
fn read(number: usize) -> Read<&'static str> {
    let fields = [
        "givenName",
        "familyName",
        "birthDate",
        "status",
        "education",
        "custody.kind",
        "contacts.kind",
        "sex",
    ];
    let visibility = |place: usize| match number / 10_usize.pow(u32::try_from(place).unwrap()) % 10 {
        0 => Visibility::Show,
        1 => Visibility::Hide,
        digit => Visibility::Masked(Mask::ALL[digit - 2]),
    };
    Read {
        entity: "person",
        keys: vec![("personalCode", vec![Value::Text(format!("secret-{number}"))])],
        fields: fields.into_iter().enumerate().map(|(place, name)| (name, visibility(place))).collect(),
        row_facts: vec!["subject.alive"],
        conditions: vec![Condition {
            fact: "subject.birth-date".to_owned(),
            test: Test::AtMost,
            value: Value::Date("1987-06-05".parse().unwrap()),
            reason: Reason::new("test", "test", "Because."),
        }],
        date: "2026-11-22".parse().unwrap(),
        limit: 4321,
        review: false,
    }
}

fn kept(plans: &Plans) -> usize {
    plans.kept.read().unwrap().len()
}

#[test]
fn an_outline_is_made_once_for_all_reads_of_a_shape() {
    let plans = plans();
    let first = plans.plan(&read(0)).unwrap();
    let mut other = read(0);
    other.keys = vec![("personalCode", vec![Value::Text("other".to_owned())])];
    (other.date, other.limit) = ("2027-01-01".parse().unwrap(), 7);
    let second = plans.plan(&other).unwrap();
    assert!(Arc::ptr_eq(first.outline(), second.outline()));
    assert_eq!((first.limit(), second.limit()), (4321, 7));
    assert_eq!(second, Plan::new(&plans.description, Dialect::Sqlite, &other).unwrap());
    assert_eq!(kept(&plans), 1);
    // As many placeholders, but one value more.
    other.keys = vec![("personalCode", ["a", "b", "c"].map(|code| Value::Text(code.to_owned())).to_vec())];
    let three = plans.plan(&other).unwrap();
    other.keys[0].1.push(Value::Text("d".to_owned()));
    let four = plans.plan(&other).unwrap();
    assert!(Arc::ptr_eq(three.outline(), four.outline()) && three != four);
}

#[test]
fn nothing_that_is_kept_tells_a_value() {
    let plans = plans();
    plans.plan(&read(0)).unwrap();
    for (shape, outline) in &*plans.kept.read().unwrap() {
        let bytes = String::from_utf8_lossy(shape.bytes()).into_owned();
        let all = format!("{bytes} {outline:?} {plans:?}");
        assert!(all.contains("givenName"));
        for value in ["secret", "1987", "2026", "4321", "4322"] {
            assert!(!all.contains(value), "{value} in {all}");
        }
    }
}

#[test]
fn no_more_is_kept_than_there_is_room_for() {
    let plans = plans();
    for number in 0..KEPT {
        plans.plan(&read(number)).unwrap();
    }
    assert_eq!(kept(&plans), KEPT);
    plans.plan(&read(0)).unwrap();
    assert_eq!(kept(&plans), KEPT);
    plans.plan(&read(KEPT)).unwrap();
    assert_eq!(kept(&plans), 1);
    for number in 0..3 * KEPT {
        plans.plan(&read(number)).unwrap();
        assert!(kept(&plans) <= KEPT);
    }
}

#[test]
fn what_is_long_or_cannot_be_planned_is_not_kept() {
    let plans = plans();
    let mut long = read(0);
    long.keys = vec![("personalCode", vec![Value::Text("1".to_owned()); 10_000])];
    assert_eq!(plans.plan(&long), Plan::new(&plans.description, Dialect::Sqlite, &long));
    let mut bad = read(0);
    bad.fields.push(("noSuchField", Visibility::Hide));
    assert_eq!(plans.plan(&bad), Err(PlanError::UnknownField(8)));
    let mut bad = read(0);
    bad.limit = u32::MAX;
    assert_eq!(plans.plan(&bad), Err(PlanError::TooMuch));
    assert_eq!(kept(&plans), 0);
    // Neither does what is kept let through what asks for too much.
    plans.plan(&read(0)).unwrap();
    assert_eq!(plans.plan(&bad), Err(PlanError::TooMuch));
}

#[test]
fn every_field_at_once_is_short_enough_to_be_kept() {
    let plans = plans();
    let names = plans.description.field_names("person");
    let mut all = read(0);
    all.review = true;
    let fields = names.into_iter().map(|name| (name, Visibility::Show)).collect();
    let all = Read { fields, keys: all.keys.clone(), ..all };
    let plan = plans.plan(&all).unwrap();
    assert_eq!(kept(&plans), 1);
    assert!(2 * (plan.outline().len() + Shape::of(&all).len()) < LONGEST);
}

#[test]
fn many_threads_plan_the_same_and_other_shapes_at_a_time() {
    let plans = plans();
    thread::scope(|scope| {
        for start in 0..4 {
            let plans = &plans;
            scope.spawn(move || {
                for step in 0..2 * KEPT {
                    let read = read((start * 300 + step * 7) % (KEPT + 50));
                    let plan = plans.plan(&read).unwrap();
                    assert_eq!(plan, Plan::new(&plans.description, Dialect::Sqlite, &read).unwrap());
                }
            });
        }
    });
    assert!(kept(&plans) <= KEPT);
}
