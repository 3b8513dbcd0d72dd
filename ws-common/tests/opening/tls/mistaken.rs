//! Plain text where TLS was expected, and TLS where plain text was.

use ws_common::{
    AcceptError, AcceptOptions, ConnectError, proxy::ProxyError, reconnect::DisconnectReason, tls::TlsError,
};
use ws_core::{HandshakeError, RequestError};

use super::ways::{DIRECT, Place, Way};
use crate::far::{Far, Server};
use crate::proxy::{Proxy, Script, http, socks};
use crate::support::{CUTS, failed, opening, options};

#[test]
fn a_client_of_wss_is_told_that_a_server_does_not_speak_tls() {
    let place = Place::new();
    for way in [DIRECT, Way { is_secure: true, proxy: Some("socks5h://proxy.test") }] {
        for cut in CUTS {
            let far = Far::plain();
            let mut far = if way.proxy.is_some() { far.behind(Proxy::new(socks(0))) } else { far };
            let error = failed(&mut opening(&place.options(way)), &mut far, cut);
            assert!(matches!(error, ConnectError::Tls { source: TlsError::NotTls(_), .. }), "{error:?}");
            assert!(error.to_string().contains("does not speak TLS"), "{error}");
            assert!(error.to_string().contains("is it meant to be ws, not wss?"), "{error}");
            assert!(!DisconnectReason::Failed(&error).is_transient());
            // And the server knows, too.
            let Some(AcceptError::Handshake(HandshakeError::Request(error))) = &far.server.error else {
                panic!("{:?}", far.server.error)
            };
            assert!(
                matches!(error, RequestError::Malformed(_)) && error.to_string().contains("wss"),
                "{error}"
            );
        }
    }
}

#[test]
fn a_client_of_ws_is_told_that_a_server_speaks_tls() {
    let place = Place::new();
    for proxy in [None, Some("http://proxy.test")] {
        for cut in CUTS {
            let mut far = Far::new(Server::new(AcceptOptions::default().tls(place.acceptor.clone())));
            let mut options = options("ws://server.test:443/feed");
            if let Some(proxy) = proxy {
                options = options.proxy(proxy);
                far = far.behind(Proxy::new(http(200)));
            }
            let error = failed(&mut opening(&options), &mut far, cut);
            assert!(
                matches!(error, ConnectError::Handshake { source: HandshakeError::Rejected(_), .. }),
                "{error:?}"
            );
            assert!(error.to_string().contains("wss"), "{error}");
            assert!(!DisconnectReason::Failed(&error).is_transient());
            let Some(AcceptError::Tls(error @ TlsError::NotTls(start))) = &far.server.error else {
                panic!("{:?}", far.server.error)
            };
            assert!(b"GET /feed HTTP/1.1".starts_with(start), "{start:?}");
            assert!(error.to_string().contains("does not speak TLS"), "{error}");
        }
    }
}

/// What other servers say to a client that does not speak TLS: a fatal alert.
const ALERT: &str = "\x15\x03\x03\0\x02\x02\x0a";

#[test]
fn an_alert_tells_a_client_of_ws_as_much() {
    for cut in CUTS {
        let mut far = Far::new(Server::raw(ALERT, true));
        let error = failed(&mut opening(&options("ws://server.test:443")), &mut far, cut);
        assert!(
            matches!(error, ConnectError::Handshake { source: HandshakeError::Response(_), .. }),
            "{error:?}"
        );
        assert!(error.to_string().contains("wss://"), "{error}");
        assert!(!DisconnectReason::Failed(&error).is_transient());
    }
}

#[test]
fn a_proxy_of_the_wrong_scheme_says_so() {
    let place = Place::new();
    type Check = fn(&ProxyError) -> bool;
    let cases: [(&str, Proxy, Check); 4] = [
        ("https://proxy.test", Proxy::new(Script::Raw("HTTP/1.1 400 No\r\n\r\n")), |error| {
            matches!(error, ProxyError::Tls(TlsError::NotTls(_) | TlsError::UnexpectedEof))
        }),
        ("http://proxy.test", Proxy::new(Script::Raw(ALERT)), |error| {
            matches!(error, ProxyError::NotHttp(_))
        }),
        ("socks5h://proxy.test", Proxy::new(Script::Raw(ALERT)), |error| {
            matches!(error, ProxyError::Version { seen: 21, .. })
        }),
        ("socks5h://proxy.test", Proxy::new(Script::Raw("HTTP/1.1 400 No\r\n\r\n")), |error| {
            matches!(error, ProxyError::Version { seen: b'H', .. })
        }),
    ];
    for (url, proxy, check) in cases {
        let options = options("ws://server.test").proxy(url);
        let options = options.proxy_tls(place.proxys.options().build().unwrap());
        let mut far = Far::plain().behind(proxy);
        let error = failed(&mut opening(&options), &mut far, CUTS[0]);
        let ConnectError::Proxy { source: inner, .. } = &error else { panic!("{error:?}") };
        assert!(check(inner), "{url}: {error:?}");
        let is_plain = matches!(inner, ProxyError::Tls(TlsError::NotTls(_)));
        assert_eq!(error.to_string().contains("is it meant to be http, not https?"), is_plain, "{error}");
        assert!(far.server.request.is_none());
    }
}
