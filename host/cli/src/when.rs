// SPDX-License-Identifier: Apache-2.0
//! Times as people write and read them: ISO 8601 with an offset, shown as the clocks in Tallinn go.

use jiff::{Timestamp, Unit, tz::TimeZone};

/// An instant as it is shown, to the second.
pub(crate) fn shown(instant: Timestamp) -> String {
    let instant = instant.round(Unit::Second).unwrap_or(instant);
    match TimeZone::get("Europe/Tallinn") {
        Ok(zone) => instant.display_with_offset(zone.to_offset(instant)).to_string(),
        Err(_) => instant.to_string(),
    }
}

/// The same of milliseconds since 1970-01-01T00:00:00Z.
pub(crate) fn of_millis(millis: i64) -> String {
    Timestamp::from_millisecond(millis).map_or_else(|_| millis.to_string(), shown)
}

/// The same for programs, in UTC.
pub(crate) fn utc(millis: i64) -> String {
    Timestamp::from_millisecond(millis).map_or_else(|_| millis.to_string(), |instant| instant.to_string())
}

/// Reads an instant from the command line.
///
/// # Errors
/// When it is none, in words that say how one is written.
pub(crate) fn read(text: &str) -> Result<Timestamp, String> {
    text.trim().parse().map_err(|_| {
        "this is no time: write date, time and offset, as in 2027-01-01T00:00:00+02:00".to_owned()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_shown_as_the_clocks_in_tallinn_go() {
        let shown = |text: &str| shown(text.parse().unwrap());
        assert_eq!(shown("2027-01-31T22:00:00Z"), "2027-02-01T00:00:00+02:00");
        assert_eq!(shown("2027-06-30T21:00:00.499Z"), "2027-07-01T00:00:00+03:00");
    }

    #[test]
    fn what_is_no_time_is_told_how_one_is_written() {
        assert_eq!(read("2027-02-01T00:00:00+02:00").unwrap(), "2027-01-31T22:00:00Z".parse().unwrap());
        for wrong in ["tomorrow", "2027-02-01", "2027-02-01T00:00:00", ""] {
            let said = read(wrong).unwrap_err();
            assert!(said.contains("2027-01-01T00:00:00+02:00") && !said.contains("parse"), "{said}");
        }
    }
}
