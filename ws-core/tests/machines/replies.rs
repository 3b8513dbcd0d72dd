//! A peer that begins to close still gets the replies to its messages, wherever its bytes were cut (RFC 6455 §5.5.1, §5.5.2).

use std::ops::ControlFlow;

use ws_core::{
    CloseCode, CloseFrame, Config, Connection, DataPoll, Event, Initiator, Machine, Message, PingError, Role,
    SendError, StreamError, TransportError,
};

use crate::support::*;

const TEXTS: [&str; 3] = ["one", "two", "three"];

/// Three texts, a ping and a Close frame.
pub(crate) fn goodbye(sender: Role) -> Vec<u8> {
    let mut bytes = TEXTS.map(|text| frame(sender, TEXT, text.as_bytes())).concat();
    bytes.extend(frame(sender, PING, b"p"));
    bytes.extend(close(sender, 3001, "enough é".as_bytes()));
    bytes
}

fn echoes() -> Vec<(u8, Vec<u8>)> {
    TEXTS.map(|text| (TEXT, text.as_bytes().to_vec())).into()
}

pub(crate) fn closes(code: u16, reason: &str) -> (u8, Vec<u8>) {
    (CLOSE, [&code.to_be_bytes(), reason.as_bytes()].concat())
}

/// A user that echoes each message, and how it takes them.
#[derive(Clone, Copy, PartialEq, Debug)]
enum Way {
    Events,
    Data,
    Borrowed,
    /// After a driver has read ahead.
    Ahead,
}

impl Way {
    const ALL: [Self; 4] = [Self::Events, Self::Data, Self::Borrowed, Self::Ahead];

    fn echo(self, connection: &mut Connection) {
        match self {
            Self::Events => {
                while let Some(event) = connection.poll_event().unwrap() {
                    if let Event::Message(message) = event {
                        connection.send(message).unwrap();
                    }
                }
            }
            Self::Data => {
                while let DataPoll::Message(message) = connection.poll_data().unwrap() {
                    connection.send(message).unwrap();
                }
            }
            Self::Borrowed => {
                let end = connection.for_each_borrowed(|message, reply| {
                    reply.send(message).unwrap();
                    ControlFlow::Continue(())
                });
                end.unwrap();
            }
            Self::Ahead => {
                connection.read_ahead();
                Self::Events.echo(connection);
            }
        }
    }
}

/// The frames that go to the peer whose bytes come in these parts. The transport takes `limit` bytes after each of them.
fn answers(role: Role, parts: &[&[u8]], limit: usize, way: Way) -> Vec<(u8, Vec<u8>)> {
    let mut connection = open(role, &quiet());
    let mut sent = Vec::new();
    for part in parts {
        feed(&mut connection, part, at(0));
        way.echo(&mut connection);
        sent.extend(write_some(&mut connection, limit, at(0)));
    }
    sent.extend(write(&mut connection, at(0)));
    connection.handle_read(0, at(0));
    way.echo(&mut connection);
    let end = closed(&connection);
    assert_eq!(end, (3001, "enough é", Initiator::Remote, true, 0));
    frames(role, &sent)
}

#[test]
fn the_answer_does_not_depend_on_how_the_bytes_of_the_peer_were_cut_nor_on_when_ours_leave() {
    for (role, way) in Way::ALL.iter().flat_map(|way| ROLES.map(|role| (role, *way))) {
        let bytes = goodbye(role.peer());
        let cuts = (0..=bytes.len()).map(|cut| vec![&bytes[..cut], &bytes[cut..]]);
        let chunks = [1, 2, 3, 5, bytes.len()].map(|n| bytes.chunks(n).collect::<Vec<_>>());
        for parts in cuts.chain(chunks) {
            for limit in [0, 1, 7, usize::MAX] {
                let sent = answers(role, &parts, limit, way);
                let case = format!("{role:?} {way:?}, in {} parts, {limit} bytes at a time", parts.len());
                assert_eq!(sent.last(), Some(&closes(3001, "enough é")), "{case}");
                let pong = (PONG, b"p".to_vec());
                if way == Way::Ahead {
                    // The ping was seen before the user took the messages.
                    let texts: Vec<_> = sent.iter().filter(|(first, _)| *first == TEXT).cloned().collect();
                    assert_eq!((texts, sent.len()), (echoes(), 5), "{case}");
                    assert!(sent.contains(&pong), "{case}");
                } else {
                    assert_eq!(sent[..4], [echoes(), vec![pong]].concat(), "{case}");
                }
            }
        }
    }
}

