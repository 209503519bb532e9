// SPDX-License-Identifier: Apache-2.0
//! Answers that are derived: what they are, and that nothing else leaves the database.

use std::{collections::BTreeMap, path::PathBuf};

use paasla_core::{Date, Mask, Value, Visibility};
use paasla_register::{
    Description, Dialect, MaskContext, Masker, Plan, PlanError, Read, ReadError, Rows, Source as _,
    SqliteConfig, SqliteRegister,
};
use proptest::{prelude::*, test_runner::TestRunner};
use tempfile::TempDir;

use crate::fixture::{ANTS, EVA, EXAMPLE, Fixture, MARI, by_codes, description, text, write};

const SHOW: Visibility = Visibility::Show;
const REDACT: Visibility = Visibility::Masked(Mask::Redact);
const YES: Value = Value::Truth(true);
const NO: Value = Value::Truth(false);

/// A register in which everything may be absent.
const REGISTER: &str = r#"
name = "small"
title = "Small"
iri = "urn:small"
time-zone = "Europe/Tallinn"
[[entities]]
name = "one"
table = "one"
key = "id"
joins = [{ alias = "home", table = "home", from = { column = "home_id" }, to = "id" }]
fields = [
  { name = "who", column = "who", type = "text", key = true, iri = "urn:who", category = "urn:Who" },
  { name = "born", column = "born", type = "date", iri = "urn:born", category = "urn:Born" },
  { name = "isAdult", derived = { age-at-least = { column = "born", years = 18 } }, iri = "urn:adult", category = "urn:Age" },
  { name = "isOne", derived = { age-at-least = { column = "born", years = 1 } }, iri = "urn:one", category = "urn:Age" },
  { name = "age", derived = { age = { column = "born" } }, iri = "urn:age", category = "urn:Age" },
  { name = "isAlive", derived = { all = [{ is-absent = { column = "died" } }, { equals = { column = "status", value = "E" } }] }, iri = "urn:alive", category = "urn:Life" },
  { name = "isUnmarked", derived = { is-absent = { column = "died" } }, iri = "urn:u", category = "urn:Life" },
  { name = "isUnpaid", derived = { is-absent = { source = "home", column = "paid" } }, iri = "urn:p", category = "urn:Home" },
]
[[entities.groups]]
name = "ties"
table = "tie"
parent = "one_id"
order-by = "since"
about = { entity = "one", column = "other_id" }
fields = [
  { name = "isUnmarked", derived = { is-absent = { source = "about", column = "died" } }, iri = "urn:u", category = "urn:Life" },
  { name = "isAdult", derived = { age-at-least = { source = "about", column = "born", years = 18 } }, iri = "urn:adult", category = "urn:Age" },
  { name = "isOld", derived = { age-at-least = { column = "since", years = 10 } }, iri = "urn:old", category = "urn:Tie" },
]
"#;

const TABLES: &str = "
    CREATE TABLE one (id INTEGER PRIMARY KEY, who TEXT, born TEXT, died TEXT, status TEXT, home_id INTEGER);
    CREATE TABLE home (id INTEGER PRIMARY KEY, paid TEXT);
    CREATE TABLE tie (id INTEGER PRIMARY KEY, one_id INTEGER, other_id INTEGER, since TEXT);";

/// The register in a temporary folder.
struct Small {
    _folder: TempDir,
    description: Description,
    register: SqliteRegister,
}

impl Small {
    async fn with(rows: &str) -> Self {
        let folder = TempDir::new().unwrap();
        let path: PathBuf = folder.path().join("small.db");
        write(&path, &[TABLES, rows]).await;
        let description = Description::from_toml(REGISTER).unwrap();
        let register = SqliteRegister::open(&SqliteConfig::new(path), &description).await.unwrap();
        Self { _folder: folder, description, register }
    }

    fn plan(&self, read: &Read) -> Plan {
        Plan::new(&self.description, Dialect::Sqlite, read).unwrap()
    }

    async fn read(&self, read: &Read) -> Result<Rows, ReadError> {
        self.register.read(&self.plan(read)).await
    }

    /// What is answered of one row, by field.
    async fn answers(&self, who: &str, fields: &[&str]) -> BTreeMap<String, Value> {
        let read = of(who, fields, "2026-12-01");
        let rows = self.read(&read).await.unwrap();
        let [row] = rows.rows.as_slice() else { panic!("{rows:?}") };
        let shown = row.cells.iter().map(|(place, cell)| (*place, cell.shown().unwrap().clone()));
        shown.map(|(place, value)| (read.fields[place].0.clone(), value)).collect()
    }
}

