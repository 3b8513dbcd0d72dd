//! The ends after which a client reconnects, and the changes by a hook.

use std::io;
use std::time::Duration;

use ws_common::{
    ConnectError, ConnectOptions, OpenPhase,
    proxy::ProxyError,
    reconnect::{Attempts, Cause, DisconnectReason, GiveUp, Reconnect, RetryDecision},
    session::ClientError,
};
use ws_core::{ClientRequest, Error, HandshakeError, Timeout, TransportError};

use crate::*;

fn refusal() -> io::Error {
    io::ErrorKind::ConnectionRefused.into()
}

/// Every failure before a connection is open that is no answer, and whether it is retried.
fn failures() -> Vec<(ConnectError, bool)> {
    let handshake = |source| ConnectError::Handshake { peer: None, source };
    let address = ([192, 0, 2, 1], 80).into();
    vec![
        (ConnectError::Resolve { host: "server.test".into(), source: io::ErrorKind::NotFound.into() }, true),
        (ConnectError::Connect(vec![(address, refusal())]), true),
        (ConnectError::Local(io::ErrorKind::OutOfMemory.into()), true),
        (ConnectError::Timeout { phase: OpenPhase::Resolve, open_timeout: secs(10), peer: None }, true),
        (ConnectError::Timeout { phase: OpenPhase::Connect, open_timeout: secs(10), peer: None }, true),
        (ConnectError::Timeout { phase: OpenPhase::Handshake, open_timeout: secs(10), peer: None }, true),
        (handshake(HandshakeError::UnexpectedEof(0)), true),
        (handshake(HandshakeError::UnexpectedEof(17)), true),
        (handshake(HandshakeError::Timeout), true),
        (handshake(HandshakeError::Transport(TransportError::read(refusal()))), true),
        (handshake(HandshakeError::HeadTooLong), false),
        (handshake(HandshakeError::TooManyHeaders), false),
        (answered("SSH-2.0-OpenSSH\r\n"), false),
        (answered("HTTP/1.1 101 Switching Protocols\r\n\r\n"), false),
        (ConnectOptions::new("ftp://server.test").build().expect_err("no WebSocket"), false),
        (ClientRequest::new("server.test", "/#top").expect_err("a fragment").into(), false),
    ]
}

/// Every failure of an open connection but a violation, and one that is final.
fn losses() -> Vec<ClientError> {
    let errors = [
        Error::UnexpectedEof,
        Error::Timeout(Timeout::Pong(secs(20))),
        Error::Timeout(Timeout::Write(secs(60))),
        Error::Timeout(Timeout::Close(secs(5))),
        Error::Transport(TransportError::read(refusal())),
        Error::Transport(TransportError::write(refusal())),
    ];
    errors.into_iter().map(ClientError::Connection).chain([ClientError::Unconfirmed(secs(20))]).collect()
}

/// What an attempt ends with that can never succeed with the same settings.
fn final_failures() -> Vec<ConnectError> {
    vec![
        ConnectOptions::new("ftp://server.test").build().expect_err("no WebSocket"),
        ClientRequest::new("server.test", "/#top").expect_err("a fragment").into(),
        ConnectOptions::new("ws://server.test").proxy("ftp://proxy.test").build().expect_err("no proxy"),
        ConnectError::Proxy {
            proxy: None,
            source: ProxyError::NoAcceptableMethod { had_credentials: false },
        },
        ConnectError::Proxy { proxy: None, source: ProxyError::CredentialsRefused(1) },
        refused_by_proxy(407, "Retry-After: 9\r\n"),
        // A proxy of the network that the client does not know of.
        refused(407, "Retry-After: 9\r\n"),
    ]
}

/// The count of a client whose latest connection was open for so long.
fn after_a_connection(policy: &Reconnect, open: Duration) -> Attempts {
    let mut attempts = policy.attempts();
    attempts.opened_for(open);
    attempts
}

