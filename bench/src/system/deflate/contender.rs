//! Those that have the extension, and the library under all of them.

use std::future::poll_fn;
use std::io;
use std::pin::pin;
use std::rc::Rc;
use std::task::Poll;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use flate2::{Compress, Compression, Decompress, FlushCompress, FlushDecompress, Status};
use sockudo_ws::CompressedWebSocketStream;
use ws_core::{Config, Connection, Deflate, Instant, Random};
use ws_tokio::WebSocket;
use wtx::web_socket::DeflateConfig;
use wtx::web_socket::compression::{CompressionLevel, Flate2, NegotiatedFlate2, WindowBits};

use super::content::Content;
use super::{Direction, Spec};
use crate::contender::{self, measured};
use crate::scenario::Role;
use crate::system::echo::runtime;
use crate::system::socket::{SinkStream, Socket, Wtx, Yawc, ours_over};
use crate::transport::{Outlet, Pipe};

pub struct Contender {
    pub name: &'static str,
    pub run: fn(Spec) -> Passed,
    /// Says how many bytes of the heap an open connection holds.
    pub hold: fn(Parameters, fn() -> usize) -> f64,
}

/// What a run has come to.
pub struct Passed {
    /// Went over the wire.
    pub bytes: usize,
    pub elapsed: Duration,
}

/// What both ends have agreed on.
#[derive(Clone, Copy)]
pub struct Parameters {
    pub takeover: bool,
}

pub const ALL: &[Contender] = &[
    Contender { name: "raw", run: raw, hold: hold_raw },
    Contender {
        name: "ours",
        run: |spec| run(open_ours, spec),
        hold: |parameters, heap| hold(open_ours, parameters, heap),
    },
    Contender {
        name: "sockudo-ws",
        run: |spec| run(open_sockudo, spec),
        hold: |parameters, heap| hold(open_sockudo, parameters, heap),
    },
    Contender {
        name: "yawc",
        run: |spec| run(open_yawc, spec),
        hold: |parameters, heap| hold(open_yawc, parameters, heap),
    },
    Contender {
        name: "wtx",
        run: |spec| run(open_wtx, spec),
        hold: |parameters, heap| hold(open_wtx, parameters, heap),
    },
];

const LEVEL: u8 = 6;

pub fn named(name: &str) -> io::Result<&'static Contender> {
    let found = ALL.iter().find(|contender| contender.name == name);
    found.ok_or_else(|| io::Error::other(format!("no contender {name:?}")))
}

type Opening<W> = fn(Role, Parameters, Pipe) -> W;

async fn send<W: Socket>(socket: &mut W, messages: &[Bytes]) {
    for message in messages {
        socket.feed(W::message(message)).await;
        socket.flush().await;
    }
}

/// The frames that a server would send, compressed by ours. That is no part of what is measured.
pub fn frames(spec: Spec) -> Bytes {
    let outlet = Rc::new(Outlet::keeping());
    let pipe = Pipe::new(Bytes::new(), 0, outlet.clone());
    let mut socket = open_ours(Role::Server, Parameters { takeover: spec.takeover }, pipe);
    runtime().block_on(send(&mut socket, &spec.content.messages(spec.count)));
    drop(socket);
    Rc::into_inner(outlet).expect("the connection is gone").into_kept().into()
}

fn run<W: Socket>(open: Opening<W>, spec: Spec) -> Passed {
    let outlet = Rc::new(Outlet::default());
    let frames = if spec.direction == Direction::Receive { frames(spec) } else { Bytes::new() };
    let messages = spec.content.messages(spec.count);
    let parameters = Parameters { takeover: spec.takeover };
    let runtime = runtime();
    let _within = runtime.enter();
    match spec.direction {
        Direction::Send => {
            let mut socket = open(Role::Server, parameters, Pipe::new(Bytes::new(), 0, outlet.clone()));
            let elapsed = measured(|| runtime.block_on(send(&mut socket, &messages)));
            Passed { bytes: outlet.bytes(), elapsed }
        }
        Direction::Receive => {
            let len = frames.len();
            let mut socket = open(Role::Client, parameters, Pipe::new(frames, len, outlet));
            let elapsed = measured(|| {
                runtime.block_on(async {
                    for sent in &messages {
                        let message = socket.recv().await.expect("a message");
                        assert_eq!(W::payload(&message).len(), sent.len());
                    }
                });
            });
            Passed { bytes: len, elapsed }
        }
    }
}

/// So many are opened, to tell what one holds.
const OPEN: usize = 20;

fn hold<W: Socket>(open: Opening<W>, parameters: Parameters, heap: fn() -> usize) -> f64 {
    let spec = Spec {
        direction: Direction::Receive,
        takeover: parameters.takeover,
        content: Content::Book,
        count: 1,
    };
    let (frames, message) = (frames(spec), spec.content.messages(1).remove(0));
    let runtime = runtime();
    let _within = runtime.enter();
    let opened = || {
        let pipe = Pipe::new(frames.clone(), frames.len(), Rc::default());
        let mut socket = open(Role::Client, parameters, pipe);
        runtime.block_on(async {
            drop(socket.recv().await.expect("a message"));
            socket.feed(W::message(&message)).await;
            socket.flush().await;
            // It waits for the next one, and may give back what it holds for reading.
            let mut waiting = pin!(socket.recv());
            let is_waiting = poll_fn(|cx| Poll::Ready(waiting.as_mut().poll(cx).is_pending())).await;
            assert!(is_waiting);
        });
        Box::new(socket)
    };
    drop(opened());
    let before = heap();
    let sockets: Vec<_> = (0..OPEN).map(|_| opened()).collect();
    (heap() - before) as f64 / sockets.len() as f64
}

