//! The secrets, and how one is found in a text.

use std::sync::LazyLock;

/// A secret. No nine characters in a row of it are in any other text.
pub(crate) struct Secret {
    pub(crate) name: &'static str,
    pub(crate) bytes: &'static [u8],
}

macro_rules! secrets {
    ($($name:ident = $value:literal)*) => {
        $(pub(crate) const $name: &str = $value;)*
        const TEXTS: &[Secret] = &[$(Secret { name: stringify!($name), bytes: $value.as_bytes() }),*];
    };
}

secrets! {
    AUTHORIZATION = "q7ZK3vT9wLmX4pRb6YcH"
    COOKIE = "zE5uJ8nBs2VgQd7WkfA1"
    HEADER = "mY4hP9xTc6RjLe3NvoU8"
    SET_COOKIE = "Gd2WqS7kZb5XnMa9FyJ0"
    QUERY = "vC8tN3rLh6KpUe1QwzI4"
    USER = "oB6yX2mFj9TsDk4HgPc7"
    PASSWORD = "Rw1ZlV5aEu8QnKi3JxSb"
    PROXY_USER = "hT4cM7gYp2LdWo9XvEz6"
    PROXY_PASSWORD = "Ks3NfB8jQr5UxAt1CyVm"
    SUBPROTOCOL = "Pe9DiZ6wHk2GoSl7TbRu"
    TEXT = "jX5qC1vMn8FyKa4WzLt2"
    PING = "Ub7EsG3hOp6RdVi9NwJc"
    REASON = "yA2kT8lXf4ZmQe5BgHr1"
    BODY = "Dn6WvP9uSj3IcLo7KtYx"
    LOCATION = "aF1gR5zUb8HwMq2EdXk4"
    // The handshake key of a request that is none, and other fields of its own.
    FIELD = "Lc3JyO7tNs9VpGi6QhBe"
    // A line of a private key.
    KEY = "MIIEvQIBADANBgkqhkiGXw0BAQ"
}

pub(crate) const BINARY: &[u8] = &[
    0x9c, 0x07, 0xe3, 0x51, 0xb8, 0x2d, 0xfa, 0x64, 0x13, 0xcd, 0x8e, 0x39, 0xa5, 0x70, 0x1b, 0xd6, 0x4f,
    0x92,
];

/// Number of bytes of a secret in a row that may be shown.
const SHOWN: usize = 8;

fn all() -> impl Iterator<Item = &'static Secret> {
    const BYTES: Secret = Secret { name: "BINARY", bytes: BINARY };
    TEXTS.iter().chain([&BYTES])
}

/// The parts of a secret, in each form that a text can have.
struct Needles {
    name: &'static str,
    texts: Vec<String>,
    numbers: Vec<String>,
}

static NEEDLES: LazyLock<Vec<Needles>> = LazyLock::new(|| {
    let needles = |secret: &Secret| {
        let windows = || secret.bytes.windows(SHOWN + 1);
        let numbers = |window: &[u8]| window.iter().map(u8::to_string).collect::<Vec<_>>().join(",");
        Needles {
            name: secret.name,
            texts: windows().map(|window| window.escape_ascii().to_string()).collect(),
            numbers: windows().map(numbers).collect(),
        }
    };
    all().map(needles).collect()
});

/// The names of the secrets that a text shows in any form: as text, escaped, as numbers, or in base64.
pub(crate) fn found(text: &str) -> Vec<&'static str> {
    let dense: String = text.chars().filter(|c| !c.is_whitespace()).collect();
    let shows = |needles: &Needles| {
        needles.texts.iter().any(|needle| text.contains(needle))
            || needles.numbers.iter().any(|needle| dense.contains(needle))
    };
    let mut found: Vec<&str> =
        NEEDLES.iter().filter(|needles| shows(needles)).map(|needles| needles.name).collect();
    let credentials = [(USER, PASSWORD), (PROXY_USER, PROXY_PASSWORD)];
    if credentials.iter().any(|(user, password)| text.contains(&base64(&format!("{user}:{password}"))[..12]))
    {
        found.push("credentials in base64");
    }
    found
}

fn base64(text: &str) -> String {
    use base64::Engine as _;
    base64::engine::general_purpose::STANDARD.encode(text)
}

#[test]
fn a_secret_is_found_in_each_form() {
    assert!(found("nothing").is_empty());
    assert!(found(&TEXT[..SHOWN]).is_empty());
    let (text, binary) = (TEXT.as_bytes(), ws_core::bytes::Bytes::from_static(BINARY));
    for shown in [TEXT.to_owned(), format!("{text:?}"), format!("{text:#?}"), TEXT[3..14].into()] {
        assert_eq!(found(&shown), ["TEXT"], "{shown}");
    }
    for shown in [format!("{binary:?}"), format!("{BINARY:?}"), format!("{BINARY:#?}")] {
        assert_eq!(found(&shown), ["BINARY"], "{shown}");
    }
    assert_eq!(found(&base64(&format!("{USER}:{PASSWORD}"))), ["credentials in base64"]);
}
