// SPDX-License-Identifier: Apache-2.0
#![doc = include_str!("../README.md")]

use paasla_rule::{
    About, Date, Decided, Iri, Mask, Problems, Query, Reason, Review, Reviewed, Row, Rule, Setup, Test,
    Value, any_of, because, fact, not, own_category, pd, provision, row_fact,
};
use serde::Deserialize;

/// The place of a provision in `describe`.
const DATA_MINIMISATION: u32 = 0;

/// Protects data of children and of custody, except for the purposes that need it.
#[derive(Debug)]
pub struct Minors {
    settings: Settings,
    custody: Reason,
    child: Reason,
    birth_year: Reason,
}

/// The settings.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase", default)]
pub struct Settings {
    /// From this age on a person is an adult.
    adult_age: u8,
    /// The purposes for which data of children and of custody is available.
    purposes: Vec<Iri>,
    /// The categories of data of custody.
    custody_categories: Vec<Iri>,
    /// What happens to a child's rows for any other purpose.
    otherwise: Otherwise,
}

#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Otherwise {
    /// The year of birth stays, everything else is hidden.
    Generalise,
    /// The rows are never read.
    LeaveOut,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            adult_age: 18,
            purposes: Vec::new(),
            custody_categories: Iri::list(&["urn:paasla:rr#Custody"]),
            otherwise: Otherwise::Generalise,
        }
    }
}

impl Rule for Minors {
    type Settings = Settings;

    fn describe() -> About {
        About::new(
            env!("CARGO_PKG_NAME"),
            env!("CARGO_PKG_VERSION"),
            "Except for the purposes that need it, hides data of custody, and shows of a child at most the year of \
             birth, or nothing at all.",
        )
        .settings(include_str!("../settings.schema.json"))
        .needs_of_rows(fact("subject.birth-date", "whether the person is a child on the day of the query"))
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
        let is_age = (1..=99).contains(&settings.adult_age);
        problems.check(is_age, "/adultAge", "Name an age from 1 to 99.");
        let has_custody = !settings.custody_categories.is_empty();
        problems.check(
            has_custody,
            "/custodyCategories",
            "Name at least one category, or leave the setting out.",
        );
        let mut reason = |code, message| setup.declare(because(code, message).under(DATA_MINIMISATION));
        problems.or(Self {
            settings,
            custody: reason(
                "minors.custody-not-for-purpose",
                "Data of custody is not available for the stated purpose.",
            ),
            child: reason(
                "minors.child-not-for-purpose",
                "Data of children is not available for the stated purpose.",
            ),
            birth_year: reason(
                "minors.birth-date-generalised",
                "Of a child's birth date only the year is available for the stated purpose.",
            ),
        })
    }

    fn decide(&self, query: &Query) -> Decided {
        let Settings { purposes, custody_categories, otherwise, .. } = &self.settings;
        if query.purpose().is_within_any(purposes) {
            return Decided::Abstain;
        }
        let narrow = query.narrow().hide(any_of(custody_categories), self.custody);
        match otherwise {
            // To look for persons by anything is to learn it of those who are found. A child is not found by what must
            // not be seen of it, so it need not be read: then neither a count nor the time that it takes tells of it.
            Otherwise::Generalise if !query.is_search() => narrow.review().into(),
            Otherwise::Generalise | Otherwise::LeaveOut => {
                let is_adult = row_fact(0).test(Test::AtMost, Value::Date(self.latest_adult(query).0));
                narrow.only_rows(is_adult, self.child).into()
            }
        }
    }

    fn review(&self, query: &Query, rows: &[Row]) -> Reviewed {
        let latest_adult = self.latest_adult(query);
        let mut review = Review::of(query);
        for (index, row) in (0..).zip(rows) {
            if stands_under_child(row, rows, latest_adult) {
                review.leave_out(index, self.child);
            } else if is_child(row, latest_adult) {
                review.mask(index, row, own_category(pd::BIRTH_DATE), Mask::Year, self.birth_year);
                review.hide(index, row, not(own_category(pd::BIRTH_DATE)), self.child);
            }
        }
        review.into()
    }
}

impl Minors {
    /// The birthday of the youngest adults on the day of the query.
    fn latest_adult(&self, query: &Query) -> Date {
        query.today().years_earlier(self.settings.adult_age)
    }
}

/// Whether the row is about a child. A person without a birth date counts as one; a row of a group without a
/// birth date is not about a person of its own.
fn is_child(row: &Row, latest_adult: Date) -> bool {
    row.fact(0).date().map_or(row.group.is_none(), |born| born > latest_adult)
}

/// Whether the row belongs to a row about a child: a child's relations, documents and addresses tell of the child.
fn stands_under_child(row: &Row, rows: &[Row], latest_adult: Date) -> bool {
    if row.group.is_none() {
        return false;
    }
    let parent = row.parent.and_then(|parent| rows.get(usize::try_from(parent).ok()?));
    parent
        .is_none_or(|parent| is_child(parent, latest_adult) || stands_under_child(parent, rows, latest_adult))
}

paasla_rule::export!(Minors);

#[cfg(test)]
mod tests {
    #[test]
    fn cases() {
        paasla_rule::testing::check::<crate::Minors>(env!("CARGO_MANIFEST_DIR"));
    }
}
