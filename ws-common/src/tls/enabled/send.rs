//! From the machine inside to ciphertext.

use std::io::{IoSlice, Write};

use rustls::{Connection, ProtocolVersion, SupportedCipherSuite};
use ws_core::bytes::Buf;
use ws_core::{Machine, TransportError};

use super::error::TlsError;
use super::machine::{Tls, TlsPhase};

/// No more is encrypted while so many bytes of ciphertext wait.
const MAX_CIPHERTEXT: usize = 64 * 1024;

/// From this size on, a record has a buffer of its own, which is given back when it is written: one for all would grow to twice
/// what waits, and twice that again.
const LARGE: usize = 4096;

/// Maximum number of chunks of plaintext that go into one record.
const MAX_CHUNKS: usize = 16;

impl<M: Machine> Tls<M> {
    /// Encrypts what there is room for.
    pub(super) fn encrypt(&mut self) {
        if matches!(self.phase, TlsPhase::Failed | TlsPhase::Refused) || self.broken.is_some() {
            return;
        }
        self.drop_given_up();
        if matches!(self.phase, TlsPhase::Mute | TlsPhase::Closed) {
            return self.finish_quietly();
        }
        while self.outbound.len() < MAX_CIPHERTEXT {
            if self.session.wants_write() {
                self.take_records(0);
                continue;
            }
            let plaintext = self.inner.outbound();
            let is_finished = plaintext.is_finished();
            if plaintext.has_remaining() && self.phase == TlsPhase::Open {
                if !self.encrypt_record() {
                    return self.keys_exhausted();
                }
            } else {
                if is_finished {
                    self.close();
                }
                return;
            }
        }
    }

    /// Encrypts one record. Says whether it could.
    fn encrypt_record(&mut self) -> bool {
        if self.records_left == 0 {
            return false;
        }
        self.records_left -= 1;
        let plaintext = self.inner.outbound();
        let mut chunks = [IoSlice::new(&[]); MAX_CHUNKS];
        let n = plaintext.chunks_vectored(&mut chunks);
        let taken = self.session.writer().write_vectored(&chunks[..n]).unwrap_or(0);
        plaintext.advance(taken);
        self.take_records(taken);
        taken > 0
    }

    /// Takes the records that rustls has ready, which carry so many bytes of the machine inside.
    pub(super) fn take_records(&mut self, plaintext: usize) {
        let before = self.outbound.len();
        let session = &mut self.session;
        // A vector takes everything.
        let mut take = |records: &mut Vec<u8>| {
            while session.wants_write() && session.write_tls(records).is_ok_and(|n| n > 0) {}
        };
        if plaintext < LARGE {
            self.outbound.append(take);
        } else {
            let mut records = Vec::new();
            take(&mut records);
            self.outbound.push(records.into());
        }
        self.records.queued(self.outbound.len() - before, plaintext);
    }

    /// RFC 8446 §6.1: each side says that it has sent all.
    fn close(&mut self) {
        self.session.send_close_notify();
        self.take_records(0);
        if self.inner.outbound().has_lost() {
            self.outbound.lose();
        }
        self.outbound.finish();
        self.phase = TlsPhase::Closed;
    }

    /// The machine inside has given up what it had queued, whether encrypted or not: a peer that takes nothing shall not be
    /// waited for. A stream of records that lacks one cannot go on.
    fn drop_given_up(&mut self) {
        let plaintext = self.inner.outbound();
        let in_flight = plaintext.len() - plaintext.remaining();
        if plaintext.has_lost() && in_flight < self.records.carried() {
            self.outbound.clear();
            self.outbound.lose();
            self.outbound.finish();
            self.records.forget();
            self.phase = TlsPhase::Mute;
        }
    }

    /// Without a close_notify, which cannot be said any more: but when the machine inside has finished, what comes is nobody's
    /// matter either.
    fn finish_quietly(&mut self) {
        if self.inner.outbound().is_finished() {
            self.phase = TlsPhase::Closed;
        }
    }

    #[cold]
    fn keys_exhausted(&mut self) {
        // Without a close_notify: what the peer says may still be received, and must be answered by an alert if it is wrong.
        self.outbound.finish();
        self.phase = TlsPhase::Mute;
        let broken = self.failed(TlsError::KeysExhausted, TransportError::write);
        self.inner.handle_error(broken, self.now);
    }
}

/// TLS 1.3 changes its keys as it goes. TLS 1.2 cannot, and rustls drops what would be encrypted with used-up keys: some records
/// are kept in reserve, for its own handshake and for the end.
pub(super) fn records_left(session: &Connection) -> u64 {
    match session.negotiated_cipher_suite() {
        Some(SupportedCipherSuite::Tls12(suite))
            if session.protocol_version() == Some(ProtocolVersion::TLSv1_2) =>
        {
            suite.common.confidentiality_limit.saturating_sub(16)
        }
        _ => u64::MAX,
    }
}
