// SPDX-License-Identifier: Apache-2.0

use std::sync::LazyLock;

use proptest::prelude::*;

use super::*;
use crate::Description;

const CONTEXT: MaskContext<'static> =
    MaskContext { client: "EE/GOV/70008440/rr", purpose: "https://w3id.org/dpv#X" };

const EXAMPLE: &str = include_str!("../../../../examples/population-register/register.toml");

/// A field of the example, whose description is read once.
fn field(name: &str) -> FieldDescription {
    static DESCRIPTION: LazyLock<Description> = LazyLock::new(|| Description::from_toml(EXAMPLE).unwrap());
    DESCRIPTION.field("person", name).unwrap().clone()
}

fn shown(value: Value) -> Cell {
    let mut cell = Cell::new(Visibility::Show);
    cell.raw = Some(value);
    cell
}

fn masked(name: &str, value: Value, mask: Mask) -> Value {
    let (value, applied) =
        Masker::new(b"secret").mask(&shown(value), &field(name), Visibility::Masked(mask), &CONTEXT);
    assert_eq!(applied, Visibility::Masked(mask));
    value
}

fn masked_text(name: &str, value: Value, mask: Mask) -> String {
    masked(name, value, mask).as_text().unwrap().to_owned()
}

fn pseudonym(secret: &[u8], name: &str, value: &str, context: &MaskContext<'_>) -> String {
    let pseudonym = Visibility::Masked(Mask::Pseudonym);
    let (value, _) =
        Masker::new(secret).mask(&shown(Value::Text(value.into())), &field(name), pseudonym, context);
    value.as_text().unwrap().to_owned()
}

#[test]
fn each_mask_says_what_it_should() {
    let date = || Value::Date("2015-03-09".parse().unwrap());
    assert_eq!(masked_text("birthDate", date(), Mask::Month), "2015-03");
    assert_eq!(masked_text("birthDate", date(), Mask::Year), "2015");
    assert_eq!(masked_text("birthDate", date(), Mask::Decade), "2010s");
    for (name, initial) in
        [("mari-Liis", "M."), ("õnne", "Õ."), (" Jaan", "J."), ("ß", "SS."), ("o\u{303}nne", "O\u{303}.")]
    {
        assert_eq!(masked_text("givenName", Value::Text(name.into()), Mask::Initial), initial);
    }
    assert_eq!(masked("sex", Value::Text("M".into()), Mask::Redact), Value::Absent);
    for mask in Mask::ALL.into_iter().filter(|mask| *mask != Mask::Redact) {
        let (value, _) = Masker::new(b"").mask(
            &shown(Value::Absent),
            &field("birthDate"),
            Visibility::Masked(mask),
            &CONTEXT,
        );
        assert_eq!(value, Value::Absent);
    }
}

#[test]
fn never_more_than_was_planned() {
    let masker = Masker::new(b"secret");
    let mut cell = Cell::new(Visibility::Masked(Mask::Year));
    cell.raw = Some(Value::Date("2015-03-09".parse().unwrap()));
    let mask = |last| masker.mask(&cell, &field("birthDate"), last, &CONTEXT);
    assert_eq!(mask(Visibility::Show), (Value::Text("2015".into()), Visibility::Masked(Mask::Year)));
    assert_eq!(mask(Visibility::Masked(Mask::Month)).0, Value::Text("2015".into()));
    assert_eq!(mask(Visibility::Masked(Mask::Pseudonym)), (Value::Absent, Visibility::Masked(Mask::Redact)));
    assert_eq!(mask(Visibility::Hide), (Value::Absent, Visibility::Hide));
    assert!(cell.shown().is_none());
}

/// Against HMAC as it is used plainly, for secrets shorter than, as long as and longer than its block.
#[test]
fn a_pseudonym_is_a_plain_hmac() {
    for length in [0, 6, 32, 64, 65, 200] {
        let secret: Vec<u8> = (0..=255).take(length).collect();
        let mut mac = Hmac::<Sha256>::new_from_slice(&secret).unwrap();
        for part in [CONTEXT.client, CONTEXT.purpose, "personal_code", "49001010093"] {
            mac.update(&u64::try_from(part.len()).unwrap().to_be_bytes());
            mac.update(part.as_bytes());
        }
        let expected = format!("p-{}", hex::encode(&mac.finalize().into_bytes()[..16]));
        assert_eq!(pseudonym(&secret, "personalCode", "49001010093", &CONTEXT), expected);
    }
}

proptest! {
    /// Each date mask is found in the next finer one, so masking a mask gives nothing new.
    #[test]
    fn date_masks_refine(days in -300_000_i32..300_000) {
        let date = Value::Date(Date::constant(2000, 1, 1).checked_add(jiff::Span::new().days(days)).unwrap());
        let [month, year, decade] =
            [Mask::Month, Mask::Year, Mask::Decade].map(|mask| masked_text("birthDate", date.clone(), mask));
        prop_assert_eq!(date.to_json().as_str().unwrap().strip_prefix(&month).map(str::len), Some(3));
        prop_assert_eq!(month.strip_prefix(&year).map(str::len), Some(3));
        let stem = decade.strip_suffix("0s").unwrap();
        prop_assert_eq!(year.strip_prefix(stem).map(str::len), Some(1));
    }

    #[test]
    fn an_initial_is_short(name in "\\PC{1,40}") {
        let visibility = Visibility::Masked(Mask::Initial);
        let (value, _) =
            Masker::new(b"x").mask(&shown(Value::Text(name.clone())), &field("givenName"), visibility, &CONTEXT);
        if let Value::Text(initial) = value {
            prop_assert!(initial.ends_with('.'));
            let letters = initial.chars().filter(|c| !('\u{300}'..='\u{36F}').contains(c)).count();
            prop_assert!(letters <= 4, "{}", initial);
        } else {
            prop_assert!(name.trim().is_empty());
        }
    }

    #[test]
    fn a_pseudonym_is_stable_bound_to_client_and_purpose_and_tells_nothing(
        value in "[0-9A-Za-zõäöü]{8,30}", other in "[0-9A-Za-z]{1,30}", secret in proptest::collection::vec(any::<u8>(), 0..80),
    ) {
        let of = |name: &str, context: &MaskContext<'_>| pseudonym(&secret, name, &value, context);
        let mine = of("personalCode", &CONTEXT);
        prop_assert_eq!(&mine, &of("custody.otherCode", &CONTEXT), "one domain");
        prop_assert_ne!(&mine, &of("familyName", &CONTEXT), "another domain");
        prop_assert_ne!(&mine, &of("personalCode", &MaskContext { client: &other, ..CONTEXT }));
        prop_assert_ne!(&mine, &of("personalCode", &MaskContext { purpose: &other, ..CONTEXT }));
        prop_assert!(!mine.contains(&value));
        prop_assert_eq!(mine.len(), 34);
        // Parts do not run together.
        let shifted = MaskContext { client: "EE/GOV/70008440/r", purpose: "rhttps://w3id.org/dpv#X" };
        prop_assert_ne!(&mine, &of("personalCode", &shifted));
    }
}
