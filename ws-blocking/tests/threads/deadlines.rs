//! Deadlines that come about while another thread reads, which nothing can wake.

use std::io::Read;
use std::thread;
use std::time::{Duration, Instant};

use ws_blocking::{CloseCode, Error, Event, Receiver, error::Timeout};

use crate::support::{TOLERANCE, bounded, quiet, with_raw_client};

/// A deadline in the tests.
const DEADLINE: Duration = Duration::from_millis(300);

/// Receives in a thread until the connection fails; says how, and when.
fn receive(mut receiver: Receiver<std::net::TcpStream>) -> thread::JoinHandle<(Error, Instant)> {
    thread::spawn(move || {
        let error = receiver.recv().unwrap_err();
        let when = Instant::now();
        assert_eq!(receiver.closed().unwrap().code, 1006);
        assert!(matches!(receiver.next_event(), Ok(None)));
        (error, when)
    })
}

#[test]
fn a_ping_sent_while_another_thread_reads_is_missed_in_time() {
    bounded(|| {
        let (server, _raw) = with_raw_client(&quiet().pong_timeout(DEADLINE));
        let (mut sender, receiver) = server.split();
        let receiving = receive(receiver);
        thread::sleep(DEADLINE / 2);
        let start = Instant::now();
        sender.ping("there?").unwrap();
        let (error, when) = receiving.join().unwrap();
        assert!(matches!(error, Error::Timeout(Timeout::Pong(_))), "{error}");
        assert!(when - start >= DEADLINE && when - start < DEADLINE + TOLERANCE, "{:?}", when - start);
    });
}

#[test]
fn a_close_begun_while_another_thread_reads_leaves_at_once_and_ends_in_time() {
    bounded(|| {
        let (server, mut raw) = with_raw_client(&quiet().close_timeout(DEADLINE));
        let (mut sender, receiver) = server.split();
        let receiving = receive(receiver);
        thread::sleep(DEADLINE / 2);
        let start = Instant::now();
        sender.start_close(CloseCode::NORMAL);
        let mut close = [0; 4];
        raw.read_exact(&mut close).unwrap();
        assert_eq!(&close, b"\x88\x02\x03\xe8");
        let (error, when) = receiving.join().unwrap();
        assert!(matches!(error, Error::Timeout(Timeout::Close(_))), "{error}");
        assert!(when - start >= DEADLINE && when - start < DEADLINE + TOLERANCE, "{:?}", when - start);
    });
}

#[test]
fn a_close_does_not_wait_for_a_read_that_may_last_a_minute() {
    bounded(|| {
        let (server, mut raw) = with_raw_client(&quiet());
        let (mut sender, mut receiver) = server.split();
        let receiving = thread::spawn(move || receiver.recv());
        thread::sleep(DEADLINE / 2);
        let start = Instant::now();
        sender.start_close(CloseCode::NORMAL);
        raw.read_exact(&mut [0; 4]).unwrap();
        assert!(start.elapsed() < TOLERANCE, "{:?}", start.elapsed());
        drop(raw);
        assert!(matches!(receiving.join().unwrap(), Err(Error::UnexpectedEof)));
    });
}

#[test]
fn pings_keep_their_schedule_while_one_thread_reads_and_another_is_blocked_in_write() {
    bounded(|| {
        let interval = Duration::from_millis(100);
        let start = Instant::now();
        let (server, mut raw) = with_raw_client(&quiet().ping_interval(interval));
        let (mut sender, mut receiver) = server.split();
        let receiving = thread::spawn(move || receiver.recv());
        let sending = thread::spawn(move || sender.send(vec![7; 16 << 20]).map(|()| sender));
        thread::sleep(DEADLINE);
        let mut is_ping = || {
            // A ping, or the header of the message.
            let mut begin = [0; 10];
            raw.read_exact(&mut begin).unwrap();
            begin[..2] == [0x89, 8]
        };
        // Some may have left before the message.
        let mut pings = 5;
        while is_ping() {
            pings += 1;
        }
        raw.read_exact(&mut vec![0; 16 << 20]).unwrap();
        for _ in 0..5 {
            let mut ping = [0; 10];
            raw.read_exact(&mut ping).unwrap();
            assert_eq!(ping[..2], [0x89, 8]);
        }
        let elapsed = start.elapsed();
        assert!(elapsed >= pings * interval && elapsed < TOLERANCE, "{pings} in {elapsed:?}");
        drop(raw);
        assert!(receiving.join().unwrap().is_err());
        assert!(sending.join().unwrap().is_ok());
    });
}

#[test]
fn a_thread_that_comes_late_reads_before_it_looks_at_the_clock() {
    bounded(|| {
        let config = quiet().pong_timeout(Duration::from_millis(50));
        let (mut server, mut raw) = with_raw_client(&config);
        server.ping("p").unwrap();
        let mut ping = [0; 3];
        raw.read_exact(&mut ping).unwrap();
        std::io::Write::write_all(&mut raw, &crate::support::frame(0x8a, b"p")).unwrap();
        // The application is busy for longer than the deadline; the pong is there all the time.
        thread::sleep(Duration::from_millis(200));
        assert!(matches!(server.next_event(), Ok(Some(Event::Pong { round_trip: Some(_), .. }))));
    });
}

/// Queues more than the transport takes. The peer takes all that it gets, but nobody writes until long after the deadline. Then calls
/// `late`.
fn late_writer(late: impl FnOnce(&mut ws_blocking::WebSocket)) {
    const LEN: usize = 16 << 20;
    let (mut server, mut raw) = with_raw_client(&quiet().write_timeout(DEADLINE));
    server.try_send(vec![7; LEN]).unwrap();
    let peer = thread::spawn(move || {
        raw.read_exact(&mut vec![0; LEN + 10]).unwrap();
        std::io::Write::write_all(&mut raw, &crate::support::frame(0x82, b"all")).unwrap();
        raw
    });
    thread::sleep(2 * DEADLINE);
    late(&mut server);
    let message = server.recv().unwrap().unwrap();
    assert_eq!(message.as_bytes(), b"all");
    drop(peer.join().unwrap());
}

#[test]
fn a_thread_that_comes_late_writes_before_it_looks_at_the_clock() {
    bounded(|| late_writer(|_| {}));
}

#[test]
fn a_thread_that_flushes_late_writes_before_it_looks_at_the_clock() {
    bounded(|| late_writer(|server| server.flush().unwrap()));
}

#[test]
fn a_flood_does_not_put_a_deadline_off_for_ever() {
    bounded(|| {
        let (mut server, mut raw) = with_raw_client(&quiet().close_timeout(DEADLINE));
        let flood = crate::support::frame(0x82, &[0; 125]).repeat(1000);
        let flooding = thread::spawn(move || while std::io::Write::write_all(&mut raw, &flood).is_ok() {});
        let start = Instant::now();
        let closed = server.close(CloseCode::NORMAL);
        assert_eq!((closed.code, closed.clean), (1006, false));
        assert!(start.elapsed() < 2 * DEADLINE + TOLERANCE, "{:?}", start.elapsed());
        drop(server);
        flooding.join().unwrap();
    });
}
