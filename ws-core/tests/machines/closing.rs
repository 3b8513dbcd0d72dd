//! The closing handshake (RFC 6455 §5.5.1 and §7): both ends may begin it, messages that wait still leave, and the end is told once.

use ws_core::{
    CloseCode, CloseFrame, Event, Initiator, InvalidClose, Machine, Message, MessageKind, Role, SendError,
    StreamError,
};

use crate::support::*;

fn code(code: u16) -> CloseCode {
    CloseCode::new(code).unwrap()
}

pub(crate) fn closing(code: u16, reason: &'static str) -> Seen {
    let frame = CloseFrame::new(self::code(code), reason).unwrap();
    Seen::Event(Event::Closing(frame))
}

pub(crate) fn nobody_is_told_twice(connection: &mut ws_core::Connection) {
    connection.handle_read(0, at(9));
    connection.handle_timeout(at(1000));
    assert_eq!(drain(connection), []);
    assert_eq!(connection.poll_timeout(), None);
}

#[test]
fn a_close_with_a_valid_code_is_echoed_and_reported() {
    let codes = (1000..=1003).chain(1007..=1014).chain([3000, 3999, 4000, 4999]);
    for (role, value) in codes.flat_map(|value| ROLES.map(|role| (role, value))) {
        let mut connection = open(role, &quiet());
        let bytes = close(role.peer(), value, "so it is é".as_bytes());
        assert_eq!(read(&mut connection, &bytes, at(0)), [closing(value, "so it is é")]);
        assert!(!connection.is_open());
        let sent = write(&mut connection, at(0));
        let answer = [&value.to_be_bytes(), "so it is é".as_bytes()].concat();
        assert_eq!(frames(role, &sent), [(CLOSE, answer)]);
        // RFC 6455 §7.1.1: the server ends the TCP connection first.
        assert_eq!(connection.outbound().is_finished(), role == Role::Server);
        connection.handle_read(0, at(0));
        assert!(ends_once(&drain(&mut connection)));
        assert_eq!(closed(&connection), (value, "so it is é", Initiator::Remote, true, 0));
        nobody_is_told_twice(&mut connection);
    }
}

#[test]
fn a_close_without_payload_is_answered_without_payload_and_is_1005_and_clean() {
    for role in ROLES {
        let mut connection = open(role, &quiet());
        let seen = read(&mut connection, &frame(role.peer(), CLOSE, b""), at(0));
        assert_eq!(seen, [Seen::Event(Event::Closing(CloseFrame::EMPTY))]);
        let sent = write(&mut connection, at(0));
        assert_eq!(frames(role, &sent), [(CLOSE, vec![])]);
        connection.handle_read(0, at(0));
        assert!(ends_once(&drain(&mut connection)));
        assert_eq!(closed(&connection), (1005, "", Initiator::Remote, true, 0));
    }
}

#[test]
fn what_follows_the_peers_close_is_discarded_wherever_the_bytes_are_cut() {
    for role in ROLES {
        let sender = role.peer();
        let bytes = [close(sender, 1001, b"bye"), frame(sender, TEXT, b"late"), vec![0xFF; 9]].concat();
        for chunk in 1..=bytes.len() {
            let mut connection = open(role, &quiet());
            let seen: Vec<Seen> =
                bytes.chunks(chunk).flat_map(|part| read(&mut connection, part, at(0))).collect();
            assert_eq!(seen, [closing(1001, "bye")], "in chunks of {chunk}");
            assert!(connection.inbound().is_empty());
        }
    }
}

