// SPDX-License-Identifier: Apache-2.0
#![doc = include_str!("../README.md")]

use std::fmt::Display;

use paasla_rule::{About, Decided, Iri, Problems, Query, Reason, Rule, Setup, because, gdpr, provision};
use serde::Deserialize;

/// The places of provisions in `describe`.
const PURPOSE_LIMITATION: u32 = 0;
const LEGITIMATE_INTEREST: u32 = 1;
const RIGHT_OF_ACCESS: u32 = 2;

/// Accepts a query only for a purpose, and on a legal basis, that the settings name together.
#[derive(Debug)]
pub struct PurposeBasis {
    settings: Settings,
    reasons: Reasons,
}

#[derive(Debug)]
struct Reasons {
    authority: Reason,
    purpose_unknown: Reason,
    basis: Reason,
    client: Reason,
    case: Reason,
}

/// The settings.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase", default)]
pub struct Settings {
    /// Which purposes are accepted on which legal bases.
    accept: Vec<Accepted>,
    /// The X-Road member classes of public authorities.
    public_authority_classes: Vec<String>,
    /// The purposes that need a case reference.
    case_required: Vec<CaseRequired>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct Accepted {
    purposes: Vec<Iri>,
    legal_bases: Vec<Iri>,
    client_classes: Option<Vec<String>>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct CaseRequired {
    purposes: Vec<Iri>,
}

impl Default for Settings {
    fn default() -> Self {
        let public_authority_classes = vec!["GOV".to_owned()];
        Self { accept: Vec::new(), public_authority_classes, case_required: Vec::new() }
    }
}

impl Rule for PurposeBasis {
    type Settings = Settings;

    fn describe() -> About {
        let gdpr_text = "https://eur-lex.europa.eu/eli/reg/2016/679/oj";
        let act = "https://www.riigiteataja.ee/akt/117112017001";
        About::new(
            env!("CARGO_PKG_NAME"),
            env!("CARGO_PKG_VERSION"),
            "Refuses a query unless its purpose and its legal basis are accepted together. A public authority may \
             never rely on legitimate interest. For chosen purposes a case reference is required.",
        )
        .settings(include_str!("../settings.schema.json"))
        .implements(
            PURPOSE_LIMITATION,
            provision(
                "https://w3id.org/dpv/legal/eu/gdpr#PurposeLimitationPrinciple",
                "GDPR: purpose limitation",
                gdpr_text,
            ),
        )
        .implements(
            LEGITIMATE_INTEREST,
            provision(gdpr::LEGITIMATE_INTEREST, "GDPR Art. 6(1)(f) and second subparagraph", gdpr_text),
        )
        .implements(RIGHT_OF_ACCESS, provision("urn:ee:rt:RRS#p44", "Population Register Act § 44", act))
    }

    fn configure(settings: Settings, setup: &mut Setup<'_>) -> Result<Self, Problems> {
        let mut problems = Problems::none();
        problems.check(!settings.accept.is_empty(), "/accept", "Accept at least one purpose.");
        for (nth, accepted) in settings.accept.iter().enumerate() {
            let at = format_args!("/accept/{nth}/purposes");
            problems.check(!accepted.purposes.is_empty(), at, "Name at least one purpose.");
            let at = format_args!("/accept/{nth}/legalBases");
            problems.check(!accepted.legal_bases.is_empty(), at, "Name at least one legal basis.");
            if let Some(classes) = &accepted.client_classes {
                let at = format_args!("/accept/{nth}/clientClasses");
                check_classes(classes, at, &mut problems);
            }
        }
        check_classes(&settings.public_authority_classes, "/publicAuthorityClasses", &mut problems);
        for (nth, required) in settings.case_required.iter().enumerate() {
            let at = format_args!("/caseRequired/{nth}/purposes");
            problems.check(!required.purposes.is_empty(), at, "Name at least one purpose.");
        }
        problems.or(Self { settings, reasons: Reasons::declared(setup) })
    }

    fn decide(&self, query: &Query) -> Decided {
        let Self { settings: Settings { accept, public_authority_classes, case_required }, reasons } = self;
        let class = query.client().class;

        if is_legitimate_interest(query)
            && public_authority_classes.iter().any(|authority| authority == class)
        {
            return query.refuse(reasons.authority);
        }

        // How near the best entry comes: nothing fits, the purpose, purpose and basis, everything.
        let fit = accept.iter().map(|accepted| accepted.fit(query, class)).max().unwrap_or(Fit::Nothing);
        let reason = match fit {
            Fit::Nothing => reasons.purpose_unknown,
            Fit::Purpose => reasons.basis,
            Fit::PurposeAndBasis => reasons.client,
            Fit::Everything => {
                let is_required =
                    case_required.iter().any(|case| query.purpose().is_within_any(&case.purposes));
                let is_stated = query.case_reference().is_some_and(|case| !case.trim().is_empty());
                if !is_required || is_stated {
                    return Decided::Abstain;
                }
                reasons.case
            }
        };
        query.refuse(reason)
    }
}

impl Reasons {
    fn declared(setup: &mut Setup<'_>) -> Self {
        let mut reason = |code, message, provision| setup.declare(because(code, message).under(provision));
        Self {
            authority: reason(
                "purpose-basis.authority-legitimate-interest",
                "A public authority may not rely on legitimate interest in performing its tasks.",
                LEGITIMATE_INTEREST,
            ),
            purpose_unknown: reason(
                "purpose-basis.purpose-unknown",
                "The register's data is not given for this purpose.",
                PURPOSE_LIMITATION,
            ),
            basis: reason(
                "purpose-basis.basis-not-accepted",
                "For this purpose the stated legal basis is not accepted.",
                RIGHT_OF_ACCESS,
            ),
            client: reason(
                "purpose-basis.not-accepted",
                "Clients of this kind may not ask for this purpose on this legal basis.",
                RIGHT_OF_ACCESS,
            ),
            case: reason(
                "purpose-basis.case-required",
                "For this purpose a query must name the case or document that it serves.",
                PURPOSE_LIMITATION,
            ),
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Fit {
    Nothing,
    Purpose,
    PurposeAndBasis,
    Everything,
}

impl Accepted {
    fn fit(&self, query: &Query, class: &str) -> Fit {
        if !query.purpose().is_within_any(&self.purposes) {
            Fit::Nothing
        } else if !query.legal_basis().is_within_any(&self.legal_bases) {
            Fit::Purpose
        } else if self.client_classes.as_ref().is_some_and(|classes| !classes.iter().any(|one| one == class))
        {
            Fit::PurposeAndBasis
        } else {
            Fit::Everything
        }
    }
}

/// Under its GDPR name or the vocabulary's general one.
fn is_legitimate_interest(query: &Query) -> bool {
    query.legal_basis().is_within_any(&[gdpr::LEGITIMATE_INTEREST, "https://w3id.org/dpv#LegitimateInterest"])
}

fn check_classes(classes: &[String], pointer: impl Display + Copy, problems: &mut Problems) {
    problems.check(!classes.is_empty(), pointer, "Name at least one X-Road member class, e.g. `GOV`.");
    for (nth, class) in classes.iter().enumerate() {
        let is_class = !class.is_empty() && !class.contains(['/', ' ']);
        problems.check(
            is_class,
            format_args!("{pointer}/{nth}"),
            "This is no X-Road member class, e.g. `GOV`.",
        );
    }
}

paasla_rule::export!(PurposeBasis);

#[cfg(test)]
mod tests {
    #[test]
    fn cases() {
        paasla_rule::testing::check::<crate::PurposeBasis>(env!("CARGO_MANIFEST_DIR"));
    }
}
