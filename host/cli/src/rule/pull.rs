// SPDX-License-Identifier: Apache-2.0
//! `paasla rule pull`: from an OCI registry into files.

use std::path::PathBuf;

use anyhow::Result;
use clap::Args;
use serde_json::json;

use super::oci::{self, Place, Pulled};
use crate::{files::write_whole, show};

#[derive(Debug, Args)]
#[command(after_help = "\
The component is what its digest says, or it is not written. Whose signatures count is not known here: the host decides
that when the component is pushed to it.

If the registry wants to know who you are, put that in the environment variables PAASLA_OCI_USER and PAASLA_OCI_PASSWORD.

Example:
  paasla rule pull oci://registry.example.ee/rules/minors:1.0.0 --out minors.wasm")]
pub(crate) struct Pull {
    /// Where it is: a tag, or a digest (`@sha256:…`).
    #[arg(value_name = "oci://REGISTRY/REPOSITORY:TAG")]
    place: String,
    /// Where the component goes. Its signatures go beside it, as FILE.wasm.<first 12 digits of the key's id>.sig.json.
    #[arg(long, value_name = "FILE.wasm")]
    out: PathBuf,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

pub(super) fn run(Pull { place, out, json }: &Pull) -> Result<()> {
    let place: Place = place.parse()?;
    let Pulled { component, rule, manifest, signatures } = oci::pull(&place)?;
    let mut files = Vec::new();
    for signature in &signatures {
        let file = signature.place(out);
        signature.write(&file)?;
        files.push(file);
    }
    // Last, so that whoever sees it sees its signatures.
    write_whole(out, &component)?;
    let told = json!({ "rule": rule, "manifest": manifest, "file": out, "signatures": files });
    show::one(*json, &told, |_| {
        let mut text = format!("{rule}  {}\nmanifest   {manifest}", out.display());
        for file in &files {
            text += &format!("\nsignature  {}", file.display());
        }
        text
    })
}
