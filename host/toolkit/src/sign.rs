// SPDX-License-Identifier: Apache-2.0
//! `sign`: says with a private key that a rule may be used.

use std::path::PathBuf;

use anyhow::Result;
use clap::Args;
use serde_json::json;

use crate::{
    engine::{engine, load},
    files::read,
    pair::KeyPair,
    quick::Consent,
    show,
    signature::SignatureFile,
};

/// What `sign` is told.
#[derive(Debug, Args)]
pub struct Sign {
    /// The component.
    #[arg(value_name = "FILE.wasm")]
    file: PathBuf,
    /// Your private key: Ed25519, PKCS#8 in PEM, as `paasla key generate` makes it. It stays on this machine.
    #[arg(long, value_name = "KEY.pem")]
    key: PathBuf,
    /// Where the signature goes. Without it: beside the component, as FILE.wasm.<first 12 digits of the key's
    /// id>.sig.json, where `paasla rule push` finds it.
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    #[command(flatten)]
    consent: Consent,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

pub(crate) fn run(Sign { file, key, out, consent, json }: &Sign) -> Result<()> {
    let component = read(file)?;
    // Whoever signs vouches for it: what is no rule, or none that should be in force, is told before.
    let rule = load(&engine()?, &component, &file.display().to_string())?;
    consent.check_file(&component, file)?;
    let signature = SignatureFile::by(&KeyPair::read(key)?, &rule.digest);
    let place = out.clone().unwrap_or_else(|| signature.place(file));
    signature.write(&place)?;
    let (name, version) = (&rule.about.name, &rule.about.version);
    let made = json!({
        "rule": signature.rule, "name": name, "version": version, "key": signature.key, "file": place,
    });
    show::one(*json, &made, |_| {
        let SignatureFile { rule, key, .. } = &signature;
        format!("rule       {rule}  {name} {version}\nkey        {key}\nsignature  {}", place.display())
    })
}
