//! Connections that are taken apart.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use ws_core::{Error, Timeout};

use crate::adapter::{Adapter, Receiving, Sending, Socket};
use crate::ends::{client, failure, pair, quiet, server};
use crate::peer::Peer;
use crate::tls::Wss;
use crate::wire::{BINARY, CLOSE, FIN, TEXT};

/// Both ends of a connection whose WebSocket has gone speak on.
fn goes_on(mut transport: TcpStream, peer: &mut Peer) {
    transport.write_all(b"another protocol").unwrap();
    drop(transport);
    assert_eq!(peer.read_to_end(), b"another protocol");
}

/// Frames that come in one read: the first is received, and the bytes of the others are left.
pub fn frames_behind_the_last_message_are_handed_out<A: Adapter>() {
    let (mut socket, mut peer) = client::<A>(quiet());
    let frames = ["one", "two", "three"].map(|text| peer.encode(FIN | TEXT, text));
    peer.send(frames.concat());
    assert_eq!(socket.recv().unwrap(), Some("one".into()));
    let (transport, read, unsent) = socket.into_parts().unwrap();
    assert_eq!(read, frames[1..].concat());
    assert_eq!(unsent, b"");
    // The transport is open, and goes on behind these bytes.
    goes_on(transport, &mut peer);
}

/// A masked frame that has come in part is handed out as it came.
pub fn a_frame_that_has_come_in_part_is_handed_out_as_it_came<A: Adapter>() {
    let (mut socket, mut peer) = server::<A>(quiet());
    let (first, second) = (peer.encode(FIN | TEXT, "one"), peer.encode(FIN | BINARY, [7; 40]));
    peer.send([&first[..], &second[..20]].concat());
    assert_eq!(socket.recv().unwrap(), Some("one".into()));
    let (transport, read, _) = socket.into_parts().unwrap();
    assert_eq!(read, second[..20]);
    peer.send(&second[20..]);
    let mut rest = vec![0; second.len() - 20];
    (&transport).read_exact(&mut rest).unwrap();
    assert_eq!(rest, second[20..]);
}

pub fn messages_that_are_not_written_are_handed_out_as_frames<A: Adapter>() {
    let (mut socket, mut peer) = server::<A>(quiet());
    socket.feed("one").unwrap();
    socket.feed("two").unwrap();
    let (transport, read, unsent) = socket.into_parts().unwrap();
    assert_eq!(read, b"");
    assert_eq!(unsent, b"\x81\x03one\x81\x03two");
    (&transport).write_all(&unsent).unwrap();
    assert_eq!([peer.receive_text(), peer.receive_text()], ["one", "two"]);
    goes_on(transport, &mut peer);
}

/// RFC 6455 §5.5.1: nothing follows a Close frame.
pub fn bytes_behind_the_close_frame_are_not_handed_out<A: Adapter>() {
    let (mut socket, mut peer) = client::<A>(quiet());
    let close = peer.encode(FIN | CLOSE, 1000u16.to_be_bytes());
    peer.send([&close[..], b"another protocol"].concat());
    peer.end();
    assert_eq!(socket.recv().unwrap(), None);
    let (_transport, read, unsent) = socket.into_parts().unwrap();
    assert_eq!((read, unsent), (vec![], vec![]));
}

pub fn a_transport_that_was_reset_is_not_handed_out<A: Adapter>() {
    let config = quiet().ping_interval(Duration::from_millis(10));
    let (mut socket, _peer) = client::<A>(config.pong_timeout(Duration::from_millis(50)));
    let (error, _) = failure(&mut socket);
    assert!(matches!(error, Error::Timeout(Timeout::Pong(_))), "{error}");
    assert!(socket.into_parts().is_none());
}

/// Bytes in clear must not go over the transport below TLS.
pub fn over_tls_no_bytes_are_handed_out<A: Adapter>() {
    let (client, mut server) = pair::<Wss<A>>(quiet());
    server.feed("a secret").unwrap();
    let (_transport, read, unsent) = server.into_parts().unwrap();
    assert_eq!((read, unsent), (vec![], vec![]));
    drop(client);
}

/// The thread that writes in the background may be about to look at the connection.
pub fn a_connection_is_taken_apart_while_its_bytes_leave_in_the_background<A: Adapter>() {
    for _ in 0..20 {
        let (socket, mut peer) = client::<A>(quiet());
        let (mut sender, mut receiver) = socket.split();
        std::thread::scope(|scope| {
            let receiving = scope.spawn(|| {
                assert_eq!(receiver.recv().unwrap(), Some("go on".into()));
                receiver
            });
            sender.feed("fed").unwrap();
            peer.text("go on");
            let receiver = receiving.join().unwrap();
            let (_transport, _, unsent) = A::Socket::reunite(sender, receiver).unwrap().into_parts().unwrap();
            assert!(unsent.is_empty() || unsent.len() == 9, "{unsent:?}");
        });
    }
}
