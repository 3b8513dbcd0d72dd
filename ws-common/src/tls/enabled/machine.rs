//! The machine.

use std::error::Error;
use std::fmt;

use rustls::Connection;
use ws_core::bytes::BytesMut;
use ws_core::{Direction, Initiator, Instant, Machine, Outbound, TransportError};

use super::error::TlsError;
use super::records::Records;
use crate::system::buffer_pool;
use crate::tls::{Reason, TlsFailure};

/// RFC 8446 §5.1: a record holds at most 2^14 bytes of plaintext.
pub(super) const MAX_RECORD: usize = 1 << 14;

/// A machine whose bytes go through TLS, as a [`Machine`] of its own with the same events.
///
/// It comes from [`TlsConnector::start`](super::TlsConnector::start) or [`TlsAcceptor::start`](super::TlsAcceptor::start), and a
/// driver runs it as it would run the machine inside: [`inbound`](Machine::inbound) and [`outbound`](Machine::outbound) hold
/// ciphertext only. What a user does to the machine inside goes through [`inner_mut`](Self::inner_mut); what that queues is
/// encrypted when the driver asks for `outbound` next. When one phase follows another, [`try_map`](Self::try_map) changes the
/// machine inside, and the TLS session goes on, with everything that was received.
///
/// - **Accounting**: the machine inside is told that bytes were written when the transport has taken the whole TLS record
///   that carries them. So its deadlines for pongs and for the answer to a Close frame start when the peer can know. A part of
///   a record is [progress](Machine::handle_progress) all the same, and counts by the bytes of its ciphertext.
/// - **Memory**: it encrypts only while less than 64 KiB of ciphertext waits, one record (16 KiB of plaintext) at a time; all
///   else waits in the machine inside, where it counts. Without traffic there are no buffers but 4 KiB of rustls: when the driver
///   asks for `inbound`, those of the machine inside go to the [thread](crate::system::buffer_pool), and the next machine that reads takes them.
///   A record that has not come whole waits in `inbound`.
/// - **Failures** until TLS is up are reported as [`TlsFailure::Tls`], once, and nothing follows. From then on TLS is the
///   transport of the machine inside: it is told by [`handle_error`](Machine::handle_error), and reports its own error, of which
///   the [`TlsError`] is a source ([`TlsFailure::tls`] finds it), as [`ProxyError::Tls`](crate::proxy::ProxyError::Tls) if the peer is an `https` proxy. The alert that tells the peer still leaves.
/// - **The end**: when the machine inside has [finished](Outbound::is_finished), a close_notify goes out. The peer's close_notify is
///   the end of the stream for the machine inside; an end without it is [`TlsError::Truncated`] (RFC 8446 §6.1), which an open
///   WebSocket ignores once it has the peer's Close frame.
/// - **Time**: deadlines are those of the machine inside, so that the TLS handshake counts toward its time to open. Certificates
///   are checked against the clock of the configuration, which by default is that of the system.
pub struct Tls<M> {
    pub(super) inner: M,
    pub(super) session: Box<Connection>,
    pub(super) inbound: BytesMut,
    pub(super) outbound: Outbound,
    pub(super) records: Records,
    pub(super) phase: TlsPhase,
    /// Whether the machine inside is still to be told how the stream ends.
    pub(super) is_reading: bool,
    /// Whether the peer has sent anything yet.
    pub(super) has_heard: bool,
    /// The driver has asked for `inbound` since the last read.
    is_waiting: bool,
    /// The transport failed before TLS was up. What the peer said last would explain it better.
    pub(super) broken: Option<TransportError>,
    pub(super) failure: Option<TlsError>,
    /// How many more records may be encrypted, where the keys cannot be changed.
    pub(super) records_left: u64,
    /// The error that the machine inside is told of a failure of TLS.
    reason: Reason,
    /// What the driver said last.
    pub(super) now: Instant,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum TlsPhase {
    Handshake,
    Open,
    /// Nothing is encrypted any more, as nothing can be written. What comes is still received.
    Mute,
    /// The machine inside has finished, and our close_notify was queued. Only the end of the stream is waited for: nothing that
    /// comes matters to anyone, and rustls could not answer it by an alert any more, which it asserts that it need not.
    Closed,
    /// Nothing is encrypted any more, and nothing received.
    Failed,
    /// The same, before the machine inside could begin.
    Refused,
}

impl<M> Tls<M> {
    /// `max_record` is the limit on the plaintext of a record.
    pub(super) fn new(mut session: Connection, inner: M, max_record: usize) -> Self {
        // What rustls takes at a time; it is empty whenever there is something to be encrypted.
        session.set_buffer_limit(Some(max_record.clamp(1, MAX_RECORD)));
        Self {
            inner,
            session: Box::new(session),
            inbound: BytesMut::new(),
            outbound: Outbound::default(),
            records: Records::default(),
            phase: TlsPhase::Handshake,
            is_reading: true,
            has_heard: false,
            is_waiting: false,
            broken: None,
            failure: None,
            records_left: u64::MAX,
            reason: Into::into,
            now: Instant::EPOCH,
        }
    }

