//! What a client asks for.

use alloc::string::String;
use alloc::vec::Vec;

use super::error::InvalidHeader;
use super::headers::{Headers, write_field};
use crate::redacted::{Subprotocols, Uri};
use crate::token::is_token;

/// The opening handshake that a client sends (RFC 6455 §4.1), except for its key, which is fresh each time.
///
/// ```
/// use ws_core::ClientRequest;
///
/// let request = ClientRequest::new("example.com", "/feed?since=0")?
///     .header("Cookie", "session=1")?
///     .subprotocol("chat.v2")?;
/// # Ok::<(), ws_core::InvalidHeader>(())
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct ClientRequest {
    host: String,
    target: String,
    headers: Headers,
    pub(super) subprotocols: Vec<String>,
    pub(super) require_subprotocol: bool,
}

impl ClientRequest {
    /// A request for `target`, a path with an optional query, at `host`, a name or an address (IPv6 in brackets) with the
    /// port unless it is the scheme's default.
    pub fn new(host: &str, target: &str) -> Result<Self, InvalidHeader> {
        let invalid = |name: &str, reason| InvalidHeader { name: name.into(), reason };
        if host.is_empty() || !host.bytes().all(|byte| byte.is_ascii_graphic() && !b"/?#@\\".contains(&byte))
        {
            return Err(invalid("Host", "it is not a host with an optional port"));
        }
        if !target.starts_with('/') || !target.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'#') {
            return Err(invalid("request target", "it is not a path with an optional query"));
        }
        Ok(Self {
            host: host.into(),
            target: target.into(),
            headers: Headers::default(),
            subprotocols: Vec::new(),
            require_subprotocol: false,
        })
    }

    /// Adds a header field. Fields are sent in the order in which they are added, after those of the handshake.
    ///
    /// An error for a name or value that is not legal, for what the handshake itself sets, for what would announce a
    /// body, and for a second `Host`, `Origin` or `Authorization`. A `Host` replaces the one from [`new`](Self::new).
    pub fn header(mut self, name: &str, value: &str) -> Result<Self, InvalidHeader> {
        self.headers.push(name, value)?;
        Ok(self)
    }

    /// The same request for another resource, as after a redirect. `keep` is asked about each header field by its name, about the
    /// subprotocols as `Sec-WebSocket-Protocol`.
    ///
    /// An error if the subprotocols do not go along although one is required: no response could meet that.
    pub fn redirected(
        &self,
        host: &str,
        target: &str,
        keep: impl Fn(&str) -> bool,
    ) -> Result<Self, InvalidHeader> {
        let mut request = Self::new(host, target)?;
        for (name, value) in self.headers.iter().filter(|(name, _)| keep(name)) {
            request = request.header(name, value)?;
        }
        if keep("Sec-WebSocket-Protocol") {
            request.subprotocols.clone_from(&self.subprotocols);
        }
        request.require_subprotocol = self.require_subprotocol;
        request.check()?;
        Ok(request)
    }

    /// Checks the settings together.
    ///
    /// An error if a subprotocol is [required](Self::require_subprotocol) and none is offered: no response could meet that.
    pub fn check(&self) -> Result<(), InvalidHeader> {
        if self.require_subprotocol && self.subprotocols.is_empty() {
            let (name, reason) = ("Sec-WebSocket-Protocol", "a subprotocol is required, but none is offered");
            return Err(InvalidHeader { name: name.into(), reason });
        }
        Ok(())
    }

    /// Sets `Origin`, as a browser does for the page that connects. It replaces an `Origin` that was set before.
    pub fn origin(mut self, origin: &str) -> Result<Self, InvalidHeader> {
        self.headers.remove("Origin");
        self.header("Origin", origin)
    }

    /// Offers a subprotocol, in order of preference.
    pub fn subprotocol(mut self, name: &str) -> Result<Self, InvalidHeader> {
        let invalid = |reason| InvalidHeader { name: "Sec-WebSocket-Protocol".into(), reason };
        if !is_token(name) {
            return Err(invalid("a subprotocol is a token"));
        }
        // RFC 6455 §4.1: the elements MUST all be unique strings.
        if self.subprotocols.iter().any(|other| other == name) {
            return Err(invalid("this subprotocol is offered already"));
        }
        self.subprotocols.push(name.into());
        Ok(self)
    }

    /// Whether a response that chooses none of the subprotocols is an error. Default: no. [`check`](Self::check) fails if none is offered.
    #[must_use]
    pub fn require_subprotocol(mut self, required: bool) -> Self {
        self.require_subprotocol = required;
        self
    }

    /// What is sent, with this `Sec-WebSocket-Key` and these offers of extensions.
    pub(super) fn write(&self, head: &mut Vec<u8>, key: &str, extensions: Option<&str>) {
        head.extend_from_slice(b"GET ");
        head.extend_from_slice(self.target.as_bytes());
        head.extend_from_slice(b" HTTP/1.1\r\n");
        if self.headers.get("Host").is_none() {
            write_field(head, "Host", &self.host);
        }
        write_field(head, "Upgrade", "websocket");
        write_field(head, "Connection", "Upgrade");
        write_field(head, "Sec-WebSocket-Key", key);
        write_field(head, "Sec-WebSocket-Version", "13");
        if !self.subprotocols.is_empty() {
            write_field(head, "Sec-WebSocket-Protocol", &self.subprotocols.join(", "));
        }
        if let Some(extensions) = extensions {
            write_field(head, "Sec-WebSocket-Extensions", extensions);
        }
        self.headers.write(head);
        head.extend_from_slice(b"\r\n");
    }
}

/// Shows no values of headers, no query, and eight characters of a subprotocol: they hold credentials.
impl core::fmt::Debug for ClientRequest {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("ClientRequest")
            .field("host", &self.host)
            .field("target", &Uri(&self.target))
            .field("headers", &self.headers)
            .field("subprotocols", &Subprotocols(&self.subprotocols))
            .finish()
    }
}
