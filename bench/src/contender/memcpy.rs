//! The floor: every payload is copied once, and nothing else happens.

use std::hint::black_box;

use super::{Options, Report, measured};
use crate::scenario::Case;
use crate::tally::Tally;

pub fn run(case: &Case, _: Options) -> Report {
    let payload = case.payload();
    let mut copy = vec![0; case.size];
    let mut tally = Tally::new(case);
    let elapsed = measured(|| {
        while !tally.is_full() {
            copy.copy_from_slice(black_box(&payload));
            tally.take(case.kind(), &copy);
        }
    });
    Report { messages: tally.messages(), bytes: tally.bytes(), writes: 0, elapsed }
}
