//! permessage-deflate (RFC 7692): what comes, from a peer that compresses by hand, as it should and as it should not.

use std::ops::ControlFlow;
use std::thread;

use ws_common::ConnectOptions;
use ws_core::{CloseCode, Error, Event, Message, MessageKind, ViolationKind};

use crate::adapter::{Adapter, End, Receiving, Sending};
use crate::compressed::{FIELD, eager, echo, lines};
use crate::ends::{client_with, failure, quiet, server_with};
use crate::messages::answered_until_stop;
use crate::peer::{Peer, Server};
use crate::watch::{alone, proc_status};
use crate::wire::{BINARY, CLOSE, CONTINUATION, FIN, PING, PONG, RSV1, TEXT};
use crate::zlib::Zlib;
use ws_testkit::{Fault, FaultRelay};

/// The first byte of a frame, and its payload.
type Form<'a> = (u8, &'a [u8]);

pub fn a_visitor_is_borrowed_inflated_messages_and_replies<A: Adapter>() {
    let (mut socket, mut peer) = server_with::<A>(eager(), FIELD);
    thread::scope(|scope| {
        scope.spawn(move || {
            let mut zlib = Zlib::default();
            for text in ["hello hello", "hello", "plain", "stop", "after"] {
                match text {
                    "plain" => peer.text(text),
                    _ => peer.frame(FIN | RSV1 | TEXT, zlib.deflate(text)),
                }
            }
            for text in ["HELLO HELLO", "HELLO", "PLAIN", "STOP"] {
                let frame = peer.receive();
                assert!(frame.rsv1 && frame.fin);
                assert_eq!(zlib.inflate_text(&frame.payload), text);
            }
            peer.close(1000, "");
            peer.receive_close();
        });
        let seen = answered_until_stop(&mut socket);
        assert_eq!(seen, ["hello hello", "hello", "plain", "stop"]);
        assert_eq!(socket.recv().unwrap(), Some("after".into()));
        assert_eq!(socket.recv().unwrap(), None);
    });
}

/// The frames of a message of `size` MiB of zeros, the last included.
fn bomb(peer: &mut Peer, size: usize) {
    let mut zlib = Zlib::default();
    let zeros = vec![0; 1 << 20];
    let first = zlib.part(&zeros);
    // From here on each part is like the one before.
    let other = zlib.part(&zeros);
    assert!(other == zlib.part(&zeros) && other.len() < 2000);
    let first = peer.encode(RSV1 | BINARY, first);
    let other = peer.encode(CONTINUATION, other);
    peer.send(first);
    peer.send_while_taken(&other, other.len() * (size - 1));
}

pub fn a_bomb_ends_with_1009_and_flat_memory<A: Adapter>() {
    alone(|| {
        let ends = [
            client_with::<A>(quiet().max_message_size(1 << 20), FIELD),
            server_with::<A>(eager().max_message_size(1 << 20), FIELD),
        ];
        for (mut socket, mut peer) in ends {
            let mut answers = peer.another();
            thread::scope(|scope| {
                scope.spawn(move || bomb(&mut peer, 1024));
                let closing = scope.spawn(move || {
                    let code = answers.receive_close().0;
                    answers.end();
                    answers.read_to_end();
                    code
                });
                let before = proc_status("self", "VmHWM:");
                match failure(&mut socket) {
                    (Error::Violation(violation), closed) => {
                        assert!(matches!(violation.kind, ViolationKind::MessageTooBig(_)), "{violation}");
                        assert_eq!(closed.code, 1009);
                    }
                    other => panic!("{other:?}"),
                }
                drop(socket);
                assert_eq!(closing.join().unwrap(), 1009);
                // The system counts by the page, and lazily.
                let grown = proc_status("self", "VmHWM:").saturating_sub(before);
                println!("{grown} KiB more for a bomb of 1 GiB");
                assert!(grown < 8 * 1024, "{grown} KiB");
            });
        }
    });
}

