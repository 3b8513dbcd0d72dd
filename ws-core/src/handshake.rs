//! The opening handshake (RFC 6455 §4).

mod body;
mod client;
mod error;
mod headers;
mod http;
mod origin;
mod reject;
mod request;
mod server;

#[doc(hidden)]
pub use body::ResponseBody;
pub use client::ClientHandshake;
pub use error::{HandshakeError, InvalidHeader, Rejected, RequestError, ResponseError};
pub use headers::Headers;
#[doc(hidden)]
pub use http::{HeadError, ResponseHead};
pub use http::{Request, Response};
pub use origin::Origins;
pub use reject::Reject;
pub use request::ClientRequest;
pub use server::{Accept, ServerHandshake};

use alloc::string::String;

use base64::Engine as _;
use base64::alphabet;
use base64::engine::general_purpose::{GeneralPurpose, PAD, STANDARD as BASE64};
use sha1::{Digest, Sha1};

/// The largest head of a request or a response, in bytes.
const MAX_HEAD: usize = 16 * 1024;
/// The largest number of headers in a head.
const MAX_HEADERS: usize = 100;

/// RFC 6455 §4.2.2: what a server answers to a `Sec-WebSocket-Key`.
fn accept_key(key: &str) -> String {
    let mut sha1 = Sha1::new();
    sha1.update(key.as_bytes());
    sha1.update(b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11");
    BASE64.encode(sha1.finalize())
}

/// A fresh `Sec-WebSocket-Key`: 16 random bytes (RFC 6455 §4.1).
fn new_key(random: &mut crate::random::Random) -> String {
    BASE64.encode(random.array::<16>())
}

/// A decoder that does not look at the bits beyond the last byte. Some clients do not set them to zero.
const LENIENT: GeneralPurpose =
    GeneralPurpose::new(&alphabet::STANDARD, PAD.with_decode_allow_trailing_bits(true));

/// RFC 6455 §4.2.1: the key is 16 bytes in base64.
fn is_key(key: &str) -> bool {
    key.len() == 24 && LENIENT.decode(key).is_ok_and(|bytes| bytes.len() == 16)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rfc_6455_section_1_3_accept_key() {
        assert_eq!(accept_key("dGhlIHNhbXBsZSBub25jZQ=="), "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
    }

    #[test]
    fn a_key_is_16_bytes() {
        for (key, expected) in [
            ("dGhlIHNhbXBsZSBub25jZQ==", true),
            ("dGhlIHNhbXBsZSBub25jZR==", true),
            ("dGhlIHNhbXBsZSBub25jZQ", false),
            ("dGhlIHNhbXBsZSBub25j", false),
            ("dGhlIHNhbXBsZSBub25jZTE=", false),
            ("!GhlIHNhbXBsZSBub25jZQ==", false),
            ("", false),
        ] {
            assert_eq!(is_key(key), expected, "{key:?}");
        }
    }
}
