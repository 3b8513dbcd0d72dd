//! The other end of a scenario: a plain TCP socket that is told byte by byte what to do.

use std::io::{self, ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::time::Duration;

use socket2::{Domain, SockRef, Socket, Type};
use ws_common::rustls::{self, ServerConfig, ServerConnection};

pub use ws_testkit::wire::{accept_key, field};

use crate::wire::{self, CLOSE, FIN, PONG, RawFrame};

/// So long a peer waits for what must come.
const PATIENCE: Duration = Duration::from_secs(60);

/// Listens for the client under test.
pub struct Server(TcpListener);

impl Server {
    pub fn new() -> Self {
        Self(TcpListener::bind("127.0.0.1:0").unwrap())
    }

    /// With as little room for received bytes as the system allows.
    pub fn with_small_window() -> Self {
        let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
        socket.set_recv_buffer_size(2048).unwrap();
        socket.bind(&SocketAddr::from(([127, 0, 0, 1], 0)).into()).unwrap();
        socket.listen(8).unwrap();
        Self(socket.into())
    }

    /// Room for received bytes as usual, from the next connection on.
    pub fn widen_window(&self) {
        SockRef::from(&self.0).set_recv_buffer_size(256 * 1024).unwrap();
    }

    pub fn address(&self) -> SocketAddr {
        self.0.local_addr().unwrap()
    }

    pub fn url(&self) -> String {
        format!("ws://{}/", self.address())
    }

    /// The next connection, before any handshake.
    pub fn accept(&self) -> Peer {
        Peer::new(self.0.accept().unwrap().0, false)
    }

    /// The next connection, after a plain handshake.
    pub fn open(&self) -> Peer {
        self.open_with("")
    }

    /// The next connection, after a handshake over TLS. From then on the peer sees the records as they are.
    pub fn open_secure(&self, config: Arc<ServerConfig>) -> Peer {
        let mut peer = self.accept();
        let mut session = ServerConnection::new(config).unwrap();
        let mut tls = rustls::Stream::new(&mut session, &mut peer.stream);
        let (mut head, mut byte) = (Vec::new(), [0]);
        while !head.ends_with(b"\r\n\r\n") {
            tls.read_exact(&mut byte).unwrap();
            head.push(byte[0]);
        }
        tls.write_all(response_to(&String::from_utf8(head).unwrap(), "").as_bytes()).unwrap();
        tls.flush().unwrap();
        peer
    }

    /// The next connection, after a handshake whose response has more fields.
    pub fn open_with(&self, fields: &str) -> Peer {
        let mut peer = self.accept();
        let head = peer.read_head();
        peer.send(response_to(&head, fields));
        peer.may_compress = fields.contains("permessage-deflate");
        peer
    }
}

impl Default for Server {
    fn default() -> Self {
        Self::new()
    }
}

/// The response that opens the connection, with more fields.
pub fn response_to(request: &str, fields: &str) -> String {
    wire::response_to(request, fields).expect("a request with a key")
}

/// A request that opens a connection, with the key of RFC 6455 §1.3 and more fields.
pub fn request(fields: &str) -> String {
    format!(
        "GET /chat?room=1 HTTP/1.1\r\nHost: example.com\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n{fields}\r\n"
    )
}

/// One end of a TCP connection.
pub struct Peer {
    stream: TcpStream,
    /// Read, and not yet looked at.
    buffer: Vec<u8>,
    is_client: bool,
    /// The other end may send compressed messages.
    may_compress: bool,
}

impl Peer {
    fn new(stream: TcpStream, is_client: bool) -> Self {
        stream.set_nodelay(true).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream.set_write_timeout(Some(PATIENCE)).unwrap();
        Self { stream, buffer: Vec::new(), is_client, may_compress: false }
    }

    /// A client, before any handshake.
    pub fn connect(address: SocketAddr) -> Self {
        Self::new(TcpStream::connect(address).unwrap(), true)
    }

    /// The same from another address of the loopback interface, of which Linux has more than one.
    pub fn connect_from(local: [u8; 4], address: SocketAddr) -> Self {
        let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
        socket.bind(&SocketAddr::from((local, 0)).into()).unwrap();
        socket.connect(&address.into()).unwrap();
        Self::new(socket.into(), true)
    }

    /// A client, after a plain handshake.
    pub fn open(address: SocketAddr) -> Self {
        Self::open_with(address, "").0
    }

    /// A client, after a handshake whose request has more fields. Gives the response, too.
    pub fn open_with(address: SocketAddr, fields: &str) -> (Self, String) {
        let mut peer = Self::connect(address);
        peer.send(request(fields));
        let head = peer.read_head();
        assert!(head.starts_with("HTTP/1.1 101 "), "{head}");
        peer.may_compress = head.contains("permessage-deflate");
        (peer, head)
    }

    /// A second handle, to write in one thread and read in another.
    pub fn another(&self) -> Self {
        Self { stream: self.stream.try_clone().unwrap(), buffer: Vec::new(), ..*self }
    }

    /// Lets the system hold few bytes that this end has sent, so that the other end has read all but these.
    pub fn hold_little(&self) {
        SockRef::from(&self.stream).set_send_buffer_size(16 * 1024).unwrap();
    }

    pub fn local_address(&self) -> SocketAddr {
        self.stream.local_addr().unwrap()
    }

    pub fn remote_address(&self) -> SocketAddr {
        self.stream.peer_addr().unwrap()
    }

    pub fn send(&mut self, bytes: impl AsRef<[u8]>) {
        self.stream.write_all(bytes.as_ref()).unwrap();
    }

    /// Sends `bytes` again and again, until so many have gone, or the other end takes nothing for a second, or is gone.
    /// Says how many were sent.
    pub fn send_while_taken(&mut self, bytes: &[u8], limit: usize) -> usize {
        self.stream.set_write_timeout(Some(Duration::from_secs(1))).unwrap();
        let mut sent = 0;
        while sent < limit {
            // From where it was cut, so that frames stay whole.
            match self.stream.write(&bytes[sent % bytes.len()..]) {
                Ok(n) => sent += n,
                Err(_) => break,
            }
        }
        self.stream.set_write_timeout(Some(PATIENCE)).unwrap();
        sent
    }

    /// The bytes of a frame as this end sends it.
    pub fn encode(&self, first: u8, payload: impl AsRef<[u8]>) -> Vec<u8> {
        wire::frame(first, self.is_client, payload.as_ref())
    }

    /// Sends a frame; `first` is FIN, the reserved bits and the opcode.
    pub fn frame(&mut self, first: u8, payload: impl AsRef<[u8]>) {
        let bytes = self.encode(first, payload);
        self.send(bytes);
    }

    pub fn text(&mut self, text: &str) {
        self.frame(FIN | wire::TEXT, text);
    }

    pub fn close(&mut self, code: u16, reason: &str) {
        self.frame(FIN | CLOSE, wire::close_payload(code, reason));
    }

    /// Ends our side of the stream.
    pub fn end(&mut self) {
        // Who has reset the connection needs no end of it.
        let _ = self.stream.shutdown(Shutdown::Write);
    }

    /// Whether more came; not at the end of the stream.
    fn fill(&mut self) -> io::Result<bool> {
        let mut chunk = [0; 64 * 1024];
        let n = self.stream.read(&mut chunk)?;
        self.buffer.extend_from_slice(&chunk[..n]);
        Ok(n > 0)
    }

    /// The head of a request or response, its empty line included.
    pub fn read_head(&mut self) -> String {
        loop {
            if let Some(head) = wire::take_head(&mut self.buffer) {
                return head;
            }
            assert!(self.fill().unwrap(), "the stream ended within a head");
        }
    }

    /// The next frame, of any type.
    pub fn receive(&mut self) -> RawFrame {
        self.receive_or_end().expect("a frame, not the end of the stream")
    }

    /// The next frame; `None` at the end of the stream, or if it was reset.
    pub fn receive_or_end(&mut self) -> Option<RawFrame> {
        loop {
            if let Some(frame) = wire::take_frame(&mut self.buffer) {
                assert_eq!(frame.key.is_some(), !self.is_client, "a client masks, a server does not");
                assert!(self.may_compress || !frame.rsv1, "no extension was negotiated, and RSV1 is set");
                assert!(!frame.rsv2_or_3, "a reserved bit that no extension uses is set");
                return Some(frame);
            }
            match self.fill() {
                Ok(true) => {}
                Ok(false) => return None,
                Err(error) if error.kind() == ErrorKind::ConnectionReset => return None,
                Err(error) => panic!("no frame, but {error}"),
            }
        }
    }

    /// The text of the next frame.
    pub fn receive_text(&mut self) -> String {
        let frame = self.receive();
        assert_eq!((frame.fin, frame.opcode), (true, wire::TEXT), "{frame:?}");
        String::from_utf8(frame.payload).unwrap()
    }

    /// The code and the reason of the next frame.
    pub fn receive_close(&mut self) -> (u16, String) {
        let frame = self.receive();
        let (code, reason) = frame.close();
        (code, reason.into())
    }

    /// Everything up to the end of the stream, or its reset.
    pub fn read_to_end(&mut self) -> Vec<u8> {
        loop {
            match self.fill() {
                Ok(true) => {}
                Ok(false) => return std::mem::take(&mut self.buffer),
                Err(error) if error.kind() == ErrorKind::ConnectionReset => {
                    return std::mem::take(&mut self.buffer);
                }
                Err(error) => panic!("no end of the stream, but {error}"),
            }
        }
    }

    /// The number of bytes up to the end of the stream, and the error if it did not end but break.
    pub fn read_to_break(&mut self) -> (usize, Option<ErrorKind>) {
        let mut read = std::mem::take(&mut self.buffer).len();
        loop {
            match self.fill() {
                Ok(true) => read += std::mem::take(&mut self.buffer).len(),
                Ok(false) => return (read, None),
                Err(error) => return (read, Some(error.kind())),
            }
        }
    }

    /// Breaks off the connection.
    pub fn reset(self) {
        SockRef::from(&self.stream).set_linger(Some(Duration::ZERO)).unwrap();
    }

    /// Asserts that the stream ends here, and ends our side.
    pub fn expect_end(&mut self) {
        let rest = self.read_to_end();
        assert_eq!(rest, b"", "bytes before the end of the stream");
        self.end();
    }

    /// Asserts that nothing comes for that long, not even the end of the stream.
    pub fn expect_silence(&mut self, time: Duration) {
        assert_eq!(self.buffer, b"", "bytes that were not looked at");
        self.stream.set_read_timeout(Some(time)).unwrap();
        let silence = self.fill();
        self.stream.set_read_timeout(Some(PATIENCE)).unwrap();
        match silence {
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {}
            other => panic!("no silence, but {other:?}: {:?}", self.buffer),
        }
    }

    /// Reads at most `n` bytes and forgets them.
    pub fn skip(&mut self, n: usize) -> usize {
        self.try_skip(n).unwrap()
    }

    /// The same, with the error of a connection that was reset.
    pub fn try_skip(&mut self, n: usize) -> io::Result<usize> {
        self.stream.read(&mut vec![0; n])
    }

    /// Answers the closing handshake that the other end has begun, whatever comes before, to the end of the stream. Gives
    /// the frames that came before.
    pub fn answer_close(&mut self) -> Vec<RawFrame> {
        let mut before = Vec::new();
        loop {
            let frame = self.receive();
            if frame.opcode == CLOSE {
                self.frame(FIN | CLOSE, &frame.payload);
                break;
            }
            before.push(frame);
        }
        if !self.is_client {
            self.end();
        }
        self.expect_end();
        before
    }

    /// Answers pings until the stream ends. Gives the other frames.
    pub fn answer_pings(&mut self) -> Vec<RawFrame> {
        let mut others = Vec::new();
        while let Some(frame) = self.receive_or_end() {
            if frame.opcode == wire::PING {
                // The other end may be closing its side already.
                let pong = self.encode(FIN | PONG, &frame.payload);
                let _ = self.stream.write_all(&pong);
            } else {
                others.push(frame);
            }
        }
        others
    }
}
