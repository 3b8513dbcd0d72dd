//! Deadlines count from when the ciphertext has left.

use ws_common::tls::{Tls, TlsFailure};
use ws_core::bytes::Buf;
use ws_core::{CloseCode, Config, Connection, Error, Event, Machine, Role, Timeout};

use crate::support::{Authority, Pair, VERSIONS, at, drain, open, seconds, write_some};

fn every_20_s() -> Config {
    Config::default().ping_interval(seconds(20)).pong_timeout(seconds(20)).write_timeout(None)
}

#[test]
fn the_deadline_of_a_pong_starts_when_the_record_of_its_ping_has_left_whole() {
    for version in VERSIONS {
        let mut pair = Pair::open(version, &every_20_s(), usize::MAX);
        pair.settle();
        let client = &mut pair.client;
        let first_ping = client.poll_timeout().unwrap();
        assert!(first_ping >= at(10) && first_ping <= at(20));
        client.handle_timeout(at(20));
        let n = client.outbound().len();
        write_some(client, n - 1, at(25));
        assert_eq!(client.poll_timeout(), Some(first_ping + seconds(20)), "only the next ping");
        client.handle_write(0, at(26));
        write_some(client, 1, at(30));
        client.handle_timeout(at(40));
        assert_eq!(client.poll_timeout(), Some(at(50)), "the pong is late 20 s after the ping has left");
        client.handle_timeout(at(50));
        let seen = drain(client);
        assert!(seen[0].as_ref().unwrap_err().tls().is_none());
        assert!(matches!(seen[0].as_ref().unwrap_err(), TlsFailure::Inner(Error::Timeout(Timeout::Pong(_)))));
        assert!(matches!(&seen[1], Ok(Event::Closed(closed)) if closed.code == 1006));
    }
}

#[test]
fn the_round_trip_counts_from_when_the_ciphertext_left() {
    let mut pair = Pair::open(VERSIONS[1], &every_20_s(), usize::MAX);
    pair.settle();
    pair.client.inner_mut().ping("x").unwrap();
    assert!(!pair.client.outbound().is_empty());
    pair.now = at(3);
    pair.settle();
    assert!(
        matches!(&pair.client_seen[..], [Ok(Event::Pong { round_trip: Some(time), .. })] if time.is_zero())
    );
}

#[test]
fn the_peer_has_close_timeout_from_when_our_close_has_left() {
    let mut pair = Pair::open(VERSIONS[1], &every_20_s().close_timeout(seconds(5)), usize::MAX);
    pair.settle();
    pair.client.inner_mut().close(CloseCode::NORMAL, at(1));
    assert_eq!(pair.client.poll_timeout(), Some(at(6)));
    write_some(&mut pair.client, usize::MAX, at(4));
    assert_eq!(pair.client.poll_timeout(), Some(at(9)));
}

#[test]
fn a_write_that_makes_no_progress_has_a_deadline_and_drops_what_waits() {
    let config = every_20_s().ping_interval(None).write_timeout(seconds(30));
    let mut pair = Pair::open(VERSIONS[1], &config, usize::MAX);
    pair.settle();
    let client = &mut pair.client;
    client.inner_mut().send(vec![1; 100_000]).unwrap();
    write_some(client, 1000, at(1));
    client.handle_write(0, at(1));
    assert_eq!(client.poll_timeout(), Some(at(31)));
    client.handle_timeout(at(31));
    assert!(matches!(drain(client)[0], Err(TlsFailure::Inner(Error::Timeout(Timeout::Write(_))))));
    assert!(client.outbound().is_empty() && client.outbound().is_finished());
}

/// The transport takes `n` bytes each second of what waits, and refuses the rest. Gives the time and the first report of the end.
fn trickle<M: Machine<Event = Event>>(client: &mut M, n: usize, seconds: u64) -> Option<(u64, M::Error)> {
    client.handle_write(0, at(0));
    for second in 1..=seconds {
        let now = at(second);
        write_some(client, n, now);
        client.handle_write(0, now);
        client.handle_timeout(now);
        if let Some(Err(error)) = drain(client).into_iter().next() {
            return Some((second, error));
        }
    }
    None
}

