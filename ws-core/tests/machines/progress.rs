//! Progress, not only life: windows of messages and of writes, in virtual time.

use std::time::Duration;

use ws_core::bytes::Buf;
use ws_core::{Closed, Config, Connection, Event, Initiator, Instant, Machine, Role, Timeout};

use crate::support::*;

pub(crate) const MINUTE: u64 = 60;
pub(crate) const DAY: u64 = 24 * 3600;
pub(crate) const MIB: usize = 1 << 20;
const LEAST: usize = Config::LEAST_PROGRESS;

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

/// Brings `bytes` at `rate` bytes each second, in pieces that come every `step` milliseconds, until all have come or the connection
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

pub(crate) fn without_pings() -> Config {
    quiet()
}

fn too_slow() -> Seen {
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
                let mut connection = open(role, &without_pings());
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
                let mut connection = open(role, &without_pings());
                let (_, seen) = trickle(&mut connection, &bytes, rate, step);
                assert!(matches!(&seen[..], [Seen::Event(Event::Message(_))]), "{name}, {rate}: {seen:?}");
            }
        }
    }
}

#[test]
fn the_peer_is_told_1008_and_the_closing_handshake_runs() {
    for role in ROLES {
        let mut connection = open(role, &without_pings());
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
        assert_eq!(sent, [(TEXT, b"queued".to_vec()), (CLOSE, 1008u16.to_be_bytes().to_vec())]);
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
    let mut connection = open(Role::Server, &without_pings());
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
            let mut connection = open(role, &without_pings());
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
            let mut connection = open(role, &without_pings());
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
        let mut connection = open(role, &without_pings());
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
            let mut connection = open(role, &without_pings());
            // A piece every five seconds.
            for (n, piece) in stream.chunks(cut).take(2000).enumerate() {
                let now = at(5 * n as u64);
                feed(&mut connection, piece, now);
                connection.handle_timeout(now);
                let seen = drain(&mut connection);
                let is_fine = |seen: &Seen| matches!(seen, Seen::Event(Event::Message(_)));
                if cut > 1 {
                    assert!(seen.iter().all(is_fine), "{seen:?} in pieces of {cut}");
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
                let mut connection = open(role, &without_pings());
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
                let mut connection = open(role, &without_pings());
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
                assert_eq!(end, Some((at(120), too_slow())), "{name} in pieces of {cut}");
            }
        }
    }
}

#[test]
fn a_window_stands_still_while_reading_is_paused() {
    for role in ROLES {
        for (name, bytes) in messages(role.peer(), 300_000) {
            let mut connection = open(role, &without_pings());
            read(&mut connection, &bytes[..100], at(0));
            connection.pause(at(40));
            assert_eq!(connection.poll_timeout(), None, "{name}");
            connection.handle_timeout(at(DAY));
            connection.resume(at(DAY));
            assert_eq!(connection.poll_timeout(), Some(at(DAY + 20)), "{name}");
            connection.handle_timeout(at(DAY + 20));
            assert_eq!(drain(&mut connection)[0], too_slow(), "{name}");
        }
    }
}

#[test]
fn a_window_that_would_begin_during_a_pause_begins_after_it() {
    for role in ROLES {
        let mut connection = open(role, &without_pings().max_read_ahead(1000));
        let whole = frame(role.peer(), BINARY, &[1; 600]).repeat(3);
        feed(&mut connection, &[whole, header(role.peer(), TEXT, 1 << 20)].concat(), at(0));
        assert!(!connection.read_ahead(), "it is full");
        connection.pause(at(0));
        assert_eq!(drain(&mut connection).len(), 3);
        assert_eq!(connection.poll_timeout(), None);
        connection.resume(at(500));
        assert_eq!(connection.poll_timeout(), Some(at(560)));
        connection.handle_timeout(at(560));
        assert_eq!(drain(&mut connection)[0], too_slow());
    }
}

#[test]
fn the_time_that_nobody_drives_does_not_count() {
    for role in ROLES {
        for (name, bytes) in messages(role.peer(), 300_000) {
            let mut connection = open(role, &without_pings());
            read(&mut connection, &bytes[..100], at(0));
            // A program that looks at the connection every ten minutes.
            for turn in 1..100 {
                let now = at(600 * turn);
                read(&mut connection, &bytes[99 + turn as usize..][..1], now);
                connection.handle_timeout(now);
                assert_eq!(drain(&mut connection), [], "{name}");
                assert_eq!(connection.poll_timeout(), Some(now + seconds(60)), "{name}");
            }
            connection.handle_timeout(at(600 * 99 + 61));
            assert_eq!(drain(&mut connection)[0], too_slow(), "a driver may be a little late: {name}");
        }
    }
}

#[test]
fn bytes_that_were_read_before_the_driver_looks_at_the_clock_count() {
    for role in ROLES {
        for (name, bytes) in messages(role.peer(), 70_000) {
            let mut connection = open(role, &without_pings());
            read(&mut connection, &bytes[..100], at(0));
            // Both are there when the driver comes, and it has looked at neither.
            feed(&mut connection, &bytes[100..], at(60));
            connection.handle_timeout(at(60));
            let seen = drain(&mut connection);
            assert!(matches!(seen[..], [Seen::Event(Event::Message(_))]), "{name}: {seen:?}");
        }
    }
}

