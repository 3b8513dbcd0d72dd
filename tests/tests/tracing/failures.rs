//! How a phase fails is told in its span, without what quotes the peer.

use std::io;
use std::time::Duration;

use ws_common::system::accept::AcceptRetry;
use ws_common::{
    AcceptOptions, CheckedOptions, ClientUpgrade, ConnectOptions, ServerUpgrade,
    connector::{ConnectedTransport, Connector, ConnectorStep, Route},
};
use ws_core::bytes::Buf;
use ws_core::{Instant, Machine, Random};

use crate::record::lines_of;
use suite::tls::SITE;

const NOW: Instant = Instant::EPOCH;

/// All that a machine tells when its peer says this.
fn lines_for<M: Machine>(machine: impl FnOnce() -> M, said: &[u8]) -> Vec<String> {
    lines_of(|| {
        let mut machine = machine();
        while let Ok(None) = machine.poll_event() {
            let n = machine.outbound().remaining();
            machine.handle_write(n, NOW);
            machine.inbound().extend_from_slice(said);
            machine.handle_read(said.len(), NOW);
        }
    })
    .0
}

fn opening(options: &CheckedOptions, route: &Route) -> ClientUpgrade {
    ClientUpgrade::new(
        options,
        route,
        Random::from_seed([1; 32]),
        Instant::since_epoch(options.open_timeout()),
    )
    .unwrap()
}

#[test]
fn a_response_that_refuses_is_told_by_its_status_alone() {
    let options = ConnectOptions::new("ws://example.com/feed?token=1").build().unwrap();
    let response = b"HTTP/1.1 302 token\r\nLocation: /login?token=1\r\nContent-Length: 5\r\n\r\ntoken";
    let lines = lines_for(|| opening(&options, &Route::direct(options.target())), response);
    let expected = [
        "connection{role=client number=N peer=example.com:80} begins",
        "handshake{uri=ws://example.com/feed} begins",
        "handshake{uri=ws://example.com/feed}: debug: rejected status=302",
        "handshake{uri=ws://example.com/feed} ends",
        "connection{role=client number=N peer=example.com:80} ends",
    ];
    assert_eq!(lines, expected);
}

#[test]
fn a_response_that_is_no_handshake_is_not_quoted() {
    let options = ConnectOptions::new("ws://example.com/").build().unwrap();
    let response = b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: token\r\nConnection: token\r\n\r\n";
    let lines = lines_for(|| opening(&options, &Route::direct(options.target())), response);
    let failed = "handshake{uri=ws://example.com/}: debug: failed error=it is no WebSocket handshake";
    assert_eq!(lines[2], failed);
}

#[test]
fn a_request_without_tls_is_not_quoted_where_there_should_be_some() {
    let options = AcceptOptions::default().tls(SITE.acceptor.clone());
    let accepting = || ServerUpgrade::new(&options, Random::from_seed([1; 32]), NOW).unwrap();
    let lines = lines_for(accepting, b"GET /feed?token=1 HTTP/1.1\r\n\r\n");
    let expected = [
        "connection{role=server number=N} begins",
        "tls begins",
        "tls: debug: failed error=the peer does not speak TLS",
        "tls ends",
        "connection{role=server number=N} ends",
    ];
    assert_eq!(lines, expected);
}

#[test]
fn a_page_that_is_refused_is_told_with_both_values_and_the_remedies() {
    let options = AcceptOptions::default();
    let accepting = || ServerUpgrade::new(&options, Random::from_seed([1; 32]), NOW).unwrap();
    let request =
        b"GET /feed?token=1 HTTP/1.1\r\nHost: bank.example\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
        Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\
        Origin: https://evil.example\r\nCookie: token\r\n\r\n";
    let lines = lines_for(accepting, request);
    for named in ["\"https://evil.example\"", "\"bank.example\"", "`origins`", "proxy_set_header Host"] {
        assert!(lines[2].contains(named), "{named} in {lines:#?}");
    }
    assert!(lines.iter().all(|line| !line.contains("token")), "{lines:#?}");
}

/// A transport to the proxy, as a driver would find one.
fn reached(options: &CheckedOptions) -> ConnectedTransport<()> {
    let mut connector = Connector::new(options, NOW);
    loop {
        match connector.poll(NOW) {
            ConnectorStep::Resolve { port, .. } => {
                connector.handle_addresses(Ok(vec![([127, 0, 0, 1], port).into()]));
            }
            ConnectorStep::Connect { attempt, .. } => connector.handle_result(attempt, Ok(())),
            ConnectorStep::Done(reached) => return reached.unwrap(),
            ConnectorStep::Wait(_) => unreachable!("every step was done"),
        }
    }
}

