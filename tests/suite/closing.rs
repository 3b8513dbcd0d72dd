//! How a connection ends.

use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use ws_core::{CloseCode, CloseFrame, Error, Event, Initiator, Message, SendError, Timeout};

use crate::adapter::{Adapter, Receiving, Sending};
use crate::ends::{client, end, failure, quiet, server};
use crate::watch::takes;
use crate::wire::{BINARY, CLOSE, FIN, TEXT};

fn frame(code: CloseCode, reason: &'static str) -> CloseFrame {
    CloseFrame::new(code, reason).unwrap()
}

pub fn closing_by_us<A: Adapter>() {
    let (mut socket, mut peer) = client::<A>(quiet());
    thread::scope(|scope| {
        scope.spawn(move || {
            assert_eq!(peer.receive_close(), (1001, "leaving".into()));
            peer.close(1001, "so be it");
            peer.end();
            peer.expect_end();
        });
        let closed = socket.close(frame(CloseCode::GOING_AWAY, "leaving"));
        assert_eq!((closed.code, &*closed.reason), (1001, "so be it"));
        assert_eq!((closed.initiator, closed.clean, closed.unsent), (Initiator::Local, true, 0));
    });
}

/// The Close frame that reaches the peer when `close` is called.
fn sent_by<A: Adapter>(close: impl FnOnce(&mut A::Socket)) -> Vec<u8> {
    let (mut socket, mut peer) = client::<A>(quiet());
    thread::scope(|scope| {
        let peer = scope.spawn(move || {
            let frame = peer.receive();
            assert_eq!(frame.opcode, CLOSE);
            peer.frame(FIN | CLOSE, &frame.payload);
            peer.end();
            frame.payload
        });
        close(&mut socket);
        peer.join().unwrap().to_vec()
    })
}

pub fn each_form_of_close_is_sent_as_it_is_given<A: Adapter>() {
    assert_eq!(sent_by::<A>(|socket| drop(socket.close(1000))), [0x03, 0xE8]);
    assert_eq!(sent_by::<A>(|socket| drop(socket.close((4000, "why")))), *b"\x0F\xA0why");
    assert!(sent_by::<A>(|socket| drop(socket.close(None))).is_empty());
    // RFC 6455 §5.5: a control frame has at most 125 bytes.
    let long = sent_by::<A>(|socket| drop(socket.close((1000, "x".repeat(200)))));
    assert_eq!(long, [&[0x03, 0xE8][..], &[b'x'; 123]].concat());
}

pub fn closing_by_the_peer<A: Adapter>() {
    let (mut socket, mut peer) = client::<A>(quiet());
    thread::scope(|scope| {
        scope.spawn(move || {
            peer.text("last words");
            peer.close(3001, "enough");
            assert_eq!(peer.receive_close().0, 3001);
            peer.end();
            peer.expect_end();
        });
        assert_eq!(socket.next_event().unwrap(), Some(Event::Message("last words".into())));
        let code = CloseCode::new(3001).unwrap();
        assert_eq!(socket.next_event().unwrap(), Some(Event::Closing(frame(code, "enough"))));
        let closed = end(&mut socket);
        assert_eq!((closed.code, &*closed.reason), (3001, "enough"));
        assert_eq!((closed.initiator, closed.clean), (Initiator::Remote, true));
    });
}

pub fn closing_without_a_code<A: Adapter>() {
    let (mut socket, mut peer) = server::<A>(quiet());
    thread::scope(|scope| {
        scope.spawn(move || {
            peer.frame(FIN | CLOSE, "");
            let answer = peer.receive();
            assert_eq!((answer.opcode, &*answer.payload), (CLOSE, &b""[..]));
            peer.expect_end();
        });
        assert_eq!(socket.next_event().unwrap(), Some(Event::Closing(CloseFrame::EMPTY)));
        let closed = end(&mut socket);
        assert_eq!((closed.code, closed.initiator, closed.clean), (1005, Initiator::Remote, true));
    });
}

