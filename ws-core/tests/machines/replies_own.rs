//! A peer that begins to close still gets the messages of a client that belong to this connection, such as a login.

use ws_core::{Connection, Initiator, Machine, Role, TransportError};

use crate::replies::*;
use crate::support::*;

/// Four messages, of which those that are `mine` belong to the connection.
const MINE: [(&str, bool); 4] = [("one", true), ("other", false), ("two", true), ("last", false)];

/// A connection that has queued these messages, and pongs among them, and whose transport takes so many bytes before the peer closes. Gives
/// what it took, and the lengths of the queued frames.
fn closed_with_messages_of_its_own(role: Role, written: usize) -> (Connection, Vec<u8>) {
    let mut connection = open(role, &quiet());
    connection.withhold_from_a_closing_peer();
    for (n, (text, _)) in MINE.into_iter().enumerate() {
        connection.send(text).unwrap();
        read(&mut connection, &frame(role.peer(), PING, &[n as u8]), at(0));
    }
    connection.ping("mine").unwrap();
    let sent = write_some(&mut connection, written, at(0));
    let waiting = connection.unsent();
    read(&mut connection, &close(role.peer(), 1001, b"bye"), at(0));
    let mut asked = Vec::new();
    connection.answer_closing_peer_behind(|n| {
        asked.push(n);
        MINE[MINE.len() - waiting + n].1
    });
    assert!(!connection.is_open());
    assert!(asked.is_sorted() && asked.last().is_none_or(|last| last + 1 == waiting), "{asked:?}");
    (connection, sent)
}

#[test]
fn a_connection_that_withholds_sends_its_own_messages_before_its_answer() {
    for role in ROLES {
        let size = |text: &str| frame(role, TEXT, text.as_bytes()).len();
        let pong = frame(role, PONG, b"0").len();
        let all = MINE.iter().map(|(text, _)| size(text) + pong).sum::<usize>();
        for written in 0..=all {
            let (mut connection, mut sent) = closed_with_messages_of_its_own(role, written);
            sent.extend(write(&mut connection, at(0)));
            let (mut expected, mut begin, mut unsent) = (Vec::new(), 0, 0);
            for (n, (text, is_mine)) in MINE.into_iter().enumerate() {
                if is_mine || written > begin {
                    expected.push((TEXT, text.as_bytes().to_vec()));
                } else {
                    unsent += 1;
                }
                expected.push((PONG, vec![n as u8]));
                begin += size(text) + pong;
            }
            expected.push(closes(1001, "bye"));
            assert_eq!(frames(role, &sent), expected, "after {written} bytes");
            connection.handle_read(0, at(0));
            drain(&mut connection);
            assert_eq!(closed(&connection), (1001, "bye", Initiator::Remote, true, unsent));
        }
    }
}

#[test]
fn the_answer_of_a_connection_that_withholds_overtakes_its_own_messages_after_close_timeout() {
    for role in ROLES {
        let (mut connection, _) = closed_with_messages_of_its_own(role, 1);
        let deadline = connection.poll_timeout().unwrap();
        connection.handle_timeout(deadline);
        let pongs = (0..4).map(|n| (PONG, vec![n]));
        let expected: Vec<_> = pongs.chain([closes(1001, "bye")]).collect();
        let first = frame(role, TEXT, b"one").len() - 1;
        write_some(&mut connection, first, deadline);
        assert_eq!(frames(role, &write(&mut connection, deadline)), expected);
        connection.handle_read(0, deadline);
        drain(&mut connection);
        assert_eq!(closed(&connection), (1001, "bye", Initiator::Remote, true, 3));
    }
}

#[test]
fn a_connection_whose_transport_failed_has_no_messages_of_its_own_to_send() {
    for role in ROLES {
        let mut connection = open(role, &quiet());
        connection.withhold_from_a_closing_peer();
        connection.send("one").unwrap();
        // Without a Close frame of the peer, nothing is answered.
        connection.answer_closing_peer_behind(|_| panic!("nothing is withheld"));
        assert!(connection.is_open());
        connection.handle_error(TransportError::write("broken pipe"), at(0));
        read(&mut connection, &close(role.peer(), 1001, b"bye"), at(0));
        connection.answer_closing_peer_behind(|_| panic!("it was dropped"));
        assert_eq!(write(&mut connection, at(0)), [0; 0]);
        connection.handle_read(0, at(0));
        drain(&mut connection);
        assert_eq!(closed(&connection), (1001, "bye", Initiator::Remote, false, 1));
    }
}
