// SPDX-License-Identifier: Apache-2.0
//! The command line as scripts use it: how it fails, what it says then, and to whom a token goes.

use std::{
    fs, io,
    net::TcpListener,
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
};

use anyhow::{Context as _, Result, ensure};
use serde_json::{Value, json};

use super::scene::{POLICY, Scene, with_names};

/// Variables that name a proxy.
const PROXIES: [&str; 6] =
    ["HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"];

fn command(scene: &Scene, token: &str, arguments: &[&str]) -> Command {
    let mut command = Command::new(&scene.given.home.paasla);
    command.args(arguments).env("PAASLA_HOST", &scene.host.base_url).env("PAASLA_TOKEN", token);
    command.env("PAASLA_LOG", "warn").stdin(Stdio::null());
    command
}

fn run(scene: &Scene, token: &str, arguments: &[&str]) -> Result<Output> {
    Ok(command(scene, token, arguments).output()?)
}

/// What it says with `--json` when it fails so: one object, and nothing beside it.
fn fails(scene: &Scene, token: &str, arguments: &[&str], status: i32, kind: &str) -> Result<Value> {
    let output = run(scene, token, &[arguments, &["--json"]].concat())?;
    let said = String::from_utf8(output.stdout)?;
    ensure!(output.status.code() == Some(status), "{arguments:?} ends with {}: {said}", output.status);
    let said: Value = serde_json::from_str(&said).with_context(|| format!("{arguments:?}: {said}"))?;
    let error = said.get("error").cloned().context("it is an error")?;
    ensure!(error["kind"] == kind && error["exitStatus"] == status, "{arguments:?}: {error}");
    ensure!(error["message"].as_str().is_some_and(|message| !message.is_empty()), "{error}");
    // People are told the same, with the same status.
    let output = run(scene, token, arguments)?;
    ensure!(output.status.code() == Some(status) && !output.stderr.is_empty(), "{arguments:?}");
    Ok(error)
}

fn good(output: Output) -> Result<String> {
    ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    Ok(String::from_utf8(output.stdout)?)
}

fn text(path: &Path) -> Result<&str> {
    path.to_str().context("a path is text")
}

/// A file in the scene's folder.
fn file(scene: &Scene, name: &str, content: impl AsRef<[u8]>) -> Result<PathBuf> {
    let file = scene.given.home.folder.join(name);
    fs::write(&file, content)?;
    Ok(file)
}

#[test]
fn every_failure_has_a_kind_an_exit_status_and_one_object() -> Result<()> {
    let scene = Scene::new()?;
    let (author, manager) = (scene.office.author.clone(), scene.office.manager.clone());
    let rule = scene.minimisation()?;
    fails(&scene, &author, &["policy", "approve", POLICY], 2, "usage")?;
    let told = String::from_utf8(run(&scene, &author, &["policy", "approve", POLICY])?.stderr)?;
    ensure!(told.contains("--reason") && !told.contains("--host <URL>"), "the host is known: {told}");
    let error = fails(&scene, "paasla_nobody", &["rule", "list"], 4, "forbidden")?;
    ensure!(error["remedy"].as_str().is_some_and(|remedy| remedy.contains("token")), "{error}");
    fails(&scene, &manager, &["policy", "activate", "nothing", "--reason", "r"], 5, "not_found")?;
    scene.office.create(POLICY, &rule, &with_names(), &json!({}))?;
    let error = fails(&scene, &manager, &["policy", "activate", POLICY, "--reason", "r"], 6, "conflict")?;
    ensure!(error["code"].is_string(), "{error}");
    let settings = file(&scene, "settings.json", "{\"allow\": 1}")?;
    let create =
        ["policy", "create", POLICY, "--rule", &rule, "--reason", "r", "--settings", text(&settings)?];
    let error = fails(&scene, &author, &create, 3, "invalid")?;
    ensure!(error["problems"][0]["place"] == "/settings/allow", "{error}");
    let nobody = TcpListener::bind("127.0.0.1:0")?.local_addr()?;
    let nobody = format!("http://{nobody}");
    fails(&scene, &author, &["rule", "list", "--host", &nobody], 7, "unreachable")?;
    let error = fails(&scene, &author, &["rule", "list", "--host", "http://192.0.2.1"], 2, "usage")?;
    ensure!(error["remedy"].as_str().is_some_and(|remedy| remedy.contains("--insecure-http")), "{error}");
    // What is in JSON is so throughout.
    for list in [["key", "list"], ["policy", "changes"]] {
        let all = good(run(&scene, &manager, &[&list[..], &["--json"]].concat())?)?;
        for line in all.lines() {
            let one: Value = serde_json::from_str(line)?;
            let at = one.get("addedAt").or_else(|| one.get("instant")).context("it has a time")?;
            ensure!(at.as_str().is_some_and(|at| at.parse::<jiff::Timestamp>().is_ok()), "{one}");
        }
    }
    scene.host.stop()
}

