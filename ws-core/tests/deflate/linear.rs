//! The cost of a compressed message, and of a list of offers, is linear in its length.

use ws_core::{Deflate, Machine, Role};

use crate::agreed::open_deflate;
use crate::cost::{assert_linear, byte_by_byte, processor_time};
use crate::sending::{COMPRESSED_BINARY, COMPRESSED_TEXT};
use crate::support::*;

/// A compressed message in stored blocks (RFC 1951 §3.2.4) of 1000 bytes each.
fn stored(len: usize) -> Vec<u8> {
    let mut blocks: Vec<u8> =
        (0..len / 1000).flat_map(|_| [&[0, 0xE8, 0x03, 0x17, 0xFC][..], &[b'x'; 1000]].concat()).collect();
    blocks.push(0);
    blocks
}

#[test]
fn a_compressed_message_that_comes_byte_by_byte_costs_linear_time() {
    for first in [COMPRESSED_TEXT, COMPRESSED_BINARY] {
        assert_linear([64 << 10, 256 << 10], |len| {
            let mut connection = open_deflate(Role::Server, &quiet(), &Deflate::default());
            let mut messages = 0;
            let time = byte_by_byte(&frame(Role::Client, first, &stored(len)), |byte| {
                feed(&mut connection, byte, at(0));
                messages += usize::from(connection.poll_event().unwrap().is_some());
            });
            assert_eq!(messages, 1);
            time
        });
    }
}

#[test]
fn a_list_of_offers_costs_linear_time() {
    let server = Deflate::default();
    // None of the offers can be accepted.
    for offer in ["permessage-deflate; unknown", "other", "permessage-deflate; server_max_window_bits=99"] {
        assert_linear([2000, 8000], |offers| {
            let offers = vec![offer; offers].join(", ");
            let before = processor_time();
            assert_eq!(server.accept([&*offers]).unwrap(), None);
            processor_time() - before
        });
    }
    // One with thousands of parameters.
    assert_linear([2000, 8000], |parameters| {
        let offer = format!("permessage-deflate{}", "; unknown".repeat(parameters));
        let before = processor_time();
        assert_eq!(server.accept([&*offer]).unwrap(), None);
        processor_time() - before
    });
}
