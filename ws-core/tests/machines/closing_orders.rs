//! The closing handshake under every short order of its inputs. The results are pinned as digests, one for each first input.
//!
//! A changed digest means that an order of inputs has another result: another event, error, deadline, byte or fact of the end.
//! The other tests of closing say which results are right. This test finds the orders that they do not name.

use ws_core::Initiator;

use crate::closing_run::Input::{self, *};
use crate::closing_run::{Digest, Run};
use crate::support::*;

const ALL: [Input; 32] = [
    Close,
    PeerClose,
    Eof,
    WriteError,
    WriteSome,
    WriteAll,
    Deadline,
    Violation,
    Take,
    ReadError,
    Abort,
    Message,
    TakeOne,
    TakeData,
    ReadAhead,
    ReadToClose,
    Send,
    Stream,
    AbortStream,
    Ping,
    PeerPing,
    IllegalClose,
    Blocked,
    TakeOut,
    Written,
    Progress,
    Pause,
    Resume,
    Withhold,
    AcceptReplies,
    Answer,
    AnswerWithholding,
];

/// The first inputs of all, which are walked to a greater depth.
const CORE: [Input; 9] = *ALL.first_chunk().unwrap();

/// The inputs of a client that sends unsent messages on its next connection, in place of a few of the core.
const WITHHOLDING: [Input; 11] = [
    AcceptReplies,
    Answer,
    AnswerWithholding,
    Close,
    PeerClose,
    Eof,
    WriteError,
    WriteAll,
    Deadline,
    Send,
    Take,
];

/// How the orders ended, for a plausible picture beside the digests.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
struct Count {
    orders: u64,
    clean: u64,
    broken_by_us: u64,
    broken_by_peer: u64,
}

/// The digest of all orders that begin with each input, of `depth` inputs and of fewer.
fn walk(before: &[Input], inputs: &[Input], depth: usize) -> (Vec<u32>, Count) {
    let config = quiet();
    let mut count = Count::default();
    let mut digests = Vec::new();
    for first in inputs {
        let mut digest = Digest::EMPTY;
        for role in ROLES {
            let mut order = vec![*first];
            walk_from(inputs, depth, &mut order, &mut |order| {
                let mut run = Run::new(role, &config);
                before.iter().chain(order).for_each(|input| run.input(*input));
                run.look();
                run.run_out();
                digest.number(run.digest.0);
                count.orders += 1;
                match run.connection.closed() {
                    Some(closed) if closed.clean => count.clean += 1,
                    Some(closed) if closed.initiator == Initiator::Local => count.broken_by_us += 1,
                    Some(_) => count.broken_by_peer += 1,
                    None => {}
                }
            });
        }
        digests.push((digest.0 ^ (digest.0 >> 32)) as u32);
    }
    (digests, count)
}

fn walk_from(inputs: &[Input], depth: usize, order: &mut Vec<Input>, run: &mut impl FnMut(&[Input])) {
    run(order);
    if order.len() < depth {
        for input in inputs {
            order.push(*input);
            walk_from(inputs, depth, order, run);
            order.pop();
        }
    }
}

fn check(before: &[Input], inputs: &[Input], depth: usize, digests: &[u32], count: Count) {
    let walked = walk(before, inputs, depth);
    let differing: Vec<_> =
        (0..inputs.len()).filter(|i| digests.get(*i) != walked.0.get(*i)).map(|i| inputs[i]).collect();
    assert!(differing.is_empty(), "orders that begin with {differing:?}: {:#x?}, {:?}", walked.0, walked.1);
    assert_eq!(walked.1, count);
}

#[test]
fn orders_of_the_core() {
    let count = Count { orders: 132858, clean: 24108, broken_by_us: 63270, broken_by_peer: 42752 };
    let digests = [
        0x11B0A0EA, 0x4DFE8DC0, 0xEB49E78A, 0x7005F514, 0xAE085ED5, 0xD366E2F2, 0x78225AC7, 0xDCA0C81D,
        0x78225AC7,
    ];
    check(&[], &CORE, 5, &digests, count);
}

#[test]
fn orders_of_all_inputs() {
    let count = Count { orders: 67648, clean: 4646, broken_by_us: 24346, broken_by_peer: 13208 };
    let digests = [
        0xF41BC9DD, 0x16D8338A, 0x6463E30D, 0xFFB0BDA7, 0xEC2DD20D, 0xAFC319BD, 0x759E5F00, 0xFE853B2C,
        0x759E5F00, 0xB30E4EFC, 0x28C98160, 0x780C9499, 0x759E5F00, 0x759E5F00, 0x9B8977F8, 0x9B8977F8,
        0x90DBBAE8, 0x4A3E7DD6, 0x759E5F00, 0x2684E8F7, 0x7FBB24BF, 0xAC06CD85, 0xA7357E49, 0x9FF76E30,
        0x759E5F00, 0x759E5F00, 0x83CBA475, 0x759E5F00, 0x891F7F35, 0x759E5F00, 0x759E5F00, 0x759E5F00,
    ];
    check(&[], &ALL, 3, &digests, count);
}

#[test]
fn orders_of_a_connection_that_withholds() {
    let count = Count { orders: 32208, clean: 1878, broken_by_us: 5960, broken_by_peer: 18770 };
    let digests = [
        0x1852F37E, 0x1852F37E, 0xFA93DACD, 0xEA06D520, 0x5BB6BE4F, 0x5EFABBDB, 0x94DCBC67, 0x6BF0A14A,
        0xFA93DACD, 0x54E85F5A, 0xFA93DACD,
    ];
    check(&[Withhold], &WITHHOLDING, 4, &digests, count);
}
