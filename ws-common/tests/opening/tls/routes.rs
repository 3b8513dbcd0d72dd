//! Sessions of TLS stay on the route on which they began.

use ws_common::rustls::SupportedProtocolVersion;
use ws_common::tls::{TlsAcceptor, TlsConnector};

use super::authority::VERSIONS;
use super::secrets::{curious, resumes};
use super::ways::{DIRECT, Place, Way};
use crate::support::{WHOLE, opened};

fn via(url: &'static str) -> Way {
    Way { is_secure: true, proxy: Some(url) }
}

/// Opens a connection over each of these routes. Says for each whether the session was resumed.
fn resumed(
    version: &'static SupportedProtocolVersion,
    place: &Place,
    tls: &TlsConnector,
    ways: &[Way],
) -> Vec<bool> {
    resumed_by(&curious(&place.authority, "server.test", version), version, place, tls, ways)
}

/// The same with a server that exists already.
fn resumed_by(
    acceptor: &TlsAcceptor,
    version: &'static SupportedProtocolVersion,
    place: &Place,
    tls: &TlsConnector,
    ways: &[Way],
) -> Vec<bool> {
    let over = |way: &Way| {
        let mut far = place.far_with(*way, acceptor.clone());
        opened(&place.options_with(*way, tls.clone()), &mut far, WHOLE);
        resumes(version, &far.said)
    };
    ways.iter().map(over).collect()
}

#[test]
fn a_session_is_resumed_on_its_own_route_alone() {
    let place = Place::new();
    let (first, second) = (via("http://proxy.test"), via("http://other.test"));
    let (user, scheme) = (via("http://user:secret@proxy.test"), via("socks5h://proxy.test"));
    let ways = [DIRECT, first, second, user, scheme];
    for version in VERSIONS {
        let tls = place.authority.options().build().unwrap();
        assert_eq!(resumed(version, &place, &tls, &ways), [false; 5], "{version:?}");
        for way in ways {
            // The server of each call has a memory of its own, so that a session of the call before is of no use.
            let both = [way, DIRECT, first, second, user, scheme, way];
            let tls = place.authority.options().build().unwrap();
            let seen = resumed(version, &place, &tls, &both);
            for (n, other) in both.iter().enumerate().skip(1) {
                assert_eq!(seen[n], other.proxy == way.proxy, "{version:?} {way:?} {other:?}");
            }
        }
    }
}

#[test]
fn the_routes_that_are_kept_are_bounded() {
    let place = Place::new();
    let proxies = (0..9).map(|n| &*format!("http://p{n}.test").leak());
    let mut ways: Vec<Way> = proxies.map(via).collect();
    ways.extend([ways[8], ways[1], ways[0]]);
    for version in VERSIONS {
        let tls = place.authority.options().build().unwrap();
        let seen = resumed(version, &place, &tls, &ways);
        assert_eq!(seen[9..], [true, true, false], "the oldest is forgotten: {version:?}");
    }
}

#[test]
fn new_revocation_lists_end_the_sessions_of_every_route() {
    let place = Place::new();
    let ways = [DIRECT, via("http://proxy.test"), via("socks5h://proxy.test")];
    for version in VERSIONS {
        let acceptor = curious(&place.authority, "server.test", version);
        let tls = place.authority.options().build().unwrap();
        for _ in 0..2 {
            assert_eq!(resumed_by(&acceptor, version, &place, &tls, &ways), [false; 3], "{version:?}");
            assert_eq!(resumed_by(&acceptor, version, &place, &tls, &ways), [true; 3], "{version:?}");
            tls.replace_crls(place.authority.revoking(&[]).as_bytes()).unwrap();
        }
    }
}

/// The program decides about the store of its own configuration, which may have none.
#[test]
fn a_configuration_of_the_program_resumes_nothing_through_a_proxy() {
    let place = Place::new();
    let proxy = via("http://proxy.test");
    for version in VERSIONS {
        let tls = place.authority.connector(version);
        assert_eq!(
            resumed(version, &place, &tls, &[DIRECT, DIRECT, proxy, proxy, DIRECT]),
            [false, true, false, false, true],
            "{version:?}"
        );
    }
}
