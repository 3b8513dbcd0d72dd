//! What a user can set on permessage-deflate.

use core::fmt;
use core::str::FromStr;

use crate::extensions::{self, Extension, InvalidExtension};

use super::NAME;
use super::parameters::{ClientBits, Parameters};

/// Largest window, in bits, and what holds where none is named (RFC 7692 §7.1.2).
pub(super) const MAX_BITS: u8 = 15;

/// The settings of compression by permessage-deflate (RFC 7692): a client offers them, a server accepts offers that fit
/// them. It takes effect by [`Config::deflate`](crate::Config::deflate).
///
/// As text it is the offer, so that a command line can take it; `level` and `min_size` are no part of it.
///
/// ```
/// use ws_core::{Config, Deflate};
///
/// let deflate: Deflate = "permessage-deflate; client_max_window_bits=12".parse()?;
/// assert_eq!(deflate, Deflate::default().client_max_window_bits(12));
/// let config = Config::default().deflate(deflate.level(1));
/// # Ok::<(), ws_core::InvalidExtension>(())
/// ```
///
/// Memory: nothing before the first compressed message. Then, in bytes, receiving takes 47 616 and a copy of the window
/// (2 to the power of its bits, at least 4096); sending takes about 251 000 for windows of up to 10 bits, 265 000 for 12,
/// 314 000 for 14 and 380 000 for 15. Without context takeover this is given back after each message (with the feature `std`,
/// each thread keeps what the last one took to send, for the next one of any connection); with it, what sending takes is given
/// back by [`Connection::release_compressor`](crate::Connection::release_compressor).
///
/// Secrets: a compressed message is shorter if a text in it repeats a secret that the same window holds. An attacker who chooses a part of the
/// messages and sees their lengths can guess the secret in this way. So a client never compresses the messages of its opening phase
/// (`on_open`, `send_now`), and [`Connection::compress`](crate::Connection::compress) excepts other messages.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Deflate {
    pub(super) server_context_takeover: bool,
    pub(super) client_context_takeover: bool,
    pub(super) server_max_window_bits: u8,
    /// `None` is not to be named in an offer.
    pub(super) client_max_window_bits: Option<u8>,
    pub(super) level: u8,
    pub(super) min_size: usize,
    pub(super) requires_no_context_takeover: bool,
    pub(super) requires_window_bits: bool,
}

impl Default for Deflate {
    fn default() -> Self {
        Self {
            server_context_takeover: true,
            client_context_takeover: true,
            server_max_window_bits: MAX_BITS,
            client_max_window_bits: Some(MAX_BITS),
            level: 6,
            min_size: 64,
            requires_no_context_takeover: false,
            requires_window_bits: false,
        }
    }
}

impl Deflate {
    /// Whether the server may refer to earlier messages when it compresses: smaller messages, and memory at both ends for
    /// as long as the connection lasts. Default: yes. A server that says no does not.
    ///
    /// A client that says no asks the server not to. That is a wish: many servers do not answer it, and the client then inflates with
    /// context takeover. [`require_server_no_context_takeover`](Self::require_server_no_context_takeover) makes it a condition.
    #[must_use]
    pub fn server_context_takeover(mut self, allowed: bool) -> Self {
        self.server_context_takeover = allowed;
        self
    }

    /// Whether the client may refer to earlier messages when it compresses. Default: yes. A client that says no does not,
    /// and tells the server so; a server that says no forbids it.
    #[must_use]
    pub fn client_context_takeover(mut self, allowed: bool) -> Self {
        self.client_context_takeover = allowed;
        self
    }

    /// How far back, as a power of two of bytes, the server may refer: 8 to 15, the nearest of which is taken. Default: 15.
    /// A server keeps to it.
    ///
    /// A client that says less asks the server for it. That is a wish: many servers do not answer it, and the client then inflates with
    /// the window that the server has, of up to 15 bits.
    /// [`require_server_max_window_bits`](Self::require_server_max_window_bits) makes it a condition.
    #[must_use]
    pub fn server_max_window_bits(mut self, bits: u8) -> Self {
        self.server_max_window_bits = bits.clamp(8, MAX_BITS);
        self
    }

    /// How far back, as a power of two of bytes, the client may refer: 8 to 15, the nearest of which is taken. Default: 15.
    /// A client keeps to it, and offers the server to ask for less; `None` does not offer that. A server that says less
    /// than 15 imposes it, and declines offers of clients that do not let it.
    #[must_use]
    pub fn client_max_window_bits(mut self, bits: impl Into<Option<u8>>) -> Self {
        self.client_max_window_bits = bits.into().map(|bits| bits.clamp(8, MAX_BITS));
        self
    }

