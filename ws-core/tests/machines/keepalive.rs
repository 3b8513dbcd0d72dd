//! Pings, pongs, round trips, and the deadline of a write.

use std::time::Duration;

use ws_core::{Config, Connection, Event, Machine, Role};

use crate::support::*;

pub(crate) fn config() -> Config {
    Config::default().ping_interval(seconds(20)).pong_timeout(seconds(20)).write_timeout(seconds(30))
}

/// The time of the first ping: between half an interval and a whole one.
pub(crate) fn first_ping(connection: &Connection, interval: u64) -> ws_core::Instant {
    let first = connection.poll_timeout().unwrap();
    assert!(first >= at(0) + seconds(interval) / 2 && first <= at(interval), "{first:?}");
    first
}

pub(crate) fn pong(payload: &[u8], round_trip: Option<Duration>) -> Seen {
    Seen::Event(Event::Pong { payload: payload.to_vec().into(), round_trip })
}

/// Lets the one deadline of the connection pass.
pub(crate) fn wake(connection: &mut Connection) -> ws_core::Instant {
    let due = connection.poll_timeout().unwrap();
    connection.handle_timeout(due);
    due
}

/// The nonce of the one ping that goes out.
fn sent_ping(connection: &mut Connection, now: ws_core::Instant) -> Vec<u8> {
    let role = connection.role();
    let sent = frames(role, &write(connection, now));
    let [(PING, nonce)] = &sent[..] else { panic!("not one ping: {sent:?}") };
    nonce.clone()
}

#[test]
fn a_ping_with_a_fresh_nonce_goes_out_every_interval_whatever_the_traffic_and_the_delay() {
    for role in ROLES {
        let mut connection = open(role, &config());
        let mut nonces = Vec::new();
        let first = first_ping(&connection, 20);
        for tick in 0..5 {
            let due = first + seconds(20 * tick);
            for second in 4..if tick == 0 { 10 } else { 20 } {
                let now = if tick == 0 { at(second) } else { first + seconds(20 * (tick - 1) + second) };
                read(&mut connection, &frame(role.peer(), TEXT, b"traffic"), now);
                connection.handle_timeout(now);
            }
            assert_eq!(connection.poll_timeout(), Some(due));
            let late = due + seconds(3);
            connection.handle_timeout(late);
            let nonce = sent_ping(&mut connection, late);
            read(&mut connection, &frame(role.peer(), PONG, &nonce), late);
            assert_eq!(nonce.len(), 8);
            assert!(!nonces.contains(&nonce));
            nonces.push(nonce);
        }
    }
}

#[test]
fn the_round_trip_is_from_when_the_last_byte_of_the_ping_has_left() {
    for role in ROLES {
        let mut connection = open(role, &quiet());
        connection.ping("mine").unwrap();
        write_some(&mut connection, 5, at(1));
        write(&mut connection, at(4));
        let seen = read(&mut connection, &frame(role.peer(), PONG, b"mine"), at(9));
        assert_eq!(seen, [pong(b"mine", Some(seconds(5)))]);
        let seen = read(&mut connection, &frame(role.peer(), PONG, b"mine"), at(9));
        assert_eq!(seen, [pong(b"mine", None)], "an unsolicited pong is reported, and answers nothing");
        assert_eq!(write(&mut connection, at(9)), b"");
    }
}

#[test]
fn a_pong_answers_its_ping_and_all_before_it() {
    let mut connection = open(Role::Client, &quiet());
    for (second, payload) in [(1, "a"), (2, "b"), (3, "c")] {
        connection.ping(payload).unwrap();
        write(&mut connection, at(second));
    }
    let pongs = [&b"b"[..], b"a", b"c"].map(|payload| frame(Role::Server, PONG, payload)).concat();
    let expected = [pong(b"b", Some(seconds(4))), pong(b"a", None), pong(b"c", Some(seconds(3)))];
    assert_eq!(read(&mut connection, &pongs, at(6)), expected);
    assert_eq!(connection.poll_timeout(), None, "nothing is awaited");
}

