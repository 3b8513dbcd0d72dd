//! The two halves of a connection, in threads.
//!
//! A thread reads or writes, and cannot wait for both: where it alone has the connection, its calls end by their time-outs.
//! So time passes here, but only when no thread can run, and no scenario may need much of it: a lost wake-up would be healed by a
//! longer one.

use std::io::{self, IoSlice};
use std::net::Shutdown;
use std::ops::ControlFlow;
use std::time::Duration;

use shuttle::future::block_on;
use shuttle::rand::{RngCore, thread_rng};
use shuttle::thread;
use ws_blocking::{Receiver, Sender, Transport, WebSocket};
use ws_common::sync::{Clock, Mutex, lock, model};
use ws_core::bytes::BytesMut;
use ws_core::{
    CloseCode, Connection, Event as Received, Instant, Message, MessageRef, Random, Responder, Role,
    SendError,
};

use super::{config, operate, script};
use crate::check;
use crate::flags::{Flag, Flags};
use crate::peer::{LARGE, MARKER, MESSAGE, Peer, Step};
use crate::pipe::{End, pipe};
use crate::table::{Cell, Driver, Event, Operation};

/// Number of messages that make room in the read-ahead for all the others.
const ENOUGH: usize = script::MANY - 3;

/// Maximum time that a scenario may take: less than any deadline of a connection, and than a read without another reason to end.
const LONGEST: Duration = Duration::from_millis(500);

/// About as long as a call takes at most while bytes wait: the end of a second call would heal a lost wake-up.
const SOON: Duration = Duration::from_millis(70);

/// Time passes less often than this while threads can run.
const MOMENTS: u64 = 8;

/// A transport for threads.
struct Wire {
    end: End,
    timeouts: Mutex<Timeouts>,
}

#[derive(Clone, Copy)]
struct Timeouts {
    read: Duration,
    write: Duration,
}

impl Transport for Wire {
    fn read(&self, buffer: &mut [u8]) -> io::Result<usize> {
        let timeout = lock(&self.timeouts).read;
        self.end.read(buffer, timeout)
    }

