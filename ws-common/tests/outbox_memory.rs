//! The memory of an outbox, counted by the allocator. One test alone, since it counts for the whole process.
#![allow(clippy::unwrap_used, reason = "what a test does not expect is to end it")]

use peak_alloc::PeakAlloc;
use ws_common::session::{ClientBuilder, Session};
use ws_core::Random;

#[global_allocator]
static MEMORY: PeakAlloc = PeakAlloc;

const LIMIT: usize = 1 << 20;

#[test]
fn an_outbox_holds_at_most_four_times_its_limit_whatever_the_size_of_the_messages() {
    for length in [0, 1, 10, 58, 122, 126, 1000, 100_000, LIMIT - 1] {
        let mut session = ClientBuilder::<Session>::new("ws://server.test/")
            .max_send_buffer(LIMIT)
            .session(Random::from_seed([1; 32]))
            .unwrap();
        let before = MEMORY.current_usage();
        MEMORY.reset_peak_usage();
        let mut count = 0;
        while session.send(vec![7; length]).is_ok() {
            count += 1;
        }
        let peak = MEMORY.peak_usage() - before;
        let stats = session.stats();
        assert_eq!(stats.outbox_messages, count);
        assert!(stats.outbox_bytes as usize <= LIMIT + length + 14);
        assert!(
            peak <= 4 * LIMIT + length + (128 << 10),
            "{count} messages of {length} bytes hold {peak} bytes"
        );
        println!("{count} messages of {length} bytes: {peak} bytes");
        assert_eq!(session.clear() as u64, count);
        assert!(MEMORY.current_usage() <= before + (128 << 10));
    }
}