#[test]
fn a_close_that_was_read_ahead_closes_when_the_user_takes_it() {
    for role in ROLES {
        let mut connection = open(role, &quiet());
        feed(&mut connection, &goodbye(role.peer()), at(0));
        assert!(connection.read_ahead());
        assert!(connection.is_open() && connection.has_room());
        for text in TEXTS {
            assert_eq!(connection.poll_event().unwrap(), Some(Event::Message(text.into())));
            connection.send(text).unwrap();
        }
        assert_eq!(connection.poll_event().unwrap(), Some(Event::Ping("p".into())));
        connection.send_ref(Message::from("more").as_ref()).unwrap();
        connection.ping("q").unwrap();
        assert!(connection.is_open());
        assert!(!connection.outbound().is_finished());
        assert!(matches!(connection.poll_event().unwrap(), Some(Event::Closing(_))));
        assert!(!connection.is_open());
        assert_eq!(connection.send("late"), Err(SendError::Closed(Some("late".into()))));
        assert_eq!(connection.send_ref(Message::from("late").as_ref()), Err(StreamError::Closed));
        assert_eq!(connection.ping("late"), Err(PingError::Closed));
        let sent = frames(role, &write(&mut connection, at(1)));
        let firsts: Vec<u8> = sent.iter().map(|(first, _)| *first).collect();
        assert_eq!(firsts, [PONG, TEXT, TEXT, TEXT, TEXT, PING, CLOSE]);
    }
}

#[test]
fn a_visitor_answers_what_was_read_ahead_of_a_close() {
    for role in ROLES {
        let mut connection = open(role, &quiet());
        feed(&mut connection, &goodbye(role.peer()), at(0));
        assert!(connection.read_ahead());
        Way::Borrowed.echo(&mut connection);
        assert!(!connection.is_open());
        let sent = frames(role, &write(&mut connection, at(0)));
        let expected = [vec![(PONG, b"p".to_vec())], echoes(), vec![closes(3001, "enough é")]].concat();
        assert_eq!(sent, expected);
    }
}

#[test]
fn a_user_that_closes_before_it_takes_the_peers_close_sends_its_own_code() {
    for role in ROLES {
        for is_ahead in [false, true] {
            let mut connection = open(role, &quiet());
            feed(&mut connection, &goodbye(role.peer()), at(0));
            if is_ahead {
                connection.read_ahead();
            }
            connection.send("last").unwrap();
            connection.close(CloseFrame::new(CloseCode::GOING_AWAY, "mine").unwrap(), at(1));
            assert!(!connection.is_open());
            assert_eq!(drain(&mut connection).len(), 5, "nothing that came is lost");
            let sent = frames(role, &write(&mut connection, at(1)));
            assert_eq!(sent[sent.len() - 2..], [(TEXT, b"last".to_vec()), closes(1001, "mine")]);
            assert_eq!(connection.outbound().is_finished(), role == Role::Server);
            connection.handle_read(0, at(1));
            assert!(ends_once(&drain(&mut connection)));
            let (code, reason, by, clean, unsent) = closed(&connection);
            assert_eq!((code, reason, clean, unsent), (3001, "enough é", true, 0));
            // If its Close was seen before ours, the peer has begun.
            assert_eq!(by, if is_ahead { Initiator::Remote } else { Initiator::Local });
        }
    }
}

#[test]
fn messages_that_wait_go_out_before_the_answer_and_each_ping_before_the_close_has_its_pong() {
    for role in ROLES {
        for pings in [1, 15, 16, 17, 40u32] {
            let mut connection = open(role, &quiet());
            connection.send("waits").unwrap();
            let mut bytes: Vec<u8> =
                (0..pings).flat_map(|n| frame(role.peer(), PING, &n.to_be_bytes())).collect();
            bytes.extend(close(role.peer(), 1000, b""));
            read(&mut connection, &bytes, at(0));
            let sent = frames(role, &write(&mut connection, at(0)));
            let pongs: Vec<_> = sent.iter().filter(|(first, _)| *first == PONG).collect();
            assert_eq!(sent[0], (TEXT, b"waits".to_vec()));
            assert_eq!(sent.last(), Some(&closes(1000, "")));
            assert_eq!(pongs.len(), pings.min(16) as usize, "as many as may wait");
            assert_eq!(pongs.last().unwrap().1, (pings - 1).to_be_bytes(), "the most recent among them");
        }
    }
}

#[test]
fn the_peers_close_ends_the_pings() {
    let config = Config::default().close_timeout(seconds(500));
    for role in ROLES {
        let mut connection = open(role, &config);
        connection.ping("p").unwrap();
        write(&mut connection, at(0));
        feed(&mut connection, &goodbye(role.peer()), at(1));
        connection.read_ahead();
        assert_eq!(connection.poll_timeout(), Some(at(501)));
        write(&mut connection, at(1));
        connection.handle_timeout(at(400));
        assert_eq!(write(&mut connection, at(400)), b"");
        assert!(connection.is_open());
    }
}

