//! Every phase fails in every way: the events, their order, and whether the client reconnects.

use std::time::Duration;

use ws_common::{
    OpenPhase,
    reconnect::{Cause, GiveUp, Reconnect},
    session::ClientStatus,
};
use ws_core::{CloseCode, Config};

use crate::support::{Plan, Serve, Sim, Steps, URL, client, ms, refuse, secs, serve, simulate};

/// A delay that cannot be mistaken for another.
fn fixed() -> Reconnect {
    Reconnect::after(ms(500))
}

fn raw(answer: &str) -> Plan {
    Plan::Raw(answer.into(), true)
}

#[test]
fn an_attempt_that_fails_gives_one_error_and_one_closed() {
    let endless = Plan::Raw("HTTP/1.1 101 Switching".into(), false);
    let connected = |error| vec!["connected", error];
    // We end an attempt after a time of ours, and after an answer that is none to our request.
    for (plan, chunk, took, expected, by) in [
        (Plan::NoName, 9, 0, vec!["error resolve"], "us"),
        (Plan::Refuse, 9, 0, vec!["error connect"], "peer"),
        (Plan::BlackHole, 9, 10, vec!["error connect"], "us"),
        (Plan::Silent, 9, 10, connected("error handshake"), "us"),
        (endless, 9, 10, connected("error handshake"), "us"),
        (raw(""), 9, 0, connected("error handshake"), "peer"),
        (raw("SSH-2.0-OpenSSH_9.9\r\n"), 1, 0, connected("error handshake"), "us"),
        (raw("HTTP/1.1 101 Sw"), 1, 0, connected("error handshake"), "peer"),
        (raw("HTTP/1.1 101 S\r\n\r\n"), 9, 0, connected("error handshake"), "us"),
        (raw("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nno"), 7, 0, connected("error handshake"), "peer"),
        (refuse(503, ""), 1, 0, connected("error handshake"), "peer"),
        (refuse(302, "Location: /other\r\n"), 1, 0, connected("error handshake"), "peer"),
    ] {
        let mut sim = simulate(client().reconnect(fixed()), [plan]);
        sim.switches.chunk = chunk;
        sim.advance(secs(took) + ms(100));
        let closed = format!("closed 1006 broken {by}");
        sim.expect(&[expected, vec![&closed, "reconnecting 1 in 500ms"]].concat());
        assert_eq!(sim.session.status(), ClientStatus::Waiting);
        assert!(!sim.is_connected());
        sim.advance(secs(1));
        sim.expect(&["connected", "open"]);
    }
}

/// The delay that such an event tells.
pub(crate) fn delay(reconnecting: &str) -> Duration {
    let (_, delay) = reconnecting.split_once(" in ").expect(reconnecting);
    match delay.strip_suffix("ms") {
        Some(milliseconds) => Duration::from_secs_f64(milliseconds.parse::<f64>().expect(delay) / 1000.0),
        None => Duration::from_secs_f64(delay.strip_suffix('s').expect(delay).parse().expect(delay)),
    }
}

type Break = fn(&mut Sim);

#[test]
fn an_open_connection_that_breaks_gives_one_error_and_one_closed() {
    let eof: Break = |sim| sim.cut();
    let reset: Break = |sim| sim.reset();
    let violation: Break = |sim| sim.inject(&[0xC1, 0]);
    let not_utf8: Break = |sim| sim.inject(&[0x81, 1, 0xFF]);
    let too_big: Break = |sim| sim.inject(&[0x82, 126, 0x10, 1]);
    let half_close: Break = |sim| sim.inject(&[0x88, 1, 3]);
    let silent: Break = |sim| {
        sim.then(serve());
        sim.switches.is_blocked = true;
        sim.send("x");
    };
    // The server lives, and its message does not go on.
    let slow: Break = |sim| {
        sim.then(serve());
        sim.inject(&[0x82, 126, 0x0F, 0, 0]);
    };
    for (name, breaks, expected) in [
        ("slow", slow, &["error timeout", "closed 1008 broken us"]),
        ("eof", eof, &["error transport", "closed 1006 broken peer"]),
        ("reset", reset, &["error transport", "closed 1006 broken peer"]),
        ("violation", violation, &["error protocol", "closed 1002 broken us"]),
        ("not UTF-8", not_utf8, &["error protocol", "closed 1007 broken us"]),
        ("too big", too_big, &["error protocol", "closed 1009 broken us"]),
        ("half a code", half_close, &["error protocol", "closed 1002 broken us"]),
        ("blocked", silent, &["error timeout", "closed 1006 broken us"]),
    ] {
        let config = Config::default().max_message_size(4096).ping_interval(None).write_timeout(secs(30));
        let config = config.message_timeout(secs(30)).close_timeout(ms(50));
        let mut sim = simulate(client().config(config).reconnect(fixed()), []);
        sim.settle();
        sim.expect(&["connected", "open"]);
        breaks(&mut sim);
        sim.advance(secs(30) + ms(100));
        let mut trace = sim.lines();
        trace.truncate(3);
        assert_eq!(trace[..2], *expected, "{name}");
        assert_eq!(trace[2], "reconnecting 1 in 500ms", "{name}");
    }
}

