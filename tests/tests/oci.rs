// SPDX-License-Identifier: Apache-2.0
//! Rules go to a real OCI registry and come back with their signatures; what is missing or was altered there is told.

use std::{
    fs,
    net::TcpListener,
    path::{Path, PathBuf},
    process::{Child, Command, Output, Stdio},
    thread::sleep,
    time::Duration,
};

use anyhow::{Context as _, Result, bail, ensure};
use paasla_tests::{ask::agent, given::variable, office::digest};
use serde_json::Value;
use tempfile::TempDir;

/// Debian's registry: the package of this name.
const PROGRAM: &str = "docker-registry";

/// A registry of its own for one test.
struct Registry {
    child: Child,
    /// `127.0.0.1` and its port.
    address: String,
    /// Where it keeps what it has.
    storage: PathBuf,
}

impl Registry {
    /// Starts one on a free port, in a folder.
    fn start(folder: &Path) -> Result<Self> {
        // Somebody else may take the port between our letting go of it and the registry's taking it.
        for _ in 0..3 {
            let address = TcpListener::bind("127.0.0.1:0")?.local_addr()?.to_string();
            let storage = folder.join("registry");
            let config = folder.join("registry.yml");
            let text = format!(
                "version: 0.1\nlog:\n  level: error\nstorage:\n  filesystem:\n    rootdirectory: {}\nhttp:\n  addr: \
                 {address}\n",
                storage.display()
            );
            fs::write(&config, text)?;
            let started = Command::new(PROGRAM)
                .arg("serve")
                .arg(&config)
                .stdin(Stdio::null())
                .stdout(Stdio::null())
                .stderr(Stdio::null())
                .spawn();
            let child =
                started.with_context(|| format!("{PROGRAM} is not installed: run `cargo xtask tools`"))?;
            let mut registry = Self { child, address, storage };
            if registry.comes_up()? {
                return Ok(registry);
            }
        }
        bail!("{PROGRAM} did not come up")
    }

    fn comes_up(&mut self) -> Result<bool> {
        for _ in 0..1_200 {
            if self.child.try_wait()?.is_some() {
                return Ok(false);
            }
            let answer = agent().get(format!("http://{}/v2/", self.address)).call();
            if answer.is_ok_and(|answer| answer.status() == 200) {
                return Ok(true);
            }
            sleep(Duration::from_millis(50));
        }
        Ok(false)
    }

    /// The place of a tag of the repository that these tests use.
    fn place(&self, tag: &str) -> String {
        format!("oci://{}/rules/minors:{tag}", self.address)
    }

    /// Changes bytes that the registry keeps.
    fn alter(&self, digest: &str, change: impl Fn(&mut Vec<u8>)) -> Result<()> {
        let two = digest.get(..2).context("a digest has two digits")?;
        let file = self.storage.join("docker/registry/v2/blobs/sha256").join(two).join(digest).join("data");
        let mut bytes = fs::read(&file).with_context(|| format!("{} is not kept", file.display()))?;
        change(&mut bytes);
        Ok(fs::write(&file, bytes)?)
    }
}

