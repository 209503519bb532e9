// SPDX-License-Identifier: Apache-2.0
//! Names of the compatible door: the population register's own beside ours.
//!
//! Known from public clients of the register: the names of all eight parts; in `isikuandmed` the six marked below;
//! in `hooldusoigused` the seven marked below. Every other name is ours, made in the same manner, until the owner's
//! description can be had.

/// How a value is written on the wire.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Wire {
    /// A personal code.
    Code,
    /// A text.
    Text,
    /// True or false.
    Truth,
    /// `yyyy-MM-dd`.
    Date,
    /// `yyyy-MM-ddT00:00:00`.
    DateTime,
    /// `{kood, elemendiKood, nimetus}`.
    Coded,
    /// `{riik: {kood, elemendiKood, nimetus}}`.
    Country,
}

/// One field.
#[derive(Debug)]
pub(super) struct Word {
    /// Its name in requests; in answers it begins with a small letter.
    pub(super) wire: &'static str,
    /// Its name in the service.
    pub(super) field: &'static str,
    pub(super) kind: Wire,
}

/// One member of `andmevaljad`.
#[derive(Debug)]
pub(super) struct Part {
    /// Its name, in requests and in answers.
    pub(super) wire: &'static str,
    /// The group of rows it stands for; none for the person's own data.
    pub(super) group: Option<&'static str>,
    pub(super) words: &'static [Word],
}

const fn word(wire: &'static str, field: &'static str, kind: Wire) -> Word {
    Word { wire, field, kind }
}

/// The key of the service.
pub(super) const KEY: &str = "personalCode";

/// Every part.
pub(super) const PARTS: [Part; 8] = [
    Part { wire: "isikuandmed", group: None, words: PERSON },
    Part { wire: "muudPerenimedDetail", group: Some("nameHistory"), words: NAMES },
    Part { wire: "kodakondsused", group: Some("citizenships"), words: CITIZENSHIPS },
    Part { wire: "isikuAadressid", group: Some("addresses"), words: ADDRESSES },
    Part { wire: "isikuKontaktid", group: Some("contacts"), words: CONTACTS },
    Part { wire: "dokumendid", group: Some("documents"), words: DOCUMENTS },
    Part { wire: "suhted", group: Some("relations"), words: RELATIONS },
    Part { wire: "hooldusoigused", group: Some("custody"), words: CUSTODY },
];

const PERSON: &[Word] = &[
    // Known:
    word("Isikukood", "personalCode", Wire::Code),
    word("Eesnimi", "givenName", Wire::Text),
    word("Perekonnanimi", "familyName", Wire::Text),
    word("SynniKuupaev", "birthDate", Wire::Date),
    word("IsikuStaatus", "status", Wire::Coded),
    word("PohiKodakondsus", "mainCitizenship", Wire::Country),
    // Ours:
    word("Sugu", "sex", Wire::Coded),
    word("SynniRiik", "birthCountry", Wire::Coded),
    word("SynniKoht", "birthPlace", Wire::Text),
    word("SurmaKuupaev", "deathDate", Wire::Date),
    word("Perekonnaseis", "maritalStatus", Wire::Coded),
    word("Haridus", "education", Wire::Coded),
    word("Emakeel", "motherTongue", Wire::Coded),
    word("Rahvus", "ethnicNationality", Wire::Coded),
    word("TeovoimePiirang", "legalCapacityRestricted", Wire::Truth),
    word("Elukoht", "residenceAddress", Wire::Text),
];

// Ours.
const NAMES: &[Word] = &[
    word("Perekonnanimi", "nameHistory.familyName", Wire::Text),
    word("Eesnimi", "nameHistory.givenName", Wire::Text),
    word("Algus", "nameHistory.validFrom", Wire::Date),
    word("Lopp", "nameHistory.validUntil", Wire::Date),
    word("Pohjus", "nameHistory.reason", Wire::Coded),
];

// Ours.
const CITIZENSHIPS: &[Word] = &[
    word("Riik", "citizenships.country", Wire::Coded),
    word("Algus", "citizenships.validFrom", Wire::Date),
    word("Lopp", "citizenships.validUntil", Wire::Date),
];

// Ours.
const ADDRESSES: &[Word] = &[
    word("Liik", "addresses.kind", Wire::Coded),
    word("Aadress", "addresses.address", Wire::Text),
    word("Algus", "addresses.validFrom", Wire::Date),
    word("Lopp", "addresses.validUntil", Wire::Date),
];

