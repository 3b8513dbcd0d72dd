//! Deadlines count from when the ciphertext has left.

use ws_core::{CloseCode, Config, Error, Event, Machine, Timeout};

use crate::support::{Pair, VERSIONS, at, drain, seconds, write_some};

fn every_20_s() -> Config {
    Config::default().ping_interval(seconds(20)).pong_timeout(seconds(20)).write_timeout(None)
}

#[test]
fn the_deadline_of_a_pong_starts_when_the_record_of_its_ping_has_left_whole() {
    for version in VERSIONS {
        let mut pair = Pair::open(version, &every_20_s(), usize::MAX);
        pair.settle();
        let client = &mut pair.client;
        client.handle_timeout(at(20));
        let n = client.outbound().len();
        write_some(client, n - 1, at(25));
        assert_eq!(client.poll_timeout(), Some(at(40)), "only the next ping");
        client.handle_write(0, at(26));
        write_some(client, 1, at(30));
        client.handle_timeout(at(40));
        assert_eq!(client.poll_timeout(), Some(at(50)), "the pong is late 20 s after the ping has left");
        client.handle_timeout(at(50));
        let seen = drain(client);
        assert!(seen[0].as_ref().unwrap_err().tls().is_none());
        assert!(matches!(
            seen[0].as_ref().unwrap_err(),
            ws_client::TlsFailure::Inner(Error::Timeout(Timeout::Pong))
        ));
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
    assert!(matches!(drain(client)[0], Err(ws_client::TlsFailure::Inner(Error::Timeout(Timeout::Write)))));
    assert!(client.outbound().is_empty() && client.outbound().is_finished());
}
