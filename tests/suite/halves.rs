//! The two halves of a connection, in two threads.

use std::ops::ControlFlow;
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use ws_core::{CloseCode, Error, MessageKind, MessageRef, Timeout};

use crate::adapter::{Adapter, End, Receiving, Sending, Socket};
use crate::ends::{client, failure, pair, quiet, server};
use crate::watch::takes;
use crate::wire::{BINARY, FIN, PING, PONG};

pub fn ten_thousand_messages_each_way<A: Adapter>() {
    const MESSAGES: u32 = 10_000;
    let (client, server) = pair::<A>(quiet());
    thread::scope(|scope| {
        for (socket, closes) in [(client, true), (server, false)] {
            let (mut sender, mut receiver) = socket.split();
            let sending = scope.spawn(move || {
                for i in 0..MESSAGES {
                    sender.send(i.to_be_bytes().to_vec()).unwrap();
                }
                sender
            });
            scope.spawn(move || {
                for i in 0..MESSAGES {
                    assert_eq!(receiver.recv().unwrap(), Some(i.to_be_bytes().to_vec().into()));
                }
                let mut sender = sending.join().unwrap();
                if closes {
                    assert!(sender.close(CloseCode::NORMAL).clean);
                }
                assert_eq!(receiver.recv().unwrap(), None);
            });
        }
    });
}

pub fn a_dropped_receiver_stands_in_nobodys_way<A: Adapter>() {
    let (socket, mut peer) = server::<A>(quiet());
    let mut answers = peer.another();
    let (mut sender, receiver) = socket.split();
    drop(receiver);
    thread::scope(|scope| {
        scope.spawn(move || {
            // More than is read ahead and than the system holds, so that somebody has to take it.
            for _ in 0..400 {
                peer.frame(FIN | BINARY, vec![0; 100_000]);
            }
            peer.frame(FIN | PING, "still there?");
        });
        let (told, heard) = mpsc::channel();
        scope.spawn(move || {
            let pong = (0..).map(|_| answers.receive()).find(|frame| frame.opcode == PONG).unwrap();
            assert_eq!(pong.payload, b"still there?");
            told.send(()).unwrap();
            answers.answer_close();
        });
        // The sender reads only while it waits.
        while heard.try_recv().is_err() {
            sender.send(vec![1; 300_000]).unwrap();
        }
        let closed = sender.close(CloseCode::NORMAL);
        assert!(closed.clean, "{closed}");
    });
}

pub fn a_dropped_sender_leaves_the_receiver_going<A: Adapter>() {
    let (socket, mut peer) = client::<A>(quiet());
    let (mut sender, mut receiver) = socket.split();
    sender.feed("queued").unwrap();
    drop(sender);
    thread::scope(|scope| {
        scope.spawn(move || {
            assert_eq!(peer.receive_text(), "queued");
            peer.frame(FIN | PING, "p");
            assert_eq!(peer.receive().payload, b"p");
            peer.text("hello");
            peer.close(1000, "");
            assert_eq!(peer.receive_close().0, 1000);
            peer.end();
            peer.expect_end();
        });
        assert_eq!(receiver.recv().unwrap(), Some("hello".into()));
        assert_eq!(receiver.recv().unwrap(), None);
        assert!(receiver.closed().unwrap().clean);
    });
}

pub fn both_halves_dropped_end_the_connection<A: Adapter>() {
    for receiver_first in [true, false] {
        let (socket, mut peer) = client::<A>(quiet());
        let (sender, receiver) = socket.split();
        if receiver_first {
            drop(receiver);
            drop(sender);
        } else {
            drop(sender);
            drop(receiver);
        }
        peer.expect_end();
    }
}

