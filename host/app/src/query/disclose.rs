// SPDX-License-Identifier: Apache-2.0
//! Disclosure: the answer, made of what was decided and read. Masks are applied here, and nowhere else.

use paasla_core::{Decision, FieldDecision, Obligation, Visibility};
use paasla_register::RowId;

use super::{
    Queries,
    access::Resolved,
    answer::{Answer, AnswerField},
    review::Reviewed,
    rows::Shaper,
};
use crate::active::Active;

impl Queries {
    /// The answer, and which rows are in it.
    pub(crate) fn disclose(
        &self,
        resolved: &Resolved<'_>,
        active: &Active,
        decision: &Decision,
        reviewed: &Reviewed,
    ) -> (Answer, Vec<RowId>) {
        let entity = &resolved.service.entity;
        let fields = self.fields(resolved, decision);
        let mut places = vec![None; resolved.query.fields.len()];
        for (place, asked) in resolved.asked.iter().enumerate() {
            if let Ok(index) = asked
                && let Some(slot) = places.get_mut(*index)
            {
                *slot = Some(place);
            }
        }
        let mut groups: Vec<&str> = Vec::new();
        for field in &fields {
            if let Some(group) = field.group.as_deref()
                && field.decision.visibility != Visibility::Hide
                && !groups.contains(&group)
            {
                groups.push(group);
            }
        }
        let shaper = Shaper {
            description: &self.description,
            entity,
            query: &resolved.query,
            masker: &self.masker,
            places: &places,
            groups: &groups,
            decision,
            may_be_found: &|row| self.may_be_found(resolved, row),
            end: reviewed.end,
        };
        let (mut ids, mut rows) = (Vec::new(), Vec::new());
        for (place, row) in shaper.answer_rows(&reviewed.rows, &reviewed.settled) {
            ids.extend(reviewed.rows.rows.get(place).map(|read| read.id.clone()));
            rows.push(row);
        }
        let answer = Answer {
            id: resolved.query.id.clone(),
            generation: active.rulebook.generation,
            purpose: resolved.query.purpose.iri.clone(),
            legal_basis: resolved.query.legal_basis.iri.clone(),
            fields,
            obligations: obligations(decision),
            rows,
            more: reviewed.more || !reviewed.rows.cut.is_empty(),
        };
        (answer, ids)
    }

    /// Every field asked for, in the order asked, with what may be seen of it.
    pub(super) fn fields(&self, resolved: &Resolved<'_>, decision: &Decision) -> Vec<AnswerField> {
        let asked = resolved.names.iter().zip(&resolved.asked);
        let field = |(name, asked): (&&str, &Result<usize, FieldDecision>)| {
            let decision = match asked {
                Err(closed) => closed.clone(),
                Ok(index) => {
                    let mut own = decision.fields.get(*index).cloned().unwrap_or_else(FieldDecision::shown);
                    if let Some(effective) =
                        self.description.effective(&resolved.service.entity, name, own.visibility)
                    {
                        own.visibility = effective;
                    }
                    own
                }
            };
            let group = name.split_once('.').map(|(group, _)| group.to_owned());
            AnswerField { name: (*name).to_owned(), group, decision }
        };
        asked.map(field).collect()
    }
}

/// What the client has to observe.
pub(super) fn obligations(decision: &Decision) -> Vec<Obligation> {
    decision.obligations.iter().filter(|obligation| obligation.code == "inform-client").cloned().collect()
}