pub fn a_bomb_in_chunks_passes_with_flat_memory<A: Adapter>() {
    alone(|| {
        let (mut socket, mut peer) = server_with::<A>(eager(), FIELD);
        thread::scope(|scope| {
            scope.spawn(move || {
                bomb(&mut peer, 64);
                peer.frame(FIN | CONTINUATION, [0]);
            });
            let before = proc_status("self", "VmHWM:");
            let mut size = 0;
            let any = socket.recv_chunks(|_, chunk| {
                size += chunk.len();
                ControlFlow::Continue(())
            });
            assert!(any.unwrap());
            assert_eq!(size, 64 << 20);
            let grown = proc_status("self", "VmHWM:").saturating_sub(before);
            assert!(grown < 8 * 1024, "{grown} KiB");
        });
    });
}

pub fn what_does_not_inflate_is_1007_and_an_illegal_rsv1_is_1002<A: Adapter>() {
    let hello = Zlib::default().deflate("hello");
    let invalid = Zlib::default().deflate(b"a\xC0");
    let table: [(&[Form<'_>], ViolationKind, u16); 8] = [
        (&[(FIN | RSV1 | BINARY, &[0xFF; 20])], ViolationKind::InvalidDeflate, 1007),
        (&[(FIN | RSV1 | TEXT, &hello[..hello.len() - 2])], ViolationKind::InvalidDeflate, 1007),
        (&[(RSV1 | TEXT, &hello), (FIN | CONTINUATION, &[6])], ViolationKind::InvalidDeflate, 1007),
        (&[(FIN | RSV1 | TEXT, &invalid)], ViolationKind::InvalidUtf8, 1007),
        (&[(RSV1 | TEXT, &hello), (FIN | RSV1 | CONTINUATION, b"")], ViolationKind::ReservedBits, 1002),
        (&[(RSV1 | TEXT, &hello), (FIN | RSV1 | PING, b"")], ViolationKind::ReservedBits, 1002),
        (&[(FIN | RSV1 | CLOSE, b"")], ViolationKind::ReservedBits, 1002),
        (&[(FIN | RSV1 | 0x20 | TEXT, &hello)], ViolationKind::ReservedBits, 1002),
    ];
    for (frames, kind, code) in table {
        for (mut socket, mut peer) in [client_with::<A>(eager(), FIELD), server_with::<A>(eager(), FIELD)] {
            thread::scope(|scope| {
                scope.spawn(move || {
                    peer.text("before");
                    for (first, payload) in frames {
                        peer.frame(*first, payload);
                    }
                    assert_eq!(peer.receive_close(), (code, String::new()));
                    peer.end();
                });
                assert_eq!(socket.recv().unwrap(), Some("before".into()));
                match failure(&mut socket) {
                    (Error::Violation(violation), closed) => {
                        assert_eq!((violation.kind, closed.code), (kind, code));
                    }
                    other => panic!("{other:?}"),
                }
            });
        }
    }
}

/// Frames as RFC 7692 allows them and as other libraries make them, and the messages that they are.
fn forms() -> (Vec<(u8, Vec<u8>)>, Vec<Message>) {
    let mut zlib = Zlib::default();
    let (mut frames, mut messages) = (Vec::new(), Vec::new());
    let hello = zlib.deflate("hello");
    let again = zlib.deflate("hello");
    let mut case = |message: Message, form: &[Form<'_>]| {
        frames.extend(form.iter().map(|(first, payload)| (*first, payload.to_vec())));
        messages.push(message);
    };
    let binary = || Message::binary(vec![]);
    case("first".into(), &[(FIN | PONG, b"before any message"), (FIN | TEXT, b"first")]);
    case("hello".into(), &[(FIN | RSV1 | TEXT, &hello)]);
    case("hello".into(), &[(FIN | TEXT, b"hello")]);
    case("hello".into(), &[(FIN | RSV1 | TEXT, &again)]);
    // A block that calls itself the last, with bits left over, and nothing else.
    case(binary(), &[(FIN | RSV1 | BINARY, &[0x03, 0x80])]);
    case("hello".into(), &[(FIN | RSV1 | TEXT, &again)]);
    // The same, before other blocks of its message.
    case("hello".into(), &[(RSV1 | TEXT, &[0x03, 0x00]), (FIN | CONTINUATION, &again)]);
    case("".into(), &[(FIN | RSV1 | TEXT, &[0])]);
    case(binary(), &[(FIN | RSV1 | BINARY, &[])]);
    case("hello".into(), &[(FIN | RSV1 | TEXT, &again)]);
    let (begin, end) = again.split_at(2);
    let between: [Form<'_>; 5] = [
        (RSV1 | TEXT, begin),
        (FIN | PING, b"between"),
        (CONTINUATION, b""),
        (FIN | PONG, b""),
        (FIN | CONTINUATION, end),
    ];
    case("hello".into(), &between);
    // Cut within the tail of a block that is not the last.
    let blocks = [&again[..], &[0, 0, 0xFF, 0xFF], &again[..]].concat();
    let (begin, end) = blocks.split_at(again.len() + 2);
    case("hellohello".into(), &[(RSV1 | TEXT, begin), (FIN | CONTINUATION, end)]);
    (frames, messages)
}

pub fn messages_of_every_form_come_out_right<A: Adapter>() {
    let (frames, messages) = forms();
    for (mut socket, mut peer) in [client_with::<A>(eager(), FIELD), server_with::<A>(eager(), FIELD)] {
        let frames = &frames;
        thread::scope(|scope| {
            scope.spawn(move || {
                for _ in 0..2 {
                    for (first, payload) in frames {
                        peer.frame(*first, payload);
                    }
                }
                let pongs = peer.answer_close();
                assert!(pongs.len() == 2 && pongs.iter().all(|pong| pong.payload == b"between"), "{pongs:?}");
            });
            for message in messages.iter().chain(&messages) {
                assert_eq!(socket.recv().unwrap().as_ref(), Some(message));
            }
            assert!(socket.close(CloseCode::NORMAL).clean);
        });
    }
}

pub fn bytes_may_come_one_by_one<A: Adapter>() {
    // By hand, to our client.
    let (frames, messages) = forms();
    let server = Server::new();
    let proxy = FaultRelay::start(server.address(), [Fault::Trickle]).unwrap();
    let options = ConnectOptions::new(proxy.url()).config(eager());
    thread::scope(|scope| {
        scope.spawn(|| {
            let mut peer = server.open_with(FIELD);
            for (first, payload) in &frames {
                peer.frame(*first, payload);
            }
            let frame = peer.receive();
            assert_eq!((frame.opcode, &*frame.payload), (PONG, &b"between"[..]));
            let frame = peer.receive();
            assert!(frame.rsv1);
            assert_eq!(Zlib::default().inflate(&frame.payload), lines(1000).as_bytes());
            peer.answer_close();
        });
        let mut socket = A::connect(options).unwrap().0;
        for message in messages {
            assert_eq!(socket.recv().unwrap(), Some(message));
        }
        socket.send(lines(1000)).unwrap();
        assert!(socket.close(CloseCode::NORMAL).clean);
    });
    // Both ends are ours.
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let proxy = FaultRelay::start(listener.local_addr().unwrap(), [Fault::Trickle]).unwrap();
    let options = ConnectOptions::new(proxy.url()).config(eager());
    thread::scope(|scope| {
        scope.spawn(|| {
            let transport = listener.accept().unwrap().0;
            transport.set_nodelay(true).unwrap();
            let options = ws_common::AcceptOptions::default().config(eager());
            echo(A::accept(transport, options).unwrap().0);
        });
        let mut socket = A::connect(options).unwrap().0;
        let messages = [lines(2000), String::new(), "x".into(), lines(2000), lines(500)];
        for message in messages {
            let fragments = message.as_bytes().chunks(300).map(<[u8]>::to_vec);
            socket.send_fragments(MessageKind::Text, fragments, End::Finished).unwrap();
            assert_eq!(socket.recv().unwrap(), Some(message.into()));
        }
        socket.ping("still there").unwrap();
        assert!(matches!(socket.next_event().unwrap(), Some(Event::Pong { .. })));
        assert!(socket.close(CloseCode::NORMAL).clean);
    });
}
