// SPDX-License-Identifier: Apache-2.0
//! What the interface asks of reasons and texts and the host would count as a fault: the same limits as a host has that
//! changes none.

use std::collections::BTreeSet;

use serde_json::{Map, Value as Json};

use crate::{__ruling::Reason, Description, Reviewed};

/// How many reasons a rule may declare.
const MAX_REASONS: usize = 1_000;

/// How many different reasons one review may use.
const MAX_REVIEW_REASONS: usize = 8;

pub(super) fn description(said: &Description) -> Result<(), String> {
    if !is_name(&said.name, 60, b"-") {
        return Err(format!("the name `{}` is not 1 to 60 characters of `a-z 0-9 -`", said.name));
    }
    let schema: Map<String, Json> = serde_json::from_str(&said.settings_schema)
        .map_err(|error| format!("the settings schema is no JSON object: {error}"))?;
    if schema.get("type").is_none_or(|of| of != "object") {
        return Err("the settings schema does not describe an object".to_owned());
    }
    Ok(())
}

pub(super) fn reasons(description: &Description, said: &[Reason]) -> Result<(), String> {
    if said.len() > MAX_REASONS {
        return Err(format!("it declares {} reasons, and {MAX_REASONS} are the most", said.len()));
    }
    for Reason { code, message, provision } in said {
        if !is_name(code, 80, b"-.") {
            return Err(format!("the code `{code}` is not 1 to 80 characters of `a-z 0-9 . -`"));
        }
        if code.starts_with("host.") || code.starts_with("grant.") {
            return Err(format!("the code `{code}` begins with `host.` or `grant.`, which are the host's"));
        }
        if !(1..=500).contains(&message.chars().count()) {
            return Err(format!("the message of `{code}` is not 1 to 500 characters"));
        }
        if message.chars().any(char::is_control) {
            return Err(format!(
                "the message of `{code}` has a control character in it, such as a line break"
            ));
        }
        let most = description.provisions.len();
        if let Some(index) =
            provision.filter(|index| usize::try_from(*index).is_ok_and(|index| index >= most))
        {
            return Err(format!("`{code}` names provision {index}, but `describe` lists {most}"));
        }
    }
    Ok(())
}

pub(super) fn reviewed(said: &Reviewed) -> Result<(), String> {
    let used = said.rows.iter().flat_map(|row| {
        let narrowed = row.exceptions.iter().map(|exception| exception.reason);
        row.leave_out.into_iter().chain(narrowed)
    });
    let used = used.collect::<BTreeSet<u32>>().len();
    if used > MAX_REVIEW_REASONS {
        return Err(format!(
            "its review uses {used} different reasons, and {MAX_REVIEW_REASONS} are the most"
        ));
    }
    Ok(())
}

fn is_name(text: &str, most: usize, marks: &[u8]) -> bool {
    let fits = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || marks.contains(&byte);
    (1..=most).contains(&text.len()) && text.bytes().all(fits)
}
