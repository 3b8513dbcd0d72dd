//! What an attempt is made with: hooks and redirects.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use ws_common::{
    ConnectOptions,
    reconnect::Reconnect,
    session::{ClientBuilder, ClientStatus},
};
use ws_core::Config;

use crate::support::{Plan, Sim, client, frame, ms, refuse, secs};

fn to(location: &str) -> Plan {
    refuse(307, &format!("Location: {location}\r\n"))
}

const FAILED: [&str; 3] = ["connected", "error handshake", "closed 1006 broken peer"];

#[test]
fn the_hook_is_asked_before_each_attempt() {
    let seen = Arc::new(AtomicU32::new(0));
    let builder = client().reconnect(Reconnect::after(secs(1))).prepare({
        let seen = seen.clone();
        move |attempt, options| {
            seen.fetch_add(1, Ordering::Relaxed);
            let n = attempt.number;
            let options = if n == 2 { ConnectOptions::new("ws://spare.test/") } else { options };
            Ok(options.header("Attempt", n.to_string()))
        }
    });
    let mut sim = Sim::new(builder, [refuse(503, ""), refuse(503, "")]);
    sim.advance(secs(3));
    assert_eq!(sim.dials, ["ws://server.test/feed", "ws://server.test/feed", "ws://spare.test/"]);
    for (n, request) in sim.requests.iter().enumerate() {
        assert!(request.contains(&format!("\r\nAttempt: {n}\r\n")), "{request}");
        assert_eq!(request.matches("Attempt").count(), 1);
    }
    assert_eq!(seen.load(Ordering::Relaxed), 3);
}

#[test]
fn the_deadlines_that_the_hook_sets_hold_for_its_connection() {
    let prepared = Config::default().ping_interval(None).close_timeout(secs(20));
    let shortest = prepared.shortest_timeout();
    let builder = client().prepare(move |_, options| Ok(options.config(prepared.clone())));
    let mut sim = Sim::new(builder, []);
    sim.settle();
    sim.expect(&["connected", "open"]);
    assert_eq!(sim.session.shortest_timeout(), shortest);
    sim.is_blocked = true;
    sim.session.close(frame(1000), sim.now);
    // The client's own settings would have ended it after twice 5 s.
    sim.advance(secs(19));
    sim.expect(&[]);
    sim.advance(secs(2));
    sim.expect(&["error timeout", "closed 1006 broken us"]);
}

#[test]
fn redirects_are_errors_unless_they_are_allowed() {
    for (allowed, redirects, is_open) in
        [(0, 1, false), (1, 1, true), (1, 2, false), (3, 3, true), (3, 4, false)]
    {
        let builder = client().max_redirects(allowed).reconnect(Reconnect::never());
        let mut sim = Sim::new(builder, (0..redirects).map(|n| to(&format!("/{n}"))));
        sim.settle();
        let trace = sim.trace();
        let connected = trace.iter().filter(|event| *event == "connected").count() as u32;
        assert_eq!(connected, allowed.min(redirects) + 1);
        let last: &[&str] = if is_open { &["connected", "open"] } else { &FAILED };
        assert!(
            trace.ends_with(&last.iter().map(|event| (*event).to_owned()).collect::<Vec<_>>()),
            "{trace:?}"
        );
        assert_eq!(sim.session.stats().attempts, 1);
    }
}

#[test]
fn each_status_that_redirects_is_followed_to_where_it_leads() {
    for (status, location, url) in [
        (301, "/other?x=1", "ws://server.test/other?x=1"),
        (302, "other", "ws://server.test/other"),
        (303, "//spare.test/", "ws://spare.test/"),
        (307, "http://spare.test:81/x", "ws://spare.test:81/x"),
        (308, "ws://[2001:db8::1]/", "ws://[2001:db8::1]/"),
        // RFC 9110 §10.2.2: a fragment is no part of the request.
        (302, "/other#part", "ws://server.test/other"),
    ] {
        let plan = refuse(status, &format!("Location: {location}\r\n"));
        let mut sim = Sim::new(client().max_redirects(1), [plan]);
        sim.settle();
        sim.expect(&["connected", "connected", "open"]);
        assert_eq!(sim.dials[1], url);
    }
    for plan in
        [refuse(302, ""), to("ftp://server.test/"), to("ws://0.0.0.0/"), refuse(304, "Location: /other\r\n")]
    {
        let mut sim = Sim::new(client().max_redirects(1), [plan]);
        sim.settle();
        sim.expect(&FAILED);
    }
}

