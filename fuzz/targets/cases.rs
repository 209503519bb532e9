// SPDX-License-Identifier: Apache-2.0
//! Bytes, taken for a component that carries cases, and for a file of cases.
#![no_main]

libfuzzer_sys::fuzz_target!(init: paasla_fuzz::begin("cases"), |bytes: &[u8]| {
    paasla_fuzz::cases(bytes);
});
