// SPDX-License-Identifier: Apache-2.0
//! Ruling on rows that were read.

use crate::{
    Exception, Mask, Narrowed, Query, Reason, Reviewed, Row, RowRuling, Select, narrow::narrow_fields,
};

/// A review in the making. Ends as a [`Reviewed`] through `into()`.
#[derive(Debug, Clone)]
pub struct Review<'q> {
    query: &'q Query,
    reviewed: Reviewed,
}

impl<'q> Review<'q> {
    /// Starts with nothing to say of any row.
    #[must_use]
    pub fn of(query: &'q Query) -> Self {
        Self { query, reviewed: Reviewed { rows: Vec::new() } }
    }

    /// Leaves a row out; rows under it go with it.
    pub fn leave_out(&mut self, row: u32, reason: Reason) {
        self.row(row).leave_out = Some(reason.into());
    }

    /// Shows nothing of these fields in this row, nor of fields that give them away. `read` is the row: only
    /// fields of its own group can be meant.
    pub fn hide(&mut self, row: u32, read: &Row, fields: impl Select, reason: Reason) {
        self.narrow(row, read, fields, &Narrowed::Hide, &Narrowed::Hide, reason);
    }

    /// Shows these fields of this row through a mask, and redacts fields that give them away.
    pub fn mask(&mut self, row: u32, read: &Row, fields: impl Select, mask: Mask, reason: Reason) {
        self.narrow(row, read, fields, &mask.into(), &Mask::Redact.into(), reason);
    }

    fn narrow(
        &mut self,
        row: u32,
        read: &Row,
        fields: impl Select,
        own: &Narrowed,
        revealing: &Narrowed,
        reason: Reason,
    ) {
        let of_group = |field: &crate::Field<'_>| field.group() == read.group.as_deref();
        let select = InGroup(fields, of_group);
        let mut exceptions: Vec<Exception> = self.existing(row);
        narrow_fields(self.query, select, own, revealing, reason, &mut exceptions);
        if !exceptions.is_empty() {
            self.row(row).exceptions = exceptions;
        }
    }

    fn existing(&self, row: u32) -> Vec<Exception> {
        let rows = &self.reviewed.rows;
        let place = rows.binary_search_by_key(&row, |ruling| ruling.row).ok();
        place.and_then(|place| rows.get(place)).map_or_else(Vec::new, |ruling| ruling.exceptions.clone())
    }

    fn row(&mut self, row: u32) -> &mut RowRuling {
        let rows = &mut self.reviewed.rows;
        let place = rows.binary_search_by_key(&row, |ruling| ruling.row).unwrap_or_else(|place| {
            let fresh = RowRuling { row, leave_out: None, exceptions: Vec::new() };
            rows.insert(place, fresh);
            place
        });
        #[expect(clippy::indexing_slicing, reason = "`place` is the index just found or filled")]
        &mut rows[place]
    }
}

struct InGroup<S, G>(S, G);

impl<S: Select, G: Fn(&crate::Field<'_>) -> bool> Select for InGroup<S, G> {
    fn matches(&self, field: &crate::Field<'_>) -> crate::select::Match {
        if (self.1)(field) { self.0.matches(field) } else { crate::select::Match::No }
    }
}

impl From<Review<'_>> for Reviewed {
    fn from(review: Review<'_>) -> Self {
        review.reviewed
    }
}
