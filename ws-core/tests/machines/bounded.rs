//! What waits is bounded (memory itself: `tests/memory.rs`; time: `linear.rs`).

use std::ops::ControlFlow;

use ws_core::{
    CloseCode, Event, ForEachEnd, Initiator, Machine, Message, MessageRef, PingError, Role, SendError,
    StreamError,
};

use crate::support::*;

#[test]
fn over_the_mark_a_message_is_handed_back_and_one_larger_than_it_is_taken_when_nothing_waits() {
    let full = || SendError::Full { message: "next".into(), max_send_buffer: 100 };
    for role in ROLES {
        let mut connection = open(role, &quiet().max_send_buffer(100));
        let large = Message::from(vec![7; 10_000]);
        assert_eq!(connection.send(large.clone()), Ok(()));
        assert!(!connection.has_room());
        assert_eq!(connection.send("next"), Err(full()));
        assert_eq!(connection.send_ref(MessageRef::Text("next")), Err(StreamError::Full(100)));
        let refused = connection.ping("next").unwrap_err();
        assert_eq!(refused, PingError::Full(100));
        assert_eq!(refused.to_string(), StreamError::Full(100).to_string());
        assert!(refused.to_string().contains("max_send_buffer (100 bytes)"), "{refused}");
        let waiting = connection.outbound().len();
        write_some(&mut connection, waiting - 100, at(0));
        assert_eq!(connection.send("next"), Err(full()));
        write_some(&mut connection, 1, at(0));
        assert_eq!(connection.send("next"), Ok(()));
    }
}

#[test]
fn bytes_that_a_driver_has_taken_out_still_count() {
    let mut connection = open(Role::Server, &quiet().max_send_buffer(100));
    connection.send(vec![7; 200]).unwrap();
    let taken: usize = connection.outbound().take_out(usize::MAX).iter().map(|bytes| bytes.len()).sum();
    assert!(!connection.has_room());
    connection.handle_write(taken, at(0));
    assert!(connection.has_room());
}

#[test]
fn at_most_16_pongs_wait_and_the_newest_takes_the_place_of_those_beyond() {
    for role in ROLES {
        for pings in [1, 15, 16, 17, 100, 1000] {
            let mut connection = open(role, &quiet());
            for n in 0u32..pings {
                let ping = frame(role.peer(), PING, &n.to_be_bytes());
                let seen = read(&mut connection, &ping, at(0));
                assert_eq!(seen, [Seen::Event(Event::Ping(n.to_be_bytes().to_vec().into()))]);
            }
            // Room for the newest comes as soon as the first has left.
            let mut sent = write_some(&mut connection, frame(role, PONG, &[0; 4]).len(), at(0));
            sent.extend(write(&mut connection, at(0)));
            let pongs: Vec<u32> = frames(role, &sent)
                .into_iter()
                .map(|(first, payload)| {
                    assert_eq!(first, PONG);
                    u32::from_be_bytes(payload.try_into().unwrap())
                })
                .collect();
            let expected: Vec<u32> = (0..pings.min(15)).chain((pings > 15).then_some(pings - 1)).collect();
            assert_eq!(pongs, expected);
        }
    }
}

#[test]
fn both_sides_over_the_mark_at_once_come_to_rest() {
    for chunk in [1000, 100_000] {
        let config = quiet().max_send_buffer(10_000);
        let mut pair = Pair::new(&config, &config, chunk);
        for _ in 0..20 {
            while pair.client.send(vec![1; 3000]).is_ok() {}
            while pair.server.send(vec![2; 3000]).is_ok() {}
            pair.settle();
        }
        assert_eq!(pair.client_seen, vec![message(vec![2; 3000]); 20 * 4]);
        assert_eq!(pair.server_seen, vec![message(vec![1; 3000]); 20 * 4]);
    }
}