/// The stream ends behind messages that the user has not taken, as that of a peer which shuts down its side and reads on.
#[test]
fn the_end_of_the_stream_does_not_refuse_replies_to_what_came_before_it() {
    for (role, way) in Way::ALL.iter().flat_map(|way| ROLES.map(|role| (role, *way))) {
        for is_at_once in [true, false] {
            let mut connection = open(role, &quiet());
            let bytes = TEXTS.map(|text| frame(role.peer(), TEXT, text.as_bytes())).concat();
            feed(&mut connection, &bytes, at(0));
            if !is_at_once {
                way.echo(&mut connection);
            }
            connection.handle_read(0, at(0));
            if way == Way::Ahead {
                assert!(connection.read_ahead(), "the end is not looked at before the messages are taken");
            }
            for text in is_at_once.then_some(TEXTS).iter().flatten() {
                assert_eq!(connection.poll_event().unwrap(), Some(Event::Message((*text).into())));
                connection.send(*text).unwrap();
            }
            assert!(connection.is_open(), "the end was not taken");
            assert_eq!(drain(&mut connection), [], "what waits is still to leave");
            assert!(!connection.is_open());
            assert_eq!(connection.send("late"), Err(SendError::Closed(Some("late".into()))));
            assert_eq!(frames(role, &write(&mut connection, at(1))), echoes());
            assert_eq!(drain(&mut connection)[0], Seen::Eof);
            assert_eq!(closed(&connection), (1006, "", Initiator::Remote, false, 0));
        }
    }
}

#[test]
fn a_read_error_does_not_refuse_replies_either_until_it_is_taken() {
    for role in ROLES {
        let mut connection = open(role, &quiet());
        feed(&mut connection, &frame(role.peer(), TEXT, b"one"), at(0));
        connection.handle_error(TransportError::read("reset"), at(0));
        assert_eq!(connection.poll_event().unwrap(), Some(Event::Message("one".into())));
        connection.send("two").unwrap();
        let seen = drain(&mut connection);
        assert_eq!(seen[0], Seen::Transport("reading from the transport failed: reset".into()));
        assert!(ends_once(&seen));
        assert_eq!(closed(&connection), (1006, "", Initiator::Remote, false, 1));
    }
}

#[test]
fn a_connection_that_withholds_sends_nothing_that_has_not_begun_to_a_peer_that_closes_but_its_pongs() {
    for role in ROLES {
        let size = frame(role, TEXT, b"abc").len();
        for written in 0..=3 * size {
            let mut connection = open(role, &quiet());
            connection.withhold_from_a_closing_peer();
            let ping = [frame(role.peer(), PING, b"first")].concat();
            connection.send("abc").unwrap();
            read(&mut connection, &ping, at(0));
            for text in ["def", "ghi"] {
                connection.send(text).unwrap();
            }
            connection.ping("mine").unwrap();
            let mut sent = write_some(&mut connection, written, at(0));
            let bytes = [frame(role.peer(), PING, b"second"), close(role.peer(), 1001, b"bye")].concat();
            read(&mut connection, &bytes, at(0));
            connection.answer_closing_peer(true);
            assert!(!connection.is_open());
            sent.extend(write(&mut connection, at(0)));
            let sent = frames(role, &sent);
            let texts = sent.iter().filter(|(first, _)| *first == TEXT).count();
            let pongs: Vec<_> =
                sent.iter().filter(|(first, _)| *first == PONG).map(|(_, b)| &b[..]).collect();
            assert_eq!(pongs, [&b"first"[..], b"second"], "after {written} bytes");
            assert_eq!(sent.last(), Some(&closes(1001, "bye")));
            assert!(sent.iter().all(|(first, _)| *first != PING));
            connection.handle_read(0, at(0));
            drain(&mut connection);
            assert_eq!(
                closed(&connection),
                (1001, "bye", Initiator::Remote, true, 3 - texts),
                "after {written} bytes"
            );
            let first = frame(role, PONG, b"first").len();
            let begun = [0, size, size + first, 2 * size + first].map(|end| usize::from(written > end));
            assert_eq!(texts, begun[0] + begun[2] + begun[3], "after {written} bytes");
        }
    }
}

#[test]
fn a_connection_that_withholds_ends_at_once_with_the_stream() {
    for role in ROLES {
        let mut connection = open(role, &quiet());
        connection.withhold_from_a_closing_peer();
        connection.send("unsent").unwrap();
        connection.handle_read(0, at(0));
        assert!(!connection.is_open());
        let seen = drain(&mut connection);
        assert_eq!(seen[0], Seen::Eof);
        assert!(ends_once(&seen));
        assert_eq!(closed(&connection), (1006, "", Initiator::Remote, false, 1));
        assert!(connection.outbound().is_empty());
    }
}
