//! Who is believed, and what is said about whoever is not.

use rcgen::date_time_ymd;
use ws_common::tls::{Tls, TlsAcceptor, TlsConfigError, TlsConnector, TlsError, TlsFailure, TlsOptions};
use ws_core::{Connection, Error, Machine, Role};

use crate::support::{Authority, Identity, Pair, VERSIONS, failure, open, pair, quiet};

pub(crate) type End = Tls<Connection>;

/// Lets a client open TLS to `host`.
pub(crate) fn meet(connector: &TlsConnector, host: &str, acceptor: &TlsAcceptor) -> Pair<End, End> {
    let client = connector.start(host, open(Role::Client, &quiet())).unwrap();
    let server = acceptor.start(open(Role::Server, &quiet())).unwrap();
    let mut pair = pair(client, server, usize::MAX);
    pair.settle();
    pair
}

pub(crate) fn is_up(pair: &Pair<End, End>) -> bool {
    !pair.client.is_handshaking() && !pair.server.is_handshaking() && pair.client_seen.is_empty()
}

/// What the client says, which passes only if it is about dates, and what the server then says.
fn refused(authority: &Authority, host: &str, identity: &Identity) -> (TlsError, TlsFailure<Error>) {
    let pair = meet(&authority.options().build().unwrap(), host, &identity.acceptor());
    let TlsFailure::Tls(error) = failure(pair.client_seen) else { panic!("not before TLS was up") };
    let is_dated = matches!(error, TlsError::Expired(_) | TlsError::NotYetValid(_));
    assert!(error.is_certificate() && error.is_passing() == is_dated, "{error}");
    (error, failure(pair.server_seen))
}

#[test]
fn a_name_or_an_address_in_the_certificate_is_right() {
    let authority = Authority::new();
    let names = ["localhost", "*.example.org", "127.0.0.1", "::1"];
    let acceptor = authority.issue(&names).acceptor();
    for der in [false, true] {
        let ca = if der { &authority.der[..] } else { authority.pem.as_bytes() };
        let connector = TlsOptions::new().ca(ca).unwrap().build().unwrap();
        for host in ["localhost", "a.example.org", "127.0.0.1", "::1", "[::1]"] {
            let pair = meet(&connector, host, &acceptor);
            assert!(is_up(&pair), "{host}");
            assert_eq!(pair.client.session().alpn_protocol(), Some(&b"http/1.1"[..]));
        }
    }
}

#[test]
fn a_wrong_name_is_said_with_the_right_ones() {
    let authority = Authority::new();
    let identity = authority.issue(&["example.org", "127.0.0.1"]);
    for host in ["localhost", "127.0.0.2", "a.example.org"] {
        let (error, server) = refused(&authority, host, &identity);
        let TlsError::WrongName { expected, presented } = &error else { panic!("{error:?}") };
        assert_eq!(expected, host);
        assert!(presented.iter().any(|name| name.contains("example.org")), "{presented:?}");
        assert!(matches!(server.tls(), Some(TlsError::Alert(_))), "{server:?}");
    }
}

#[test]
fn dates_are_checked() {
    let authority = Authority::new();
    let expired = authority.issue_with(&["localhost"], |params| {
        params.not_before = date_time_ymd(2001, 1, 1);
        params.not_after = date_time_ymd(2002, 1, 1);
    });
    let (error, _) = refused(&authority, "localhost", &expired);
    assert!(matches!(error, TlsError::Expired(_)), "{error:?}");
    let early = authority.issue_with(&["localhost"], |params| {
        params.not_before = date_time_ymd(4000, 1, 1);
        params.not_after = date_time_ymd(4001, 1, 1);
    });
    let (error, _) = refused(&authority, "localhost", &early);
    assert!(matches!(error, TlsError::NotYetValid(_)), "{error:?}");
}

#[test]
fn an_unknown_authority_is_not_believed_unless_anyone_is() {
    let identity = Authority::new().issue(&["elsewhere"]);
    let (error, server) = refused(&Authority::new(), "elsewhere", &identity);
    assert!(matches!(error, TlsError::UnknownIssuer), "{error:?}");
    let alert = rustls::AlertDescription::UnknownCA;
    assert!(matches!(server.tls(), Some(TlsError::Alert(seen)) if *seen == alert), "{server:?}");
    #[cfg(feature = "dangerous-tls")]
    {
        let connector = TlsOptions::new().dangerous_accept_any_certificate().build().unwrap();
        assert!(is_up(&meet(&connector, "localhost", &identity.acceptor())));
    }
}

#[cfg(feature = "dangerous-tls")]
#[test]
fn authorities_and_any_certificate_exclude_each_other_in_either_order() {
    let pem = Authority::new().pem;
    let ca = |options: TlsOptions| options.ca(pem.as_bytes()).unwrap();
    let any = TlsOptions::dangerous_accept_any_certificate;
    for options in [any(ca(TlsOptions::new())), ca(any(TlsOptions::new())), ca(any(ca(TlsOptions::new())))] {
        let error = options.build().unwrap_err().to_string();
        assert!(error.contains("ca") && error.contains("dangerous_accept_any_certificate"), "{error}");
    }
}

#[test]
fn a_tls_name_may_be_set_apart_from_the_host() {
    let authority = Authority::new();
    let acceptor = authority.issue(&["internal.example"]).acceptor();
    let connector = authority.options().server_name("internal.example").unwrap().build().unwrap();
    assert!(is_up(&meet(&connector, "10.0.0.1", &acceptor)));
}

