// SPDX-License-Identifier: Apache-2.0
//! A host with few policies, people who may change that, and somebody who asks.

use std::{fs, process::Command, sync::Arc};

use anyhow::{Context as _, Result, ensure};
use paasla_core::Register;
use paasla_register::Description;
use paasla_store::{
    Governance as _, SqliteStore, Store as _,
    governance::{
        act::Act,
        change::{ChangeOutcome, NewChange},
        token::Token,
        version::PolicyVersion,
    },
};
use paasla_tests::{Ask, Given, Got, Host, LONG, Office, ask::agent, within};
use serde_json::{Value, json};

/// The policy that these tests add. No policy of the example has this name.
pub(crate) const POLICY: &str = "spare";
/// What the welfare authority asks for in these tests.
pub(crate) const FIELDS: [&str; 3] = ["personalCode", "familyName", "birthDate"];

/// A host of its own, and everybody who has to do with it.
pub(crate) struct Scene {
    pub(crate) given: Given,
    pub(crate) host: Host,
    pub(crate) office: Office,
}

impl Scene {
    /// A host with one policy of the example's, which is quicker to start.
    pub(crate) fn new() -> Result<Self> {
        Self::with("")
    }

    /// The same, with more in its configuration.
    pub(crate) fn with(configuration: &str) -> Result<Self> {
        let given = small()?;
        configure(&given, configuration)?;
        Self::start(given)
    }

    pub(crate) fn start(given: Given) -> Result<Self> {
        let host = given.start()?;
        let office = Office::open(&given.home, &host.base_url)?;
        Ok(Self { given, host, office })
    }

    /// Stops the host and starts it once more; the people are the same.
    pub(crate) fn again(self) -> Result<Self> {
        let Self { given, host, mut office } = self;
        host.stop()?;
        let host = given.start()?;
        office.base_url.clone_from(&host.base_url);
        Ok(Self { given, host, office })
    }

    /// A component of the shipped rules.
    pub(crate) fn component(&self, rule: &str) -> Result<Vec<u8>> {
        Ok(fs::read(self.given.rules.join(format!("{rule}.wasm")))?)
    }

    /// Brings in the rule `minimisation`; gives its digest.
    pub(crate) fn minimisation(&self) -> Result<String> {
        self.office.push(&self.component("minimisation")?)
    }

    /// Puts the policy in force without family names, and then with them: two contents of the rulebook that an answer tells
    /// apart. Gives their generations.
    pub(crate) fn without_then_with(&self, rule: &str) -> Result<[u64; 2]> {
        self.office.enforce(POLICY, rule, &without_names(), &json!({}))?;
        let without = self.generation()?;
        self.office.enforce(POLICY, rule, &with_names(), &json!({}))?;
        Ok([without, self.generation()?])
    }

    /// The welfare authority's query about an adult.
    pub(crate) fn ask(&self) -> Result<Got> {
        self.ask_by(self.given.world.client("public_task"), &FIELDS)
    }

    pub(crate) fn ask_by(&self, client: &str, fields: &[&str]) -> Result<Got> {
        let keys = json!({ "personalCode": self.given.world.persons.adult });
        Ask::service("person", client, fields, keys).send(&agent(), &self.host.base_url)
    }

    /// Whether the authority sees this field now.
    pub(crate) fn sees(&self, field: &str) -> Result<bool> {
        let got = self.ask()?;
        ensure!(got.status == 200, "{}", got.text);
        Ok(got.visibility(field) == Some("show"))
    }

    /// The generation that a query is decided by now.
    pub(crate) fn generation(&self) -> Result<u64> {
        generation(&self.ask()?)
    }

    /// Acts on control data, newest first.
    pub(crate) fn changes(&self) -> Result<Vec<Value>> {
        self.office.see("/changes?limit=1000")?.as_array().cloned().context("a list")
    }

