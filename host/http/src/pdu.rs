// SPDX-License-Identifier: Apache-2.0
//! The Data Tracker's extension of the REST protocol: `X-Road-PDU-*`, PR-PDU-REST 0.1.0 of 2026-08-13. Values are
//! percent-encoded UTF-8. No header of the extension is required; with the first one its rules (§2.2) hold.

use axum::http::HeaderMap;

use super::{headers, problems::Problems};

/// Every header of the extension, in the order of its tables 1 to 3.
pub(super) const NAMES: [&str; 14] = [
    "X-Road-PDU-Purpose",
    "X-Road-PDU-Bulk-Processing",
    "X-Road-PDU-Legal-Basis",
    "X-Road-PDU-Consent-Reference",
    "X-Road-PDU-Hidden",
    "X-Road-PDU-Hidden-Reason",
    "X-Road-PDU-Hidden-Until",
    "X-Road-PDU-Initiator-Org-Type",
    "X-Road-PDU-Initiator-Org-Code",
    "X-Road-PDU-Initiator-Org-Name",
    "X-Road-PDU-Initiator-Org-System",
    "X-Road-PDU-Initiator-Person-Code",
    "X-Road-PDU-Initiator-Person-Alternative-Code",
    "X-Road-PDU-Initiator-Person-Name",
];

const PREFIX: &str = "X-Road-PDU-";

/// What the extension's headers say.
#[derive(Debug, Default)]
pub(super) struct Statements {
    /// Header name without the prefix, and its decoded value, in the order of the specification.
    pub(super) list: Vec<(String, String)>,
    /// Whether the query must be hidden from the person.
    pub(super) hidden: bool,
    /// The names sent, without the prefix, also of those whose value is faulty.
    sent: Vec<&'static str>,
}

impl Statements {
    /// The value of a header, named without the prefix.
    pub(super) fn get(&self, name: &str) -> Option<&str> {
        self.list.iter().find(|(other, _)| other == name).map(|(_, value)| value.as_str())
    }

    fn has(&self, name: &str) -> bool {
        self.sent.contains(&name)
    }

    fn has_any(&self, prefix: &str) -> bool {
        self.sent.iter().any(|name| name.starts_with(prefix))
    }
}

/// Reads every header of the extension.
pub(super) fn read(headers: &HeaderMap, problems: &mut Problems) -> Statements {
    let mut statements = Statements::default();
    if !headers.keys().any(|name| name.as_str().starts_with("x-road-pdu-")) {
        return statements;
    }
    for header in NAMES.into_iter().filter(|header| headers.contains_key(*header)) {
        let name = header.trim_start_matches(PREFIX);
        statements.sent.push(name);
        if let Some(value) = headers::single_decoded(headers, header, problems) {
            statements.list.push((name.to_owned(), value));
        }
    }
    let unknown = |name: &str| {
        name.starts_with("x-road-pdu-") && !NAMES.iter().any(|known| known.eq_ignore_ascii_case(name))
    };
    if headers.keys().any(|name| unknown(name.as_str())) {
        let known = NAMES.map(|name| name.trim_start_matches(PREFIX)).join(", ");
        let message = format!("a header begins with {PREFIX} but is none of the extension's: {known}");
        problems.add("header_unknown", "X-Road-PDU-*", message);
    }
    statements.hidden = truth(&statements, "Hidden", "X-Road-PDU-Hidden", problems).unwrap_or(false);
    truth(&statements, "Bulk-Processing", "X-Road-PDU-Bulk-Processing", problems);
    if !statements.sent.is_empty() {
        check_rules(&statements, problems);
    }
    check_forms(&statements, problems);
    statements
}

fn truth(statements: &Statements, name: &str, header: &'static str, problems: &mut Problems) -> Option<bool> {
    match statements.get(name)? {
        "true" => Some(true),
        "false" => Some(false),
        _ => {
            problems.add("header_invalid", header, format!("the header {header} must be `true` or `false`"));
            None
        }
    }
}

