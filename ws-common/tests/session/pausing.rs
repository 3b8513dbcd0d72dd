//! No message after `pause`; the rest goes on. And sessions whose events nobody takes.

use ws_common::{
    reconnect::Reconnect,
    session::{ClientEvent, ClientStatus, Delivery},
};
use ws_core::{Config, Machine, Message};

use crate::support::{Plan, Serve, Sim, Steps, client, frame, ms, secs, simulate};

fn open(sim: &mut Sim) {
    sim.settle();
    sim.expect(&["connected", "open"]);
}

fn server_sends(sim: &mut Sim, text: &str) {
    sim.server().send(text.to_owned()).expect("an open connection");
}

#[test]
fn no_message_comes_after_pause_even_if_it_was_read_before() {
    for is_read_ahead in [false, true] {
        let mut sim = simulate(client(), []);
        open(&mut sim);
        sim.inject(b"\x81\x01a\x89\x01p\x81\x01b");
        if is_read_ahead {
            sim.session.read_ahead();
        }
        sim.session.pause(sim.now);
        sim.advance(secs(100));
        // The ping stands behind a message, and was answered.
        sim.expect(&[]);
        assert!(!sim.session.has_events());
        server_sends(&mut sim, "c");
        sim.advance(secs(100));
        sim.expect(&[]);
        sim.session.resume(sim.now);
        assert!(sim.session.has_events());
        sim.settle();
        sim.expect(&["message a", "ping p", "message b", "message c"]);
        assert!(!sim.session.has_events());
    }
}

#[test]
fn a_message_that_waits_shares_no_read_buffer() {
    let mut sim = simulate(client(), []);
    open(&mut sim);
    let mut bytes = vec![0x82, 126, 600_u16.to_be_bytes()[0], 600_u16.to_be_bytes()[1]];
    bytes.resize(4 + 600, b'x');
    // The beginning of the next message lies in the same buffer.
    sim.inject(&[&bytes[..], b"\x82\x05a"].concat());
    sim.session.read_ahead();
    let Ok(event) = sim.session.poll_event();
    let Some(ClientEvent::Message(Message::Binary(payload))) = event else { panic!("{event:?}") };
    assert_eq!(payload.len(), 600);
    assert!(payload.is_unique());
}

#[test]
fn bytes_behind_a_held_message_may_bring_the_end_that_frees_it() {
    let mut sim = simulate(client(), []);
    open(&mut sim);
    sim.session.cancel_reconnect();
    sim.session.pause(sim.now);
    sim.inject(b"\x81\x01a");
    sim.settle();
    sim.expect(&[]);
    assert!(!sim.session.has_events());
    sim.session.handle_read(0, sim.now);
    assert!(sim.session.has_events());
    let Ok(event) = sim.session.poll_event();
    assert!(matches!(event, Some(ClientEvent::Message(message)) if message.as_text() == Some("a")));
}

#[test]
fn events_before_the_first_message_are_handed_out() {
    let mut sim = simulate(client(), []);
    sim.session.pause(sim.now);
    open(&mut sim);
    sim.inject(b"\x89\x01p\x81\x01a");
    sim.settle();
    sim.expect(&["ping p"]);
}

#[test]
fn the_heartbeat_goes_on_while_paused_until_the_events_are_full() {
    let builder =
        client().reconnect(Reconnect::after(secs(60))).ping_interval(secs(20)).pong_timeout(secs(20));
    let mut sim = simulate(builder, []);
    open(&mut sim);
    sim.session.pause(sim.now);
    server_sends(&mut sim, "kept");
    sim.advance(secs(300));
    sim.expect(&[]);
    assert!(sim.session.is_reading());
    assert_eq!(sim.seen.pings.len(), 15);
    // A peer that answers no more is found out.
    let now = sim.now;
    sim.switches.is_mute = true;
    sim.advance(secs(60));
    assert_eq!(sim.session.status(), ClientStatus::Waiting, "at {now:?}");
    sim.session.resume(sim.now);
    sim.settle();
    let trace = sim.lines();
    assert_eq!(trace[0], "message kept");
    assert!(
        trace.ends_with(&[
            "error timeout".into(),
            "closed 1006 broken us".into(),
            "reconnecting 1 in 60s".into()
        ]),
        "{trace:?}"
    );
    // As soon as reading has stopped, nothing can be missed.
    sim.switches.is_mute = false;
    sim.advance(secs(60));
    sim.lines();
    sim.session.pause(sim.now);
    let big = "x".repeat(600_000);
    for _ in 0..3 {
        server_sends(&mut sim, &big);
        sim.settle();
    }
    assert!(!sim.session.is_reading());
    let read = sim.session.stats().bytes_read;
    sim.advance(secs(1000));
    assert_eq!((sim.session.status(), sim.session.stats().bytes_read), (ClientStatus::Open, read));
    sim.expect(&[]);
    sim.session.resume(sim.now);
    sim.settle();
    assert_eq!(sim.lines().iter().filter(|event| event.starts_with("message")).count(), 3);
    sim.advance(secs(100));
    assert_eq!(sim.session.status(), ClientStatus::Open);
}

