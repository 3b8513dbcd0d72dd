//! A build without TLS: there is no value of these types, and nothing is left of the code that would use them.

use std::convert::Infallible;
use std::marker::PhantomData;
use std::{error, fmt};

use ws_core::bytes::BytesMut;
use ws_core::{Instant, Machine, Outbound, TransportError};

use super::{Reason, TlsFailure};
use crate::proxy::Proxy;

/// Whether this build has TLS.
pub(crate) const IS_SUPPORTED: bool = false;

pub(crate) fn default_connector() -> Option<Result<TlsConnector, TlsConfigError>> {
    None
}

/// A client's TLS. There is none without one of the features `ring` and `aws-lc-rs`.
#[derive(Clone, Debug)]
pub struct TlsConnector(Infallible);

/// A server's TLS. There is none without one of the features `ring` and `aws-lc-rs`.
#[derive(Clone, Debug)]
pub struct TlsAcceptor(Infallible);

/// How TLS fails. There is none without one of the features `ring` and `aws-lc-rs`.
#[derive(Debug)]
pub struct TlsError(Infallible);

/// Why a TLS configuration cannot be used. There is none without one of the features `ring` and `aws-lc-rs`.
#[derive(Debug)]
pub struct TlsConfigError(Infallible);

/// A machine within TLS. There is none without one of the features `ring` and `aws-lc-rs`.
#[derive(Debug)]
pub struct Tls<M>(Infallible, PhantomData<M>);

impl TlsConnector {
    pub(crate) fn start<M>(&self, _host: &str, _machine: M) -> Result<Tls<M>, TlsConfigError> {
        match self.0 {}
    }

    pub(crate) fn through(&self, _proxy: Option<&Proxy>) -> Self {
        match self.0 {}
    }

    pub(crate) fn for_other_origin(&self) -> Option<Self> {
        match self.0 {}
    }
}

impl TlsAcceptor {
    pub(crate) fn start<M>(&self, _machine: M) -> Result<Tls<M>, TlsConfigError> {
        match self.0 {}
    }
}

impl TlsError {
    pub(crate) fn is_passing(&self) -> bool {
        match self.0 {}
    }

    pub(crate) fn is_ours(&self) -> bool {
        match self.0 {}
    }

    pub(crate) fn is_not_tls(&self) -> bool {
        match self.0 {}
    }

    pub(crate) fn is_reset(&self) -> bool {
        match self.0 {}
    }

    pub(crate) fn is_plain_http(&self) -> bool {
        match self.0 {}
    }

    pub(crate) fn is_proxy_header(&self) -> bool {
        match self.0 {}
    }

    pub(crate) fn is_end(&self) -> bool {
        match self.0 {}
    }

    pub(crate) fn try_transport<T>(
        self,
        _judge: impl FnOnce(TransportError) -> Result<T, TransportError>,
    ) -> Result<T, Self> {
        match self.0 {}
    }
}

impl<M> Tls<M> {
    pub(crate) fn with_reason(self, _reason: Reason) -> Self {
        match self.0 {}
    }

    pub(crate) fn inner(&self) -> &M {
        match self.0 {}
    }

    pub(crate) fn inner_mut(&mut self) -> &mut M {
        match self.0 {}
    }

    pub(crate) fn into_inner(self) -> M {
        match self.0 {}
    }

    pub(crate) fn map<N>(self, _change: impl FnOnce(M) -> N) -> Tls<N> {
        match self.0 {}
    }

    #[allow(clippy::result_large_err, reason = "as with TLS")]
    pub(crate) fn try_map<N, E>(self, _change: impl FnOnce(M) -> Result<N, E>) -> Result<Tls<N>, Tls<E>> {
        match self.0 {}
    }

    pub(crate) fn is_handshaking(&self) -> bool {
        match self.0 {}
    }
}

impl<M: Machine> Machine for Tls<M> {
    type Event = M::Event;
    type Error = TlsFailure<M::Error>;

    fn inbound(&mut self) -> &mut BytesMut {
        match self.0 {}
    }

    fn handle_read(&mut self, _n: usize, _now: Instant) {
        match self.0 {}
    }

    fn outbound(&mut self) -> &mut Outbound {
        match self.0 {}
    }

    fn handle_write(&mut self, _n: usize, _now: Instant) {
        match self.0 {}
    }

    fn handle_error(&mut self, _error: TransportError, _now: Instant) {
        match self.0 {}
    }

    fn poll_event(&mut self) -> Result<Option<M::Event>, TlsFailure<M::Error>> {
        match self.0 {}
    }

    fn poll_timeout(&self) -> Option<Instant> {
        match self.0 {}
    }

    fn handle_timeout(&mut self, _now: Instant) {
        match self.0 {}
    }
}

impl fmt::Display for TlsError {
    fn fmt(&self, _: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {}
    }
}

impl error::Error for TlsError {}

impl fmt::Display for TlsConfigError {
    fn fmt(&self, _: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {}
    }
}

impl error::Error for TlsConfigError {}
