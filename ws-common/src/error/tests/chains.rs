//! The text of an error tells the whole story, and its sources go on behind it.

use std::error::Error;
use std::fmt;
use std::io;

use ws_core::{
    CloseCode, CloseFrame, HandshakeError, Message, PingError, SendError, StreamError, TransportError,
};

use super::{answered, attempts, refused, reset, timeout};
use crate::error::{AcceptError, ClientError, ConnectError, WebSocketError};
use crate::proxy::ProxyError;
use crate::session::ConfirmError;
use crate::system::socket::LocalFailure;

/// An error with a source that its text does not show.
#[derive(Debug)]
struct Outer(io::Error);

impl fmt::Display for Outer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the disk is full")
    }
}

impl Error for Outer {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(&self.0)
    }
}

fn outer() -> io::Error {
    io::Error::other(Outer(io::Error::other("no quota")))
}

fn texts(error: &(dyn Error + 'static)) -> Vec<String> {
    let mut texts = vec![error.to_string()];
    let mut next = error.source();
    while let Some(error) = next {
        texts.push(error.to_string());
        next = error.source();
    }
    texts
}

/// The texts of an error and of its sources are single lines without a full stop, and none is a part of another.
pub(super) fn assert_says_nothing_twice(error: &(dyn Error + 'static)) {
    let texts = texts(error);
    for (n, text) in texts.iter().enumerate() {
        assert!(!text.is_empty() && !text.contains('\n') && !text.ends_with('.'), "{text:?}");
        for other in &texts[n + 1..] {
            assert!(!text.contains(&**other) && !other.contains(&**text), "{texts:?}");
        }
    }
}

#[test]
fn the_sources_of_an_error_go_on_behind_its_text() {
    let broken = || TransportError::read(outer());
    let errors: Vec<Box<dyn Error>> = vec![
        Box::new(broken()),
        Box::new(ws_core::Error::Transport(broken())),
        Box::new(HandshakeError::Transport(broken())),
        Box::new(ConnectError::Local(outer())),
        Box::new(ConnectError::Local(LocalFailure::wrap(outer()))),
        Box::new(ConnectError::Connect(attempts([refused(), outer()]))),
        Box::new(ConnectError::Resolve { host: "example.com".into(), source: outer() }),
        Box::new(ConnectError::from(HandshakeError::Transport(broken()))),
        Box::new(ConnectError::from(ProxyError::Transport(broken()))),
        Box::new(ConnectError::from(ProxyError::Resolve(outer()))),
        Box::new(ConnectError::from(ProxyError::Connect(attempts([outer()])))),
        Box::new(AcceptError::Io(outer())),
        Box::new(AcceptError::Handshake(HandshakeError::Transport(broken()))),
        Box::new(ClientError::Connection(ws_core::Error::Transport(broken()))),
        Box::new(ClientError::Connect(ConnectError::Local(outer()))),
        Box::new(WebSocketError::from(ClientError::Connect(ConnectError::Local(outer())))),
        Box::new(WebSocketError::from(ws_core::Error::Transport(broken()))),
        Box::new(WebSocketError::from(outer())),
    ];
    for error in errors {
        let texts = texts(&*error);
        assert_eq!(texts.len(), 2, "{texts:?}");
        assert!(texts[0].ends_with("the disk is full"), "{texts:?}");
        assert_eq!(texts[1], "no quota");
        assert_says_nothing_twice(&*error);
    }
}

#[test]
fn no_error_of_an_open_connection_says_anything_twice() {
    let message = || Message::from("x".repeat(1000));
    let errors: Vec<Box<dyn Error>> = vec![
        Box::new(ws_core::Error::UnexpectedEof),
        Box::new(ws_core::Error::Unfinished),
        Box::new(ws_core::Error::Transport(reset())),
        Box::new(SendError::Busy(message())),
        Box::new(SendError::Closed(None)),
        Box::new(SendError::Streaming(message())),
        Box::new(SendError::TooLate(None)),
        Box::new(SendError::WithinHook(None)),
        Box::new(SendError::Undelivered),
        Box::new(StreamError::Busy),
        Box::new(StreamError::InvalidUtf8),
        Box::new(PingError::TooLong(126)),
        Box::new(PingError::Full(1)),
        Box::new(PingError::ConnectionFull(1)),
        Box::new(ConfirmError::Lost),
        Box::new(ConfirmError::NothingSent),
        Box::new(ConfirmError::Closed),
        Box::new(ConfirmError::WithinHook),
        Box::new(CloseFrame::new(CloseCode::NORMAL, "x".repeat(124)).unwrap_err()),
        Box::new(String::try_from(Message::from(b"x")).unwrap_err()),
        Box::new(answered("HTTP/1.1 503 Busy\r\nContent-Length: 5\r\n\r\nlater")),
        Box::new(ClientError::Unconfirmable),
        Box::new(AcceptError::Rejected(403)),
        Box::new(AcceptError::Shutdown),
        Box::new(timeout()),
    ];
    for error in errors {
        assert_says_nothing_twice(&*error);
    }
}
