//! Texts for logs, in which a value that may be a secret is shown by its beginning or by its length. The crates of the workspace
//! share them.

use alloc::string::String;
use core::fmt::{self, Write};

/// Number of characters, or bytes, that are shown of a payload or of a value.
pub const EXCERPT: usize = 8;
/// Number of characters that are shown of words which a peer addresses to the reader of a log: a reason phrase, the text of a refusal,
/// the reason of a Close frame.
pub const WORDS: usize = 80;
/// Number of characters that are shown of a URL.
const URI: usize = 200;

/// The beginning of a text in quotes, with `…` if there is more. `Debug` adds the length of a text that is cut.
#[derive(Clone, Copy)]
pub struct Excerpt<'a> {
    text: &'a str,
    limit: usize,
}

impl<'a> Excerpt<'a> {
    /// The first [`EXCERPT`] characters.
    pub fn new(text: &'a str) -> Self {
        Self { text, limit: EXCERPT }
    }

    /// The first [`WORDS`] characters.
    pub fn words(text: &'a str) -> Self {
        Self { text, limit: WORDS }
    }

    /// A name that may be shown, and the beginning of the rest.
    pub(crate) fn after(text: &'a str, name: &str) -> Self {
        Self { text, limit: name.len() + EXCERPT }
    }

    /// The part that is shown, and whether there is more.
    fn split(self) -> (&'a str, bool) {
        match self.text.char_indices().nth(self.limit) {
            Some((end, _)) => (&self.text[..end], true),
            None => (self.text, false),
        }
    }
}

impl fmt::Display for Excerpt<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (shown, is_cut) = self.split();
        write!(f, "{shown:?}{}", if is_cut { "…" } else { "" })
    }
}

impl fmt::Debug for Excerpt<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)?;
        if self.split().1 { write!(f, " of {} bytes", self.text.len()) } else { Ok(()) }
    }
}

/// The beginning of a payload, [`EXCERPT`] bytes of it, with its length if there is more.
#[derive(Clone, Copy)]
pub struct PayloadExcerpt<'a>(pub &'a [u8]);

impl fmt::Display for PayloadExcerpt<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shown = &self.0[..self.0.len().min(EXCERPT)];
        write!(f, "\"{}\"{}", shown.escape_ascii(), if shown.len() < self.0.len() { "…" } else { "" })
    }
}

impl fmt::Debug for PayloadExcerpt<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "b{self}")?;
        if self.0.len() > EXCERPT { write!(f, " of {} bytes", self.0.len()) } else { Ok(()) }
    }
}

/// A number of bytes, in place of the bytes.
#[derive(Clone, Copy)]
pub struct Length(pub usize);

impl fmt::Display for Length {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} byte{}", self.0, if self.0 == 1 { "" } else { "s" })
    }
}

impl fmt::Debug for Length {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// A limit in bytes, in the largest unit that it is a whole number of.
pub(crate) struct Size(pub(crate) u64);

impl fmt::Display for Size {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const KIB: u64 = 1 << 10;
        const MIB: u64 = 1 << 20;
        match self.0 {
            n if n >= MIB && n % MIB == 0 => write!(f, "{} MiB", n / MIB),
            n if n >= KIB && n % KIB == 0 => write!(f, "{} KiB", n / KIB),
            n => write!(f, "{n} byte{}", if n == 1 { "" } else { "s" }),
        }
    }
}

/// A list of subprotocols.
pub struct Subprotocols<'a>(pub &'a [String]);

impl fmt::Debug for Subprotocols<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.0.iter().map(|name| Excerpt::new(name))).finish()
    }
}

/// A URL, or a part of one, with `?…` for the query, `#…` for the fragment, and `…@` for user name and password. Control characters
/// are escaped. At most 200 characters are shown.
#[derive(Clone, Copy)]
pub struct Uri<'a>(pub &'a str);

impl fmt::Display for Uri<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (rest, end) = match self.0.find(['?', '#']) {
            Some(at) => (&self.0[..at], if self.0[at..].starts_with('?') { "?…" } else { "#…" }),
            None => (self.0, ""),
        };
        // A text from a peer need not be a URL, so user name and password may stand in each of its parts.
        let parts = rest.split_inclusive(['/', '\\', ',', ' ']).flat_map(|part| match part.rfind('@') {
            Some(at) => ["…", &part[at..]],
            None => ["", part],
        });
        let mut left = URI;
        for c in parts.flat_map(str::chars) {
            if left == 0 {
                return f.write_char('…');
            }
            left -= 1;
            if c.is_control() { write!(f, "{}", c.escape_default())? } else { f.write_char(c)? }
        }
        f.write_str(end)
    }
}

impl fmt::Debug for Uri<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "\"{self}\"")
    }
}

/// The words of the body of a refusal, as [`words`].
pub fn body_words(body: &[u8]) -> String {
    words(summary(&String::from_utf8_lossy(body)))
}

