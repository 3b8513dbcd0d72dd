//! Progress, not only life: windows of messages, in virtual time.

use std::time::Duration;

use ws_core::bytes::Buf;
use ws_core::{Closed, Config, Connection, Event, Initiator, Instant, Machine, Role, Timeout};

use crate::support::*;

pub(crate) const MINUTE: u64 = 60;
pub(crate) const DAY: u64 = 24 * 3600;
pub(crate) const MIB: usize = 1 << 20;
pub(crate) const LEAST: usize = Config::LEAST_PROGRESS;

fn millis(millis: u64) -> Instant {
    Instant::since_epoch(Duration::from_millis(millis))
}

/// A peer that lives: it takes all that leaves, and answers pings.
fn answer_pings(connection: &mut Connection, now: Instant) -> Vec<u8> {
    let role = connection.role();
    let sent = write(connection, now);
    let pings = frames(role, &sent).into_iter().filter(|(first, _)| *first == PING);
    pings.flat_map(|(_, nonce)| frame(role.peer(), PONG, &nonce)).collect()
}

/// The last moment before `now`.
pub(crate) fn before(now: Instant) -> Instant {
    Instant::since_epoch(now.elapsed() - Duration::from_nanos(1))
}

/// A driver: lets the deadlines up to `now` pass, each at its time.
pub(crate) fn drive(connection: &mut Connection, now: Instant) -> Vec<Seen> {
    let mut seen = drain(connection);
    while let Some(due) = connection.poll_timeout().filter(|due| *due <= now) {
        connection.handle_timeout(due);
        seen.extend(drain(connection));
        if !seen.is_empty() {
            break;
        }
    }
    seen
}

/// Brings `bytes` at `rate` bytes each second, in reads that come every `step` milliseconds, until all have come or the connection
/// fails. Returns the time of the end, and the events.
fn trickle(connection: &mut Connection, bytes: &[u8], rate: u64, step: u64) -> (Instant, Vec<Seen>) {
    let mut come = 0;
    for time in (0..).map(|n| n * step) {
        let now = millis(time);
        let mut seen = drive(connection, before(now.max(millis(1))));
        if !seen.is_empty() {
            return (now, seen);
        }
        let end = (rate * time / 1000).min(bytes.len() as u64) as usize;
        feed(connection, &bytes[come..end], now);
        come = end;
        seen.extend(drive(connection, now));
        if !seen.is_empty() || come == bytes.len() {
            return (now, seen);
        }
    }
    unreachable!("time has no end");
}

pub(crate) fn too_slow() -> Seen {
    Seen::Timeout(Timeout::Message(seconds(MINUTE)))
}

