//! Messages there and back over loopback TCP.

mod blocking;

use std::io;
use std::net::{TcpListener, TcpStream};
use std::ops::ControlFlow;
use std::thread;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::runtime::{Builder, Runtime};

use ws_core::{MessageRef, Responder};
use ws_tokio::Message;

use super::child::{self, Run};
use super::grid::{Grid, Row, size};
use super::measure::{Clock, Passed, frame, frame_len, payload};
use super::socket::{
    Fastwebsockets, Open, Ours, Socket, Sockudo, Stream, TokioTungstenite, TokioWebsockets, Wtx, Yawc,
};
use super::{Command, Options, word};
use crate::scenario::Role;

pub const COMMAND: Command = Command {
    name: "echo",
    about: "processor time and round-trip time of an echo over loopback TCP",
    help: "\
usage: ws-bench echo [--contender NAME]... [--rounds N]

A client and a server, each in a thread of its own (tokio: with a runtime of one thread each), over loopback TCP with
TCP_NODELAY. The client sends a batch of 64 messages with one flush and waits until all have come back, again and again.
The processor time is that of both, user and system. With a batch of one, the time that passes is the round-trip time.

`raw` is an echo of the same bytes without a protocol on the same runtime, `raw-blocking` the same on two threads without one:
the limit, and one in the brackets. Contenders take turns; a cell is the median of the rounds (default 7).",
    run,
};

/// What one run does.
#[derive(Clone, Copy)]
pub struct Spec {
    pub size: usize,
    pub under_way: usize,
    pub batches: usize,
}

impl Spec {
    /// From the words that [`arguments`] puts behind the contender's name.
    pub fn of(words: &[String]) -> io::Result<Self> {
        Ok(Spec { size: word(words, 1)?, under_way: word(words, 2)?, batches: word(words, 3)? })
    }

    /// Batches before those that are measured.
    pub fn warm_up(&self) -> usize {
        self.batches / 10 + 1
    }
}

/// A contender, the row that is its limit, and an echo of it.
struct Contender {
    name: &'static str,
    limit: Option<&'static str>,
    echo: fn(Spec) -> Passed,
}

const CONTENDERS: &[Contender] = &[
    Contender { name: "raw", limit: None, echo: raw },
    on_tokio::<Ours<_>>("ours"),
    Contender { name: "ours-borrowed", limit: Some("raw"), echo: borrowed },
    on_tokio::<TokioTungstenite<_>>("tokio-tungstenite"),
    on_tokio::<Fastwebsockets<_>>("fastwebsockets"),
    on_tokio::<TokioWebsockets<_>>("tokio-websockets"),
    on_tokio::<Sockudo<_>>("sockudo-ws"),
    on_tokio::<Yawc<_>>("yawc"),
    on_tokio::<Wtx<_>>("wtx"),
    Contender { name: "raw-blocking", limit: None, echo: blocking::raw },
    Contender { name: "ours-blocking", limit: Some("raw-blocking"), echo: blocking::ours },
    Contender { name: "ours-blocking-borrowed", limit: Some("raw-blocking"), echo: blocking::ours_borrowed },
    Contender { name: "tungstenite", limit: Some("raw-blocking"), echo: blocking::tungstenite },
];

const fn on_tokio<W: Open<tokio::net::TcpStream>>(name: &'static str) -> Contender {
    Contender { name, limit: Some("raw"), echo: echo::<W> }
}

/// About as much work in each, and less than half a second.
const SPECS: [Spec; 4] = [
    Spec { size: 16, under_way: 64, batches: 2500 },
    Spec { size: 1024, under_way: 64, batches: 1000 },
    Spec { size: 16, under_way: 1, batches: 8000 },
    Spec { size: 1024, under_way: 1, batches: 8000 },
];

/// The arguments of a run of a command.
pub fn arguments(command: &str, name: &str, spec: Spec) -> Run {
    let Spec { size, under_way, batches } = spec;
    [command.to_string(), name.to_string()]
        .into_iter()
        .chain([size, under_way, batches].map(|number| number.to_string()))
        .collect()
}

