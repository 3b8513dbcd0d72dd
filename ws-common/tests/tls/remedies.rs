//! The error of a refused peer names the cause and a remedy.

use std::sync::Arc;

use rcgen::{ExtendedKeyUsagePurpose, IsCa, date_time_ymd};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::{ClientConfig, ServerConfig};
use ws_common::{
    rustls,
    tls::{TlsAcceptor, TlsConnector, TlsError, TlsOptions},
};

use crate::certificates::meet;
use crate::own_certificate::{own, showing};
use crate::support::{Authority, failure, provider};

/// The text of the error of the client.
fn told(connector: TlsConnector, host: &str, acceptor: &TlsAcceptor) -> String {
    let error = failure(meet(&connector, host, acceptor).client_seen);
    assert!(error.tls().is_some(), "{error:?}");
    error.to_string()
}

/// The same certificate as one of version 1: the version is left out (RFC 5280 §4.1).
fn of_version_1(certificate: &[u8]) -> Vec<u8> {
    const VERSION_3: [u8; 5] = [0xa0, 3, 2, 1, 2];
    let mut bytes = certificate.to_vec();
    assert_eq!((bytes[..2].to_vec(), bytes[4..6].to_vec()), (vec![0x30, 0x82], vec![0x30, 0x82]));
    assert_eq!(bytes[8..13], VERSION_3);
    bytes.drain(8..13);
    for at in [2, 6] {
        let length = u16::from_be_bytes([bytes[at], bytes[at + 1]]) - 5;
        bytes[at..at + 2].copy_from_slice(&length.to_be_bytes());
    }
    bytes
}

#[test]
fn each_cause_has_its_remedy() {
    let authority = Authority::new();
    let dated = |from, to| {
        let identity = authority.issue_with(&["localhost"], |params| {
            params.not_before = date_time_ymd(from, 1, 1);
            params.not_after = date_time_ymd(to, 1, 1);
        });
        identity.acceptor()
    };
    let self_signed = own(&["localhost"], |params| params.is_ca = IsCa::NoCa);
    let of_openssl = own(&["localhost"], |_| {});
    let first = authority.issue(&["localhost"]);
    let der = CertificateDer::from_pem_slice(first.chain.as_bytes()).unwrap();
    let version_1 = showing(of_version_1(&der).into(), &first.key);
    let for_clients = authority.issue_with(&["localhost"], |params| {
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
    });
    let trusting = || authority.options().build().unwrap();
    let given = |pem: &str| TlsOptions::new().ca(pem.as_bytes()).unwrap().build().unwrap();
    let nameless = own(&[], |_| {});
    for (connector, host, acceptor, says) in [
        (
            trusting(),
            "localhost",
            authority.issue(&["a.test", "192.0.2.1"]).acceptor(),
            &["not for localhost, but for a.test, 192.0.2.1", "`server_name`"][..],
        ),
        (
            trusting(),
            "localhost",
            authority.issue(&[]).acceptor(),
            &["not for localhost", "no subjectAltName", "-addext subjectAltName=DNS:localhost"],
        ),
        (
            given(&nameless.chain),
            "127.0.0.1",
            nameless.acceptor(),
            &["not for 127.0.0.1", "no subjectAltName", "-addext subjectAltName=IP:127.0.0.1"],
        ),
        (
            trusting(),
            "localhost",
            dated(2001, 2002),
            &["expired ", " days ago, on Tue, 01 Jan 2002 00:00:00 GMT", "the clock"],
        ),
        (
            trusting(),
            "localhost",
            dated(4000, 4001),
            &["not valid yet", " days, from Sat, 01 Jan 4000 00:00:00 GMT", "the clock"],
        ),
        (
            trusting(),
            "localhost",
            of_openssl.acceptor(),
            &["an authority's (basicConstraints CA:TRUE", "given as `ca`"],
        ),
        (trusting(), "localhost", version_1, &["X.509 version 1", "version 3", "subjectAltName"]),
        (
            trusting(),
            "localhost",
            self_signed.acceptor(),
            &["of no authority that is trusted", "self-signed certificate itself", "given as `ca`"],
        ),
        (trusting(), "localhost", for_clients.acceptor(), &["does not include server authentication"]),
        (
            trusting(),
            "localhost",
            speaking(&authority, &[b"h2"]),
            &["no_application_protocol (120)", "HTTP/1.1", "HTTP/2"],
        ),
    ] {
        let text = told(connector, host, &acceptor);
        for part in says {
            assert!(text.contains(part), "{text:?} does not say {part:?}");
        }
        assert!(!text.contains("Other(") && !text.contains('{'), "{text}");
    }
}

/// A server that speaks these protocols alone.
fn speaking(authority: &Authority, protocols: &[&[u8]]) -> TlsAcceptor {
    let mut config: ServerConfig = authority.issue(&["localhost"]).rustls_config();
    config.alpn_protocols = protocols.iter().map(|protocol| protocol.to_vec()).collect();
    Arc::new(config).into()
}

#[test]
fn a_client_that_speaks_only_another_protocol_is_told_to_the_server() {
    let authority = Authority::new();
    let mut roots = rustls::RootCertStore::empty();
    roots.add(authority.der.clone().into()).unwrap();
    let mut config = ClientConfig::builder_with_provider(provider())
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.alpn_protocols = vec![b"h2".to_vec()];
    let connector = TlsConnector::from(Arc::new(config));
    let pair = meet(&connector, "localhost", &authority.issue(&["localhost"]).acceptor());
    let error = failure(pair.server_seen);
    assert!(matches!(error.tls(), Some(TlsError::Incompatible(_))), "{error:?}");
    assert!(error.to_string().contains("HTTP/2"), "{error}");
}
