//! Pings and the deadlines of an open connection.

use std::ops::ControlFlow;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use ws_core::{Error, Event, Initiator, MessageRef, Timeout};

use crate::adapter::{Adapter, Receiving, Sending};
use crate::ends::{client, failure, quiet, server};
use crate::watch::takes;
use crate::wire::{BINARY, CONTINUATION, FIN, PING, PONG, TEXT};

fn millis(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

pub fn pings_leave_on_schedule<A: Adapter>() {
    let begin = Instant::now();
    let (mut socket, mut peer) = client::<A>(quiet().ping_interval(millis(200)));
    thread::scope(|scope| {
        scope.spawn(move || {
            let pings: Vec<_> = (0..3)
                .map(|_| {
                    let ping = peer.receive();
                    assert_eq!((ping.fin, ping.opcode), (true, PING));
                    assert!(ping.key.is_some(), "a client masks");
                    assert_eq!(ping.payload.len(), 8, "a nonce");
                    // Traffic does not change the schedule.
                    peer.text("busy");
                    peer.frame(FIN | PONG, &ping.payload);
                    ping
                })
                .collect();
            // The first after half an interval at least. Timers of some runtimes count in milliseconds.
            assert!(begin.elapsed() >= millis(498), "{:?}", begin.elapsed());
            assert!(pings[0].payload != pings[1].payload && pings[1].payload != pings[2].payload);
            assert!(pings[0].key != pings[1].key || pings[1].key != pings[2].key);
            peer.close(1000, "");
            peer.receive_close();
            peer.end();
        });
        let mut pongs = 0;
        while let Some(event) = socket.next_event().unwrap() {
            if let Event::Pong { round_trip, .. } = event {
                assert!(round_trip.is_some_and(|time| time < begin.elapsed()), "{round_trip:?}");
                pongs += 1;
            }
        }
        assert_eq!(pongs, 3);
    });
}

pub fn a_missing_pong_ends_the_connection<A: Adapter>() {
    let config = quiet().ping_interval(millis(100)).pong_timeout(millis(400));
    // The first ping leaves after half an interval at least, which begins before the socket is there.
    let (error, closed, mut peer, _socket) = takes(millis(450), || {
        let (mut socket, peer) = client::<A>(config);
        let (error, closed) = failure(&mut socket);
        (error, closed, peer, socket)
    });
    assert!(matches!(error, Error::Timeout(Timeout::Pong(timeout)) if timeout == millis(400)), "{error}");
    assert_eq!((closed.code, closed.clean), (1006, false));
    // The peer learns of it without the socket's being dropped.
    while let Some(frame) = peer.receive_or_end() {
        assert_eq!(frame.opcode, PING);
    }
}

pub fn trickling_bytes_answer_pings<A: Adapter>() {
    let config = quiet().ping_interval(millis(100)).pong_timeout(millis(2000));
    let (mut socket, mut peer) = client::<A>(config);
    thread::scope(|scope| {
        scope.spawn(move || {
            assert_eq!(peer.receive().opcode, PING);
            // Twice the time that the pong may take, in which no frame is ever whole, and no pong comes.
            let frame = peer.encode(FIN | TEXT, "drip".repeat(7));
            for byte in frame {
                peer.send([byte]);
                thread::sleep(millis(120));
            }
            peer.answer_pings();
        });
        assert_eq!(socket.recv().unwrap(), Some("drip".repeat(7).into()));
        drop(socket);
    });
}

/// A pong need not repeat the ping's payload. It says that the peer lives, and nothing about the round trip.
pub fn empty_pongs_answer_pings<A: Adapter>() {
    let config = quiet().ping_interval(millis(100)).pong_timeout(millis(400));
    let (mut socket, mut peer) = client::<A>(config);
    thread::scope(|scope| {
        scope.spawn(move || {
            // Longer than interval and time-out together.
            for _ in 0..8 {
                assert_eq!(peer.receive().opcode, PING);
                peer.frame(FIN | PONG, "");
            }
            peer.text("still here");
        });
        let mut pongs = 0;
        loop {
            match socket.next_event().unwrap() {
                Some(Event::Pong { payload, round_trip }) => {
                    assert_eq!((payload.len(), round_trip), (0, None));
                    pongs += 1;
                }
                Some(Event::Message(message)) => break assert_eq!(message.as_text(), Some("still here")),
                other => panic!("{other:?}"),
            }
        }
        assert_eq!(pongs, 8);
        drop(socket);
    });
}

pub fn a_busy_application_does_not_kill_a_healthy_peer<A: Adapter>() {
    let (mut socket, mut peer) = client::<A>(quiet().pong_timeout(millis(200)));
    socket.ping("are you there").unwrap();
    socket.flush().unwrap();
    let ping = peer.receive();
    assert_eq!(ping.opcode, PING);
    peer.frame(FIN | PONG, &ping.payload);
    peer.text("work");
    // The ping's deadline passes while nobody looks at the socket, where its pong waits.
    thread::sleep(millis(600));
    assert_eq!(socket.recv().unwrap(), Some("work".into()));
}

pub fn a_peer_that_takes_nothing_costs_write_timeout<A: Adapter>() {
    let (mut socket, peer) = client::<A>(quiet().write_timeout(millis(400)));
    let error = takes(millis(400), || {
        loop {
            if let Err(error) = socket.send(vec![0; 1 << 20]) {
                break error;
            }
        }
    });
    assert!(error.to_string().contains("closed"), "{error}");
    let (error, closed) = failure(&mut socket);
    assert!(matches!(error, Error::Timeout(Timeout::Write(_))), "{error}");
    assert_eq!((closed.code, closed.clean), (1006, false));
    assert!(closed.unsent >= 1, "{closed}");
    drop(peer);
}

/// It reads all the time, but less than 60 KiB in a window.
pub fn a_peer_that_takes_too_little_costs_write_timeout<A: Adapter>() {
    let timeout = millis(600);
    let (mut socket, mut peer) = client::<A>(quiet().write_timeout(timeout));
    let is_over = AtomicBool::new(false);
    thread::scope(|scope| {
        scope.spawn(|| {
            while !is_over.load(Ordering::Relaxed) {
                if peer.try_skip(100).is_err() {
                    break;
                }
                thread::sleep(millis(20));
            }
        });
        takes(timeout, || while socket.send(vec![0; 1 << 20]).is_ok() {});
        let (error, closed) = failure(&mut socket);
        assert!(matches!(error, Error::Timeout(Timeout::Write(seen)) if seen == timeout), "{error}");
        assert_eq!((closed.code, closed.clean), (1006, false));
        is_over.store(true, Ordering::Relaxed);
    });
}

/// The peer lives, and sends a byte of its message now and then.
pub fn a_message_that_trickles_in_is_ended_with_1008<A: Adapter>() {
    for first in [FIN | TEXT, FIN | BINARY, TEXT] {
        let timeout = millis(400);
        let (mut socket, mut peer) = server::<A>(quiet().message_timeout(timeout));
        let is_over = AtomicBool::new(false);
        let message = peer.encode(first, vec![b'x'; 200_000]);
        let mut writer = peer.another();
        thread::scope(|scope| {
            scope.spawn(|| {
                writer.send(&message[..100_000]);
                for byte in message[100_000..].chunks(1) {
                    if is_over.load(Ordering::Relaxed) {
                        break;
                    }
                    writer.send(byte);
                    thread::sleep(millis(20));
                }
            });
            scope.spawn(|| {
                assert_eq!(peer.receive_close().0, 1008);
                is_over.store(true, Ordering::Relaxed);
                peer.end();
            });
            let (error, closed) = takes(timeout, || failure(&mut socket));
            assert!(matches!(error, Error::Timeout(Timeout::Message(seen)) if seen == timeout), "{error}");
            assert_eq!((closed.code, closed.initiator), (1008, Initiator::Local));
        });
    }
}

/// It takes many windows, each of which brings enough.
pub fn a_message_that_makes_progress_is_received<A: Adapter>() {
    let (mut socket, mut peer) = server::<A>(quiet().message_timeout(millis(1500)));
    let text = "x".repeat(600_000);
    let message = peer.encode(FIN | TEXT, &text);
    thread::scope(|scope| {
        scope.spawn(move || {
            for part in message.chunks(15_000) {
                peer.send(part);
                thread::sleep(millis(100));
            }
        });
        assert_eq!(socket.recv().unwrap(), Some(text.into()));
    });
}

pub fn a_peer_that_takes_little_at_a_time_is_alive<A: Adapter>() {
    let (mut socket, mut peer) = client::<A>(quiet().write_timeout(millis(2500)));
    thread::scope(|scope| {
        scope.spawn(move || {
            let mut left = 24 << 20;
            let begin = Instant::now();
            while left > 0 {
                left -= peer.skip((1 << 20).min(left));
                // For longer than the deadline in all, but each time for much less.
                if begin.elapsed() < millis(4000) {
                    thread::sleep(millis(200));
                }
            }
            peer.answer_close();
        });
        // With its header and key, exactly what the peer skips.
        socket.send(vec![0; (24 << 20) - 14]).unwrap();
        assert!(socket.close(ws_core::CloseCode::NORMAL).clean);
    });
}

pub fn a_pong_is_not_late_while_the_peer_takes_no_answers<A: Adapter>() {
    const ASKED: usize = 50;
    const ANSWER: usize = 1 << 20;
    let (mut socket, mut peer) = server::<A>(quiet().pong_timeout(millis(300)));
    thread::scope(|scope| {
        scope.spawn(move || {
            let ping = peer.receive();
            assert_eq!(ping.opcode, PING);
            for _ in 0..ASKED {
                peer.text("more");
            }
            // It was read long before anybody can look at it: behind a question that cannot be answered yet.
            peer.frame(FIN | PONG, &ping.payload);
            thread::sleep(millis(1200));
            let mut left = ASKED * (ANSWER + 10);
            while left > 0 {
                left -= peer.skip(left.min(ANSWER));
            }
            peer.close(1000, "");
            peer.receive_close();
            peer.end();
        });
        socket.ping("are you there").unwrap();
        socket.flush().unwrap();
        let answer = vec![0; ANSWER];
        let borrowed = socket.for_each_borrowed(|_, reply| {
            reply.send(MessageRef::Binary(&answer)).unwrap();
            ControlFlow::Continue(())
        });
        borrowed.unwrap();
        assert!(socket.closed().unwrap().clean);
    });
}

pub fn a_ping_is_answered_with_its_payload<A: Adapter>() {
    for ends in [client::<A>, server::<A>] {
        let (mut socket, mut peer) = ends(quiet());
        thread::scope(|scope| {
            scope.spawn(move || {
                for payload in [&b""[..], b"\x00\xFF", &[7; 125]] {
                    peer.frame(FIN | PING, payload);
                    let pong = peer.receive();
                    assert_eq!((pong.fin, pong.opcode, &*pong.payload), (true, PONG, payload));
                }
                peer.frame(TEXT, "within ");
                peer.frame(FIN | CONTINUATION, "recv");
            });
            assert_eq!(socket.recv().unwrap(), Some("within recv".into()));
        });
    }
}

pub fn a_pong_brings_the_round_trip_time<A: Adapter>() {
    let begin = Instant::now();
    let (mut socket, mut peer) = server::<A>(quiet());
    thread::scope(|scope| {
        scope.spawn(move || {
            peer.frame(FIN | PONG, "unsolicited");
            let ping = peer.receive();
            assert_eq!((ping.opcode, &*ping.payload), (PING, &b"are you there"[..]));
            thread::sleep(millis(100));
            peer.frame(FIN | PONG, ping.payload);
        });
        socket.ping("are you there").unwrap();
        match socket.next_event().unwrap() {
            Some(Event::Pong { payload, round_trip: None }) => assert_eq!(payload, "unsolicited"),
            other => panic!("{other:?}"),
        }
        match socket.next_event().unwrap() {
            Some(Event::Pong { payload, round_trip: Some(time) }) => {
                assert_eq!(payload, "are you there");
                assert!(time >= millis(98) && time < begin.elapsed(), "{time:?}");
            }
            other => panic!("{other:?}"),
        }
    });
    assert!(socket.ping(vec![0; 126]).is_err());
}