fn ask_after(policy: &Reconnect, open: Duration, end: DisconnectReason<'_>) -> Result<Duration, GiveUp> {
    policy.next(&mut after_a_connection(policy, open), &end, || 1 << 63, at(0))
}

/// The middle of the first delay, and that of a slow one.
const FIRST: Duration = Duration::from_millis(300);
const SLOW: Duration = Duration::from_secs(45);

#[test]
fn before_a_connection_was_open_failures_that_pass_are_retried() {
    for (error, is_transient) in failures() {
        let end = DisconnectReason::Failed(&error);
        assert_eq!(end.is_transient(), is_transient, "{error:?}");
        let expected = if is_transient { Ok(FIRST) } else { Err(not_retried(end)) };
        assert_eq!(ask(&Reconnect::backoff(), end), expected, "{error:?}");
    }
    let slow = [Timeout::Message(secs(60)), Timeout::Chunk(secs(60))].map(Error::Timeout);
    let slow = slow.map(|error| (1008, ClientError::Connection(error)));
    for (code, error) in losses().into_iter().map(|error| (1006, error)).chain(slow) {
        let closed = closed(code);
        assert_eq!(
            ask(&Reconnect::backoff(), DisconnectReason::Closed { closed: &closed, error: Some(&error) }),
            Ok(FIRST)
        );
    }
}

#[test]
fn a_deadline_that_the_client_keeps_is_transient_whatever_code_the_peer_answers() {
    for error in [ClientError::Idle(secs(30)), ClientError::Unconfirmed(secs(20))] {
        for code in [1000, 1001, 1006, 4000] {
            let closed = closed(code);
            let end = DisconnectReason::Closed { closed: &closed, error: Some(&error) };
            assert!(end.is_transient() && !end.is_final(), "{error:?}, {code}");
            for policy in [Reconnect::backoff(), Reconnect::backoff().only_transient()] {
                assert_eq!(ask_after(&policy, secs(1), end), Ok(FIRST), "{error:?}, {code}");
            }
        }
    }
}

#[test]
fn once_a_connection_was_open_all_failures_but_final_ones_are_retried() {
    let policy = Reconnect::backoff();
    for (error, is_transient) in failures() {
        let end = DisconnectReason::Failed(&error);
        let expected = |slow| match end.is_final() {
            true => Err(not_retried(end)),
            false => Ok(if is_transient { FIRST } else { slow }),
        };
        assert_eq!(ask_after(&policy, ms(9_999), end), expected(SLOW), "{error:?}");
        assert_eq!(ask_after(&policy, secs(10), end), expected(FIRST), "{error:?}");
        let strict = policy.clone().only_transient();
        let expected = if is_transient { Ok(FIRST) } else { Err(not_retried(end)) };
        for open in [secs(1), secs(10)] {
            assert_eq!(ask_after(&strict, open, end), expected, "{error:?}");
        }
    }
}

#[test]
fn final_ends_are_final_with_every_policy_and_a_hook_overrides_even_them() {
    for error in final_failures() {
        let end = DisconnectReason::Failed(&error);
        assert!(end.is_final() && !end.is_transient(), "{error:?}");
        for policy in [Reconnect::never(), Reconnect::backoff(), Reconnect::after(secs(1))] {
            for open in [secs(0), secs(10)] {
                assert_eq!(ask_after(&policy, open, end), Err(not_retried(end)), "{error:?}");
            }
            assert_eq!(ask(&policy, end), Err(not_retried(end)), "{error:?}");
            let hooked = policy.decide(|_| Some(RetryDecision::RetryIn(ms(7))));
            assert_eq!(ask(&hooked, end), Ok(ms(7)), "{error:?}");
        }
    }
}

