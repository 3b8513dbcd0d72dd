//! Certificates and revocation lists that change while a server runs.

use rcgen::{ExtendedKeyUsagePurpose, SerialNumber};
use rustls::{CertificateError, HandshakeKind};
use ws_common::tls::{Tls, TlsAcceptor, TlsConfigError, TlsConnector, TlsError, TlsOptions};
use ws_core::{Connection, Message, Role};

use crate::support::{Authority, Identity, Pair, VERSIONS, failure, open, pair, quiet, take_messages};

type End = Tls<Connection>;

fn meet(connector: &TlsConnector, acceptor: &TlsAcceptor) -> Pair<End, End> {
    let client = connector.start("localhost", open(Role::Client, &quiet())).unwrap();
    let mut pair = pair(client, acceptor.start(open(Role::Server, &quiet())).unwrap(), usize::MAX);
    pair.settle();
    pair
}

/// How TLS came up, if it did.
fn kind(pair: &Pair<End, End>) -> Option<HandshakeKind> {
    let is_up = pair.client_seen.is_empty() && pair.server_seen.is_empty();
    pair.client.session().handshake_kind().filter(|_| is_up && !pair.server.is_handshaking())
}

fn shown(pair: &Pair<End, End>) -> Vec<u8> {
    pair.client.session().peer_certificates().unwrap()[0].to_vec()
}

#[test]
fn new_connections_see_the_replaced_certificate_and_open_ones_go_on() {
    for version in VERSIONS {
        let authority = Authority::new();
        let (first, second) = (authority.issue(&["localhost"]), authority.issue(&["localhost"]));
        let connector = authority.connector(version);
        let acceptor = first.acceptor();
        let mut before = meet(&connector, &acceptor);
        assert_eq!(kind(&before), Some(HandshakeKind::Full));
        assert_eq!(kind(&meet(&connector, &acceptor)), Some(HandshakeKind::Resumed));
        // A clone, as in the options of a listener, is the same acceptor.
        acceptor.clone().replace(second.chain.as_bytes(), second.key.as_bytes()).unwrap();
        let after = meet(&connector, &acceptor);
        assert_eq!(kind(&after), Some(HandshakeKind::Full), "no session of the first certificate");
        assert_ne!(shown(&before), shown(&after));
        assert_eq!(kind(&meet(&connector, &acceptor)), Some(HandshakeKind::Resumed));
        assert_eq!(after.client.session().alpn_protocol(), after.server.session().alpn_protocol());
        before.client.inner_mut().send("still here").unwrap();
        before.settle();
        assert_eq!(take_messages(&mut before)[1], [Message::from("still here")]);
    }
}

#[test]
fn a_replacement_that_cannot_be_used_keeps_the_present_one() {
    let authority = Authority::new();
    let (first, second) = (authority.issue(&["localhost"]), authority.issue(&["localhost"]));
    let acceptor = first.acceptor();
    let connector = authority.options().build().unwrap();
    let present = shown(&meet(&connector, &acceptor));
    for (chain, key) in [
        (&second.chain, &first.key),
        (&second.chain, &String::new()),
        (&String::new(), &second.key),
        (&second.key, &second.key),
        (&second.chain.replace('M', "!"), &second.key),
    ] {
        let error = acceptor.replace(chain.as_bytes(), key.as_bytes()).unwrap_err();
        assert!(!error.to_string().is_empty());
        let fresh = authority.options().build().unwrap();
        assert_eq!(shown(&meet(&fresh, &acceptor)), present);
    }
}

#[test]
fn a_config_of_the_programs_own_keeps_its_settings() {
    let authority = Authority::new();
    let identity = authority.issue(&["localhost"]);
    let mut config = identity.rustls_config();
    config.alpn_protocols = vec![b"http/1.1".to_vec(), b"other".to_vec()];
    let acceptor = TlsAcceptor::from(std::sync::Arc::new(config));
    let other = authority.issue(&["localhost"]);
    acceptor.replace(other.chain.as_bytes(), other.key.as_bytes()).unwrap();
    let pair = meet(&authority.options().build().unwrap(), &acceptor);
    assert_eq!(pair.server.session().alpn_protocol(), Some(&b"http/1.1"[..]));
    let crl = authority.revoking(&[]);
    let error = acceptor.replace_client_crls(crl.as_bytes()).unwrap_err();
    assert!(matches!(error, TlsConfigError::CrlsWithoutRoots), "{error}");
}