/// Pings number `first` and on, each of which leaves in a second of its own.
fn pings_leave(connection: &mut Connection, first: u8, last: u8) {
    for n in first..=last {
        connection.ping(vec![n]).unwrap();
    }
    let len = frame(Role::Client, PING, b"n").len();
    for n in first..=last {
        write_some(connection, len, at(n.into()));
    }
}

/// The round trip that the pong of ping `n` gives at second `now`, if ping `n` left in second `n`.
fn round_trip(connection: &mut Connection, n: u8, now: u64) -> Option<Duration> {
    let seen = read(connection, &frame(Role::Server, PONG, &[n]), at(now));
    let known = Some(seconds(now - u64::from(n)));
    let [Seen::Event(Event::Pong { round_trip, .. })] = seen[..] else { panic!("{seen:?}") };
    assert!(round_trip.is_none() || round_trip == known, "{n}: {round_trip:?}");
    round_trip
}

#[test]
fn of_many_pings_the_oldest_16_and_the_newest_16_have_a_round_trip_from_when_each_has_left() {
    // How many pings wait, and which of their pongs tell no round trip.
    for (pings, unknown) in [(16, 0..0), (17, 0..0), (32, 0..0), (33, 17..18), (100, 17..85)] {
        let mut connection = open(Role::Client, &quiet());
        pings_leave(&mut connection, 1, pings);
        for n in 1..=pings {
            let round_trip = round_trip(&mut connection, n, 200);
            assert_eq!(round_trip.is_none(), unknown.contains(&n), "{n} of {pings}");
        }
        assert_eq!(connection.poll_timeout(), None);
    }
}

#[test]
fn a_ping_that_is_queued_behind_forgotten_ones_leaves_after_them() {
    let mut connection = open(Role::Client, &quiet());
    for n in 1..=100u8 {
        connection.ping(vec![n]).unwrap();
    }
    let len = frame(Role::Client, PING, b"n").len();
    write_some(&mut connection, 10 * len, at(10));
    assert_eq!(round_trip(&mut connection, 10, 12), Some(seconds(2)));
    for n in 101..=110u8 {
        connection.ping(vec![n]).unwrap();
    }
    for n in 11..=110 {
        write_some(&mut connection, len, at(n));
    }
    for n in 11..=110 {
        let known = round_trip(&mut connection, n, 200).is_some();
        assert_eq!(known, n <= 16 || n > 84, "{n}");
    }
    assert_eq!(connection.poll_timeout(), None);
}

#[test]
fn a_peer_that_answers_each_ping_late_and_one_that_answers_only_the_newest_have_round_trips() {
    let config = config().ping_interval(seconds(1));
    for (answers, delay) in [(1, 0), (1, 18), (10, 0), (20, 0), (20, 3), (40, 0)] {
        let config = config.clone().pong_timeout(Duration::from_secs(60));
        let mut connection = open(Role::Client, &config);
        let mut nonces = Vec::new();
        let (mut pongs, mut known) = (0, 0);
        for second in 1..=3600 {
            connection.handle_timeout(at(second));
            nonces.push(sent_ping(&mut connection, at(second)));
            if second % answers == 0 && second > delay {
                let nonce = &nonces[(second - delay) as usize - 1];
                let seen = read(&mut connection, &frame(Role::Server, PONG, nonce), at(second));
                let [Seen::Event(Event::Pong { round_trip, .. })] = seen[..] else { panic!("{seen:?}") };
                assert!(round_trip.is_none_or(|round_trip| round_trip == seconds(delay)));
                pongs += 1;
                known += usize::from(round_trip.is_some());
            }
        }
        assert_eq!(known, pongs, "every {answers} s after {delay} s");
    }
}

#[test]
fn bytes_that_are_taken_prove_nothing_unless_they_were_refused_before() {
    for role in ROLES {
        let config = quiet().pong_timeout(seconds(20)).write_timeout(seconds(1000));
        let mut connection = open(role, &config);
        connection.ping("a").unwrap();
        write(&mut connection, at(1));
        connection.send(vec![7; 1000]).unwrap();
        write_some(&mut connection, 100, at(2));
        assert_eq!(connection.poll_timeout(), Some(at(21)), "our system takes bytes for a dead peer, too");
        connection.handle_write(0, at(4));
        assert_eq!(connection.poll_timeout(), Some(at(21)));
        write_some(&mut connection, 100, at(5));
        assert_eq!(connection.poll_timeout(), Some(at(1004)), "the peer has made the room");
        connection.ping("b").unwrap();
        connection.handle_write(0, at(6));
        write(&mut connection, at(7));
        assert_eq!(connection.poll_timeout(), Some(at(27)), "it has left with the progress, not before");
    }
}