#[test]
fn messages_before_the_slow_one_are_handed_out_first() {
    for role in ROLES {
        let mut connection = open(role, &without_pings());
        let bytes = [frame(role.peer(), TEXT, b"first"), header(role.peer(), TEXT, 1 << 20)].concat();
        feed(&mut connection, &bytes, at(0));
        assert!(connection.read_ahead());
        connection.handle_timeout(at(60));
        assert!(connection.read_ahead());
        assert_eq!(drain(&mut connection), [message("first"), too_slow()]);
    }
}

#[test]
fn a_message_in_chunks_has_a_timeout_of_its_own_which_is_off() {
    for role in ROLES {
        let bytes = header(role.peer(), BINARY, 1 << 40);
        for (config, end) in [
            (without_pings(), None),
            (without_pings().chunk_timeout(seconds(30)), Some(30)),
            (without_pings().chunk_timeout(seconds(30)).message_timeout(None), Some(30)),
            (without_pings().chunk_timeout(Duration::MAX), None),
        ] {
            let mut connection = open(role, &config);
            connection.receive_chunks(true);
            read(&mut connection, &bytes, at(0));
            assert_eq!(connection.poll_timeout(), end.map(at));
            read(&mut connection, &[0; LEAST], at(5));
            assert_eq!(connection.poll_timeout(), end.map(at));
            let Some(end) = end else { continue };
            connection.handle_timeout(at(end));
            assert_eq!((drain(&mut connection), connection.poll_timeout()), (vec![], Some(at(2 * end))));
            connection.handle_timeout(at(2 * end));
            let seen = drain(&mut connection);
            assert_eq!(seen[0], Seen::Timeout(Timeout::Chunk(seconds(30))));
            assert_eq!(frames(role, &write(&mut connection, at(60)))[0].1, 1008u16.to_be_bytes());
        }
    }
}

#[test]
fn a_message_that_changes_to_chunks_and_back_has_the_timeout_of_its_present_kind() {
    for role in ROLES {
        let mut connection = open(role, &without_pings());
        let bytes = frame(role.peer(), TEXT, &[b'x'; 100_000]);
        read(&mut connection, &bytes[..60], at(0));
        connection.receive_chunks(true);
        for second in [60, 120, 500] {
            drain(&mut connection);
            connection.handle_timeout(at(second));
            let seen = drain(&mut connection);
            assert!(seen.iter().all(|seen| matches!(seen, Seen::Event(Event::Chunk(_)))), "{seen:?}");
        }
        assert_eq!(connection.poll_timeout(), None);
        // The message stays one in chunks, and the next one is whole.
        connection.receive_chunks(false);
        read(&mut connection, &bytes[60..], at(600));
        read(&mut connection, &bytes[..60], at(600));
        assert_eq!(connection.poll_timeout(), Some(at(660)));
    }
}

#[test]
fn times_of_any_length_are_taken() {
    for role in ROLES {
        for timeout in [Duration::ZERO, Duration::from_nanos(1), Duration::MAX] {
            let config =
                without_pings().message_timeout(timeout).chunk_timeout(timeout).write_timeout(timeout);
            for in_chunks in [false, true] {
                let mut connection = open(role, &config);
                connection.receive_chunks(in_chunks);
                connection.send("refused").unwrap();
                connection.handle_write(0, at(1));
                read(&mut connection, &header(role.peer(), TEXT, 100), at(1));
                let expected = (timeout != Duration::MAX).then(|| at(1) + Duration::from_millis(1));
                assert_eq!(connection.poll_timeout(), expected, "{timeout:?}");
                connection.pause(at(1));
                connection.resume(at(2));
                connection.handle_timeout(at(100));
                drain(&mut connection);
            }
        }
    }
}

#[test]
fn closing_has_its_own_deadline_and_the_message_none() {
    for role in ROLES {
        let mut connection = open(role, &without_pings().close_timeout(seconds(500)));
        read(&mut connection, &header(role.peer(), TEXT, 1 << 20), at(0));
        connection.close(ws_core::CloseCode::NORMAL, at(1));
        write(&mut connection, at(1));
        read(&mut connection, b"x", at(2));
        assert_eq!(connection.poll_timeout(), Some(at(501)));
        let mut connection = open(role, &without_pings().close_timeout(seconds(500)));
        read(&mut connection, &header(role.peer(), TEXT, 1 << 20), at(0));
        connection.handle_read(0, at(2));
        assert_eq!(connection.poll_timeout(), Some(at(502)), "nothing more can come");
    }
}

#[test]
fn a_message_keeps_its_window_until_our_close_has_left() {
    for role in ROLES {
        let mut connection = open(role, &without_pings());
        read(&mut connection, &header(role.peer(), BINARY, 1 << 20), at(0));
        connection.send(vec![7; MIB]).unwrap();
        connection.close(ws_core::CloseCode::NORMAL, at(1));
        let mut end = None;
        for second in (4..1000).step_by(4) {
            // The peer takes enough for each window of a write, and sends next to nothing.
            write_some(&mut connection, 4200, at(second));
            connection.handle_write(0, at(second));
            connection.handle_timeout(at(second));
            if let Some(seen) = read(&mut connection, b"x", at(second)).pop() {
                end = Some((seen, second));
                break;
            }
        }
        assert_eq!(end, Some((too_slow(), 60)));
        assert!(write(&mut connection, at(61)).len() > MIB / 2, "messages and our Close leave all the same");
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
