// SPDX-License-Identifier: Apache-2.0
//! The file: its rows fit together, it holds the cast, and the same plan makes it again.

use std::collections::HashSet;

use super::made::{count, made, plan, read, texts};
use population_register::{Error, build, personal_code::PersonalCode};

/// Each query counts rows that must not be there.
const NEVER: &[(&str, &str)] = &[
    (
        "a dead holder with valid custody",
        "custody c JOIN person p ON p.id = iif(c.role = 'holder', c.person_id, c.other_person_id) WHERE c.status = 'H1' AND p.status = 'S'",
    ),
    (
        "valid custody over somebody who is no minor",
        "custody c JOIN person p ON p.id = iif(c.role = 'child', c.person_id, c.other_person_id) WHERE c.status = 'H1' AND (p.status = 'S' OR p.birth_date <= '2008-01-01')",
    ),
    (
        "custody without its other direction",
        "custody c WHERE c.other_person_id IS NOT NULL AND NOT EXISTS (SELECT 1 FROM custody o WHERE o.person_id = c.other_person_id AND o.other_person_id = c.person_id AND o.kind = c.kind AND o.status = c.status AND o.started_on = c.started_on AND o.role <> c.role)",
    ),
    (
        "custody by neither or both of a person and an institution",
        "custody WHERE (other_person_id IS NULL) = (other_institution IS NULL)",
    ),
    (
        "a custody status that its end belies",
        "custody WHERE (status = 'H2') <> (ended_on IS NOT NULL) OR ended_on < started_on OR ended_on > '2026-01-01'",
    ),
    (
        "a minor whom nobody has custody over",
        "person p WHERE p.status = 'E' AND p.birth_date > '2008-01-01' AND NOT EXISTS (SELECT 1 FROM custody c WHERE c.person_id = p.id AND c.role = 'child' AND c.kind = 'H10' AND c.status = 'H1')",
    ),
    (
        "a spouse who has no spouse",
        "relation r WHERE r.kind = 'spouse' AND NOT EXISTS (SELECT 1 FROM relation o WHERE o.kind = 'spouse' AND o.person_id = r.other_person_id AND o.other_person_id = r.person_id AND o.valid_from = r.valid_from AND o.valid_until IS r.valid_until)",
    ),
    (
        "a parent who has no child",
        "relation r WHERE r.kind IN ('parent', 'child') AND NOT EXISTS (SELECT 1 FROM relation o WHERE o.person_id = r.other_person_id AND o.other_person_id = r.person_id AND o.kind = iif(r.kind = 'parent', 'child', 'parent'))",
    ),
    (
        "a marriage with a dead person that did not end",
        "relation r JOIN person p ON p.id = r.other_person_id WHERE r.kind = 'spouse' AND r.valid_until IS NULL AND p.status = 'S'",
    ),
    (
        "a married person without a spouse",
        "person p WHERE p.status = 'E' AND (p.marital_status = 'married') <> EXISTS (SELECT 1 FROM relation r WHERE r.person_id = p.id AND r.kind = 'spouse' AND r.valid_until IS NULL)",
    ),
    (
        "a parent under 15",
        "relation r JOIN person c ON c.id = r.person_id JOIN person p ON p.id = r.other_person_id WHERE r.kind = 'parent' AND date(c.birth_date, '-15 years') < p.birth_date",
    ),
    ("a living person over 112", "person WHERE status = 'E' AND birth_date < '1913-01-01'"),
    (
        "a status that the death date belies",
        "person WHERE (status = 'S') <> (death_date IS NOT NULL) OR (status = 'S') <> (death_place IS NOT NULL) OR death_date < birth_date OR death_date > '2026-01-01'",
    ),
    ("a married minor", "person WHERE marital_status <> 'single' AND birth_date > '2008-01-01'"),
    (
        "a small child with a degree",
        "person WHERE birth_date > '2005-01-01' AND education IN ('bachelor', 'master', 'doctorate') AND status = 'E'",
    ),
    ("a dead person who lives somewhere", "person WHERE status = 'S' AND residence_address_id IS NOT NULL"),
    (
        "a residence that the history does not know",
        "person p WHERE residence_address_id IS NOT NULL AND NOT EXISTS (SELECT 1 FROM residence_history h WHERE h.person_id = p.id AND h.address_id = p.residence_address_id AND h.kind = 'residence' AND h.valid_until IS NULL)",
    ),
    (
        "a residence before birth or backwards",
        "residence_history h JOIN person p ON p.id = h.person_id WHERE h.valid_from < p.birth_date OR h.valid_until < h.valid_from OR h.valid_from > '2026-01-01'",
    ),
    (
        "a main citizenship that has no row",
        "person p WHERE main_citizenship IS NOT NULL AND NOT EXISTS (SELECT 1 FROM citizenship c WHERE c.person_id = p.id AND c.country = p.main_citizenship)",
    ),
    (
        "a citizenship before birth or backwards",
        "citizenship c JOIN person p ON p.id = c.person_id WHERE c.valid_from < p.birth_date OR c.valid_until < c.valid_from",
    ),
    (
        "a document whose status its dates belie",
        "document WHERE (status = 'valid' AND valid_until < '2026-01-01') OR (status = 'expired' AND valid_until >= '2026-01-01') OR issued_on > valid_until OR issued_on > '2026-01-01'",
    ),
    (
        "a valid document of a dead person",
        "document d JOIN person p ON p.id = d.person_id WHERE d.status = 'valid' AND p.status = 'S'",
    ),
    ("two documents with one number", "(SELECT number FROM document GROUP BY number HAVING count(*) > 1)"),
    (
        "a name that ended before it began",
        "name_history h JOIN person p ON p.id = h.person_id WHERE h.valid_from >= h.valid_until OR h.valid_from < p.birth_date OR h.valid_until > '2026-01-01'",
    ),
    (
        "a birth name that the oldest name belies",
        "person p WHERE birth_family_name <> coalesce((SELECT family_name FROM name_history h WHERE h.person_id = p.id ORDER BY valid_from LIMIT 1), p.family_name)",
    ),
    (
        "a name in small letters or empty",
        "person WHERE given_name = '' OR family_name = '' OR given_name GLOB '*[a-zõäöüšž]*' OR family_name GLOB '*[a-zõäöüšž]*'",
    ),
    (
        "a restriction that ends before it begins",
        "access_restriction WHERE valid_until < valid_from OR valid_from > '2026-01-01'",
    ),
    (
        "an e-mail address outside the example domains",
        "contact WHERE kind = 'email' AND value NOT LIKE '%@example.ee' AND value NOT LIKE '%@example.com'",
    ),
    (
        "a telephone number of another form",
        "contact WHERE kind = 'phone' AND (value NOT GLOB '+3725*' OR length(value) <> 12)",
    ),
    ("a row that refers to nothing", "pragma_foreign_key_check"),
];

