// SPDX-License-Identifier: Apache-2.0
//! All systems must give the same answers before any of them is timed.

use anyhow::{Result, ensure};
use paasla_bench::given::{self, OTHER_PURPOSES, PURPOSES, settings};

use crate::{cedar::Cedar, paasla::Paasla, rego::Rego, review};

/// Compares all systems: every purpose, known or not, with several numbers of fields and policies.
pub(crate) fn check() -> Result<()> {
    let engine = given::engine()?;
    let mut compared = 0;
    for policies in [1, 5, 20] {
        let settings: Vec<_> = (0..policies).map(settings).collect();
        let paasla = Paasla::new(&engine, &settings)?;
        let (cedar, cedar_data) = (Cedar::new(policies, 100)?, Cedar::by_data(policies, 100)?);
        let (mut rego, mut machine) = (Rego::whole(policies)?, Rego::whole_by_machine(policies)?);
        let (mut refused, mut refused_by_machine) =
            (Rego::refused(policies)?, Rego::refused_by_machine(policies)?);
        let (mut tailored, mut tailored_machine) =
            (Rego::tailored(policies)?, Rego::tailored_by_machine(policies)?);
        for purpose in PURPOSES.iter().chain(&OTHER_PURPOSES) {
            for fields in [1, 7, 20, 100] {
                let query = given::query(fields, given::term(*purpose));
                let shown = paasla.shown(&query)?;
                let what = format!("{} with {fields} fields and {policies} policies", query.purpose.iri);
                ensure!(cedar.shown(&query)? == shown, "cedar-policy says otherwise: {what}");
                ensure!(cedar_data.shown(&query)? == shown, "cedar-policy-data says otherwise: {what}");
                ensure!(rego.shown(&query)? == shown, "regorus says otherwise: {what}");
                ensure!(machine.shown(&query)? == shown, "regorus-rvm says otherwise: {what}");
                ensure!(tailored.shown(&query)? == shown, "regorus-tailored says otherwise: {what}");
                ensure!(
                    tailored_machine.shown(&query)? == shown,
                    "regorus-rvm-tailored says otherwise: {what}"
                );
                let is_allowed = paasla.decision(&query)?.is_allowed();
                ensure!(
                    refused.is_refused(&query)? != is_allowed,
                    "regorus-tailored refuses otherwise: {what}"
                );
                ensure!(
                    refused_by_machine.is_refused(&query)? != is_allowed,
                    "regorus-rvm-tailored refuses otherwise: {what}"
                );
                ensure!(is_allowed || cedar.is_refused(&query)?, "cedar-policy does not refuse: {what}");
                compared += 1;
            }
        }
    }
    review::agree(&engine)?;
    eprintln!("{compared} queries and 1,000 rows have the same answers in all systems");
    Ok(())
}
