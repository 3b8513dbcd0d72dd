//! Bytes that are queued, taken, written and dropped.

use super::*;

fn sample() -> Outbound {
    let mut outbound = Outbound::default();
    outbound.append(|tail| tail.extend_from_slice(b"abc"));
    outbound.push(Bytes::from_static(b"defgh"));
    outbound.append(|tail| tail.extend_from_slice(b"ij"));
    outbound
}

fn rest(outbound: &mut Outbound) -> Vec<u8> {
    let n = outbound.remaining();
    outbound.copy_to_bytes(n).to_vec()
}

#[test]
fn bytes_come_out_oldest_first_whatever_is_acknowledged() {
    for n in 0..=10 {
        let mut outbound = sample();
        outbound.acknowledge(n);
        assert_eq!(outbound.len(), 10 - n);
        assert_eq!(rest(&mut outbound), b"abcdefghij"[n..]);
    }
}

#[test]
fn truncate_drops_the_newest_but_nothing_in_flight() {
    for keep in 0..=10u64 {
        for taken in 0..=10 {
            let mut outbound = sample();
            outbound.advance(taken);
            outbound.truncate(keep);
            let end = (keep as usize).max(taken);
            assert_eq!(outbound.end(), end as u64);
            assert_eq!(rest(&mut outbound), b"abcdefghij"[taken..end]);
        }
    }
}

#[test]
fn a_copy_is_what_lies_between_two_positions_of_what_waits() {
    for taken in 0..=10 {
        let mut outbound = sample();
        outbound.advance(taken);
        for (begin, end) in (taken..=10).flat_map(|begin| (begin..=10).map(move |end| (begin, end))) {
            assert_eq!(outbound.copy(begin as u64, end as u64), b"abcdefghij"[begin..end]);
        }
    }
}

#[test]
fn taken_bytes_count_until_written() {
    for limit in 0..=11 {
        let mut outbound = sample();
        let taken: Vec<u8> = outbound.take_out(limit).iter().flat_map(|bytes| bytes.to_vec()).collect();
        assert_eq!(taken, b"abcdefghij"[..limit.clamp(1, 10)]);
        assert_eq!(outbound.len(), 10);
        outbound.acknowledge(taken.len());
        assert_eq!(outbound.written(), taken.len() as u64);
        assert_eq!(rest(&mut outbound), b"abcdefghij"[taken.len()..]);
    }
}

#[test]
fn a_queue_that_never_runs_empty_does_not_grow() {
    let mut outbound = Outbound::default();
    outbound.append(|tail| tail.extend_from_slice(&[0; 100]));
    for _ in 0..10_000 {
        outbound.append(|tail| tail.extend_from_slice(&[0; 100]));
        outbound.acknowledge(100);
    }
    assert!(outbound.tail.capacity() < 4 * COMPACT, "{}", outbound.tail.capacity());
}
