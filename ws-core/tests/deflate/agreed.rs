//! Connections that have agreed on compression.

use ws_core::{Config, Connection, Deflate, NegotiatedDeflate, Role};

use crate::support::*;

/// What a client with these settings and a server with those agree on: the client's view, and the server's.
pub(crate) fn negotiate(client: &Deflate, server: &Deflate) -> (NegotiatedDeflate, NegotiatedDeflate) {
    let accepted = server.accept([&*client.to_string()]).unwrap().expect("the offer fits");
    let confirmed = client.confirm([&*accepted.to_string()]).unwrap().expect("the response is an answer");
    (confirmed, accepted)
}

/// An open connection that compresses, its peer having the same settings.
pub(crate) fn open_deflate(role: Role, config: &Config, deflate: &Deflate) -> Connection {
    let (client, server) = negotiate(deflate, deflate);
    open(role, config).with_deflate(if role == Role::Client { client } else { server })
}

/// Two connections that compress.
pub(crate) fn pair(config: &Config, client: &Deflate, server: &Deflate, chunk: usize) -> Pair {
    let mut pair = Pair::new(config, config, chunk);
    let (confirmed, accepted) = negotiate(client, server);
    pair.client = open(Role::Client, config).with_deflate(confirmed);
    pair.server = open(Role::Server, config).with_deflate(accepted);
    pair
}

#[test]
fn the_bound_of_memory_with_compression_is_that_of_the_documentation() {
    let config = Config::default().deflate(Deflate::default());
    assert_eq!(config.max_memory(Role::Client), 139 << 19);
    assert_eq!(config.max_memory(Role::Server), 72 << 20);
}