    /// Changes what the store knows of a version, as time would, or another program.
    pub(crate) fn alter(
        &self,
        name: &str,
        number: u32,
        alter: impl FnOnce(&mut PolicyVersion),
    ) -> Result<()> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        runtime.block_on(async {
            let store = SqliteStore::open(self.given.home.database()).await?;
            let versions = store.versions(Some(name)).await?;
            let version = versions.into_iter().find(|version| version.version == number);
            let mut version = version.context("there is such a version")?;
            alter(&mut version);
            store.commit(&[Act::SetVersion(version)], &by_time()).await?;
            store.close().await?;
            Ok(())
        })
    }

    /// Changes what the store knows of the token of this holder, as time would.
    pub(crate) fn alter_token(&self, holder: &str, alter: impl FnOnce(&mut Token)) -> Result<()> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        runtime.block_on(async {
            let store = SqliteStore::open(self.given.home.database()).await?;
            let token = store.tokens().await?.into_iter().find(|token| token.holder == holder);
            let mut token = token.context("there is such a token")?;
            alter(&mut token);
            store.commit(&[Act::PutToken(token)], &by_time()).await?;
            store.close().await?;
            Ok(())
        })
    }

    pub(crate) fn log(&self) -> Result<String> {
        Ok(fs::read_to_string(self.given.home.log())?)
    }
}

/// The change that time makes.
fn by_time() -> NewChange {
    NewChange {
        instant: 1,
        who: "time".to_owned(),
        token: None,
        institution: None,
        action: "test".to_owned(),
        target: String::new(),
        version: None,
        reason: "a test".to_owned(),
        outcome: ChangeOutcome::Done,
        before: None,
        after: None,
        problems: Vec::new(),
        cancelled: Vec::new(),
    }
}

/// The generation that an answer names.
pub(crate) fn generation(got: &Got) -> Result<u64> {
    let of = got.json.pointer("/decision/generation").or_else(|| got.json.get("generation"));
    of.and_then(Value::as_u64).with_context(|| format!("it names its generation: {}", got.text))
}

/// Settings of `minimisation` under which the authority's purpose needs these categories and no others.
pub(crate) fn needs(categories: &[&str]) -> Value {
    json!({
        "allow": [{
            "purposes": ["services:SocialWelfareEligibilityAssessment"],
            "categories": categories,
        }],
        "otherwise": "hide-all",
    })
}

/// With family names, and without.
pub(crate) fn with_names() -> Value {
    needs(&["pd:OfficialID", "pd:Name", "pd:BirthDate", "pd:Gender"])
}

pub(crate) fn without_names() -> Value {
    needs(&["pd:OfficialID", "pd:BirthDate", "pd:Gender"])
}

/// A fresh folder with control data that has one policy only.
pub(crate) fn small() -> Result<Given> {
    let mut given = Given::empty()?;
    for entry in fs::read_dir(given.own_control()?.join("policies"))? {
        let entry = entry?;
        if entry.file_name() != "access-restriction.toml" {
            fs::remove_file(entry.path())?;
        }
    }
    given.home.seed(&given.register, &given.rules)?;
    Ok(given)
}

/// Adds to the configuration.
pub(crate) fn configure(given: &Given, more: &str) -> Result<()> {
    let text = fs::read_to_string(given.home.config())?;
    Ok(fs::write(given.home.config(), format!("{text}\n{more}\n"))?)
}

/// Whether a refused act says this code at this place.
pub(crate) fn refuses(got: &Got, status: u16, code: &str, place: &str) -> Result<()> {
    ensure!(
        got.status == status && got.has_problem(code, place),
        "{code} at {place} was expected: {}",
        got.text
    );
    Ok(())
}

/// Runs the program.
pub(crate) fn paasla(given: &Given, arguments: &[&str]) -> Result<String> {
    let output = Command::new(&given.home.paasla).args(arguments).output()?;
    ensure!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    Ok(String::from_utf8(output.stdout)?)
}

/// Waits until something holds.
pub(crate) fn soon(holds: impl FnMut() -> Result<bool>) -> Result<()> {
    within(LONG, holds)
}

/// What rules are told of the example's register.
pub(crate) fn register() -> Result<Arc<Register>> {
    let file = paasla_tests::given::root()?.join("examples/population-register/register.toml");
    Ok(Arc::clone(Description::from_toml(&fs::read_to_string(file)?)?.for_rules()))
}
