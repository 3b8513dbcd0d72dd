//! What one end compresses, the other inflates.

use proptest::collection::vec;
use proptest::prelude::*;
use ws_core::{Connection, Deflate, Event, Machine, Message, Role};

use crate::agreed::*;
use crate::support::*;

/// Settings of one end.
fn any_deflate() -> impl Strategy<Value = Deflate> {
    (any::<bool>(), any::<bool>(), 8..16u8, 8..16u8, 0..10u8, prop_oneof![Just(0), Just(64)]).prop_map(
        |(server, client, server_bits, client_bits, level, min_size)| {
            Deflate::default()
                .server_context_takeover(server)
                .client_context_takeover(client)
                .server_max_window_bits(server_bits)
                .client_max_window_bits(client_bits)
                .level(level)
                .min_size(min_size)
        },
    )
}

/// Text and bytes that compress well, badly, or across messages.
fn any_message() -> impl Strategy<Value = Message> {
    let words = "(the |quick |brown |fox |jumps |é€𐍈 |\\PC){0,60}";
    prop_oneof![
        3 => (words, prop_oneof![3 => 1..3usize, 1 => 1..200usize]).prop_map(|(words, n)| Message::text(words.repeat(n))),
        2 => vec(any::<u8>(), 0..300).prop_map(Message::binary),
        1 => (any::<u8>(), 0..70_000usize).prop_map(|(byte, len)| Message::binary(vec![byte; len])),
        1 => (any::<u64>(), 0..40_000usize).prop_map(|(seed, len)| Message::binary(noise(seed, len))),
    ]
}

/// Bytes that do not compress.
pub(crate) fn noise(seed: u64, len: usize) -> Vec<u8> {
    let mut state = seed | 1;
    let mut byte = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 32) as u8
    };
    (0..len).map(|_| byte()).collect()
}

#[derive(Clone, Debug)]
enum Step {
    Send(Role, Message),
    /// In parts of these lengths.
    Stream(Role, Message, Vec<usize>),
    Compress(Role, bool),
    Release(Role),
    Ping(Role),
}

fn any_step() -> impl Strategy<Value = Step> {
    let role = || prop_oneof![Just(Role::Client), Just(Role::Server)];
    prop_oneof![
        8 => (role(), any_message()).prop_map(|(role, message)| Step::Send(role, message)),
        3 => (role(), any_message(), vec(0..5000usize, 1..5)).prop_map(|(role, message, n)| Step::Stream(role, message, n)),
        1 => (role(), any::<bool>()).prop_map(|(role, on)| Step::Compress(role, on)),
        1 => role().prop_map(Step::Release),
        1 => role().prop_map(Step::Ping),
    ]
}

fn end(pair: &mut Pair, role: Role) -> &mut Connection {
    match role {
        Role::Client => &mut pair.client,
        Role::Server => &mut pair.server,
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(100))]

    #[test]
    fn messages_arrive_as_they_were_sent_whatever_was_negotiated_and_however_they_are_cut(
        client in any_deflate(), server in any_deflate(), steps in vec(any_step(), 1..12),
        chunk in prop_oneof![Just(1usize), 2..300usize, Just(usize::MAX)],
        max_frame_size in prop_oneof![1..2000usize, Just(usize::MAX)],
    ) {
        let config = quiet().max_frame_size(max_frame_size).max_send_buffer(usize::MAX);
        let mut pair = pair(&config, &client, &server, chunk);
        let mut expected = [Vec::new(), Vec::new()];
        for step in steps {
            match step {
                Step::Send(role, message) => {
                    end(&mut pair, role).send(message.clone()).unwrap();
                    expected[usize::from(role == Role::Server)].push(message);
                }
                Step::Stream(role, message, lengths) => {
                    let end = end(&mut pair, role);
                    end.start_message(message.kind()).unwrap();
                    let mut rest = message.as_bytes();
                    for length in lengths {
                        let (part, others) = rest.split_at(length.min(rest.len()));
                        end.continue_message(part).unwrap();
                        end.ping("within").unwrap();
                        rest = others;
                    }
                    end.finish_message(rest).unwrap();
                    expected[usize::from(role == Role::Server)].push(message);
                }
                Step::Compress(role, on) => end(&mut pair, role).compress(on),
                Step::Release(role) => end(&mut pair, role).release_compressor(),
                Step::Ping(role) => end(&mut pair, role).ping("between").unwrap(),
            }
        }
        pair.settle();
        let messages = |seen: &[Seen]| -> Vec<Message> {
            seen.iter().filter_map(|seen| match seen {
                Seen::Event(Event::Message(message)) => Some(message.clone()),
                Seen::Event(Event::Ping(_) | Event::Pong { .. }) => None,
                other => panic!("{other:?}"),
            }).collect()
        };
        prop_assert_eq!(messages(&pair.server_seen), &expected[0][..]);
        prop_assert_eq!(messages(&pair.client_seen), &expected[1][..]);
        prop_assert_eq!(pair.client.unsent() + pair.server.unsent(), 0);
    }
}

#[test]
fn takeover_makes_repetition_across_messages_cheap() {
    let deflate = Deflate::default();
    let mut pair = pair(&quiet(), &deflate, &deflate, usize::MAX);
    let text = String::from_utf8(noise(7, 500).iter().map(|byte| b'a' + byte % 26).collect()).unwrap();
    let mut lengths = Vec::new();
    for _ in 0..3 {
        pair.client.send(text.clone()).unwrap();
        lengths.push(pair.client.outbound().len());
        pair.settle();
    }
    assert!(lengths[1] < 20 && lengths[2] < 20, "{lengths:?}");
}
