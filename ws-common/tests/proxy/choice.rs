//! Which variable of the environment counts.

use ws_common::{
    Target,
    proxy::{Proxy, ProxyError, ProxyUrlError},
};

use crate::support::check_text;

/// The proxy for a target in an environment of `NAME=value` lines.
fn choose(target: &str, environment: &[&str]) -> Result<Option<String>, ProxyError> {
    let target: Target = target.parse().unwrap();
    let lookup = |name: &str| {
        let mut lines = environment.iter().map(|line| line.split_once('=').unwrap());
        lines.find(|(other, _)| *other == name).map(|(_, value)| value.to_owned())
    };
    Ok(Proxy::from_environment(&target, lookup)?.map(|proxy| proxy.to_string()))
}

#[test]
fn the_scheme_of_the_target_and_the_case_of_the_name_decide() {
    const ALL: &str = "ALL_PROXY=http://all";
    const SECURE: &str = "HTTPS_PROXY=http://secure";
    const PLAIN: &str = "HTTP_PROXY=http://plain";
    // Environment, for ws, for wss.
    let cases: [(&[&str], Option<&str>, Option<&str>); 16] = [
        (&[], None, None),
        (&["NO_PROXY=*"], None, None),
        (&[ALL], Some("all"), Some("all")),
        (&[SECURE], None, Some("secure")),
        (&[PLAIN], Some("plain"), None),
        (&[ALL, PLAIN], Some("plain"), Some("all")),
        (&[ALL, SECURE, PLAIN], Some("plain"), Some("secure")),
        (&[ALL, "all_proxy=http://lower"], Some("lower"), Some("lower")),
        (&[SECURE, "https_proxy=http://lower"], None, Some("lower")),
        (&[PLAIN, "http_proxy=http://lower"], Some("lower"), None),
        (&[PLAIN, "all_proxy=http://lower"], Some("plain"), Some("lower")),
        // An empty value is none.
        (&[ALL, "https_proxy=", "HTTP_PROXY="], Some("all"), Some("all")),
        (&[SECURE, "https_proxy="], None, Some("secure")),
        // CVE-2016-5385: a header `Proxy` of a CGI request comes as HTTP_PROXY.
        (&[PLAIN, SECURE, "REQUEST_METHOD=GET"], None, Some("secure")),
        (&[PLAIN, ALL, "REQUEST_METHOD=GET"], Some("all"), Some("all")),
        (&["http_proxy=http://lower", "REQUEST_METHOD=GET"], Some("lower"), None),
    ];
    for (environment, plain, secure) in cases {
        let shown = |name: Option<&str>| name.map(|name| format!("http://{name}:80"));
        assert_eq!(choose("ws://example.com", environment).unwrap(), shown(plain), "{environment:?}");
        assert_eq!(choose("wss://example.com", environment).unwrap(), shown(secure), "{environment:?}");
    }
}

#[test]
fn a_value_without_a_scheme_is_of_http() {
    let cases = [
        ("proxy.example", "http://proxy.example:80"),
        ("proxy.example:3128", "http://proxy.example:3128"),
        ("user:secret@proxy.example:3128/", "http://proxy.example:3128"),
        (" 127.0.0.1:8080 ", "http://127.0.0.1:8080"),
        ("[::1]:8080", "http://[::1]:8080"),
        ("socks5h://proxy.example", "socks5h://proxy.example:1080"),
        ("https://proxy.example", "https://proxy.example:443"),
        // As GNOME writes it.
        ("socks://127.0.0.1:1080/", "socks5h://127.0.0.1:1080"),
    ];
    for (value, expected) in cases {
        let proxy = choose("wss://example.com", &[&format!("ALL_PROXY={value}")]).unwrap();
        assert_eq!(proxy.as_deref(), Some(expected), "{value}");
    }
}