fn open_ours(role: Role, parameters: Parameters, pipe: Pipe) -> WebSocket<Pipe> {
    let Parameters { takeover } = parameters;
    let deflate = Deflate::default().level(LEVEL).server_context_takeover(takeover);
    let deflate = deflate.client_context_takeover(takeover);
    let accepted =
        deflate.accept([&*deflate.to_string()]).expect("a legal offer").expect("an offer that fits");
    let (role, agreed) = match role {
        Role::Server => (ws_core::Role::Server, Some(accepted)),
        Role::Client => (ws_core::Role::Client, deflate.confirm([&*accepted.to_string()]).expect("legal")),
    };
    let config = Config::default().ping_interval(None);
    let random = Random::from_seed([7; 32]);
    let connection = Connection::after_handshake(role, &config, random, BytesMut::new(), Instant::EPOCH);
    ours_over(pipe, connection.with_deflate(agreed.expect("an answer")))
}

fn open_sockudo(
    role: Role,
    parameters: Parameters,
    pipe: Pipe,
) -> SinkStream<CompressedWebSocketStream<Pipe>> {
    let deflate = sockudo_ws::deflate::DeflateConfig {
        server_no_context_takeover: !parameters.takeover,
        client_no_context_takeover: !parameters.takeover,
        compression_level: LEVEL.into(),
        ..Default::default()
    };
    SinkStream(match role {
        Role::Client => CompressedWebSocketStream::client(pipe, contender::sockudo::config(), deflate),
        Role::Server => CompressedWebSocketStream::server(pipe, contender::sockudo::config(), deflate),
    })
}

fn open_yawc(role: Role, parameters: Parameters, pipe: Pipe) -> Yawc<Pipe> {
    let limit = 16 * 1024 * 1024;
    let options = yawc::Options::default().with_limits(limit, limit);
    let options = options.with_compression_level(yawc::CompressionLevel::new(LEVEL.into()));
    let extensions = match parameters.takeover {
        true => "permessage-deflate",
        false => "permessage-deflate; server_no_context_takeover; client_no_context_takeover",
    };
    let opened = yawc::WebSocket::from_stream_with_extensions(
        pipe,
        contender::yawc::role_of(role),
        Some(extensions),
        options,
    );
    opened.expect("options that agree")
}

fn open_wtx(role: Role, _: Parameters, pipe: Pipe) -> Wtx<Pipe, Option<NegotiatedFlate2>> {
    let flate2 = || {
        Flate2::from(DeflateConfig {
            client_max_window_bits: WindowBits::Fifteen,
            compression_level: CompressionLevel::Six,
            server_max_window_bits: WindowBits::Fifteen,
        })
    };
    let header = [&b"sec-websocket-extensions"[..], &b"permessage-deflate"[..]];
    let headers = || std::iter::once(header);
    let negotiated = match role {
        Role::Client => wtx::web_socket::Compression::<true>::negotiate(flate2(), headers()),
        Role::Server => wtx::web_socket::Compression::<false>::negotiate(flate2(), headers()),
    };
    Wtx::over(role, negotiated.expect("a legal extension"), pipe)
}

/// zlib-rs, and nothing of a protocol. Each message ends as RFC 7692 §7.2.1 has it.
struct Raw {
    compress: Compress,
    decompress: Decompress,
    takeover: bool,
    out: Vec<u8>,
}

/// What the sender leaves out at the end of each message.
const TAIL: [u8; 4] = [0, 0, 0xFF, 0xFF];

impl Raw {
    fn new(takeover: bool) -> Self {
        let level = Compression::new(LEVEL.into());
        let (compress, decompress) = (Compress::new(level, false), Decompress::new(false));
        Raw { compress, decompress, takeover, out: Vec::with_capacity(2 << 20) }
    }

    fn compress(&mut self, message: &[u8]) -> &[u8] {
        if !self.takeover {
            self.compress.reset();
        }
        self.out.clear();
        let status = self.compress.compress_vec(message, &mut self.out, FlushCompress::Sync);
        assert_eq!(status.expect("no error"), Status::Ok);
        &self.out[..self.out.len() - TAIL.len()]
    }

    fn decompress(&mut self, message: &[u8]) -> &[u8] {
        if !self.takeover {
            self.decompress.reset(false);
        }
        self.out.clear();
        for part in [message, &TAIL] {
            let status = self.decompress.decompress_vec(part, &mut self.out, FlushDecompress::Sync);
            assert_eq!(status.expect("no error"), Status::Ok);
        }
        &self.out
    }
}

fn raw(spec: Spec) -> Passed {
    let messages = spec.content.messages(spec.count);
    let mut raw = Raw::new(spec.takeover);
    let mut bytes = 0;
    let elapsed = match spec.direction {
        Direction::Send => {
            measured(|| bytes = messages.iter().map(|message| raw.compress(message).len()).sum())
        }
        Direction::Receive => {
            let sent: Vec<_> = messages.iter().map(|message| raw.compress(message).to_vec()).collect();
            bytes = sent.iter().map(Vec::len).sum();
            let mut came = 0;
            let elapsed = measured(|| came = sent.iter().map(|message| raw.decompress(message).len()).sum());
            assert_eq!(came, messages.iter().map(Bytes::len).sum::<usize>());
            elapsed
        }
    };
    Passed { bytes, elapsed }
}

fn hold_raw(parameters: Parameters, heap: fn() -> usize) -> f64 {
    let message = Content::Book.messages(1).remove(0);
    let before = heap();
    let mut raw = Raw::new(parameters.takeover);
    let compressed = raw.compress(&message).to_vec();
    raw.decompress(&compressed);
    drop(compressed);
    raw.out = Vec::new();
    (heap() - before) as f64
}
