//! The core of this library under the least driver that works, to tell its cost from that of an adapter.

use std::io::{IoSlice, Write};
use std::ops::ControlFlow;
use std::time;

use bytes::{Buf, Bytes};
use tokio::io::AsyncReadExt;
use ws_core::{Connection, Event, ForEachEnd, Instant, Machine, Message, SendError};

use super::{Receiver, Sender, ours};
use crate::scenario::{Kind, Role};
use crate::tally::Tally;
use crate::transport::Pipe;

/// How much room the driver makes before it reads.
const ROOM: usize = 16 * 1024;

struct Driver {
    connection: Connection,
    pipe: Pipe,
    epoch: time::Instant,
}

impl Driver {
    fn open(role: Role, pipe: Pipe) -> Self {
        let connection = ours::connection(role);
        Driver { connection, pipe, epoch: time::Instant::now() }
    }

    fn now(&self) -> Instant {
        Instant::since_epoch(self.epoch.elapsed())
    }

    async fn read(&mut self) {
        let inbound = self.connection.inbound();
        inbound.reserve(ROOM);
        let n = self.pipe.read_buf(inbound).await.expect("a pipe does not fail");
        let now = self.now();
        self.connection.handle_read(n, now);
    }

    fn write(&mut self) {
        while self.connection.outbound().has_remaining() {
            let mut slices = [IoSlice::new(&[]); 8];
            let outbound = self.connection.outbound();
            let filled = outbound.chunks_vectored(&mut slices);
            let n = self.pipe.write_vectored(&slices[..filled]).expect("a pipe does not fail");
            let now = self.now();
            self.connection.handle_write(n, now);
        }
    }
}

pub struct Owned(Driver);

impl Receiver for Owned {
    async fn open(role: Role, pipe: Pipe) -> Self {
        Owned(Driver::open(role, pipe))
    }

    async fn receive(&mut self, tally: &mut Tally) {
        loop {
            match self.0.connection.poll_event().expect("no violation") {
                Some(Event::Message(Message::Binary(payload))) => {
                    return tally.take(Kind::Binary, &payload);
                }
                Some(Event::Message(Message::Text(text))) => {
                    return tally.take(Kind::Text, text.as_bytes());
                }
                Some(other) => panic!("unexpected {other:?}"),
                None => self.0.read().await,
            }
        }
    }
}

impl Sender for Owned {
    async fn feed(&mut self, payload: &Bytes) {
        let mut message = Message::binary(payload.clone());
        while let Err(error) = self.0.connection.send(message) {
            let SendError::Full { message: refused, .. } = error else { panic!("unexpected {error}") };
            message = refused;
            self.0.write();
        }
    }

    async fn flush(&mut self) {
        self.0.write();
    }
}

pub struct Borrowed(Driver);

impl Receiver for Borrowed {
    async fn open(role: Role, pipe: Pipe) -> Self {
        Borrowed(Driver::open(role, pipe))
    }

    async fn receive(&mut self, tally: &mut Tally) {
        loop {
            let end = self.0.connection.for_each_borrowed(|message, _| {
                ours::take_borrowed(message, tally);
                if tally.is_full() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
            });
            match end.expect("no violation") {
                ForEachEnd::Drained => self.0.read().await,
                ForEachEnd::Stopped => return,
                other => panic!("unexpected {other:?}"),
            }
        }
    }
}
