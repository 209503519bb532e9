// SPDX-License-Identifier: Apache-2.0
//! Bytes, taken for a rule: loaded, and run if they are one.
#![no_main]

libfuzzer_sys::fuzz_target!(init: paasla_fuzz::begin("load"), |bytes: &[u8]| {
    paasla_fuzz::run(bytes);
});
