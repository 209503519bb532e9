// SPDX-License-Identifier: Apache-2.0
//! Rows of the control database as structs: each field is read from the column of its name.

macro_rules! row {
    ($(#[$meta:meta])* struct $name:ident { $($field:ident: $kind:ty,)* }) => {
        $(#[$meta])*
        struct $name { $($field: $kind,)* }

        impl<'r> sqlx::FromRow<'r, sqlx::sqlite::SqliteRow> for $name {
            fn from_row(row: &'r sqlx::sqlite::SqliteRow) -> sqlx::Result<Self> {
                use sqlx::Row as _;
                Ok(Self { $($field: row.try_get(stringify!($field))?,)* })
            }
        }
    };
}

pub(super) use row;