impl Drop for Registry {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A folder with a registry, a shipped rule in it, and a key that signed it.
struct Scene {
    registry: Registry,
    rule: PathBuf,
    folder: TempDir,
}

impl Scene {
    fn set() -> Result<Self> {
        let folder = tempfile::tempdir()?;
        let registry = Registry::start(folder.path())?;
        let rule = folder.path().join("minors.wasm");
        fs::copy(variable("PAASLA_RULES")?.join("minors.wasm"), &rule)?;
        let scene = Self { registry, rule, folder };
        scene.sign("mari")?;
        Ok(scene)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Signs the rule with a new key; gives the file of the signature.
    fn sign(&self, name: &str) -> Result<PathBuf> {
        let key = self.path(&format!("{name}.pem"));
        good(paasla(&["key", "generate", "--out", text(&key)?])?)?;
        let signed = json(paasla(&["rule", "sign", text(&self.rule)?, "--key", text(&key)?, "--json"])?)?;
        let file = signed.get("file").and_then(Value::as_str);
        Ok(PathBuf::from(file.context("a signature is in a file")?))
    }

    fn push(&self, tag: &str) -> Result<Value> {
        json(paasla(&["rule", "push", &self.registry.place(tag), text(&self.rule)?, "--json"])?)
    }

    fn pull(&self, tag: &str, out: &Path) -> Result<Output> {
        paasla(&["rule", "pull", &self.registry.place(tag), "--out", text(out)?, "--json"])
    }

    /// What is said when a pull fails; nothing may have been written.
    fn refused(&self, tag: &str) -> Result<String> {
        let out = self.path("refused/minors.wasm");
        let output = self.pull(tag, &out)?;
        ensure!(matches!(output.status.code(), Some(3 | 5)), "invalid or not there: {:?}", output.status);
        ensure!(!out.exists(), "something was written");
        // With `--json` the failure is what is given.
        Ok(String::from_utf8(output.stdout)?)
    }
}

fn paasla(arguments: &[&str]) -> Result<Output> {
    let mut command = Command::new(variable("PAASLA_BIN")?);
    command.args(arguments).env("PAASLA_LOG", "warn").stdin(Stdio::null());
    for name in ["PAASLA_OCI_USER", "PAASLA_OCI_PASSWORD"] {
        command.env_remove(name);
    }
    Ok(command.output()?)
}

fn good(output: Output) -> Result<Output> {
    ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    Ok(output)
}

fn json(output: Output) -> Result<Value> {
    Ok(serde_json::from_slice(&good(output)?.stdout)?)
}

fn text(path: &Path) -> Result<&str> {
    path.to_str().context("a path is text")
}

/// The names of the files in a folder.
fn names(folder: &Path) -> Result<Vec<String>> {
    let mut names = Vec::new();
    for entry in fs::read_dir(folder)? {
        names.push(entry?.file_name().to_string_lossy().into_owned());
    }
    names.sort();
    Ok(names)
}

#[test]
fn a_rule_comes_back_as_it_was_with_every_signature() -> Result<()> {
    let scene = Scene::set()?;
    let first = scene.push("1.0.0")?;
    // Another signs later: the manifest stays the same, and so do the signatures on it.
    scene.sign("jaan")?;
    let second = scene.push("1.0.0")?;
    ensure!(first["manifest"] == second["manifest"], "the same component, two manifests");
    ensure!((&first["signatures"], &second["signatures"]) == (&1.into(), &2.into()), "{first} {second}");

    let out = scene.path("elsewhere/minors.wasm");
    let pulled = json(scene.pull("1.0.0", &out)?)?;
    ensure!(fs::read(&out)? == fs::read(&scene.rule)?, "the component is another one");
    ensure!(
        pulled["rule"] == digest(&fs::read(&out)?) && pulled["manifest"] == first["manifest"],
        "{pulled}"
    );
    let ours: Vec<String> =
        names(scene.folder.path())?.into_iter().filter(|name| name.starts_with("minors")).collect();
    ensure!(ours.len() == 3 && names(&scene.path("elsewhere"))? == ours, "{ours:?}: {pulled}");
    for name in &ours {
        ensure!(
            fs::read(scene.path("elsewhere").join(name))? == fs::read(scene.path(name))?,
            "{name} differs"
        );
    }
    let about = json(paasla(&["rule", "inspect", text(&out)?, "--json"])?)?;
    ensure!(about["name"] == "minors" && about["digest"] == pulled["rule"], "{about}");

    // By digest the same.
    let place = scene.registry.place("1.0.0");
    let place =
        format!("{}@{}", place.trim_end_matches(":1.0.0"), first["manifest"].as_str().context("a digest")?);
    let again = scene.path("again/minors.wasm");
    json(paasla(&["rule", "pull", &place, "--out", text(&again)?, "--json"])?)?;
    ensure!(names(&scene.path("again"))? == ours, "by digest something else came");
    Ok(())
}

#[test]
fn what_other_clients_see_is_a_wasm_artefact() -> Result<()> {
    let scene = Scene::set()?;
    let pushed = scene.push("1.0.0")?;
    let url = format!("http://{}/v2/rules/minors/manifests", scene.registry.address);
    let manifest = |reference: &str| -> Result<Value> {
        let accept = "application/vnd.oci.image.manifest.v1+json, application/vnd.oci.image.index.v1+json";
        let mut answer = agent().get(format!("{url}/{reference}")).header("Accept", accept).call()?;
        Ok(serde_json::from_str(&answer.body_mut().read_to_string()?)?)
    };
    let rule = manifest("1.0.0")?;
    ensure!(rule["config"]["mediaType"] == "application/vnd.wasm.config.v0+json", "{rule}");
    ensure!(rule["layers"][0]["mediaType"] == "application/wasm" && rule["layers"][1].is_null(), "{rule}");
    ensure!(rule["annotations"]["org.opencontainers.image.title"] == "minors", "{rule}");
    // This registry does not know referrers: the signatures are in the index under the tag for that.
    let subject = pushed["manifest"].as_str().context("a digest")?;
    let index = manifest(&subject.replace(':', "-"))?;
    let kind = "application/vnd.paasla.rule-signature.v1+json";
    ensure!(index["manifests"][0]["artifactType"] == kind, "{index}");
    let signature = manifest(index["manifests"][0]["digest"].as_str().context("a digest")?)?;
    ensure!(signature["artifactType"] == kind && signature["subject"]["digest"] == subject, "{signature}");
    Ok(())
}

#[test]
fn what_is_missing_or_altered_is_told() -> Result<()> {
    let scene = Scene::set()?;
    let none = scene.refused("1.0.0")?;
    ensure!(none.contains("no such tag"), "an empty registry: {none}");
    let pushed = scene.push("1.0.0")?;
    let none = scene.refused("2.0.0")?;
    ensure!(none.contains("no such tag") && none.contains("2.0.0"), "{none}");

    // A signature that was altered is left out, and that is said.
    let signature = scene.path("minors.wasm");
    let own = names(scene.folder.path())?.into_iter().find(|name| name.ends_with(".sig.json"));
    let own = fs::read(signature.with_file_name(own.context("there is a signature")?))?;
    scene.registry.alter(&digest(&own), |bytes| bytes.reverse())?;
    let out = scene.path("elsewhere/minors.wasm");
    let output = good(scene.pull("1.0.0", &out)?)?;
    let told: Value = serde_json::from_slice(&output.stdout)?;
    ensure!(told["signatures"].as_array().is_some_and(Vec::is_empty), "{told}");
    ensure!(String::from_utf8_lossy(&output.stderr).contains("left out"), "nothing was said");

    let rule = pushed["rule"].as_str().context("a digest")?;
    scene.registry.alter(rule, |bytes| {
        let last = bytes.len().saturating_sub(1);
        bytes[last] ^= 1;
    })?;
    let altered = scene.refused("1.0.0")?;
    ensure!(altered.contains("altered"), "one bit: {altered}");
    scene.registry.alter(rule, |bytes| bytes.extend([0; 100_000]))?;
    let longer = scene.refused("1.0.0")?;
    ensure!(longer.contains("altered"), "100 000 bytes more: {longer}");
    scene.registry.alter(rule, Vec::clear)?;
    let empty = scene.refused("1.0.0")?;
    ensure!(empty.contains("altered"), "nothing is left of it: {empty}");
    Ok(())
}

#[test]
fn what_cannot_be_pushed_is_told() -> Result<()> {
    let scene = Scene::set()?;
    let port = TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
    let nobody = format!("oci://127.0.0.1:{port}/rules/minors:1.0.0");
    let other = scene.path("other.wasm");
    fs::write(&other, "no rule")?;
    let stale = scene.path("stale.wasm");
    fs::copy(variable("PAASLA_RULES")?.join("quota.wasm"), &stale)?;
    let key = scene.path("mari.pem");
    let signed = json(paasla(&["rule", "sign", text(&stale)?, "--key", text(&key)?, "--json"])?)?;
    let stale = signed["file"].as_str().context("a file")?.to_owned();
    let (place, rule) = (scene.registry.place("1.0.0"), text(&scene.rule)?.to_owned());
    for (arguments, status, said) in [
        (vec![nobody.as_str(), &rule], 7, "cannot be reached"),
        (vec![&place, text(&other)?], 3, "is no rule"),
        (vec![&place, &rule, "--signature", &stale], 3, "on another rule"),
        (vec![&place, &rule, "--cases", text(scene.folder.path())?], 2, "inside the component"),
        (vec!["oci://rules/minors:1", &rule], 2, "no registry"),
        (vec![&rule, &rule], 2, "push FILE.wasm"),
    ] {
        let output = paasla(&[&["rule", "push"], arguments.as_slice()].concat())?;
        let error = String::from_utf8(output.stderr)?;
        ensure!(output.status.code() == Some(status) && error.contains(said), "{arguments:?}: {error}");
    }
    Ok(())
}
