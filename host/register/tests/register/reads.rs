// SPDX-License-Identifier: Apache-2.0

use std::collections::BTreeMap;

use paasla_core::{Mask, Test, Value, Visibility};
use paasla_register::{MaskContext, Masker, Read, Row, Rows};
use proptest::{prelude::*, test_runner::TestRunner};

use crate::{
    fixture::{ANTS, EVA, Fixture, JAAN, KAI, MARI, by_codes, condition, text, unrestricted},
    plans::any_read,
};

const SHOW: Visibility = Visibility::Show;
const CONTEXT: MaskContext<'static> = MaskContext { client: "EE/GOV/70008440/rr", purpose: "urn:p" };

/// The values of one row that are shown in full, by field name.
fn shown<'a>(read: &'a Read, row: &'a Row) -> BTreeMap<&'a str, &'a Value> {
    let cells = row.cells.iter();
    cells.filter_map(|(index, cell)| Some((read.fields[*index].0.as_str(), cell.shown()?))).collect()
}

fn of_group<'a>(rows: &'a Rows, group: &'a str) -> impl Iterator<Item = &'a Row> {
    rows.rows.iter().filter(move |row| row.group.as_deref() == Some(group))
}

fn column<'a>(read: &'a Read, rows: impl Iterator<Item = &'a Row>, field: &str) -> Vec<Value> {
    rows.map(|row| shown(read, row)[field].clone()).collect()
}

#[tokio::test]
async fn rows_come_with_the_rows_of_their_groups() {
    let register = Fixture::new().await;
    let fields = ["givenName", "birthDate", "legalCapacityRestricted", "residenceAddress", "residenceCounty"];
    let groups = ["addresses.address", "addresses.validUntil", "contacts.value", "nameHistory.familyName"];
    let fields: Vec<(&str, Visibility)> = fields.into_iter().chain(groups).map(|name| (name, SHOW)).collect();
    let read = by_codes(&[KAI, MARI, JAAN], &fields);
    let rows = register.read(&read).await;
    assert!(!rows.more && rows.cut.is_empty());

    let own_rows: Vec<&Row> = rows.rows.iter().filter(|row| row.group.is_none()).collect();
    assert_eq!(
        column(&read, own_rows.iter().copied(), "givenName"),
        [text("Mari-Liis"), text("Jaan"), text("Kai")]
    );
    let mari = shown(&read, own_rows[0]);
    assert_eq!(*mari["birthDate"], Value::Date("1990-01-01".parse().unwrap()));
    assert_eq!(*mari["legalCapacityRestricted"], Value::Truth(false));
    assert_eq!(*mari["residenceAddress"], text("Riia 2-5, Tartu linn"));
    assert_eq!(*mari["residenceCounty"], text("Tartu maakond"));
    assert_eq!(*shown(&read, own_rows[2])["residenceAddress"], Value::Absent);

    let addresses = || of_group(&rows, "addresses");
    assert!(addresses().all(|row| row.parent == Some(0)));
    assert_eq!(
        column(&read, addresses(), "addresses.address"),
        [text("Pikk 9, Tallinn"), text("Riia 2-5, Tartu linn")]
    );
    let until = column(&read, addresses(), "addresses.validUntil");
    assert_eq!(until, [Value::Date("2014-12-31".parse().unwrap()), Value::Absent]);
    assert_eq!(of_group(&rows, "contacts").count(), 2);
    assert_eq!(column(&read, of_group(&rows, "nameHistory"), "nameHistory.familyName"), [text("Tamm")]);
}

#[tokio::test]
async fn a_condition_leaves_out_restricted_people_wherever_they_are_named() {
    let register = Fixture::new().await;
    let fields = [
        ("givenName", SHOW),
        ("custody.otherGivenName", SHOW),
        ("custody.otherInstitution", SHOW),
        ("relations.otherCode", SHOW),
    ];
    let mut read = by_codes(&[MARI, JAAN, EVA, ANTS], &fields);
    let all = register.read(&read).await;
    assert_eq!(all.rows.iter().filter(|row| row.group.is_none()).count(), 4);
    assert_eq!(of_group(&all, "custody").count(), 4);

    read.conditions.push(unrestricted());
    let rows = register.read(&read).await;
    let own_rows = || rows.rows.iter().filter(|row| row.group.is_none());
    // The restriction on the data of Ants is over.
    assert_eq!(column(&read, own_rows(), "givenName"), [text("Mari-Liis"), text("Eva"), text("Ants")]);
    let custody = || of_group(&rows, "custody");
    let others = column(&read, custody(), "custody.otherGivenName");
    assert_eq!(others, [text("Eva"), text("Mari-Liis"), Value::Absent], "the institution is nobody");
    assert_eq!(column(&read, custody(), "custody.otherInstitution")[2], text("Tartu linn"));
    assert_eq!(column(&read, of_group(&rows, "relations"), "relations.otherCode"), [text(EVA), text(MARI)]);
    assert!(rows.rows.iter().all(|row| !shown(&read, row).values().any(|value| **value == text(JAAN))));

    // On the last day of the restriction, and on the day after.
    for (date, people) in [("2019-12-31", 2), ("2020-01-01", 1), ("2014-12-31", 2)] {
        let read = Read { date: date.parse().unwrap(), ..read.clone() };
        let read = Read { keys: by_codes(&[JAAN, ANTS], &[]).keys, ..read };
        let found = register.read(&read).await;
        let found = found.rows.iter().filter(|row| row.group.is_none()).count();
        // Jaan is free until 2019-12-31, Ants before 2015 and after 2019.
        assert_eq!(found, if date == "2019-12-31" { 1 } else { people }, "{date}");
    }
}

