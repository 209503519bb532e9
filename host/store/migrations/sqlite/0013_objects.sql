-- SPDX-License-Identifier: Apache-2.0
-- A rulebook as the governance objects that it holds. A change writes what it changes, and nothing of the rest. What was
-- kept in parts is brought over by the program (src/sqlite/rulebook/parts.rs), which then drops the two tables it was in.

-- What an object is (JSON), named by its SHA-256.
CREATE TABLE object (
    digest  TEXT NOT NULL PRIMARY KEY,
    content TEXT NOT NULL
) STRICT;

-- Which object stands under a name from a generation on, until the next row of that name. Nothing is ever updated or
-- deleted here: what holds at a generation is, of every name, the newest row up to it.
CREATE TABLE member (
    kind       TEXT    NOT NULL,
    name       TEXT    NOT NULL,
    generation INTEGER NOT NULL,
    place      INTEGER NOT NULL,  -- its order among those of its list; not counted from anything
    digest     TEXT REFERENCES object (digest),  -- none: it was taken out
    PRIMARY KEY (kind, name, generation)
) STRICT, WITHOUT ROWID;

ALTER TABLE generation RENAME TO generation_in_parts;

-- Every rulebook that ever was. The newest is the active one, so there is never none or two. Nothing is ever
-- updated or deleted here.
CREATE TABLE generation (
    generation   INTEGER NOT NULL PRIMARY KEY,
    installed_at INTEGER NOT NULL,  -- milliseconds since 1970-01-01T00:00:00Z
    installed_by TEXT    NOT NULL,
    reason       TEXT    NOT NULL,
    digest       TEXT    NOT NULL,  -- SHA-256 of the whole content
    policies     TEXT    NOT NULL   -- SHA-256 of its policies
) STRICT;
