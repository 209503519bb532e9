// SPDX-License-Identifier: Apache-2.0

use std::time::{Duration, Instant};

use paasla_core::Visibility;
use paasla_register::{
    Description, Dialect, OpenError, Plan, ReadError, Source, SqliteConfig, SqliteRegister,
};
use sqlx::{Connection as _, SqliteConnection, sqlite::SqliteConnectOptions};
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
    assert!(start.elapsed() < Duration::from_secs(60), "the view has no end");
    // The only connection is free again.
    register.ready().await.unwrap();
}

/// Three million numbers, counted one by one, and a table of a few.
const TWO: &str = "CREATE VIEW many AS
    WITH RECURSIVE n(id) AS (SELECT 1 UNION ALL SELECT id + 1 FROM n LIMIT 3000000)
    SELECT id, 'x' || id AS name FROM n;
    CREATE TABLE few (id INTEGER PRIMARY KEY, name TEXT NOT NULL);
    INSERT INTO few VALUES (1, 'x1'), (2, 'x2');";

/// Two entities with one field, each a table of the same name.
fn two() -> Description {
    let entity = |name: &str| {
        format!(
            "[[entities]]\nname = \"{name}\"\ntable = \"{name}\"\nkey = \"id\"\nfields = [{{ name = \"name\", column = \
             \"name\", type = \"text\", key = true, iri = \"urn:n\", category = \"urn:c\" }}]\n"
        )
    };
    let head = "name = \"two\"\ntitle = \"Two\"\niri = \"urn:two\"\ntime-zone = \"UTC\"\n";
    Description::from_toml(&format!("{head}{}{}", entity("many"), entity("few"))).unwrap()
}

async fn read_two(register: &SqliteRegister, entity: &str, name: &str) -> Result<usize, ReadError> {
    let mut read = by_codes(&[], &[("name", SHOW)]);
    read.entity = entity.to_owned();
    read.keys = vec![("name".to_owned(), vec![text(name)])];
    let plan = Plan::new(&two(), Dialect::Sqlite, &read).unwrap();
    Ok(register.read(&plan).await?.rows.len())
}

/// A read that takes long, or finds the database locked, comes to its end beside quick ones.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_long_read_among_quick_ones_comes_to_its_end() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("two.db");
    write(&path, &[TWO]).await;
    let register = SqliteRegister::open(&SqliteConfig::new(&path), &two()).await.unwrap();
    let reads = async move {
        for round in 0..3 {
            for _ in 0..20 {
                assert_eq!(read_two(&register, "few", "x2").await, Ok(1));
            }
            assert_eq!(read_two(&register, "many", "x2999999").await, Ok(1), "round {round}");
        }
        for _ in 0..40 {
            assert_eq!(read_two(&register, "few", "none").await, Ok(0));
        }
        // Another program writes for a while.
        let options = SqliteConnectOptions::new().filename(&path);
        let mut writer = SqliteConnection::connect_with(&options).await.unwrap();
        sqlx::raw_sql("BEGIN EXCLUSIVE").execute(&mut writer).await.unwrap();
        let released = tokio::spawn(async move {
            tokio::time::sleep(Duration::from_millis(100)).await;
            sqlx::raw_sql("ROLLBACK").execute(&mut writer).await.unwrap();
        });
        assert_eq!(read_two(&register, "few", "x1").await, Ok(1));
        released.await.unwrap();
    };
    // On a worker, beside another one.
    tokio::spawn(reads).await.unwrap();
}