/// The part of a body that says most: all of JSON, the title of HTML (its first heading if it has none), and else the first
/// line that is not blank.
fn summary(body: &str) -> &str {
    let body = body.trim_start_matches(|c: char| c.is_whitespace() || c == '\u{FEFF}');
    match body.as_bytes().first() {
        Some(b'{' | b'[') => body,
        Some(b'<') => {
            ["title", "h1"].iter().find_map(|name| element(body, name)).unwrap_or_else(|| line(body))
        }
        _ => line(body),
    }
}

fn line(text: &str) -> &str {
    text.lines().next().unwrap_or_default()
}

/// The text of the first element of that name, up to the next tag, unless it is blank.
fn element<'a>(html: &'a str, name: &str) -> Option<&'a str> {
    let mut tags = html.match_indices('<').map(|(at, _)| &html[at + 1..]);
    let is_name = |tag: &&str| tag.get(..name.len()).is_some_and(|found| found.eq_ignore_ascii_case(name));
    let tag = tags.find(|tag| is_name(tag) && tag[name.len()..].starts_with(['>', ' ', '\t', '\r', '\n']))?;
    let (_, text) = tag.split_once('>')?;
    let text = text.split('<').next()?.trim();
    (!text.is_empty()).then_some(text)
}

/// One line of words that a peer addresses to the reader: without control characters, and at most [`WORDS`] characters long.
pub fn words(text: &str) -> String {
    let mut line = String::new();
    let mut left = WORDS;
    let words = text.split(|c: char| c.is_whitespace() || c.is_control()).filter(|word| !word.is_empty());
    for word in words {
        if left == 0 {
            break;
        }
        if !line.is_empty() {
            line.push(' ');
        }
        line.extend(word.chars().take(left));
        left = left.saturating_sub(word.chars().count() + 1);
    }
    line
}

/// The names in `Sec-WebSocket-Extensions` that RFC 7692 §7.1 defines. They are shown whole.
const EXTENSION_NAMES: [&str; 5] = [
    "permessage-deflate",
    "server_no_context_takeover",
    "client_no_context_takeover",
    "server_max_window_bits",
    "client_max_window_bits",
];

/// An extension, or a parameter of one: a name that RFC 7692 defines, and the beginning of the rest.
pub(crate) fn extension(text: &str) -> Excerpt<'_> {
    match EXTENSION_NAMES.into_iter().find(|name| text.starts_with(name)) {
        Some(name) => Excerpt::after(text, name),
        None => Excerpt::new(text),
    }
}

#[cfg(test)]
mod tests {
    use alloc::format;
    use alloc::string::ToString;

    use super::*;

    #[test]
    fn a_url_is_shown_without_user_password_query_and_fragment() {
        for (uri, shown) in [
            ("/feed?token=1", "/feed?…"),
            ("/feed#token", "/feed#…"),
            ("/feed", "/feed"),
            ("wss://me:pass@h:1/a?b#c", "wss://…@h:1/a?…"),
            ("wss://me:p@ss@h", "wss://…@h"),
            ("//me@h/x@y", "//…@h/…@y"),
            ("https:/me:pass@h/", "https:/…@h/"),
            ("https:///me:pass@h", "https:///…@h"),
            ("\\\\me:pass@h", "\\\\…@h"),
            ("https://a, https://me:pass@b", "https://a, https://…@b"),
            ("me:pass@h", "…@h"),
            ("ws://h?a@b", "ws://h?…"),
            ("/a\r\nb", "/a\\r\\nb"),
            ("", ""),
        ] {
            assert_eq!(Uri(uri).to_string(), shown, "{uri:?}");
        }
        let long = "é".repeat(URI + 1);
        assert_eq!(Uri(&long).to_string(), format!("{}…", &long[..2 * URI]));
    }

    #[test]
    fn eight_characters_are_shown() {
        assert_eq!(format!("{:?}", Excerpt::new("ééééáááá")), "\"ééééáááá\"");
        assert_eq!(format!("{:?}", Excerpt::new("ééééááááx")), "\"ééééáááá\"… of 17 bytes");
        assert_eq!(format!("{:?}", PayloadExcerpt(b"12345678")), "b\"12345678\"");
        assert_eq!(format!("{:?}", PayloadExcerpt(b"\x00\"3456789")), "b\"\\x00\\\"345678\"… of 9 bytes");
        assert_eq!(extension("server_max_window_bits=16").to_string(), "\"server_max_window_bits=16\"");
        assert_eq!(
            extension("server_max_window_bits=16345678").to_string(),
            "\"server_max_window_bits=1634567\"…"
        );
        assert_eq!(extension("x-token=1").to_string(), "\"x-token=\"…");
    }

    #[test]
    fn words_are_one_line_of_eighty_characters() {
        assert_eq!(words(" a\r\n\tb\u{7}c "), "a b c");
        assert_eq!(words(&"x".repeat(100)), "x".repeat(80));
        assert_eq!(words(&format!("{} yy z", "x".repeat(78))), format!("{} y", "x".repeat(78)));
    }
}
