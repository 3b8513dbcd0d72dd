//! What a user can ask of, and say to, permessage-deflate.

use crate::deflate::NegotiatedDeflate;

use super::Connection;

impl Connection {
    /// What the two ends have agreed on about compression; `None` if they do not compress.
    pub fn deflate(&self) -> Option<NegotiatedDeflate> {
        self.send.compressor().map(|compressor| compressor.negotiated())
    }

    /// The same connection with compression, as the opening handshake agreed that was
    /// [done elsewhere](Self::after_handshake), by [`Deflate::accept`](crate::Deflate::accept) or
    /// [`Deflate::confirm`](crate::Deflate::confirm). To be called before anything is sent or received.
    #[must_use]
    pub fn with_deflate(mut self, deflate: NegotiatedDeflate) -> Self {
        self.use_deflate(&deflate);
        self
    }

    /// Whether messages are compressed that are sent, or begun, from now on. Default: yes, where it was negotiated; where it was not,
    /// this does nothing. Compressed messages and others may follow each other in any order.
    ///
    /// For what is compressed already, and for secrets next to what an attacker can choose.
    pub fn compress(&mut self, wanted: bool) {
        if let Some(compressor) = self.send.compressor_mut() {
            compressor.set_wanted(wanted);
        }
    }

    /// Gives back the memory for compressing, of which [`Deflate`](crate::Deflate) says how much it is, for a connection that
    /// sends nothing for a while. Legal at any time: the next compressed message refers to none before it, and is larger for
    /// that. What inflating takes must be kept with context takeover, since it is the peer who refers.
    pub fn release_compressor(&mut self) {
        if let Some(compressor) = self.send.compressor_mut() {
            compressor.release();
        }
    }
}
