//! A server behind a trusted proxy: the client's address, and the limit to which that client counts.

use std::net::SocketAddr;

use ws_core::Request;
use ws_core::bytes::{Bytes, BytesMut};

use crate::error::AcceptError;
use crate::options::{AcceptOptions, ClientKey};
use crate::refusal::{refusal, too_many};
use crate::system::shutdown::Admission;
use crate::trusted_proxy::{ProxyHeader, TrustedProxy, TrustedProxyError};

#[derive(Debug)]
pub(super) struct Front {
    proxy: TrustedProxy,
    state: FrontState,
    /// The client, as far as the header of the PROXY protocol tells.
    client: Option<SocketAddr>,
    /// The hook of the limit, if there is one.
    key: Option<ClientKey>,
    admission: Option<Admission>,
    /// Whether an answer in the clear is of use.
    is_plain: bool,
}

#[derive(Debug)]
enum FrontState {
    /// The header of the PROXY protocol is read.
    Header(ProxyHeader),
    /// The header is wrong, or the client is over its limit. All that comes is dropped.
    Failed(Option<AcceptError>, BytesMut),
    /// The machine behind it reads.
    Passed,
}

impl Front {
    pub(super) fn new(proxy: TrustedProxy, options: &AcceptOptions) -> Self {
        let state = match proxy {
            TrustedProxy::ProxyProtocol => FrontState::Header(ProxyHeader::default()),
            _ => FrontState::Passed,
        };
        let key = options.key().cloned();
        let is_plain = options.acceptor().is_none();
        Self { proxy, state, client: None, key, admission: None, is_plain }
    }

    /// The client counts to this limit.
    pub(super) fn count(&mut self, admission: Admission) {
        self.admission = Some(admission);
    }

    /// Whether the bytes that come do not belong to the machine behind it.
    pub(super) fn is_reading(&self) -> bool {
        !matches!(self.state, FrontState::Passed)
    }

    /// Whether there is no way to the machine behind it.
    pub(super) fn has_failed(&self) -> bool {
        matches!(self.state, FrontState::Failed(..))
    }

    /// The buffer of the bytes that do not belong to the machine behind it, while there may be some.
    pub(super) fn inbound(&mut self) -> Option<&mut BytesMut> {
        match &mut self.state {
            FrontState::Header(header) => Some(&mut header.buffer),
            FrontState::Failed(_, buffer) => Some(buffer),
            FrontState::Passed => None,
        }
    }

    /// Looks at the bytes in [`inbound`](Self::inbound). Gives those behind the header, once it is there.
    pub(super) fn handle_read(&mut self) -> Option<BytesMut> {
        let header = match &mut self.state {
            FrontState::Header(header) => header,
            FrontState::Failed(_, buffer) => {
                buffer.clear();
                return None;
            }
            FrontState::Passed => return None,
        };
        let read = match header.poll() {
            Ok(None) => return None,
            Ok(Some(client)) => {
                let rest = std::mem::take(&mut header.buffer);
                self.client = client;
                self.admit().map(|()| rest)
            }
            Err(error) => Err(AcceptError::TrustedProxy(error)),
        };
        match read {
            Ok(rest) => {
                self.state = FrontState::Passed;
                Some(rest)
            }
            Err(error) => {
                self.state = FrontState::Failed(Some(error), BytesMut::new());
                None
            }
        }
    }

    /// The failure, once, and the answer to it, if the client can read one.
    pub(super) fn take_failure(&mut self) -> Option<(AcceptError, Option<Bytes>)> {
        let FrontState::Failed(error, _) = &mut self.state else { return None };
        let error = error.take()?;
        let answer = self.is_plain.then(|| match &error {
            AcceptError::ClientLimit { .. } => too_many(),
            error => refusal(400, format!("{error}\n")),
        });
        Some((error, answer))
    }

    /// The client of a request. `None` if the proxy does not know it.
    pub(super) fn client_of(&mut self, request: &Request) -> Result<Option<SocketAddr>, AcceptError> {
        if self.proxy != TrustedProxy::ProxyProtocol {
            let found: Result<_, TrustedProxyError> = self.proxy.client_of(request);
            self.client = found.map_err(AcceptError::TrustedProxy)?;
            self.admit()?;
        }
        Ok(self.client)
    }

    fn admit(&self) -> Result<(), AcceptError> {
        match (self.client, &self.key, &self.admission) {
            (Some(client), Some(key), Some(admission)) if !key.admit(admission, client.ip()) => {
                Err(AcceptError::ClientLimit { client: client.ip(), limit: admission.limit() })
            }
            _ => Ok(()),
        }
    }
}
