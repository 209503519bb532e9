// SPDX-License-Identifier: Apache-2.0
//! One query over HTTP, and what came back.

use anyhow::Result;
use serde_json::{Map, Value, json};

use crate::pretty::json_at;

/// An official, as `X-Road-UserId` names one. The code is a published test code.
pub const OFFICIAL: &str = "EE60001017869";
/// Where today's clients of the population register ask, below the base URL.
pub const RR: &str = "/rr/domesticDataExchange/v1";

/// A request being put together.
#[derive(Debug, Clone)]
pub struct Ask {
    /// Where to, below the base URL.
    pub path: String,
    /// Headers; one name may stand several times.
    pub headers: Vec<(&'static str, String)>,
    /// The body.
    pub body: Value,
    /// What is sent in its place, word for word.
    pub instead: Option<String>,
}

/// What came back.
#[derive(Debug, Clone)]
pub struct Got {
    /// The status.
    pub status: u16,
    /// The body, as it came.
    pub text: String,
    /// The same as JSON; null when it is none.
    pub json: Value,
    /// `Paasla-Decision`.
    pub decision: Option<String>,
    /// `Retry-After`.
    pub retry_after: Option<String>,
}

impl Ask {
    /// To `/xroad/{service}/v1/query`.
    #[must_use]
    pub fn service(service: &str, client: &str, select: &[&str], keys: Value) -> Self {
        let headers = vec![("X-Road-Client", client.to_owned()), ("X-Road-UserId", OFFICIAL.to_owned())];
        let path = format!("/xroad/{service}/v1/query");
        Self { path, headers, body: json!({ "select": select, "where": keys }), instead: None }
    }

    /// To the door of today's clients: `reason` is `avalik` or `oigustatud`.
    #[must_use]
    pub fn rr(client: &str, reason: &str, codes: &[&str], fields: Value) -> Self {
        let headers = vec![
            ("X-Road-Client", client.to_owned()),
            ("X-Road-UserId", OFFICIAL.to_owned()),
            ("RR-Request-Reason", reason.to_owned()),
        ];
        let path = format!("{RR}/isikud");
        Self { path, headers, body: json!({ "isikukoodid": codes, "andmevaljad": fields }), instead: None }
    }

    /// With one member more in the body's context.
    #[must_use]
    pub fn context(mut self, name: &str, value: &str) -> Self {
        if let Some(body) = self.body.as_object_mut() {
            let context = body.entry("context").or_insert_with(|| Value::Object(Map::new()));
            if let Some(context) = context.as_object_mut() {
                context.insert(name.to_owned(), value.into());
            }
        }
        self
    }

    /// With at most so many records.
    #[must_use]
    pub fn limit(mut self, records: u32) -> Self {
        if let Some(body) = self.body.as_object_mut() {
            body.insert("limit".to_owned(), records.into());
        }
        self
    }

    /// With one header more.
    #[must_use]
    pub fn header(mut self, name: &'static str, value: &str) -> Self {
        self.headers.push((name, value.to_owned()));
        self
    }

    /// Without a header.
    #[must_use]
    pub fn without(mut self, name: &str) -> Self {
        self.headers.retain(|(other, _)| *other != name);
        self
    }

    /// With this text in place of the body.
    #[must_use]
    pub fn instead(mut self, text: &str) -> Self {
        self.instead = Some(text.to_owned());
        self
    }

    /// Sends it.
    ///
    /// # Errors
    /// When no whole answer came back.
    pub fn send(&self, agent: &ureq::Agent, base_url: &str) -> Result<Got> {
        let mut request = agent.post(format!("{base_url}{}", self.path));
        for (name, value) in &self.headers {
            request = request.header(*name, value);
        }
        if !self.headers.iter().any(|(name, _)| name.eq_ignore_ascii_case("content-type")) {
            request = request.header("Content-Type", "application/json");
        }
        let text = self.instead.clone().unwrap_or_else(|| self.body.to_string());
        let mut response = request.send(text)?;
        let header = |name| Some(response.headers().get(name)?.to_str().ok()?.to_owned());
        let (decision, retry_after) = (header("Paasla-Decision"), header("Retry-After"));
        let text = response.body_mut().read_to_string()?;
        let json = serde_json::from_str(&text).unwrap_or(Value::Null);
        Ok(Got { status: response.status().as_u16(), text, json, decision, retry_after })
    }

