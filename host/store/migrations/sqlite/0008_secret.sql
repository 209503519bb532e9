-- SPDX-License-Identifier: Apache-2.0
-- By what the host's secret is known again. It is kept apart from this database; with another one, pseudonyms and the
-- hashes in records would mean other persons.

CREATE TABLE secret_check (
    one   INTEGER PRIMARY KEY CHECK (one = 1),
    value TEXT    NOT NULL  -- HMAC-SHA-256 of a fixed text, in hex
) STRICT;
