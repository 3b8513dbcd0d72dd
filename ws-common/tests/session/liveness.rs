//! Signs of life: `idle_timeout`, `heartbeat`, `check_now` and `reconnect_now`.

use ws_common::{
    reconnect::Reconnect,
    session::{ClientStatus, Delivery},
};
use ws_core::{CloseCode, Config, Machine};

use crate::support::{Plan, Serve, Steps, client, frame, ms, secs, simulate};

fn mute() -> Plan {
    Plan::Serve(Serve { is_mute: true, ..Serve::default() })
}

#[test]
fn a_feed_without_data_ends_whatever_pings_say() {
    let builder = client().ping_interval(secs(1)).idle_timeout(secs(30)).reconnect(Reconnect::after(secs(5)));
    let mut sim = simulate(builder, []);
    sim.advance(secs(20));
    sim.server().send("tick").unwrap();
    sim.settle();
    assert!(sim.lines().contains(&"message tick".into()));
    sim.advance(ms(29_999));
    assert_eq!(sim.session.status(), ClientStatus::Open);
    sim.advance(ms(1));
    let trace = sim.lines();
    assert!(trace.contains(&"pong".into()));
    assert_eq!(trace[trace.len() - 3..], ["error timeout", "closed 1001 clean us", "reconnecting 1 in 5s"]);
    assert_eq!(sim.seen.causes[0].to_string(), "no byte of a data message came in 30s (idle_timeout)");
    assert_eq!(sim.seen.partings, [false], "the peer lives, and was told the reason");
}

#[test]
fn a_feed_without_data_is_retried_whatever_code_the_peer_answers() {
    for code in [1000_u16, 1001, 1008, 4000] {
        let policy = Reconnect::backoff().only_transient();
        let mut sim = simulate(client().idle_timeout(secs(5)).reconnect(policy), [mute()]);
        sim.advance(secs(5));
        assert_eq!(sim.session.status(), ClientStatus::Closing);
        sim.inject(&[&[0x88, 2][..], &code.to_be_bytes()].concat());
        sim.cut();
        sim.settle();
        let trace = sim.lines();
        assert_eq!(trace[trace.len() - 2], format!("closed {code} clean us"));
        // From the base delay, though the connection was not stable.
        assert!(trace[trace.len() - 1].starts_with("reconnecting 1 in "), "{trace:?}");
        sim.advance(ms(500));
        assert_eq!(sim.session.status(), ClientStatus::Open, "{code}");
    }
}

#[test]
fn a_peer_that_does_not_answer_the_close_of_a_feed_without_data_has_close_timeout() {
    let config = Config::default().close_timeout(secs(3));
    let builder = client().config(config).idle_timeout(secs(10)).reconnect(Reconnect::after(secs(5)));
    let mut sim = simulate(builder, [mute()]);
    sim.advance(secs(12));
    assert_eq!(sim.session.status(), ClientStatus::Closing);
    sim.advance(secs(2));
    let trace = sim.lines();
    assert_eq!(trace[trace.len() - 3..], ["error timeout", "closed 1006 broken us", "reconnecting 1 in 5s"]);
    assert_eq!(sim.seen.causes[0].to_string(), "no byte of a data message came in 10s (idle_timeout)");
    assert_eq!(sim.seen.partings, [true], "newer messages may follow on the next connection");
}

#[test]
fn a_part_of_a_message_is_data_and_an_empty_message_too() {
    let mut sim = simulate(client().idle_timeout(secs(10)), []);
    sim.settle();
    // A text of 5 bytes, byte by byte.
    for bytes in [&[0x81, 5][..], b"h", b"e", b"l", b"l", b"o", &[0x81, 0]] {
        sim.inject(bytes);
        sim.advance(secs(9));
    }
    assert_eq!(sim.session.status(), ClientStatus::Open);
    // Pings and pongs are none.
    for control in [0x89, 0x8A] {
        sim.inject(&[control, 0]);
        sim.advance(ms(400));
    }
    sim.advance(ms(200));
    assert_eq!(sim.session.status(), ClientStatus::Waiting);
}

#[test]
fn the_time_without_data_stands_still_while_reading_is_paused() {
    let mut sim = simulate(client().idle_timeout(secs(10)), []);
    sim.advance(secs(6));
    sim.session.pause(sim.now);
    sim.advance(secs(100));
    assert_eq!(sim.session.status(), ClientStatus::Open);
    sim.session.resume(sim.now);
    sim.advance(ms(3999));
    assert_eq!(sim.session.status(), ClientStatus::Open);
    sim.advance(ms(1));
    assert_eq!(sim.session.status(), ClientStatus::Waiting);
}

