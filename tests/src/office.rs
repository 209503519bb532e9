// SPDX-License-Identifier: Apache-2.0
//! The people who change governance, as the host's admin door knows them: each with a token, the ministry with a key.

use anyhow::{Context as _, Result, ensure};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use ed25519_dalek::{Signer as _, SigningKey};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use crate::{Got, Home, ask::agent};

/// Everybody, and the ministry's key.
#[derive(Debug)]
pub struct Office {
    /// Where the host answers. Changes with every start.
    pub base_url: String,
    /// Brings rules in and makes policies.
    pub author: String,
    /// Approves.
    pub approver: String,
    /// Puts policies in force and takes them out.
    pub manager: String,
    /// Looks after the host.
    pub operator: String,
    /// Looks at everything.
    pub auditor: String,
    /// The ministry's key; in the trust list for everything.
    pub key: SigningKey,
    agent: ureq::Agent,
}

impl Office {
    /// Makes a token for everybody, and puts the ministry's key into the trust list.
    ///
    /// # Errors
    /// When the host does not take it.
    pub fn open(home: &Home, base_url: &str) -> Result<Self> {
        let office = Self {
            base_url: base_url.to_owned(),
            author: token(home, "mari", &["rule-author"], None)?,
            approver: token(home, "jaan", &["rule-approver"], None)?,
            manager: token(home, "tiina", &["data-manager"], None)?,
            operator: token(home, "kalle", &["operator"], None)?,
            auditor: token(home, "anu", &["auditor"], None)?,
            key: SigningKey::from_bytes(&[7; 32]),
            agent: agent(),
        };
        office.trust(&office.key, "the ministry", &json!({}))?;
        Ok(office)
    }

    /// Puts a key into the trust list; gives its id.
    ///
    /// # Errors
    /// When the host does not take it.
    pub fn trust(&self, key: &SigningKey, owner: &str, scope: &Value) -> Result<String> {
        let body = json!({
            "publicKey": hex::encode(key.verifying_key().as_bytes()),
            "owner": owner,
            "scope": scope,
            "reason": "they write rules",
        });
        good(&self.post(&self.operator, "/keys", &body)?)?;
        Ok(key_id(key))
    }

    /// Sends something.
    ///
    /// # Errors
    /// When no whole answer came back.
    pub fn post(&self, token: &str, path: &str, body: &Value) -> Result<Got> {
        self.send(Some(token), path, body)
    }

    /// The same, also without a token.
    ///
    /// # Errors
    /// When no whole answer came back.
    pub fn send(&self, token: Option<&str>, path: &str, body: &Value) -> Result<Got> {
        let mut request = self.agent.post(format!("{}/admin/v1{path}", self.base_url));
        if let Some(token) = token {
            request = request.header("Authorization", format!("Bearer {token}"));
        }
        got(request.header("Content-Type", "application/json").send(body.to_string())?)
    }

    /// Looks at something.
    ///
    /// # Errors
    /// When no whole answer came back.
    pub fn get(&self, token: Option<&str>, path: &str) -> Result<Got> {
        let mut request = self.agent.get(format!("{}/admin/v1{path}", self.base_url));
        if let Some(token) = token {
            request = request.header("Authorization", format!("Bearer {token}"));
        }
        got(request.call()?)
    }

    /// What the auditor sees.
    ///
    /// # Errors
    /// When it is not given.
    pub fn see(&self, path: &str) -> Result<Value> {
        let got = self.get(Some(&self.auditor), path)?;
        ensure!(got.status == 200, "{path}: {}", got.text);
        Ok(got.json)
    }

    /// The body of an upload: a component with a key's signature.
    #[must_use]
    pub fn upload(component: &[u8], key: Option<&SigningKey>) -> Value {
        let signatures: Vec<Value> = key.map(|key| signature(component, key)).into_iter().collect();
        json!({
            "component": STANDARD.encode(component),
            "signatures": signatures,
            "reason": "a rule for a test",
        })
    }

    /// Brings in a rule that the ministry signed; gives its digest.
    ///
    /// # Errors
    /// When it is refused.
    pub fn push(&self, component: &[u8]) -> Result<String> {
        good(&self.post(&self.author, "/rules", &Self::upload(component, Some(&self.key)))?)?;
        Ok(digest(component))
    }

    /// Makes a version of a policy; gives its number.
    ///
    /// # Errors
    /// When it is refused.
    pub fn create(&self, name: &str, rule: &str, settings: &Value, scope: &Value) -> Result<u64> {
        let body = policy(name, rule, settings, scope);
        let got = self.post(&self.author, "/policies", &body)?;
        good(&got)?;
        got.json.get("version").and_then(Value::as_u64).context("it has a number")
    }

    /// Takes a step with the newest version of a policy, by who may; a second person confirms what loosens.
    ///
    /// # Errors
    /// When it is refused.
    pub fn step(&self, name: &str, step: &str) -> Result<Value> {
        self.confirmed(self.try_step(name, step, &json!({}))?)
    }

