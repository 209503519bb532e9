// SPDX-License-Identifier: Apache-2.0
//! The cast is what `persons.json` says, for any seed and size.

use super::made::{count, made, plan, read, texts};
use sqlx::sqlite::SqliteConnection;

const UNRESTRICTED: &str = "NOT EXISTS (SELECT 1 FROM access_restriction a WHERE a.person_id = p.id)";

/// Everything that a living member of the cast has.
const FILLED: &str = "p.status = 'E' AND p.main_citizenship = '233' AND p.residence_address_id IS NOT NULL
    AND p.education <> 'unknown' AND p.legal_capacity_restricted = 0
    AND EXISTS (SELECT 1 FROM citizenship c WHERE c.person_id = p.id AND c.country = '233')
    AND EXISTS (SELECT 1 FROM contact c WHERE c.person_id = p.id AND c.kind = 'email')
    AND EXISTS (SELECT 1 FROM contact c WHERE c.person_id = p.id AND c.kind = 'phone')
    AND EXISTS (SELECT 1 FROM document d WHERE d.person_id = p.id AND d.kind = 'id-card' AND d.status = 'valid')
    AND EXISTS (SELECT 1 FROM document d WHERE d.person_id = p.id AND d.kind = 'passport' AND d.status = 'valid')";

/// Whether the person with this code meets a condition.
async fn is(register: &mut SqliteConnection, code: &str, condition: &str) -> bool {
    count(register, &format!("person p WHERE p.personal_code = '{code}' AND {condition}")).await == 1
}

fn aged(low: i32, high: i32) -> String {
    format!(
        "p.birth_date <= date('2026-01-01', '-{low} years') AND p.birth_date > date('2026-01-01', '-{} years')",
        high + 1
    )
}

fn holds(kind: &str, child: &str) -> String {
    format!(
        "EXISTS (SELECT 1 FROM custody c JOIN person o ON o.id = c.other_person_id WHERE c.person_id = p.id
         AND c.role = 'holder' AND c.kind = '{kind}' AND c.status = 'H1' AND o.personal_code = '{child}')"
    )
}

#[tokio::test]
async fn the_cast_plays_its_parts() {
    for (people, seed) in
        [(60, 1), (60, 2), (100, 3), (1_000, 4), (3_000, 5), (60, 6), (60, 77), (60, 12_345)]
    {
        let made = made(&plan(people, seed)).await;
        let (list, mut register) = (made.list(), read(&made.file).await);
        let register = &mut register;
        let code = |part: &str| list[part].as_str().unwrap().to_owned();
        let (adult, child, restricted) = (code("adult"), code("child"), code("restricted"));

        let whole = format!("{FILLED} AND {UNRESTRICTED}");
        for part in ["adult", "child", "child_of_restricted", "special_characters", "no_custody_adult"] {
            assert!(is(register, &code(part), &whole).await, "{part}, seed {seed}");
        }
        assert!(is(register, &adult, &aged(30, 50)).await);
        assert!(is(register, &child, &aged(5, 8)).await);
        for kind in ["H10", "H20"] {
            assert!(is(register, &adult, &holds(kind, &child)).await);
            assert!(is(register, &restricted, &holds(kind, &code("child_of_restricted"))).await);
        }
        let parents = format!(
            "relation r JOIN person c ON c.id = r.person_id JOIN person p ON p.id = r.other_person_id
             WHERE r.kind = 'parent' AND c.personal_code = '{child}' AND p.status = 'E' AND {UNRESTRICTED}"
        );
        assert_eq!(count(register, &parents).await, 2);

        let bound = "EXISTS (SELECT 1 FROM access_restriction a WHERE a.person_id = p.id
                     AND a.valid_until IS NULL AND a.valid_from < '2026-01-01')";
        assert!(is(register, &restricted, &format!("{FILLED} AND {bound} AND {}", aged(18, 60))).await);
        assert!(is(register, &code("child_of_restricted"), &aged(0, 17)).await);
        let surname =
            texts(register, &format!("SELECT family_name FROM person WHERE personal_code = '{restricted}'"))
                .await;
        let bearers = format!("person WHERE '{0}' IN (family_name, birth_family_name)", surname[0]);
        assert_eq!(count(register, &bearers).await, 1);
        assert_eq!(count(register, &format!("name_history WHERE family_name = '{}'", surname[0])).await, 0);

        let dead =
            format!("p.status = 'S' AND p.death_date IS NOT NULL AND {UNRESTRICTED} AND {}", aged(18, 100));
        assert!(is(register, &code("deceased"), &dead).await);
        let absent = code("absent");
        assert!(population_register::personal_code::PersonalCode::parse(&absent).is_some());
        assert_eq!(count(register, &format!("person WHERE personal_code = '{absent}'")).await, 0);
        for letter in ["Õ", "Ä", "Ö", "Ü", "Š", "Ž", "-"] {
            let there = format!("instr(p.given_name || ' ' || p.family_name, '{letter}') > 0");
            assert!(is(register, &code("special_characters"), &there).await, "{letter}");
        }
        let free =
            format!("NOT EXISTS (SELECT 1 FROM custody c WHERE c.person_id = p.id) AND {}", aged(18, 100));
        assert!(is(register, &code("no_custody_adult"), &free).await);

        let twenty: Vec<_> =
            list["twenty"].as_array().unwrap().iter().map(|code| code.as_str().unwrap()).collect();
        assert_eq!(twenty.iter().collect::<std::collections::HashSet<_>>().len(), 20);
        for code in twenty {
            assert!(code != adult && code != restricted);
            assert!(
                is(register, code, &format!("{whole} AND {}", aged(18, 100))).await,
                "twenty, seed {seed}"
            );
        }
        assert!(list["notice"].as_str().unwrap().contains("Synthetic"));
    }
}
