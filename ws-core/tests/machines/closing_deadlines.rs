//! A silent peer costs `close_timeout`, counted from when our Close has left, and no more.

use ws_core::{CloseCode, Event, Initiator, Machine, Role, Timeout, TransportError};

use crate::support::*;

#[test]
fn a_silent_peer_has_the_close_timeout_from_when_our_close_has_left() {
    for role in ROLES {
        let mut connection = open(role, &quiet().close_timeout(seconds(5)));
        connection.send("first").unwrap();
        connection.close(CloseCode::NORMAL, at(10));
        assert_eq!(connection.poll_timeout(), Some(at(15)), "it must leave by then");
        write_some(&mut connection, 5, at(12));
        assert_eq!(connection.poll_timeout(), Some(at(17)), "progress, but not all of it has left");
        write(&mut connection, at(13));
        assert_eq!(connection.poll_timeout(), Some(at(18)));
        connection.handle_timeout(at(17));
        assert_eq!(drain(&mut connection), []);
        connection.handle_timeout(at(18));
        let seen = drain(&mut connection);
        assert_eq!(seen[0], Seen::Timeout(Timeout::Close(seconds(5))));
        assert!(ends_once(&seen));
        assert_eq!(closed(&connection), (1006, "", Initiator::Local, false, 0));
        assert_eq!(connection.poll_timeout(), None);
    }
}

#[test]
fn a_close_that_cannot_leave_is_given_up_after_the_close_timeout() {
    for role in ROLES {
        let mut connection = open(role, &quiet());
        connection.send("first").unwrap();
        connection.close(CloseCode::NORMAL, at(10));
        connection.handle_write(0, at(10));
        connection.handle_timeout(at(15));
        let seen = drain(&mut connection);
        assert_eq!(seen[0], Seen::Timeout(Timeout::Close(seconds(5))));
        assert!(ends_once(&seen));
        assert_eq!(closed(&connection), (1006, "", Initiator::Local, false, 1));
        assert!(connection.outbound().is_empty() && connection.outbound().is_finished());
    }
}

#[test]
fn messages_that_come_while_we_close_do_not_postpone_the_deadline() {
    let mut connection = open(Role::Client, &quiet());
    connection.close(CloseCode::NORMAL, at(0));
    write(&mut connection, at(0));
    for second in 1..5 {
        let seen = read(&mut connection, &frame(Role::Server, TEXT, b"chatter"), at(second));
        assert_eq!(seen, [message("chatter")]);
        assert_eq!(connection.poll_timeout(), Some(at(5)));
    }
}

#[test]
fn a_peer_that_does_not_end_the_stream_is_waited_for_no_longer_than_the_close_timeout() {
    for role in ROLES {
        let mut connection = open(role, &quiet());
        read(&mut connection, &close(role.peer(), 1000, b"bye"), at(0));
        write(&mut connection, at(3));
        assert_eq!(drain(&mut connection), []);
        assert_eq!(connection.poll_timeout(), Some(at(8)));
        connection.handle_timeout(at(8));
        let seen = drain(&mut connection);
        assert!(ends_once(&seen) && seen.len() == 1, "both Closes were exchanged: no error, {seen:?}");
        assert_eq!(closed(&connection), (1000, "bye", Initiator::Remote, true, 0));
        assert_eq!(connection.poll_timeout(), None);
    }
}

#[test]
fn an_answer_that_cannot_leave_leaves_the_peers_code_but_not_clean() {
    for role in ROLES {
        let mut connection = open(role, &quiet());
        read(&mut connection, &close(role.peer(), 4000, b""), at(0));
        connection.handle_timeout(at(5));
        assert_eq!(
            drain(&mut connection),
            [],
            "it has the time once more, when nothing is left to wait behind"
        );
        connection.handle_timeout(at(10));
        assert!(ends_once(&drain(&mut connection)));
        assert_eq!(closed(&connection), (4000, "", Initiator::Remote, false, 0));
    }
}

#[test]
fn a_peer_that_goes_on_after_a_write_error_is_listened_to_for_the_close_timeout() {
    for role in ROLES {
        let mut connection = open(role, &quiet());
        connection.handle_error(TransportError::write("broken pipe"), at(3));
        assert_eq!(connection.poll_timeout(), Some(at(8)));
        assert_eq!(read(&mut connection, &frame(role.peer(), TEXT, b"on"), at(7)), [message("on")]);
        connection.handle_timeout(at(8));
        let seen = drain(&mut connection);
        assert_eq!(seen[0], Seen::Transport("writing to the transport failed: broken pipe".into()));
        assert!(ends_once(&seen));
    }
}

#[test]
fn no_ping_is_sent_and_no_pong_awaited_while_closing() {
    let config = ws_core::Config::default().close_timeout(seconds(500));
    for role in ROLES {
        let mut connection = open(role, &config);
        connection.ping("p").unwrap();
        write(&mut connection, at(0));
        connection.close(CloseCode::NORMAL, at(1));
        write(&mut connection, at(1));
        assert_eq!(connection.poll_timeout(), Some(at(501)));
        connection.handle_timeout(at(400));
        assert_eq!((write(&mut connection, at(400)), drain(&mut connection)), (vec![], vec![]));
    }
}

