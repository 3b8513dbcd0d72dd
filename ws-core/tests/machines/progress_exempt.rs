//! Times and messages to which the windows of messages do not apply: pauses, late drivers, chunks, closing.

use std::time::Duration;

use ws_core::{Event, Machine, Timeout};

use crate::progress::{DAY, LEAST, MIB, messages, too_slow};
use crate::support::*;

#[test]
fn a_window_stands_still_while_reading_is_paused() {
    for role in ROLES {
        for (name, bytes) in messages(role.peer(), 300_000) {
            let mut connection = open(role, &quiet());
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
        let mut connection = open(role, &quiet().max_read_ahead(1000));
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
            let mut connection = open(role, &quiet());
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
            let mut connection = open(role, &quiet());
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
fn a_message_in_chunks_has_a_timeout_of_its_own_which_is_off() {
    for role in ROLES {
        let bytes = header(role.peer(), BINARY, 1 << 40);
        for (config, end) in [
            (quiet(), None),
            (quiet().chunk_timeout(seconds(30)), Some(30)),
            (quiet().chunk_timeout(seconds(30)).message_timeout(None), Some(30)),
            (quiet().chunk_timeout(Duration::MAX), None),
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
            let told = [&1008u16.to_be_bytes()[..], b"less than 60 KiB of a message in 30s (chunk_timeout)"];
            assert_eq!(frames(role, &write(&mut connection, at(60)))[0].1, told.concat());
        }
    }
}

#[test]
fn a_message_that_changes_to_chunks_and_back_has_the_timeout_of_its_present_kind() {
    for role in ROLES {
        let mut connection = open(role, &quiet());
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
            let config = quiet().message_timeout(timeout).chunk_timeout(timeout).write_timeout(timeout);
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
        let mut connection = open(role, &quiet().close_timeout(seconds(500)));
        read(&mut connection, &header(role.peer(), TEXT, 1 << 20), at(0));
        connection.close(ws_core::CloseCode::NORMAL, at(1));
        write(&mut connection, at(1));
        read(&mut connection, b"x", at(2));
        assert_eq!(connection.poll_timeout(), Some(at(501)));
        let mut connection = open(role, &quiet().close_timeout(seconds(500)));
        read(&mut connection, &header(role.peer(), TEXT, 1 << 20), at(0));
        connection.handle_read(0, at(2));
        assert_eq!(connection.poll_timeout(), Some(at(502)), "nothing more can come");
    }
}

#[test]
fn a_message_keeps_its_window_until_our_close_has_left() {
    for role in ROLES {
        let mut connection = open(role, &quiet());
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
