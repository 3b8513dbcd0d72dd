//! The time for replies to a peer that has begun to close: `close_timeout`, from the read that brought its Close frame.

use ws_core::{
    CloseCode, Connection, Event, Initiator, Machine, Message, PingError, Role, SendError, StreamError,
    Timeout,
};

use crate::replies::{closes, goodbye};
use crate::support::*;

/// A peer has said goodbye at second 0, and a driver has read ahead. A message waits.
fn told(role: Role) -> Connection {
    let mut connection = open(role, &quiet().close_timeout(seconds(5)));
    connection.send("waits").unwrap();
    feed(&mut connection, &goodbye(role.peer()), at(0));
    assert!(connection.read_ahead());
    connection
}

#[test]
fn when_the_time_for_replies_has_passed_the_frame_under_way_is_finished_and_our_close_leaves() {
    for role in ROLES {
        for written in 0..=frame(role, TEXT, b"waits").len() {
            let mut connection = told(role);
            assert_eq!(connection.poll_event().unwrap(), Some(Event::Message("one".into())));
            connection.send("reply").unwrap();
            let mut sent = write_some(&mut connection, written, at(3));
            assert_eq!(connection.poll_timeout(), Some(at(5)), "progress does not postpone it");
            connection.handle_timeout(at(4));
            assert!(connection.is_open());
            connection.handle_timeout(at(5));
            assert!(!connection.is_open());
            let late = Message::from("late");
            assert_eq!(connection.send(late.clone()), Err(SendError::TooLate(Some(late.clone()))));
            assert_eq!(connection.send_reserved(late.clone()), Err(SendError::TooLate(Some(late.clone()))));
            assert_eq!(connection.send_ref(late.as_ref()), Err(StreamError::TooLate));
            assert_eq!(connection.ping("late"), Err(PingError::TooLate));
            sent.extend(write(&mut connection, at(5)));
            let mut expected = vec![(PONG, b"p".to_vec()), closes(3001, "enough é")];
            if written > 0 {
                expected.insert(0, (TEXT, b"waits".to_vec()));
            }
            assert_eq!(frames(role, &sent), expected, "{role:?} after {written} bytes");
            // What came is still handed out.
            assert_eq!(drain(&mut connection).len(), 4);
            assert_eq!(write(&mut connection, at(6)), b"", "it is answered once");
            connection.handle_read(0, at(6));
            assert!(ends_once(&drain(&mut connection)));
            let unsent = if written > 0 { 1 } else { 2 };
            assert_eq!(closed(&connection), (3001, "enough é", Initiator::Remote, true, unsent));
            assert_eq!(connection.send(late.clone()), Err(SendError::Closed(Some(late))));
        }
    }
}

#[test]
fn an_answer_that_waits_behind_messages_when_the_time_has_passed_overtakes_those_that_have_not_begun() {
    for role in ROLES {
        let mut connection = open(role, &quiet().close_timeout(seconds(5)));
        connection.send(vec![1; 10_000]).unwrap();
        connection.send(vec![2; 10_000]).unwrap();
        let seen = read(&mut connection, &close(role.peer(), 1001, b"bye"), at(0));
        assert_eq!(seen.len(), 1);
        let mut sent = write_some(&mut connection, 100, at(4));
        connection.handle_timeout(at(5));
        assert_eq!(drain(&mut connection), []);
        // From now on it runs again, and progress starts it anew.
        assert_eq!(connection.poll_timeout(), Some(at(10)));
        sent.extend(write_some(&mut connection, 100, at(9)));
        assert_eq!(connection.poll_timeout(), Some(at(14)));
        sent.extend(write(&mut connection, at(13)));
        assert_eq!(connection.poll_timeout(), Some(at(18)), "and once more for the end of the stream");
        assert_eq!(frames(role, &sent), [(BINARY, vec![1; 10_000]), closes(1001, "bye")]);
        assert_eq!(connection.stats().sent.frames, 3, "the Close frame counts once");
        connection.handle_read(0, at(14));
        assert!(ends_once(&drain(&mut connection)));
        assert_eq!(closed(&connection), (1001, "bye", Initiator::Remote, true, 1));
    }
}

#[test]
fn a_peer_that_closes_and_takes_nothing_costs_twice_the_close_timeout() {
    for role in ROLES {
        for is_taken in [false, true] {
            let mut connection = told(role);
            if is_taken {
                drain(&mut connection);
            }
            connection.handle_write(0, at(0));
            assert_eq!(connection.poll_timeout(), Some(at(5)));
            connection.handle_timeout(at(5));
            assert_eq!(connection.poll_timeout(), Some(at(10)));
            connection.handle_timeout(at(10));
            let seen = drain(&mut connection);
            assert!(ends_once(&seen), "{seen:?}");
            assert!(seen.iter().all(|seen| matches!(seen, Seen::Event(_))), "its code is known: {seen:?}");
            assert_eq!(closed(&connection), (3001, "enough é", Initiator::Remote, false, 1));
            assert_eq!(connection.poll_timeout(), None);
        }
    }
}

