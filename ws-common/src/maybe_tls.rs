//! What lies between a machine and the transport.

use std::fmt;

use ws_core::bytes::BytesMut;
use ws_core::{Instant, Machine, Outbound, TransportError};

use crate::phase::OpenPhase;
use crate::proxy::{Leftover, ProxyError};
use crate::tls::{Tls, TlsAcceptor, TlsConfigError, TlsConnector, TlsFailure};

/// A machine whose bytes are the transport's, or go through TLS: with the target, with an `https` proxy, or with both. It is a
/// [`Machine`] with the events of the one inside, so that no driver knows about it.
///
/// What a user does to the machine inside goes through [`inner_mut`](Self::inner_mut).
pub struct MaybeTls<M>(Layers<M>);

/// It is asked which it is at every step: a byte says that faster than a value that no `M` has, as it would be by default.
#[repr(u8)]
enum Layers<M> {
    Plain(M),
    Tls(Box<Tls<M>>),
    /// The outer session is the proxy's.
    Nested(Box<Tls<Tls<M>>>),
}

/// The TLS that a channel begins with, and the host that the certificate must be for.
pub(crate) type Security<'a> = Option<(&'a TlsConnector, &'a str)>;

impl<M> MaybeTls<M> {
    /// Without TLS.
    pub fn plain(machine: M) -> Self {
        Self(Layers::Plain(machine))
    }

    /// With TLS, or without.
    pub(crate) fn client(machine: M, security: Security<'_>) -> Result<Self, TlsConfigError> {
        Ok(Self(match security {
            None => Layers::Plain(machine),
            Some((tls, host)) => Layers::Tls(Box::new(tls.start(host, machine)?)),
        }))
    }

    /// With TLS of a proxy, or without.
    pub(crate) fn with_proxy(machine: M, security: Security<'_>) -> Result<Self, TlsConfigError> {
        Ok(Self(match Self::client(machine, security)?.0 {
            Layers::Tls(tls) => Layers::Tls(Box::new(tls.with_reason(|error| ProxyError::Tls(error).into()))),
            layers => layers,
        }))
    }

    /// The same on the server's side.
    pub(crate) fn server(machine: M, tls: Option<&TlsAcceptor>) -> Result<Self, TlsConfigError> {
        Ok(Self(match tls {
            None => Layers::Plain(machine),
            Some(tls) => Layers::Tls(Box::new(tls.start(machine)?)),
        }))
    }

    /// The machine inside.
    #[inline]
    pub fn inner(&self) -> &M {
        match &self.0 {
            Layers::Plain(machine) => machine,
            Layers::Tls(tls) => tls.inner(),
            Layers::Nested(outer) => outer.inner().inner(),
        }
    }

    /// The machine inside. What it has queued is encrypted when [`outbound`](Machine::outbound) is asked for next.
    #[inline]
    pub fn inner_mut(&mut self) -> &mut M {
        match &mut self.0 {
            Layers::Plain(machine) => machine,
            Layers::Tls(tls) => tls.inner_mut(),
            Layers::Nested(outer) => outer.inner_mut().inner_mut(),
        }
    }

    /// The machine inside, without the layers.
    pub fn into_inner(self) -> M {
        match self.0 {
            Layers::Plain(machine) => machine,
            Layers::Tls(tls) => tls.into_inner(),
            Layers::Nested(outer) => outer.into_inner().into_inner(),
        }
    }

    /// The machine inside, if there are no layers.
    pub fn into_plain(self) -> Option<M> {
        match self.0 {
            Layers::Plain(machine) => Some(machine),
            Layers::Tls(_) | Layers::Nested(_) => None,
        }
    }

    /// The machine of the next phase below the same layers, if there is one.
    pub fn try_map<N>(self, change: impl FnOnce(M) -> Option<N>) -> Option<MaybeTls<N>> {
        fn within<M, N>(tls: Tls<M>, change: impl FnOnce(M) -> Option<N>) -> Option<Tls<N>> {
            tls.try_map(|machine| change(machine).ok_or(())).ok()
        }
        Some(MaybeTls(match self.0 {
            Layers::Plain(machine) => Layers::Plain(change(machine)?),
            Layers::Tls(tls) => Layers::Tls(Box::new(within(*tls, change)?)),
            Layers::Nested(outer) => Layers::Nested(Box::new(within(*outer, |inner| within(inner, change))?)),
        }))
    }

    /// What an opening handshake on it waits for: TLS, or the peer.
    pub(crate) fn phase(&self) -> OpenPhase {
        if self.is_securing() { OpenPhase::Tls } else { OpenPhase::Handshake }
    }

    /// Whether TLS is under way, with whomever.
    pub fn is_securing(&self) -> bool {
        match &self.0 {
            Layers::Plain(_) => false,
            Layers::Tls(tls) => tls.is_handshaking(),
            Layers::Nested(outer) => outer.is_handshaking() || outer.inner().is_handshaking(),
        }
    }
}

