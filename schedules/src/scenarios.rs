//! From a cell of the table to a scenario that runs.

mod calling;
mod client;
mod deadlines;
mod halves;
mod listening;
mod operate;
mod reentrant;
mod script;
mod threads;
mod whole;

use std::future::poll_fn;
use std::pin::pin;
use std::task::Poll;
use std::time::Duration;

use shuttle::future::{block_on, spawn, yield_now};
use ws_async_core::{Listener, WebSocket};
use ws_common::AcceptOptions;
use ws_core::bytes::BytesMut;
use ws_core::{Config, Connection, Instant, Random, Role};

use crate::flags::{Flag, Flags};
use crate::peer::Peer;
use crate::pipe::{self, End, pipe};
use crate::runtime::{self, Backlog, Model};
use crate::table::{self, Cell, Event, Surface};

/// A scenario of the table, or beside it.
#[derive(Clone)]
pub struct Scenario {
    /// The name by which it can be run again.
    pub name: String,
    run: Run,
}

#[derive(Clone, Copy)]
enum Run {
    Cell(Cell),
    Beside(fn()),
}

impl Scenario {
    /// All of them.
    pub fn all() -> Vec<Self> {
        let cells = table::cells().filter(|cell| cell.impossible().is_none());
        let cells = cells.map(|cell| Self { name: cell.name(), run: Run::Cell(cell) });
        let beside = BESIDE.iter().map(|(name, run)| Self { name: (*name).into(), run: Run::Beside(*run) });
        cells.chain(beside).collect()
    }

    /// Runs one schedule.
    pub fn run(&self) {
        runtime::begin();
        match self.run {
            Run::Cell(cell) => run(cell),
            Run::Beside(run) => run(),
        }
    }
}

fn run(cell: Cell) {
    match cell.surface {
        Surface::Whole => block_on(whole::run(cell)),
        Surface::Halves => block_on(halves::run(cell)),
        Surface::Client => block_on(client::run(cell)),
        Surface::Threads => threads::run(cell),
    }
}

/// The scenarios beside the table.
const BESIDE: &[(&str, fn())] = &[
    ("Client/Part", || block_on(client::part())),
    ("Client/Opens", || block_on(reentrant::opens())),
    ("Confirm/Lost", || block_on(client::lost())),
    ("Visitor/Sends", || block_on(reentrant::visitor())),
    ("Visitor/Echo", || block_on(reentrant::echo())),
    ("Visitor/Panics", || block_on(reentrant::panics())),
    ("Hooks/Call", || block_on(reentrant::hooks())),
    ("Hooks/Future", || block_on(reentrant::future())),
    ("Hooks/Elsewhere", || block_on(reentrant::elsewhere())),
    ("Hooks/Future/Dropped", || block_on(reentrant::dropped_future())),
    ("Wakers/Call", || block_on(reentrant::wakers())),
    ("Wakers/Own", || block_on(reentrant::owner())),
    ("Transport/Closes", || block_on(calling::closes())),
    ("Transport/Polls", || block_on(calling::polls())),
    ("Transport/Panics", || block_on(calling::panics())),
    ("Halves/Dropped", || block_on(halves::dropped())),
    ("Transport/Drops", || block_on(calling::drops())),
    ("Threads/Behind", threads::behind),
    ("Threads/Room", threads::room),
    ("Transport/Aborts", || block_on(calling::aborts())),
    ("Transport/Reconnects", || block_on(calling::reconnects())),
    ("Deadline/Close", || block_on(deadlines::close())),
    ("Deadline/Cut", || block_on(deadlines::cut())),
    ("Deadline/Write", || block_on(deadlines::write())),
    ("AtOnce/Send", || block_on(deadlines::send_at_once())),
    ("AtOnce/Threads", threads::send_at_once),
    ("AtOnce/Close", || block_on(deadlines::close_at_once())),
    ("Listener/Handshake", || block_on(listening::handshake())),
    ("Listener/Patient", || block_on(listening::patient())),
    ("Listener/Many", || block_on(listening::many())),
    ("Listener/Accept", || block_on(listening::accept())),
];

/// Small limits, so that few bytes reach them: no more than one message to send, and five received ones, which count more than
/// their payload.
fn config() -> Config {
    Config::default().max_send_buffer(200).max_read_ahead(960).ping_interval(None)
}

/// A connection over this end.
fn over(near: End) -> WebSocket<Model> {
    let random = Random::from_seed([7; 32]);
    let connection =
        Connection::after_handshake(Role::Client, &config(), random, BytesMut::new(), Instant::EPOCH);
    WebSocket::from_connection(near, connection, <Model as ws_async_core::Runtime>::now())
}

/// A connection under test, its peer, and the listener that accepted it if a listener has to do with the event.
async fn connect(cell: Cell) -> (WebSocket<Model>, Peer, Option<Listener<Model>>) {
    let (near, far) = pipe();
    if !matches!(cell.event, Event::Abort | Event::Signal) {
        return (over(near), Peer::new(far, Role::Server), None);
    }
    near.set_capacity(4096);
    let mut peer = Peer::new(far, Role::Client);
    peer.ask().await;
    let backlog = Backlog::default();
    backlog.push(near);
    let listener = Listener::from_listener(backlog, AcceptOptions::default().config(config()));
    let (incoming, _) = listener.accept().await.expect("a client waits");
    let (socket, _) = incoming.accept().await.expect("the request is complete");
    peer.read_response().await;
    peer.end().set_capacity(pipe::CAPACITY);
    (socket, peer, Some(listener))
}

/// Lets the event come that is no act of the peer: the listener's.
async fn stop(cell: Cell, listener: Option<Listener<Model>>) {
    let Some(listener) = listener else { return };
    // Told to close, and then, of those that have not, to end at once.
    let patience = if cell.event == Event::Abort { Duration::ZERO } else { Duration::from_secs(1) };
    let left = listener.shutdown(patience).await;
    assert!(cell.event == Event::Abort || left == 0, "a connection is left");
}

/// Begins to wait, lets others run, and gives up, unless it is done before.
async fn give_up<F: Future>(future: F) -> Option<F::Output> {
    let mut future = pin!(future);
    let first = poll_fn(|cx| Poll::Ready(future.as_mut().poll(cx))).await;
    if let Poll::Ready(output) = first {
        return Some(output);
    }
    yield_now().await;
    None
}

/// Lets others run for a while.
async fn rest() {
    for _ in 0..10 {
        yield_now().await;
    }
}

/// Spawns the peer.
fn play(cell: Cell, peer: Peer, flags: &Flags) -> shuttle::future::JoinHandle<Vec<Vec<u8>>> {
    spawn(peer.play(script::of(cell), flags.clone()))
}

/// The end of a scenario whose operation is done: everything must come to rest.
fn is_over(flags: &Flags) {
    flags.raise(Flag::Over);
}
