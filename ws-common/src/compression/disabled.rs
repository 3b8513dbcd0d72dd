//! A build that does not compress.

use ws_core::{Config, Connection};

pub(crate) fn offered(config: Config) -> Config {
    config
}

#[derive(Clone, Copy, Default)]
pub(crate) struct Compressed(());

impl Compressed {
    /// For a message that is never compressed.
    pub(crate) fn never() -> Self {
        Self(())
    }

    pub(crate) fn apply(self, _connection: &mut Connection) {}
}
