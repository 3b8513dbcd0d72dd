//! Both ends of a connection in one program: the two handshakes, a message and its echo, and the closing handshake. No socket, no
//! clock, no source of randomness: so it runs wherever ws-core does, for example as wasm32 in Node. A panic is a failure.

use std::fmt::Debug;
use std::time::Duration;

use ws_core::bytes::Buf;
use ws_core::{
    Accept, ClientHandshake, ClientRequest, CloseCode, Closed, Config, Connection, Event, Instant, Machine,
    Message, Random, ServerHandshake,
};

const NOW: Instant = Instant::since_epoch(Duration::from_secs(1));
const DEADLINE: Instant = Instant::since_epoch(Duration::from_secs(11));

fn main() {
    let (mut client, mut server) = open();
    let message = Message::from("hello ".repeat(100));

    client.send(message.clone()).expect("the send buffer is empty");
    carry(&mut client, &mut server);
    let Event::Message(received) = event(&mut server) else { panic!("the server has no message") };
    assert_eq!(received, message);

    server.send(received).expect("the send buffer is empty");
    carry(&mut server, &mut client);
    assert!(matches!(event(&mut client), Event::Message(echo) if echo == message));

    client.close(CloseCode::NORMAL, NOW);
    carry(&mut client, &mut server);
    assert!(matches!(event(&mut server), Event::Closing(_)));
    carry(&mut server, &mut client);
    // Each side ends its stream, the server first (RFC 6455 §7.1.1).
    assert!(matches!(event(&mut client), Event::Closing(_)));
    client.handle_read(0, NOW);
    assert!(closed(&mut client).clean);
    server.handle_read(0, NOW);
    assert!(closed(&mut server).clean);
}

/// A client and a server that have shaken hands.
fn open() -> (Connection, Connection) {
    let request = ClientRequest::new("localhost", "/").expect("the host and the path are legal");
    let mut client = ClientHandshake::new(&request, config(), Random::from_seed([1; 32]), DEADLINE);
    let mut server = ServerHandshake::new(config(), Random::from_seed([2; 32]), DEADLINE);

    carry(&mut client, &mut server);
    assert_eq!(event(&mut server).target(), "/");
    // The answer leaves through the connection.
    let mut server = server.accept(&Accept::new(), NOW).expect("the request came");
    carry(&mut server, &mut client);
    assert_eq!(event(&mut client).status(), 101);
    let client = client.open(NOW).expect("the response came");

    #[cfg(feature = "std")]
    assert!(client.deflate().is_some() && server.deflate().is_some());
    (client, server)
}

fn config() -> Config {
    let config = Config::default();
    #[cfg(feature = "std")]
    let config = config.deflate(ws_core::Deflate::default());
    config
}

/// Carries the bytes that `from` has to send.
fn carry(from: &mut impl Machine, to: &mut impl Machine) {
    while from.outbound().has_remaining() {
        let outbound = from.outbound();
        let bytes = outbound.chunk().len();
        to.inbound().extend_from_slice(outbound.chunk());
        to.handle_read(bytes, NOW);
        from.handle_write(bytes, NOW);
    }
}

fn event<M: Machine<Error: Debug>>(machine: &mut M) -> M::Event {
    machine.poll_event().expect("nobody breaks a rule").expect("an event is due")
}

fn closed(connection: &mut Connection) -> Closed {
    match event(connection) {
        Event::Closed(closed) => closed,
        other => panic!("{other:?} comes before the end"),
    }
}
