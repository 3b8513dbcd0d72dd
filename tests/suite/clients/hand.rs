//! The client in the hand of its user: as a stream of events, and as a sink of messages.

use std::thread;

use ws_common::WebSocketError;
use ws_common::session::{ClientEvent, ClientStatus};
use ws_core::{CloseCode, Message, SendError};

use super::watched::{PATIENCE, persistent, watched};
use super::{ClientAdapter, ClientHandle};
use crate::witness::{Manner, Witness};

pub fn a_client_is_a_stream_of_events_to_its_end<A: ClientAdapter>() {
    let witness = Witness::new(Manner { greetings: &["hi"], ..Manner::default() });
    let mut client = persistent::<A>(&witness.url()).build().unwrap();
    let mut kinds = Vec::new();
    while let Some(event) = client.next_of_stream() {
        kinds.push(match event {
            ClientEvent::Connected { .. } => "connected",
            ClientEvent::Open(_) => "open",
            ClientEvent::Message(_) => {
                client.start_close(CloseCode::NORMAL);
                "message"
            }
            ClientEvent::Closed(_) => "closed",
            ClientEvent::GaveUp { .. } => "gave up",
            _ => continue,
        });
    }
    assert_eq!(kinds, ["connected", "open", "message", "closed", "gave up"]);
    assert!(client.next_of_stream().is_none());
}

/// Both ways of asking may follow each other, and none loses an event.
pub fn a_stream_and_next_event_hand_out_the_same_events<A: ClientAdapter>() {
    const GREETINGS: [&str; 4] = ["0", "1", "2", "3"];
    let witness = Witness::new(Manner { greetings: &GREETINGS, ..Manner::default() });
    let mut client = persistent::<A>(&witness.url()).build().unwrap();
    let mut texts = Vec::new();
    for turn in 0.. {
        let event = if turn % 2 == 0 { client.next_of_stream() } else { client.next(PATIENCE).unwrap() };
        if let ClientEvent::Message(message) = event.unwrap() {
            texts.push(message.as_text().unwrap().to_owned());
        }
        if texts.len() == GREETINGS.len() {
            break;
        }
    }
    assert_eq!(texts, GREETINGS);
}

/// The outbox has room for one message at a time, and other handles are there to take it.
pub fn handles_are_sinks_that_share_the_room<A: ClientAdapter>() {
    const SENDERS: usize = 3;
    const COUNT: usize = 20;
    let witness = Witness::new(Manner::default());
    let client = watched(persistent::<A>(&witness.url()).max_send_buffer(1));
    thread::scope(|scope| {
        for sender in 0..SENDERS {
            let mut handle = client.handle();
            scope.spawn(move || {
                let texts = (0..COUNT).map(|number| Message::from(format!("{sender} {number}")));
                handle.send_all(texts).unwrap();
            });
        }
    });
    // Closing a sink ends no client.
    assert_eq!(client.status(), ClientStatus::Open);
    client.confirm().unwrap();
    super::outbox::in_order_of_each(&witness.texts(), SENDERS, COUNT);
    client.close(CloseCode::NORMAL);
    let late = client.handle().send_all([Message::from("late")]);
    assert!(matches!(late, Err(WebSocketError::Send(SendError::Closed(_)))), "{late:?}");
}
