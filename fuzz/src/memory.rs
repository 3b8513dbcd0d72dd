//! A peer that sends the same bytes over and over, to a connection whose heap is counted.

use ws_core::{Config, Connection, Event, Machine};

use crate::at;

/// The largest read of the drivers of the library.
pub const READ: usize = 128 * 1024;

/// Settings that a peer can exhaust with few bytes. There is room for so many replies that a server shares only some of them.
pub fn config() -> Config {
    let config = Config::default().ping_interval(None);
    config.max_message_size(48 << 10).max_read_ahead(16 << 10).max_send_buffer(256 << 10)
}

/// Reads ahead until the limit is reached. Before that, sends messages back until there is no room, if `echoes`. The peer sends `bytes`
/// over and over, which are not none, and gives up after `patience` bytes. It gives up sooner if the bytes are not `held`: then those to come
/// are not held either.
pub fn exhaust(
    mut connection: Connection,
    bytes: &[u8],
    patience: usize,
    mut echoes: bool,
    held: impl Fn() -> usize,
) {
    let mut from = 0;
    for come in (0..patience).step_by(READ) {
        if come >= 4 * READ && held() < come / 2 {
            break;
        }
        let inbound = connection.inbound();
        inbound.reserve(READ);
        let mut left = READ;
        while left > 0 {
            let part = &bytes[from..][..left.min(bytes.len() - from)];
            inbound.extend_from_slice(part);
            from = (from + part.len()) % bytes.len();
            left -= part.len();
        }
        connection.handle_read(READ, at(1));
        while echoes && let Ok(Some(event)) = connection.poll_event() {
            if let Event::Message(message) = event {
                echoes = connection.send(message).is_ok();
            }
        }
        if !connection.is_open() || !echoes && !connection.read_ahead() {
            break;
        }
    }
}
