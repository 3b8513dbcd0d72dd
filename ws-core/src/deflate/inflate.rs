//! Messages from compressed payloads (RFC 7692 §7.2.2).

mod history;
mod ratio;

use core::num::NonZero;

use zlib_rs::{InflateFlush, Status};

use super::{InflateProgress, InflateTurn, TAIL};
use crate::error::ViolationKind;
use history::History;
use ratio::Ratio;

/// The tail, and a byte of a block behind it. An inflater that is told to stop at the end of a block stops before this byte,
/// unless the message ends within a block.
const TAIL_AND_PROBE: [u8; TAIL.len() + 1] = [TAIL[0], TAIL[1], TAIL[2], TAIL[3], 0x00];

/// The receiving half of the extension.
pub(crate) struct Inflater {
    bits: u8,
    takeover: bool,
    /// The server did not agree to what the client has asked of it, and may do it unsaid.
    is_wish_unmet: bool,
    /// Made for the first compressed message. Without takeover, there is one only within a message.
    context: Option<Context>,
    ratio: Option<Ratio>,
}

impl Inflater {
    pub(crate) fn new(bits: u8, takeover: bool, is_wish_unmet: bool) -> Self {
        Self { bits, takeover, is_wish_unmet, context: None, ratio: None }
    }

    /// How a message that does not inflate breaks the rules.
    pub(crate) fn violation(&self) -> ViolationKind {
        if let Some(max) = self.ratio.as_ref().and_then(Ratio::exceeded) {
            return ViolationKind::InflateRatio(max);
        }
        if self.is_wish_unmet { ViolationKind::UnconfirmedDeflate } else { ViolationKind::InvalidDeflate }
    }

    /// Inflates `input`, the next bytes of a message and with `last` all that is left of it, to at most `room` bytes.
    pub(crate) fn step(&mut self, input: &[u8], last: bool, room: usize) -> InflateTurn<'_> {
        let context = self.context.get_or_insert_with(|| Context::new(self.bits));
        match &mut self.ratio {
            None => context.step(input, last, room),
            Some(ratio) => context.step_within(ratio, input, last, room),
        }
    }

    /// Limits the ratio of each message to its payload.
    pub(crate) fn with_max_ratio(mut self, max: Option<NonZero<u32>>) -> Self {
        self.ratio = max.map(Ratio::new);
        self
    }

    /// The message has ended, and its end was looked at.
    pub(crate) fn end_message(&mut self) {
        if let Some(ratio) = &mut self.ratio {
            ratio.reset();
        }
        if !self.takeover {
            self.context = None;
        }
    }
}

struct Context {
    inflate: zlib_rs::Inflate,
    history: History,
    /// Nothing came since the message began, or since a block that calls itself the last.
    is_fresh: bool,
    /// A block that calls itself the last has ended: to this inflater, the stream has.
    is_final: bool,
    /// All that could be made of what came has come out.
    is_drained: bool,
    is_invalid: bool,
}

impl Context {
    fn new(bits: u8) -> Self {
        Self {
            // Peers that take 9 bits for 8, as zlib does, and a larger window than was agreed cost nothing: the inflater has
            // 32 KiB in any case.
            inflate: zlib_rs::Inflate::new(false, 15),
            history: History::new(bits),
            is_fresh: true,
            is_final: false,
            is_drained: true,
            is_invalid: false,
        }
    }

    fn step(&mut self, input: &[u8], last: bool, room: usize) -> InflateTurn<'_> {
        if self.is_invalid {
            return InflateTurn { used: 0, output: &[], progress: InflateProgress::Invalid };
        }
        if input.is_empty() && self.is_drained {
            let progress = if last { self.finish() } else { InflateProgress::NeedsInput };
            return InflateTurn { used: 0, output: &[], progress };
        }
        if self.is_final && !input.is_empty() {
            self.restart();
        }
        let (used, n, status) = self.run(input, InflateFlush::NoFlush, room);
        self.is_fresh &= used == 0;
        match status {
            // What came out before it counts first, so that it does not matter how the bytes are cut.
            None => self.is_invalid = true,
            Some(Status::StreamEnd) => {
                (self.is_final, self.is_fresh, self.is_drained) = (true, true, true);
            }
            // Neither bytes taken nor bytes given: it would go on like that for ever.
            Some(_) if used == 0 && n == 0 && !input.is_empty() => self.is_invalid = true,
            Some(_) => {}
        }
        let is_hungry = self.is_drained && !self.is_invalid && used == input.len() && !last;
        let progress = if is_hungry { InflateProgress::NeedsInput } else { InflateProgress::More };
        InflateTurn { used, output: self.history.newest(n), progress }
    }

    /// The same, and not beyond the ratio.
    fn step_within(&mut self, ratio: &mut Ratio, input: &[u8], last: bool, room: usize) -> InflateTurn<'_> {
        let fed = ratio.feed(input.len(), self.is_drained);
        let is_all = fed == input.len();
        let allowed = ratio.room(fed);
        let step = self.step(&input[..fed], last && is_all, room.min(allowed.saturating_add(1)));
        let fitting = ratio.count(step.used, step.output.len(), allowed);
        let progress = match step.progress {
            _ if ratio.exceeded().is_some() => InflateProgress::Invalid,
            InflateProgress::NeedsInput if !is_all => InflateProgress::More,
            progress => progress,
        };
        InflateTurn { used: step.used, output: &step.output[..fitting], progress }
    }

    /// The payload is all there: puts the tail behind it, which by then ends an empty block and makes nothing come out.
    ///
    /// zlib's users mostly do not look whether a message ends where a block does. Here one that does not is no valid one,
    /// since else a cut message would look whole.
    fn finish(&mut self) -> InflateProgress {
        // An empty payload, or one that ended with a block that calls itself the last: there is nothing to end.
        if !self.is_fresh {
            let (used, n, status) = self.run(&TAIL_AND_PROBE, InflateFlush::Block, usize::MAX);
            self.is_final = status == Some(Status::StreamEnd);
            let is_end = self.is_final || (status.is_some() && used == TAIL.len());
            if !is_end || n > 0 {
                self.is_invalid = true;
                return InflateProgress::Invalid;
            }
            self.is_fresh = true;
        }
        InflateProgress::Ended
    }

    /// Runs the inflater: how many bytes it took and gave, and its status; `None` if the input is not valid.
    fn run(&mut self, input: &[u8], flush: InflateFlush, room: usize) -> (usize, usize, Option<Status>) {
        let output = self.history.room();
        let room = output.len().min(room);
        let (total_in, total_out) = (self.inflate.total_in(), self.inflate.total_out());
        let status = self.inflate.decompress(input, &mut output[..room], flush).ok();
        let used = (self.inflate.total_in() - total_in) as usize;
        let n = (self.inflate.total_out() - total_out) as usize;
        self.history.advance(n);
        self.is_drained = n < room;
        (used, n, status)
    }

    /// RFC 7692 §7.2.1: there may be blocks after one that calls itself the last, in the same message or in the next. They
    /// may refer to what was before it, which a reset inflater has forgotten.
    fn restart(&mut self) {
        self.inflate.reset(false);
        let (older, newer) = self.history.parts();
        let is_restored = [older, newer].into_iter().all(|part| self.inflate.set_dictionary(part).is_ok());
        (self.is_final, self.is_invalid) = (false, !is_restored);
    }
}
