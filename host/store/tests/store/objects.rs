// SPDX-License-Identifier: Apache-2.0
//! Rulebooks as objects in SQLite: what a change writes, what is noticed, and how an older database is brought over.

use std::path::Path;

use paasla_core::Rulebook;
use paasla_store::{SqliteStore, Store as _, StoreError};
use sqlx::{
    Connection as _, SqlSafeStr as _, SqliteConnection,
    migrate::{Migration, MigrationType, Migrator},
    sqlite::SqliteConnectOptions,
};

use crate::{
    Home as _,
    sample::{digest, grant, policy, rule, rulebook},
    sqlite::SqliteHome,
};

async fn connect(path: &Path) -> SqliteConnection {
    let options = SqliteConnectOptions::new().filename(path).create_if_missing(true);
    SqliteConnection::connect_with(&options).await.unwrap()
}

/// How many objects and memberships there are.
async fn rows(home: &SqliteHome) -> (i64, i64) {
    let mut connection = connect(&home.path()).await;
    sqlx::query_as("SELECT (SELECT count(*) FROM object), (SELECT count(*) FROM member)")
        .fetch_one(&mut connection)
        .await
        .unwrap()
}

fn with_grants(number: usize) -> Rulebook {
    Rulebook { grants: (0..number).map(|n| grant(&format!("g-{n:05}"))).collect(), ..rulebook() }
}

#[tokio::test]
async fn a_change_writes_what_it_changes() {
    let home = SqliteHome::new();
    let store = home.open().await;
    let first = with_grants(1_000);
    store.install(&first, "mari", "first").await.unwrap();
    let (objects, members) = rows(&home).await;

    let mut second = first.clone();
    second.grants[500].reference = Some("another act".into());
    store.install(&second, "mari", "one is another").await.unwrap();
    assert_eq!(rows(&home).await, (objects + 1, members + 1), "changed");

    let mut third = second.clone();
    third.grants.remove(3);
    store.install(&third, "mari", "one less").await.unwrap();
    assert_eq!(rows(&home).await, (objects + 1, members + 2), "taken out");

    let mut fourth = third.clone();
    fourth.grants.insert(700, grant("new"));
    store.install(&fourth, "mari", "one more").await.unwrap();
    assert_eq!(rows(&home).await, (objects + 2, members + 3), "put between");

    store.install(&first, "mari", "back").await.unwrap();
    assert_eq!(rows(&home).await, (objects + 2, members + 6), "three things are as they were");
    for (number, content) in [&first, &second, &third, &fourth, &first].into_iter().enumerate() {
        let generation = u64::try_from(number + 1).unwrap();
        let expected = Rulebook { generation, ..content.clone() };
        assert_eq!(store.rulebook_at(generation).await.unwrap(), Some(expected), "{generation}");
    }
}

/// Each object is named by its digest, and that all are there, in their order, is said by one of the whole.
#[tokio::test]
async fn what_is_missing_or_elsewhere_is_noticed() {
    for tampering in [
        "DELETE FROM member WHERE name = 'g-00001'",
        "UPDATE member SET place = 1 WHERE name = 'g-00001'",
        "UPDATE member SET digest = NULL WHERE name = 'g-00001'",
        "UPDATE member SET digest = (SELECT digest FROM member WHERE name = 'g-00000') WHERE name = 'g-00001'",
        "UPDATE object SET content = replace(content, 'EE/GOV', 'EE/COM')",
        "UPDATE member SET kind = 'nothing' WHERE name = 'g-00001'",
    ] {
        let home = SqliteHome::new();
        let store = home.open().await;
        store.install(&with_grants(2), "mari", "first").await.unwrap();
        home.tamper(tampering).await;
        let read = store.rulebook().await;
        assert!(matches!(read, Err(StoreError::Corrupt { .. })), "{tampering}: {read:?}");
    }
}

macro_rules! earlier {
    ($($version:literal $name:literal)*) => {
        [$(($version, include_str!(concat!("../../migrations/sqlite/", $version, "_", $name, ".sql")))),*]
    };
}