    /// How hard to compress: from 1, the fastest, to 9, the smallest; 0 does not compress. The nearest is taken.
    /// Default: 6, as nearly everywhere; 1 takes a third of its time on small messages and makes them a fifth larger.
    #[must_use]
    pub fn level(mut self, level: u8) -> Self {
        self.level = level.min(9);
        self
    }

    /// A message with a payload of fewer bytes is sent uncompressed. Default: 64. Below that, a message without those before
    /// it does not become smaller, and in any case it is outweighed by the headers of its packet. Messages that are
    /// sent in fragments are compressed whatever their size, which is not known when they begin.
    #[must_use]
    pub fn min_size(mut self, bytes: usize) -> Self {
        self.min_size = bytes;
        self
    }

    /// Whether a client fails the handshake if the server does not agree to
    /// [`server_context_takeover(false)`](Self::server_context_takeover). Default: no. A server ignores it.
    #[must_use]
    pub fn require_server_no_context_takeover(mut self, required: bool) -> Self {
        self.requires_no_context_takeover = required;
        self
    }

    /// Whether a client fails the handshake if the server does not agree to
    /// [`server_max_window_bits`](Self::server_max_window_bits), or to fewer bits. Default: no. A server ignores it.
    #[must_use]
    pub fn require_server_max_window_bits(mut self, required: bool) -> Self {
        self.requires_window_bits = required;
        self
    }

    /// The parameters of the offer that ask something of the server, and the settings that bring them, if there are any. Some servers
    /// answer them with 400.
    pub(crate) fn wishes(&self) -> Option<[&'static str; 2]> {
        match (!self.server_context_takeover, self.server_max_window_bits < MAX_BITS) {
            (false, false) => None,
            (true, false) => Some(["server_no_context_takeover", "`server_context_takeover(false)`"]),
            (false, true) => Some(["server_max_window_bits", "`server_max_window_bits`"]),
            (true, true) => Some([
                "server_no_context_takeover and server_max_window_bits",
                "`server_context_takeover(false)` and `server_max_window_bits`",
            ]),
        }
    }

    /// What a client offers.
    pub(super) fn offer(&self) -> Parameters {
        Parameters {
            server_no_context_takeover: !self.server_context_takeover,
            client_no_context_takeover: !self.client_context_takeover,
            server_max_window_bits: Some(self.server_max_window_bits).filter(|bits| *bits < MAX_BITS),
            client_max_window_bits: self.client_max_window_bits.map(|bits| match bits {
                MAX_BITS => ClientBits::Any,
                bits => ClientBits::AtMost(bits),
            }),
        }
    }
}

impl fmt::Display for Deflate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.offer().fmt(f)
    }
}

impl FromStr for Deflate {
    type Err = InvalidExtension;

    fn from_str(text: &str) -> Result<Self, InvalidExtension> {
        let extensions = extensions::parse([text])
            .map_err(|_| InvalidExtension::new(text, "it is not a list of extensions"))?;
        let extension: &Extension = match &extensions[..] {
            [extension] if extension.name == NAME => extension,
            [_] => return Err(InvalidExtension::new(text, "the extension is permessage-deflate")),
            _ => return Err(InvalidExtension::new(text, "it is not one extension")),
        };
        let parameters = Parameters::try_from(extension)?;
        Ok(Self {
            server_context_takeover: !parameters.server_no_context_takeover,
            client_context_takeover: !parameters.client_no_context_takeover,
            server_max_window_bits: parameters.server_max_window_bits.unwrap_or(MAX_BITS),
            client_max_window_bits: parameters.client_max_window_bits.map(|bits| match bits {
                ClientBits::Any => MAX_BITS,
                ClientBits::AtMost(bits) => bits,
            }),
            ..Self::default()
        })
    }
}

/// The compression that a [`Config`](crate::Config) asks for.
#[derive(Clone, Copy, Default, Debug)]
pub(crate) struct DeflateChoice {
    deflate: Option<Deflate>,
    /// The user has chosen, perhaps no compression.
    is_set: bool,
}

impl DeflateChoice {
    pub(crate) fn get(self) -> Option<Deflate> {
        self.deflate
    }

    pub(crate) fn set(&mut self, deflate: Option<Deflate>) {
        *self = Self { deflate, is_set: true };
    }

    pub(crate) fn set_default(&mut self, deflate: Deflate) {
        if !self.is_set {
            self.deflate = Some(deflate);
        }
    }
}
