//! What one handle of a connection does while another waits: neither waits for the other, and each hears of the
//! other in time. No deadline is near that could bring anybody back.

use std::ops::ControlFlow;
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use ws_common::{AcceptError, AcceptOptions};
use ws_core::{CloseCode, MessageKind, MessageRef, SendError, StreamError};

use crate::adapter::{Adapter, End, Listener, Receiving, Sending, Socket};
use crate::ends::{FAR, client, pair, quiet};
use crate::peer::{Peer, request};
use crate::watch::takes;
use crate::wire::{BINARY, FIN, TEXT};

/// So that the other task or thread has most probably come to rest.
const REST: Duration = Duration::from_millis(100);

pub fn a_visitor_receives_while_the_other_half_feeds<A: Adapter>() {
    const MESSAGES: usize = 2560;
    let (client, mut server) = pair::<A>(ws_core::Config::default());
    let (mut sender, mut receiver) = client.split();
    thread::scope(|scope| {
        scope.spawn(move || {
            while let Ok(Some(message)) = server.recv() {
                server.send(message).unwrap();
            }
        });
        scope.spawn(move || {
            for i in 0..MESSAGES {
                sender.feed(vec![i as u8; 64 * 1024]).unwrap();
            }
            sender.flush().unwrap();
        });
        let mut echoes = 0;
        receiver
            .for_each_borrowed(|message, _| {
                assert!(message.as_bytes().iter().all(|&byte| byte == echoes as u8));
                echoes += 1;
                if echoes == MESSAGES { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
            })
            .unwrap();
        // The server sees the end.
        drop(receiver);
    });
}

/// The whole connection shows a message only when there is room for one answer; a half does not wait for that.
pub fn a_visitor_of_a_half_hears_that_there_is_no_room<A: Adapter>() {
    let (socket, mut peer) = client::<A>(quiet().max_send_buffer(1000));
    let (mut sender, mut receiver) = socket.split();
    // More than the system takes.
    while sender.try_send(vec![0; 1 << 20]).is_ok() {}
    peer.text("hello");
    receiver
        .for_each_borrowed(|message, reply| {
            assert_eq!(message, MessageRef::Text("hello"));
            assert_eq!(reply.send(message), Err(StreamError::Full(1000)));
            ControlFlow::Break(())
        })
        .unwrap();
}

/// What `queue` queues must reach the peer while the receiver waits.
fn leaves_while_the_receiver_waits<A: Adapter>(
    queue: impl FnOnce(&mut <A::Socket as Socket>::Sender),
    arrives: impl FnOnce(&mut Peer),
) {
    let (socket, mut peer) = client::<A>(quiet());
    let (mut sender, mut receiver) = socket.split();
    thread::scope(|scope| {
        let waiting = scope.spawn(move || {
            assert_eq!(receiver.recv().unwrap(), Some("end".into()));
        });
        thread::sleep(REST);
        takes(Duration::ZERO, || {
            queue(&mut sender);
            arrives(&mut peer);
        });
        peer.text("end");
        waiting.join().unwrap();
    });
}

pub fn what_is_tried_leaves_at_once_while_the_receiver_waits<A: Adapter>() {
    leaves_while_the_receiver_waits::<A>(
        |sender| sender.try_send("tried").unwrap(),
        |peer| assert_eq!(peer.receive_text(), "tried"),
    );
    leaves_while_the_receiver_waits::<A>(
        |sender| {
            sender.ready().unwrap();
            sender.try_send("ready").unwrap();
        },
        |peer| assert_eq!(peer.receive_text(), "ready"),
    );
}

pub fn what_is_fed_leaves_while_the_receiver_waits<A: Adapter>() {
    leaves_while_the_receiver_waits::<A>(
        |sender| (0..64).for_each(|i| sender.feed(format!("{i}")).unwrap()),
        |peer| (0..64).for_each(|i| assert_eq!(peer.receive_text(), format!("{i}"))),
    );
}

pub fn a_part_leaves_while_the_receiver_waits<A: Adapter>() {
    let (socket, mut peer) = client::<A>(quiet());
    let (mut sender, mut receiver) = socket.split();
    thread::scope(|scope| {
        let waiting = scope.spawn(move || assert_eq!(receiver.recv().unwrap(), Some("end".into())));
        thread::sleep(REST);
        takes(Duration::ZERO, || {
            let (tell, told) = mpsc::channel();
            scope.spawn(move || {
                // The message goes on only when its first fragment has come.
                let fragments = (0..2).map(|i| {
                    (0..i).for_each(|_| told.recv().unwrap());
                    vec![i; 10]
                });
                sender.send_fragments(MessageKind::Binary, fragments, End::Finished).unwrap();
            });
            assert_eq!(peer.receive().payload, [0; 10]);
            tell.send(()).unwrap();
            assert_eq!(peer.receive().payload, [1; 10]);
        });
        peer.text("end");
        waiting.join().unwrap();
    });
}

/// On the whole connection, too.
pub fn what_is_tried_leaves_at_once<A: Adapter>() {
    let (mut socket, mut peer) = client::<A>(quiet());
    socket.try_send("tried").unwrap();
    assert_eq!(peer.receive_text(), "tried");
    socket.feed("fed").unwrap();
    peer.expect_silence(REST);
    socket.try_send("tried").unwrap();
    assert_eq!(peer.receive_text(), "fed");
    assert_eq!(peer.receive_text(), "tried");
}

/// The sender waits for the peer's Close frame, which stands behind more than is read ahead.
pub fn a_sender_reads_on_when_the_receiver_has_made_room<A: Adapter>() {
    const MESSAGES: usize = 64;
    let (socket, mut peer) = client::<A>(quiet().max_read_ahead(64 * 1024));
    let (mut sender, mut receiver) = socket.split();
    thread::scope(|scope| {
        let closing = scope.spawn(move || sender.close(CloseCode::NORMAL));
        assert_eq!(peer.receive_close().0, 1000);
        scope.spawn(move || {
            for _ in 0..MESSAGES {
                peer.frame(FIN | BINARY, vec![0; 16 * 1024]);
            }
            peer.close(1000, "");
            peer.end();
            peer.expect_end();
        });
        // It reads ahead, and stands still.
        thread::sleep(REST);
        takes(Duration::ZERO, || {
            // Never more than was read ahead: it is the sender that reads.
            for _ in 0..MESSAGES {
                thread::sleep(Duration::from_millis(2));
                assert_eq!(receiver.recv().unwrap().unwrap().len(), 16 * 1024);
            }
            assert!(closing.join().unwrap().clean);
        });
    });
}

/// 1500 bytes wait, of which the transport takes some; there is room again though not all of it has left.
pub fn room_after_a_part_of_a_write_is_told_to_those_who_wait<A: Adapter>() {
    let (socket, mut peer) = client::<A>(quiet().max_send_buffer(1 << 20));
    let (mut sender, mut receiver) = socket.split();
    // More than the system holds, and a mark above which nothing is taken.
    sender.try_send(vec![1; 16 << 20]).unwrap();
    assert!(matches!(sender.try_send("full"), Err(SendError::Full { .. })));
    thread::scope(|scope| {
        scope.spawn(move || {
            assert_eq!(receiver.recv().unwrap(), Some("end".into()));
        });
        let mut feeding = sender;
        let waiting = scope.spawn(move || {
            feeding.ready().unwrap();
            feeding.feed("after").unwrap();
            feeding
        });
        thread::sleep(REST);
        assert!(!waiting.is_finished());
        takes(Duration::ZERO, || {
            assert_eq!(peer.receive().payload.len(), 16 << 20);
            let frame = peer.receive();
            assert_eq!((frame.opcode, &*frame.payload), (TEXT, &b"after"[..]));
            waiting.join().unwrap();
        });
        peer.text("end");
    });
}

/// Whoever is in the middle of a handshake when the listener stops gets no 101: it is refused, or dropped.
pub fn nothing_is_accepted_after_a_shutdown<A: Adapter>() {
    for is_asked in [false, true] {
        let listener = A::listen(AcceptOptions::default().config(quiet()).open_timeout(FAR));
        let mut peer = Peer::connect(listener.address());
        thread::scope(|scope| {
            let serving = scope.spawn(|| listener.accept());
            peer.send(&request("")[..20]);
            thread::sleep(REST);
            takes(Duration::ZERO, || {
                let stopping = scope.spawn(|| listener.shutdown(FAR));
                thread::sleep(REST);
                if is_asked {
                    let rest = &request("")[20..];
                    peer.send_while_taken(rest.as_bytes(), rest.len());
                }
                let answer = peer.read_to_end();
                assert!(answer.is_empty() || answer.starts_with(b"HTTP/1.1 503 "), "{answer:?}");
                let error = serving.join().unwrap().err().unwrap();
                assert!(matches!(error, AcceptError::Shutdown), "{error}");
                assert_eq!(stopping.join().unwrap(), 0);
            });
        });
    }
}
