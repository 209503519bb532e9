// SPDX-License-Identifier: Apache-2.0
//! A registry: fetching and bringing, with every digest checked, and errors in plain words.

use std::time::Duration;

use anyhow::{Context as _, Result, anyhow};
use oci_client::{
    Client, Reference,
    client::{ClientConfig, ClientProtocol},
    errors::{OciDistributionError, OciErrorCode},
    manifest::{
        OCI_IMAGE_INDEX_MEDIA_TYPE, OCI_IMAGE_MEDIA_TYPE, OciDescriptor, OciImageIndex, OciImageManifest,
    },
    secrets::RegistryAuth,
};
use paasla_toolkit::signature::{LARGEST as LARGEST_SIGNATURE, SignatureFile};

use super::{
    Place,
    artefact::{EMPTY_BYTES, Manifest, SIGNATURE, digest, layer_of_signature, of_signature},
    bounded::Bounded,
};
use crate::{
    client::choose_cryptography,
    failure::{Failure, Kind, invalid, not_found, usage},
    show::plain,
};

/// Who asks, if the registry wants to know.
const USER: &str = "PAASLA_OCI_USER";
const PASSWORD: &str = "PAASLA_OCI_PASSWORD";

/// The most signatures that are looked at.
const MOST: usize = 100;

/// One registry.
pub(super) struct Registry {
    client: Client,
    auth: RegistryAuth,
}

impl Registry {
    /// Makes ready to talk to the registry of a place. Nothing is sent yet.
    ///
    /// # Errors
    /// When half of a user's name and password is given, or this machine has no TLS.
    pub(super) async fn open(place: &Place) -> Result<Self> {
        choose_cryptography();
        let registry = place.0.resolve_registry().to_owned();
        let protocol = if place.is_here() {
            ClientProtocol::HttpsExcept(vec![registry.clone()])
        } else {
            ClientProtocol::Https
        };
        // A registry on this machine is asked for without TLS, and its password would go to a proxy in clear. A proxy that is
        // set takes the place of those in the environment, and this one is for no host: neither for a name nor for an address.
        let no_proxy = place.is_here().then(|| "*,0.0.0.0/0,::/0".to_owned());
        let config = ClientConfig {
            protocol,
            http_proxy: no_proxy.as_ref().map(|_| "http://127.0.0.1".to_owned()),
            no_proxy,
            // A rule is one artefact for every machine.
            platform_resolver: None,
            connect_timeout: Some(Duration::from_secs(10)),
            read_timeout: Some(Duration::from_secs(60)),
            user_agent: concat!("paasla/", env!("CARGO_PKG_VERSION")),
            ..ClientConfig::default()
        };
        let client =
            Client::try_from(config).map_err(said).context("no client for registries can be made")?;
        let auth = credentials()?;
        client.store_auth_if_needed(&registry, &auth).await;
        Ok(Self { client, auth })
    }

    /// Fetches a manifest; gives its digest too, which was checked.
    pub(super) async fn manifest(&self, place: &Reference) -> Result<(OciImageManifest, String)> {
        let manifest = self.client.pull_image_manifest(place, &self.auth).await;
        manifest.map_err(said).with_context(|| format!("oci://{place} cannot be fetched"))
    }

    /// Fetches bytes of which a manifest says digest and size.
    pub(super) async fn blob(
        &self,
        place: &Reference,
        said_of_it: &OciDescriptor,
        most: u64,
    ) -> Result<Vec<u8>> {
        let size = u64::try_from(said_of_it.size).unwrap_or(u64::MAX);
        if size > most {
            return Err(invalid(format!("it has more than {most} bytes")));
        }
        // From this registry and nowhere else, whatever the manifest says.
        let wanted = OciDescriptor { urls: None, ..said_of_it.clone() };
        let mut bytes = Bounded::new(usize::try_from(size).unwrap_or(usize::MAX));
        self.client.pull_blob(place, &wanted, &mut bytes).await.map_err(said)?;
        let bytes = bytes.into_bytes();
        if digest(&bytes) != wanted.digest {
            return Err(invalid(ALTERED));
        }
        Ok(bytes)
    }

