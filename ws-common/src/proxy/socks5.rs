//! SOCKS5 proxies (RFC 1928), with user name and password (RFC 1929).

use std::net::IpAddr;
use std::{fmt, mem};

use ws_core::bytes::{Buf, BytesMut};
use ws_core::{Instant, Machine, Outbound, TransportError};

use super::error::{ProxyError, ProxyStep, Socks5Reply};
use super::wire::{Leftover, ProxyConnected, Wire};
use super::{Credentials, check_name};
use crate::target::Host;

const VERSION: u8 = 5;
/// RFC 1929 §2: the version of the negotiation, not of SOCKS.
const CREDENTIALS_VERSION: u8 = 1;

/// RFC 1928 §3: ways to authenticate.
const NO_AUTHENTICATION: u8 = 0;
const USER_AND_PASSWORD: u8 = 2;
const NONE_ACCEPTABLE: u8 = 0xff;

const CONNECT: u8 = 1;

/// RFC 1928 §5: types of addresses.
const IPV4: u8 = 1;
const NAME: u8 = 3;
const IPV6: u8 = 4;

/// A client that asks a SOCKS5 proxy for a tunnel to a target, as a [`Machine`]. Its one event is [`ProxyConnected`]; then
/// [`into_leftover`](Self::into_leftover) gives what belongs to the next machine.
///
/// It offers no authentication and, with credentials, user name and password. The answers take at most 262 bytes; the
/// address to which the proxy says it is bound is skipped, of whichever kind it is.
pub struct Socks5 {
    wire: Wire,
    /// The messages that are not sent yet.
    credentials: Option<Vec<u8>>,
    request: Vec<u8>,
    state: Socks5State,
}

/// What is expected next.
#[derive(Clone, Copy)]
enum Socks5State {
    /// How to authenticate.
    Method,
    /// Whether the credentials are right.
    ClientStatus,
    /// Whether the target was reached.
    Reply,
    /// The proxy has agreed.
    Agreed,
    /// That was reported.
    Connected,
    /// The failure was reported.
    Failed,
}

impl Socks5State {
    fn step(self) -> ProxyStep {
        match self {
            Self::Method => ProxyStep::Method,
            Self::ClientStatus => ProxyStep::Credentials,
            Self::Reply | Self::Agreed | Self::Connected | Self::Failed => ProxyStep::Reply,
        }
    }
}

impl Socks5 {
    /// Asks for a tunnel to `host` and `port`, the target's, and fails at `deadline`. The greeting waits in
    /// [`outbound`](Machine::outbound) at once.
    ///
    /// A name is resolved by the proxy (`socks5h`). For `socks5`, resolve it before, and give the address.
    ///
    /// # Errors
    ///
    /// The name is over 255 bytes or not one; user name or password are over 255 bytes, or the user name is empty.
    pub fn new(
        credentials: Option<&Credentials>,
        host: &Host,
        port: u16,
        deadline: Instant,
    ) -> Result<Self, ProxyError> {
        let credentials = credentials.map(credentials_message).transpose()?;
        let request = request(host, port)?;
        let mut wire = Wire::new(deadline);
        wire.send(match credentials {
            Some(_) => vec![VERSION, 2, NO_AUTHENTICATION, USER_AND_PASSWORD],
            None => vec![VERSION, 1, NO_AUTHENTICATION],
        });
        Ok(Self { wire, credentials, request, state: Socks5State::Method })
    }

    /// What belongs to the next machine, once [`ProxyConnected`] was reported; before that, this one again.
    #[allow(clippy::result_large_err, reason = "the machine is handed back, not reported")]
    pub fn into_leftover(self) -> Result<Leftover, Self> {
        match self.state {
            Socks5State::Connected => Ok(self.wire.into_leftover()),
            _ => Err(self),
        }
    }

    /// What follows from the answer that is expected, if it is there.
    fn step(&mut self) -> Result<Option<Socks5State>, ProxyError> {
        match self.state {
            Socks5State::Method => self.read_method(),
            Socks5State::ClientStatus => self.read_status(),
            Socks5State::Reply => self.read_reply(),
            Socks5State::Agreed => Ok(self.wire.is_sent(ProxyStep::Reply)?.then_some(Socks5State::Connected)),
            Socks5State::Connected | Socks5State::Failed => Ok(None),
        }
    }

    /// RFC 1928 §3: version, method.
    fn read_method(&mut self) -> Result<Option<Socks5State>, ProxyError> {
        self.check_version(VERSION)?;
        let Some(&[_, method]) = self.wire.inbound.first_chunk() else { return Ok(None) };
        self.wire.inbound.advance(2);
        let credentials = self.credentials.take();
        match (method, credentials) {
            (NO_AUTHENTICATION, _) => Ok(Some(self.send_request())),
            (USER_AND_PASSWORD, Some(credentials)) => {
                self.wire.send(credentials);
                Ok(Some(Socks5State::ClientStatus))
            }
            (NONE_ACCEPTABLE, credentials) => {
                Err(ProxyError::NoAcceptableMethod { had_credentials: credentials.is_some() })
            }
            (method, _) => Err(ProxyError::Method(method)),
        }
    }