#[test]
fn reading_ahead_stops_at_its_limit_and_loses_nothing() {
    for role in ROLES {
        let mut connection = open(role, &quiet().max_read_ahead(10_000));
        let bytes =
            [frame(role.peer(), BINARY, &[1; 1000]), frame(role.peer(), PING, b"p")].concat().repeat(50);
        feed(&mut connection, &bytes, at(0));
        assert!(!connection.read_ahead(), "the driver must stop reading");
        assert!(!connection.inbound().is_empty(), "the rest stays where it is");
        let pongs = frames(role, &write(&mut connection, at(0))).len();
        assert!((5..=10).contains(&pongs), "what was looked at was answered: {pongs}");
        let seen = drain(&mut connection);
        let expected = [message(vec![1; 1000]), Seen::Event(Event::Ping("p".into()))];
        assert!(seen.chunks(2).all(|seen| seen == expected) && seen.len() == 100);
        assert!(connection.read_ahead(), "there is room again");
    }
}

#[test]
fn a_flood_of_empty_messages_counts_toward_what_is_read_ahead() {
    let mut connection = open(Role::Client, &quiet().max_read_ahead(10_000));
    feed(&mut connection, &frame(Role::Server, BINARY, b"").repeat(5000), at(0));
    assert!(!connection.read_ahead());
    assert!(connection.inbound().len() > 9000, "{}", connection.inbound().len());
    assert_eq!(drain(&mut connection), vec![message(vec![]); 5000]);
}

#[test]
fn messages_beyond_the_limit_do_not_hide_the_peers_close_once_we_have_begun_to_close() {
    for role in ROLES {
        let mut connection = open(role, &quiet().max_read_ahead(10_000));
        connection.close(CloseCode::NORMAL, at(0));
        write(&mut connection, at(0));
        feed(&mut connection, &frame(role.peer(), BINARY, &[1; 1000]).repeat(50), at(0));
        assert!(connection.read_to_close(), "the driver must go on reading");
        feed(&mut connection, &close(role.peer(), 1000, b""), at(0));
        assert!(connection.read_to_close());
        connection.handle_read(0, at(0));
        assert!(!connection.read_to_close());
        assert_eq!(closed(&connection), (1000, "", Initiator::Local, true, 0));
        let seen = drain(&mut connection);
        assert!(seen.len() >= 10 && ends_once(&seen), "{}", seen.len());
    }
}

#[test]
fn a_visitor_that_answers_is_stopped_at_the_mark_and_goes_on_after_a_write() {
    for role in ROLES {
        let mut connection = open(role, &quiet().max_send_buffer(1000));
        feed(&mut connection, &frame(role.peer(), BINARY, &[1; 300]).repeat(20), at(0));
        let mut shown = 0;
        let mut answered = 0;
        loop {
            let end = connection.for_each_borrowed(|message, reply| {
                shown += 1;
                reply.send(message).unwrap();
                ControlFlow::Continue(())
            });
            assert!(connection.outbound().len() <= 1000 + 308);
            answered += frames(role, &write(&mut connection, at(0))).len();
            if end.unwrap() == ForEachEnd::Drained {
                break;
            }
        }
        assert_eq!((shown, answered), (20, 20));
    }
}

#[test]
fn an_idle_connection_gives_its_buffers_back() {
    for role in ROLES {
        let mut connection = open(role, &quiet());
        let text = "x".repeat(10_000);
        read(&mut connection, &frame(role.peer(), TEXT, text.as_bytes()), at(0));
        connection.send(text).unwrap();
        write(&mut connection, at(0));
        assert!(connection.inbound().is_empty());
        drop(std::mem::take(connection.inbound()));
        connection.outbound().release();
        assert_eq!(connection.inbound().capacity(), 0);
        let seen = read(&mut connection, &frame(role.peer(), TEXT, b"again"), at(0));
        assert_eq!(seen, [message("again")]);
    }
}

#[test]
fn a_thousand_messages_borrowed_while_closing_change_nothing() {
    let mut connection = open(Role::Server, &quiet());
    connection.close(CloseCode::NORMAL, at(0));
    feed(&mut connection, &frame(Role::Client, TEXT, b"x").repeat(1000), at(0));
    let mut shown = 0;
    let end = connection.for_each_borrowed(|_, reply| {
        shown += 1;
        assert_eq!(reply.send(MessageRef::Text("late")), Err(StreamError::Closed));
        ControlFlow::Continue(())
    });
    assert_eq!((end.unwrap(), shown), (ForEachEnd::Drained, 1000));
}
