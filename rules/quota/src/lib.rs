// SPDX-License-Identifier: Apache-2.0
#![doc = include_str!("../README.md")]

use paasla_rule::{
    About, Decided, Iri, Problems, Query, Reason, Rule, Setup, because, fact, gdpr, provision,
};
use serde::Deserialize;

/// The places of provisions in `describe`.
const TWENTY_A_MONTH: u32 = 0;
const HUNDRED_A_YEAR: u32 = 1;
const MORE_BY_PERMISSION: u32 = 2;

/// Caps how many persons a client asks about.
#[derive(Debug)]
pub struct Quota(Settings, Vec<[Reason; 3]>, Reason);

/// The settings.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase", default)]
pub struct Settings {
    /// The caps by legal basis. A cap of the access right takes the place of those of the same window.
    caps: Vec<Cap>,
    /// As how many persons a search counts.
    search_counts: u32,
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
            search_counts: 1,
        }
    }
}

impl Rule for Quota {
    type Settings = Settings;

    fn describe() -> About {
        let act = "https://www.riigiteataja.ee/akt/117112017001";
        let about = About::new(
            env!("CARGO_PKG_NAME"),
            env!("CARGO_PKG_VERSION"),
            "Refuses a query with which a client would ask about more persons than its access right, or else the \
             settings, allow in an hour, a day, a month or a year.",
        )
        .settings(include_str!("../settings.schema.json"))
        .implements(TWENTY_A_MONTH, provision("urn:ee:rt:RRS#p54-1", "Population Register Act § 54(1)", act))
        .implements(HUNDRED_A_YEAR, provision("urn:ee:rt:RRS#p51-2", "Population Register Act § 51(2)", act))
        .implements(MORE_BY_PERMISSION, provision("urn:ee:rt:RRS#p50-2", "Population Register Act § 50(2)", act));
        Window::ALL.into_iter().fold(about, |about, window| {
            let summary = format!("whether the cap for one {} is reached", window.name());
            about.needs(fact(window.usage(), &summary))
        })
    }

    fn configure(settings: Settings, setup: &mut Setup<'_>) -> Result<Self, Problems> {
        let mut problems = Problems::none();
        for (nth, cap) in settings.caps.iter().enumerate() {
            let at = format_args!("/caps/{nth}/legalBases");
            problems.check(!cap.legal_bases.is_empty(), at, "Name at least one legal basis.");
            let at = format_args!("/caps/{nth}/persons");
            problems.check(cap.persons > 0, at, "Allow at least one person.");
        }
        problems.check(
            settings.search_counts > 0,
            "/searchCounts",
            "A search counts as at least one person.",
        );
        let unknown = setup.declare(because(
            "quota.usage-unknown",
            "A cap applies, and it is not known how many were asked about.",
        ));
        let reasons = Window::ALL.into_iter().map(|window| {
            let message = format!("No more persons may be asked about in one {}.", window.name());
            let plain = because("quota.exceeded", message);
            [
                setup.declare(plain.clone()),
                setup.declare(plain.clone().under(TWENTY_A_MONTH)),
                setup.declare(plain.under(HUNDRED_A_YEAR)),
            ]
        });
        let reasons = reasons.collect();
        problems.or(Self(settings, reasons, unknown))
    }

    fn decide(&self, query: &Query) -> Decided {
        self.stays_within(query).map_or_else(|reason| query.refuse(reason), |()| Decided::Abstain)
    }
}

impl Quota {
    fn stays_within(&self, query: &Query) -> Result<(), Reason> {
        let Self(Settings { caps, search_counts }, reasons, unknown) = self;
        let asked = query.persons().unwrap_or(*search_counts);

        for (window, persons) in query.grant().quotas() {
            let window = Window::named(window).ok_or(*unknown)?;
            window.check(query, asked, persons, reasons, *unknown).map_err(|of| of[0])?;
        }
        for cap in caps {
            let is_granted_otherwise = query.grant().quotas().any(|(window, _)| window == cap.window.name());
            if !is_granted_otherwise && query.legal_basis().is_within_any(&cap.legal_bases) {
                cap.window
                    .check(query, asked, cap.persons, reasons, *unknown)
                    .map_err(|of| cap.of_the_act(of))?;
            }
        }
        Ok(())
    }
}

impl Cap {
    /// The reason, under the provision of the Population Register Act if the cap is the Act's own.
    fn of_the_act(&self, reason: [Reason; 3]) -> Reason {
        let is_legitimate_interest = |basis: &Iri| basis.as_str() == gdpr::LEGITIMATE_INTEREST;
        match (self.window, self.persons) {
            (Window::Month, 20) if self.legal_bases.iter().any(is_legitimate_interest) => reason[1],
            (Window::Year, 100) if self.legal_bases.iter().any(is_legitimate_interest) => reason[2],
            _ => reason[0],
        }
    }
}

impl Window {
    const ALL: [Self; 4] = [Self::Hour, Self::Day, Self::Month, Self::Year];

    fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|window| window.name() == name)
    }

    fn name(self) -> &'static str {
        match self {
            Self::Hour => "hour",
            Self::Day => "day",
            Self::Month => "month",
            Self::Year => "year",
        }
    }

    /// Its place in `ALL`, and so that of its fact in `describe`.
    fn place(self) -> usize {
        Self::ALL.into_iter().position(|window| window == self).unwrap_or(usize::MAX)
    }

    /// The fact that tells how many persons the client asked about.
    fn usage(self) -> &'static str {
        match self {
            Self::Hour => "usage.client.last-hour",
            Self::Day => "usage.client.last-day",
            Self::Month => "usage.client.last-month",
            Self::Year => "usage.client.last-year",
        }
    }

    fn check(
        self,
        query: &Query,
        asked: u32,
        persons: u32,
        reasons: &[[Reason; 3]],
        unknown: Reason,
    ) -> Result<(), [Reason; 3]> {
        let Some(used) = query.fact(self.place()).integer().filter(|used| *used >= 0) else {
            return Err([unknown; 3]);
        };
        if used.saturating_add(i64::from(asked)) <= i64::from(persons) {
            return Ok(());
        }
        Err(reasons.get(self.place()).copied().unwrap_or([unknown; 3]))
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
