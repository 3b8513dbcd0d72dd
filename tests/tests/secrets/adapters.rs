//! The types of the adapters.

use std::sync::Arc;

use suite::wire::{BINARY, FIN, frame};
use ws_common::system::accept::AcceptRetry;
use ws_common::system::shutdown::{Limits, Shutdown, Stop, Stopping};
use ws_core::{Config, Connection, Instant, Random, Role};

use crate::common::accept_options;
use crate::exhibition::Exhibition;
use crate::planted;

/// A connection that nobody stops.
struct Nobody;

impl Stop for Nobody {
    fn nudge(&self) {}

    fn request(&self, _: Stopping) {}
}

/// A connection that was taken apart with a message in each direction.
fn parts() -> ws_tokio::Parts<tokio::io::DuplexStream> {
    let (config, random) = (Config::default(), Random::from_seed([1; 32]));
    let message = frame(FIN | BINARY, false, planted::BINARY);
    let mut connection =
        Connection::after_handshake(Role::Client, &config, random, message[..].into(), Instant::EPOCH);
    connection.send(planted::BINARY).unwrap();
    let clock = std::time::Instant::now();
    let parts = ws_tokio::WebSocket::from_connection(tokio::io::duplex(9).0, connection, clock).into_parts();
    parts.filter(|parts| !parts.read.is_empty() && !parts.unsent.is_empty()).unwrap()
}

pub(crate) fn exhibit(exhibition: &mut Exhibition) {
    let options = || accept_options().tls(suite::tls::SITE.acceptor.clone());
    let peer = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let socket = || std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    exhibition.debug(&ws_blocking::Listener::from_listener(socket(), options()));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let listener = async || tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        exhibition.debug(&ws_tokio::Listener::from_listener(listener().await, options()));
        let generic = ws_async_core::Listener::<ws_tokio::Tokio>::from_listener(listener().await, options());
        exhibition.debug(&generic);
        exhibition.debug(&parts());
        exhibition.debug(&ws_tokio::Resettable::new(tokio::io::empty(), drop));
        exhibition.debug(&ws_tokio::Connected::secure(tokio::io::empty()));
        exhibition.debug(&ws_async_core::Connected::<ws_tokio::Tokio>::new(tokio::io::empty()));
    });
    let listener = ws_async_std::async_io::Async::new(socket()).unwrap();
    exhibition.debug(&ws_async_std::Listener::from_listener(listener, options()));
    exhibition.error(&ws_blocking::Elapsed);
    exhibition.seen::<ws_tokio::Tokio>();
    exhibition.seen::<ws_async_std::AsyncIo>();
    exhibition.debug(&ws_async_std::Other(()));
    let stream = || std::net::TcpStream::connect(peer.local_addr().unwrap()).unwrap();
    exhibition.debug(&ws_async_std::Connected::new(ws_async_std::async_io::Async::new(stream()).unwrap()));
    exhibition.debug(&ws_blocking::Connected::new(stream()));
    exhibition.debug(&AcceptRetry::default());
    let limits: Limits = options().limits();
    exhibition.debug(&limits);
    exhibition.debug(&Shutdown::new(limits));
    exhibition.debug(&Stopping::Close);
    let guard = Shutdown::new(limits).try_acquire().unwrap().enter(Arc::new(Nobody)).unwrap();
    exhibition.debug(&guard.admission());
    exhibition.debug(&ws_common::TrustedProxy::ProxyProtocol);
    exhibition.error(&ws_common::TrustedProxyError::NoField("Forwarded"));
    exhibition.debug(&ws_core::Origins::only(["https://page.test"]).unwrap());
}
