//! Header fields (RFC 9110 §5).

use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

use crate::redacted::Length;
use crate::token::{is_tchar, is_token};

/// Header fields in the order in which they came or were set.
///
/// `Debug` shows the names and the lengths of the values, because values hold credentials. [`reveal`](Self::reveal) shows all.
///
/// Names are compared without regard to case. Bytes of a received value that are not UTF-8 are replaced by U+FFFD; the
/// head as it came is in [`Response::head`](crate::Response::head).
#[derive(Clone, PartialEq, Eq, Default)]
pub struct Headers(Vec<(String, String)>);

impl Headers {
    pub(super) const EMPTY: Self = Self(Vec::new());

    /// Takes out all fields of that name.
    pub(super) fn remove(&mut self, name: &str) {
        self.0.retain(|(other, _)| !other.eq_ignore_ascii_case(name));
    }

    /// The value of the first field of that name.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.all(name).next()
    }

    /// The values of all fields of that name.
    pub fn all<'a>(&'a self, name: &str) -> impl Iterator<Item = &'a str> {
        self.iter().filter(move |(other, _)| other.eq_ignore_ascii_case(name)).map(|(_, value)| value)
    }

    /// The value of the field of that name, if there is exactly one.
    pub(super) fn only(&self, name: &str) -> Option<&str> {
        let mut values = self.all(name);
        values.next().filter(|_| values.next().is_none())
    }

    /// Names and values in order.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(name, value)| (&**name, &**value))
    }

    /// All fields with their values, each as a line. For a log that may hold credentials.
    pub fn reveal(&self) -> impl fmt::Display + '_ {
        RevealedHeaders(self)
    }

    /// Number of fields.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The members of all the comma-separated lists in the fields of that name (RFC 9110 §5.6.1), without the spaces
    /// around them and without empty ones. Must not be used where quoted strings may hold commas.
    pub fn tokens<'a>(&'a self, name: &str) -> impl Iterator<Item = &'a str> {
        let members = self.all(name).flat_map(|value| value.split(','));
        // RFC 9110 §5.6.3: whitespace is the space and the tab, nothing else of Unicode.
        members.map(|token| token.trim_matches([' ', '\t'])).filter(|token| !token.is_empty())
    }

    pub(super) fn has_token(&self, name: &str, token: &str) -> bool {
        self.tokens(name).any(|other| other.eq_ignore_ascii_case(token))
    }

    pub(super) fn from_parsed(parsed: &[httparse::Header<'_>]) -> Self {
        let field = |header: &httparse::Header<'_>| {
            (String::from(header.name), unfolded(String::from_utf8_lossy(header.value).into_owned()))
        };
        Self(parsed.iter().map(field).collect())
    }

    /// Adds a field that the user sets.
    pub(super) fn push(&mut self, name: &str, value: &str) -> Result<(), InvalidHeader> {
        let invalid = |reason| InvalidHeader { name: name.into(), reason };
        if !is_token(name) {
            // A whole line in place of the name holds the value, too.
            let end = name.bytes().position(|byte| !is_tchar(byte)).unwrap_or(name.len());
            return Err(InvalidHeader { name: name[..end].into(), reason: "its name is not a token" });
        }
        // RFC 9110 §5.5: CR, LF and NUL are dangerous, other controls but the tab invalid.
        if !value.bytes().all(|byte| matches!(byte, b'\t' | b' '..=b'~' | 0x80..)) {
            return Err(invalid("its value has a control character, such as a line break"));
        }
        if value.trim_matches([' ', '\t']).len() != value.len() {
            return Err(invalid("its value begins or ends with a space"));
        }
        let is = |other| name.eq_ignore_ascii_case(other);
        if is("Upgrade") || is("Connection") {
            return Err(invalid("the handshake sets it"));
        }
        if name.get(..14).is_some_and(|prefix| prefix.eq_ignore_ascii_case("Sec-WebSocket-")) {
            return Err(invalid("the handshake sets it; there are settings for what can be chosen"));
        }
        if is("Content-Length") || is("Transfer-Encoding") || is("Trailer") {
            return Err(invalid("the handshake has no body"));
        }
        // RFC 9110 §5.3, §11.6.2: none of them is a list.
        if (is("Host") || is("Origin") || is("Authorization")) && self.get(name).is_some() {
            return Err(invalid("it is set already, and may be there once"));
        }
        self.0.push((name.into(), value.into()));
        Ok(())
    }

    /// Adds a field that the handshake itself sets.
    pub(super) fn set(&mut self, name: &str, value: &str) {
        self.0.push((name.into(), value.into()));
    }

    pub(super) fn write(&self, head: &mut Vec<u8>) {
        for (name, value) in self.iter() {
            write_field(head, name, value);
        }
    }
}

impl fmt::Debug for Headers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.iter().map(|(name, value)| (name, Length(value.len())))).finish()
    }
}

/// Header fields as they came, line by line.
struct RevealedHeaders<'a>(&'a Headers);

impl fmt::Display for RevealedHeaders<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|(name, value)| write!(f, "{name}: {value}\r\n"))
    }
}

/// RFC 9112 §5.2: each line break of a folded value, and the spaces around it, become one space.
fn unfolded(value: String) -> String {
    if !value.contains('\n') {
        return value;
    }
    let lines: Vec<&str> = value.split('\n').map(|line| line.trim_matches([' ', '\t', '\r'])).collect();
    String::from(lines.join(" ").trim_matches(' '))
}

pub(super) fn write_field(head: &mut Vec<u8>, name: &str, value: &str) {
    for part in [name, ": ", value, "\r\n"] {
        head.extend_from_slice(part.as_bytes());
    }
}

/// Why something cannot stand in the head of a handshake.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct InvalidHeader {
    /// The header, or the part of the request line. A name that is not a token ends before its first illegal character.
    pub name: String,
    /// What is wrong with it.
    pub reason: &'static str,
}

impl fmt::Display for InvalidHeader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?} cannot be set: {}", self.name, self.reason)
    }
}

impl core::error::Error for InvalidHeader {}
