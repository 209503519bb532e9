// SPDX-License-Identifier: Apache-2.0
//! The fields of a query.

use crate::{
    Query,
    bindings::exports::paasla::rule::ruling::{Mark, Marked, Texts},
};

/// One field that a query asks for, or looks up by.
#[derive(Debug, Clone, Copy)]
pub struct Field<'q> {
    query: &'q Query,
    index: u32,
    category: u32,
    /// What is marked of it, and behind that what is marked of later fields.
    marks: &'q [Mark],
}

impl Query {
    /// Its fields, in the order that rulings count them.
    pub fn fields(&self) -> impl Iterator<Item = Field<'_>> {
        let mut marks = self.marks.as_slice();
        (0..).zip(&self.fields).map(move |(index, &category)| {
            // They are sorted by field.
            while let [first, later @ ..] = marks
                && first.field < index
            {
                marks = later;
            }
            Field { query: self, index, category, marks }
        })
    }

    /// The name of a group that a field or a row belongs to.
    #[must_use]
    pub fn group(&self, index: Option<u32>) -> Option<&str> {
        index.and_then(|index| self.text_of(self.groups, index))
    }
}

impl<'q> Field<'q> {
    /// Its place in the query.
    #[must_use]
    pub fn index(&self) -> u32 {
        self.index
    }

    /// Its category of personal data: a full IRI.
    #[must_use]
    pub fn category(&self) -> &'q str {
        self.query.category(self.category_index()).unwrap_or_default()
    }

    /// Its category's place among [`Query::categories`]: what is worked out once for each category is found by it.
    #[must_use]
    pub fn category_index(&self) -> usize {
        usize::try_from(self.category).unwrap_or(usize::MAX)
    }

    /// The group of rows it belongs to; none for the entity's own fields.
    #[must_use]
    pub fn group(&self) -> Option<&'q str> {
        self.query.group(self.group_index())
    }

    /// The place of its group among the groups of the query.
    #[must_use]
    pub fn group_index(&self) -> Option<u32> {
        let group = |marked| if let Marked::Grouped(group) = marked { Some(group) } else { None };
        self.marks().find_map(group)
    }

    /// Whether it is a special category of personal data (GDPR Art. 9(1)).
    #[must_use]
    pub fn special(&self) -> bool {
        self.marks().any(|marked| matches!(marked, Marked::Special))
    }

    /// Places among [`Query::categories`] of what its value gives away besides its own category.
    pub fn reveals_indexes(&self) -> impl Iterator<Item = usize> + use<'q> {
        let category = |marked| if let Marked::GivesAway(category) = marked { Some(category) } else { None };
        self.marks().filter_map(category).map(|category| usize::try_from(category).unwrap_or(usize::MAX))
    }

    /// The categories that its value gives away besides its own.
    pub fn reveals(&self) -> impl Iterator<Item = &'q str> + use<'q> {
        let query = self.query;
        self.reveals_indexes().filter_map(|index| query.category(index))
    }

    /// Its name in the service, e.g. `birthDate`.
    ///
    /// # Panics
    /// When the rule does not say [`About::sees_names`](crate::About::sees_names): then it is not told, and a rule
    /// that took silence for a name would let fields pass that it means to hide.
    #[must_use]
    #[expect(clippy::expect_used, reason = "a rule that breaks refuses; one that is wrong must break")]
    pub fn name(&self) -> &'q str {
        self.told(self.query.names).expect("the rule's description must say `sees_names`")
    }

    /// What it means: the full IRI of a property.
    ///
    /// # Panics
    /// When the rule does not say [`About::sees_meanings`](crate::About::sees_meanings).
    #[must_use]
    #[expect(clippy::expect_used, reason = "a rule that breaks refuses; one that is wrong must break")]
    pub fn meaning(&self) -> &'q str {
        self.told(self.query.meanings).expect("the rule's description must say `sees_meanings`")
    }

    fn told(&self, texts: Option<Texts>) -> Option<&'q str> {
        self.query.text_of(texts?, self.index)
    }

    /// What is marked of it.
    fn marks(&self) -> impl Iterator<Item = Marked> + use<'q> {
        let index = self.index;
        self.marks.iter().take_while(move |mark| mark.field == index).map(|mark| mark.says)
    }
}
