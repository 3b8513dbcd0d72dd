//! Where a client connects to, when not every address answers.

use std::net::{Ipv6Addr, SocketAddr, TcpListener};
use std::time::{Duration, Instant};

use ws_common::ConnectError;

use super::ClientAdapter;
use super::watched::{persistent, watched};
use crate::nowhere::BlackHole;
use crate::watch::takes;
use crate::witness::{Manner, Witness};

/// Far less than a system waits for an address that does not answer, or than we do.
const SOON: Duration = Duration::from_secs(15);

fn millis(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

pub fn an_address_that_does_not_answer_costs_open_timeout<A: ClientAdapter>() {
    let hole = BlackHole::at(([127, 0, 0, 1], 0).into()).unwrap();
    let builder = persistent::<A>("ws://example.com/").address(hole.address()).open_timeout(millis(300));
    let mut client = watched(builder);
    for attempt in 1..=2 {
        takes(millis(300), || client.expect(&["error connect"]));
        client.expect(&["closed 1006", &format!("reconnecting {attempt}")]);
    }
}

/// A name may have an IPv6 address at which nobody listens.
pub fn a_server_on_ipv4_alone_is_reached_by_name<A: ClientAdapter>() {
    let witness = Witness::new(Manner::default());
    let url = format!("ws://localhost:{}/", witness.address().port());
    let mut client = watched(persistent::<A>(&url));
    let begin = Instant::now();
    client.expect(&["connected", "open"]);
    assert!(begin.elapsed() < SOON, "{:?}", begin.elapsed());
}

/// A name may have an IPv6 address that does not answer. Where `localhost` has none, it is as the one before.
pub fn a_server_is_reached_past_an_address_that_does_not_answer<A: ClientAdapter>() {
    let witness = Witness::new(Manner::default());
    let hole = BlackHole::at(SocketAddr::from((Ipv6Addr::LOCALHOST, witness.address().port())));
    println!("IPv6 there: {}", hole.is_some());
    let url = format!("ws://localhost:{}/", witness.address().port());
    let mut client = watched(persistent::<A>(&url));
    let begin = Instant::now();
    client.expect(&["connected", "open"]);
    assert!(begin.elapsed() < SOON, "{:?}", begin.elapsed());
}

/// Two addresses, of which the first does not answer: the second has its turn after 250 ms (RFC 8305 §5).
pub fn the_second_of_two_addresses_is_reached_past_a_black_hole<A: ClientAdapter>() {
    let witness = Witness::new(Manner::default());
    let hole = BlackHole::at(([127, 0, 0, 1], 0).into()).unwrap();
    let builder = persistent::<A>("ws://example.com/").address(hole.address()).address(witness.address());
    let mut client = watched(builder);
    let begin = Instant::now();
    client.expect(&["connected", "open"]);
    let took = begin.elapsed();
    assert!((millis(250)..SOON).contains(&took), "{took:?}");
}

pub fn a_server_on_ipv6<A: ClientAdapter>() {
    let Ok(listener) = TcpListener::bind("[::1]:0") else {
        println!("this machine has no IPv6");
        let mut client = watched(persistent::<A>("ws://[::1]:9/"));
        return client.expect(&["error connect", "closed 1006", "reconnecting 1"]);
    };
    let witness = Witness::on(listener, Manner { greetings: &["hi"], ..Manner::default() });
    let mut client = watched(persistent::<A>(&witness.url()));
    client.expect(&["connected", "open", "message hi"]);
}

pub fn what_cannot_be_a_server_is_refused_when_it_is_built<A: ClientAdapter>() {
    for url in
        ["ws://0.0.0.0:8080", "ws://[::]:8080", "ftp://example.com", "ws://example.com/#there", "ws://"]
    {
        let error = persistent::<A>(url).build().err().unwrap_or_else(|| panic!("{url} is taken"));
        assert!(matches!(error, ConnectError::Url(_)), "{url}: {error}");
        assert!(error.to_string().len() > 10, "{url}: {error}");
    }
    let error = persistent::<A>("ws://example.com").header("X-Bad", "one\r\nX-Two: 2").build().err().unwrap();
    assert!(matches!(error, ConnectError::Request(_)), "{error}");
}
