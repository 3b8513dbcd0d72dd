//! A message sent as a stream: in parts, never whole in memory, and never cut without the peer seeing it.

use ws_core::{Initiator, Machine, Message, MessageKind, Role, SendError, StreamError};

use crate::support::*;

#[test]
fn each_part_is_a_frame_and_control_frames_may_come_between() {
    for role in ROLES {
        let mut connection = open(role, &quiet());
        connection.start_message(MessageKind::Text).unwrap();
        connection.continue_message("κό".as_bytes()).unwrap();
        connection.continue_message(b"").unwrap();
        connection.ping("p").unwrap();
        connection.continue_message("σ".as_bytes()).unwrap();
        connection.finish_message(b"").unwrap();
        connection.send("next").unwrap();
        let sent = write(&mut connection, at(0));
        let expected = [
            (FIRST_TEXT, "κό".as_bytes().to_vec()),
            (PING, b"p".to_vec()),
            (CONTINUATION, "σ".as_bytes().to_vec()),
            (LAST, vec![]),
            (TEXT, b"next".to_vec()),
        ];
        assert_eq!(frames(role, &sent), expected);
    }
}

#[test]
fn a_part_larger_than_max_frame_size_is_split() {
    for role in ROLES {
        let mut connection = open(role, &quiet().max_frame_size(2));
        connection.start_message(MessageKind::Binary).unwrap();
        connection.continue_message(b"abcde").unwrap();
        connection.finish_message(b"fgh").unwrap();
        let sent = write(&mut connection, at(0));
        let expected = [(FIRST_BINARY, "ab"), (0, "cd"), (0, "e"), (0, "fg"), (LAST, "h")];
        assert_eq!(frames(role, &sent), expected.map(|(first, bytes)| (first, bytes.as_bytes().to_vec())));
    }
}

#[test]
fn a_message_of_one_part_is_one_frame_and_may_be_empty() {
    for (part, kind, first) in [(&b"all"[..], MessageKind::Text, TEXT), (b"", MessageKind::Binary, BINARY)] {
        let mut connection = open(Role::Client, &quiet());
        connection.start_message(kind).unwrap();
        connection.finish_message(part).unwrap();
        let sent = write(&mut connection, at(0));
        assert_eq!(frames(Role::Client, &sent), [(first, part.to_vec())]);
    }
}

#[test]
fn no_other_message_comes_between_the_parts() {
    let mut connection = open(Role::Client, &quiet());
    assert_eq!(connection.continue_message(b"x"), Err(StreamError::NotStreaming));
    assert_eq!(connection.finish_message(b"x"), Err(StreamError::NotStreaming));
    connection.start_message(MessageKind::Binary).unwrap();
    assert_eq!(connection.send("x"), Err(SendError::Streaming("x".into())));
    assert_eq!(connection.send_ref(Message::from("x").as_ref()), Err(StreamError::Streaming));
    assert_eq!(connection.start_message(MessageKind::Text), Err(StreamError::Streaming));
    connection.finish_message(b"x").unwrap();
    connection.send("x").unwrap();
}

#[test]
fn a_streamed_text_is_utf8_as_a_whole_wherever_its_parts_are_cut() {
    let text = "aé€𐍈z";
    for cut in 0..=text.len() {
        let mut connection = open(Role::Client, &quiet());
        let (head, tail) = text.as_bytes().split_at(cut);
        connection.start_message(MessageKind::Text).unwrap();
        connection.continue_message(head).unwrap();
        connection.finish_message(tail).unwrap();
        let sent = frames(Role::Client, &write(&mut connection, at(0)));
        assert_eq!(sent.into_iter().flat_map(|(_, payload)| payload).collect::<Vec<_>>(), text.as_bytes());
    }
    let mut connection = open(Role::Client, &quiet());
    connection.start_message(MessageKind::Text).unwrap();
    connection.continue_message(b"ok").unwrap();
    let sent = write(&mut connection, at(0)).len();
    for (part, last) in [(&b"\xff"[..], false), (b"\xe2\x28", false), (b"\xe2\x82", true)] {
        let refused = if last { connection.finish_message(part) } else { connection.continue_message(part) };
        assert_eq!(refused, Err(StreamError::InvalidUtf8));
        assert_eq!(write(&mut connection, at(0)).len(), 0, "nothing of it after {sent} bytes");
    }
}

