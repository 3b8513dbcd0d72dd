//! The phases of opening a connection are spans, over real sockets.

use std::net::{SocketAddr, TcpListener};
use std::thread;
use std::time::Duration;

use suite::nowhere::Nobody;
use suite::tls::SITE;
use ws_common::{AcceptOptions, ConnectOptions};
use ws_core::{CloseCode, Config, Deflate};
use ws_tokio::{Client, ClientEvent, Reconnect};

use crate::record::lines_of;

/// What must not be told: what a URL has of the user, what headers say, and what messages hold.
const SECRETS: [&str; 6] = ["user", "password", "dXNlcjpwYXNzd29yZA==", "token", "cookie", "confidential"];

/// A listener on the address that `localhost` is tried at first.
fn listener() -> (TcpListener, SocketAddr) {
    let listener = TcpListener::bind("localhost:0").unwrap();
    let address = listener.local_addr().unwrap();
    (listener, address)
}

fn options(scheme: &str, address: SocketAddr) -> ConnectOptions {
    let url = format!("{scheme}://user:password@localhost:{}/feed?token=1", address.port());
    let options = ConnectOptions::new(&url).header("Cookie", "cookie=1");
    options.config(quiet())
}

fn quiet() -> Config {
    Config::default().ping_interval(None)
}

/// A server in a thread of its own, which nobody traces: it takes one message and the peer's Close frame.
fn serve(listener: &TcpListener, options: AcceptOptions) {
    let transport = listener.accept().unwrap().0;
    let (mut server, _) = ws_blocking::Incoming::new(transport, options).accept().unwrap();
    while server.recv().unwrap().is_some() {}
}

async fn say(options: ConnectOptions) {
    let (mut client, _) = ws_tokio::WebSocket::connect(options).await.unwrap();
    client.send("a confidential text ".repeat(100)).await.unwrap();
    client.close(CloseCode::NORMAL).await;
}

fn on_tokio(future: impl Future<Output = ()>) {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(future);
}

/// What is known only when it is there is put in the place of what stands for it.
fn expected(lines: &[&str], address: SocketAddr) -> Vec<String> {
    let port = address.port().to_string();
    lines.iter().map(|line| line.replace("ADDRESS", &address.to_string()).replace("PORT", &port)).collect()
}

/// Without what depends on how the machine resolves `localhost`, which is one line and the addresses where nobody listens.
fn comparable(lines: Vec<String>, address: SocketAddr) -> Vec<String> {
    for line in &lines {
        assert!(SECRETS.iter().all(|secret| !line.contains(secret)), "{line}");
    }
    let address = format!("{{address={address}}}");
    lines
        .into_iter()
        .filter(|line| !line.contains("{address=") || line.contains(&address))
        .map(|line| line.split(" addresses=").next().unwrap().to_owned())
        .collect()
}

const REACHED: [&str; 6] = [
    "resolve{host=localhost} begins",
    "resolve{host=localhost}: debug: resolved",
    "resolve{host=localhost} ends",
    "connect{address=ADDRESS} begins",
    "connect{address=ADDRESS}: debug: connected",
    "connect{address=ADDRESS} ends",
];