#[tokio::test]
async fn the_rows_fit_together() {
    let made = made(&plan(20_000, 1)).await;
    let mut register = read(&made.file).await;
    for (what, query) in NEVER {
        assert_eq!(count(&mut register, query).await, 0, "{what}");
    }
    assert_eq!(count(&mut register, "person").await, 20_000);
    assert_eq!(count(&mut register, "county").await, 15);
    assert_eq!(count(&mut register, "municipality").await, 79);
    assert_eq!(texts(&mut register, "SELECT value FROM about WHERE key = 'as_of'").await, ["2026-01-01"]);

    let codes = texts(&mut register, "SELECT personal_code FROM person").await;
    assert!(codes.iter().all(|code| PersonalCode::parse(code).is_some()));
    assert_eq!(codes.iter().collect::<HashSet<_>>().len(), codes.len());
    let agree = "person WHERE substr(personal_code, 2, 6) <> substr(replace(birth_date, '-', ''), 3) OR (personal_code % 1 = 0 AND (substr(personal_code, 1, 1) % 2 = 1) <> (sex = 'M'))";
    assert_eq!(count(&mut register, agree).await, 0, "codes agree with birth days and sexes");
}

#[tokio::test]
async fn there_is_something_of_everything() {
    let made = made(&plan(20_000, 3)).await;
    let mut register = read(&made.file).await;
    let share = |part: i64, low: i64, high: i64| {
        let permille = part * 1000 / 20_000;
        assert!((low..=high).contains(&permille), "{permille} is not in {low}..={high}");
    };
    share(count(&mut register, "person WHERE ethnic_nationality = 'estonian'").await, 620, 760);
    share(count(&mut register, "person WHERE status = 'S'").await, 80, 260);
    share(count(&mut register, "person WHERE status = 'E' AND birth_date > '2008-01-01'").await, 120, 240);
    share(count(&mut register, "access_restriction").await, 12, 28);
    share(count(&mut register, "person WHERE main_citizenship IS NULL").await, 10, 90);
    for (century, digits) in [(18, "'1', '2'"), (19, "'3', '4'"), (20, "'5', '6'")] {
        let born = format!("person WHERE substr(personal_code, 1, 1) IN ({digits})");
        assert!(count(&mut register, &born).await > 0, "{century}");
    }
    for some in [
        "person WHERE marital_status = 'widowed'",
        "person WHERE marital_status = 'divorced'",
        "person WHERE legal_capacity_restricted = 1",
        "person WHERE status = 'E' AND residence_address_id IS NULL",
        "name_history WHERE reason = 'marriage'",
        "name_history WHERE reason = 'divorce'",
        "name_history WHERE reason = 'application'",
        "access_restriction WHERE valid_until IS NULL",
        "access_restriction WHERE valid_until < '2026-01-01'",
        "access_restriction WHERE valid_until > '2026-01-01'",
        "custody WHERE other_institution IS NOT NULL",
        "custody c JOIN relation r ON r.person_id = c.other_person_id JOIN relation s ON s.person_id = r.other_person_id AND s.other_person_id = c.person_id WHERE c.role = 'child' AND c.status = 'H1' AND r.kind = 'child' AND s.kind = 'child'",
        "custody WHERE status = 'H2'",
        "(SELECT person_id FROM citizenship WHERE valid_until IS NULL GROUP BY person_id HAVING count(*) > 1)",
        "residence_history WHERE kind = 'additional'",
        "residence_history WHERE kind = 'whereabouts'",
        "document WHERE kind = 'residence-permit'",
        "document WHERE status = 'revoked'",
        "document WHERE status = 'expired'",
        "person WHERE given_name LIKE '%-%'",
        "person WHERE family_name LIKE '%-%'",
        "person WHERE family_name LIKE '%Ž%'",
    ] {
        assert!(count(&mut register, some).await > 0, "{some}");
    }
    let institutions = count(&mut register, "custody WHERE other_person_id IS NULL").await;
    assert!(institutions * 200 < count(&mut register, "custody").await);
}

