//! What is compressed counts for what goes over the wire, and is as it was given on every connection.

use ws_common::{reconnect::Reconnect, session::Delivery};
use ws_core::bytes::BytesMut;
use ws_core::{Config, Connection, Deflate, Machine, Message, Random, Role, SendError};

use crate::deflate::compressing;
use crate::support::{Plan, Serve, Sim, at, ms, secs};

fn serve() -> Serve {
    Serve { compresses: true, ..Serve::default() }
}

/// Messages that are like those before them, and one of which no compressor makes anything.
fn ten() -> Vec<String> {
    let mut random = Random::from_seed([3; 32]);
    let mut noise = || char::from(b'!' + (random.next_u64() % 90) as u8);
    let text = |n| match n {
        5 => (0..200).map(|_| noise()).collect(),
        n => format!("{n} is the number of this one {}", "x".repeat(n)),
    };
    (0..10).map(text).collect()
}

/// How many bytes each of them is on the wire, one after the other on one connection.
fn lengths(texts: &[String]) -> Vec<usize> {
    let agreed = Deflate::default().min_size(0).accept(["permessage-deflate"]);
    let (config, random) = (Config::default(), Random::from_seed([1; 32]));
    let mut connection = Connection::after_handshake(Role::Client, &config, random, BytesMut::new(), at(0))
        .with_deflate(agreed.expect("an offer").expect("compression"));
    let mut sent = |text: &String| {
        let before = connection.outbound().len();
        connection.send(text.clone()).expect("room");
        connection.outbound().len() - before
    };
    texts.iter().map(&mut sent).collect()
}

#[test]
fn what_the_transport_had_taken_whole_is_not_sent_again_and_all_else_is() {
    let texts = ten();
    let lengths = lengths(&texts);
    let total: usize = lengths.iter().sum();
    let plain: usize = texts.iter().map(|text| text.len() + 6).sum();
    assert!(total < plain * 3 / 4, "{total} of {plain} bytes");
    for cut in 1..total {
        for (chunk, is_lossy) in [(3, false), (usize::MAX, false), (usize::MAX, true)] {
            let plan = Plan::Serve(Serve { takes: Some(cut), delivers: is_lossy.then_some(0), ..serve() });
            let mut sim = Sim::new(compressing().reconnect(Reconnect::after(ms(1))), [plan]);
            sim.then = Plan::Serve(serve());
            sim.chunk = chunk;
            texts.iter().for_each(|text| sim.send(text));
            sim.advance(ms(10));
            let mut ends = lengths.iter().scan(0, |end, length| {
                *end += length;
                Some(*end)
            });
            let taken = ends.by_ref().take_while(|end| *end <= cut).count();
            let expected = if is_lossy { &texts[taken..] } else { &texts[..] };
            assert_eq!(sim.texts(), expected, "cut at {cut}, {chunk} at a time");
            assert_eq!(sim.session.flushed(None), Some(Ok(())));
            assert_eq!(sim.session.stats().messages_sent, 10);
        }
    }
}

#[test]
fn a_message_has_begun_when_a_byte_of_its_frame_was_taken() {
    let texts = ten();
    let lengths = lengths(&texts);
    let (mut end, mut cut) = (0, 0);
    for (n, length) in lengths.iter().enumerate() {
        end += length;
        // Within the frame, up to its end, and one byte of the next.
        while cut < end {
            cut += 1;
            let plan = Plan::Serve(Serve { takes: Some(cut), delivers: Some(0), ..serve() });
            let builder = compressing().delivery(Delivery::Confirmed);
            let mut sim = Sim::new(builder.reconnect(Reconnect::after(ms(1))), [plan.clone(), plan]);
            sim.then = Plan::Serve(serve());
            texts.iter().for_each(|text| sim.send(text));
            sim.advance(ms(10));
            // What has begun twice for nothing goes by itself, each with a proof of its own.
            let pongs = sim.trace().iter().filter(|event| *event == "pong").count();
            assert_eq!(pongs, (n + 2).min(texts.len()), "cut at {cut}");
            assert_eq!(sim.texts(), texts, "cut at {cut}");
        }
    }
}

#[test]
fn the_time_for_a_proof_begins_when_its_ping_has_left() {
    let plan = Plan::Serve(Serve { is_mute: true, ..serve() });
    let builder = compressing().delivery(Delivery::Confirmed).confirm_timeout(secs(20));
    let mut sim = Sim::new(builder.reconnect(Reconnect::never()), [plan]);
    sim.settle();
    sim.is_blocked = true;
    sim.send(&"x".repeat(50_000));
    sim.advance(secs(10));
    // All but the ping's last byte.
    let now = sim.now;
    let n = sim.session.outbound().len() - 1;
    assert!(n < 500, "{n} bytes");
    ws_core::bytes::Buf::advance(sim.session.outbound(), n);
    sim.session.handle_write(n, now);
    sim.advance(secs(10));
    sim.is_blocked = false;
    sim.advance(secs(19));
    sim.expect(&["connected", "open"]);
    sim.advance(secs(1));
    sim.expect(&["error timeout", "closed 1006 broken us"]);
    assert_eq!(sim.session.take_unsent().len(), 1);
}