/// §2.2: which headers need which.
fn check_rules(statements: &Statements, problems: &mut Problems) {
    let mut missing = |header: &'static str, message: &str| problems.add("header_missing", header, message);
    if !statements.has("Purpose") {
        missing(
            "X-Road-PDU-Purpose",
            "X-Road-PDU-Purpose is required with any other header of the X-Road-PDU extension",
        );
    }
    let (org, person) = (statements.has_any("Initiator-Org-"), statements.has_any("Initiator-Person-"));
    if !org && !person {
        missing(
            "X-Road-PDU-Initiator-*",
            "name who began the query: X-Road-PDU-Initiator-Org-* or X-Road-PDU-Initiator-Person-*",
        );
    }
    if org && !statements.has("Initiator-Org-Type") {
        missing(
            "X-Road-PDU-Initiator-Org-Type",
            "X-Road-PDU-Initiator-Org-Type is required with any X-Road-PDU-Initiator-Org-* header",
        );
    }
    if org && !statements.has("Initiator-Org-Code") && !statements.has("Initiator-Org-Name") {
        missing(
            "X-Road-PDU-Initiator-Org-Code",
            "X-Road-PDU-Initiator-Org-Code or X-Road-PDU-Initiator-Org-Name is required to name an institution",
        );
    }
    if statements.has("Hidden-Until") && !statements.has("Hidden-Reason") {
        missing(
            "X-Road-PDU-Hidden-Reason",
            "X-Road-PDU-Hidden-Until needs X-Road-PDU-Hidden-Reason beside it",
        );
    }
    if !statements.hidden {
        for (name, header) in
            [("Hidden-Reason", "X-Road-PDU-Hidden-Reason"), ("Hidden-Until", "X-Road-PDU-Hidden-Until")]
        {
            if statements.has(name) {
                let message = format!("{header} is used only with X-Road-PDU-Hidden: true");
                problems.add("header_conflict", header, message);
            }
        }
    }
}

/// Tables 1 to 3: the form of each value.
fn check_forms(statements: &Statements, problems: &mut Problems) {
    let digits = |text: &str, count| text.len() == count && text.bytes().all(|byte| byte.is_ascii_digit());
    let mut check = |name: &str, header: &'static str, fits: fn(&str) -> bool, form: &str| {
        if statements.get(name).is_some_and(|value| !fits(value)) {
            problems.add("header_invalid", header, format!("the header {header} must be {form}"));
        }
    };
    check(
        "Hidden-Until",
        "X-Road-PDU-Hidden-Until",
        is_instant,
        "a time with a zone as in RFC 3339, e.g. 2030-01-01T00:00:00Z",
    );
    check(
        "Initiator-Org-Type",
        "X-Road-PDU-Initiator-Org-Type",
        |value| matches!(value, "GOV" | "COM" | "NGO" | "NEE"),
        "GOV, COM, NGO or NEE",
    );
    if statements.get("Initiator-Org-Code").is_some_and(|code| !digits(code, 8)) {
        let header = "X-Road-PDU-Initiator-Org-Code";
        problems.add("header_invalid", header, format!("the header {header} must be eight digits"));
    }
    let person = statements.get("Initiator-Person-Code");
    if person.is_some_and(|code| !code.strip_prefix("EE").is_some_and(|rest| digits(rest, 11))) {
        let header = "X-Road-PDU-Initiator-Person-Code";
        problems.add("header_invalid", header, format!("the header {header} must be `EE` and eleven digits"));
    }
}

/// RFC 3339 `date-time`; jiff also reads forms that RFC 3339 does not know, so the shape is checked first.
fn is_instant(text: &str) -> bool {
    let shape = text.bytes().enumerate().all(|(index, byte)| match index {
        4 | 7 => byte == b'-',
        10 => byte == b'T' || byte == b't',
        13 | 16 => byte == b':',
        0..19 => byte.is_ascii_digit(),
        _ => byte.is_ascii_digit() || matches!(byte, b'.' | b':' | b'+' | b'-' | b'Z' | b'z'),
    });
    shape && text.len() >= 20 && text.parse::<jiff::Timestamp>().is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_instant_has_a_zone() {
        for good in ["2030-01-01T00:00:00Z", "2030-01-01T00:00:00.5+03:00", "2030-01-01t00:00:00z"] {
            assert!(is_instant(good), "{good}");
        }
        for bad in [
            "",
            "2030-01-01",
            "2030-01-01T00:00:00",
            "2030-01-01 00:00:00Z",
            "2030-13-01T00:00:00Z",
            "tomorrow",
        ] {
            assert!(!is_instant(bad), "{bad}");
        }
    }
}
