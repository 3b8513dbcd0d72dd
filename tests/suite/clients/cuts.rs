//! A short conversation that is cut at every byte of it.

use std::time::{Duration, Instant};

use ws_client::Delivery;

use super::ClientAdapter;
use super::watched::{persistent, watched};
use crate::proxy::Way::{Down, Up};
use crate::proxy::{Fault, Proxy, Record, Way};
use crate::wire::{self, PONG};
use crate::witness::{Manner, Testimony, Witness};

const MESSAGES: [&str; 4] = ["m0", "m1", "m2", "m3"];

/// What there is to see when the conversation has been cut and then ended well.
struct Outcome {
    /// What had happened before the cut.
    before: Vec<String>,
    /// What the transport had taken of the messages before the cut.
    taken: usize,
    /// What the server got of each connection whose handshake was done.
    testimonies: Vec<Testimony>,
    first: Record,
}

fn converse<A: ClientAdapter>(delivery: Delivery, fault: Fault) -> Outcome {
    let begin = Instant::now();
    let witness = Witness::new(Manner { greetings: &["hi"], echoes: true, ..Manner::default() });
    let proxy = Proxy::new(witness.address(), [fault]);
    let mut client = watched(persistent::<A>(&proxy.url()).delivery(delivery));
    for message in MESSAGES {
        client.try_send(message).unwrap();
    }
    let mut before = Vec::new();
    let mut taken = 0;
    if fault != Fault::None {
        before = client.until("reconnecting 1");
        taken = client.stats().messages_sent as usize;
    }
    client.try_send("last").unwrap();
    let after = client.until("message last");
    assert_eq!(after[..3], ["connected", "open", "message hi"], "{after:?}");
    let mut testimonies = witness.testimonies();
    if testimonies.len() == 1 && fault != Fault::None {
        testimonies.insert(0, Testimony::default());
    }
    let echoes: Vec<_> = after[3..].iter().map(|event| event.replace("message ", "")).collect();
    assert_eq!(echoes, testimonies.last().unwrap().texts, "what is sent comes back in order");
    // No time-out has any part in it.
    assert!(begin.elapsed() < Duration::from_secs(3), "{fault:?} took {:?}", begin.elapsed());
    Outcome { before, taken, testimonies, first: proxy.records().swap_remove(0) }
}

/// How many bytes go each way, up to and with the echo of `m3` and the pong that proves it.
fn length<A: ClientAdapter>(delivery: Delivery, way: Way) -> usize {
    let record = converse::<A>(delivery, Fault::None).first;
    let (bytes, last) = match way {
        Up => (record.up, wire::frame(0x81, true, b"last").len()),
        Down => (record.down, wire::frame(0x81, false, b"last").len()),
    };
    // A ping of confirmed delivery, which may still follow.
    bytes.len() - last - if delivery == Delivery::Confirmed { 14 } else { 0 }
}

fn prefix<'a>(all: &[&'a str], n: usize) -> Vec<&'a str> {
    all[..n].to_vec()
}

fn at_most_once<A: ClientAdapter>(way: Way) {
    let all = [&MESSAGES[..], &["last"]].concat();
    for at in 0..=length::<A>(Delivery::AtMostOnce, way) {
        let outcome = converse::<A>(Delivery::AtMostOnce, Fault::Cut(way, at));
        let seen = (&outcome.before, &outcome.testimonies);
        let [first, second] = &outcome.testimonies[..] else { panic!("cut {way:?} at {at}: {seen:?}") };
        let arrived = first.texts.len();
        assert!(arrived <= outcome.taken, "cut {way:?} at {at}: what arrived was taken: {seen:?}");
        assert_eq!(first.texts, prefix(&all, arrived), "cut {way:?} at {at}: {seen:?}");
        assert_eq!(
            second.texts,
            all[outcome.taken..],
            "cut {way:?} at {at}: only what was not taken: {seen:?}"
        );
    }
}

fn confirmed<A: ClientAdapter>(way: Way) {
    let all = [&MESSAGES[..], &["last"]].concat();
    for at in 0..=length::<A>(Delivery::Confirmed, way) {
        let outcome = converse::<A>(Delivery::Confirmed, Fault::Cut(way, at));
        let seen = (&outcome.before, &outcome.testimonies);
        let [first, second] = &outcome.testimonies[..] else { panic!("cut {way:?} at {at}: {seen:?}") };
        let arrived = first.texts.len();
        assert_eq!(first.texts, prefix(&all, arrived), "cut {way:?} at {at}: {seen:?}");
        let again = all.len() - second.texts.len();
        assert_eq!(second.texts, all[again..], "cut {way:?} at {at}: {seen:?}");
        assert!(again <= arrived, "cut {way:?} at {at}: a message is lost: {seen:?}");
        if is_proven(&outcome.first) {
            assert_eq!(again, MESSAGES.len(), "cut {way:?} at {at}: what is proven came again: {seen:?}");
        }
    }
}

/// Whether the whole pong had passed.
fn is_proven(record: &Record) -> bool {
    let end = record.down.windows(4).position(|bytes| bytes == b"\r\n\r\n");
    let mut frames = end.map_or(Vec::new(), |end| record.down[end + 4..].to_vec());
    std::iter::from_fn(|| wire::take_frame(&mut frames)).any(|frame| frame.opcode == PONG)
}

pub fn at_most_once_on_the_way_to_the_server<A: ClientAdapter>() {
    at_most_once::<A>(Up);
}

pub fn at_most_once_on_the_way_back<A: ClientAdapter>() {
    at_most_once::<A>(Down);
}

pub fn confirmed_on_the_way_to_the_server<A: ClientAdapter>() {
    confirmed::<A>(Up);
}

pub fn confirmed_on_the_way_back<A: ClientAdapter>() {
    confirmed::<A>(Down);
}
