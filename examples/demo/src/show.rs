// SPDX-License-Identifier: Apache-2.0
//! Three answers, and five telling queries to be pasted into a shell.

use anyhow::{Result, bail};
use serde_json::json;

use crate::{
    Ask, Got, Stage, World,
    ask::agent,
    out::say,
    pretty::{fit, json, wrap},
};

/// How far in it is said what a client is.
const CLIENT_COLUMNS: usize = 30;

/// A query whose answer shows what Pääsla does.
struct Example {
    what: &'static str,
    ask: Ask,
    /// Whether it was answered under the example's own access rights and rules.
    is_right: fn(&Got) -> bool,
}

fn examples(world: &World) -> [Example; 3] {
    let ask = |part: &str, code: &str| {
        let fields = ["familyName", "birthDate"];
        Ask::service("person", world.client(part), &fields, json!({ "personalCode": code }))
    };
    let (adult, child) = (&world.persons.adult, &world.persons.child);
    [
        Example {
            what: "In full: an authority asks about an adult",
            ask: ask("public_task", adult),
            is_right: |got| {
                let is_shown = |field| got.visibility(field) == Some("show");
                got.status == 200
                    && is_shown("familyName")
                    && is_shown("birthDate")
                    && !got.value("/familyName").is_empty()
                    && got.value("/birthDate").len() == "2000-01-01".len()
            },
        },
        Example {
            what: "Masked: a company asks about a child, and sees the year of birth only",
            ask: ask("legitimate_interest", child),
            is_right: |got| {
                got.status == 200
                    && got.is_narrowed_in_row("birthDate", "minors.birth-date-generalised")
                    && got.value("/birthDate").len() == "2000".len()
                    && got.value("/familyName").is_empty()
            },
        },
        Example {
            what: "Refused: a company without any access right asks",
            ask: ask("stranger", adult),
            is_right: |got| got.is_refused("grant.none"),
        },
    ]
}

/// Asks about one adult and one child, and prints what comes back. Gives what was not answered under the example's own
/// access rights and rules.
///
/// # Errors
/// When the host does not answer.
pub fn answers(stage: &Stage) -> Result<Vec<&'static str>> {
    let Stage { base_url, world } = stage;
    let mut wrong = Vec::new();
    for Example { what, ask, is_right } in examples(world) {
        let got = ask.send(&agent(), base_url)?;
        say(format_args!("\n{what}. Status {}:\n{}", got.status, fit(&json(&got.json))));
        if !is_right(&got) {
            wrong.push(what);
        }
    }
    Ok(wrong)
}

/// The same for a script.
///
/// # Errors
/// When the host does not answer, or answers otherwise than it should.
pub fn check(stage: &Stage) -> Result<()> {
    let wrong = answers(stage)?;
    if !wrong.is_empty() {
        bail!("this was not answered as it should be:\n  {}", wrong.join("\n  "));
    }
    say("\nThree queries, every one answered as it should be.");
    Ok(())
}

/// Prints the clients and the queries. What each query is about stands apart from it: only the query is for the shell.
pub fn queries(stage: &Stage) {
    let Stage { base_url, world } = stage;
    say("\nWho may ask (all invented):");
    for client in world.clients.values() {
        let line = format!("  {:<28}{}", client.id, client.what);
        say(wrap(&line, &" ".repeat(CLIENT_COLUMNS)));
    }
    say("\nFive queries to paste into another shell (nobody in the register is real):");
    for (nth, (what, ask)) in to_paste(world).into_iter().enumerate() {
        // Set apart, and no comment: not every shell takes comments at its prompt.
        let heading = format!("{}. {what}", nth + 1);
        say(format_args!("\n{}\n\n{}", wrap(&heading, "   "), ask.curl(base_url)));
    }
}

