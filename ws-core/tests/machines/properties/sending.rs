//! Facts that hold for any messages that are sent.

use proptest::collection::vec;
use proptest::prelude::*;
use ws_core::{CloseCode, Event, Role, SendError};

use super::strategies::{any_message, any_role};
use crate::support::*;

proptest! {
    #![proptest_config(ProptestConfig::with_cases(100))]

    #[test]
    fn messages_go_round_through_both_roles_in_frames_of_any_size(
        messages in vec(any_message(), 0..5),
        frame_size in prop_oneof![1..10usize, 100..5000usize, Just(usize::MAX)],
        chunk in prop_oneof![1..30usize, 1000..100_000usize],
        borrowed in any::<bool>(),
    ) {
        let config = quiet().max_frame_size(frame_size);
        let mut pair = Pair::new(&config, &config, chunk);
        let expected: Vec<Seen> = messages.iter().cloned().map(message).collect();
        for message in messages {
            if borrowed {
                pair.client.send_ref(message.as_ref()).unwrap();
                pair.server.send_ref(message.as_ref()).unwrap();
            } else {
                pair.client.send(message.clone()).unwrap();
                pair.server.send(message).unwrap();
            }
        }
        pair.settle();
        prop_assert_eq!(&pair.client_seen, &expected);
        prop_assert_eq!(&pair.server_seen, &expected);
    }

    #[test]
    fn a_close_at_any_point_loses_nothing_of_who_begins_and_reorders_nothing(
        to_server in vec(any_message(), 0..6), to_client in vec(any_message(), 0..6),
        moves in 0..20usize, chunk in 1..200usize, beginner in any_role(),
    ) {
        let mut pair = Pair::new(&quiet(), &quiet(), chunk);
        to_server.iter().for_each(|message| pair.client.send(message.clone()).unwrap());
        to_client.iter().for_each(|message| pair.server.send(message.clone()).unwrap());
        (0..moves).for_each(|_| { pair.turn(); });
        match beginner {
            Role::Client => pair.client.close(CloseCode::NORMAL, pair.now),
            Role::Server => pair.server.close(CloseCode::NORMAL, pair.now),
        }
        pair.settle();
        for (seen, sent, sender, closed_by) in [
            (&pair.server_seen, &to_server, &pair.client, Role::Client),
            (&pair.client_seen, &to_client, &pair.server, Role::Server),
        ] {
            prop_assert!(ends_once(seen), "{:?}", seen);
            let is_message = |seen: &&Seen| matches!(seen, Seen::Event(Event::Message(_)));
            let got: Vec<Seen> = seen.iter().filter(is_message).cloned().collect();
            let expected: Vec<Seen> = sent.iter().cloned().map(message).collect();
            prop_assert_eq!(&got[..], &expected[..got.len()], "in order");
            let (code, _, _, clean, unsent) = closed(sender);
            prop_assert_eq!((code, clean, unsent), (1000, true, expected.len() - got.len()));
            prop_assert!(unsent == 0 || closed_by != beginner);
        }
    }

    #[test]
    fn what_is_refused_comes_back_as_it_was(messages in vec(any_message(), 1..20), mark in 0..100_000usize) {
        let mut connection = open(Role::Client, &quiet().max_send_buffer(mark));
        for message in messages {
            let had_room = connection.has_room();
            match connection.send(message.clone()) {
                Ok(()) => prop_assert!(had_room),
                Err(SendError::Full { message: back, .. }) => {
                    prop_assert!(!had_room);
                    prop_assert_eq!(back, message);
                }
                other => panic!("{other:?}"),
            }
        }
    }
}
