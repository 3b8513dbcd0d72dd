//! A client that opens a connection, directly or through a proxy, with TLS or without: the same result wherever the answers are cut, no
//! secret of the target to the proxy, none of the proxy to the target, and an end within the time to open.
#![no_main]

use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use ws_common::rustls::ServerConnection;
use ws_common::{
    CheckedOptions, ClientUpgrade, ConnectError, ConnectOptions, proxy::ProxyError, tls::TlsError,
};
use ws_core::{Connection, HandshakeError, Machine, Random, ResponseError};
use ws_fuzz::client::{agree, connect};
use ws_fuzz::{Seen, at, cut, drain, feed, tls::IDENTITY, write};

const PROXIES: [&str; 6] = [
    "",
    "http://proxy.example",
    "http://user:proxy-secret@proxy.example",
    "socks5h://proxy.example",
    "socks5h://user:proxy-secret@proxy.example",
    "socks5://user:proxy-secret@proxy.example",
];

fn options(proxy: &str, is_secure: bool) -> CheckedOptions {
    let url = if is_secure { "wss://target.example/x" } else { "ws://target.example/x" };
    let options = ConnectOptions::new(url).tls(IDENTITY.connector.clone()).header("Cookie", "target-secret");
    let options = if proxy.is_empty() { options } else { options.proxy(proxy) };
    options.build().expect("settings")
}

fn upgrade(options: &CheckedOptions) -> ClientUpgrade {
    let connected = connect(options, at(0)).expect("a transport");
    ClientUpgrade::new(options, &connected.route, Random::from_seed([1; 32]), at(10)).expect("settings")
}

/// The positive answer of a server, without its last empty line.
static RIGHT: LazyLock<Vec<u8>> = LazyLock::new(|| {
    let request = write(&mut upgrade(&options("", false)), usize::MAX, at(0));
    let mut answer = agree(&request).expect("a right request");
    answer.truncate(answer.len() - 2);
    answer
});

/// The first bytes of a TLS server, for the ClientHello of another client.
static FLIGHT: LazyLock<Vec<u8>> = LazyLock::new(|| {
    let hello = write(&mut upgrade(&options("", true)), usize::MAX, at(0));
    let mut server = ServerConnection::new(IDENTITY.server.clone()).expect("a configuration");
    server.read_tls(&mut &*hello).expect("it is read from memory");
    server.process_new_packets().expect("a right ClientHello");
    let mut flight = Vec::new();
    while server.wants_write() {
        server.write_tls(&mut flight).expect("it is written to memory");
    }
    flight
});

/// The positive answer of each proxy.
fn agreed(proxy: usize) -> &'static [u8] {
    match proxy {
        0 => b"",
        1 | 2 => b"HTTP/1.1 200 x\r\n\r\n",
        3 => &[5, 0, 5, 0, 0, 1, 0, 0, 0, 0, 0, 0],
        _ => &[5, 2, 1, 0, 5, 0, 0, 3, 1, b'a', 0, 0],
    }
}

/// The result, the events of the connection, and all that was written before.
fn run<'a>(options: &CheckedOptions, mut parts: impl Iterator<Item = &'a [u8]>) -> (String, Seen, Vec<u8>) {
    let mut upgrade = upgrade(options);
    let mut written = Vec::new();
    let mut is_over = false;
    let error = loop {
        match upgrade.poll_event() {
            Ok(None) => {}
            Ok(Some(opened)) => {
                assert!(upgrade.poll_event().expect("nothing more").is_none());
                assert_eq!(upgrade.poll_timeout(), None);
                let mut connection = opened.connection.into_inner();
                let mut seen = drain(&mut connection);
                written.extend(write(&mut connection, usize::MAX, at(1)));
                seen.extend(rest(&mut connection, parts));
                return (opened.response.reveal().to_string(), seen, written);
            }
            Err(error) => break error,
        }
        let wrote = write(&mut upgrade, usize::MAX, at(1));
        if !wrote.is_empty() {
            written.extend(wrote);
        } else if let Some(part) = parts.next() {
            feed(&mut upgrade, part, at(1));
        } else if !is_over {
            is_over = true;
            // The body of a refusal has less time.
            assert!(upgrade.poll_timeout().is_some_and(|due| due <= at(10)));
            upgrade.handle_timeout(at(10));
        } else {
            panic!("it goes on after the time to open");
        }
    };
    assert!(upgrade.poll_event().expect("told twice").is_none());
    assert_eq!(upgrade.poll_timeout(), None);
    assert!(error.to_string().len() < 20_000);
    (describe(&error), Seen::new(), written)
}

