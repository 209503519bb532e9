// SPDX-License-Identifier: Apache-2.0
//! The same query as a handler would answer it that knows no rules and keeps no record: axum, sqlx, one SELECT of the
//! columns that the governed host reads, an answer of the same shape. What governance costs is the difference.

use std::{
    io::{Read as _, Write as _},
    path::PathBuf,
    time::Duration,
};

use anyhow::{Context as _, Result};
use axum::{Json, Router, extract::State, http::StatusCode, routing::post};
use clap::Parser;
use serde::Deserialize;
use serde_json::{Map, Value, json};
use sqlx::{
    ConnectOptions as _, Row as _, SqlitePool,
    sqlite::{SqliteConnectOptions, SqlitePoolOptions, SqliteRow},
};
use tokio::net::TcpListener;
use uuid::Uuid;

/// The host's allocator: it is no part of what governance costs.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Serves the register in this SQLite file until standard input ends.
#[derive(Debug, Parser)]
struct Arguments {
    /// The register.
    #[arg(long)]
    register: PathBuf,
}

#[derive(Deserialize)]
struct Query {
    select: Vec<String>,
    #[serde(rename = "where")]
    keys: Keys,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Keys {
    personal_code: String,
}

/// The text that the governed host makes of this query: the columns of all fields but the two that it hides.
const SELECT: &str = r#"SELECT "person"."id" AS "c0", "person"."personal_code" AS "c1", "person"."given_name" AS "c2",
 "person"."family_name" AS "c3", "person"."birth_family_name" AS "c4", "person"."sex" AS "c5",
 "person"."birth_date" AS "c6", "person"."birth_country" AS "c7", "person"."birth_place" AS "c8",
 "person"."status" AS "c9", "person"."death_date" AS "c10", "person"."death_place" AS "c11",
 "person"."main_citizenship" AS "c12", "person"."marital_status" AS "c13",
 "person"."legal_capacity_restricted" AS "c14", "residence"."full_text" AS "c15", "municipality"."name" AS "c16",
 "county"."name" AS "c17", "residence"."postal_code" AS "c18" FROM "person"
 LEFT JOIN "address" AS "residence" ON "residence"."id" = "person"."residence_address_id"
 LEFT JOIN "municipality" AS "municipality" ON "municipality"."code" = "residence"."municipality_code"
 LEFT JOIN "county" AS "county" ON "county"."code" = "municipality"."county_code"
 WHERE "person"."personal_code" IN (+?1) ORDER BY "person"."id" LIMIT +?2"#;

/// The column of each field.
const COLUMNS: [(&str, &str); 18] = [
    ("personalCode", "c1"),
    ("givenName", "c2"),
    ("familyName", "c3"),
    ("birthFamilyName", "c4"),
    ("sex", "c5"),
    ("birthDate", "c6"),
    ("birthCountry", "c7"),
    ("birthPlace", "c8"),
    ("status", "c9"),
    ("deathDate", "c10"),
    ("deathPlace", "c11"),
    ("mainCitizenship", "c12"),
    ("maritalStatus", "c13"),
    ("legalCapacityRestricted", "c14"),
    ("residenceAddress", "c15"),
    ("residenceMunicipality", "c16"),
    ("residenceCounty", "c17"),
    ("residencePostalCode", "c18"),
];

#[tokio::main]
async fn main() -> Result<()> {
    let arguments = Arguments::parse();
    // As the host opens it: see host/register/src/sqlite.rs.
    let options = SqliteConnectOptions::new()
        .filename(&arguments.register)
        .read_only(true)
        .immutable(false)
        .busy_timeout(Duration::from_secs(1))
        .statement_cache_capacity(256)
        .disable_statement_logging();
    let pool =
        SqlitePoolOptions::new().max_connections(4).test_before_acquire(false).connect_with(options).await?;
    let router = Router::new().route("/xroad/person/v1/query", post(answer)).with_state(pool);
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let base_url = format!("http://{}", listener.local_addr()?);
    writeln!(std::io::stdout().lock(), "{}", json!({ "base_url": base_url }))?;
    let (told, end) = tokio::sync::oneshot::channel();
    std::thread::spawn(move || {
        let mut sink = Vec::new();
        let _ = std::io::stdin().lock().read_to_end(&mut sink);
        let _ = told.send(());
    });
    tokio::select! {
        served = async { axum::serve(listener, router).await } => served.context("the server broke"),
        _ = end => Ok(()),
    }
}

async fn answer(State(pool): State<SqlitePool>, Json(query): Json<Query>) -> Result<Json<Value>, StatusCode> {
    let read = sqlx::query(SELECT).bind(&query.keys.personal_code).bind(101_i64).fetch_all(&pool).await;
    let rows = read.map_err(|_| StatusCode::SERVICE_UNAVAILABLE)?;
    let records: Option<Vec<Value>> = rows.iter().map(|row| record(row, &query.select)).collect();
    let records = records.ok_or(StatusCode::INTERNAL_SERVER_ERROR)?;
    Ok(Json(json!({
        "decision": {
            "id": Uuid::now_v7().to_string(),
            "generation": 1,
            "purpose": "https://w3id.org/dpv/sector/publicservices#SocialWelfareEligibilityAssessment",
            "legalBasis": "https://w3id.org/dpv/legal/eu/gdpr#A6-1-e",
            "fields": query.select.iter().map(|name| (name.clone(), decision(name))).collect::<Map<_, _>>(),
            "obligations": [],
        },
        "records": records,
        "more": false,
    })))
}

/// As many bytes as the governed host's answer has: two fields are hidden, with a reason.
fn decision(name: &str) -> Value {
    if COLUMNS.iter().any(|(field, _)| *field == name) {
        return json!({ "visibility": "show" });
    }
    let category = if name == "education" { "EducationQualification" } else { "Language" };
    let message = format!("The stated purpose does not need data of the category {category}.");
    json!({
        "visibility": "hide",
        "reasons": [{
            "by": "minimisation",
            "code": "minimisation.category-not-needed",
            "message": message,
            "provision": "https://w3id.org/dpv/legal/eu/gdpr#DataMinimisationPrinciple",
        }],
    })
}

fn record(row: &SqliteRow, select: &[String]) -> Option<Value> {
    let mut record = Map::new();
    for name in select {
        let Some((_, column)) = COLUMNS.iter().find(|(field, _)| field == name) else { continue };
        let value = if name == "legalCapacityRestricted" {
            row.try_get::<bool, _>(*column).ok()?.into()
        } else {
            row.try_get::<Option<String>, _>(*column).ok()?.into()
        };
        record.insert(name.clone(), value);
    }
    Some(Value::Object(record))
}
