//! `wss`, and `https` proxies: what opens, and what breaks where.

use ws_common::{
    ClientUpgrade, ConnectError, OpenPhase, Opened,
    proxy::{ProxyError, ProxyStep},
    reconnect::DisconnectReason,
    tls::TlsError,
};
use ws_core::{CloseCode, HandshakeError, Machine, TransportError};

use super::authority::VERSIONS;
use super::ways::{DIRECT, NESTED, Place, WAYS, Way};
use crate::far::{Far, Limit};
use crate::late::everything;
use crate::support::{
    CUTS, Cut, DEADLINE, WHOLE, assert_over, at, check_text, failed, open, opened, opening, settle, turn,
};

#[test]
fn a_connection_opens_however_its_bytes_are_cut_and_a_frame_behind_the_response_is_kept() {
    let place = Place::new();
    for version in VERSIONS {
        for way in WAYS {
            for cut in CUTS {
                let options = place.options_with(way, place.authority.connector(version));
                let mut far = place.far(way).greeting("early");
                let opened = opened(&options, &mut far, cut);
                assert_eq!(opened.response.status(), 101);
                let mut client = opened.connection;
                assert!(!client.is_securing());
                client.inner_mut().send("hello").unwrap();
                assert_eq!(settle(&mut client, &mut far, cut), ["early"], "{way:?} {cut:?}");
                assert_eq!(far.server.received, ["hello"], "{way:?} {cut:?}");
                client.inner_mut().close(CloseCode::NORMAL, at(2));
                assert_eq!(settle(&mut client, &mut far, cut), ["closed 1000 true"], "{way:?} {cut:?}");
                assert!(client.outbound().is_finished());
            }
        }
    }
}

#[test]
fn large_messages_go_through_every_way() {
    let place = Place::new();
    for way in WAYS {
        let mut far = place.far(way);
        let mut client = opened(&place.options(way), &mut far, WHOLE).connection;
        let cut = Cut { writes: 10_007, reads: 5_003 };
        client.inner_mut().send("x".repeat(300_000)).unwrap();
        far.server.connection().send("y".repeat(300_000)).unwrap();
        assert_eq!(settle(&mut client, &mut far, cut), ["y".repeat(300_000)], "{way:?}");
        assert_eq!(far.server.received, ["x".repeat(20)]);
    }
}

/// The phases in which a transport can end, in their order.
fn phases(way: Way) -> &'static [OpenPhase] {
    match way {
        Way { is_secure: true, proxy: None } => &[OpenPhase::Tls, OpenPhase::Handshake],
        Way { is_secure: true, proxy: Some(_) } => &[OpenPhase::Proxy, OpenPhase::Tls, OpenPhase::Handshake],
        Way { is_secure: false, .. } => &[OpenPhase::Proxy, OpenPhase::Handshake],
    }
}

#[test]
fn a_transport_that_ends_without_close_notify_says_so_in_its_phase() {
    let place = Place::new();
    for way in WAYS {
        let mut whole = place.far(way);
        opened(&place.options(way), &mut whole, WHOLE);
        let mut seen = Vec::new();
        for n in (0..whole.said.len() - 16).step_by(37) {
            let mut far = place.far(way).limit(Limit::Ends(n));
            let error = failed(&mut opening(&place.options(way)), &mut far, WHOLE);
            assert!(DisconnectReason::Failed(&error).is_transient(), "{way:?} {n}: {error:?}");
            match &error {
                ConnectError::Proxy {
                    source:
                        ProxyError::Tls(TlsError::UnexpectedEof)
                        | ProxyError::UnexpectedEof(_)
                        | ProxyError::Transport(_),
                    ..
                }
                | ConnectError::Tls { source: TlsError::UnexpectedEof, .. }
                | ConnectError::Handshake {
                    source: HandshakeError::UnexpectedEof(_) | HandshakeError::Transport(_),
                    ..
                } => {}
                // The proxy's TLS was cut, within which that of the server was not up.
                ConnectError::Tls { source: TlsError::Transport(broken), .. } => {
                    assert!(matches!(TlsError::find(broken), Some(TlsError::Truncated)), "{error:?}");
                }
                other => panic!("{other:?}"),
            }
            seen.push(error.phase());
        }
        seen.dedup();
        assert_eq!(seen, phases(way), "{way:?}");
    }
}

#[test]
fn a_peer_that_stalls_costs_the_time_to_open_in_its_phase() {
    let place = Place::new();
    for way in WAYS {
        let mut whole = place.far(way);
        opened(&place.options(way), &mut whole, WHOLE);
        let (mut seen, mut steps) = (Vec::new(), Vec::new());
        for n in (0..whole.said.len() - 16).step_by(37) {
            let mut far = place.far(way).limit(Limit::Stalls(n));
            let mut opening = opening(&place.options(way));
            assert!(open(&mut opening, &mut far, WHOLE).is_none(), "{way:?} {n}");
            assert_eq!(opening.poll_timeout(), Some(DEADLINE));
            opening.handle_timeout(DEADLINE);
            let error = opening.poll_event().unwrap_err();
            check_text(&error);
            assert!(DisconnectReason::Failed(&error).is_transient());
            seen.push(error.phase());
            match error {
                ConnectError::Proxy { source: ProxyError::Timeout { step, .. }, .. } => steps.push(step),
                ConnectError::Timeout { phase: OpenPhase::Tls | OpenPhase::Handshake, .. } => {}
                other => panic!("{other:?}"),
            }
            assert_over(&mut opening);
        }
        seen.dedup();
        assert_eq!(seen, phases(way), "{way:?}");
        if way.proxy.is_some_and(|proxy| proxy.starts_with("https")) {
            steps.dedup();
            assert_eq!(steps, [ProxyStep::Tls, ProxyStep::Response], "{way:?}");
        }
    }
}

