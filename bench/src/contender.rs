//! Who takes part, and how each is made to receive or to send.

pub mod fastwebsockets;
mod memcpy;
pub mod ours;
mod ours_core;
pub mod sockudo;
mod tokio_tungstenite;
mod tokio_websockets;
pub mod tungstenite;
mod wtx;
pub mod yawc;

use std::pin::pin;
use std::rc::Rc;
use std::task::{Context, Waker};
use std::time::{Duration, Instant};

use bytes::Bytes;
use tokio::runtime::{Builder, Runtime};

use crate::scenario::{Case, Direction, Role, Scenario};
use crate::tally::Tally;
use crate::transport::{Outlet, Pipe};

/// A WebSocket that is open from the start.
trait Receiver: Sized {
    async fn open(role: Role, pipe: Pipe) -> Self;

    /// Receives at least one message, and stops when the tally is full.
    async fn receive(&mut self, tally: &mut Tally);
}

trait Sender: Receiver {
    /// Queues a message of which the application keeps its own copy.
    async fn feed(&mut self, payload: &Bytes);

    async fn flush(&mut self);

    async fn send(&mut self, payload: &Bytes) {
        self.feed(payload).await;
        self.flush().await;
    }
}

/// What a row of the table is to the others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rank {
    /// Copies payloads and knows no protocol.
    Floor,
    Peer,
    Ours,
}

type Run = fn(&Case, Options) -> Report;

pub struct Entry {
    pub name: &'static str,
    pub rank: Rank,
    receive: Run,
    /// Absent where sending is that of another entry.
    send: Option<Run>,
}

pub const ALL: &[Entry] = &[
    Entry { name: "memcpy", rank: Rank::Floor, receive: memcpy::run, send: Some(memcpy::run) },
    both::<ours::Owned>("ours", Rank::Ours),
    receiving::<ours::Borrowed>("ours-borrowed", Rank::Ours),
    both::<ours_core::Owned>("ours-core", Rank::Ours),
    receiving::<ours_core::Borrowed>("ours-core-borrowed", Rank::Ours),
    both::<tungstenite::Sync>("tungstenite", Rank::Peer),
    both::<tokio_tungstenite::Async>("tokio-tungstenite", Rank::Peer),
    both::<fastwebsockets::Collector>("fastwebsockets", Rank::Peer),
    both::<tokio_websockets::Stream>("tokio-websockets", Rank::Peer),
    both::<sockudo::Stream>("sockudo-ws", Rank::Peer),
    both::<yawc::Socket>("yawc", Rank::Peer),
    both::<wtx::Owned>("wtx", Rank::Peer),
    receiving::<wtx::Borrowed>("wtx-borrowed", Rank::Peer),
];

const fn both<C: Sender>(name: &'static str, rank: Rank) -> Entry {
    Entry { name, rank, receive: receive::<C>, send: Some(send::<C>) }
}

const fn receiving<C: Receiver>(name: &'static str, rank: Rank) -> Entry {
    Entry { name, rank, receive: receive::<C>, send: None }
}

impl Entry {
    pub fn takes(&self, scenario: &Scenario) -> bool {
        self.run_for(scenario).is_some()
    }

    /// Runs a case of a scenario that it takes.
    pub fn run(&self, case: &Case, options: Options) -> Report {
        let run = self.run_for(case.scenario).expect("a scenario that this contender takes");
        run(case, options)
    }

    fn run_for(&self, scenario: &Scenario) -> Option<Run> {
        match scenario.direction {
            Direction::Receive | Direction::ReceiveEach => Some(self.receive),
            Direction::Send { .. } => self.send,
        }
    }
}

/// What a run does beyond what is measured.
#[derive(Default)]
pub struct Options {
    pub verify: bool,
    pub outlet: Rc<Outlet>,
}

/// What went through the contender, and how long it took.
pub struct Report {
    pub messages: usize,
    pub bytes: usize,
    pub writes: usize,
    pub elapsed: Duration,
}

/// Some peers hold timers, which need a runtime around them.
fn runtime() -> Runtime {
    Builder::new_current_thread().enable_time().build().expect("a runtime of one thread")
}

fn receive<C: Receiver>(case: &Case, options: Options) -> Report {
    let runtime = runtime();
    let masked = case.scenario.role == Role::Server;
    let len = case.count * case.frame_len(masked);
    let pipe = Pipe::new(case.frames(), len, options.outlet.clone());
    let each = case.scenario.direction == Direction::ReceiveEach;
    let pipe = if each { pipe.in_reads_of(case.frame_len(masked)) } else { pipe };
    let mut contender = runtime.block_on(C::open(case.scenario.role, pipe));
    let mut tally = Tally::new(case);
    if options.verify {
        tally = tally.verifying(case.payload());
    }
    let receiving = async {
        while !tally.is_full() {
            contender.receive(&mut tally).await;
        }
    };
    let elapsed = measured(|| if each { spin(&runtime, receiving) } else { runtime.block_on(receiving) });
    assert_eq!(tally.messages(), case.count, "messages");
    assert_eq!(tally.bytes(), case.count * case.size, "bytes of payload");
    Report { messages: case.count, bytes: tally.bytes(), writes: options.outlet.writes(), elapsed }
}

fn send<C: Sender>(case: &Case, options: Options) -> Report {
    let runtime = runtime();
    let Direction::Send { flush_every } = case.scenario.direction else {
        panic!("not a scenario of sending")
    };
    let payload = case.payload();
    let pipe = Pipe::new(Bytes::new(), 0, options.outlet.clone());
    let mut contender = runtime.block_on(C::open(case.scenario.role, pipe));
    let elapsed = measured(|| {
        runtime.block_on(async {
            for sent in 1..=case.count {
                if sent % flush_every == 0 {
                    contender.send(&payload).await;
                } else {
                    contender.feed(&payload).await;
                }
            }
            contender.flush().await;
        })
    });
    let masked = case.scenario.role == Role::Client;
    assert_eq!(options.outlet.bytes(), case.count * case.frame_len(masked), "bytes on the wire");
    Report { messages: case.count, bytes: case.count * case.size, writes: options.outlet.writes(), elapsed }
}

/// Polls without waiting in between: how a runtime waits is the same for all, and not to be counted.
fn spin(runtime: &Runtime, future: impl Future<Output = ()>) {
    let _within = runtime.enter();
    let mut future = pin!(future);
    let mut cx = Context::from_waker(Waker::noop());
    while future.as_mut().poll(&mut cx).is_pending() {}
}

/// The only part of a run that counts. It has a symbol of its own, by which callgrind finds it.
#[inline(never)]
pub fn measured(work: impl FnOnce()) -> Duration {
    let start = Instant::now();
    work();
    start.elapsed()
}

#[cfg(test)]
mod tests;
