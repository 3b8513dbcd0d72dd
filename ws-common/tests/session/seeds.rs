//! Each transport brings a seed, from which all randomness of its connection comes.

use std::collections::BTreeSet;
use std::time::Duration;

use ws_common::{
    connector::Route,
    session::{Action, Session},
};
use ws_core::bytes::Buf;
use ws_core::{Accept, Config, Instant, Machine, Random, ServerHandshake};

use crate::support::{at, client, secs};

/// The random values of one connection that can be seen from outside.
#[derive(PartialEq, Eq, Debug)]
struct Drawn {
    /// `Sec-WebSocket-Key`.
    key: String,
    mask: Vec<u8>,
    /// The delay after the connection.
    delay: Duration,
}

fn session(memory: u8) -> Session {
    client().session(Random::from_seed([memory; 32])).expect("settings")
}

/// Three connections of a session, each with its seed.
fn run(mut session: Session, seeds: [u8; 3]) -> Vec<Drawn> {
    let mut now = at(0);
    let drawn = seeds.map(|seed| {
        let drawn = connect(&mut session, seed, now);
        now = now + drawn.delay;
        drawn
    });
    drawn.into()
}

/// Opens a connection, sends one message and loses the connection.
fn connect(session: &mut Session, seed: u8, now: Instant) -> Drawn {
    session.handle_timeout(now);
    let Some(Action::Open(options)) = session.poll_action() else { panic!("no attempt") };
    let (peer, local) = (([192, 0, 2, 1], 80).into(), ([192, 0, 2, 9], 4711).into());
    assert!(session.opened(
        &Route::direct(options.target()),
        peer,
        local,
        Random::from_seed([seed; 32]),
        now
    ));
    let request = written(session, now);
    let mut server = ServerHandshake::new(Config::default(), Random::from_seed([8; 32]), now + secs(10));
    read(&mut server, &request, now);
    server.poll_event().expect("no error").expect("a request");
    let mut server = server.accept(&Accept::default(), now).expect("a legal request");
    let response = written(&mut server, now);
    read(session, &response, now);
    while let Ok(Some(_)) = session.poll_event() {}
    session.send("one").expect("room");
    let frame = written(session, now);
    session.handle_read(0, now);
    while let Ok(Some(_)) = session.poll_event() {}
    while session.poll_action().is_some() {}
    let request = String::from_utf8(request).expect("ASCII");
    let key = request.lines().find_map(|line| line.strip_prefix("Sec-WebSocket-Key: ")).expect("a key");
    let delay = session.poll_timeout().expect("a delay") - now;
    Drawn { key: key.into(), mask: frame[2..6].into(), delay }
}

fn written(machine: &mut impl Machine, now: Instant) -> Vec<u8> {
    let mut bytes = vec![0; machine.outbound().remaining()];
    machine.outbound().copy_to_slice(&mut bytes);
    machine.handle_write(bytes.len(), now);
    bytes
}

fn read(machine: &mut impl Machine, bytes: &[u8], now: Instant) {
    machine.inbound().extend_from_slice(bytes);
    machine.handle_read(bytes.len(), now);
}

#[test]
fn copies_of_a_session_share_nothing_once_their_transports_bring_other_seeds() {
    let drawn: Vec<_> = [[1, 2, 3], [4, 5, 6]].into_iter().flat_map(|seeds| run(session(7), seeds)).collect();
    assert_eq!(drawn.iter().map(|drawn| &drawn.key).collect::<BTreeSet<_>>().len(), 6, "{drawn:?}");
    assert_eq!(drawn.iter().map(|drawn| &drawn.mask).collect::<BTreeSet<_>>().len(), 6, "{drawn:?}");
    assert_eq!(drawn.iter().map(|drawn| drawn.delay).collect::<BTreeSet<_>>().len(), 6, "{drawn:?}");
}

#[test]
fn a_connection_draws_from_its_own_seed_only() {
    assert_eq!(run(session(7), [1, 2, 3]), run(session(8), [1, 2, 3]));
    let again = run(session(7), [1, 2, 1]);
    assert_eq!((&again[0].key, &again[0].mask), (&again[2].key, &again[2].mask));
}
