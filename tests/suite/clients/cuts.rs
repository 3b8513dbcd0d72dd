//! A short conversation that is cut at every byte of it.

use ws_common::session::Delivery;
use ws_core::Deflate;

use super::ClientAdapter;
use super::watched::{persistent, watched};
use crate::ends::quiet;
use crate::wire::{self, PONG, TEXT};
use crate::witness::{Manner, Testimony, Witness};
use ws_testkit::Way::{Down, Up};
use ws_testkit::{Fault, FaultRelay, Transfer, Way};

const MESSAGES: [&str; 4] = ["m0", "m1", "m2", "m3"];

/// Whether each message, of both ends, is compressed. Then it refers to those before it on its connection.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Form {
    Plain,
    Compressed,
}

/// What there is to see when the conversation has been cut and then ended well.
struct Outcome {
    /// What had happened before the cut.
    before: Vec<String>,
    /// What the transport had taken of the messages before the cut.
    taken: usize,
    /// What the server got of each connection whose handshake was done.
    testimonies: Vec<Testimony>,
    first: Transfer,
}

/// No time-out has any part in it: no event is waited for so long.
fn converse<A: ClientAdapter>(form: Form, delivery: Delivery, fault: Fault) -> Outcome {
    let compresses = form == Form::Compressed;
    let witness = Witness::new(Manner { greetings: &["hi"], echoes: true, compresses, ..Manner::default() });
    let proxy = FaultRelay::start(witness.address(), [fault]).unwrap();
    let mut client = watched(
        persistent::<A>(&proxy.url())
            .config(quiet().deflate(compresses.then(|| Deflate::default().min_size(0))))
            .delivery(delivery),
    );
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
    Outcome { before, taken, testimonies, first: proxy.transfers().swap_remove(0) }
}

/// How many bytes go each way, up to and with the echo of `m3` and the pong that proves it.
fn length<A: ClientAdapter>(form: Form, delivery: Delivery, way: Way) -> usize {
    let record = converse::<A>(form, delivery, Fault::None).first;
    let bytes = if way == Up { record.up } else { record.down };
    // What follows is the last message, and perhaps a ping or a pong of confirmed delivery.
    let mut rest = frames(&bytes);
    let mut last = bytes.len();
    loop {
        let at = bytes.len() - rest.len();
        match wire::take_frame(&mut rest) {
            Some(frame) if frame.opcode == TEXT => last = at,
            Some(_) => {}
            None => return last,
        }
    }
}

/// What follows the head of a handshake.
pub(super) fn frames(bytes: &[u8]) -> Vec<u8> {
    let end = bytes.windows(4).position(|bytes| bytes == b"\r\n\r\n");
    end.map_or(Vec::new(), |end| bytes[end + 4..].to_vec())
}

fn prefix<'a>(all: &[&'a str], n: usize) -> Vec<&'a str> {
    all[..n].to_vec()
}

fn at_most_once<A: ClientAdapter>(form: Form, way: Way) {
    let all = [&MESSAGES[..], &["last"]].concat();
    for at in 0..=length::<A>(form, Delivery::AtMostOnce, way) {
        let outcome = converse::<A>(form, Delivery::AtMostOnce, Fault::Cut(way, at));
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

fn confirmed<A: ClientAdapter>(form: Form, way: Way) {
    let all = [&MESSAGES[..], &["last"]].concat();
    for at in 0..=length::<A>(form, Delivery::Confirmed, way) {
        let outcome = converse::<A>(form, Delivery::Confirmed, Fault::Cut(way, at));
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
fn is_proven(record: &Transfer) -> bool {
    let mut frames = frames(&record.down);
    std::iter::from_fn(|| wire::take_frame(&mut frames)).any(|frame| frame.opcode == PONG)
}

pub fn at_most_once_on_the_way_to_the_server<A: ClientAdapter>() {
    at_most_once::<A>(Form::Plain, Up);
}

pub fn at_most_once_on_the_way_back<A: ClientAdapter>() {
    at_most_once::<A>(Form::Plain, Down);
}

pub fn confirmed_on_the_way_to_the_server<A: ClientAdapter>() {
    confirmed::<A>(Form::Plain, Up);
}

pub fn confirmed_on_the_way_back<A: ClientAdapter>() {
    confirmed::<A>(Form::Plain, Down);
}

pub fn at_most_once_on_the_way_to_the_server_compressed<A: ClientAdapter>() {
    at_most_once::<A>(Form::Compressed, Up);
}

pub fn at_most_once_on_the_way_back_compressed<A: ClientAdapter>() {
    at_most_once::<A>(Form::Compressed, Down);
}

pub fn confirmed_on_the_way_to_the_server_compressed<A: ClientAdapter>() {
    confirmed::<A>(Form::Compressed, Up);
}

pub fn confirmed_on_the_way_back_compressed<A: ClientAdapter>() {
    confirmed::<A>(Form::Compressed, Down);
}