fn of(who: &str, fields: &[&str], date: &str) -> Read {
    let fields: Vec<(&str, Visibility)> = fields.iter().map(|name| (*name, SHOW)).collect();
    Read {
        entity: "one".to_owned(),
        keys: vec![("who".to_owned(), vec![text(who)])],
        date: date.parse().unwrap(),
        limit: 100_000,
        ..by_codes(&[], &fields)
    }
}

/// How often the birthday has come back: on the day itself, on 1 March where it was 29 February and the year has none.
fn completed_years(born: Date, on: Date) -> i64 {
    let birthday = |year| {
        let same_day = Date::new(year, born.month(), born.day());
        same_day.unwrap_or_else(|_| Date::new(year, 3, 1).unwrap())
    };
    let years = (born.year() + 1..=on.year()).filter(|year| birthday(*year) <= on);
    i64::try_from(years.count()).unwrap()
}

/// Every day of some years, among them leap years and a year of a century that is none.
fn days_of_birth() -> Vec<Date> {
    let years = (1899..=1904).chain(1999..=2004);
    years
        .flat_map(|year| {
            Date::new(year, 1, 1)
                .unwrap()
                .series(jiff::Span::new().days(1))
                .take_while(move |day| day.year() == year)
        })
        .collect()
}

/// The days on which it matters how 29 February is counted, and any others.
fn query_date() -> impl Strategy<Value = Date> {
    let turn =
        (1905_i16..2150, proptest::sample::select(vec![(2_i8, 28_i8), (2, 29), (3, 1), (2, 27), (3, 2)]));
    let turn =
        turn.prop_filter_map("a day that exists", |(year, (month, day))| Date::new(year, month, day).ok());
    let any = (1899_i16..2150, 1_i8..=12, 1_i8..=31);
    let any = any.prop_filter_map("a day that exists", |(year, month, day)| Date::new(year, month, day).ok());
    prop_oneof![turn, any]
}

/// Whatever the day of birth and the day of the query, SQL counts as people do.
#[test]
fn years_are_counted_as_by_hand() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let born = days_of_birth();
    assert_eq!(born.iter().filter(|day| (day.month(), day.day()) == (2, 29)).count(), 3, "1904, 2000, 2004");
    let rows: Vec<String> =
        born.iter().enumerate().map(|(id, born)| format!("({id}, 'x', '{born}')")).collect();
    let rows = format!("INSERT INTO one (id, who, born) VALUES {};", rows.join(", "));
    let small = runtime.block_on(Small::with(&rows));
    let config = ProptestConfig { cases: 48, failure_persistence: None, ..ProptestConfig::default() };
    let ran = TestRunner::new(config).run(&query_date(), |date| {
        let read = of("x", &["isAdult", "isOne", "age"], &date.to_string());
        let rows = runtime.block_on(small.read(&read)).unwrap();
        prop_assert_eq!(rows.rows.len(), born.len());
        for (row, born) in rows.rows.iter().zip(&born) {
            let answers: Vec<&Value> = row.cells.iter().map(|(_, cell)| cell.shown().unwrap()).collect();
            let years = completed_years(*born, date);
            let age = if *born > date { Value::Absent } else { Value::Integer(years) };
            let expected = [&Value::Truth(years >= 18), &Value::Truth(years >= 1), &age];
            prop_assert_eq!(answers, expected, "born {} asked on {}", born, date);
        }
        Ok(())
    });
    ran.unwrap();
}

#[test]
fn somebody_of_29_february_is_a_year_older_on_1_march() {
    let born = Date::constant(2008, 2, 29);
    let on = |year, month, day| completed_years(born, Date::constant(year, month, day));
    assert_eq!([on(2026, 2, 28), on(2026, 3, 1), on(2028, 2, 28), on(2028, 2, 29)], [17, 18, 19, 20]);
}

const PEOPLE: &str = "
    INSERT INTO home VALUES (1, NULL), (2, '2026-01-01');
    INSERT INTO one VALUES
        (1, 'living', '2000-02-29', NULL, 'E', 1), (2, 'unknown', NULL, NULL, NULL, NULL),
        (3, 'wrong', '2000-02-31', NULL, 'E', 2), (4, 'dead', '1950-05-05', '2020-01-01', 'S', 2),
        (5, 'unclear', '2026-11-30', '2020-01-01', NULL, 77), (6, 'told', '2026-12-02', NULL, 'S', 1);
    INSERT INTO tie VALUES (1, 1, 4, '2001-01-01'), (2, 1, NULL, '2000-01-01'), (3, 1, 999, NULL), (4, 1, 2, '2026-01-01');";