#[tokio::test]
async fn of_somebody_who_is_not_there_nothing_is_known() {
    let register = Fixture::new().await;
    let mut read = by_codes(&[KAI], &[("custody.kind", SHOW)]);
    read.row_facts = vec!["subject.access-restricted".to_owned(), "subject.alive".to_owned()];
    let rows = register.read(&read).await;
    assert_eq!(rows.rows.len(), 2);
    assert_eq!(rows.rows[1].facts, [Value::Absent, Value::Absent]);
    read.conditions = vec![unrestricted()];
    assert_eq!(register.read(&read).await.rows.len(), 1, "not known to be unrestricted");
    read.conditions = vec![condition("subject.alive", Test::NotEqual, Value::Truth(false))];
    assert_eq!(register.read(&read).await.rows.len(), 1);
    read.conditions = vec![condition("subject.alive", Test::Absent, Value::Absent)];
    assert_eq!(register.read(&read).await.rows.len(), 0, "Kai herself is known to live");
}

#[tokio::test]
async fn facts_are_of_whom_the_row_is_about() {
    let register = Fixture::new().await;
    let mut read = by_codes(&[EVA, MARI], &[("custody.kind", SHOW), ("contacts.kind", SHOW)]);
    read.row_facts =
        ["birth-date", "access-restricted", "alive"].map(|name| format!("subject.{name}")).into();
    let rows = register.read(&read).await;
    let date = |text: &str| Value::Date(text.parse().unwrap());
    let facts = |born: &str, restricted| vec![date(born), Value::Truth(restricted), Value::Truth(true)];
    let nobody = vec![Value::Absent; 3];
    let found: Vec<(Option<&str>, Option<usize>, &Vec<Value>)> =
        rows.rows.iter().map(|row| (row.group.as_deref(), row.parent, &row.facts)).collect();
    let (mari, jaan, eva) =
        (facts("1990-01-01", false), facts("1968-05-28", true), facts("2000-01-01", false));
    assert_eq!(
        found,
        [
            (None, None, &mari),
            (None, None, &eva),
            (Some("contacts"), Some(0), &nobody),
            (Some("contacts"), Some(0), &nobody),
            (Some("custody"), Some(0), &eva),
            (Some("custody"), Some(1), &mari),
            (Some("custody"), Some(1), &jaan),
            (Some("custody"), Some(1), &nobody),
        ]
    );
}

#[tokio::test]
async fn conditions_compare_dates() {
    let register = Fixture::new().await;
    let day = Value::Date("1990-01-01".parse().unwrap());
    for (test, expected) in
        [(Test::Less, 1), (Test::AtMost, 3), (Test::Greater, 1), (Test::AtLeast, 3), (Test::NotEqual, 2)]
    {
        let mut read = by_codes(&[MARI, JAAN, EVA, KAI], &[]);
        read.conditions.push(condition("subject.birth-date", test, day.clone()));
        assert_eq!(register.read(&read).await.rows.len(), expected, "{test:?}");
    }
}

#[tokio::test]
async fn keys_narrow_each_other() {
    let register = Fixture::new().await;
    let mut read = by_codes(&[], &[("givenName", SHOW)]);
    let date = Value::Date("1990-01-01".parse().unwrap());
    read.keys = vec![("birthDate".to_owned(), vec![date])];
    assert_eq!(register.read(&read).await.rows.len(), 2);
    read.keys.push(("residenceMunicipality".to_owned(), vec![text("tartu linn"), text("tallinn")]));
    assert_eq!(column(&read, register.read(&read).await.rows.iter(), "givenName"), [text("Mari-Liis")]);
}

#[tokio::test]
async fn the_limit_tells_that_there_are_more() {
    let register = Fixture::new().await;
    let mut read = by_codes(&[MARI, JAAN, EVA], &[("givenName", SHOW), ("custody.kind", SHOW)]);
    for (limit, count, more) in [(0, 0, true), (2, 2, true), (3, 3, false)] {
        read.limit = limit;
        let rows = register.read(&read).await;
        assert_eq!(rows.rows.iter().filter(|row| row.group.is_none()).count(), count);
        assert_eq!(rows.more, more);
    }
}

