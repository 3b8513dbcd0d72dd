//! What connections over TLS hold, counted by the allocator. One test alone, since it counts for the whole process.
#![allow(clippy::unwrap_used, reason = "what a test does not expect is to end it")]
#![cfg(any(feature = "ring", feature = "aws-lc-rs"))]
#![allow(dead_code, reason = "most of what is here is for other tests")]

#[path = "../tls/authority.rs"]
mod authority;
#[path = "../tls/evil.rs"]
mod evil;
#[path = "../opening/far.rs"]
mod far;
#[path = "../opening/proxy.rs"]
mod proxy;
#[path = "../opening/support.rs"]
mod support;
mod tls;

use peak_alloc::PeakAlloc;
use rustls::ContentType;
use ws_common::{ConnectOptions, MaybeTls, rustls};
use ws_core::bytes::BytesMut;
use ws_core::{Connection, Machine, Role};

use authority::{Authority, VERSIONS};
use evil::{Evil, ticket};
use far::Far;
use support::{WHOLE, at, feed, opened, options, quiet, settle, write_some};
use tls::ways::{Place, WAYS, Way};

#[global_allocator]
static MEMORY: PeakAlloc = PeakAlloc;

const KIB: usize = 1024;

/// How much more than before was held while something was done.
fn peak(doing: impl FnOnce()) -> usize {
    let before = MEMORY.current_usage();
    MEMORY.reset_peak_usage();
    doing();
    MEMORY.peak_usage().saturating_sub(before)
}

fn layers(way: Way) -> usize {
    usize::from(way.is_secure) + usize::from(way.proxy.is_some_and(|url| url.starts_with("https")))
}

/// A connection after an echo, and what it shares with others.
fn connected(place: &Place, way: Way) -> (MaybeTls<Connection>, Far, ConnectOptions) {
    let mut far = place.far(way);
    let options = place.options(way).config(quiet().max_send_buffer(64 << 20));
    let mut client = opened(&options, &mut far, WHOLE).connection;
    client.inner_mut().send("x".repeat(KIB)).unwrap();
    far.server.connection().send("y".repeat(KIB)).unwrap();
    assert_eq!(settle(&mut client, &mut far, WHOLE).len(), 1);
    (client, far, options)
}

/// What a driver does before it waits.
fn release(client: &mut MaybeTls<Connection>) {
    *client.inbound() = BytesMut::new();
    client.outbound().release();
}

#[test]
fn memory() {
    what_waits_encrypted_is_bounded_whatever_is_queued();
    an_idle_connection_holds_nothing_but_what_rustls_does();
    tickets_without_end_are_not_kept();
    a_handshake_message_is_not_kept_beyond_its_limit();
}

fn what_waits_encrypted_is_bounded_whatever_is_queued() {
    let place = Place::new();
    for way in WAYS {
        let (mut client, _far, _) = connected(&place, way);
        client.inner_mut().send(vec![7; 16 << 20]).unwrap();
        client.inner_mut().send(vec![7; 100]).unwrap();
        let mut written = 0;
        let held = peak(|| {
            while written < 4 << 20 {
                assert!(client.outbound().len() < 81 * KIB, "{way:?} {}", client.outbound().len());
                written += write_some(&mut client, 10_000, at(2)).len();
            }
        });
        println!("sending over {} layers: {held}", layers(way));
        assert!(held < 128 * KIB, "{way:?}: {held}");
    }
}

fn an_idle_connection_holds_nothing_but_what_rustls_does() {
    let place = Place::new();
    let plain = {
        let mut far = Far::plain();
        let mut client = opened(&options("ws://server.test"), &mut far, WHOLE).connection;
        settle(&mut client, &mut far, WHOLE);
        release(&mut client);
        let before = MEMORY.current_usage();
        drop(client);
        before - MEMORY.current_usage()
    };
    for way in WAYS {
        let (mut client, _far, _options) = connected(&place, way);
        release(&mut client);
        let before = MEMORY.current_usage();
        drop(client);
        let held = before - MEMORY.current_usage();
        println!("idle: {plain} in the clear, {held} over {} layers", layers(way));
        assert!(held < plain + layers(way) * 12 * KIB, "{way:?}: {held}");
    }
}

fn hostile(version: usize) -> (ws_common::tls::Tls<Connection>, Evil) {
    let authority = Authority::new();
    let random = ws_core::Random::from_seed([7; 32]);
    let connection = Connection::after_handshake(Role::Client, &quiet(), random, BytesMut::new(), at(0));
    let mut client = authority.connector(VERSIONS[version]).start("localhost", connection).unwrap();
    let evil = Evil::meet(&authority.issue(&["localhost"]), VERSIONS[version], &mut client);
    (client, evil)
}

fn tickets_without_end_are_not_kept() {
    let (mut client, mut evil) = hostile(1);
    let held = peak(|| {
        for n in 0..2_000 {
            feed(&mut client, &evil.record(ContentType::Handshake, &ticket(n, 10_000)), at(1));
            assert!(client.poll_event().unwrap().is_none());
        }
    });
    println!("20 MB of tickets: {held}");
    assert!(held < 512 * KIB, "{held}");
}

fn a_handshake_message_is_not_kept_beyond_its_limit() {
    let (mut client, mut evil) = hostile(1);
    let message = ticket(1, 65_000);
    let records: Vec<_> = message.iter().map(|&byte| evil.record(ContentType::Handshake, &[byte])).collect();
    let held = peak(|| records.iter().for_each(|record| feed(&mut client, record, at(1))));
    println!("a message in 65 000 records: {held}");
    assert!(held < 512 * KIB, "{held}");
}
