-- SPDX-License-Identifier: Apache-2.0
-- What finds records. The records themselves are in the log, a folder beside this database; all of this can be made
-- again from it.

-- How far the log is in here. A segment is one file of it.
CREATE TABLE segment (
    number  INTEGER NOT NULL PRIMARY KEY,
    indexed INTEGER NOT NULL,  -- the first byte that was not looked at
    ended   INTEGER NOT NULL CHECK (ended IN (0, 1))
) STRICT;

CREATE INDEX segment_at_work ON segment (number) WHERE NOT ended;

CREATE TABLE record (
    place   INTEGER NOT NULL PRIMARY KEY,  -- in the log: 2^32 times the segment's number, and the first byte
    id      TEXT    NOT NULL,
    instant INTEGER NOT NULL,  -- milliseconds since 1970-01-01T00:00:00Z
    outcome TEXT    NOT NULL,
    client  TEXT    NOT NULL,
    service TEXT
) STRICT;

-- Every search is newest first, so each index ends in the order of the answer: instant, and then place, which SQLite
-- adds by itself.
CREATE INDEX record_by_id      ON record (id);
CREATE INDEX record_by_instant ON record (instant);
CREATE INDEX record_by_client  ON record (client, instant);
CREATE INDEX record_by_service ON record (service, instant);
CREATE INDEX record_by_outcome ON record (outcome, instant);

-- Who was asked about, newest first per person: "who looked at my data". Records hold keyed hashes of persons; this is
-- 16 bytes of SHA-256 over what a record holds, since it is spread over all of the index and should take little of it.
CREATE TABLE record_subject (
    subject BLOB    NOT NULL,
    instant INTEGER NOT NULL,
    place   INTEGER NOT NULL,
    PRIMARY KEY (subject, instant, place)
) STRICT, WITHOUT ROWID;
