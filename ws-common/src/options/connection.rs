//! The settings of a connection, each by its name.

use std::mem;
use std::sync::Arc;
use std::time::Duration;

use ws_core::Config;
#[cfg(feature = "deflate")]
use ws_core::Deflate;

use super::AcceptOptions;
use super::setters::setters;

/// Defines the settings of a [`Config`] that can be made by name, with the type that a setter takes and the type of the value.
macro_rules! connection_settings {
    ($(
        $(#[doc = $doc:literal])*
        $(#[cfg($cfg:meta)])?
        fn $name:ident($argument:ident: $type:ty) -> $value:ty;
    )*) => {
        /// A [`Config`], and its settings that were made by name. A setting made by name wins over the same setting inside a `Config`,
        /// in whichever order they were made. Of two that were made by name, the last wins.
        #[derive(Clone, Debug, Default)]
        pub(super) struct NamedConfig {
            /// Invariant: it has the settings below, where there are any.
            config: Config,
            $(
                $(#[cfg($cfg)])?
                $name: Option<$value>,
            )*
        }

        impl NamedConfig {
            /// Sets all settings that were not made by name.
            pub(super) fn set(&mut self, config: Config) {
                self.config = config;
                $(
                    $(#[cfg($cfg)])?
                    if let Some(value) = self.$name {
                        self.$name(value);
                    }
                )*
            }

            $(
                $(#[cfg($cfg)])?
                pub(super) fn $name(&mut self, value: $value) {
                    self.$name = Some(value);
                    self.config = mem::take(&mut self.config).$name(value);
                }
            )*
        }

        setters! {
            //! Limits and deadlines of the connection. A setting made by its name wins over the same setting in
            //! [`config`](Self::config), whichever is made first.

            $(
                $(#[doc = $doc])*
                $(#[cfg($cfg)])?
                fn $name($argument: $type) = set(|options| Arc::make_mut(&mut options.config).$name($argument.into()));
            )*
        }

        /// Limits and deadlines of the connection. A setting made by its name wins over the same setting in [`config`](Self::config),
        /// whichever is made first.
        impl AcceptOptions {
            $(
                $(#[doc = $doc])*
                $(#[cfg($cfg)])?
                #[must_use]
                pub fn $name(mut self, $argument: $type) -> Self {
                    Arc::make_mut(&mut self.config).$name($argument.into());
                    self
                }
            )*
        }
    };
}

connection_settings! {
    /// Largest message that is received whole, in payload bytes. Default: 16 MiB. See [`Config::max_message_size`].
    fn max_message_size(bytes: usize) -> usize;

    /// Largest number of fragments in a message that is received whole. Default: 131 072. See [`Config::max_fragments`].
    fn max_fragments(fragments: u32) -> u32;

    /// Largest payload of a frame that is sent, in bytes. Default: no limit, a message is one frame. See [`Config::max_frame_size`].
    fn max_frame_size(bytes: usize) -> usize;

    /// Compression by permessage-deflate (RFC 7692). `None` turns it off. Default: a client offers it, and a server accepts no offer. See
    /// [`Config::deflate`].
    #[cfg(feature = "deflate")]
    fn deflate(deflate: impl Into<Option<Deflate>>) -> Option<Deflate>;

    /// Number of bytes that may wait to be sent. Default: 1 MiB. One message may go beyond it. See [`Config::max_send_buffer`].
    ///
    /// The outbox of a client that reconnects has the same bound, over all connections ([`ClientBuilder`](crate::session::ClientBuilder#the-outbox)).
    fn max_send_buffer(bytes: usize) -> usize;

    /// Number of bytes over which nothing more is received ahead while the program waits for something else. Default: 1 MiB. See
    /// [`Config::max_read_ahead`].
    fn max_read_ahead(bytes: usize) -> usize;

    /// Time between two pings, also while messages come. Default: 20 s. `None` sends none. See [`Config::ping_interval`].
    fn ping_interval(interval: impl Into<Option<Duration>>) -> Option<Duration>;

    /// Longest time that a ping may stay unanswered. Default: 20 s. `None` waits for ever. Any byte that comes answers it; see
    /// [`Config::pong_timeout`].
    fn pong_timeout(timeout: impl Into<Option<Duration>>) -> Option<Duration>;

    /// Length of the windows in which a transport that refuses bytes has to take 60 KiB, or all that waited. Default: 60 s. `None` waits
    /// for ever. See [`Config::write_timeout`].
    fn write_timeout(timeout: impl Into<Option<Duration>>) -> Option<Duration>;

    /// Length of the windows in which the peer has to send 60 KiB of an incomplete message, or its end. Default: 60 s. `None` waits for
    /// ever. See [`Config::message_timeout`].
    fn message_timeout(timeout: impl Into<Option<Duration>>) -> Option<Duration>;

    /// The same as [`message_timeout`](Self::message_timeout) for messages that are received in chunks. Default: `None`, which waits for
    /// ever. See [`Config::chunk_timeout`].
    fn chunk_timeout(timeout: impl Into<Option<Duration>>) -> Option<Duration>;

    /// Largest number of messages that the peer may send each second. Default: `None`, no limit. See [`Config::max_message_rate`].
    fn max_message_rate(messages: impl Into<Option<u32>>) -> Option<u32>;

    /// Largest ratio of the size of a message to its size on the wire, if it is compressed. Default: `None`, no limit. See
    /// [`Config::max_inflate_ratio`].
    fn max_inflate_ratio(ratio: impl Into<Option<u32>>) -> Option<u32>;

    /// Time limit of each step of the closing handshake. Default: 5 s. See [`Config::close_timeout`].
    fn close_timeout(timeout: Duration) -> Duration;
}

setters! {
    /// Sets all limits and deadlines of the connection at once. A setting made by its name, such as
    /// [`ping_interval`](Self::ping_interval), wins, whichever call comes first.
    fn config(config: Config) = set(|options| Arc::make_mut(&mut options.config).set(config));
}

impl NamedConfig {
    /// All settings.
    pub(super) fn as_config(&self) -> &Config {
        &self.config
    }
}
