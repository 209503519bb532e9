// SPDX-License-Identifier: Apache-2.0
//! What an act changes in the rulebook, as people read it before and after it is done.

use std::fmt::Write as _;

use serde_json::Value;

use crate::show;

/// What differs between two rulebooks: what was added, removed and changed, and of what changed the members.
pub(crate) fn changes(changes: &Value) -> String {
    let all = changes.as_array().map_or(&[][..], Vec::as_slice);
    if all.is_empty() {
        return "Nothing in the rulebook changes.\n".to_owned();
    }
    let mut text = String::new();
    for change in all {
        let loosens = change.get("loosens").and_then(Value::as_bool).unwrap_or_default();
        let what = [show::text(change, "/change"), show::text(change, "/kind"), show::text(change, "/name")];
        let _ = writeln!(text, "{} {}", if loosens { "!" } else { " " }, what.join(" "));
        let members = change.get("members").and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
        for member in members.iter().filter(|member| show::text(member, "/place") != "-") {
            let [before, after] = ["/before", "/after"].map(|place| show::text(member, place));
            let _ = writeln!(text, "      {}: {before} -> {after}", show::text(member, "/place"));
        }
    }
    if text.lines().any(|line| line.starts_with('!')) {
        text += "(! lets more be seen, or may)\n";
    }
    text
}

/// All that an act does, and what it leaves out.
pub(crate) fn told(effect: &Value) -> String {
    let none = Value::Null;
    let mut text = match effect.get("quarantines").and_then(Value::as_array) {
        Some(ended) if !ended.is_empty() => "! The policy comes out of quarantine.\n".to_owned(),
        _ => changes(effect.get("changes").unwrap_or(&none)),
    };
    let names = |place: &str| {
        let all = effect.pointer(place).and_then(Value::as_array).into_iter().flatten();
        all.map(|id| format!("{}/{}", show::text(id, "/kind"), show::text(id, "/name"))).collect::<Vec<_>>()
    };
    let back = names("/broughtBack");
    if !back.is_empty() {
        let _ = writeln!(text, "Comes back, though it was taken out before: {}", back.join(", "));
    }
    let out = names("/leftOut");
    if !out.is_empty() {
        let _ = writeln!(
            text,
            "Was taken out before, and stays out (--bring-back NAME brings it back): {}",
            out.join(", ")
        );
    }
    text
}

/// What the host answered to an act: what it would do, that it is proposed, or that it is done.
pub(crate) fn outcome(answer: &Value, done: impl FnOnce(&Value) -> String) -> String {
    let effect = answer.get("effect").map(told).unwrap_or_default();
    if answer.get("dryRun").is_some() {
        let second = answer.get("secondPerson").and_then(Value::as_bool).unwrap_or_default();
        let needs =
            if second { "A second person would have to confirm this." } else { "Nobody else is needed." };
        return format!("{effect}Nothing was done. {needs}");
    }
    if let Some(proposal) = answer.get("proposal") {
        return proposed(proposal);
    }
    if let Some(planned) = answer.get("planned") {
        let (id, at) = (show::text(planned, "/id"), show::instant(planned, "/act/at"));
        let effect = planned.get("effect").map(told).unwrap_or_default();
        return format!(
            "{effect}Nothing was done yet: it is proposal {id}, and is done at {at}.\n\
             To stop that: paasla proposal reject {id} --reason …"
        );
    }
    let mut text = format!("{effect}{}\n", done(answer));
    if let Some(id) = answer.get("unconfirmed") {
        let _ = writeln!(
            text,
            "It is proposal {id}, which a second person must confirm: paasla proposal confirm {id}"
        );
    }
    text
}

/// That an act waits for a second person.
pub(crate) fn proposed(proposal: &Value) -> String {
    let id = show::text(proposal, "/id");
    let effect = proposal.get("effect").map(told).unwrap_or_default();
    format!(
        "{effect}Nothing was done yet: it is proposal {id}, and waits for a second person.\n\
         They do it with: paasla proposal confirm {id} --reason …"
    )
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_changes_is_told_object_by_object() {
        let effect = json!({
            "changes": [
                { "kind": "policy", "name": "minors", "change": "removed", "loosens": true,
                  "members": [{ "place": "", "before": {} }] },
                { "kind": "service", "name": "persons/v1", "change": "changed", "loosens": false,
                  "members": [{ "place": "/max-records", "before": 100, "after": 77 }] },
            ],
            "leftOut": [{ "kind": "grant", "name": "tartu" }],
            "broughtBack": [],
        });
        let text = told(&effect);
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines[0], "! removed policy minors");
        assert_eq!(lines[1..3], ["  changed service persons/v1", "      /max-records: 100 -> 77"]);
        assert!(lines[4].ends_with("grant/tartu") && lines.len() == 5, "{text}");
        let dry =
            outcome(&json!({ "dryRun": true, "secondPerson": true, "effect": effect }), |_| String::new());
        assert!(dry.contains("Nothing was done. A second person"), "{dry}");
        let proposed = outcome(&json!({ "proposal": { "id": 3, "effect": effect } }), |_| String::new());
        assert!(proposed.contains("paasla proposal confirm 3"), "{proposed}");
    }
}