#[test]
fn a_certificate_of_the_client_is_asked_for_and_checked() {
    let authority = Authority::new();
    let server = authority.issue(&["localhost"]);
    let ours = Authority::new();
    let [chain, key, ca] = [&server.chain, &server.key, &ours.pem].map(|pem| pem.as_bytes());
    let acceptor = TlsAcceptor::with_client_ca(chain, key, ca).unwrap();
    let with = |identity: Identity| {
        authority.options().client_certificate(identity.chain.as_bytes(), identity.key.as_bytes()).unwrap()
    };
    assert!(is_up(&meet(&with(ours.issue(&["me"])).build().unwrap(), "localhost", &acceptor)));

    // In TLS 1.3 the client is done before the server has seen its certificate.
    let pair = meet(&authority.options().build().unwrap(), "localhost", &acceptor);
    let client = failure(pair.client_seen);
    assert!(matches!(client.tls(), Some(TlsError::ClientCertificateRequired)), "{client:?}");
    let server = failure(pair.server_seen);
    assert!(matches!(server, TlsFailure::Tls(TlsError::ClientCertificateRequired)), "{server:?}");

    let pair = meet(&with(Authority::new().issue(&["me"])).build().unwrap(), "localhost", &acceptor);
    let client = failure(pair.client_seen);
    assert!(matches!(client.tls(), Some(TlsError::ClientCertificateRefused(_))), "{client:?}");
    assert!(matches!(failure(pair.server_seen), TlsFailure::Tls(TlsError::UnknownIssuer)));
}

#[test]
fn a_missing_certificate_of_the_client_is_said_in_every_version() {
    let authority = Authority::new();
    let server = authority.issue(&["localhost"]);
    let [chain, key, ca] = [&server.chain, &server.key, &authority.pem].map(|pem| pem.as_bytes());
    let acceptor = TlsAcceptor::with_client_ca(chain, key, ca).unwrap();
    for version in VERSIONS {
        let pair = meet(&authority.connector(version), "localhost", &acceptor);
        let client = failure(pair.client_seen);
        assert!(!client.tls().unwrap().is_passing(), "{client:?}");
        let server = failure(pair.server_seen);
        assert!(matches!(server.tls(), Some(TlsError::ClientCertificateRequired)), "{server:?}");
    }
}

#[test]
fn what_cannot_be_used_is_said_when_it_is_set() {
    let authority = Authority::new();
    let [one, other] = [authority.issue(&["localhost"]), authority.issue(&["localhost"])];
    let nothing = TlsOptions::new().ca(b"no PEM").unwrap_err();
    assert!(matches!(nothing, TlsConfigError::NoCertificate), "{nothing:?}");
    let cut = TlsOptions::new().ca(b"-----BEGIN CERTIFICATE-----\nAAAA").unwrap_err();
    assert!(matches!(cut, TlsConfigError::Pem(_)), "{cut:?}");
    let no_key = TlsAcceptor::new(one.chain.as_bytes(), one.chain.as_bytes()).unwrap_err();
    assert!(matches!(no_key, TlsConfigError::NoKey), "{no_key:?}");
    let mixed = TlsAcceptor::new(one.chain.as_bytes(), other.key.as_bytes()).unwrap_err();
    assert!(matches!(mixed, TlsConfigError::Rustls(_)), "{mixed:?}");
    let name = TlsOptions::new().server_name("no name").unwrap_err();
    assert!(matches!(name, TlsConfigError::Name(_)), "{name:?}");
    let garbage = TlsOptions::new().ca(&[0x30, 0x82, 0, 0]).unwrap_err();
    assert!(matches!(garbage, TlsConfigError::Rustls(_)), "{garbage:?}");
}

#[test]
fn a_refused_handshake_says_no_more() {
    let identity = Authority::new().issue(&["localhost"]);
    let mut pair = meet(&Authority::new().options().build().unwrap(), "localhost", &identity.acceptor());
    assert_eq!(pair.client.poll_timeout(), None);
    assert!(pair.client.poll_event().unwrap().is_none());
    assert!(pair.client.outbound().is_empty() && pair.client.outbound().is_finished());
}

#[test]
fn the_platform_is_trusted_by_default_and_no_provider_becomes_that_of_the_process() {
    match TlsOptions::new().build() {
        Ok(connector) => {
            let identity = Authority::new().issue(&["localhost"]);
            let pair = meet(&connector, "localhost", &identity.acceptor());
            let error = failure(pair.client_seen);
            assert!(error.tls().is_some_and(TlsError::is_certificate), "{error:?}");
        }
        // A system without any.
        Err(error) => assert!(matches!(error, TlsConfigError::Platform(_)), "{error:?}"),
    }
    assert!(rustls::crypto::CryptoProvider::get_default().is_none());
}

#[cfg(feature = "webpki-roots")]
#[test]
fn the_roots_of_mozilla_go_together_with_own_ones() {
    let authority = Authority::new();
    let acceptor = authority.issue(&["localhost"]).acceptor();
    let connector = authority.options().webpki_roots().build().unwrap();
    assert!(is_up(&meet(&connector, "localhost", &acceptor)));
    let connector = TlsOptions::new().webpki_roots().build().unwrap();
    assert!(matches!(
        failure(meet(&connector, "localhost", &acceptor).client_seen).tls(),
        Some(TlsError::UnknownIssuer)
    ));
}
