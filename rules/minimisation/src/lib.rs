// SPDX-License-Identifier: Apache-2.0
#![doc = include_str!("../README.md")]

use paasla_rule::{
    About, Decided, Field, Iri, IriSet, Narrowed, Problems, Query, Reason, Rule, because, local_name, pd,
    provision,
};
use serde::Deserialize;

const DATA_MINIMISATION: &str = "https://w3id.org/dpv/legal/eu/gdpr#DataMinimisationPrinciple";

/// Shows, for a purpose, only the categories of data that it needs.
#[derive(Debug)]
pub struct Minimisation(Settings);

/// The settings.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, default, rename_all = "camelCase")]
pub struct Settings {
    /// Which categories of data which purposes need.
    allow: Vec<Allowed>,
    /// What happens to a purpose that has no entry.
    otherwise: Otherwise,
    /// Categories that a needed field may give away though they are not needed themselves.
    may_reveal: IriSet,
}

impl Default for Settings {
    fn default() -> Self {
        let may_reveal = Iri::list(&[pd::BIRTH_DATE, pd::GENDER]).into_iter().collect();
        Self { allow: Vec::new(), otherwise: Otherwise::default(), may_reveal }
    }
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Allowed {
    purposes: IriSet,
    categories: IriSet,
}

#[derive(Debug, Default, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Otherwise {
    #[default]
    Refuse,
    HideAll,
}

impl Rule for Minimisation {
    type Settings = Settings;

    fn describe() -> About {
        About::new(
            env!("CARGO_PKG_NAME"),
            env!("CARGO_PKG_VERSION"),
            "Shows, for each purpose, only the categories of personal data that are named as needed for it. Every \
             other field is hidden.",
        )
        .settings(include_str!("../settings.schema.json"))
        .implements(provision(
            DATA_MINIMISATION,
            "GDPR: data minimisation",
            "https://eur-lex.europa.eu/eli/reg/2016/679/oj",
        ))
    }

    fn configure(settings: Settings) -> Result<Self, Problems> {
        let mut problems = Problems::none();
        problems.check(!settings.allow.is_empty(), "/allow", "Name at least one purpose and what it needs.");
        for (nth, allowed) in settings.allow.iter().enumerate() {
            let at = |member: &str| format!("/allow/{nth}/{member}");
            problems.check(!allowed.purposes.is_empty(), at("purposes"), "Name at least one purpose.");
            problems.check(!allowed.categories.is_empty(), at("categories"), "Name at least one category.");
        }
        problems.or(Self(settings))
    }

    fn decide(&self, query: &Query) -> Decided {
        let Self(Settings { allow, otherwise, may_reveal }) = self;
        let of_purpose = |allowed: &&Allowed| allowed.purposes.covers(&query.purpose);
        let allowed: Vec<&IriSet> = allow.iter().filter(of_purpose).map(|entry| &entry.categories).collect();
        let purpose = local_name(&query.purpose.iri);

        if allowed.is_empty() && *otherwise == Otherwise::Refuse {
            let message = format!("It is not laid down which data the purpose {purpose} needs.");
            let reason = because("minimisation.purpose-not-configured", &message);
            return query.refuse(reason.under(DATA_MINIMISATION));
        }
        // Once for each category: many fields share one.
        let not_needed: Vec<Option<Reason>> = query
            .categories
            .iter()
            .map(|category| {
                let is_needed = allowed.iter().any(|needed| needed.contains(category));
                (!is_needed).then(|| not_needed(purpose, local_name(category)))
            })
            .collect();
        let reason = |category: usize| not_needed.get(category).and_then(Option::as_ref);
        let may_not_reveal = |&category: &usize| {
            let iri = query.categories.get(category);
            !iri.is_some_and(|iri| may_reveal.contains(iri))
        };
        let hide_unless_needed = |field: Field<'_>| {
            let given_away = || field.reveals_indexes().filter(may_not_reveal).find_map(reason);
            let reason = reason(field.category_index()).or_else(given_away)?;
            Some((Narrowed::Hide, reason))
        };
        query.narrow().each(hide_unless_needed).into()
    }
}

fn not_needed(purpose: &str, category: &str) -> Reason {
    let message = ["The purpose ", purpose, " does not need data of the category ", category, "."].concat();
    because("minimisation.category-not-needed", &message).under(DATA_MINIMISATION)
}

paasla_rule::export!(Minimisation);

#[cfg(test)]
mod tests {
    #[test]
    fn cases() {
        paasla_rule::testing::check::<crate::Minimisation>(env!("CARGO_MANIFEST_DIR"));
    }
}
