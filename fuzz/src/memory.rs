//! A peer that sends the same bytes over and over, to a connection whose heap is counted.

use ws_core::{Config, Event, Machine, Role};

use crate::{at, open};

/// The largest read of the drivers of the library.
const READ: usize = 64 * 1024;

/// Bytes that the peer sends in all.
const PATIENCE: usize = 32 * READ;

/// Settings that a peer can exhaust with so many bytes.
pub fn config() -> Config {
    let config = Config::default().ping_interval(None);
    config.max_message_size(48 << 10).max_read_ahead(16 << 10).max_send_buffer(16 << 10)
}

/// Reads ahead until the limit is reached. Before that, sends messages back until there is no room, if `echoes`.
pub fn exhaust(role: Role, config: &Config, bytes: &[u8], mut echoes: bool) {
    let mut connection = open(role, config);
    let mut bytes = bytes.iter().copied().cycle();
    for _ in (0..PATIENCE).step_by(READ) {
        let inbound = connection.inbound();
        inbound.reserve(READ);
        inbound.extend(bytes.by_ref().take(READ));
        connection.handle_read(READ, at(1));
        while echoes && let Ok(Some(event)) = connection.poll_event() {
            if let Event::Message(message) = event {
                echoes = connection.send(message).is_ok();
            }
        }
        if !echoes && !connection.read_ahead() {
            break;
        }
    }
}
