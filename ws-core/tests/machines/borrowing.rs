//! Receiving without owning: a visitor is shown each message where it lies, may answer, and says whether to go on.

use std::ops::ControlFlow;

use ws_core::{
    CloseCode, Connection, DataPoll, Error, Event, ForEachEnd, Initiator, Machine, MessageRef, Role,
    ViolationKind,
};

use crate::support::*;

/// Shows everything to a visitor that echoes it.
fn echo(connection: &mut Connection) -> (Vec<Vec<u8>>, Result<ForEachEnd, Error>) {
    let mut shown = Vec::new();
    let end = connection.for_each_borrowed(|message, reply| {
        shown.push(message.as_bytes().to_vec());
        reply.send(message).unwrap();
        ControlFlow::Continue(())
    });
    (shown, end)
}

#[test]
fn a_visitor_sees_messages_alone_and_pings_are_answered_in_order() {
    for role in ROLES {
        let sender = role.peer();
        let bytes = [
            frame(sender, TEXT, b"one"),
            frame(sender, PING, b"p"),
            frame(sender, FIRST_BINARY, b"t"),
            frame(sender, PONG, b""),
            frame(sender, LAST, b"wo"),
            frame(sender, TEXT, b""),
        ];
        let mut connection = open(role, &quiet());
        feed(&mut connection, &bytes.concat(), at(0));
        let (shown, end) = echo(&mut connection);
        assert_eq!(end.unwrap(), ForEachEnd::Drained);
        assert_eq!(shown, [&b"one"[..], b"two", b""]);
        let sent = frames(role, &write(&mut connection, at(0)));
        let expected = [(TEXT, &b"one"[..]), (PONG, b"p"), (BINARY, b"two"), (TEXT, b"")]
            .map(|(first, b)| (first, b.to_vec()));
        assert_eq!(sent, expected);
    }
}

#[test]
fn a_visitor_that_stops_misses_nothing() {
    let mut connection = open(Role::Server, &quiet());
    let texts = ["one", "two", "three"];
    let bytes = texts.map(|text| frame(Role::Client, TEXT, text.as_bytes())).concat();
    feed(&mut connection, &bytes, at(0));
    for text in texts {
        let end = connection.for_each_borrowed(|message, _| {
            assert_eq!(message, MessageRef::Text(text));
            ControlFlow::Break(())
        });
        assert_eq!(end.unwrap(), ForEachEnd::Stopped);
    }
    assert_eq!(echo(&mut connection).1.unwrap(), ForEachEnd::Drained);
}

#[test]
fn borrowing_and_events_may_take_turns() {
    let mut connection = open(Role::Client, &quiet());
    let bytes = ["a", "b", "c", "d"].map(|text| frame(Role::Server, TEXT, text.as_bytes())).concat();
    feed(&mut connection, &bytes[..6], at(0));
    assert!(connection.read_ahead());
    feed(&mut connection, &bytes[6..], at(0));
    let mut stop_after_first = |expected: &str| {
        let end = connection.for_each_borrowed(|message, _| {
            assert_eq!(message, MessageRef::Text(expected));
            ControlFlow::Break(())
        });
        assert_eq!(end.unwrap(), ForEachEnd::Stopped);
    };
    stop_after_first("a");
    stop_after_first("b");
    assert_eq!(drain(&mut connection), [message("c"), message("d")]);
}

#[test]
fn a_violation_is_an_error_of_borrowing_once_the_connection_has_ended() {
    for role in ROLES {
        let sender = role.peer();
        let good = frame(sender, TEXT, b"good");
        let head = header(sender, TEXT, 0).len();
        let bytes = [good.clone(), frame(sender, TEXT, b"b\xffd"), frame(sender, TEXT, b"late")].concat();
        let mut connection = open(role, &quiet());
        feed(&mut connection, &bytes, at(0));
        let (shown, end) = echo(&mut connection);
        assert_eq!((shown, end.unwrap()), (vec![b"good".to_vec()], ForEachEnd::Drained));
        let sent = frames(role, &write(&mut connection, at(0)));
        assert_eq!(sent, [(TEXT, b"good".to_vec()), (CLOSE, vec![0x03, 0xEF])]);
        assert_eq!(echo(&mut connection).1.unwrap(), ForEachEnd::Drained);
        connection.handle_read(0, at(0));
        let Err(Error::Violation(violation)) = echo(&mut connection).1 else { panic!("no violation") };
        assert_eq!(violation.kind, ViolationKind::InvalidUtf8);
        assert_eq!(violation.offset, (good.len() + head + 1) as u64);
        assert_eq!(closed(&connection).0, 1007);
        assert_eq!(echo(&mut connection).1.unwrap(), ForEachEnd::Drained);
    }
}

