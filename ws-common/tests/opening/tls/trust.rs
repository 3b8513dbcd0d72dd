//! Who is believed: certificates of servers, of proxies, and of clients.

use std::sync::Arc;

use rcgen::date_time_ymd;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{CertificateError, ClientConfig, RootCertStore, SupportedProtocolVersion};
use ws_common::{
    AcceptError, AcceptOptions, ConnectError, OpenPhase,
    proxy::ProxyError,
    reconnect::DisconnectReason,
    rustls,
    tls::{TlsAcceptor, TlsConnector, TlsError},
};
use ws_core::{Machine, TransportError};

use super::authority::{Authority, Identity, VERSIONS, provider};
use super::ways::{DIRECT, NESTED, Place, Way};
use crate::far::{Far, Given, Server};
use crate::proxy::{Proxy, http};
use crate::support::{WHOLE, at, check_text, failed, feed, opened, opening, options, write_some};

type Check = fn(&TlsError) -> bool;

#[test]
fn a_certificate_that_is_wrong_says_what_is_wrong_and_only_its_dates_pass() {
    let authority = Authority::new();
    let dated = |from, to| {
        authority.issue_with(&["server.test"], |params| {
            params.not_before = date_time_ymd(from, 1, 1);
            params.not_after = date_time_ymd(to, 1, 1);
        })
    };
    let other: Check = |error| matches!(error, TlsError::WrongName { .. });
    let url = "wss://server.test/feed";
    for (url, identity, check) in [
        (url, authority.issue(&["other.test"]), other),
        (url, authority.issue(&["*.server.test"]), other),
        ("wss://192.0.2.1", authority.issue(&["192.0.2.2"]), other),
        ("wss://192.0.2.1", authority.issue(&["server.test"]), other),
        ("wss://[2001:db8::1]", authority.issue(&["2001:db8::2"]), other),
        (url, dated(2001, 2002), |error| matches!(error, TlsError::Expired(_))),
        (url, dated(4000, 4001), |error| matches!(error, TlsError::NotYetValid(_))),
        (url, Authority::new().issue(&["server.test"]), |error| matches!(error, TlsError::UnknownIssuer)),
    ] {
        for version in VERSIONS {
            let options = options(url).tls(authority.connector(version));
            let mut far = Far::new(Server::new(AcceptOptions::default().tls(identity.acceptor())));
            let error = failed(&mut opening(&options), &mut far, WHOLE);
            assert_eq!(error.phase(), OpenPhase::Tls);
            let is_dated = check(&TlsError::Expired(CertificateError::Expired))
                || check(&TlsError::NotYetValid(CertificateError::NotValidYet));
            assert_eq!(DisconnectReason::Failed(&error).is_transient(), is_dated, "{error}");
            assert!(!DisconnectReason::Failed(&error).is_final());
            let ConnectError::Tls { source: error, .. } = error else { panic!("{error:?}") };
            assert!(check(&error), "{error:?}");
            // The alert that says why has come.
            assert!(
                matches!(far.server.error, Some(AcceptError::Tls(TlsError::Alert(_)))),
                "{:?}",
                far.server.error
            );
            assert!(!String::from_utf8_lossy(&far.heard).contains("GET"));
        }
    }
}

#[test]
fn a_certificate_for_the_name_or_the_address_is_right() {
    let authority = Authority::new();
    for (url, name) in [
        ("wss://server.test", "server.test"),
        ("wss://a.server.test", "*.server.test"),
        ("wss://SERVER.test", "server.test"),
        ("wss://server.test.", "server.test"),
        ("wss://192.0.2.1", "192.0.2.1"),
        ("wss://[2001:db8::1]:8443", "2001:db8::1"),
    ] {
        let options = options(url).tls(authority.options().build().unwrap());
        let mut far =
            Far::new(Server::new(AcceptOptions::default().tls(authority.issue(&[name]).acceptor())));
        opened(&options, &mut far, WHOLE);
    }
}

#[test]
fn a_name_set_apart_is_the_targets_and_not_the_proxys() {
    let place = Place::new();
    let acceptor = place.authority.issue(&["inner.test"]).acceptor();
    let tls = place.authority.options().server_name("inner.test").unwrap().build().unwrap();
    let mut far = place.far_with(NESTED, acceptor);
    opened(&place.options_with(NESTED, tls), &mut far, WHOLE);
    assert_eq!(far.server.header("Host"), Some("server.test"));
    assert!(far.asked().starts_with("CONNECT server.test:443 "));
}