#[test]
fn nothing_is_lost_over_cuts_anywhere() {
    for seed in 0..10 {
        let mut random = Random::from_seed([seed; 32]);
        let mut up_to = |limit: u64| (random.next_u64() % limit) as usize;
        let cuts: Vec<_> = (0..100)
            .map(|_| {
                let takes = up_to(200);
                Plan::Serve(Serve { takes: Some(takes), delivers: Some(up_to(takes as u64 + 1)), ..serve() })
            })
            .collect();
        let builder = compressing().delivery(Delivery::Confirmed).max_deliveries(1000);
        let mut sim = Sim::new(builder.confirm_timeout(ms(20)).reconnect(Reconnect::after(ms(1))), cuts);
        sim.then = Plan::Serve(serve());
        sim.chunk = 1 + up_to(50);
        let mut sent = Vec::new();
        while sim.session.stats().connections <= 100 {
            sent.push(format!("{} {}", sent.len(), "x".repeat(up_to(400))));
            sim.session.compress(up_to(4) > 0);
            sim.send(&sent[sent.len() - 1]);
            sim.advance(ms(up_to(3) as u64));
        }
        sim.advance(secs(1));
        assert_eq!(sim.session.flushed(None), Some(Ok(())));
        let mut first: Vec<&str> = Vec::new();
        for (_, text) in &sim.received {
            if sent.get(first.len()) == Some(text) {
                first.push(text);
            }
        }
        assert_eq!(first, sent, "each arrives, in order");
    }
}

#[test]
fn the_outbox_counts_what_it_holds() {
    let mut sim = Sim::new(compressing().max_send_buffer(100), [Plan::BlackHole]);
    sim.settle();
    let accepted = std::iter::from_fn(|| sim.session.send("x".repeat(10)).ok()).take(100).count();
    assert_eq!(accepted, 7);
    // What a connection was given counts as much, until the transport has it.
    let mut sim = Sim::new(compressing().max_send_buffer(100_000), [Plan::Serve(serve())]);
    sim.settle();
    sim.is_blocked = true;
    let accepted = std::iter::from_fn(|| sim.session.send("x".repeat(10_000)).ok()).take(100).count();
    assert_eq!(accepted, 10);
    assert!(sim.session.outbound().len() < 1000);
    let refused = Message::from("refused");
    assert!(
        matches!(sim.session.send(refused.clone()), Err(SendError::Full { message, .. }) if message == refused)
    );
    sim.is_blocked = false;
    sim.settle();
    assert!(sim.session.has_room());
    sim.send("next");
    sim.settle();
    assert_eq!(sim.received.len(), 11);
    assert_eq!(sim.texts()[10], "next", "what was refused is in nobody's window");
}

#[test]
fn what_is_said_of_a_message_holds_for_it_on_every_connection() {
    for lost in 0..4 {
        let plan = Plan::Serve(Serve { takes: Some(10), ..serve() });
        let mut sim = Sim::new(compressing().reconnect(Reconnect::after(ms(1))), vec![plan; lost]);
        sim.then = Plan::Serve(serve());
        let text = "x".repeat(1000);
        sim.session.compress(false);
        sim.send(&text);
        sim.session.compress(true);
        sim.send(&text);
        sim.session.compress(false);
        sim.advance(ms(10));
        assert_eq!(sim.texts(), [&text, &text]);
        let requests: usize = sim.requests.iter().map(String::len).sum();
        let written = sim.session.stats().bytes_written as usize - requests - lost * 10;
        assert!((1008..1100).contains(&written), "{written} bytes for one as it is and one compressed");
    }
}

#[test]
fn the_memory_for_compressing_can_be_given_back_at_any_time() {
    let mut sim = Sim::new(compressing(), [Plan::Serve(serve())]);
    sim.session.release_compressor();
    sim.settle();
    let text = "what is said twice is said in fewer bytes for the second time";
    let cost = |sim: &mut Sim| {
        let before = sim.session.stats().bytes_written;
        sim.send(text);
        sim.settle();
        sim.session.stats().bytes_written - before
    };
    let first = cost(&mut sim);
    assert!(cost(&mut sim) < first / 2);
    sim.session.release_compressor();
    assert_eq!(cost(&mut sim), first);
    assert_eq!(sim.texts(), [text; 3]);
}

#[test]
fn messages_of_the_opening_phase_are_not_compressed() {
    let text = "x".repeat(1000);
    let login = text.clone();
    let mut sim = Sim::new(compressing().on_open(move |_| [login.clone()]), [Plan::Serve(serve())]);
    let cost = |sim: &mut Sim, before: u64| {
        sim.settle();
        sim.session.stats().connection.expect("a connection").sent.bytes - before
    };
    assert_eq!(cost(&mut sim, 0), 1008);
    sim.session.send_now(text.clone()).expect("an open connection");
    assert_eq!(cost(&mut sim, 1008), 1008);
    sim.send(&text);
    assert!(cost(&mut sim, 2016) < 100, "others are");
    assert_eq!(sim.texts(), [&text, &text, &text]);
}
