//! Who is told what, where there is TLS.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use rustls::NamedGroup;
use rustls::client::{ClientSessionStore, Resumption, Tls12ClientSessionValue, Tls13ClientSessionValue};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::version::TLS12;
use ws_common::{ConnectOptions, rustls, tls::TlsOptions};

use super::authority::{Authority, VERSIONS};
use super::ways::{NESTED, Place, WAYS};
use crate::far::{Far, Server};
use crate::life::{Life, client};
use crate::proxy::{Proxy, http};
use crate::support::{WHOLE, opened};

fn holds(bytes: &[u8], part: &str) -> bool {
    bytes.windows(part.len()).any(|window| window == part.as_bytes())
}

#[test]
fn within_tls_nothing_of_the_request_and_to_an_https_proxy_not_even_its_own_credentials_can_be_seen() {
    let place = Place::new();
    for way in WAYS {
        let options: ConnectOptions = place.options(way).header("Cookie", "cookie-secret");
        let mut far = place.far(way);
        opened(&options, &mut far, WHOLE);
        for part in ["cookie-secret", "GET /feed", "HTTP/1.1 101", "Sec-WebSocket"] {
            assert!(!holds(&far.heard, part) && !holds(&far.said, part), "{way:?} {part}");
        }
        let is_hidden = way.proxy.is_none_or(|proxy| proxy.starts_with("https"));
        assert_eq!(
            holds(&far.heard, "CONNECT") || holds(&far.heard, "user"),
            !is_hidden && !far.heard.starts_with(&[5, 1]),
            "{way:?}"
        );
        assert!(!far.asked().contains("cookie-secret"));
        assert_eq!(far.server.header("Host"), Some("server.test"));
        assert_eq!(far.server.header("Proxy-Authorization"), None);
        // The name in the clear is that of whom TLS is spoken with first.
        assert_eq!(
            holds(&far.heard, "proxy.test"),
            way.proxy.is_some_and(|url| url.starts_with("https")),
            "{way:?}"
        );
    }
}

#[test]
fn from_wss_to_ws_is_refused_and_from_ws_to_wss_is_not() {
    let place = Place::new();
    let secure = |place: &Place| Server::new(ws_common::AcceptOptions::default().tls(place.acceptor.clone()));
    let acceptor = place.acceptor.clone();
    let tls = || place.authority.options().build().unwrap();
    for location in ["ws://server.test/b", "http://other.test/b", "ws://server.test:443/b"] {
        let first = Far::new(secure(&place)).redirect(location);
        let mut first = Some(first);
        let mut life =
            Life::new(client("wss://server.test/a").tls(tls()).max_redirects(3), move |_| first.take());
        life.settle();
        assert_eq!(life.trace(), ["connected", "error handshake", "closed 1006 broken peer"]);
        assert_eq!(life.fars.len(), 1);
    }
    for (location, keeps) in [("wss://server.test/b", false), ("/b", true)] {
        let acceptor = acceptor.clone();
        let mut life = Life::new(
            client("ws://server.test/a").tls(tls()).header("Cookie", "c").max_redirects(3),
            move |n| match n {
                0 => Some(Far::plain().redirect(location)),
                _ if keeps => Some(Far::plain()),
                _ => Some(Far::new(Server::new(ws_common::AcceptOptions::default().tls(acceptor.clone())))),
            },
        );
        life.settle();
        assert_eq!(life.trace(), ["connected", "connected", "open"]);
        assert_eq!(life.fars[1].server.header("Cookie").is_some(), keeps);
    }
}

/// A server that takes certificates of clients, and wants none, so that it can be seen who shows one.
pub(super) fn curious(
    authority: &Authority,
    name: &str,
    version: &'static rustls::SupportedProtocolVersion,
) -> ws_common::tls::TlsAcceptor {
    let mut roots = rustls::RootCertStore::empty();
    roots.add(authority.der.clone().into()).unwrap();
    let provider = super::authority::provider();
    let verifier =
        rustls::server::WebPkiClientVerifier::builder_with_provider(roots.into(), provider.clone());
    let identity = authority.issue(&[name]);
    let chain = CertificateDer::pem_slice_iter(identity.chain.as_bytes()).map(Result::unwrap).collect();
    let config = rustls::ServerConfig::builder_with_provider(provider)
        .with_protocol_versions(&[version])
        .unwrap()
        .with_client_cert_verifier(verifier.allow_unauthenticated().build().unwrap())
        .with_single_cert(chain, PrivateKeyDer::from_pem_slice(identity.key.as_bytes()).unwrap())
        .unwrap();
    Arc::new(config).into()
}

