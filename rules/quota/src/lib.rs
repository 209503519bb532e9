// SPDX-License-Identifier: Apache-2.0
#![doc = include_str!("../README.md")]

use paasla_rule::{
    About, Because, Decided, Iri, Problems, Query, Reason, Rule, Setup, because, gdpr, provision,
};
use serde::Deserialize;

/// The places of provisions in `describe`.
const TWENTY_A_MONTH: u32 = 0;
const HUNDRED_A_YEAR: u32 = 1;
const MORE_BY_PERMISSION: u32 = 2;

/// Caps how many persons a client is told of.
#[derive(Debug)]
pub struct Quota {
    /// Each with the reason why a query that does not fit is refused.
    caps: Vec<(Cap, Reason)>,
}

/// The settings.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase", default)]
pub struct Settings {
    /// The caps by legal basis. A cap of the access right takes the place of those of the same window.
    caps: Vec<Cap>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct Cap {
    legal_bases: Vec<Iri>,
    window: Window,
    persons: u32,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Window {
    Hour,
    Day,
    Month,
    Year,
}

impl Default for Settings {
    fn default() -> Self {
        let on_legitimate_interest =
            |window, persons| Cap { legal_bases: Iri::list(&[gdpr::LEGITIMATE_INTEREST]), window, persons };
        Self {
            caps: vec![on_legitimate_interest(Window::Month, 20), on_legitimate_interest(Window::Year, 100)],
        }
    }
}

impl Rule for Quota {
    type Settings = Settings;

    fn describe() -> About {
        let act = "https://www.riigiteataja.ee/akt/117112017001";
        About::new(
            env!("CARGO_PKG_NAME"),
            env!("CARGO_PKG_VERSION"),
            "Caps how many persons a client is told of on a legal basis in an hour, a day, a month or a year, where its \
             access right has no cap of its own.",
        )
        .settings(include_str!("../settings.schema.json"))
        .implements(TWENTY_A_MONTH, provision("urn:ee:rt:RRS#p54-1", "Population Register Act § 54(1)", act))
        .implements(HUNDRED_A_YEAR, provision("urn:ee:rt:RRS#p51-2", "Population Register Act § 51(2)", act))
        .implements(MORE_BY_PERMISSION, provision("urn:ee:rt:RRS#p50-2", "Population Register Act § 50(2)", act))
    }

    fn configure(settings: Settings, setup: &mut Setup<'_>) -> Result<Self, Problems> {
        let mut problems = Problems::none();
        for (nth, cap) in settings.caps.iter().enumerate() {
            let at = format_args!("/caps/{nth}/legalBases");
            problems.check(!cap.legal_bases.is_empty(), at, "Name at least one legal basis.");
            let at = format_args!("/caps/{nth}/persons");
            problems.check(cap.persons > 0, at, "Allow at least one person.");
        }
        let caps = settings.caps.into_iter().map(|cap| {
            let reason = setup.declare(cap.exceeded());
            (cap, reason)
        });
        let caps = caps.collect();
        problems.or(Self { caps })
    }

    fn decide(&self, query: &Query) -> Decided {
        let is_granted_otherwise =
            |cap: &Cap| query.grant().quotas().any(|(window, _)| window == cap.window.name());
        let applies =
            |cap: &Cap| !is_granted_otherwise(cap) && query.legal_basis().is_within_any(&cap.legal_bases);
        let caps = || self.caps.iter().filter(|(cap, _)| applies(cap));
        // Whoever keeps the lowest of a window keeps all of them.
        let lowest =
            |window| caps().filter(move |(cap, _)| cap.window == window).min_by_key(|(cap, _)| cap.persons);
        let all = Window::ALL.into_iter().filter_map(lowest);
        all.fold(query.narrow(), |narrow, (cap, reason)| {
            narrow.cap_persons(cap.window.name(), cap.persons, *reason)
        })
        .into()
    }
}

impl Cap {
    /// Why a query that does not fit is refused; under the provision of the Population Register Act if the cap is the
    /// Act's own.
    fn exceeded(&self) -> Because {
        let reason = self.window.exceeded();
        let is_legitimate_interest = |basis: &Iri| basis.as_str() == gdpr::LEGITIMATE_INTEREST;
        match (self.window, self.persons) {
            (Window::Month, 20) if self.legal_bases.iter().any(is_legitimate_interest) => {
                reason.under(TWENTY_A_MONTH)
            }
            (Window::Year, 100) if self.legal_bases.iter().any(is_legitimate_interest) => {
                reason.under(HUNDRED_A_YEAR)
            }
            _ => reason,
        }
    }
}

impl Window {
    const ALL: [Self; 4] = [Self::Hour, Self::Day, Self::Month, Self::Year];

    fn name(self) -> &'static str {
        match self {
            Self::Hour => "hour",
            Self::Day => "day",
            Self::Month => "month",
            Self::Year => "year",
        }
    }

    fn exceeded(self) -> Because {
        match self {
            Self::Hour => because("quota.exceeded-hour", "The cap on persons in an hour does not allow it."),
            Self::Day => because("quota.exceeded-day", "The cap on persons in a day does not allow it."),
            Self::Month => {
                because("quota.exceeded-month", "The cap on persons in 30 days does not allow it.")
            }
            Self::Year => because("quota.exceeded-year", "The cap on persons in 365 days does not allow it."),
        }
    }
}

paasla_rule::export!(Quota);

#[cfg(test)]
mod tests {
    #[test]
    fn cases() {
        paasla_rule::testing::check::<crate::Quota>(env!("CARGO_MANIFEST_DIR"));
    }
}