#[test]
fn a_value_that_is_no_proxy_is_an_error_that_names_the_variable() {
    let cases = [
        ("https_proxy=socks4://user:secret@h", "https_proxy", ProxyUrlError::Scheme("socks4".into())),
        ("HTTPS_PROXY=http://h/secret", "HTTPS_PROXY", ProxyUrlError::Path),
        ("ALL_PROXY=h:0", "ALL_PROXY", ProxyUrlError::PortZero),
        ("all_proxy=/", "all_proxy", ProxyUrlError::NoHost),
    ];
    for (line, name, expected) in cases {
        let error = choose("wss://example.com", &[line]).unwrap_err();
        assert!(check_text(&error).contains(name), "{error}");
        match error {
            ProxyError::Environment { variable, source } => assert_eq!((variable, source), (name, expected)),
            other => panic!("{other:?}"),
        }
        // Nobody looks at it where it is not used.
        assert_eq!(choose("wss://example.com", &[line, "NO_PROXY=example.com"]).unwrap(), None);
    }
    assert_eq!(choose("ws://example.com", &["HTTPS_PROXY=socks4://h"]).unwrap(), None);
}

/// A client that took it for "no proxy" would go past a proxy that it must use.
#[cfg(unix)]
#[test]
fn a_variable_that_counts_and_is_not_utf_8_is_an_error() {
    use std::ffi::OsString;
    use std::os::unix::ffi::OsStringExt;

    let choose = |target: &str, unreadable: &'static str, others: &[&str]| {
        let lookup = |name: &str| {
            let mut lines = others.iter().map(|line| line.split_once('=').unwrap());
            let text = lines.find(|(other, _)| *other == name).map(|(_, value)| value.into());
            if name == unreadable { Some(OsString::from_vec(b"secret\xff".into())) } else { text }
        };
        Proxy::from_environment(&target.parse().unwrap(), lookup)
    };
    const ALL: &str = "ALL_PROXY=http://all";
    for (target, variable, others) in [
        ("ws://a", "http_proxy", &[ALL, "HTTP_PROXY=http://plain"][..]),
        ("ws://a", "HTTP_PROXY", &[ALL]),
        ("wss://a", "https_proxy", &[ALL]),
        ("wss://a", "HTTPS_PROXY", &[]),
        ("wss://a", "all_proxy", &[ALL]),
        ("ws://a", "ALL_PROXY", &["NO_PROXY=*"]),
        ("ws://a", "no_proxy", &[ALL, "NO_PROXY=*"]),
        ("ws://a", "NO_PROXY", &[ALL]),
    ] {
        let error = choose(target, variable, others).unwrap_err();
        check_text(&error);
        assert!(matches!(error, ProxyError::UnreadableVariable(name) if name == variable), "{error:?}");
    }
    for (target, variable, others, is_proxied) in [
        ("ws://a", "HTTPS_PROXY", &[ALL][..], true),
        ("ws://a", "HTTP_PROXY", &["http_proxy=http://plain"], true),
        ("ws://a", "NO_PROXY", &[ALL, "no_proxy=b"], true),
        ("ws://a", "NO_PROXY", &[], false),
        // Its presence counts, not its value.
        ("ws://a", "REQUEST_METHOD", &["HTTP_PROXY=http://plain"], false),
    ] {
        assert_eq!(choose(target, variable, others).unwrap().is_some(), is_proxied, "{variable} {others:?}");
    }
}

#[test]
fn the_lower_case_list_of_exceptions_comes_first() {
    let with = |list: &[&str]| {
        let environment: Vec<&str> = ["ALL_PROXY=http://p"].iter().chain(list).copied().collect();
        choose("ws://example.com", &environment).unwrap().is_some()
    };
    assert!(with(&[]));
    assert!(!with(&["NO_PROXY=example.com"]));
    assert!(!with(&["no_proxy=example.com"]));
    assert!(with(&["no_proxy=other.example", "NO_PROXY=example.com"]));
    assert!(!with(&["no_proxy=", "NO_PROXY=example.com"]));
}
