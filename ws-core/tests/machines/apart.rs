//! Connections that are taken apart.

use ws_core::{Machine, Role};

use crate::support::*;

/// Binary frames wait in the buffer. Of all others, the header is taken with the first bytes.
#[test]
fn a_connection_says_whether_it_is_within_a_frame() {
    for (first, waits) in [(0x82, true), (0x81, false)] {
        let frame = frame(Role::Server, first, b"0123456789");
        for come in 0..=frame.len() {
            let mut connection = open(Role::Client, &quiet());
            feed(&mut connection, &frame[..come], at(1));
            let is_received = connection.poll_event().unwrap().is_some();
            assert_eq!(is_received, come == frame.len());
            let is_within_frame = connection.is_within_frame();
            assert_eq!(is_within_frame, !waits && (2..frame.len()).contains(&come), "{come}");
            let (read, _) = connection.into_buffers();
            let is_left = !is_received && !is_within_frame;
            assert_eq!(&read[..], if is_left { &frame[..come] } else { b"" });
        }
    }
}
