//! UTF-8, checked as it arrives (RFC 6455 §8.1).

use alloc::string::String;
use alloc::vec::Vec;

use crate::growth::growth;

/// A check that can stop at any byte and go on at the next.
///
/// It fails at the byte that makes the text invalid, not later: a character that is cut off is checked as far as it
/// is there, so that no continuation of a bad beginning is waited for.
#[derive(Clone, Debug, Default)]
pub(crate) struct Utf8 {
    /// The beginning of a character. Invariant: a proper prefix of some valid character.
    cut: [u8; 3],
    cut_len: u8,
}

impl Utf8 {
    /// Checks the next bytes and hands those that complete characters to `valid`, in order.
    /// Fails with the number of bytes of `bytes` before the one that cannot be.
    pub(crate) fn feed(&mut self, bytes: &[u8], mut valid: impl FnMut(&str)) -> Result<(), usize> {
        let mut used = 0;
        // A character that was cut is at most three more bytes away from its end.
        while self.cut_len > 0 {
            let Some(&byte) = bytes.get(used) else { return Ok(()) };
            let len = self.cut().len();
            let mut character = [0; 4];
            character[..len].copy_from_slice(self.cut());
            character[len] = byte;
            match core::str::from_utf8(&character[..=len]) {
                Ok(complete) => {
                    self.cut_len = 0;
                    valid(complete);
                }
                Err(error) if error.error_len().is_some() => return Err(used),
                Err(_) => {
                    self.cut[len] = byte;
                    self.cut_len += 1;
                }
            }
            used += 1;
        }
        let (whole, cut) = split_cut(&bytes[used..]);
        let text = match simdutf8::basic::from_utf8(whole) {
            Ok(text) => text,
            Err(_) => return Err(used + first_wrong(whole)),
        };
        if !text.is_empty() {
            valid(text);
        }
        if !cut.is_empty() {
            self.keep(cut).map_err(|at| used + whole.len() + at)?;
        }
        Ok(())
    }

    /// Whether the text may end here: no character is cut off.
    pub(crate) fn is_complete(&self) -> bool {
        self.cut_len == 0
    }

    fn cut(&self) -> &[u8] {
        &self.cut[..usize::from(self.cut_len)]
    }

    /// Keeps the beginning of a character, if it can be one.
    fn keep(&mut self, cut: &[u8]) -> Result<(), usize> {
        match core::str::from_utf8(cut) {
            Err(error) if error.error_len().is_none() => {
                self.cut[..cut.len()].copy_from_slice(cut);
                self.cut_len = cut.len() as u8;
                Ok(())
            }
            _ => Err(first_wrong(cut)),
        }
    }
}

/// Splits off a character at the end whose first byte says that it goes on behind it. So what is before it can be checked in
/// one go.
fn split_cut(bytes: &[u8]) -> (&[u8], &[u8]) {
    for back in 1..=bytes.len().min(3) {
        let at = bytes.len() - back;
        let len = match bytes[at] {
            0x80..=0xBF => continue,
            0xC0..=0xDF => 2,
            0xE0..=0xEF => 3,
            0xF0.. => 4,
            0x00..=0x7F => 1,
        };
        return if len > back { bytes.split_at(at) } else { (bytes, &[]) };
    }
    (bytes, &[])
}

/// The first byte that no valid text has in that place.
#[cold]
fn first_wrong(bytes: &[u8]) -> usize {
    let Err(error) = simdutf8::compat::from_utf8(bytes) else { return bytes.len() };
    let sequence = &bytes[error.valid_up_to()..];
    let could_go_on = |n: &usize| matches!(core::str::from_utf8(&sequence[..*n]), Err(error) if error.error_len().is_none());
    error.valid_up_to() + (1..=sequence.len().min(4)).take_while(could_go_on).count()
}

/// A text under assembly: every byte that is valid so far, in a `String`.
#[derive(Debug, Default)]
pub(crate) struct Text {
    utf8: Utf8,
    text: String,
}

impl Text {
    pub(crate) fn feed(&mut self, bytes: &[u8]) -> Result<(), usize> {
        let Self { utf8, text } = self;
        utf8.feed(bytes, |valid| text.push_str(valid))
    }

