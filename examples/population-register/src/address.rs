// SPDX-License-Identifier: Apache-2.0
//! Addresses: real municipalities, invented villages, streets, houses and postal codes.

use crate::{
    dice::Dice,
    places::Municipality,
    record::{Cells, Record},
};

/// One address.
#[derive(Clone, Debug)]
pub struct Address {
    /// Row id.
    pub id: i64,
    /// The municipality.
    pub municipality: &'static Municipality,
    /// Town, town district, small town or village.
    pub settlement: String,
    /// Street; none for a farm.
    pub street: Option<String>,
    /// House number, or the name of a farm.
    pub house: String,
    /// Apartment.
    pub apartment: Option<String>,
    /// Five digits, invented.
    pub postal_code: String,
    /// Everything but the postal code in one line.
    pub full_text: String,
}

const STREETS: &[&str] = &[
    "Pärna",
    "Kase",
    "Tamme",
    "Pihlaka",
    "Lepa",
    "Kuuse",
    "Männi",
    "Vahtra",
    "Sireli",
    "Toominga",
    "Aia",
    "Põllu",
    "Metsa",
    "Jõe",
    "Järve",
    "Ranna",
    "Mere",
    "Kooli",
    "Pargi",
    "Uus",
    "Pikk",
    "Lai",
    "Kitsas",
    "Kesk",
    "Tööstuse",
    "Veski",
    "Jaama",
    "Raudtee",
    "Päikese",
    "Tähe",
    "Kuu",
    "Õie",
    "Sõbra",
    "Rahu",
    "Võidu",
    "Kivi",
    "Liiva",
    "Mäe",
    "Oru",
    "Nurme",
    "Lille",
    "Roosi",
    "Kannikese",
    "Ööbiku",
    "Lõokese",
    "Pääsukese",
    "Kajaka",
    "Üliõpilase",
];

const TALLINN_DISTRICTS: &[(&str, u32)] = &[
    ("Lasnamäe", 26),
    ("Mustamäe", 15),
    ("Kesklinna", 15),
    ("Põhja-Tallinna", 14),
    ("Haabersti", 11),
    ("Nõmme", 9),
    ("Kristiine", 7),
    ("Pirita", 3),
];

const VILLAGE_FIRST: &[&str] = &[
    "Mets", "Kivi", "Uue", "Vana", "Kuusi", "Saare", "Palu", "Soo", "Ranna", "Mõisa", "Alt", "Üla", "Kalda",
    "Lepa", "Rõõmu", "Tõnu", "Pala", "Nurme",
];

const VILLAGE_SECOND: &[&str] =
    &["küla", "vere", "ste", "mõisa", "ääre", "oja", "nõmme", "metsa", "palu", "soo", "mäe", "kivi", "salu"];

const FARMS: &[&str] = &[
    "Metsa",
    "Mäe",
    "Oja",
    "Uustalu",
    "Tooma",
    "Jaani",
    "Kivi",
    "Aru",
    "Välja",
    "Nurga",
    "Kase",
    "Põllu",
    "Saare",
    "Sepa",
    "Mardi",
    "Rätsepa",
    "Lepiku",
    "Jõeääre",
    "Kõrtsi",
    "Allika",
    "Mõtuse",
    "Tagavälja",
];

impl Address {
    /// Draws an address in a municipality.
    pub fn draw(dice: &mut Dice, id: i64, municipality: &'static Municipality) -> Self {
        let (settlement, farm) = settlement(dice, municipality);
        let street = (!farm).then(|| format!("{} tn", dice.pick(STREETS)));
        let house = if farm { dice.pick(FARMS).to_owned() } else { dice.between(1, 120).to_string() };
        let flats = if municipality.is_town() { 75 } else { 30 };
        let apartment = (!farm && dice.percent(flats)).then(|| dice.between(1, 90).to_string());
        let postal_code =
            format!("{}{:03}", municipality.county_code.trim_start_matches('0'), dice.between(0, 999));
        let mut full_text = format!("{}, {}, {settlement}, ", municipality.county_name(), municipality.name);
        if let Some(street) = &street {
            full_text.push_str(street);
            full_text.push(' ');
        }
        full_text.push_str(&house);
        if let Some(apartment) = &apartment {
            full_text.push('-');
            full_text.push_str(apartment);
        }
        Self { id, municipality, settlement, street, house, apartment, postal_code, full_text }
    }
}

impl Record for Address {
    const TABLE: &'static str = "address";
    const COLUMNS: &'static [&'static str] = &[
        "id",
        "municipality_code",
        "settlement",
        "street",
        "house",
        "apartment",
        "postal_code",
        "full_text",
    ];

    fn write(&self, cells: &mut Cells) -> sqlx::Result<()> {
        cells.number(self.id)?;
        cells.text(self.municipality.code)?;
        cells.text(&self.settlement)?;
        cells.text_or_null(self.street.as_deref())?;
        cells.text(&self.house)?;
        cells.text_or_null(self.apartment.as_deref())?;
        cells.text(&self.postal_code)?;
        cells.text(&self.full_text)
    }
}

/// Draws a settlement, and whether the home there is a farm.
fn settlement(dice: &mut Dice, municipality: &Municipality) -> (String, bool) {
    if municipality.name == "Tallinn" {
        let district = dice.weighted(TALLINN_DISTRICTS).unwrap_or("Kesklinna");
        (format!("{district} linnaosa"), false)
    } else if municipality.is_town() {
        (municipality.name.to_owned(), false)
    } else if dice.percent(55) {
        (format!("{} alevik", municipality.stem()), false)
    } else {
        let (first, second) = (dice.pick(VILLAGE_FIRST), dice.pick(VILLAGE_SECOND));
        let first = if first.to_lowercase() == second { "Suur" } else { first };
        (format!("{first}{second} küla"), true)
    }
}