#[test]
fn a_certificate_and_a_name_of_tls_are_for_the_first_origin_only() {
    let authority = Authority::new();
    let identity = authority.issue_with(&["client"], |params| {
        params.distinguished_name.push(rcgen::DnType::CommonName, "who-I-am");
    });
    // The certificates of the servers: the first is not for its own name, but for the one that was set.
    let (first, other) =
        (curious(&authority, "inner.test", &TLS12), curious(&authority, "other.test", &TLS12));
    let tls = TlsOptions::new()
        .ca(authority.pem.as_bytes())
        .unwrap()
        .client_certificate(identity.chain.as_bytes(), identity.key.as_bytes())
        .unwrap()
        .server_name("inner.test")
        .unwrap()
        .build()
        .unwrap();
    for other_first in [false, true] {
        let (first, other) = (first.clone(), other.clone());
        let mut life = Life::new(client("wss://server.test/a").tls(tls.clone()).max_redirects(3), move |n| {
            let server = |acceptor: &ws_common::tls::TlsAcceptor| {
                Far::new(Server::new(ws_common::AcceptOptions::default().tls(acceptor.clone())))
            };
            Some(match n {
                0 if other_first => server(&first).redirect("wss://other.test/b"),
                0 => server(&first).redirect("/b"),
                _ if other_first => server(&other),
                _ => server(&first),
            })
        });
        life.settle();
        assert_eq!(life.trace(), ["connected", "connected", "open"], "{other_first}");
        // TLS 1.2 shows certificates in the clear. A session that is resumed shows none, but stands for one.
        if other_first {
            assert!(!holds(&life.fars[1].heard, "who-I-am"), "it was shown to another origin");
            assert!(holds(&life.fars[1].heard, "other.test"));
            assert!(!holds(&life.fars[1].heard, "inner.test"));
        } else {
            assert!(holds(&life.fars[0].heard, "who-I-am"));
            assert!(holds(&life.fars[1].heard, "inner.test"));
        }
    }
}

/// Whether a server of `server.test` has resumed a session in its answer.
pub(super) fn resumes(version: &rustls::SupportedProtocolVersion, said: &[u8]) -> bool {
    if *version == TLS12 {
        // A server that resumes a session shows no certificate.
        !holds(said, "server.test")
    } else {
        // RFC 8446 §4.2.11: the extension pre_shared_key of a ServerHello names the first ticket that was offered.
        said.windows(6).any(|window| window == [0, 41, 0, 2, 0, 0])
    }
}

/// A store of sessions that counts how often a session is looked for, in each version of TLS.
#[derive(Debug, Default)]
struct Store {
    session: Mutex<Option<Tls12ClientSessionValue>>,
    ticket: Mutex<Option<Tls13ClientSessionValue>>,
    /// Number of searches for a session of TLS 1.2, and for a ticket of TLS 1.3.
    sessions: AtomicUsize,
    tickets: AtomicUsize,
}

