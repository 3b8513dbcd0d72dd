//! Plain text where TLS was expected, and the reverse.

use ws_common::tls::{TlsError, TlsFailure};
use ws_core::{ClientHandshake, ClientRequest, HandshakeError, Machine, Random, Role, ServerHandshake};

use crate::support::{Authority, VERSIONS, at, drain, failure, feed, open, quiet, write_some};

#[test]
fn a_client_says_what_a_peer_without_tls_said() {
    let authority = Authority::new();
    for (answer, start) in [
        ("HTTP/1.1 400 Bad Request\r\nServer: x\r\n\r\n", "HTTP/1.1 400 Bad Request"),
        ("SSH-2.0-OpenSSH\r\n", "SSH-2.0-OpenSSH"),
    ] {
        let connector = authority.connector(VERSIONS[1]);
        let mut client = connector.start("localhost", open(Role::Client, &quiet())).unwrap();
        write_some(&mut client, usize::MAX, at(0));
        feed(&mut client, answer.as_bytes(), at(0));
        let error = failure(drain(&mut client));
        assert!(
            matches!(&error, TlsFailure::Tls(TlsError::NotTls(said)) if **said == *start.as_bytes()),
            "{error:?}"
        );
        assert!(error.to_string().contains("does not speak TLS"), "{error}");
        assert!(!error.tls().unwrap().is_passing());
        assert!(client.outbound().is_finished());
    }
}

#[test]
fn a_server_says_so_of_a_client_that_speaks_http() {
    let mut server =
        Authority::new().issue(&["localhost"]).acceptor().start(open(Role::Server, &quiet())).unwrap();
    feed(&mut server, b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n", at(0));
    let error = failure(drain(&mut server));
    assert!(matches!(&error, TlsFailure::Tls(TlsError::NotTls(said)) if **said == *b"GET / HTTP/1.1"));
}

#[test]
fn a_server_without_tls_gets_a_request_that_is_none() {
    let connector = Authority::new().connector(VERSIONS[1]);
    let mut client = connector.start("localhost", open(Role::Client, &quiet())).unwrap();
    let hello = write_some(&mut client, usize::MAX, at(0));
    let mut server = ServerHandshake::new(quiet(), Random::from_seed([1; 32]), at(10));
    feed(&mut server, &hello, at(0));
    let error = drain(&mut server).pop().unwrap().unwrap_err();
    assert!(matches!(error, HandshakeError::Request(_)), "{error:?}");
    assert!(error.to_string().contains("TLS"), "{error}");
    // Its answer is what the client reports.
    let answer = write_some(&mut server, usize::MAX, at(0));
    feed(&mut client, &answer, at(0));
    let error = failure(drain(&mut client));
    assert!(error.to_string().contains("\"HTTP/1.1\"…"), "{error}");
}

#[test]
fn a_client_without_tls_gets_a_response_that_is_none() {
    let request = ClientRequest::new("localhost", "/").unwrap();
    let mut client = ClientHandshake::new(&request, quiet(), Random::from_seed([1; 32]), at(10));
    feed(&mut client, &[21, 3, 3, 0, 2, 2, 10], at(0));
    let error = drain(&mut client).pop().unwrap().unwrap_err();
    assert!(matches!(error, HandshakeError::Response(_)), "{error:?}");
}