    /// The same with another error for the machine inside, so that failures of TLS with a proxy are not taken for those of the target
    /// behind it.
    pub(crate) fn with_reason(self, reason: Reason) -> Self {
        Self { reason, ..self }
    }

    /// The machine inside. What it has queued is encrypted when [`outbound`](Machine::outbound) is asked for next.
    #[inline]
    pub fn inner_mut(&mut self) -> &mut M {
        &mut self.inner
    }

    /// The machine inside.
    #[inline]
    pub fn inner(&self) -> &M {
        &self.inner
    }

    /// The machine inside, without TLS.
    pub fn into_inner(self) -> M {
        self.inner
    }

    /// The machine of the next phase in the same TLS session.
    pub fn map<N>(self, change: impl FnOnce(M) -> N) -> Tls<N> {
        let (inner, tls) = self.replace(());
        tls.replace(change(inner)).1
    }

    /// The machine of the next phase in the same TLS session, if there is one: such as [`ClientHandshake::open`], which gives
    /// itself back if it is too early.
    ///
    /// [`ClientHandshake::open`]: ws_core::ClientHandshake::open
    #[allow(clippy::result_large_err, reason = "the session is handed back, not reported")]
    pub fn try_map<N, E>(self, change: impl FnOnce(M) -> Result<N, E>) -> Result<Tls<N>, Tls<E>> {
        let (inner, tls) = self.replace(());
        match change(inner) {
            Ok(next) => Ok(tls.replace(next).1),
            Err(error) => Err(tls.replace(error).1),
        }
    }

    fn replace<N>(self, inner: N) -> (M, Tls<N>) {
        let tls = Tls {
            inner,
            session: self.session,
            inbound: self.inbound,
            outbound: self.outbound,
            records: self.records,
            phase: self.phase,
            is_reading: self.is_reading,
            has_heard: self.has_heard,
            is_waiting: self.is_waiting,
            broken: self.broken,
            failure: self.failure,
            records_left: self.records_left,
            reason: self.reason,
            now: self.now,
        };
        (self.inner, tls)
    }

    /// Whether TLS is not up yet.
    pub fn is_handshaking(&self) -> bool {
        self.phase == TlsPhase::Handshake
    }

    /// The TLS session: its version, cipher suite, certificates, and whether it was resumed.
    pub fn session(&self) -> &Connection {
        &self.session
    }
}

impl<M: Machine> Tls<M> {
    /// A failure of TLS, as the machine inside is told of it: `fails` makes it of its reason.
    pub(super) fn failed(
        &self,
        error: TlsError,
        fails: fn(Box<dyn Error + Send + Sync>) -> TransportError,
    ) -> TransportError {
        let initiator = if error.is_ours() { Initiator::Local } else { Initiator::Remote };
        fails((self.reason)(error)).by(initiator)
    }

    /// TLS has failed. The alert that says so leaves, and nothing else.
    #[cold]
    pub(super) fn fail(&mut self, error: TlsError, now: Instant) {
        self.inbound = BytesMut::new();
        if self.broken.is_none() {
            self.take_records(0);
        }
        self.outbound.finish();
        self.records.forget();
        let was_reading = std::mem::take(&mut self.is_reading);
        match std::mem::replace(&mut self.phase, TlsPhase::Failed) {
            TlsPhase::Handshake => {
                self.phase = TlsPhase::Refused;
                self.failure = Some(error);
            }
            TlsPhase::Refused | TlsPhase::Failed => {}
            TlsPhase::Open | TlsPhase::Mute | TlsPhase::Closed => {
                if was_reading {
                    let broken = self.failed(error, TransportError::read);
                    self.inner.handle_error(broken, now);
                }
                self.inner.handle_error(TransportError::write("TLS has failed"), now);
            }
        }
    }
}

impl<M: Machine> Machine for Tls<M> {
    type Event = M::Event;
    type Error = TlsFailure<M::Error>;