/// Runs it with a standard output that nobody reads.
fn unread(scene: &Scene, token: &str, arguments: &[&str]) -> Result<Output> {
    let (reader, writer) = io::pipe()?;
    drop(reader);
    Ok(command(scene, token, arguments).stdout(writer).stderr(Stdio::piped()).spawn()?.wait_with_output()?)
}

#[test]
fn a_reader_that_goes_away_is_no_failure_and_loses_no_token() -> Result<()> {
    let scene = Scene::new()?;
    let rule = scene.minimisation()?;
    let settings = file(&scene, "settings.json", with_names().to_string())?;
    let create =
        ["policy", "create", POLICY, "--rule", &rule, "--reason", "r", "--settings", text(&settings)?];
    for (token, arguments) in [
        (&scene.office.auditor, &["rulebook", "show"][..]),
        (&scene.office.auditor, &["policy", "changes", "--json"][..]),
        (&scene.office.author, &create[..]),
        (&scene.office.auditor, &["--help"][..]),
    ] {
        let output = unread(&scene, token, arguments)?;
        ensure!(output.status.success() && output.stderr.is_empty(), "{arguments:?}: {output:?}");
    }
    ensure!(scene.office.lives(POLICY)?.len() == 1, "what was asked for was done");
    // A failure stays one.
    let output = unread(&scene, "paasla_nobody", &["rule", "list", "--json"])?;
    ensure!(output.status.code() == Some(4), "{output:?}");
    let config = scene.given.home.config();
    let config = ["--config", text(&config)?];
    let tokens = || good(run(&scene, "", &[&["admin", "token", "list", "--json"][..], &config].concat())?);
    let before = tokens()?;
    let create = ["admin", "token", "create", "unread", "--role", "auditor"];
    let output = unread(&scene, "", &[&create[..], &config].concat())?;
    ensure!(output.status.code() == Some(1), "{output:?}");
    ensure!(tokens()? == before, "what nobody was shown was not made");
    scene.host.stop()
}

#[test]
fn a_token_for_this_machine_goes_to_no_proxy() -> Result<()> {
    let scene = Scene::new()?;
    let proxy = TcpListener::bind("127.0.0.1:0")?;
    proxy.set_nonblocking(true)?;
    let url = format!("http://{}", proxy.local_addr()?);
    let asked = |arguments: &[&str], token: &str| -> Result<Output> {
        let mut command = command(&scene, token, arguments);
        for name in PROXIES {
            command.env(name, &url);
        }
        command.env_remove("NO_PROXY").env_remove("no_proxy");
        command.env("PAASLA_OCI_USER", "mari").env("PAASLA_OCI_PASSWORD", "secret");
        Ok(command.output()?)
    };
    good(asked(&["rule", "list"], &scene.office.auditor)?)?;
    // To a registry on this machine nothing goes by a proxy either, be it there or not.
    let nobody = format!("oci://{}/rules/minors:1", TcpListener::bind("127.0.0.1:0")?.local_addr()?);
    let out = scene.given.home.folder.join("pulled.wasm");
    ensure!(!asked(&["rule", "pull", &nobody, "--out", text(&out)?], "")?.status.success());
    let nobody_came = matches!(proxy.accept(), Err(error) if error.kind() == io::ErrorKind::WouldBlock);
    ensure!(nobody_came, "the proxy was asked");
    scene.host.stop()
}

#[test]
fn a_unique_beginning_or_a_name_with_its_version_is_enough() -> Result<()> {
    let scene = Scene::new()?;
    let office = &scene.office;
    let rule = scene.minimisation()?;
    let about = office.see(&format!("/rules/{rule}"))?;
    let name = format!("minimisation@{}", about["version"].as_str().context("it has a version")?);
    // As Windows writes it.
    let settings = file(&scene, "settings.json", format!("\u{FEFF}{}", with_names()))?;
    for called in [rule.get(..12).context("64 digits")?, &name] {
        let create = ["policy", "create", POLICY, "--reason", "r", "--settings", text(&settings)?];
        good(run(&scene, &office.author, &[&create[..], &["--rule", called]].concat())?)?;
    }
    ensure!(office.lives(POLICY)?.len() == 1, "both are the same version");
    let create = ["policy", "create", POLICY, "--reason", "r", "--rule"];
    fails(&scene, &office.author, &[&create[..], &["minimisation@9.9.9"]].concat(), 5, "not_found")?;
    fails(&scene, &office.author, &[&create[..], &["1234567"]].concat(), 3, "invalid")?;
    let twice = file(&scene, "twice.json", "{\"otherwise\":\"hide-all\",\n\"otherwise\":\"show\"}")?;
    let create = [&create[..], &[&name, "--settings", text(&twice)?]].concat();
    let error = fails(&scene, &office.author, &create, 3, "invalid")?;
    ensure!(
        error["message"].as_str().is_some_and(|why| why.contains("`otherwise` is there twice")),
        "{error}"
    );
    let changes = ["policy", "changes", "--json", "--target", rule.get(..8).context("64 digits")?];
    ensure!(good(run(&scene, &office.manager, &changes)?)?.contains(&rule));
    let key = paasla_tests::office::key_id(&office.key);
    let revoke = ["key", "revoke", key.get(..8).context("64 digits")?, "--reason", "r"];
    ensure!(good(run(&scene, &office.operator, &revoke)?)?.contains("is revoked"));
    scene.host.stop()
}

