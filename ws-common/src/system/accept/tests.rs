use super::*;

fn at(milliseconds: u64) -> Instant {
    Instant::since_epoch(Duration::from_millis(milliseconds))
}

fn exhausted() -> io::Error {
    io::ErrorKind::OutOfMemory.into()
}

fn aborted() -> io::Error {
    io::ErrorKind::ConnectionAborted.into()
}

#[cfg(unix)]
#[test]
fn each_error_of_accept_has_a_fault() {
    use AcceptFault::{Client, Exhausted, Listener};
    use Errno as E;
    let table: &[(AcceptFault, &[E])] = &[
        (Exhausted, &[E::MFILE, E::NFILE, E::NOBUFS, E::NOMEM, E::NOSPC, E::PERM]),
        (Client, &[E::CONNABORTED, E::CONNRESET, E::INTR, E::PROTO, E::TIMEDOUT]),
        (Client, &[E::NETDOWN, E::NETUNREACH, E::HOSTUNREACH, E::HOSTDOWN, E::NOPROTOOPT, E::OPNOTSUPP]),
        #[cfg(any(target_os = "android", target_os = "linux"))]
        (Client, &[E::NONET]),
        (Listener, &[E::BADF, E::INVAL, E::NOTSOCK, E::FAULT, E::AGAIN, E::ACCESS, E::IO]),
    ];
    for (fault, errors) in table {
        for errno in *errors {
            assert_eq!(AcceptFault::of(&io::Error::from(*errno)), *fault, "{errno:?}");
        }
    }
    assert_eq!(AcceptFault::of(&io::Error::other("not of the system")), Listener);
}

#[test]
fn pauses_grow_from_50_ms_to_1_s_and_a_client_makes_them_short_again() {
    let (mut retry, mut now) = (AcceptRetry::default(), at(0));
    assert_eq!(retry.paused_until(now), None);
    for expected in [50, 100, 200, 400, 800, 1000, 1000, 1000] {
        retry.handle_error(exhausted(), now).expect("it passes");
        let until = retry.paused_until(now).expect("a pause");
        assert_eq!(until - now, Duration::from_millis(expected));
        now = until;
        assert_eq!(retry.paused_until(now), None, "it is over");
    }
    retry.handle_client();
    retry.handle_error(exhausted(), now).expect("it passes");
    assert_eq!(retry.paused_until(now), Some(now + FIRST_PAUSE));
}

#[test]
fn failures_during_a_pause_do_not_lengthen_it() {
    let mut retry = AcceptRetry::default();
    for milliseconds in [0, 10, 49] {
        retry.handle_error(exhausted(), at(milliseconds)).expect("it passes");
        assert_eq!(retry.paused_until(at(milliseconds)), Some(at(50)));
    }
    retry.handle_error(exhausted(), at(50)).expect("it passes");
    assert_eq!(retry.paused_until(at(50)), Some(at(150)), "only the second pause");
}

#[test]
fn a_client_that_is_gone_is_skipped_at_once() {
    let mut retry = AcceptRetry::default();
    for _ in 0..1000 {
        retry.handle_error(aborted(), at(0)).expect("it passes");
        retry.handle_client_error(&io::ErrorKind::InvalidInput.into(), at(0));
    }
    assert_eq!(retry.paused_until(at(0)), None);
    retry.handle_client_error(&exhausted(), at(0));
    assert_eq!(retry.paused_until(at(0)), Some(at(50)));
}

#[test]
fn an_error_of_the_listener_is_returned() {
    let error = AcceptRetry::default().handle_error(io::ErrorKind::InvalidInput.into(), at(0));
    assert_eq!(error.map_err(|error| error.kind()), Err(io::ErrorKind::InvalidInput));
}
