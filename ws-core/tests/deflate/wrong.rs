//! What a peer must not send once compression is agreed, and what is too much: each at every cut.

use ws_core::{Config, Deflate, Event, Initiator, Machine, Role, Traffic, ViolationKind as Kind};

use crate::agreed::*;
use crate::inflating::{COMPRESSED, FIRST_COMPRESSED, HELLO};
use crate::support::*;

struct Case {
    rule: &'static str,
    bytes: Vec<u8>,
    kind: Kind,
    /// The frame that is wrong.
    offset: usize,
    code: u16,
}

fn config() -> Config {
    quiet().max_message_size(100).max_fragments(4)
}

/// What another compressor makes of `text`, without the tail.
pub(crate) fn compressed(text: &[u8]) -> Vec<u8> {
    let mut output = vec![0; text.len() + 100];
    let mut deflate = zlib_rs::Deflate::new(6, false, 15);
    deflate.compress(text, &mut output, zlib_rs::DeflateFlush::SyncFlush).unwrap();
    output.truncate(deflate.total_out() as usize - 4);
    output
}

/// The reason in our Close frame: a limit, and nothing for a rule of the protocol.
fn told_of(kind: Kind) -> Vec<u8> {
    match kind {
        Kind::MessageTooBig(_) => format!("{kind} (100 bytes)").into(),
        Kind::TooManyFragments => format!("{kind} (4)").into(),
        _ => Vec::new(),
    }
}