/// A component as `paasla rule build --quick` marks it (WebAssembly core specification, 5.5.3).
fn marked(component: &[u8]) -> Vec<u8> {
    let name = b"paasla:quick-build";
    let length = u8::try_from(name.len()).unwrap_or_default();
    [component, &[0, length + 1, length], name].concat()
}

#[test]
fn a_quick_build_and_what_is_no_rule_are_not_signed_by_accident() -> Result<()> {
    const CONSENT: &str = "--quick-build-is-fine";
    let scene = Scene::new()?;
    let office = &scene.office;
    let folder = &scene.given.home.folder;
    let key = folder.join("key.pem");
    good(run(&scene, "", &["key", "generate", "--out", text(&key)?])?)?;
    let public = folder.join("key.pem.pub");
    let add = ["key", "add", text(&public)?, "--owner", "the ministry, too", "--reason", "r"];
    good(run(&scene, &office.operator, &add)?)?;

    let core = file(&scene, "core.wasm", b"\0asm\x01\0\0\0")?;
    fails(&scene, "", &["rule", "sign", text(&core)?, "--key", text(&key)?], 3, "invalid")?;

    let quick = file(&scene, "quick.wasm", marked(&scene.component("minimisation")?))?;
    let sign = ["rule", "sign", text(&quick)?, "--key", text(&key)?];
    let push = ["rule", "push", text(&quick)?, "--reason", "r"];
    let error = fails(&scene, "", &sign, 3, "invalid")?;
    ensure!(error["remedy"].as_str().is_some_and(|remedy| remedy.contains(CONSENT)), "{error}");
    good(run(&scene, "", &[&sign[..], &[CONSENT]].concat())?)?;
    fails(&scene, &office.author, &push, 3, "invalid")?;
    let pushed = good(run(&scene, &office.author, &[&push[..], &[CONSENT, "--json"]].concat())?)?;
    let pushed: Value = serde_json::from_str(&pushed)?;
    let digest = pushed["digest"].as_str().context("it has a digest")?;
    let settings = file(&scene, "settings.json", with_names().to_string())?;
    let create =
        ["policy", "create", POLICY, "--rule", digest, "--reason", "r", "--settings", text(&settings)?];
    fails(&scene, &office.author, &create, 3, "invalid")?;
    good(run(&scene, &office.author, &[&create[..], &[CONSENT]].concat())?)?;
    scene.host.stop()
}

#[test]
fn a_limit_under_which_no_rule_could_rule_comes_nowhere() -> Result<()> {
    let scene = Scene::new()?;
    let rule = scene.minimisation()?;
    let policy = file(
        &scene,
        "spare.toml",
        format!("name = \"{POLICY}\"\nrule = \"{rule}\"\n[limits]\nfuel = 0\nmemory-bytes = 1\n"),
    )?;
    let create = ["policy", "create", "--from", text(&policy)?, "--reason", "r"];
    let error = fails(&scene, &scene.office.author, &create, 3, "invalid")?;
    let places: Vec<_> =
        error["problems"].as_array().into_iter().flatten().map(|one| &one["place"]).collect();
    ensure!(places.starts_with(&[&json!("/limits/fuel"), &json!("/limits/memory-bytes")]), "{error}");
    // Nor does one that the host gives to nobody.
    let text_of = format!("name = \"{POLICY}\"\nrule = \"{rule}\"\n[limits]\nfuel = 1000000000001\n");
    let policy = file(&scene, "large.toml", text_of)?;
    let create = ["policy", "create", "--from", text(&policy)?, "--reason", "r"];
    let error = fails(&scene, &scene.office.author, &create, 3, "invalid")?;
    ensure!(error["problems"][0]["place"] == "/limits/fuel", "{error}");
    scene.host.stop()
}
