//! The policy in virtual time: the ends that it retries, its delays and its limits.

mod delays;
mod ends;

use std::time::Duration;

use ws_common::{
    ConnectError, Host,
    proxy::HttpProxy,
    reconnect::{Cause, DisconnectReason, GiveUp, Reconnect},
    session::ClientError,
};
use ws_core::bytes::{Buf, BytesMut};
use ws_core::{
    ClientHandshake, ClientRequest, Closed, Config, Connection, Event, HandshakeError, Instant, Machine,
    Random, Role,
};

pub(crate) fn at(seconds: u64) -> Instant {
    Instant::since_epoch(secs(seconds))
}

pub(crate) fn secs(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

pub(crate) fn ms(milliseconds: u64) -> Duration {
    Duration::from_millis(milliseconds)
}

pub(crate) fn seeded() -> Random {
    Random::from_seed([7; 32])
}

/// A handshake that gets this for an answer.
pub(crate) fn answered(head: &str) -> ConnectError {
    let request = ClientRequest::new("server.test", "/").expect("a request");
    let mut handshake = ClientHandshake::new(&request, Config::default(), seeded(), at(10));
    handshake.inbound().extend_from_slice(head.as_bytes());
    handshake.handle_read(head.len(), at(0));
    handshake.poll_event().expect_err("not a 101").into()
}

pub(crate) fn refused(status: u16, fields: &str) -> ConnectError {
    let error = answered(&format!("HTTP/1.1 {status} No\r\n{fields}Content-Length: 0\r\n\r\n"));
    assert!(
        matches!(&error, ConnectError::Handshake { source: HandshakeError::Rejected(_), .. }),
        "{status}: {error}"
    );
    error
}

/// A proxy that does not connect, and answers this.
pub(crate) fn refused_by_proxy(status: u16, fields: &str) -> ConnectError {
    let mut proxy = HttpProxy::new(None, &Host::Name("server.test".into()), 443, at(10)).expect("a name");
    let head = format!("HTTP/1.1 {status} No\r\n{fields}Content-Length: 0\r\n\r\n");
    proxy.inbound().extend_from_slice(head.as_bytes());
    proxy.handle_read(head.len(), at(0));
    ConnectError::Proxy { proxy: None, source: proxy.poll_event().expect_err("not a 200") }
}

/// The end of a connection that gets these bytes, and then no more.
pub(crate) fn ended(bytes: &[u8]) -> (Closed, Option<ClientError>) {
    let config = Config::default();
    let mut connection = Connection::after_handshake(Role::Client, &config, seeded(), BytesMut::new(), at(0));
    connection.inbound().extend_from_slice(bytes);
    connection.handle_read(bytes.len(), at(1));
    let mut error = None;
    for _ in 0..9 {
        match connection.poll_event() {
            Ok(Some(Event::Closed(closed))) => return (closed, error),
            Ok(Some(_)) => {}
            Ok(None) => {
                let waiting = connection.outbound().len();
                connection.outbound().advance(waiting);
                connection.handle_write(waiting, at(1));
                connection.handle_read(0, at(1));
            }
            Err(failure) => error = Some(ClientError::Connection(failure)),
        }
    }
    panic!("it does not end");
}

/// An end with this code.
pub(crate) fn closed(code: u16) -> Closed {
    let (mut closed, _) = ended(&[]);
    closed.code = code;
    closed
}

/// The reason of a policy that does not retry this end.
pub(crate) fn not_retried(end: DisconnectReason<'_>) -> GiveUp {
    GiveUp::NotRetried(Cause::from(&end))
}

/// Asks a policy that was never asked before, with a random number right in the middle.
pub(crate) fn ask(policy: &Reconnect, end: DisconnectReason<'_>) -> Result<Duration, GiveUp> {
    policy.next(&mut policy.attempts(), &end, || 1 << 63, at(0))
}

pub(crate) fn ask_after_code(policy: &Reconnect, code: u16) -> Result<Duration, GiveUp> {
    ask(policy, DisconnectReason::Closed { closed: &closed(code), error: None })
}
