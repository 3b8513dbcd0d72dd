//! The URLs of proxies.

use proptest::prelude::*;
use ws_common::{
    Host,
    proxy::{Proxy, ProxyScheme, ProxyUrlError},
};

use crate::support::check_text;

fn parse(url: &str) -> Result<Proxy, ProxyUrlError> {
    url.parse()
}

#[test]
fn a_url_becomes_scheme_host_and_port() {
    use ProxyScheme::{Http, Https, Socks5, Socks5h};
    let cases = [
        ("http://proxy.example", Http, "http://proxy.example:80"),
        ("http://proxy.example:3128/", Http, "http://proxy.example:3128"),
        ("https://proxy.example", Https, "https://proxy.example:443"),
        ("https://proxy.example:80", Https, "https://proxy.example:80"),
        ("socks5://proxy.example", Socks5, "socks5://proxy.example:1080"),
        ("socks5h://proxy.example/", Socks5h, "socks5h://proxy.example:1080"),
        ("socks://proxy.example/", Socks5h, "socks5h://proxy.example:1080"),
        ("SOCKS5H://Proxy.Example:80", Socks5h, "socks5h://proxy.example:80"),
        ("socks5://127.0.0.1:443", Socks5, "socks5://127.0.0.1:443"),
        ("socks5://[::1]:9050", Socks5, "socks5://[::1]:9050"),
        ("http://[2001:DB8::1]", Http, "http://[2001:db8::1]:80"),
        ("socks5://b\u{fc}cher.example", Socks5, "socks5://xn--bcher-kva.example:1080"),
        ("http://b\u{fc}cher.example", Http, "http://xn--bcher-kva.example:80"),
        ("http://user:secret@h:1", Http, "http://h:1"),
        ("socks5://user:secret@h", Socks5, "socks5://h:1080"),
        (" http://h ", Http, "http://h:80"),
    ];
    for (url, scheme, shown) in cases {
        let proxy = parse(url).unwrap();
        assert_eq!((proxy.scheme(), &*proxy.to_string()), (scheme, shown), "{url}");
        assert_eq!(format!("{proxy:?}"), format!("Proxy({shown})"));
        assert_eq!(proxy.resolves_names(), scheme != Socks5);
        assert_eq!(proxy.credentials().is_some(), url.contains('@'));
    }
    for url in ["http://127.1", "socks5://127.1"] {
        assert_eq!(parse(url).unwrap().host(), &Host::Address([127, 0, 0, 1].into()), "{url}");
    }
}

#[test]
fn what_is_not_the_url_of_a_proxy_is_refused() {
    let cases = [
        ("", ProxyUrlError::NoScheme),
        ("proxy.example", ProxyUrlError::NoScheme),
        ("proxy.example:3128", ProxyUrlError::NoScheme),
        ("user:secret@proxy.example:3128", ProxyUrlError::NoScheme),
        ("user:secret@h://x", ProxyUrlError::NoScheme),
        ("socks5:h", ProxyUrlError::NoScheme),
        ("://h", ProxyUrlError::NoScheme),
        ("socks4://h", ProxyUrlError::Scheme("socks4".into())),
        ("ftp://h", ProxyUrlError::Scheme("ftp".into())),
        ("wss://h", ProxyUrlError::Scheme("wss".into())),
        ("http://", ProxyUrlError::NoHost),
        ("socks5://", ProxyUrlError::NoHost),
        ("socks5:///x", ProxyUrlError::Path),
        ("http://h/path", ProxyUrlError::Path),
        ("socks5://h/path", ProxyUrlError::Path),
        ("http://user:sec/ret@h", ProxyUrlError::Malformed(url::ParseError::InvalidPort)),
        ("http://h?q", ProxyUrlError::Query),
        ("http://h/?", ProxyUrlError::Query),
        ("socks5://h?q", ProxyUrlError::Query),
        ("http://h#f", ProxyUrlError::Fragment),
        ("socks5://h/#", ProxyUrlError::Fragment),
        ("http://h:0", ProxyUrlError::PortZero),
        ("socks5://h:0", ProxyUrlError::PortZero),
        ("socks5://:secret@h", ProxyUrlError::NoUser),
        ("http://us%3Aer:secret@h", ProxyUrlError::UserHasColon),
        ("http://user:secret%0D%0A@h", ProxyUrlError::ControlInCredentials),
    ];
    for (url, expected) in cases {
        let error = parse(url).unwrap_err();
        check_text(&error);
        assert_eq!(error, expected, "{url}");
    }
    for url in
        ["http://h:65536", "socks5://h:65536", "http://[::1", "socks5://[::1", "http://a b", "socks5://a%00b"]
    {
        let error = parse(url).unwrap_err();
        check_text(&error);
        assert!(matches!(error, ProxyUrlError::Malformed(_)), "{url}: {error:?}");
    }
}

#[test]
fn credentials_have_the_lengths_that_the_protocol_has_room_for() {
    // RFC 1929 §2, after percent-decoding; Basic has no limit.
    let url = |scheme: &str, user: usize, password: usize| {
        format!("{scheme}://{}:{}@h", "%41".repeat(user), "%42".repeat(password))
    };
    for scheme in ["socks5", "socks5h"] {
        assert!(parse(&url(scheme, 255, 255)).is_ok());
        assert!(parse(&url(scheme, 1, 0)).is_ok());
        for (user, password, what) in [(256, 1, "user name"), (1, 256, "password")] {
            let error = parse(&url(scheme, user, password)).unwrap_err();
            assert_eq!(error, ProxyUrlError::CredentialTooLong { what, len: 256 });
            assert!(check_text(&error).contains("255"));
        }
    }
    assert!(parse(&url("http", 300, 3000)).is_ok());
}

#[test]
fn credentials_are_shown_nowhere() {
    let proxy = parse("http://user:secret@h").unwrap();
    assert_eq!(format!("{:?}", proxy.credentials().unwrap()), "Credentials { .. }");
    assert!(!format!("{proxy} {proxy:?} {proxy:#?}").contains("secret"));
}

proptest! {
    #[test]
    fn no_text_makes_it_panic(
        scheme in prop_oneof![Just(""), Just("http://"), Just("socks5://"), Just("socks5h://u:p@")],
        text in ".{0,40}",
    ) {
        if let Ok(proxy) = parse(&format!("{scheme}{text}")) {
            let again = parse(&proxy.to_string()).unwrap();
            prop_assert_eq!((again.scheme(), again.host(), again.port()), (proxy.scheme(), proxy.host(), proxy.port()));
        }
    }
}
