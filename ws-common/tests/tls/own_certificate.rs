//! A certificate that is given as `ca` and is the server's own, as `openssl req -x509` makes them.

use std::sync::Arc;

use rcgen::{BasicConstraints, CertificateParams, IsCa, KeyPair, date_time_ymd};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::sign::{CertifiedKey, SingleCertAndKey};
use rustls::{CertificateError, ServerConfig};
use ws_common::{
    rustls,
    tls::{TlsAcceptor, TlsError, TlsFailure, TlsOptions},
};

use crate::certificates::{is_up, meet};
use crate::support::{Authority, Identity, failure, provider};

/// A certificate that its own key has signed, for these names. `openssl req -x509` makes it an authority's.
pub(crate) fn own(names: &[&str], change: impl FnOnce(&mut CertificateParams)) -> Identity {
    let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
    let mut params = CertificateParams::new(names).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    change(&mut params);
    let key = KeyPair::generate().unwrap();
    Identity { chain: params.self_signed(&key).unwrap().pem(), key: key.serialize_pem() }
}

fn dated(params: &mut CertificateParams, from: i32, to: i32) {
    params.not_before = date_time_ymd(from, 1, 1);
    params.not_after = date_time_ymd(to, 1, 1);
}

/// A client that is given these certificates.
fn given(certificates: &[&Identity]) -> TlsOptions {
    certificates
        .iter()
        .fold(TlsOptions::new(), |options, identity| options.ca(identity.chain.as_bytes()).unwrap())
}

/// The failure of a client that is given the certificate of the server.
fn refused(identity: &Identity, host: &str) -> TlsError {
    let pair = meet(&given(&[identity]).build().unwrap(), host, &identity.acceptor());
    match failure(pair.client_seen) {
        TlsFailure::Tls(error) => error,
        error => panic!("not before TLS was up: {error:?}"),
    }
}

/// A server that does not care whether its key belongs to its certificate.
pub(crate) fn showing(certificate: CertificateDer<'static>, key: &str) -> TlsAcceptor {
    let key = PrivateKeyDer::from_pem_slice(key.as_bytes()).unwrap();
    let key = provider().key_provider.load_private_key(key).unwrap();
    let config = ServerConfig::builder_with_provider(provider())
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_cert_resolver(Arc::new(SingleCertAndKey::from(CertifiedKey::new(vec![certificate], key))));
    Arc::new(config).into()
}

#[test]
fn a_certificate_given_as_ca_is_trusted_as_the_servers_own() {
    let names = ["localhost", "127.0.0.1"];
    let authority = Authority::new();
    for identity in [
        own(&names, |_| {}),
        own(&names, |params| params.is_ca = IsCa::NoCa),
        own(&names, |params| params.is_ca = IsCa::ExplicitNoCa),
        // Its authority is not given.
        authority.issue(&names),
    ] {
        for host in names {
            let connector = given(&[&own(&["elsewhere"], |_| {}), &identity]).build().unwrap();
            assert!(is_up(&meet(&connector, host, &identity.acceptor())), "{host}");
        }
    }
}

#[test]
fn its_dates_are_checked_before_it_is_trusted() {
    for is_ca in [IsCa::Ca(BasicConstraints::Unconstrained), IsCa::NoCa] {
        let of = |from, to| {
            own(&["localhost"], |params| {
                params.is_ca = is_ca;
                dated(params, from, to);
            })
        };
        let error = refused(&of(2001, 2002), "localhost");
        assert!(matches!(error, TlsError::Expired(_)), "{error:?}");
        let error = refused(&of(4000, 4001), "localhost");
        assert!(matches!(error, TlsError::NotYetValid(_)), "{error:?}");
        let error = refused(&of(2002, 2001), "localhost");
        assert!(matches!(error, TlsError::Expired(_)), "{error:?}");
    }
    let issued = Authority::new().issue_with(&["localhost"], |params| dated(params, 2001, 2002));
    let error = refused(&issued, "localhost");
    assert!(matches!(error, TlsError::Expired(_)), "{error:?}");
}

