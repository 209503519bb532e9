// SPDX-License-Identifier: Apache-2.0
//! The host's service: `app` does the work, `http` translates.
//!
//! `http` holds no decisions and no SQL; `app` knows no HTTP.

pub mod app;
pub mod http;
