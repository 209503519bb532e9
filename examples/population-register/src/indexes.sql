-- SPDX-License-Identifier: Apache-2.0
-- Made after the rows: that is much faster than keeping them up while rows come in.

CREATE UNIQUE INDEX person_by_personal_code ON person (personal_code);
CREATE INDEX person_by_name ON person (family_name_folded, given_name_folded);
CREATE INDEX person_by_residence ON person (residence_address_id);
CREATE INDEX municipality_by_county ON municipality (county_code);
CREATE INDEX address_by_municipality ON address (municipality_code);
CREATE INDEX name_history_by_person ON name_history (person_id);
CREATE INDEX name_history_by_name ON name_history (family_name, given_name);
CREATE INDEX citizenship_by_person ON citizenship (person_id);
CREATE INDEX residence_history_by_person ON residence_history (person_id);
CREATE INDEX residence_history_by_address ON residence_history (address_id);
CREATE INDEX contact_by_person ON contact (person_id);
CREATE INDEX document_by_person ON document (person_id);
CREATE INDEX relation_by_person ON relation (person_id);
CREATE INDEX relation_by_other ON relation (other_person_id);
CREATE INDEX custody_by_person ON custody (person_id);
CREATE INDEX custody_by_other ON custody (other_person_id);
CREATE INDEX access_restriction_by_person ON access_restriction (person_id);