/// The database of a program that kept rulebooks in parts.
async fn in_parts(path: &Path, rulebooks: &[Rulebook]) {
    let earlier = earlier![
        "0001" "control" "0002" "record" "0003" "usage" "0004" "quarantine" "0005" "governance" "0006" "shadow"
        "0007" "planned" "0008" "secret" "0010" "proposal" "0011" "reservation" "0012" "log_faults"
    ];
    let migrations = earlier.into_iter().map(|(version, sql)| {
        let version = version.parse().unwrap();
        Migration::new(version, "earlier".into(), MigrationType::Simple, sql.into_sql_str(), false)
    });
    let mut connection = connect(path).await;
    Migrator::with_migrations(migrations.collect()).run(&mut connection).await.unwrap();
    let rule = rule(b"rule");
    sqlx::query(
        "INSERT INTO rule VALUES ($1, 'minors', '1.0.0', 'Generalises the birth dates of minors.', 5, $2)",
    )
    .bind(&rule.digest)
    .bind(&rule.bytes)
    .execute(&mut connection)
    .await
    .unwrap();
    for (number, rulebook) in rulebooks.iter().enumerate() {
        let parts = [
            serde_json::to_string(&rulebook.vocabulary),
            serde_json::to_string(&rulebook.services),
            serde_json::to_string(&rulebook.grants),
            serde_json::to_string(&rulebook.policies),
        ];
        let mut digests = Vec::new();
        for content in parts.map(Result::unwrap) {
            let digest = digest(content.as_bytes());
            sqlx::query("INSERT INTO rulebook_part VALUES ($1, $2) ON CONFLICT DO NOTHING")
                .bind(&digest)
                .bind(content)
                .execute(&mut connection)
                .await
                .unwrap();
            digests.push(digest);
        }
        let [vocabulary, services, grants, policies] = digests.as_slice() else { panic!() };
        sqlx::query("INSERT INTO generation VALUES ($1, $2, 'mari', $3, $4, $5, $6, $7)")
            .bind(i64::try_from(number + 1).unwrap())
            .bind(i64::try_from(number * 1_000).unwrap())
            .bind(format!("reason {number}"))
            .bind(vocabulary)
            .bind(services)
            .bind(grants)
            .bind(policies)
            .execute(&mut connection)
            .await
            .unwrap();
    }
    connection.close().await.unwrap();
}

#[tokio::test]
async fn a_database_with_parts_is_brought_over_and_loses_nothing() {
    let home = SqliteHome::new();
    let first = with_grants(3);
    // In no order of names.
    let mut second = with_grants(5);
    second.grants.reverse();
    second.policies = vec![policy("minors", b"rule", r#"{"age": 18, "but": [1.5, null]}"#)];
    let third = Rulebook { policies: second.policies.clone(), ..first.clone() };
    let all = [first, second, third];
    in_parts(&home.path(), &all).await;
    {
        let store = home.open().await;
        for (number, content) in all.iter().enumerate() {
            let generation = u64::try_from(number + 1).unwrap();
            let read = store.rulebook_at(generation).await.unwrap().unwrap();
            assert_eq!(read.digest(), content.digest());
            assert_eq!(read, Rulebook { generation, ..content.clone() });
            assert_eq!(store.policies_at(generation).await.unwrap().as_ref(), Some(&content.policies));
        }
        let told: Vec<_> = store
            .generations()
            .await
            .unwrap()
            .into_iter()
            .map(|info| (info.generation, info.installed_at, info.by, info.reason, info.active))
            .collect();
        let expected = |number: u64, active| {
            let at = i64::try_from((number - 1) * 1_000).unwrap();
            (number, at, "mari".to_owned(), format!("reason {}", number - 1), active)
        };
        assert_eq!(told, [expected(3, true), expected(2, false), expected(1, false)]);
        assert_eq!(store.held_before().await.unwrap().len(), 2 + 1 + 5, "terms, a service, access rights");
        let next = store.install(&all[1], "jüri", "next").await.unwrap();
        store.install(&all[2], "jüri", "and back").await.unwrap();
        assert!(next > 3);
        store.close().await.unwrap();
    }
    let store = home.open().await;
    assert_eq!(store.rulebook().await.unwrap(), Some(Rulebook { generation: 5, ..all[2].clone() }));
    let mut connection = connect(&home.path()).await;
    let left: i64 = sqlx::query_scalar(
        "SELECT count(*) FROM sqlite_schema WHERE name IN ('generation_in_parts', 'rulebook_part')",
    )
    .fetch_one(&mut connection)
    .await
    .unwrap();
    assert_eq!(left, 0);
}

/// Nothing is brought over, and nothing is lost, when one generation cannot be read.
#[tokio::test]
async fn a_database_with_a_broken_part_stays_as_it_is() {
    let home = SqliteHome::new();
    in_parts(&home.path(), &[with_grants(1), with_grants(2)]).await;
    home.tamper("UPDATE rulebook_part SET content = replace(content, 'g-00001', 'g-00007')").await;
    for _ in 0..2 {
        let refused = SqliteStore::open(home.path()).await.unwrap_err();
        assert!(matches!(refused, StoreError::Corrupt { what: "rulebook", .. }), "{refused:?}");
    }
    home.tamper("UPDATE rulebook_part SET content = replace(content, 'g-00007', 'g-00001')").await;
    let store = home.open().await;
    assert_eq!(store.rulebook().await.unwrap(), Some(Rulebook { generation: 2, ..with_grants(2) }));
}

/// Two programs that open it at once do it once.
#[tokio::test]
async fn two_programs_bring_a_database_over_once() {
    let home = SqliteHome::new();
    in_parts(&home.path(), &[with_grants(1), with_grants(2)]).await;
    let (one, other) = tokio::join!(SqliteStore::open(home.path()), SqliteStore::open(home.path()));
    for store in [one.unwrap(), other.unwrap()] {
        assert_eq!(store.generations().await.unwrap().len(), 2);
        assert_eq!(store.rulebook().await.unwrap(), Some(Rulebook { generation: 2, ..with_grants(2) }));
    }
}
