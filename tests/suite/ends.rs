//! Connections to begin a scenario with.

use std::net::TcpListener;
use std::thread;
use std::time::Duration;

use ws_common::{AcceptOptions, ConnectOptions};
use ws_core::{Closed, Config, Error, Event};

use crate::adapter::{Adapter, Receiving};
use crate::peer::{Peer, Server};

/// More time than anything takes that ends well.
pub const FAR: Duration = Duration::from_secs(60);

/// Our client, and a server by hand.
pub fn client<A: Adapter>(config: Config) -> (A::Socket, Peer) {
    client_with::<A>(config, "")
}

/// The same with more fields in the response.
pub fn client_with<A: Adapter>(config: Config, fields: &str) -> (A::Socket, Peer) {
    let server = Server::new();
    let options = ConnectOptions::new(server.url()).config(config).open_timeout(FAR);
    thread::scope(|scope| {
        let peer = scope.spawn(|| server.open_with(fields));
        let (socket, _) = A::connect(options).unwrap();
        (socket, peer.join().unwrap())
    })
}

/// Our server, and a client by hand.
pub fn server<A: Adapter>(config: Config) -> (A::Socket, Peer) {
    server_with::<A>(config, "")
}

/// The same with more fields in the request.
pub fn server_with<A: Adapter>(config: Config, fields: &str) -> (A::Socket, Peer) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    thread::scope(|scope| {
        let peer = scope.spawn(move || Peer::open_with(address, fields).0);
        let transport = listener.accept().unwrap().0;
        transport.set_nodelay(true).unwrap();
        let options = AcceptOptions::default().config(config).open_timeout(FAR);
        let (socket, _) = A::accept(transport, options).unwrap();
        (socket, peer.join().unwrap())
    })
}

/// Our client and our server.
pub fn pair<A: Adapter>(config: Config) -> (A::Socket, A::Socket) {
    pair_of::<A>(config.clone(), config)
}

/// Our client and our server, with settings of their own.
pub fn pair_of<A: Adapter>(config: Config, accepting: Config) -> (A::Socket, A::Socket) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let accepting = AcceptOptions::default().config(accepting).open_timeout(FAR);
    let (connecting, accepting) = match A::site() {
        None => (ConnectOptions::new(format!("ws://{address}/")), accepting),
        Some(site) => {
            let options = ConnectOptions::new(format!("wss://{address}/"));
            (options.tls(site.connector.clone()), accepting.tls(site.acceptor.clone()))
        }
    };
    thread::scope(|scope| {
        let client = scope.spawn(move || A::connect(connecting.config(config).open_timeout(FAR)).unwrap().0);
        let transport = listener.accept().unwrap().0;
        transport.set_nodelay(true).unwrap();
        let (server, _) = A::accept(transport, accepting).unwrap();
        (client.join().unwrap(), server)
    })
}

/// No pings, so that what is on the wire is what the scenario puts there; and no deadline that a busy machine could miss.
pub fn quiet() -> Config {
    let config = Config::default().ping_interval(None).pong_timeout(FAR).close_timeout(FAR);
    config.write_timeout(FAR).message_timeout(FAR)
}

/// The error and the end that must come next, and nothing after.
pub fn failure(socket: &mut impl Receiving) -> (Error, Closed) {
    let error = socket.next_event().expect_err("an error");
    (error, end(socket))
}

/// The end that must come next, and nothing after.
pub fn end(socket: &mut impl Receiving) -> Closed {
    let closed = match socket.next_event() {
        Ok(Some(Event::Closed(closed))) => closed,
        other => panic!("{other:?} instead of the end"),
    };
    assert_eq!(socket.next_event().unwrap(), None, "the end is the last event");
    assert_eq!(socket.closed().as_ref(), Some(&closed));
    closed
}
