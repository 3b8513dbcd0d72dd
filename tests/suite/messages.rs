//! Whole messages, both ways.

use std::ops::ControlFlow;
use std::thread;

use ws_core::bytes::Bytes;
use ws_core::{CloseCode, Error, Event, Initiator, Message, MessageRef, ViolationKind};

use crate::adapter::{Adapter, Receiving, Sending, Socket};
use crate::ends::{client, end, failure, pair, quiet, server};
use crate::wire::{BINARY, CLOSE, CONTINUATION, FIN, PING, PONG, TEXT};

pub fn an_echo_of_every_length_form<A: Adapter>() {
    let (mut client, mut server) = pair::<A>(quiet());
    thread::scope(|scope| {
        scope.spawn(move || {
            while let Some(message) = server.recv().unwrap() {
                server.send(message).unwrap();
            }
            let closed = server.closed().unwrap();
            assert_eq!((closed.code, &*closed.reason, closed.clean), (1000, "done", true));
        });
        for len in [0, 1, 125, 126, 127, 4095, 4096, 65_535, 65_536, 1 << 20, 5 << 20] {
            let binary: Vec<u8> = (0..len).map(|i| (i % 251) as u8).collect();
            let text: String = "aß€𝄞"
                .chars()
                .cycle()
                .scan(0, |sum, c| {
                    *sum += c.len_utf8();
                    (*sum <= len).then_some(c)
                })
                .collect();
            for message in [Message::from(binary), Message::from(text)] {
                client.send(message.clone()).unwrap();
                let echo = client.recv().unwrap().unwrap();
                assert!(echo == message, "{:?} of {len} bytes", message.kind());
            }
        }
        assert!(client.close((1000, "done")).clean);
    });
}

/// Sends a line of every common type, borrowed and owned.
fn send_every_type(sender: &mut impl Sending, line: &str, buffer: &[u8]) {
    let owned = line.trim().to_owned();
    sender.send(line.trim()).unwrap();
    sender.send(&owned).unwrap();
    sender.send(owned).unwrap();
    sender.send(Message::from_static("hello")).unwrap();
    sender.try_send(line.trim()).unwrap();
    sender.feed(line.trim()).unwrap();
    sender.send(&buffer[..3]).unwrap();
    sender.send(b"\x01\x02\x03").unwrap();
    sender.send(buffer[..3].to_vec()).unwrap();
    sender.send(Bytes::copy_from_slice(&buffer[..3])).unwrap();
    sender.try_send(&buffer[..3]).unwrap();
    sender.feed(&buffer[..3]).unwrap();
    sender.flush().unwrap();
}

fn receive_every_type(receiver: &mut impl Receiving) {
    for _ in 0..6 {
        assert_eq!(receiver.recv().unwrap().unwrap(), "hello");
    }
    for _ in 0..6 {
        assert_eq!(receiver.recv().unwrap().unwrap(), [1, 2, 3]);
    }
}

pub fn every_common_type_is_sent<A: Adapter>() {
    let (socket, mut peer) = pair::<A>(quiet());
    let (mut sender, mut receiver) = socket.split();
    let line = String::from(" hello\n");
    send_every_type(&mut peer, &line, &[1, 2, 3, 4]);
    send_every_type(&mut sender, &line, &[1, 2, 3, 4]);
    receive_every_type(&mut peer);
    receive_every_type(&mut receiver);
}

