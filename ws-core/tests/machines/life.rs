//! Signs of life: only the peer can prove that the peer lives.

use std::time::Duration;

use ws_core::{
    Config, Connection, Initiator, Instant, Machine, MessageKind, MessageRef, Random, Role, Timeout,
};

use crate::keepalive::{config, first_ping, pong, wake};
use crate::support::*;

#[test]
fn the_deadline_of_a_pong_starts_when_the_ping_has_left_and_any_received_byte_answers_it() {
    for role in ROLES {
        let mut connection = open(role, &config().ping_interval(None).message_timeout(None));
        connection.ping("p").unwrap();
        assert_eq!(connection.poll_timeout(), None, "it has not left");
        write_some(&mut connection, 2, at(1));
        assert_eq!(connection.poll_timeout(), None, "its last byte has not left");
        write(&mut connection, at(2));
        assert_eq!(connection.poll_timeout(), Some(at(22)));
        let text = frame(role.peer(), TEXT, b"hello");
        read(&mut connection, &text[..1], at(5));
        assert_eq!(connection.poll_timeout(), None, "a received byte is life");
        connection.ping("q").unwrap();
        write(&mut connection, at(6));
        connection.send("hello").unwrap();
        write_some(&mut connection, 1, at(8));
        assert_eq!(connection.poll_timeout(), Some(at(26)), "a byte that is taken is none");
        connection.handle_timeout(at(25));
        assert_eq!(drain(&mut connection), []);
        connection.handle_timeout(at(26));
        let seen = drain(&mut connection);
        assert_eq!(seen[0], Seen::Timeout(Timeout::Pong(seconds(20))));
        assert!(ends_once(&seen));
        assert_eq!(closed(&connection), (1006, "", Initiator::Local, false, 1));
        assert!(connection.outbound().is_empty() && connection.outbound().is_finished());
        assert_eq!(connection.poll_timeout(), None);
    }
}

/// Lets time pass until `end` or the end of the connection, second by second, and takes everything that leaves. Says when it
/// was over, and with what it ended.
fn live(
    connection: &mut Connection,
    end: u64,
    mut each: impl FnMut(&mut Connection, u64),
) -> (Instant, Option<Seen>) {
    for second in 0..=end {
        let now = at(second);
        each(connection, second);
        connection.handle_timeout(now);
        if let Some(end) = drain(connection).into_iter().find(|seen| !matches!(seen, Seen::Event(_))) {
            return (now, Some(end));
        }
    }
    (at(end), None)
}

const DAY: u64 = 24 * 3600;

#[test]
fn a_dead_peer_is_found_in_time_however_much_our_system_takes() {
    for (role, every) in [1, 5, 19].iter().flat_map(|every| ROLES.map(|role| (role, *every))) {
        let mut connection = open(role, &config());
        let (found, end) = live(&mut connection, DAY, |connection, second| {
            if second % every == 0 {
                connection.send_ref(MessageRef::Text("x")).unwrap();
            }
            write(connection, at(second));
        });
        assert_eq!(end, Some(Seen::Timeout(Timeout::Pong(seconds(20)))), "a message every {every} s");
        // One second more is a step of this test.
        assert!(found <= at(41), "found at {found:?}");
        assert_eq!(closed(&connection).2, Initiator::Local);
    }
}

/// A client that sends a message every 0.5 s for 300 s, with the default settings, to a peer that is frozen from the start.
#[test]
fn a_frozen_peer_is_found_though_a_message_leaves_every_half_second() {
    for role in ROLES {
        let mut connection = open(role, &Config::default());
        let mut found = None;
        for n in 0..600 {
            let now = at(0) + Duration::from_millis(500 * n);
            if connection.send_ref(MessageRef::Text("x")).is_ok() {
                write(&mut connection, now);
            }
            connection.handle_timeout(now);
            if drain(&mut connection).contains(&Seen::Timeout(Timeout::Pong(seconds(20)))) {
                found = found.or(Some(now));
            }
        }
        // An interval and a timeout of 20 s each, and a step of this test.
        assert!(found.is_some_and(|found| found <= at(40) + Duration::from_millis(500)), "{found:?}");
    }
}