#[test]
fn a_peer_without_pongs_is_given_up_and_one_with_pongs_is_not() {
    for (is_mute, expected) in [
        (
            true,
            &["connected", "open", "error timeout", "closed 1006 broken us", "reconnecting 1 in 500ms"][..],
        ),
        (false, &["connected", "open", "pong", "pong"]),
    ] {
        let plan = Plan::Serve(Serve { is_mute, ..Serve::default() });
        let builder = client().ping_interval(secs(20)).pong_timeout(secs(7)).reconnect(fixed());
        let mut sim = simulate(builder, [plan]);
        // The first ping goes out after 10 to 20 s.
        sim.advance(ms(17_000));
        assert_eq!(sim.session.status(), ClientStatus::Open);
        sim.advance(if is_mute { ms(10_100) } else { secs(28) });
        let trace = sim.lines();
        assert_eq!(trace[..expected.len()], *expected);
        assert!(is_mute || trace.len() == expected.len(), "{trace:?}");
    }
}

#[test]
fn a_close_is_answered_and_the_code_decides() {
    for code in [1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 1014, 3000, 4999] {
        let is_transient = matches!(code, 1001 | 1011..=1014);
        let plan = Plan::Serve(Serve { closes: Some(code), ..Serve::default() });
        let mut sim = simulate(client(), [plan]);
        sim.advance(ms(50));
        let trace = sim.lines();
        let closed = format!("closed {code} clean peer");
        assert_eq!(trace[..4], ["connected", "open", &format!("closing {code}"), &closed]);
        // A connection that ends at once was not stable.
        let (least, most) = if is_transient { (ms(100), ms(500)) } else { (secs(30), secs(60)) };
        assert!((least..most).contains(&delay(&trace[4])), "{code}: {trace:?}");
        let code = CloseCode::new(code).expect("a legal code");
        let mut sim = simulate(client().reconnect(fixed()), []);
        sim.settle();
        let now = sim.now;
        sim.server().close(code, now);
        sim.advance(secs(1));
        assert_eq!(sim.lines()[4..], ["reconnecting 1 in 500ms", "connected", "open"], "{code}");
    }
}

#[test]
fn an_empty_close_is_1005_clean_and_retried() {
    let mut sim = simulate(client(), []);
    sim.settle();
    sim.lines();
    sim.inject(&[0x88, 0]);
    sim.settle();
    assert_eq!(sim.lines()[..2], ["closing 1005", "closed 1005 clean peer"]);
    assert_eq!(sim.session.status(), ClientStatus::Waiting);
}

#[test]
fn before_a_connection_was_open_only_transient_ends_are_retried() {
    for (plan, is_retried) in [
        (Plan::NoName, true),
        (Plan::Refuse, true),
        (Plan::BlackHole, true),
        (Plan::Silent, true),
        (raw(""), true),
        (raw("HTTP/1.1 101 S\r\n\r\n"), false),
        (raw("garbage\r\n\r\n"), false),
        (refuse(408, ""), true),
        (refuse(425, ""), true),
        (refuse(429, ""), true),
        (refuse(500, ""), true),
        (refuse(501, ""), false),
        (refuse(503, ""), true),
        (refuse(505, ""), false),
        (refuse(401, ""), false),
        (refuse(404, ""), false),
        (refuse(302, "Location: /\r\n"), false),
    ] {
        let mut sim = simulate(client(), [plan]);
        sim.advance(ms(10_050));
        sim.settle();
        let trace = sim.lines();
        let has_come_back = trace.iter().any(|event| event.starts_with("reconnecting 1 in"));
        assert_eq!(has_come_back, is_retried, "{trace:?}");
        assert_eq!(sim.session.is_over(), !is_retried, "{trace:?}");
    }
}

#[test]
fn once_a_connection_was_open_all_ends_are_retried() {
    for plan in [
        refuse(404, ""),
        refuse(302, "Location: http://portal.test/\r\n"),
        raw("HTTP/1.1 101 S\r\n\r\n"),
        raw("<html>Sign in</html>\r\n\r\n"),
    ] {
        // What follows a stable connection begins at the base, and what follows another one is slow.
        for (open, least, most) in [(secs(10), ms(100), ms(1000)), (ms(9_000), secs(30), secs(60))] {
            let mut sim = simulate(client(), [serve(), plan.clone()]);
            sim.advance(open);
            sim.cut();
            sim.advance(secs(1));
            sim.advance(most);
            sim.settle();
            let trace = sim.lines();
            let second = trace.iter().position(|event| event.starts_with("reconnecting 2 in "));
            let (before, after) = trace.split_at(second.expect("a second delay") + 1);
            assert!((least..most).contains(&delay(&before[before.len() - 1])), "{trace:?}");
            assert_eq!(after, ["connected", "open"], "{trace:?}");
        }
        let mut sim = simulate(client().reconnect(Reconnect::backoff().only_transient()), [serve(), plan]);
        sim.advance(secs(10));
        sim.cut();
        sim.advance(secs(1));
        assert!(matches!(sim.seen.gave_up, Some(GiveUp::NotRetried(_))), "{:?}", sim.seen.gave_up);
    }
}