    /// What came of an act: where it was proposed only, the approver confirms it.
    ///
    /// # Errors
    /// When it is refused.
    pub fn confirmed(&self, got: Got) -> Result<Value> {
        if got.status != 202 {
            good(&got)?;
            return Ok(got.json);
        }
        let id = got.json.pointer("/proposal/id").and_then(Value::as_i64).context("it has a number")?;
        let got = self.decide(&self.approver, id, "confirm")?;
        good(&got)?;
        Ok(got.json)
    }

    /// The approver confirms everything that waits for a second person.
    ///
    /// # Errors
    /// When something is refused.
    pub fn confirm_all(&self) -> Result<()> {
        let waiting = self.see("/proposals?waiting=true")?;
        for id in waiting.as_array().into_iter().flatten().filter_map(|one| one.get("id")?.as_i64()) {
            good(&self.decide(&self.approver, id, "confirm")?)?;
        }
        Ok(())
    }

    /// Confirms or rejects a proposal.
    ///
    /// # Errors
    /// When no whole answer came back.
    pub fn decide(&self, token: &str, id: i64, verb: &str) -> Result<Got> {
        let why = json!({ "reason": format!("{verb}, for a test") });
        self.post(token, &format!("/proposals/{id}/{verb}"), &why)
    }

    /// Tries a step.
    ///
    /// # Errors
    /// When no whole answer came back.
    pub fn try_step(&self, name: &str, step: &str, more: &Value) -> Result<Got> {
        let token = match step {
            "approve" | "reject" => &self.approver,
            "lift" => &self.operator,
            "shadow" => &self.author,
            _ => &self.manager,
        };
        let mut body = json!({ "reason": format!("{step}, for a test") });
        if let (Some(body), Some(more)) = (body.as_object_mut(), more.as_object()) {
            body.extend(more.clone());
        }
        self.post(token, &format!("/policies/{name}/{step}"), &body)
    }

    /// Makes a version, has it approved, and puts it in force; gives its number.
    ///
    /// # Errors
    /// When one of the steps is refused.
    pub fn enforce(&self, name: &str, rule: &str, settings: &Value, scope: &Value) -> Result<u64> {
        let version = self.create(name, rule, settings, scope)?;
        self.step(name, "approve")?;
        self.step(name, "activate")?;
        Ok(version)
    }

    /// Goes back to an earlier generation, with a second person where that loosens; gives the number of the new one.
    ///
    /// # Errors
    /// When it is refused.
    pub fn roll_back(&self, to: Option<u64>) -> Result<u64> {
        let body = json!({ "to": to, "reason": "as before" });
        let done = self.confirmed(self.post(&self.manager, "/rulebook/rollback", &body)?)?;
        done.get("generation").and_then(Value::as_u64).context("it has a number")
    }

    /// The number of the generation at work.
    ///
    /// # Errors
    /// When the host does not say.
    pub fn generation(&self) -> Result<u64> {
        let generations = self.see("/rulebook/generations")?;
        generations.pointer("/0/generation").and_then(Value::as_u64).context("there is one")
    }

    /// Where the versions of a policy stand: number (0 for a seeded one) and life.
    ///
    /// # Errors
    /// When the host does not say.
    pub fn lives(&self, name: &str) -> Result<Vec<(u64, String)>> {
        let views = self.see(&format!("/policies/{name}"))?;
        let life = |view: &Value| {
            let life = view.get("life").and_then(Value::as_str).unwrap_or_default().to_owned();
            (view.get("version").and_then(Value::as_u64).unwrap_or(0), life)
        };
        Ok(views.as_array().into_iter().flatten().map(life).collect())
    }
}

/// The body that makes a version of a policy.
#[must_use]
pub fn policy(name: &str, rule: &str, settings: &Value, scope: &Value) -> Value {
    json!({ "name": name, "rule": rule, "settings": settings, "scope": scope, "reason": "a policy for a test" })
}

/// A signature on a component.
#[must_use]
pub fn signature(component: &[u8], key: &SigningKey) -> Value {
    let text = format!("paasla-rule-v1\nsha256:{}\n", digest(component));
    json!({ "key": key_id(key), "signature": hex::encode(key.sign(text.as_bytes()).to_bytes()) })
}

/// A key's id.
#[must_use]
pub fn key_id(key: &SigningKey) -> String {
    hex::encode(Sha256::digest(key.verifying_key().as_bytes()))
}

/// A component's digest.
#[must_use]
pub fn digest(component: &[u8]) -> String {
    hex::encode(Sha256::digest(component))
}

/// Makes a token with the program, at the host's machine.
///
/// # Errors
/// When it is not made.
pub fn token(home: &Home, holder: &str, roles: &[&str], institution: Option<&str>) -> Result<String> {
    home.token(holder, roles, institution, 90)
}

/// Fails with what came back, unless it was done.
///
/// # Errors
/// When it was not.
pub fn good(got: &Got) -> Result<()> {
    ensure!(matches!(got.status, 200 | 201), "status {}: {}", got.status, got.text);
    Ok(())
}

fn got(mut response: ureq::http::Response<ureq::Body>) -> Result<Got> {
    // A component is no text.
    let text = String::from_utf8_lossy(&response.body_mut().read_to_vec()?).into_owned();
    let json = serde_json::from_str(&text).unwrap_or(Value::Null);
    Ok(Got { status: response.status().as_u16(), text, json, decision: None, retry_after: None })
}