    /// RFC 1929 §2: version, status.
    fn read_status(&mut self) -> Result<Option<Socks5State>, ProxyError> {
        self.check_version(CREDENTIALS_VERSION)?;
        let Some(&[_, status]) = self.wire.inbound.first_chunk() else { return Ok(None) };
        self.wire.inbound.advance(2);
        if status != 0 {
            return Err(ProxyError::CredentialsRefused(status));
        }
        Ok(Some(self.send_request()))
    }

    /// RFC 1928 §6: version, reply, a reserved byte, type of address, address, port.
    fn read_reply(&mut self) -> Result<Option<Socks5State>, ProxyError> {
        self.check_version(VERSION)?;
        // A refusal is one as soon as it can be seen: some proxies say no more than that.
        if let Some(&reply) = self.wire.inbound.get(1)
            && reply != 0
        {
            return Err(ProxyError::Reply(Socks5Reply::from(reply)));
        }
        let Some(&[_, _, _, kind]) = self.wire.inbound.first_chunk() else { return Ok(None) };
        let address = match (kind, self.wire.inbound.get(4)) {
            (IPV4, _) => 4,
            (IPV6, _) => 16,
            (NAME, Some(&len)) => 1 + usize::from(len),
            (NAME, None) => return Ok(None),
            (other, _) => return Err(ProxyError::AddressType(other)),
        };
        let len = 4 + address + 2;
        if self.wire.inbound.len() < len {
            return Ok(None);
        }
        self.wire.inbound.advance(len);
        Ok(Some(Socks5State::Agreed))
    }

    /// A peer that speaks another protocol is told apart by its first byte.
    fn check_version(&self, expected: u8) -> Result<(), ProxyError> {
        match self.wire.inbound.first() {
            Some(&seen) if seen != expected => Err(ProxyError::Version { seen, expected }),
            _ => Ok(()),
        }
    }

    fn send_request(&mut self) -> Socks5State {
        let request = mem::take(&mut self.request);
        self.wire.send(request);
        Socks5State::Reply
    }
}

/// RFC 1929 §2: version, length, user name, length, password.
fn credentials_message(credentials: &Credentials) -> Result<Vec<u8>, ProxyError> {
    credentials.check_socks5().map_err(ProxyError::Url)?;
    let mut message = vec![CREDENTIALS_VERSION];
    for part in [&credentials.user, &credentials.password] {
        // Checked above to fit.
        message.push(part.len() as u8);
        message.extend_from_slice(part);
    }
    Ok(message)
}

/// RFC 1928 §4: version, command, a reserved byte, type of address, address, port.
fn request(host: &Host, port: u16) -> Result<Vec<u8>, ProxyError> {
    let mut request = vec![VERSION, CONNECT, 0];
    match host {
        Host::Address(IpAddr::V4(address)) => {
            request.push(IPV4);
            request.extend_from_slice(&address.octets());
        }
        Host::Address(IpAddr::V6(address)) => {
            request.push(IPV6);
            request.extend_from_slice(&address.octets());
        }
        Host::Name(name) => {
            let len = check_name(name)?;
            request.extend_from_slice(&[NAME, len]);
            request.extend_from_slice(name.as_bytes());
        }
    }
    request.extend_from_slice(&port.to_be_bytes());
    Ok(request)
}

impl Machine for Socks5 {
    type Event = ProxyConnected;
    type Error = ProxyError;

    fn inbound(&mut self) -> &mut BytesMut {
        &mut self.wire.inbound
    }

    fn handle_read(&mut self, n: usize, _now: Instant) {
        self.wire.handle_read(n);
    }

    fn outbound(&mut self) -> &mut Outbound {
        &mut self.wire.outbound
    }

    fn handle_write(&mut self, n: usize, _now: Instant) {
        self.wire.outbound.acknowledge(n);
    }

    fn handle_error(&mut self, error: TransportError, _now: Instant) {
        self.wire.handle_error(error);
    }

    fn poll_event(&mut self) -> Result<Option<ProxyConnected>, ProxyError> {
        loop {
            if matches!(self.state, Socks5State::Connected | Socks5State::Failed) {
                return Ok(None);
            }
            let next = match self.step() {
                Ok(None) => self.wire.check(self.state.step()).map(|()| None),
                next => next,
            };
            match next {
                Ok(Some(Socks5State::Connected)) => {
                    self.state = Socks5State::Connected;
                    return Ok(Some(ProxyConnected));
                }
                Ok(Some(next)) => self.state = next,
                Ok(None) => return Ok(None),
                Err(error) => {
                    self.state = Socks5State::Failed;
                    return Err(error);
                }
            }
        }
    }

    fn poll_timeout(&self) -> Option<Instant> {
        let is_over = matches!(self.state, Socks5State::Connected | Socks5State::Failed);
        (!is_over).then_some(self.wire.deadline)
    }

    fn handle_timeout(&mut self, now: Instant) {
        self.wire.handle_timeout(now);
    }
}

/// Shows no credentials, which may wait in the outbound bytes.
impl fmt::Debug for Socks5 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Socks5").field("deadline", &self.wire.deadline).finish_non_exhaustive()
    }
}
