//! The answer of an HTTP proxy that does not connect.

use std::fmt;

use ws_core::Response;
use ws_core::bytes::Bytes;
use ws_core::redacted::{Length, Uri, body_words, words};

/// The answer of an HTTP proxy that did not connect to the target.
///
/// `Display` is one line for a log: the status, its reason phrase, the `Location` of a redirect without query and credentials, a remedy,
/// and up to 80 characters of the body, which are the proxy's words to the reader. `Debug` shows no value of a header field, and the
/// length of the body.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct ProxyRefusal {
    /// Its response.
    pub response: Response,
    /// The beginning of the response's body: up to 16 KiB of it, as far as they came within a second.
    pub body: Bytes,
}

impl ProxyRefusal {
    pub(crate) fn new(response: Response, body: Bytes) -> Box<Self> {
        Box::new(Self { response, body })
    }

    /// The proxy's words to the reader.
    pub(super) fn write_body(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let said = body_words(&self.body);
        if said.is_empty() { Ok(()) } else { write!(f, "; it says: {said}") }
    }
}

impl fmt::Display for ProxyRefusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let response = &self.response;
        write!(f, "the proxy did not connect, but answered {}", response.status())?;
        let reason = words(response.reason());
        if !reason.is_empty() {
            write!(f, " {reason}")?;
        }
        if let Some(location) = response.headers().get("Location") {
            write!(f, ", with a redirect to {:?}", Uri(location))?;
        }
        f.write_str(match response.status() {
            // Some proxies say this of credentials that are wrong, in place of 407.
            401 => "; check user name and password in its URL",
            403 | 405 => "; does it allow CONNECT to this host and port?",
            400 | 404 | 501 => "; is it a proxy?",
            502..=504 => "; it could not reach the target",
            _ => "",
        })?;
        self.write_body(f)
    }
}

impl fmt::Debug for ProxyRefusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ProxyRefusal")
            .field("response", &self.response)
            .field("body", &Length(self.body.len()))
            .finish()
    }
}