fn run(options: &Options, words: &[String]) -> io::Result<()> {
    if !words.is_empty() {
        let name: String = word(words, 0)?;
        let found = CONTENDERS.iter().find(|contender| contender.name == name);
        let contender = found.ok_or_else(|| io::Error::other(format!("no contender {name:?}")))?;
        let spec = Spec::of(words)?;
        let passed = (contender.echo)(spec);
        child::report(&[
            passed.cpu.as_secs_f64() * 1e9 / (spec.batches * spec.under_way) as f64,
            passed.elapsed.as_secs_f64() * 1e6 / spec.batches as f64,
        ]);
        return Ok(());
    }
    let names = options.select(names())?;
    let runs: Vec<Run> =
        names.iter().flat_map(|name| SPECS.map(move |spec| arguments("echo", name, spec))).collect();
    let seen = child::in_turn(&runs, options.rounds.unwrap_or(7));
    let grid = |title: &str,
                unit: &str,
                columns: [String; 2],
                cell: fn(&[Option<child::Values>]) -> Vec<Option<f64>>| {
        let rows = names.iter().zip(seen.chunks(SPECS.len())).map(|(name, seen)| Row {
            name: name.to_string(),
            cells: cell(seen),
            limit: limit_of(name),
        });
        Grid { title: title.into(), unit: unit.into(), columns: columns.into(), rows: rows.collect() }
    };
    let sizes = [size(SPECS[0].size), size(SPECS[1].size)];
    print!(
        "{}",
        grid(
            "Echo over loopback TCP, 64 messages under way",
            "nanoseconds on a processor per message, client and server, and in brackets: times the raw echo",
            sizes.clone(),
            |seen| seen[..2].iter().map(|values| Some(values.as_ref()?[0])).collect(),
        )
    );
    print!(
        "{}",
        grid(
            "Echo over loopback TCP, one message under way",
            "microseconds of a round trip, and in brackets: times the raw echo",
            sizes,
            |seen| seen[2..].iter().map(|values| Some(values.as_ref()?[1])).collect(),
        )
    );
    Ok(())
}

pub fn names() -> impl Iterator<Item = &'static str> {
    CONTENDERS.iter().map(|contender| contender.name)
}

fn limit_of(name: &str) -> Option<&'static str> {
    CONTENDERS.iter().find(|contender| contender.name == name)?.limit
}

pub fn runtime() -> Runtime {
    Builder::new_current_thread().enable_all().build().expect("a runtime of one thread")
}

/// Two ends of a connection over loopback, the server's in a thread of its own.
pub fn two_ends<T>(serve: impl FnOnce(TcpStream) + Send + 'static, ask: impl FnOnce(TcpStream) -> T) -> T {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = listener.local_addr().expect("it is bound");
    let server = thread::spawn(move || {
        let (stream, _) = listener.accept().expect("a client");
        stream.set_nodelay(true).expect("a TCP option");
        serve(stream);
    });
    let stream = TcpStream::connect(address).expect("the server listens");
    stream.set_nodelay(true).expect("a TCP option");
    let result = ask(stream);
    server.join().expect("the server does not panic");
    result
}

/// The same on tokio, with a runtime of one thread at each end.
pub fn two_ends_on_tokio<T>(
    serve: impl AsyncFnOnce(tokio::net::TcpStream) + Send + 'static,
    ask: impl AsyncFnOnce(tokio::net::TcpStream) -> T,
) -> T {
    two_ends(
        |stream| runtime().block_on(async { serve(tokio_stream(stream)).await }),
        |stream| runtime().block_on(async { ask(tokio_stream(stream)).await }),
    )
}

/// To be called within a runtime.
fn tokio_stream(stream: TcpStream) -> tokio::net::TcpStream {
    stream.set_nonblocking(true).expect("a socket option");
    tokio::net::TcpStream::from_std(stream).expect("a runtime with I/O")
}