/// The receiver waits in a thread of its own, with deadlines far away, when `act` brings one near.
fn deadline_that_comes_nearer<A: Adapter>(
    config: ws_core::Config,
    after: Duration,
    act: impl FnOnce(&mut <A::Socket as Socket>::Sender),
) -> Error {
    let (socket, mut peer) = client::<A>(config);
    let (mut sender, mut receiver) = socket.split();
    thread::scope(|scope| {
        let waiting = scope.spawn(move || {
            assert_eq!(receiver.recv().unwrap(), Some("first".into()));
            failure(&mut receiver).0
        });
        peer.text("first");
        // So that the receiver is most probably within a read; both orders must work.
        thread::sleep(Duration::from_millis(100));
        takes(after, || {
            act(&mut sender);
            waiting.join().unwrap()
        })
    })
}

pub fn a_close_from_the_sender_bounds_the_waiting_receiver<A: Adapter>() {
    let timeout = Duration::from_millis(400);
    let error = deadline_that_comes_nearer::<A>(quiet().close_timeout(timeout), timeout, |sender| {
        sender.start_close(CloseCode::NORMAL);
    });
    assert!(matches!(error, Error::Timeout(Timeout::Close(seen)) if seen == timeout), "{error}");
}

pub fn a_ping_from_the_sender_bounds_the_waiting_receiver<A: Adapter>() {
    let timeout = Duration::from_millis(400);
    let error = deadline_that_comes_nearer::<A>(quiet().pong_timeout(timeout), timeout, |sender| {
        sender.ping("is anybody there").unwrap();
    });
    assert!(matches!(error, Error::Timeout(Timeout::Pong(seen)) if seen == timeout), "{error}");
}

pub fn what_the_sender_queues_leaves_while_the_receiver_waits<A: Adapter>() {
    let (socket, mut peer) = client::<A>(quiet());
    let (mut sender, mut receiver) = socket.split();
    thread::scope(|scope| {
        let waiting = scope.spawn(move || {
            assert_eq!(receiver.recv().unwrap(), None);
            receiver.closed().unwrap()
        });
        thread::sleep(Duration::from_millis(50));
        sender.send("while you wait").unwrap();
        assert_eq!(peer.receive_text(), "while you wait");
        // Nobody but the receiver can send this.
        sender.start_close(CloseCode::NORMAL);
        peer.answer_close();
        assert!(waiting.join().unwrap().clean);
    });
}

pub fn streamed_messages_pass_through_halves<A: Adapter>() {
    let (client, server) = pair::<A>(quiet());
    let (mut sender, _receiver) = client.split();
    let (_sender, mut receiver) = server.split();
    thread::scope(|scope| {
        scope.spawn(move || {
            let fragments = (0..100).map(|i| vec![i; 50_000]);
            sender.send_fragments(MessageKind::Binary, fragments, End::Finished).unwrap();
        });
        let mut received = Vec::new();
        receiver
            .recv_chunks(|_, chunk| {
                received.extend_from_slice(chunk);
                ControlFlow::Continue(())
            })
            .unwrap();
        assert_eq!(received.len(), 5_000_000);
        assert!(received.chunks(50_000).zip(0..).all(|(chunk, i)| chunk == [i; 50_000]));
    });
}

pub fn a_fragment_waits_for_room_though_the_receiver_takes_it_for_a_pong<A: Adapter>() {
    const FRAGMENTS: usize = 100_000;
    // Room for a fragment, until a pong waits as well.
    let (client, server) = pair::<A>(quiet().max_send_buffer(108));
    let (mut sender, mut receiver) = client.split();
    let (mut pinging, mut reading) = server.split();
    thread::scope(|scope| {
        scope.spawn(move || while receiver.next_event().is_ok_and(|event| event.is_some()) {});
        scope.spawn(move || while pinging.ping(vec![7; 100]).is_ok() {});
        let mut received = 0;
        let any = scope.spawn(move || {
            let any = reading.recv_chunks(|_, chunk| {
                received += chunk.len();
                ControlFlow::Continue(())
            });
            assert!(any.unwrap());
            assert_eq!(received, 3 * FRAGMENTS);
            assert_eq!(reading.recv().unwrap(), None);
        });
        let sent =
            sender.send_fragments(MessageKind::Binary, (0..FRAGMENTS).map(|_| vec![7; 3]), End::Finished);
        sender.close(CloseCode::NORMAL);
        assert_eq!(sent, Ok(()));
        any.join().unwrap();
    });
}

