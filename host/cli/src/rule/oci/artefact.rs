// SPDX-License-Identifier: Apache-2.0
//! Manifests of rules and of signatures on them, as the OCI image specification 1.1 and the CNCF's guidance on Wasm OCI
//! artefacts describe them.

use std::collections::BTreeMap;

use anyhow::{Context as _, Result};
use oci_client::manifest::{ImageIndexEntry, OCI_IMAGE_MEDIA_TYPE, OciDescriptor, OciImageManifest};
use paasla_engine::digest_of;
use serde_json::{Value, json};
use wit_component::DecodedWasm;

use crate::failure::invalid;

/// The config of a Wasm artefact.
const WASM_CONFIG: &str = "application/vnd.wasm.config.v0+json";

/// A component.
const WASM: &str = "application/wasm";

/// A signature on a rule: the type of its artefact and of its one layer.
pub(super) const SIGNATURE: &str = "application/vnd.paasla.rule-signature.v1+json";

/// The config of an artefact that has none, and its bytes.
const EMPTY: &str = "application/vnd.oci.empty.v1+json";
pub(super) const EMPTY_BYTES: &[u8] = b"{}";

/// A manifest as it is sent, with its digest.
pub(super) struct Manifest {
    /// Its bytes.
    pub(super) bytes: Vec<u8>,
    /// `sha256:` and its digest.
    pub(super) digest: String,
}

impl Manifest {
    /// Writes a manifest down.
    ///
    /// # Errors
    /// Never, as far as is known.
    pub(super) fn new(manifest: &OciImageManifest) -> Result<Self> {
        let bytes = serde_json::to_vec(manifest)?;
        let digest = digest(&bytes);
        Ok(Self { bytes, digest })
    }

    /// What another manifest says of this one.
    pub(super) fn descriptor(&self) -> OciDescriptor {
        OciDescriptor { digest: self.digest.clone(), ..descriptor(OCI_IMAGE_MEDIA_TYPE, &self.bytes) }
    }

    /// What an index says of this one, when it is a signature.
    pub(super) fn entry(&self) -> ImageIndexEntry {
        ImageIndexEntry {
            media_type: OCI_IMAGE_MEDIA_TYPE.to_owned(),
            digest: self.digest.clone(),
            size: size(&self.bytes),
            platform: None,
            annotations: None,
            artifact_type: Some(SIGNATURE.to_owned()),
        }
    }
}

/// The config of a rule's artefact. Its time is always the same, so that the same component gives the same manifest, and
/// signatures on it stay with it.
///
/// # Errors
/// When the bytes are no component.
pub(super) fn config(component: &[u8], rule: &str) -> Result<Vec<u8>> {
    let DecodedWasm::Component(resolve, world) = wit_component::decode(component)? else {
        return Err(invalid("this is a package of interfaces, not a component"));
    };
    let world = resolve.worlds.get(world).context("the component has no world")?;
    let names = |keys: Vec<String>| keys.into_iter().map(Value::from).collect::<Value>();
    let config = json!({
        "created": "1970-01-01T00:00:00Z",
        "author": null,
        "architecture": "wasm",
        "os": "wasip2",
        "layerDigests": [format!("sha256:{rule}")],
        "component": {
            "exports": names(world.exports.keys().map(|key| resolve.name_world_key(key)).collect()),
            "imports": names(world.imports.keys().map(|key| resolve.name_world_key(key)).collect()),
            "target": null,
        },
    });
    Ok(serde_json::to_vec(&config)?)
}

/// The manifest of a rule, with its name, its version and its summary, as it says them of itself.
pub(super) fn of_rule(
    component: &[u8],
    config: &[u8],
    [name, version, summary]: [&str; 3],
) -> OciImageManifest {
    let said = [("title", name), ("version", version), ("description", summary)];
    let said =
        said.into_iter().map(|(key, said)| (format!("org.opencontainers.image.{key}"), said.to_owned()));
    let said: BTreeMap<String, String> = said.collect();
    OciImageManifest {
        media_type: Some(OCI_IMAGE_MEDIA_TYPE.to_owned()),
        config: descriptor(WASM_CONFIG, config),
        layers: vec![descriptor(WASM, component)],
        annotations: Some(said),
        ..OciImageManifest::default()
    }
}

/// The manifest of a signature on what has this manifest.
pub(super) fn of_signature(signature: &[u8], subject: &Manifest) -> OciImageManifest {
    OciImageManifest {
        media_type: Some(OCI_IMAGE_MEDIA_TYPE.to_owned()),
        artifact_type: Some(SIGNATURE.to_owned()),
        config: descriptor(EMPTY, EMPTY_BYTES),
        layers: vec![descriptor(SIGNATURE, signature)],
        subject: Some(subject.descriptor()),
        ..OciImageManifest::default()
    }
}

/// The one layer of a rule.
///
/// # Errors
/// When the manifest is that of something else.
pub(super) fn layer_of_rule(manifest: &OciImageManifest) -> Result<&OciDescriptor> {
    if manifest.config.media_type != WASM_CONFIG {
        return Err(invalid(format!("it is no Wasm artefact: its config is not of type {WASM_CONFIG}")));
    }
    only_layer(manifest, WASM)
}

/// The one layer of a signature.
///
/// # Errors
/// When the manifest is that of something else.
pub(super) fn layer_of_signature(manifest: &OciImageManifest) -> Result<&OciDescriptor> {
    only_layer(manifest, SIGNATURE)
}

fn only_layer<'m>(manifest: &'m OciImageManifest, kind: &str) -> Result<&'m OciDescriptor> {
    match manifest.layers.as_slice() {
        [layer] if layer.media_type == kind => Ok(layer),
        _ => Err(invalid(format!("it does not have one layer of type {kind}"))),
    }
}

fn descriptor(kind: &str, bytes: &[u8]) -> OciDescriptor {
    OciDescriptor {
        media_type: kind.to_owned(),
        digest: digest(bytes),
        size: size(bytes),
        ..OciDescriptor::default()
    }
}

/// A digest as registries write it.
pub(super) fn digest(bytes: &[u8]) -> String {
    format!("sha256:{}", digest_of(bytes))
}

fn size(bytes: &[u8]) -> i64 {
    i64::try_from(bytes.len()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rule_and_a_signature_on_it_are_told_apart() {
        let about = ["minors", "1.0.0", "Children."];
        let rule = of_rule(b"component", b"config", about);
        assert_eq!(layer_of_rule(&rule).unwrap().digest, digest(b"component"));
        let subject = Manifest::new(&rule).unwrap();
        assert_eq!(Manifest::new(&of_rule(b"component", b"config", about)).unwrap().digest, subject.digest);
        let signature = of_signature(b"{}", &subject);
        assert_eq!(signature.subject.as_ref().unwrap().digest, subject.digest);
        layer_of_rule(&signature).unwrap_err();
        layer_of_signature(&rule).unwrap_err();
        layer_of_signature(&signature).unwrap();
    }
}
