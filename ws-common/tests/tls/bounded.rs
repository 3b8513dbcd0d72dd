//! What waits is bounded, and nothing is kept without need.

use ws_common::system::buffer_pool;
use ws_core::bytes::BytesMut;
use ws_core::{Config, Machine, Outbound};

use crate::support::{TlsPair, VERSIONS, at, drain, feed, quiet, secured, take_messages, write_some};

const RECORD: usize = 16 * 1024 + 5 + 256;

fn up(version: usize, config: &Config) -> TlsPair {
    let mut pair = secured(VERSIONS[version], config, usize::MAX);
    pair.settle();
    pair
}

#[test]
fn no_more_than_64_kib_and_a_record_of_ciphertext_wait() {
    for version in 0..2 {
        let mut pair = up(version, &quiet().max_send_buffer(64 << 20));
        pair.server.inner_mut().send(vec![7; 32 << 20]).unwrap();
        let mut moved = 0;
        while moved < 32 << 20 {
            let waiting = pair.server.outbound().len();
            assert!(waiting < 64 * 1024 + RECORD, "{waiting}");
            let n = write_some(&mut pair.server, 10_000, at(1)).len();
            assert!(n > 0);
            moved += n;
        }
    }
}

#[test]
fn what_is_encrypted_still_counts_toward_the_limit_of_the_connection() {
    let mut pair = up(1, &quiet().max_send_buffer(100_000));
    let server = &mut pair.server;
    server.inner_mut().send(vec![7; 90_000]).unwrap();
    server.inner_mut().send(vec![7; 90_000]).unwrap();
    assert!(!server.inner_mut().has_room());
    let written = write_some(server, 60_000, at(1)).len();
    assert_eq!(written, 60_000);
    assert!(!server.inner_mut().has_room());
    assert_eq!(server.inner().unsent(), 2);
    while server.inner().unsent() == 2 {
        assert_eq!(write_some(server, 1000, at(1)).len(), 1000);
    }
    assert!(server.inner_mut().has_room());
}

#[test]
fn a_message_is_unsent_until_its_record_has_left_whole() {
    let mut pair = up(1, &quiet());
    pair.client.inner_mut().send("hello").unwrap();
    let n = pair.client.outbound().len();
    write_some(&mut pair.client, n - 1, at(1));
    assert_eq!(pair.client.inner().unsent(), 1);
    write_some(&mut pair.client, 1, at(1));
    assert_eq!(pair.client.inner().unsent(), 0);
}

#[test]
fn bytes_taken_out_by_a_driver_count_until_they_are_written() {
    let mut pair = up(1, &quiet());
    pair.client.inner_mut().send(vec![1; 40_000]).unwrap();
    let n = pair.client.outbound().take_out(usize::MAX).iter().map(|bytes| bytes.len()).sum::<usize>();
    assert_eq!(pair.client.outbound().len(), n);
    assert_eq!(pair.client.inner().unsent(), 1);
    pair.client.handle_write(n, at(1));
    assert!(pair.client.outbound().is_empty());
    assert_eq!(pair.client.inner().unsent(), 0);
}

#[test]
fn an_aborted_connection_drops_what_waits_encrypted() {
    let mut pair = up(1, &quiet());
    pair.client.inner_mut().send(vec![1; 40_000]).unwrap();
    write_some(&mut pair.client, 100, at(1));
    pair.client.inner_mut().abort();
    let outbound = pair.client.outbound();
    assert!(outbound.is_empty() && outbound.is_finished() && outbound.has_lost());
}

#[test]
fn without_traffic_no_buffer_is_held() {
    let mut pair = up(1, &quiet());
    pair.client.inner_mut().send(vec![1; 40_000]).unwrap();
    pair.server.inner_mut().send(vec![1; 40_000]).unwrap();
    pair.settle();
    take_messages(&mut pair);
    // As a driver does before it waits.
    for end in [&mut pair.client, &mut pair.server] {
        *end.inbound() = Default::default();
        end.outbound().release();
        assert_eq!(end.inner_mut().inbound().capacity(), 0);
    }
}

/// Capacity of the buffer for a read of 40 000 bytes. It is more if the buffer is one of the thread's.
fn borrowed() -> usize {
    let mut buffer = BytesMut::new();
    buffer_pool::take_into(&mut buffer, 40_000);
    buffer.capacity()
}

fn borrowed_outbound() -> bool {
    let mut outbound = Outbound::default();
    buffer_pool::take_into_outbound(&mut outbound);
    outbound.has_memory()
}

#[test]
fn what_a_machine_inside_has_read_to_goes_to_the_next_one_of_the_thread() {
    let mut pairs = [up(1, &quiet()), up(1, &quiet())];
    buffer_pool::release();
    buffer_pool::put_back(&mut BytesMut::with_capacity(50_000), 50_000);
    for pair in &mut pairs {
        pair.server.inner_mut().send(vec![1; 40_000]).unwrap();
        let bytes = write_some(&mut pair.server, usize::MAX, at(1));
        feed(&mut pair.client, &bytes, at(1));
        assert_eq!(pair.client.inner_mut().inbound().capacity(), 50_000);
        assert_eq!(drain(&mut pair.client).len(), 1);
        // Asked before a read, which may not come for long.
        pair.client.inbound();
        assert_eq!(pair.client.inner_mut().inbound().capacity(), 0);
    }
    assert_eq!([borrowed(), borrowed()], [50_000, 40_000]);
}

#[test]
fn a_message_that_is_kept_keeps_its_buffer_and_the_next_read_has_another() {
    let mut pair = up(1, &quiet());
    buffer_pool::release();
    buffer_pool::put_back(&mut BytesMut::with_capacity(50_000), 50_000);
    pair.server.inner_mut().send(vec![1; 40_000]).unwrap();
    let bytes = write_some(&mut pair.server, usize::MAX, at(1));
    feed(&mut pair.client, &bytes, at(1));
    let kept = drain(&mut pair.client);
    pair.client.inbound();
    assert_eq!(borrowed(), 40_000, "{} messages lie in it", kept.len());
}

#[test]
fn what_a_machine_inside_has_written_to_goes_to_the_next_one_of_the_thread() {
    let mut pairs = [up(1, &quiet()), up(1, &quiet())];
    buffer_pool::release();
    let mut outbound = Outbound::default();
    outbound.adopt_buffer(Vec::with_capacity(100));
    buffer_pool::put_back_outbound(&mut outbound);
    for pair in &mut pairs {
        pair.server.inner_mut().send("hello").unwrap();
        let bytes = write_some(&mut pair.server, usize::MAX, at(1));
        feed(&mut pair.client, &bytes, at(1));
        assert!(pair.client.inner_mut().outbound().has_memory(), "for an answer");
        pair.client.inbound();
        assert!(!pair.client.inner_mut().outbound().has_memory());
    }
    assert_eq!([borrowed_outbound(), borrowed_outbound()], [true, false]);
}