#[test]
fn each_phase_of_a_client_is_a_span_and_its_frames_are_events() {
    let (listener, address) = listener();
    let config = quiet().deflate(Deflate::default());
    let server = thread::spawn(move || serve(&listener, AcceptOptions::default().config(config)));
    let (lines, ()) = lines_of(|| on_tokio(say(options("ws", address))));
    server.join().unwrap();
    let lines = comparable(lines, address);
    let (opening, frames) = lines.split_at(REACHED.len() + 4);
    let handshake = [
        "connection{role=client number=N peer=ADDRESS} begins",
        "handshake{uri=ws://localhost:PORT/feed} begins",
        "handshake{uri=ws://localhost:PORT/feed}: debug: open",
        "handshake{uri=ws://localhost:PORT/feed} ends",
    ];
    assert_eq!(opening, expected(&[&REACHED[..], &handshake].concat(), address));
    // How long it is, the compressor says.
    let cut = |line: &String| {
        line.split(" payload_len").next().unwrap().split(" bytes_sent").next().unwrap().to_owned()
    };
    let frames: Vec<String> = frames.iter().map(cut).collect();
    let connection = format!("connection{{role=client number=N peer={address}}}");
    assert_eq!(
        frames,
        [
            "CONNECTION: trace: sending frame role=Client opcode=Text fin=true rsv1=true",
            "CONNECTION: trace: sending frame role=Client opcode=Close fin=true rsv1=false",
            "CONNECTION: trace: received frame role=Client opcode=Close fin=true rsv1=false",
            "CONNECTION: debug: closed code=1000 side=local clean=true duration=T messages_sent=1 messages_received=0",
            "CONNECTION ends",
        ]
        .map(|line| line.replace("CONNECTION", &connection))
    );
}

#[test]
fn tls_is_a_span_of_its_own_and_says_what_was_agreed() {
    let (listener, address) = listener();
    let accepting = AcceptOptions::default().tls(SITE.acceptor.clone()).config(quiet());
    let server = thread::spawn(move || serve(&listener, accepting));
    let (lines, ()) = lines_of(|| {
        let options = options("wss", address).tls(SITE.connector.clone());
        let (mut client, _) = ws_blocking::WebSocket::connect(options).unwrap();
        client.send("confidential").unwrap();
        client.close(CloseCode::NORMAL);
    });
    server.join().unwrap();
    let lines = comparable(lines, address);
    let secured = [
        "connection{role=client number=N peer=ADDRESS} begins",
        "tls{host=localhost} begins",
        "tls{host=localhost}: debug: TLS is up version=TLSv1_3 cipher_suite=TLS13_AES_256_GCM_SHA384",
        "tls{host=localhost} ends",
        "handshake{uri=wss://localhost:PORT/feed} begins",
        "handshake{uri=wss://localhost:PORT/feed}: debug: open",
        "handshake{uri=wss://localhost:PORT/feed} ends",
        "connection{role=client number=N peer=ADDRESS}: trace: sending frame role=Client opcode=Text fin=true rsv1=false payload_len=12",
        "connection{role=client number=N peer=ADDRESS}: trace: sending frame role=Client opcode=Close fin=true rsv1=false payload_len=2",
        "connection{role=client number=N peer=ADDRESS}: trace: received frame role=Client opcode=Close fin=true rsv1=false payload_len=2",
        "connection{role=client number=N peer=ADDRESS}: debug: closed code=1000 side=local clean=true duration=T \
         messages_sent=1 messages_received=0 bytes_sent=26 bytes_received=4",
        "connection{role=client number=N peer=ADDRESS} ends",
    ];
    assert_eq!(lines, expected(&[&REACHED[..], &secured].concat(), address));
}

#[test]
fn the_phases_of_a_server_are_spans() {
    let (listener, address) = listener();
    let client = thread::spawn(move || on_tokio(say(options("wss", address).tls(SITE.connector.clone()))));
    let (lines, ()) = lines_of(|| {
        serve(&listener, AcceptOptions::default().tls(SITE.acceptor.clone()).config(quiet()));
    });
    client.join().unwrap();
    let secured = [
        "connection{role=server number=N} begins",
        "tls begins",
        "tls: debug: TLS is up version=TLSv1_3 cipher_suite=TLS13_AES_256_GCM_SHA384",
        "tls ends",
        "handshake begins",
        "handshake{path=/feed}: debug: open",
        "handshake{path=/feed} ends",
        "connection{role=server number=N}: trace: received frame role=Server opcode=Text fin=true rsv1=false payload_len=2000",
        "connection{role=server number=N}: trace: received frame role=Server opcode=Close fin=true rsv1=false payload_len=2",
        "connection{role=server number=N}: trace: sending frame role=Server opcode=Close fin=true rsv1=false payload_len=2",
        "connection{role=server number=N}: debug: closed code=1000 side=remote clean=true duration=T \
         messages_sent=0 messages_received=1 bytes_sent=4 bytes_received=2016",
        "connection{role=server number=N} ends",
    ];
    assert_eq!(comparable(lines, address), secured);
}

