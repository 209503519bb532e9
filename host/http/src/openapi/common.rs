// SPDX-License-Identifier: Apache-2.0
//! The parts that every door's OpenAPI document has: the document itself, headers, problems.

use paasla_register::Description;
use serde_json::{Map, Value, json};

/// The longest value of a header, and that of the official.
const HEADER_LENGTHS: (usize, usize) = (2_000, 255);

/// What can be seen in a header, and of it what is not blank.
const HEADER: (&str, &str) = ("^[ -~]*$", "^[ -~]*[!-~][ -~]*$");

/// What a document says of itself.
pub(crate) struct Head<'a> {
    /// Its name, for people.
    pub(crate) title: &'a str,
    /// Its version.
    pub(crate) version: &'a str,
    /// What it is for, in Markdown.
    pub(crate) text: &'a str,
    /// The tag of its operations.
    pub(crate) tag: &'a str,
    /// Where it is, below the host's base URL.
    pub(crate) server: &'a str,
}

/// The whole document.
pub(crate) fn document(
    register: &Description,
    head: Head<'_>,
    paths: Map<String, Value>,
    schemas: Map<String, Value>,
) -> Value {
    let Head { title, version, text, tag, server } = head;
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": title,
            "version": version,
            "description": text,
            "contact": register.contact(),
            "license": register.licence(),
        },
        "servers": [{ "url": server }],
        // Who asks is known from the security server; a message holds no credentials.
        "security": [],
        "tags": [{ "name": tag, "description": title }],
        "paths": paths,
        "components": { "schemas": schemas },
    })
}

/// A reference to a schema of the document.
pub(crate) fn reference(name: &str) -> Value {
    json!({ "$ref": format!("#/components/schemas/{name}") })
}

/// A required body of this schema.
pub(crate) fn body(schema: &str) -> Value {
    json!({ "required": true, "content": { "application/json": { "schema": reference(schema) } } })
}

/// The same with examples.
pub(crate) fn body_with(schema: &str, examples: Map<String, Value>) -> Value {
    json!({
        "required": true,
        "content": { "application/json": { "schema": reference(schema), "examples": examples } },
    })
}

/// Every status that a query can end with.
pub(crate) fn responses(answer: &str, what: &str) -> Value {
    let mut responses = Map::new();
    let id = json!({
        "description": "The id of the record of this request", "schema": { "type": "string", "format": "uuid" } });
    let retry = json!({
        "description": "When to try again, in seconds", "schema": { "type": "integer", "minimum": 1 } });
    let answered = json!({ "description": what, "headers": { "Paasla-Decision": &id },
        "content": { "application/json": { "schema": reference(answer) } } });
    responses.insert("200".to_owned(), answered);
    // Which of them say when to try again, and which have a record.
    for (status, what, waits, recorded) in [
        ("400", "The request is wrong; `problems` lists every problem of it", false, true),
        (
            "403",
            "Refused by the access right or a rule; `reasons` lists every reason. Where a cap on persons is in the way, `window` names it and `Retry-After` tells when the query would fit",
            true,
            true,
        ),
        ("404", "There is no such service, version or address", false, true),
        ("405", "The address does not take this method; `Allow` names those it takes", false, true),
        ("408", "The body did not arrive in time", false, true),
        ("413", "The body is too large", false, true),
        ("415", "The body is not announced as application/json in UTF-8, or is compressed", false, true),
        ("417", "An expectation other than 100-continue", false, false),
        ("429", "A client without an access right was refused too often", true, false),
        ("500", "The host failed; nothing was disclosed", false, true),
        ("501", "A transfer coding other than chunked", false, false),
        ("503", "No answer now; nothing was disclosed", true, true),
    ] {
        let mut response = json!({ "description": what,
            "content": { "application/problem+json": { "schema": reference("Problem") } } });
        let headers: Map<String, Value> =
            [("Paasla-Decision", recorded, &id), ("Retry-After", waits, &retry)]
                .into_iter()
                .filter(|(_, has, _)| *has)
                .map(|(name, _, header)| (name.to_owned(), header.clone()))
                .collect();
        if !headers.is_empty()
            && let Some(response) = response.as_object_mut()
        {
            response.insert("headers".to_owned(), headers.into());
        }
        responses.insert(status.to_owned(), response);
    }
    Value::Object(responses)
}

