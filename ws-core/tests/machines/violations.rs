//! Frames that a peer must not send (RFC 6455 §5 and §7.4): each rule, at every cut of the bytes that break it.

use ws_core::{Config, Event, Initiator, Machine, Role, SendError, ViolationKind as Kind};

use crate::support::*;

struct Case {
    rule: &'static str,
    bytes: Vec<u8>,
    kind: Kind,
    offset: usize,
    code: u16,
}

fn config() -> Config {
    quiet().max_message_size(100).max_fragments(4)
}

/// The reason in our Close frame: a limit, and nothing for a rule of the protocol.
fn told_of(kind: Kind) -> Vec<u8> {
    match kind {
        Kind::MessageTooBig(_) => format!("{kind} (100 bytes)").into(),
        Kind::TooManyFragments => format!("{kind} (4)").into(),
        _ => Vec::new(),
    }
}

/// Every rule, broken by `sender`.
fn cases(sender: Role) -> Vec<Case> {
    let frame = |first, payload: &[u8]| frame(sender, first, payload);
    let header = |first, len| header(sender, first, len);
    let hello = frame(FIRST_TEXT, b"hello");
    let ping = frame(PING, b"p");
    let in_message = |bytes: Vec<u8>| [hello.clone(), ping.clone(), bytes].concat();
    let begun = hello.len() + ping.len();
    let head = header(TEXT, 0).len();
    let mask = if sender == Role::Client { 0x80 } else { 0 };
    let lengths = |short: u8, extended: &[u8]| [&[BINARY, mask | short][..], extended].concat();
    let mut cases = Vec::new();
    let mut case = |rule, bytes, kind, offset, code| cases.push(Case { rule, bytes, kind, offset, code });

    case("RSV1 without an extension", frame(0xC1, b"x"), Kind::ReservedBits, 0, 1002);
    case("RSV2", frame(0xA2, b"x"), Kind::ReservedBits, 0, 1002);
    case("RSV3", frame(0x91, b"x"), Kind::ReservedBits, 0, 1002);
    case("RSV1 on a control frame", frame(0xC9, b"x"), Kind::ReservedBits, 0, 1002);
    case("RSV1 on a continuation", in_message(frame(0xC0, b"x")), Kind::ReservedBits, begun, 1002);
    for opcode in (0x3..=0x7).chain(0xB..=0xF) {
        case("a reserved opcode", frame(0x80 | opcode, b"x"), Kind::ReservedOpcode(opcode), 0, 1002);
    }
    for first in [CLOSE, PING, PONG] {
        let fragmented = frame(first & 0x7F, b"");
        case("a fragmented control frame", fragmented, Kind::FragmentedControl, 0, 1002);
        case("a long control frame", header(first, 126), Kind::ControlTooLong, 0, 1002);
        case("a very long control frame", header(first, 65536), Kind::ControlTooLong, 0, 1002);
    }
    case("a continuation without a start", frame(CONTINUATION, b"x"), Kind::UnexpectedContinuation, 0, 1002);
    case("a last one without a start", frame(LAST, b""), Kind::UnexpectedContinuation, 0, 1002);
    let after = [frame(BINARY, b"x"), frame(LAST, b"x")].concat();
    let offset = frame(BINARY, b"x").len();
    case("a continuation after the end", after, Kind::UnexpectedContinuation, offset, 1002);
    for first in [TEXT, BINARY, FIRST_TEXT, FIRST_BINARY] {
        let within = in_message(frame(first, b"x"));
        case("a new message inside a fragmented one", within, Kind::UnfinishedMessage, begun, 1002);
    }
    let wrong_way = crate::support::frame(sender.peer(), TEXT, b"x");
    let (kind, rule) = match sender {
        Role::Client => (Kind::Unmasked, "an unmasked frame from a client"),
        Role::Server => (Kind::Masked, "a masked frame from a server"),
    };
    case(rule, wrong_way, kind, 0, 1002);
    case("125 bytes in 16 bits", lengths(126, &[0, 125]), Kind::LengthNotMinimal, 0, 1002);
    case("no bytes in 16 bits", lengths(126, &[0, 0]), Kind::LengthNotMinimal, 0, 1002);
    let in_64_bits = |len: u64| lengths(127, &len.to_be_bytes());
    case("65535 bytes in 64 bits", in_64_bits(65535), Kind::LengthNotMinimal, 0, 1002);
    case("no bytes in 64 bits", in_64_bits(0), Kind::LengthNotMinimal, 0, 1002);
    case("2^63 bytes", in_64_bits(1 << 63), Kind::LengthTooLarge, 0, 1002);
    case("2^64-1 bytes", in_64_bits(u64::MAX), Kind::LengthTooLarge, 0, 1002);

    case("half a close code", frame(CLOSE, b"\x03"), Kind::CloseTooShort, 0, 1002);
    for code in [0, 1, 999, 1004, 1005, 1006, 1015, 1016, 1100, 2000, 2999, 5000, 65535] {
        case("a close code", close(sender, code, b"why"), Kind::CloseCode(code), 0, 1002);
        case(
            "a close code inside a message",
            in_message(close(sender, code, b"")),
            Kind::CloseCode(code),
            begun,
            1002,
        );
    }
    case("a close reason", close(sender, 1000, b"ab\xff"), Kind::InvalidUtf8, head + 4, 1007);
    case("a close reason that is cut", close(sender, 1000, b"\xe2\x82"), Kind::InvalidUtf8, head + 4, 1007);

    case("text", frame(TEXT, b"abc\xffdef"), Kind::InvalidUtf8, head + 3, 1007);
    case("a surrogate", frame(TEXT, b"\xed\xa0\x80"), Kind::InvalidUtf8, head + 1, 1007);
    case("text that ends within a character", frame(TEXT, b"ab\xe2\x82"), Kind::InvalidUtf8, head + 4, 1007);
    case("a continued text", in_message(frame(LAST, b"a\x80")), Kind::InvalidUtf8, begun + head + 1, 1007);
    let cut = [frame(FIRST_TEXT, b"\xe2"), frame(LAST, b"\x82b")].concat();
    case("a character cut by a fragment", cut, Kind::InvalidUtf8, 2 * head + 2, 1007);
    let cut = [frame(FIRST_TEXT, b"\xe2\x82"), frame(LAST, b"")].concat();
    case("a message that ends within a character", cut, Kind::InvalidUtf8, 2 * head + 2, 1007);

    for first in [TEXT, BINARY] {
        case("a big message by its header", header(first, 101), Kind::MessageTooBig(101), 0, 1009);
        case("a huge message by its header", header(first, 1 << 40), Kind::MessageTooBig(1 << 40), 0, 1009);
        let whole = frame(first, &[b'x'; 101]);
        case("a big message that is all there", whole, Kind::MessageTooBig(101), 0, 1009);
        let fragment = frame(first & 0x7F, &[b'x'; 99]);
        let offset = fragment.len();
        let fragments = [fragment, header(LAST, 2)].concat();
        case("a big message by its fragments", fragments, Kind::MessageTooBig(101), offset, 1009);
        let most = [header(first & 0x7F, 0), header(CONTINUATION, i64::MAX as u64)].concat();
        let offset = header(first, 0).len();
        case("the biggest length", most, Kind::MessageTooBig(i64::MAX as u64), offset, 1009);
    }
    let fragments = [frame(FIRST_BINARY, b""), frame(CONTINUATION, b"").repeat(4)].concat();
    case("too many fragments", fragments, Kind::TooManyFragments, 4 * head, 1008);
    cases
}

