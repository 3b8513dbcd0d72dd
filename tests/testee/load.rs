//! Numbered messages of one size, for tests that look at which of them arrive.

use std::time::Duration;

/// Messages to send. Each is its number from 0, a space, and `x` up to its size.
#[derive(Clone, Copy)]
pub(crate) struct Load {
    count: u64,
    /// In bytes.
    size: usize,
    /// Pause between two messages. With zero, the next message is sent as soon as the outbox has room.
    pub(crate) every: Duration,
}

impl Load {
    /// `COUNT:BYTES` or `COUNT:BYTES:SECONDS`.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let (count, rest) = text.split_once(':')?;
        let (size, every) = rest.split_once(':').unwrap_or((rest, "0"));
        let every = Duration::try_from_secs_f64(every.parse().ok()?).ok()?;
        Some(Self { count: count.parse().ok()?, size: size.parse().ok()?, every })
    }

    pub(crate) fn texts(self) -> impl Iterator<Item = String> + Send {
        (0..self.count).map(move |number| {
            let mut text = format!("{number} ");
            text.extend(std::iter::repeat_n('x', self.size.saturating_sub(text.len())));
            text
        })
    }
}
