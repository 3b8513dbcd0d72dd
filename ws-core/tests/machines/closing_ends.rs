//! The end of the stream, and failures of the transport, at each point of the closing handshake (RFC 6455 §7.1).

use ws_core::{CloseCode, Initiator, Machine, Role, SendError, TransportError};

use crate::closing::{closing, nobody_is_told_twice};
use crate::support::*;

/// The stream ends after some of the closing handshake.
#[test]
fn the_end_of_the_stream_at_every_point() {
    struct Case {
        name: &'static str,
        before: fn(&mut ws_core::Connection, Role),
        error: Option<Seen>,
        end: (u16, &'static str, Initiator, bool, usize),
    }
    let cases = [
        Case {
            name: "at once",
            before: |_, _| (),
            error: Some(Seen::Eof),
            end: (1006, "", Initiator::Remote, false, 0),
        },
        Case {
            name: "within a frame",
            before: |connection, role| {
                let bytes = frame(role.peer(), TEXT, b"hello");
                read(connection, &bytes[..bytes.len() - 1], at(0));
            },
            error: Some(Seen::Eof),
            end: (1006, "", Initiator::Remote, false, 0),
        },
        Case {
            name: "with a message that cannot leave",
            before: |connection, _| {
                connection.send("unsent").unwrap();
                connection.handle_read(0, at(1));
                connection.handle_timeout(at(6));
            },
            error: Some(Seen::Eof),
            end: (1006, "", Initiator::Remote, false, 1),
        },
        Case {
            name: "after our Close was queued, which then leaves",
            before: |connection, _| {
                connection.close(CloseCode::NORMAL, at(0));
                connection.handle_read(0, at(0));
                assert_eq!(drain(connection), []);
                write(connection, at(0));
            },
            error: Some(Seen::Eof),
            end: (1006, "", Initiator::Local, false, 0),
        },
        Case {
            name: "after our Close has left",
            before: |connection, _| {
                connection.close(CloseCode::NORMAL, at(0));
                write(connection, at(0));
            },
            error: Some(Seen::Eof),
            end: (1006, "", Initiator::Local, false, 0),
        },
        Case {
            name: "after half of the peer's Close",
            before: |connection, role| {
                let bytes = close(role.peer(), 1000, b"why");
                read(connection, &bytes[..bytes.len() - 1], at(0));
            },
            error: Some(Seen::Eof),
            end: (1006, "", Initiator::Remote, false, 0),
        },
        Case {
            name: "after both",
            before: |connection, role| {
                connection.close(CloseCode::NORMAL, at(0));
                write(connection, at(0));
                read(connection, &close(role.peer(), 1001, b"why"), at(0));
            },
            error: None,
            end: (1001, "why", Initiator::Local, true, 0),
        },
    ];
    for (role, case) in cases.iter().flat_map(|case| ROLES.map(|role| (role, case))) {
        let mut connection = open(role, &quiet());
        (case.before)(&mut connection, role);
        connection.handle_read(0, at(1));
        let seen = drain(&mut connection);
        assert!(!connection.is_open());
        assert!(ends_once(&seen), "{}: {seen:?}", case.name);
        assert_eq!(seen.len() == 2, case.error.is_some(), "{}: {seen:?}", case.name);
        assert!(case.error.iter().all(|error| *error == seen[0]), "{}: {seen:?}", case.name);
        assert_eq!(closed(&connection), case.end, "{role:?}, {}", case.name);
        assert!(connection.outbound().is_finished());
        assert!(connection.send("late").is_err());
        nobody_is_told_twice(&mut connection);
    }
}

#[test]
fn what_came_before_the_end_of_the_stream_is_reported_before_it() {
    for role in ROLES {
        let mut connection = open(role, &quiet());
        let sender = role.peer();
        let bytes = [frame(sender, TEXT, b"a"), close(sender, 1000, b"")].concat();
        feed(&mut connection, &bytes, at(0));
        connection.handle_read(0, at(0));
        assert_eq!(drain(&mut connection), [message("a"), closing(1000, "")], "our answer is still to leave");
        write(&mut connection, at(0));
        assert!(ends_once(&drain(&mut connection)));
        assert_eq!(closed(&connection), (1000, "", Initiator::Remote, true, 0));
    }
}

#[test]
fn after_a_write_error_the_peers_close_wins_over_the_broken_pipe() {
    for role in ROLES {
        let mut connection = open(role, &quiet());
        connection.send("lost").unwrap();
        connection.handle_error(TransportError::write("broken pipe"), at(1));
        assert_eq!(drain(&mut connection), [], "what the peer said last may still come");
        assert!(matches!(connection.send("late"), Err(SendError::Closed(..))));
        let sender = role.peer();
        let bytes = [frame(sender, TEXT, b"last words"), close(sender, 1008, b"policy")].concat();
        assert_eq!(read(&mut connection, &bytes, at(2)), [message("last words"), closing(1008, "policy")]);
        assert_eq!(write(&mut connection, at(2)), b"");
        connection.handle_read(0, at(2));
        assert!(ends_once(&drain(&mut connection)));
        assert_eq!(closed(&connection), (1008, "policy", Initiator::Remote, false, 1));
    }
}

#[test]
fn a_write_error_without_a_close_is_reported_at_the_end_of_the_stream() {
    for role in ROLES {
        for end in ["end", "error", "deadline"] {
            let mut connection = open(role, &quiet());
            connection.handle_error(TransportError::write("broken pipe"), at(1));
            assert_eq!(drain(&mut connection), []);
            match end {
                "end" => connection.handle_read(0, at(2)),
                "error" => connection.handle_error(TransportError::read("reset"), at(2)),
                _ => connection.handle_timeout(connection.poll_timeout().unwrap()),
            }
            let seen = drain(&mut connection);
            assert!(matches!(seen[0], Seen::Transport(_)), "{end}: {seen:?}");
            assert!(ends_once(&seen) && seen.len() == 2, "{end}: {seen:?}");
            let (code, .., clean, unsent) = closed(&connection);
            assert_eq!((code, clean, unsent), (1006, false, 0));
        }
    }
}

#[test]
fn a_write_error_on_the_answer_to_a_close_leaves_its_code() {
    for role in ROLES {
        let mut connection = open(role, &quiet());
        read(&mut connection, &close(role.peer(), 1008, b"policy"), at(0));
        connection.handle_error(TransportError::write("broken pipe"), at(0));
        connection.handle_error(TransportError::read("reset"), at(0));
        assert!(ends_once(&drain(&mut connection)));
        assert_eq!(closed(&connection), (1008, "policy", Initiator::Remote, false, 0));
    }
}

#[test]
fn a_read_error_is_the_end_of_the_stream_with_its_reason() {
    for role in ROLES {
        let mut connection = open(role, &quiet());
        feed(&mut connection, &frame(role.peer(), TEXT, b"a"), at(0));
        connection.handle_error(TransportError::read("reset"), at(0));
        let seen = drain(&mut connection);
        assert_eq!(seen[0], message("a"));
        assert_eq!(seen[1], Seen::Transport("reading from the transport failed: reset".into()));
        assert!(ends_once(&seen));
        assert_eq!(closed(&connection), (1006, "", Initiator::Remote, false, 0));
    }
}
