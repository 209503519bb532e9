// SPDX-License-Identifier: Apache-2.0
//! Names of Finnish, Latvian and other heritage.

/// Finnish given names of men.
pub(super) const FINNISH_MEN: &[&str] = &[
    "Matti", "Jukka", "Pekka", "Timo", "Antti", "Mikko", "Kari", "Juhani", "Eero", "Väinö", "Heikki", "Onni",
    "Eetu",
];
/// Finnish given names of women.
pub(super) const FINNISH_WOMEN: &[&str] = &[
    "Aino", "Päivi", "Sari", "Minna", "Kirsi", "Helmi", "Eeva", "Kaisa", "Riikka", "Tuula", "Anneli",
    "Sirpa", "Venla",
];
/// Finnish surnames.
pub(super) const FINNISH_SURNAMES: &[&str] = &[
    "Korhonen",
    "Virtanen",
    "Mäkinen",
    "Nieminen",
    "Mäkelä",
    "Hämäläinen",
    "Laine",
    "Heikkinen",
    "Koskinen",
    "Järvinen",
    "Lehtonen",
    "Salminen",
    "Ylönen",
    "Peltola",
];

/// Latvian given names of men.
pub(super) const LATVIAN_MEN: &[&str] =
    &["Janis", "Andris", "Juris", "Edgars", "Valdis", "Martinš", "Ivars", "Aivars", "Kristaps", "Gatis"];
/// Latvian given names of women.
pub(super) const LATVIAN_WOMEN: &[&str] =
    &["Anna", "Inese", "Ilze", "Kristine", "Liga", "Dace", "Ieva", "Zane", "Baiba", "Marta"];
/// Latvian surnames, the form of men and of women.
pub(super) const LATVIAN_SURNAMES: &[(&str, &str)] = &[
    ("Berzinš", "Berzina"),
    ("Kalninš", "Kalnina"),
    ("Ozolinš", "Ozolina"),
    ("Jansons", "Jansone"),
    ("Liepinš", "Liepina"),
    ("Krumins", "Krumina"),
    ("Balodis", "Balode"),
    ("Eglitis", "Eglite"),
];

/// Given names of men of other heritage.
pub(super) const OTHER_MEN: &[&str] = &[
    "Thomas",
    "Lars",
    "Anders",
    "Michael",
    "Stefan",
    "Jean-Pierre",
    "Marco",
    "Jonas",
    "David",
    "James",
    "Mehmet",
    "Rajesh",
    "Jürgen",
    "Björn",
];
/// Given names of women of other heritage.
pub(super) const OTHER_WOMEN: &[&str] = &[
    "Sarah",
    "Julia",
    "Ingrid",
    "Sofie",
    "Marie-Claire",
    "Chiara",
    "Greta",
    "Emily",
    "Ayşe",
    "Priya",
    "Käthe",
    "Åsa",
    "Laura",
    "Nora",
];
/// Surnames of other heritage.
pub(super) const OTHER_SURNAMES: &[&str] = &[
    "Andersson",
    "Müller",
    "Schmidt",
    "Nilsson",
    "Smith",
    "Taylor",
    "Rossi",
    "Dubois",
    "Weiß",
    "Kazlauskas",
    "Svensson",
    "Öztürk",
    "Sharma",
    "O'Brien",
    "Lefèvre",
    "Jäger",
    "Nowak",
    "Brown",
];
