// SPDX-License-Identifier: Apache-2.0
//! A host with one policy whose rule breaks, and what came of it.

use std::{
    fs,
    path::PathBuf,
    process::{Command, Output},
};

use anyhow::{Context as _, Result, ensure};
use paasla_core::AuditRecord;
use paasla_engine::digest_of;
use paasla_store::{SqliteStore, Store as _};
use paasla_tests::{Ask, Given, Got, Host, LONG, ask::agent, given::variable, within};
use serde_json::{Value, json};

/// The policy that breaks here, beside those of the example.
pub(crate) const POLICY: &str = "fragile";
/// The reason for a refusal in quarantine.
pub(crate) const REFUSED: &str = "host.policy-quarantined";
/// So little fuel that a rule cannot even begin.
pub(crate) const BROKEN: &str = "[limits]\nfuel = 100\n";

/// A host with two policies: this one, and one of the example that never breaks. Fewer make a start quicker.
pub(crate) struct Scene(pub(crate) Given);

impl Scene {
    pub(crate) fn new() -> Result<Self> {
        let mut given = Given::empty()?;
        let policies = given.own_control()?.join("policies");
        let scene = Self(given);
        fs::create_dir(scene.templates())?;
        for entry in fs::read_dir(policies)? {
            let entry = entry?;
            if entry.file_name() != "access-restriction.toml" {
                fs::rename(entry.path(), scene.templates().join(entry.file_name()))?;
            }
        }
        Ok(scene)
    }

    /// The example's other policies.
    fn templates(&self) -> PathBuf {
        self.0.home.folder.join("templates")
    }

    /// Puts in the next generation: the policy has this rule of the example, with its settings, and speaks to the
    /// service `person` only. When it goes out of service is said last, since seeding writes the configuration anew.
    pub(crate) fn seed(&self, rule: &str, limits: &str, quarantine: &str) -> Result<()> {
        let policies = self.0.home.examples.join("control/policies");
        let text = fs::read_to_string(self.templates().join(format!("{rule}.toml")))?;
        let text = text.replace(&format!("name = \"{rule}\""), &format!("name = \"{POLICY}\""));
        ensure!(text.contains(POLICY), "{rule} has a name");
        let scope = "[scope]\nservices = [\"person\"]\n";
        fs::write(policies.join(format!("{POLICY}.toml")), format!("{text}\n{limits}\n{scope}"))?;
        self.0.home.seed(&self.0.register, &self.0.rules)?;
        self.configure(quarantine)
    }

    pub(crate) fn configure(&self, quarantine: &str) -> Result<()> {
        let config = self.0.home.config();
        let text = fs::read_to_string(&config)?;
        let rest = text.split_once("\n[quarantine]").map_or(text.as_str(), |(rest, _)| rest);
        Ok(fs::write(&config, format!("{rest}\n[quarantine]\n{quarantine}\n"))?)
    }

    /// A query in the policy's scope.
    pub(crate) fn ask(&self, host: &Host) -> Result<Got> {
        let (client, person) = (self.0.world.client("public_task"), &self.0.world.persons.adult);
        let keys = json!({ "personalCode": person });
        Ask::service("person", client, &["familyName"], keys).send(&agent(), &host.base_url)
    }

    /// A company's query in the policy's scope.
    pub(crate) fn ask_birth_date(&self, host: &Host, person: &str) -> Result<Got> {
        let (client, keys) = (self.0.world.client("legitimate_interest"), json!({ "personalCode": person }));
        Ask::service("person", client, &["birthDate"], keys).send(&agent(), &host.base_url)
    }

    /// A query outside its scope is answered.
    pub(crate) fn others_are_answered(&self, host: &Host) -> Result<()> {
        let (client, person) = (self.0.world.client("public_task"), &self.0.world.persons.adult);
        let ask = Ask::rr(client, "avalik", &[person], json!({ "isikuandmed": ["Perekonnanimi"] }));
        let got = ask.send(&agent(), &host.base_url)?;
        ensure!(got.status == 200, "outside the scope nothing changes: {}", got.text);
        Ok(())
    }

    pub(crate) fn quarantine(&self, arguments: &[&str]) -> Result<Output> {
        let mut command = Command::new(variable("PAASLA_BIN")?);
        command.args(["policy", "quarantine"]).args(arguments).arg("--config").arg(self.0.home.config());
        Ok(command.output()?)
    }

    pub(crate) fn list(&self, arguments: &[&str]) -> Result<Vec<Value>> {
        let output = self.quarantine(&[&["list", "--json"], arguments].concat())?;
        ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let text = String::from_utf8(output.stdout)?;
        text.lines().map(|line| Ok(serde_json::from_str(line)?)).collect()
    }

    pub(crate) fn lift(&self) -> Result<()> {
        let output = self.quarantine(&["lift", POLICY, "--emergency", "--reason", "the rule is repaired"])?;
        ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        Ok(())
    }

    pub(crate) fn log(&self) -> Result<String> {
        Ok(fs::read_to_string(self.0.home.log())?)
    }

    pub(crate) fn digest(&self, rule: &str) -> Result<String> {
        Ok(digest_of(&fs::read(self.0.rules.join(format!("{rule}.wasm")))?))
    }

    pub(crate) async fn record(&self, got: &Got) -> Result<AuditRecord> {
        let store = SqliteStore::open(self.0.home.database()).await?;
        let id = got.decision.as_ref().context("the record is named")?;
        let record = store.record(id).await?.context("the record is there")?;
        store.close().await?;
        Ok(record)
    }

    /// What the policy said in a query, and the rule that said it.
    pub(crate) async fn said(&self, got: &Got) -> Result<(String, String)> {
        let record = self.record(got).await?;
        let own = record.rulings.into_iter().find(|ruling| ruling.policy == POLICY);
        own.map(|ruling| (ruling.calls.to_string(), ruling.rule)).context("the policy is in the record")
    }
}

pub(crate) fn faulted(got: &Got) -> Result<()> {
    let code = got.json.get("code").and_then(Value::as_str);
    ensure!(got.status == 503 && code == Some("rule_fault"), "a fault was expected: {}", got.text);
    Ok(())
}

pub(crate) fn refused(got: &Got) -> Result<()> {
    ensure!(got.is_refused(REFUSED), "{REFUSED} was expected: {}", got.text);
    ensure!(got.json.get("records").is_none(), "no records: {}", got.text);
    Ok(())
}

pub(crate) fn answered(got: &Got) -> Result<()> {
    ensure!(got.status == 200 && got.records().len() == 1, "an answer was expected: {}", got.text);
    Ok(())
}

/// Tries again until it holds, for as long as the host may take to notice an operator's act.
pub(crate) fn soon(holds: impl FnMut() -> Result<bool>) -> Result<()> {
    within(LONG, holds)
}

pub(crate) fn quarantined(host: &Host) -> Result<Value> {
    let mut response = agent().get(format!("{}/health/ready", host.base_url)).call()?;
    ensure!(response.status() == 200, "the host stays ready");
    let body: Value = serde_json::from_str(&response.body_mut().read_to_string()?)?;
    Ok(body.get("quarantined").cloned().unwrap_or_default())
}
