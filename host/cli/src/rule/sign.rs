// SPDX-License-Identifier: Apache-2.0
//! `paasla rule sign`: says with a private key that a rule may be used.

use std::path::PathBuf;

use anyhow::{Result, bail};
use clap::Args;
use paasla_engine::digest_of;
use serde_json::json;

use super::signature::SignatureFile;
use crate::{files::read, key::pair::KeyPair, show};

/// What every WebAssembly file begins with (WebAssembly core specification, 5.5.16).
const MAGIC: &[u8] = b"\0asm";

#[derive(Debug, Args)]
pub(crate) struct Sign {
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
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

pub(super) fn run(Sign { file, key, out, json }: &Sign) -> Result<()> {
    let component = read(file)?;
    if !component.starts_with(MAGIC) {
        bail!("{} is no WebAssembly: only rules are signed", file.display());
    }
    let signature = SignatureFile::by(&KeyPair::read(key)?, &digest_of(&component));
    let place = out.clone().unwrap_or_else(|| signature.place(file));
    signature.write(&place)?;
    let made = json!({ "rule": signature.rule, "key": signature.key, "file": place });
    show::one(*json, &made, |_| {
        format!("rule       {}\nkey        {}\nsignature  {}", signature.rule, signature.key, place.display())
    })
}
