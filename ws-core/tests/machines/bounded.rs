//! What waits is bounded, and a byte that comes is looked at once (memory itself: `tests/memory.rs`).

use std::ops::ControlFlow;
use std::time::Duration;

#[cfg(unix)]
use rustix::time::{ClockId, clock_gettime};
use ws_core::{
    Accept, ClientHandshake, ClientRequest, CloseCode, Config, Event, ForEachEnd, Initiator, Machine,
    Message, MessageRef, PingError, Random, Role, SendError, ServerHandshake, StreamError,
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
            let visit = connection.for_each_borrowed(|message, reply| {
                shown += 1;
                reply.send(message).unwrap();
                ControlFlow::Continue(())
            });
            assert!(connection.outbound().len() <= 1000 + 308);
            answered += frames(role, &write(&mut connection, at(0))).len();
            if visit.unwrap() == ForEachEnd::Drained {
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

/// The time that this thread has had on a processor: what else runs there does not count.
#[cfg(unix)]
fn processor_time() -> Duration {
    clock_gettime(ClockId::ThreadCPUTime).try_into().unwrap()
}

/// The time that feeding `bytes` byte by byte takes.
#[cfg(unix)]
fn byte_by_byte(bytes: &[u8], mut take: impl FnMut(&[u8])) -> Duration {
    let before = processor_time();
    bytes.chunks(1).for_each(&mut take);
    processor_time() - before
}

/// Four times the bytes may take four times as long; work that grows with the square takes sixteen times, in every
/// try. What others leave in the caches disturbs some.
#[cfg(unix)]
fn assert_linear(lens: [usize; 2], time: impl Fn(usize) -> Duration) {
    let mut tries = Vec::new();
    let is_linear = (0..12).any(|_| {
        let [short, long] = lens.map(&time);
        tries.push((short, long));
        long < 9 * short.max(Duration::from_millis(1))
    });
    assert!(is_linear, "{tries:?}");
}

#[cfg(unix)]
#[test]
fn a_message_that_comes_byte_by_byte_costs_linear_time() {
    for first in [TEXT, BINARY] {
        assert_linear([64 << 10, 256 << 10], |len| {
            let mut connection = open(Role::Server, &quiet());
            byte_by_byte(&frame(Role::Client, first, &vec![b'x'; len]), |byte| {
                feed(&mut connection, byte, at(0));
                connection.poll_event().unwrap();
            })
        });
    }
}

#[cfg(unix)]
#[test]
fn a_head_that_comes_byte_by_byte_costs_linear_time() {
    assert_linear([4 << 10, 16 << 10], |len| {
        let head = format!("HTTP/1.1 101 Switching Protocols\r\nX-Long: {}", "x".repeat(len - 100));
        let request = ClientRequest::new("example.com", "/").unwrap();
        let random = Random::from_seed([1; 32]);
        let mut handshake = ClientHandshake::new(&request, Config::default(), random, at(10));
        byte_by_byte(head.as_bytes(), |byte| {
            feed(&mut handshake, byte, at(0));
            assert!(handshake.poll_event().unwrap().is_none());
        })
    });
}

#[cfg(unix)]
#[test]
fn a_request_that_comes_byte_by_byte_costs_linear_time() {
    assert_linear([4 << 10, 16 << 10], |len| {
        let head = format!("GET / HTTP/1.1\r\nHost: a\r\nX-Long: {}", "x".repeat(len - 100));
        let mut handshake = ServerHandshake::new(Config::default(), Random::from_seed([1; 32]), at(10));
        byte_by_byte(head.as_bytes(), |byte| {
            feed(&mut handshake, byte, at(0));
            assert!(handshake.poll_event().unwrap().is_none());
        })
    });
}

#[cfg(unix)]
#[test]
fn a_message_in_fragments_of_one_byte_costs_linear_time() {
    for first in [FIRST_TEXT, FIRST_BINARY] {
        assert_linear([8 << 10, 32 << 10], |fragments| {
            let mut connection = open(Role::Server, &quiet());
            let mut bytes = frame(Role::Client, first, b"x");
            bytes.extend(frame(Role::Client, CONTINUATION, b"x").repeat(fragments));
            byte_by_byte(&bytes, |byte| {
                feed(&mut connection, byte, at(0));
                assert!(connection.poll_event().unwrap().is_none());
            })
        });
    }
}

/// The body of a refusal, each byte of it in a chunk of its own.
#[cfg(unix)]
#[test]
fn a_chunked_body_that_comes_byte_by_byte_costs_linear_time() {
    assert_linear([4000, 16_000], |chunks| {
        let body = "1\r\nx\r\n".repeat(chunks);
        let answer = format!("HTTP/1.1 403 Forbidden\r\nTransfer-Encoding: chunked\r\n\r\n{body}");
        let request = ClientRequest::new("example.com", "/").unwrap();
        let random = Random::from_seed([1; 32]);
        let mut handshake = ClientHandshake::new(&request, Config::default(), random, at(10));
        byte_by_byte(answer.as_bytes(), |byte| {
            feed(&mut handshake, byte, at(0));
            assert!(handshake.poll_event().unwrap().is_none());
        })
    });
}

/// 7500 offers in the largest head, and a server that supports many.
#[cfg(unix)]
#[test]
fn the_list_of_offered_subprotocols_is_read_once_whatever_the_server_supports() {
    const OFFERED: usize = 7500;
    let offers = vec!["x"; OFFERED].join(",");
    let head = format!(
        "GET / HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n\
         Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Protocol: {offers}\r\n\r\n"
    );
    let mut handshake = ServerHandshake::new(Config::default(), Random::from_seed([1; 32]), at(10));
    feed(&mut handshake, head.as_bytes(), at(0));
    let request = handshake.poll_event().unwrap().unwrap();
    let names: Vec<_> = (0..200).map(|n| format!("protocol-{n}")).collect();
    // The time with one supported subprotocol, and with 200.
    assert_linear([1, 200], |supported| {
        let before = processor_time();
        for _ in 0..5 {
            let supported = names[..supported].iter().map(|name| &**name);
            assert_eq!(Accept::new().first_subprotocol(&request, supported), Accept::new());
        }
        processor_time() - before
    });
}

#[test]
fn a_thousand_messages_borrowed_while_closing_change_nothing() {
    let mut connection = open(Role::Server, &quiet());
    connection.close(CloseCode::NORMAL, at(0));
    feed(&mut connection, &frame(Role::Client, TEXT, b"x").repeat(1000), at(0));
    let mut shown = 0;
    let visit = connection.for_each_borrowed(|_, reply| {
        shown += 1;
        assert_eq!(reply.send(MessageRef::Text("late")), Err(StreamError::Closed));
        ControlFlow::Continue(())
    });
    assert_eq!((visit.unwrap(), shown), (ForEachEnd::Drained, 1000));
}
