//! permessage-deflate (RFC 7692): what is agreed, and what is sent.

use std::ops::ControlFlow;
use std::thread;

use ws_common::{ConnectError, ConnectOptions};
use ws_core::{CloseCode, Config, Deflate, HandshakeError, Message, MessageKind, ResponseError};

use crate::adapter::{Adapter, End, Receiving, Sending, Socket};
use crate::ends::{client_with, pair, pair_of, quiet, server_with};
use crate::peer::Server;
use crate::zlib::Zlib;

pub(crate) const FIELD: &str = "Sec-WebSocket-Extensions: permessage-deflate\r\n";

/// Everything is compressed, however small.
pub(crate) fn eager() -> Config {
    quiet().deflate(Deflate::default().min_size(0))
}

fn deflate(text: &str) -> Deflate {
    text.parse().unwrap()
}

/// Bytes of which a compressor can make nothing.
fn noise(len: usize) -> Vec<u8> {
    let mut state = 0x9E37_79B9_7F4A_7C15_u64;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 32) as u8
    };
    (0..len).map(|_| next()).collect()
}

/// What applications send: like itself, and not the same.
pub(crate) fn lines(len: usize) -> String {
    let mut text = String::new();
    for i in 0.. {
        if text.len() >= len {
            break;
        }
        text += &format!("{{\"id\":{i},\"price\":{},\"ok\":true}}\n", i * 7919 % 10_007);
    }
    text.truncate(len);
    text
}

/// Sends back what comes, to the end.
pub(crate) fn echo(mut socket: impl Sending + Receiving) {
    while let Some(message) = socket.recv().unwrap() {
        socket.send(message).unwrap();
    }
    assert!(socket.closed().unwrap().clean);
}

pub fn both_ends_hold_to_the_same<A: Adapter>() {
    let offers = |text: &str| quiet().deflate(deflate(text));
    let table = [
        // A client offers unless it is told not to; a server accepts only if it is told to.
        (quiet(), quiet(), None),
        (quiet().deflate(None), offers("permessage-deflate"), None),
        (quiet(), offers("permessage-deflate"), Some("permessage-deflate")),
        (
            offers("permessage-deflate; server_max_window_bits=9; server_no_context_takeover"),
            offers("permessage-deflate; client_no_context_takeover"),
            Some(
                "permessage-deflate; server_no_context_takeover; client_no_context_takeover; \
                 server_max_window_bits=9",
            ),
        ),
        (
            offers("permessage-deflate; client_max_window_bits=12"),
            offers("permessage-deflate; client_max_window_bits=10"),
            Some("permessage-deflate; client_max_window_bits=10"),
        ),
        // It may not be limited, and the server insists.
        (offers("permessage-deflate"), offers("permessage-deflate; client_max_window_bits=10"), None),
    ];
    for (connecting, accepting, agreed) in table {
        let (mut client, server) = pair_of::<A>(connecting, accepting);
        assert_eq!((client.deflate().as_deref(), server.deflate().as_deref()), (agreed, agreed));
        thread::scope(|scope| {
            scope.spawn(|| echo(server));
            client.send(lines(1000)).unwrap();
            assert_eq!(client.recv().unwrap(), Some(lines(1000).into()));
            assert!(client.close(CloseCode::NORMAL).clean);
        });
    }
}

pub fn a_response_that_is_no_answer_to_the_offer_is_an_error<A: Adapter>() {
    let parameters =
        ["client_max_window_bits=12", "server_max_window_bits=16", "shrink", "client_max_window_bits=09"];
    let others = ["permessage-bzip2", "permessage-deflate, permessage-deflate", "permessage-deflate;;"];
    let responses = parameters.map(|parameter| format!("permessage-deflate; {parameter}"));
    for response in responses.into_iter().chain(others.map(String::from)) {
        let server = Server::new();
        let offer = deflate("permessage-deflate; client_max_window_bits=11");
        let options = ConnectOptions::new(server.url()).config(quiet().deflate(offer));
        let error = thread::scope(|scope| {
            scope.spawn(|| {
                let mut peer = server.open_with(&format!("Sec-WebSocket-Extensions: {response}\r\n"));
                assert_eq!(peer.read_to_end(), b"", "no connection, so no Close frame");
            });
            A::connect(options).err()
        });
        match error {
            Some(ConnectError::Handshake {
                source: HandshakeError::Response(ResponseError::InvalidExtension(_)),
                ..
            }) => {}
            other => panic!("{response}: {other:?}"),
        }
    }
}

pub fn an_echo_of_every_size_with_every_setting<A: Adapter>() {
    for parameters in [
        "",
        "; client_no_context_takeover; client_max_window_bits=8",
        "; server_no_context_takeover; server_max_window_bits=8",
        "; server_no_context_takeover; client_no_context_takeover",
        "; server_max_window_bits=8; client_max_window_bits=8",
        "; server_max_window_bits=11; client_max_window_bits=13",
    ] {
        let deflate = deflate(&format!("permessage-deflate{parameters}")).level(1);
        let (mut client, server) = pair::<A>(quiet().deflate(deflate));
        assert!(client.deflate().is_some());
        thread::scope(|scope| {
            scope.spawn(|| echo(server));
            for len in [0, 1, 63, 64, 125, 126, 1024, 65_535, 65_536, 200_000] {
                let messages: [Message; 4] =
                    [lines(len).into(), noise(len).into(), vec![7; len].into(), lines(len).into()];
                for message in messages {
                    client.send(message.clone()).unwrap();
                    let echo = client.recv().unwrap().unwrap();
                    assert!(echo == message, "{:?} of {len} bytes, {parameters}", message.kind());
                }
            }
            assert!(client.close(CloseCode::NORMAL).clean);
        });
    }
}

