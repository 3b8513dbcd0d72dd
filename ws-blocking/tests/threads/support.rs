//! Peers of every kind, and a bound on every wait.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use ws_blocking::{AcceptOptions, Config, ConnectOptions, Incoming, WebSocket};

/// The longest time that anything here may take, on a machine that has a hundred other things to do.
const PATIENCE: Duration = Duration::from_secs(300);

/// So late a deadline may be seen to have passed on a busy machine: less than those of other things in [`quiet`].
pub(crate) const TOLERANCE: Duration = Duration::from_secs(15);

/// No pings, and no deadline that a busy machine could miss.
pub(crate) fn quiet() -> Config {
    let far = Duration::from_secs(60);
    Config::default().ping_interval(None).pong_timeout(far).write_timeout(far).close_timeout(far)
}

/// What a client sends first.
pub(crate) const REQUEST: &[u8] =
    b"GET / HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
    Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n";

/// Fails instead of hanging.
pub(crate) fn bounded<R: Send + 'static>(test: impl FnOnce() -> R + Send + 'static) -> R {
    let (tell, told) = mpsc::channel();
    let thread = thread::spawn(move || {
        let result = test();
        let _ = tell.send(());
        result
    });
    if told.recv_timeout(PATIENCE) == Err(mpsc::RecvTimeoutError::Timeout) {
        panic!("it hangs");
    }
    thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
}

/// The time-outs and the shutdown of a transport whose first field is a stream.
macro_rules! forward_the_rest {
    () => {
        fn set_read_timeout(&self, timeout: std::time::Duration) -> std::io::Result<()> {
            ws_blocking::Transport::set_read_timeout(&self.0, timeout)
        }

        fn set_write_timeout(&self, timeout: std::time::Duration) -> std::io::Result<()> {
            ws_blocking::Transport::set_write_timeout(&self.0, timeout)
        }

        fn shutdown(&self, how: std::net::Shutdown) -> std::io::Result<()> {
            ws_blocking::Transport::shutdown(&self.0, how)
        }
    };
}
pub(crate) use forward_the_rest;

/// Two streams, joined.
pub(crate) fn streams() -> (TcpStream, TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let near = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    let far = listener.accept().unwrap().0;
    near.set_nodelay(true).unwrap();
    far.set_nodelay(true).unwrap();
    (near, far)
}

/// A client and its server, both ours.
pub(crate) fn pair(config: &Config) -> (WebSocket, WebSocket) {
    let (near, far) = streams();
    let options = AcceptOptions::default().config(config.clone());
    let server = thread::spawn(move || Incoming::new(far, options).accept().unwrap().0);
    let options = ConnectOptions::new("ws://127.0.0.1/").config(config.clone());
    let client = WebSocket::connect_over(near, options).unwrap().0;
    (client, server.join().unwrap())
}

/// A server of ours, and its client's bare socket.
pub(crate) fn with_raw_client(config: &Config) -> (WebSocket, TcpStream) {
    let (near, far) = streams();
    let mut raw = near;
    raw.write_all(REQUEST).unwrap();
    let options = AcceptOptions::default().config(config.clone());
    let server = Incoming::new(far, options).accept().unwrap().0;
    read_head(&mut raw);
    (server, raw)
}

/// Reads to the empty line.
pub(crate) fn read_head(stream: &mut TcpStream) -> String {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        stream.read_exact(&mut byte).unwrap();
        head.push(byte[0]);
    }
    String::from_utf8(head).unwrap()
}

/// A client's frame of at most 125 bytes; a masking key of zeros changes nothing.
pub(crate) fn frame(first: u8, payload: &[u8]) -> Vec<u8> {
    let length = 0x80 | u8::try_from(payload.len()).unwrap();
    [&[first, length, 0, 0, 0, 0][..], payload].concat()
}
