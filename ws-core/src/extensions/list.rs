//! The list of extensions in a handshake (RFC 6455 §9.1).

use alloc::string::String;
use alloc::vec::Vec;

use crate::token::is_tchar;

/// A member of the list.
#[derive(PartialEq, Eq, Debug)]
pub(crate) struct Extension {
    pub(crate) name: String,
    pub(crate) parameters: Vec<(String, Option<String>)>,
}

/// The value is not a list of extensions.
#[derive(PartialEq, Eq, Debug)]
pub(crate) struct Malformed;

/// Parses the values of all header fields of one message, which are one list (RFC 6455 §9.1).
pub(crate) fn parse<'a>(values: impl IntoIterator<Item = &'a str>) -> Result<Vec<Extension>, Malformed> {
    let mut extensions = Vec::new();
    for value in values {
        parse_value(&mut Unparsed(value), &mut extensions)?;
    }
    Ok(extensions)
}

fn parse_value(rest: &mut Unparsed<'_>, extensions: &mut Vec<Extension>) -> Result<(), Malformed> {
    loop {
        // RFC 9110 §5.6.1.2: a recipient must ignore a reasonable number of empty members.
        while rest.take(',') {}
        if rest.is_empty() {
            return Ok(());
        }
        let name = rest.token()?;
        let mut parameters = Vec::new();
        while rest.take(';') {
            let name = rest.token()?;
            let value = if rest.take('=') { Some(rest.value()?) } else { None };
            parameters.push((name, value));
        }
        extensions.push(Extension { name, parameters });
        if !rest.is_empty() && !rest.0.starts_with(',') {
            return Err(Malformed);
        }
    }
}

/// What is still to be parsed. Spaces and tabs may stand around everything but within it.
struct Unparsed<'a>(&'a str);

impl Unparsed<'_> {
    fn skip_space(&mut self) {
        self.0 = self.0.trim_start_matches([' ', '\t']);
    }

    fn is_empty(&mut self) -> bool {
        self.skip_space();
        self.0.is_empty()
    }

    fn take(&mut self, separator: char) -> bool {
        self.skip_space();
        self.0.strip_prefix(separator).map(|rest| self.0 = rest).is_some()
    }

    fn token(&mut self) -> Result<String, Malformed> {
        self.skip_space();
        let end = self.0.bytes().position(|byte| !is_tchar(byte)).unwrap_or(self.0.len());
        let (token, rest) = self.0.split_at(end);
        self.0 = rest;
        self.skip_space();
        if token.is_empty() { Err(Malformed) } else { Ok(token.into()) }
    }

    /// RFC 6455 §9.1: a value is a token, or a quoted string that is one after it was unescaped.
    fn value(&mut self) -> Result<String, Malformed> {
        if !self.take('"') {
            return self.token();
        }
        let mut value = String::new();
        let mut characters = self.0.chars();
        loop {
            match characters.next().ok_or(Malformed)? {
                '"' => break,
                '\\' => value.push(characters.next().ok_or(Malformed)?),
                character => value.push(character),
            }
        }
        self.0 = characters.as_str();
        self.skip_space();
        if value.is_empty() || !value.bytes().all(is_tchar) { Err(Malformed) } else { Ok(value) }
    }
}

#[cfg(test)]
mod tests {
    use alloc::string::ToString;

    use super::*;

    /// The list as it would be written again.
    fn written(values: &[&str]) -> Option<String> {
        let extensions = parse(values.iter().copied()).ok()?;
        let parameter = |(name, value): &(String, Option<String>)| match value {
            Some(value) => alloc::format!(";{name}={value}"),
            None => alloc::format!(";{name}"),
        };
        let written = |extension: &Extension| {
            let parameters: String = extension.parameters.iter().map(parameter).collect();
            extension.name.clone() + &parameters
        };
        Some(extensions.iter().map(written).collect::<Vec<_>>().join(","))
    }

    #[test]
    fn lists_that_are_legal() {
        for (values, expected) in [
            (&[""][..], ""),
            (&["a"], "a"),
            (&["a, b"], "a,b"),
            (&["a", "b"], "a,b"),
            (&[" a ;x ; y=1\t,,\tb; z = \"2\" "], "a;x;y=1,b;z=2"),
            (&["a;x=\"1\\0\""], "a;x=10"),
            (&["a;x=\"y\""], "a;x=y"),
            (&[",a,", ""], "a"),
        ] {
            assert_eq!(written(values).as_deref(), Some(expected), "{values:?}");
        }
    }

    #[test]
    fn lists_that_are_not() {
        for value in [
            ";",
            "a;",
            "a;;b",
            "a;=1",
            "a;x=",
            "a b",
            "a;x y",
            "a;x=1 2",
            "a;x=\"\"",
            "a;x=\"1",
            "a;x=\"1\\",
            "a/b",
            "a;x=\"1 \"",
            "a;x=\"1\"2",
            "=",
            "\"a\"",
            "a=1",
            "ä",
            "a;x=\"ä\"",
            "a\u{a0}",
        ] {
            assert_eq!(written(&["a", value]), None, "{:?}", value.to_string());
        }
    }
}
