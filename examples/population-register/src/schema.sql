-- SPDX-License-Identifier: Apache-2.0
-- The tables of the synthetic population register. Days are TEXT 'YYYY-MM-DD', truth values INTEGER 0 or 1.

CREATE TABLE about (
    key   TEXT PRIMARY KEY,
    value TEXT
) STRICT;

CREATE TABLE county (
    code TEXT PRIMARY KEY,
    name TEXT NOT NULL
) STRICT;

CREATE TABLE municipality (
    code        TEXT PRIMARY KEY,
    name        TEXT NOT NULL,
    county_code TEXT NOT NULL REFERENCES county (code)
) STRICT;

CREATE TABLE address (
    id                INTEGER PRIMARY KEY,
    municipality_code TEXT NOT NULL REFERENCES municipality (code),
    settlement        TEXT NOT NULL,
    street            TEXT,          -- NULL for a farm, which has a name in `house`
    house             TEXT NOT NULL,
    apartment         TEXT,
    postal_code       TEXT NOT NULL, -- invented
    full_text         TEXT NOT NULL
) STRICT;

CREATE TABLE person (
    id                        INTEGER PRIMARY KEY,
    personal_code             TEXT NOT NULL, -- EVS 585:2007; unique by index
    given_name                TEXT NOT NULL,
    family_name               TEXT NOT NULL,
    birth_family_name         TEXT NOT NULL,
    sex                       TEXT NOT NULL, -- M (mees), N (naine)
    birth_date                TEXT NOT NULL,
    birth_country             TEXT NOT NULL, -- ISO 3166-1 numeric
    birth_place               TEXT NOT NULL,
    status                    TEXT NOT NULL, -- E (alive), S (dead)
    death_date                TEXT,
    death_place               TEXT,
    main_citizenship          TEXT,          -- ISO 3166-1 numeric; NULL where undetermined
    marital_status            TEXT NOT NULL, -- single, married, divorced, widowed
    education                 TEXT NOT NULL,
    mother_tongue             TEXT NOT NULL, -- ISO 639-1
    ethnic_nationality        TEXT NOT NULL,
    legal_capacity_restricted INTEGER NOT NULL,
    residence_address_id      INTEGER REFERENCES address (id),
    given_name_folded         TEXT NOT NULL, -- as names are compared: small letters, one kind of dash, one form of Unicode
    family_name_folded        TEXT NOT NULL
) STRICT;

-- Names borne before the present one; `reason` says why the name ended.
CREATE TABLE name_history (
    id          INTEGER PRIMARY KEY,
    person_id   INTEGER NOT NULL REFERENCES person (id),
    given_name  TEXT NOT NULL,
    family_name TEXT NOT NULL,
    valid_from  TEXT NOT NULL,
    valid_until TEXT NOT NULL,
    reason      TEXT NOT NULL -- marriage, divorce, application
) STRICT;

CREATE TABLE citizenship (
    id          INTEGER PRIMARY KEY,
    person_id   INTEGER NOT NULL REFERENCES person (id),
    country     TEXT NOT NULL, -- ISO 3166-1 numeric
    valid_from  TEXT NOT NULL,
    valid_until TEXT
) STRICT;

CREATE TABLE residence_history (
    id          INTEGER PRIMARY KEY,
    person_id   INTEGER NOT NULL REFERENCES person (id),
    address_id  INTEGER NOT NULL REFERENCES address (id),
    kind        TEXT NOT NULL, -- residence, additional, whereabouts
    valid_from  TEXT NOT NULL,
    valid_until TEXT
) STRICT;

CREATE TABLE contact (
    id        INTEGER PRIMARY KEY,
    person_id INTEGER NOT NULL REFERENCES person (id),
    kind      TEXT NOT NULL, -- email, phone
    value     TEXT NOT NULL
) STRICT;

CREATE TABLE document (
    id          INTEGER PRIMARY KEY,
    person_id   INTEGER NOT NULL REFERENCES person (id),
    kind        TEXT NOT NULL, -- id-card, passport, residence-permit
    number      TEXT NOT NULL, -- series of our own
    issuer      TEXT NOT NULL,
    issued_on   TEXT NOT NULL,
    valid_until TEXT NOT NULL,
    status      TEXT NOT NULL -- valid, expired, revoked
) STRICT;

-- `other_person_id` is the parent, child or spouse of `person_id`.
CREATE TABLE relation (
    id              INTEGER PRIMARY KEY,
    person_id       INTEGER NOT NULL REFERENCES person (id),
    other_person_id INTEGER NOT NULL REFERENCES person (id),
    kind            TEXT NOT NULL, -- parent, child, spouse
    valid_from      TEXT NOT NULL,
    valid_until     TEXT
) STRICT;

-- Role `holder`: `person_id` holds custody over the other. Role `child`: `person_id` is the child.
CREATE TABLE custody (
    id                INTEGER PRIMARY KEY,
    person_id         INTEGER NOT NULL REFERENCES person (id),
    other_person_id   INTEGER REFERENCES person (id), -- NULL where an institution holds custody
    other_institution TEXT,
    role              TEXT NOT NULL, -- holder, child
    kind              TEXT NOT NULL, -- H10 (of the person), H20 (of the property)
    status            TEXT NOT NULL, -- H1 (valid), H2 (ended)
    started_on        TEXT NOT NULL,
    ended_on          TEXT
) STRICT;

CREATE TABLE access_restriction (
    id          INTEGER PRIMARY KEY,
    person_id   INTEGER NOT NULL REFERENCES person (id),
    valid_from  TEXT NOT NULL,
    valid_until TEXT -- NULL for an open-ended restriction
) STRICT;
