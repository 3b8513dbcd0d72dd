//! After what a client comes back, and what a hook changes.

use std::io;
use std::time::Duration;

use ws_client::{ConnectError, ConnectOptions, Decision, End, GiveUp, Phase, Reconnect};
use ws_core::{Broken, ClientRequest, Error, HandshakeError, Timeout};

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
        (ConnectError::Timeout(Phase::Resolve), true),
        (ConnectError::Timeout(Phase::Connect), true),
        (ConnectError::Timeout(Phase::Handshake), true),
        (handshake(HandshakeError::UnexpectedEof(0)), true),
        (handshake(HandshakeError::UnexpectedEof(17)), true),
        (handshake(HandshakeError::Timeout), true),
        (handshake(HandshakeError::Transport(Broken::read(refusal()))), true),
        (handshake(HandshakeError::HeadTooLong), false),
        (handshake(HandshakeError::TooManyHeaders), false),
        (answered("SSH-2.0-OpenSSH\r\n"), false),
        (answered("HTTP/1.1 101 Switching Protocols\r\n\r\n"), false),
        (ConnectOptions::new("ftp://server.test").expect_err("no WebSocket"), false),
        (ClientRequest::new("server.test", "/#top").expect_err("a fragment").into(), false),
    ]
}

/// Every failure of an open connection but a violation.
fn losses() -> [Error; 6] {
    [
        Error::UnexpectedEof,
        Error::Timeout(Timeout::Pong),
        Error::Timeout(Timeout::Write),
        Error::Timeout(Timeout::Close),
        Error::Transport(Broken::read(refusal())),
        Error::Transport(Broken::write(refusal())),
    ]
}

#[test]
fn failures_that_pass_are_retried() {
    for (error, is_retried) in failures() {
        let end = End::Failed(&error);
        assert_eq!(end.is_retried(), is_retried, "{error:?}");
        assert_eq!(ask(&Reconnect::backoff(), end).is_ok(), is_retried, "{error:?}");
    }
    for error in losses() {
        assert!(
            ask(&Reconnect::backoff(), End::Closed { closed: &closed(1006), error: Some(&error) }).is_ok()
        );
    }
}

#[test]
fn statuses_that_are_retried() {
    for status in 200..=599 {
        let is_retried =
            [408, 425, 429].contains(&status) || (status >= 500 && status != 501 && status != 505);
        let error = refused(status, "");
        assert_eq!(ask(&Reconnect::backoff(), End::Failed(&error)).is_ok(), is_retried, "{status}");
    }
}

#[test]
fn close_codes_that_are_retried() {
    for code in 0..=5000 {
        let is_retried = [1001, 1005, 1006, 1011, 1012, 1013, 1014].contains(&code);
        let expected = if is_retried { Ok(ms(250)) } else { Err(GiveUp::NotRetried) };
        assert_eq!(ask_after_code(&Reconnect::backoff(), code), expected, "{code}");
    }
}

#[test]
fn violations_are_not_retried() {
    // A reserved opcode, text that is not UTF-8, a message that is too big.
    let mut too_big = vec![0x82, 127];
    too_big.extend_from_slice(&(1_u64 << 40).to_be_bytes());
    for (bytes, code) in [(&[0x83, 0][..], 1002), (&[0x81, 1, 0xFF], 1007), (&too_big, 1009)] {
        let (mut closed, error) = ended(bytes);
        assert!(matches!(error, Some(Error::Violation(_))), "{error:?}");
        assert_eq!(closed.code, code);
        // An abort after it does not make it better.
        for code in [code, 1006] {
            closed.code = code;
            let end = End::Closed { closed: &closed, error: error.as_ref() };
            assert_eq!(ask(&Reconnect::backoff(), end), Err(GiveUp::NotRetried), "{code}");
        }
    }
}

#[test]
fn a_fixed_delay_comes_back_after_everything() {
    let policy = Reconnect::after(ms(1500));
    for code in 1000..=5000 {
        assert_eq!(ask_after_code(&policy, code), Ok(ms(1500)), "{code}");
    }
    for status in 200..=599 {
        assert_eq!(ask(&policy, End::Failed(&refused(status, ""))), Ok(ms(1500)), "{status}");
    }
    for (error, _) in failures() {
        assert_eq!(ask(&policy, End::Failed(&error)), Ok(ms(1500)), "{error:?}");
    }
    let (closed, error) = ended(&[0x83, 0]);
    assert_eq!(ask(&policy, End::Closed { closed: &closed, error: error.as_ref() }), Ok(ms(1500)));
}

#[test]
fn never_comes_back_after_nothing() {
    for (error, _) in failures() {
        assert_eq!(ask(&Reconnect::never(), End::Failed(&error)), Err(GiveUp::NotRetried), "{error:?}");
    }
    assert_eq!(ask_after_code(&Reconnect::never(), 1001), Err(GiveUp::NotRetried));
}

#[test]
fn a_hook_overrides_each() {
    for policy in [Reconnect::never(), Reconnect::after(secs(1)), Reconnect::backoff()] {
        let default = [1000, 1001].map(|code| ask_after_code(&policy, code));
        for (decision, expected) in [
            (None, default),
            (Some(Decision::Stop), [Err(GiveUp::NotRetried); 2]),
            (Some(Decision::RetryIn(ms(1))), [Ok(ms(1)); 2]),
            (Some(Decision::RetryIn(Duration::MAX)), [Ok(Duration::MAX); 2]),
        ] {
            let policy = policy.clone().decide(move |_| decision);
            let seen = [1000, 1001].map(|code| ask_after_code(&policy, code));
            assert_eq!(seen, expected, "{decision:?}, {policy:?}");
        }
        let eager = policy.decide(|_| Some(Decision::Retry));
        assert!(ask_after_code(&eager, 1000).is_ok(), "{eager:?}");
    }
}

#[test]
fn a_hook_sees_how_it_ended() {
    let policy = Reconnect::backoff().decide(|end| match end {
        End::Closed { closed, error: None } if closed.code == 4001 => Some(Decision::RetryIn(secs(3))),
        End::Failed(ConnectError::Handshake { source: HandshakeError::Rejected(rejected), .. }) => {
            (rejected.response.status() == 503).then_some(Decision::Stop)
        }
        _ => None,
    });
    assert_eq!(ask_after_code(&policy, 4001), Ok(secs(3)));
    assert_eq!(ask_after_code(&policy, 4002), Err(GiveUp::NotRetried));
    assert_eq!(ask(&policy, End::Failed(&refused(503, ""))), Err(GiveUp::NotRetried));
    assert!(ask(&policy, End::Failed(&refused(502, ""))).is_ok());
}
