//! Variables of the environment and header fields of the user: `NO_PROXY` is the sum of its entries, a variable that is not UTF-8 never
//! means "no proxy", and a header field that is accepted stands in the request as one line.
#![no_main]

use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt;

use libfuzzer_sys::fuzz_target;
use ws_common::proxy::{Proxy, ProxyError};
use ws_common::{CheckedOptions, ConnectOptions, Target};
use ws_core::{ClientHandshake, Config, Random};
use ws_fuzz::{at, write};

const TARGETS: [&str; 6] = [
    "ws://a.example:81/",
    "wss://b.a.example/",
    "wss://[2001:db8::1]/",
    "ws://192.0.2.7/",
    "ws://[::ffff:192.0.2.7]:8080/",
    "ws://localhost/",
];

/// The proxy that these variables name.
fn proxy(target: &Target, url: &[u8], exempt: &[u8]) -> Result<Option<Proxy>, ProxyError> {
    Proxy::from_environment(target, |name| match name {
        "http_proxy" | "https_proxy" => Some(OsString::from_vec(url.to_vec())),
        "no_proxy" => Some(OsString::from_vec(exempt.to_vec())),
        _ => None,
    })
}

fn check_url(target: &Target, url: &[u8], exempt: &[u8]) {
    let found = proxy(target, url, exempt);
    if url.is_empty() {
        return assert!(matches!(found, Ok(None)), "an empty value counts as none");
    }
    if std::str::from_utf8(url).is_err() || std::str::from_utf8(exempt).is_err() {
        return assert!(matches!(found, Err(ProxyError::UnreadableVariable(_))), "{found:?}");
    }
    match found {
        Ok(Some(proxy)) => assert!(proxy.to_string().parse::<Proxy>().is_ok()),
        Ok(None) => assert!(!exempt.is_empty(), "nothing is exempt"),
        Err(error) => assert!(error.to_string().len() < 1000),
    }
}

fn check_exempt(target: &Target, one: &str, other: &str) {
    let is_exempt = |list: &str| {
        let found = proxy(target, b"http://proxy.example", list.as_bytes());
        found.expect("a proxy, or none").is_none()
    };
    let both = is_exempt(one) || is_exempt(other);
    for list in [format!("{one},{other}"), format!("{other} {one}"), format!("{one}\t,\n{other}")] {
        assert_eq!(is_exempt(&list), both, "{list:?} is the sum of {one:?} and {other:?}");
        assert_eq!(is_exempt(&list.to_ascii_uppercase()), both, "{list:?} in upper case");
    }
    assert!(is_exempt(&format!("{one},{}", target.host())), "the host itself");
    assert!(is_exempt(&format!("{one},{}:{}", target.host(), target.port())), "the host and its port");
}

fn check_field(name: &str, value: &str) {
    let options = ConnectOptions::new("ws://a.example/");
    let Ok(options) = options.header(name, value).build() else { return };
    let request = options.request();
    let describe = |options: &CheckedOptions| format!("{options:?} {:?}", options.request());
    let other = ConnectOptions::new("ws://a.example/")
        .header(name, "x".repeat(value.len()))
        .build()
        .expect("a value");
    assert_eq!(describe(&options), describe(&other), "the value is shown");
    let mut handshake = ClientHandshake::new(request, Config::default(), Random::from_seed([1; 32]), at(10));
    let head = write(&mut handshake, usize::MAX, at(0));
    let field = [b"\r\n", name.as_bytes(), b": ", value.as_bytes(), b"\r\n"].concat();
    assert_eq!(head.windows(field.len()).filter(|window| *window == field).count(), 1);
    let ends = head.iter().filter(|byte| **byte == b'\n').count();
    // Its own five fields, of which the user may replace `Host`, the line before and the line behind.
    assert_eq!(ends, if name.eq_ignore_ascii_case("Host") { 7 } else { 8 });
    assert_eq!(head.iter().filter(|byte| **byte == b'\r').count(), ends);
    assert!(!head.contains(&0));
}

fuzz_target!(|input: (u8, &[u8])| {
    let (kind, bytes) = input;
    let target: Target = TARGETS[usize::from(kind) % TARGETS.len()].parse().expect("a URL");
    // Three texts with a separator of ASCII between them.
    let mut parts = bytes.splitn(3, |byte| *byte == 0x1E);
    let [one, two, three] = [(); 3].map(|()| parts.next().unwrap_or_default());
    check_url(&target, one, two);
    let (Ok(one), Ok(two), Ok(three)) =
        (std::str::from_utf8(one), std::str::from_utf8(two), std::str::from_utf8(three))
    else {
        return;
    };
    check_exempt(&target, two, three);
    check_field(one, two);
    let options = ConnectOptions::new("ws://a.example/").subprotocol(three);
    if options.clone().build().is_ok() {
        assert!(three.bytes().all(|byte| byte.is_ascii_graphic() && !b",;\"()".contains(&byte)));
        assert!(!three.is_empty() && options.subprotocol(three).build().is_err(), "twice");
    }
});
