//! A byte that comes is looked at once: the cost of an input is linear in its length.

pub(crate) mod cost;

use ws_core::{Accept, ClientHandshake, ClientRequest, Config, Machine, Random, Role, ServerHandshake};

use crate::support::*;
use cost::{assert_linear, byte_by_byte, processor_time};

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
fn pings_that_come_byte_by_byte_cost_linear_time() {
    assert_linear([1 << 10, 4 << 10], |pings| {
        let mut connection = open(Role::Server, &quiet());
        byte_by_byte(&frame(Role::Client, PING, b"are you there").repeat(pings), |byte| {
            feed(&mut connection, byte, at(0));
            connection.poll_event().unwrap();
        })
    });
}

#[test]
fn the_beginning_of_a_head_that_comes_byte_by_byte_costs_linear_time() {
    assert_linear([4 << 10, 16 << 10], |len| {
        (0..10)
            .map(|_| {
                let mut handshake =
                    ServerHandshake::new(Config::default(), Random::from_seed([1; 32]), at(10));
                byte_by_byte(&vec![b'\r'; len - 1], |byte| {
                    feed(&mut handshake, byte, at(0));
                    assert!(handshake.poll_event().unwrap().is_none());
                })
            })
            .sum()
    });
}