/// The client's half of so many turns with the peer: its connection, if that is open then.
fn after(turns: usize, opening: &mut ClientUpgrade, far: &mut Far) -> Option<Opened> {
    (0..turns).find_map(|_| {
        turn(opening, far, WHOLE, at(1));
        opening.poll_event().unwrap()
    })
}

#[test]
fn a_corrupt_record_is_told_of_the_tls_whose_it_is_at_every_step_and_an_alert_leaves() {
    let place = Place::new();
    let through_https = Way { is_secure: false, ..NESTED };
    for (way, phase) in
        [(DIRECT, OpenPhase::Tls), (NESTED, OpenPhase::Proxy), (through_https, OpenPhase::Proxy)]
    {
        for turns in 0.. {
            let (mut far, mut opening) = (place.far(way), opening(&place.options(way)));
            let opened = after(turns, &mut opening, &mut far);
            far.corrupts = true;
            let before = far.heard.len();
            if let Some(opened) = opened {
                assert!(turns > 1, "{way:?}");
                let mut client = opened.connection;
                far.server.connection().send("late").unwrap();
                turn(&mut client, &mut far, WHOLE, at(2));
                let error = client.poll_event().unwrap_err();
                assert!(TlsError::find(&error).is_some(), "{error:?}");
                let is_proxys = error.to_string().contains("TLS with the proxy");
                assert_eq!(is_proxys, phase == OpenPhase::Proxy, "{way:?}: {error}");
                break;
            }
            let error = failed(&mut opening, &mut far, WHOLE);
            assert_eq!(error.phase(), phase, "{way:?} {turns}: {error:?}");
            assert!(TlsError::find(&error).is_some_and(|error| !error.is_passing()), "{error:?}");
            assert!(!DisconnectReason::Failed(&error).is_transient(), "{error:?}");
            assert!(far.heard.len() > before, "an alert: {way:?} {turns}");
        }
    }
}

#[test]
fn of_two_layers_each_says_which_it_is() {
    let place = Place::new();
    let strange = Place::new();
    let mut far = place.far_with(NESTED, strange.acceptor.clone());
    let error = failed(&mut opening(&place.options(NESTED)), &mut far, WHOLE);
    assert!(matches!(error, ConnectError::Tls { source: TlsError::UnknownIssuer, .. }), "{error:?}");
    assert!(far.server.error.is_some(), "its alert came through both");
    assert!(far.asked().starts_with("CONNECT server.test:443 "));
    let mut far = strange.far_with(NESTED, place.acceptor.clone());
    let error = failed(&mut opening(&place.options(NESTED)), &mut far, WHOLE);
    assert!(
        matches!(error, ConnectError::Proxy { source: ProxyError::Tls(TlsError::UnknownIssuer), .. }),
        "{error:?}"
    );
    assert!(far.asked().is_empty(), "nothing is said to a proxy that is not believed");
    assert!(!DisconnectReason::Failed(&error).is_transient());
}

#[test]
fn nothing_that_is_reported_late_or_out_of_order_has_a_consequence() {
    let place = Place::new();
    for way in WAYS {
        let mut whole = place.far(way);
        opened(&place.options(way), &mut whole, WHOLE);
        for n in (0..whole.said.len() - 16).step_by(61) {
            for limit in [Limit::Ends(n), Limit::Stalls(n)] {
                let mut opening = opening(&place.options(way));
                let result = open(&mut opening, &mut place.far(way).limit(limit), WHOLE);
                assert!(!matches!(result, Some(Ok(_))));
                everything(&mut opening);
                // Where it stalled, this was the failure.
                assert_eq!(
                    opening.poll_event().is_err(),
                    matches!(limit, Limit::Stalls(_)),
                    "{way:?} {limit:?}"
                );
                everything(&mut opening);
                assert_over(&mut opening);
                assert!(opening.inbound().is_empty(), "nothing is kept");
            }
        }
    }
}

#[test]
fn a_pipe_that_broke_before_tls_was_up_is_why_the_time_to_open_has_passed() {
    let place = Place::new();
    for way in [DIRECT, NESTED] {
        let mut opening = opening(&place.options(way));
        opening.handle_error(TransportError::write("broken pipe"), at(1));
        assert!(opening.poll_event().unwrap().is_none());
        opening.handle_timeout(DEADLINE);
        let error = opening.poll_event().unwrap_err();
        assert!(
            matches!(
                error,
                ConnectError::Tls { source: TlsError::Transport(_), .. }
                    | ConnectError::Proxy { source: ProxyError::Tls(TlsError::Transport(_)), .. }
            ),
            "{error:?}"
        );
    }
}
