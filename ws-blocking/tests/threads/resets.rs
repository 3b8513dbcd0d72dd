//! Transports of the user's own are reset, too.

use std::io::{self, IoSlice};
use std::net::{Shutdown, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use ws_blocking::bytes::BytesMut;
use ws_blocking::{CloseCode, Config, Error, Role, Transport, WebSocket, error::Timeout};
use ws_core::{Connection, Random};

use crate::support::{bounded, quiet, streams};

/// A stream of the user's own that knows a way to be reset.
struct Resettable(TcpStream, Arc<AtomicBool>);

impl Transport for Resettable {
    fn read(&self, buffer: &mut [u8]) -> io::Result<usize> {
        Transport::read(&self.0, buffer)
    }

    fn write_vectored(&self, buffers: &[IoSlice<'_>]) -> io::Result<usize> {
        Transport::write_vectored(&self.0, buffers)
    }

    crate::support::forward_the_rest!();

    fn reset(&self) {
        self.1.store(true, Ordering::Relaxed);
        let _ = Transport::shutdown(&self.0, Shutdown::Both);
    }
}

/// Whether such a stream was reset when its connection to a silent peer had ended, which is still held.
fn was_reset(config: Config, end: impl FnOnce(&mut WebSocket<Resettable>)) -> bool {
    let (near, _far) = streams();
    let was_reset = Arc::new(AtomicBool::new(false));
    let random = Random::from_seed([7; 32]);
    let connection =
        Connection::after_handshake(Role::Client, &config, random, BytesMut::new(), ws_core::Instant::EPOCH);
    let near = Resettable(near, was_reset.clone());
    let mut ws = WebSocket::from_connection(near, connection, &config, Instant::now());
    end(&mut ws);
    assert!(ws.closed().is_some());
    was_reset.load(Ordering::Relaxed)
}

#[test]
fn a_transport_of_the_users_own_is_reset_with_the_error_of_a_dead_peer() {
    bounded(|| {
        let millis = Duration::from_millis;
        let pings = Config::default().ping_interval(millis(20)).pong_timeout(millis(50));
        assert!(was_reset(pings, |ws| {
            let error = ws.recv().unwrap_err();
            assert!(matches!(error, Error::Timeout(Timeout::Pong(_))), "{error}");
        }));
        assert!(!was_reset(quiet().close_timeout(millis(50)), |ws| {
            assert!(!ws.close(CloseCode::NORMAL).clean);
        }));
    });
}
