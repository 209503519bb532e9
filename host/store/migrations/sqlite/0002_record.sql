-- SPDX-License-Identifier: Apache-2.0
-- Records of queries. `content` is the record; the other columns only find it.

CREATE TABLE record (
    id             TEXT    NOT NULL PRIMARY KEY,
    instant        INTEGER NOT NULL,  -- milliseconds since 1970-01-01T00:00:00Z
    outcome        TEXT    NOT NULL,
    status         INTEGER NOT NULL,
    generation     INTEGER NOT NULL,
    client         TEXT    NOT NULL,
    service        TEXT,
    version        INTEGER,
    official       TEXT,
    case_reference TEXT,
    message_id     TEXT,
    request_id     TEXT,
    content        TEXT    NOT NULL   -- JSON
) STRICT;

-- Every search is newest first, so each index ends in the order of the answer.
CREATE INDEX record_by_instant ON record (instant, id);
CREATE INDEX record_by_client  ON record (client, instant, id);
CREATE INDEX record_by_service ON record (service, instant, id);
CREATE INDEX record_by_outcome ON record (outcome, instant, id);

-- Who was asked about (keyed hashes), newest first per person: "who looked at my data".
CREATE TABLE record_subject (
    subject TEXT    NOT NULL,
    instant INTEGER NOT NULL,
    record  TEXT    NOT NULL,
    PRIMARY KEY (subject, instant, record)
) STRICT, WITHOUT ROWID;
