// SPDX-License-Identifier: Apache-2.0
//! What the interface asks of texts and the host would count as a fault.

use serde_json::{Map, Value as Json};

use crate::{__ruling::Reason, Description};

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
        let most = description.provisions.len();
        if let Some(index) =
            provision.filter(|index| usize::try_from(*index).is_ok_and(|index| index >= most))
        {
            return Err(format!("`{code}` names provision {index}, but `describe` lists {most}"));
        }
    }
    Ok(())
}

fn is_name(text: &str, most: usize, marks: &[u8]) -> bool {
    let fits = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || marks.contains(&byte);
    (1..=most).contains(&text.len()) && text.bytes().all(fits)
}