#[test]
fn a_proof_comes_while_paused() {
    let mut sim = simulate(client(), []);
    open(&mut sim);
    sim.session.pause(sim.now);
    server_sends(&mut sim, "kept");
    sim.send("x");
    let ticket = sim.confirm();
    sim.settle();
    assert_eq!(sim.outcome(&ticket), Some(Ok(())));
    sim.expect(&[]);
}

#[test]
fn the_end_and_what_follows_wait_behind_messages_while_paused() {
    let mut sim = simulate(client().reconnect(Reconnect::after(secs(1))), []);
    open(&mut sim);
    sim.session.pause(sim.now);
    server_sends(&mut sim, "kept");
    sim.settle();
    sim.cut();
    sim.advance(secs(10));
    assert_eq!((sim.session.status(), sim.session.stats().connections), (ClientStatus::Open, 2));
    sim.expect(&[]);
    sim.session.close(frame(1000), sim.now);
    sim.settle();
    assert_eq!(sim.session.status(), ClientStatus::Closed);
    sim.expect(&[
        "message kept",
        "error transport",
        "closed 1006 broken peer",
        "reconnecting 1 in 1s",
        "connected",
        "open",
        "closing 1000",
        "closed 1000 clean us",
    ]);
    assert!(sim.session.is_over());
}

#[test]
fn without_a_consumer_reading_confirm_flush_and_close_go_on_however_much_arrives() {
    for is_paused in [false, true] {
        let mut sim =
            simulate(client().delivery(Delivery::Confirmed).reconnect(Reconnect::after(secs(1))), []);
        open(&mut sim);
        sim.switches.is_taking = false;
        if is_paused {
            sim.session.pause(sim.now);
        }
        let big = "x".repeat(600_000);
        for _ in 0..3 {
            server_sends(&mut sim, &big);
            sim.settle();
        }
        assert!(!sim.session.is_reading());
        sim.send("x");
        let ticket = sim.confirm();
        sim.settle();
        assert_eq!(sim.outcome(&ticket), None, "its pong stands behind what nobody takes");
        sim.session.discard_events();
        for _ in 0..20 {
            sim.settle();
            server_sends(&mut sim, &big);
        }
        sim.settle();
        assert_eq!(sim.session.stats().messages_received, 23);
        assert_eq!(sim.outcome(&ticket), Some(Ok(())));
        assert_eq!(sim.session.flushed(None), Some(Ok(())));
        sim.cut();
        sim.advance(secs(2));
        assert_eq!(sim.session.stats().connections, 2);
        assert!(!sim.session.has_events());
        sim.session.close(frame(1000), sim.now);
        sim.settle();
        assert_eq!((sim.session.status(), sim.session.is_over()), (ClientStatus::Closed, true));
        assert!(sim.session.has_events());
        assert!(matches!(sim.session.poll_event(), Ok(None)));
    }
}

#[test]
fn has_events_tells_before_each_event_and_not_without_one() {
    let mute = Plan::Serve(Serve { is_mute: true, ..Serve::default() });
    let config = Config::default().close_timeout(secs(5)).ping_interval(None);
    let mut sim =
        simulate(client().config(config).reconnect(Reconnect::after(secs(1))), [Plan::Refuse, mute]);
    sim.switches.is_checking = true;
    for step in 0..40 {
        match step {
            10 => sim.inject(b"\x81\x01a\x89\x01p\x81\x01b"),
            12 => sim.inject(b"\x81\x02x"),
            14 => sim.inject(b"x"),
            16 => sim.session.close(frame(1000), sim.now),
            30 => sim.session.reconnect_after(ms(500), sim.now),
            _ => {}
        }
        sim.advance(secs(1));
    }
    let trace = sim.lines();
    let events = trace.iter().map(|event| event.split(' ').next().unwrap_or_default()).collect::<Vec<_>>();
    assert_eq!(
        events,
        [
            "error",
            "closed",
            "reconnecting",
            "connected",
            "open",
            "message",
            "ping",
            "message",
            "message",
            "error",
            "closed",
            "reconnecting",
            "connected",
            "open"
        ]
    );
    assert!(matches!(sim.session.poll_event(), Ok(None::<ClientEvent>)));
}
