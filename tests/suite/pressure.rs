//! Queues, high-water marks and floods.

use std::thread;
use std::time::Duration;

use ws_core::{CloseCode, Message, SendError};

use crate::adapter::{Adapter, Receiving, Sending};
use crate::ends::{client, pair, quiet, server};
use crate::wire::{BINARY, CONTINUATION, FIN, PING, PONG};

const FLOOD: u32 = 100_000;

pub fn both_ends_over_the_mark_at_once_do_not_lock_up<A: Adapter>() {
    const MESSAGES: usize = 64;
    let (client, server) = pair::<A>(quiet());
    thread::scope(|scope| {
        for (own, mut socket) in [(1, client), (2, server)] {
            scope.spawn(move || {
                for _ in 0..MESSAGES {
                    socket.send(vec![own; 64 * 1024]).unwrap();
                }
                for _ in 0..MESSAGES {
                    let message = socket.recv().unwrap().unwrap();
                    assert!(message == vec![3 - own; 64 * 1024]);
                }
                if own == 1 {
                    assert!(socket.close(CloseCode::NORMAL).clean);
                } else {
                    assert_eq!(socket.recv().unwrap(), None);
                }
            });
        }
    });
}

pub fn feed_queues_and_flush_sends<A: Adapter>() {
    let (mut socket, mut peer) = client::<A>(quiet());
    for text in ["one", "two", "three"] {
        socket.feed(text).unwrap();
    }
    peer.expect_silence(Duration::from_millis(100));
    socket.flush().unwrap();
    for text in ["one", "two", "three"] {
        assert_eq!(peer.receive_text(), text);
    }
    // What was flushed has nothing left to flush.
    socket.flush().unwrap();
    peer.expect_silence(Duration::from_millis(50));
}

pub fn waiting_to_receive_sends_what_is_queued<A: Adapter>() {
    let (mut socket, mut peer) = client::<A>(quiet());
    thread::scope(|scope| {
        scope.spawn(move || {
            for text in ["question", "again"] {
                assert_eq!(peer.receive_text(), text);
                peer.text("answer");
            }
        });
        socket.feed("question").unwrap();
        assert_eq!(socket.recv().unwrap(), Some("answer".into()));
        socket.try_send("again").unwrap();
        assert!(socket.next_event().unwrap().is_some());
    });
}

/// The peer takes nothing, so that at last the transport does not either.
pub fn over_the_mark_a_message_is_handed_back<A: Adapter>() {
    const LARGE: usize = 1 << 20;
    let (mut socket, mut peer) = client::<A>(quiet().max_send_buffer(1000));
    let large = Message::from(vec![1; LARGE]);
    let mut accepted = 0;
    while socket.try_send(large.clone()).is_ok() {
        accepted += 1;
        assert!(accepted < 1000, "the transport takes everything");
    }
    let refused = Message::from("refused");
    assert_eq!(
        socket.try_send(refused.clone()),
        Err(SendError::Full { message: refused.clone(), max_send_buffer: 1000 })
    );
    thread::scope(|scope| {
        scope.spawn(move || {
            for _ in 0..accepted {
                assert_eq!(peer.receive().payload.len(), LARGE);
            }
            assert_eq!(peer.receive_text(), "refused");
            assert_eq!(peer.receive_text(), "fed");
        });
        // The mark is for data only; these wait for room by themselves.
        socket.ready().unwrap();
        socket.try_send(refused).unwrap();
        socket.feed("fed").unwrap();
        socket.flush().unwrap();
    });
}

/// Sends what `bytes` says for every number, while somebody else reads.
fn flood(peer: &mut crate::peer::Peer, mut bytes: impl FnMut(&mut crate::peer::Peer, u32) -> Vec<u8>) {
    let mut chunk = Vec::new();
    for i in 0..FLOOD {
        chunk.extend(bytes(peer, i));
        if chunk.len() > 60_000 || i == FLOOD - 1 {
            peer.send(&chunk);
            chunk.clear();
        }
    }
}

