// SPDX-License-Identifier: Apache-2.0

use paasla_core::{Value, Visibility, personal_code::PersonalCodeError};
use paasla_register::{Description, Dialect, KeyError, Plan, Source as _};
use proptest::prelude::*;

use crate::fixture::{EXAMPLE, Fixture, MARI, by_codes, description, text};

#[test]
fn a_key_is_read_by_its_type() {
    let register = description();
    let key = |field: &str, text: &str| register.parse_key("person", field, text);
    assert_eq!(key("personalCode", MARI), Ok(text(MARI)));
    assert_eq!(key("personalCode", "4900101009"), Err(KeyError::PersonalCode(PersonalCodeError::Form)));
    assert_eq!(key("personalCode", "49013010093"), Err(KeyError::PersonalCode(PersonalCodeError::Date)));
    assert_eq!(
        key("personalCode", "49001010094"),
        Err(KeyError::PersonalCode(PersonalCodeError::CheckDigit))
    );
    assert_eq!(key("birthDate", "1990-01-01"), Ok(Value::Date("1990-01-01".parse().unwrap())));
    for wrong in ["1990-1-1", "1990-02-30", "19900101", "1990-01-01T00:00", "+199001-01", ""] {
        assert_eq!(key("birthDate", wrong), Err(KeyError::Date), "{wrong}");
    }
    for name in ["Õunapuu", " O\u{303}UNAPUU\u{a0}"] {
        assert_eq!(key("familyName", name), Ok(text("õunapuu")), "a name is folded");
    }
    for blank in [" ", "\u{a0}", "\u{200b}"] {
        assert_eq!(key("familyName", blank), Err(KeyError::Length));
    }
    assert_eq!(key("familyName", "Ta\u{200b}mm"), Err(KeyError::Character));
    assert_eq!(key("familyName", ""), Err(KeyError::Length));
    assert!(key("familyName", &"õ".repeat(200)).is_ok());
    assert_eq!(key("familyName", &"õ".repeat(201)), Err(KeyError::Length));
    assert_eq!(key("familyName", "a\nb"), Err(KeyError::Character));
    assert_eq!(key("sex", "M"), Err(KeyError::NotAKey));
    assert_eq!(key("custody.otherCode", MARI), Err(KeyError::NotAKey));
    assert_eq!(key("nothing", MARI), Err(KeyError::NotAKey));
}

/// What is compared as it stands is refused when it is not written so: nobody would be found, and no word said why.
#[test]
fn an_exact_key_is_refused_in_another_form() {
    let exact =
        EXAMPLE.replace("compare = \"name\", compare-column = { column = \"family_name_folded\" }, ", "");
    let register = Description::from_toml(&exact).unwrap();
    assert_eq!(register.parse_key("person", "familyName", "Õunapuu"), Ok(text("Õunapuu")));
    for other in ["O\u{303}unapuu", " Õunapuu", "Õunapuu\u{a0}"] {
        assert_eq!(register.parse_key("person", "familyName", other), Err(KeyError::Form));
    }
}

/// With the folded column and without it: whoever writes the name as people do finds the person, and is told the name as
/// the register has it.
#[tokio::test]
async fn a_name_is_found_however_it_is_written() {
    let column = ", compare-column = { column = \"given_name_folded\" }";
    assert!(EXAMPLE.contains(column));
    for description in [EXAMPLE.to_owned(), EXAMPLE.replace(column, "")] {
        let description = Description::from_toml(&description).unwrap();
        let fixture = Fixture::new().await;
        for name in ["Mari-Liis", "MARI-LIIS", "mari\u{2011}liis", " Mari\u{2013}Liis "] {
            let key = description.parse_key("person", "givenName", name).unwrap();
            let mut read = by_codes(&[MARI], &[("givenName", Visibility::Show)]);
            read.keys = vec![("givenName".to_owned(), vec![key])];
            let plan = Plan::new(&description, Dialect::Sqlite, &read).unwrap();
            let rows = fixture.register.read(&plan).await.unwrap();
            assert_eq!(rows.rows.len(), 1, "{name}");
            assert_eq!(rows.rows[0].cells[0].1.shown(), Some(&text("Mari-Liis")));
        }
    }
}

#[test]
fn only_keys_of_type_text_say_how_they_are_compared() {
    for (from, to) in [
        ("key = true, compare = \"name\"", "key = true, compare = \"nearly\""),
        ("type = \"date\", key = true", "type = \"date\", key = true, compare = \"name\""),
        (
            "compare = \"name\", compare-column = { column = \"given_name_folded\" }",
            "compare-column = { column = \"given_name_folded\" }",
        ),
        ("{ column = \"given_name_folded\" }", "{ source = \"nowhere\", column = \"given_name_folded\" }"),
    ] {
        assert!(EXAMPLE.contains(from), "{from}");
        let error = Description::from_toml(&EXAMPLE.replacen(from, to, 1)).unwrap_err().to_string();
        assert!(error.contains("compare"), "{error}");
    }
    let lacking = Description::from_toml(&EXAMPLE.replace("\"given_name_folded\"", "\"nothing\"")).unwrap();
    assert!(lacking.tables()["person"].contains("nothing"), "it is looked for in the database");
}

proptest! {
    /// Invariant 7: whatever somebody sends, the error does not repeat it.
    #[test]
    fn an_error_never_repeats_the_text(marker in "[a-zõäöü]{9,20}", digits in "[0-9]{6,12}") {
        let register = description();
        for field in ["personalCode", "birthDate", "sex"] {
            for sent in [format!("{marker}\n"), digits.clone()] {
                if let Err(error) = register.parse_key("person", field, &sent) {
                    let said = format!("{error} {error:?}");
                    prop_assert!(!said.contains(sent.trim()));
                }
            }
        }
    }
}
