//! A build that compresses.

use ws_core::{Config, Connection, Deflate};

/// Settings of a client that offers compression unless its user has chosen.
pub(crate) fn offered(config: Config) -> Config {
    config.deflate_unless_set(Deflate::default())
}

/// Whether a message is to be compressed, on whichever connection it is sent. Default: yes.
#[derive(Clone, Copy)]
pub(crate) struct Compressed(bool);

impl Default for Compressed {
    fn default() -> Self {
        Self(true)
    }
}

impl Compressed {
    /// For a message that is never compressed.
    pub(crate) fn never() -> Self {
        Self(false)
    }

    pub(crate) fn set(&mut self, wanted: bool) {
        self.0 = wanted;
    }

    /// Sets the connection to it for the messages to come.
    pub(crate) fn apply(self, connection: &mut Connection) {
        connection.compress(self.0);
    }
}
