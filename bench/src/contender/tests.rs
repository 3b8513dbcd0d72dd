use std::rc::Rc;

use super::*;
use crate::scenario::{self, SIZES};

fn cases(direction: impl Fn(Direction) -> bool) -> impl Iterator<Item = Case> {
    scenario::ALL.iter().filter(move |scenario| direction(scenario.direction)).flat_map(|scenario| {
        SIZES.map(|size| Case { scenario, size, count: if size > 65536 { 3 } else { 130 } })
    })
}

#[test]
fn every_contender_receives_what_was_sent() {
    for case in cases(|direction| direction == Direction::Receive) {
        for entry in ALL {
            println!("{} {} {}", entry.name, case.scenario.name, case.size);
            entry.run(&case, Options { verify: true, ..Options::default() });
        }
    }
}

#[test]
fn every_contender_sends_what_it_was_given() {
    for case in cases(|direction| direction != Direction::Receive) {
        for entry in ALL.iter().filter(|entry| entry.rank != Rank::Floor && entry.takes(case.scenario)) {
            println!("{} {} {}", entry.name, case.scenario.name, case.size);
            let outlet = Rc::new(Outlet::keeping());
            entry.run(&case, Options { outlet: outlet.clone(), ..Options::default() });
            let written = Rc::into_inner(outlet).expect("the contender is gone").into_kept();
            assert_frames(&case, &written);
        }
    }
}

/// Every frame is whole, binary and masked, and its unmasked payload is the one that was given.
fn assert_frames(case: &Case, mut written: &[u8]) {
    let payload = case.payload();
    let header_len = case.frame_len(true) - case.size;
    for _ in 0..case.count {
        let (header, rest) = written.split_at(header_len);
        assert_eq!(header[0], 0x82);
        assert_eq!(header[1] & 0x80, 0x80);
        let key = &header[header_len - 4..];
        let (masked, rest) = rest.split_at(case.size);
        assert!(
            masked.iter().zip(key.iter().cycle()).map(|(byte, key)| byte ^ key).eq(payload.iter().copied())
        );
        written = rest;
    }
    assert!(written.is_empty());
}

#[test]
fn text_of_mixed_width_fills_its_size_exactly() {
    for case in cases(|direction| direction == Direction::Receive) {
        assert_eq!(case.payload().len(), case.size);
        if case.kind() == crate::scenario::Kind::Text {
            assert!(std::str::from_utf8(&case.payload()).is_ok());
        }
    }
}
