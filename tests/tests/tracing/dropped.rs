//! A connection that is dropped while it is open has one end in its trace, on each runtime.

use suite::peer::Server;

use crate::record::lines_of;

/// The events `closed` of a program that connects and drops.
fn ends(run: impl FnOnce(&str)) -> Vec<String> {
    let server = Server::new();
    let url = server.url();
    let (lines, ()) = lines_of(|| {
        std::thread::scope(|scope| {
            scope.spawn(|| {
                let mut peer = server.open();
                while peer.receive_or_end().is_some() {}
            });
            run(&url);
        });
    });
    lines.into_iter().filter(|line| line.contains("debug: closed")).collect()
}

fn assert_dropped(run: impl FnOnce(&str)) {
    let ends = ends(run);
    let [end] = &ends[..] else { panic!("{ends:#?}") };
    let expected = "debug: closed code=1006 side=local clean=false error=dropped duration=T \
        messages_sent=1 messages_received=0 bytes_sent=";
    assert!(end.contains(expected), "{end}");
}

/// Programs that connect and drop, with `.await` or without. The first call of a client is answered when the message has left.
macro_rules! programs {
    ($adapter:ident $(, $async:ident, $await:ident)?) => {
        $($async)? fn whole(url: &str) {
            let (mut ws, _response) = $adapter::WebSocket::connect(url)$(.$await)?.unwrap();
            ws.send("hello")$(.$await)?.unwrap();
        }

        $($async)? fn receiver_last(url: &str) {
            let (mut ws, _response) = $adapter::WebSocket::connect(url)$(.$await)?.unwrap();
            ws.send("hello")$(.$await)?.unwrap();
            let (sender, receiver) = ws.split();
            drop(sender);
            drop(receiver);
        }

        $($async)? fn sender_last(url: &str) {
            let (mut ws, _response) = $adapter::WebSocket::connect(url)$(.$await)?.unwrap();
            ws.send("hello")$(.$await)?.unwrap();
            let (sender, receiver) = ws.split();
            drop(receiver);
            drop(sender);
        }

        $($async)? fn client(url: &str) {
            let mut client = $adapter::Client::builder(url).build().unwrap();
            while !matches!(client.next_event()$(.$await)?, Some($adapter::ClientEvent::Open(_))) {}
            client.send("hello")$(.$await)?.unwrap();
            client.flush()$(.$await)?.unwrap();
        }
    };
}

macro_rules! assert_all {
    ($($run:tt)*) => {
        assert_dropped(|url| $($run)*(whole(url)));
        assert_dropped(|url| $($run)*(receiver_last(url)));
        assert_dropped(|url| $($run)*(sender_last(url)));
        assert_dropped(|url| $($run)*(client(url)));
    };
}

mod tokio {
    use super::*;

    programs!(ws_tokio, async, await);

    #[test]
    fn a_connection_that_is_dropped_has_one_end() {
        let runtime = ::tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        assert_all!(runtime.block_on);
    }
}

mod smol {
    use super::*;

    programs!(ws_async_std, async, await);

    #[test]
    fn a_connection_that_is_dropped_has_one_end() {
        assert_all!(::smol::block_on);
        assert_all!(::async_std::task::block_on);
    }
}

mod threads {
    use super::*;

    programs!(ws_blocking);

    #[test]
    fn a_connection_that_is_dropped_has_one_end() {
        assert_all!(std::convert::identity);
    }
}
