// SPDX-License-Identifier: Apache-2.0
//! The migrations of the control database, part of the program. What has been applied somewhere is never edited.

use std::sync::LazyLock;

use sqlx::{
    SqlSafeStr as _,
    migrate::{Migration, MigrationType, Migrator},
};

macro_rules! migrations {
    ($($version:literal $name:literal)*) => {
        [$(($version, include_str!(concat!("../../migrations/sqlite/", $version, "_", $name, ".sql")), $name)),*]
    };
}

/// Version, text and name of each, in their order.
const ALL: [(&str, &str, &str); 12] = migrations![
    "0001" "control"
    "0002" "record"
    "0003" "usage"
    "0004" "quarantine"
    "0005" "governance"
    "0006" "shadow"
    "0007" "planned"
    "0008" "secret"
    "0010" "proposal"
    "0011" "reservation"
    "0012" "log_faults"
    "0013" "objects"
];

pub(super) static MIGRATIONS: LazyLock<Migrator> = LazyLock::new(|| {
    let migration = |(version, sql, name): (&str, &'static str, &'static str)| {
        // A name that is no number would be the last of all; the test below finds it.
        let version = version.parse().unwrap_or(i64::MAX);
        Migration::new(version, name.into(), MigrationType::Simple, sql.into_sql_str(), false)
    };
    Migrator::with_migrations(ALL.into_iter().map(migration).collect())
});

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_file_of_the_folder_is_a_migration() {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/migrations/sqlite");
        let mut files: Vec<String> = std::fs::read_dir(folder)
            .unwrap()
            .map(|file| file.unwrap().file_name().into_string().unwrap())
            .collect();
        files.sort();
        let named: Vec<String> =
            ALL.into_iter().map(|(version, _, name)| format!("{version}_{name}.sql")).collect();
        assert_eq!(named, files);
        assert!(MIGRATIONS.iter().all(|migration| migration.version < i64::MAX));
    }
}
