//! Receiving nothing but messages: an error comes in place of the end, when the peer was told.

use ws_core::{CloseCode, Connection, DataPoll, Error, Machine, Message, Role, ViolationKind};

use crate::support::*;

/// Everything that there is, up to and including what is no message.
fn data(connection: &mut Connection) -> Vec<Result<DataPoll, Seen>> {
    let mut all = Vec::new();
    loop {
        all.push(connection.poll_data().map_err(Seen::from));
        if !matches!(all.last(), Some(Ok(DataPoll::Message(_) | DataPoll::Chunk(_)))) {
            return all;
        }
    }
}

fn text(text: &'static str) -> Result<DataPoll, Seen> {
    Ok(DataPoll::Message(Message::from(text)))
}

#[test]
fn only_messages_come_and_then_the_end_for_ever() {
    for role in ROLES {
        let sender = role.peer();
        let bytes = [
            frame(sender, TEXT, b"one"),
            frame(sender, PING, b"p"),
            frame(sender, PONG, b""),
            frame(sender, TEXT, b"two"),
        ];
        let mut connection = open(role, &quiet());
        feed(&mut connection, &bytes.concat(), at(0));
        assert_eq!(data(&mut connection), [text("one"), text("two"), Ok(DataPoll::Pending)]);
        let mut sent = write(&mut connection, at(0));
        feed(&mut connection, &close(sender, 1000, b""), at(0));
        assert_eq!(data(&mut connection), [Ok(DataPoll::Pending)]);
        sent.extend(write(&mut connection, at(0)));
        let sent = frames(role, &sent);
        assert_eq!(sent, [(PONG, b"p".to_vec()), (CLOSE, vec![0x03, 0xE8])]);
        connection.handle_read(0, at(0));
        for _ in 0..3 {
            assert_eq!(data(&mut connection), [Ok(DataPoll::Ended)]);
        }
        assert_eq!(closed(&connection).0, 1000);
    }
}

#[test]
fn a_violation_is_told_when_its_close_has_left_and_the_stream_has_ended() {
    for role in ROLES {
        let sender = role.peer();
        for ahead in [false, true] {
            let mut connection = open(role, &quiet());
            feed(&mut connection, &[frame(sender, TEXT, b"one"), frame(sender, LAST, b"")].concat(), at(0));
            if ahead {
                connection.read_ahead();
            }
            assert_eq!(data(&mut connection), [text("one"), Ok(DataPoll::Pending)]);
            let sent = write(&mut connection, at(0));
            assert_eq!(frames(role, &sent), [(CLOSE, vec![0x03, 0xEA])]);
            assert_eq!(data(&mut connection), [Ok(DataPoll::Pending)]);
            connection.handle_read(0, at(0));
            let offset = frame(sender, TEXT, b"one").len() as u64;
            let error = Err(Seen::Violation(ViolationKind::UnexpectedContinuation, offset));
            assert_eq!(data(&mut connection), [error]);
            assert_eq!(data(&mut connection), [Ok(DataPoll::Ended)]);
        }
    }
}

#[test]
fn a_peer_that_does_not_end_the_stream_after_its_violation_puts_the_error_off_by_the_close_timeout_at_most() {
    let mut connection = open(Role::Client, &quiet());
    feed(&mut connection, &[0xFF, 0xFF], at(0));
    assert_eq!(data(&mut connection), [Ok(DataPoll::Pending)]);
    connection.handle_timeout(connection.poll_timeout().unwrap());
    assert!(matches!(connection.poll_data(), Err(Error::Violation(_))));
    assert_eq!(connection.poll_timeout(), None);
}

#[test]
fn any_other_failure_is_told_at_once_and_once() {
    for role in ROLES {
        let mut ended = open(role, &quiet());
        ended.handle_read(0, at(0));
        assert_eq!(data(&mut ended), [Err(Seen::Eof)]);
        assert_eq!(data(&mut ended), [Ok(DataPoll::Ended)]);
        let mut silent = open(role, &quiet());
        silent.close(CloseCode::NORMAL, at(0));
        silent.handle_timeout(at(5));
        assert!(matches!(silent.poll_data(), Err(Error::Timeout(_))));
        assert_eq!(data(&mut silent), [Ok(DataPoll::Ended)]);
    }
}

#[test]
fn chunks_come_as_data_too() {
    let mut connection = open(Role::Client, &quiet());
    connection.receive_chunks(true);
    feed(&mut connection, &frame(Role::Server, BINARY, b"chunk"), at(0));
    assert!(
        matches!(connection.poll_data(), Ok(DataPoll::Chunk(chunk)) if chunk.last && chunk.bytes == "chunk")
    );
    assert_eq!(data(&mut connection), [Ok(DataPoll::Pending)]);
}

#[test]
fn what_is_unsent_can_be_asked_for_at_any_time() {
    for role in ROLES {
        let mut connection = open(role, &quiet());
        for text in ["one", "two", "six"] {
            connection.send(text).unwrap();
        }
        connection.ping("p").unwrap();
        let len = frame(role, TEXT, b"one").len();
        for left in [3, 2, 1, 0] {
            assert_eq!(connection.unsent(), left);
            write_some(&mut connection, len - 1, at(0));
            assert_eq!(connection.unsent(), left);
            write_some(&mut connection, 1, at(0));
        }
    }
}
