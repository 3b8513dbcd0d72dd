//! The client that stays connected, over TLS and through proxies.

use std::net::TcpListener;
use std::thread;

use ws_common::rustls::{HandshakeKind, ServerConnection, StreamOwned};
use ws_common::{reconnect::Reconnect, session::ClientBuilder};
use ws_core::CloseCode;

use super::watched::{persistent, watched};
use super::{ClientAdapter, ClientHandle};
use crate::relay::{Relay, Speech, terminate};
use crate::tls::{Authority, SITE};
use crate::witness::{Manner, Witness};
use ws_testkit::Fault::Cut;
use ws_testkit::FaultRelay;
use ws_testkit::Way::{Down, Up};

fn echoing() -> Witness {
    Witness::new(Manner { greetings: &["hi"], echoes: true, ..Manner::default() })
}

/// A client of the witness, behind TLS, which serves so many connections.
fn secured<A: ClientAdapter>(witness: &Witness, connections: usize) -> (ClientBuilder<A>, FaultRelay) {
    let tls = terminate(&SITE.identity, witness.address(), connections);
    let proxy = FaultRelay::start(tls, []).unwrap();
    let url = format!("wss://{}/", proxy.address());
    (persistent::<A>(&url).tls(SITE.connector.clone()), proxy)
}

pub fn it_comes_back_over_tls_with_what_is_left<A: ClientAdapter>() {
    let witness = echoing();
    let (builder, proxy) = secured::<A>(&witness, 4);
    let mut client = watched(builder);
    client.try_send("one").unwrap();
    client.expect(&["connected", "open", "message hi", "message one"]);
    proxy.hang_up();
    client.expect(&["error transport", "closed 1006", "reconnecting 1", "connected", "open", "message hi"]);
    client.handle().send("two").unwrap();
    client.expect(&["message two"]);
    client.close(CloseCode::NORMAL);
    client.expect(&["closing 1000", "closed 1000", "over"]);
    assert_eq!(witness.texts(), ["one", "two"]);
}

pub fn a_cut_anywhere_in_tls_is_reported_once_and_tried_again<A: ClientAdapter>() {
    let witness = echoing();
    for fault in [Cut(Down, 0), Cut(Down, 400), Cut(Up, 100)] {
        let tls = terminate(&SITE.identity, witness.address(), 2);
        let proxy = FaultRelay::start(tls, [fault]).unwrap();
        let connector = SITE.authority.options().build().unwrap();
        let mut client = watched(persistent::<A>(&format!("wss://{}/", proxy.address())).tls(connector));
        client.expect(&["connected", "error tls", "closed 1006", "reconnecting 1"]);
        client.expect(&["connected", "open", "message hi"]);
        client.abort();
        client.until("over");
    }
}

pub fn a_certificate_error_ends_it<A: ClientAdapter>() {
    let stranger = Authority::new().issue(&["127.0.0.1"]);
    let witness = echoing();
    let address = terminate(&stranger, witness.address(), 1);
    let builder = ClientBuilder::<A>::new(format!("wss://{address}/"));
    let mut client = watched(builder.tls(SITE.connector.clone()).reconnect(Reconnect::backoff()));
    client.expect(&["connected", "error tls", "closed 1006", "over"]);
    assert!(client.error().contains("of no authority that is trusted"), "{}", client.error());
}

/// A client that runs has the new lists of its connector.
pub fn a_server_that_was_revoked_meanwhile_is_refused<A: ClientAdapter>() {
    let server = SITE.authority.issue_with(&["127.0.0.1"], |params| params.serial_number = Some(8.into()));
    let witness = echoing();
    let proxy = FaultRelay::start(terminate(&server, witness.address(), 2), []).unwrap();
    let connector = SITE.authority.options().build().unwrap();
    let mut client = watched(persistent::<A>(&format!("wss://{}/", proxy.address())).tls(connector.clone()));
    client.expect(&["connected", "open", "message hi"]);
    connector.replace_crls(SITE.authority.revoking(&[8]).as_bytes()).unwrap();
    client.send("one").unwrap();
    client.expect(&["message one"]);
    proxy.hang_up();
    client.expect(&["error transport", "closed 1006", "reconnecting 1", "connected", "error tls"]);
    assert!(client.error().contains("revoked"), "{}", client.error());
    client.abort();
    client.until("over");
}

/// The second connection of a client resumes the session of the first.
pub fn the_session_of_tls_is_resumed<A: ClientAdapter>() {
    use std::io::{Read, Write};
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("wss://{}/", listener.local_addr().unwrap());
    let config = SITE.identity.server_config();
    let serving = thread::spawn(move || {
        let mut kinds = Vec::new();
        for _ in 0..2 {
            let socket = listener.accept().unwrap().0;
            let mut tls = StreamOwned::new(ServerConnection::new(config.clone()).unwrap(), socket);
            let mut request = Vec::new();
            while !request.ends_with(b"\r\n\r\n") {
                let mut byte = [0];
                tls.read_exact(&mut byte).unwrap();
                request.push(byte[0]);
            }
            kinds.push(tls.conn.handshake_kind().unwrap());
            // A 503 is a reason to come back.
            tls.write_all(b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n").unwrap();
            tls.conn.send_close_notify();
            let _ = tls.flush();
        }
        kinds
    });
    let connector = SITE.authority.options().build().unwrap();
    let mut client = watched(persistent::<A>(&url).tls(connector));
    client.expect(&["connected", "error handshake", "closed 1006", "reconnecting 1"]);
    client.expect(&["connected", "error handshake", "closed 1006"]);
    client.abort();
    assert_eq!(serving.join().unwrap(), [HandshakeKind::Full, HandshakeKind::Resumed]);
}

pub fn it_comes_back_through_a_proxy<A: ClientAdapter>() {
    let witness = echoing();
    for (kind, speech) in [("http", Speech::Http), ("socks5h", Speech::Socks5)] {
        let relay = Relay::new(speech, false);
        let proxy = FaultRelay::start(relay.address(), []).unwrap();
        let (builder, _behind) = secured::<A>(&witness, 2);
        let mut client = watched(builder.proxy(format!("{kind}://{}", proxy.address())));
        client.expect(&["connected", "open", "message hi"]);
        proxy.hang_up();
        client.expect(&[
            "error transport",
            "closed 1006",
            "reconnecting 1",
            "connected",
            "open",
            "message hi",
        ]);
        client.abort();
        client.until("over");
        assert_eq!(relay.heard().len(), 2);
    }
}

pub fn a_proxy_that_refuses_ends_it_and_one_that_fails_does_not<A: ClientAdapter>() {
    let guarded = Relay::new(Speech::Http, true);
    let url = "wss://target.test/";
    let through = |relay: &Relay| {
        let builder =
            ClientBuilder::<A>::new(url).tls(SITE.connector.clone()).reconnect(Reconnect::backoff());
        watched(builder.proxy(format!("http://{}", relay.address())))
    };
    through(&guarded).expect(&["connected", "error proxy", "closed 1006", "over"]);
    // What it is asked for is not there: 502.
    let open = Relay::new(Speech::Http, false);
    let builder = ClientBuilder::<A>::new("wss://nowhere.example/").reconnect(Reconnect::backoff());
    let builder = builder.tls(SITE.connector.clone());
    let mut client = watched(builder.proxy(format!("http://{}", open.address())));
    client.expect(&["connected", "error proxy", "closed 1006", "reconnecting 1"]);
    client.abort();
}
