// SPDX-License-Identifier: Apache-2.0
//! IRIs in settings, and the constants that rules name most.

use core::fmt;

use serde::{Deserialize, Deserializer, de::Error};

/// Prefixes that settings may use (Data Privacy Vocabulary 2.3).
pub(crate) const PREFIXES: [(&str, &str); 6] = [
    ("dpv", "https://w3id.org/dpv#"),
    ("pd", "https://w3id.org/dpv/pd#"),
    ("eu-gdpr", "https://w3id.org/dpv/legal/eu/gdpr#"),
    ("services", "https://w3id.org/dpv/sector/publicservices#"),
    ("law", "https://w3id.org/dpv/sector/law#"),
    ("rr", "urn:paasla:rr#"),
];

/// A full IRI. In settings it may be written with a prefix: `dpv:`, `pd:`, `eu-gdpr:`, `services:`
/// (`dpv/sector/publicservices`), `law:` (`dpv/sector/law`), `rr:` (`urn:paasla:rr#`).
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Iri(String);

impl Iri {
    /// Reads a full or prefixed IRI; none if it has no scheme, or a prefix that is not known.
    #[must_use]
    pub fn new(text: &str) -> Option<Self> {
        let (prefix, local) = text.split_once(':')?;
        if text.chars().any(char::is_whitespace) {
            return None;
        }
        if matches!(prefix, "http" | "https" | "urn") {
            return Some(Self(text.to_owned()));
        }
        let (_, namespace) = PREFIXES.iter().find(|(known, _)| *known == prefix)?;
        Some(Self(format!("{namespace}{local}")))
    }

    /// IRIs that are known to be full, such as this crate's constants: for default settings.
    #[must_use]
    pub fn list(full: &[&str]) -> Vec<Self> {
        full.iter().map(|&iri| Self(iri.to_owned())).collect()
    }

    /// The full IRI.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Iri {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl AsRef<str> for Iri {
    fn as_ref(&self) -> &str {
        &self.0
    }
}

impl<'de> Deserialize<'de> for Iri {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::new(&text).ok_or_else(|| {
            D::Error::custom(format!(
                "`{text}` is no IRI: write it in full, or with one of the prefixes dpv, pd, eu-gdpr, services, law, rr"
            ))
        })
    }
}

/// The last part of an IRI, for people to read: `BirthDate` of `https://w3id.org/dpv/pd#BirthDate`.
#[must_use]
pub fn local_name(iri: &str) -> &str {
    iri.rsplit(['#', '/', ':']).next().unwrap_or(iri)
}

/// Categories of personal data (<https://w3id.org/dpv/pd>).
pub mod pd {
    /// Names.
    pub const NAME: &str = "https://w3id.org/dpv/pd#Name";
    /// Official identifiers, such as the personal code.
    pub const OFFICIAL_ID: &str = "https://w3id.org/dpv/pd#OfficialID";
    /// Sex, gender.
    pub const GENDER: &str = "https://w3id.org/dpv/pd#Gender";
    /// Date of birth.
    pub const BIRTH_DATE: &str = "https://w3id.org/dpv/pd#BirthDate";
    /// Where somebody lives.
    pub const PHYSICAL_ADDRESS: &str = "https://w3id.org/dpv/pd#PhysicalAddress";
    /// Ethnic origin: a special category.
    pub const ETHNIC_ORIGIN: &str = "https://w3id.org/dpv/pd#EthnicOrigin";
    /// Health: a special category.
    pub const HEALTH: &str = "https://w3id.org/dpv/pd#Health";
}

/// Purposes (<https://w3id.org/dpv>).
pub mod dpv {
    /// Making sure that somebody is who they say.
    pub const IDENTITY_VERIFICATION: &str = "https://w3id.org/dpv#IdentityVerification";
    /// Official statistics.
    pub const PROVIDE_OFFICIAL_STATISTICS: &str = "https://w3id.org/dpv#ProvideOfficialStatistics";
}

/// Legal bases and grounds (<https://w3id.org/dpv/legal/eu/gdpr>).
pub mod gdpr {
    /// Art. 6(1)(c): legal obligation.
    pub const LEGAL_OBLIGATION: &str = "https://w3id.org/dpv/legal/eu/gdpr#A6-1-c";
    /// Art. 6(1)(e): public task.
    pub const PUBLIC_TASK: &str = "https://w3id.org/dpv/legal/eu/gdpr#A6-1-e";
    /// Art. 6(1)(f): legitimate interest.
    pub const LEGITIMATE_INTEREST: &str = "https://w3id.org/dpv/legal/eu/gdpr#A6-1-f";
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prefixes_expand_and_typing_mistakes_are_found() {
        assert_eq!(Iri::new("pd:Name").unwrap().as_str(), pd::NAME);
        assert_eq!(Iri::new(pd::NAME).unwrap().as_str(), pd::NAME);
        assert_eq!(Iri::new("urn:paasla:rr#Custody"), Iri::new("rr:Custody"));
        assert_eq!(["Name", "Custody", ""], [pd::NAME, "urn:paasla:rr#Custody", "urn:x#"].map(local_name));
        assert!(Iri::new("dvp:Name").is_none() && Iri::new("Name").is_none() && Iri::new("pd:A b").is_none());
    }
}
