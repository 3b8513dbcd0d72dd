//! What an inflater says.

/// One turn of the inflater.
pub(crate) struct InflateTurn<'a> {
    /// Bytes of the input that are used up.
    pub(crate) used: usize,
    pub(crate) output: &'a [u8],
    pub(crate) progress: InflateProgress,
}

/// What is to be done next.
#[cfg_attr(not(feature = "deflate"), allow(dead_code, reason = "there is no inflater to say so"))]
pub(crate) enum InflateProgress {
    /// Go on with the rest of the input, which may be none.
    More,
    /// Everything that came is inflated.
    NeedsInput,
    /// The message has ended.
    Ended,
    /// The payload is not what a compressor makes.
    Invalid,
}