pub fn the_server_ends_tcp_first<A: Adapter>() {
    for begins in [Initiator::Local, Initiator::Remote] {
        let (mut socket, mut peer) = server::<A>(quiet());
        thread::scope(|scope| {
            scope.spawn(move || {
                if begins == Initiator::Remote {
                    peer.close(1000, "");
                }
                assert_eq!(peer.receive_close().0, 1000);
                if begins == Initiator::Local {
                    peer.close(1000, "");
                }
                // The client has not ended anything yet.
                peer.expect_end();
            });
            let closed = match begins {
                Initiator::Local => socket.close(CloseCode::NORMAL),
                Initiator::Remote => {
                    assert_eq!(socket.recv().unwrap(), None);
                    socket.closed().unwrap()
                }
            };
            assert_eq!((closed.code, closed.initiator, closed.clean), (1000, begins, true));
        });
    }
}

pub fn the_client_leaves_the_end_of_tcp_to_the_server<A: Adapter>() {
    let (mut socket, mut peer) = client::<A>(quiet());
    thread::scope(|scope| {
        scope.spawn(move || {
            assert_eq!(peer.receive_close().0, 1000);
            peer.close(1000, "");
            peer.expect_silence(Duration::from_millis(200));
            peer.end();
            peer.expect_end();
        });
        assert!(socket.close(CloseCode::NORMAL).clean);
    });
}

pub fn crossing_close_frames<A: Adapter>() {
    let (mut socket, mut peer) = client::<A>(quiet());
    thread::scope(|scope| {
        // Queued, but not written: the peer's Close frame is under way before ours.
        socket.start_close(CloseCode::NORMAL);
        peer.close(1001, "me too");
        scope.spawn(move || {
            assert_eq!(peer.receive_close().0, 1000);
            peer.end();
            peer.expect_end();
        });
        let closing = socket.next_event().unwrap();
        assert_eq!(closing, Some(Event::Closing(frame(CloseCode::GOING_AWAY, "me too"))));
        let closed = end(&mut socket);
        assert_eq!((closed.code, &*closed.reason), (1001, "me too"));
        assert_eq!((closed.initiator, closed.clean), (Initiator::Local, true));
    });
}

pub fn what_is_queued_goes_out_before_close<A: Adapter>() {
    let (mut socket, mut peer) = client::<A>(quiet());
    thread::scope(|scope| {
        scope.spawn(move || {
            let before = peer.answer_close();
            let lengths: Vec<_> = before.iter().map(|frame| frame.payload.len()).collect();
            assert_eq!(lengths, [1, 10_000, 100_000, 700_000]);
        });
        for len in [1, 10_000, 100_000, 700_000] {
            socket.feed(vec![0; len]).unwrap();
        }
        let closed = socket.close(CloseCode::NORMAL);
        assert_eq!((closed.clean, closed.unsent), (true, 0));
    });
}

pub fn messages_that_come_while_we_close_are_delivered<A: Adapter>() {
    for begin in [
        |socket: &mut A::Socket| socket.start_close(CloseCode::NORMAL),
        |socket: &mut A::Socket| {
            socket.close(CloseCode::NORMAL);
        },
    ] {
        let (mut socket, mut peer) = client::<A>(quiet());
        thread::scope(|scope| {
            scope.spawn(move || {
                assert_eq!(peer.receive_close().0, 1000);
                for i in 0..50 {
                    peer.frame(FIN | BINARY, vec![i; 1000]);
                }
                peer.close(1000, "");
                peer.end();
            });
            begin(&mut socket);
            for i in 0..50 {
                assert_eq!(socket.recv().unwrap(), Some(vec![i; 1000].into()));
            }
            assert_eq!(socket.recv().unwrap(), None);
            assert!(socket.closed().unwrap().clean);
        });
    }
}