/// Delays grow from the base after a stable connection, though the failures in between are not transient.
#[test]
fn after_a_stable_connection_delays_grow_as_for_transient_ends() {
    let policy = Reconnect::backoff();
    let mut attempts = after_a_connection(&policy, secs(10));
    let error = refused(404, "");
    let mut delay = || {
        let delay =
            policy.next(&mut attempts, &DisconnectReason::Failed(&error), || u64::MAX, at(0)).unwrap();
        attempts.begin(at(0));
        delay.as_millis() + 1
    };
    let delays: Vec<_> = (0..9).map(|_| delay()).collect();
    assert_eq!(delays, [500, 1000, 2000, 4000, 8000, 16_000, 32_000, 60_000, 60_000]);
}

fn is_transient_status(status: u16) -> bool {
    [408, 425, 429].contains(&status) || (status >= 500 && status != 501 && status != 505)
}

#[test]
fn a_peer_that_cannot_be_used_is_a_final_end_that_a_hook_overrides() {
    let (closed, error) = (closed(1006), ClientError::Unconfirmable);
    let end = DisconnectReason::Closed { closed: &closed, error: Some(&error) };
    assert!(end.is_final() && !end.is_transient());
    for policy in [Reconnect::never(), Reconnect::backoff(), Reconnect::after(secs(1))] {
        for open in [secs(0), secs(10)] {
            assert_eq!(ask_after(&policy, open, end), Err(not_retried(end)));
            let eager = policy.clone().decide(|end| end.is_final().then_some(RetryDecision::RetryIn(ms(7))));
            assert_eq!(ask_after(&eager, open, end), Ok(ms(7)));
        }
    }
}

#[test]
fn statuses_that_are_retried_in_either_version() {
    for status in 200..=599 {
        let old = answered(&format!("HTTP/1.0 {status} No\r\nContent-Length: 0\r\n\r\n"));
        for error in [refused(status, ""), old] {
            let end = DisconnectReason::Failed(&error);
            assert_eq!(end.is_transient(), is_transient_status(status), "{status}");
            assert_eq!(end.is_final(), status == 407);
            assert_eq!(ask(&Reconnect::backoff(), end).is_ok(), is_transient_status(status), "{status}");
        }
    }
}

#[test]
fn close_codes_say_how_soon_a_client_returns() {
    for code in 0..=5000 {
        let is_transient = [1001, 1005, 1006, 1011, 1012, 1013, 1014].contains(&code);
        let closed = closed(code);
        let end = DisconnectReason::Closed { closed: &closed, error: None };
        assert_eq!(end.is_transient(), is_transient, "{code}");
        let slow = if is_transient { FIRST } else { SLOW };
        assert_eq!(ask(&Reconnect::backoff(), end), Ok(slow), "{code}");
        assert_eq!(ask_after(&Reconnect::backoff(), secs(1), end), Ok(slow), "{code}");
        assert_eq!(ask_after(&Reconnect::backoff(), secs(10), end), Ok(FIRST), "{code}");
        let strict = Reconnect::backoff().only_transient();
        assert_eq!(ask_after(&strict, secs(10), end).is_ok(), is_transient, "{code}");
    }
}

#[test]
fn violations_are_not_transient() {
    // A reserved opcode, text that is not UTF-8, a message that is too big.
    let mut too_big = vec![0x82, 127];
    too_big.extend_from_slice(&(1_u64 << 40).to_be_bytes());
    for (bytes, code) in [(&[0x83, 0][..], 1002), (&[0x81, 1, 0xFF], 1007), (&too_big, 1009)] {
        let (mut closed, error) = ended(bytes);
        assert!(matches!(error, Some(ClientError::Connection(Error::Violation(_)))), "{error:?}");
        assert_eq!(closed.code, code);
        // An abort after it does not make it better.
        for code in [code, 1006] {
            closed.code = code;
            let end = DisconnectReason::Closed { closed: &closed, error: error.as_ref() };
            assert!(!end.is_transient(), "{code}");
            assert_eq!(ask_after(&Reconnect::backoff(), secs(1), end), Ok(SLOW), "{code}");
            assert_eq!(ask_after(&Reconnect::backoff(), secs(10), end), Ok(FIRST), "{code}");
            let strict = Reconnect::backoff().only_transient();
            assert_eq!(ask_after(&strict, secs(10), end), Err(not_retried(end)), "{code}");
        }
    }
}

