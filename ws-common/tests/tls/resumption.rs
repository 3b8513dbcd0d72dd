//! A second connection of the same client is a shorter one.

use rustls::HandshakeKind;
use ws_core::Role;

use crate::support::{Authority, VERSIONS, open, pair, quiet};

#[test]
fn the_second_connection_resumes_the_session_of_the_first() {
    for version in VERSIONS {
        let authority = Authority::new();
        let connector = authority.connector(version);
        let acceptor = authority.issue(&["localhost"]).acceptor();
        for kind in [HandshakeKind::Full, HandshakeKind::Resumed] {
            // As in a client that reconnects: the options are cloned.
            let client = connector.clone().start("localhost", open(Role::Client, &quiet())).unwrap();
            let server = acceptor.clone().start(open(Role::Server, &quiet())).unwrap();
            let mut pair = pair(client, server, usize::MAX);
            pair.settle();
            assert_eq!(pair.client.session().handshake_kind(), Some(kind), "{version:?}");
        }
    }
}

#[test]
fn a_connector_of_options_resumes_too() {
    let authority = Authority::new();
    let connector = authority.options().build().unwrap();
    let acceptor = authority.issue(&["localhost"]).acceptor();
    for kind in [HandshakeKind::Full, HandshakeKind::Resumed] {
        let client = connector.start("localhost", open(Role::Client, &quiet())).unwrap();
        let mut pair = pair(client, acceptor.start(open(Role::Server, &quiet())).unwrap(), usize::MAX);
        pair.settle();
        assert_eq!(pair.client.session().handshake_kind(), Some(kind));
    }
}