/// A client that shows this certificate, if any, in this version.
fn client(
    authority: &Authority,
    identity: Option<&Identity>,
    version: &'static SupportedProtocolVersion,
) -> TlsConnector {
    let mut roots = RootCertStore::empty();
    roots.add(authority.der.clone().into()).unwrap();
    let builder = ClientConfig::builder_with_provider(provider())
        .with_protocol_versions(&[version])
        .unwrap()
        .with_root_certificates(roots);
    let config = match identity {
        None => builder.with_no_client_auth(),
        Some(identity) => {
            let chain =
                CertificateDer::pem_slice_iter(identity.chain.as_bytes()).map(Result::unwrap).collect();
            let key = PrivateKeyDer::from_pem_slice(identity.key.as_bytes()).unwrap();
            builder.with_client_auth_cert(chain, key).unwrap()
        }
    };
    Arc::new(config).into()
}

/// One that takes only clients with a certificate of the authority.
fn strict(authority: &Authority, name: &str) -> TlsAcceptor {
    let identity = authority.issue(&[name]);
    let (chain, key) = (identity.chain.as_bytes(), identity.key.as_bytes());
    TlsAcceptor::with_client_ca(chain, key, authority.pem.as_bytes()).unwrap()
}

/// Certificates of clients: none, of a stranger, and the right one.
fn clients(authority: &Authority) -> [Option<Identity>; 3] {
    [None, Some(Authority::new().issue(&["client"])), Some(authority.issue(&["client"]))]
}

#[test]
fn a_certificate_of_the_client_that_is_missing_or_refused_is_said_in_every_version() {
    let place = Place::new();
    let acceptor = strict(&place.authority, "server.test");
    for version in VERSIONS {
        for way in [DIRECT, NESTED, Way { is_secure: true, proxy: Some("socks5h://proxy.test") }] {
            let [missing, strange, right] = clients(&place.authority);
            let tls = client(&place.authority, right.as_ref(), version);
            opened(&place.options_with(way, tls), &mut place.far_with(way, acceptor.clone()), WHOLE);
            for identity in [missing, strange] {
                let tls = client(&place.authority, identity.as_ref(), version);
                let mut far = place.far_with(way, acceptor.clone());
                let error = failed(&mut opening(&place.options_with(way, tls)), &mut far, WHOLE);
                assert_eq!(error.phase(), OpenPhase::Tls, "{error:?}");
                assert!(!DisconnectReason::Failed(&error).is_transient(), "{error:?}");
                let ConnectError::Tls { source: error, .. } = error else { panic!("{error:?}") };
                assert!(error.is_certificate(), "{error:?}");
                assert!(matches!(far.server.error, Some(AcceptError::Tls(_))), "{:?}", far.server.error);
                assert!(far.server.request.is_none());
            }
        }
    }
}

#[test]
fn a_proxy_that_refuses_the_clients_certificate_is_not_asked_again() {
    let place = Place::new();
    let acceptor = strict(&place.proxys, "proxy.test");
    for version in VERSIONS {
        let [missing, strange, right] = clients(&place.proxys);
        for (identity, is_right) in [(missing, false), (strange, false), (right, true)] {
            let proxy_tls = client(&place.proxys, identity.as_ref(), version);
            let options = place.options(NESTED).proxy_tls(proxy_tls);
            let mut far = place.far(NESTED).behind(Proxy::secure(&acceptor, http(200)));
            if is_right {
                opened(&options, &mut far, WHOLE);
                continue;
            }
            let error = failed(&mut opening(&options), &mut far, WHOLE);
            assert_eq!(error.phase(), OpenPhase::Proxy);
            assert!(!DisconnectReason::Failed(&error).is_transient(), "{version:?}: {error:?}");
            let ConnectError::Proxy { source: error, .. } = error else { panic!("{error:?}") };
            assert!(TlsError::find(&error).is_some_and(TlsError::is_certificate), "{error:?}");
            assert!(matches!(error, ProxyError::Tls(_)), "{version:?}: {error:?}");
        }
    }
}

#[test]
fn the_alert_of_a_server_is_worth_more_than_the_broken_pipe_before_it() {
    let place = Place::new();
    let tls = client(&place.authority, None, VERSIONS[1]);
    let mut far = place.far_with(DIRECT, strict(&place.authority, "server.test"));
    let mut opening = opening(&place.options_with(DIRECT, tls));
    let alert = loop {
        far.take(&write_some(&mut opening, usize::MAX, at(1)), at(1));
        let Given::Bytes(bytes) = far.give(usize::MAX, at(1)) else { panic!("it says nothing") };
        if far.server.error.is_some() {
            break bytes;
        }
        feed(&mut opening, &bytes, at(1));
        assert!(opening.poll_event().unwrap().is_none());
    };
    opening.handle_error(TransportError::write("broken pipe"), at(2));
    assert!(opening.poll_event().unwrap().is_none(), "what the peer said last may be on its way");
    feed(&mut opening, &alert, at(2));
    let error = opening.poll_event().unwrap_err();
    check_text(&error);
    assert!(
        matches!(error, ConnectError::Tls { source: TlsError::ClientCertificateRequired, .. }),
        "{error:?}"
    );
}