    /// Brings bytes.
    pub(super) async fn put_blob(&self, place: &Reference, bytes: &[u8]) -> Result<()> {
        let put = self.client.push_blob(place, bytes.to_vec(), &digest(bytes)).await;
        put.map(drop).map_err(said).with_context(|| format!("{} does not take it", place.registry()))
    }

    /// Brings a manifest.
    pub(super) async fn put_manifest(&self, place: &Reference, manifest: &Manifest) -> Result<()> {
        let kind = OCI_IMAGE_MEDIA_TYPE.parse().context("a type is a header's value")?;
        let put = self.client.push_manifest_raw(place, manifest.bytes.clone(), kind).await;
        put.map(drop).map_err(said).with_context(|| format!("{} does not take it", place.registry()))
    }

    /// Brings a signature that refers to a rule's manifest; gives the signature's own.
    pub(super) async fn attach(
        &self,
        place: &Reference,
        subject: &Manifest,
        signature: &SignatureFile,
    ) -> Result<Manifest> {
        let text = signature.text()?;
        self.put_blob(place, text.as_bytes()).await?;
        self.put_blob(place, EMPTY_BYTES).await?;
        let manifest = Manifest::new(&of_signature(text.as_bytes(), subject))?;
        self.put_manifest(&tagged(place, &manifest.digest), &manifest).await?;
        Ok(manifest)
    }

    /// Sees to it that signatures are found: a registry that knows referrers has listed them already, for another the
    /// index under the tag is written here (OCI distribution specification 1.1, referrers tag schema).
    pub(super) async fn list_referrers(
        &self,
        place: &Reference,
        subject: &Manifest,
        attached: Vec<Manifest>,
    ) -> Result<()> {
        if attached.is_empty() {
            return Ok(());
        }
        let mut index = self.referrers(place, &subject.digest, None).await?;
        let known: Vec<String> = index.manifests.iter().map(|entry| entry.digest.clone()).collect();
        let fresh: Vec<Manifest> = attached.into_iter().filter(|one| !known.contains(&one.digest)).collect();
        if fresh.is_empty() {
            return Ok(());
        }
        index.media_type = Some(OCI_IMAGE_INDEX_MEDIA_TYPE.to_owned());
        index.manifests.extend(fresh.iter().map(Manifest::entry));
        let list = tagged(place, &subject.digest.replace(':', "-"));
        let put = self.client.push_manifest_list(&list, &self.auth, index).await;
        put.map(drop).map_err(said).context("the list of signatures cannot be written")
    }

    /// The signatures on a rule that refer to its manifest. What is no signature on it is left out, after saying so:
    /// whoever may write to the repository can attach anything.
    pub(super) async fn signatures(
        &self,
        place: &Reference,
        manifest: &str,
        rule: &str,
    ) -> Result<Vec<SignatureFile>> {
        let index = self.referrers(place, manifest, Some(SIGNATURE)).await?;
        let mut found: Vec<SignatureFile> = Vec::new();
        let ours = index.manifests.iter().filter(|entry| entry.artifact_type.as_deref() == Some(SIGNATURE));
        for entry in ours.take(MOST) {
            match self.signature(place, &entry.digest, rule).await {
                Ok(signature) if found.iter().any(|known| known.key == signature.key) => {}
                Ok(signature) => found.push(signature),
                Err(error) => {
                    tracing::warn!(
                        artefact = entry.digest,
                        error = format!("{error:#}"),
                        "no signature: it is left out"
                    );
                }
            }
        }
        Ok(found)
    }

