//! A tunnel through a proxy, of whichever kind.

use ws_core::bytes::BytesMut;
use ws_core::{Instant, Machine, Outbound, TransportError};

use super::error::ProxyError;
use super::http::HttpProxy;
use super::socks5::Socks5;
use super::wire::{Leftover, ProxyConnected};
use super::{Proxy, ProxyScheme};
use crate::target::Host;

/// The machine that a proxy's scheme asks for.
#[derive(Debug)]
pub(crate) enum Tunnel {
    Http(HttpProxy),
    Socks5(Socks5),
}

impl Tunnel {
    pub(crate) fn new(proxy: &Proxy, host: &Host, port: u16, deadline: Instant) -> Result<Self, ProxyError> {
        let credentials = proxy.credentials();
        match proxy.scheme() {
            ProxyScheme::Http | ProxyScheme::Https => {
                HttpProxy::new(credentials, host, port, deadline).map(Self::Http)
            }
            ProxyScheme::Socks5 | ProxyScheme::Socks5h => {
                Socks5::new(credentials, host, port, deadline).map(Self::Socks5)
            }
        }
    }

    #[allow(clippy::result_large_err, reason = "the machine is handed back, not reported")]
    pub(crate) fn into_leftover(self) -> Result<Leftover, Self> {
        match self {
            Self::Http(proxy) => proxy.into_leftover().map_err(Self::Http),
            Self::Socks5(proxy) => proxy.into_leftover().map_err(Self::Socks5),
        }
    }
}

impl Machine for Tunnel {
    type Event = ProxyConnected;
    type Error = ProxyError;

    fn inbound(&mut self) -> &mut BytesMut {
        match self {
            Self::Http(proxy) => proxy.inbound(),
            Self::Socks5(proxy) => proxy.inbound(),
        }
    }

    fn handle_read(&mut self, n: usize, now: Instant) {
        match self {
            Self::Http(proxy) => proxy.handle_read(n, now),
            Self::Socks5(proxy) => proxy.handle_read(n, now),
        }
    }

    fn outbound(&mut self) -> &mut Outbound {
        match self {
            Self::Http(proxy) => proxy.outbound(),
            Self::Socks5(proxy) => proxy.outbound(),
        }
    }

    fn handle_write(&mut self, n: usize, now: Instant) {
        match self {
            Self::Http(proxy) => proxy.handle_write(n, now),
            Self::Socks5(proxy) => proxy.handle_write(n, now),
        }
    }

    fn handle_error(&mut self, error: TransportError, now: Instant) {
        match self {
            Self::Http(proxy) => proxy.handle_error(error, now),
            Self::Socks5(proxy) => proxy.handle_error(error, now),
        }
    }

    fn poll_event(&mut self) -> Result<Option<ProxyConnected>, ProxyError> {
        match self {
            Self::Http(proxy) => proxy.poll_event(),
            Self::Socks5(proxy) => proxy.poll_event(),
        }
    }

    fn poll_timeout(&self) -> Option<Instant> {
        match self {
            Self::Http(proxy) => proxy.poll_timeout(),
            Self::Socks5(proxy) => proxy.poll_timeout(),
        }
    }

    fn handle_timeout(&mut self, now: Instant) {
        match self {
            Self::Http(proxy) => proxy.handle_timeout(now),
            Self::Socks5(proxy) => proxy.handle_timeout(now),
        }
    }
}
