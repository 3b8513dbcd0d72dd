//! A proxy's answer has the same outcome wherever it is cut, by CONNECT and by SOCKS5, and what follows it is left whole.
#![no_main]

use libfuzzer_sys::fuzz_target;
use ws_common::{
    Host,
    proxy::{Credentials, HttpProxy, Leftover, ProxyConnected, ProxyError, Socks5},
};
use ws_core::Machine;
use ws_fuzz::{at, cut, feed, write};

/// What both machines are.
trait Tunnel: Machine<Event = ProxyConnected, Error = ProxyError> + Sized {
    fn leftover(self) -> Option<Leftover>;
}

impl Tunnel for HttpProxy {
    fn leftover(self) -> Option<Leftover> {
        self.into_leftover().ok()
    }
}

impl Tunnel for Socks5 {
    fn leftover(self) -> Option<Leftover> {
        self.into_leftover().ok()
    }
}

/// How it ended; if there is a tunnel, what was written, and what is left for the next machine. A proxy that refuses before it was
/// asked ends it earlier or later.
fn run<'a>(mut proxy: impl Tunnel, mut parts: impl Iterator<Item = &'a [u8]>) -> (String, Vec<u8>, Vec<u8>) {
    let mut written = Vec::new();
    let mut is_over = false;
    let told = loop {
        match proxy.poll_event() {
            Ok(Some(ProxyConnected)) => break String::from("connected"),
            Ok(None) => {}
            // What shows of another protocol depends on how much of it has come.
            Err(ProxyError::NotHttp(_)) => break String::from("not HTTP"),
            Err(error) => {
                assert!(error.to_string().len() < 1000);
                break format!("{error:?}");
            }
        }
        let wrote = write(&mut proxy, usize::MAX, at(1));
        if !wrote.is_empty() {
            written.extend(wrote);
        } else if let Some(part) = parts.next() {
            feed(&mut proxy, part, at(1));
        } else {
            assert!(!is_over, "the end of the stream is an end");
            proxy.handle_read(0, at(1));
            is_over = true;
        }
    };
    assert!(matches!(proxy.poll_event(), Ok(None)), "told twice");
    let Some(leftover) = proxy.leftover() else { return (told, vec![], vec![]) };
    let rest = parts.flatten().copied();
    (told, written, leftover.bytes().iter().copied().chain(rest).collect())
}

/// So that the fuzzer need not find everything by itself.
fn beginning(kind: u8, is_http: bool) -> &'static [u8] {
    match (is_http, kind % 4) {
        (true, 1) => b"HTTP/1.1 200 x\r\n",
        (true, 2) => b"HTTP/1.1 407 x\r\nProxy-Authenticate: ",
        (true, 3) => b"HTTP/1.1 100 x\r\n\r\nHTTP/1.0 503 ",
        (false, 1) => &[5, 0, 5, 0, 0, 1],
        (false, 2) => &[5, 2, 1, 0, 5, 0, 0, 3],
        (false, 3) => &[5, 0, 5],
        _ => &[],
    }
}

fuzz_target!(|input: (u8, bool, bool, Vec<u8>, &[u8])| {
    let (kind, is_http, has_credentials, lengths, bytes) = input;
    let bytes = &[beginning(kind, is_http), bytes].concat()[..];
    let credentials = has_credentials.then(|| Credentials::new("user", "secret"));
    let run = |lengths: &[u8]| {
        let (credentials, host) = (credentials.as_ref(), Host::Name("a".into()));
        let parts = cut(bytes, lengths);
        if is_http {
            run(HttpProxy::new(credentials, &host, 443, at(10)).unwrap(), parts)
        } else {
            run(Socks5::new(credentials, &host, 443, at(10)).unwrap(), parts)
        }
    };
    assert_eq!(run(&lengths), run(&[]));
});
