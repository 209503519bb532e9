// SPDX-License-Identifier: Apache-2.0
//! Refusals of acts: of what kind each is, and every problem.

use paasla_store::StoreError;

use crate::problem::Problem;

/// Why an act of governance is not done: every problem, and nothing has changed. Unlike problems of queries these may
/// repeat names that were sent: control data holds no personal data.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// What kind of refusal it is.
    pub kind: RefusalKind,
    /// Every problem.
    pub problems: Vec<Problem>,
}

/// Of what kind a refusal is. A door has its own word for each.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RefusalKind {
    /// What was sent is wrong.
    Invalid,
    /// What it is about is not there.
    NotFound,
    /// This actor may not do it.
    Forbidden,
    /// It does not fit where things stand.
    Conflict,
    /// The host cannot do it now.
    Unavailable,
    /// The host failed.
    Failed,
}

impl RefusalKind {
    /// Whether it says something of the host, and nothing of what was asked for.
    #[must_use]
    pub fn is_the_hosts(self) -> bool {
        matches!(self, Self::Unavailable | Self::Failed)
    }
}

impl Refusal {
    /// One problem with what was sent.
    #[must_use]
    pub fn invalid(code: &'static str, place: impl Into<String>, message: impl Into<String>) -> Self {
        Self::new(RefusalKind::Invalid, code, place, message)
    }

    /// Something that is not there.
    #[must_use]
    pub fn not_found(what: &str, name: &str) -> Self {
        Self::new(RefusalKind::NotFound, "not_found", "url", format!("there is no {what} `{name}`"))
    }

    /// Something that does not fit where things stand.
    #[must_use]
    pub fn conflict(code: &'static str, message: impl Into<String>) -> Self {
        Self::new(RefusalKind::Conflict, code, "state", message)
    }

    /// Two at a time.
    pub(crate) fn changed_meanwhile() -> Self {
        Self::conflict("changed_meanwhile", "somebody else changed it at the same time; look and try again")
    }

    /// Whether it says something of the host, or of the moment, and nothing of what was asked for.
    pub(crate) fn is_passing(&self) -> bool {
        let passing = |code: &str| matches!(code, "rulebook_wrong" | "changed_meanwhile");
        self.kind.is_the_hosts() || self.problems.iter().any(|problem| passing(problem.code))
    }

    /// Something that this actor may not do.
    #[must_use]
    pub fn forbidden(code: &'static str, message: impl Into<String>) -> Self {
        Self::new(RefusalKind::Forbidden, code, "token", message)
    }

    /// Every problem with what was sent; none when there is no problem.
    pub(crate) fn all(problems: Vec<Problem>) -> Result<(), Self> {
        if problems.is_empty() { Ok(()) } else { Err(Self { kind: RefusalKind::Invalid, problems }) }
    }

    fn new(
        kind: RefusalKind,
        code: &'static str,
        place: impl Into<String>,
        message: impl Into<String>,
    ) -> Self {
        Self { kind, problems: vec![Problem::new(code, place, message)] }
    }

    /// Something that the host does not get round to now.
    pub(crate) fn busy(message: &str) -> Self {
        Self::new(RefusalKind::Unavailable, "overloaded", "host", message)
    }

    /// Something inside the host.
    #[must_use]
    pub fn internal() -> Self {
        Self::new(
            RefusalKind::Failed,
            "internal",
            "host",
            "the host failed; nothing changed; its log says why",
        )
    }
}

impl From<StoreError> for Refusal {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Conflict { .. } => Self::changed_meanwhile(),
            StoreError::NotFound { what, key } => Self::not_found(what, &key),
            StoreError::UnknownRule { digest, .. } => Self::not_found("rule", &digest),
            error @ StoreError::Replaced { .. } => {
                tracing::error!(%error, "an act of governance was refused");
                Self::new(
                    RefusalKind::Unavailable,
                    "store_replaced",
                    "host",
                    format!("{error}; nothing changed"),
                )
            }
            error => {
                let error: &dyn std::error::Error = &error;
                tracing::error!(error, "the store did not do what an act of governance needs");
                let message = "the store cannot be used now; nothing changed";
                Self::new(RefusalKind::Unavailable, "store_unavailable", "host", message)
            }
        }
    }
}
