//! The opening phase: messages of one connection leave before messages of the client.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering::SeqCst};

use ws_common::{
    reconnect::{GiveUp, Reconnect},
    session::{ClientBuilder, ClientStatus, ConfirmError, Delivery, Mark, Session},
};
use ws_core::{CloseCode, Message, SendError};

use crate::support::{Plan, Serve, Sim, client, frame, ms, secs};

const DELIVERIES: [Delivery; 2] = [Delivery::AtMostOnce, Delivery::Confirmed];

/// A server that refuses everything before the login, and whose transport breaks after so many bytes.
fn strict(takes: Option<usize>) -> Plan {
    Plan::Serve(Serve { login: Some("login"), takes, ..Serve::default() })
}

fn builder(delivery: Delivery) -> ClientBuilder<Session> {
    client().delivery(delivery).reconnect(Reconnect::after(ms(1)))
}

/// Messages by the connection that brought them.
fn by_connection(sim: &Sim) -> Vec<Vec<&str>> {
    let mut all: Vec<Vec<&str>> = Vec::new();
    for (connection, text) in &sim.received {
        all.resize(all.len().max(*connection as usize), Vec::new());
        all[*connection as usize - 1].push(text);
    }
    all
}

#[test]
fn on_open_is_sent_first_on_every_connection_wherever_the_one_before_is_cut() {
    for delivery in DELIVERIES {
        // Two messages of `on_open` of 11 bytes each on the wire, then six of 7.
        for cut in 0..=64 {
            let mut sim = Sim::new(
                builder(delivery).on_open(|response| {
                    assert_eq!(response.status(), 101);
                    ["login", "topic"]
                }),
                [strict(Some(cut)), strict(Some(cut)), strict(None)],
            );
            for text in ["0", "1", "2", "3", "4", "5"] {
                sim.send(text);
            }
            sim.advance(secs(100));
            assert_eq!(sim.refused, [""; 0], "cut at {cut}");
            let connections = by_connection(&sim);
            for messages in &connections {
                let login = messages.iter().take(2).copied().collect::<Vec<_>>();
                assert!(["login", "topic"].starts_with(&login), "{messages:?} with a cut at {cut}");
                assert!(!messages[login.len()..].contains(&"login"), "{messages:?} with a cut at {cut}");
            }
            let mut orders: Vec<_> =
                connections.concat().into_iter().filter(|text| text.len() == 1).collect();
            if delivery == Delivery::AtMostOnce {
                assert_eq!(orders, ["0", "1", "2", "3", "4", "5"], "cut at {cut}");
            }
            orders.sort_unstable();
            orders.dedup();
            assert_eq!(orders.len(), 6, "cut at {cut}");
        }
    }
}

#[test]
fn the_event_comes_after_the_hook_has_answered() {
    let mut sim = Sim::new(builder(Delivery::AtMostOnce).on_open(|_| ["login"]), [strict(None)]);
    sim.is_checking = true;
    sim.hesitate(true);
    sim.send("order");
    sim.settle();
    sim.expect(&["connected"]);
    assert_eq!(sim.session.status(), ClientStatus::Connecting);
    assert!(!sim.session.is_reading());
    assert!(matches!(sim.session.send_now("early"), Err(SendError::NotConnected(_))));
    sim.hesitate(false);
    sim.settle();
    sim.expect(&["open", "message welcome"]);
    assert_eq!(sim.texts(), ["login", "order"]);
}

#[test]
fn with_hold_nothing_of_the_outbox_leaves_before_release_on_each_connection() {
    for delivery in DELIVERIES {
        let mut sim = Sim::new(builder(delivery).hold(true), [strict(None), strict(None)]);
        sim.send("0");
        sim.settle();
        sim.expect(&["connected", "open"]);
        sim.send("1");
        sim.advance(secs(5));
        assert_eq!(sim.texts(), [""; 0]);
        sim.session.send_now("login").unwrap();
        sim.settle();
        assert_eq!(sim.trace().first().map(String::as_str), Some("message welcome"));
        assert_eq!(sim.texts(), ["login"]);
        assert!(sim.session.release(sim.now));
        sim.send("2");
        sim.settle();
        assert_eq!(sim.texts(), ["login", "0", "1", "2"]);
        // The next connection holds again, and the login is not sent again by itself.
        sim.cut(true);
        sim.send("3");
        sim.advance(secs(5));
        assert_eq!(sim.texts(), ["login", "0", "1", "2"]);
        sim.session.send_now("login").unwrap();
        sim.session.release(sim.now);
        sim.settle();
        assert_eq!(sim.texts()[..5], ["login", "0", "1", "2", "login"]);
        assert_eq!(sim.texts().last(), Some(&"3"));
        assert_eq!(sim.refused, [""; 0]);
    }
}