#[test]
fn a_violation_that_borrowing_has_met_is_an_event_at_once_for_who_asks_for_events() {
    let mut connection = open(Role::Client, &quiet());
    feed(&mut connection, &frame(Role::Server, TEXT, b"\xff"), at(0));
    assert_eq!(echo(&mut connection).1.unwrap(), ForEachEnd::Drained);
    assert_eq!(drain(&mut connection), [Seen::Violation(ViolationKind::InvalidUtf8, 2)]);
    connection.handle_read(0, at(0));
    write(&mut connection, at(0));
    assert!(matches!(echo(&mut connection).1, Ok(ForEachEnd::Closed(closed)) if closed.code == 1007));
}

#[test]
fn the_end_is_told_once() {
    for role in ROLES {
        let mut connection = open(role, &quiet());
        feed(&mut connection, &close(role.peer(), 1001, b"bye"), at(0));
        assert_eq!(echo(&mut connection).1.unwrap(), ForEachEnd::Drained);
        write(&mut connection, at(0));
        connection.handle_read(0, at(0));
        let Ok(ForEachEnd::Closed(end)) = echo(&mut connection).1 else { panic!("not closed") };
        assert_eq!(
            (end.code, &*end.reason, end.initiator, end.clean),
            (1001, "bye", Initiator::Remote, true)
        );
        assert_eq!(echo(&mut connection).1.unwrap(), ForEachEnd::Drained);
    }
}

#[test]
fn an_end_of_the_stream_without_a_close_is_an_error_in_place_of_the_end() {
    let mut connection = open(Role::Client, &quiet());
    connection.close(CloseCode::NORMAL, at(0));
    write(&mut connection, at(0));
    connection.handle_read(0, at(0));
    assert!(matches!(echo(&mut connection).1, Err(Error::UnexpectedEof)));
    assert_eq!(closed(&connection).0, 1006);
    assert_eq!(echo(&mut connection).1.unwrap(), ForEachEnd::Drained);
}

#[test]
fn messages_that_come_together_are_taken_in_any_way_and_in_order() {
    for role in ROLES {
        let sender = role.peer();
        let texts: Vec<String> =
            (0..700).map(|len| "aé€😀".chars().cycle().take(len % 300).collect()).collect();
        let bytes: Vec<u8> = texts
            .iter()
            .enumerate()
            .flat_map(|(i, text)| {
                let ping = if i % 5 == 0 { frame(sender, PING, b"") } else { Vec::new() };
                [ping, frame(sender, if i % 3 == 0 { BINARY } else { TEXT }, text.as_bytes())].concat()
            })
            .collect();
        for read in [bytes.len(), 16 * 1024, 1000] {
            let mut connection = open(role, &quiet());
            let mut taken = Vec::new();
            for (turn, bytes) in bytes.chunks(read).enumerate() {
                feed(&mut connection, bytes, at(0));
                let mut way = turn;
                loop {
                    way += 1;
                    let before = taken.len();
                    match way % 3 {
                        0 => match connection.poll_event().unwrap() {
                            None => break,
                            Some(Event::Message(message)) => taken.push(message.into_bytes()),
                            Some(_) => {}
                        },
                        1 => match connection.poll_data().unwrap() {
                            DataPoll::Message(message) => taken.push(message.into_bytes()),
                            data => assert_eq!(data, DataPoll::Pending),
                        },
                        _ => {
                            let end = connection.for_each_borrowed(|message, _| {
                                taken.push(message.as_bytes().to_vec().into());
                                if taken.len() - before == 2 {
                                    ControlFlow::Break(())
                                } else {
                                    ControlFlow::Continue(())
                                }
                            });
                            assert!(matches!(end, Ok(ForEachEnd::Stopped | ForEachEnd::Drained)));
                        }
                    }
                }
                write(&mut connection, at(0));
            }
            assert!(taken.iter().eq(texts.iter().map(|text| text.as_bytes())));
        }
    }
}

#[test]
fn what_a_visitor_was_shown_is_gone_even_if_it_panics() {
    let mut connection = open(Role::Server, &quiet());
    feed(
        &mut connection,
        &["one", "two"].map(|text| frame(Role::Client, TEXT, text.as_bytes())).concat(),
        at(0),
    );
    let panics =
        std::panic::AssertUnwindSafe(|| connection.for_each_borrowed(|_, _| panic!("a visitor may")));
    assert!(std::panic::catch_unwind(panics).is_err());
    assert_eq!(drain(&mut connection), [message("two")]);
}
