//! Transports that a connector of the user supplies.

use std::net::SocketAddr;
use std::time::Duration;

use ws_common::connector::SuppliedTransport;
use ws_common::reconnect::{GiveUp, Reconnect};
use ws_common::session::{Action, ClientBuilder, ClientEvent, ConnectorClient, Session, UserConnector};
use ws_common::{CheckedOptions, ConnectError, ConnectOptions, ConnectorError, OpenPhase};
#[cfg(feature = "tls")]
use ws_core::bytes::Buf;
use ws_core::{Instant, Machine, Random};

use crate::support::secs;

/// The client of a driver whose connectors are numbers.
struct Driven;

impl From<Session> for Driven {
    fn from(_: Session) -> Self {
        Self
    }
}

impl ConnectorClient<u8> for Driven {
    fn user_connector(connector: impl Fn(CheckedOptions) -> u8 + Send + Sync + 'static) -> UserConnector {
        UserConnector::new(connector(ConnectOptions::new("ws://localhost/").build().expect("options")))
    }
}

fn random() -> Random {
    Random::from_seed([7; 32])
}

fn at(time: Duration) -> Instant {
    Instant::since_epoch(time)
}

/// A client of this URL that has asked for a transport.
fn connecting(url: &str) -> Session {
    let builder =
        ClientBuilder::<Driven>::new(url).open_timeout(secs(3)).reconnect(Reconnect::after(secs(1)));
    let mut session = builder.connector(|_| 9).session(random()).expect("options");
    session.handle_timeout(Instant::EPOCH);
    assert!(matches!(session.poll_action(), Some(Action::Open(_))));
    session
}

fn events(session: &mut Session) -> Vec<ClientEvent> {
    std::iter::from_fn(|| session.poll_event().unwrap_or_else(|never| match never {})).collect()
}

#[test]
fn a_driver_gets_the_connector_of_its_own_type() {
    let session = connecting("ws://localhost/");
    assert_eq!(session.connector::<u8>().as_deref(), Some(&9));
    assert_eq!(session.connector::<u16>(), None);
    let without = ClientBuilder::<Driven>::new("ws://localhost/").session(random()).expect("options");
    assert_eq!(without.connector::<u8>(), None);
}

#[test]
fn addresses_are_those_that_the_connector_tells() {
    let [peer, local] = [1, 2].map(|n| SocketAddr::from(([192, 0, 2, n], 80)));
    for (peer, local) in [(None, None), (Some(peer), None), (Some(peer), Some(local))] {
        let mut session = connecting("ws://localhost/");
        let facts = SuppliedTransport { peer, local, is_secure: false };
        assert!(session.supplied(&facts, random(), Instant::EPOCH));
        let told = events(&mut session);
        assert!(
            matches!(told[..], [ClientEvent::Connected { peer: p, local: l }] if (p, l) == (peer, local))
        );
        session.handle_read(0, Instant::EPOCH);
        let told = events(&mut session);
        let Some(ClientEvent::Error(error)) = told.first() else { panic!("{told:?}") };
        assert_eq!(error.to_string().contains("192.0.2.1:80"), peer.is_some(), "{error}");
    }
}

#[cfg(feature = "tls")]
#[test]
fn tls_is_spoken_unless_the_transport_is_secure() {
    for (url, is_secure, first) in [
        ("ws://localhost/", false, b'G'),
        ("wss://localhost/", false, 0x16),
        ("wss://localhost/", true, b'G'),
    ] {
        let mut session = connecting(url);
        assert!(session.supplied(
            &SuppliedTransport { is_secure, ..Default::default() },
            random(),
            Instant::EPOCH
        ));
        assert_eq!(session.outbound().chunk()[0], first, "{url} {is_secure}");
    }
}

/// A driver that dials keeps `open_timeout` itself, and names the phase. A connector is the user's, so the session keeps the time.
#[test]
fn open_timeout_holds_for_a_connector_to_the_instant() {
    let mut session = connecting("ws://localhost/");
    assert_eq!(session.poll_timeout(), Some(at(secs(3))));
    session.handle_timeout(at(secs(3)));
    assert!(matches!(session.poll_action(), Some(Action::Reset)));
    let told = events(&mut session);
    let [ClientEvent::Error(error), ClientEvent::Closed(_), ClientEvent::Reconnecting { .. }] = &told[..]
    else {
        panic!("{told:?}")
    };
    assert_eq!(error.phase(), OpenPhase::Connect);
    // Too late.
    assert!(!session.supplied(&SuppliedTransport::default(), random(), at(secs(3))));
    session.connector_panicked(at(secs(3)));
    assert!(events(&mut session).is_empty());
}

#[test]
fn an_error_of_a_connector_is_transient_unless_it_is_final() {
    for is_final in [false, true] {
        let mut session = connecting("ws://localhost/");
        let error = if is_final { ConnectorError::final_error("no") } else { "no".into() };
        session.not_opened(ConnectError::Connector(error), Instant::EPOCH);
        let told = events(&mut session);
        let [ClientEvent::Error(error), ClientEvent::Closed(_), last] = &told[..] else { panic!("{told:?}") };
        assert_eq!(
            (error.phase(), error.to_string()),
            (OpenPhase::Connect, "the connector failed: no".into())
        );
        match last {
            ClientEvent::Reconnecting { .. } => assert!(!is_final),
            ClientEvent::GaveUp { reason: GiveUp::NotRetried(_) } => assert!(is_final),
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn a_connector_that_panics_ends_the_client() {
    let mut session = connecting("ws://localhost/");
    session.connector_panicked(Instant::EPOCH);
    let told = events(&mut session);
    let [ClientEvent::Error(error), ClientEvent::Closed(_), ClientEvent::GaveUp { reason }] = &told[..]
    else {
        panic!("{told:?}")
    };
    assert_eq!(error.to_string(), "the hook `connector` panicked");
    assert_eq!(*reason, GiveUp::HookPanicked("connector"));
}