pub fn values_pass_as_json<A: Adapter>() {
    let (mut socket, mut peer) = client::<A>(quiet());
    let order = serde_json::json!({"op": "buy", "price": 1.5, "ids": [1, 2]});
    socket.send(Message::json(&order).unwrap()).unwrap();
    let text = peer.receive_text();
    assert_eq!(text, r#"{"op":"buy","price":1.5,"ids":[1,2]}"#);
    peer.text(&text);
    peer.text("{");
    let message = socket.recv().unwrap().unwrap();
    assert_eq!(message.as_json::<serde_json::Value>().unwrap(), order);
    let broken = socket.recv().unwrap().unwrap();
    let error = broken.as_json::<serde_json::Value>().unwrap_err().to_string();
    assert!(error.contains("EOF while parsing"), "{error}");
}

pub fn a_ping_between_fragments_is_answered_at_once<A: Adapter>() {
    let (mut socket, mut peer) = client::<A>(quiet());
    thread::scope(|scope| {
        scope.spawn(move || {
            peer.frame(TEXT, "frag");
            peer.frame(FIN | PING, "between");
            let pong = peer.receive();
            assert_eq!((pong.opcode, &*pong.payload), (PONG, &b"between"[..]));
            peer.frame(CONTINUATION, "");
            peer.frame(CONTINUATION, "ment");
            peer.frame(FIN | CONTINUATION, "s");
            peer.frame(FIN | BINARY, [0xFF; 2]);
        });
        assert_eq!(socket.next_event().unwrap(), Some(Event::Ping("between".into())));
        assert_eq!(socket.next_event().unwrap(), Some(Event::Message("fragments".into())));
        assert_eq!(socket.recv().unwrap(), Some(Message::binary(vec![0xFF; 2])));
    });
}

/// What a visitor is borrowed until "stop", each of which it answers in capitals.
pub(crate) fn answered_until_stop(socket: &mut impl Receiving) -> Vec<String> {
    let mut seen = Vec::new();
    socket
        .for_each_borrowed(|message, reply| {
            let MessageRef::Text(text) = message else { panic!("{message:?}") };
            seen.push(text.to_owned());
            reply.send(MessageRef::Text(&text.to_uppercase())).unwrap();
            if text == "stop" { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        })
        .unwrap();
    seen
}

pub fn a_visitor_is_borrowed_messages_and_replies<A: Adapter>() {
    let (mut socket, mut peer) = server::<A>(quiet());
    thread::scope(|scope| {
        scope.spawn(move || {
            for text in ["one", "two", "stop", "after"] {
                peer.text(text);
            }
            for text in ["ONE", "TWO", "STOP"] {
                assert_eq!(peer.receive_text(), text);
            }
            peer.close(1000, "");
            peer.receive_close();
        });
        let seen = answered_until_stop(&mut socket);
        assert_eq!(seen, ["one", "two", "stop"]);
        assert_eq!(socket.recv().unwrap(), Some("after".into()));
        assert_eq!(socket.recv().unwrap(), None);
    });
}

pub fn borrowing_that_ends_with_the_connection_says_so<A: Adapter>() {
    let (mut socket, mut peer) = client::<A>(quiet());
    thread::scope(|scope| {
        scope.spawn(move || {
            peer.text("last");
            peer.close(1001, "bye");
            peer.receive_close();
            peer.end();
        });
        let mut count = 0;
        let mut visitor = |_: MessageRef<'_>| {
            count += 1;
            ControlFlow::Continue(())
        };
        socket.for_each_borrowed(|message, _| visitor(message)).unwrap();
        socket.for_each_borrowed(|message, _| visitor(message)).unwrap();
        assert_eq!(count, 1);
        let closed = socket.closed().unwrap();
        assert_eq!((closed.code, &*closed.reason, closed.clean), (1001, "bye", true));
        assert_eq!(socket.next_event().unwrap(), None);
    });
}

pub fn after_a_violation_the_peer_knows_and_the_user_gets_one_error<A: Adapter>() {
    let table: [(u8, &[u8], ViolationKind, u16); 5] = [
        (FIN | TEXT | 0x40, b"", ViolationKind::ReservedBits, 1002),
        (FIN | 0x3, b"", ViolationKind::ReservedOpcode(3), 1002),
        (FIN | CONTINUATION, b"", ViolationKind::UnexpectedContinuation, 1002),
        (FIN | TEXT, &[b'a', 0xC0], ViolationKind::InvalidUtf8, 1007),
        (FIN | CLOSE, &[3], ViolationKind::CloseTooShort, 1002),
    ];
    for (first, payload, kind, code) in table {
        let (mut socket, mut peer) = server::<A>(quiet());
        thread::scope(|scope| {
            scope.spawn(move || {
                peer.text("before");
                peer.frame(first, payload);
                peer.text("behind");
                assert_eq!(peer.receive_close(), (code, String::new()));
                peer.expect_end();
            });
            assert_eq!(socket.recv().unwrap(), Some("before".into()));
            let (error, closed) = failure(&mut socket);
            match error {
                Error::Violation(violation) => {
                    assert_eq!((violation.kind, u16::from(violation.code())), (kind, code));
                }
                other => panic!("{other}"),
            }
            assert_eq!((closed.code, closed.clean, closed.initiator), (code, false, Initiator::Local));
        });
    }
}

pub fn nothing_comes_after_closed<A: Adapter>() {
    let (mut socket, mut peer) = client::<A>(quiet());
    thread::scope(|scope| {
        scope.spawn(move || {
            peer.close(1000, "");
            peer.text("behind the Close frame");
            peer.receive_close();
            peer.end();
        });
        assert!(matches!(socket.next_event().unwrap(), Some(Event::Closing(_))));
        assert!(end(&mut socket).clean);
        assert_eq!(socket.recv().unwrap(), None);
        assert!(!socket.recv_chunks(|_, _| ControlFlow::Continue(())).unwrap());
        assert_eq!(socket.close(CloseCode::GOING_AWAY).code, 1000);
    });
}
