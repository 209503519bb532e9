-- SPDX-License-Identifier: Apache-2.0
-- How control data changes, and who changed it. `content` (JSON) is the thing; the other columns only find it.

-- People and programs that may change control data. Tokens themselves are never stored.
CREATE TABLE token (
    hash    TEXT NOT NULL PRIMARY KEY,  -- SHA-256 of the token
    id      TEXT NOT NULL UNIQUE,
    content TEXT NOT NULL
) STRICT;

-- Keys whose signatures on rules count.
CREATE TABLE trust_key (
    id      TEXT NOT NULL PRIMARY KEY,  -- SHA-256 of the public key
    content TEXT NOT NULL
) STRICT;

-- Who brought a rule in, and how many of its cases passed.
CREATE TABLE admission (
    rule    TEXT NOT NULL PRIMARY KEY REFERENCES rule (digest),
    content TEXT NOT NULL
) STRICT;

CREATE TABLE signature (
    rule    TEXT NOT NULL REFERENCES rule (digest),
    key     TEXT NOT NULL,
    content TEXT NOT NULL,
    PRIMARY KEY (rule, key)
) STRICT, WITHOUT ROWID;

-- Versions of policies, counted from 1 for each name. Whether one is in force is said by the rulebook alone.
CREATE TABLE policy_version (
    name    TEXT    NOT NULL,
    version INTEGER NOT NULL,
    content TEXT    NOT NULL,
    PRIMARY KEY (name, version)
) STRICT, WITHOUT ROWID;

-- Every act, and every one that was refused. Nothing is ever updated or deleted here.
CREATE TABLE change (
    id      INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
    instant INTEGER NOT NULL,  -- milliseconds since 1970-01-01T00:00:00Z
    action  TEXT    NOT NULL,
    target  TEXT    NOT NULL,
    content TEXT    NOT NULL
) STRICT;

CREATE INDEX change_by_target ON change (target, id);
