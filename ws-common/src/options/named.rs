//! Settings of a connection that were made by name.

use std::time::Duration;

use ws_core::Config;

/// A [`Config`], and those of its settings that were made by name. A setting made by name wins over the same setting inside a `Config`,
/// in whichever order they were made; of two that were made by name, the last wins.
#[derive(Clone, Debug, Default)]
pub(crate) struct NamedConfig {
    /// Invariant: it has the settings below, where there are any.
    config: Config,
    ping_interval: Option<Option<Duration>>,
    pong_timeout: Option<Option<Duration>>,
    write_timeout: Option<Option<Duration>>,
    message_timeout: Option<Option<Duration>>,
    max_send_buffer: Option<usize>,
}

impl NamedConfig {
    /// All settings.
    pub(crate) fn as_config(&self) -> &Config {
        &self.config
    }

    /// Sets all that was not set by name.
    pub(crate) fn set(&mut self, config: Config) {
        self.config = config;
        if let Some(interval) = self.ping_interval {
            self.set_ping_interval(interval);
        }
        if let Some(timeout) = self.pong_timeout {
            self.set_pong_timeout(timeout);
        }
        if let Some(timeout) = self.write_timeout {
            self.set_write_timeout(timeout);
        }
        if let Some(timeout) = self.message_timeout {
            self.set_message_timeout(timeout);
        }
        if let Some(bytes) = self.max_send_buffer {
            self.set_max_send_buffer(bytes);
        }
    }

    pub(crate) fn set_ping_interval(&mut self, interval: Option<Duration>) {
        self.ping_interval = Some(interval);
        self.config = self.config.clone().ping_interval(interval);
    }

    pub(crate) fn set_pong_timeout(&mut self, timeout: Option<Duration>) {
        self.pong_timeout = Some(timeout);
        self.config = self.config.clone().pong_timeout(timeout);
    }

    pub(crate) fn set_write_timeout(&mut self, timeout: Option<Duration>) {
        self.write_timeout = Some(timeout);
        self.config = self.config.clone().write_timeout(timeout);
    }

    pub(crate) fn set_message_timeout(&mut self, timeout: Option<Duration>) {
        self.message_timeout = Some(timeout);
        self.config = self.config.clone().message_timeout(timeout);
    }

    pub(crate) fn set_max_send_buffer(&mut self, bytes: usize) {
        self.max_send_buffer = Some(bytes);
        self.config = self.config.clone().max_send_buffer(bytes);
    }
}