    fn write_vectored(&self, buffers: &[IoSlice<'_>]) -> io::Result<usize> {
        let timeout = lock(&self.timeouts).write;
        self.end.write(&buffers[0], timeout)
    }

    fn try_read(&self, buffer: &mut [u8]) -> io::Result<usize> {
        self.end.read(buffer, Duration::ZERO)
    }

    fn try_write_vectored(&self, buffers: &[IoSlice<'_>]) -> io::Result<usize> {
        self.end.write(&buffers[0], Duration::ZERO)
    }

    fn set_read_timeout(&self, timeout: Duration) -> io::Result<()> {
        lock(&self.timeouts).read = timeout;
        Ok(())
    }

    fn set_write_timeout(&self, timeout: Duration) -> io::Result<()> {
        lock(&self.timeouts).write = timeout;
        Ok(())
    }

    fn shutdown(&self, how: Shutdown) -> io::Result<()> {
        match how {
            Shutdown::Write => self.end.end(),
            Shutdown::Read | Shutdown::Both => self.end.shut(),
        }
        Ok(())
    }
}

pub(super) fn run(cell: Cell) {
    let flags = Flags::default();
    let over = flags.clone();
    let clock = thread::spawn(move || pass_time(&over, LONGEST));
    let (socket, far) = connect();
    let (mut sender, mut receiver) = socket.split();
    sender.try_send(Message::binary(&LARGE[..])).expect("the buffer is empty");
    let peer = Peer::new(far, Role::Server).play(script::of(cell), flags.clone());
    let peer = thread::spawn(move || block_on(peer));
    flags.raise(Flag::Begun);
    let own = flags.clone();
    let other = if cell.operation.receives() {
        let other = thread::spawn(move || accompany_receiver(cell, sender, &own));
        receive(&mut receiver, cell);
        flags.raise(Flag::Over);
        drop(receiver);
        other
    } else {
        let other = thread::spawn(move || accompany_sender(cell, receiver, &own));
        send(&mut sender, cell, &flags);
        flags.raise(Flag::Over);
        drop(sender);
        other
    };
    other.join().expect("it ends");
    let messages = peer.join().expect("it ends");
    clock.join().expect("it ends");
    assert!(messages.first().is_none_or(|first| *first == LARGE), "out of order");
}

/// A half feeds more than the transport takes and never comes back, while the other half is in a read.
pub(super) fn behind() {
    let flags = Flags::default();
    let over = flags.clone();
    let clock = thread::spawn(move || pass_time(&over, LONGEST));
    let (socket, far) = connect();
    let (mut sender, mut receiver) = socket.split();
    let steps = vec![Step::Until(&LARGE), Step::Send(1), Step::Answer];
    let peer = Peer::new(far, Role::Server).play(steps, flags.clone());
    let peer = thread::spawn(move || block_on(peer));
    let receiving = thread::spawn(move || {
        let received = receiver.recv().expect("the connection is open").expect("a message has come");
        operate::check(&received);
        receiver
    });
    thread::yield_now();
    sender.feed(Message::binary(&LARGE[..])).expect("the buffer is empty");
    let receiver = receiving.join().expect("it ends");
    flags.raise(Flag::Over);
    drop((sender, receiver));
    peer.join().expect("it ends");
    clock.join().expect("it ends");
}

/// A half tries to send while nobody waits on the connection, and never comes back. The message leaves all the same, and
/// without any time.
pub(super) fn send_at_once() {
    let flags = Flags::default();
    let (socket, far) = connect();
    let (mut sender, receiver) = socket.split();
    let steps = vec![Step::Until(MARKER), Step::Tell(Flag::Seen), Step::Answer];
    let peer = Peer::new(far, Role::Server).play(steps, flags.clone());
    let peer = thread::spawn(move || block_on(peer));
    sender.try_send(Message::binary(MARKER)).expect("the buffer is empty");
    block_on(flags.wait(Flag::Seen));
    flags.raise(Flag::Over);
    drop((sender, receiver));
    peer.join().expect("it ends");
}

/// One thread is in a read and another writes, for a flush. A third has its room as soon as the transport has taken enough,
/// however long the flush takes.
pub(super) fn room() {
    let flags = Flags::default();
    let over = flags.clone();
    let clock = thread::spawn(move || pass_time(&over, SOON));
    let (socket, far) = connect();
    let (mut sender, mut receiver) = socket.split();
    let steps =
        vec![Step::Take(250), Step::Await(Flag::Completed), Step::Until(&LARGE), Step::Send(1), Step::Answer];
    let peer = Peer::new(far, Role::Server).play(steps, flags.clone());
    let peer = thread::spawn(move || block_on(peer));
    let receiving = thread::spawn(move || {
        receiver.recv().expect("the connection is open");
        receiver
    });
    // A read that begins while bytes wait is short, and so would wake the third thread.
    thread::yield_now();
    sender.try_send(Message::binary(&LARGE[..])).expect("the buffer is empty");
    let mut flushing = sender.clone();
    let flushing = thread::spawn(move || flushing.flush().expect("the connection is open"));
    sender.ready().expect("the connection is open");
    flags.raise(Flag::Completed);
    flushing.join().expect("it ends");
    let receiver = receiving.join().expect("it ends");
    flags.raise(Flag::Over);
    drop((sender, receiver));
    peer.join().expect("it ends");
    clock.join().expect("it ends");
}

/// A connection under test, and the far end.
fn connect() -> (WebSocket<Wire>, End) {
    let (near, far) = pipe();
    let random = Random::from_seed([7; 32]);
    let connection =
        Connection::after_handshake(Role::Client, &config(), random, BytesMut::new(), Instant::EPOCH);
    let forever = Timeouts { read: Duration::MAX, write: Duration::MAX };
    let wire = Wire { end: near, timeouts: Mutex::new(forever) };
    (WebSocket::from_connection(wire, connection, &config(), Clock::now()), far)
}

/// Lets time pass: in some schedules a few times at any moment, and then while nobody can run.
fn pass_time(flags: &Flags, longest: Duration) {
    for _ in 0..thread_rng().next_u64() % MOMENTS {
        thread::yield_now();
        model::advance_to_next(longest);
    }
    check::keep_time();
    let start = Clock::now();
    loop {
        thread::yield_now();
        let has_passed = model::advance_to_next(Duration::MAX);
        if flags.is_raised(Flag::Over) {
            match has_passed {
                // The background thread waits for something else to do.
                true => continue,
                false => return,
            }
        }
        assert!(has_passed, "every thread waits, and not for time");
        assert!(start.elapsed() < longest, "it took {:?}", start.elapsed());
    }
}

fn send(sender: &mut Sender<Wire>, cell: Cell, flags: &Flags) {
    let marker = || Message::binary(MARKER);
    let result = match cell.operation {
        Operation::Ready => sender.ready(),
        Operation::Feed => sender.feed(marker()),
        Operation::Send => sender.send(marker()),
        Operation::Flush => sender.flush(),
        Operation::Ping => sender.ping("ping").map_err(|_| SendError::Closed(None)),
        _ => {
            let closed = sender.close(CloseCode::NORMAL);
            flags.raise(Flag::Completed);
            assert!(cell.event.ends() || closed.clean, "{closed:?}");
            return;
        }
    };
    flags.raise(Flag::Completed);
    if cell.event.ends() {
        return;
    }
    result.expect("the connection is open");
    if matches!(cell.operation, Operation::Ready | Operation::Flush | Operation::Ping) {
        sender.try_send(marker()).expect("there is room");
    }
    if cell.driver != Driver::Other {
        sender.flush().expect("the connection is open");
    }
    block_on(flags.wait(Flag::Seen));
}

fn receive(receiver: &mut Receiver<Wire>, cell: Cell) {
    let mut left = if cell.event.ends() { usize::MAX } else { script::messages(cell) };
    let mut has_pong = false;
    let end = loop {
        if left == 0 {
            break Ok(());
        }
        let more = match cell.operation {
            Operation::Recv => receiver.recv().map(|message| message.is_some_and(|m| operate::check(&m))),
            Operation::NextEvent => loop {
                match receiver.next_event() {
                    Ok(Some(Received::Message(message))) => break Ok(operate::check(&message)),
                    Ok(Some(Received::Pong { .. })) => has_pong = true,
                    Ok(Some(_)) => {}
                    Ok(None) => break Ok(false),
                    Err(error) => break Err(error),
                }
            },
            Operation::ForEachBorrowed => {
                let mut has_come = false;
                let visitor = |message: MessageRef<'_>, _: &mut Responder<'_>| {
                    assert!(matches!(message, MessageRef::Binary(bytes) if bytes.len() == MESSAGE));
                    has_come = true;
                    ControlFlow::Break(())
                };
                receiver.for_each_borrowed(visitor).map(|()| has_come)
            }
            _ => match receiver.recv_stream() {
                Ok(Some(mut reader)) => loop {
                    match reader.next_chunk() {
                        Ok(Some(_)) => {}
                        Ok(None) => break Ok(true),
                        Err(error) => break Err(error),
                    }
                },
                Ok(None) => Ok(false),
                Err(error) => Err(error),
            },
        };
        match more {
            Ok(true) => left -= 1,
            Ok(false) => break Ok(()),
            Err(error) => break Err(error),
        }
    };
    operate::received(cell, left, end, has_pong);
}

/// What the receiving half does while the sending half waits.
fn accompany_sender(cell: Cell, mut receiver: Receiver<Wire>, flags: &Flags) {
    match (cell.event, cell.driver) {
        (Event::HalfDropped, _) => return,
        (_, Driver::Other) => {
            while let Ok(Some(_)) = receiver.recv() {}
            return;
        }
        (Event::ReadAhead, _) => {
            for _ in 0..ENOUGH {
                receiver.recv().expect("the connection is open");
            }
        }
        _ => {}
    }
    block_on(flags.wait(Flag::Over));
}

/// What the sending half does while the receiving half waits.
fn accompany_receiver(cell: Cell, mut sender: Sender<Wire>, flags: &Flags) {
    if cell.driver == Driver::Other {
        let flushed = sender.flush();
        if cell.event == Event::Room {
            flushed.expect("the connection is open");
            sender.try_send(Message::binary(MARKER)).expect("there is room");
        }
    }
    if cell.event != Event::HalfDropped {
        block_on(flags.wait(Flag::Over));
    }
}