#[test]
fn release_means_the_connection_whose_open_was_taken() {
    let mut sim = Sim::new(builder(Delivery::AtMostOnce).hold(true), []);
    assert!(!sim.session.release(sim.now), "there is none");
    sim.settle();
    sim.send("order");
    sim.is_taking = false;
    sim.cut(true);
    sim.advance(ms(10));
    assert_eq!(sim.session.status(), ClientStatus::Open);
    assert!(!sim.session.release(sim.now), "the caller knows only the first connection");
    assert_eq!(sim.texts(), [""; 0]);
    sim.is_taking = true;
    sim.settle();
    assert!(sim.session.release(sim.now));
    sim.settle();
    assert_eq!(sim.received, [(2, "order".into())]);
}

#[test]
fn send_now_fails_at_once_without_a_connection() {
    let mut sim = Sim::new(builder(Delivery::Confirmed), [Plan::Refuse]);
    assert!(matches!(sim.session.send_now("x"), Err(SendError::NotConnected(message)) if message == "x"));
    sim.settle();
    assert!(matches!(sim.session.send_now("x"), Err(SendError::NotConnected(_))));
    sim.advance(secs(1));
    sim.session.send_now("x").unwrap();
    sim.session.close(frame(1000), sim.now);
    assert!(matches!(sim.session.send_now("y"), Err(SendError::Closed(Some(_)))));
    sim.settle();
    assert!(matches!(sim.session.send_now("y"), Err(SendError::Closed(Some(_)))));
    assert_eq!(sim.texts(), ["x"]);
}

#[test]
fn send_now_overtakes_the_outbox_and_has_a_limit_of_its_own() {
    let mut sim = Sim::new(builder(Delivery::AtMostOnce).max_send_buffer(100).hold(true), []);
    sim.settle();
    sim.send(&"x".repeat(200));
    assert!(!sim.session.has_room());
    sim.is_blocked = true;
    for _ in 0..10 {
        sim.session.send_now("login").unwrap();
    }
    assert!(matches!(sim.session.send_now("login"), Err(SendError::Full { .. })));
    sim.is_blocked = false;
    sim.session.release(sim.now);
    sim.settle();
    assert_eq!(sim.texts()[..10], ["login"; 10]);
    assert_eq!(sim.texts()[10].len(), 200);
    sim.session.send_now("login").unwrap();
}

#[test]
fn messages_of_on_open_over_the_limit_end_the_client_and_none_is_sent() {
    let mut sim = Sim::new(builder(Delivery::AtMostOnce).max_send_buffer(20).on_open(|_| ["login"; 3]), []);
    sim.send("order");
    sim.advance(secs(5));
    sim.expect(&["connected", "open", "error setup", "closed 1006 broken us"]);
    assert_eq!(sim.texts(), [""; 0]);
    let reason = sim.gave_up.take().expect("it is final").to_string();
    assert!(
        reason.contains("the messages of on_open have 33 bytes, over max_send_buffer (20 bytes)"),
        "{reason}"
    );
    assert_eq!(sim.session.take_unsent().len(), 1);
    // The last one may go beyond the limit.
    let mut sim =
        Sim::new(builder(Delivery::AtMostOnce).max_send_buffer(20).on_open(|_| ["login", "topic"]), []);
    sim.settle();
    assert_eq!(sim.texts(), ["login", "topic"]);
}

#[test]
fn a_hook_that_panics_ends_the_client() {
    let hook = |_: &ws_core::Response| -> Vec<Message> { panic!("no key") };
    let mut sim = Sim::new(builder(Delivery::AtMostOnce).on_open(hook), []);
    sim.send("order");
    sim.advance(secs(5));
    sim.expect(&["connected", "open", "error setup", "closed 1006 broken us"]);
    assert_eq!(sim.gave_up, Some(GiveUp::HookPanicked("on_open")));
    assert_eq!(sim.panics, ["no key"]);
    assert_eq!(sim.texts(), [""; 0]);
}

#[test]
fn a_client_that_ends_while_the_hook_is_asked_sends_nothing_of_the_outbox() {
    for aborts in [false, true] {
        let mut sim = Sim::new(builder(Delivery::Confirmed).on_open(|_| ["login"]), [strict(None)]);
        sim.hesitate(true);
        sim.send("order");
        sim.settle();
        if aborts {
            sim.session.abort(sim.now);
        } else {
            sim.session.close(CloseCode::NORMAL.into(), sim.now);
        }
        sim.settle();
        assert!(sim.gave_up.is_some());
        sim.hesitate(false);
        sim.settle();
        assert_eq!((sim.texts(), &sim.refused), (vec![], &vec![]));
        assert_eq!(sim.session.take_unsent(), ["order"]);
    }
}

