// SPDX-License-Identifier: Apache-2.0
//! What can go wrong inside a sandbox. Every fault refuses the query.

/// A rule broke, or broke a limit.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RuleFault {
    /// It used up its fuel.
    #[error("the rule used more than its {limit} units of fuel")]
    OutOfFuel {
        /// The ration.
        limit: u64,
    },
    /// It wanted more memory than its ration, and could not go on without.
    #[error("the rule wanted more than its {limit} bytes of memory")]
    OutOfMemory {
        /// The ration.
        limit: u64,
    },
    /// It wanted a larger table, and could not go on without.
    #[error("the rule wanted a table of more than {limit} elements")]
    OutOfTable {
        /// The limit.
        limit: usize,
    },
    /// It made more handles of its own resources.
    #[error("the rule held more than {limit} handles")]
    OutOfHandles {
        /// The limit.
        limit: usize,
    },
    /// Its calls stood too deep in one another.
    #[error("the rule's calls needed more than {limit} bytes of stack")]
    OutOfStack {
        /// The limit.
        limit: usize,
    },
    /// It ran past the backstop deadline.
    #[error("the rule ran for more than {limit_ms} ms")]
    Deadline {
        /// The backstop.
        limit_ms: u64,
    },
    /// It trapped: a panic, a division by zero, an access out of bounds.
    #[error("the rule trapped: {0}")]
    Trap(String),
    /// It returned more bytes than its ration.
    #[error("the rule returned more than its {limit} bytes")]
    OutputTooLarge {
        /// The ration.
        limit: u64,
    },
    /// It returned a list, or a text, that is longer than its kind may be.
    #[error("the rule returned more {what} than {limit}")]
    TooMany {
        /// Of what.
        what: &'static str,
        /// The limit.
        limit: usize,
    },
    /// What it returned could not be read: a pointer out of bounds, bad UTF-8, a case that does not exist.
    #[error("what the rule returned could not be read")]
    Unreadable,
    /// What it returned breaks the interface's rules.
    #[error("the rule returned what it must not: {0}")]
    Forbidden(&'static str),
    /// The host's own code panicked over it. Counted as the rule's: what breaks a host must not stay in service.
    #[error("the host panicked when it ran the rule")]
    Panic,
    /// No sandbox was free.
    #[error("no sandbox is free")]
    Busy,
    /// The host itself failed to run the sandbox.
    #[error("the sandbox could not be run")]
    Host,
}

impl RuleFault {
    /// A stable name for records and metrics.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match self {
            Self::OutOfFuel { .. } => "out-of-fuel",
            Self::OutOfMemory { .. } => "out-of-memory",
            Self::OutOfTable { .. } => "out-of-table",
            Self::OutOfHandles { .. } => "out-of-handles",
            Self::OutOfStack { .. } => "out-of-stack",
            Self::Deadline { .. } => "deadline",
            Self::Trap(_) => "trap",
            Self::OutputTooLarge { .. } => "output-too-large",
            Self::TooMany { .. } => "too-many",
            Self::Unreadable => "unreadable-output",
            Self::Forbidden(_) => "forbidden-output",
            Self::Panic => "panic",
            Self::Busy => "busy",
            Self::Host => "host",
        }
    }

    /// Whether the rule is to blame, not the host.
    #[must_use]
    pub fn is_the_rules(&self) -> bool {
        !matches!(self, Self::Busy | Self::Host)
    }
}