fn cases(sender: Role) -> Vec<Case> {
    let frame = |first, payload: &[u8]| frame(sender, first, payload);
    let hello = frame(COMPRESSED, HELLO);
    let begun = [hello.clone(), frame(FIRST_COMPRESSED, &HELLO[..3])].concat();
    let after = |bytes: Vec<u8>| [begun.clone(), bytes].concat();
    let mut cases = Vec::new();
    let mut case = |rule, bytes, kind, offset, code| cases.push(Case { rule, bytes, kind, offset, code });

    case("RSV1 on a continuation", after(frame(0x40, b"x")), Kind::ReservedBits, begun.len(), 1002);
    case("RSV1 on the last one", after(frame(0xC0, b"x")), Kind::ReservedBits, begun.len(), 1002);
    for control in [0xC8, 0xC9, 0xCA] {
        case("RSV1 on a control frame", frame(control, b""), Kind::ReservedBits, 0, 1002);
        case("the same within a message", after(frame(control, b"")), Kind::ReservedBits, begun.len(), 1002);
    }
    case("RSV2", frame(0xE1, HELLO), Kind::ReservedBits, 0, 1002);
    case("RSV3", frame(0xD1, HELLO), Kind::ReservedBits, 0, 1002);
    case("a reserved opcode", frame(0xC3, b""), Kind::ReservedBits, 0, 1002);
    case("a message in another", after(frame(COMPRESSED, HELLO)), Kind::UnfinishedMessage, begun.len(), 1002);

    let mut invalid = |rule, payload: &[u8]| {
        case(rule, frame(COMPRESSED, payload), Kind::InvalidDeflate, 0, 1007);
        let later = [hello.clone(), frame(PING, b""), frame(COMPRESSED, payload)].concat();
        let offset = hello.len() + frame(PING, b"").len();
        case(rule, later, Kind::InvalidDeflate, offset, 1007);
    };
    invalid("a reserved type of block", &[0x06]);
    invalid("a reserved type of a final block", &[0x07, 0x00]);
    invalid("a length without its complement", &[0x00, 0x05, 0x00, 0xfb, 0xff, 0x48]);
    invalid("random bytes", &[0xff; 20]);
    invalid("codes that make no sense", &[0x04, 0xff, 0xff, 0xff, 0xff]);
    for cut in 1..HELLO.len() - 1 {
        invalid("a payload that is cut", &HELLO[..cut]);
    }
    invalid("a stored block that is cut", &[0x00, 0x05, 0x00, 0xfa, 0xff, 0x48, 0x65]);
    invalid("a tail that was not removed", &[HELLO, &[0x00, 0xff, 0xff]].concat());
    invalid("garbage behind a final block", &[0x03, 0x00, 0x07]);

    // The same as "Hello" again, when there was none.
    let payload = [0xf2, 0x00, 0x11, 0x00, 0x00];
    case("a reference to before the beginning", frame(COMPRESSED, &payload), Kind::InvalidDeflate, 0, 1007);

    let long = frame(COMPRESSED, &compressed(&[b'x'; 101]));
    case("a big message", long, Kind::MessageTooBig(101), 0, 1009);
    let bomb = frame(COMPRESSED, &compressed(&vec![b'x'; 1 << 20]));
    case("a bomb", bomb, Kind::MessageTooBig(101), 0, 1009);
    let payload = compressed(&[b'x'; 101]);
    let (head, tail) = payload.split_at(payload.len() - 1);
    let fragments = [frame(FIRST_COMPRESSED, head), frame(LAST, tail)].concat();
    case("a big message in fragments", fragments, Kind::MessageTooBig(101), 0, 1009);
    let noise = crate::pairs::noise(2, 101).iter().map(|byte| byte & 0x7F).collect::<Vec<u8>>();
    let payload = compressed(&noise);
    let (head, tail) = payload.split_at(50);
    let offset = frame(FIRST_COMPRESSED, head).len();
    let fragments = [frame(FIRST_COMPRESSED, head), frame(LAST, tail)].concat();
    case("a big one that is so in the end", fragments, Kind::MessageTooBig(101), offset, 1009);
    let fragments = [frame(FIRST_COMPRESSED, b""), frame(CONTINUATION, b"").repeat(4)].concat();
    case("too many fragments", fragments, Kind::TooManyFragments, 4 * frame(CONTINUATION, b"").len(), 1008);

    let text = frame(COMPRESSED, &compressed(b"abc\xffdef"));
    case("text that is not UTF-8", text, Kind::InvalidUtf8, 0, 1007);
    case("a cut character", frame(COMPRESSED, &compressed(b"ab\xe2\x82")), Kind::InvalidUtf8, 0, 1007);
    let both = [&[b'x'; 50][..], b"\xff", &[b'x'; 100]].concat();
    case("not UTF-8 before too big", frame(COMPRESSED, &compressed(&both)), Kind::InvalidUtf8, 0, 1007);
    let both = [&[b'x'; 101][..], b"\xff"].concat();
    case(
        "too big before not UTF-8",
        frame(COMPRESSED, &compressed(&both)),
        Kind::MessageTooBig(101),
        0,
        1009,
    );
    let mut both = compressed(b"abc\xff");
    both.extend([0x00, 0x00, 0xff, 0xff, 0x06]);
    case("not UTF-8 before what does not inflate", frame(COMPRESSED, &both), Kind::InvalidUtf8, 0, 1007);
    let mut both = compressed(b"abc");
    both.extend([0x00, 0x00, 0xff, 0xff, 0x06, 0xff]);
    case("what does not inflate after text", frame(COMPRESSED, &both), Kind::InvalidDeflate, 0, 1007);
    cases
}

/// Feeds `parts` to a fresh connection and ends the stream. Returns events, sent bytes and counts.
fn trace<'a>(role: Role, parts: impl IntoIterator<Item = &'a [u8]>) -> (Vec<Seen>, Vec<u8>, Traffic) {
    let mut connection = open_deflate(role, &config(), &Deflate::default());
    let mut seen = Vec::new();
    for part in parts {
        seen.extend(read(&mut connection, part, at(1)));
    }
    seen.extend(read(&mut connection, &frame(role.peer(), COMPRESSED, HELLO), at(1)));
    let sent = write(&mut connection, at(1));
    assert!(connection.inbound().is_empty(), "what follows a violation is not kept");
    connection.handle_read(0, at(2));
    seen.extend(drain(&mut connection));
    (seen, sent, connection.stats().received)
}

#[test]
fn a_violation_is_reported_with_its_frame_and_answered_with_its_code() {
    for role in ROLES {
        for Case { rule, bytes, kind, offset, code } in cases(role.peer()) {
            let (seen, sent, _) = trace(role, [&bytes[..]]);
            let [.., Seen::Violation(seen_kind, seen_offset), Seen::Event(Event::Closed(closed))] = &seen[..]
            else {
                panic!("{role:?}, {rule}: {seen:?}");
            };
            assert_eq!((*seen_kind, *seen_offset), (kind, offset as u64), "{role:?}, {rule}");
            assert_eq!(
                (closed.code, closed.initiator, closed.clean),
                (code, Initiator::Local, false),
                "{role:?}, {rule}"
            );
            let payload = [&code.to_be_bytes(), &*told_of(kind)].concat();
            assert_eq!(frames(role, &sent).pop(), Some((CLOSE, payload)), "{role:?}, {rule}");
        }
    }
}

