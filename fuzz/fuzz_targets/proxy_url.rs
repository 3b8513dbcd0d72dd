//! A proxy's URL is printed as a URL of the same proxy, without user name and password. These reach the proxy as they were, and no text
//! shows them.
#![no_main]

use std::error::Error;
use std::fmt::Write;

use libfuzzer_sys::fuzz_target;
use ws_common::Host;
use ws_common::proxy::{Credentials, HttpProxy, Proxy, ProxyScheme, Socks5};
use ws_core::Machine;
use ws_fuzz::{at, feed, write};

/// A text that the fuzzer does not find elsewhere.
const SECRET: &str = "t0psecret";

/// Parses `url`, and checks the proxy.
fn parse(url: &str) -> Option<Proxy> {
    let proxy: Proxy = url.parse().ok()?;
    let shown = proxy.to_string();
    assert!(shown.bytes().all(|byte| byte.is_ascii_graphic()), "{shown:?}");
    let again: Proxy = shown.parse().expect("it was printed");
    assert_eq!((again.scheme(), again.host(), again.port()), (proxy.scheme(), proxy.host(), proxy.port()));
    assert!(again.credentials().is_none() && again.to_string() == shown && proxy.port() > 0);
    assert_eq!(format!("{proxy:?}"), format!("{again:?}"));
    Some(proxy)
}

/// Everything that is written to this proxy for a tunnel, if there is one.
fn asks(scheme: ProxyScheme, credentials: Option<&Credentials>, host: &Host) -> Option<Vec<u8>> {
    if matches!(scheme, ProxyScheme::Http | ProxyScheme::Https) {
        let mut proxy = HttpProxy::new(credentials, host, 443, at(10)).ok()?;
        return Some(write(&mut proxy, usize::MAX, at(0)));
    }
    let mut proxy = Socks5::new(credentials, host, 443, at(10)).ok()?;
    let mut written = write(&mut proxy, usize::MAX, at(0));
    let answers: &[&[u8]] = if credentials.is_some() { &[&[5, 2], &[1, 0]] } else { &[&[5, 0]] };
    for answer in answers {
        feed(&mut proxy, answer, at(0));
        assert!(proxy.poll_event().expect("it goes on").is_none());
        written.extend(write(&mut proxy, usize::MAX, at(0)));
    }
    Some(written)
}

/// User name and password are any bytes.
fn carries(scheme: ProxyScheme, user: &[u8], password: &[u8]) {
    let encode = |bytes: &[u8]| {
        bytes.iter().fold(String::new(), |mut text, byte| {
            write!(text, "%{byte:02X}").unwrap();
            text
        })
    };
    let url = format!("{scheme}://{}:{}@proxy.example", encode(user), encode(password));
    let Some(proxy) = parse(&url) else {
        let is_http = matches!(scheme, ProxyScheme::Http | ProxyScheme::Https);
        let is_control = |bytes: &[u8]| bytes.iter().any(u8::is_ascii_control);
        let is_refused = if is_http {
            user.contains(&b':') || is_control(user) || is_control(password)
        } else {
            user.is_empty() || user.len() > 255 || password.len() > 255
        };
        return assert!(is_refused, "{url}");
    };
    let host = Host::Name("target.example".into());
    let asked = asks(scheme, proxy.credentials(), &host).expect("the URL was checked");
    let given = (!user.is_empty() || !password.is_empty()).then(|| Credentials::new(user, password));
    assert_eq!(Some(&asked), asks(scheme, given.as_ref(), &host).as_ref());
    if let (ProxyScheme::Socks5 | ProxyScheme::Socks5h, Some(_)) = (scheme, given) {
        let parts = [&[1, user.len() as u8][..], user, &[password.len() as u8], password].concat();
        assert!(asked.windows(parts.len()).any(|window| window == parts), "{asked:?}");
    }
}

/// A password with any text around it is shown neither by the proxy nor by the error.
fn hides(scheme: ProxyScheme, before: &str, after: &str) {
    // The password begins in front of the text.
    let url = format!("{scheme}://user:{SECRET}{before}@{after}");
    let shown = match url.parse::<Proxy>() {
        Ok(proxy) => format!("{proxy} {proxy:?} {:?}", proxy.credentials()),
        Err(error) => format!("{error} {error:?} {:?}", error.source()),
    };
    assert!(before.contains(SECRET) || after.contains(SECRET) || !shown.contains(SECRET), "{shown}");
}

fuzz_target!(|input: (u8, &[u8])| {
    let (kind, bytes) = input;
    const SCHEMES: [ProxyScheme; 4] =
        [ProxyScheme::Http, ProxyScheme::Https, ProxyScheme::Socks5, ProxyScheme::Socks5h];
    let scheme = SCHEMES[usize::from(kind % 4)];
    let (user, password) = bytes.split_at(bytes.len().min(usize::from(kind / 4)));
    carries(scheme, user, password);
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let (before, after) = text.split_once('@').unwrap_or((text, "proxy.example"));
    hides(scheme, before, after);
    if let Some(proxy) = parse(text)
        && let Some(asked) = asks(proxy.scheme(), proxy.credentials(), proxy.host())
        && matches!(proxy.scheme(), ProxyScheme::Http | ProxyScheme::Https)
    {
        let asked = String::from_utf8(asked).expect("a head is text");
        let lines = if proxy.credentials().is_some() { 4 } else { 3 };
        assert_eq!(asked.matches("\r\n").count(), lines, "{asked:?}");
        assert_eq!(asked.matches(['\r', '\n']).count(), 2 * lines, "{asked:?}");
    }
});
