//! Close frames that break a rule (RFC 6455 §5.5.1 and §7.4), and their illegal codes and reasons.

use ws_core::{Initiator, Machine, Role, ViolationKind as Kind};

use crate::support::*;

/// Close frames that break a rule.
fn broken_closes(sender: Role) -> Vec<(Vec<u8>, Kind)> {
    vec![
        (frame(sender, CLOSE, b"\x03"), Kind::CloseTooShort),
        (close(sender, 1005, b""), Kind::CloseCode(1005)),
        (close(sender, 0, b"zero"), Kind::CloseCode(0)),
        (close(sender, 1000, b"b\xffd"), Kind::InvalidUtf8),
        (close(sender, 1000, b"cut \xe2\x82"), Kind::InvalidUtf8),
        (frame(sender, CLOSE & 0x7F, b""), Kind::FragmentedControl),
        (frame(sender, CLOSE | 0x40, b""), Kind::ReservedBits),
        (frame(sender, CLOSE, &[0; 126]), Kind::ControlTooLong),
        (
            frame(sender.peer(), CLOSE, b""),
            match sender {
                Role::Client => Kind::Unmasked,
                Role::Server => Kind::Masked,
            },
        ),
    ]
}

/// Close frames with an illegal code or reason: their code, and the readable part of the reason.
fn illegal_closes() -> [(u16, &'static [u8], &'static str); 8] {
    [
        (1005, b"", ""),
        (1006, b"abnormal", "abnormal"),
        (0, b"zero", "zero"),
        (65535, b"a\xffb", "a"),
        (1006, b"\r\n\x1b[2J", "\r\n\x1b[2J"),
        (1011, b"\xc3", ""),
        (1011, b"cut \xe2\x82", "cut "),
        (4000, b"b\xffd", "b"),
    ]
}

#[test]
fn the_error_of_an_illegal_close_names_its_code_and_the_readable_part_of_its_reason() {
    for (role, (code, reason, readable)) in
        ROLES.into_iter().flat_map(|role| illegal_closes().map(|illegal| (role, illegal)))
    {
        let mut connection = open(role, &quiet());
        feed(&mut connection, &close(role.peer(), code, reason), at(0));
        let Err(ws_core::Error::Violation(violation)) = connection.poll_event() else { panic!("{code}") };
        let seen = violation.close().unwrap();
        assert_eq!((seen.code, &*seen.reason), (code, readable), "{role:?}");
        let told = violation.to_string();
        assert!(told.contains(&format!("code {code}")), "{told}");
        assert!(readable.is_empty() || told.contains(&format!("{readable:?}")), "{told}");
        assert!(!told.contains(char::is_control), "{told}");

        let mut connection = open(role, &quiet());
        connection.close(ws_core::CloseCode::NORMAL, at(0));
        write(&mut connection, at(0));
        read(&mut connection, &close(role.peer(), code, reason), at(0));
        connection.handle_read(0, at(0));
        drain(&mut connection);
        let closed = connection.closed().unwrap();
        assert_eq!(closed.violation().and_then(|violation| violation.close()), Some(seen));
        assert!(closed.to_string().contains(&format!("code {code}")), "{closed}");
    }
    for wrong in [frame(Role::Server, CLOSE, b"\x03"), frame(Role::Server, TEXT, b"\xff")] {
        let mut connection = open(Role::Client, &quiet());
        feed(&mut connection, &wrong, at(0));
        let Err(ws_core::Error::Violation(violation)) = connection.poll_event() else { panic!("{wrong:?}") };
        assert_eq!(violation.close(), None);
    }
}

/// A code is illegal as soon as it is there, and the reason is the part that has come with it.
#[test]
fn an_illegal_close_that_is_cut_names_what_has_come() {
    for (code, reason, readable) in illegal_closes() {
        let whole = close(Role::Server, code, reason);
        for cut in 4..whole.len() {
            let mut connection = open(Role::Client, &quiet());
            feed(&mut connection, &whole[..cut], at(0));
            let error = match connection.poll_event() {
                Ok(_) => {
                    feed(&mut connection, &whole[cut..], at(0));
                    connection.poll_event().unwrap_err()
                }
                Err(error) => error,
            };
            let ws_core::Error::Violation(violation) = error else { panic!("{error}") };
            let seen = violation.close().unwrap();
            assert!(
                seen.code == code && readable.starts_with(&*seen.reason),
                "{code}, cut at {cut}: {seen:?}"
            );
        }
    }
}

#[test]
fn a_broken_close_in_answer_to_ours_does_not_hide_our_code() {
    for (role, code) in [3001, 1000].iter().flat_map(|code| ROLES.map(|role| (role, *code))) {
        for (broken, kind) in broken_closes(role.peer()) {
            for chunk in [1, 3, broken.len()] {
                let mut connection = open(role, &quiet());
                connection.close(ws_core::CloseCode::new(code).unwrap(), at(0));
                write(&mut connection, at(0));
                let seen: Vec<Seen> =
                    broken.chunks(chunk).flat_map(|part| read(&mut connection, part, at(1))).collect();
                assert_eq!(seen, [], "{kind:?}: it is a remark, no error");
                assert_eq!(write(&mut connection, at(1)), b"");
                assert!(connection.outbound().is_finished() || role == Role::Client);
                connection.handle_read(0, at(2));
                let seen = drain(&mut connection);
                assert!(ends_once(&seen) && seen.len() == 1, "{kind:?}: {seen:?}");
                assert_eq!(closed(&connection), (code, "", Initiator::Local, false, 0), "{kind:?}");
                let violation = connection.closed().unwrap().violation();
                assert_eq!(violation.map(|violation| violation.kind), Some(kind));
                let told = connection.closed().unwrap().to_string();
                assert!(told.contains(&kind.to_string()) && told.contains(&code.to_string()), "{told}");
            }
        }
    }
}

#[test]
fn a_broken_close_that_begins_is_a_violation_as_any_other() {
    for role in ROLES {
        for (broken, kind) in broken_closes(role.peer()) {
            let mut connection = open(role, &quiet());
            let seen = read(&mut connection, &broken, at(0));
            assert!(matches!(seen[..], [Seen::Violation(seen, _)] if seen == kind), "{seen:?}");
            write(&mut connection, at(0));
            connection.handle_read(0, at(0));
            drain(&mut connection);
            let code = if kind == Kind::InvalidUtf8 { 1007 } else { 1002 };
            assert_eq!(closed(&connection).0, code);
            assert_eq!(connection.closed().unwrap().violation(), None, "the error has told it");
        }
    }
}

#[test]
fn the_error_of_an_illegal_close_is_the_same_wherever_its_bytes_are_cut() {
    for role in ROLES {
        let bytes = frame(role.peer(), CLOSE, b"\x03\xEDgoing away");
        for cut in 1..bytes.len() {
            let mut connection = open(role, &quiet());
            feed(&mut connection, &bytes[..cut], at(1));
            feed(&mut connection, &bytes[cut..], at(1));
            let error = connection.poll_event().unwrap_err().to_string();
            assert!(
                error.contains("1005") && error.contains("going away"),
                "{role:?}, cut at {cut}: {error}"
            );
        }
    }
}