#[test]
fn a_violation_is_the_same_wherever_the_bytes_are_cut() {
    for role in ROLES {
        for Case { rule, bytes, .. } in cases(role.peer()) {
            let whole = trace(role, [&bytes[..]]);
            assert_eq!(trace(role, bytes.chunks(1)), whole, "{role:?}, {rule}, byte by byte");
            for cut in 1..bytes.len().min(300) {
                let (head, tail) = bytes.split_at(cut);
                assert_eq!(trace(role, [head, tail]), whole, "{role:?}, {rule}, cut at {cut}");
            }
        }
    }
}

#[test]
fn text_that_is_not_utf_8_is_seen_before_its_message_ends() {
    for role in ROLES {
        for in_chunks in [false, true] {
            let mut connection = open_deflate(role, &quiet(), &Deflate::default());
            connection.receive_chunks(in_chunks);
            let mut payload = compressed(b"abc\xe2\x82\xff");
            payload.extend([0x00, 0x00, 0xff, 0xff]);
            let seen = read(&mut connection, &frame(role.peer(), FIRST_COMPRESSED, &payload), at(0));
            assert_eq!(seen, [Seen::Violation(Kind::InvalidUtf8, 0)]);
        }
    }
}

#[test]
fn a_limit_counts_what_is_inflated_not_what_comes() {
    for role in ROLES {
        for (len, is_taken) in [(99, true), (100, true), (101, false)] {
            for noisy in [false, true] {
                let text: Vec<u8> = match noisy {
                    true => crate::pairs::noise(4, len).iter().map(|byte| byte & 0x7F).collect(),
                    false => vec![b'x'; len],
                };
                let mut connection = open_deflate(role, &config(), &Deflate::default());
                let seen = read(&mut connection, &frame(role.peer(), COMPRESSED, &compressed(&text)), at(0));
                let text = String::from_utf8(text).unwrap();
                let too_big = Seen::Violation(Kind::MessageTooBig(101), 0);
                assert_eq!(seen, [if is_taken { message(text) } else { too_big }]);
            }
        }
        // Many empty blocks are no message that is too big, and a header that announces them is none either.
        let mut connection = open_deflate(role, &config(), &Deflate::default());
        let payload = [&[0x00, 0x00, 0x00, 0xff, 0xff].repeat(1000)[..], &[0x00]].concat();
        assert_eq!(read(&mut connection, &frame(role.peer(), COMPRESSED, &payload), at(0)), [message("")]);
    }
}

#[test]
fn a_bomb_costs_no_more_than_what_reaches_the_limit() {
    // A gibibyte of zeros, chunk by chunk.
    let mut bomb = zlib_rs::Deflate::new(9, false, 15);
    let zeros = vec![0; 1 << 20];
    for role in ROLES {
        let mut connection = open_deflate(role, &quiet(), &Deflate::default());
        feed(&mut connection, &header(role.peer(), 0xC2, 1 << 30), at(0));
        let mut came = 0;
        let violation = (0..1024).find_map(|_| {
            let mut output = vec![0; 1 << 20];
            let before = bomb.total_out();
            bomb.compress(&zeros, &mut output, zlib_rs::DeflateFlush::SyncFlush).unwrap();
            output.truncate((bomb.total_out() - before) as usize);
            if role == Role::Server {
                let key = [0x37, 0xfa, 0x21, 0x3d];
                output.iter_mut().enumerate().for_each(|(i, byte)| *byte ^= key[(came + i) % 4]);
            }
            came += output.len();
            read(&mut connection, &output, at(0)).pop()
        });
        assert_eq!(violation, Some(Seen::Violation(Kind::MessageTooBig((16 << 20) + 1), 0)));
        assert!(came < 20 * 1024, "{came} bytes were looked at");
        bomb.reset();
    }
}