#[test]
fn the_user_may_close_with_any_code_that_may_be_on_the_wire_and_123_bytes_of_reason() {
    for illegal in [0, 999, 1004, 1005, 1006, 1015, 1016, 2999, 5000, u16::MAX] {
        assert_eq!(CloseCode::try_from(illegal), Err(InvalidClose::Code(illegal)));
    }
    let too_long = CloseFrame::new(CloseCode::NORMAL, "é".repeat(62));
    assert_eq!(too_long, Err(InvalidClose::ReasonTooLong(124)));
    let reason = "é".repeat(61) + "x";
    let frames_and_payloads = [
        (CloseFrame::EMPTY, vec![]),
        (CloseCode::NORMAL.into(), vec![0x03, 0xE8]),
        (CloseFrame::new(code(4999), reason.clone()).unwrap(), [&[0x13, 0x87], reason.as_bytes()].concat()),
    ];
    for (role, (close_frame, payload)) in
        frames_and_payloads.iter().flat_map(|case| ROLES.map(|role| (role, case)))
    {
        let mut connection = open(role, &quiet());
        connection.close(close_frame.clone(), at(0));
        let sent = write(&mut connection, at(0));
        assert_eq!(frames(role, &sent), [(CLOSE, payload.clone())]);
    }
}

#[test]
fn when_we_begin_what_waits_goes_out_first_and_messages_still_come_in() {
    for role in ROLES {
        let mut connection = open(role, &quiet());
        connection.send("one").unwrap();
        connection.send(vec![2; 5000]).unwrap();
        connection.close(CloseFrame::new(code(3001), "done").unwrap(), at(0));
        connection.close(CloseCode::GOING_AWAY, at(0));
        assert_eq!(read(&mut connection, &frame(role.peer(), TEXT, b"yet"), at(0)), [message("yet")]);
        let sent = write(&mut connection, at(0));
        let expected = [
            (TEXT, b"one".to_vec()),
            (BINARY, vec![2; 5000]),
            (CLOSE, [&3001u16.to_be_bytes()[..], b"done"].concat()),
        ];
        assert_eq!(frames(role, &sent), expected);
        let more = [frame(role.peer(), FIRST_TEXT, b"an"), frame(role.peer(), LAST, b"d more")].concat();
        assert_eq!(read(&mut connection, &more, at(0)), [message("and more")]);
        assert!(!connection.outbound().is_finished());
        assert_eq!(read(&mut connection, &close(role.peer(), 3001, b"ok"), at(0)), [closing(3001, "ok")]);
        assert_eq!(write(&mut connection, at(0)), b"", "a Close is not answered twice");
        assert_eq!(connection.outbound().is_finished(), role == Role::Server);
        connection.handle_read(0, at(0));
        assert!(ends_once(&drain(&mut connection)));
        assert_eq!(closed(&connection), (3001, "ok", Initiator::Local, true, 0));
        nobody_is_told_twice(&mut connection);
    }
}

#[test]
fn when_we_answer_what_waits_goes_out_first_too() {
    for role in ROLES {
        let size = frame(role, TEXT, b"abc").len();
        for written in 0..=3 * size {
            let mut connection = open(role, &quiet());
            for text in ["abc", "def", "ghi"] {
                connection.send(text).unwrap();
            }
            let mut sent = write_some(&mut connection, written, at(0));
            read(&mut connection, &close(role.peer(), 1000, b""), at(0));
            sent.extend(write(&mut connection, at(0)));
            let mut expected: Vec<_> =
                ["abc", "def", "ghi"].iter().map(|text| (TEXT, text.as_bytes().to_vec())).collect();
            expected.push((CLOSE, vec![0x03, 0xE8]));
            assert_eq!(frames(role, &sent), expected, "{role:?} after {written} bytes");
            connection.handle_read(0, at(0));
            drain(&mut connection);
            assert_eq!(closed(&connection), (1000, "", Initiator::Remote, true, 0), "after {written} bytes");
        }
    }
}

#[test]
fn when_a_connection_that_withholds_answers_only_the_message_that_has_begun_to_leave_is_finished() {
    for role in ROLES {
        let size = frame(role, TEXT, b"abc").len();
        for written in 0..=3 * size {
            let mut connection = open(role, &quiet());
            connection.withhold_from_a_closing_peer();
            for text in ["abc", "def", "ghi"] {
                connection.send(text).unwrap();
            }
            let mut sent = write_some(&mut connection, written, at(0));
            read(&mut connection, &close(role.peer(), 1000, b""), at(0));
            connection.answer_closing_peer(true);
            sent.extend(write(&mut connection, at(0)));
            let whole = written.div_ceil(size);
            let mut expected: Vec<_> =
                ["abc", "def", "ghi"][..whole].iter().map(|text| (TEXT, text.as_bytes().to_vec())).collect();
            expected.push((CLOSE, vec![0x03, 0xE8]));
            assert_eq!(frames(role, &sent), expected, "{role:?} after {written} bytes");
            connection.handle_read(0, at(0));
            drain(&mut connection);
            assert_eq!(
                closed(&connection),
                (1000, "", Initiator::Remote, true, 3 - whole),
                "after {written} bytes"
            );
        }
    }
}