pub fn streamed_messages_are_compressed_and_inflated_in_chunks<A: Adapter>() {
    let (client, server) = pair::<A>(eager().max_message_size(100_000));
    let text = lines(400_000);
    let whole = lines(90_000);
    thread::scope(|scope| {
        for (is_client, mut socket) in [(true, client), (false, server)] {
            let (text, whole) = (&text, &whole);
            scope.spawn(move || {
                let send = |socket: &mut A::Socket| {
                    for size in [1000, 65_536, 400_000] {
                        let fragments = text.as_bytes().chunks(size).map(<[u8]>::to_vec);
                        socket.send_fragments(MessageKind::Text, fragments, End::Finished).unwrap();
                        socket.send(whole.clone()).unwrap();
                    }
                };
                let receive = |socket: &mut A::Socket| {
                    for _ in 0..3 {
                        let mut seen = Vec::new();
                        let any = socket.recv_chunks(|kind, chunk| {
                            assert_eq!(kind, MessageKind::Text);
                            seen.extend_from_slice(chunk);
                            ControlFlow::Continue(())
                        });
                        assert!(any.unwrap() && seen == text.as_bytes());
                        assert!(socket.recv().unwrap() == Some(whole.clone().into()));
                    }
                };
                if is_client {
                    send(&mut socket);
                    receive(&mut socket);
                    assert!(socket.close(CloseCode::NORMAL).clean);
                } else {
                    receive(&mut socket);
                    send(&mut socket);
                    assert_eq!(socket.recv().unwrap(), None);
                }
            });
        }
    });
}

pub fn both_halves_compress_at_once<A: Adapter>() {
    const MESSAGES: usize = 1000;
    let (client, server) = pair::<A>(eager().max_send_buffer(10_000));
    let message = |own: u8, i: usize| format!("{own}{i}{}", lines(i % 700));
    thread::scope(|scope| {
        for (own, socket) in [(1, client), (2, server)] {
            let (mut sender, mut receiver) = socket.split();
            scope.spawn(move || {
                for i in 0..MESSAGES {
                    sender.compress(i % 5 != 0);
                    if i % 100 == 0 {
                        sender.release_compressor();
                    }
                    sender.feed(message(own, i)).unwrap();
                }
                sender.flush().unwrap();
                sender.send("end").unwrap();
            });
            scope.spawn(move || {
                for i in 0..MESSAGES {
                    assert_eq!(receiver.recv().unwrap(), Some(message(3 - own, i).into()));
                }
                assert_eq!(receiver.recv().unwrap(), Some("end".into()));
            });
        }
    });
}

pub fn messages_are_compressed_or_not_at_will<A: Adapter>() {
    let ends = [
        client_with::<A>(quiet().deflate(Deflate::default()), FIELD),
        server_with::<A>(quiet().deflate(Deflate::default()), FIELD),
    ];
    for (mut socket, mut peer) in ends {
        let text = lines(100);
        let mut zlib = Zlib::default();
        let mut expect = |is_compressed: bool, zlib: &mut Zlib| {
            let frame = peer.receive();
            assert_eq!((frame.fin, frame.rsv1), (true, is_compressed));
            let payload = if is_compressed { zlib.inflate(&frame.payload) } else { frame.payload.clone() };
            assert_eq!(payload, text.as_bytes());
            frame.payload.len()
        };
        socket.send(text.clone()).unwrap();
        let first = expect(true, &mut zlib);
        socket.compress(false);
        socket.send(text.clone()).unwrap();
        expect(false, &mut zlib);
        socket.compress(true);
        socket.send(text.clone()).unwrap();
        let second = expect(true, &mut zlib);
        assert!(second < 20 && second < first, "{second} bytes for what was said before");
        // Nothing before it is referred to any more.
        socket.release_compressor();
        socket.send(text.clone()).unwrap();
        assert_eq!(expect(true, &mut Zlib::default()), first);
        socket.send("short").unwrap();
        assert_eq!(peer.receive_text(), "short");
    }
}

pub fn what_is_queued_is_compressed_and_goes_out_before_close<A: Adapter>() {
    let (mut socket, mut peer) = server_with::<A>(eager(), FIELD);
    thread::scope(|scope| {
        scope.spawn(move || {
            let before = peer.answer_close();
            let mut zlib = Zlib::default();
            let texts: Vec<_> = before.iter().map(|frame| zlib.inflate_text(&frame.payload)).collect();
            assert_eq!(texts, [lines(100), lines(5000), String::new()]);
        });
        socket.feed(lines(100)).unwrap();
        socket.feed(lines(5000)).unwrap();
        socket.feed("").unwrap();
        assert!(socket.close(CloseCode::NORMAL).clean);
    });
}