#[test]
fn over_the_mark_a_part_is_refused_but_the_end_is_taken() {
    for role in ROLES {
        let mut connection = open(role, &quiet().max_send_buffer(100));
        connection.start_message(MessageKind::Binary).unwrap();
        connection.continue_message(&[1; 200]).unwrap();
        assert_eq!(connection.continue_message(b"x"), Err(StreamError::Full(100)));
        assert_eq!(connection.finish_message(b"x"), Err(StreamError::Full(100)));
        assert_eq!(connection.finish_message(b""), Ok(()));
        let sent = frames(role, &write(&mut connection, at(0)));
        assert_eq!(sent, [(FIRST_BINARY, vec![1; 200]), (LAST, vec![])]);
    }
}

#[test]
fn empty_messages_sent_as_streams_do_not_pass_the_mark() {
    let mut connection = open(Role::Client, &quiet().max_send_buffer(100));
    for _ in 0..1000 {
        if connection.start_message(MessageKind::Binary).is_ok() {
            let _ = connection.finish_message(b"");
        }
    }
    assert!(connection.outbound().len() <= 106, "{}", connection.outbound().len());
    assert_eq!(connection.finish_message(b""), Err(StreamError::Full(100)));
}

#[test]
fn an_aborted_message_closes_the_connection_with_1011() {
    for role in ROLES {
        let mut connection = open(role, &quiet());
        connection.abort_message(at(0));
        assert!(connection.is_open(), "nothing was begun");
        connection.start_message(MessageKind::Binary).unwrap();
        connection.continue_message(b"half").unwrap();
        connection.abort_message(at(0));
        assert_eq!(connection.finish_message(b"late"), Err(StreamError::Closed));
        let sent = write(&mut connection, at(0));
        assert_eq!(frames(role, &sent), [(FIRST_BINARY, b"half".to_vec()), (CLOSE, vec![0x03, 0xF3])]);
        read(&mut connection, &close(role.peer(), 1011, b""), at(0));
        connection.handle_read(0, at(0));
        drain(&mut connection);
        assert_eq!(closed(&connection), (1011, "", Initiator::Local, true, 1));
    }
}

#[test]
fn a_finished_message_is_counted_as_unsent_until_its_last_byte_has_left() {
    for role in ROLES {
        let head = header(role, BINARY, 1).len() + 1;
        for written in 0..=2 * head {
            let mut connection = open(role, &quiet());
            connection.start_message(MessageKind::Binary).unwrap();
            connection.continue_message(b"a").unwrap();
            connection.finish_message(b"b").unwrap();
            write_some(&mut connection, written, at(0));
            connection.handle_read(0, at(0));
            // What waits has had its time.
            connection.handle_timeout(at(5));
            drain(&mut connection);
            assert_eq!(closed(&connection).4, usize::from(written < 2 * head), "after {written} bytes");
        }
    }
}

#[test]
fn when_the_peer_closes_within_a_streamed_message_its_begun_part_is_finished() {
    for role in ROLES {
        let mut connection = open(role, &quiet());
        connection.withhold_from_a_closing_peer();
        connection.start_message(MessageKind::Binary).unwrap();
        connection.continue_message(b"begun").unwrap();
        connection.continue_message(b"not begun").unwrap();
        let mut sent = write_some(&mut connection, 1, at(0));
        read(&mut connection, &close(role.peer(), 1000, b""), at(0));
        connection.answer_closing_peer(true);
        assert_eq!(connection.continue_message(b"late"), Err(StreamError::Closed));
        sent.extend(write(&mut connection, at(0)));
        assert_eq!(frames(role, &sent), [(FIRST_BINARY, b"begun".to_vec()), (CLOSE, vec![0x03, 0xE8])]);
        connection.handle_read(0, at(0));
        drain(&mut connection);
        assert_eq!(closed(&connection), (1000, "", Initiator::Remote, true, 1));
    }
}
