// SPDX-License-Identifier: Apache-2.0
//! The rulebook: the immutable snapshot of all control data that a query is decided by.

pub mod diff;
pub mod edit;
pub mod index;

use jiff::civil::Date;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use crate::{
    client::ClientId,
    grant::Grant,
    policy::Policy,
    service::Service,
    term::{Concept, Term, Vocabulary},
};

/// Control data of one generation. The server adds the activated rules to it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Rulebook {
    /// Rises by one with every change; 0 is the empty rulebook.
    pub generation: u64,
    /// Purposes and legal bases.
    pub vocabulary: Vocabulary,
    /// Services.
    pub services: Vec<Service>,
    /// Access rights.
    pub grants: Vec<Grant>,
    /// Policies.
    pub policies: Vec<Policy>,
}

/// What a query needs a grant for.
#[derive(Debug, Clone, Copy)]
pub struct Wanted<'a> {
    /// Who asks.
    pub client: &'a ClientId,
    /// The service's name.
    pub service: &'a str,
    /// On which day.
    pub date: Date,
    /// Why; none when the client states no purpose.
    pub purpose: Option<&'a Term>,
    /// On what ground; none when the client states none.
    pub basis: Option<&'a Term>,
}

/// Why no single grant and purpose could be found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NoGrant {
    /// The client has no access right to this service at all, or none that holds today.
    Service,
    /// It has, but for none of them is the stated purpose.
    Purpose,
    /// It has, but none stands on the stated legal basis.
    Basis,
    /// The client states no purpose or legal basis, and its grants leave more than one to choose from.
    Ambiguous,
}

/// A grant, with the purpose and legal basis it is used for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Matched<'a> {
    /// The access right.
    pub grant: &'a Grant,
    /// Why, as a full IRI: stated, or the grant's standing one.
    pub purpose: String,
    /// On what ground, as a full IRI: stated, or the grant's standing one.
    pub basis: String,
}

impl Rulebook {
    /// SHA-256 of it whatever its number, lower-case hex: of the JSON of vocabulary, services, access rights and policies.
    #[must_use]
    pub fn digest(&self) -> String {
        let json = serde_json::to_vec(&(&self.vocabulary, &self.services, &self.grants, &self.policies));
        hex::encode(Sha256::digest(json.unwrap_or_default()))
    }

    /// Rewrites every IRI to its full form.
    pub fn expand_iris(&mut self) {
        self.rewrite_iris(Vocabulary::expand);
    }

    /// Rewrites every IRI to its compact form, where a prefix fits.
    pub fn compact_iris(&mut self) {
        self.rewrite_iris(Vocabulary::compact);
    }

    fn rewrite_iris(&mut self, form: fn(&Vocabulary, &str) -> String) {
        let words = Vocabulary { prefixes: self.vocabulary.prefixes.clone(), concepts: Vec::new() };
        let concepts = self.vocabulary.concepts.iter_mut().flat_map(Concept::iris_mut);
        let services = self.services.iter_mut().flat_map(Service::iris_mut);
        let grants = self.grants.iter_mut().flat_map(Grant::iris_mut);
        for iri in concepts.chain(services).chain(grants) {
            *iri = form(&words, iri);
        }
    }

    /// A service by name and version.
    #[must_use]
    pub fn service(&self, name: &str, version: u32) -> Option<&Service> {
        self.services.iter().find(|service| service.name == name && service.version == version)
    }

    /// The newest version of a service.
    #[must_use]
    pub fn latest(&self, name: &str) -> Option<&Service> {
        self.services.iter().filter(|service| service.name == name).max_by_key(|service| service.version)
    }

    /// Finds the grant for a query. Where the client states no purpose or no legal basis, its standing one is
    /// taken: exactly one must remain. When several grants fit, the first by id is taken, so the choice does
    /// not depend on the order of storage.
    ///
    /// # Errors
    /// When none fits, or what is left unstated is not unique.
    pub fn grant_for(&self, wanted: Wanted<'_>) -> Result<Matched<'_>, NoGrant> {
        choose(self.grants.iter().collect(), wanted)
    }
}

/// The one of these access rights that a query stands on: see [`Rulebook::grant_for`].
pub(crate) fn choose<'r>(mut grants: Vec<&'r Grant>, wanted: Wanted<'_>) -> Result<Matched<'r>, NoGrant> {
    grants.retain(|grant| {
        grant.service == wanted.service && grant.client.covers(wanted.client) && grant.holds_on(wanted.date)
    });
    if grants.is_empty() {
        return Err(NoGrant::Service);
    }
    grants.sort_by(|a, b| a.id.cmp(&b.id));
    if let Some(basis) = wanted.basis {
        grants.retain(|grant| grant.covers_basis(basis));
        if grants.is_empty() {
            return Err(NoGrant::Basis);
        }
    }
    if let Some(purpose) = wanted.purpose {
        grants.retain(|grant| grant.covers_purpose(purpose));
        if grants.is_empty() {
            return Err(NoGrant::Purpose);
        }
    }
    let only = |stated: Option<&Term>, standing: fn(&Grant) -> &[String]| match stated {
        Some(term) => Ok(term.iri.clone()),
        None => {
            let mut all: Vec<&String> = grants.iter().flat_map(|grant| standing(grant)).collect();
            all.sort();
            all.dedup();
            match all.as_slice() {
                [one] => Ok((*one).clone()),
                _ => Err(NoGrant::Ambiguous),
            }
        }
    };
    let purpose = only(wanted.purpose, |grant| &grant.purposes)?;
    let basis = only(wanted.basis, |grant| &grant.legal_bases)?;
    let grant = grants.first().ok_or(NoGrant::Service)?;
    Ok(Matched { grant, purpose, basis })
}
