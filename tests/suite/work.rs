//! Limits on the work that a peer can cause.

use std::thread;
use std::time::Duration;

use ws_core::{Deflate, Error};

use crate::adapter::{Adapter, Receiving, Sending};
use crate::ends::{end, pair, quiet, server};

/// The error that ends receiving.
fn violation(socket: &mut impl Receiving) -> String {
    loop {
        match socket.next_event() {
            Ok(Some(_)) => {}
            Err(Error::Violation(violation)) => return violation.to_string(),
            other => panic!("{other:?}"),
        }
    }
}

/// The messages of a minute may come at once.
pub fn a_peer_that_sends_more_than_max_message_rate_gets_1008<A: Adapter>() {
    let (mut socket, mut peer) = server::<A>(quiet().max_message_rate(1));
    thread::scope(|scope| {
        scope.spawn(move || {
            (0..60).for_each(|_| peer.text("tick"));
            // In reads of their own.
            (0..10).for_each(|_| {
                thread::sleep(Duration::from_millis(20));
                peer.text("too many");
            });
            let (code, reason) = peer.receive_close();
            assert!(code == 1008 && reason.contains("max_message_rate"), "{code}: {reason}");
            peer.expect_end();
        });
        (0..60).for_each(|_| assert_eq!(socket.recv().unwrap(), Some("tick".into())));
        let text = violation(&mut socket);
        assert!(text.contains("more messages than 1 each second (max_message_rate)"), "{text}");
        assert_eq!(end(&mut socket).code, 1008);
    });
}

/// The first 64 KiB of a message are free.
pub fn a_message_beyond_max_inflate_ratio_is_ended_with_1008<A: Adapter>() {
    let config = quiet().deflate(Deflate::default()).max_inflate_ratio(10);
    let (mut client, mut server) = pair::<A>(config);
    thread::scope(|scope| {
        scope.spawn(move || {
            client.send(vec![0; 60_000]).unwrap();
            client.send(vec![0; 1_000_000]).unwrap();
            assert_eq!(client.recv().unwrap(), None);
            assert_eq!(client.closed().unwrap().code, 1008);
        });
        assert_eq!(server.recv().unwrap(), Some(vec![0; 60_000].into()));
        let text = violation(&mut server);
        assert!(text.contains("more than 10 times its size (max_inflate_ratio)"), "{text}");
        assert_eq!(end(&mut server).code, 1008);
    });
}
