//! After the end, and after an event, calls are harmless.

use ws_core::{Machine, TransportError};

use crate::far::{Far, Limit, Server};
use crate::proxy::{Proxy, Script, http, socks};
use crate::support::{WHOLE, assert_over, at, feed, open, opening, options, write_some};

/// Everything that a driver may still say.
pub(crate) fn everything(machine: &mut impl Machine) {
    feed(machine, b"HTTP/1.1 200 OK\r\n\r\n\x05\x00\x16\x03\x03", at(3));
    machine.handle_error(TransportError::write("late"), at(3));
    write_some(machine, usize::MAX, at(3));
    machine.handle_write(1000, at(4));
    machine.handle_write(0, at(4));
    machine.handle_timeout(at(100));
    machine.handle_error(TransportError::read("late"), at(101));
    machine.handle_read(0, at(101));
    feed(machine, &[0; 100], at(102));
}

#[test]
fn nothing_happens_after_a_failure_whatever_is_reported() {
    for (proxy, far) in [
        ("http://proxy.test", Far::plain().behind(Proxy::new(http(500)))),
        ("http://proxy.test", Far::plain().behind(Proxy::new(http(200))).limit(Limit::Ends(60))),
        ("socks5h://proxy.test", Far::plain().behind(Proxy::new(socks(3)))),
        ("http://proxy.test", Far::new(Server::raw("no\r\n\r\n", false)).behind(Proxy::new(http(200)))),
        ("http://proxy.test", Far::plain().behind(Proxy::new(Script::End))),
    ] {
        let mut far = far;
        let mut opening = opening(&options("ws://server.test").proxy(proxy));
        open(&mut opening, &mut far, WHOLE).unwrap().unwrap_err();
        for _ in 0..2 {
            everything(&mut opening);
            assert_over(&mut opening);
            assert!(opening.inbound().is_empty(), "nothing is kept");
            assert!(format!("{opening:?}").starts_with("ClientUpgrade"));
        }
    }
}

#[test]
fn nothing_happens_after_the_connection_was_handed_out() {
    let mut opening = opening(&options("ws://server.test"));
    open(&mut opening, &mut Far::plain(), WHOLE).unwrap().unwrap();
    everything(&mut opening);
    assert_over(&mut opening);
    assert!(opening.outbound().is_empty());
}

#[test]
fn calls_at_any_time_do_not_panic() {
    for stop in 0..6 {
        let mut opening = opening(&options("ws://server.test").proxy("http://proxy.test"));
        let mut far = Far::plain().behind(Proxy::new(http(200)));
        for _ in 0..stop {
            crate::support::turn(&mut opening, &mut far, crate::support::CUTS[4], at(1));
        }
        everything(&mut opening);
        while let Ok(Some(_)) = opening.poll_event() {}
        assert_over(&mut opening);
    }
}
