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
    use AcceptFault::{Client, Listener, Transient};
    use Errno as E;
    let table: &[(AcceptFault, &[E])] = &[
        (Transient, &[E::MFILE, E::NFILE, E::NOBUFS, E::NOMEM, E::NOSPC, E::PERM]),
        (Transient, &[E::ACCESS, E::AGAIN, E::IO, E::LOOP, E::NODEV, E::NOTCONN]),
        #[cfg(target_os = "linux")]
        (Transient, &[E::NOSR]),
        (Client, &[E::CONNABORTED, E::CONNRESET, E::INTR, E::PROTO, E::TIMEDOUT]),
        (Client, &[E::NETDOWN, E::NETUNREACH, E::HOSTUNREACH, E::HOSTDOWN, E::NOPROTOOPT, E::OPNOTSUPP]),
        #[cfg(any(target_os = "android", target_os = "linux"))]
        (Client, &[E::NONET]),
        (Listener, &[E::BADF, E::INVAL, E::NOTSOCK, E::FAULT]),
    ];
    for (fault, errors) in table {
        for errno in *errors {
            assert_eq!(AcceptFault::of(&io::Error::from(*errno)), *fault, "{errno:?}");
        }
    }
    // A runtime may have errors of its own.
    assert_eq!(AcceptFault::of(&io::Error::other("not of the system")), Transient);
    assert_eq!(AcceptFault::of(&io::ErrorKind::InvalidInput.into()), Transient);
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

#[cfg(unix)]
#[test]
fn an_error_that_is_not_of_the_listener_is_retried_after_a_pause() {
    let unknown = [io::Error::other("not of the system"), Errno::ACCESS.into(), Errno::IO.into()];
    for error in unknown {
        let mut retry = AcceptRetry::default();
        retry.handle_error(error, at(0)).expect("it passes");
        assert_eq!(retry.paused_until(at(0)), Some(at(50)));
    }
}

#[cfg(unix)]
#[test]
fn an_error_of_the_client_makes_no_pause_unless_memory_is_lacking() {
    let mut retry = AcceptRetry::default();
    for error in [io::Error::other("not of the system"), Errno::INVAL.into(), Errno::NOTCONN.into()] {
        retry.handle_client_error(&error, at(0));
        assert_eq!(retry.paused_until(at(0)), None, "{error}");
    }
    retry.handle_client_error(&Errno::NOBUFS.into(), at(0));
    assert_eq!(retry.paused_until(at(0)), Some(at(50)));
}

#[cfg(unix)]
#[test]
fn an_error_of_the_listener_is_returned() {
    let error = AcceptRetry::default().handle_error(Errno::INVAL.into(), at(0));
    assert_eq!(error.map_err(|error| error.kind()), Err(io::ErrorKind::InvalidInput));
}