#[test]
fn a_heartbeat_is_sent_while_the_connection_is_open_and_never_again() {
    for delivery in [Delivery::AtMostOnce, Delivery::Confirmed] {
        let builder =
            client().delivery(delivery).heartbeat(secs(10), "beat").reconnect(Reconnect::after(ms(1)));
        let mut sim = simulate(builder, []);
        sim.advance(ms(9999));
        assert_eq!(sim.texts(), [""; 0]);
        sim.advance(ms(25_001));
        assert_eq!(sim.texts(), ["beat"; 3]);
        assert_eq!(sim.seen.pings.len(), 0, "nobody wants a proof of it");
        assert_eq!(sim.session.stats().outbox_messages, 0);
        // It does not pile up, and is not sent again.
        sim.switches.is_blocked = true;
        sim.advance(secs(35));
        assert_eq!(sim.session.stats().connection.unwrap().unsent_messages, 1);
        sim.send("order");
        sim.reset();
        sim.switches.is_blocked = false;
        sim.advance(secs(5));
        assert_eq!(sim.texts(), ["beat", "beat", "beat", "order"]);
        assert_eq!(sim.session.flushed(None), Some(Ok(())));
    }
}

#[test]
fn no_heartbeat_comes_before_release() {
    let mut sim = simulate(client().hold(true).heartbeat(secs(10), "beat"), []);
    sim.advance(secs(60));
    assert_eq!(sim.texts(), [""; 0]);
    sim.session.release(sim.now);
    sim.advance(secs(10));
    assert_eq!(sim.texts(), ["beat"]);
    sim.session.close(CloseCode::NORMAL.into(), sim.now);
    sim.advance(secs(60));
    assert_eq!(sim.texts(), ["beat"]);
}

#[test]
fn a_check_that_is_not_answered_ends_the_connection_as_a_missed_pong() {
    let mut sim = simulate(client().reconnect(Reconnect::after(secs(60))), [mute()]);
    sim.session.check_now(secs(2), sim.now);
    sim.settle();
    assert_eq!(sim.seen.pings.len(), 0, "there is no connection");
    sim.session.check_now(secs(2), sim.now);
    sim.session.check_now(secs(3), sim.now);
    sim.advance(ms(1999));
    assert_eq!(sim.seen.pings.len(), 1);
    assert_eq!(sim.session.status(), ClientStatus::Open);
    sim.advance(ms(1));
    assert_eq!(sim.session.status(), ClientStatus::Waiting);
    assert!(sim.seen.causes[0].to_string().contains("in 2s (check_now)"), "{}", sim.seen.causes[0]);
    assert_eq!(sim.seen.partings, [true]);
    // The next one answers.
    sim.session.reconnect_now(sim.now);
    sim.settle();
    sim.session.check_now(secs(2), sim.now);
    sim.advance(secs(60));
    assert_eq!(sim.session.status(), ClientStatus::Open);
    // A later check has its own time.
    sim.switches.is_mute = true;
    sim.send("x");
    sim.session.check_now(secs(2), sim.now);
    sim.advance(secs(2));
    assert_eq!(sim.session.status(), ClientStatus::Waiting);
}

#[test]
fn a_check_ends_a_connection_whose_transport_takes_nothing() {
    let mut sim = simulate(client().reconnect(Reconnect::after(secs(60))), []);
    sim.settle();
    sim.switches.is_blocked = true;
    sim.session.check_now(secs(2), sim.now);
    // Not an answer: the ping has not left.
    sim.inject(&[0x89, 0]);
    sim.advance(secs(2));
    assert_eq!(sim.session.status(), ClientStatus::Waiting);
}

#[test]
fn reconnect_now_skips_the_delay_and_has_no_other_effect() {
    let mut sim = simulate(client().reconnect(Reconnect::after(secs(60))), [Plan::Refuse, Plan::Refuse]);
    sim.session.reconnect_now(sim.now);
    sim.settle();
    sim.expect(&["error connect", "closed 1006 broken peer", "reconnecting 1 in 60s"]);
    sim.session.reconnect_now(sim.now);
    sim.settle();
    sim.expect(&["error connect", "closed 1006 broken peer", "reconnecting 2 in 60s"]);
    sim.advance(secs(60));
    sim.expect(&["connected", "open"]);
    sim.session.reconnect_now(sim.now);
    sim.settle();
    sim.expect(&[]);
    sim.session.close(frame(1000), sim.now);
    sim.settle();
    sim.session.reconnect_now(sim.now);
    sim.settle();
    assert!(sim.session.is_over());
    assert_eq!(sim.session.poll_timeout(), None);
}

#[test]
fn the_close_frame_of_the_peer_ends_checks_and_the_wait_for_data() {
    let mut sim = simulate(client().idle_timeout(secs(1)), []);
    sim.settle();
    // The Close frame is answered when somebody takes it.
    sim.session.cancel_reconnect();
    sim.switches.is_taking = false;
    let now = sim.now;
    sim.server().close(frame(1000), now);
    sim.settle();
    sim.session.check_now(secs(1), sim.now);
    sim.advance(secs(2));
    sim.switches.is_taking = true;
    sim.settle();
    sim.expect(&["connected", "open", "closing 1000", "closed 1000 clean peer"]);
}