#[test]
fn a_config_without_resumption_has_none_after_a_replacement() {
    let authority = Authority::new();
    let identity = authority.issue(&["localhost"]);
    let mut config = identity.rustls_config();
    config.session_storage = std::sync::Arc::new(rustls::server::NoServerSessionStorage {});
    config.send_tls13_tickets = 2;
    let acceptor = TlsAcceptor::from(std::sync::Arc::new(config));
    acceptor.replace(identity.chain.as_bytes(), identity.key.as_bytes()).unwrap();
    let connector = authority.options().build().unwrap();
    for _ in 0..2 {
        assert_eq!(kind(&meet(&connector, &acceptor)), Some(HandshakeKind::Full));
    }
}

fn with_serial(authority: &Authority, serial: u64) -> Identity {
    authority.issue_with(&["localhost"], |params| {
        params.serial_number = Some(SerialNumber::from(serial));
        params.extended_key_usages =
            vec![ExtendedKeyUsagePurpose::ClientAuth, ExtendedKeyUsagePurpose::ServerAuth];
    })
}

#[test]
fn a_client_with_a_revoked_certificate_is_refused() {
    let authority = Authority::new();
    let server = authority.issue(&["localhost"]);
    let acceptor =
        TlsAcceptor::with_client_ca(server.chain.as_bytes(), server.key.as_bytes(), authority.pem.as_bytes());
    let acceptor = acceptor.unwrap();
    let connector = |serial| {
        let client = with_serial(&authority, serial);
        let options = authority.options();
        options.client_certificate(client.chain.as_bytes(), client.key.as_bytes()).unwrap().build().unwrap()
    };
    let (good, bad) = (connector(7), connector(8));
    for client in [&good, &bad] {
        assert_eq!(kind(&meet(client, &acceptor)), Some(HandshakeKind::Full));
    }
    acceptor.replace_client_crls(authority.revoking(&[8]).as_bytes()).unwrap();
    // No session from before the list is resumed.
    assert_eq!(kind(&meet(&good, &acceptor)), Some(HandshakeKind::Full));
    let pair = meet(&bad, &acceptor);
    let error = failure(pair.server_seen);
    assert!(matches!(error.tls(), Some(TlsError::Certificate(CertificateError::Revoked))), "{error:?}");
    let error = failure(pair.client_seen);
    assert!(
        error.tls().is_some_and(TlsError::is_certificate) || error.to_string().contains("Revoked"),
        "{error}"
    );
    // A certificate that is replaced keeps the list, and a list that is replaced keeps the certificate.
    let other = authority.issue(&["localhost"]);
    acceptor.replace(other.chain.as_bytes(), other.key.as_bytes()).unwrap();
    assert!(kind(&meet(&bad, &acceptor)).is_none());
    let certificate = shown(&meet(&good, &acceptor));
    acceptor.replace_client_crls(authority.revoking(&[7]).as_bytes()).unwrap();
    assert!(kind(&meet(&good, &acceptor)).is_none());
    assert_eq!(shown(&meet(&bad, &acceptor)), certificate);
    for unusable in
        [&b""[..], b"-----BEGIN X509 CRL-----\nAAAA\n-----END X509 CRL-----\n", &[0x30, 0x82, 0, 1, 0]]
    {
        assert!(acceptor.replace_client_crls(unusable).is_err());
        assert!(kind(&meet(&good, &acceptor)).is_none());
    }
    // A list of another authority says nothing about this one.
    acceptor.replace_client_crls(Authority::new().revoking(&[]).as_bytes()).unwrap();
    assert!(kind(&meet(&bad, &acceptor)).is_none());
}

