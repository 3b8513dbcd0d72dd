//! A client learns from an attempt that failed: the address is tried last.

use std::net::SocketAddr;

use ws_common::{
    CheckedOptions,
    connector::{Connector, ConnectorStep},
    reconnect::Reconnect,
};
use ws_core::Instant;

use crate::support::{Plan, Serve, Sim, client, ms, refuse, secs, serve};

/// The address that an attempt with these options dials first, where the server's name has these.
pub(crate) fn dialed(options: &CheckedOptions, places: &[(SocketAddr, Plan)]) -> Option<(SocketAddr, Plan)> {
    places.first()?;
    let mut connector = Connector::<()>::new(options, Instant::EPOCH);
    loop {
        match connector.poll(Instant::EPOCH) {
            ConnectorStep::Resolve { .. } => {
                connector.handle_addresses(Ok(places.iter().map(|(address, _)| *address).collect()));
            }
            ConnectorStep::Dial { address, .. } => {
                return places.iter().find(|(place, _)| *place == address).cloned();
            }
            other => panic!("{other:?}"),
        }
    }
}

const FIRST: usize = 0;
const SECOND: usize = 1;

/// A name with an address of each family, IPv6 first, as most resolvers answer.
fn addresses() -> [SocketAddr; 2] {
    [([0x2001, 0xdb8, 0, 0, 0, 0, 0, 1], 80).into(), ([192, 0, 2, 2], 80).into()]
}

fn sim(reconnect: Reconnect, plans: [Plan; 2]) -> Sim {
    let mut sim = Sim::new(client().reconnect(reconnect), []);
    sim.places = addresses().into_iter().zip(plans).collect();
    sim
}

/// The numbers of the addresses that were dialed.
fn dialed_so_far(sim: &Sim) -> Vec<usize> {
    let number = |peer: &SocketAddr| addresses().iter().position(|address| address == peer);
    sim.peers.iter().map(|peer| number(peer).expect("one of them")).collect()
}

fn is_open(sim: &Sim) -> bool {
    sim.session.status() == ws_common::session::ClientStatus::Open
}

/// Each way in which an address takes TCP and is of no use all the same.
fn useless() -> [Plan; 6] {
    [
        Plan::Silent,
        Plan::Raw(String::new(), true),
        Plan::Raw("HTTP/1.1 101".into(), false),
        Plan::Raw("SSH-2.0-x\r\n".into(), true),
        refuse(503, ""),
        refuse(404, ""),
    ]
}

#[test]
fn an_address_that_takes_tcp_and_then_fails_is_tried_last() {
    for plan in useless() {
        let mut sim = sim(Reconnect::after(secs(1)), [plan.clone(), serve()]);
        sim.advance(secs(12));
        assert!(is_open(&sim), "{plan:?}");
        assert_eq!(dialed_so_far(&sim), [FIRST, SECOND], "{plan:?}");
        // Another address has opened: the first gets a new chance.
        sim.cut(false);
        sim.advance(secs(13));
        assert_eq!(dialed_so_far(&sim)[2..], [FIRST, SECOND], "{plan:?}");
    }
}

/// The first address accepts TCP and never answers. Without a memory, the seven attempts of 65 s would all go to it.
#[test]
fn of_two_addresses_the_one_that_never_answers_has_one_attempt_in_65_s() {
    let mut sim = sim(Reconnect::backoff(), [Plan::Silent, serve()]);
    sim.advance(secs(65));
    assert!(is_open(&sim));
    assert_eq!(dialed_so_far(&sim), [FIRST, SECOND]);
}

#[test]
fn addresses_that_all_fail_take_turns() {
    let mut sim = sim(Reconnect::backoff(), [Plan::Silent, Plan::Silent]);
    sim.advance(secs(100));
    let dialed = dialed_so_far(&sim);
    assert!(dialed.len() >= 7, "{dialed:?}");
    assert!(dialed.windows(2).all(|pair| pair[0] != pair[1]), "{dialed:?}");
}

