//! What a connection that waits costs in memory.

use std::io::{self, Read, Write};
use std::net::TcpStream as Blocking;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use rustls::pki_types::ServerName;
use rustls::{ClientConfig, ClientConnection, StreamOwned};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::LocalSet;
use ws_tokio::{AcceptOptions, Config, Incoming};

use super::child::{self, Companion, Run};
use super::echo::runtime;
use super::grid::{Grid, Row};
use super::measure::{Memory, allow_files, frame, frame_len};
use super::socket::{Fastwebsockets, Open, Socket, Sockudo, TokioTungstenite, TokioWebsockets, Wtx, Yawc};
use super::tls::Identity;
use super::{Command, Options, word};
use crate::scenario::Role;

pub const COMMAND: Command = Command {
    name: "idle",
    about: "memory of an idle connection, 5000 of them open",
    help: "\
usage: ws-bench idle [--contender NAME]... [--rounds N]
       ws-bench-heap idle ...

A server on tokio, one thread and a task for each connection, echoes. The client is another process, the same for all, without a
protocol: it opens 5000 connections, one after the other, and on each sends a message of 1 KiB and waits for its echo. Then all
are idle. What is counted is by how much the server's memory has grown since the first hundred, per connection: in RAM (RSS
and PSS as the system says), and, with `ws-bench-heap`, whose allocator counts, bytes of the heap. Without connections of
a WebSocket, `raw` holds a task and a socket.

`ours` is accepted by its handshake and keeps a heartbeat, as by default; the peers are opened without a handshake and have none.
Over TLS: `ours, TLS` by its own means, the peers over tokio-rustls, all by the same rustls.
Needs about 5200 open files in each process (`ulimit -n`).",
    run,
};

const CONNECTIONS: usize = 5000;
/// Opened before the first look, so that what is allocated once is there.
const BEFORE: usize = 100;
const SIZE: usize = 1024;
/// Longer than the run takes.
const PING_INTERVAL: Duration = Duration::from_secs(600);

#[derive(Clone, Copy, PartialEq, Eq)]
enum Way {
    /// Frames from the first byte.
    Plain,
    Handshake,
    Tls,
    TlsHandshake,
}

type Task = Pin<Box<dyn Future<Output = ()>>>;

struct Contender {
    name: &'static str,
    way: Way,
    serve: fn(TcpStream, &Arc<Shared>) -> Task,
}

/// What all connections of the server have in common.
struct Shared {
    acceptor: tokio_rustls::TlsAcceptor,
    options: AcceptOptions,
}

const CONTENDERS: &[Contender] = &[
    Contender { name: "raw", way: Way::Plain, serve: |stream, _| Box::pin(raw(stream)) },
    Contender {
        name: "ours",
        way: Way::Handshake,
        serve: |stream, shared| Box::pin(ours(stream, shared.clone())),
    },
    plain("tokio-tungstenite", |stream, _| Box::pin(serve::<_, TokioTungstenite<_>>(stream))),
    plain("fastwebsockets", |stream, _| Box::pin(serve::<_, Fastwebsockets<_>>(stream))),
    plain("tokio-websockets", |stream, _| Box::pin(serve::<_, TokioWebsockets<_>>(stream))),
    plain("sockudo-ws", |stream, _| Box::pin(serve::<_, Sockudo<_>>(stream))),
    plain("yawc", |stream, _| Box::pin(serve::<_, Yawc<_>>(stream))),
    plain("wtx", |stream, _| Box::pin(serve::<_, Wtx<_>>(stream))),
    tls("raw, TLS", |stream, shared| {
        let shared = shared.clone();
        Box::pin(async move { raw(accept(stream, &shared).await).await })
    }),
    Contender {
        name: "ours, TLS",
        way: Way::TlsHandshake,
        serve: |stream, shared| Box::pin(ours(stream, shared.clone())),
    },
    tls("tokio-tungstenite, TLS", |stream, shared| {
        Box::pin(serve_tls::<TokioTungstenite<_>>(stream, shared.clone()))
    }),
    tls("fastwebsockets, TLS", |stream, shared| {
        Box::pin(serve_tls::<Fastwebsockets<_>>(stream, shared.clone()))
    }),
    tls("tokio-websockets, TLS", |stream, shared| {
        Box::pin(serve_tls::<TokioWebsockets<_>>(stream, shared.clone()))
    }),
    tls("sockudo-ws, TLS", |stream, shared| Box::pin(serve_tls::<Sockudo<_>>(stream, shared.clone()))),
    tls("yawc, TLS", |stream, shared| Box::pin(serve_tls::<Yawc<_>>(stream, shared.clone()))),
];

