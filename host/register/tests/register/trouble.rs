// SPDX-License-Identifier: Apache-2.0

use std::time::{Duration, Instant};

use paasla_core::Visibility;
use paasla_register::{
    Description, Dialect, OpenError, Plan, ReadError, Source, SqliteConfig, SqliteRegister,
};
use tempfile::TempDir;

use crate::fixture::{EXAMPLE, Fixture, MARI, by_codes, text, write};

const SHOW: Visibility = Visibility::Show;

#[tokio::test]
async fn everything_that_the_database_lacks_is_told_at_once() {
    let fixture = Fixture::new().await;
    let toml = EXAMPLE
        .replace("column = \"given_name\"", "column = \"first_name\"")
        .replace("table = \"access_restriction\"", "table = \"restriction\"")
        .replace("from = { column = \"residence_address_id\" }", "from = { column = \"home\" }");
    let description = Description::from_toml(&toml).unwrap();
    let error = SqliteRegister::open(&SqliteConfig::new(fixture.path()), &description).await.unwrap_err();
    assert!(matches!(&error, OpenError::Missing(missing) if missing.len() == 4), "{error}");
    let missing =
        "column name_history.first_name, column person.first_name, column person.home, table restriction";
    assert!(error.to_string().ends_with(missing), "{error}");
}

#[tokio::test]
async fn a_file_that_is_not_there_is_not_made() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("none.db");
    let description = Description::from_toml(EXAMPLE).unwrap();
    let opened = SqliteRegister::open(&SqliteConfig::new(&path), &description).await;
    assert!(matches!(opened, Err(OpenError::Open { .. })));
    assert!(!path.exists());
}

#[tokio::test]
async fn the_example_database_fits_its_description() {
    let fixture = Fixture::new().await;
    fixture.register.ready().await.unwrap();
    fixture.register.close().await;
    assert!(fixture.register.ready().await.is_err());
}

#[tokio::test]
async fn a_wrong_value_in_the_register_fails_the_read_and_is_not_repeated() {
    let fixture = Fixture::with("UPDATE person SET birth_date = '1990-02-31' WHERE id = 1;").await;
    let plan = fixture.plan(&by_codes(&[MARI], &[("familyName", SHOW), ("birthDate", SHOW)]));
    let error = fixture.register.read(&plan).await.unwrap_err();
    assert_eq!(error, ReadError::Value("birthDate".to_owned()));
    assert!(!format!("{error} {error:?}").contains("1990"));
}

#[tokio::test]
async fn debug_texts_tell_no_values() {
    let fixture = Fixture::new().await;
    let mut read = by_codes(&[MARI], &[("givenName", SHOW), ("relations.otherCode", SHOW)]);
    read.row_facts = vec!["subject.birth-date".to_owned()];
    let rows = fixture.read(&read).await;
    let said = format!("{read:?} {:?} {rows:?}", fixture.plan(&read));
    for value in [MARI, "Mari", "60001017869", "1990"] {
        assert!(!said.contains(value), "{value} in {said}");
    }
}

/// Counts for ever.
const ENDLESS: &str = "CREATE VIEW endless AS
    WITH RECURSIVE n(id) AS (SELECT 1 UNION ALL SELECT id + 1 FROM n) SELECT id, 'x' || id AS name FROM n;";

const ENDLESS_TOML: &str = r#"
name = "endless"
title = "Endless"
iri = "urn:endless"
time-zone = "UTC"
[[entities]]
name = "number"
table = "endless"
key = "id"
fields = [{ name = "name", column = "name", type = "text", key = true, iri = "urn:n", category = "urn:c" }]
"#;

#[tokio::test]
async fn a_slow_read_ends_in_time_and_leaves_its_connection_free() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("endless.db");
    write(&path, &[ENDLESS]).await;
    let description = Description::from_toml(ENDLESS_TOML).unwrap();
    let config =
        SqliteConfig { connections: 1, read_timeout: Duration::from_millis(300), ..SqliteConfig::new(path) };
    let register = SqliteRegister::open(&config, &description).await.unwrap();
    let mut read = by_codes(&[], &[("name", SHOW)]);
    read.entity = "number".to_owned();
    read.keys = vec![("name".to_owned(), vec![text("y")])];
    let plan = Plan::new(&description, Dialect::Sqlite, &read).unwrap();
    let start = Instant::now();
    assert_eq!(register.read(&plan).await, Err(ReadError::Timeout));
    assert!(start.elapsed() < Duration::from_secs(3));
    // The only connection is free again.
    register.ready().await.unwrap();
}
