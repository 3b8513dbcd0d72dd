//! The answer to a peer does not depend on how its bytes were split into reads.

use ws_common::{
    reconnect::Reconnect,
    session::{ClientBuilder, Delivery, Session},
};
use ws_core::Machine;
use ws_core::bytes::Buf;

use ws_testkit::trace_line;

use crate::support::{Plan, Serve, Sim, Steps, client, secs, simulate};

/// A frame of a server.
fn frame(first: u8, payload: &[u8]) -> Vec<u8> {
    [&[first, payload.len() as u8], payload].concat()
}

/// Opcode and payload of each frame that a client has sent, without the nonces of its pings.
fn frames(mut sent: &[u8]) -> Vec<(u8, Vec<u8>)> {
    let mut frames = Vec::new();
    while let [first, length, key @ ..] = sent {
        let length = usize::from(length & 0x7F);
        assert!(length < 126, "a short frame");
        let (key, rest) = key.split_at(4);
        let payload = rest[..length].iter().zip(key.iter().cycle()).map(|(byte, key)| byte ^ key);
        let is_ping = *first == 0x89;
        frames.push((*first, if is_ping { Vec::new() } else { payload.collect() }));
        sent = &rest[length..];
    }
    frames
}

/// All that waits to be written.
fn write(sim: &mut Sim) -> Vec<u8> {
    let n = sim.session.outbound().remaining();
    let mut bytes = vec![0; n];
    sim.session.outbound().copy_to_slice(&mut bytes);
    if n > 0 {
        sim.session.handle_write(n, sim.now);
    }
    bytes
}

/// Who takes the events.
#[derive(Clone, Copy, PartialEq, Debug)]
enum Taking {
    /// A program that replies to each message through the outbox.
    Replying,
    /// A program that replies to each message on the present connection.
    ReplyingNow,
    /// A program that does not.
    Silent,
    /// Nobody, until all reads were made.
    Late,
}

/// The manner of a client: it acts on its own, and somebody takes its events.
#[derive(Clone, Copy)]
struct Manner {
    acts: fn(&mut Sim),
    taking: Taking,
    /// The transport takes nothing before all reads were made.
    is_slow: bool,
}

/// The frames that the client sends, and the events that it reports, when these reads come, and then the end of the stream.
fn answer(
    builder: ClientBuilder<Session>,
    reads: &[&[u8]],
    manner: Manner,
) -> (Vec<(u8, Vec<u8>)>, Vec<String>) {
    let mut sim = simulate(builder, [Plan::Serve(Serve { is_mute: true, ..Serve::default() })]);
    // The messages of `on_open` come when the transport takes no more.
    sim.hesitate(true);
    sim.settle();
    sim.switches.is_blocked = true;
    sim.hesitate(false);
    sim.lines();
    (manner.acts)(&mut sim);
    let (mut sent, mut trace) = (Vec::new(), Vec::new());
    if !manner.is_slow {
        sent.extend(write(&mut sim));
    }
    let mut take = |sim: &mut Sim, taking: Taking| {
        while let Ok(Some(event)) = sim.session.poll_event() {
            let event = trace_line(&event);
            if let Some(message) = event.strip_prefix("message ") {
                let reply = format!("re: {message}");
                // Refused when the client is closing.
                let _ = match taking {
                    Taking::Replying | Taking::Late => sim.session.send(reply),
                    Taking::ReplyingNow => sim.session.send_now(reply),
                    Taking::Silent => Ok(()),
                };
            }
            trace.push(event);
        }
    };
    for read in reads.iter().filter(|read| !read.is_empty()) {
        sim.inject(read);
        match manner.taking {
            Taking::Late => _ = sim.session.read_ahead(),
            taking => take(&mut sim, taking),
        }
        if !manner.is_slow {
            sent.extend(write(&mut sim));
        }
    }
    take(&mut sim, manner.taking);
    sent.extend(write(&mut sim));
    sim.session.handle_read(0, sim.now);
    take(&mut sim, Taking::Silent);
    (frames(&sent), trace)
}

fn is_reply(frame: &(u8, Vec<u8>)) -> bool {
    frame.1.starts_with(b"re: ")
}

/// Frames without the replies, and without the pings that prove them.
fn without_replies(frames: &[(u8, Vec<u8>)]) -> Vec<&(u8, Vec<u8>)> {
    frames.iter().filter(|frame| !is_reply(frame) && frame.0 != 0x89).collect()
}

#[test]
fn what_a_client_sends_and_reports_is_the_same_however_the_bytes_of_its_peer_are_split() {
    let start =
        [frame(0x81, b"one"), frame(0x81, b"two"), frame(0x89, b"ping"), frame(0x82, b"three")].concat();
    let ends = [
        frame(0x88, b"\x03\xE8bye"),
        frame(0x88, b"\x03\xE9going"),
        frame(0x88, b""),
        frame(0x89, b"last"),
        // Violations: a reserved opcode, text that is none, codes that are not allowed on the wire.
        frame(0x83, b"x"),
        frame(0x81, b"\xFF"),
        frame(0x88, b"\x03\xED"),
        frame(0x88, b"\x03\xE8\xFF"),
        frame(0x88, b"\x03"),
    ];
    let closes: fn(&mut Sim) = |sim| sim.session.close(ws_core::CloseCode::NORMAL.into(), sim.now);
    let sends: fn(&mut Sim) = |sim| {
        sim.send("first");
        sim.session.send_now("now").expect("an open connection");
        sim.send("second");
    };
    let nothing: fn(&mut Sim) = |_| ();
    let policies: [(fn() -> Reconnect, _); 2] =
        [(Reconnect::never, false), (|| Reconnect::after(secs(1)), true)];
    for end in &ends {
        for behind in [&b""[..], &frame(0x81, b"behind")] {
            let bytes = [&start[..], end, behind].concat();
            for (policy, reconnects) in policies {
                for delivery in [Delivery::AtMostOnce, Delivery::Confirmed] {
                    let manners = [(nothing, false), (sends, false), (closes, false), (sends, true)];
                    let takings = [Taking::Replying, Taking::ReplyingNow, Taking::Silent, Taking::Late];
                    for manner in manners
                        .into_iter()
                        .flat_map(|(acts, is_slow)| takings.map(|taking| Manner { acts, taking, is_slow }))
                    {
                        let builder =
                            || client().reconnect(policy()).delivery(delivery).on_open(|_| ["login"]);
                        let Manner { taking, is_slow, .. } = manner;
                        // Replies through the outbox that have not begun to leave wait for the next connection, if there is one.
                        let is_exact = is_slow || taking != Taking::Replying || !reconnects;
                        let whole = answer(builder(), &[&bytes], manner);
                        // Bytes behind the end change nothing about the cuts before.
                        let first = if behind.is_empty() { 1 } else { start.len() };
                        for cut in first..bytes.len() {
                            let (before, after) = bytes.split_at(cut);
                            let split = answer(builder(), &[before, after], manner);
                            let case = format!("{end:?}, {taking:?}, {is_slow}, {delivery:?}, cut at {cut}");
                            if is_exact {
                                assert_eq!(split, whole, "{case}");
                            } else {
                                assert_eq!(split.1, whole.1, "{case}");
                                assert_eq!(without_replies(&split.0), without_replies(&whole.0), "{case}");
                                let replies = split.0.iter().filter(|frame| is_reply(frame));
                                let expected = [&b"re: one"[..], b"re: two", b"re: three"];
                                assert!(replies.zip(expected).all(|(reply, text)| reply.1 == text), "{case}");
                            }
                        }
                    }
                }
            }
        }
    }
}
