//! Waits with a limit: they tell that the time is over from the end of the connection.

use std::thread;
use std::time::{Duration, Instant};

use ws_blocking::{Client, ClientEvent, CloseCode, Elapsed, Event, SendError};

use crate::support::{TOLERANCE, bounded, pair, quiet};

const SHORT: Duration = Duration::from_millis(50);

/// It takes at least this time, and not much more.
fn takes<R>(time: Duration, f: impl FnOnce() -> R) -> R {
    let start = Instant::now();
    let result = f();
    let elapsed = start.elapsed();
    assert!(elapsed >= time && elapsed < time + TOLERANCE, "{elapsed:?}");
    result
}

#[test]
fn a_connection_that_is_silent_is_told_from_one_that_has_ended() {
    bounded(|| {
        let (mut client, mut server) = pair(&quiet());
        assert_eq!(takes(SHORT, || client.recv_timeout(SHORT)).unwrap_err(), Elapsed);
        assert_eq!(takes(SHORT, || client.next_event_timeout(SHORT)).unwrap_err(), Elapsed);
        server.send("one").unwrap();
        server.send("two").unwrap();
        assert_eq!(client.recv_timeout(TOLERANCE).unwrap().unwrap(), Some("one".into()));
        assert_eq!(
            client.next_event_timeout(TOLERANCE).unwrap().unwrap(),
            Some(Event::Message("two".into()))
        );
        let closing = thread::spawn(move || server.close(CloseCode::NORMAL));
        assert_eq!(client.recv_timeout(TOLERANCE).unwrap().unwrap(), None);
        assert!(closing.join().unwrap().clean);
        assert_eq!(client.recv_timeout(Duration::ZERO).unwrap().unwrap(), None);
    });
}

#[test]
fn halves_wait_no_longer_than_that() {
    bounded(|| {
        let (client, mut server) = pair(&quiet());
        let (mut sender, mut receiver) = client.split();
        assert_eq!(takes(SHORT, || receiver.recv_timeout(SHORT)).unwrap_err(), Elapsed);
        assert_eq!(takes(SHORT, || receiver.next_event_timeout(SHORT)).unwrap_err(), Elapsed);
        sender.send_timeout("hello", TOLERANCE).unwrap();
        assert_eq!(server.recv().unwrap(), Some("hello".into()));
        // Another thread is in a read meanwhile.
        let reading = thread::spawn(move || receiver.recv_timeout(TOLERANCE));
        thread::sleep(SHORT);
        sender.send_timeout("again", TOLERANCE).unwrap();
        server.send("hello").unwrap();
        assert_eq!(reading.join().unwrap().unwrap().unwrap(), Some("hello".into()));
    });
}

#[test]
fn a_user_who_only_polls_with_no_time_receives_and_sends() {
    bounded(|| {
        let (mut client, mut server) = pair(&quiet());
        client.feed("hello").unwrap();
        assert_eq!(client.recv_timeout(Duration::ZERO).unwrap_err(), Elapsed);
        assert_eq!(server.recv().unwrap(), Some("hello".into()));
        server.send("answer").unwrap();
        let answer = loop {
            match client.recv_timeout(Duration::ZERO) {
                Err(Elapsed) => thread::yield_now(),
                Ok(received) => break received.unwrap(),
            }
        };
        assert_eq!(answer, Some("answer".into()));
    });
}

#[test]
fn a_message_without_room_is_handed_back_when_the_time_is_over() {
    bounded(|| {
        let (mut client, mut server) = pair(&quiet());
        // The peer takes nothing: this one is queued, and does not leave.
        takes(SHORT, || client.send_timeout(vec![0; 15 << 20], SHORT)).unwrap();
        let refused = takes(SHORT, || client.send_timeout("no room", SHORT));
        assert_eq!(refused, Err(SendError::Full { message: "no room".into(), max_send_buffer: 1 << 20 }));
        let receiving = thread::spawn(move || {
            assert_eq!(server.recv().unwrap().unwrap().len(), 15 << 20);
            server.recv().unwrap()
        });
        client.send_timeout("room", 4 * TOLERANCE).unwrap();
        assert_eq!(receiving.join().unwrap(), Some("room".into()));
        assert!(matches!(client.send_timeout("late", TOLERANCE), Ok(()) | Err(SendError::Closed(_))));
    });
}

#[test]
fn a_client_hands_a_message_back_when_its_outbox_has_no_room_in_time() {
    bounded(|| {
        // Nobody listens there.
        let builder = Client::builder("ws://127.0.0.1:1/").max_send_buffer(1);
        let mut client = builder.reconnect(ws_blocking::Reconnect::after(SHORT)).build().unwrap();
        client.send_timeout("first", SHORT).unwrap();
        let handle = client.handle();
        assert_eq!(
            takes(SHORT, || handle.send_timeout("second", SHORT)),
            Err(SendError::Full { message: "second".into(), max_send_buffer: 1 })
        );
        let over = takes(Duration::ZERO, || client.next_event_timeout(TOLERANCE));
        assert!(matches!(over, Ok(Some(ClientEvent::Error(_) | ClientEvent::BufferFull))), "{over:?}");
    });
}