/// One byte of a long message at a time.
#[test]
fn a_dead_peer_is_found_however_slowly_we_send() {
    let mut connection = open(Role::Client, &config());
    connection.start_message(MessageKind::Binary).unwrap();
    let (found, end) = live(&mut connection, DAY, |connection, second| {
        if second % 5 == 0 {
            connection.continue_message(b"x").unwrap();
        }
        write(connection, at(second));
    });
    assert_eq!(end, Some(Seen::Timeout(Timeout::Pong(seconds(20)))));
    assert!(found <= at(41), "found at {found:?}");
}

#[test]
fn a_peer_that_died_is_found_within_an_interval_and_a_timeout_from_its_last_byte() {
    for last in [1, 15, 30, 600, 3601] {
        let mut connection = open(Role::Client, &config());
        let (found, end) = live(&mut connection, DAY, |connection, second| {
            if second <= last {
                feed(connection, &frame(Role::Server, TEXT, b"tick"), at(second));
            }
            write(connection, at(second));
        });
        assert_eq!(end, Some(Seen::Timeout(Timeout::Pong(seconds(20)))));
        assert!(found <= at(last + 41), "{last}: found at {found:?}");
    }
}

/// The bytes that a peer sends when a ping has come.
fn answers(role: Role) -> [(&'static str, Vec<u8>); 4] {
    let sender = role.peer();
    [
        ("empty pongs", frame(sender, PONG, b"")),
        ("pongs with a payload of their own", frame(sender, PONG, b"whatever")),
        ("data only", frame(sender, TEXT, b"tick")),
        ("pings of its own", frame(sender, PING, b"")),
    ]
}

#[test]
fn a_peer_that_answers_pings_with_any_bytes_at_all_is_alive() {
    for role in ROLES {
        for (name, answer) in answers(role) {
            // With these, a client that takes only its own nonce for an answer loses such a server every 41 s.
            let mut connection = open(role, &Config::default());
            let mut pings = 0;
            let mut due = None;
            let (_, end) = live(&mut connection, DAY, |connection, second| {
                let sent = frames(role, &write(connection, at(second)));
                if sent.iter().any(|(first, _)| *first == PING) {
                    pings += 1;
                    // The way there and back takes a while, and not always the same.
                    due = Some(second + 1 + pings % 3);
                }
                if due.take_if(|due| *due == second).is_some() {
                    feed(connection, &answer, at(second));
                }
            });
            assert_eq!(end, None, "{name}");
            assert!(pings >= DAY / 20 - 1, "{name}: {pings} pings keep to the schedule");
        }
    }
}

#[test]
fn a_peer_that_sends_a_long_message_byte_by_byte_is_alive() {
    let mut connection = open(Role::Client, &config().message_timeout(None));
    let header = header(Role::Server, BINARY, 1 << 20);
    let (_, end) = live(&mut connection, DAY, |connection, second| {
        if second == 0 {
            feed(connection, &header, at(second));
        } else if second % 10 == 0 {
            feed(connection, b"x", at(second));
        }
        write(connection, at(second));
    });
    assert_eq!(end, None);
}

/// What our system refuses for a while leaves when the peer has made room.
#[test]
fn a_peer_that_takes_bytes_slowly_is_alive() {
    for role in ROLES {
        let mut connection = open(role, &config().max_send_buffer(usize::MAX));
        let mut left = 0;
        let (_, end) = live(&mut connection, DAY, |connection, second| {
            if connection.outbound().len() < 40_000 {
                connection.send(vec![7; 100_000]).unwrap();
            }
            if second % 15 == 0 {
                left += write_some(connection, 40_000, at(second)).len();
            }
            connection.handle_write(0, at(second));
        });
        assert_eq!(end, None);
        assert_eq!(left as u64, (DAY / 15 + 1) * 40_000);
        // The peer stops.
        let (found, end) = (1..)
            .find_map(|second| {
                let now = at(DAY + second);
                connection.handle_timeout(now);
                drain(&mut connection).into_iter().next().map(|seen| (second, seen))
            })
            .unwrap();
        assert!(found <= 41, "{found}");
        assert!(matches!(end, Seen::Timeout(_)), "{end:?}");
    }
}

#[test]
fn ten_thousand_connections_do_not_ping_at_once() {
    const CONNECTIONS: usize = 10_000;
    let mut tenths = [0; 100];
    let mut firsts = Vec::new();
    for seed in 0..CONNECTIONS as u64 {
        let mut bytes = [0; 32];
        bytes[..8].copy_from_slice(&seed.to_ne_bytes());
        let random = Random::from_seed(bytes);
        let role = if seed % 2 == 0 { Role::Client } else { Role::Server };
        let connection = Connection::after_handshake(role, &config(), random, Default::default(), at(0));
        let first = first_ping(&connection, 20).elapsed();
        tenths[((first - seconds(10)).as_millis() / 100).min(99) as usize] += 1;
        firsts.push(first);
    }
    // Uniform over 100 bins: 100 each, with a deviation of 10.
    assert!(tenths.iter().all(|n| (50..=150).contains(n)), "{tenths:?}");
    firsts.sort_unstable();
    firsts.dedup();
    assert_eq!(firsts.len(), CONNECTIONS, "no two at the same instant");
}

#[test]
fn pings_do_not_postpone_the_deadline_of_those_before_them() {
    for interval in [1, 5, 19] {
        let mut connection = open(Role::Client, &config().ping_interval(seconds(interval)));
        let first = first_ping(&connection, interval);
        let mut now = at(0);
        while connection.is_open() {
            now = wake(&mut connection);
            write(&mut connection, now);
        }
        assert_eq!(now, first + seconds(20));
        assert_eq!(drain(&mut connection)[0], Seen::Timeout(Timeout::Pong(seconds(20))));
    }
}

#[test]
fn an_interval_of_none_or_zero_sends_no_ping() {
    for interval in [None, Some(Duration::ZERO)] {
        let connection = open(Role::Client, &config().ping_interval(interval));
        assert_eq!(connection.poll_timeout(), None);
    }
}

#[test]
fn while_reading_is_paused_the_deadline_of_a_pong_stands_still() {
    let mut connection = open(Role::Client, &config().ping_interval(None));
    connection.ping("p").unwrap();
    write(&mut connection, at(0));
    connection.pause(at(0));
    assert_eq!(connection.poll_timeout(), None);
    connection.handle_timeout(at(1000));
    assert_eq!(drain(&mut connection), []);
    connection.resume(at(1000));
    assert_eq!(connection.poll_timeout(), Some(at(1020)));
    connection.pause(at(1015));
    connection.resume(at(2000));
    assert_eq!(connection.poll_timeout(), Some(at(2005)), "what is left of it, and no more");
    connection.handle_timeout(at(2005));
    assert_eq!(drain(&mut connection)[0], Seen::Timeout(Timeout::Pong(seconds(20))));
}

#[test]
fn a_peer_whose_bytes_wait_in_the_socket_survives_a_pause_of_any_length() {
    let mut connection = open(Role::Client, &config().ping_interval(None));
    connection.ping("p").unwrap();
    write(&mut connection, at(0));
    connection.pause(at(20));
    connection.resume(at(1000));
    // A driver reads before it looks at the clock.
    feed(&mut connection, &frame(Role::Server, PONG, b"p"), at(1000));
    connection.handle_timeout(at(1000));
    assert_eq!(drain(&mut connection), [pong(b"p", Some(seconds(1000)))]);
}

#[test]
fn pausing_again_and_again_does_not_hide_that_the_peer_is_dead() {
    let mut connection = open(Role::Client, &config());
    let (found, end) = live(&mut connection, DAY, |connection, second| {
        match second % 10 {
            0 => connection.pause(at(second)),
            5 => connection.resume(at(second)),
            _ => {}
        }
        write(connection, at(second));
    });
    assert_eq!(end, Some(Seen::Timeout(Timeout::Pong(seconds(20)))));
    assert!(found <= at(20 + 2 * 20 + 6), "half of the time reading was paused: {found:?}");
}
