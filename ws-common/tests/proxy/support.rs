//! A driver that writes all that it can, reads in chunks, and keeps a record.

use std::net::IpAddr;
use std::time::Duration;

use ws_common::{
    Host,
    proxy::{Credentials, HttpProxy, Leftover, ProxyConnected, ProxyError, Socks5},
};
use ws_core::bytes::Buf;
use ws_core::{Instant, Machine};

/// What both machines are.
pub(crate) trait Tunnel: Machine<Event = ProxyConnected, Error = ProxyError> + Sized {
    fn leftover(self) -> Result<Leftover, Self>;
}

impl Tunnel for HttpProxy {
    fn leftover(self) -> Result<Leftover, Self> {
        self.into_leftover()
    }
}

impl Tunnel for Socks5 {
    fn leftover(self) -> Result<Leftover, Self> {
        self.into_leftover()
    }
}

/// How a trace went on after its bytes.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(crate) enum Then {
    /// Nothing came.
    Silence,
    Eof,
    /// Nothing came until the deadline.
    Deadline,
}

/// How a trace ended.
#[derive(Debug)]
pub(crate) enum Outcome {
    /// With these bytes for the next machine.
    Connected(Vec<u8>),
    Waits,
    Failed(ProxyError),
}

pub(crate) const DEADLINE: Instant = Instant::since_epoch(Duration::from_secs(10));
const START: Instant = Instant::since_epoch(Duration::from_secs(1));

pub(crate) fn name(name: &str) -> Host {
    Host::Name(name.into())
}

pub(crate) fn address(address: &str) -> Host {
    Host::Address(address.parse::<IpAddr>().unwrap())
}

pub(crate) fn credentials() -> Credentials {
    Credentials::new("user", "secret")
}

/// Everything that waits, acknowledged.
pub(crate) fn write(machine: &mut impl Machine, now: Instant) -> Vec<u8> {
    let waiting = machine.outbound().remaining();
    let written = machine.outbound().copy_to_bytes(waiting).to_vec();
    machine.handle_write(written.len(), now);
    assert!(machine.outbound().is_empty() && !machine.outbound().is_finished());
    written
}

/// Bytes that came, if any: a read of none would be the end of the stream.
pub(crate) fn read(machine: &mut impl Machine, bytes: &[u8], now: Instant) {
    if !bytes.is_empty() {
        machine.inbound().extend_from_slice(bytes);
        machine.handle_read(bytes.len(), now);
    }
}

/// Runs a machine: what it wrote, and how it ended. Every chunk is a read.
pub(crate) fn run<T: Tunnel>(mut machine: T, chunks: &[&[u8]], then: Then) -> (Vec<u8>, Outcome) {
    let mut written = Vec::new();
    let mut chunks = chunks.iter().filter(|chunk| !chunk.is_empty());
    let mut then = Some(then);
    let mut now = START;
    loop {
        assert!(machine.poll_timeout().is_some_and(|at| at <= DEADLINE));
        match machine.poll_event() {
            Ok(Some(ProxyConnected)) => {
                written.extend(write(&mut machine, now));
                assert_eq!(machine.poll_timeout(), None);
                assert!(matches!(machine.poll_event(), Ok(None)), "connected twice");
                let leftover = machine.leftover().unwrap_or_else(|_| panic!("nothing is left"));
                let rest = chunks.flat_map(|chunk| chunk.iter().copied());
                return (written, Outcome::Connected(leftover.bytes().iter().copied().chain(rest).collect()));
            }
            Ok(None) => {}
            Err(error) => {
                assert_eq!(machine.poll_timeout(), None);
                assert!(matches!(machine.poll_event(), Ok(None)), "failed twice");
                assert!(machine.leftover().is_err(), "something is left by a failure");
                return (written, Outcome::Failed(error));
            }
        }
        let wrote = write(&mut machine, now);
        if !wrote.is_empty() {
            written.extend(wrote);
        } else if let Some(chunk) = chunks.next() {
            read(&mut machine, chunk, now);
        } else {
            match then.take() {
                Some(Then::Eof) => machine.handle_read(0, now),
                // The body of a refusal is not waited for as long.
                Some(Then::Deadline) | None if machine.poll_timeout().is_some_and(|at| at < DEADLINE) => {
                    now = machine.poll_timeout().unwrap();
                    machine.handle_timeout(now);
                }
                Some(Then::Deadline) => {
                    machine
                        .handle_timeout(Instant::since_epoch(DEADLINE.elapsed() - Duration::from_nanos(1)));
                    assert!(matches!(machine.poll_event(), Ok(None)), "before the deadline");
                    now = DEADLINE;
                    machine.handle_timeout(now);
                }
                Some(Then::Silence) => {}
                None => {
                    machine = machine.leftover().expect_err("it is not connected");
                    assert_eq!(machine.poll_timeout(), Some(DEADLINE));
                    return (written, Outcome::Waits);
                }
            }
        }
    }
}

/// Every way to cut the bytes in two, and byte by byte.
pub(crate) fn cuts(bytes: &[u8]) -> Vec<Vec<&[u8]>> {
    let mut cuts: Vec<Vec<&[u8]>> =
        (0..bytes.len()).map(|n| bytes.split_at(n)).map(|(a, b)| vec![a, b]).collect();
    cuts.push(bytes.chunks(1).collect());
    cuts
}

/// The text of an error is a line that a user can act on, and tells no secret.
pub(crate) fn check_text(error: &(dyn std::error::Error + 'static)) -> String {
    let text = error.to_string();
    assert!(!text.is_empty() && text.lines().count() == 1 && !text.ends_with('.'), "{text:?}");
    assert!(!text.starts_with(|c: char| c.is_uppercase()) || text.starts_with("SOCKS5"), "{text:?}");
    assert!(text.len() < 400, "{text:?}");
    for shown in [text.clone(), format!("{error:?}")] {
        for secret in ["secret", "dXNlcjpzZWNyZXQ="] {
            assert!(!shown.contains(secret), "{shown}");
        }
    }
    text
}
