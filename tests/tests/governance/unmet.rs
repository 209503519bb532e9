// SPDX-License-Identifier: Apache-2.0
//! What could meet no client, service, day or purpose is not taken: by the API, from files, or from the drop folder.

use std::fs;

use anyhow::{Result, ensure};
use ed25519_dalek::SigningKey;
use paasla_tests::office;
use serde_json::{Value, json};

use super::{
    scene::{POLICY, Scene, refuses, small, without_names},
    seed::seed,
};

#[test]
fn a_policy_or_a_key_for_nobody_is_refused() -> Result<()> {
    let scene = Scene::new()?;
    let (office, rule) = (&scene.office, scene.minimisation()?);
    let create = |scope: &Value| {
        office.post(&office.author, "/policies", &office::policy(POLICY, &rule, &without_names(), scope))
    };
    for client in ["EE/COM/*", "ee/gov/70999911", "EE/GOV/70999911 ", "EE/GOV/7099991", "EE/COM/70999911/x"] {
        let scope = json!({ "clients": ["EE/GOV/70999943", client] });
        refuses(&create(&scope)?, 422, "client_unknown", "/scope/clients/1")?;
        let key = SigningKey::from_bytes(&[21; 32]);
        let body = json!({
            "publicKey": hex::encode(key.verifying_key().as_bytes()), "owner": "x", "scope": scope, "reason": "x",
        });
        refuses(&office.post(&office.operator, "/keys", &body)?, 422, "client_unknown", "/scope/clients/1")?;
    }
    let got = create(&json!({ "clients": ["EE/gov/70999911/toetused"] }))?;
    ensure!(got.text.contains("did you mean `EE/GOV/70999911/toetused`?"), "{}", got.text);
    let got = create(&json!({ "services": ["persn"] }))?;
    refuses(&got, 422, "service_unknown", "/scope/services/0")?;
    ensure!(got.text.contains("did you mean `person`?"), "{}", got.text);
    // The company may not ask this service, so the two together meet nobody.
    let apart = json!({ "clients": ["EE/COM/10999921"], "services": ["statistics"] });
    refuses(&create(&apart)?, 422, "scope_empty", "/scope/clients/0")?;
    ensure!(office.see("/policies")?.as_array().is_some_and(|all| all.len() == 1), "nothing was made");
    office::good(&create(&json!({ "clients": ["EE/COM/10999921"], "services": ["person"] }))?)?;
    scene.host.stop()
}

#[test]
fn files_that_make_no_sense_are_refused_with_one_message_for_each_slip() -> Result<()> {
    let given = small()?;
    let control = given.home.examples.join("control");
    let grant = control.join("grants/public-task-person.toml");
    let policy = control.join("policies/access-restriction.toml");
    let (good_grant, good_policy) = (fs::read_to_string(&grant)?, fs::read_to_string(&policy)?);
    let refused = |told: &[&str]| -> Result<()> {
        let (done, text) = seed(&given, &[])?;
        ensure!(!done && told.iter().all(|told| text.contains(told)), "{told:?}: {text}");
        let problems = text.lines().filter(|line| line.contains("grant `") || line.contains("policy `"));
        ensure!(problems.count() == 1, "one slip, one message: {text}");
        Ok(())
    };
    let grants = [
        (
            "valid-from = \"2026-01-01\"",
            "valid-from = \"2026-11-01\"\nvalid-until = \"2025-06-30\"",
            "ends on 2025-06-30",
        ),
        (
            "services:SocialWelfareEligibilityAssessment",
            "dpv:DirectMarketing",
            "may not be used for dpv:DirectMarketing",
        ),
        ("service = \"person\"", "service = \"persn\"", "no service `persn`; did you mean `person`?"),
        ("\"familyName\"", "\"familyNam\"", "no field `familyNam`; did you mean `familyName`?"),
        ("EE/GOV/70999911/toetused", "EE/GOV/*", "is a pattern"),
        ("EE/GOV/70999911/toetused", "EE/GOV/70999911/toetused ", "holds blanks"),
        ("EE/GOV/70999911/toetused", "ee/gov/70999911/toetused", "is written otherwise elsewhere"),
    ];
    for (from, to, told) in grants {
        let wrong = good_grant.replacen(from, to, 1);
        ensure!(wrong != good_grant, "{from}");
        fs::write(&grant, wrong)?;
        refused(&["grant `public-task-person`", told])?;
    }
    fs::write(&grant, &good_grant)?;
    for (scope, told) in [
        ("clients = [\"EE/COM/*\"]", "/scope/clients/0: no access right names the client"),
        ("clients = [\"EE/GOV/7099991\"]", "did you mean `EE/GOV/70999911`?"),
        ("services = [\"persons\"]", "/scope/services/0: there is no service `persons`"),
    ] {
        fs::write(&policy, format!("{good_policy}\n[scope]\n{scope}\n"))?;
        refused(&["policy `access-restriction`", told])?;
    }
    fs::write(&policy, &good_policy)?;
    for by in ["", " ", "s\u{200B}iim", "host"] {
        let (done, text) = seed(&given, &["--by", by])?;
        ensure!(
            !done && (text.contains("a person's name") || text.contains("the host itself acts")),
            "{by:?}: {text}"
        );
    }
    let (done, text) = seed(&given, &[])?;
    ensure!(done, "{text}");
    Ok(())
}
