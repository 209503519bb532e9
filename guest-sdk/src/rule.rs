// SPDX-License-Identifier: Apache-2.0
//! What a rule author implements.

use core::fmt::Display;

use serde::de::DeserializeOwned;

use crate::{Decided, Description, FactNeed, Problem, Provision, Query, Reviewed, Row, Setup};

/// A rule. Implement it for a type that holds the settings in the form that `decide` needs, and name the type in
/// [`export!`](crate::export).
pub trait Rule: Sized + 'static {
    /// The settings as they are written in JSON. Use `#[serde(deny_unknown_fields)]`, so that a typing mistake
    /// in a setting is found.
    type Settings: DeserializeOwned;

    /// What the rule is.
    fn describe() -> About;

    /// Takes the settings, and declares every reason that rulings will give ([`Setup::declare`]). What is worked out here
    /// of the register ([`Setup::register`]) costs no ruling anything.
    ///
    /// # Errors
    /// Every problem of the settings, each with where it is.
    fn configure(settings: Self::Settings, setup: &mut Setup<'_>) -> Result<Self, Problems>;

    /// Decides one query, before any data is read.
    fn decide(&self, query: &Query) -> Decided;

    /// Looks at rows, if `decide` asked for it. Says nothing by default.
    fn review(&self, query: &Query, rows: &[Row]) -> Reviewed {
        let _ = rows;
        crate::Review::of(query).into()
    }
}

/// A description in the making.
#[derive(Debug, Clone)]
pub struct About(Description);

impl About {
    /// Name and version (use `env!("CARGO_PKG_NAME")` and `env!("CARGO_PKG_VERSION")`), and what the rule does in
    /// a sentence or two.
    #[must_use]
    pub fn new(name: &str, version: &str, summary: &str) -> Self {
        Self(Description {
            name: name.to_owned(),
            version: version.to_owned(),
            summary: summary.to_owned(),
            settings_schema: r#"{"type":"object","additionalProperties":false}"#.to_owned(),
            facts: Vec::new(),
            row_facts: Vec::new(),
            reads: Vec::new(),
            provisions: Vec::new(),
        })
    }

    /// The JSON Schema of the settings.
    #[must_use]
    pub fn settings(mut self, schema: &str) -> Self {
        schema.clone_into(&mut self.0.settings_schema);
        self
    }

    /// A query fact that it needs. Their order gives the index for [`Query::fact`](crate::Query::fact).
    #[must_use]
    pub fn needs(mut self, need: FactNeed) -> Self {
        self.0.facts.push(need);
        self
    }

    /// A row fact that it needs. Their order gives the index for [`row_fact`](crate::row_fact) and
    /// [`Row::fact`].
    #[must_use]
    pub fn needs_of_rows(mut self, need: FactNeed) -> Self {
        self.0.row_facts.push(need);
        self
    }

    /// A category of fields whose raw values it wants to see in `review`.
    #[must_use]
    pub fn reads(mut self, category: &str) -> Self {
        self.0.reads.push(category.to_owned());
        self
    }

    /// A provision of law, or a principle, that it implements, with the place that reasons name it by
    /// ([`Because::under`](crate::Because::under)): 0 for the first, and so on.
    ///
    /// # Panics
    /// When it is not the provision of that place: a reason would name another law than it means.
    #[must_use]
    pub fn implements(mut self, place: u32, provision: Provision) -> Self {
        assert_eq!(usize::try_from(place), Ok(self.0.provisions.len()), "a provision in the wrong place");
        self.0.provisions.push(provision);
        self
    }
}

impl From<About> for Description {
    fn from(about: About) -> Self {
        about.0
    }
}

/// A fact that the rule cannot do without.
#[must_use]
pub fn fact(name: &str, summary: &str) -> FactNeed {
    FactNeed { name: name.to_owned(), summary: summary.to_owned(), optional: false }
}

impl FactNeed {
    /// The rule works without it.
    #[must_use]
    pub fn optional(mut self) -> Self {
        self.optional = true;
        self
    }
}

/// A provision of law, or a principle: id, name, and where it can be read.
#[must_use]
pub fn provision(id: &str, label: &str, source: &str) -> Provision {
    Provision { id: id.to_owned(), label: label.to_owned(), source: source.to_owned() }
}

/// What is wrong with settings. `Problems::none()`, then `add`, then `or(rule)`.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Problems(Vec<Problem>);

impl Problems {
    /// Nothing is wrong yet.
    #[must_use]
    pub fn none() -> Self {
        Self::default()
    }

    /// Something is wrong at a JSON pointer (`/purposes/0`).
    pub fn add(&mut self, pointer: impl Into<String>, message: impl Into<String>) {
        self.0.push(Problem { pointer: pointer.into(), message: message.into() });
    }

    /// Something is wrong at a JSON pointer unless this holds. The pointer may be `format_args!(…)`, and is put into
    /// words only then.
    pub fn check(&mut self, holds: bool, pointer: impl Display, message: &str) {
        if !holds {
            self.add(pointer.to_string(), message);
        }
    }

    /// The rule if nothing is wrong.
    ///
    /// # Errors
    /// The problems, if there are any.
    pub fn or<R>(self, rule: R) -> Result<R, Self> {
        if self.0.is_empty() { Ok(rule) } else { Err(self) }
    }
}

impl From<Problems> for Vec<Problem> {
    fn from(problems: Problems) -> Self {
        problems.0
    }
}