#[test]
fn a_server_with_a_revoked_certificate_is_refused() {
    let authority = Authority::new();
    let crl = authority.revoking(&[8]);
    for (serial, is_revoked) in [(7, false), (8, true)] {
        let acceptor = with_serial(&authority, serial).acceptor();
        let options = authority.options().crls(crl.as_bytes()).unwrap();
        let pair = meet(&options.build().unwrap(), &acceptor);
        assert_eq!(kind(&pair).is_none(), is_revoked);
        if is_revoked {
            let error = failure(pair.client_seen);
            assert!(
                matches!(error.tls(), Some(TlsError::Certificate(CertificateError::Revoked))),
                "{error:?}"
            );
        }
    }
    let any: &[fn(TlsOptions) -> TlsOptions] = &[
        |options| options,
        #[cfg(feature = "dangerous-tls")]
        TlsOptions::dangerous_accept_any_certificate,
    ];
    for options in any.iter().map(|change| change(TlsOptions::new())) {
        let error = options.crls(crl.as_bytes()).unwrap().build().err();
        assert!(matches!(error, Some(TlsConfigError::CrlsWithoutRoots)), "{error:?}");
    }
    assert!(matches!(TlsOptions::new().crls(b"none"), Err(TlsConfigError::NoCrl)));
}

fn is_revoked(pair: Pair<End, End>) -> bool {
    matches!(failure(pair.client_seen).tls(), Some(TlsError::Certificate(CertificateError::Revoked)))
}

#[test]
fn a_server_that_was_revoked_meanwhile_is_refused_and_its_session_is_not_resumed() {
    let authority = Authority::new();
    let connector = authority.options().build().unwrap();
    let [good, bad] = [7, 8].map(|serial| with_serial(&authority, serial).acceptor());
    assert_eq!(kind(&meet(&connector, &good)), Some(HandshakeKind::Full));
    let mut before = meet(&connector, &bad);
    assert_eq!(kind(&before), Some(HandshakeKind::Full));
    assert_eq!(kind(&meet(&connector, &bad)), Some(HandshakeKind::Resumed));
    // Clones, as in the options of a client, are the same connector, also for another name.
    let clones = [connector.clone(), connector.clone().server_name("localhost").unwrap()];
    connector.replace_crls(authority.revoking(&[8]).as_bytes()).unwrap();
    for clone in &clones {
        assert!(is_revoked(meet(clone, &bad)));
    }
    assert_eq!(kind(&meet(&connector, &good)), Some(HandshakeKind::Full), "no session from before the list");
    assert_eq!(kind(&meet(&connector, &good)), Some(HandshakeKind::Resumed));
    before.client.inner_mut().send("still here").unwrap();
    before.settle();
    assert_eq!(take_messages(&mut before)[1], [Message::from("still here")]);
    // The next list replaces this one, also by a clone.
    clones[0].replace_crls(authority.revoking(&[7]).as_bytes()).unwrap();
    assert!(is_revoked(meet(&connector, &good)));
    for unusable in
        [&b""[..], b"-----BEGIN X509 CRL-----\nAAAA\n-----END X509 CRL-----\n", &[0x30, 0x82, 0, 1, 0]]
    {
        assert!(connector.replace_crls(unusable).is_err());
        assert!(is_revoked(meet(&connector, &good)), "the present list stays");
    }
    assert_eq!(kind(&meet(&connector, &bad)), Some(HandshakeKind::Full));
}

#[test]
fn lists_replace_those_of_the_options_and_need_authorities() {
    let authority = Authority::new();
    let crl = authority.revoking(&[8]);
    let options = authority.options().crls(authority.revoking(&[7]).as_bytes()).unwrap();
    let connector = options.build().unwrap();
    connector.replace_crls(crl.as_bytes()).unwrap();
    for (serial, is_refused) in [(7, false), (8, true)] {
        let pair = meet(&connector, &with_serial(&authority, serial).acceptor());
        assert_eq!(kind(&pair).is_none(), is_refused);
    }
    let connectors = [
        authority.connector(VERSIONS[1]),
        #[cfg(feature = "dangerous-tls")]
        TlsOptions::new().dangerous_accept_any_certificate().build().unwrap(),
    ];
    for connector in connectors {
        let error = connector.replace_crls(crl.as_bytes()).err();
        assert!(matches!(error, Some(TlsConfigError::CrlsWithoutRoots)), "{error:?}");
    }
}
