-- SPDX-License-Identifier: Apache-2.0
-- How many persons each client asked about, per minute, hour and day.

CREATE TABLE usage_bucket (
    client  TEXT    NOT NULL,
    basis   TEXT    NOT NULL,
    grain   INTEGER NOT NULL,  -- length of the bucket in milliseconds
    start   INTEGER NOT NULL,  -- its first millisecond since 1970-01-01T00:00:00Z
    persons INTEGER NOT NULL,
    PRIMARY KEY (client, basis, grain, start)
) STRICT, WITHOUT ROWID;

CREATE INDEX usage_bucket_by_age ON usage_bucket (grain, start);