#[test]
fn a_message_in_flight_or_in_many_frames_counts_as_begun() {
    for role in ROLES {
        let mut connection = open(role, &quiet().max_frame_size(10));
        connection.withhold_from_a_closing_peer();
        connection.send(vec![1; 35]).unwrap();
        connection.send(vec![2; 35]).unwrap();
        let taken = connection.outbound().take_out(1);
        read(&mut connection, &close(role.peer(), 1000, b""), at(0));
        connection.answer_closing_peer(true);
        let mut sent: Vec<u8> = taken.iter().flat_map(|bytes| bytes.to_vec()).collect();
        connection.handle_write(sent.len(), at(0));
        sent.extend(write(&mut connection, at(0)));
        let firsts: Vec<u8> = frames(role, &sent).iter().map(|(first, _)| *first).collect();
        assert_eq!(firsts, [FIRST_BINARY, CONTINUATION, CONTINUATION, LAST, CLOSE]);
        connection.handle_read(0, at(0));
        drain(&mut connection);
        assert_eq!(closed(&connection).4, 1);
    }
}

#[test]
fn after_our_close_neither_data_nor_pongs_go_out() {
    for role in ROLES {
        let mut connection = open(role, &quiet());
        connection.close(CloseFrame::EMPTY, at(0));
        let seen = read(&mut connection, &frame(role.peer(), PING, b"p"), at(0));
        assert_eq!(seen, [Seen::Event(Event::Ping("p".into()))]);
        assert!(matches!(connection.send("late"), Err(SendError::Closed(..))));
        assert_eq!(connection.send_ref(Message::from("late").as_ref()), Err(StreamError::Closed));
        assert_eq!(connection.start_message(MessageKind::Text), Err(StreamError::Closed));
        assert!(connection.ping("late").is_err());
        let sent = write(&mut connection, at(0));
        assert_eq!(frames(role, &sent), [(CLOSE, vec![])]);
        read(&mut connection, &frame(role.peer(), PING, b"p"), at(0));
        assert_eq!(write(&mut connection, at(0)), b"");
    }
}

#[test]
fn closes_that_cross_are_not_answered_and_both_sides_end_clean() {
    for chunk in [1, 3, 1000] {
        let mut pair = Pair::new(&quiet(), &quiet(), chunk);
        pair.client.close(CloseFrame::new(code(3001), "c").unwrap(), at(0));
        pair.server.close(CloseFrame::new(code(3002), "s").unwrap(), at(0));
        pair.settle();
        assert!(ends_once(&pair.client_seen));
        assert_eq!(closed(&pair.client), (3002, "s", Initiator::Local, true, 0));
        // The server ends the stream first and then waits for the client to do so.
        assert!(ends_once(&pair.server_seen));
        assert_eq!(closed(&pair.server), (3001, "c", Initiator::Local, true, 0));
    }
}

#[test]
fn whoever_begins_the_server_ends_the_stream_first() {
    for beginner in ROLES {
        let mut pair = Pair::new(&quiet(), &quiet(), 2);
        let begins = if beginner == Role::Client { &mut pair.client } else { &mut pair.server };
        begins.close(CloseCode::NORMAL, at(0));
        pair.settle();
        let [client, server] = [&pair.client, &pair.server].map(closed);
        let by = |role| if role == beginner { Initiator::Local } else { Initiator::Remote };
        assert_eq!(client, (1000, "", by(Role::Client), true, 0));
        assert_eq!(server, (1000, "", by(Role::Server), true, 0));
    }
}