fn to_paste(world: &World) -> [(&'static str, Ask); 5] {
    let persons = &world.persons;
    let (authority, company) = (world.client("public_task"), world.client("legitimate_interest"));
    let family = ["givenName", "familyName", "birthDate", "education", "custody.kind", "custody.otherCode"];
    [
        (
            "An authority sees an adult and the children in her or his custody, and no education: its purpose does not need it",
            Ask::service("person", authority, &family, json!({ "personalCode": persons.adult })),
        ),
        (
            "A company sees who the same adult is, and nothing of the children. Each hidden field has a reason",
            Ask::service("person", company, &family, json!({ "personalCode": persons.adult })),
        ),
        (
            "Of a child the company sees the year of birth only: for its purpose, code and name of a child are hidden",
            Ask::service(
                "person",
                company,
                &["personalCode", "familyName", "birthDate"],
                json!({ "personalCode": persons.child }),
            ),
        ),
        (
            "Statistics see pseudonyms, years and municipalities",
            Ask::service(
                "statistics",
                world.client("statistics_office"),
                &["personalCode", "sex", "birthDate", "residenceAddress"],
                json!({ "residenceMunicipality": "Tallinn" }),
            )
            .limit(5),
        ),
        (
            "The clients that the population register has today ask as before. With the reason oigustatud and the id of the \
             company, custody is gone",
            Ask::rr(
                authority,
                "avalik",
                &[&persons.adult],
                json!({
                    "isikuandmed": ["Isikukood", "Eesnimi", "Perekonnanimi", "SynniKuupaev", "IsikuStaatus"],
                    "hooldusoigused": ["Liik", "Staatus", "TeineIsikIsikukood", "TeineIsikEesnimi"],
                }),
            ),
        ),
    ]
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::{Client, Persons, pretty::COLUMNS};

    fn world() -> World {
        let code = || "49101172634".to_owned();
        let persons = Persons {
            adult: code(),
            child: code(),
            restricted: code(),
            child_of_restricted: code(),
            deceased: code(),
            absent: code(),
            special_characters: code(),
            no_custody_adult: code(),
            twenty: vec![code(); 20],
        };
        let client = |part: &str| {
            let client = Client { id: "EE/COM/10999921/lepingud".to_owned(), what: String::new() };
            (part.to_owned(), client)
        };
        let parts = ["public_task", "legitimate_interest", "statistics_office"];
        World { clients: parts.map(client).into_iter().collect::<BTreeMap<_, _>>(), persons }
    }

    #[test]
    fn what_is_pasted_fits_a_terminal_and_sends_what_is_asked() {
        for (what, ask) in to_paste(&world()) {
            let line = ask.curl("http://127.0.0.1:65535");
            let widest = line.lines().map(|line| line.chars().count()).max().unwrap();
            assert!(widest <= COLUMNS, "{what}: {widest} columns:\n{line}");
            let (_, body) = line.split_once("-d '").unwrap();
            let sent: serde_json::Value = serde_json::from_str(body.strip_suffix('\'').unwrap()).unwrap();
            assert_eq!(sent, ask.body, "{what}");
        }
    }

    #[test]
    fn a_heading_that_is_pasted_along_does_nothing_in_a_shell() {
        for (what, _) in to_paste(&world()) {
            let is_plain = |c: char| c.is_alphanumeric() || " .,:".contains(c);
            assert!(what.chars().all(is_plain), "{what}");
        }
    }

    #[test]
    fn an_answer_in_a_shell_ends_with_a_line() {
        for (_, ask) in to_paste(&world()) {
            let line = ask.curl("http://127.0.0.1:1");
            assert!(line.starts_with("curl -sS -w '\\n' http://127.0.0.1:1/"), "{line}");
        }
    }

    #[test]
    fn an_answer_is_checked_for_what_it_shows() {
        let got = |status, json: serde_json::Value| Got {
            status,
            text: json.to_string(),
            json,
            decision: None,
            retry_after: None,
        };
        let full = got(
            200,
            json!({
                "decision": { "fields": {
                    "familyName": { "visibility": "show" }, "birthDate": { "visibility": "show" },
                } },
                "records": [{ "familyName": "TAMM", "birthDate": "1991-01-17" }],
            }),
        );
        let masked = got(
            200,
            json!({
                "decision": { "rows": [{ "record": 0, "fields": {
                    "birthDate": { "visibility": "year", "reasons": [{ "code": "minors.birth-date-generalised" }] },
                } }] },
                "records": [{ "birthDate": "2019" }],
            }),
        );
        let refused = got(403, json!({ "reasons": [{ "code": "grant.none" }] }));
        let failed = got(503, json!({ "code": "rule_fault" }));
        let all = [full, masked, refused, failed];
        for (nth, example) in examples(&world()).into_iter().enumerate() {
            let right: Vec<usize> = (0..all.len()).filter(|at| (example.is_right)(&all[*at])).collect();
            assert_eq!(right, [nth], "{}", example.what);
        }
    }
}
