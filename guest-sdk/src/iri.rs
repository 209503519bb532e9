// SPDX-License-Identifier: Apache-2.0
//! IRIs in settings, and the constants that rules name most.

use core::fmt;

use serde::{
    Deserialize, Deserializer,
    de::{Error, SeqAccess, Visitor},
};

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
pub struct Iri(Box<str>);

impl Iri {
    /// Reads a full or prefixed IRI; none if it has no scheme, or a prefix that is not known.
    #[must_use]
    pub fn new(text: &str) -> Option<Self> {
        let (prefix, local) = text.split_once(':')?;
        if text.chars().any(char::is_whitespace) {
            return None;
        }
        if matches!(prefix, "http" | "https" | "urn") {
            return Some(Self(text.into()));
        }
        let (_, namespace) = PREFIXES.iter().find(|(known, _)| *known == prefix)?;
        Some(Self([*namespace, local].concat().into()))
    }

    /// IRIs that are known to be full, such as this crate's constants: for default settings.
    #[must_use]
    pub fn list(full: &[&str]) -> Vec<Self> {
        full.iter().map(|&iri| Self(iri.into())).collect()
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
        deserializer.deserialize_str(OneIri)
    }
}

/// Reads an IRI where it stands: a copy of the text would stay in the memory of every ruling.
struct OneIri;

impl Visitor<'_> for OneIri {
    type Value = Iri;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a string")
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Iri, E> {
        Iri::new(text).ok_or_else(|| {
            E::custom(format!(
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
        deserializer.deserialize_seq(ManyIris)
    }
}

/// Reads IRIs into the list that they stay in.
struct ManyIris;

impl<'de> Visitor<'de> for ManyIris {
    type Value = IriSet;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a sequence")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut iris: A) -> Result<IriSet, A::Error> {
        let mut all = Vec::with_capacity(iris.size_hint().unwrap_or(0).min(MANY));
        while let Some(iri) = iris.next_element::<Iri>()? {
            all.push((key(iri.as_str()), iri, ()));
        }
        Ok(IriSet(IriMap::sorted(all)))
    }
}

/// More than that are not made room for before they are seen.
const MANY: usize = 4_096;

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

    /// By their keys, each once.
    fn sorted(mut all: Vec<(u64, Iri, T)>) -> Self
    where
        T: Ord,
    {
        all.sort_unstable();
        all.dedup();
        Self(all)
    }

    /// The values of this term, and of those that are broader.
    pub fn covering<'m>(&'m self, term: crate::Term<'m>) -> impl Iterator<Item = &'m T> {
        core::iter::once(term.iri()).chain(term.broader()).flat_map(|iri| self.get(iri))
    }
}

impl<T: Ord> FromIterator<(Iri, T)> for IriMap<T> {
    fn from_iter<I: IntoIterator<Item = (Iri, T)>>(values: I) -> Self {
        Self::sorted(values.into_iter().map(|(iri, value)| (key(iri.as_str()), iri, value)).collect())
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
    let mut rest = iri.as_bytes();
    // Eight bytes at a time: rules name much in their reasons.
    let mark = loop {
        match rest.split_last_chunk::<8>() {
            None => break rest.iter().rposition(|byte| MARKS.contains(byte)),
            Some((before, chunk)) => {
                let word = u64::from_le_bytes(*chunk);
                let found =
                    MARKS.iter().fold(0, |found, mark| found | zeros(word ^ (ONES * u64::from(*mark))));
                if found != 0 {
                    break Some(before.len() + 7 - (found.leading_zeros() / 8) as usize);
                }
                rest = before;
            }
        }
    };
    mark.and_then(|mark| iri.get(mark + 1..)).unwrap_or(iri)
}

/// What stands before the last part of an IRI.
const MARKS: [u8; 3] = *b"#/:";

/// 1 in each byte.
const ONES: u64 = 0x0101_0101_0101_0101;

/// The highest bit of each byte that is zero, and nothing of the others.
const fn zeros(word: u64) -> u64 {
    const LOW: u64 = 0x7F * ONES;
    !(((word & LOW) + LOW) | word | LOW)
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
    fn the_local_name_is_behind_the_last_mark_wherever_it_stands() {
        let bytewise = |iri: &str| {
            let mark = iri.bytes().rposition(|byte| matches!(byte, b'#' | b'/' | b':'));
            mark.and_then(|mark| iri.get(mark + 1..)).unwrap_or(iri).to_owned()
        };
        for before in ["", "a", "https://x/y", "urn:paasla:rr#Custody"] {
            for mark in ["", "#", "/", ":", "#/:", "\u{a3}", "\"$.09;", "\u{1F}\u{7F}õ"] {
                for length in 0..25 {
                    let iri = [
                        before,
                        mark,
                        &"õü+3z\u{3A3}Custody".repeat(3).chars().take(length).collect::<String>(),
                    ]
                    .concat();
                    assert_eq!(local_name(&iri), bytewise(&iri), "{iri}");
                }
            }
        }
    }

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