fn rest<'a>(connection: &mut Connection, parts: impl Iterator<Item = &'a [u8]>) -> Seen {
    let mut take = |part: &[u8]| {
        feed(connection, part, at(1));
        drain(connection)
    };
    let mut seen: Seen = parts.flat_map(&mut take).collect();
    write(connection, usize::MAX, at(1));
    connection.handle_read(0, at(2));
    seen.extend(drain(connection));
    assert!(connection.closed().is_some());
    seen
}

fn describe(error: &ConnectError) -> String {
    match error {
        // The description of another protocol depends on the number of bytes that have come.
        ConnectError::Handshake { source: HandshakeError::Response(ResponseError::NotHttp(_)), .. }
        | ConnectError::Proxy { source: ProxyError::NotHttp(_), .. } => String::from("not HTTP"),
        ConnectError::Handshake { source: HandshakeError::Rejected(rejected), .. } => {
            assert!(rejected.body.len() <= 16 * 1024);
            format!("{} {:?}", rejected.response.reveal(), rejected.body)
        }
        // The error has the bytes that have come.
        ConnectError::Tls { source: TlsError::NotTls(_), .. } => String::from("not TLS"),
        error => format!("{error:?}"),
    }
}

fuzz_target!(|input: (u8, Vec<u8>, &[u8])| {
    let (kind, lengths, bytes) = input;
    let proxy = usize::from(kind) % PROXIES.len();
    let way = usize::from(kind) / PROXIES.len();
    let is_secure = way / 4 % 2 == 1;
    let options = options(PROXIES[proxy], is_secure);
    let begins = if way % 2 == 1 { agreed(proxy) } else { b"" };
    let right: &[u8] = match way / 2 % 2 == 1 {
        false => b"",
        true if is_secure => &FLIGHT,
        true => &RIGHT,
    };
    let bytes = [begins, right, bytes].concat();
    let whole = run(&options, cut(&bytes, &[]));
    for lengths in [&lengths[..], &[1]] {
        let parts = run(&options, cut(&bytes, lengths));
        assert_eq!((&parts.0, &parts.1), (&whole.0, &whole.1), "cut");
        // Keys of TLS are random.
        if is_secure {
            continue;
        }
        // An answer that comes before its question ends it earlier or later.
        let is_beginning = parts.2.starts_with(&whole.2) || whole.2.starts_with(&parts.2);
        assert!(is_beginning, "{:?}, not {:?}", parts.2, whole.2);
    }

    let written = &whole.2;
    assert!(written.len() < 1000);
    let finds = |bytes: &[u8], text: &str| bytes.windows(text.len()).any(|window| window == text.as_bytes());
    // The peer may say it.
    assert!(!whole.0.contains("secret") || finds(&bytes, "secret"));
    if is_secure {
        assert!(!finds(written, "target-secret") && !finds(written, "GET /x"));
        return;
    }
    let request = written.windows(6).position(|window| window == b"GET /x").unwrap_or(written.len());
    // The request to the server begins with GET, and with nothing else in it a tunnel begins.
    let (to_proxy, to_server) = written.split_at(request);
    assert!(!finds(to_proxy, "target-secret") && !finds(to_server, "proxy-secret"));
    assert!(!finds(to_server, "Proxy-") && (to_server.is_empty() || finds(to_server, "target-secret")));
    assert_eq!(proxy == 0, to_proxy.is_empty());
});