/// Feeds `parts` to a fresh connection, taking events after each, and ends the stream.
fn trace<'a>(role: Role, parts: impl IntoIterator<Item = &'a [u8]>) -> (Vec<Seen>, Vec<u8>) {
    let mut connection = open(role, &config());
    let mut seen = Vec::new();
    for part in parts {
        seen.extend(read(&mut connection, part, at(1)));
    }
    seen.extend(read(&mut connection, &frame(role.peer(), TEXT, b"discarded"), at(1)));
    let sent = write(&mut connection, at(1));
    assert!(connection.outbound().is_finished(), "nothing follows our Close frame");
    assert!(connection.inbound().is_empty(), "what follows a violation is not kept");
    connection.handle_read(0, at(2));
    seen.extend(drain(&mut connection));
    assert_eq!(drain(&mut connection), [], "nothing follows the end");
    assert_eq!(connection.poll_timeout(), None);
    (seen, sent)
}

#[test]
fn a_violation_is_reported_once_answered_with_its_code_and_everything_after_it_is_discarded() {
    for role in ROLES {
        for Case { rule, bytes, kind, offset, code } in cases(role.peer()) {
            let (seen, sent) = trace(role, [&bytes[..]]);
            let [.., Seen::Violation(seen_kind, seen_offset), Seen::Event(Event::Closed(closed))] = &seen[..]
            else {
                panic!("{role:?}, {rule}: {seen:?}");
            };
            assert_eq!((*seen_kind, *seen_offset), (kind, offset as u64), "{role:?}, {rule}");
            let before = &seen[..seen.len() - 2];
            let is_harmless = |seen: &Seen| matches!(seen, Seen::Event(Event::Ping(_) | Event::Message(_)));
            assert!(before.iter().all(is_harmless), "{role:?}, {rule}: {before:?}");
            assert_eq!(
                (closed.code, closed.initiator, closed.clean),
                (code, Initiator::Local, false),
                "{role:?}, {rule}"
            );
            let mut sent = frames(role, &sent);
            let payload = [&code.to_be_bytes(), &*told_of(kind)].concat();
            assert_eq!(sent.pop(), Some((CLOSE, payload)), "{role:?}, {rule}");
            assert!(sent.iter().all(|(first, _)| *first == PONG), "{role:?}, {rule}: {sent:?}");
        }
    }
}