/// IPv6 that opens and then loses long packets: the failure is seen long after the connection was open.
#[test]
fn an_address_whose_connection_dies_of_a_deadline_is_tried_last() {
    let mute = Plan::Serve(Serve { is_mute: true, ..Serve::default() });
    let mut sim = Sim::new(
        client().reconnect(Reconnect::after(secs(1))).ping_interval(secs(20)).pong_timeout(secs(20)),
        [],
    );
    sim.places = addresses().into_iter().zip([mute, serve()]).collect();
    sim.advance(secs(45));
    assert!(is_open(&sim));
    assert_eq!(dialed_so_far(&sim), [FIRST, SECOND]);
}

#[test]
fn an_address_whose_connection_fails_before_it_is_stable_is_tried_last() {
    let dies: fn(&mut Sim) = |sim| sim.cut(false);
    let resets: fn(&mut Sim) = |sim| sim.cut(true);
    for cut in [dies, resets] {
        for (open, next) in [(ms(9_000), SECOND), (secs(10), FIRST)] {
            let mut sim = sim(Reconnect::after(secs(1)), [serve(), serve()]);
            sim.advance(open);
            cut(&mut sim);
            sim.advance(secs(2));
            assert_eq!(dialed_so_far(&sim), [FIRST, next], "open for {open:?}");
        }
    }
    // A server that closes in order has shown that the path works.
    let closes = Plan::Serve(Serve { closes: Some(1001), ..Serve::default() });
    let mut sim = sim(Reconnect::after(secs(1)), [closes, serve()]);
    sim.advance(ms(2_500));
    assert_eq!(dialed_so_far(&sim), [FIRST; 3]);
}

#[test]
fn an_attempt_that_the_user_ends_says_nothing_about_its_address() {
    for is_close in [true, false] {
        let mut sim = sim(Reconnect::after(secs(1)), [Plan::Silent, serve()]);
        sim.advance(secs(1));
        if is_close {
            sim.session.close(ws_core::CloseFrame::EMPTY, sim.now);
        } else {
            sim.session.abort(sim.now);
        }
        sim.session.reconnect_after(secs(1), sim.now);
        sim.advance(secs(2));
        assert_eq!(dialed_so_far(&sim), [FIRST, FIRST]);
    }
}

#[test]
fn each_attempt_has_one_request_on_the_wire() {
    let mut sim = sim(Reconnect::after(secs(1)), [refuse(503, ""), serve()]);
    sim.advance(secs(5));
    assert_eq!((sim.requests.len(), sim.session.stats().attempts), (2, 2));
}

/// A server that ends the stream late is not one that loses packets.
#[test]
fn a_missed_close_timeout_says_nothing_about_an_address() {
    for (open, by_peer) in [(secs(60), false), (secs(60), true), (secs(1), false)] {
        let slow = Plan::Serve(Serve { is_mute: true, ..Serve::default() });
        let mut sim = sim(Reconnect::after(secs(1)), [slow, serve()]);
        sim.advance(open);
        if by_peer {
            // The stream does not end behind the answer.
            sim.inject(&[0x88, 2, 0x03, 0xE9]);
        } else {
            sim.session.close(ws_core::CloseFrame::EMPTY, sim.now);
            sim.session.reconnect_after(secs(1), sim.now);
        }
        sim.advance(secs(30));
        assert_eq!(dialed_so_far(&sim), [FIRST, FIRST], "{:?}", sim.trace());
    }
}

#[test]
fn a_connection_elsewhere_leaves_the_failed_addresses_of_a_redirecting_host_as_they_are() {
    let elsewhere = ([192, 0, 2, 77], 80).into();
    let mut sim = Sim::new(client().reconnect(Reconnect::after(secs(1))).max_redirects(1), []);
    let plans = [refuse(503, ""), refuse(307, "Location: ws://192.0.2.77/feed\r\n")];
    sim.places = addresses().into_iter().zip(plans).collect();
    sim.places.push((elsewhere, serve()));
    sim.advance(secs(5));
    assert!(is_open(&sim));
    let [first, second] = addresses();
    assert_eq!(sim.peers, [first, second, elsewhere]);
    assert!(sim.dials[2].contains("192.0.2.77"), "{:?}", sim.dials);
    sim.cut(false);
    sim.advance(secs(3));
    assert_eq!(sim.peers[3], second, "{:?}", sim.peers);
}
