// SPDX-License-Identifier: Apache-2.0
//! Legal context: purpose and legal basis, as headers and body state them together. What is stated twice must agree.
//!
//! The Data Tracker's headers are for people: `X-Road-PDU-Purpose` may say "Isiku nime päring". Such a text is kept
//! with the record; it counts as a statement of purpose only when it looks like an IRI.

use super::{
    envelope::{Envelope, ISSUE, REASON},
    problems::Problems,
    shape::{Members, text},
    strict_json::Tree,
};
use paasla_app::{Gatehouse, ask::Stated};

/// What today's clients of the population register say in `RR-Request-Reason`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Reason {
    /// `avalik`: a public task, GDPR Art. 6(1)(e).
    PublicTask,
    /// `oigustatud`: a legitimate interest, GDPR Art. 6(1)(f).
    LegitimateInterest,
}

impl Reason {
    /// The legal basis it stands for, as a compact IRI of DPV's GDPR extension.
    fn iri(self) -> &'static str {
        match self {
            Self::PublicTask => "eu-gdpr:A6-1-e",
            Self::LegitimateInterest => "eu-gdpr:A6-1-f",
        }
    }

    /// Whether a stated basis is this one or a narrower one, by its local name.
    fn covers(self, basis: &str) -> bool {
        let local = basis.rsplit(['#', '/', ':']).next().unwrap_or(basis);
        let family = self.iri().trim_start_matches("eu-gdpr:");
        local.strip_prefix(family).is_some_and(|rest| rest.is_empty() || rest.starts_with('-'))
    }
}

/// The legal context of one request.
#[derive(Debug, Default)]
pub(super) struct Legal {
    pub(super) purpose: Option<Stated>,
    pub(super) basis: Option<Stated>,
    pub(super) special_ground: Option<Stated>,
    pub(super) provision: Option<String>,
    pub(super) case: Option<String>,
    /// The AI agent that acts for the official.
    pub(super) agent: Option<String>,
}

const MEMBERS: [&str; 6] = ["purpose", "legalBasis", "specialCategoryGround", "provision", "case", "agent"];

/// Reads the body's context (none at doors that have no such member) and holds it against the headers.
pub(super) fn settle(
    gate: &dyn Gatehouse,
    envelope: &Envelope,
    context: Option<(&Tree<'_>, String)>,
    problems: &mut Problems,
) -> Legal {
    let members = context.and_then(|(tree, place)| Members::open(tree, &place, &MEMBERS, problems));
    let mut legal = Legal::default();
    if let Some(members) = &members {
        let mut iri = |name| {
            let stated = stated(members, name, 500, problems)?;
            if is_iri(&stated.text) {
                return Some(stated);
            }
            let message = format!("{} must be an IRI, e.g. dpv:IdentityVerification", stated.place);
            problems.add("iri_invalid", stated.place, message);
            None
        };
        legal.purpose = iri("purpose");
        legal.basis = iri("legalBasis");
        legal.special_ground = iri("specialCategoryGround");
        legal.provision = stated(members, "provision", 1_000, problems).map(|stated| stated.text);
        legal.agent = stated(members, "agent", 500, problems).map(|stated| stated.text);
    }
    let case = members.and_then(|members| stated(&members, "case", 1_000, problems));
    let issue = envelope.issue.as_ref().map(|issue| Stated { text: issue.clone(), place: ISSUE.into() });
    legal.case = agree("case", case, issue, |a, b| a == b, problems).map(|stated| stated.text);

    let same = |a: &str, b: &str| gate.expand(a) == gate.expand(b);
    let header = |name: &str| {
        let text = envelope.statements.get(name).filter(|text| is_iri(text))?;
        Some(Stated { text: text.to_owned(), place: format!("X-Road-PDU-{name}").into() })
    };
    legal.purpose = agree("purpose", legal.purpose, header("Purpose"), same, problems);
    // The reason is held against both: each may contradict it.
    let tracked = header("Legal-Basis");
    if let Some(reason) = envelope.reason {
        for basis in legal.basis.iter().chain(&tracked) {
            if !reason.covers(&gate.expand(&basis.text)) {
                contradiction("legal basis", basis, REASON, problems);
            }
        }
    }
    legal.basis = agree("legal basis", legal.basis, tracked, same, problems).or_else(|| {
        let reason = envelope.reason?;
        Some(Stated { text: reason.iri().to_owned(), place: REASON.into() })
    });
    legal
}

fn stated(members: &Members<'_>, name: &'static str, most: usize, problems: &mut Problems) -> Option<Stated> {
    let (tree, place) = members.optional(name)?;
    Some(Stated { text: text(tree, &place, most, problems)?.to_owned(), place: place.into() })
}

/// The first statement that there is; a problem when both are there and differ.
fn agree(
    what: &str,
    body: Option<Stated>,
    header: Option<Stated>,
    same: impl Fn(&str, &str) -> bool,
    problems: &mut Problems,
) -> Option<Stated> {
    if let (Some(body), Some(header)) = (&body, &header)
        && !same(&body.text, &header.text)
    {
        contradiction(what, body, &header.place, problems);
    }
    body.or(header)
}

fn contradiction(what: &str, stated: &Stated, other: &str, problems: &mut Problems) {
    let message =
        format!("the {what} at {} contradicts {other}; state it once, or the same in both", stated.place);
    problems.add("context_contradiction", stated.place.clone(), message);
}

/// Whether a text looks like an IRI, full or compact: a scheme or prefix, a colon, something, no space.
fn is_iri(text: &str) -> bool {
    let Some((scheme, rest)) = text.split_once(':') else { return false };
    let in_scheme = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'-' | b'.');
    scheme.bytes().next().is_some_and(|first| first.is_ascii_alphabetic())
        && scheme.bytes().all(in_scheme)
        && !rest.is_empty()
        && !text.chars().any(char::is_whitespace)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_for_people_is_no_iri() {
        for iri in ["dpv:Query", "https://w3id.org/dpv#Query", "eu-gdpr:A6-1-e"] {
            assert!(is_iri(iri), "{iri}");
        }
        for text in ["", ":", "dpv:", "Isiku nime päring", "asi: nimi", "§ 5:1", "Päring:1"] {
            assert!(!is_iri(text), "{text}");
        }
    }

    #[test]
    fn a_reason_covers_its_own_letter_only() {
        let avalik = Reason::PublicTask;
        assert!(avalik.covers("eu-gdpr:A6-1-e"));
        assert!(avalik.covers("https://w3id.org/dpv/legal/eu/gdpr#A6-1-e-official-authority"));
        assert!(!avalik.covers("eu-gdpr:A6-1-f") && !avalik.covers("eu-gdpr:A6-1-extra"));
        assert!(Reason::LegitimateInterest.covers("eu-gdpr:A6-1-f"));
    }
}
