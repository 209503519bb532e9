// SPDX-License-Identifier: Apache-2.0
//! Three answers, and five telling queries to be pasted into a shell.

use anyhow::Result;
use paasla_tests::{Ask, World, ask::agent};
use serde_json::json;

use super::Stage;
use crate::out::say;

/// Asks about one adult and one child, and prints what comes back.
///
/// # Errors
/// When the host does not answer.
pub(super) fn show_answers(stage: &Stage) -> Result<()> {
    let Stage { base_url, world } = stage;
    let ask = |part: &str, code: &str| {
        let fields = ["familyName", "birthDate"];
        Ask::service("person", world.client(part), &fields, json!({ "personalCode": code }))
    };
    let (adult, child) = (&world.persons.adult, &world.persons.child);
    let asks = [
        ("In full: an authority asks about an adult", ask("public_task", adult)),
        (
            "Masked: a company asks about a child, and sees the year of birth only",
            ask("legitimate_interest", child),
        ),
        ("Refused: a company without any access right asks", ask("stranger", adult)),
    ];
    for (what, ask) in asks {
        let got = ask.send(&agent(), base_url)?;
        let body = serde_json::to_string_pretty(&got.json)?;
        say(format_args!("\n{what}. Status {}:\n{body}", got.status));
    }
    Ok(())
}

/// Prints the clients and the queries.
pub(super) fn show(stage: &Stage) {
    let Stage { base_url, world } = stage;
    say("\nWho may ask (all invented):");
    for client in world.clients.values() {
        say(format_args!("  {:<28}{}", client.id, client.what));
    }
    say("\nFive queries to paste into another shell (nobody in the register is real):");
    for (nth, (what, ask)) in queries(world).into_iter().enumerate() {
        say(format_args!("\n# {}. {what}\n{}", nth + 1, ask.curl(base_url)));
    }
}

fn queries(world: &World) -> [(&'static str, Ask); 5] {
    let persons = &world.persons;
    let (authority, company) = (world.client("public_task"), world.client("legitimate_interest"));
    let family = ["givenName", "familyName", "birthDate", "education", "custody.kind", "custody.otherCode"];
    [
        (
            "An authority sees an adult and the children in her or his custody; education is not needed for its purpose",
            Ask::service("person", authority, &family, json!({ "personalCode": persons.adult })),
        ),
        (
            "A company sees who the same adult is, and nothing of the children; each hidden field has a reason",
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
            "Today's clients of the population register, unchanged. With `oigustatud` and the company's id, custody is gone",
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
