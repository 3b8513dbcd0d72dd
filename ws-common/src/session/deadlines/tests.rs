//! Each slot of the table, in virtual time.

use std::net::SocketAddr;

use ws_core::bytes::{Buf, Bytes};
use ws_core::{Accept, Config, Random, ServerHandshake};

use super::*;
use crate::connector::Route;
use crate::session::{Action, ClientBuilder, Delivery};

const SHORT: Duration = Duration::from_secs(3);
const LONG: Duration = Duration::from_secs(1000);

fn at(seconds: u64) -> Instant {
    Instant::since_epoch(Duration::from_secs(seconds))
}

/// All times are long, except for that of one slot.
fn builder(short: SessionDeadline) -> ClientBuilder<Session> {
    let builder = ClientBuilder::new("ws://server.example").close_timeout(LONG).write_timeout(LONG);
    let builder = builder.message_timeout(LONG).chunk_timeout(None).ping_interval(LONG * 10);
    SessionDeadline::ALL.into_iter().fold(builder.delivery(Delivery::Confirmed), |builder, slot| {
        let time = if slot == short { SHORT } else { LONG };
        match slot {
            SessionDeadline::Confirm => builder.confirm_timeout(time),
            SessionDeadline::Idle => builder.idle_timeout(time),
            SessionDeadline::Heartbeat => builder.heartbeat(time, "beat"),
            SessionDeadline::Phase => builder.pong_timeout(time),
            // Their times come with calls.
            SessionDeadline::Check | SessionDeadline::Expiry => builder,
        }
    })
}

/// A session that has opened its connection at this time.
fn opened(builder: ClientBuilder<Session>, now: Instant) -> Session {
    let address = SocketAddr::from(([127, 0, 0, 1], 80));
    let random = |seed| Random::from_seed([seed; 32]);
    let mut session = builder.session(random(1)).expect("the settings are legal");
    session.handle_timeout(now);
    let Some(Action::Open(options)) = session.poll_action() else { panic!("it asks for a transport") };
    assert!(session.opened(&Route::direct(options.target()), address, address, random(2), now));
    let request = write(&mut session, now);
    let mut server = ServerHandshake::new(Config::default(), random(3), now + LONG);
    server.inbound().extend_from_slice(&request);
    server.handle_read(request.len(), now);
    assert!(matches!(server.poll_event(), Ok(Some(_))), "a legal request");
    let Ok(mut server) = server.accept(&Accept::new(), now) else { panic!("a request was reported") };
    let n = server.outbound().remaining();
    session.inbound().extend_from_slice(&server.outbound().copy_to_bytes(n));
    session.handle_read(n, now);
    settle(&mut session);
    assert_eq!(session.stats().connections, 1);
    session
}

fn write(session: &mut Session, now: Instant) -> Bytes {
    let n = session.outbound().remaining();
    let bytes = session.outbound().copy_to_bytes(n);
    session.handle_write(n, now);
    bytes
}

fn settle(session: &mut Session) {
    while let Ok(Some(_)) = session.poll_event() {}
}

/// Starts a slot, unless it started with the connection.
fn start(slot: SessionDeadline, session: &mut Session, now: Instant) {
    match slot {
        SessionDeadline::Confirm => assert!(session.send("x").is_ok()),
        SessionDeadline::Check => session.check_now(SHORT, now),
        SessionDeadline::Phase => assert!(session.ping("x").is_ok()),
        SessionDeadline::Expiry => {
            let expires = now + SHORT;
            assert!(session.send("x").is_ok());
            assert!(session.send_until("y".into(), expires, None, now).is_ok());
            return;
        }
        SessionDeadline::Idle | SessionDeadline::Heartbeat => {}
    }
    write(session, now);
    settle(session);
}

#[test]
fn a_thread_that_waits_the_shortest_time_meets_the_deadline_of_each_slot() {
    for slot in SessionDeadline::ALL {
        let now = at(10);
        let mut session = opened(builder(slot), now);
        let longest = session.shortest_timeout();
        start(slot, &mut session, now);
        assert_eq!(session.poll_timeout(), Some(now + SHORT), "{slot:?}: the slot is the earliest");
        // The caller sees the deadline of its own call, and ends the read.
        let comes_with_call = matches!(slot, SessionDeadline::Check | SessionDeadline::Expiry);
        assert_eq!(longest, if comes_with_call { LONG } else { SHORT }, "{slot:?}");
    }
}

#[test]
fn a_slot_that_passes_ends_the_connection_or_has_its_effect() {
    for slot in SessionDeadline::ALL {
        let mut session = opened(builder(slot), at(10));
        start(slot, &mut session, at(10));
        assert!(!session.has_deadline_passed(at(12)), "{slot:?}");
        let now = at(10) + SHORT;
        assert!(session.has_deadline_passed(now), "{slot:?}");
        session.handle_timeout(now);
        settle(&mut session);
        let has_failed = session.connected().is_none_or(|open| open.failure.is_some());
        assert_eq!(has_failed, slot.ends_connection() || slot == SessionDeadline::Phase, "{slot:?}");
        assert!(!session.has_deadline_passed(now), "{slot:?}: nothing is left to do");
        let stats = session.stats();
        match slot {
            SessionDeadline::Heartbeat => assert!(session.outbound().remaining() > "beat".len()),
            SessionDeadline::Expiry => assert_eq!(stats.messages_expired, 1),
            _ => {}
        }
    }
}
