//! Fields by which a proxy tells the address of its client.
//!
//! Each proxy adds an element at the end. So the last one is that of the trusted proxy; the ones before are the client's word.

use std::net::{IpAddr, SocketAddr};

use super::KnownClient;

/// The `for` of the last element of a `Forwarded` (RFC 7239 §4). `None` if it is not legal, `Some(None)` if it hides the address.
pub(super) fn last_for(value: &str) -> Option<KnownClient> {
    let element = last_unquoted(value, b',')?;
    let mut found = None;
    for pair in unquoted(element, b';') {
        let (name, node) = pair?.split_once('=')?;
        if name.trim_matches([' ', '\t']).eq_ignore_ascii_case("for") {
            // RFC 7239 §4: each parameter occurs once.
            if found.is_some() {
                return None;
            }
            found = Some(node_address(&unescaped(node.trim_matches([' ', '\t']))?)?);
        }
    }
    found
}

/// The last address of an `X-Forwarded-For`, with a port or without.
pub(super) fn last_address(value: &str) -> Option<KnownClient> {
    let last = value.rsplit(',').next()?.trim_matches([' ', '\t']);
    let bare = last.parse::<IpAddr>().map(|ip| SocketAddr::new(ip, 0)).ok();
    bare.map(Some).or_else(|| node_address(last))
}

/// RFC 7239 §6: an address with a port or without, `unknown`, or a name of the proxy's choice. A port that is unknown is 0.
fn node_address(node: &str) -> Option<KnownClient> {
    let end = match node.strip_prefix('[') {
        Some(rest) => rest.find(']')? + 2,
        None => node.find(':').unwrap_or(node.len()),
    };
    let (name, port) = node.split_at(end);
    let port = match port.strip_prefix(':') {
        None if port.is_empty() => 0,
        None => return None,
        Some(hidden) if is_hidden(hidden) => 0,
        Some(digits) if digits.bytes().all(|byte| byte.is_ascii_digit()) => digits.parse().ok()?,
        Some(_) => return None,
    };
    let ip = match name.strip_prefix('[').and_then(|name| name.strip_suffix(']')) {
        Some(address) => IpAddr::V6(address.parse().ok()?),
        None if name.eq_ignore_ascii_case("unknown") || is_hidden(name) => return Some(None),
        None => IpAddr::V4(name.parse().ok()?),
    };
    Some(Some(SocketAddr::new(ip, port)))
}

/// RFC 7239 §6.3: a name that begins with an underscore.
fn is_hidden(name: &str) -> bool {
    let is_of_name = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
    name.strip_prefix('_').is_some_and(|rest| !rest.is_empty() && rest.bytes().all(is_of_name))
}

/// The part behind the last separator that is not within quotes. `None` if a quote is open at the end.
fn last_unquoted(text: &str, separator: u8) -> Option<&str> {
    unquoted(text, separator).last()?
}

/// The parts between separators that are not within quotes. The last one is `None` if a quote is open at the end.
fn unquoted(text: &str, separator: u8) -> impl Iterator<Item = Option<&str>> {
    let mut rest = Some(text);
    std::iter::from_fn(move || {
        let part = rest.take()?;
        let (mut is_quoted, mut is_escaped) = (false, false);
        for (at, byte) in part.bytes().enumerate() {
            match byte {
                _ if is_escaped => is_escaped = false,
                b'\\' if is_quoted => is_escaped = true,
                b'"' => is_quoted = !is_quoted,
                byte if byte == separator && !is_quoted => {
                    rest = Some(&part[at + 1..]);
                    return Some(Some(&part[..at]));
                }
                _ => {}
            }
        }
        Some((!is_quoted).then_some(part))
    })
}

/// RFC 9110 §5.6.4: a token as it is, or the content of a quoted string.
fn unescaped(text: &str) -> Option<String> {
    let Some(quoted) = text.strip_prefix('"') else {
        return (!text.contains('"')).then(|| text.into());
    };
    let (mut content, mut chars) = (String::new(), quoted.strip_suffix('"')?.chars());
    while let Some(char) = chars.next() {
        match char {
            '\\' => content.push(chars.next()?),
            '"' => return None,
            char => content.push(char),
        }
    }
    Some(content)
}
