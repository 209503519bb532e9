// SPDX-License-Identifier: Apache-2.0
#![doc = include_str!("../README.md")]

use paasla_rule::{
    About, Decided, Field, Iri, IriMap, IriSet, Narrowed, Problems, Query, Reason, Rule, because, local_name,
    pd, provision,
};
use serde::Deserialize;

/// The place of a provision in `describe`.
const DATA_MINIMISATION: u32 = 0;

/// Shows, for a purpose, only the categories of data that it needs.
#[derive(Debug)]
pub struct Minimisation {
    /// The places, in `needed`, of what purposes need.
    by_purpose: IriMap<usize>,
    needed: Vec<IriSet>,
    otherwise: Otherwise,
    may_reveal: IriSet,
}

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
        .implements(
            DATA_MINIMISATION,
            provision(
                "https://w3id.org/dpv/legal/eu/gdpr#DataMinimisationPrinciple",
                "GDPR: data minimisation",
                "https://eur-lex.europa.eu/eli/reg/2016/679/oj",
            ),
        )
    }

    fn configure(settings: Settings) -> Result<Self, Problems> {
        let mut problems = Problems::none();
        problems.check(!settings.allow.is_empty(), "/allow", "Name at least one purpose and what it needs.");
        for (nth, allowed) in settings.allow.iter().enumerate() {
            let at = format_args!("/allow/{nth}/purposes");
            problems.check(!allowed.purposes.is_empty(), at, "Name at least one purpose.");
            let at = format_args!("/allow/{nth}/categories");
            problems.check(!allowed.categories.is_empty(), at, "Name at least one category.");
        }
        let Settings { allow, otherwise, may_reveal } = settings;
        let purposes = allow.iter().enumerate();
        let by_purpose =
            purposes.flat_map(|(nth, entry)| entry.purposes.iter().map(move |iri| (iri.clone(), nth)));
        let by_purpose = by_purpose.collect();
        let needed = allow.into_iter().map(|entry| entry.categories).collect();
        problems.or(Self { by_purpose, needed, otherwise, may_reveal })
    }

    fn decide(&self, query: &Query) -> Decided {
        let Self { by_purpose, needed, otherwise, may_reveal } = self;
        let entries = by_purpose.covering(query.purpose());
        let needed: Vec<&IriSet> = entries.filter_map(|entry| needed.get(*entry)).collect();
        let purpose = local_name(query.purpose().iri());

        if needed.is_empty() && *otherwise == Otherwise::Refuse {
            let message = format!("It is not laid down which data the purpose {purpose} needs.");
            let reason = because("minimisation.purpose-not-configured", message);
            return query.refuse(reason.under(DATA_MINIMISATION));
        }
        // Once for each category: many fields share one.
        let is_needed = |category| needed.iter().any(|needed| needed.contains(category));
        let are_needed: Vec<bool> = query.categories().map(is_needed).collect();
        let is_needed = |category: &usize| are_needed.get(*category).is_some_and(|needed| *needed);
        let may_reveal =
            |category: &usize| query.category(*category).is_some_and(|iri| may_reveal.contains(iri));
        let hide_unless_needed = |field: Field<'_>| {
            let own = field.category_index();
            let given_away = || field.reveals_indexes().find(|one| !is_needed(one) && !may_reveal(one));
            let category = if is_needed(&own) { given_away()? } else { own };
            Some((Narrowed::Hide, category))
        };
        let reason = |category| not_needed(purpose, local_name(query.category(category).unwrap_or_default()));
        query.narrow().each_numbered(hide_unless_needed, reason).into()
    }
}

fn not_needed(purpose: &str, category: &str) -> Reason {
    let message = ["The purpose ", purpose, " does not need data of the category ", category, "."].concat();
    because("minimisation.category-not-needed", message).under(DATA_MINIMISATION)
}

paasla_rule::export!(Minimisation);

#[cfg(test)]
mod tests {
    #[test]
    fn cases() {
        paasla_rule::testing::check::<crate::Minimisation>(env!("CARGO_MANIFEST_DIR"));
    }
}