const fn plain(name: &'static str, serve: fn(TcpStream, &Arc<Shared>) -> Task) -> Contender {
    Contender { name, way: Way::Plain, serve }
}

const fn tls(name: &'static str, serve: fn(TcpStream, &Arc<Shared>) -> Task) -> Contender {
    Contender { name, way: Way::Tls, serve }
}

async fn serve<S, W: Open<S>>(stream: S) {
    W::open(Role::Server, stream).await.serve().await;
}

type TlsStream = tokio_rustls::server::TlsStream<TcpStream>;

async fn accept(stream: TcpStream, shared: &Shared) -> TlsStream {
    shared.acceptor.accept(stream).await.expect("a handshake")
}

async fn serve_tls<W: Open<TlsStream>>(stream: TcpStream, shared: Arc<Shared>) {
    // The handshake has a box of its own, which does not stay.
    let stream = Box::pin(accept(stream, &shared)).await;
    drop(shared);
    W::open(Role::Server, stream).await.serve().await;
}

async fn ours(stream: TcpStream, shared: Arc<Shared>) {
    let incoming: Incoming = Incoming::new(stream, shared.options.clone());
    drop(shared);
    let mut socket = incoming.accept().await.expect("a handshake").0;
    socket.serve().await;
}

/// Leaves the masking key out of its answer. Its buffer does not stay while it waits for the next message.
async fn raw(mut stream: impl super::socket::Stream) {
    loop {
        let mut first = [0];
        let Ok(1) = stream.read(&mut first).await else { return };
        let mut buffer = vec![0; frame_len(SIZE, Role::Server) - 1];
        if stream.read_exact(&mut buffer).await.is_err() {
            return;
        }
        let answer = &buffer[..frame_len(SIZE, Role::Client)];
        if stream.write_all(answer).await.is_err() || stream.flush().await.is_err() {
            return;
        }
    }
}

fn run(options: &Options, words: &[String]) -> io::Result<()> {
    match words.first().map(String::as_str) {
        None => table(options),
        Some("client") => ask(word(words, 1)?, word(words, 2)?, words.get(3)),
        Some(name) => {
            let found = CONTENDERS.iter().find(|contender| contender.name == name);
            let contender = found.ok_or_else(|| io::Error::other(format!("no contender {name:?}")))?;
            child::report(&grown(contender, options.heap)?);
            Ok(())
        }
    }
}

fn table(options: &Options) -> io::Result<()> {
    let names = options.select(CONTENDERS.iter().map(|contender| contender.name))?;
    let runs: Vec<Run> = names.iter().map(|name| vec!["idle".into(), name.to_string()]).collect();
    let seen = child::in_turn(&runs, options.rounds.unwrap_or(1));
    let columns = ["RSS", "PSS"].into_iter().chain(options.heap.map(|_| "heap"));
    let columns: Vec<_> = columns.map(String::from).collect();
    let rows = names.iter().zip(seen).map(|(name, values)| Row {
        name: name.to_string(),
        cells: (0..columns.len()).map(|place| Some(values.as_ref()?[place])).collect(),
        limit: None,
    });
    let rows = rows.collect();
    let title = format!("Idle connections, {CONNECTIONS} open, after an echo of 1 KiB on each");
    print!("{}", Grid { title, unit: "bytes of the server per connection".into(), columns, rows });
    Ok(())
}

