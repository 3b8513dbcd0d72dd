//! Keys that are used up, and peers that change theirs.

use std::sync::Arc;

use rustls::crypto::{CipherSuiteCommon, CryptoProvider};
use rustls::{
    ClientConfig, RootCertStore, ServerConnection, SupportedCipherSuite, SupportedProtocolVersion,
    Tls12CipherSuite, Tls13CipherSuite,
};
use ws_common::tls::{Tls, TlsConnector, TlsError};
use ws_core::{Connection, Initiator, Machine, Role};

use crate::support::{
    Authority, TlsPair, VERSIONS, at, closed, drain, failure, feed, open, pair, provider, quiet,
    take_messages, write_some,
};

/// As many records as the keys of a test are good for.
const LIMIT: u64 = 100;

/// Cipher suites whose keys are used up soon.
fn weak() -> CryptoProvider {
    let CryptoProvider {
        cipher_suites,
        kx_groups,
        signature_verification_algorithms,
        secure_random,
        key_provider,
    } = Arc::unwrap_or_clone(provider());
    let common = |common: &CipherSuiteCommon| CipherSuiteCommon {
        suite: common.suite,
        hash_provider: common.hash_provider,
        confidentiality_limit: LIMIT,
    };
    let cipher_suites = cipher_suites.iter().map(|suite| match suite {
        SupportedCipherSuite::Tls12(suite) => {
            let suite = Tls12CipherSuite {
                common: common(&suite.common),
                prf_provider: suite.prf_provider,
                kx: suite.kx,
                sign: suite.sign,
                aead_alg: suite.aead_alg,
            };
            SupportedCipherSuite::Tls12(Box::leak(Box::new(suite)))
        }
        SupportedCipherSuite::Tls13(suite) => {
            let suite = Tls13CipherSuite {
                common: common(&suite.common),
                hkdf_provider: suite.hkdf_provider,
                aead_alg: suite.aead_alg,
                quic: None,
            };
            SupportedCipherSuite::Tls13(Box::leak(Box::new(suite)))
        }
    });
    let cipher_suites = cipher_suites.collect();
    CryptoProvider {
        cipher_suites,
        kx_groups,
        signature_verification_algorithms,
        secure_random,
        key_provider,
    }
}

fn up(version: &'static SupportedProtocolVersion) -> TlsPair {
    let authority = Authority::new();
    let mut roots = RootCertStore::empty();
    roots.add(authority.der.clone().into()).unwrap();
    let config = ClientConfig::builder_with_provider(Arc::new(weak()))
        .with_protocol_versions(&[version])
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let client =
        TlsConnector::from(Arc::new(config)).start("localhost", open(Role::Client, &quiet())).unwrap();
    let server = authority.issue(&["localhost"]).acceptor().start(open(Role::Server, &quiet())).unwrap();
    let mut pair = pair(client, server, usize::MAX);
    pair.settle();
    pair
}

#[test]
fn tls_1_3_changes_its_keys_under_way() {
    let mut pair = up(VERSIONS[1]);
    for _ in 0..5 * LIMIT {
        pair.client.inner_mut().send("another record").unwrap();
        pair.settle();
    }
    assert_eq!(take_messages(&mut pair)[1].len(), 5 * LIMIT as usize);
}

#[test]
fn with_used_up_keys_tls_1_2_ends_the_connection_and_loses_nothing_unsaid() {
    let mut pair = up(VERSIONS[0]);
    let mut sent = 0;
    while pair.client.inner_mut().send("another record").is_ok() {
        sent += 1;
        assert!(sent < LIMIT);
        pair.settle();
    }
    assert!(sent > LIMIT / 2);
    // The peer has seen the end of the stream, and all before it but the last.
    assert_eq!(closed(&pair.client_seen), (1006, false));
    let error = failure(pair.client_seen);
    assert!(matches!(error.tls(), Some(TlsError::KeysExhausted)), "{error:?}");
    assert!(error.tls().unwrap().is_passing());
    let received =
        pair.server_seen.iter().filter(|seen| matches!(seen, Ok(ws_core::Event::Message(_)))).count();
    assert_eq!(received as u64, sent - 1);
    let end = pair.client.inner().closed().map(|closed| (closed.unsent, closed.initiator));
    assert_eq!(end, Some((1, Initiator::Local)));
}

#[test]
fn a_peer_that_asks_for_nothing_but_new_keys_is_cut_off() {
    let authority = Authority::new();
    let server = authority.issue(&["localhost"]);
    let mut client =
        authority.connector(VERSIONS[1]).start("localhost", open(Role::Client, &quiet())).unwrap();
    let mut peer = server.rustls_server();
    while client.is_handshaking() || peer.is_handshaking() {
        exchange(&mut client, &mut peer);
    }
    let mut seen = Vec::new();
    while seen.is_empty() {
        peer.refresh_traffic_keys().unwrap();
        let mut bytes = Vec::new();
        peer.write_tls(&mut bytes).unwrap();
        feed(&mut client, &bytes, at(1));
        assert!(client.outbound().len() < 1024, "what answers it is bounded");
        seen = drain(&mut client);
    }
    assert_eq!(closed(&seen), (1006, false));
    assert!(matches!(failure(seen).tls(), Some(TlsError::Protocol(_))));
}

fn exchange(client: &mut Tls<Connection>, peer: &mut ServerConnection) {
    let bytes = write_some(client, usize::MAX, at(0));
    peer.read_tls(&mut &bytes[..]).unwrap();
    peer.process_new_packets().unwrap();
    let mut bytes = Vec::new();
    while peer.wants_write() {
        peer.write_tls(&mut bytes).unwrap();
    }
    feed(client, &bytes, at(0));
}
