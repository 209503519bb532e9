// SPDX-License-Identifier: Apache-2.0
#![doc = include_str!("../README.md")]

use std::collections::BTreeMap;

use paasla_rule::{
    About, Decided, Field, Iri, Mask, Narrowed, Problems, Query, Reason, Rule, Setup, because, dpv, provision,
};
use serde::Deserialize;

/// The places of provisions in `describe`.
const UNIDENTIFIABLE: u32 = 0;
const PSEUDONYMISED: u32 = 1;

/// Statistics see these in full, unless the settings say otherwise.
const SHOWN: [&str; 7] = [
    "pd:Gender",
    "pd:Citizenship",
    "pd:MaritalStatus",
    "pd:EducationQualification",
    "pd:Language",
    "pd:BirthCountry",
    "rr:PersonStatus",
];

/// Statistics see less of these, unless the settings say otherwise.
const MASKED: [(&str, Mask); 3] = [
    ("pd:OfficialID", Mask::Pseudonym),
    ("pd:BirthDate", Mask::Year),
    ("pd:PhysicalAddress", Mask::Municipality),
];

/// Statistics see nothing of these, unless the settings name them: not even where `otherwise` is `show`.
const HIDDEN: [&str; 6] =
    ["pd:Name", "pd:EmailAddress", "pd:TelephoneNumber", "rr:Contact", "pd:PersonalDocuments", "pd:Passport"];

/// Gives statistics data in a form that does not identify persons.
#[derive(Debug)]
pub struct Statistics {
    purposes: Vec<Iri>,
    /// By category.
    treatments: BTreeMap<String, Treatment>,
    otherwise: Treatment,
    hidden: Reason,
    generalised: Reason,
    pseudonymised: Reason,
    gives_away: Reason,
}

/// The settings.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Settings {
    /// The purposes that are statistics.
    purposes: Vec<Iri>,
    /// By category: `show`, `hide` or the name of a mask. Takes the place of the defaults.
    masks: BTreeMap<String, String>,
    /// What happens to a category that is named nowhere.
    otherwise: Otherwise,
}

#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Otherwise {
    Hide,
    Show,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Treatment {
    Show,
    Mask(Mask),
    Hide,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            purposes: Iri::list(&[dpv::PROVIDE_OFFICIAL_STATISTICS]),
            masks: BTreeMap::new(),
            otherwise: Otherwise::Hide,
        }
    }
}

impl Rule for Statistics {
    type Settings = Settings;

    fn describe() -> About {
        let act = "https://www.riigiteataja.ee/akt/117112017001";
        let data_protection_act = "https://www.riigiteataja.ee/akt/104012019011";
        About::new(
            env!("CARGO_PKG_NAME"),
            env!("CARGO_PKG_VERSION"),
            "For statistics, shows birth dates as years, addresses as municipalities and personal codes as \
             pseudonyms, and hides names, contacts, documents and whatever is not named.",
        )
        .settings(include_str!("../settings.schema.json"))
        .implements(UNIDENTIFIABLE, provision("urn:ee:rt:RRS#p44-5", "Population Register Act § 44 p 5", act))
        .implements(
            PSEUDONYMISED,
            provision("urn:ee:rt:IKS#p6", "Personal Data Protection Act § 6", data_protection_act),
        )
    }

    fn configure(settings: Settings, setup: &mut Setup<'_>) -> Result<Self, Problems> {
        let mut problems = Problems::none();
        problems.check(!settings.purposes.is_empty(), "/purposes", "Name at least one purpose.");
        let mut treatments = defaults();
        treatments.extend(read_masks(&settings.masks, &mut problems));
        let pseudonymised =
            because("statistics.pseudonymised", "For statistics a pseudonym is shown in place of the value.");
        let pseudonymised = setup.declare(pseudonymised.under(PSEUDONYMISED));
        let mut reason = |code, message| setup.declare(because(code, message).under(UNIDENTIFIABLE));
        problems.or(Self {
            purposes: settings.purposes,
            treatments,
            otherwise: match settings.otherwise {
                Otherwise::Hide => Treatment::Hide,
                Otherwise::Show => Treatment::Show,
            },
            hidden: reason("statistics.hidden", "This is not shown for statistics."),
            generalised: reason("statistics.generalised", "For statistics only a less exact value is shown."),
            pseudonymised,
            gives_away: reason(
                "statistics.gives-away",
                "Its value would give away data that is not shown in full for statistics.",
            ),
        })
    }

