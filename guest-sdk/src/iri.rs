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

/// Whether two IRIs are the same. They begin alike, so the end is looked at first.
pub(crate) fn same(one: &str, other: &str) -> bool {
    let (one, other) = (one.as_bytes(), other.as_bytes());
    if one.len() != other.len() {
        return false;
    }
    match (one.last_chunk::<8>(), other.last_chunk::<8>()) {
        (Some(end), Some(others)) if u64::from_le_bytes(*end) != u64::from_le_bytes(*others) => false,
        _ => one == other,
    }
}

impl PartialEq<str> for Iri {
    fn eq(&self, other: &str) -> bool {
        same(&self.0, other)
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

/// Many IRIs, found fast: for settings that a ruling looks into again and again.
#[derive(Debug, Clone, Default)]
pub struct IriSet(IriMap<()>);

impl IriSet {
    /// Whether it holds this IRI.
    #[must_use]
    pub fn contains(&self, iri: &str) -> bool {
        self.0.get(iri).next().is_some()
    }

    /// Whether it holds this term, or one that is broader.
    #[must_use]
    pub fn covers(&self, term: crate::Term<'_>) -> bool {
        self.0.covering(term).next().is_some()
    }

    /// Whether it holds none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.0.is_empty()
    }

    /// Every IRI.
    pub fn iter(&self) -> impl Iterator<Item = &Iri> {
        self.0.0.iter().map(|(_, iri, ())| iri)
    }
}

impl FromIterator<Iri> for IriSet {
    fn from_iter<I: IntoIterator<Item = Iri>>(iris: I) -> Self {
        Self(iris.into_iter().map(|iri| (iri, ())).collect())
    }
}

impl<'de> Deserialize<'de> for IriSet {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(Vec::<Iri>::deserialize(deserializer)?.into_iter().collect())
    }
}

/// What settings say of many IRIs, found fast. One IRI may stand for several values.
#[derive(Debug, Clone)]
pub struct IriMap<T>(Vec<(u64, Iri, T)>);

impl<T> Default for IriMap<T> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<T> IriMap<T> {
    /// The values of this IRI.
    pub fn get(&self, iri: &str) -> impl Iterator<Item = &T> {
        let key = key(iri);
        let first = self.0.partition_point(|(known, ..)| *known < key);
        let alike =
            self.0.get(first..).unwrap_or_default().iter().take_while(move |(known, ..)| *known == key);
        alike.filter(move |(_, known, _)| *known == *iri).map(|(.., value)| value)
    }

    /// The values of this term, and of those that are broader.
    pub fn covering<'m>(&'m self, term: crate::Term<'m>) -> impl Iterator<Item = &'m T> {
        core::iter::once(term.iri()).chain(term.broader()).flat_map(|iri| self.get(iri))
    }
}

impl<T: Ord> FromIterator<(Iri, T)> for IriMap<T> {
    fn from_iter<I: IntoIterator<Item = (Iri, T)>>(values: I) -> Self {
        let mut all: Vec<_> = values.into_iter().map(|(iri, value)| (key(&iri.0), iri, value)).collect();
        all.sort_unstable();
        all.dedup();
        Self(all)
    }
}

/// The end of an IRI, where it differs from others, and its length.
fn key(iri: &str) -> u64 {
    let bytes = iri.as_bytes();
    let end = bytes.last_chunk::<8>().map_or_else(
        || bytes.iter().fold(0, |key, byte| (key << 8) | u64::from(*byte)),
        |end| u64::from_le_bytes(*end),
    );
    end ^ u64::try_from(bytes.len()).unwrap_or(u64::MAX).rotate_right(16)
}

/// The last part of an IRI, for people to read: `BirthDate` of `https://w3id.org/dpv/pd#BirthDate`.
#[must_use]
pub fn local_name(iri: &str) -> &str {
    let mark = iri.bytes().rposition(|byte| matches!(byte, b'#' | b'/' | b':'));
    mark.and_then(|mark| iri.get(mark + 1..)).unwrap_or(iri)
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
        assert!(same("", "") && same("a", "a") && same(pd::NAME, pd::NAME) && !same("a", "b"));
        assert!(!same(pd::NAME, pd::GENDER) && !same("xhttps://x/12345678", "yhttps://x/12345678"));
        let set: IriSet = Iri::list(&[pd::NAME, pd::GENDER, pd::NAME, "urn:a"]).into_iter().collect();
        assert_eq!(set.0.0.len(), 3);
        assert!([pd::NAME, pd::GENDER, "urn:a"].iter().all(|iri| set.contains(iri)));
        assert!(
            !["", "a", "urn:b", pd::HEALTH, "xhttps://w3id.org/dpv/pd#Name"]
                .iter()
                .any(|iri| set.contains(iri))
        );
        assert!(Iri::new("dvp:Name").is_none() && Iri::new("Name").is_none() && Iri::new("pd:A b").is_none());
    }
}
