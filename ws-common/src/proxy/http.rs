//! HTTP proxies: the method CONNECT (RFC 9110 §9.3.6).

use std::time::Duration;
use std::{fmt, mem};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use ws_core::bytes::{Bytes, BytesMut};
use ws_core::{HeadError, Instant, Machine, Outbound, Response, ResponseBody, ResponseHead, TransportError};

use super::error::{ProxyError, ProxyRefusal, ProxyStep};
use super::wire::{Leftover, ProxyConnected, Wire};
use super::{Credentials, check_name};
use crate::target::Host;

/// Time in which the body of a refusal is read, however its length is given.
const BODY_PATIENCE: Duration = Duration::from_secs(1);

/// A client that asks an HTTP proxy for a tunnel to a target, as a [`Machine`]. Its one event is [`ProxyConnected`]; then
/// [`into_leftover`](Self::into_leftover) gives what belongs to the next machine.
///
/// The answer may be of HTTP/1.1 or HTTP/1.0; its head has at most 16 KiB and 100 headers. Any status 2xx is success and has
/// no body, whatever its headers say; interim responses (1xx) are skipped; everything else is an error. The error has the first 16 KiB of
/// the body, as far as they come within a second.
///
/// ```
/// use std::time::Duration;
/// use ws_common::{proxy::{HttpProxy, ProxyConnected}, Target};
/// use ws_core::bytes::Buf;
/// use ws_core::{ClientHandshake, Config, Instant, Machine};
///
/// let target: Target = "ws://example.com/feed".parse()?;
/// let now = Instant::EPOCH;
/// let deadline = now + Duration::from_secs(10);
/// let mut proxy = HttpProxy::new(None, target.host(), target.port(), deadline)?;
///
/// // What the driver of any machine does: write, read, ask.
/// let request = b"CONNECT example.com:80 HTTP/1.1\r\nHost: example.com:80\r\n\r\n";
/// assert_eq!(proxy.outbound().chunk(), request);
/// proxy.handle_write(request.len(), now);
/// let answer = b"HTTP/1.1 200 Connection established\r\n\r\n";
/// proxy.inbound().extend_from_slice(answer);
/// proxy.handle_read(answer.len(), now);
/// assert_eq!(proxy.poll_event()?, Some(ProxyConnected));
///
/// // From now on the transport is the target's.
/// let mut handshake = ClientHandshake::new(&target.request()?, Config::default(), ws_common::system::random()?, deadline);
/// proxy.into_leftover().expect("it is connected").hand_over(&mut handshake, now);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct HttpProxy {
    wire: Wire,
    had_credentials: bool,
    /// Time of the last read or write.
    now: Instant,
    state: HttpProxyState,
}

enum HttpProxyState {
    Head(ResponseHead),
    /// The proxy has refused, and the body may say why.
    Body(Response, ResponseBody),
    /// The proxy has agreed.
    Agreed,
    /// That was reported.
    Connected,
    /// The failure was reported.
    Failed,
}

impl HttpProxy {
    /// Asks for a tunnel to `host` and `port`, the target's, and fails at `deadline`. The request waits in
    /// [`outbound`](Machine::outbound) at once.
    ///
    /// Credentials are sent without being asked for, as `Basic` (RFC 7617), to this proxy only.
    ///
    /// # Errors
    ///
    /// The name cannot stand in a request, or is over 255 bytes; the credentials cannot be told by `Basic`.
    pub fn new(
        credentials: Option<&Credentials>,
        host: &Host,
        port: u16,
        deadline: Instant,
    ) -> Result<Self, ProxyError> {
        let mut wire = Wire::new(deadline);
        wire.send(request(credentials, host, port)?.into_bytes());
        let state = HttpProxyState::Head(ResponseHead::default());
        Ok(Self { wire, had_credentials: credentials.is_some(), now: Instant::EPOCH, state })
    }

    /// What belongs to the next machine, once [`ProxyConnected`] was reported; before that, this one again.
    #[allow(clippy::result_large_err, reason = "the machine is handed back, not reported")]
    pub fn into_leftover(self) -> Result<Leftover, Self> {
        match self.state {
            HttpProxyState::Connected => Ok(self.wire.into_leftover()),
            _ => Err(self),
        }
    }

