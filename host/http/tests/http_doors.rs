// SPDX-License-Identifier: Apache-2.0
//! The doors against a gatehouse that only notes what it is asked. One binary, so that it is linked once.

#[cfg(test)]
#[path = "http/bodies.rs"]
mod bodies;
#[cfg(test)]
#[path = "http/fake.rs"]
mod fake;
#[cfg(test)]
#[path = "http/fuzz.rs"]
mod fuzz;
#[cfg(test)]
#[path = "http/headers.rs"]
mod headers;
#[cfg(test)]
#[path = "http/layers.rs"]
mod layers;
#[cfg(test)]
#[path = "http/logs.rs"]
mod logs;
#[cfg(test)]
#[path = "http/problems.rs"]
mod problems;
#[cfg(test)]
#[path = "http/rr.rs"]
mod rr;
#[cfg(test)]
#[path = "http/sockets.rs"]
mod sockets;
#[cfg(test)]
#[path = "http/xroad.rs"]
mod xroad;