/// What is not known is not answered: above all it is not `false`.
#[tokio::test]
async fn an_absent_input_gives_an_absent_answer() {
    let small = Small::with(PEOPLE).await;
    let fields = ["isAdult", "age", "isAlive", "isUnmarked", "isUnpaid"];
    let age = |years| Value::Integer(years);
    let none = Value::Absent;
    for (who, expected) in [
        ("living", [YES, age(26), YES, YES, YES]),
        ("unknown", [none.clone(), none.clone(), none.clone(), YES, none.clone()]),
        ("dead", [YES, age(76), NO, NO, NO]),
        // A home that is not there has not been left unpaid.
        ("unclear", [NO, age(0), none.clone(), NO, none.clone()]),
        ("told", [NO, none.clone(), NO, YES, YES]),
    ] {
        let expected = fields.iter().map(|name| (*name).to_owned()).zip(expected).collect();
        assert_eq!(small.answers(who, &fields).await, expected, "{who}");
    }
}

/// Rows about nobody, and about somebody who is not there, tell nothing of them.
#[tokio::test]
async fn answers_of_a_group_are_about_the_other() {
    let small = Small::with(PEOPLE).await;
    let read = of("living", &["ties.isUnmarked", "ties.isAdult", "ties.isOld"], "2026-12-01");
    let rows = small.read(&read).await.unwrap();
    let rows = rows.rows.iter().filter(|row| row.group.is_some());
    let mut told: Vec<Vec<Value>> =
        rows.map(|row| row.cells.iter().map(|(_, cell)| cell.shown().unwrap().clone()).collect()).collect();
    told.sort();
    let none = || Value::Absent;
    let mut expected =
        vec![vec![NO, YES, YES], vec![none(), none(), YES], vec![none(); 3], vec![YES, none(), NO]];
    expected.sort();
    assert_eq!(told, expected);
}

#[tokio::test]
async fn an_input_that_is_not_of_its_type_fails_the_read_and_is_not_repeated() {
    let small = Small::with(PEOPLE).await;
    for field in ["isAdult", "isOne", "age"] {
        let error = small.read(&of("wrong", &[field], "2026-12-01")).await.unwrap_err();
        assert_eq!(error, ReadError::Value(field.to_owned()));
    }
    assert_eq!(small.answers("wrong", &["isAlive"]).await["isAlive"], YES, "it is not asked for");
}

/// The columns that an answer is computed from are named inside its expression, and only if it is seen.
#[tokio::test]
async fn only_the_answer_leaves_the_database() {
    let fixture = Fixture::new().await;
    let fields = [("isAdult", SHOW), ("isAlive", SHOW)];
    let read = by_codes(&[EVA], &fields);
    let plan = fixture.plan(&read);
    assert!(plan.is_one_statement());
    let sql = plan.statements()[0].sql();
    let (list, _) = sql.split_once(" FROM ").unwrap();
    let columns: Vec<&str> = list.split(" AS \"c").collect();
    assert_eq!(columns.len(), 4, "the key and two answers: {sql}");
    for column in ["birth_date", "death_date", "status"] {
        let column = format!("\"person\".\"{column}\"");
        assert!(list.contains(&column), "{sql}");
        assert!(!sql.contains(&format!("{column} AS ")), "{sql}");
    }
    let rows = fixture.read(&read).await;
    let answers: Vec<_> = rows.rows[0].cells.iter().map(|(_, cell)| cell.shown().cloned()).collect();
    assert_eq!(answers, [Some(YES), Some(YES)]);
    assert!(!format!("{rows:?} {plan:?}").contains("2000-01-01"));

    let hidden = by_codes(&[EVA], &[("isAdult", Visibility::Hide), ("givenName", SHOW)]);
    let plan = fixture.plan(&hidden);
    assert!(!plan.statements()[0].sql().contains("birth_date"), "what is hidden is not read");
}

#[tokio::test]
async fn the_example_answers_who_is_adult_and_alive() {
    let fixture = Fixture::new().await;
    let read = by_codes(&[MARI, ANTS, EVA], &[("isAdult", SHOW), ("isAlive", SHOW)]);
    let read = Read { date: "2017-12-31".parse().unwrap(), ..read };
    let rows = fixture.read(&read).await;
    let answers =
        rows.rows.iter().map(|row| row.cells.iter().map(|(_, c)| c.shown().cloned().unwrap()).collect());
    let answers: Vec<Vec<Value>> = answers.collect();
    // Of Eva's eighteenth birthday it is the eve; Ants died in 2020, and the register holds that today.
    assert_eq!(answers, [vec![YES, YES], vec![NO, YES], vec![YES, NO]]);
}