#[test]
fn a_violation_is_the_same_wherever_the_bytes_are_cut() {
    for role in ROLES {
        for Case { rule, bytes, .. } in cases(role.peer()) {
            let whole = trace(role, [&bytes[..]]);
            assert_eq!(trace(role, bytes.chunks(1)), whole, "{role:?}, {rule}, byte by byte");
            for cut in 0..bytes.len() {
                let (head, tail) = bytes.split_at(cut);
                let parts = [head, tail].into_iter().filter(|part| !part.is_empty());
                assert_eq!(trace(role, parts), whole, "{role:?}, {rule}, cut at {cut}");
            }
        }
    }
}

#[test]
fn a_violation_is_seen_as_soon_as_its_last_needed_byte_is_there() {
    for role in ROLES {
        for Case { rule, bytes, kind, offset, .. } in cases(role.peer()) {
            let needed = (0..=bytes.len())
                .find(|&n| {
                    let mut connection = open(role, &config());
                    let seen = read(&mut connection, &bytes[..n], at(1));
                    matches!(seen.last(), Some(Seen::Violation(..)))
                })
                .unwrap();
            let head = header(role.peer(), TEXT, 0).len();
            let latest = match kind {
                Kind::InvalidUtf8 => (offset + 1).min(bytes.len()),
                Kind::ReservedBits | Kind::ReservedOpcode(_) | Kind::FragmentedControl => offset + 1,
                Kind::Masked | Kind::Unmasked | Kind::ControlTooLong => offset + 2,
                Kind::LengthTooLarge => offset + 3,
                Kind::CloseTooShort => offset + head + 1,
                // Its error shows the reason.
                Kind::CloseCode(_) => bytes.len(),
                _ => (offset + 14).min(bytes.len()),
            };
            assert!(needed <= latest, "{role:?}, {rule}: needed {needed} bytes, not {latest}");
        }
    }
}

#[test]
fn after_a_violation_the_peer_has_the_close_timeout_to_end_the_stream() {
    for role in ROLES {
        let mut connection = open(role, &config());
        assert_eq!(read(&mut connection, &[0xFF, 0xFF], at(1)), [Seen::Violation(Kind::ReservedBits, 0)]);
        write(&mut connection, at(2));
        assert_eq!(connection.poll_timeout(), Some(at(7)));
        assert_eq!(drain(&mut connection), []);
        connection.handle_timeout(at(7));
        assert!(ends_once(&drain(&mut connection)));
        assert_eq!(closed(&connection), (1002, "", Initiator::Local, false, 0));
    }
}

#[test]
fn what_was_accepted_before_a_violation_goes_out_before_the_close_and_is_counted_if_it_cannot() {
    for role in ROLES {
        let mut connection = open(role, &config());
        for text in ["one", "two"] {
            connection.send(text).unwrap();
        }
        let mut sent = write_some(&mut connection, 1, at(1));
        read(&mut connection, &[0xFF, 0xFF], at(1));
        assert!(matches!(connection.send("late"), Err(SendError::Closed(..))));
        sent.extend(write(&mut connection, at(1)));
        let expected = [(TEXT, b"one".to_vec()), (TEXT, b"two".to_vec()), (CLOSE, vec![0x03, 0xEA])];
        assert_eq!(frames(role, &sent), expected);
        connection.handle_read(0, at(1));
        drain(&mut connection);
        assert_eq!(closed(&connection), (1002, "", Initiator::Local, false, 0));

        let mut blocked = open(role, &config());
        blocked.send("one").unwrap();
        read(&mut blocked, &[0xFF, 0xFF], at(1));
        blocked.handle_timeout(at(6));
        assert!(ends_once(&drain(&mut blocked)));
        assert_eq!(closed(&blocked), (1002, "", Initiator::Local, false, 1));
    }
}

#[test]
fn data_that_breaks_a_rule_while_we_close_is_an_error_and_the_code_is_the_one_that_we_sent() {
    for role in ROLES {
        let mut connection = open(role, &quiet());
        connection.close(ws_core::CloseCode::new(3001).unwrap(), at(0));
        write(&mut connection, at(0));
        // The first byte of the payload looks like that of a Close frame.
        let seen = read(&mut connection, &frame(role.peer(), TEXT, b"\xf8"), at(0));
        assert!(matches!(seen[..], [Seen::Violation(Kind::InvalidUtf8, _)]), "{seen:?}");
        connection.handle_read(0, at(0));
        assert!(ends_once(&drain(&mut connection)));
        assert_eq!(closed(&connection), (3001, "", Initiator::Local, false, 0));
    }
}