    async fn signature(&self, place: &Reference, manifest: &str, rule: &str) -> Result<SignatureFile> {
        let (manifest, _) = self.manifest(&place.clone_with_digest(manifest.to_owned())).await?;
        let layer = layer_of_signature(&manifest)?;
        let most = u64::try_from(LARGEST_SIGNATURE).unwrap_or(u64::MAX);
        let signature = SignatureFile::parse(&self.blob(place, layer, most).await?)?;
        if signature.rule != rule {
            return Err(invalid("it is on another rule"));
        }
        Ok(signature)
    }

    async fn referrers(
        &self,
        place: &Reference,
        manifest: &str,
        kind: Option<&str>,
    ) -> Result<OciImageIndex> {
        let place = place.clone_with_digest(manifest.to_owned());
        let found = self.client.pull_referrers(&place, kind).await;
        found.map_err(said).context("the list of signatures cannot be fetched")
    }
}

/// The same repository at another tag. A digest is put where the tag stands as well: the address is the same, and
/// `oci-client` copes with registries then that do not say where they put a manifest.
fn tagged(place: &Reference, tag: &str) -> Reference {
    Reference::with_tag(place.registry().to_owned(), place.repository().to_owned(), tag.to_owned())
}

fn credentials() -> Result<RegistryAuth> {
    let given = |name| std::env::var(name).ok().filter(|text| !text.is_empty());
    match (given(USER), given(PASSWORD)) {
        (None, None) => Ok(RegistryAuth::Anonymous),
        (Some(user), Some(password)) => Ok(RegistryAuth::Basic(user, password)),
        _ => Err(usage(format!("{USER} and {PASSWORD} go together: one of them is not set"))),
    }
}

/// What is said of bytes that are not what their digest says.
const ALTERED: &str = "the registry sent other bytes than their digest says: they were altered or damaged there, and \
                       nothing was written";

/// An error in plain words and of its kind, without what a registry may have sent in its body.
fn said(error: OciDistributionError) -> anyhow::Error {
    let forbidden = || {
        let remedy = format!("set {USER} and {PASSWORD} to a user who may");
        Failure::new(Kind::Forbidden, "the registry does not let you").remedy(remedy).into()
    };
    let missing = || not_found("the registry has no such tag or digest in this repository");
    match error {
        OciDistributionError::DigestError(_) => invalid(ALTERED),
        OciDistributionError::UnauthorizedError { .. } | OciDistributionError::AuthenticationFailure(_) => {
            forbidden()
        }
        OciDistributionError::RegistryError { envelope, .. } => {
            let codes: Vec<&OciErrorCode> = envelope.errors.iter().map(|error| &error.code).collect();
            match codes.as_slice() {
                [OciErrorCode::ManifestUnknown | OciErrorCode::NameUnknown | OciErrorCode::NotFound, ..] => {
                    missing()
                }
                [OciErrorCode::Unauthorized | OciErrorCode::Denied, ..] => forbidden(),
                _ => invalid(format!("the registry refuses: {}", plain(&format!("{codes:?}")))),
            }
        }
        OciDistributionError::ImageManifestNotFoundError(_) => missing(),
        OciDistributionError::ServerError { code: 401 | 403, .. } => forbidden(),
        OciDistributionError::ServerError { code, .. } => {
            Failure::new(Kind::of_status(code), format!("the registry answered with status {code}")).into()
        }
        OciDistributionError::ImageIndexParsingNoPlatformResolverError => {
            invalid("it is a list of artefacts for several machines, not a rule")
        }
        OciDistributionError::RequestError(error) => {
            let why = format!("the registry cannot be reached: {:#}", anyhow!(error));
            Failure::new(Kind::Unreachable, why).into()
        }
        OciDistributionError::IoError(error) => invalid(format!("{error}: {ALTERED}")),
        OciDistributionError::GenericError(_)
        | OciDistributionError::ManifestParsingError(_)
        | OciDistributionError::VersionedParsingError(_)
        | OciDistributionError::JsonError(_) => invalid("the registry sent what is no manifest"),
        error => anyhow!("{}", plain(&error.to_string())),
    }
}
