//! What holds for the machines of all proxies: the order of reads and writes, a failing transport, and the handing over.

use std::io::{Error, ErrorKind};

use ws_common::proxy::{HttpProxy, Leftover, ProxyConnected, ProxyError, ProxyStep, Socks5};
use ws_core::bytes::{Buf, BytesMut};
use ws_core::{Instant, Machine, Outbound, TransportError};

use crate::support::{DEADLINE, Tunnel, check_text, credentials, name, read, write};

fn http() -> HttpProxy {
    HttpProxy::new(Some(&credentials()), &name("h"), 443, DEADLINE).unwrap()
}

fn socks5() -> Socks5 {
    Socks5::new(None, &name("h"), 443, DEADLINE).unwrap()
}

const HTTP_ANSWER: &[u8] = b"HTTP/1.1 200 OK\r\n\r\n";
const SOCKS5_ANSWERS: &[u8] = b"\x05\x00\x05\x00\x00\x01\0\0\0\0\0\0";

fn reset() -> Error {
    Error::from(ErrorKind::ConnectionReset)
}

/// An answer that overtakes the report of the write is no error, but the machine is not done before the report.
fn waits_for_its_writes(mut machine: impl Tunnel, answers: &[u8]) {
    let now = Instant::EPOCH;
    read(&mut machine, answers, now);
    let mut polls = 0;
    while machine.poll_event().unwrap().is_none() {
        polls += 1;
        assert!(machine.outbound().remaining() > 0 && polls < 1000);
        assert_eq!(machine.poll_timeout(), Some(DEADLINE));
        machine.outbound().advance(1);
        assert_eq!(machine.poll_event().unwrap(), None, "in flight is not written");
        machine.handle_write(1, now);
    }
    assert!(polls > 10 && machine.outbound().is_empty());
    assert_eq!(machine.poll_timeout(), None);
}

#[test]
fn machines_and_errors_go_anywhere() {
    fn anywhere<T: Send + Sync + 'static>() {}
    anywhere::<HttpProxy>();
    anywhere::<Socks5>();
    anywhere::<Leftover>();
    anywhere::<ProxyError>();
}

#[test]
fn connected_means_that_the_request_has_left() {
    waits_for_its_writes(http(), HTTP_ANSWER);
    waits_for_its_writes(socks5(), SOCKS5_ANSWERS);
}

#[test]
fn the_deadline_holds_until_the_request_has_left() {
    type Asking = dyn Machine<Event = ProxyConnected, Error = ProxyError>;
    let late = |machine: &mut Asking, answers: &[u8], step: ProxyStep| {
        machine.inbound().extend_from_slice(answers);
        machine.handle_read(answers.len(), Instant::EPOCH);
        assert_eq!(machine.poll_event().unwrap(), None);
        machine.handle_timeout(DEADLINE);
        assert!(matches!(machine.poll_event(), Err(ProxyError::Timeout { step: late, .. }) if late == step));
        assert_eq!(machine.poll_timeout(), None);
    };
    late(&mut http(), HTTP_ANSWER, ProxyStep::Response);
    late(&mut socks5(), SOCKS5_ANSWERS, ProxyStep::Reply);
}

/// A proxy that agrees without having read the request cannot fill the memory.
fn early(mut machine: impl Tunnel, answers: &[u8]) -> Option<ProxyError> {
    read(&mut machine, answers, Instant::EPOCH);
    for n in 0..100 {
        match machine.poll_event() {
            Ok(None) => read(&mut machine, &[0; 1024], Instant::EPOCH),
            Ok(Some(ProxyConnected)) => panic!("connected"),
            Err(error) => {
                assert_eq!(n, 17);
                return Some(error);
            }
        }
    }
    None
}

#[test]
fn a_proxy_that_does_not_take_the_request_may_not_flood() {
    for error in [early(http(), HTTP_ANSWER), early(socks5(), SOCKS5_ANSWERS)] {
        check_text(error.as_ref().unwrap());
        assert!(matches!(error, Some(ProxyError::Early)), "{error:?}");
    }
}

