//! permessage-deflate over connections that come and go.

use std::thread;

use ws_common::{reconnect::Reconnect, session::ClientBuilder};
use ws_core::Deflate;

use super::ClientAdapter;
use super::cuts::frames;
use super::watched::{persistent, watched};
use crate::ends::quiet;
use crate::peer::{Server, field};
use crate::proxy::{Fault, Proxy, Way};
use crate::watch::eventually;
use crate::wire::{self, CONTINUATION, Frame, RSV1, TEXT};
use crate::witness::{Manner, Witness};
use crate::zlib::Zlib;

const LONG: &str =
    "what is said twice is said in fewer bytes for the second time, as long as the first is known";

fn eager<A: ClientAdapter>(builder: ClientBuilder<A>) -> ClientBuilder<A> {
    builder.config(quiet().deflate(Deflate::default().min_size(0)))
}

fn compressing() -> Witness {
    Witness::new(Manner { greetings: &[LONG], echoes: true, compresses: true, ..Manner::default() })
}

/// The texts that a client sent on its connection `number`, as they were on the wire.
fn texts<const N: usize>(proxy: &Proxy, number: usize) -> [Frame; N] {
    let texts = || {
        let mut bytes = frames(&proxy.records()[number].up);
        let frames = std::iter::from_fn(|| wire::take_frame(&mut bytes));
        frames.filter(|frame| frame.opcode == TEXT).collect::<Vec<_>>()
    };
    // The proxy notes what has passed, so that an answer may be here before.
    eventually("what the client sent", || texts().len() >= N);
    texts().try_into().unwrap()
}

fn message(text: &str) -> String {
    format!("message {text}")
}

pub fn each_connection_negotiates_anew_and_begins_afresh<A: ClientAdapter>() {
    let witness = compressing();
    let proxy = Proxy::new(witness.address(), []);
    let mut client = watched(eager(persistent::<A>(&proxy.url())));
    for round in 0..3 {
        client.expect(&["connected", "open", &message(LONG)]);
        for _ in 0..2 {
            client.try_send(LONG).unwrap();
            client.expect(&[&message(LONG)]);
        }
        let texts: [Frame; 2] = texts(&proxy, round);
        let record = proxy.records().swap_remove(round);
        let head = String::from_utf8_lossy(&record.up);
        let offer = "permessage-deflate; client_max_window_bits";
        assert_eq!(field(&head, "Sec-WebSocket-Extensions"), Some(offer));
        let lengths: Vec<_> = texts.iter().map(|text| text.payload.len()).collect();
        assert!(texts.iter().all(|text| text.rsv1) && lengths[0] > 50 && lengths[1] < 20, "{lengths:?}");
        proxy.hang_up();
        client.until(&format!("reconnecting {}", round + 1));
    }
}

pub fn a_server_that_does_not_compress_any_more_is_no_obstacle<A: ClientAdapter>() {
    let before = compressing();
    let after = Witness::new(Manner { echoes: true, ..Manner::default() });
    let address = after.address();
    let proxy = Proxy::new(before.address(), [Fault::Cut(Way::Down, 400)]);
    let builder = persistent::<A>(&proxy.url());
    let builder = eager(builder).prepare(move |attempt, options| match attempt.number {
        0 => Ok(options),
        _ => Ok(options.address(address)),
    });
    let mut client = watched(builder);
    let mut sent = 0;
    while client.status() != ws_common::session::ClientStatus::Waiting && sent < 1000 {
        client.try_send(format!("{sent} {LONG}")).unwrap();
        sent += 1;
        if client.event() == "reconnecting 1" {
            break;
        }
    }
    client.try_send("last").unwrap();
    client.until("message last");
    assert_eq!(after.texts().last().unwrap(), "last");
    client.close(ws_core::CloseCode::NORMAL);
}

pub fn what_is_said_of_a_message_holds_for_it_on_every_connection<A: ClientAdapter>() {
    let witness = compressing();
    // Neither comes to be open.
    let proxy = Proxy::new(witness.address(), [Fault::Reset, Fault::Cut(Way::Up, 100)]);
    let mut client = watched(eager(persistent::<A>(&proxy.url())));
    client.compress(false);
    client.try_send(LONG).unwrap();
    client.compress(true);
    client.try_send(LONG).unwrap();
    client.compress(false);
    client.until(&message(LONG));
    client.try_send("last").unwrap();
    client.until("message last");
    let texts: [Frame; 3] = texts(&proxy, 2);
    assert_eq!(texts.each_ref().map(|text| text.rsv1), [false, true, false]);
    assert_eq!(texts[0].payload, LONG.as_bytes());
}

pub fn the_memory_for_compressing_can_be_given_back<A: ClientAdapter>() {
    let witness = compressing();
    let proxy = Proxy::new(witness.address(), []);
    let mut client = watched(eager(persistent::<A>(&proxy.url())));
    // There is none yet.
    client.release_compressor();
    client.until(&message(LONG));
    for _ in 0..3 {
        client.try_send(LONG).unwrap();
        client.expect(&[&message(LONG)]);
        client.release_compressor();
    }
    let texts: [Frame; 3] = texts(&proxy, 0);
    let lengths = texts.map(|text| text.payload.len());
    assert!(lengths.iter().all(|length| *length == lengths[0]), "{lengths:?}");
}

pub fn a_bomb_ends_the_connection_and_the_client_does_not_come_back_for_more<A: ClientAdapter>() {
    let server = Server::new();
    let builder = ClientBuilder::<A>::new(server.url()).reconnect(Reconnect::backoff().only_transient());
    let mut client = watched(builder.config(quiet().max_message_size(1 << 20)));
    thread::scope(|scope| {
        scope.spawn(|| {
            let mut peer = server.open_with("Sec-WebSocket-Extensions: permessage-deflate\r\n");
            let mut zlib = Zlib::default();
            let zeros = vec![0; 1 << 19];
            for first in [RSV1 | TEXT, CONTINUATION, CONTINUATION] {
                let part = zlib.part(&zeros);
                peer.frame(first, part);
            }
            assert_eq!(peer.receive_close().0, 1009);
            peer.end();
            peer.read_to_end();
        });
        client.expect(&["connected", "open", "error protocol", "closed 1009", "over"]);
        assert!(client.error().contains("over max_message_size"), "{}", client.error());
    });
}
