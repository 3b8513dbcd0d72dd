//! Every violation, at every cut: what goes over the wire, and what the user learns.

use suite::peer::Peer;
use suite::watch::bounded;
use suite::wire::{BINARY, CLOSE, CONTINUATION, FIN, PING, PONG, TEXT, close_payload, frame};

use crate::testee::{Testee, for_every_runtime};

/// Frames of a server, the code that answers them, and a part of what is said.
fn table() -> Vec<(Vec<u8>, u16, &'static str)> {
    let server = |first: u8, payload: &[u8]| frame(first, false, payload);
    let close = |code: u16| server(FIN | CLOSE, &close_payload(code, ""));
    let announced = |first: u8, len: u64| [&[first, 127], &len.to_be_bytes()[..]].concat();
    let mut table = vec![
        // RFC 6455 §5.2.
        (server(FIN | TEXT | 0x40, b"rsv1"), 1002, "reserved bit"),
        (server(FIN | BINARY | 0x20, b"rsv2"), 1002, "reserved bit"),
        (server(FIN | PING | 0x10, b"rsv3"), 1002, "reserved bit"),
        (vec![FIN | BINARY, 126, 0, 125], 1002, "shortest form"),
        (announced(FIN | BINARY, 65_535), 1002, "shortest form"),
        (announced(FIN | BINARY, 1 << 63), 1002, "2^63-1"),
        // §5.1.
        (frame(FIN | TEXT, true, b"masked"), 1002, "masked"),
        (frame(FIN | PING, true, b""), 1002, "masked"),
        // §5.4.
        (server(CONTINUATION, b"of what"), 1002, "continuation"),
        (server(FIN | CONTINUATION, b""), 1002, "continuation"),
        ([server(TEXT, b"begun"), server(FIN | TEXT, b"another")].concat(), 1002, "inside a fragmented"),
        ([server(BINARY, b""), server(BINARY, b"")].concat(), 1002, "inside a fragmented"),
        // §5.5.
        (server(PING, b"cut"), 1002, "fragmented control"),
        (server(CLOSE, b""), 1002, "fragmented control"),
        (server(FIN | PING, &[0; 126]), 1002, "125 bytes"),
        (server(FIN | PONG, &[0; 70_000]), 1002, "125 bytes"),
        (server(FIN | CLOSE, &[0x03]), 1002, "half a code"),
        // §8.1.
        (server(FIN | TEXT, b"\xC0\xAF"), 1007, "UTF-8"),
        (server(FIN | TEXT, b"\xED\xA0\x80"), 1007, "UTF-8"),
        (server(FIN | TEXT, b"cut \xE4\xBD"), 1007, "UTF-8"),
        ([server(TEXT, b"\xF0\x9F"), server(FIN | CONTINUATION, b"\xFF")].concat(), 1007, "UTF-8"),
        // Within a frame that never ends.
        ([&announced(FIN | TEXT, 1 << 20), &b"\xF8"[..]].concat(), 1007, "UTF-8"),
        (server(FIN | CLOSE, b"\x03\xE8\xFF"), 1007, "UTF-8"),
        // Limits.
        (announced(FIN | BINARY, 1 << 62), 1009, "over max_message_size (16 MiB)"),
        (announced(FIN | BINARY, (16 << 20) + 1), 1009, "over max_message_size (16 MiB)"),
        (
            [server(TEXT, b"some of it"), announced(FIN | CONTINUATION, 16 << 20)].concat(),
            1009,
            "over max_message_size (16 MiB)",
        ),
    ];
    table.extend([3, 4, 5, 6, 7, 0xB, 0xC, 0xD, 0xE, 0xF].map(|opcode| {
        let bytes = server(FIN | opcode, b"");
        (bytes, 1002, "reserved opcode")
    }));
    // §7.4.
    table.extend(
        [0, 999, 1004, 1005, 1006, 1015, 1016, 2999, 5000, 65_535]
            .map(|code| (close(code), 1002, "close code")),
    );
    table
}

