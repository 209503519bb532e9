-- SPDX-License-Identifier: Apache-2.0
-- Made-up people. 1 Mari is the mother of 3 Eva; 2 Jaan is the father and has restricted access to his data;
-- 4 Ants is dead and his restriction is over; 5 Kai lives nowhere and refers to people who are not there.

INSERT INTO county VALUES ('0079', 'Tartu maakond'), ('0037', 'Harju maakond');
INSERT INTO municipality VALUES ('0793', 'Tartu linn', '0079'), ('0784', 'Tallinn', '0037');
INSERT INTO address VALUES
    (1, '0793', 'Tartu linn', 'Riia', '2', '5', '51004', 'Riia 2-5, Tartu linn'),
    (2, '0784', 'Tallinn', 'Pikk', '9', NULL, '10123', 'Pikk 9, Tallinn');
INSERT INTO person VALUES
    (1, '49001010093', 'Mari-Liis', 'Kask', 'Tamm', 'N', '1990-01-01', '233', 'Tartu', 'E', NULL, NULL, '233',
     'married', 'master', 'et', 'estonian', 0, 1, 'mari-liis', 'kask'),
    (2, '36805280109', 'Jaan', 'Kask', 'Kask', 'M', '1968-05-28', '233', 'Võru', 'E', NULL, NULL, '233',
     'married', 'secondary', 'et', 'estonian', 0, 2, 'jaan', 'kask'),
    (3, '60001017869', 'Eva', 'Kask', 'Kask', 'N', '2000-01-01', '233', 'Tartu', 'E', NULL, NULL, '233',
     'single', 'none', 'et', 'estonian', 0, 1, 'eva', 'kask'),
    (4, '39901012239', 'Ants', 'Saar', 'Saar', 'M', '1999-01-01', '233', 'Narva', 'S', '2020-03-04', 'Narva', NULL,
     'single', 'basic', 'ru', 'russian', 1, 2, 'ants', 'saar'),
    (5, '49001010100', 'Kai', 'Lepp', 'Lepp', 'N', '1990-01-01', '246', 'Turu', 'E', NULL, NULL, '246',
     'single', 'basic', 'fi', 'finnish', 0, NULL, 'kai', 'lepp');
INSERT INTO access_restriction VALUES (1, 2, '2020-01-01', NULL), (2, 4, '2015-01-01', '2019-12-31');
INSERT INTO name_history VALUES (1, 1, 'Mari-Liis', 'Tamm', '1990-01-01', '2015-06-06', 'marriage');
INSERT INTO citizenship VALUES (1, 1, '233', '1990-01-01', NULL);
INSERT INTO residence_history VALUES
    (1, 1, 2, 'residence', '1990-01-01', '2014-12-31'),
    (2, 1, 1, 'residence', '2015-01-01', NULL);
INSERT INTO contact VALUES (1, 1, 'email', 'mari@example.org'), (2, 1, 'phone', '+372 0000000');
INSERT INTO document VALUES (1, 1, 'passport', 'XX0000001', 'PPA', '2019-01-01', '2029-01-01', 'valid');
INSERT INTO relation VALUES
    (1, 3, 1, 'parent', '2000-01-01', NULL),
    (2, 3, 2, 'parent', '2000-01-01', NULL),
    (3, 1, 3, 'child', '2000-01-01', NULL);
INSERT INTO custody VALUES
    (1, 3, 1, NULL, 'child', 'H10', 'H1', '2000-01-01', NULL),
    (2, 3, 2, NULL, 'child', 'H20', 'H1', '2000-01-01', NULL),
    (3, 3, NULL, 'Tartu linn', 'child', 'H20', 'H2', '2001-01-01', '2002-01-01'),
    (4, 1, 3, NULL, 'holder', 'H10', 'H1', '2000-01-01', NULL),
    (5, 5, 999, NULL, 'holder', 'H10', 'H1', '2000-01-01', NULL);
