-- SPDX-License-Identifier: Apache-2.0
-- What policies in shadow would have done. `version` is the digest of the policy in shadow.

-- Queries compared, per client.
CREATE TABLE shadow_count (
    version TEXT    NOT NULL,
    client  TEXT    NOT NULL,
    queries INTEGER NOT NULL,  -- compared
    changed INTEGER NOT NULL,  -- of these, would have been decided otherwise
    faults  INTEGER NOT NULL,  -- of these, the rule broke
    missed  INTEGER NOT NULL,  -- not compared, because too many waited
    PRIMARY KEY (version, client)
) STRICT, WITHOUT ROWID;

-- How often each difference came, per client.
CREATE TABLE shadow_tally (
    version TEXT    NOT NULL,
    client  TEXT    NOT NULL,
    kind    TEXT    NOT NULL,
    field   TEXT    NOT NULL,  -- empty when the difference is not of one field
    reason  TEXT    NOT NULL,  -- code; empty when there is none
    queries INTEGER NOT NULL,
    PRIMARY KEY (version, client, kind, field, reason)
) STRICT, WITHOUT ROWID;

-- Every query that would have been decided otherwise.
CREATE TABLE shadow_change (
    version TEXT    NOT NULL,
    record  TEXT    NOT NULL,
    instant INTEGER NOT NULL,  -- milliseconds since 1970-01-01T00:00:00Z
    client  TEXT    NOT NULL,
    service TEXT    NOT NULL,
    content TEXT    NOT NULL,  -- the differences, as JSON
    PRIMARY KEY (version, record)
) STRICT, WITHOUT ROWID;
