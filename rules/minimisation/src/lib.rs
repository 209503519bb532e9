// SPDX-License-Identifier: Apache-2.0
#![doc = include_str!("../README.md")]

use paasla_rule::{
    About, Decided, Field, Iri, IriMap, IriSet, Narrowed, Problems, Query, Reason, Rule, Setup, because,
    local_name, pd, provision,
};
use serde::Deserialize;

/// The place of a provision in `describe`.
const DATA_MINIMISATION: u32 = 0;

/// Shows, for a purpose, only the categories of data that it needs.
#[derive(Debug)]
pub struct Minimisation {
    /// The places, in `needed`, of what purposes need.
    by_purpose: IriMap<usize>,
    /// Of each the categories of the register that it needs, by their place.
    needed: Vec<Vec<bool>>,
    otherwise: Otherwise,
    /// By category: whether a needed field may give it away.
    may_reveal: Vec<bool>,
    /// By category: why a field is hidden for it.
    not_needed: Vec<Reason>,
    not_configured: Reason,
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

    fn configure(settings: Settings, setup: &mut Setup<'_>) -> Result<Self, Problems> {
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
        let register = setup.register();
        let among = |set: &IriSet| register.categories().map(|category| set.contains(category)).collect();
        let needed = allow.iter().map(|entry| among(&entry.categories)).collect();
        let may_reveal = among(&may_reveal);
        let not_configured = because(
            "minimisation.purpose-not-configured",
            "It is not laid down which data the stated purpose needs.",
        );
        let not_configured = setup.declare(not_configured.under(DATA_MINIMISATION));
        let not_needed = register.categories().map(|category| {
            let category = local_name(category);
            let message = format!("The stated purpose does not need data of the category {category}.");
            setup.declare(because("minimisation.category-not-needed", message).under(DATA_MINIMISATION))
        });
        let not_needed = not_needed.collect();
        problems.or(Self { by_purpose, needed, otherwise, may_reveal, not_needed, not_configured })
    }

    fn decide(&self, query: &Query) -> Decided {
        let entries = self.by_purpose.covering(query.purpose());
        let needed: Vec<&Vec<bool>> = entries.filter_map(|entry| self.needed.get(*entry)).collect();
        if needed.is_empty() && self.otherwise == Otherwise::Refuse {
            return query.refuse(self.not_configured);
        }
        let is = |list: &[bool], category: usize| list.get(category).is_some_and(|is| *is);
        let is_needed = |category: usize| needed.iter().any(|needed| is(needed, category));
        let hide_unless_needed = |field: Field<'_>| {
            let own = field.category_index();
            let may_tell = |category: usize| is_needed(category) || is(&self.may_reveal, category);
            let given_away = || field.reveals_indexes().find(|category| !may_tell(*category));
            let category = if is_needed(own) { given_away()? } else { own };
            Some((Narrowed::Hide, *self.not_needed.get(category)?))
        };
        query.narrow().each(hide_unless_needed).into()
    }
}

paasla_rule::export!(Minimisation);

#[cfg(test)]
mod tests {
    #[test]
    fn cases() {
        paasla_rule::testing::check::<crate::Minimisation>(env!("CARGO_MANIFEST_DIR"));
    }
}