pub fn a_flood_of_pings_is_survived<A: Adapter>() {
    let (mut socket, mut peer) = server::<A>(quiet());
    let mut answers = peer.another();
    thread::scope(|scope| {
        scope.spawn(move || {
            flood(&mut peer, |peer, i| peer.encode(FIN | PING, i.to_be_bytes()));
            peer.text("after the flood");
        });
        scope.spawn(move || {
            // RFC 6455 §5.5.3: some may go unanswered, but not the last, and those that are answered come in order.
            let mut last = None;
            while last != Some(FLOOD - 1) {
                let pong = answers.receive();
                assert_eq!(pong.opcode, PONG);
                let number = u32::from_be_bytes(pong.payload.try_into().unwrap());
                assert!(last < Some(number), "{number} after {last:?}");
                last = Some(number);
            }
            answers.close(1000, "");
            assert_eq!(answers.receive_close().0, 1000);
        });
        assert_eq!(socket.recv().unwrap(), Some("after the flood".into()));
        assert_eq!(socket.recv().unwrap(), None);
    });
}

pub fn a_flood_of_empty_fragments_is_survived<A: Adapter>() {
    let (mut socket, mut peer) = client::<A>(quiet());
    thread::scope(|scope| {
        scope.spawn(move || {
            flood(&mut peer, |peer, i| peer.encode(if i == 0 { BINARY } else { CONTINUATION }, ""));
            peer.frame(FIN | CONTINUATION, "the end");
            flood(&mut peer, |peer, i| peer.encode(if i == 0 { BINARY } else { CONTINUATION }, ""));
            flood(&mut peer, |peer, _| peer.encode(CONTINUATION, ""));
            assert_eq!(peer.receive_close().0, 1008);
            peer.end();
            peer.read_to_end();
        });
        assert_eq!(socket.recv().unwrap(), Some(b"the end".to_vec().into()));
        assert!(socket.recv().is_err(), "more fragments than are allowed");
        assert_eq!(socket.recv().unwrap(), None);
        assert_eq!(socket.closed().unwrap().code, 1008);
    });
}

pub fn a_flood_of_small_messages_comes_in_order<A: Adapter>() {
    let (mut socket, mut peer) = server::<A>(quiet());
    thread::scope(|scope| {
        scope.spawn(move || flood(&mut peer, |peer, i| peer.encode(FIN | BINARY, i.to_be_bytes())));
        for i in 0..FLOOD {
            assert_eq!(socket.recv().unwrap(), Some(i.to_be_bytes().to_vec().into()));
        }
    });
}

pub fn a_slow_reader_gets_everything<A: Adapter>() {
    let (mut socket, mut peer) = server::<A>(quiet());
    thread::scope(|scope| {
        scope.spawn(move || {
            for i in 0..100u8 {
                if i % 10 == 0 {
                    thread::sleep(Duration::from_millis(30));
                }
                let frame = peer.receive();
                assert!(frame.payload == vec![i; 200_000], "message {i}");
            }
            peer.answer_close();
        });
        for i in 0..100u8 {
            socket.send(vec![i; 200_000]).unwrap();
        }
        assert!(socket.close(CloseCode::NORMAL).clean);
    });
}

pub fn a_slow_writer_is_waited_for<A: Adapter>() {
    let (mut socket, mut peer) = client::<A>(quiet());
    thread::scope(|scope| {
        scope.spawn(move || {
            let mut bytes = peer.encode(FIN | BINARY, [1; 130]);
            bytes.extend(peer.encode(FIN | PING, "p"));
            bytes.extend(peer.encode(FIN | BINARY, [2; 3]));
            for byte in bytes {
                peer.send([byte]);
                thread::yield_now();
            }
            let before = peer.answer_close();
            assert!(before.len() == 1 && before[0].opcode == PONG, "{before:?}");
        });
        assert_eq!(socket.recv().unwrap(), Some(vec![1; 130].into()));
        assert_eq!(socket.recv().unwrap(), Some(vec![2; 3].into()));
        assert!(socket.close(CloseCode::NORMAL).clean);
    });
}