pub fn a_writer_that_is_dropped_is_noticed_by_the_waiting_receiver<A: Adapter>() {
    let (socket, mut peer) = client::<A>(quiet());
    let (mut sender, mut receiver) = socket.split();
    thread::scope(|scope| {
        let waiting = scope.spawn(move || {
            assert_eq!(receiver.recv().unwrap(), None);
            receiver.closed().unwrap()
        });
        thread::sleep(Duration::from_millis(50));
        sender.send_fragments(MessageKind::Text, [b"half".to_vec()], End::Dropped).unwrap();
        // Nobody but the receiver can send the Close frame.
        peer.answer_close();
        assert_eq!(waiting.join().unwrap().code, 1011);
    });
}

pub fn a_close_wins_over_the_reset_at_both_halves<A: Adapter>() {
    let (socket, mut peer) = client::<A>(quiet());
    let (mut sender, mut receiver) = socket.split();
    thread::scope(|scope| {
        let receiving = scope.spawn(move || {
            assert_eq!(receiver.recv().unwrap(), None);
            receiver.closed().unwrap()
        });
        let sending = scope.spawn(move || while sender.send(vec![0; 512 * 1024]).is_ok() {});
        assert!(peer.skip(100_000) > 0);
        peer.close(1008, "too much");
        // With bytes unread.
        drop(peer);
        sending.join().unwrap();
        let closed = receiving.join().unwrap();
        assert_eq!((closed.code, &*closed.reason), (1008, "too much"));
    });
}

pub fn a_sender_that_is_stuck_and_a_receiver_that_waits_end_together<A: Adapter>() {
    let timeout = Duration::from_millis(500);
    let (socket, peer) = server::<A>(quiet().write_timeout(timeout));
    let (mut sender, mut receiver) = socket.split();
    thread::scope(|scope| {
        takes(timeout, || {
            let receiving = scope.spawn(move || failure(&mut receiver));
            while sender.send(vec![0; 1 << 20]).is_ok() {}
            let (error, closed) = receiving.join().unwrap();
            assert!(matches!(error, Error::Timeout(Timeout::Write(_))), "{error}");
            assert_eq!(closed.code, 1006);
        });
    });
    drop(peer);
}

pub fn the_receiver_borrows<A: Adapter>() {
    let (socket, mut peer) = client::<A>(quiet());
    let (_sender, mut receiver) = socket.split();
    thread::scope(|scope| {
        scope.spawn(move || {
            peer.text("ping me");
            assert_eq!(peer.receive_text(), "pong");
            peer.close(1000, "");
            peer.receive_close();
            peer.end();
        });
        receiver
            .for_each_borrowed(|message, reply| {
                assert_eq!(message, MessageRef::Text("ping me"));
                reply.send(MessageRef::Text("pong")).unwrap();
                ControlFlow::Continue(())
            })
            .unwrap();
        assert!(receiver.closed().unwrap().clean);
    });
}

pub fn halves_are_reunited<A: Adapter>() {
    let (socket, mut peer) = client::<A>(quiet());
    let (mut sender, mut receiver) = socket.split();
    let [one, two] = A::Socket::addresses_of(&sender, &receiver);
    assert_eq!(one, two);
    sender.send("from a half").unwrap();
    peer.text("one");
    peer.text("two");
    assert_eq!(receiver.recv().unwrap(), Some("one".into()));
    let mut socket = A::Socket::reunite(sender, receiver).unwrap();
    // Nothing is lost.
    assert_eq!(socket.recv().unwrap(), Some("two".into()));
    socket.send("from the whole").unwrap();
    assert_eq!([peer.receive_text(), peer.receive_text()], ["from a half", "from the whole"]);
    let (sender, _receiver) = socket.split();
    let (_sender, receiver) = client::<A>(quiet()).0.split();
    assert!(A::Socket::reunite(sender, receiver).is_none());
}
