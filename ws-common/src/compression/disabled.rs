//! A build that does not compress.

use ws_core::{Config, Connection};

pub(crate) fn offered(config: Config) -> Config {
    config
}

#[derive(Clone, Copy, Default)]
pub(crate) struct Compressed(());

impl Compressed {
    pub(crate) fn apply(self, _connection: &mut Connection) {}
}