#[test]
fn a_fixed_delay_follows_everything_but_final_ends() {
    let policy = Reconnect::after(ms(1500));
    for code in 1000..=5000 {
        assert_eq!(ask_after_code(&policy, code), Ok(ms(1500)), "{code}");
    }
    for status in (200..=599).filter(|status| *status != 407) {
        assert_eq!(ask(&policy, DisconnectReason::Failed(&refused(status, ""))), Ok(ms(1500)), "{status}");
    }
    for (error, _) in failures().into_iter().filter(|(error, _)| !DisconnectReason::Failed(error).is_final())
    {
        assert_eq!(ask(&policy, DisconnectReason::Failed(&error)), Ok(ms(1500)), "{error:?}");
    }
    let (closed, error) = ended(&[0x83, 0]);
    assert_eq!(
        ask(&policy, DisconnectReason::Closed { closed: &closed, error: error.as_ref() }),
        Ok(ms(1500))
    );
}

#[test]
fn never_reconnects_after_nothing() {
    for (error, _) in failures() {
        let end = DisconnectReason::Failed(&error);
        for policy in [Reconnect::never(), Reconnect::never().only_transient()] {
            assert_eq!(ask(&policy, end), Err(not_retried(end)), "{error:?}");
        }
    }
    assert!(matches!(
        ask_after_code(&Reconnect::never(), 1001),
        Err(GiveUp::NotRetried(Cause::Closed { code: 1001, .. }))
    ));
}

fn closed_with(code: u16) -> Cause {
    let closed = closed(code);
    Cause::from(&DisconnectReason::Closed { closed: &closed, error: None })
}

#[test]
fn a_hook_overrides_each() {
    for policy in [Reconnect::never(), Reconnect::after(secs(1)), Reconnect::backoff()] {
        let default = [1000, 1001].map(|code| ask_after_code(&policy, code));
        for (decision, expected) in [
            (None, default),
            (Some(RetryDecision::Stop), [1000, 1001].map(|code| Err(GiveUp::Stopped(closed_with(code))))),
            (Some(RetryDecision::RetryIn(ms(1))), [Ok(ms(1)), Ok(ms(1))]),
            (Some(RetryDecision::RetryIn(Duration::MAX)), [Ok(Duration::MAX), Ok(Duration::MAX)]),
        ] {
            let policy = policy.clone().decide(move |_| decision);
            let seen = [1000, 1001].map(|code| ask_after_code(&policy, code));
            assert_eq!(seen, expected, "{decision:?}, {policy:?}");
        }
        let eager = policy.decide(|_| Some(RetryDecision::Retry));
        assert!(ask_after_code(&eager, 1000).is_ok(), "{eager:?}");
    }
}

#[test]
fn a_hook_sees_how_it_ended() {
    let policy = Reconnect::backoff().decide(|end| match end {
        DisconnectReason::Closed { closed, error: None } if closed.code == 4001 => {
            Some(RetryDecision::RetryIn(secs(3)))
        }
        DisconnectReason::Failed(ConnectError::Handshake {
            source: HandshakeError::Rejected(rejected),
            ..
        }) => (rejected.response.status() == 503).then_some(RetryDecision::Stop),
        _ => None,
    });
    assert_eq!(ask_after_code(&policy, 4001), Ok(secs(3)));
    assert_eq!(ask_after_code(&policy, 4002), Ok(SLOW));
    let error = refused(503, "");
    let cause = Cause::from(&DisconnectReason::Failed(&error));
    assert_eq!(ask(&policy, DisconnectReason::Failed(&error)), Err(GiveUp::Stopped(cause)));
    assert!(ask(&policy, DisconnectReason::Failed(&refused(502, ""))).is_ok());
}
