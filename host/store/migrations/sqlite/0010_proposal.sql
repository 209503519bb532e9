-- SPDX-License-Identifier: Apache-2.0
-- Acts that loosen, which one person proposed and another confirms. `content` (JSON) is the thing. Nothing is ever
-- deleted here.

CREATE TABLE proposal (
    id      INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
    waiting INTEGER NOT NULL CHECK (waiting IN (0, 1)),  -- whether a second person is awaited
    content TEXT    NOT NULL
) STRICT;

CREATE INDEX proposal_waiting ON proposal (id) WHERE waiting = 1;
