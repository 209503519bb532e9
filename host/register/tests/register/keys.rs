// SPDX-License-Identifier: Apache-2.0

use paasla_core::{Value, personal_code::PersonalCodeError};
use paasla_register::KeyError;
use proptest::prelude::*;

use crate::fixture::{MARI, description, text};

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
    assert_eq!(key("familyName", "Õunapuu"), Ok(text("Õunapuu")));
    assert_eq!(key("familyName", ""), Err(KeyError::Length));
    assert!(key("familyName", &"õ".repeat(200)).is_ok());
    assert_eq!(key("familyName", &"õ".repeat(201)), Err(KeyError::Length));
    assert_eq!(key("familyName", "a\nb"), Err(KeyError::Character));
    assert_eq!(key("sex", "M"), Err(KeyError::NotAKey));
    assert_eq!(key("custody.otherCode", MARI), Err(KeyError::NotAKey));
    assert_eq!(key("nothing", MARI), Err(KeyError::NotAKey));
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
