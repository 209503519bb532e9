-- SPDX-License-Identifier: Apache-2.0
-- Control data: rulebooks and rules.

-- "PSLA": tells this database from any other SQLite file (the register, say).
PRAGMA application_id = 1347636289;

-- One part of a rulebook (its vocabulary, services, grants or policies) as JSON, named by its SHA-256. A change of
-- policies does not copy the grants.
CREATE TABLE rulebook_part (
    digest  TEXT NOT NULL PRIMARY KEY,
    content TEXT NOT NULL
) STRICT;

-- Every rulebook that ever was. The newest is the active one, so there is never none or two. Nothing is ever
-- updated or deleted here.
CREATE TABLE generation (
    generation   INTEGER NOT NULL PRIMARY KEY,
    installed_at INTEGER NOT NULL,  -- milliseconds since 1970-01-01T00:00:00Z
    installed_by TEXT    NOT NULL,
    reason       TEXT    NOT NULL,
    vocabulary   TEXT    NOT NULL REFERENCES rulebook_part (digest),
    services     TEXT    NOT NULL REFERENCES rulebook_part (digest),
    grants       TEXT    NOT NULL REFERENCES rulebook_part (digest),
    policies     TEXT    NOT NULL REFERENCES rulebook_part (digest)
) STRICT;

-- WASM components, named by the SHA-256 of their bytes.
CREATE TABLE rule (
    digest    TEXT    NOT NULL PRIMARY KEY,
    name      TEXT    NOT NULL,
    version   TEXT    NOT NULL,
    summary   TEXT    NOT NULL,
    stored_at INTEGER NOT NULL,  -- milliseconds since 1970-01-01T00:00:00Z
    bytes     BLOB    NOT NULL
) STRICT;