/// As a test environment starts its server late, or a proxy refuses for a server that is not there yet.
#[test]
fn a_refusal_in_http_1_0_is_retried_as_in_1_1() {
    let refusal = "HTTP/1.0 503 Service Unavailable\r\nConnection: close\r\n\r\n<h1>503</h1>\n";
    let mut sim = simulate(client(), [raw(refusal)]);
    sim.advance(secs(1));
    sim.settle();
    let trace = sim.lines();
    assert_eq!(trace[..3], ["connected", "error handshake", "closed 1006 broken peer"]);
    assert_eq!(trace[4..], ["connected", "open"], "{trace:?}");
    assert!(matches!(
        sim.seen.causes[..],
        [Cause::Failed { phase: OpenPhase::Handshake, status: Some(503), .. }]
    ));
}

#[test]
fn a_sloppy_close_does_not_end_a_client() {
    for (bytes, told) in [
        (&[0x88, 2, 0x03, 0xED][..], "code 1005"),
        (&[0x88, 2, 0x03, 0xEE], "code 1006"),
        (&[0x88, 3, 0x03, 0xF3, 0xC3], "code 1011"),
        (&[0x88, 1, 0x03], "half a code"),
    ] {
        let mut sim = simulate(client(), []);
        sim.advance(secs(1));
        sim.inject(bytes);
        sim.settle();
        sim.advance(secs(60));
        let trace = sim.lines();
        assert_eq!(trace[2], "error protocol", "{trace:?}");
        assert!((secs(30)..secs(60)).contains(&delay(&trace[4])), "{trace:?}");
        assert_eq!(trace[5..], ["connected", "open"], "{trace:?}");
        let cause = sim.seen.causes[0].to_string();
        assert!(cause.contains(told), "{cause}");
        assert!(matches!(sim.seen.causes[0], Cause::Failed { phase: OpenPhase::Protocol, .. }));
    }
}

#[test]
fn retry_after_is_honoured() {
    let mut sim = simulate(client(), [refuse(503, "Retry-After: 120\r\n")]);
    sim.advance(secs(120));
    let trace = sim.lines();
    assert_eq!(trace[..3], ["connected", "error handshake", "closed 1006 broken peer"]);
    // So that all who were refused together do not return together.
    assert!((secs(120)..secs(120) + ms(500)).contains(&delay(&trace[3])), "{trace:?}");
    sim.advance(secs(1));
    sim.expect(&["connected", "open"]);
}

#[test]
fn attempts_are_counted_until_a_connection_was_stable() {
    let mut sim = simulate(client().reconnect(fixed()), [Plan::Refuse, Plan::Refuse]);
    sim.advance(secs(2));
    let trace = sim.lines();
    assert_eq!(trace[2], "reconnecting 1 in 500ms");
    assert_eq!(trace[5], "reconnecting 2 in 500ms");
    // Open since second 1.
    sim.advance(ms(8_900));
    sim.cut();
    sim.settle();
    assert_eq!(sim.lines()[2], "reconnecting 3 in 500ms");
    sim.advance(ms(500));
    sim.settle();
    sim.advance(secs(10));
    sim.lines();
    sim.cut();
    sim.settle();
    assert_eq!(sim.lines()[2], "reconnecting 1 in 500ms");
    assert_eq!(sim.session.stats().attempts, 4);
    assert_eq!(sim.session.stats().connections, 2);
}

#[test]
fn the_time_to_open_is_met_with_and_without_the_driver() {
    for patience in [ms(1), secs(3), Duration::MAX] {
        let mut sim = simulate(client().open_timeout(patience).reconnect(Reconnect::never()), [Plan::Silent]);
        sim.advance(secs(100));
        let trace = sim.lines();
        assert_eq!(trace.len(), if patience == Duration::MAX { 1 } else { 3 }, "{trace:?}");
    }
    // A driver that forgets its deadline.
    let mut session = client().session(ws_core::Random::from_seed([1; 32])).expect(URL);
    use ws_core::Machine;
    session.handle_timeout(crate::support::at(0));
    session.handle_timeout(crate::support::at(10));
    assert_eq!(session.status(), ClientStatus::Connecting);
    session.handle_timeout(crate::support::at(11));
    assert_eq!(session.status(), ClientStatus::Waiting);
}