#[test]
fn after_the_end_nothing_has_a_deadline_and_no_call_does_harm() {
    for role in ROLES {
        let mut connection = open(role, &quiet());
        connection.handle_read(0, at(0));
        drain(&mut connection);
        connection.handle_error(TransportError::write("broken pipe"), at(1));
        connection.handle_error(TransportError::read("reset"), at(1));
        connection.close(CloseCode::NORMAL, at(1));
        connection.abort_message(at(1));
        connection.handle_write(0, at(1));
        assert_eq!(connection.poll_timeout(), None);
        connection.handle_timeout(at(1000));
        assert_eq!(read(&mut connection, &frame(role.peer(), TEXT, b"late"), at(1)), []);
        assert_eq!(write(&mut connection, at(1)), b"");
        assert!(connection.inbound().is_empty());
    }
}

/// A driver reads before it looks at the clock, and takes the events after.
#[test]
fn what_was_read_before_a_deadline_was_missed_is_reported_before_it() {
    for role in ROLES {
        let mut connection = open(role, &quiet());
        connection.send("stuck").unwrap();
        connection.handle_write(0, at(0));
        let sender = role.peer();
        feed(&mut connection, &[frame(sender, TEXT, b"last"), frame(sender, PING, b"")].concat(), at(60));
        connection.handle_timeout(at(60));
        let seen = drain(&mut connection);
        let ping = Seen::Event(Event::Ping("".into()));
        assert_eq!(seen[..3], [message("last"), ping, Seen::Timeout(Timeout::Write(seconds(60)))]);
        assert!(ends_once(&seen));
        assert_eq!(write(&mut connection, at(60)), b"", "nothing is sent any more");
    }
}

#[test]
fn a_close_that_was_read_when_the_close_timeout_passed_is_not_too_late() {
    for role in ROLES {
        let mut connection = open(role, &quiet());
        connection.close(CloseCode::NORMAL, at(0));
        write(&mut connection, at(0));
        feed(&mut connection, &close(role.peer(), 1000, b"bye"), at(5));
        connection.handle_timeout(at(5));
        let seen = drain(&mut connection);
        assert!(matches!(seen[0], Seen::Event(Event::Closing(_))));
        assert!(ends_once(&seen) && seen.len() == 2, "{seen:?}");
        assert_eq!(closed(&connection), (1000, "bye", Initiator::Local, true, 0));
    }
}

#[test]
fn an_abort_ends_at_once_and_tells_the_peer_nothing() {
    for role in ROLES {
        let mut connection = open(role, &quiet());
        connection.send("unsent").unwrap();
        feed(&mut connection, &frame(role.peer(), TEXT, b"unseen"), at(0));
        connection.abort();
        assert!(connection.outbound().is_empty() && connection.outbound().is_finished());
        assert!(connection.send("late").is_err());
        let seen = drain(&mut connection);
        assert!(ends_once(&seen) && seen.len() == 1, "the user knows why: {seen:?}");
        assert_eq!(closed(&connection), (1006, "", Initiator::Local, false, 1));
        connection.abort();
        assert_eq!((drain(&mut connection), connection.poll_timeout()), (vec![], None));
    }
}

#[test]
fn an_answer_of_which_a_part_was_in_flight_when_the_deadline_passed_is_not_clean() {
    for role in ROLES {
        let mut connection = open(role, &quiet());
        read(&mut connection, &close(role.peer(), 1000, b""), at(0));
        let taken: usize = connection.outbound().take_out(1).iter().map(|bytes| bytes.len()).sum();
        connection.handle_timeout(at(5));
        connection.handle_timeout(at(10));
        connection.handle_write(taken, at(11));
        assert!(ends_once(&drain(&mut connection)));
        assert_eq!(closed(&connection), (1000, "", Initiator::Remote, false, 0));
        assert_eq!(connection.poll_timeout(), None);
    }
}

/// A driver that writes without holding the machine reports what it wrote when the machine has given up already.
#[test]
fn bytes_in_flight_when_a_deadline_passes_may_be_reported_as_written_later() {
    for role in ROLES {
        let mut connection = open(role, &quiet());
        connection.send("one").unwrap();
        connection.send("two").unwrap();
        let first = frame(role, TEXT, b"one").len();
        let taken: usize = connection.outbound().take_out(first).iter().map(|bytes| bytes.len()).sum();
        connection.handle_write(0, at(0));
        connection.handle_timeout(at(60));
        connection.handle_write(taken, at(61));
        let seen = drain(&mut connection);
        assert_eq!(seen[0], Seen::Timeout(Timeout::Write(seconds(60))));
        assert!(matches!(&seen[1], Seen::Event(Event::Closed(closed)) if closed.unsent >= 1), "{seen:?}");
    }
}
