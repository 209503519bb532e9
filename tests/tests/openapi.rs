// SPDX-License-Identifier: Apache-2.0
//! What the doors say of themselves, held against what they do. The judges are other people's programs: validators and
//! linters of OpenAPI, and schemathesis, which asks whatever a document allows and forbids.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context as _, Result, ensure};
use paasla_tests::{
    Ask, Given, Host,
    ask::{OFFICIAL, RR, agent},
    given::{root, variable},
};
use serde_json::{Value, json};
use tempfile::TempDir;

/// How many cases schemathesis makes for each operation and phase.
const CASES: &str = "40";

/// A program that judges documents.
fn judge(path: &str) -> Result<Command> {
    let program = variable("PAASLA_JUDGES")?.join(path);
    ensure!(program.exists(), "{} is not there: run `cargo xtask tools`, which says why", program.display());
    Ok(Command::new(program))
}

/// Runs a judge, which must find nothing.
fn acquits(command: &mut Command, document: &Path) -> Result<()> {
    let said = command.output()?;
    let text = [said.stdout, said.stderr].map(|text| String::from_utf8_lossy(&text).into_owned()).concat();
    ensure!(said.status.success(), "{}: {command:?}\n{text}", document.display());
    Ok(())
}

/// The documents of every door, by the address of the door.
fn documents(host: &Host, folder: &Path) -> Result<Vec<(String, PathBuf, Value)>> {
    let services = fs::read_dir(root()?.join("examples/control/services"))?;
    let mut doors = BTreeSet::from([RR.to_owned()]);
    for service in services {
        // Several versions have one document.
        let text = fs::read_to_string(service?.path())?;
        let name = text.lines().find_map(|line| line.strip_prefix("name = \"")?.strip_suffix('"'));
        doors.insert(format!("/xroad/{}", name.context("a service has a name")?));
    }
    let mut documents = Vec::new();
    for door in doors {
        let text = agent()
            .get(format!("{}{door}/openapi.json", host.base_url))
            .call()?
            .body_mut()
            .read_to_string()?;
        let file = folder.join(format!("{}.json", door.trim_start_matches('/').replace('/', "-")));
        fs::write(&file, &text)?;
        documents.push((door, file, serde_json::from_str(&text).context(text)?));
    }
    Ok(documents)
}

#[test]
fn validators_and_linters_find_nothing() -> Result<()> {
    let given = Given::seeded()?;
    let host = given.start()?;
    let folder = TempDir::new()?;
    let own = root()?.join("tests/openapi");
    for (door, file, document) in documents(&host, folder.path())? {
        ensure!(document.get("openapi") == Some(&json!("3.1.0")), "{door}: X-Road takes exactly 3.1.0");
        acquits(judge("python/bin/openapi-spec-validator")?.arg(&file), &file)?;
        let mut redocly = judge("node_modules/.bin/redocly")?;
        redocly.env("REDOCLY_TELEMETRY", "off").env("REDOCLY_SUPPRESS_UPDATE_NOTICE", "true");
        redocly.args(["lint", "--format=json", "--config"]).arg(own.join("redocly.yaml")).arg(&file);
        let said = redocly.output()?;
        let text = String::from_utf8_lossy(&said.stdout);
        let found: Value = serde_json::from_str(&text).with_context(|| format!("{said:?}"))?;
        let none = json!({ "errors": 0, "warnings": 0, "ignored": 0 });
        ensure!(found.get("totals") == Some(&none), "{door}: {text}");
        let mut spectral = judge("node_modules/.bin/spectral")?;
        spectral
            .args(["lint", "--quiet", "--fail-severity=hint", "--ruleset"])
            .arg(own.join("spectral.yaml"));
        acquits(spectral.arg(&file), &file)?;
    }
    host.stop()
}

/// Whatever a document allows is answered or refused by a right, whatever it forbids is refused, and every answer is what
/// the document says.
#[test]
fn the_doors_do_what_their_documents_say() -> Result<()> {
    let given = Given::seeded()?;
    let host = given.start()?;
    let folder = TempDir::new()?;
    for (door, file, _) in documents(&host, folder.path())? {
        let mut schemathesis = judge("python/bin/schemathesis")?;
        schemathesis
            .env("SCHEMATHESIS_HOOKS", root()?.join("tests/openapi/hooks.py"))
            .current_dir(folder.path())
            .arg("run")
            .arg(&file)
            .args(["--url", &format!("{}{door}", host.base_url)])
            .args(["--max-examples", CASES, "--seed", "1", "--no-color", "--suppress-health-check", "all"])
            .args(["--header", &format!("X-Road-Client: {}", given.world.client("public_task"))])
            .args(["--header", &format!("X-Road-UserId: {OFFICIAL}")])
            .args(["--generation-database", "none"]);
        acquits(&mut schemathesis, &file)?;
    }
    host.stop()
}

/// Every example of a document is a query that is answered to whoever has an access right.
#[test]
fn examples_are_answered() -> Result<()> {
    let given = Given::seeded()?;
    let host = given.start()?;
    let folder = TempDir::new()?;
    let mut asked = 0;
    for (door, _, document) in documents(&host, folder.path())? {
        let client = match door.as_str() {
            "/xroad/statistics" => "statistics_office",
            "/xroad/adult" => "age_checker",
            _ => "public_task",
        };
        let paths = document.get("paths").and_then(Value::as_object).context("paths")?;
        for (path, operation) in paths {
            let examples = operation.pointer("/post/requestBody/content/application~1json/examples");
            for (name, example) in examples.and_then(Value::as_object).into_iter().flatten() {
                let mut ask = Ask::service("any", given.world.client(client), &[], Value::Null);
                ask.path = format!("{door}{path}");
                ask.body = example.get("value").cloned().context("an example has a value")?;
                let got = ask.send(&agent(), &host.base_url)?;
                ensure!(got.status == 200, "{door}{path}, {name}: {}", got.text);
                asked += 1;
            }
        }
    }
    ensure!(asked == 6, "each way to ask a service has an example: {asked}");
    host.stop()
}

/// The bound that a document tells is the bound that holds.
#[test]
fn a_limit_is_what_the_document_says() -> Result<()> {
    let given = Given::seeded()?;
    let host = given.start()?;
    let folder = TempDir::new()?;
    let documents = documents(&host, folder.path())?;
    let (_, _, document) =
        documents.iter().find(|(door, ..)| door == "/xroad/person").context("the service")?;
    let limit = document.pointer("/components/schemas/PersonV1Query/properties/limit/maximum");
    let most =
        limit.and_then(Value::as_u64).and_then(|most| u32::try_from(most).ok()).context("a maximum")?;
    let keys = json!({ "personalCode": given.world.persons.adult });
    let ask = Ask::service("person", given.world.client("public_task"), &["familyName"], keys);
    let got = ask.clone().limit(most).send(&agent(), &host.base_url)?;
    ensure!(got.status == 200, "{}", got.text);
    let got = ask.limit(most + 1).send(&agent(), &host.base_url)?;
    ensure!(got.status == 400 && got.has_problem("number_out_of_range", "/limit"), "{}", got.text);
    host.stop()
}
