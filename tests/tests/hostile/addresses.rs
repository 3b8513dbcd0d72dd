//! Addresses where there is no server, and options that cannot be.

use suite::nowhere::Nobody;
use suite::watch::bounded;

use crate::testee::{Testee, for_every_runtime};

#[test]
fn what_cannot_be_connected_to_says_why() {
    bounded(|| {
        for_every_runtime(|runtime| {
            let nobody = Nobody::default();
            let unused = format!("ws://{}/", nobody.address());
            for (url, phase, says) in [
                ("ws://0.0.0.0:8080/", "setup", "listen"),
                ("ws://[::]:8080/", "setup", "listen"),
                ("ws://127.0.0.1:0/", "setup", "port"),
                ("ftp://127.0.0.1/", "setup", "ftp"),
                ("127.0.0.1:8080", "setup", ""),
                ("ws://127.0.0.1/#fragment", "setup", "fragment"),
                (&unused, "connect", "refused"),
            ] {
                let outcome = Testee::connect(runtime, url, &[]).outcome();
                let said = outcome.failure(phase).to_lowercase();
                assert!(said.contains(says), "{url}: {said}");
                assert_eq!((outcome.events.len(), &outcome.closed()["code"]), (2, &1006.into()));
            }
        });
    });
}

#[test]
fn a_header_that_cannot_be_set_is_refused_before_anything_is_sent() {
    bounded(|| {
        for_every_runtime(|runtime| {
            for header in
                ["X: 1\r\nInjected: 1", "Upgrade: h2c", "Sec-WebSocket-Key: x", "X Y: 1", "Content-Length: 5"]
            {
                let outcome = Testee::connect(runtime, "ws://127.0.0.1:1/", &["--header", header]).outcome();
                let said = outcome.failure("setup");
                assert!(said.contains("cannot be set"), "{header:?}: {said}");
            }
        });
    });
}
