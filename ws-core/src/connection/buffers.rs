//! The bytes of a connection whose transport goes on without it.

use bytes::{Buf, Bytes};

use super::Connection;

impl Connection {
    /// Ends this machine, and returns the bytes that it holds: the bytes that were read and not yet taken, and queued bytes that were not
    /// written.
    ///
    /// - **Read** bytes begin with the frame behind the last message that was handed out, unless the connection is
    ///   [within a frame](Self::is_within_frame). Bytes of an incomplete message may be missing. Messages that were [read ahead](Self::read_ahead) are missing. Bytes behind the peer's Close frame or a
    ///   violation were dropped (RFC 6455 §5.5.1 and §7.1.7).
    /// - **Unsent** bytes are frames as they go over the wire, behind the rest of the opening handshake. The first frame lacks the bytes
    ///   that were written. Bytes that were
    ///   [taken out](crate::Outbound::take_out) are not among them.
    ///
    /// ```
    /// use ws_core::{Config, Connection, Instant, Machine, Random, Role};
    ///
    /// let (config, random) = (Config::default(), Random::from_seed([0; 32]));
    /// let mut server = Connection::after_handshake(Role::Server, &config, random, Default::default(), Instant::EPOCH);
    /// server.send("unsent")?;
    /// let (read, unsent) = server.into_buffers();
    /// assert!(read.is_empty());
    /// assert_eq!(unsent, &b"\x81\x06unsent"[..]);
    /// # Ok::<(), ws_core::SendError>(())
    /// ```
    pub fn into_buffers(mut self) -> (Bytes, Bytes) {
        let read = core::mem::take(self.inbound.buffer()).freeze();
        let unsent = self.outbound.copy_to_bytes(self.outbound.remaining());
        (read, unsent)
    }

    /// Whether the beginning of a frame was taken from the bytes that were read, and the rest of that frame was not. Then the next bytes
    /// are payload, without their header and its key.
    pub fn is_within_frame(&self) -> bool {
        self.receive.is_within_frame()
    }
}
