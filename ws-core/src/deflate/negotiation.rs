//! How the two ends agree (RFC 7692 §5 and §7.1).

use core::fmt;

use crate::extensions::{self, Extension, InvalidExtension};
use crate::frame::Role;

use super::parameters::{
    CLIENT_MAX_WINDOW_BITS, ClientBits, Parameters, SERVER_MAX_WINDOW_BITS, SERVER_NO_CONTEXT_TAKEOVER,
};
use super::settings::MAX_BITS;
use super::{Compressor, Deflate, Inflater, NAME};

/// What two ends have agreed on. As text it is the server's response.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct NegotiatedDeflate {
    /// What the response says.
    /// Invariant: `client_max_window_bits`, if it is there, has a value.
    agreed: Parameters,
    /// Our own settings; where we want less than was agreed for our side, they hold.
    own: Deflate,
}

impl NegotiatedDeflate {
    /// Whether the server may refer to earlier messages when it compresses.
    pub fn server_context_takeover(&self) -> bool {
        !self.agreed.server_no_context_takeover
    }

    /// Whether the client may refer to earlier messages when it compresses.
    pub fn client_context_takeover(&self) -> bool {
        !self.agreed.client_no_context_takeover
    }

    /// How far back, as a power of two of bytes, the server may refer.
    pub fn server_max_window_bits(&self) -> u8 {
        self.agreed.server_max_window_bits.unwrap_or(MAX_BITS)
    }

    /// How far back, as a power of two of bytes, the client may refer.
    pub fn client_max_window_bits(&self) -> u8 {
        match self.agreed.client_max_window_bits {
            Some(ClientBits::AtMost(bits)) => bits,
            Some(ClientBits::Any) | None => MAX_BITS,
        }
    }

    pub(crate) fn compressor(&self, role: Role) -> Compressor {
        let (bits, takeover) = match role {
            Role::Server => (self.server_max_window_bits(), self.server_context_takeover()),
            // What a client says of itself in an offer is a promise, whatever is answered (RFC 7692 §7.1.1.2, §7.1.2.2).
            Role::Client => (
                self.client_max_window_bits().min(self.own.client_max_window_bits.unwrap_or(MAX_BITS)),
                self.client_context_takeover() && self.own.client_context_takeover,
            ),
        };
        Compressor::new(*self, bits, takeover, &self.own)
    }

    pub(crate) fn inflater(&self, role: Role) -> Inflater {
        match role {
            Role::Server => {
                Inflater::new(self.client_max_window_bits(), self.client_context_takeover(), false)
            }
            Role::Client => {
                let is_wish_unmet = self.is_wish_unmet();
                Inflater::new(self.server_max_window_bits(), self.server_context_takeover(), is_wish_unmet)
            }
        }
    }

    /// Whether the server did not agree to what the client has asked of it.
    fn is_wish_unmet(&self) -> bool {
        self.server_max_window_bits() > self.own.server_max_window_bits
            || (self.server_context_takeover() && !self.own.server_context_takeover)
    }
}

impl fmt::Display for NegotiatedDeflate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.agreed.fmt(f)
    }
}

