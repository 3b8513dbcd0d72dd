//! Peers that take nothing, or nothing any more.

use std::io::{self, IoSlice, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::sync::{Arc, Condvar, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use ws_blocking::{CloseCode, ConnectOptions, Error, Event, SendError, Transport, WebSocket, error::Timeout};

use crate::support::{bounded, frame, pair, quiet, streams, with_raw_client};

/// A stream whose writes, once the gate is shut, block until it is opened, whatever their time-out.
struct Gated(TcpStream, Arc<Gate>);

#[derive(Default)]
struct Gate {
    /// Whether it is shut, and whether somebody stands before it.
    state: Mutex<(bool, bool)>,
    changed: Condvar,
}

impl Gate {
    fn shut(&self, is_shut: bool) {
        self.state.lock().unwrap().0 = is_shut;
        self.changed.notify_all();
    }

    fn wait_until_blocked(&self) {
        let state = self.state.lock().unwrap();
        drop(self.changed.wait_while(state, |state| !state.1).unwrap());
    }
}

impl Transport for Gated {
    fn read(&self, buffer: &mut [u8]) -> io::Result<usize> {
        Transport::read(&self.0, buffer)
    }

    fn write_vectored(&self, buffers: &[IoSlice<'_>]) -> io::Result<usize> {
        let mut state = self.1.state.lock().unwrap();
        state.1 = state.0;
        self.1.changed.notify_all();
        drop(self.1.changed.wait_while(state, |state| state.0).unwrap());
        Transport::write_vectored(&self.0, buffers)
    }

    crate::support::forward_the_rest!();
}

#[test]
fn no_lock_is_held_while_the_system_writes() {
    bounded(|| {
        let (near, far) = streams();
        let gate = Arc::new(Gate::default());
        let server = thread::spawn(move || WebSocket::accept(far).unwrap().0);
        let options = ConnectOptions::new("ws://127.0.0.1/");
        let (client, _) = WebSocket::connect_over(Gated(near, gate.clone()), options).unwrap();
        let mut server = server.join().unwrap();
        let (mut sender, mut receiver) = client.split();

        gate.shut(true);
        let mut other = sender.clone();
        let blocked = thread::spawn(move || other.send("first"));
        gate.wait_until_blocked();
        sender.try_send("second").unwrap();
        server.send("meanwhile").unwrap();
        assert_eq!(receiver.recv().unwrap().unwrap().as_text(), Some("meanwhile"));
        sender.start_close(CloseCode::NORMAL);

        gate.shut(false);
        blocked.join().unwrap().unwrap();
        let receiving = thread::spawn(move || receiver.recv());
        let received: Vec<_> = (&mut server).into_iter().map(|m| m.unwrap().into_bytes()).collect();
        assert_eq!(received, ["first", "second"]);
        assert_eq!(server.closed().unwrap().code, 1000);
        assert_eq!(receiving.join().unwrap().unwrap(), None);
    });
}

#[test]
fn a_peer_that_does_not_read_is_still_read_and_gets_all_once_it_reads() {
    bounded(|| {
        const SIZE: usize = 16 << 20;
        let (server, mut raw) = with_raw_client(&quiet());
        let (mut sender, mut receiver) = server.split();
        let sending = thread::spawn(move || {
            sender.send(vec![7; SIZE]).unwrap();
            sender
        });
        for _ in 0..100 {
            raw.write_all(&frame(0x81, b"hello")).unwrap();
            assert_eq!(receiver.recv().unwrap().unwrap().as_text(), Some("hello"));
        }
        assert!(!sending.is_finished());
        let mut message = vec![0; 10 + SIZE];
        raw.read_exact(&mut message).unwrap();
        assert_eq!(message[..2], [0x82, 127]);
        assert!(message[10..].iter().all(|&byte| byte == 7));
        sending.join().unwrap();
    });
}

#[test]
fn one_thread_that_sends_to_a_peer_that_does_not_read_still_answers_its_pings() {
    bounded(|| {
        let (mut server, mut raw) = with_raw_client(&quiet());
        let sending = thread::spawn(move || {
            server.send(vec![7; 16 << 20]).unwrap();
            assert_eq!(server.recv().unwrap().unwrap().as_text(), Some("hello"));
            assert!(server.recv().is_err());
        });
        for _ in 0..20 {
            raw.write_all(&frame(0x89, b"ping")).unwrap();
        }
        raw.write_all(&frame(0x81, b"hello")).unwrap();
        let mut message = vec![0; 10 + (16 << 20)];
        raw.read_exact(&mut message).unwrap();
        let mut pong = [0; 6];
        raw.read_exact(&mut pong).unwrap();
        assert_eq!(&pong, b"\x8a\x04ping");
        drop(raw);
        sending.join().unwrap();
    });
}

#[test]
fn a_thread_that_sends_all_the_time_to_a_fast_peer_still_answers_pings_and_sends_its_own() {
    bounded(|| {
        let config = quiet().ping_interval(Duration::from_millis(100));
        let (mut server, mut raw) = with_raw_client(&config);
        raw.write_all(&frame(0x89, b"their")).unwrap();
        let sending = thread::spawn(move || while server.send(vec![0; 1000]).is_ok() {});
        let (mut has_pong, mut has_ping) = (false, false);
        while !(has_pong && has_ping) {
            let mut header = [0; 2];
            raw.read_exact(&mut header).unwrap();
            let size = match header {
                [0x82, 126] => 1002,
                [opcode, size] => {
                    has_pong |= opcode == 0x8a;
                    has_ping |= opcode == 0x89;
                    size.into()
                }
            };
            raw.read_exact(&mut vec![0; size]).unwrap();
        }
        drop(raw);
        sending.join().unwrap();
    });
}

#[test]
fn the_close_frame_of_a_peer_that_closes_while_we_write_wins_over_the_broken_pipe() {
    for split in [false, true] {
        bounded(move || {
            let (mut server, mut raw) = with_raw_client(&quiet());
            let closing = thread::spawn(move || {
                // Some of the message is under way, and most of it will never be read.
                raw.read_exact(&mut [0; 1000]).unwrap();
                raw.write_all(&frame(0x88, b"\x03\xf0no")).unwrap();
            });
            let message = vec![7; 64 << 20];
            let closed = if split {
                let (mut sender, mut receiver) = server.split();
                let sending = thread::spawn(move || sender.send(message));
                while !matches!(receiver.next_event(), Ok(Some(Event::Closed(_)) | None)) {}
                assert!(matches!(sending.join().unwrap(), Err(SendError::Closed(None))));
                receiver.closed().unwrap()
            } else {
                assert!(matches!(server.send(message), Err(SendError::Closed(None))));
                assert_eq!(server.recv().unwrap(), None);
                server.closed().unwrap()
            };
            closing.join().unwrap();
            assert_eq!((closed.code, &*closed.reason), (1008, "no"));
        });
    }
}

#[test]
fn two_peers_over_the_mark_at_once_do_not_wait_for_each_other() {
    bounded(|| {
        const COUNT: usize = 200;
        let config = quiet().max_send_buffer(256 << 10).max_read_ahead(64 << 20);
        let (client, server) = pair(&config);
        let start = Instant::now();
        let threads = [client, server].map(|mut end| {
            thread::spawn(move || {
                for n in 0..COUNT {
                    end.send(vec![n as u8; 256 << 10]).unwrap();
                }
                for n in 0..COUNT {
                    let message = end.recv().unwrap().unwrap().into_bytes();
                    assert_eq!((message.len(), message[0]), (256 << 10, n as u8));
                }
                end
            })
        });
        let ends = threads.map(|thread| thread.join().unwrap());
        println!("2 * 50 MiB in {:?}", start.elapsed());
        drop(ends);
    });
}

#[test]
fn reading_stands_still_at_max_read_ahead_and_goes_on_when_somebody_receives() {
    bounded(|| {
        let config = quiet().max_read_ahead(64 << 10);
        let (mut client, server) = pair(&config);
        let (mut sender, mut receiver) = server.split();
        let flooding = thread::spawn(move || {
            for n in 0..400_u32 {
                client.send(vec![n as u8; 64 << 10]).unwrap();
            }
            client
        });
        // Nobody takes the 64 MiB, which the client reads ahead only so far.
        let sending = thread::spawn(move || sender.send(vec![7; 16 << 20]).map(|()| sender));
        for n in 0..400_u32 {
            let message = receiver.recv().unwrap().unwrap().into_bytes();
            assert_eq!((message.len(), message[0]), (64 << 10, n as u8));
        }
        let mut client = flooding.join().unwrap();
        assert_eq!(client.recv().unwrap().unwrap().len(), 16 << 20);
        sending.join().unwrap().unwrap();
    });
}

#[test]
fn a_transport_that_takes_nothing_has_a_deadline() {
    bounded(|| {
        let config = quiet().write_timeout(Duration::from_millis(300));
        let (mut server, raw) = with_raw_client(&config);
        let start = Instant::now();
        assert!(matches!(server.send(vec![7; 64 << 20]), Err(SendError::Closed(None))));
        assert!(start.elapsed() >= Duration::from_millis(300));
        assert!(matches!(server.recv(), Err(Error::Timeout(Timeout::Write(_)))));
        assert_eq!(server.recv().unwrap(), None);
        assert_eq!(server.closed().unwrap().code, 1006);
        drop(raw);
    });
}

#[test]
fn the_end_of_the_stream_is_seen_though_a_write_never_comes_to_rest() {
    bounded(|| {
        // A peer that ends its side may read on, for so long.
        let config = quiet().close_timeout(Duration::from_millis(300));
        let (server, raw) = with_raw_client(&config);
        let (mut sender, mut receiver) = server.split();
        let sending = thread::spawn(move || sender.send(vec![7; 64 << 20]));
        thread::sleep(Duration::from_millis(100));
        let start = Instant::now();
        // It takes nothing more, and says nothing more.
        raw.shutdown(Shutdown::Write).unwrap();
        assert!(matches!(receiver.recv(), Err(Error::UnexpectedEof)));
        assert!(sending.join().unwrap().is_err());
        assert!(start.elapsed() < Duration::from_secs(15), "{:?}", start.elapsed());
        drop(raw);
    });
}
