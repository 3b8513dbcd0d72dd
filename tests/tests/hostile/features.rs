//! Options of `testee connect` for a client that stays connected: an opening phase, a heartbeat, a limit on silence, and a client in the
//! background.

use serde_json::Value;
use suite::peer::Server;
use suite::watch::bounded;

use crate::testee::{Testee, for_every_runtime};

/// The first event of that name.
fn event(testee: &mut Testee, name: &str) -> Value {
    let mut seen = Vec::new();
    loop {
        let event = testee.event().unwrap_or_else(|| panic!("{name} does not come: {seen:?}"));
        if event["event"] == name {
            return event;
        }
        seen.push(event);
    }
}

#[test]
fn the_messages_of_on_open_are_the_first_on_each_connection() {
    bounded(|| {
        for_every_runtime(|runtime| {
            let server = Server::new();
            let arguments = [
                "--reconnect",
                "backoff:0.01:0.02",
                "--on-open",
                "login",
                "--on-open",
                "trades",
                "--send",
                "x",
            ];
            let _testee = Testee::connect(runtime, &server.url(), &arguments);
            let mut peer = server.open();
            let first = [peer.receive_text(), peer.receive_text(), peer.receive_text()];
            assert_eq!(first, ["login", "trades", "x"]);
            peer.end();
            // The message of the outbox has left, and is not sent again.
            let mut peer = server.open();
            assert_eq!([peer.receive_text(), peer.receive_text()], ["login", "trades"]);
        });
    });
}

#[test]
fn a_heartbeat_is_sent_at_each_interval() {
    bounded(|| {
        for_every_runtime(|runtime| {
            let server = Server::new();
            let _testee = Testee::connect(runtime, &server.url(), &["--heartbeat", "0.05:{\"op\":\"ping\"}"]);
            let mut peer = server.open();
            for _ in 0..3 {
                assert_eq!(peer.receive_text(), "{\"op\":\"ping\"}");
            }
        });
    });
}

#[test]
fn a_feed_that_is_silent_is_closed_and_opened_again() {
    bounded(|| {
        for_every_runtime(|runtime| {
            let server = Server::new();
            let arguments = ["--reconnect", "backoff:0.01:0.02", "--idle-timeout", "0.2"];
            let mut testee = Testee::connect(runtime, &server.url(), &arguments);
            let mut peer = server.open();
            let (code, reason) = peer.receive_close();
            assert_eq!(code, 1001);
            assert!(reason.contains("idle_timeout"), "{reason}");
            peer.close(1001, "");
            peer.end();
            let reconnecting = event(&mut testee, "reconnecting");
            assert!(reconnecting["cause"].as_str().unwrap().contains("idle_timeout"), "{reconnecting}");
            server.open();
        });
    });
}

#[test]
fn a_client_in_the_background_tells_the_same_events() {
    bounded(|| {
        for_every_runtime(|runtime| {
            let server = Server::new();
            let arguments = ["--background", "--reconnect", "backoff:0.01:0.02", "--send", "hello"];
            let mut testee = Testee::connect(runtime, &server.url(), &arguments);
            for attempt in 0..2 {
                let mut peer = server.open();
                if attempt == 0 {
                    assert_eq!(peer.receive_text(), "hello");
                }
                peer.text("answer");
                for name in ["connected", "open", "message"] {
                    event(&mut testee, name);
                }
                // `testee` sends each message back.
                assert_eq!(peer.receive_text(), "answer");
                peer.close(1001, "");
                assert_eq!(peer.receive_close().0, 1001);
                peer.end();
                for name in ["closing", "closed", "reconnecting"] {
                    event(&mut testee, name);
                }
            }
        });
    });
}
