// SPDX-License-Identifier: Apache-2.0
//! JSON of the admin door: instants, which are milliseconds inside the host, are RFC 3339 in UTC.

use axum::response::{IntoResponse, Response};
use jiff::Timestamp;
use serde::Serialize;
use serde_json::Value;

use paasla_app::governance::refusal::Refusal;

use super::Failed;

/// An answer's body.
#[derive(Debug)]
pub(super) struct Json<T>(pub(super) T);

impl<T: Serialize> IntoResponse for Json<T> {
    fn into_response(self) -> Response {
        let Ok(mut value) = serde_json::to_value(self.0) else {
            return Failed::from(Refusal::internal()).into_response();
        };
        render(&mut value);
        axum::Json(value).into_response()
    }
}

/// Whether a member of this name is an instant.
fn is_instant(name: &str) -> bool {
    name == "instant" || name.ends_with("At")
}

fn render(value: &mut Value) {
    match value {
        Value::Array(items) => items.iter_mut().for_each(render),
        Value::Object(members) => {
            for (name, value) in members {
                match value.as_i64() {
                    Some(millis) if is_instant(name) => {
                        if let Ok(instant) = Timestamp::from_millisecond(millis) {
                            *value = instant.to_string().into();
                        }
                    }
                    // Whoever wrote the rule says what a policy's settings mean; what differs may stand in them.
                    _ if matches!(name.as_str(), "settings" | "before" | "after") => {}
                    _ => render(value),
                }
            }
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn an_instant_is_a_text_wherever_it_stands_and_settings_are_as_they_are() {
        let mut value = json!([{
            "instant": 0, "key": { "addedAt": 1_500, "revokedAt": null }, "generation": 7,
            "policy": { "settings": { "instant": 5, "opensAt": 9 } }, "installedAt": "2026-01-01T00:00:00Z",
        }]);
        render(&mut value);
        let expected = json!([{
            "instant": "1970-01-01T00:00:00Z", "key": { "addedAt": "1970-01-01T00:00:01.5Z", "revokedAt": null },
            "generation": 7, "policy": { "settings": { "instant": 5, "opensAt": 9 } },
            "installedAt": "2026-01-01T00:00:00Z",
        }]);
        assert_eq!(value, expected);
    }
}