#[tokio::test]
async fn the_same_plan_makes_the_same_register() {
    let (one, two, other) =
        (made(&plan(3_000, 5)).await, made(&plan(3_000, 5)).await, made(&plan(3_000, 6)).await);
    let dump = super::made::dump(&one.file).await;
    assert_eq!(dump, super::made::dump(&two.file).await);
    assert_ne!(dump, super::made::dump(&other.file).await);
    assert_eq!(one.list(), two.list());
}

#[tokio::test]
async fn small_numbers_are_kept_to_or_refused() {
    for people in [60, 61, 75, 200] {
        let made = made(&plan(people, 9)).await;
        assert_eq!(count(&mut read(&made.file).await, "person").await, i64::from(people));
    }
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("register.sqlite");
    let refused = build(&plan(59, 1), &file, false, |_| ()).await.unwrap_err();
    assert!(matches!(refused, Error::TooFewPeople { least: 60, asked: 59 }));
    assert_eq!(folder.path().read_dir().unwrap().count(), 0, "nothing is left behind");
}

#[tokio::test]
async fn nothing_is_overwritten_unasked() {
    let made = made(&plan(60, 1)).await;
    let again = build(&plan(60, 2), &made.file, false, |_| ()).await.unwrap_err();
    assert!(matches!(again, Error::Exists(_)));
    let before = super::made::dump(&made.file).await;
    build(&plan(60, 2), &made.file, true, |_| ()).await.unwrap();
    assert_ne!(before, super::made::dump(&made.file).await);
    assert_eq!(made.folder.path().read_dir().unwrap().count(), 2, "the register and the list, no parts");
}
