//! A byte of a proxy that comes is looked at once.

use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};
use ws_common::proxy::HttpProxy;
use ws_common::{AcceptOptions, Host, ServerUpgrade, TrustedProxy};
use ws_core::{Machine, Random};

use crate::support::{at, feed, quiet};

/// The time that feeding `bytes` byte by byte takes on a processor. No event may come of them.
fn byte_by_byte<M: Machine<Event: std::fmt::Debug, Error: std::fmt::Debug>>(
    machine: &mut M,
    bytes: &[u8],
) -> Duration {
    let processor_time = || Duration::try_from(clock_gettime(ClockId::ThreadCPUTime)).unwrap();
    let before = processor_time();
    for byte in bytes.chunks(1) {
        feed(machine, byte, at(1));
        assert!(machine.poll_event().unwrap().is_none());
    }
    processor_time() - before
}

/// Four times the bytes may take four times as long. Quadratic work takes sixteen times as long in every try. Other work of the processor
/// disturbs some tries.
fn assert_linear(lens: [usize; 2], time: impl Fn(usize) -> Duration) {
    let mut tries = Vec::new();
    let is_linear = (0..12).any(|_| {
        let [short, long] = lens.map(&time);
        tries.push((short, long));
        long < 9 * short.max(Duration::from_millis(1))
    });
    assert!(is_linear, "{tries:?}");
}

fn http_proxy() -> HttpProxy {
    HttpProxy::new(None, &Host::Name("server.test".into()), 443, at(10)).unwrap()
}

#[test]
fn the_head_of_an_http_proxy_that_comes_byte_by_byte_costs_linear_time() {
    assert_linear([4 << 10, 16 << 10], |len| {
        let head = format!("HTTP/1.1 200 OK\r\nX-Long: {}", "x".repeat(len - 100));
        byte_by_byte(&mut http_proxy(), head.as_bytes())
    });
}

#[test]
fn the_body_of_a_refusal_of_an_http_proxy_that_comes_byte_by_byte_costs_linear_time() {
    assert_linear([4000, 16_000], |chunks| {
        let body = "1\r\nx\r\n".repeat(chunks);
        let answer = format!("HTTP/1.1 403 Forbidden\r\nTransfer-Encoding: chunked\r\n\r\n{body}");
        byte_by_byte(&mut http_proxy(), answer.as_bytes())
    });
}

#[test]
fn a_proxy_header_that_comes_byte_by_byte_costs_linear_time() {
    // Each try opens many connections, since the longest header has 4 KiB.
    assert_linear([1000, 4000], |len| {
        let mut header = b"\r\n\r\n\0\r\nQUIT\n\x21\x11".to_vec();
        header.extend(u16::try_from(len).unwrap().to_be_bytes());
        header.extend([192, 0, 2, 1, 192, 0, 2, 2, 1, 1, 1, 1]);
        header.resize(len, 0);
        let options = AcceptOptions::default().config(quiet()).trusted_proxy(TrustedProxy::ProxyProtocol);
        let upgrade = || ServerUpgrade::new(&options, Random::from_seed([5; 32]), at(0)).unwrap();
        (0..10).map(|_| byte_by_byte(&mut upgrade(), &header)).sum()
    });
}
