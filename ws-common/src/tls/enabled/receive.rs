//! From ciphertext to the machine inside.

use std::io::{self, BufRead, Read};

use rustls::Connection;
use ws_core::bytes::{Buf, BytesMut};
use ws_core::{FirstLine, Instant, Machine, TransportError};

use super::error::TlsError;
use super::framing::whole_records;
use super::machine::{Tls, TlsPhase};
use super::send::records_left;
use crate::system::buffer_pool;
use crate::trace;

/// What came of some ciphertext.
struct Decrypted {
    /// So many bytes of plaintext.
    plaintext: usize,
    /// Whether a close_notify came, after which nothing counts.
    result: Result<bool, rustls::Error>,
}

/// A reader that has nothing yet.
struct Nothing;

impl Read for Nothing {
    fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
        Err(io::ErrorKind::WouldBlock.into())
    }
}

impl<M: Machine> Tls<M> {
    pub(super) fn received(&mut self, now: Instant) {
        if !self.has_heard
            && let Err(error) = self.check_start()
        {
            return self.fail(error, now);
        }
        let Decrypted { plaintext, result } = self.decrypt();
        if self.phase == TlsPhase::Handshake && !self.session.is_handshaking() {
            self.phase = TlsPhase::Open;
            trace::secured(&self.session);
            self.records_left = records_left(&self.session);
        }
        if plaintext > 0 {
            self.inner.handle_read(plaintext, now);
            buffer_pool::take_into_outbound(self.inner.outbound());
        } else if self.phase == TlsPhase::Open {
            self.inner.handle_sign_of_life(now);
        }
        match result {
            Err(error) => self.fail(self.explain(error), now),
            Ok(true) if self.is_reading => self.peer_closed(now),
            Ok(_) => {}
        }
    }

    /// The peer's close_notify came.
    fn peer_closed(&mut self, now: Instant) {
        if self.phase == TlsPhase::Handshake {
            return self.fail(TlsError::UnexpectedEof, now);
        }
        self.is_reading = false;
        self.inner.handle_read(0, now);
    }

    /// The transport has ended without a close_notify.
    pub(super) fn stream_ended(&mut self, now: Instant) {
        if !std::mem::take(&mut self.is_reading) {
            return;
        }
        // The rest of a record will not come.
        self.inbound = BytesMut::new();
        if self.phase == TlsPhase::Closed {
            // Nobody is interested in whether it was cut.
            self.inner.handle_read(0, now);
        } else if self.phase == TlsPhase::Handshake {
            let error = self.broken.take().map_or(TlsError::UnexpectedEof, TlsError::Transport);
            self.fail(error, now);
        } else {
            let broken = self.failed(TlsError::Truncated, TransportError::read);
            self.inner.handle_error(broken, now);
        }
    }

    /// Decrypts the records that have come whole, at most a few KiB at a time. The rest of the bytes wait in `inbound`, because
    /// rustls would keep a large buffer for them.
    fn decrypt(&mut self) -> Decrypted {
        let mut ciphertext = std::mem::take(&mut self.inbound);
        let whole = whole_records(&ciphertext);
        let mut rest = &ciphertext[..whole];
        let mut decrypted = Decrypted { plaintext: 0, result: Ok(false) };
        while !rest.is_empty() && matches!(decrypted.result, Ok(false)) {
            decrypted.result = match self.session.read_tls(&mut rest) {
                Ok(_) => self.session.process_new_packets().map(|state| state.peer_has_closed()),
                // There is room, as all records that are whole were taken out.
                Err(_) => Err(rustls::Error::PeerSentOversizedRecord),
            };
            decrypted.plaintext += self.take_plaintext(ciphertext.capacity(), rest.len());
        }
        if !matches!(decrypted.result, Ok(false)) {
            ciphertext.clear();
        } else if whole > 0 {
            ciphertext.advance(whole);
        }
        self.inbound = ciphertext;
        decrypted
    }

    /// Lets rustls give back the memory of a large record. It does so before a read, if no record is left in its buffer. Within a
    /// handshake message, its buffer would grow.
    pub(super) fn shrink_session(&mut self) {
        if !self.session.is_handshaking() {
            // The error is the one of the reader.
            let _ = self.session.read_tls(&mut Nothing);
        }
    }

    fn explain(&self, error: rustls::Error) -> TlsError {
        TlsError::new(error, matches!(*self.session, Connection::Client(_)))
    }

    /// Gives to the machine inside what was decrypted, of a read into a buffer of `size` of which `rest` bytes are to be decrypted yet.
    fn take_plaintext(&mut self, size: usize, rest: usize) -> usize {
        let mut reader = self.session.reader();
        let mut taken = 0;
        while let Ok(chunk) = reader.fill_buf() {
            let n = chunk.len();
            if n == 0 {
                break;
            }
            let plaintext = self.inner.inbound();
            // Once for all that may follow in this read.
            let (len, needed) = (plaintext.len(), n + rest);
            if plaintext.capacity() - len < needed {
                // Behind a large message, the machine has made room.
                let before = if len < size { len } else { 0 };
                buffer_pool::take_into(plaintext, size.max(before + needed));
                plaintext.reserve(needed);
            }
            plaintext.extend_from_slice(chunk);
            taken += n;
            reader.consume(n);
        }
        taken
    }

    /// A peer that does not speak TLS is told apart by its first byte, so that its user can be told what it said.
    fn check_start(&mut self) -> Result<(), TlsError> {
        // RFC 8446 §5.1: a handshake record, or an alert that says why there is none.
        match self.inbound.first() {
            Some(0x15 | 0x16) => self.has_heard = true,
            Some(_) if !self.has_heard => return Err(TlsError::NotTls(FirstLine::of(&self.inbound))),
            _ => {}
        }
        Ok(())
    }
}