impl MaybeTls<Leftover> {
    /// The next machine on the same transport, which is told what was left to it. It may begin with TLS of its own.
    pub(crate) fn succeed<M: Machine>(
        self,
        next: M,
        security: Security<'_>,
        now: Instant,
    ) -> Result<MaybeTls<M>, TlsConfigError> {
        fn tell<M: Machine>(leftover: Leftover, mut next: M, now: Instant) -> M {
            leftover.hand_over(&mut next, now);
            next
        }
        Ok(match (self.0, security) {
            (Layers::Plain(leftover), _) => {
                let mut next = MaybeTls::client(next, security)?;
                leftover.hand_over(&mut next, now);
                next
            }
            (Layers::Tls(outer), None) => {
                MaybeTls(Layers::Tls(Box::new(outer.map(|leftover| tell(leftover, next, now)))))
            }
            (Layers::Tls(outer), Some((tls, host))) => {
                let next = tls.start(host, next)?;
                MaybeTls(Layers::Nested(Box::new(outer.map(|leftover| tell(leftover, next, now)))))
            }
            (Layers::Nested(_), _) => unreachable!("a proxy is spoken to within its own TLS only"),
        })
    }
}

impl<M: Machine> Machine for MaybeTls<M> {
    type Event = M::Event;
    type Error = TlsFailure<M::Error>;

    #[inline(always)]
    fn inbound(&mut self) -> &mut BytesMut {
        match &mut self.0 {
            Layers::Plain(machine) => machine.inbound(),
            Layers::Tls(tls) => tls.inbound(),
            Layers::Nested(outer) => outer.inbound(),
        }
    }

    #[inline(always)]
    fn handle_read(&mut self, n: usize, now: Instant) {
        match &mut self.0 {
            Layers::Plain(machine) => machine.handle_read(n, now),
            Layers::Tls(tls) => tls.handle_read(n, now),
            Layers::Nested(outer) => outer.handle_read(n, now),
        }
    }

    #[inline]
    fn outbound(&mut self) -> &mut Outbound {
        match &mut self.0 {
            Layers::Plain(machine) => machine.outbound(),
            Layers::Tls(tls) => tls.outbound(),
            Layers::Nested(outer) => outer.outbound(),
        }
    }

    #[inline]
    fn handle_write(&mut self, n: usize, now: Instant) {
        match &mut self.0 {
            Layers::Plain(machine) => machine.handle_write(n, now),
            Layers::Tls(tls) => tls.handle_write(n, now),
            Layers::Nested(outer) => outer.handle_write(n, now),
        }
    }

    fn handle_progress(&mut self, taken: usize, now: Instant) {
        match &mut self.0 {
            Layers::Plain(machine) => machine.handle_progress(taken, now),
            Layers::Tls(tls) => tls.handle_progress(taken, now),
            Layers::Nested(outer) => outer.handle_progress(taken, now),
        }
    }

    fn handle_sign_of_life(&mut self, now: Instant) {
        match &mut self.0 {
            Layers::Plain(machine) => machine.handle_sign_of_life(now),
            Layers::Tls(tls) => tls.handle_sign_of_life(now),
            Layers::Nested(outer) => outer.handle_sign_of_life(now),
        }
    }

    fn handle_error(&mut self, error: TransportError, now: Instant) {
        match &mut self.0 {
            Layers::Plain(machine) => machine.handle_error(error, now),
            Layers::Tls(tls) => tls.handle_error(error, now),
            Layers::Nested(outer) => outer.handle_error(error, now),
        }
    }

    fn poll_event(&mut self) -> Result<Option<M::Event>, TlsFailure<M::Error>> {
        match &mut self.0 {
            Layers::Plain(machine) => machine.poll_event().map_err(TlsFailure::Inner),
            Layers::Tls(tls) => tls.poll_event(),
            Layers::Nested(outer) => outer.poll_event().map_err(|failure| match failure {
                TlsFailure::Tls(error) => TlsFailure::Tls(error),
                TlsFailure::Inner(failure) => failure,
            }),
        }
    }

    #[inline]
    fn poll_timeout(&self) -> Option<Instant> {
        match &self.0 {
            Layers::Plain(machine) => machine.poll_timeout(),
            Layers::Tls(tls) => tls.poll_timeout(),
            Layers::Nested(outer) => outer.poll_timeout(),
        }
    }

    fn handle_timeout(&mut self, now: Instant) {
        match &mut self.0 {
            Layers::Plain(machine) => machine.handle_timeout(now),
            Layers::Tls(tls) => tls.handle_timeout(now),
            Layers::Nested(outer) => outer.handle_timeout(now),
        }
    }
}

impl<M: fmt::Debug> fmt::Debug for MaybeTls<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Layers::Plain(machine) => machine.fmt(f),
            Layers::Tls(tls) => tls.fmt(f),
            Layers::Nested(outer) => outer.fmt(f),
        }
    }
}
