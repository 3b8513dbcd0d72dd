//! Connections that are taken apart while the transport refuses bytes.

use std::io::{self, IoSlice};
use std::net::Shutdown;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use ws_blocking::bytes::BytesMut;
use ws_blocking::{Role, Transport, WebSocket};
use ws_core::{Connection, Random};

use crate::support::{bounded, quiet};

/// A transport that takes so many bytes, and then none.
#[derive(Debug)]
struct Narrow(AtomicUsize);

impl Transport for Narrow {
    fn read(&self, _: &mut [u8]) -> io::Result<usize> {
        Err(io::ErrorKind::WouldBlock.into())
    }

    fn write_vectored(&self, buffers: &[IoSlice<'_>]) -> io::Result<usize> {
        let wanted: usize = buffers.iter().map(|buffer| buffer.len()).sum();
        let n = wanted.min(self.0.load(Ordering::SeqCst));
        self.0.fetch_sub(n, Ordering::SeqCst);
        if n == 0 { Err(io::ErrorKind::WouldBlock.into()) } else { Ok(n) }
    }

    fn set_read_timeout(&self, _: Duration) -> io::Result<()> {
        Ok(())
    }

    fn set_write_timeout(&self, _: Duration) -> io::Result<()> {
        Ok(())
    }

    fn shutdown(&self, _: Shutdown) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn the_unsent_bytes_begin_where_the_transport_has_stopped() {
    bounded(|| {
        for taken in [0, 1, 2, 7, 12] {
            let random = Random::from_seed([7; 32]);
            let connection = Connection::after_handshake(
                Role::Server,
                &quiet(),
                random,
                BytesMut::new(),
                ws_core::Instant::EPOCH,
            );
            let narrow = Narrow(AtomicUsize::new(taken));
            let mut ws = WebSocket::from_connection(narrow, connection, &quiet(), Instant::now());
            ws.try_send("0123456789").unwrap();
            ws.try_send("more").unwrap();
            let unsent = ws.into_parts().unwrap().unsent;
            assert_eq!(&unsent[..], &b"\x81\x0a0123456789\x81\x04more"[taken..], "{taken} were taken");
        }
    });
}