/// Records are 16 KiB. In each window of 30 s, the last record that leaves is cut.
#[test]
fn the_progress_of_a_write_is_counted_in_bytes_of_ciphertext() {
    let config = every_20_s().ping_interval(None).write_timeout(seconds(30));
    for version in VERSIONS {
        for (n, end) in [(1, Some(30)), (1000, Some(30)), (1500, Some(30)), (2060, None), (5000, None)] {
            let mut pair = Pair::open(version, &config, usize::MAX);
            pair.settle();
            pair.client.inner_mut().send(vec![1; 200_000]).unwrap();
            let ended = trickle(&mut pair.client, n, 120);
            assert_eq!(ended.as_ref().map(|(second, _)| *second), end, "{n} bytes each second: {ended:?}");
            let is_write = |error| matches!(error, TlsFailure::Inner(Error::Timeout(Timeout::Write(_))));
            assert!(ended.is_none_or(|(_, error)| is_write(error)));
        }
    }
}

/// As through an `https` proxy.
fn nested(config: &Config) -> Pair<Tls<Tls<Connection>>, Tls<Tls<Connection>>> {
    let authority = Authority::new();
    let (connector, acceptor) =
        (authority.connector(VERSIONS[1]), authority.issue(&["localhost"]).acceptor());
    let client = connector.start("localhost", open(Role::Client, config)).unwrap();
    let client = connector.start("localhost", client).unwrap();
    let server = acceptor.start(acceptor.start(open(Role::Server, config)).unwrap()).unwrap();
    Pair::new(client, server, usize::MAX)
}

#[test]
fn progress_within_a_record_of_an_https_proxy_counts_inside_too() {
    let config = every_20_s().ping_interval(None).write_timeout(seconds(30));
    let mut pair = nested(&config);
    pair.settle();
    pair.client.inner_mut().inner_mut().send(vec![1; 300_000]).unwrap();
    assert!(trickle(&mut pair.client, 2080, 90).is_none());
    let (_, failure) = trickle(&mut pair.client, 0, 300).unwrap();
    assert!(
        matches!(failure, TlsFailure::Inner(TlsFailure::Inner(Error::Timeout(Timeout::Write(_))))),
        "{failure:?}"
    );
}

#[test]
fn a_pong_is_not_late_while_a_record_is_on_its_way() {
    let mut pair = Pair::open(VERSIONS[1], &every_20_s().ping_interval(None), usize::MAX);
    pair.settle();
    let client = &mut pair.client;
    client.inner_mut().ping("x").unwrap();
    write_some(client, usize::MAX, at(0));
    client.inner_mut().send(vec![1; 100_000]).unwrap();
    write_some(client, 1000, at(19));
    assert_eq!(client.poll_timeout(), Some(at(20)), "our system takes bytes for a dead peer, too");
    client.handle_write(0, at(19));
    write_some(client, 1000, at(19));
    assert_eq!(client.poll_timeout(), None, "the peer has made room");
}

/// The server sends a message, of which the client gets one byte in answer to each of its pings.
fn drips<M: Machine<Event = Event>>(
    mut pair: Pair<M, M>,
    connection: impl Fn(&mut M) -> &mut Connection,
    config: &str,
) {
    connection(&mut pair.server).send(vec![1; 16_000]).unwrap();
    let record = pair.server.outbound().chunk()[..60].to_vec();
    for (byte, n) in record.iter().zip(0..) {
        let (asked, answered) = (at(10 * n), at(10 * n + 4));
        connection(&mut pair.client).ping("x").unwrap();
        write_some(&mut pair.client, usize::MAX, asked);
        assert_eq!(pair.client.poll_timeout(), Some(asked + seconds(5)), "{config}, byte {n}");
        pair.client.inbound().extend_from_slice(&[*byte]);
        pair.client.handle_read(1, answered);
        assert!(drain(&mut pair.client).is_empty());
        assert_eq!(pair.client.poll_timeout(), None, "{config}, byte {n}: the peer lives");
    }
}

#[test]
fn the_bytes_of_a_record_that_is_not_whole_are_signs_of_life() {
    let config = every_20_s().ping_interval(None).pong_timeout(seconds(5)).message_timeout(None);
    for version in VERSIONS {
        let mut pair = Pair::open(version, &config, usize::MAX);
        pair.settle();
        drips(pair, Tls::inner_mut, &format!("{version:?}"));
    }
    let mut pair = nested(&config);
    pair.settle();
    drips(pair, |outer| outer.inner_mut().inner_mut(), "TLS within TLS");
}