/// The kinds of messages that a connection holds while they come: in the read buffer, under assembly, in fragments.
pub(crate) fn messages(sender: Role, len: usize) -> [(&'static str, Vec<u8>); 4] {
    let fragments = |len: usize| {
        let begin = frame(sender, FIRST_BINARY, &vec![7; len % 5000]);
        [begin, frame(sender, CONTINUATION, &[7; 5000]).repeat(len / 5000), frame(sender, LAST, b"")].concat()
    };
    [
        ("binary", frame(sender, BINARY, &vec![7; len])),
        ("text", frame(sender, TEXT, &vec![b'x'; len])),
        ("fragments", fragments(len)),
        (
            "a long frame in a fragmented message",
            [frame(sender, FIRST_TEXT, b"x"), frame(sender, LAST, &vec![b'x'; len])].concat(),
        ),
    ]
}

#[test]
fn a_message_that_comes_with_less_than_the_least_progress_is_ended_within_two_windows() {
    for role in ROLES {
        for (name, bytes) in messages(role.peer(), 300_000) {
            for (rate, step) in [(1, 19_000), (1, 1000), (100, 500), (900, 333), (1000, 1000), (1020, 7000)] {
                let mut connection = open(role, &quiet());
                let (end, seen) = trickle(&mut connection, &bytes, rate, step);
                assert_eq!(seen[0], too_slow(), "{name}, {rate} bytes each second");
                assert!(end <= at(2 * MINUTE) + Duration::from_millis(step), "{name}, {rate}: {end:?}");
                assert!(connection.inbound().is_empty());
                assert!(!connection.must_reset() && !connection.has_missed_deadline(), "the peer lives");
            }
        }
    }
}

#[test]
fn a_message_that_comes_with_the_least_progress_is_received() {
    for role in ROLES {
        for (name, bytes) in messages(role.peer(), 300_000) {
            for (rate, step) in [(1100, 50), (1100, 1000), (1300, 7000), (10_000, 3000), (10_000, 50_000)] {
                let mut connection = open(role, &quiet());
                let (_, seen) = trickle(&mut connection, &bytes, rate, step);
                assert!(matches!(&seen[..], [Seen::Event(Event::Message(_))]), "{name}, {rate}: {seen:?}");
            }
        }
    }
}

#[test]
fn the_peer_is_told_1008_and_the_closing_handshake_runs() {
    for role in ROLES {
        let mut connection = open(role, &quiet());
        connection.send("queued").unwrap();
        read(&mut connection, &header(role.peer(), BINARY, 1 << 20), at(10));
        assert_eq!(
            connection.poll_timeout(),
            Some(at(70)),
            "it begins with the read that brings the beginning"
        );
        assert_eq!(read(&mut connection, &[0; LEAST - 1], at(69)), []);
        connection.handle_timeout(at(70));
        assert_eq!(drain(&mut connection), [too_slow()]);
        let sent = frames(role, &write(&mut connection, at(70)));
        let told =
            [&1008u16.to_be_bytes()[..], b"less than 60 KiB of a message in 60s (message_timeout)"].concat();
        assert_eq!(sent, [(TEXT, b"queued".to_vec()), (CLOSE, told)]);
        assert!(connection.outbound().is_finished(), "as after a violation");
        assert_eq!(connection.poll_timeout(), Some(at(75)), "close_timeout");
        assert_eq!(read(&mut connection, &[0; 100], at(71)), [], "the rest means nothing");
        connection.handle_read(0, at(72));
        let seen = drain(&mut connection);
        assert!(ends_once(&seen) && seen.len() == 1, "{seen:?}");
        assert_eq!(closed(&connection), (1008, "", Initiator::Local, false, 0));
        assert_eq!(connection.poll_timeout(), None);
    }
}

#[test]
fn a_user_of_messages_alone_learns_it_when_the_peer_was_told() {
    let mut connection = open(Role::Server, &quiet());
    feed(&mut connection, &header(Role::Client, TEXT, 1 << 20), at(0));
    assert!(matches!(connection.poll_data(), Ok(ws_core::DataPoll::Pending)));
    connection.handle_timeout(at(60));
    assert!(matches!(connection.poll_data(), Ok(ws_core::DataPoll::Pending)));
    assert_eq!(frames(Role::Server, &write(&mut connection, at(60))).len(), 1);
    connection.handle_read(0, at(61));
    let error = connection.poll_data().unwrap_err();
    let text = "the peer sent less than 60 KiB of a message in 60s (message_timeout)";
    assert_eq!(error.to_string(), text);
}

#[test]
fn a_window_with_the_least_progress_is_followed_by_another() {
    for role in ROLES {
        for (name, bytes) in messages(role.peer(), 300_000) {
            let mut connection = open(role, &quiet());
            let begin = 20;
            read(&mut connection, &bytes[..begin], at(0));
            // All of it in the first second, and then nothing.
            let enough = begin + LEAST + 300;
            read(&mut connection, &bytes[begin..enough], at(1));
            assert_eq!(connection.poll_timeout(), Some(at(60)), "{name}");
            connection.handle_timeout(at(60));
            assert_eq!(drain(&mut connection), [], "{name}");
            assert_eq!(connection.poll_timeout(), Some(at(120)), "{name}");
            read(&mut connection, &bytes[enough..enough + 1000], at(119));
            connection.handle_timeout(at(120));
            assert_eq!(drain(&mut connection)[0], too_slow(), "{name}");
        }
    }
}

/// Control frames and headers are no progress of the message between whose fragments they come.
#[test]
fn control_frames_and_empty_fragments_between_fragments_are_no_progress() {
    for role in ROLES {
        let ping = frame(role.peer(), PING, &[7; 125]);
        let empty = frame(role.peer(), CONTINUATION, b"");
        for (name, filler) in [("pings", ping.repeat(600)), ("empty fragments", empty.repeat(14_000))] {
            let mut connection = open(role, &quiet());
            read(&mut connection, &frame(role.peer(), FIRST_BINARY, b"begin"), at(0));
            let (half, rest) = filler.split_at(filler.len() / 2);
            read(&mut connection, half, at(10));
            read(&mut connection, rest, at(50));
            read(&mut connection, &frame(role.peer(), CONTINUATION, &[1; LEAST - 1]), at(55));
            connection.handle_timeout(at(60));
            assert_eq!(drain(&mut connection)[0], too_slow(), "{name}");
        }
    }
}

#[test]
fn the_fragments_of_a_message_count_together_with_pings_between_them() {
    for role in ROLES {
        let ping = frame(role.peer(), PING, b"p");
        let mut connection = open(role, &quiet());
        read(&mut connection, &frame(role.peer(), FIRST_TEXT, b"begin"), at(0));
        for second in 1..=60 {
            let fragment = frame(role.peer(), CONTINUATION, &[b'x'; 1024]);
            read(&mut connection, &[ping.clone(), fragment].concat(), at(second));
        }
        connection.handle_timeout(at(60));
        assert_eq!(drain(&mut connection), [], "60 KiB in 60 fragments");
        assert_eq!(connection.poll_timeout(), Some(at(120)));
        let seen = read(&mut connection, &frame(role.peer(), LAST, b""), at(119));
        assert!(matches!(seen[..], [Seen::Event(Event::Message(_))]));
        connection.handle_timeout(at(120));
        assert_eq!((drain(&mut connection), connection.poll_timeout()), (vec![], None));
    }
}

/// A connection that gets small messages all day, each cut in two, is never within one of them for long.
#[test]
fn messages_that_end_in_time_cost_nothing_however_they_are_cut() {
    for role in ROLES {
        let message = [frame(role.peer(), TEXT, b"hello"), frame(role.peer(), BINARY, b"hello")].concat();
        let stream = message.repeat(DAY as usize / 10);
        for cut in [1, 3, 7, message.len() - 1, message.len() + 1] {
            let mut connection = open(role, &quiet());
            // A piece every five seconds.
            for (n, piece) in stream.chunks(cut).take(2000).enumerate() {
                let now = at(5 * n as u64);
                feed(&mut connection, piece, now);
                connection.handle_timeout(now);
                let seen = drain(&mut connection);
                let is_fine = |seen: &Seen| matches!(seen, Seen::Event(Event::Message(_)));
                if cut > 1 {
                    assert!(seen.iter().all(is_fine), "{seen:?} in reads of {cut}");
                } else if !seen.iter().all(is_fine) {
                    // Eleven bytes take 55 seconds with a mask, seven take 35 without one.
                    panic!("{seen:?}");
                }
            }
        }
    }
}

#[test]
fn a_frame_that_stops_within_its_header_is_incomplete_too() {
    for role in ROLES {
        for first in [TEXT, BINARY, FIRST_TEXT, PING, CLOSE] {
            let bytes = header(role.peer(), first, if first < CLOSE { 1 << 20 } else { 100 });
            for cut in 1..=bytes.len() {
                let mut connection = open(role, &quiet());
                assert_eq!(read(&mut connection, &bytes[..cut], at(5)), []);
                connection.handle_timeout(at(65));
                assert_eq!(drain(&mut connection)[0], too_slow(), "{first:#x}, {cut} bytes");
            }
        }
    }
}

#[test]
fn the_end_depends_on_the_time_and_not_on_the_cuts() {
    for role in ROLES {
        for (name, bytes) in messages(role.peer(), 300_000) {
            // Bytes of each ten seconds; the second window is the first without enough.
            let batches = [40, 10_000, 40_000, 30_000, 0, 0, 20_000, 20_000, 20_000, 100, 0, 0, 0];
            for cut in [1, 2, 3, 1000, 16 * 1024, usize::MAX] {
                let mut connection = open(role, &quiet());
                let mut rest = &bytes[..];
                let mut end = None;
                for (n, batch) in batches.into_iter().enumerate() {
                    let now = at(10 * n as u64);
                    let (these, others) = rest.split_at(batch);
                    rest = others;
                    for piece in these.chunks(cut) {
                        feed(&mut connection, piece, now);
                        assert_eq!(drain(&mut connection), []);
                    }
                    connection.handle_timeout(now);
                    if let Some(seen) = drain(&mut connection).into_iter().next() {
                        end = end.or(Some((now, seen)));
                    }
                }
                assert_eq!(end, Some((at(120), too_slow())), "{name} in reads of {cut}");
            }
        }
    }
}

#[test]
fn messages_before_the_slow_one_are_handed_out_first() {
    for role in ROLES {
        let mut connection = open(role, &quiet());
        let bytes = [frame(role.peer(), TEXT, b"first"), header(role.peer(), TEXT, 1 << 20)].concat();
        feed(&mut connection, &bytes, at(0));
        assert!(connection.read_ahead());
        connection.handle_timeout(at(60));
        assert!(connection.read_ahead());
        assert_eq!(drain(&mut connection), [message("first"), too_slow()]);
    }
}

/// A byte every 19 s is a sign of life for every ping.
#[test]
fn a_living_peer_that_trickles_does_not_hold_a_message_for_a_day() {
    for role in ROLES {
        let mut connection = open(role, &Config::default());
        let begin = [header(role.peer(), BINARY, 16 * MIB as u64), vec![0; 8 * MIB]].concat();
        assert_eq!(read(&mut connection, &begin, at(0)), []);
        let mut end = None;
        for second in 1..DAY {
            let now = at(second);
            if second % 19 == 0 && end.is_none() {
                feed(&mut connection, b"x", now);
            }
            connection.handle_timeout(now);
            if let Some(seen) = drain(&mut connection).into_iter().next() {
                end.get_or_insert((second, seen));
            }
            write(&mut connection, now);
        }
        assert_eq!(end, Some((60, too_slow())));
        assert!(matches!(connection.closed(), Some(Closed { code: 1008, .. })));
    }
}

/// A peer that lives and answers pings between the fragments of a message that never ends.
#[test]
fn pongs_do_not_keep_a_message_alive() {
    for role in ROLES {
        let mut connection = open(role, &Config::default());
        let mut end = None;
        for second in 0..DAY {
            let now = at(second);
            let pongs = answer_pings(&mut connection, now);
            feed(&mut connection, &pongs, now);
            if second == 0 {
                feed(&mut connection, &frame(role.peer(), FIRST_TEXT, b"x"), now);
            } else if second % 10 == 0 {
                feed(&mut connection, &frame(role.peer(), CONTINUATION, b"x"), now);
            }
            connection.handle_timeout(now);
            let seen = drain(&mut connection).into_iter();
            end = seen.filter(|seen| !matches!(seen, Seen::Event(_))).map(|seen| (second, seen)).next();
            if end.is_some() {
                break;
            }
        }
        assert_eq!(end, Some((60, too_slow())));
        assert!(connection.outbound().has_remaining());
    }
}