/// Sends the bytes in one chunk, in two at each of some places, and each by itself.
fn cuts(bytes: &[u8]) -> Vec<Vec<&[u8]>> {
    let two = (1..bytes.len().min(4)).map(|at| vec![&bytes[..at], &bytes[at..]]);
    let mut cuts: Vec<_> = two.collect();
    cuts.push(vec![bytes]);
    if bytes.len() < 50 {
        cuts.push(bytes.chunks(1).collect());
    }
    cuts
}

fn violate(runtime: &str, chunks: &[&[u8]], code: u16, says: &str) {
    let (testee, mut peer) = Testee::open(runtime, &[]);
    peer.text("before");
    assert_eq!(peer.receive_text(), "before");
    for chunk in chunks {
        // What comes behind a violation may meet a connection that has ended.
        if peer.send_while_taken(chunk, chunk.len()) < chunk.len() {
            break;
        }
    }
    let (told, reason) = peer.receive_close();
    // The peer is told the limit, and no rule of the protocol.
    assert_eq!((told, reason.ends_with(says)), (code, code == 1009), "{reason}");
    assert_eq!(reason.is_empty(), code != 1009, "{reason}");
    end(&mut peer);
    let outcome = testee.outcome();
    let said = outcome.failure("protocol");
    assert!(said.contains(says), "{said}, not {says}");
    assert_eq!(outcome.events.len(), 3, "message, error and closed: {outcome:?}");
    let closed = outcome.closed();
    assert_eq!((&closed["code"], &closed["by"]), (&code.into(), &"us".into()), "{closed}");
}

/// The client has nothing more to say, and goes.
fn end(peer: &mut Peer) {
    peer.end();
    assert_eq!(peer.read_to_end(), b"");
}

#[test]
fn every_violation_at_every_cut_is_answered_with_its_code() {
    bounded(|| {
        for_every_runtime(|runtime| {
            for (bytes, code, says) in table() {
                for chunks in cuts(&bytes) {
                    violate(runtime, &chunks, code, says);
                }
            }
        });
    });
}

#[test]
fn a_smaller_limit_is_kept_to_the_byte() {
    bounded(|| {
        for_every_runtime(|runtime| {
            let (testee, mut peer) = Testee::open(runtime, &["--max-message", "1000"]);
            peer.frame(BINARY, [1; 600]);
            peer.frame(FIN | CONTINUATION, [2; 400]);
            assert_eq!(peer.receive().payload.len(), 1000);
            peer.frame(BINARY, [1; 600]);
            peer.frame(FIN | CONTINUATION, [2; 401]);
            assert_eq!(peer.receive_close().0, 1009);
            end(&mut peer);
            assert!(testee.outcome().failure("protocol").contains("1001 bytes"));
        });
    });
}

#[test]
fn an_end_without_close_is_an_error_and_1006() {
    bounded(|| {
        for_every_runtime(|runtime| {
            for cut in [&[][..], &[FIN | TEXT], &[FIN | TEXT, 5, b'h'], &[FIN | CLOSE, 2, 3]] {
                let (testee, mut peer) = Testee::open(runtime, &[]);
                peer.send(cut);
                end(&mut peer);
                let outcome = testee.outcome();
                assert!(outcome.failure("transport").contains("without a Close frame"));
                let closed = outcome.closed();
                assert_eq!((&closed["code"], &closed["by"]), (&1006.into(), &"peer".into()), "{closed}");
            }
        });
    });
}

#[test]
fn a_silent_server_is_found_out() {
    bounded(|| {
        for_every_runtime(|runtime| {
            let (testee, mut peer) =
                Testee::open(runtime, &["--ping-interval", "0.2", "--pong-timeout", "0.3"]);
            assert_eq!(peer.receive().opcode, PING);
            let outcome = testee.outcome();
            assert!(outcome.failure("timeout").contains("ping"), "{outcome:?}");
            assert_eq!(outcome.closed()["code"], 1006);
        });
    });
}
