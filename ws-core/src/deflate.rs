//! The extension permessage-deflate (RFC 7692).

mod compress;
mod inflate;
mod inflate_turn;
mod negotiation;
mod parameters;
mod settings;

pub(crate) use compress::Compressor;
pub(crate) use inflate::Inflater;
pub(crate) use inflate_turn::{InflateProgress, InflateTurn};
pub use negotiation::NegotiatedDeflate;
pub use settings::Deflate;
pub(crate) use settings::DeflateChoice;

/// The name of the extension (RFC 7692 §9.1).
const NAME: &str = "permessage-deflate";

/// What a compressed message loses at its end before it is sent: the length of an empty block without compression
/// (RFC 7692 §7.2.1).
const TAIL: [u8; 4] = [0x00, 0x00, 0xFF, 0xFF];