    fn inbound(&mut self) -> &mut BytesMut {
        // A driver that asks is about to read. A large buffer would be kept without need while nothing comes.
        buffer_pool::put_back(self.inner.inbound(), MAX_RECORD);
        buffer_pool::put_back_outbound(self.inner.outbound());
        // A driver that asks again has read nothing, and waits.
        if std::mem::replace(&mut self.is_waiting, true) {
            self.shrink_session();
            if self.inbound.len() >= MAX_RECORD / 2 {
                buffer_pool::compact(&mut self.inbound, MAX_RECORD);
            }
        }
        &mut self.inbound
    }

    fn handle_read(&mut self, n: usize, now: Instant) {
        self.now = now;
        self.is_waiting = false;
        if n == 0 {
            self.stream_ended(now);
        } else if !self.is_reading || self.phase == TlsPhase::Closed {
            self.inbound = BytesMut::new();
        } else {
            self.received(now);
        }
    }

    // Apart, so that a channel without TLS has no more of it than the way past.
    #[inline(never)]
    fn outbound(&mut self) -> &mut Outbound {
        self.encrypt();
        &mut self.outbound
    }

    fn handle_write(&mut self, n: usize, now: Instant) {
        self.now = now;
        let n_taken = n.min(self.outbound.len());
        self.outbound.acknowledge(n_taken);
        let carried = self.records.wrote(n_taken);
        if carried > 0 || (n == 0 && self.phase != TlsPhase::Handshake) {
            self.inner.handle_write(carried, now);
        }
        let partial = self.records.partial();
        if n_taken > 0 && partial > 0 {
            self.inner.handle_progress(partial, now);
        }
    }

    fn handle_progress(&mut self, taken: usize, now: Instant) {
        self.inner.handle_progress(taken + self.records.partial(), now);
    }

    fn handle_sign_of_life(&mut self, now: Instant) {
        self.inner.handle_sign_of_life(now);
    }

    fn handle_error(&mut self, error: TransportError, now: Instant) {
        self.now = now;
        match error.direction() {
            Direction::Read if self.phase == TlsPhase::Handshake => {
                let first = self.broken.take().unwrap_or(error);
                self.fail(TlsError::Transport(first), now);
            }
            Direction::Read => {
                if std::mem::take(&mut self.is_reading) {
                    self.inner.handle_error(error, now);
                }
            }
            Direction::Write => {
                self.outbound.clear();
                self.outbound.finish();
                self.records.forget();
                match self.phase {
                    TlsPhase::Handshake => self.broken = Some(error),
                    TlsPhase::Failed | TlsPhase::Refused => {}
                    TlsPhase::Open | TlsPhase::Mute | TlsPhase::Closed => {
                        if self.phase == TlsPhase::Open {
                            self.phase = TlsPhase::Mute;
                        }
                        self.inner.handle_error(error, now);
                        if self.inner.outbound().has_lost() {
                            self.outbound.lose();
                        }
                    }
                }
            }
        }
    }

    fn poll_event(&mut self) -> Result<Option<M::Event>, TlsFailure<M::Error>> {
        match self.failure.take() {
            Some(error) => Err(TlsFailure::Tls(error)),
            None if self.phase == TlsPhase::Refused => Ok(None),
            None => self.inner.poll_event().map_err(|error| match self.broken.take() {
                // It has waited for TLS, which could not come up.
                Some(broken) if self.phase == TlsPhase::Handshake => {
                    TlsFailure::Tls(TlsError::Transport(broken))
                }
                _ => TlsFailure::Inner(error),
            }),
        }
    }

    fn poll_timeout(&self) -> Option<Instant> {
        if self.phase == TlsPhase::Refused { None } else { self.inner.poll_timeout() }
    }

    fn handle_timeout(&mut self, now: Instant) {
        self.now = now;
        self.inner.handle_timeout(now);
    }
}

impl<M: fmt::Debug> fmt::Debug for Tls<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tls")
            .field("phase", &self.phase)
            .field("outbound", &self.outbound)
            .field("inner", &self.inner)
            .finish_non_exhaustive()
    }
}
