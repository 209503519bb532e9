// SPDX-License-Identifier: Apache-2.0
//! The catalogue of services: what a door needs to describe one to those who build clients of it.

use std::sync::Arc;

use paasla_core::{Service, Vocabulary};
use paasla_register::Description;

/// One service of the catalogue.
#[derive(Debug, Clone)]
pub struct CatalogueEntry {
    /// Its newest version.
    pub newest: Service,
    /// All its versions, the newest last.
    pub versions: Vec<Service>,
    /// The terms in which a purpose and a ground are stated.
    pub vocabulary: Vocabulary,
    /// The register that it reads.
    pub register: Arc<Description>,
}