#[test]
fn close_before_release_sends_nothing_of_the_outbox() {
    for delivery in DELIVERIES {
        let mut sim = Sim::new(builder(delivery).hold(true).on_open(|_| ["login"]), [strict(None)]);
        sim.send("order");
        sim.settle();
        sim.session.close(CloseCode::NORMAL.into(), sim.now);
        sim.settle();
        assert_eq!(sim.texts(), ["login"]);
        assert_eq!(sim.session.take_unsent(), ["order"]);
    }
}

#[test]
fn confirm_of_a_handle_covers_send_now_and_reports_its_loss() {
    for delivery in DELIVERIES {
        let mut sim = Sim::new(builder(delivery).hold(true), []);
        sim.settle();
        let mark = Mark::new();
        sim.session.send_now_marked("a".into(), &mark).unwrap();
        sim.send("waits");
        let ticket = sim.session.confirm(Some(&mark)).unwrap();
        assert_eq!(sim.session.confirmed(&ticket, Some(&mark)), None);
        sim.settle();
        assert_eq!(
            sim.session.confirmed(&ticket, Some(&mark)),
            Some(Ok(())),
            "messages behind `hold` do not count"
        );
        // Taken by the transport, and not proven.
        sim.is_mute = true;
        sim.session.send_now_marked("b".into(), &mark).unwrap();
        let ticket = sim.session.confirm(Some(&mark)).unwrap();
        sim.settle();
        assert_eq!(sim.session.confirmed(&ticket, Some(&mark)), None);
        sim.cut(true);
        sim.is_mute = false;
        sim.settle();
        assert_eq!(sim.session.confirmed(&ticket, Some(&mark)), Some(Err(ConfirmError::Lost)));
        sim.advance(secs(1));
        let ticket = sim.session.confirm(Some(&mark)).unwrap();
        assert_eq!(sim.session.confirmed(&ticket, Some(&mark)), Some(Ok(())), "told once");
        assert_eq!(sim.texts(), ["a", "b"], "never again");
    }
}

#[test]
fn flush_reports_a_message_of_send_now_that_has_not_left() {
    let mut sim = Sim::new(builder(Delivery::AtMostOnce), []);
    sim.settle();
    sim.is_blocked = true;
    let mark = Mark::new();
    sim.session.send_now_marked("a".into(), &mark).unwrap();
    assert_eq!(sim.session.flushed(Some(&mark)), None);
    sim.cut(true);
    sim.is_blocked = false;
    sim.advance(secs(1));
    assert!(matches!(sim.session.flushed(Some(&mark)), Some(Err(SendError::Undelivered))));
    assert_eq!(sim.session.flushed(Some(&mark)), Some(Ok(())));
    assert_eq!(sim.texts(), [""; 0]);
}

#[test]
fn confirm_of_the_client_covers_on_open_of_the_present_connection() {
    for delivery in DELIVERIES {
        let mut sim = Sim::new(builder(delivery).on_open(|_| ["login"]), []);
        sim.is_mute = true;
        sim.settle();
        let ticket = sim.confirm();
        sim.settle();
        assert_eq!(sim.outcome(&ticket), None);
        sim.cut(true);
        sim.is_mute = false;
        sim.advance(secs(1));
        assert_eq!(sim.outcome(&ticket), Some(Ok(())), "the next connection has brought it, too");
        assert_eq!(sim.received, [(1, "login".into()), (2, "login".into())]);
    }
}

#[test]
fn a_login_that_is_not_proven_makes_no_message_a_suspect() {
    let calls = Arc::new(AtomicU32::new(0));
    let count = calls.clone();
    let hook = move |_: &ws_core::Response| [format!("login {}", count.fetch_add(1, SeqCst))];
    let plans = (0..20).map(|_| Plan::Serve(Serve { poison: Some("poison"), ..Serve::default() }));
    let mut sim = Sim::new(builder(Delivery::Confirmed).max_deliveries(3).on_open(hook), plans);
    for text in ["poison", "healthy"] {
        sim.send(text);
    }
    for _ in 0..30 {
        sim.advance(ms(10));
        sim.advance(secs(30));
    }
    let logins = sim.texts().iter().filter(|text| text.starts_with("login")).count();
    assert_eq!(logins as u32, calls.load(SeqCst), "each once");
    assert!(
        sim.trace().iter().any(|event| event.starts_with("stuck poison after 5")),
        "it is found out alone"
    );
    assert_eq!(sim.texts().last(), Some(&"healthy"));
}
