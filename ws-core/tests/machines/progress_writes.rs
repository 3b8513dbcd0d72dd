//! Progress of writes, and honest links in both directions, in virtual time.

use std::time::Duration;

use ws_core::{Config, Connection, Event, Initiator, Instant, Machine, Role, Timeout};

use crate::progress::{DAY, MIB, MINUTE, before, drive, messages};
use crate::support::*;

/// The transport of a hostile peer takes `n` bytes every `step` seconds. Returns the time of the end.
fn take_slowly(connection: &mut Connection, n: usize, step: u64) -> (Instant, Vec<Seen>) {
    connection.handle_write(0, at(0));
    for now in (1..).map(|turn| at(turn * step)) {
        let mut seen = drive(connection, before(now));
        if seen.is_empty() {
            write_some(connection, n, now);
            connection.handle_write(0, now);
            seen = drive(connection, now);
        }
        if !seen.is_empty() || connection.outbound().is_empty() {
            return (now, seen);
        }
    }
    unreachable!("time has no end");
}

#[test]
fn a_peer_that_takes_less_than_the_least_progress_is_reset_within_a_window() {
    for role in ROLES {
        for (n, step) in [(1, 29), (1, 1), (1000, 1), (1023, 1), (30_000, 30), (61_000, 60)] {
            let mut connection = open(role, &quiet());
            connection.send(vec![7; 16 * MIB]).unwrap();
            let (end, seen) = take_slowly(&mut connection, n, step);
            assert_eq!(seen[0], Seen::Timeout(Timeout::Write(seconds(60))), "{n} bytes every {step} s");
            assert!(end <= at(MINUTE + step), "{n} bytes every {step} s: {end:?}");
            assert!(connection.must_reset(), "dead is dead");
            assert_eq!(connection.outbound().len(), 0);
            assert!(ends_once(&seen));
            assert_eq!(closed(&connection), (1006, "", Initiator::Local, false, 1));
        }
    }
}

#[test]
fn a_peer_that_takes_the_least_progress_gets_all() {
    for role in ROLES {
        for (n, step) in [(1050, 1), (10_000, 1), (61_440, 60), (600_000, 59)] {
            let mut connection = open(role, &quiet());
            connection.send(vec![7; MIB]).unwrap();
            let (_, seen) = take_slowly(&mut connection, n, step);
            assert_eq!(seen, [], "{n} bytes every {step} s");
            assert_eq!((connection.unsent(), connection.poll_timeout()), (0, None));
        }
    }
}

#[test]
fn the_error_of_a_write_names_the_setting_and_its_value() {
    let mut connection = open(Role::Client, &quiet().write_timeout(Duration::from_millis(1500)));
    connection.send("refused").unwrap();
    connection.handle_write(0, at(0));
    connection.handle_timeout(at(2));
    let error = connection.poll_event().unwrap_err();
    assert_eq!(error.to_string(), "the peer has taken less than 60 KiB in 1.5s (write_timeout)");
}

/// A peer that takes all that waited is never too slow, even if the user queues more meanwhile.
#[test]
fn all_that_waited_when_the_window_began_is_enough() {
    for role in ROLES {
        let mut connection = open(role, &quiet());
        for minute in 0..100 {
            connection.send(vec![7; 200]).unwrap();
            connection.handle_write(0, at(minute * 50));
            connection.handle_timeout(at(minute * 50));
            let waiting = connection.outbound().len();
            connection.send(vec![7; 200]).unwrap();
            write_some(&mut connection, waiting, at(minute * 50 + 49));
            assert!(!connection.outbound().is_empty());
            assert_eq!(connection.poll_timeout(), None);
        }
        assert_eq!(drain(&mut connection), []);
    }
}

#[test]
fn a_transport_that_had_room_while_nobody_drove_has_a_window_more() {
    for role in ROLES {
        let mut connection = open(role, &quiet());
        connection.send(vec![7; MIB]).unwrap();
        connection.handle_write(0, at(0));
        // The driver comes back, and writes before it looks at the clock.
        write_some(&mut connection, 4096, at(600));
        connection.handle_write(0, at(600));
        connection.handle_timeout(at(600));
        assert_eq!((drain(&mut connection), connection.poll_timeout()), (vec![], Some(at(660))));
        connection.handle_timeout(at(700));
        assert_eq!(drain(&mut connection)[0], Seen::Timeout(Timeout::Write(seconds(60))), "it refuses all");
    }
}

/// A link of 10 KB/s in either direction that stands still for `stall` seconds after each `flow` seconds.
fn honest_link(config: &Config, flow: u64, stall: u64) {
    for role in ROLES {
        for (name, bytes) in messages(role.peer(), MIB) {
            let mut connection = open(role, config);
            connection.send(vec![7; MIB]).unwrap();
            let mut rest = &bytes[..];
            let mut received = 0;
            for second in 0..DAY {
                let now = at(second);
                let mut seen = drive(&mut connection, before(now.max(at(1))));
                if second % (flow + stall) < flow {
                    let (these, others) = rest.split_at(rest.len().min(10_000));
                    rest = others;
                    feed(&mut connection, these, now);
                    if rest.is_empty() {
                        feed(&mut connection, &frame(role.peer(), PONG, b""), now);
                    }
                    write_some(&mut connection, 10_000, now);
                }
                connection.handle_write(0, now);
                seen.extend(drive(&mut connection, now));
                for seen in seen {
                    match seen {
                        Seen::Event(Event::Message(_)) => received += 1,
                        Seen::Event(Event::Pong { .. }) => {}
                        other => panic!("{name} at {second}: {other:?}"),
                    }
                }
                if rest.is_empty() && connection.unsent() == 0 {
                    break;
                }
            }
            assert_eq!((received, connection.unsent()), (1, 0), "{name}");
        }
    }
}

#[test]
fn the_defaults_do_not_end_an_honest_link_that_is_slow() {
    honest_link(&Config::default(), 1, 0);
    honest_link(&Config::default(), 7, 15);
}

#[test]
fn without_pings_a_slow_link_may_stand_still_for_53_seconds() {
    honest_link(&quiet(), 7, 53);
}