impl ClientSessionStore for Store {
    fn set_kx_hint(&self, _: ServerName<'static>, _: NamedGroup) {}

    fn kx_hint(&self, _: &ServerName<'_>) -> Option<NamedGroup> {
        None
    }

    fn set_tls12_session(&self, _: ServerName<'static>, value: Tls12ClientSessionValue) {
        *self.session.lock().unwrap() = Some(value);
    }

    fn tls12_session(&self, _: &ServerName<'_>) -> Option<Tls12ClientSessionValue> {
        self.sessions.fetch_add(1, Ordering::Relaxed);
        self.session.lock().unwrap().clone()
    }

    fn remove_tls12_session(&self, _: &ServerName<'static>) {}

    fn insert_tls13_ticket(&self, _: ServerName<'static>, value: Tls13ClientSessionValue) {
        *self.ticket.lock().unwrap() = Some(value);
    }

    fn take_tls13_ticket(&self, _: &ServerName<'static>) -> Option<Tls13ClientSessionValue> {
        self.tickets.fetch_add(1, Ordering::Relaxed);
        self.ticket.lock().unwrap().take()
    }
}

/// Redirects to the same origin and to another one, in each version of TLS.
fn versions_and_locations() -> impl Iterator<Item = (&'static rustls::SupportedProtocolVersion, &'static str)>
{
    VERSIONS
        .into_iter()
        .flat_map(|version| ["/b", "wss://server.test:444/b"].map(|location| (version, location)))
}

/// rustls resumes no session with another certificate of the client. The sessions of the first origin are not even looked at.
#[test]
fn sessions_that_began_with_a_certificate_are_not_looked_at_for_another_origin() {
    let authority = Authority::new();
    let identity = authority.issue(&["client"]);
    for (version, location) in versions_and_locations() {
        let acceptor = curious(&authority, "server.test", version);
        let store = Arc::new(Store::default());
        let mut roots = rustls::RootCertStore::empty();
        roots.add(authority.der.clone().into()).unwrap();
        let chain = CertificateDer::pem_slice_iter(identity.chain.as_bytes()).map(Result::unwrap).collect();
        let mut config = rustls::ClientConfig::builder_with_provider(super::authority::provider())
            .with_protocol_versions(&[version])
            .unwrap()
            .with_root_certificates(roots)
            .with_client_auth_cert(chain, PrivateKeyDer::from_pem_slice(identity.key.as_bytes()).unwrap())
            .unwrap();
        config.resumption = Resumption::store(store.clone());
        let builder = client("wss://server.test/a").tls(Arc::new(config)).max_redirects(1);
        let mut life = Life::new(builder, move |n| {
            let far = Far::new(Server::new(ws_common::AcceptOptions::default().tls(acceptor.clone())));
            Some(if n == 0 { far.redirect(location) } else { far })
        });
        life.settle();
        assert_eq!(life.trace(), ["connected", "connected", "open"], "{location}");
        let searches = if location == "/b" { 2 } else { 1 };
        assert_eq!(store.tickets.load(Ordering::Relaxed), searches, "{version:?} {location}");
        // A session of TLS 1.2 is looked for if there is no ticket.
        let sessions = if *version == TLS12 { searches } else { 1 };
        assert_eq!(store.sessions.load(Ordering::Relaxed), sessions, "{version:?} {location}");
    }
}

/// A session stands for the certificate that it began with, so that a server of the same name at another port would take its client for
/// the owner of that certificate.
#[test]
fn a_session_that_began_with_a_certificate_is_not_resumed_towards_another_origin() {
    let authority = Authority::new();
    let identity = authority.issue(&["client"]);
    for (version, location) in versions_and_locations() {
        let acceptor = curious(&authority, "server.test", version);
        let tls = TlsOptions::new().ca(authority.pem.as_bytes()).unwrap();
        let tls = tls.client_certificate(identity.chain.as_bytes(), identity.key.as_bytes()).unwrap();
        let builder = client("wss://server.test/a").tls(tls.build().unwrap()).max_redirects(1);
        let mut life = Life::new(builder, move |n| {
            let far = Far::new(Server::new(ws_common::AcceptOptions::default().tls(acceptor.clone())));
            Some(if n == 0 { far.redirect(location) } else { far })
        });
        life.settle();
        assert_eq!(life.trace(), ["connected", "connected", "open"], "{location}");
        let resumed = [0, 1].map(|n| resumes(version, &life.fars[n].said));
        assert_eq!(resumed, [false, location == "/b"], "{version:?} {location}");
    }
}

/// Also if the connector has a certificate of the client, which another origin does not see.
#[test]
fn new_revocation_lists_hold_after_a_redirect() {
    let authority = Authority::new();
    let identity = authority.issue(&["client"]);
    let with_certificate =
        authority.options().client_certificate(identity.chain.as_bytes(), identity.key.as_bytes()).unwrap();
    for tls in [authority.options(), with_certificate] {
        let tls = tls.build().unwrap();
        tls.replace_crls(authority.revoking(&[8]).as_bytes()).unwrap();
        for (serial, is_revoked) in [(7_u64, false), (8, true)] {
            let first = authority.issue(&["server.test"]).acceptor();
            let other = authority.issue_with(&["other.test"], |params| {
                params.serial_number = Some(serial.into());
            });
            let acceptors = [first, other.acceptor()];
            let client = client("wss://server.test/a").tls(tls.clone()).max_redirects(3);
            let mut life = Life::new(client, move |n| {
                let options = ws_common::AcceptOptions::default().tls(acceptors[n].clone());
                let far = Far::new(Server::new(options));
                Some(if n == 0 { far.redirect("wss://other.test/b") } else { far })
            });
            life.settle();
            assert_eq!(life.fars[1].server.request.is_none(), is_revoked, "{serial}");
        }
    }
}

#[cfg(feature = "dangerous-tls")]
#[test]
fn any_certificate_is_accepted_from_the_first_origin_only() {
    let authority = Authority::new();
    for (url, location, is_same) in [
        ("wss://server.test/a", "/b", true),
        ("wss://server.test/a", "wss://server.test:444/b", false),
        ("wss://server.test/a", "wss://other.test/b", false),
        ("ws://server.test/a", "wss://server.test/b", false),
    ] {
        let tls = TlsOptions::new().dangerous_accept_any_certificate().build().unwrap();
        let acceptor = authority.issue(&["server.test", "other.test"]).acceptor();
        let mut life = Life::new(client(url).tls(tls).max_redirects(3), move |n| {
            let secure = || Server::new(ws_common::AcceptOptions::default().tls(acceptor.clone()));
            Some(match n {
                0 if url.starts_with("ws:") => Far::plain().redirect(location),
                0 => Far::new(secure()).redirect(location),
                _ => Far::new(secure()),
            })
        });
        life.settle();
        assert_eq!(life.trace().contains(&"open".to_owned()), is_same, "{location}");
        assert_eq!(life.fars[1].server.request.is_some(), is_same, "the request was sent to {location}");
    }
}

#[test]
fn a_pin_holds_after_a_redirect() {
    let authority = Authority::new();
    let [pinned, other] = [(); 2].map(|()| authority.issue(&["server.test", "other.test"]));
    let der = CertificateDer::from_pem_slice(pinned.chain.as_bytes()).unwrap();
    let provider = super::authority::provider();
    let mut suites = provider.cipher_suites.iter().filter_map(|suite| suite.tls13());
    let hash = suites.find_map(|suite| match suite.common.hash_provider {
        hash if hash.output_len() == 32 => Some(hash.hash(&der)),
        _ => None,
    });
    let pin: String = hash.unwrap().as_ref().iter().map(|byte| format!("{byte:02x}")).collect();
    let options = [
        authority.options(),
        #[cfg(feature = "dangerous-tls")]
        TlsOptions::new().dangerous_accept_any_certificate(),
    ];
    for options in options {
        let tls = options.pin_certificate_sha256(&pin).unwrap().build().unwrap();
        for location in ["/b", "wss://other.test/b"] {
            for (second, is_pinned) in [(&pinned, true), (&other, false)] {
                let acceptors = [pinned.acceptor(), second.acceptor()];
                let client = client("wss://server.test/a").tls(tls.clone()).max_redirects(3);
                let mut life = Life::new(client, move |n| {
                    let options = ws_common::AcceptOptions::default().tls(acceptors[n].clone());
                    let far = Far::new(Server::new(options));
                    Some(if n == 0 { far.redirect(location) } else { far })
                });
                life.settle();
                assert_eq!(life.fars[1].server.request.is_some(), is_pinned, "{location}");
            }
        }
    }
}

#[test]
fn what_is_set_for_the_target_is_not_used_with_the_proxy() {
    let place = Place::new();
    let identity = place.authority.issue_with(&["client"], |params| {
        params.distinguished_name.push(rcgen::DnType::CommonName, "who-I-am");
    });
    let tls = place
        .authority
        .options()
        .client_certificate(identity.chain.as_bytes(), identity.key.as_bytes())
        .unwrap()
        .server_name("server.test")
        .unwrap()
        .build()
        .unwrap();
    let options = place.options_with(NESTED, tls);
    let mut far =
        place.far(NESTED).behind(Proxy::secure(&curious(&place.proxys, "proxy.test", &TLS12), http(200)));
    opened(&options, &mut far, WHOLE);
    assert!(!holds(&far.heard, "who-I-am"));
    assert!(!holds(&far.heard, "server.test"), "the name of the target is within the TLS of the proxy");
    assert!(far.asked().starts_with("CONNECT server.test:443 "));
}

#[test]
fn every_attempt_begins_with_what_was_set() {
    let place = Place::new();
    let tls = place.authority.options().build().unwrap();
    let acceptor = place.acceptor.clone();
    let mut life = Life::new(client("wss://server.test").tls(tls).header("Cookie", "c"), move |_| {
        Some(Far::new(Server::new(ws_common::AcceptOptions::default().tls(acceptor.clone()))))
    });
    life.settle();
    life.cut();
    life.advance(Duration::from_secs(60));
    assert_eq!(life.fars.len(), 2);
    assert_eq!(life.fars[1].server.header("Cookie"), Some("c"));
}
