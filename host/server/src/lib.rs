// SPDX-License-Identifier: Apache-2.0
//! The server: `app` does the work, `http` translates.

pub mod app;
pub mod http;
