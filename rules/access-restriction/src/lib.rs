// SPDX-License-Identifier: Apache-2.0
#![doc = include_str!("../README.md")]

use paasla_rule::{
    About, Decided, Iri, Problems, Query, Reason, Rule, Setup, because, fact, gdpr, provision, row_fact,
};
use serde::Deserialize;

/// The place of a provision in `describe`.
const RESTRICTION: u32 = 0;

/// Keeps persons who restricted access to their data out of every answer that serves no public task.
#[derive(Debug)]
pub struct AccessRestriction {
    public_task_bases: Vec<Iri>,
    restricted: Reason,
}

/// The settings.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase", default)]
pub struct Settings {
    /// The legal bases of public tasks: on these, and narrower ones, restricted persons are shown.
    public_task_bases: Vec<Iri>,
}

impl Default for Settings {
    fn default() -> Self {
        Self { public_task_bases: Iri::list(&[gdpr::PUBLIC_TASK]) }
    }
}

impl Rule for AccessRestriction {
    type Settings = Settings;

    fn describe() -> About {
        About::new(
            env!("CARGO_PKG_NAME"),
            env!("CARGO_PKG_VERSION"),
            "Answers about persons who restricted access to their data only where the query serves a public task. \
             For any other query they cannot be told from persons who are not in the register.",
        )
        .settings(include_str!("../settings.schema.json"))
        .needs_of_rows(fact("subject.access-restricted", "whether the person restricted access to their data"))
        .implements(
            RESTRICTION,
            provision(
                "urn:ee:rt:RRS#access-restriction",
                "Population Register Act: restriction of access to one's own data",
                "https://www.smit.ee",
            ),
        )
    }

    fn configure(settings: Settings, setup: &mut Setup<'_>) -> Result<Self, Problems> {
        let mut problems = Problems::none();
        let bases = settings.public_task_bases;
        problems.check(!bases.is_empty(), "/publicTaskBases", "Name at least one legal basis.");
        for (nth, basis) in bases.iter().enumerate() {
            problems.check(
                !basis.as_str().starts_with(gdpr::LEGITIMATE_INTEREST),
                format_args!("/publicTaskBases/{nth}"),
                "Legitimate interest is no public task: restricted data is never issued on it.",
            );
        }
        let restricted = because(
            "access-restriction.restricted",
            "The person restricted access to their data. Restricted data is issued for public tasks only.",
        );
        let restricted = setup.declare(restricted.under(RESTRICTION));
        problems.or(Self { public_task_bases: bases, restricted })
    }

    fn decide(&self, query: &Query) -> Decided {
        if query.legal_basis().is_within_any(&self.public_task_bases) {
            return Decided::Abstain;
        }
        query.narrow().only_rows(row_fact(0).is(false), self.restricted).into()
    }
}

paasla_rule::export!(AccessRestriction);

#[cfg(test)]
mod tests {
    #[test]
    fn cases() {
        paasla_rule::testing::check::<crate::AccessRestriction>(env!("CARGO_MANIFEST_DIR"));
    }
}
