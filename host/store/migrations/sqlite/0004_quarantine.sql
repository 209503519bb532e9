-- SPDX-License-Identifier: Apache-2.0
-- Policies that were taken out of service because their rule broke too often. Nothing is deleted: who lifts a
-- quarantine signs it.

CREATE TABLE quarantine (
    id          INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
    policy      TEXT    NOT NULL,
    rule        TEXT    NOT NULL,  -- SHA-256 of the rule's bytes
    settings    TEXT    NOT NULL,  -- SHA-256 of what the rule was configured with
    since       INTEGER NOT NULL,  -- milliseconds since 1970-01-01T00:00:00Z
    faults      INTEGER NOT NULL,
    kind        TEXT    NOT NULL,  -- of the last fault
    action      TEXT    NOT NULL CHECK (action IN ('refuse', 'previous')),
    lifted_at   INTEGER,           -- milliseconds since 1970-01-01T00:00:00Z
    lifted_by   TEXT,
    lift_reason TEXT,
    CHECK ((lifted_at IS NULL) = (lifted_by IS NULL) AND (lifted_at IS NULL) = (lift_reason IS NULL))
) STRICT;

-- One version of a policy is in quarantine once.
CREATE UNIQUE INDEX quarantine_in_force ON quarantine (policy, rule, settings) WHERE lifted_at IS NULL;
