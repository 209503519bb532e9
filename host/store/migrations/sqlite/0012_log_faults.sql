-- SPDX-License-Identifier: Apache-2.0
-- What tells whether the log of records is as it was written.

-- What no other segment has. Null: not known yet.
ALTER TABLE segment ADD COLUMN id BLOB;

-- What is wrong with segments and was accepted: the loss is known, and the host goes on without it.
CREATE TABLE accepted_loss (
    first   INTEGER NOT NULL,
    last    INTEGER NOT NULL,
    content TEXT    NOT NULL,  -- what is wrong, as JSON
    PRIMARY KEY (first, last, content)
) STRICT;
