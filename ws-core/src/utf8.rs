//! UTF-8, checked as it arrives (RFC 6455 §8.1).

use alloc::string::String;
use alloc::vec::Vec;

/// A check that can stop at any byte and go on at the next.
///
/// It fails at the byte that makes the text invalid, not later: a character that is cut off is checked as far as it
/// is there, so that no continuation of a bad beginning is waited for.
#[derive(Clone, Debug, Default)]
pub(crate) struct Utf8 {
    /// The beginning of a character. Invariant: a proper prefix of some valid character.
    cut: [u8; 3],
    cut_len: usize,
}

impl Utf8 {
    /// Checks the next bytes and hands those that complete characters to `valid`, in order.
    /// Fails with the number of bytes of `bytes` before the one that cannot be.
    pub(crate) fn feed(&mut self, bytes: &[u8], mut valid: impl FnMut(&str)) -> Result<(), usize> {
        let mut used = 0;
        // A character that was cut is at most three more bytes away from its end.
        while self.cut_len > 0 {
            let Some(&byte) = bytes.get(used) else { return Ok(()) };
            let mut character = [0; 4];
            character[..self.cut_len].copy_from_slice(&self.cut[..self.cut_len]);
            character[self.cut_len] = byte;
            match core::str::from_utf8(&character[..=self.cut_len]) {
                Ok(complete) => {
                    self.cut_len = 0;
                    valid(complete);
                }
                Err(error) if error.error_len().is_some() => return Err(used),
                Err(_) => {
                    self.cut[self.cut_len] = byte;
                    self.cut_len += 1;
                }
            }
            used += 1;
        }
        let rest = &bytes[used..];
        let checked = match simdutf8::basic::from_utf8(rest) {
            Ok(text) => text,
            Err(_) => self.keep_cut(rest).map_err(|at| used + at)?,
        };
        if !checked.is_empty() {
            valid(checked);
        }
        Ok(())
    }

    /// Whether the text may end here: no character is cut off.
    pub(crate) fn is_complete(&self) -> bool {
        self.cut_len == 0
    }

    /// `bytes` are not valid as a whole: either their end is cut off, which is kept, or they are wrong.
    fn keep_cut<'a>(&mut self, bytes: &'a [u8]) -> Result<&'a str, usize> {
        let Err(error) = simdutf8::compat::from_utf8(bytes) else { return Ok("") };
        let (whole, cut) = bytes.split_at(error.valid_up_to());
        if let Some(_wrong) = error.error_len() {
            return Err(whole.len() + first_wrong(cut));
        }
        self.cut[..cut.len()].copy_from_slice(cut);
        self.cut_len = cut.len();
        // A second check of what was just found valid, of one read at most: the way to `&str` without `unsafe`.
        simdutf8::basic::from_utf8(whole).map_err(|_| 0)
    }
}

/// The first byte of a wrong sequence that no valid character has in that place.
fn first_wrong(sequence: &[u8]) -> usize {
    let could_go_on =
        |n: usize| matches!(core::str::from_utf8(&sequence[..n]), Err(error) if error.error_len().is_none());
    (1..=sequence.len().min(4)).find(|&n| !could_go_on(n)).map_or(0, |n| n - 1)
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

    pub(crate) fn into_string(self) -> String {
        self.text
    }

    /// What there is, a character that is cut off included, and the check that goes on behind it: for a message that is
    /// handed out in pieces from now on.
    pub(crate) fn into_parts(self) -> (Vec<u8>, Utf8) {
        let mut bytes = self.text.into_bytes();
        bytes.extend_from_slice(&self.utf8.cut[..self.utf8.cut_len]);
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