#[test]
fn within_a_window_only_the_first_bytes_after_a_refusal_are_a_sign_of_life() {
    for role in ROLES {
        let config = quiet().pong_timeout(seconds(20)).write_timeout(seconds(1000));
        let mut connection = open(role, &config);
        connection.send(vec![7; 1000]).unwrap();
        connection.handle_write(0, at(0));
        write_some(&mut connection, 100, at(1));
        connection.ping("a").unwrap();
        connection.send(vec![7; 1000]).unwrap();
        let left = connection.outbound().len() - 1000;
        write_some(&mut connection, left, at(2));
        assert_eq!(connection.poll_timeout(), Some(at(22)), "the ping has left");
        write_some(&mut connection, 100, at(3));
        assert_eq!(connection.poll_timeout(), Some(at(22)), "nothing was refused since");
    }
}

#[test]
fn a_refusal_when_nothing_waits_starts_no_deadline() {
    let mut connection = open(Role::Client, &quiet());
    connection.handle_write(0, at(0));
    assert_eq!(connection.poll_timeout(), None);
    connection.send("hello").unwrap();
    write(&mut connection, at(1));
    connection.handle_write(0, at(2));
    assert_eq!(connection.poll_timeout(), None);
}

#[test]
fn a_late_wake_up_sends_one_ping_and_what_was_read_before_it_is_life() {
    let mut connection = open(Role::Client, &config());
    let due = wake(&mut connection);
    let nonce = sent_ping(&mut connection, due);
    // Busy until second 300; the pong has waited in the socket.
    let seen = read(&mut connection, &frame(Role::Server, PONG, &nonce), at(300));
    assert_eq!(seen, [pong(&nonce, Some(at(300) - due))]);
    connection.handle_timeout(at(300));
    assert_eq!(drain(&mut connection), []);
    sent_ping(&mut connection, at(300));
    connection.handle_timeout(at(300));
    assert_eq!(write(&mut connection, at(300)), b"");
}

#[test]
fn a_blocked_transport_queues_no_second_ping() {
    for role in ROLES {
        let mut connection = open(role, &config().write_timeout(None));
        for _ in 0..100 {
            wake(&mut connection);
            assert!(connection.outbound().len() <= 14, "one ping at most");
        }
        assert_eq!(drain(&mut connection), []);
    }
}

#[test]
fn two_machines_ping_each_other_for_a_day_and_each_answers() {
    let mut pair = Pair::new(&config(), &config(), 3);
    pair.advance(Duration::from_secs(24 * 3600));
    for seen in [&pair.client_seen, &pair.server_seen] {
        let count = |is: fn(&Seen) -> bool| seen.iter().filter(|seen| is(seen)).count();
        let pings = count(|seen| matches!(seen, Seen::Event(Event::Ping(_))));
        assert!((24 * 180..=24 * 180 + 1).contains(&pings), "{pings}");
        let pongs = count(|seen| matches!(seen, Seen::Event(Event::Pong { round_trip: Some(_), .. })));
        assert!((24 * 180..=24 * 180 + 1).contains(&pongs), "{pongs}");
        assert_eq!(seen.len(), pings + pongs);
    }
}

#[test]
fn without_a_pong_timeout_a_peer_that_never_answers_is_pinged_for_ever() {
    let mut connection = open(Role::Client, &config().pong_timeout(None));
    let first = first_ping(&connection, 20);
    for tick in 0..10_000 {
        let due = first + seconds(20 * tick);
        assert_eq!(connection.poll_timeout(), Some(due));
        connection.handle_timeout(due);
        sent_ping(&mut connection, due);
    }
    assert_eq!(drain(&mut connection), []);
}
