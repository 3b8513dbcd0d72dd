//! A peer that closes in the read that brought its messages: each message has its answer before the Close frame.

use std::ops::ControlFlow;
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use ws_core::{Initiator, Message, SendError};

use crate::adapter::{Adapter, Receiving, Sending, Socket};
use crate::ends::{client, quiet, server};
use crate::peer::Peer;
use crate::wire::{CLOSE, FIN, PING, PONG, TEXT, close_payload};

/// The texts of a peer that closes behind them.
#[derive(Clone, Copy, Debug)]
struct Said {
    /// Each of them is so many words long.
    words: usize,
    /// The second write of two begins with this byte of this frame.
    cut: Option<(usize, usize)>,
}

impl Said {
    fn texts(self) -> [String; 3] {
        ["one", "two", "three"].map(|word| word.repeat(self.words))
    }
}

/// Sends three texts, a ping and a Close frame, in one write or in two.
fn send_all_at_once(peer: &mut Peer, said: Said) {
    let mut frames: Vec<_> = said.texts().iter().map(|text| peer.encode(FIN | TEXT, text)).collect();
    frames.push(peer.encode(FIN | PING, "alive?"));
    frames.push(peer.encode(FIN | CLOSE, close_payload(3001, "enough")));
    let Some((frame, byte)) = said.cut else { return peer.send(frames.concat()) };
    let all = frames.concat();
    let (first, second) = all.split_at(frames[..frame].concat().len() + byte);
    peer.send(first);
    thread::sleep(Duration::from_millis(20));
    peer.send(second);
}

/// Each text has its echo and the ping its pong, and the answer to the Close frame is the last.
fn receive_answers(peer: &mut Peer, said: Said, is_server: bool) {
    let (mut texts, mut pongs) = (Vec::new(), Vec::new());
    loop {
        let frame = peer.receive();
        match frame.opcode {
            TEXT => texts.push(String::from_utf8(frame.payload).unwrap()),
            PONG => pongs.push(frame.payload),
            _ => {
                assert_eq!(frame.close(), (3001, "enough"));
                break;
            }
        }
    }
    assert!(texts == said.texts(), "{} echoes after {said:?}", texts.len());
    assert_eq!(pongs, [b"alive?"]);
    if is_server {
        peer.end();
    }
    peer.expect_end();
}

fn assert_answered(receiver: &mut impl Receiving) {
    let closed = receiver.closed().unwrap();
    assert_eq!((closed.code, &*closed.reason, closed.initiator), (3001, "enough", Initiator::Remote));
    assert_eq!((closed.clean, closed.unsent), (true, 0));
}

fn echo(receiver: &mut impl Receiving, mut send: impl FnMut(Message) -> Result<(), SendError>) {
    while let Some(message) = receiver.recv().unwrap() {
        assert_eq!(send(message), Ok(()));
    }
    assert_answered(receiver);
}

/// How the echoes are sent.
#[derive(Clone, Copy)]
enum Echo {
    Whole,
    Visitor,
    Halves,
    HalvesInTwoThreads,
}

fn echo_all<S: Socket>(mut socket: S, way: Echo) {
    match way {
        Echo::Whole => {
            while let Some(message) = socket.recv().unwrap() {
                socket.send(message).unwrap();
            }
            assert_answered(&mut socket);
        }
        Echo::Visitor => {
            socket
                .for_each_borrowed(|message, reply| {
                    reply.send(message).unwrap();
                    ControlFlow::Continue(())
                })
                .unwrap();
            assert_answered(&mut socket);
        }
        Echo::Halves => {
            let (mut sender, mut receiver) = socket.split();
            echo(&mut receiver, |message| sender.send(message));
        }
        Echo::HalvesInTwoThreads => {
            let (mut sender, mut receiver) = socket.split();
            let (hand, taken) = mpsc::channel::<Message>();
            thread::scope(|scope| {
                // A receiver answers the Close frame when it asks for more, so it waits for each echo to be accepted.
                let (accepted, go_on) = mpsc::channel();
                scope.spawn(move || {
                    for message in taken {
                        accepted.send(sender.send(message)).unwrap();
                    }
                });
                echo(&mut receiver, |message| {
                    hand.send(message).unwrap();
                    go_on.recv().unwrap()
                });
                drop(hand);
            });
        }
    }
}

pub fn replies_and_pongs_leave_before_the_answer_to_a_close_of_the_same_read<A: Adapter>() {
    for (ends, is_client) in [(client::<A> as fn(_) -> _, true), (server::<A>, false)] {
        for way in [Echo::Whole, Echo::Visitor, Echo::Halves, Echo::HalvesInTwoThreads] {
            // The cuts are within the second text, before the Close frame, and within it.
            for cut in [None, Some((1, 3)), Some((4, 0)), Some((4, 3))] {
                answers_are_whole(ends(quiet()), way, Said { words: 1, cut }, is_client);
            }
        }
    }
    // An echo of more bytes than the system takes. While it waits for room, all that the peer has sent is read, up to the Close frame.
    let config = quiet().max_read_ahead(32 << 20);
    for way in [Echo::Whole, Echo::Halves, Echo::HalvesInTwoThreads] {
        let (socket, peer) = client::<A>(config.clone());
        peer.hold_little();
        answers_are_whole((socket, peer), way, Said { words: 150_000, cut: None }, true);
    }
}

/// Sends all, and then takes the answers, while the other end echoes the texts this way.
fn answers_are_whole<S: Socket>((socket, mut peer): (S, Peer), way: Echo, said: Said, is_client: bool) {
    thread::scope(|scope| {
        scope.spawn(move || {
            send_all_at_once(&mut peer, said);
            if said.words > 1 {
                thread::sleep(Duration::from_millis(200));
            }
            receive_answers(&mut peer, said, is_client);
        });
        echo_all(socket, way);
    });
}
