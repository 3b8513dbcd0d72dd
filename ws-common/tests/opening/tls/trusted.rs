//! A header of the PROXY protocol before TLS.

use ws_common::{AcceptError, AcceptOptions, ServerUpgrade, TrustedProxy, tls::TlsError};
use ws_core::{Machine, Random};

use super::ways::{DIRECT, Place};
use crate::support::{address, at, check_text, feed, opening, quiet, write_some};

const LINE: &[u8] = b"PROXY TCP6 2001:db8::1 2001:db8::2 56324 443\r\n";

fn upgrade(place: &Place, proxy: Option<TrustedProxy>) -> ServerUpgrade {
    let options = AcceptOptions::default().config(quiet()).tls(place.acceptor.clone()).trusted_proxy(proxy);
    ServerUpgrade::new(&options, Random::from_seed([5; 32]), at(0)).unwrap()
}

#[test]
fn the_header_comes_before_tls_wherever_it_is_cut() {
    let place = Place::new();
    for chunk in 1..=LINE.len() + 1 {
        let mut server = upgrade(&place, Some(TrustedProxy::ProxyProtocol));
        let mut client = opening(&place.options(DIRECT));
        let mut header = LINE.to_vec();
        let request = loop {
            // The last chunk of the header comes with the first bytes of TLS.
            let bytes = [std::mem::take(&mut header), write_some(&mut client, usize::MAX, at(1))].concat();
            let mut seen = None;
            for bytes in bytes.chunks(chunk * 7) {
                feed(&mut server, bytes, at(1));
                seen = server.poll_event().unwrap().or(seen);
            }
            if let Some(request) = seen {
                break request;
            }
            let bytes = write_some(&mut server, usize::MAX, at(1));
            feed(&mut client, &bytes, at(1));
            assert!(client.poll_event().unwrap().is_none());
        };
        assert_eq!(request.client_addr(), Some(address("[2001:db8::1]:56324")));
    }
}

#[test]
fn without_the_header_the_client_is_disconnected() {
    let place = Place::new();
    let mut server = upgrade(&place, Some(TrustedProxy::ProxyProtocol));
    feed(&mut server, &write_some(&mut opening(&place.options(DIRECT)), usize::MAX, at(1)), at(1));
    let error = server.poll_event().unwrap_err();
    check_text(&error);
    assert!(matches!(error, AcceptError::TrustedProxy(_)), "{error}");
    assert!(server.outbound().is_empty() && server.outbound().is_finished());
}

#[test]
fn a_header_that_is_not_expected_is_400_with_the_name_of_the_setting() {
    let place = Place::new();
    for header in [LINE, b"\r\n\r\n\0\r\nQUIT\n\x20\0\0\0"] {
        for cut in 1..header.len() {
            let mut server = upgrade(&place, None);
            feed(&mut server, &header[..cut], at(1));
            let error = server.poll_event().unwrap_err();
            assert!(matches!(error, AcceptError::Tls(TlsError::NotTls(_))), "{error}");
            let answer = String::from_utf8(write_some(&mut server, usize::MAX, at(1))).unwrap();
            let (head, body) = answer.split_once("\r\n\r\n").unwrap();
            assert!(head.starts_with("HTTP/1.1 400 ") && body.contains("`trusted_proxy`"), "{answer}");
            assert!(head.contains(&format!("Content-Length: {}\r\n", body.len())), "{} {answer}", body.len());
        }
    }
}