/// By how many bytes the server's memory grows for each connection: RSS, PSS, and heap where it is counted.
fn grown(contender: &Contender, heap: Option<fn() -> usize>) -> io::Result<Vec<f64>> {
    allow_files(CONNECTIONS + 200)?;
    let identity = Identity::new();
    let config = Config::default().ping_interval(PING_INTERVAL);
    let options = AcceptOptions::default().config(config);
    let options = match contender.way {
        Way::TlsHandshake => options.tls(identity.server()),
        _ => options,
    };
    let shared = Arc::new(Shared { acceptor: identity.server().into(), options });
    let serve = contender.serve;
    let way = match contender.way {
        Way::Plain => "plain",
        Way::Handshake => "handshake",
        Way::Tls => "tls",
        Way::TlsHandshake => "tls-handshake",
    };
    LocalSet::new().block_on(&runtime(), async move {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let port = listener.local_addr()?.port();
        tokio::task::spawn_local(async move {
            while let Ok((stream, _)) = listener.accept().await {
                stream.set_nodelay(true).expect("a TCP option");
                tokio::task::spawn_local(serve(stream, &shared));
            }
        });
        let (sender, mut receiver) = tokio::sync::mpsc::channel(1);
        // Waiting for the client's lines is left to a thread, since it blocks.
        std::thread::spawn(move || -> io::Result<()> {
            let run = ["idle", "client", &port.to_string(), way, &identity.word()].map(String::from);
            let mut client = Companion::start(&run.into())?;
            for _ in 0..2 {
                client.wait()?;
                let (looked, look) = std::sync::mpsc::channel::<()>();
                let _ = sender.blocking_send(looked);
                // Until the other end is dropped.
                let _ = look.recv();
                client.go_on()?;
            }
            Ok(())
        });
        let mut before = None;
        while let Some(looked) = receiver.recv().await {
            let now = look(heap)?;
            drop(looked);
            match before.take() {
                None => before = Some(now),
                Some(before) => {
                    let grown =
                        now.iter().zip(&before).map(|(now, before)| (now - before) / CONNECTIONS as f64);
                    return Ok(grown.collect());
                }
            }
        }
        Err(io::Error::other("the client has failed"))
    })
}

fn look(heap: Option<fn() -> usize>) -> io::Result<Vec<f64>> {
    let heap = heap.map(|heap| heap());
    let memory = Memory::now()?;
    Ok([Some(memory.rss), Some(memory.pss), heap].into_iter().flatten().map(|bytes| bytes as f64).collect())
}

/// The other process.
fn ask(port: u16, way: String, certificate: Option<&String>) -> io::Result<()> {
    allow_files(CONNECTIONS + 200)?;
    let certificate = certificate.and_then(|word| Identity::certificate(word));
    let config = Identity::trusting(certificate.ok_or_else(|| io::Error::other("no certificate"))?);
    let open = || -> io::Result<Box<dyn Ends>> {
        let stream = Blocking::connect(("127.0.0.1", port))?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(Duration::from_secs(20)))?;
        let mut stream: Box<dyn Ends> = match &*way {
            "tls" | "tls-handshake" => Box::new(over_tls(stream, &config)?),
            _ => Box::new(stream),
        };
        if way.ends_with("handshake") {
            handshake(&mut stream)?;
        }
        stream.write_all(&frame(SIZE, Role::Server))?;
        stream.flush()?;
        stream.read_exact(&mut vec![0; frame_len(SIZE, Role::Client)])?;
        Ok(stream)
    };
    let mut streams = Vec::new();
    for _ in 0..BEFORE {
        streams.push(open()?);
    }
    child::pause("warm")?;
    for _ in 0..CONNECTIONS {
        streams.push(open()?);
    }
    child::pause("idle")
}

trait Ends: Read + Write {}

impl<T: Read + Write> Ends for T {}

fn over_tls(
    stream: Blocking,
    config: &Arc<ClientConfig>,
) -> io::Result<StreamOwned<ClientConnection, Blocking>> {
    let name = ServerName::try_from("localhost").map_err(io::Error::other)?;
    let connection = ClientConnection::new(config.clone(), name).map_err(io::Error::other)?;
    Ok(StreamOwned::new(connection, stream))
}

/// The key is that of RFC 6455 §1.3; nobody checks the answer.
fn handshake(stream: &mut impl Ends) -> io::Result<()> {
    stream.write_all(
        b"GET / HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
        Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n",
    )?;
    stream.flush()?;
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        stream.read_exact(&mut byte)?;
        head.push(byte[0]);
    }
    Ok(())
}