/// An answer is shown or it is not: no mask leaves a part of it.
#[tokio::test]
async fn no_mask_shows_a_part_of_an_answer() {
    let fixture = Fixture::new().await;
    let field = description().field("person", "isAdult").unwrap();
    let context = MaskContext { client: "EE/COM/1/x", purpose: "urn:p" };
    for mask in Mask::ALL {
        let masked = Visibility::Masked(mask);
        assert_eq!(field.effective(masked), REDACT, "{mask:?}");
        assert!(!field.shows_all(masked));
        let rows = fixture.read(&by_codes(&[MARI], &[("isAdult", masked)])).await;
        let (_, cell) = &rows.rows[0].cells[0];
        assert!(cell.shown().is_none() && cell.is_present());
        assert_eq!(Masker::new(b"s").mask(cell, field, SHOW, &context), (Value::Absent, REDACT));
        let rows = fixture.read(&by_codes(&[MARI], &[("isAdult", SHOW)])).await;
        let (_, cell) = &rows.rows[0].cells[0];
        assert_eq!(Masker::new(b"s").mask(cell, field, masked, &context), (Value::Absent, REDACT));
    }
}

#[test]
fn a_derived_field_is_no_key() {
    let read = Read { keys: vec![("isAdult".to_owned(), vec![YES])], ..by_codes(&[], &[("isAdult", SHOW)]) };
    let planned = Plan::new(description(), Dialect::Sqlite, &read);
    assert_eq!(planned.unwrap_err(), PlanError::NotAKey(0));
    let error = description().parse_key("person", "isAdult", "true").unwrap_err();
    assert_eq!(error, paasla_register::KeyError::NotAKey);
}

/// Rows in the order of a column tell of it what an answer does not.
#[tokio::test]
async fn an_order_tells_nothing_of_an_input() {
    let small = Small::with(PEOPLE).await;
    let sql = |description: &Description, fields: &[&str]| {
        let plan = Plan::new(description, Dialect::Sqlite, &of("living", fields, "2026-12-01")).unwrap();
        plan.statements()[1].sql().to_owned()
    };
    let ordered = "ORDER BY \"tie\".\"since\"";
    for field in ["ties.isOld", "ties.isAdult"] {
        assert!(!sql(&small.description, &[field]).contains(ordered), "{field}");
    }
    let first = "  { name = \"isOld\",";
    let own =
        "{ name = \"since\", column = \"since\", type = \"date\", iri = \"urn:s\", category = \"urn:S\" },";
    let description = Description::from_toml(&REGISTER.replace(first, &format!("{own}\n{first}"))).unwrap();
    assert!(sql(&description, &["ties.isOld", "ties.since"]).contains(ordered), "it is shown anyway");
    assert!(!sql(&description, &["ties.isOld"]).contains(ordered));
}

#[test]
fn postgres_counts_years_by_its_own_words() {
    let description = Description::from_toml(REGISTER).unwrap();
    let read = of("living", &["isAdult", "age", "isAlive"], "2026-12-01");
    let plan = Plan::new(&description, Dialect::Postgres, &read).unwrap();
    let sql = plan.statements()[0].sql();
    for part in [
        "CASE WHEN \"one\".\"born\" IS NULL THEN NULL ELSE (\"one\".\"born\" <= $1) END",
        "CAST(EXTRACT(YEAR FROM AGE(CAST($2 AS date), \"one\".\"born\")) AS bigint)",
        "(\"one\".\"died\" IS NULL AND \"one\".\"status\" = $3)",
    ] {
        assert!(sql.contains(part), "{part} in {sql}");
    }
    assert!(!sql.contains('?') && !sql.contains(" date(") && sql.ends_with("LIMIT $5"), "{sql}");
}

/// A rule is told of a derived field as of any other, and the database is looked at for what it needs.
#[test]
fn a_derived_field_is_governed_like_any_other() {
    let register = description();
    let field = register.core_field("person", "isAdult").unwrap();
    let place = usize::try_from(field.index).unwrap();
    let told = &register.for_rules().fields()[place];
    assert_eq!((&told.field, told.entity.as_str()), (field, "person"));
    assert_eq!(field.category, "https://w3id.org/dpv/pd#AgeRange");
    assert!(!field.special && field.reveals.is_empty());
    assert_eq!(register.field("person", "isAdult").unwrap().field_type().name(), "boolean");
    let renamed =
        EXAMPLE.replace("is-absent = { column = \"death_date\" }", "is-absent = { column = \"gone\" }");
    assert!(Description::from_toml(&renamed).unwrap().tables()["person"].contains("gone"));
}
