//! What the threads that drive a connection share, and what it says about the next step.

use std::collections::VecDeque;
use std::time::Duration;

use ws_common::system::buffer_pool;
use ws_core::bytes::{Buf, Bytes, BytesMut};
use ws_core::{Instant, Machine};

use crate::call::{AT_ONCE, PATIENCE, Timeout};
use crate::waiters::Waiters;

/// While writes make progress, there is a look at what came after this time.
const READ_EVERY: Duration = Duration::from_millis(250);

/// A machine, and how far the transport is with it.
pub(crate) struct State<M> {
    pub(crate) machine: M,
    /// The machine was taken out by the thread that alone uses it, and a stand-in lies in its place. Only a listener and the
    /// background thread could find it so, and they come back later.
    pub(crate) is_taken: bool,
    /// Taken out of the machine, and not yet by the transport.
    pub(crate) taken: VecDeque<Bytes>,
    /// How many bytes the transport has taken.
    pub(crate) written: u64,
    /// The number of writes that are over.
    pub(crate) writes: u64,
    pub(crate) is_reading: bool,
    pub(crate) is_writing: bool,
    pub(crate) read_ended: bool,
    pub(crate) write_ended: bool,
    /// The transport did not take all that it was last given.
    pub(crate) is_stuck: bool,
    /// How many reads and writes in a row have moved nothing.
    pub(crate) idle: u32,
    /// When the last read or write was over.
    pub(crate) now: Instant,
    /// When reading last caught up with the peer, as far as it may try in a row.
    pub(crate) caught_up: Instant,
    /// How many reads in a row have not.
    pub(crate) reads: u32,
    /// When a read last found nothing.
    pub(crate) found_nothing: Instant,
    /// How many reads have found something since a deadline passed.
    pub(crate) late_reads: u32,
    /// Something was queued that cannot wait, while another thread was writing: that one does not leave before it has tried.
    pub(crate) is_urgent: bool,
    pub(crate) read_timeout: Timeout,
    pub(crate) write_timeout: Timeout,
    /// Bytes were waiting when the read under way began, and have waited since: the thread that reads is back soon to write
    /// them.
    pub(crate) is_reader_back_soon: bool,
    /// The background thread was told to write, and has not been here since.
    pub(crate) is_handed_over: bool,
    /// The number of changes that could have brought something to receive.
    pub(crate) changes: u64,
    pub(crate) waiters: Waiters<M>,
}

impl<M: Machine> State<M> {
    pub(crate) fn new(machine: M) -> Self {
        Self {
            machine,
            is_taken: false,
            taken: VecDeque::new(),
            written: 0,
            writes: 0,
            is_reading: false,
            is_writing: false,
            read_ended: false,
            write_ended: false,
            is_stuck: false,
            idle: 0,
            now: Instant::EPOCH,
            caught_up: Instant::EPOCH,
            reads: 0,
            found_nothing: Instant::EPOCH,
            late_reads: 0,
            is_urgent: false,
            read_timeout: Timeout::default(),
            write_timeout: Timeout::default(),
            is_reader_back_soon: false,
            is_handed_over: false,
            changes: 0,
            waiters: Waiters::default(),
        }
    }

    /// There is another transport, or none: nothing of what the last one did counts.
    pub(crate) fn begin_anew(&mut self) {
        self.taken.clear();
        self.read_ended = false;
        self.write_ended = false;
        self.is_stuck = false;
        self.idle = 0;
        self.reads = 0;
        self.late_reads = 0;
    }

    /// How many bytes the transport will have taken when it has taken all that the machine shows now.
    pub(crate) fn end(&mut self) -> u64 {
        self.written + self.machine.outbound().len() as u64
    }

    /// Whether a write is the next thing to do, rather than reading.
    pub(crate) fn writes_next(&mut self) -> bool {
        !self.is_stuck && !self.is_read_due() && self.has_to_write()
    }

    /// Whether nobody has looked for a while at what came: there has always been something to write.
    pub(crate) fn is_read_due(&self) -> bool {
        !self.is_reading && !self.read_ended && self.now - self.caught_up >= READ_EVERY
    }

    pub(crate) fn has_to_write(&mut self) -> bool {
        let outbound = self.machine.outbound();
        if outbound.is_empty() {
            // The connection was given up, and what was taken out counts no more.
            self.taken.clear();
        }
        let waits = outbound.has_remaining() || !self.taken.is_empty();
        !self.is_writing && !self.write_ended && (waits || (outbound.is_empty() && outbound.is_finished()))
    }

    /// Whether a thread is in a read from which nothing brings it back to write.
    pub(crate) fn needs_background(&self) -> bool {
        self.is_reading && !self.is_reader_back_soon
    }

    /// Now writing has its turn again.
    pub(crate) fn catch_up(&mut self) {
        self.caught_up = self.now;
        self.reads = 0;
        self.is_stuck = false;
    }

    /// The less moves, the longer it may wait.
    pub(crate) fn backoff(&self) -> Duration {
        PATIENCE.min(AT_ONCE * (1 << self.idle.min(16)))
    }

    /// An idle connection holds no buffers, nor does its thread keep those of TLS for it.
    pub(crate) fn release(&mut self) {
        let inbound = self.machine.inbound();
        if inbound.is_empty() {
            *inbound = BytesMut::new();
        }
        self.machine.outbound().release();
        buffer_pool::release();
    }
}
