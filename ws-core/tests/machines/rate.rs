//! `max_message_rate`: messages, fragments and control frames of a peer, in virtual time.

use std::num::NonZero;
use std::time::Duration;

use ws_core::{CloseCode, Closed, Config, Event, Instant, Machine, Role, ViolationKind};

use crate::support::*;

fn limited(rate: u32) -> Config {
    quiet().max_message_rate(rate)
}

fn is_too_many(seen: &Seen, rate: u32) -> bool {
    let kind = ViolationKind::MessageRate(NonZero::new(rate).unwrap());
    matches!(seen, Seen::Violation(seen, _) if *seen == kind)
}

/// The kinds of frames that cost the processor time, each as bytes that can be repeated.
fn floods(sender: Role) -> [(&'static str, Vec<u8>, Vec<u8>); 5] {
    [
        ("tiny messages", vec![], frame(sender, BINARY, b"x")),
        ("empty texts", vec![], frame(sender, TEXT, b"")),
        ("empty fragments", frame(sender, FIRST_TEXT, b"x"), frame(sender, CONTINUATION, b"")),
        ("pings", vec![], frame(sender, PING, b"")),
        ("pongs", vec![], frame(sender, PONG, b"")),
    ]
}

#[test]
fn a_flood_of_any_kind_of_frame_is_ended_with_the_read_behind_it() {
    for role in ROLES {
        for (name, begin, flood) in floods(role.peer()) {
            let mut connection = open(role, &limited(10));
            read(&mut connection, &begin, at(5));
            // A minute of messages is allowed at once.
            let seen = read(&mut connection, &flood.repeat(600 - begin.len().min(1)), at(5));
            assert!(seen.iter().all(|seen| matches!(seen, Seen::Event(_))), "{name}");
            let seen = read(&mut connection, &flood, at(5));
            assert!(seen.iter().all(|seen| matches!(seen, Seen::Event(_))), "{name}");
            let seen = read(&mut connection, &flood.repeat(100), at(5));
            assert!(is_too_many(&seen[0], 10), "{name}: {:?}", &seen[..2.min(seen.len())]);
            assert_eq!(seen.len(), 1, "nothing that follows is handed out");
            let last = frames(role, &write(&mut connection, at(5))).pop();
            let told = b"more messages than 10 each second (max_message_rate)";
            assert_eq!(last, Some((CLOSE, [&1008u16.to_be_bytes(), &told[..]].concat())), "{name}");
            connection.handle_read(0, at(6));
            drain(&mut connection);
            assert!(matches!(connection.closed(), Some(Closed { code: 1008, .. })));
        }
    }
}

#[test]
fn a_peer_that_keeps_the_rate_is_never_ended_and_one_that_exceeds_it_a_little_is() {
    for role in ROLES {
        let message = frame(role.peer(), TEXT, b"tick");
        let mut connection = open(role, &limited(10));
        for second in 0..3600 {
            let seen = read(&mut connection, &message.repeat(10), at(second));
            assert_eq!(seen.len(), 10, "second {second}");
        }
        let mut end = None;
        for second in 3600.. {
            let seen = read(&mut connection, &message.repeat(11), at(second));
            if is_too_many(&seen[0], 10) {
                end = Some(second - 3600);
                break;
            }
        }
        assert!(end.is_some_and(|end| (590..=610).contains(&end)), "a minute of messages too many: {end:?}");
    }
}

#[test]
fn messages_that_have_gathered_while_nobody_read_for_a_minute_are_received() {
    for role in ROLES {
        let message = frame(role.peer(), TEXT, b"tick");
        let mut connection = open(role, &limited(10));
        for turn in 1..=60 {
            for _ in 0..6 {
                assert_eq!(read(&mut connection, &message.repeat(100), at(60 * turn)).len(), 100);
            }
        }
    }
}

/// The peer sends exactly as many as it may. The program reads nothing between 0 s and `pause`, and catches up with reads of 100 messages.
fn catches_up(role: Role, pause: u64, read_ms: u64, more: u64) -> Option<u64> {
    let message = frame(role.peer(), TEXT, b"tick");
    let mut connection = open(role, &limited(10));
    let (mut now_ms, mut received) = (0, 0);
    assert_eq!(read(&mut connection, &message, at(0)).len(), 1);
    now_ms += pause * 1000;
    while now_ms < (pause + 600) * 1000 {
        let now = Instant::since_epoch(Duration::from_millis(now_ms));
        let waiting = (now_ms / 100 + more * now_ms / 1000 - received).min(100);
        let seen = read(&mut connection, &message.repeat(waiting as usize), now);
        if waiting > 0 && is_too_many(&seen[0], 10) {
            return Some(received);
        }
        received += waiting;
        now_ms += if waiting == 100 { read_ms } else { 1000 };
    }
    None
}

#[test]
fn a_peer_that_keeps_the_rate_is_not_ended_however_long_nobody_reads() {
    for role in ROLES {
        for pause in [59, 61, 100, 3600, 20_000] {
            for read_ms in [0, 1, 50] {
                assert_eq!(catches_up(role, pause, read_ms, 0), None, "{pause} s, {read_ms} ms");
            }
        }
    }
}

#[test]
fn a_long_pause_allows_no_more_than_the_messages_of_its_time_and_a_minute() {
    for role in ROLES {
        // The peer sends twice as many as it may. A minute and the messages that it may send come, and two reads.
        let received = catches_up(role, 100, 0, 10);
        assert!(received.is_some_and(|received| (1600..=1800).contains(&received)), "{received:?}");
        // The bucket holds 60 s less 10 s, and 100 s come without a read.
        let message = frame(role.peer(), TEXT, b"tick");
        let mut connection = open(role, &limited(10));
        assert_eq!(read(&mut connection, &message.repeat(100), at(0)).len(), 100);
        assert_eq!(read(&mut connection, &message.repeat(1500), at(100)).len(), 1500);
        assert_eq!(read(&mut connection, &message, at(100)), [Seen::Event(Event::Message("tick".into()))]);
        assert!(is_too_many(&read(&mut connection, &message, at(100))[0], 10), "the pause counts once");
    }
}

#[test]
fn our_close_that_waits_behind_messages_does_not_switch_the_limit_off() {
    for role in ROLES {
        let flood = frame(role.peer(), BINARY, b"").repeat(10_000);
        let mut connection = open(role, &limited(10));
        connection.send(vec![7; 1 << 20]).unwrap();
        connection.close(CloseCode::NORMAL, at(0));
        let mut seen = Vec::new();
        for second in (4..).step_by(4) {
            // The peer takes enough for each window of a write.
            if write_some(&mut connection, 4200, at(second)).is_empty() {
                break;
            }
            connection.handle_write(0, at(second));
            connection.handle_timeout(at(second));
            seen.extend(read(&mut connection, &flood, at(second)));
        }
        let received = seen.iter().filter(|seen| matches!(seen, Seen::Event(_))).count();
        assert!(received <= 10_000, "{received}");
        connection.handle_read(0, at(2000));
        drain(&mut connection);
        let closed = connection.closed().cloned();
        assert!(matches!(closed, Some(Closed { code: 1000 | 1006, .. })), "{closed:?}");
        assert!(seen.iter().any(|seen| is_too_many(seen, 10)), "the user learns of it");
    }
}

#[test]
fn the_error_names_the_setting_and_its_value() {
    let mut connection = open(Role::Client, &limited(1));
    feed(&mut connection, &frame(Role::Server, TEXT, b"").repeat(100), at(0));
    while let Some(Event::Message(_)) = connection.poll_event().unwrap() {}
    feed(&mut connection, &[0x81], at(0));
    let error = connection.poll_event().unwrap_err();
    let text = "the peer sent more messages than 1 each second (max_message_rate) at byte 200; closed with code 1008";
    assert_eq!(error.to_string(), text);
}
