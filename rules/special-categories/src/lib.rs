// SPDX-License-Identifier: Apache-2.0
#![doc = include_str!("../README.md")]

use paasla_rule::{
    About, Decided, Field, Iri, Problems, Query, Reason, Rule, Setup, Term, because, provision, special,
};
use serde::Deserialize;

/// The place of a provision in `describe`.
const ARTICLE_9: u32 = 0;

/// What the IRI of every ground of GDPR Art. 9(2) starts with.
const GROUNDS: &str = "https://w3id.org/dpv/legal/eu/gdpr#A9-2-";

/// Hides special categories of personal data unless an accepted ground of GDPR Art. 9(2) is stated.
#[derive(Debug)]
pub struct SpecialCategories {
    accept: Vec<Accepted>,
    no_ground: Reason,
    not_accepted: Reason,
}

/// The settings.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Settings {
    /// Which grounds are accepted, for which purposes and categories.
    accept: Vec<Accepted>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Accepted {
    grounds: Vec<Iri>,
    /// Every purpose if none.
    purposes: Option<Vec<Iri>>,
    /// Every category if none.
    categories: Option<Vec<Iri>>,
}

impl Rule for SpecialCategories {
    type Settings = Settings;

    fn describe() -> About {
        About::new(
            env!("CARGO_PKG_NAME"),
            env!("CARGO_PKG_VERSION"),
            "Hides special categories of personal data unless the query states a ground of GDPR Art. 9(2) that is \
             accepted for its purpose and for the category. Accepts none unless the settings do.",
        )
        .settings(include_str!("../settings.schema.json"))
        .implements(
            ARTICLE_9,
            provision(
                "urn:eu:gdpr#a9",
                "GDPR Art. 9(1) and (2)",
                "https://eur-lex.europa.eu/eli/reg/2016/679/oj",
            ),
        )
    }

    fn configure(settings: Settings, setup: &mut Setup<'_>) -> Result<Self, Problems> {
        let mut problems = Problems::none();
        for (nth, accepted) in settings.accept.iter().enumerate() {
            let at = format_args!("/accept/{nth}/grounds");
            problems.check(!accepted.grounds.is_empty(), at, "Name at least one ground.");
            for (mth, ground) in accepted.grounds.iter().enumerate() {
                problems.check(
                    ground.as_str().starts_with(GROUNDS),
                    format_args!("/accept/{nth}/grounds/{mth}"),
                    "This is no ground of GDPR Art. 9(2): name one of eu-gdpr:A9-2-a to eu-gdpr:A9-2-j.",
                );
            }
            let is_empty = |list: &Option<Vec<Iri>>| list.as_ref().is_some_and(Vec::is_empty);
            let message = "Name at least one, or leave it out to mean all.";
            let at = format_args!("/accept/{nth}/purposes");
            problems.check(!is_empty(&accepted.purposes), at, message);
            let at = format_args!("/accept/{nth}/categories");
            problems.check(!is_empty(&accepted.categories), at, message);
        }
        let no_ground = because(
            "special-categories.no-ground",
            "This is a special category of personal data, and the query states no ground under GDPR Art. 9(2).",
        );
        let not_accepted = because(
            "special-categories.ground-not-accepted",
            "This is a special category of personal data, and the stated ground is not accepted for it here.",
        );
        problems.or(Self {
            accept: settings.accept,
            no_ground: setup.declare(no_ground.under(ARTICLE_9)),
            not_accepted: setup.declare(not_accepted.under(ARTICLE_9)),
        })
    }

    fn decide(&self, query: &Query) -> Decided {
        let Some(ground) = query.special_ground() else {
            return query.narrow().hide(special(), self.no_ground).into();
        };
        let is_accepted = |field: &Field<'_>| self.accept.iter().any(|one| one.accepts(ground, query, field));
        let barred = |field: &Field<'_>| field.special() && !is_accepted(field);
        query.narrow().hide(barred, self.not_accepted).into()
    }
}

impl Accepted {
    fn accepts(&self, ground: Term<'_>, query: &Query, field: &Field<'_>) -> bool {
        ground.is_within_any(&self.grounds)
            && self.purposes.as_ref().is_none_or(|purposes| query.purpose().is_within_any(purposes))
            && self.categories.as_ref().is_none_or(|all| all.iter().any(|one| *one == *field.category()))
    }
}

paasla_rule::export!(SpecialCategories);

#[cfg(test)]
mod tests {
    #[test]
    fn cases() {
        paasla_rule::testing::check::<crate::SpecialCategories>(env!("CARGO_MANIFEST_DIR"));
    }
}
