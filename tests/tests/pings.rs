//! The payload of a ping may be of each common type, borrowed or not, with every handle of each runtime.

#![allow(clippy::unwrap_used, reason = "what panics here is a failed test")]

use std::thread;

use suite::peer::Server;

const PING: u8 = 9;
const TYPES: usize = 7;

/// Runs a program whose connection sends a ping of each type with two handles.
fn serve(run: impl FnOnce(&str)) {
    let server = Server::new();
    let url = server.url();
    thread::scope(|scope| {
        scope.spawn(|| {
            let mut peer = server.open();
            for n in 0..2 * TYPES {
                let frame = peer.receive();
                assert_eq!((frame.opcode, &*frame.payload), (PING, &b"there?"[..]), "ping {n}");
            }
        });
        run(&url);
    });
}

/// Pings of all types, with `.await` or without.
macro_rules! ping {
    ($handle:expr $(, $await:ident)?) => {{
        let text = String::from("there?");
        let bytes = text.clone().into_bytes();
        $handle.ping(&bytes[..])$(.$await)?.unwrap();
        $handle.ping(text.as_str())$(.$await)?.unwrap();
        $handle.ping(&text)$(.$await)?.unwrap();
        $handle.ping(text)$(.$await)?.unwrap();
        $handle.ping(bytes.clone())$(.$await)?.unwrap();
        $handle.ping(ws_core::bytes::Bytes::from(bytes))$(.$await)?.unwrap();
        $handle.ping(b"there?")$(.$await)?.unwrap();
    }};
}

/// Programs that ping.
macro_rules! programs {
    ($adapter:ident $(, $async:ident, $await:ident)?) => {
        $($async)? fn connection(url: &str) {
            let (mut ws, _response) = $adapter::WebSocket::connect(url)$(.$await)?.unwrap();
            ping!(ws $(, $await)?);
            let (mut sender, _receiver) = ws.split();
            ping!(sender $(, $await)?);
        }

        $($async)? fn client(url: &str) {
            let mut client = $adapter::Client::builder(url).build().unwrap();
            while !matches!(client.next_event()$(.$await)?, Some($adapter::ClientEvent::Open(_))) {}
            ping!(client $(, $await)?);
            let handle = client.handle();
            ping!(handle $(, $await)?);
        }
    };
}

mod tokio {
    use super::*;

    programs!(ws_tokio, async, await);

    #[test]
    fn the_payload_of_a_ping_may_be_of_each_common_type() {
        let runtime = ::tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
        serve(|url| runtime.block_on(connection(url)));
        serve(|url| runtime.block_on(client(url)));
    }
}

mod smol {
    use super::*;

    programs!(ws_async_std, async, await);

    #[test]
    fn the_payload_of_a_ping_may_be_of_each_common_type() {
        serve(|url| ::smol::block_on(connection(url)));
        serve(|url| ::smol::block_on(client(url)));
        serve(|url| ::async_std::task::block_on(connection(url)));
        serve(|url| ::async_std::task::block_on(client(url)));
    }
}

mod threads {
    use super::*;

    programs!(ws_blocking);

    #[test]
    fn the_payload_of_a_ping_may_be_of_each_common_type() {
        serve(connection);
        serve(client);
    }
}