/// What a request goes to: what it must say depends on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Door {
    /// Queries in the register's own words.
    XRoad,
    /// Queries in the words of today's clients: the door lives by `RR-Request-Reason`.
    Rr,
    /// What may be asked. No personal data is told, so that no official must be named.
    Rights,
}

/// Every status that a request without a body can end with. Its answer has no record.
pub(crate) fn responses_without_body(answer: &str, what: &str) -> Value {
    let mut all = responses(answer, what);
    if let Some(all) = all.as_object_mut() {
        for of_a_body in ["408", "413", "415"] {
            all.remove(of_a_body);
        }
        if let Some(answered) = all.get_mut("200").and_then(Value::as_object_mut) {
            answered.remove("headers");
        }
    }
    all
}

/// The headers that a request may have.
pub(crate) fn headers(door: Door) -> Vec<Value> {
    let header = |name: &str, required: bool, text: &str, schema: Value| json!({ "name": name, "in": "header", "required": required, "description": text, "schema": schema });
    let text = || json!({ "type": "string", "maxLength": HEADER_LENGTHS.0, "pattern": HEADER.0 });
    let encoded = || json!({ "type": "string", "format": "percent-encoded-utf8", "minLength": 1, "maxLength": HEADER_LENGTHS.0 });
    let truth = || json!({ "type": "string", "enum": ["true", "false"] });
    let word = |words: &[&str]| json!({ "type": "string", "enum": words });
    let mut headers = vec![
        header(
            "X-Road-Client",
            true,
            "Who asks: instance/class/member[/subsystem], each part percent-encoded. The security server sends it.",
            json!({ "type": "string", "format": "x-road-client", "maxLength": HEADER_LENGTHS.0 }),
        ),
        header(
            "X-Road-UserId",
            door != Door::Rights,
            "The official who asks: `EE` and the personal code.",
            json!({ "type": "string", "minLength": 1, "maxLength": HEADER_LENGTHS.1, "pattern": HEADER.1 }),
        ),
        header("X-Road-Id", false, "The message's id.", text()),
        header(
            "X-Road-Request-Id",
            false,
            "The request's id; the security server sends it.",
            json!({ "type": "string", "format": "uuid" }),
        ),
        header(
            "X-Road-Issue",
            false,
            "The case or document. When `context.case` is stated, too, the two must agree.",
            text(),
        ),
        header(
            "X-Road-Represented-Party",
            false,
            "On whose behalf: [partyClass/]partyCode, each part percent-encoded.",
            json!({ "type": "string", "format": "x-road-party", "maxLength": HEADER_LENGTHS.0 }),
        ),
        header(
            "RR-Request-Reason",
            door == Door::Rr,
            "The ground: `avalik`, a public task (GDPR Art. 6(1)(e)), or `oigustatud`, a legitimate interest \
             (Art. 6(1)(f)). A legal basis stated elsewhere must not contradict it.",
            word(&["avalik", "oigustatud"]),
        ),
    ];
    let organisation =
        "Each header of an organisation needs X-Road-PDU-Initiator-Org-Type, and -Code or -Name.";
    let pdu = [
        (
            "Purpose",
            "Why: an IRI of the vocabulary, or a text for people. Needed with any other X-Road-PDU header; with it \
             somebody must be named who began the query: an X-Road-PDU-Initiator-Org or -Person header. An IRI must agree \
             with `context.purpose`."
                .to_owned(),
            encoded(),
        ),
        (
            "Legal-Basis",
            "The legal basis: an IRI of the vocabulary, or a text for people. Needs X-Road-PDU-Purpose.".to_owned(),
            encoded(),
        ),
        ("Consent-Reference", "The consent it stands on. Needs X-Road-PDU-Purpose.".to_owned(), encoded()),
        ("Bulk-Processing", "Whether it is one of many. Needs X-Road-PDU-Purpose.".to_owned(), truth()),
        (
            "Hidden",
            "Whether the person is not to see the query for a time. Needs X-Road-PDU-Purpose, and an access right that \
             allows it."
                .to_owned(),
            truth(),
        ),
        ("Hidden-Reason", "Why. Only with X-Road-PDU-Hidden: true.".to_owned(), encoded()),
        (
            "Hidden-Until",
            "Until when. Only with X-Road-PDU-Hidden: true and X-Road-PDU-Hidden-Reason.".to_owned(),
            json!({ "type": "string", "format": "date-time" }),
        ),
        ("Initiator-Org-Type", organisation.to_owned(), word(&["GOV", "COM", "NGO", "NEE"])),
        ("Initiator-Org-Code", organisation.to_owned(), json!({ "type": "string", "pattern": "^[0-9]{8}$" })),
        ("Initiator-Org-Name", organisation.to_owned(), encoded()),
        ("Initiator-Org-System", organisation.to_owned(), encoded()),
        (
            "Initiator-Person-Code",
            "A person who began the query. Needs X-Road-PDU-Purpose.".to_owned(),
            json!({ "type": "string", "pattern": "^EE[0-9]{11}$" }),
        ),
        ("Initiator-Person-Alternative-Code", "The same, by another code.".to_owned(), encoded()),
        ("Initiator-Person-Name", "The same, by name.".to_owned(), encoded()),
    ];
    headers.extend(
        pdu.into_iter()
            .map(|(name, text, schema)| header(&format!("X-Road-PDU-{name}"), false, &text, schema)),
    );
    headers
}