#[test]
fn its_name_is_checked_before_it_is_trusted() {
    for is_ca in [IsCa::Ca(BasicConstraints::Unconstrained), IsCa::NoCa] {
        let identity = own(&["example.org"], |params| params.is_ca = is_ca);
        for host in ["localhost", "127.0.0.1", "a.example.org"] {
            let error = refused(&identity, host);
            assert!(matches!(error, TlsError::WrongName { .. }), "{error:?}");
        }
        let nameless = own(&[], |params| params.is_ca = is_ca);
        let error = refused(&nameless, "localhost");
        assert!(matches!(error, TlsError::WrongName { .. }), "{error:?}");
    }
}

#[test]
fn only_the_certificate_itself_is_trusted() {
    let [one, other] = [own(&["localhost"], |_| {}), own(&["localhost"], |_| {})];
    let pair = meet(&given(&[&one]).build().unwrap(), "localhost", &other.acceptor());
    let error = failure(pair.client_seen);
    assert!(error.tls().is_some_and(TlsError::is_certificate), "{error:?}");
    // The key is another one, so that the signature of the handshake is wrong.
    let certificate = CertificateDer::from_pem_slice(one.chain.as_bytes()).unwrap();
    let thief = showing(certificate, &other.key);
    let pair = meet(&given(&[&one]).build().unwrap(), "localhost", &thief);
    let error = failure(pair.client_seen);
    let TlsError::Certificate(error) = error.tls().unwrap() else { panic!("{error:?}") };
    assert_eq!(*error, CertificateError::BadSignature);
}

/// The end of the server that is given the certificate of its client, or the failure there.
fn served(identity: &Identity) -> Result<(), TlsError> {
    let (authority, clients) = (Authority::new(), own(&["another client"], |_| {}));
    let server = authority.issue(&["localhost"]);
    let ca = format!("{}{}", clients.chain, identity.chain);
    let [chain, key] = [&server.chain, &server.key].map(|pem| pem.as_bytes());
    let acceptor = TlsAcceptor::with_client_ca(chain, key, ca.as_bytes()).unwrap();
    let options = authority.options();
    let options = options.client_certificate(identity.chain.as_bytes(), identity.key.as_bytes()).unwrap();
    let pair = meet(&options.build().unwrap(), "localhost", &acceptor);
    if is_up(&pair) {
        return Ok(());
    }
    match failure(pair.server_seen) {
        TlsFailure::Tls(error) => Err(error),
        error => panic!("not before TLS was up: {error:?}"),
    }
}

#[test]
fn a_certificate_given_as_ca_is_trusted_as_the_clients_own_after_its_dates_were_checked() {
    // The last one's authority is not given.
    for identity in [
        own(&["a client"], |_| {}),
        own(&[], |_| {}),
        own(&["a client"], |params| params.is_ca = IsCa::NoCa),
        Authority::new().issue(&["a client"]),
    ] {
        served(&identity).unwrap();
    }
    for is_ca in [IsCa::Ca(BasicConstraints::Unconstrained), IsCa::NoCa] {
        let of = |from, to| {
            own(&["a client"], |params| {
                params.is_ca = is_ca;
                dated(params, from, to);
            })
        };
        let error = served(&of(2001, 2002)).unwrap_err();
        assert!(matches!(error, TlsError::Expired(_)), "{error:?}");
        let error = served(&of(4000, 4001)).unwrap_err();
        assert!(matches!(error, TlsError::NotYetValid(_)), "{error:?}");
    }
    let issued = Authority::new().issue_with(&["a client"], |params| dated(params, 2001, 2002));
    let error = served(&issued).unwrap_err();
    assert!(matches!(error, TlsError::Expired(_)), "{error:?}");
}

#[test]
fn a_client_with_the_name_of_a_given_certificate_and_another_key_is_refused() {
    let [given, other] = [own(&["a client"], |_| {}), own(&["a client"], |_| {})];
    let authority = Authority::new();
    let server = authority.issue(&["localhost"]);
    let [chain, key, ca] = [&server.chain, &server.key, &given.chain].map(|pem| pem.as_bytes());
    let acceptor = TlsAcceptor::with_client_ca(chain, key, ca).unwrap();
    let options = authority.options();
    let options = options.client_certificate(other.chain.as_bytes(), other.key.as_bytes()).unwrap();
    let pair = meet(&options.build().unwrap(), "localhost", &acceptor);
    let error = failure(pair.server_seen);
    assert!(error.tls().is_some_and(TlsError::is_certificate), "{error:?}");
}
