//! A proxy, in the clear or within TLS, which says what its script says, and then passes on what comes.

use std::convert::Infallible;

use ws_core::bytes::BytesMut;
use ws_core::{Instant, Machine, Outbound, TransportError};

use crate::support::{feed, write_some};

pub(crate) struct Proxy {
    transport: Transport,
    script: Script,
    /// All that it was told until there was a tunnel.
    pub(crate) asked: Vec<u8>,
    /// What of it was not looked at.
    rest: Vec<u8>,
    is_tunnel: bool,
}

/// What it says.
#[derive(Clone, Debug)]
pub(crate) enum Script {
    /// To the head of a request.
    Http(String),
    /// The way to authenticate, to the greeting.
    Method(u8, Box<Script>),
    /// A status, to user name and password.
    ClientStatus(u8, Box<Script>),
    /// A reply, to a request.
    Reply(u8),
    /// To whatever comes.
    Raw(&'static str),
    Tunnel,
    /// Says no more, and ends the stream.
    End,
    Silence,
}

pub(crate) fn http(status: u16) -> Script {
    Script::Http(format!("HTTP/1.1 {status} Said\r\nX-Proxy: yes\r\n\r\n"))
}

pub(crate) fn socks(reply: u8) -> Script {
    Script::Method(0, Box::new(Script::Reply(reply)))
}

/// One that asks for user name and password.
pub(crate) fn guarded_socks(status: u8) -> Script {
    Script::Method(2, Box::new(Script::ClientStatus(status, Box::new(Script::Reply(0)))))
}

impl Proxy {
    pub(crate) fn new(script: Script) -> Self {
        Self::on(Transport::Plain(Pipe::default()), script)
    }

    #[cfg(any(feature = "ring", feature = "aws-lc-rs"))]
    pub(crate) fn secure(acceptor: &ws_common::tls::TlsAcceptor, script: Script) -> Self {
        Self::on(Transport::Tls(Box::new(acceptor.start(Pipe::default()).unwrap())), script)
    }

    fn on(transport: Transport, script: Script) -> Self {
        Self { transport, script, asked: Vec::new(), rest: Vec::new(), is_tunnel: false }
    }

    /// What came from the client. Gives what belongs to the server.
    pub(crate) fn hear(&mut self, bytes: &[u8], now: Instant) -> Vec<u8> {
        self.transport.feed(bytes, now);
        let heard = self.transport.pipe().inbound.split().to_vec();
        if self.is_tunnel {
            return heard;
        }
        self.asked.extend_from_slice(&heard);
        self.rest.extend(heard);
        while self.step() {}
        Vec::new()
    }

    fn step(&mut self) -> bool {
        let (len, answer, next) = match (&self.script, &self.rest[..]) {
            (Script::Http(answer), rest) if rest.ends_with(b"\r\n\r\n") => {
                let agrees = answer.starts_with("HTTP/1.1 2") && answer.ends_with("\r\n\r\n");
                let next = if agrees { Script::Tunnel } else { Script::End };
                (rest.len(), answer.clone().into_bytes(), next)
            }
            (Script::Method(method, next), [5, n, methods @ ..]) if methods.len() >= usize::from(*n) => {
                (2 + usize::from(*n), vec![5, *method], Script::clone(next))
            }
            (Script::ClientStatus(status, next), [1, n, rest @ ..]) if rest.len() > usize::from(*n) => {
                let user = usize::from(*n);
                let len = 2 + user + 1 + usize::from(rest[user]);
                if self.rest.len() < len {
                    return false;
                }
                (len, vec![1, *status], if *status == 0 { Script::clone(next) } else { Script::End })
            }
            (Script::Reply(reply), [5, 1, 0, kind, first, ..]) => {
                let address = match *kind {
                    1 => 4,
                    4 => 16,
                    _ => 1 + usize::from(*first),
                };
                if self.rest.len() < 4 + address + 2 {
                    return false;
                }
                let answer = vec![5, *reply, 0, 1, 0, 0, 0, 0, 0, 0];
                (4 + address + 2, answer, if *reply == 0 { Script::Tunnel } else { Script::End })
            }
            (Script::Raw(answer), rest) if !rest.is_empty() => {
                (rest.len(), answer.as_bytes().to_vec(), Script::End)
            }
            _ => return false,
        };
        assert!(self.rest.len() == len, "the client speaks before it is answered: {:?}", self.rest);
        self.rest.clear();
        self.transport.pipe().outbound.push(answer.into());
        self.is_tunnel = matches!(next, Script::Tunnel);
        self.script = next;
        true
    }

    /// What came from the server, and perhaps the end.
    pub(crate) fn pass(&mut self, bytes: &[u8], ends: bool) {
        let pipe = self.transport.pipe();
        pipe.outbound.push(bytes.to_vec().into());
        if ends || matches!(self.script, Script::End) {
            pipe.outbound.finish();
        }
    }

    pub(crate) fn say(&mut self, now: Instant) -> Vec<u8> {
        let mut all = Vec::new();
        loop {
            let some = self.transport.write_some(now);
            if some.is_empty() {
                return all;
            }
            all.extend(some);
        }
    }

    pub(crate) fn is_finished(&mut self) -> bool {
        match &mut self.transport {
            Transport::Plain(pipe) => pipe.outbound().is_finished(),
            #[cfg(any(feature = "ring", feature = "aws-lc-rs"))]
            Transport::Tls(tls) => tls.outbound().is_finished(),
        }
    }
}

/// The transport to the client.
enum Transport {
    Plain(Pipe),
    #[cfg(any(feature = "ring", feature = "aws-lc-rs"))]
    Tls(Box<ws_common::tls::Tls<Pipe>>),
}

impl Transport {
    fn pipe(&mut self) -> &mut Pipe {
        match self {
            Self::Plain(pipe) => pipe,
            #[cfg(any(feature = "ring", feature = "aws-lc-rs"))]
            Self::Tls(tls) => tls.inner_mut(),
        }
    }

    fn feed(&mut self, bytes: &[u8], now: Instant) {
        match self {
            Self::Plain(pipe) => feed(pipe, bytes, now),
            #[cfg(any(feature = "ring", feature = "aws-lc-rs"))]
            Self::Tls(tls) => feed(&mut **tls, bytes, now),
        }
    }

    fn write_some(&mut self, now: Instant) -> Vec<u8> {
        match self {
            Self::Plain(pipe) => write_some(pipe, usize::MAX, now),
            #[cfg(any(feature = "ring", feature = "aws-lc-rs"))]
            Self::Tls(tls) => write_some(&mut **tls, usize::MAX, now),
        }
    }
}

/// A machine that keeps what comes and says what it is given.
#[derive(Default)]
struct Pipe {
    inbound: BytesMut,
    outbound: Outbound,
}

impl Machine for Pipe {
    type Event = Infallible;
    type Error = Infallible;

    fn inbound(&mut self) -> &mut BytesMut {
        &mut self.inbound
    }

    fn handle_read(&mut self, _n: usize, _now: Instant) {}

    fn outbound(&mut self) -> &mut Outbound {
        &mut self.outbound
    }

    fn handle_write(&mut self, n: usize, _now: Instant) {
        self.outbound.acknowledge(n);
    }

    fn handle_error(&mut self, _error: TransportError, _now: Instant) {}

    fn poll_event(&mut self) -> Result<Option<Infallible>, Infallible> {
        Ok(None)
    }

    fn poll_timeout(&self) -> Option<Instant> {
        None
    }

    fn handle_timeout(&mut self, _now: Instant) {}
}