fn dies_writing(mut machine: impl Tunnel, answer: &[u8]) {
    let now = Instant::EPOCH;
    machine.handle_error(TransportError::write(reset()), now);
    assert!(machine.outbound().is_empty());
    assert_eq!(machine.poll_event().unwrap(), None, "what the proxy said last is worth more");
    read(&mut machine, answer, now);
    machine.handle_read(0, now);
    match machine.poll_event() {
        Err(ProxyError::Transport(broken)) => {
            assert!(broken.reason().is::<Error>());
            let error = ProxyError::Transport(broken);
            assert!(check_text(&error).starts_with("to the proxy, writing to the transport failed"));
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_failed_write_ends_it_unless_the_proxy_says_why() {
    dies_writing(http(), b"HTTP/1.1 20");
    dies_writing(http(), HTTP_ANSWER);
    dies_writing(socks5(), b"");
    dies_writing(socks5(), SOCKS5_ANSWERS);

    let mut machine = http();
    machine.handle_error(TransportError::write(reset()), Instant::EPOCH);
    read(&mut machine, b"HTTP/1.1 431 Too long\r\nContent-Length: 0\r\n\r\n", Instant::EPOCH);
    let refused = machine.poll_event();
    assert!(
        matches!(&refused, Err(ProxyError::Refused(refusal)) if refusal.response.status() == 431),
        "{refused:?}"
    );

    let mut machine = socks5();
    machine.handle_error(TransportError::write(reset()), Instant::EPOCH);
    read(&mut machine, b"\x05\xff", Instant::EPOCH);
    assert!(matches!(machine.poll_event(), Err(ProxyError::NoAcceptableMethod { .. })));
}

#[test]
fn a_failed_read_is_told_with_its_cause() {
    for n in 0..HTTP_ANSWER.len() {
        let mut machine = http();
        write(&mut machine, Instant::EPOCH);
        read(&mut machine, &HTTP_ANSWER[..n], Instant::EPOCH);
        assert_eq!(machine.poll_event().unwrap(), None);
        machine.handle_error(TransportError::read(reset()), Instant::EPOCH);
        let error = machine.poll_event().unwrap_err();
        assert!(matches!(&error, ProxyError::Transport(_)), "{error:?}");
    }
}

/// The next machine on the transport: it notes what it is told.
#[derive(Default)]
struct Next {
    inbound: BytesMut,
    outbound: Outbound,
    told: Vec<String>,
}

impl Machine for Next {
    type Event = ();
    type Error = ();
    fn inbound(&mut self) -> &mut BytesMut {
        &mut self.inbound
    }
    fn handle_read(&mut self, n: usize, now: Instant) {
        self.told.push(format!("{n} bytes at {now:?}"));
    }
    fn outbound(&mut self) -> &mut Outbound {
        &mut self.outbound
    }
    fn handle_write(&mut self, n: usize, _now: Instant) {
        self.outbound.acknowledge(n);
    }
    fn handle_error(&mut self, error: TransportError, _now: Instant) {
        self.told.push(format!("{:?} failed", error.direction()));
    }
    fn poll_event(&mut self) -> Result<Option<()>, ()> {
        Ok(None)
    }
    fn poll_timeout(&self) -> Option<Instant> {
        None
    }
    fn handle_timeout(&mut self, _now: Instant) {}
}

fn told(leftover: Leftover) -> (Vec<u8>, Vec<String>) {
    let mut next = Next::default();
    leftover.hand_over(&mut next, DEADLINE);
    (next.inbound.to_vec(), next.told)
}

fn connected<T: Tunnel>(mut machine: T, answers: &[u8], rest: &[u8], after: impl FnOnce(&mut T)) -> Leftover {
    let now = Instant::EPOCH;
    read(&mut machine, answers, now);
    read(&mut machine, rest, now);
    while machine.poll_event().unwrap().is_none() {
        assert!(!write(&mut machine, now).is_empty());
    }
    after(&mut machine);
    machine.leftover().unwrap_or_else(|_| panic!("it is connected"))
}

#[test]
fn the_next_machine_gets_the_bytes_and_the_end() {
    let now = Instant::EPOCH;
    for rest in ["x", "rest"] {
        let bytes = format!("{} bytes at +10s", rest.len());
        let leftover = connected(http(), HTTP_ANSWER, rest.as_bytes(), |_| {});
        assert_eq!(told(leftover), (rest.into(), vec![bytes.clone()]));
        let leftover =
            connected(socks5(), SOCKS5_ANSWERS, rest.as_bytes(), |machine| machine.handle_read(0, now));
        assert_eq!(told(leftover), (rest.into(), vec![bytes.clone(), "0 bytes at +10s".into()]));
        let leftover = connected(socks5(), SOCKS5_ANSWERS, rest.as_bytes(), |machine| {
            machine.handle_error(TransportError::read(reset()), now);
        });
        let all = vec![bytes.clone(), "Read failed".into(), "0 bytes at +10s".into()];
        assert_eq!(told(leftover), (rest.into(), all));
    }
    let leftover = connected(http(), HTTP_ANSWER, b"", |_| {});
    assert_eq!(told(leftover), (vec![], vec![]));
    let leftover = connected(http(), HTTP_ANSWER, b"", |machine| machine.handle_read(0, now));
    assert_eq!(told(leftover), (vec![], vec!["0 bytes at +10s".into()]));
}

#[test]
fn before_it_is_connected_nothing_is_left_over() {
    let machine = http().into_leftover().unwrap_err();
    let mut machine = machine.into_leftover().unwrap_err();
    assert!(!write(&mut machine, Instant::EPOCH).is_empty());
    assert!(socks5().into_leftover().is_err());
}