impl Deflate {
    /// What a server answers to the values of all `Sec-WebSocket-Extensions` fields of a request: the first offer that
    /// fits these settings; `None` if none does. An offer with parameters that are not legal is passed over.
    ///
    /// An error if a value is not a list of extensions: then the handshake fails (RFC 6455 §9.1).
    ///
    /// [`ServerHandshake`](crate::ServerHandshake) does this by itself.
    pub fn accept<'a>(
        &self,
        offers: impl IntoIterator<Item = &'a str>,
    ) -> Result<Option<NegotiatedDeflate>, InvalidExtension> {
        let extensions = extensions::parse(offers).map_err(|_| malformed())?;
        let offers = extensions.iter().filter(|extension| extension.name == NAME);
        // RFC 7692 §5: elements listed first are preferred by the client.
        Ok(offers.filter_map(|offer| Parameters::try_from(offer).ok()).find_map(|offer| self.answer(offer)))
    }

    /// RFC 7692 §7.1: the answer to one offer; `None` declines it.
    fn answer(&self, offer: Parameters) -> Option<NegotiatedDeflate> {
        let own_bits = self.server_max_window_bits;
        // §7.1.2.1: an offered limit is accepted with the same or a smaller one; without, a server may limit itself.
        let server_bits = match offer.server_max_window_bits {
            Some(bits) => Some(bits.min(own_bits)),
            None => Some(own_bits).filter(|bits| *bits < MAX_BITS),
        };
        // §7.1.2.2: without the parameter in the offer, the client must not be limited.
        let own_bits = self.client_max_window_bits.unwrap_or(MAX_BITS);
        let client_bits = match offer.client_max_window_bits {
            None if own_bits < MAX_BITS => return None,
            None => MAX_BITS,
            Some(ClientBits::Any) => own_bits,
            Some(ClientBits::AtMost(bits)) => bits.min(own_bits),
        };
        let agreed = Parameters {
            server_no_context_takeover: offer.server_no_context_takeover || !self.server_context_takeover,
            client_no_context_takeover: offer.client_no_context_takeover || !self.client_context_takeover,
            server_max_window_bits: server_bits,
            client_max_window_bits: (client_bits < MAX_BITS).then_some(ClientBits::AtMost(client_bits)),
        };
        Some(NegotiatedDeflate { agreed, own: *self })
    }

    /// What a client makes of the values of all `Sec-WebSocket-Extensions` fields of a response to this offer. `None` if
    /// there are none: the server declines. An error if the response is not legal, or not an answer to the offer: then
    /// the handshake fails (RFC 7692 §7.1).
    ///
    /// [`ClientHandshake`](crate::ClientHandshake) does this by itself.
    pub fn confirm<'a>(
        &self,
        response: impl IntoIterator<Item = &'a str>,
    ) -> Result<Option<NegotiatedDeflate>, InvalidExtension> {
        let extensions = extensions::parse(response).map_err(|_| malformed())?;
        self.confirm_parsed(&extensions)
    }

    fn confirm_parsed(
        &self,
        extensions: &[Extension],
    ) -> Result<Option<NegotiatedDeflate>, InvalidExtension> {
        if let Some(other) = extensions.iter().find(|extension| extension.name != NAME) {
            return Err(InvalidExtension::new(&other.name, "this extension was not offered"));
        }
        match extensions {
            [] => Ok(None),
            [extension] => self.check(Parameters::try_from(extension)?).map(Some),
            _ => Err(InvalidExtension::new(NAME, "it is there twice")),
        }
    }

    fn check(&self, response: Parameters) -> Result<NegotiatedDeflate, InvalidExtension> {
        let offer = self.offer();
        // §7.1.1.1 and §7.1.2.1 let a server accept an offer with these parameters only by repeating them. Many servers accept it without,
        // so what they do not repeat was a wish.
        if offer.server_no_context_takeover
            && !response.server_no_context_takeover
            && self.requires_no_context_takeover
        {
            return Err(InvalidExtension::missing(
                SERVER_NO_CONTEXT_TAKEOVER,
                "`require_server_no_context_takeover` is set",
            ));
        }
        if let Some(offered) = offer.server_max_window_bits.filter(|_| self.requires_window_bits) {
            const REQUIRED: &str = "it is more than was offered, and `require_server_max_window_bits` is set";
            match response.server_max_window_bits {
                None => {
                    return Err(InvalidExtension::missing(
                        SERVER_MAX_WINDOW_BITS,
                        "`require_server_max_window_bits` is set",
                    ));
                }
                Some(bits) if bits > offered => {
                    return Err(InvalidExtension::bits(SERVER_MAX_WINDOW_BITS, bits, REQUIRED));
                }
                Some(_) => {}
            }
        }
        // §7.1.2.2: in a response it needs a value, and must not be there unless it was offered.
        match (self.client_max_window_bits, response.client_max_window_bits) {
            (_, None) => {}
            (_, Some(ClientBits::Any)) => {
                return Err(InvalidExtension::new(CLIENT_MAX_WINDOW_BITS, "it needs a value in a response"));
            }
            (None, Some(ClientBits::AtMost(bits))) => {
                return Err(InvalidExtension::bits(CLIENT_MAX_WINDOW_BITS, bits, "it was not offered"));
            }
            (Some(offered), Some(ClientBits::AtMost(bits))) if bits > offered => {
                return Err(InvalidExtension::bits(
                    CLIENT_MAX_WINDOW_BITS,
                    bits,
                    "it is more than was offered",
                ));
            }
            (Some(_), Some(ClientBits::AtMost(_))) => {}
        }
        Ok(NegotiatedDeflate { agreed: response, own: *self })
    }
}

fn malformed() -> InvalidExtension {
    InvalidExtension::new("Sec-WebSocket-Extensions", "it is not a list of extensions")
}
