//! The relay: each fault does its harm, and no other.

#![allow(clippy::unwrap_used, reason = "what panics here is a failed test")]

use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::time::{Duration, Instant};

use ws_testkit::Way::{Down, Up};
use ws_testkit::{Fault, FaultRelay};

const MOMENT: Duration = Duration::from_millis(200);

/// A relay, and the two ends of a connection through it.
fn through(faults: impl IntoIterator<Item = Fault>) -> (FaultRelay, TcpStream, TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let relay = FaultRelay::start(listener.local_addr().unwrap(), faults).unwrap();
    let client = TcpStream::connect(relay.address()).unwrap();
    let server = listener.accept().unwrap().0;
    for end in [&client, &server] {
        end.set_nodelay(true).unwrap();
        end.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
    }
    (relay, client, server)
}

/// The bytes that come before the end or the error, or for a moment.
fn read(stream: &mut TcpStream) -> (Vec<u8>, Option<ErrorKind>) {
    stream.set_read_timeout(Some(MOMENT)).unwrap();
    let mut all = Vec::new();
    loop {
        let mut chunk = [0; 4096];
        match stream.read(&mut chunk) {
            Ok(0) => return (all, None),
            Ok(n) => all.extend_from_slice(&chunk[..n]),
            Err(error) if error.kind() == ErrorKind::TimedOut => return (all, Some(ErrorKind::WouldBlock)),
            Err(error) => return (all, Some(error.kind())),
        }
    }
}

const SILENCE: Option<ErrorKind> = Some(ErrorKind::WouldBlock);
const RESET: Option<ErrorKind> = Some(ErrorKind::ConnectionReset);

#[test]
fn without_a_fault_all_bytes_and_the_ends_pass() {
    let (relay, mut client, mut server) = through([]);
    client.write_all(b"up").unwrap();
    server.write_all(b"down!").unwrap();
    assert_eq!(read(&mut server), (b"up".into(), SILENCE));
    client.shutdown(Shutdown::Write).unwrap();
    assert_eq!(read(&mut server), (vec![], None));
    // Each direction ends for itself.
    server.write_all(b"?").unwrap();
    drop(server);
    assert_eq!(read(&mut client), (b"down!?".into(), None));
    let transfer = relay.transfers().remove(0);
    assert_eq!((&*transfer.up, &*transfer.down), (&b"up"[..], &b"down!?"[..]));
    assert_eq!((transfer.up_count, transfer.down_count), (2, 6));
}

#[test]
fn a_fault_strikes_after_its_number_of_bytes() {
    let cases: [(Fault, Option<ErrorKind>, Option<ErrorKind>); 4] = [
        (Fault::Cut(Up, 3), None, None),
        (Fault::ResetAfter(Up, 3), RESET, RESET),
        (Fault::Stall(Up, 3), SILENCE, SILENCE),
        (Fault::HalfOpen(Up, 3), None, SILENCE),
    ];
    for (fault, server_end, client_end) in cases {
        let (_relay, mut client, mut server) = through([fault]);
        server.write_all(b"down").unwrap();
        assert_eq!(read(&mut client), (b"down".into(), SILENCE), "{fault:?} counts the other way");
        client.write_all(b"abcdef").unwrap();
        let (bytes, end) = read(&mut server);
        // A reset may overtake the bytes before it.
        assert!(bytes == b"abc" || server_end == RESET && bytes.len() < 3, "{fault:?}: {bytes:?}");
        assert_eq!(end, server_end, "{fault:?}");
        assert_eq!(read(&mut client).1, client_end, "{fault:?}");
    }
    let (_relay, mut client, mut server) = through([Fault::Cut(Down, 2)]);
    server.write_all(b"abcdef").unwrap();
    assert_eq!(read(&mut client), (b"ab".into(), None));
    let (_relay, mut client, mut server) = through([Fault::Reset]);
    assert_eq!(read(&mut client), (vec![], RESET));
    assert_eq!(read(&mut server), (vec![], RESET));
}