#[test]
fn the_time_for_replies_runs_from_the_read_however_late_it_is_looked_at() {
    let mut connection = open(Role::Client, &quiet().close_timeout(seconds(5)));
    connection.send("waits").unwrap();
    feed(&mut connection, &goodbye(Role::Server), at(10));
    connection.handle_write(0, at(14));
    connection.read_ahead();
    assert_eq!(connection.poll_timeout(), Some(at(15)));
}

#[test]
fn the_end_of_the_stream_waits_for_what_is_to_leave_no_longer_than_the_close_timeout() {
    for role in ROLES {
        let mut connection = open(role, &quiet().close_timeout(seconds(5)));
        connection.send("one").unwrap();
        connection.send("two").unwrap();
        connection.handle_read(0, at(1));
        assert_eq!(connection.poll_timeout(), Some(at(6)));
        let size = frame(role, TEXT, b"one").len();
        write_some(&mut connection, size, at(3));
        assert_eq!(drain(&mut connection), []);
        assert_eq!(connection.poll_timeout(), Some(at(6)));
        connection.handle_timeout(at(6));
        let seen = drain(&mut connection);
        assert_eq!(seen[0], Seen::Eof, "that is why it ended");
        assert!(ends_once(&seen));
        assert_eq!(closed(&connection), (1006, "", Initiator::Remote, false, 1));
        assert_eq!((write(&mut connection, at(7)), connection.poll_timeout()), (vec![], None));
    }
}

/// Nobody takes the messages, and the sender waits for room.
#[test]
fn an_end_of_the_stream_that_nobody_takes_refuses_what_comes_too_late() {
    let mut connection = open(Role::Client, &quiet().close_timeout(seconds(5)));
    feed(&mut connection, &frame(Role::Server, TEXT, b"one"), at(0));
    connection.handle_read(0, at(0));
    assert!(connection.read_ahead());
    connection.send("in time").unwrap();
    connection.handle_timeout(at(5));
    assert_eq!(connection.send("late"), Err(SendError::TooLate(Some("late".into()))));
    assert!(!connection.read_ahead(), "the end");
    let seen = drain(&mut connection);
    assert_eq!(seen[..2], [message("one"), Seen::Eof]);
    assert!(ends_once(&seen));
    assert_eq!(closed(&connection), (1006, "", Initiator::Remote, false, 1));
}

/// It was there when the stream ended, but nobody has looked.
#[test]
fn a_close_that_is_found_when_what_waits_was_dropped_is_not_answered() {
    for role in ROLES {
        let mut connection = open(role, &quiet().close_timeout(seconds(5)));
        connection.send("dropped").unwrap();
        feed(&mut connection, &goodbye(role.peer()), at(0));
        connection.handle_read(0, at(0));
        connection.handle_timeout(at(5));
        assert_eq!(connection.send("late"), Err(SendError::TooLate(Some("late".into()))));
        let seen = drain(&mut connection);
        assert!(ends_once(&seen) && seen.len() == 6, "{seen:?}");
        assert_eq!(write(&mut connection, at(6)), b"");
        assert_eq!(closed(&connection), (3001, "enough é", Initiator::Remote, false, 1));
        assert_eq!(connection.poll_timeout(), None);
    }
}

#[test]
fn while_we_close_progress_of_the_write_starts_the_close_timeout_anew() {
    for role in ROLES {
        let mut connection = open(role, &quiet().close_timeout(seconds(5)));
        connection.send(vec![7; 1000]).unwrap();
        connection.close(CloseCode::NORMAL, at(0));
        for second in [4, 8, 12, 16] {
            connection.handle_timeout(at(second));
            write_some(&mut connection, 100, at(second));
            assert_eq!(connection.poll_timeout(), Some(at(second + 5)));
            connection.handle_write(0, at(second + 1));
            assert_eq!(connection.poll_timeout(), Some(at(second + 5)), "a refusal is none");
        }
        connection.handle_progress(1, at(20));
        assert_eq!(connection.poll_timeout(), Some(at(25)), "a part of a TLS record is progress");
        write(&mut connection, at(24));
        assert_eq!(connection.poll_timeout(), Some(at(29)));
        connection.handle_timeout(at(29));
        assert_eq!(drain(&mut connection)[0], Seen::Timeout(Timeout::Close(seconds(5))));
        assert_eq!(closed(&connection), (1006, "", Initiator::Local, false, 0));
    }
}