#[test]
fn credentials_do_not_go_along_to_another_origin() {
    for (location, is_same) in [
        ("/x", true),
        ("ws://server.test:80/x", true),
        ("ws://server.test:81/x", false),
        ("ws://spare.test/x", false),
    ] {
        let builder = ClientBuilder::new("ws://me:secret@server.test/").ping_interval(None).max_redirects(1);
        let builder =
            builder.header("Cookie", "secret").header("X-Token", "secret").origin("http://page.test");
        let mut sim =
            Sim::new(builder.subprotocol("chat").reconnect(Reconnect::after(secs(1))), [to(location)]);
        sim.settle();
        assert_eq!(sim.requests.len(), 2);
        for secret in ["Authorization", "Cookie", "X-Token", "Sec-WebSocket-Protocol: chat\r\n"] {
            assert!(sim.requests[0].contains(secret));
            assert_eq!(sim.requests[1].contains(secret), is_same, "{location}: {secret}");
        }
        assert!(sim.requests[1].contains("Origin: http://page.test\r\n"));
        // The next attempt begins at the beginning.
        sim.cut(false);
        sim.advance(secs(1));
        sim.settle();
        assert!(["Authorization", "chat"].iter().all(|secret| sim.requests[2].contains(secret)));
    }
}

#[test]
fn redirects_have_one_time_to_open() {
    let mut sim =
        Sim::new(client().max_redirects(9).reconnect(Reconnect::never()), [to("/a"), Plan::BlackHole]);
    sim.advance(ms(9_999));
    assert_eq!(sim.session.status(), ClientStatus::Connecting);
    sim.advance(ms(1));
    sim.settle();
    sim.expect(&["connected", "error connect", "closed 1006 broken us"]);
    // A server whose refusal has no end costs a second each time.
    let slow = Plan::Raw("HTTP/1.1 302 No\r\nLocation: /again\r\n\r\n".into(), false);
    let plans = [slow.clone(), slow.clone(), Plan::BlackHole];
    let mut sim = Sim::new(client().max_redirects(9).reconnect(Reconnect::never()), plans);
    sim.advance(secs(10));
    sim.settle();
    sim.expect(&["connected", "connected", "error connect", "closed 1006 broken us"]);
    let mut sim = Sim::new(client().max_redirects(99).reconnect(Reconnect::never()), []);
    sim.then = slow;
    sim.advance(secs(11));
    assert_eq!(sim.session.status(), ClientStatus::Closed);
    let trace = sim.trace();
    assert_eq!(trace.iter().filter(|event| event.starts_with("closed")).count(), 1, "{trace:?}");
}

#[test]
fn what_the_user_wants_while_a_redirect_is_followed_ends_the_attempt_once() {
    for is_close in [true, false] {
        let builder = client().max_redirects(1).reconnect(Reconnect::after(secs(1)));
        let mut sim = Sim::new(builder, [to("/a"), Plan::BlackHole]);
        sim.settle();
        sim.expect(&["connected"]);
        if is_close {
            sim.session.close(ws_core::CloseFrame::EMPTY, sim.now);
        } else {
            sim.session.cancel_reconnect();
            sim.advance(secs(10));
        }
        sim.settle();
        assert_eq!(sim.trace().last().map(String::as_str), Some("closed 1006 broken us"));
        assert!(sim.session.is_over());
    }
}