fn proxied() -> CheckedOptions {
    let options = ConnectOptions::new("ws://example.com/feed?token=1");
    options.proxy("http://user:password@proxy.example:8080").build().unwrap()
}

#[test]
fn a_proxy_is_a_phase_of_its_own() {
    let options = proxied();
    let lines = lines_for(|| opening(&options, &reached(&options).route), b"HTTP/1.1 200 OK\r\n\r\n");
    let expected = [
        "resolve{host=proxy.example} begins",
        "resolve{host=proxy.example}: debug: resolved addresses=[127.0.0.1:8080]",
        "resolve{host=proxy.example} ends",
        "connect{address=127.0.0.1:8080} begins",
        "connect{address=127.0.0.1:8080}: debug: connected",
        "connect{address=127.0.0.1:8080} ends",
        "connection{role=client number=N peer=example.com:80} begins",
        "proxy{uri=http://proxy.example:8080} begins",
        "proxy{uri=http://proxy.example:8080}: debug: the tunnel is open",
        "proxy{uri=http://proxy.example:8080} ends",
        "handshake{uri=ws://example.com/feed} begins",
        // The next 200 is not what a server should say.
        "handshake{uri=ws://example.com/feed}: debug: rejected status=200",
        "handshake{uri=ws://example.com/feed} ends",
        "connection{role=client number=N peer=example.com:80} ends",
    ];
    assert_eq!(lines, expected);
}

#[test]
fn a_proxy_that_refuses_is_told_by_its_status_alone() {
    let options = proxied();
    let answer = b"HTTP/1.1 403 token\r\nLocation: /token\r\nContent-Length: 5\r\n\r\ntoken";
    let lines = lines_for(|| opening(&options, &reached(&options).route), answer);
    assert_eq!(lines[8], "proxy{uri=http://proxy.example:8080}: debug: rejected status=403");
    assert!(lines.iter().all(|line| !line.contains("password") && !line.contains("token")), "{lines:#?}");
}

#[test]
fn a_name_without_addresses_and_an_address_where_nobody_listens_are_told() {
    let options = ConnectOptions::new("ws://example.com/").build().unwrap();
    let (lines, ()) = lines_of(|| {
        let mut connector = Connector::<()>::new(&options, NOW);
        let ConnectorStep::Resolve { .. } = connector.poll(NOW) else { panic!("a name is to be resolved") };
        connector.handle_addresses(Ok(vec![([127, 0, 0, 1], 80).into(), ([127, 0, 0, 2], 80).into()]));
        let ConnectorStep::Connect { attempt, .. } = connector.poll(NOW) else {
            panic!("an address is to be dialed")
        };
        connector.handle_result(attempt, Err(io::ErrorKind::ConnectionRefused.into()));
        let ConnectorStep::Connect { .. } = connector.poll(NOW) else {
            panic!("the next address is to be dialed")
        };
    });
    let expected = [
        "resolve{host=example.com} begins",
        "resolve{host=example.com}: debug: resolved addresses=[127.0.0.1:80, 127.0.0.2:80]",
        "resolve{host=example.com} ends",
        "connect{address=127.0.0.1:80} begins",
        "connect{address=127.0.0.1:80}: debug: failed error=connection refused",
        "connect{address=127.0.0.1:80} ends",
        "connect{address=127.0.0.2:80} begins",
        // Called off.
        "connect{address=127.0.0.2:80} ends",
    ];
    assert_eq!(lines, expected);
}

#[test]
fn a_listener_reports_each_pause_once_and_skipped_clients_at_intervals() {
    let at = |milliseconds| Instant::since_epoch(Duration::from_millis(milliseconds));
    let exhausted = || io::Error::from(io::ErrorKind::OutOfMemory);
    let aborted = || io::Error::from(io::ErrorKind::ConnectionAborted);
    let mut retry = AcceptRetry::default();
    let (lines, ()) = lines_of(|| {
        for milliseconds in [0, 1, 49, 50, 149, 150] {
            retry.handle_error(exhausted(), at(milliseconds)).unwrap();
        }
        for milliseconds in [200, 210, 249, 250] {
            retry.handle_error(aborted(), at(milliseconds)).unwrap();
        }
    });
    let expected = [
        "warn: cannot accept clients error=out of memory pause=50ms",
        "warn: cannot accept clients error=out of memory pause=100ms",
        "warn: cannot accept clients error=out of memory pause=200ms",
        "debug: clients are gone skipped=1 error=connection aborted",
        "debug: clients are gone skipped=3 error=connection aborted",
    ];
    assert_eq!(lines, expected);
}
