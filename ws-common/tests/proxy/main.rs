//! Proxies, as traces: URLs and variables in, a choice out; bytes in, an event and bytes out.

#![allow(clippy::unwrap_used, reason = "what fails in a test is to fail it")]

mod choice;
mod http;
mod machine;
mod no_proxy;
mod socks5;
mod support;
mod url;