#[test]
fn one_way_stops_while_the_other_goes_on() {
    let (relay, mut client, mut server) = through([]);
    relay.switch(Fault::Stop(Up));
    client.write_all(b"up").unwrap();
    server.write_all(b"down").unwrap();
    assert_eq!(read(&mut server), (vec![], SILENCE));
    assert_eq!(read(&mut client), (b"down".into(), SILENCE));
    relay.switch(Fault::None);
    assert_eq!(read(&mut server), (b"up".into(), SILENCE));
}

#[test]
fn faults_are_switched_while_bytes_flow() {
    let (relay, mut client, mut server) = through([Fault::Stall(Up, 2)]);
    client.write_all(b"abcd").unwrap();
    assert_eq!(read(&mut server), (b"ab".into(), SILENCE));
    // Bytes are counted anew.
    relay.switch(Fault::Stall(Up, 1));
    assert_eq!(read(&mut server), (b"c".into(), SILENCE));
    relay.switch(Fault::None);
    assert_eq!(read(&mut server), (b"d".into(), SILENCE));
    relay.reset();
    assert_eq!(read(&mut server), (vec![], RESET));
    assert_eq!(read(&mut client), (vec![], RESET));
}

#[test]
fn a_switch_counts_for_the_connections_to_come() {
    let (mut relay, _client, _server) = through([Fault::None, Fault::Reset]);
    relay.switch(Fault::Cut(Up, 0));
    for _ in 0..2 {
        let mut next = TcpStream::connect(relay.address()).unwrap();
        assert_eq!(read(&mut next), (vec![], None));
    }
    relay.refuse();
    assert!(TcpStream::connect(relay.address()).is_err());
    relay.listen().unwrap();
    assert_eq!(read(&mut TcpStream::connect(relay.address()).unwrap()), (vec![], None));
}

#[test]
fn a_trickle_passes_byte_by_byte() {
    let (_relay, mut client, mut server) = through([Fault::Trickle]);
    client.write_all(&[7; 500]).unwrap();
    assert_eq!(read(&mut server), (vec![7; 500], SILENCE));
}

#[test]
fn a_delay_holds_all_bytes_for_the_same_time() {
    let delay = Duration::from_millis(300);
    let (relay, mut client, mut server) = through([Fault::Delay(delay)]);
    let begin = Instant::now();
    client.write_all(&[1; 100 * 1024]).unwrap();
    let mut bytes = vec![0; 100 * 1024];
    server.read_exact(&mut bytes).unwrap();
    let took = begin.elapsed();
    // Seven reads of the relay wait side by side.
    assert!(took >= delay && took < delay * 3, "{took:?}");
    // Bytes that wait go at once when there is no delay any more.
    relay.switch(Fault::Delay(Duration::from_secs(60)));
    client.write_all(b"late").unwrap();
    assert_eq!(read(&mut server), (vec![], SILENCE));
    relay.switch(Fault::None);
    assert_eq!(read(&mut server), (b"late".into(), SILENCE));
}

#[test]
fn a_throttle_limits_the_rate() {
    let (_relay, mut client, mut server) = through([Fault::Throttle(10_000)]);
    let begin = Instant::now();
    client.write_all(&[1; 5_000]).unwrap();
    server.read_exact(&mut [0; 5_000]).unwrap();
    let took = begin.elapsed();
    assert!(took >= Duration::from_millis(450), "{took:?}");
    assert!(took < Duration::from_secs(5), "{took:?}");
}

#[test]
fn dropping_the_relay_ends_its_connections_and_threads() {
    let faults = [
        Fault::None,
        Fault::Stall(Up, 0),
        Fault::Stop(Down),
        Fault::HalfOpen(Up, 0),
        Fault::Delay(Duration::from_secs(60)),
        Fault::Throttle(1),
    ];
    for fault in faults {
        let (relay, mut client, mut server) = through([fault]);
        // Both have more to send than fits anywhere.
        for end in [&mut client, &mut server] {
            end.set_nonblocking(true).unwrap();
            while end.write(&[0; 64 * 1024]).is_ok() {}
            end.set_nonblocking(false).unwrap();
        }
        let (address, begin) = (relay.address(), Instant::now());
        drop(relay);
        assert!(begin.elapsed() < Duration::from_secs(2), "{fault:?}");
        assert_ne!(read(&mut client).1, SILENCE, "{fault:?}");
        assert!(TcpStream::connect(address).is_err());
    }
}
