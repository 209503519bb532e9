// SPDX-License-Identifier: Apache-2.0
//! HTTP statuses of what the app says: the one place where its kinds of ends become numbers. The app knows none, since
//! other kinds of doors have others.

use axum::http::StatusCode;
use paasla_app::{governance::refusal::RefusalKind, problem::NoAnswer};

/// The status of a query without an answer.
pub(super) fn of_no_answer(none: &NoAnswer) -> StatusCode {
    match none {
        NoAnswer::Invalid { .. } => StatusCode::BAD_REQUEST,
        NoAnswer::NotFound { .. } => StatusCode::NOT_FOUND,
        NoAnswer::Refused { .. } | NoAnswer::Capped { .. } => StatusCode::FORBIDDEN,
        NoAnswer::TooOften { .. } => StatusCode::TOO_MANY_REQUESTS,
        NoAnswer::Failed { code: "internal", .. } => StatusCode::INTERNAL_SERVER_ERROR,
        NoAnswer::Failed { .. } => StatusCode::SERVICE_UNAVAILABLE,
    }
}

/// The status of an act of governance that is not done.
pub(super) fn of_refusal(kind: RefusalKind) -> StatusCode {
    match kind {
        RefusalKind::Invalid => StatusCode::UNPROCESSABLE_ENTITY,
        RefusalKind::NotFound => StatusCode::NOT_FOUND,
        RefusalKind::Forbidden => StatusCode::FORBIDDEN,
        RefusalKind::Conflict => StatusCode::CONFLICT,
        RefusalKind::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
        RefusalKind::Failed => StatusCode::INTERNAL_SERVER_ERROR,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_end_has_its_own_status() {
        let failed = |code| NoAnswer::Failed { id: String::new(), code, retry_after: None };
        assert_eq!(of_no_answer(&failed("internal")), 500);
        assert_eq!(of_no_answer(&failed("rule_fault")), 503);
        assert_eq!(of_no_answer(&NoAnswer::Invalid { id: String::new(), problems: Vec::new() }), 400);
        let kinds = [
            (RefusalKind::Invalid, 422),
            (RefusalKind::NotFound, 404),
            (RefusalKind::Forbidden, 403),
            (RefusalKind::Conflict, 409),
            (RefusalKind::Unavailable, 503),
            (RefusalKind::Failed, 500),
        ];
        for (kind, status) in kinds {
            assert_eq!(of_refusal(kind), status);
            assert_eq!(kind.is_the_hosts(), status >= 500, "{kind:?}");
        }
    }
}
