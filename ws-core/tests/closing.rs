//! Close frames as a program makes them, and events as it logs them.

use std::time::Duration;

use ws_core::bytes::Bytes;
use ws_core::{CloseCode, CloseFrame, Closed, Event, Initiator};

/// Such as `close` of every adapter.
fn close(frame: impl Into<CloseFrame>) -> CloseFrame {
    frame.into()
}

#[test]
fn a_code_a_number_a_reason_or_nothing_closes() {
    let normal = |reason| CloseFrame::new(CloseCode::NORMAL, reason).unwrap();
    let reason = String::from("done");
    for (frame, expected) in [
        (close(1000), normal("")),
        (close(CloseCode::NORMAL), normal("")),
        (close((1000, "done")), normal("done")),
        (close((CloseCode::NORMAL, reason.as_str())), normal("done")),
        (close((1000, reason.clone())), normal("done")),
        (close((1000, &reason)), normal("done")),
        (close(normal("done")), normal("done")),
        (close(Some(normal("done"))), normal("done")),
        (close(None), CloseFrame::EMPTY),
    ] {
        assert_eq!(frame, expected);
    }
}

#[test]
fn a_reason_is_cut_at_123_bytes_and_between_two_characters() {
    for (reason, kept) in [
        ("x".repeat(123), 123),
        ("x".repeat(124), 123),
        ("ä".repeat(62), 122),
        ("€".repeat(41), 123),
        ("𝄞".repeat(31), 120),
    ] {
        let frame = close((1000, &reason));
        assert_eq!(frame.reason(), &reason[..kept]);
    }
}

#[test]
fn a_code_that_may_not_be_sent_is_never_sent() {
    for code in 0..=u16::MAX {
        for frame in [close(code), close((code, "why"))] {
            match CloseCode::new(code) {
                Some(legal) => assert_eq!(frame.code(), Some(legal)),
                None if code == 1005 => assert_eq!(frame, CloseFrame::EMPTY),
                None => {
                    assert_eq!(frame.code(), Some(CloseCode::INTERNAL_ERROR));
                    assert_eq!(frame.reason(), format!("close code {code} may not be sent"));
                }
            }
        }
    }
}

#[test]
fn an_event_is_one_short_line() {
    let round_trip = Some(Duration::from_millis(12));
    for (event, line) in [
        (Event::Message("hello".into()), "message \"hello\""),
        (Event::Message("a secret password\n".into()), "message \"a secret\"… of 18 bytes"),
        (Event::Message(b"\x00\x01".into()), "message 2 bytes"),
        (Event::Ping(Bytes::from_static(b"x")), "ping of 1 byte"),
        (Event::Pong { payload: Bytes::new(), round_trip }, "pong of 0 bytes after 12ms"),
        (Event::Pong { payload: Bytes::new(), round_trip: None }, "pong of 0 bytes"),
        (Event::Closing(close((1001, "bye\nbye"))), "the peer closes with code 1001 (\"bye\\nbye\")"),
        (Event::Closing(close(1001)), "the peer closes with code 1001"),
        (Event::Closing(close(None)), "the peer closes with no code"),
        (Event::Closed(Closed::abrupt(1006, Initiator::Remote)), "broken off by the peer with code 1006"),
    ] {
        assert_eq!(event.to_string(), line);
    }
}