    fn decide(&self, query: &Query) -> Decided {
        if !query.purpose().is_within_any(&self.purposes) {
            return Decided::Abstain;
        }
        query.narrow().each(|field| self.narrowed(&field)).into()
    }
}

impl Statistics {
    fn treatment(&self, category: &str) -> Treatment {
        self.treatments.get(category).copied().unwrap_or(self.otherwise)
    }

    /// The most that may be seen of a field: what its category allows, and no more than what its value gives away.
    fn narrowed(&self, field: &Field<'_>) -> Option<(Narrowed, Reason)> {
        let own = match self.treatment(field.category()) {
            Treatment::Hide => return Some((Narrowed::Hide, self.hidden)),
            // It gives nothing away, so a personal code need not be hidden for the birth date that it tells.
            Treatment::Mask(Mask::Pseudonym) => return Some((Mask::Pseudonym.into(), self.pseudonymised)),
            Treatment::Mask(mask) => Some((mask.into(), self.generalised)),
            Treatment::Show => None,
        };
        let gives_away = |is_met: fn(Treatment) -> bool| {
            field.reveals().any(|category| category != field.category() && is_met(self.treatment(category)))
        };
        if gives_away(|of| of == Treatment::Hide) {
            Some((Narrowed::Hide, self.gives_away))
        } else if gives_away(|of| of != Treatment::Show) {
            Some((Mask::Redact.into(), self.gives_away))
        } else {
            own
        }
    }
}

fn defaults() -> BTreeMap<String, Treatment> {
    let shown = SHOWN.iter().map(|&category| (category, Treatment::Show));
    let masked = MASKED.iter().map(|&(category, mask)| (category, Treatment::Mask(mask)));
    let hidden = HIDDEN.iter().map(|&category| (category, Treatment::Hide));
    let all = shown.chain(masked).chain(hidden);
    all.filter_map(|(category, treatment)| Some((Iri::new(category)?.to_string(), treatment))).collect()
}

fn read_masks(masks: &BTreeMap<String, String>, problems: &mut Problems) -> BTreeMap<String, Treatment> {
    let mut read = BTreeMap::new();
    for (category, mask) in masks {
        let pointer = format!("/masks/{}", category.replace('~', "~0").replace('/', "~1"));
        let treatment = match mask.as_str() {
            "show" => Some(Treatment::Show),
            "hide" => Some(Treatment::Hide),
            mask => Mask::named(mask).map(Treatment::Mask),
        };
        match (Iri::new(category), treatment) {
            (None, _) => problems.add(
                pointer,
                "This is no IRI: write it in full, or with one of the prefixes dpv, pd, eu-gdpr, services, law, rr.",
            ),
            (_, None) => problems.add(
                pointer,
                "There is no such mask: write show, hide, month, year, decade, municipality, county, initial, \
                 pseudonym or redact.",
            ),
            (Some(category), Some(treatment)) => {
                let earlier = read.insert(category.to_string(), treatment);
                problems.check(earlier.is_none(), pointer, "This category is named twice.");
            }
        }
    }
    read
}

paasla_rule::export!(Statistics);

#[cfg(test)]
mod tests {
    #[test]
    fn cases() {
        paasla_rule::testing::check::<crate::Statistics>(env!("CARGO_MANIFEST_DIR"));
    }

    #[test]
    fn every_default_has_a_known_prefix() {
        assert_eq!(super::defaults().len(), super::SHOWN.len() + super::MASKED.len() + super::HIDDEN.len());
    }
}