    pub(crate) fn is_complete(&self) -> bool {
        self.utf8.is_complete()
    }

    /// Number of bytes for which there is room.
    pub(crate) fn room(&self) -> usize {
        self.text.capacity() - self.text.len()
    }

    /// Makes room for `n` bytes more of a message that has at most `max`.
    pub(crate) fn grow(&mut self, n: usize, max: u64) {
        self.text.reserve_exact(growth(self.text.capacity(), self.text.len(), n, max));
    }

    pub(crate) fn len(&self) -> usize {
        self.text.len()
    }

    /// The text, in memory of at most twice its size.
    pub(crate) fn into_string(mut self) -> String {
        if self.text.capacity() > 2 * self.text.len() {
            self.text.shrink_to_fit();
        }
        self.text
    }

    /// A text of which this has come, as the check says that stands behind it.
    pub(crate) fn from_parts(mut bytes: Vec<u8>, utf8: Utf8) -> Self {
        bytes.truncate(bytes.len() - usize::from(utf8.cut_len));
        Self { utf8, text: String::from_utf8(bytes).unwrap_or_default() }
    }

    /// What there is, a character that is cut off included, and the check that goes on behind it: for a message that is
    /// handed out in chunks from now on.
    pub(crate) fn into_parts(self) -> (Vec<u8>, Utf8) {
        let mut bytes = self.text.into_bytes();
        bytes.extend_from_slice(self.utf8.cut());
        (bytes, self.utf8)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Feeds `bytes` in two parts and says where it failed.
    fn check(bytes: &[u8], cut: usize) -> Result<String, usize> {
        let mut text = Text::default();
        text.feed(&bytes[..cut])?;
        text.feed(&bytes[cut..]).map_err(|at| cut + at)?;
        if text.is_complete() { Ok(text.into_string()) } else { Err(bytes.len()) }
    }

    #[test]
    fn fails_at_the_byte_that_makes_it_invalid_wherever_it_is_cut() {
        let cases: [(&[u8], usize); 12] = [
            (b"\xce\xba\xe1\xbd\xb9\xcf\x83\xce\xbc\xce\xb5\xed\xa0\x80edited", 12), // a surrogate
            (b"\xf4\x90\x80\x80", 1),                                                // beyond U+10FFFF
            (b"abc\xff", 3),
            (b"abc\x80", 3),
            (b"\xc0\xaf", 0), // overlong
            (b"\xe0\x80\xaf", 1),
            (b"\xf0\x80\x80\xaf", 1),
            (b"\xf5\x80", 0),
            (b"\xe2\x82a", 2),
            (b"\xf0\x9f\x98", 3), // ends within a character
            (b"\xe2\x82\xac\xe2", 4),
            (b"0123456789012345678901234567890123456789012345678901234567890123456789\xe2(", 71),
        ];
        for (bytes, at) in cases {
            for cut in 0..=bytes.len() {
                assert_eq!(check(bytes, cut), Err(at), "{bytes:x?} cut at {cut}");
            }
        }
    }

    #[test]
    fn valid_text_comes_out_whole_wherever_it_is_cut() {
        let text = "a\u{7f}\u{80}\u{7ff}\u{800}\u{d7ff}\u{e000}\u{ffff}\u{10000}\u{10ffff}z".repeat(9);
        for cut in 0..=text.len() {
            assert_eq!(check(text.as_bytes(), cut).as_deref(), Ok(&*text));
        }
    }

    #[test]
    fn agrees_with_the_standard_library_on_every_sequence_of_three_bytes() {
        for first in 0..=255u8 {
            for second in [0x00, 0x7f, 0x80, 0x8f, 0x90, 0x9f, 0xa0, 0xbf, 0xc0, 0xff] {
                for third in [0x00, 0x7f, 0x80, 0xbf, 0xc0, 0xff] {
                    let bytes = [first, second, third];
                    let expected = core::str::from_utf8(&bytes).map(String::from).ok();
                    assert_eq!(check(&bytes, 1).ok(), expected, "{bytes:x?}");
                    assert_eq!(check(&bytes, 3).ok(), expected, "{bytes:x?}");
                }
            }
        }
    }
}
