//! Any messages, in any fragments, with any control frames between, cut anywhere.

use proptest::collection::vec;
use proptest::prelude::*;
use ws_core::{Event, Message, MessageKind, Role};

use crate::support::*;

/// A message as a peer may send it: its fragments, and the control frames before each of them.
#[derive(Clone, Debug)]
pub(super) struct Sent {
    pub(super) message: Message,
    pub(super) fragments: Vec<(Vec<Control>, usize)>,
}

#[derive(Clone, Debug)]
pub(super) enum Control {
    Ping(Vec<u8>),
    Pong(Vec<u8>),
}

pub(super) fn any_message() -> impl Strategy<Value = Message> {
    let len = prop_oneof![4 => 0..20usize, 2 => 100..150usize, 1 => 400..700usize, 1 => 65530..65540usize];
    let text = "(\\PC|[aé€𐍈]){0,40}";
    prop_oneof![
        (any::<u8>(), len).prop_map(|(byte, len)| {
            Message::binary((0..len).map(|i| byte.wrapping_add(i as u8)).collect::<Vec<u8>>())
        }),
        (text, 1..3usize).prop_map(|(text, times)| Message::text(text.repeat(times))),
    ]
}

fn any_control() -> impl Strategy<Value = Control> {
    let payload = prop_oneof![vec(any::<u8>(), 0..5), vec(any::<u8>(), 125)];
    (any::<bool>(), payload).prop_map(|(ping, payload)| match ping {
        true => Control::Ping(payload),
        false => Control::Pong(payload),
    })
}

pub(super) fn any_sent() -> impl Strategy<Value = Sent> {
    let fragment = (vec(any_control(), 0..2), any::<prop::sample::Index>());
    (any_message(), vec(fragment, 1..5)).prop_map(|(message, fragments)| {
        let mut fragments: Vec<_> = fragments
            .into_iter()
            .map(|(controls, index)| (controls, index.index(message.len() + 1)))
            .collect();
        fragments.sort_by_key(|(_, end)| *end);
        fragments.last_mut().unwrap().1 = message.len();
        Sent { message, fragments }
    })
}

pub(super) fn any_role() -> impl Strategy<Value = Role> {
    prop_oneof![Just(Role::Client), Just(Role::Server)]
}

/// Lengths of reads, used over and over.
pub(super) fn any_chunks() -> impl Strategy<Value = Vec<usize>> {
    prop_oneof![vec(1..8usize, 1..6), vec(1..5000usize, 1..6), Just(vec![usize::MAX])]
}

pub(super) fn chunks<'a>(mut bytes: &'a [u8], lengths: &'a [usize]) -> impl Iterator<Item = &'a [u8]> {
    lengths.iter().cycle().map_while(move |&len| {
        let (chunk, rest) = bytes.split_at(len.min(bytes.len()));
        bytes = rest;
        (!chunk.is_empty()).then_some(chunk)
    })
}

pub(super) fn to_bytes(sender: Role, all: &[Sent]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for Sent { message, fragments } in all {
        let mut first = u8::from(message.kind() == MessageKind::Text)
            + 2 * u8::from(message.kind() == MessageKind::Binary);
        let mut start = 0;
        for (n, (controls, end)) in fragments.iter().enumerate() {
            for control in controls {
                bytes.extend(match control {
                    Control::Ping(payload) => frame(sender, PING, payload),
                    Control::Pong(payload) => frame(sender, PONG, payload),
                });
            }
            let fin = if n + 1 == fragments.len() { 0x80 } else { 0 };
            bytes.extend(frame(sender, first | fin, &message.as_bytes()[start..*end]));
            (first, start) = (CONTINUATION, *end);
        }
    }
    bytes
}

pub(super) fn to_events(all: &[Sent]) -> Vec<Seen> {
    let mut events = Vec::new();
    for Sent { message, fragments } in all {
        events.extend(fragments.iter().flat_map(|(controls, _)| controls).map(|control| {
            Seen::Event(match control {
                Control::Ping(payload) => Event::Ping(payload.clone().into()),
                Control::Pong(payload) => Event::Pong { payload: payload.clone().into(), round_trip: None },
            })
        }));
        events.push(Seen::Event(Event::Message(message.clone())));
    }
    events
}