/// 600 rows are more than one statement takes; 1001 rows of a group are more than one row gets.
const CROWD: &str = "
    WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 600)
    INSERT INTO person SELECT 1000 + i, 'code-' || i, 'Paul', 'Palju', 'Palju', 'M', '1970-01-01', '233', 'Narva',
        'E', NULL, NULL, '233', 'single', 'basic', 'et', 'estonian', 0, 1, 'paul', 'palju' FROM n;
    INSERT INTO contact SELECT NULL, id, 'email', 'mail-' || id FROM person WHERE id > 1000;
    WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 1005)
    INSERT INTO contact SELECT NULL, 2, 'phone', 'phone-' || i FROM n;";

#[tokio::test]
async fn a_crowd_is_read_whole_and_a_flood_is_cut() {
    let register = Fixture::with(CROWD).await;
    let mut read = by_codes(&[], &[("personalCode", SHOW), ("contacts.value", SHOW)]);
    read.keys = vec![("familyName".to_owned(), vec![text("palju")])];
    read.limit = 1000;
    let rows = register.read(&read).await;
    assert!(!rows.more && rows.cut.is_empty());
    assert_eq!((rows.rows.len(), of_group(&rows, "contacts").count()), (1200, 600));
    for row in of_group(&rows, "contacts") {
        let code = shown(&read, &rows.rows[row.parent.unwrap()])["personalCode"].as_text().unwrap();
        let number: u32 = code.strip_prefix("code-").unwrap().parse().unwrap();
        assert_eq!(*shown(&read, row)["contacts.value"], text(&format!("mail-{}", 1000 + number)));
    }

    let rows = register.read(&by_codes(&[MARI, JAAN], &[("contacts.kind", SHOW)])).await;
    assert_eq!(rows.cut, ["contacts"]);
    assert_eq!(of_group(&rows, "contacts").filter(|row| row.parent == Some(0)).count(), 2);
    assert_eq!(of_group(&rows, "contacts").filter(|row| row.parent == Some(1)).count(), 1000);
}

#[tokio::test]
async fn masks_show_of_a_row_what_they_say() {
    let register = Fixture::new().await;
    let masked = |name: &'static str, mask| (name, Visibility::Masked(mask));
    let fields = [
        masked("birthDate", Mask::Month),
        masked("givenName", Mask::Initial),
        masked("residenceAddress", Mask::Municipality),
        masked("personalCode", Mask::Pseudonym),
        masked("deathDate", Mask::Redact),
        masked("sex", Mask::Redact),
        masked("relations.otherCode", Mask::Pseudonym),
    ];
    let read = by_codes(&[MARI, EVA], &fields);
    let rows = register.read(&read).await;
    assert!(rows.rows.iter().all(|row| shown(&read, row).is_empty()));
    let masker = Masker::new(b"secret");
    let value = |row: usize, field: usize| {
        let (name, last) = &read.fields[field];
        let description = register.description.field("person", name).unwrap();
        let (_, cell) = rows.rows[row].cells.iter().find(|(index, _)| *index == field).unwrap();
        let (value, applied) = masker.mask(cell, description, *last, &CONTEXT);
        assert_eq!(applied, *last);
        (value, cell.is_present())
    };
    assert_eq!(value(0, 0), (text("1990-01"), true));
    assert_eq!(value(0, 1), (text("M."), true));
    assert_eq!(value(0, 2), (text("Tartu linn"), true));
    assert_eq!(value(0, 4), (Value::Absent, false));
    assert_eq!(value(0, 5), (Value::Absent, true));
    // Row 2 is the relation of Mari: her child Eva, who is row 1, under one pseudonym.
    assert_eq!(rows.rows[2].parent, Some(0));
    assert_eq!(value(2, 6), value(1, 3));
    assert_ne!(value(0, 3), value(1, 3));
}

/// Any plan runs, and gives cells for exactly what is visible; no later visibility shows more than was planned.
#[test]
fn any_plan_runs_and_gives_only_what_is_visible() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let register = runtime.block_on(Fixture::new());
    let masker = Masker::new(b"secret");
    let config = ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() };
    let last = proptest::sample::select(Visibility::all());
    let ran = TestRunner::new(config).run(&(any_read(), last), |(read, last)| {
        let plan = register.plan(&read);
        let rows = runtime.block_on(register.read(&read));
        prop_assert!(!rows.rows.is_empty());
        for row in &rows.rows {
            for (index, cell) in &row.cells {
                let (name, visibility) = &read.fields[*index];
                let field = register.description.field("person", name).unwrap();
                prop_assert_ne!(*visibility, Visibility::Hide);
                prop_assert_eq!(field.group(), row.group.as_deref());
                prop_assert_eq!(cell.shown().is_some(), *visibility == SHOW);
                let (value, applied) = masker.mask(cell, field, last, &CONTEXT);
                prop_assert!(applied.at_most(last) && applied.at_most(plan.visibilities()[*index]));
                let blind = [Visibility::Hide, Visibility::Masked(Mask::Redact)].contains(&applied);
                prop_assert!(!blind || value.is_absent());
                if read.review && cell.is_present() && *visibility == SHOW {
                    // After a review nothing is missing that a mask needs.
                    prop_assert_eq!(applied, field.effective(last));
                }
            }
        }
        Ok(())
    });
    ran.unwrap();
}