    /// The same as a line for any shell, which ends the answer's last line. Bodies go as data: a code never stands in a URL.
    #[must_use]
    pub fn curl(&self, base_url: &str) -> String {
        let mut line = format!("curl -sS -w '\\n' {base_url}{} \\\n", self.path);
        let json = ("Content-Type", "application/json".to_owned());
        for (name, value) in std::iter::once(&json).chain(&self.headers) {
            line.push_str(&format!("  -H '{name}: {value}' \\\n"));
        }
        line + &format!("  -d '{}'", json_at(&self.body, "  -d '".len(), 2))
    }
}

/// A client for HTTP on this machine that takes every status for an answer. It goes through no proxy.
#[must_use]
pub fn agent() -> ureq::Agent {
    let config = ureq::Agent::config_builder()
        .http_status_as_error(false)
        .proxy(None)
        .timeout_global(Some(std::time::Duration::from_secs(300)))
        .build();
    config.new_agent()
}

impl Got {
    /// What may be seen of a field of the query.
    #[must_use]
    pub fn visibility(&self, field: &str) -> Option<&str> {
        self.field(field)?.get("visibility")?.as_str()
    }

    /// Whether a field is narrowed, for all rows, for this reason among others.
    #[must_use]
    pub fn is_narrowed(&self, field: &str, code: &str) -> bool {
        self.field(field).is_some_and(|field| has_reason(field, code))
    }

    /// Whether a field is narrowed for this reason in some row.
    #[must_use]
    pub fn is_narrowed_in_row(&self, field: &str, code: &str) -> bool {
        let rows = self.json.pointer("/decision/rows").and_then(Value::as_array);
        rows.into_iter()
            .flatten()
            .filter_map(|row| row.get("fields")?.get(field))
            .any(|field| has_reason(field, code))
    }

    /// Whether the query is refused for this reason among others.
    #[must_use]
    pub fn is_refused(&self, code: &str) -> bool {
        self.status == 403 && has_reason(&self.json, code)
    }

    /// Whether the request is wrong in this way, at this place.
    #[must_use]
    pub fn has_problem(&self, code: &str, place: &str) -> bool {
        let problems = self.json.get("problems").and_then(Value::as_array);
        problems.into_iter().flatten().any(|problem| {
            problem.get("code").is_some_and(|has| has == code)
                && problem.get("place").is_some_and(|has| has == place)
        })
    }

    /// The records: at the door of today's clients the whole answer.
    #[must_use]
    pub fn records(&self) -> &[Value] {
        let records = self.json.get("records").unwrap_or(&self.json);
        records.as_array().map_or(&[], Vec::as_slice)
    }

    /// The first record, or null.
    #[must_use]
    pub fn first(&self) -> &Value {
        self.records().first().unwrap_or(&Value::Null)
    }

    /// The text of a value of the first record, by JSON pointer; empty when there is none.
    #[must_use]
    pub fn value(&self, pointer: &str) -> &str {
        self.first().pointer(pointer).and_then(Value::as_str).unwrap_or_default()
    }

    /// The answer without what differs from query to query.
    #[must_use]
    pub fn anonymous(&self) -> String {
        match &self.decision {
            Some(id) => self.text.replace(id, "…"),
            None => self.text.clone(),
        }
    }

    fn field(&self, name: &str) -> Option<&Value> {
        self.json.pointer("/decision/fields")?.get(name)
    }
}

fn has_reason(holder: &Value, code: &str) -> bool {
    let reasons = holder.get("reasons").and_then(Value::as_array);
    reasons.into_iter().flatten().any(|reason| reason.get("code").is_some_and(|has| has == code))
}
