//! Peers that stop: plain sockets that are told byte by byte what to do.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use suite::peer::{request, response_to};
use suite::tls::SITE;
use suite::wire;
use ws_common::rustls::pki_types::ServerName;
use ws_common::rustls::{ClientConfig, ClientConnection, Stream};
use ws_common::{AcceptOptions, ConnectOptions, tls::TlsAcceptor};

use super::config;

/// Length of a message that fills several read buffers, in bytes.
const LARGE: usize = 300_000;

/// Messages of a burst: their number, and the length of each in bytes.
const BURST: (usize, usize) = (100, 700);

const PATIENCE: Duration = Duration::from_secs(60);

static CLIENT: LazyLock<Arc<ClientConfig>> = LazyLock::new(|| SITE.client_config());
static ACCEPTOR: LazyLock<TlsAcceptor> = LazyLock::new(|| SITE.sessionless_config().into());

/// TLS without sessions that could be resumed: a server keeps them in memory, for all connections.
pub(crate) fn acceptor() -> TlsAcceptor {
    ACCEPTOR.clone()
}

/// A client by hand, of a server under test.
pub(crate) struct Client {
    stream: TcpStream,
    tls: Option<Box<ClientConnection>>,
}

impl Client {
    pub(crate) fn new(serve: fn(TcpStream, AcceptOptions), options: &AcceptOptions) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let stream = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        stream.set_nodelay(true).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        let accepted = listener.accept().unwrap().0;
        accepted.set_nodelay(true).unwrap();
        serve(accepted, options.clone());
        Self { stream, tls: None }
    }

    pub(crate) fn send(&mut self, bytes: &[u8]) {
        match &mut self.tls {
            None => self.stream.write_all(bytes).unwrap(),
            Some(tls) => {
                let mut stream = Stream::new(&mut **tls, &mut self.stream);
                stream.write_all(bytes).unwrap();
                stream.flush().unwrap();
            }
        }
    }

    fn expect(&mut self, len: usize) {
        let mut buffer = vec![0; len];
        match &mut self.tls {
            None => self.stream.read_exact(&mut buffer).unwrap(),
            Some(tls) => Stream::new(&mut **tls, &mut self.stream).read_exact(&mut buffer).unwrap(),
        }
    }

    /// The first `len` bytes of a request that is long enough.
    pub(crate) fn head(&mut self, len: usize) {
        let padding = format!("X-Padding: {}\r\n", "x".repeat(1000)).repeat(len / 1000 + 1);
        self.send(&request(&padding).as_bytes()[..len]);
    }

    pub(crate) fn open(&mut self) {
        let request = request("");
        self.send(request.as_bytes());
        self.expect(response_to(&request, "").len());
    }

    pub(crate) fn open_and_send(&mut self, bytes: &[u8]) {
        self.open();
        self.send(bytes);
    }

    /// Sends a part of one message, with its header.
    pub(crate) fn open_and_stop_within(&mut self, first: u8, len: usize, sent: usize) {
        let frame = wire::frame(first, true, &vec![b'x'; len]);
        self.open_and_send(&frame[..frame.len() - len + sent]);
    }

    /// A message of 300 KB that goes there and back.
    pub(crate) fn echo_large(&mut self) {
        self.open_and_send(&wire::frame(0x82, true, &vec![7; LARGE]));
        self.expect(10 + LARGE);
    }

    /// Many messages at once that go there and back.
    pub(crate) fn echo_burst(&mut self) {
        self.open();
        self.send_burst(&[]);
        self.expect_burst();
    }

    /// Many messages, and the beginning of one more.
    pub(crate) fn send_burst(&mut self, last: &[u8]) {
        let (number, len) = BURST;
        self.send(&[&*wire::frame(0x82, true, &vec![7; len]).repeat(number), last].concat());
    }

    pub(crate) fn expect_burst(&mut self) {
        let (number, len) = BURST;
        self.expect(number * (4 + len));
    }

    /// The beginning of a ClientHello of 65 000 bytes, in records of up to 16 KiB: `len` bytes of it.
    pub(crate) fn hello(&mut self, len: usize) {
        let mut hello = vec![1, 0, 0xFD, 0xE8];
        hello.resize(len, 0);
        for (n, record) in hello.chunks(1 << 14).enumerate() {
            // The last record is cut as well.
            let announced = (65_004 - (n << 14)).min(1 << 14) as u16;
            let [high, low] = announced.to_be_bytes();
            self.send(&[&[0x16, 3, 1, high, low], record].concat());
        }
    }

    /// Begins TLS.
    pub(crate) fn secure(&mut self) {
        let name = ServerName::try_from("localhost").unwrap();
        let mut tls = Box::new(ClientConnection::new(CLIENT.clone(), name).unwrap());
        while tls.is_handshaking() {
            tls.complete_io(&mut self.stream).unwrap();
        }
        self.tls = Some(tls);
    }

    /// Drops the memory of this end. Its stream stays open, and bytes are sent as they are from now on.
    pub(crate) fn forget_tls(&mut self) {
        self.tls = None;
    }
}

/// A server by hand, of clients under test.
pub(crate) struct Server(TcpListener);

impl Server {
    pub(crate) fn new() -> Self {
        Self(TcpListener::bind("127.0.0.1:0").unwrap())
    }

    /// A client, whose request has come.
    pub(crate) fn client(&self, connect: fn(ConnectOptions)) -> Accepted {
        let url = format!("ws://{}/", self.0.local_addr().unwrap());
        connect(ConnectOptions::new(&url).config(config()));
        let mut stream = self.0.accept().unwrap().0;
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            let mut byte = [0];
            stream.read_exact(&mut byte).unwrap();
            head.push(byte[0]);
        }
        Accepted { stream, request: String::from_utf8(head).unwrap() }
    }
}

/// A client under test.
pub(crate) struct Accepted {
    stream: TcpStream,
    request: String,
}

impl Accepted {
    pub(crate) fn send(&mut self, bytes: &[u8]) {
        self.stream.write_all(bytes).unwrap();
    }

    /// The first `len` bytes of a response that is long enough.
    pub(crate) fn head(&mut self, len: usize) {
        let padding = format!("X-Padding: {}\r\n", "x".repeat(1000)).repeat(len / 1000 + 1);
        let response = response_to(&self.request, &padding);
        self.request = String::new();
        self.send(&response.as_bytes()[..len]);
    }

    pub(crate) fn open(&mut self) {
        let response = response_to(&self.request, "");
        self.request = String::new();
        self.send(response.as_bytes());
    }
}