    fn poll_head(&mut self, mut head: ResponseHead) -> Result<Option<ProxyConnected>, ProxyError> {
        let response = loop {
            match head.take(&mut self.wire.inbound)? {
                // RFC 9110 §15.2: interim responses may come even if they are not expected. 101 is not one of them.
                Some(response) if matches!(response.status(), 100 | 102..=199) => {}
                Some(response) => break response,
                None => {
                    self.wire.check(ProxyStep::Response)?;
                    self.state = HttpProxyState::Head(head);
                    return Ok(None);
                }
            }
        };
        match response.status() {
            200..=299 => self.poll_agreed(),
            // RFC 9110 §6.4.1: a response 1xx has no body.
            101 => Err(self.refused(response, Bytes::new())),
            _ => {
                let body = ResponseBody::of(&response);
                self.wire.deadline = self.wire.deadline.min(self.now + BODY_PATIENCE);
                self.poll_body(response, body)
            }
        }
    }

    fn poll_body(
        &mut self,
        response: Response,
        mut body: ResponseBody,
    ) -> Result<Option<ProxyConnected>, ProxyError> {
        if body.feed(&mut self.wire.inbound) || self.wire.is_over() {
            return Err(self.refused(response, body.into_bytes()));
        }
        self.state = HttpProxyState::Body(response, body);
        Ok(None)
    }

    fn refused(&self, response: Response, body: Bytes) -> ProxyError {
        let (status, refusal) = (response.status(), ProxyRefusal::new(response, body));
        match status {
            407 => ProxyError::AuthenticationRequired { refusal, had_credentials: self.had_credentials },
            _ => ProxyError::Refused(refusal),
        }
    }

    fn poll_agreed(&mut self) -> Result<Option<ProxyConnected>, ProxyError> {
        let is_sent = self.wire.is_sent(ProxyStep::Response)?;
        self.state = if is_sent { HttpProxyState::Connected } else { HttpProxyState::Agreed };
        Ok(is_sent.then_some(ProxyConnected))
    }
}

/// RFC 9110 §9.3.6 and §7.2: the request target is host and port, and `Host` is the same.
fn request(credentials: Option<&Credentials>, host: &Host, port: u16) -> Result<String, ProxyError> {
    if let Host::Name(name) = host {
        check_name(name)?;
    }
    let authorization = match credentials {
        Some(credentials) => {
            credentials.check_basic().map_err(ProxyError::Url)?;
            let pair = [&credentials.user[..], &credentials.password].join(&b':');
            format!("Proxy-Authorization: Basic {}\r\n", BASE64.encode(pair))
        }
        None => String::new(),
    };
    Ok(format!("CONNECT {host}:{port} HTTP/1.1\r\nHost: {host}:{port}\r\n{authorization}\r\n"))
}

impl From<HeadError> for ProxyError {
    fn from(error: HeadError) -> Self {
        match error {
            HeadError::NotHttp(start) => Self::NotHttp(start),
            HeadError::TooLong => Self::HeadTooLong,
            HeadError::TooManyHeaders => Self::TooManyHeaders,
            HeadError::Malformed(what) => Self::Malformed(what),
        }
    }
}

impl Machine for HttpProxy {
    type Event = ProxyConnected;
    type Error = ProxyError;

    fn inbound(&mut self) -> &mut BytesMut {
        &mut self.wire.inbound
    }

    fn handle_read(&mut self, n: usize, now: Instant) {
        self.now = now;
        self.wire.handle_read(n);
    }

    fn outbound(&mut self) -> &mut Outbound {
        &mut self.wire.outbound
    }

    fn handle_write(&mut self, n: usize, now: Instant) {
        self.now = now;
        self.wire.outbound.acknowledge(n);
    }

    fn handle_error(&mut self, error: TransportError, _now: Instant) {
        self.wire.handle_error(error);
    }

    fn poll_event(&mut self) -> Result<Option<ProxyConnected>, ProxyError> {
        match mem::replace(&mut self.state, HttpProxyState::Failed) {
            HttpProxyState::Head(head) => self.poll_head(head),
            HttpProxyState::Body(response, body) => self.poll_body(response, body),
            HttpProxyState::Agreed => self.poll_agreed(),
            settled @ (HttpProxyState::Connected | HttpProxyState::Failed) => {
                self.state = settled;
                Ok(None)
            }
        }
    }

    fn poll_timeout(&self) -> Option<Instant> {
        match self.state {
            HttpProxyState::Head(_) | HttpProxyState::Body(..) | HttpProxyState::Agreed => {
                Some(self.wire.deadline)
            }
            HttpProxyState::Connected | HttpProxyState::Failed => None,
        }
    }

    fn handle_timeout(&mut self, now: Instant) {
        self.wire.handle_timeout(now);
    }
}

/// Shows no credentials, which wait in the outbound bytes.
impl fmt::Debug for HttpProxy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HttpProxy").field("deadline", &self.wire.deadline).finish_non_exhaustive()
    }
}
