//! The client that stays connected, against servers that fail in passing.

use serde_json::Value;
use suite::peer::{Peer, Server, response_to};
use suite::watch::bounded;
use suite::wire::{CLOSE, FIN};

use crate::testee::{Testee, for_every_runtime};

fn shake(peer: &mut Peer) {
    let head = peer.read_head();
    peer.send(response_to(&head, ""));
}

/// The events up to the first one of that name, pongs left out.
fn until(testee: &mut Testee, last: &str) -> Vec<Value> {
    let mut events: Vec<Value> = Vec::new();
    while events.last().is_none_or(|event| event["event"] != last) {
        events.push(testee.event().unwrap_or_else(|| panic!("{last} does not come: {events:?}")));
    }
    events
}

fn cause(testee: &mut Testee) -> String {
    let events = until(testee, "reconnecting");
    events.last().unwrap()["cause"].as_str().unwrap().into()
}

/// What a server, or whatever stands before it, does to one connection.
#[derive(Clone, Copy, Debug)]
enum Fault {
    /// Answers the request with this, and ends the stream.
    Answers(&'static str),
    /// Opens the connection, and sends this Close frame.
    Closes(&'static [u8]),
}

#[test]
fn a_client_reconnects_after_faults_that_pass() {
    use Fault::{Answers, Closes};
    bounded(|| {
        for_every_runtime(|runtime| {
            let server = Server::new();
            let arguments = ["--reconnect", "backoff:0.01:0.02", "--send-every", "0.05:n{n}"];
            let mut testee = Testee::connect(runtime, &server.url(), &arguments);
            for (fault, told) in [
                // As HAProxy's error file has it. Before the first connection, only this one is transient.
                (
                    Answers(
                        "HTTP/1.0 503 Service Unavailable\r\nConnection: close\r\n\r\n<h1>503 Busy</h1>\n",
                    ),
                    "503 Service Unavailable instead of 101: 503 Busy",
                ),
                (Closes(&[0x03, 0xED]), "close code 1005"),
                (Closes(&[0x03, 0xEE]), "close code 1006"),
                (Closes(&[0x03, 0xF3, 0xC3]), "code 1011"),
                (Closes(&[0x03]), "half a code"),
                (Closes(&[0x03, 0xE8, b'b', b'y', b'e']), "code 1000 (\"bye\")"),
                (Answers("HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n"), "404 Not Found"),
                (Answers("HTTP/1.1 302 Found\r\nLocation: http://portal/\r\n\r\n"), "http://portal/"),
            ] {
                let mut peer = server.accept();
                match fault {
                    Answers(answer) => {
                        peer.read_head();
                        peer.send(answer);
                    }
                    Closes(payload) => {
                        shake(&mut peer);
                        peer.frame(FIN | CLOSE, payload);
                        while peer.receive().opcode != CLOSE {}
                    }
                }
                peer.end();
                let cause = cause(&mut testee);
                assert!(cause.contains(told), "{fault:?}: {cause}");
                assert!(!cause.contains(char::is_control), "{cause:?}");
            }
            // What is sent at each interval arrives, numbered.
            let mut peer = server.open();
            let first: u64 = peer.receive_text().trim_start_matches('n').parse().unwrap();
            assert_eq!(peer.receive_text(), format!("n{}", first + 1));
            // The first message of all.
            drop((testee, peer));
            let _testee = Testee::connect(runtime, &server.url(), &["--send-every", "0.05:n{n}"]);
            let mut peer = server.open();
            assert_eq!((peer.receive_text(), peer.receive_text()), ("n0".into(), "n1".into()));
        });
    });
}

#[test]
fn a_client_that_is_over_says_why() {
    bounded(|| {
        for_every_runtime(|runtime| {
            let server = Server::new();
            let run = |arguments: &[&str], answer: Option<&str>| {
                let mut testee = Testee::connect(runtime, &server.url(), arguments);
                let mut peer = server.accept();
                match answer {
                    Some(answer) => {
                        peer.read_head();
                        peer.send(answer);
                        peer.end();
                    }
                    None => shake(&mut peer),
                }
                if answer.is_none() {
                    assert_eq!(peer.receive_close().0, 1000);
                    peer.close(1000, "");
                    peer.end();
                }
                let mut events = until(&mut testee, "gave_up");
                assert_eq!(testee.event(), None, "nothing comes after it");
                let reason = events.pop().unwrap()["reason"].as_str().unwrap().to_owned();
                assert_eq!(events.last().unwrap()["event"], "closed");
                reason
            };
            let not_found = Some("HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n");
            let reason = run(&["--reconnect", "backoff"], not_found);
            let (start, told) = reason.split_once(": ").unwrap();
            assert_eq!(start, "the policy does not reconnect after this end");
            let (with, told) = told.split_once(": ").unwrap();
            assert!(with.starts_with("the handshake with 127.0.0.1:"), "{with}");
            assert_eq!(told, "the server answered 404 Not Found instead of 101");
            assert_eq!(run(&["--stop-after", "0.2"], None), "the program closed the client");
        });
    });
}
