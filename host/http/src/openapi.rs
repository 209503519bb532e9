// SPDX-License-Identifier: Apache-2.0
//! `GET /xroad/{service}/openapi.json`: a service described for a security server, for programmers and for generators of
//! clients. OpenAPI, exactly 3.1.0: X-Road's security server takes 3.0.x and 3.1.0, and nothing else.
//!
//! What is the same at every door is in `common`, what a query may ask in `ask` and by which keys in `way`, what comes back in
//! `answer`, what a client is told of its rights in `rights`, and how a field's values are written in `value`.

mod answer;
mod ask;
pub(crate) mod common;
mod rights;
pub(crate) mod value;
mod way;

use std::sync::Arc;

use axum::{
    Json,
    extract::{Path, State, rejection::PathRejection},
    http::StatusCode,
    response::{IntoResponse, Response},
};
use paasla_app::CatalogueEntry;
use paasla_core::{Requirement, Service};
use paasla_register::Description;
use serde_json::{Map, Value, json};

use self::way::Way;
use super::{envelope::PARTY, problem::Document, router::Doors};

/// The description of one service, all its versions.
pub(super) async fn description(
    State(doors): State<Arc<Doors>>,
    service: Result<Path<String>, PathRejection>,
) -> Response {
    match service.ok().and_then(|Path(service)| doors.gate.catalogue_entry(&service)) {
        Some(entry) => Json(describe(&entry)).into_response(),
        None => Document::new(StatusCode::NOT_FOUND, "service_unknown", "there is no such service")
            .into_response(),
    }
}

/// All versions of a service.
fn describe(entry: &CatalogueEntry) -> Value {
    let CatalogueEntry { newest, versions, vocabulary, register } = entry;
    let (name, register) = (newest.name.as_str(), &**register);
    let mut schemas = common::schemas();
    schemas.extend(answer::schemas());
    schemas.extend(rights::schemas());
    let mut paths = Map::new();
    for service in versions {
        let names = Names::of(service);
        let ways = way::all(service, &names);
        schemas.extend(ask::schemas(vocabulary, register, service, &ways, &names));
        schemas.extend(answer::of_service(register, service, &names));
        schemas.extend(rights::of_service(service, &names));
        paths.insert(format!("/v{}/query", service.version), path(register, service, &ways, &names));
        let operation = format!("rights{}", names.row);
        paths.insert(
            format!("/v{}/rights", service.version),
            rights::path(service, &operation, &names.rights),
        );
    }
    let newest_names = Names::of(newest);
    paths.insert("/rights".to_owned(), rights::path(newest, "rights", &newest_names.rights));
    let text = format!(
        "Queries to {} ({}). They come through an X-Road security server, which says who asks \
         (`X-Road-Client`): a message holds no other credentials. Which fields a client sees depends on its access \
         right, on the purpose, and on the person; an answer says what was decided and why.",
        register.title(),
        register.iri(),
    );
    let (title, version) = (newest.title.as_str(), newest.version.to_string());
    common::document(
        register,
        common::Head { title, version: &version, text: &text, tag: name, server: &format!("/xroad/{name}") },
        paths,
        schemas,
    )
}

/// What the schemas of one version are called, so that classes made of them have sensible names.
struct Names {
    query: String,
    answer: String,
    record: String,
    /// What a client may ask for one purpose.
    right: String,
    /// What it may ask for any.
    rights: String,
    /// Before the name of a group of rows.
    row: String,
    operation: String,
}

impl Names {
    fn of(service: &Service) -> Self {
        let pascal: String = service.name.split('-').map(capital).collect();
        let version = service.version;
        Self {
            query: format!("{pascal}V{version}Query"),
            answer: format!("{pascal}V{version}Answer"),
            record: format!("{pascal}V{version}Record"),
            right: format!("{pascal}V{version}Right"),
            rights: format!("{pascal}V{version}Rights"),
            row: format!("{pascal}V{version}"),
            operation: format!("query{pascal}V{version}"),
        }
    }
}

fn capital(word: &str) -> String {
    let mut letters = word.chars();
    letters.next().map(|first| first.to_ascii_uppercase()).into_iter().chain(letters).collect()
}

fn path(register: &Description, service: &Service, ways: &[Way<'_>], names: &Names) -> Value {
    let mut text = format!(
        "Finds at most {} records by the keys in `where`, which must all hold, and tells the fields in `select` as far as \
         the client may see them.\n\n\
         Records stand in the register's order, not in that of the request. A person who is not in the register, or of \
         whom nothing may be told, has no record: to see which of several persons asked for it is, select the field they \
         are looked up by.",
        service.max_rows,
    );
    if !service.lookups.is_empty() {
        let list: Vec<String> = ways.iter().map(|way| format!("- {}", way.text(service))).collect();
        text += &format!("\n\nIt looks up\n\n{}", list.join("\n"));
    }
    let required = required(service);
    if !required.is_empty() {
        text += &format!("\n\nEvery query states {}.", required.join(", and "));
    }
    let examples = ways.iter().map(|way| (way.query.clone(), way.example(register, service))).collect();
    json!({ "post": {
        "operationId": names.operation,
        "summary": service.title,
        "description": text,
        "tags": [service.name],
        "parameters": headers(service),
        "requestBody": common::body_with(&names.query, examples),
        "responses": common::responses(&names.answer, "The records that may be seen, and what was decided"),
    }})
}

/// What a service requires besides purpose and legal basis, in words.
fn required(service: &Service) -> Vec<&'static str> {
    let words = |required: &Requirement| match required {
        Requirement::Case => "the case or document (`context.case` or `X-Road-Issue`)",
        Requirement::Official => "the official (`X-Road-UserId`)",
        Requirement::Provision => "the provision of law (`context.provision`)",
        Requirement::RepresentedParty => "on whose behalf it is asked (`X-Road-Represented-Party`)",
    };
    service.requires.iter().map(words).collect()
}

fn headers(service: &Service) -> Vec<Value> {
    let mut headers = common::headers(common::Door::XRoad);
    if service.requires.contains(&Requirement::RepresentedParty) {
        let is_party = |header: &&mut Value| header.get("name").is_some_and(|name| name == PARTY);
        if let Some(header) = headers.iter_mut().find(is_party).and_then(Value::as_object_mut) {
            header.insert("required".to_owned(), true.into());
        }
    }
    headers
}

#[cfg(test)]
mod tests;
