//! What one end compresses under any agreed parameters, the other end receives as it was sent.
#![no_main]

use arbitrary::Arbitrary;
use libfuzzer_sys::fuzz_target;
use ws_core::{Config, Deflate, Event, Message, MessageKind, Role};
use ws_fuzz::{arrive, at, drain, open, write};

#[derive(Arbitrary, Debug)]
struct Input {
    client: bool,
    takeover: bool,
    bits: u8,
    level: u8,
    max_frame_size: u16,
    lengths: Vec<u8>,
    steps: Vec<Step>,
}

#[derive(Arbitrary, Debug)]
enum Step {
    Send { bytes: Vec<u8>, times: u8 },
    Stream(Vec<Vec<u8>>),
    Compress(bool),
    Release,
    Ping,
}

fuzz_target!(|input: Input| {
    let deflate = Deflate::default()
        .min_size(0)
        .level(input.level % 10)
        .server_context_takeover(input.takeover)
        .client_context_takeover(input.takeover)
        .server_max_window_bits(8 + input.bits % 8)
        .client_max_window_bits(8 + input.bits % 8);
    let accepted = deflate.accept([&*deflate.to_string()]).unwrap().unwrap();
    let confirmed = deflate.confirm([&*accepted.to_string()]).unwrap().unwrap();
    let config = Config::default()
        .ping_interval(None)
        .max_send_buffer(usize::MAX)
        .max_fragments(u32::MAX)
        .max_frame_size(usize::from(input.max_frame_size));
    let client = open(Role::Client, &config).with_deflate(confirmed);
    let server = open(Role::Server, &config).with_deflate(accepted);
    let (mut from, mut to) = if input.client { (client, server) } else { (server, client) };

    let mut expected = Vec::new();
    for step in input.steps {
        match step {
            Step::Send { bytes, times } => {
                let message = Message::binary(bytes.repeat(usize::from(times)));
                from.send(message.clone()).unwrap();
                expected.push(message);
            }
            Step::Stream(parts) => {
                from.start_message(MessageKind::Binary).unwrap();
                parts.iter().for_each(|part| from.continue_message(part).unwrap());
                from.finish_message(b"").unwrap();
                expected.push(Message::binary(parts.concat()));
            }
            Step::Compress(wanted) => from.compress(wanted),
            Step::Release => from.release_compressor(),
            Step::Ping => from.ping("").unwrap(),
        }
    }
    let bytes = write(&mut from, usize::MAX, at(0));
    assert_eq!(from.unsent(), 0);
    let mut received = Vec::new();
    for seen in arrive(&mut to, &bytes, &input.lengths, drain) {
        match seen {
            Ok(Event::Message(message)) => received.push(message),
            Ok(Event::Ping(_)) => {}
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(received, expected);
});
