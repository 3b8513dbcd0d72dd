//! The header of the PROXY protocol, versions 1 and 2 (haproxy.org, proxy-protocol.txt).

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::str::FromStr;

use ws_core::bytes::{Buf, BytesMut};
use ws_core::redacted::Length;

use super::{KnownClient, TrustedProxyError};

/// §2.1: the longest line of version 1, with its line break.
const MAX_LINE: usize = 107;
const LINE: &[u8] = b"PROXY ";
const SIGNATURE: &[u8] = b"\r\n\r\n\0\r\nQUIT\n";
/// §2.2: the signature, version and command, family, length.
const FIXED: usize = 16;
/// Largest number of bytes behind the fixed part of version 2, with addresses and extensions. The format allows 64 KiB.
const MAX_REST: usize = 4096;

/// Reads the header off the beginning of a connection.
#[derive(Default)]
pub(crate) struct ProxyHeader {
    pub(crate) buffer: BytesMut,
}

/// The header may hold a token (§2.2.7), and the request behind it credentials.
impl fmt::Debug for ProxyHeader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("ProxyHeader").field(&Length(self.buffer.len())).finish()
    }
}

impl ProxyHeader {
    /// The address of the client, once the header is there; `Some(None)` if the proxy does not know it. Bytes behind the header stay
    /// in the buffer.
    pub(crate) fn poll(&mut self) -> Result<Option<KnownClient>, TrustedProxyError> {
        if begins(&self.buffer, LINE) {
            self.line()
        } else if begins(&self.buffer, SIGNATURE) {
            self.binary()
        } else {
            Err(TrustedProxyError::NoHeader)
        }
    }

    fn line(&mut self) -> Result<Option<KnownClient>, TrustedProxyError> {
        let within = &self.buffer[..self.buffer.len().min(MAX_LINE)];
        let Some(end) = within.windows(2).position(|bytes| bytes == b"\r\n") else {
            return if within.len() < MAX_LINE { Ok(None) } else { invalid("its line is over 107 bytes") };
        };
        let line = self.buffer.split_to(end);
        self.buffer.advance(2);
        let line = std::str::from_utf8(&line[LINE.len()..]).ok();
        match line.and_then(addresses) {
            Some(client) => Ok(Some(client)),
            None => {
                invalid("its line is not `PROXY TCP4`, `TCP6` or `UNKNOWN` with two addresses and two ports")
            }
        }
    }

    fn binary(&mut self) -> Result<Option<KnownClient>, TrustedProxyError> {
        let Some(fixed) = self.buffer.get(SIGNATURE.len()..FIXED) else { return Ok(None) };
        let (command, family) = (fixed[0], fixed[1]);
        let len = usize::from(u16::from_be_bytes([fixed[2], fixed[3]]));
        if command & 0xF0 != 0x20 {
            return invalid("its version is neither 1 nor 2");
        }
        if len > MAX_REST {
            return invalid("it is over 4 KiB");
        }
        let Some(rest) = self.buffer.get(FIXED..FIXED + len) else { return Ok(None) };
        let client = match (command & 0x0F, family) {
            // LOCAL: the proxy itself, for example a health check.
            (0, _) => None,
            (1, 0x11) => Some(binary_address::<4, Ipv4Addr>(rest)),
            (1, 0x21) => Some(binary_address::<16, Ipv6Addr>(rest)),
            // §2.2: addresses of another family are skipped.
            (1, _) => None,
            _ => return invalid("its command is neither LOCAL nor PROXY"),
        };
        let client = match client {
            Some(None) => return invalid("it is too short for its addresses"),
            Some(client) => client,
            None => None,
        };
        self.buffer.advance(FIXED + len);
        Ok(Some(client))
    }
}

fn invalid<T>(what: &'static str) -> Result<T, TrustedProxyError> {
    Err(TrustedProxyError::InvalidHeader(what))
}

/// Whether `buffer` begins with `prefix`, as far as it has come.
fn begins(buffer: &[u8], prefix: &[u8]) -> bool {
    buffer.iter().zip(prefix).all(|(seen, expected)| seen == expected)
}

/// §2.1: the line behind `PROXY `.
fn addresses(line: &str) -> Option<KnownClient> {
    let (family, rest) = line.split_once(' ').unwrap_or((line, ""));
    match family {
        "TCP4" => Some(Some(source::<Ipv4Addr>(rest)?)),
        "TCP6" => Some(Some(source::<Ipv6Addr>(rest)?)),
        "UNKNOWN" => Some(None),
        _ => None,
    }
}

/// Source and destination are separated by single spaces.
fn source<A: FromStr + Into<IpAddr>>(text: &str) -> Option<SocketAddr> {
    let mut words = text.split(' ');
    let source: A = words.next()?.parse().ok()?;
    words.next()?.parse::<A>().ok()?;
    let source_port = port(words.next()?)?;
    port(words.next()?)?;
    words.next().is_none().then(|| SocketAddr::new(source.into(), source_port))
}

fn port(text: &str) -> Option<u16> {
    let is_decimal =
        text.bytes().all(|byte| byte.is_ascii_digit()) && (text == "0" || !text.starts_with('0'));
    text.parse().ok().filter(|_| is_decimal)
}

/// §2.2: both addresses, then both ports.
fn binary_address<const N: usize, A: From<[u8; N]> + Into<IpAddr>>(rest: &[u8]) -> Option<SocketAddr> {
    let source: [u8; N] = *rest.first_chunk()?;
    let ports: [u8; 4] = *rest.get(2 * N..)?.first_chunk()?;
    Some(SocketAddr::new(A::from(source).into(), u16::from_be_bytes([ports[0], ports[1]])))
}