#[test]
fn the_span_of_a_listeners_connection_has_the_address_of_its_client() {
    let (listener, address) = listener();
    let client = thread::spawn(move || on_tokio(say(options("ws", address))));
    let (lines, peer) = lines_of(|| {
        let listener =
            ws_blocking::Listener::from_listener(listener, AcceptOptions::default().config(quiet()));
        let (incoming, peer) = listener.accept().unwrap();
        let (mut server, _) = incoming.accept().unwrap();
        while server.recv().unwrap().is_some() {}
        peer
    });
    client.join().unwrap();
    let closed =
        format!("connection{{role=server number=N peer={peer}}}: debug: closed code=1000 side=remote");
    assert!(lines.iter().any(|line| line.starts_with(&closed)), "{lines:#?}");
}

#[test]
fn a_client_that_comes_back_says_so() {
    let (listener, address) = listener();
    let server = thread::spawn(move || {
        drop(listener.accept().unwrap());
        serve(&listener, AcceptOptions::default().config(quiet()));
    });
    let (lines, ()) = lines_of(|| {
        on_tokio(async {
            let url = format!("ws://{address}/?token=1");
            let reconnect = Reconnect::after(Duration::from_millis(10));
            let mut client = Client::builder(&url).config(quiet()).reconnect(reconnect).build().unwrap();
            while let Some(event) = client.next_event().await {
                if let ClientEvent::Open(_) = event {
                    client.start_close(CloseCode::NORMAL);
                }
            }
        });
    });
    server.join().unwrap();
    let attempt = [
        "connect{address=ADDRESS} begins",
        "connect{address=ADDRESS}: debug: connected",
        "connect{address=ADDRESS} ends",
        "connection{role=client number=N peer=ADDRESS} begins",
        "handshake{uri=ws://ADDRESS/} begins",
    ];
    let again = ["debug: reconnecting attempt=1 delay=10ms cause=failed in handshake"];
    let opened = ["handshake{uri=ws://ADDRESS/}: debug: open", "handshake{uri=ws://ADDRESS/} ends"];
    let lines: Vec<String> =
        comparable(lines, address).into_iter().filter(|line| !line.contains("frame")).collect();
    let first = expected(&attempt, address);
    let (begun, rest) = lines.split_at(first.len());
    assert_eq!(begun, first);
    // The peer has reset the connection, or ended it.
    assert!(rest[0].contains(": debug: failed error="), "{rest:#?}");
    let over = ["debug: gave up reason=the program ended it"];
    let ends = ["handshake{uri=ws://ADDRESS/} ends", "connection{role=client number=N peer=ADDRESS} ends"];
    let closed = [
        "connection{role=client number=N peer=ADDRESS}: debug: closed code=1000 side=local clean=true duration=T \
         messages_sent=0 messages_received=0 bytes_sent=8 bytes_received=4",
        "connection{role=client number=N peer=ADDRESS} ends",
    ];
    let rest_expected = expected(&[&ends[..], &again, &attempt, &opened, &closed, &over].concat(), address);
    assert_eq!(rest[1..], rest_expected);
}

#[test]
fn a_client_that_gives_up_names_the_limit_and_its_value() {
    let nobody = Nobody::default();
    let address = nobody.address();
    let (lines, ()) = lines_of(|| {
        on_tokio(async {
            let reconnect = Reconnect::after(Duration::from_millis(1)).max_attempts(2);
            let mut client =
                Client::builder(format!("ws://{address}/")).reconnect(reconnect).build().unwrap();
            while client.next_event().await.is_some() {}
        });
    });
    let last = lines.last().unwrap();
    assert!(
        last.ends_with("gave up reason=the limit of 2 attempts to reconnect (max_attempts) is reached"),
        "{last}"
    );
}