/// The schemas of what is the same at every door.
pub(crate) fn schemas() -> Map<String, Value> {
    let text = || json!({ "type": "string" });
    let reason = json!({
        "type": "object",
        "title": "Reason",
        "description": "Why something is refused or not shown in full",
        "required": ["by", "code", "message"],
        "properties": {
            "by": { "type": "string", "description": "`grant`, `host`, or the policy" },
            "code": { "type": "string", "description": "A stable code" },
            "message": text(),
            "provision": { "type": "string", "description": "The provision of law it implements" },
        },
    });
    let item = json!({
        "type": "object",
        "title": "One thing that is wrong",
        "required": ["code", "place", "message"],
        "properties": {
            "code": { "type": "string", "description": "A stable code" },
            "place": {
                "type": "string",
                "description": "A JSON pointer into the body (RFC 6901, items counted from 0), a header's name, `url` or `method`",
            },
            "message": { "type": "string", "description": "What is wrong and what to do" },
        },
    });
    let problem = json!({
        "type": "object",
        "title": "Problem",
        "description": "Why there is no answer (RFC 9457)",
        "required": ["type", "title", "status", "code", "detail"],
        "properties": {
            "type": { "type": "string", "format": "uri" },
            "title": text(),
            "status": { "type": "integer", "minimum": 400, "maximum": 599 },
            "code": { "type": "string", "description": "A stable code" },
            "detail": text(),
            "instance": { "type": "string", "format": "uri", "description": "urn:uuid: and the id of the record" },
            "generation": { "type": "integer", "description": "The generation of the rulebook that refused" },
            "problems": { "type": "array", "items": reference("ProblemItem") },
            "reasons": { "type": "array", "items": reference("Reason") },
            "window": { "type": "string", "enum": ["hour", "day", "month", "year"], "description": "The cap on persons that is in the way" },
            "left": { "type": "integer", "minimum": 0, "description": "How many persons would fit under it" },
            "opensAt": { "type": "string", "format": "date-time", "description": "When the query would fit, if nobody asks meanwhile" },
        },
    });
    [("Reason", reason), ("ProblemItem", item), ("Problem", problem)]
        .map(|(name, schema)| (name.to_owned(), schema))
        .into_iter()
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whatever_is_recorded_names_its_record() {
        let all = responses("Answer", "what is told");
        let has = |status: &str, header: &str| all[status]["headers"].get(header).is_some();
        for status in ["200", "400", "403", "404", "405", "408", "413", "415", "500", "503"] {
            assert!(has(status, "Paasla-Decision"), "{status}");
            assert_eq!(all[status]["headers"]["Paasla-Decision"], all["200"]["headers"]["Paasla-Decision"]);
        }
        for status in ["417", "429", "501"] {
            assert!(!has(status, "Paasla-Decision"), "{status}");
        }
        let waits = all.as_object().unwrap().keys().filter(|status| has(status, "Retry-After"));
        assert_eq!(waits.collect::<Vec<_>>(), ["403", "429", "503"]);
    }
}
