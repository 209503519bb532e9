// SPDX-License-Identifier: Apache-2.0
//! Rules in OCI registries (OCI distribution and image specifications 1.1).
//!
//! A component is a Wasm OCI artefact as the CNCF's guidance describes it: a config of type
//! `application/vnd.wasm.config.v0+json` and one layer of type `application/wasm`. Each signature is an artefact of its
//! own that names the component's manifest as its `subject`, so whoever asks the registry for referrers finds it. A
//! registry that does not know referrers has them in an index under the tag `sha256-<digest of the manifest>`, as the
//! distribution specification says (referrers tag schema).

mod artefact;
mod bounded;
mod registry;

use std::{fmt, str::FromStr};

use anyhow::{Context as _, Result};
use oci_client::Reference;
use paasla_engine::Rule;
use paasla_toolkit::signature::SignatureFile;

use crate::{client::is_loopback, failure::usage, show::plain};
use artefact::Manifest;
use registry::Registry;

/// What an address of a place in a registry begins with.
const SCHEME: &str = "oci://";

/// The largest component that is fetched, in bytes: as much as a host takes.
const LARGEST: u64 = 64 << 20;

/// A place in a registry: `oci://registry[:port]/repository:tag`, or with `@sha256:…`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Place(Reference);

/// Whether a text is meant as a place in a registry rather than as a file.
pub(super) fn is_place(text: &str) -> bool {
    text.starts_with(SCHEME)
}

impl FromStr for Place {
    type Err = anyhow::Error;

    fn from_str(text: &str) -> Result<Self> {
        let wrong = |why: &str| {
            usage(format!(
                "`{}` is no place in a registry: {why}; oci://registry.example.ee/rules/minors:1.0.0 is one",
                plain(text)
            ))
        };
        let rest = text.strip_prefix(SCHEME).ok_or_else(|| wrong("it does not begin with oci://"))?;
        let (registry, repository) = rest.split_once('/').ok_or_else(|| wrong("it names no repository"))?;
        // Otherwise the first part would be taken for a part of a repository of Docker's.
        if !(registry == "localhost" || registry.contains(['.', ':'])) {
            return Err(wrong("it names no registry"));
        }
        let last = repository.rsplit('/').next().unwrap_or_default();
        if !last.contains([':', '@']) {
            return Err(wrong("it names neither a tag nor a digest"));
        }
        let reference: Reference = rest.parse().map_err(|error| wrong(&format!("{error}")))?;
        Ok(Self(reference))
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{SCHEME}{}", self.0)
    }
}

impl Place {
    /// Whether the registry is on this machine: only there http is spoken.
    fn is_here(&self) -> bool {
        let registry = self.0.resolve_registry();
        is_loopback(registry.rsplit_once(':').map_or(registry, |(host, _)| host))
    }
}

/// A rule that was fetched.
pub(super) struct Pulled {
    /// Its component.
    pub(super) component: Vec<u8>,
    /// Its digest.
    pub(super) rule: String,
    /// The digest of its manifest.
    pub(super) manifest: String,
    /// Signatures on it.
    pub(super) signatures: Vec<SignatureFile>,
}

/// Puts a rule with signatures into a registry; gives the digest of its manifest. The same rule gives the same manifest.
///
/// # Errors
/// When the registry cannot be reached, or does not take it.
pub(super) fn push(
    place: &Place,
    component: &[u8],
    rule: &Rule,
    signatures: &[SignatureFile],
) -> Result<String> {
    if place.0.digest().is_some() {
        return Err(usage("what is pushed goes to a tag: the digest comes of it"));
    }
    let config = artefact::config(component, &rule.digest)?;
    let about = [rule.about.name.as_str(), rule.about.version.as_str(), rule.about.summary.as_str()];
    let manifest = artefact::of_rule(component, &config, about);
    let manifest = Manifest::new(&manifest)?;
    runtime()?.block_on(async {
        let registry = Registry::open(place).await?;
        registry.put_blob(&place.0, component).await?;
        registry.put_blob(&place.0, &config).await?;
        registry.put_manifest(&place.0, &manifest).await?;
        let mut attached = Vec::new();
        for signature in signatures {
            attached.push(registry.attach(&place.0, &manifest, signature).await?);
        }
        registry.list_referrers(&place.0, &manifest, attached).await?;
        Ok(manifest.digest)
    })
}

/// Fetches a rule with the signatures that refer to it.
///
/// # Errors
/// When the registry cannot be reached, has no such rule, or what it sends is not what its digests say.
pub(super) fn pull(place: &Place) -> Result<Pulled> {
    runtime()?.block_on(async {
        let registry = Registry::open(place).await?;
        let (manifest, digest) = registry.manifest(&place.0).await?;
        let layer = artefact::layer_of_rule(&manifest).with_context(|| format!("{place} is no rule"))?;
        let component = registry.blob(&place.0, layer, LARGEST).await;
        let component =
            component.with_context(|| format!("the component at {place} cannot be taken over"))?;
        let rule = paasla_engine::digest_of(&component);
        let signatures = registry.signatures(&place.0, &digest, &rule).await?;
        Ok(Pulled { component, rule, manifest: digest, signatures })
    })
}

fn runtime() -> Result<tokio::runtime::Runtime> {
    Ok(tokio::runtime::Builder::new_current_thread().enable_all().build()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_names_registry_repository_and_tag() {
        let place: Place = "oci://127.0.0.1:5000/rules/minors:1.0.0".parse().unwrap();
        assert_eq!(place.to_string(), "oci://127.0.0.1:5000/rules/minors:1.0.0");
        let parts = (place.0.registry(), place.0.repository(), place.0.tag());
        assert_eq!(parts, ("127.0.0.1:5000", "rules/minors", Some("1.0.0")));
        assert!(place.is_here());
        let digest = format!("oci://registry.example.ee/minors@sha256:{}", "ab".repeat(32));
        let place: Place = digest.parse().unwrap();
        assert!(place.0.digest().is_some() && !place.is_here());
    }

    #[test]
    fn what_leaves_something_out_is_no_place() {
        for (wrong, why) in [
            ("http://localhost:5000/a:1", "oci://"),
            ("oci://localhost:5000", "no repository"),
            ("oci://rules/minors:1", "no registry"),
            ("oci://localhost:5000/minors", "neither a tag nor a digest"),
            ("oci://registry.example.ee/Minors:1", "invalid"),
            ("oci://registry.example.ee/minors:", "invalid"),
            ("oci://mari:secret@registry.example.ee/minors:1", "invalid"),
        ] {
            let error = wrong.parse::<Place>().unwrap_err().to_string();
            assert!(error.contains(why), "{wrong}: {error}");
        }
    }
}