fn echo<W: Open<tokio::net::TcpStream>>(spec: Spec) -> Passed {
    two_ends_on_tokio(
        async |stream| W::open(Role::Server, stream).await.serve().await,
        async |stream| ask(&mut W::open(Role::Client, stream).await, spec).await,
    )
}

/// Ours, with messages borrowed out of the read buffer on both sides.
fn borrowed(spec: Spec) -> Passed {
    let serve = async |stream| {
        // The client ends it without a word.
        let _ = Ours::open(Role::Server, stream).await.for_each_borrowed(answer).await;
    };
    two_ends_on_tokio(serve, async |stream| {
        let mut socket = Ours::open(Role::Client, stream).await;
        let payload = payload(spec.size);
        measured(spec, async || {
            for _ in 0..spec.under_way {
                Socket::feed(&mut socket, Message::Binary(payload.clone())).await;
            }
            let mut due = spec.under_way;
            socket.for_each_borrowed(|message, _| count(message, &mut due, spec)).await.expect("echoes");
        })
        .await
    })
}

fn answer(message: MessageRef<'_>, reply: &mut Responder<'_>) -> ControlFlow<()> {
    reply.send(message).expect("there is room");
    ControlFlow::Continue(())
}

fn count(message: MessageRef<'_>, due: &mut usize, spec: Spec) -> ControlFlow<()> {
    let MessageRef::Binary(payload) = message else { panic!("unexpected {message:?}") };
    assert_eq!(payload.len(), spec.size);
    *due -= 1;
    if *due == 0 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
}

/// Calls `batch` for each batch, and measures those after the first.
async fn measured(spec: Spec, mut batch: impl AsyncFnMut()) -> Passed {
    for _ in 0..spec.warm_up() {
        batch().await;
    }
    let clock = Clock::start();
    for _ in 0..spec.batches {
        batch().await;
    }
    clock.stop()
}

/// The client's side, measured.
pub async fn ask<W: Socket>(socket: &mut W, spec: Spec) -> Passed {
    let payload = payload(spec.size);
    measured(spec, async || {
        for _ in 0..spec.under_way {
            socket.feed(W::message(&payload)).await;
        }
        socket.flush().await;
        for _ in 0..spec.under_way {
            let message = socket.recv().await.expect("an echo");
            assert_eq!(W::payload(&message).len(), spec.size);
        }
    })
    .await
}

/// How many bytes of an answer are due when so many of a request have come: the server's frames are not masked.
fn due(came: usize, spec: Spec) -> usize {
    came / frame_len(spec.size, Role::Server) * frame_len(spec.size, Role::Client)
}

const ROOM: usize = 64 * 1024;

/// The server's side without a protocol.
pub async fn serve_raw(mut stream: impl Stream, spec: Spec) {
    // What came goes back from where it lies. An answer may be longer than the last read, by a frame whose beginning came before.
    let mut buffer = vec![0; ROOM + frame_len(spec.size, Role::Client)];
    let (mut came, mut went) = (0, 0);
    while let Ok(n @ 1..) = stream.read(&mut buffer[..ROOM]).await {
        came += n;
        let len = due(came, spec) - went;
        went += len;
        if stream.write_all(&buffer[..len]).await.is_err() || stream.flush().await.is_err() {
            break;
        }
    }
}

/// The client's side without a protocol, measured.
pub async fn ask_raw(mut stream: impl Stream, spec: Spec) -> Passed {
    let request = frame(spec.size, Role::Server).repeat(spec.under_way);
    let answer_len = due(request.len(), spec);
    let mut buffer = vec![0; ROOM];
    measured(spec, async || {
        stream.write_all(&request).await.expect("the server takes it");
        stream.flush().await.expect("the server takes it");
        let mut came = 0;
        while came < answer_len {
            came += stream.read(&mut buffer).await.expect("an echo");
        }
    })
    .await
}

fn raw(spec: Spec) -> Passed {
    two_ends_on_tokio(
        async move |stream| serve_raw(stream, spec).await,
        async |stream| ask_raw(stream, spec).await,
    )
}