pub fn what_is_queued_goes_out_before_the_answer_to_a_close<A: Adapter>() {
    const LARGE: usize = 24 << 20;
    // More than the system holds, and less than may wait.
    let (mut socket, mut peer) = client::<A>(quiet().max_send_buffer(2 * LARGE));
    let (told, heard) = mpsc::channel();
    thread::scope(|scope| {
        scope.spawn(move || {
            assert_eq!(peer.skip(1), 1);
            peer.close(1001, "no more");
            heard.recv().unwrap();
            // The rest of the frame that has begun.
            let mut left = 13 + LARGE;
            while left > 0 {
                left -= peer.skip(left.min(1 << 20));
            }
            for len in [1, 10_000, 2] {
                assert_eq!(peer.receive().payload.len(), len);
            }
            assert_eq!(peer.receive_close(), (1001, "no more".into()));
            peer.end();
            peer.expect_end();
        });
        for len in [LARGE, 1, 10_000, 2] {
            socket.feed(vec![0; len]).unwrap();
        }
        assert!(matches!(socket.next_event().unwrap(), Some(Event::Closing(_))));
        told.send(()).unwrap();
        let closed = end(&mut socket);
        assert_eq!((closed.code, closed.clean, closed.unsent), (1001, true, 0));
    });
}

pub fn a_close_that_comes_while_we_write_wins_over_the_reset<A: Adapter>() {
    let (mut socket, mut peer) = client::<A>(quiet());
    thread::scope(|scope| {
        scope.spawn(move || {
            let frame = peer.skip(100_000);
            assert!(frame > 0);
            peer.close(1008, "too much");
            // With bytes unread: what we write then is answered with a reset.
            drop(peer);
        });
        let error = loop {
            if let Err(error) = socket.send(vec![0; 512 * 1024]) {
                break error;
            }
        };
        assert!(matches!(error, SendError::Closed(_)), "{error}");
        let closing = socket.next_event().unwrap();
        assert_eq!(closing, Some(Event::Closing(frame(CloseCode::POLICY, "too much"))));
        let closed = end(&mut socket);
        assert_eq!((closed.code, &*closed.reason, closed.initiator), (1008, "too much", Initiator::Remote));
    });
}

pub fn an_end_without_close_is_an_error_and_1006<A: Adapter>() {
    for bytes in [vec![], vec![FIN | TEXT], vec![FIN | TEXT, 5, b'h', b'a']] {
        let (mut socket, mut peer) = client::<A>(quiet());
        peer.text("first");
        peer.send(bytes);
        drop(peer);
        assert_eq!(socket.recv().unwrap(), Some("first".into()));
        let (error, closed) = failure(&mut socket);
        assert!(matches!(error, Error::UnexpectedEof), "{error}");
        assert_eq!((closed.code, closed.initiator, closed.clean), (1006, Initiator::Remote, false));
    }
}

pub fn a_silent_peer_costs_close_timeout<A: Adapter>() {
    let timeout = Duration::from_millis(300);
    for ends in [client::<A>, server::<A>] {
        let (mut socket, mut peer) = ends(quiet().close_timeout(timeout));
        let closed = takes(timeout, || socket.close(CloseCode::NORMAL));
        assert_eq!((closed.code, closed.initiator, closed.clean), (1006, Initiator::Local, false));
        let (error, _) = failure(&mut socket);
        assert!(matches!(error, Error::Timeout(Timeout::Close(seen)) if seen == timeout), "{error}");
        assert_eq!(peer.receive_close().0, 1000);
        // The socket need not be dropped for it.
        peer.expect_end();
    }
}

pub fn a_dropped_socket_shows_its_end_to_the_peer<A: Adapter>() {
    for ends in [client::<A>, server::<A>] {
        let (socket, mut peer) = ends(quiet());
        drop(socket);
        peer.expect_end();
    }
}

pub fn a_message_for_a_closing_connection_is_handed_back<A: Adapter>() {
    let (mut socket, mut peer) = client::<A>(quiet());
    thread::scope(|scope| {
        scope.spawn(move || peer.answer_close());
        socket.start_close(CloseCode::NORMAL);
        let message = Message::from("too late");
        for refused in
            [socket.try_send(message.clone()), socket.feed(message.clone()), socket.send(message.clone())]
        {
            assert_eq!(refused, Err(SendError::Closed(Some(message.clone()))));
        }
        assert_eq!(socket.ready(), Err(SendError::Closed(None)));
        assert!(socket.ping("too late").is_err());
        assert_eq!(socket.recv().unwrap(), None);
        assert_eq!(socket.try_send(message.clone()), Err(SendError::Closed(Some(message))));
    });
}
