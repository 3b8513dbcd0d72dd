//! Statistics of a connection, from each of its handles.

use std::thread;
use std::time::Duration;

use ws_core::{CloseCode, Event};

use crate::adapter::{Adapter, Counting, Receiving, Sending, Socket};
use crate::ends::{pair, quiet};

pub fn both_ends_and_both_halves_count_the_same<A: Adapter>() {
    let (mut client, mut server) = pair::<A>(quiet());
    thread::scope(|scope| {
        scope.spawn(move || {
            let (mut sender, mut receiver) = {
                // One message before the split.
                server.send(server_text()).unwrap();
                server.split()
            };
            while let Some(event) = receiver.next_event().unwrap() {
                match event {
                    Event::Message(message) => sender.send(message).unwrap(),
                    Event::Closed(closed) => assert!(closed.clean),
                    _ => {}
                }
                assert_eq!(sender.stats().sent, receiver.stats().sent);
            }
            let stats = receiver.stats();
            assert_eq!((stats.received.messages, stats.received.payload_bytes), (2, 5 + 70_000));
            assert_eq!((stats.sent.messages, stats.sent.pongs), (3, 1));
            assert_eq!((stats.queued_bytes, stats.unsent_messages), (0, 0));
        });
        assert_eq!(client.recv().unwrap(), Some(server_text().into()));
        for message in ["hello".to_owned(), "x".repeat(70_000)] {
            client.send(message.clone()).unwrap();
            assert_eq!(client.recv().unwrap(), Some(message.into()));
        }
        assert_eq!(client.stats().last_round_trip, None);
        client.ping("ping").unwrap();
        let Some(Event::Pong { round_trip, .. }) = client.next_event().unwrap() else { panic!("no pong") };
        let stats = client.stats();
        assert_eq!((stats.last_round_trip, stats.min_round_trip), (round_trip, round_trip));
        assert!(round_trip > Some(Duration::ZERO));
        // Headers: one length of one byte and one of eight; the ping.
        assert_eq!(stats.sent.bytes, 5 + 6 + 70_000 + 14 + 4 + 6);
        assert_eq!((stats.sent.frames, stats.sent.pings), (3, 1));
        assert_eq!((stats.received.messages, stats.received.frames, stats.received.pongs), (3, 4, 1));
        assert!(client.close(CloseCode::NORMAL).clean);
        assert_eq!(client.stats().sent.frames, 4, "the Close frame");
    });
}

fn server_text() -> &'static str {
    "from the server"
}
