//! A `Location` leads where the same URL leads, or nowhere. It takes no secret to another origin, and no client from a public address to
//! a private one.
#![no_main]

use std::net::IpAddr;

use libfuzzer_sys::fuzz_target;
use ws_common::session::ClientBuilder;
use ws_common::{CheckedOptions, Host, Target, TargetError, reconnect::Reconnect};
use ws_core::Machine;
use ws_fuzz::at;
use ws_fuzz::client::Client;

const URLS: [&str; 4] = [
    "ws://user:password@first.example/a/b?c",
    "ws://first.example:81/",
    "ws://[2606:4700::1]/a",
    "ws://192.168.1.5/a/",
];
const STATUSES: [u16; 8] = [301, 302, 303, 307, 308, 300, 304, 401];
const MAX_REDIRECTS: u32 = 2;
/// The fields of the opening handshake.
const OWN: [&str; 5] = ["Host", "Upgrade", "Connection", "Sec-WebSocket-Key", "Sec-WebSocket-Version"];
const SECRETS: [&str; 3] = ["Sec-WebSocket-Protocol", "Authorization", "Cookie"];

/// The targets of the transports, with `location` as the answer of each.
fn run(kind: u8, location: &[u8], lengths: &[u8]) -> Vec<String> {
    let builder = ClientBuilder::new(URLS[usize::from(kind % 4)])
        .header("Cookie", "secret")
        .header("User-Agent", "fuzz")
        .subprotocol("secret")
        .reconnect(Reconnect::never())
        .max_redirects(MAX_REDIRECTS);
    let status = STATUSES[usize::from(kind / 4 % 8)];
    let is_redirect = matches!(status, 301 | 302 | 303 | 307 | 308);
    let head = format!("HTTP/1.1 {status} x\r\nContent-Length: 0\r\nLocation: ");
    let answer = [head.as_bytes(), location, b"\r\n\r\n"].concat();
    let mut client = Client::start(builder);
    let mut has_secrets = true;
    for n in 0.. {
        client.write(usize::MAX, at(0));
        let [before @ .., options] = &client.transports[..] else { panic!("no transport") };
        assert_eq!(before.len(), n);
        if let Some(before) = before.last() {
            assert!(is_redirect);
            has_secrets &= origin(before) == origin(options);
            leads(before, options, location);
        }
        shows(options, &client.written, has_secrets);
        // The answer would have to come by TLS.
        if options.target().is_secure() {
            break;
        }
        client.read(&answer, lengths, at(0));
        client.session.handle_read(0, at(0));
        client.events();
        client.act(at(0));
        if client.transports.len() == n + 1 {
            let is_last = !is_redirect || n == MAX_REDIRECTS as usize;
            assert!(is_last || !must_lead(location), "it is not followed");
            break;
        }
    }
    assert!(client.transports.len() <= 1 + MAX_REDIRECTS as usize);
    client.transports.iter().map(|options| options.target().reveal().to_string()).collect()
}

fn origin(options: &CheckedOptions) -> (bool, &Host, u16) {
    let target = options.target();
    (target.is_secure(), target.host(), target.port())
}

/// The target of an absolute URL, if `location` is one.
fn absolute(location: &[u8]) -> Option<Result<Target, TargetError>> {
    let is_plain = location.iter().all(u8::is_ascii_graphic);
    let text = std::str::from_utf8(location).ok().filter(|_| is_plain)?;
    let (scheme, _) = text.split_once("://")?;
    if !["ws", "wss", "http", "https"].iter().any(|known| scheme.eq_ignore_ascii_case(known)) {
        return None;
    }
    // A fragment is no part of a request.
    text.split('#').next().map(str::parse)
}

/// Whether `location` names a server by its name, to which a redirect is always allowed.
fn must_lead(location: &[u8]) -> bool {
    matches!(absolute(location), Some(Ok(target)) if matches!(target.host(), Host::Name(_)))
}

fn leads(from: &CheckedOptions, to: &CheckedOptions, location: &[u8]) {
    if let Some(target) = absolute(location) {
        let target = target.expect("a URL");
        assert_eq!(to.target().reveal().to_string(), target.reveal().to_string());
    }
    assert!(is_private(from.target().host()) || !is_private(to.target().host()), "it leads inward");
}

fn is_private(host: &Host) -> bool {
    match host {
        Host::Name(_) => false,
        Host::Address(IpAddr::V4(address)) => {
            address.is_private()
                || address.is_loopback()
                || address.is_link_local()
                || address.is_unspecified()
        }
        Host::Address(IpAddr::V6(address)) => {
            let embedded = address.to_ipv4().map(|address| Host::Address(address.into()));
            address.is_unique_local()
                || address.is_unicast_link_local()
                || address.is_loopback()
                || embedded.is_some_and(|host| is_private(&host))
        }
    }
}

/// The request has these fields and no others.
fn shows(options: &CheckedOptions, written: &[u8], has_secrets: bool) {
    let target = options.target();
    if target.is_secure() {
        // TLS hides the request, which describes itself.
        let request = format!("{:?}", options.request());
        assert!(!has_secrets);
        assert!(request.ends_with(", headers: {\"User-Agent\": 4 bytes}, subprotocols: [] }"), "{request}");
        return;
    }
    let head = std::str::from_utf8(written).expect("a head is text");
    let mut lines = head.strip_suffix("\r\n\r\n").expect("a whole head").split("\r\n");
    assert_eq!(lines.next(), Some(&*format!("GET {} HTTP/1.1", target.path_and_query())));
    let fields: Vec<(&str, &str)> = lines.map(|line| line.split_once(": ").expect("a field")).collect();
    assert_eq!(fields[0].1, target.host_field());
    let mut names: Vec<&str> = fields.iter().map(|(name, _)| *name).collect();
    assert_eq!(names.pop(), Some("User-Agent"));
    let rest = names.split_off(OWN.len());
    assert_eq!(names, OWN);
    assert!(rest.iter().all(|name| SECRETS.contains(name)), "{rest:?}");
    assert_eq!(rest.contains(&"Cookie") && rest.contains(&SECRETS[0]), has_secrets, "{rest:?}");
    assert!(has_secrets || rest.is_empty(), "{rest:?}");
}

fuzz_target!(|input: (u8, Vec<u8>, &[u8])| {
    let (kind, lengths, location) = input;
    assert_eq!(run(kind, location, &lengths), run(kind, location, &[]));
});
