-- SPDX-License-Identifier: Apache-2.0
-- Persons that queries may still tell of for which a cap holds. A query is in this table or, through its record, in
-- `usage_bucket`, never in both.

CREATE TABLE usage_reservation (
    id      TEXT    NOT NULL PRIMARY KEY,                     -- the query's, and so its record's
    client  TEXT    NOT NULL,                                 -- the holder of the access right
    basis   TEXT    NOT NULL,
    instant INTEGER NOT NULL,                                 -- when the query arrived
    persons INTEGER NOT NULL,                                 -- at most; once settled, as many as it tells of
    settled INTEGER NOT NULL CHECK (settled IN (0, 1))
) STRICT, WITHOUT ROWID;

CREATE INDEX usage_reservation_by_holder ON usage_reservation (client, basis);