// Ours.
const CONTACTS: &[Word] =
    &[word("Liik", "contacts.kind", Wire::Coded), word("Vaartus", "contacts.value", Wire::Text)];

// Ours.
const DOCUMENTS: &[Word] = &[
    word("Liik", "documents.kind", Wire::Coded),
    word("Number", "documents.number", Wire::Text),
    word("Valjaandja", "documents.issuer", Wire::Text),
    word("ValjaandmiseKuupaev", "documents.issuedOn", Wire::Date),
    word("KehtivKuni", "documents.validUntil", Wire::Date),
    word("Staatus", "documents.status", Wire::Coded),
];

// Ours.
const RELATIONS: &[Word] = &[
    word("Liik", "relations.kind", Wire::Coded),
    word("TeineIsikIsikukood", "relations.otherCode", Wire::Code),
    word("TeineIsikEesnimi", "relations.otherGivenName", Wire::Text),
    word("TeineIsikPerenimi", "relations.otherFamilyName", Wire::Text),
    word("TeineIsikSynniKuupaev", "relations.otherBirthDate", Wire::Date),
    word("TeineIsikOlek", "relations.otherStatus", Wire::Coded),
    word("Algus", "relations.validFrom", Wire::Date),
    word("Lopp", "relations.validUntil", Wire::Date),
];

const CUSTODY: &[Word] = &[
    // Known:
    word("Liik", "custody.kind", Wire::Coded),
    word("Staatus", "custody.status", Wire::Coded),
    word("HooldusoigusAlgus", "custody.startedOn", Wire::DateTime),
    word("TeineIsikIsikukood", "custody.otherCode", Wire::Code),
    word("TeineIsikOlek", "custody.otherStatus", Wire::Coded),
    word("TeineIsikEesnimi", "custody.otherGivenName", Wire::Text),
    word("TeineIsikPerenimi", "custody.otherFamilyName", Wire::Text),
    // Ours:
    word("Roll", "custody.role", Wire::Coded),
    word("HooldusoigusLopp", "custody.endedOn", Wire::DateTime),
    word("TeineIsikAsutus", "custody.otherInstitution", Wire::Text),
];

/// The word and its part for a field of the service.
pub(super) fn of_field(field: &str) -> Option<(&'static Part, &'static Word)> {
    PARTS.iter().find_map(|part| Some((part, part.words.iter().find(|word| word.field == field)?)))
}

impl Word {
    /// Its name in answers: `SynniKuupaev` is `synniKuupaev` there.
    pub(super) fn answered(&self) -> String {
        let mut letters = self.wire.chars();
        letters.next().map(|first| first.to_ascii_lowercase()).into_iter().chain(letters).collect()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_field_has_one_word_in_the_part_of_its_group() {
        let mut fields = BTreeSet::new();
        for part in &PARTS {
            let names: BTreeSet<_> = part.words.iter().map(|word| word.wire).collect();
            assert_eq!(names.len(), part.words.len(), "{}", part.wire);
            for word in part.words {
                assert!(fields.insert(word.field), "{}", word.field);
                assert_eq!(word.field.split_once('.').map(|(group, _)| group), part.group, "{}", word.field);
            }
        }
        assert_eq!(PARTS[0].words[3].answered(), "synniKuupaev");
    }

    /// A word whose field the example does not have, or has with another type, would be refused or left out in
    /// silence.
    #[test]
    fn every_word_fits_the_example_register_and_its_service() {
        use paasla_register::{Description, FieldType};
        let register = include_str!("../../../../examples/population-register/register.toml");
        let service = include_str!("../../../../examples/control/services/isikud.toml");
        let description = Description::from_toml(register).unwrap();
        for word in PARTS.iter().flat_map(|part| part.words) {
            let field = description.field("person", word.field).unwrap_or_else(|| panic!("{}", word.field));
            let fits = match field.field_type() {
                FieldType::PersonalCode => word.kind == Wire::Code,
                FieldType::Text => word.kind == Wire::Text,
                FieldType::Boolean => word.kind == Wire::Truth,
                FieldType::Date => matches!(word.kind, Wire::Date | Wire::DateTime),
                FieldType::Code(_) => matches!(word.kind, Wire::Coded | Wire::Country),
                FieldType::Integer => false,
            };
            assert!(fits, "{} is {} on the wire", word.field, word.wire);
            assert!(service.contains(&format!("\"{}\"", word.field)), "the service lacks {}", word.field);
        }
    }
}
