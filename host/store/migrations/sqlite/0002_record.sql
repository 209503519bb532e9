-- SPDX-License-Identifier: Apache-2.0
-- How far the log of records is in `usage_bucket`. The records themselves and what finds them are files in a folder beside
-- this database.

-- A segment is one file of the log.
CREATE TABLE segment (
    number INTEGER NOT NULL PRIMARY KEY,
    noted  INTEGER NOT NULL,  -- the first byte that was not looked at
    ended  INTEGER NOT NULL CHECK (ended IN (0, 1))
) STRICT;

CREATE INDEX segment_at_work ON segment (number) WHERE NOT ended;
