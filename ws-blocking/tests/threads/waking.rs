//! How often threads are woken, and how often something is written; and calls that do not wait.

use std::io::{self, IoSlice, Read, Write};
use std::net::TcpStream;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, mpsc};
use std::thread;
use std::time::{Duration, Instant};

use ws_blocking::{
    AcceptOptions, Client, ClientEvent, CloseCode, ConnectOptions, Incoming, Listener, Transport, WebSocket,
    error::ConfirmError,
};

use crate::support::{TOLERANCE, bounded, frame, quiet, streams, with_raw_client};

/// A stream that counts its writes.
struct Counted(TcpStream, Arc<AtomicUsize>);

impl Transport for Counted {
    fn read(&self, buffer: &mut [u8]) -> io::Result<usize> {
        Transport::read(&self.0, buffer)
    }

    fn write_vectored(&self, buffers: &[IoSlice<'_>]) -> io::Result<usize> {
        self.1.fetch_add(1, Ordering::SeqCst);
        Transport::write_vectored(&self.0, buffers)
    }

    crate::support::forward_the_rest!();
}

#[test]
fn sixty_four_feeds_while_another_thread_reads_leave_in_one_write_or_very_few() {
    bounded(|| {
        let (near, far) = streams();
        let writes = Arc::new(AtomicUsize::new(0));
        let accepting = thread::spawn(move || {
            let options = AcceptOptions::default().config(quiet());
            Incoming::new(far, options).accept().unwrap().0
        });
        let options = ConnectOptions::new("ws://127.0.0.1/").config(quiet());
        let client = WebSocket::connect_over(Counted(near, writes.clone()), options).unwrap().0;
        let mut server = accepting.join().unwrap();
        let (mut sender, mut receiver) = client.split();
        let receiving = thread::spawn(move || receiver.recv());
        // So that it is most probably in its read.
        thread::sleep(Duration::from_millis(100));
        for _ in 0..10 {
            let before = writes.load(Ordering::SeqCst);
            (0..64).for_each(|n| sender.feed(format!("{n}")).unwrap());
            for n in 0..64 {
                assert_eq!(server.recv().unwrap().unwrap().as_text(), Some(&*format!("{n}")));
            }
            let count = writes.load(Ordering::SeqCst) - before;
            assert!(count <= 4, "{count} writes");
            println!("{count} writes for 64 messages");
        }
        server.send("end").unwrap();
        receiving.join().unwrap().unwrap();
    });
}

/// The number of times that threads of this name have gone to sleep.
#[cfg(target_os = "linux")]
fn sleeps(name: &str) -> u64 {
    let tasks = std::fs::read_dir("/proc/self/task").unwrap();
    let statuses = tasks.filter_map(|task| std::fs::read_to_string(task.unwrap().path().join("status")).ok());
    let own = statuses.filter(|status| status.lines().next() == Some(&format!("Name:\t{name}")));
    own.map(|status| {
        let line = status.lines().find(|line| line.starts_with("voluntary_ctxt_switches:")).unwrap();
        line.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap()
    })
    .sum()
}

#[cfg(target_os = "linux")]
#[test]
fn a_write_wakes_none_of_the_threads_that_wait_for_room_if_there_is_none() {
    bounded(|| {
        const THREADS: usize = 200;
        // Room comes only when the large message has left.
        let (server, mut raw) = with_raw_client(&quiet().max_send_buffer(1000));
        let (mut sender, mut receiver) = server.split();
        let mut large = sender.clone();
        let sending = thread::spawn(move || large.send(vec![7; 32 << 20]));
        raw.read_exact(&mut [0; 1000]).unwrap();
        let waiting: Vec<_> = (0..THREADS)
            .map(|_| {
                let mut sender = sender.clone();
                let thread = thread::Builder::new().name("waits-for-room".into());
                thread.spawn(move || sender.feed("x")).unwrap()
            })
            .collect();
        thread::sleep(Duration::from_millis(300));
        let before = sleeps("waits-for-room");
        // Many writes.
        let mut buffer = vec![0; 16 << 20];
        raw.read_exact(&mut buffer).unwrap();
        let woken = sleeps("waits-for-room") - before;
        println!("{woken} of {THREADS} threads woken while there is no room");
        assert!(woken < THREADS as u64 / 10, "{woken}");
        // And none is forgotten.
        raw.read_exact(&mut buffer[1000 - 10..]).unwrap();
        sending.join().unwrap().unwrap();
        waiting.into_iter().for_each(|thread| thread.join().unwrap().unwrap());
        sender.flush().unwrap();
        raw.read_exact(&mut buffer[..3 * THREADS]).unwrap();
        raw.write_all(&frame(0x81, b"end")).unwrap();
        assert_eq!(receiver.recv().unwrap(), Some("end".into()));
    });
}

#[test]
fn to_try_to_send_takes_no_time_though_the_peer_takes_nothing() {
    bounded(|| {
        const COUNT: u32 = 200;
        let (server, _raw) = with_raw_client(&quiet().max_send_buffer(64 << 20));
        let (mut sender, _receiver) = server.split();
        sender.try_send(vec![0; 32 << 20]).unwrap();
        let start = Instant::now();
        (0..COUNT).for_each(|_| sender.try_send("x").unwrap());
        let each = start.elapsed() / COUNT;
        println!("{each:?} for each try_send to a peer that takes nothing");
        // The shortest time-out of a socket is 1 ms, and often 4.
        assert!(each < Duration::from_micros(900), "{each:?}");
    });
}

/// A client that is open, and its server.
fn connected(config: &ws_blocking::Config) -> (Client, WebSocket) {
    let listener = Listener::bind("127.0.0.1:0").unwrap();
    let url = format!("ws://{}/", listener.local_addr().unwrap());
    let accepting = thread::spawn(move || listener.accept().unwrap().0.accept().unwrap().0);
    let mut client =
        Client::builder(&url).config(config.clone()).confirm_timeout(4 * TOLERANCE).build().unwrap();
    while !matches!(client.next_event(), Some(ClientEvent::Open(_))) {}
    (client, accepting.join().unwrap())
}

#[test]
fn to_ask_for_an_event_without_waiting_takes_no_time() {
    bounded(|| {
        const COUNT: u32 = 100;
        let (mut client, peer) = connected(&quiet());
        let start = Instant::now();
        (0..COUNT).for_each(|_| assert!(client.next_event_timeout(Duration::ZERO).is_err()));
        let each = start.elapsed() / COUNT;
        println!("{each:?} for each next_event_timeout(0)");
        assert!(each < Duration::from_millis(1), "{each:?}");
        drop(peer);
    });
}

#[test]
fn handles_that_outlive_their_client_do_not_wait_for_events_to_be_taken() {
    bounded(|| {
        let (client, server) = connected(&quiet());
        let handle = client.handle();
        let (mut sender, mut receiver) = server.split();
        // Far more than is kept for a client that takes nothing.
        let flooding = thread::spawn(move || (0..64).try_for_each(|_| sender.send(vec![0; 256 << 10])));
        thread::sleep(Duration::from_millis(100));
        drop(client);
        let start = Instant::now();
        handle.send("still there").unwrap();
        let receiving = thread::spawn(move || {
            let received = receiver.recv();
            let _ = receiver.recv();
            received
        });
        handle.confirm().unwrap();
        handle.close(CloseCode::NORMAL);
        assert!(start.elapsed() < TOLERANCE, "{:?}", start.elapsed());
        assert_eq!(receiving.join().unwrap().unwrap(), Some("still there".into()));
        let _ = flooding.join().unwrap();
    });
}

/// A client that waits in `next` is reached by its handles.
#[test]
fn a_handle_does_all_that_the_client_does() {
    bounded(|| {
        let (mut client, mut server) = connected(&quiet());
        let handle = client.handle();
        let (tell, told) = mpsc::channel();
        let waiting = thread::spawn(move || {
            for event in client.by_ref() {
                tell.send(format!("{event:?}")).unwrap();
            }
        });
        handle.pause();
        server.send("held").unwrap();
        handle.ping("p").unwrap();
        // The pong comes behind the message.
        let serving = thread::spawn(move || server.recv());
        assert!(told.recv_timeout(Duration::from_millis(300)).is_err());
        let start = Instant::now();
        handle.resume();
        assert!(told.recv_timeout(TOLERANCE).unwrap().contains("held"));
        // The thread that waits is within a read, which may last a minute.
        assert!(cfg!(not(unix)) || start.elapsed() < Duration::from_secs(4), "{:?}", start.elapsed());
        assert!(told.recv_timeout(TOLERANCE).unwrap().starts_with("Pong"));
        assert!(matches!(handle.confirm(), Err(ConfirmError::NothingSent)));
        assert_eq!(handle.stats().connections, 1);
        handle.reconnect_after(Duration::from_secs(3600));
        handle.cancel_reconnect();
        assert!(handle.take_unsent().is_empty());
        handle.abort();
        waiting.join().unwrap();
        assert!(serving.join().unwrap().is_err());
    });
}

/// The thread that takes events is within a read, which may last a minute, when events come of what others do.
#[cfg(unix)]
#[test]
fn events_that_come_of_sending_are_told_at_once() {
    bounded(|| {
        let (mut client, mut server) = connected(&quiet());
        let handle = client.handle();
        let waiting = thread::spawn(move || {
            let times = [ClientEvent::BufferFull, ClientEvent::BufferDrained].map(|event| {
                assert_eq!(format!("{:?}", client.next_event().unwrap()), format!("{event:?}"));
                Instant::now()
            });
            drop(client);
            times
        });
        thread::sleep(Duration::from_millis(100));
        let start = Instant::now();
        let sending = thread::spawn(move || handle.send(vec![0; 15 << 20]).map(|()| handle));
        assert_eq!(server.recv().unwrap().unwrap().len(), 15 << 20);
        let handle = sending.join().unwrap().unwrap();
        let times = waiting.join().unwrap();
        assert!(times[1] - start < Duration::from_secs(6), "{:?}", times.map(|time| time - start));
        drop(handle);
    });
}
