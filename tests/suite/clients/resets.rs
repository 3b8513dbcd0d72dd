//! A connection that ends by a deadline or by `abort` is reset: its server gets none of the bytes that wait, and no old message comes
//! behind newer ones.

use std::io::ErrorKind;
use std::thread;
use std::time::Duration;

use ws_common::session::{ClientBuilder, Delivery};
use ws_core::Config;

use super::watched::{persistent, watched};
use super::{ClientAdapter, Watched};
use crate::ends::quiet;
use crate::peer::{Peer, Server};
use crate::wire::{FIN, PING, PONG, TEXT};

/// Length of each message, which begins with its number.
const LENGTH: usize = 1024;
/// Number of messages that lie in the queue of the first connection's socket: less than the system holds, and much more than fits in the
/// window of the server.
const HELD: u32 = 48;
/// Number of messages before the connection ends, 3 MiB: the rest of them waits in the client.
const OLD: u32 = 3072;
/// Time within which the first messages, and a ping behind them, are in the queue of the socket.
const SETTLING: Duration = Duration::from_millis(300);
const DEADLINE: Duration = Duration::from_millis(700);

fn send<A: ClientAdapter>(client: &A, number: u32) {
    client.try_send(format!("{number:0LENGTH$}")).unwrap();
}

/// The numbers of the messages that come, up to this one. Pings are answered.
fn numbers_up_to(peer: &mut Peer, last: u32) -> Vec<u32> {
    let mut numbers = Vec::new();
    while numbers.last() != Some(&last) {
        let frame = peer.receive();
        match frame.opcode {
            TEXT => numbers.push(String::from_utf8(frame.payload).unwrap().parse().unwrap()),
            PING => peer.frame(FIN | PONG, frame.payload),
            opcode => panic!("a frame with the opcode {opcode}"),
        }
    }
    numbers
}

type Settings<A> = fn(ClientBuilder<A>, Config) -> ClientBuilder<A>;

/// The server of the first connection is frozen, while `end` ends that and the client connects again. Then it reads.
fn frozen<A: ClientAdapter>(settings: Settings<A>, end: fn(&mut Watched<A>)) {
    let server = Server::with_small_window();
    let builder = persistent::<A>(&server.url()).max_send_buffer(8 << 20);
    let mut client = watched(settings(builder, quiet().max_send_buffer(8 << 20)));
    thread::scope(|scope| {
        let opening = scope.spawn(|| server.open());
        client.expect(&["connected", "open"]);
        let mut frozen = opening.join().unwrap();
        for number in 0..HELD {
            send(&*client, number);
        }
        assert_eq!(client.within(SETTLING), [""; 0]);
        for number in HELD..OLD {
            send(&*client, number);
        }
        end(&mut client);
        server.widen_window();
        let serving = scope.spawn(|| {
            let mut peer = server.open();
            (numbers_up_to(&mut peer, OLD), peer)
        });
        client.until("open");
        send(&*client, OLD);
        // Any event would be the end of the second connection.
        let mut events = Vec::new();
        while !serving.is_finished() {
            events.extend(client.within(Duration::from_millis(20)));
        }
        assert_eq!(events, [""; 0]);
        let (numbers, peer) = serving.join().unwrap();
        assert!(numbers.is_sorted_by(|number, next| number < next), "old behind new: {numbers:?}");
        let (read, how) = frozen.read_to_break();
        assert_eq!(how, Some(ErrorKind::ConnectionReset), "after {read} bytes");
        assert!(
            read < HELD as usize * LENGTH / 2,
            "{read} bytes came late, behind {} messages",
            numbers.len()
        );
        client.abort();
        drop(peer);
    });
}

fn misses_its_deadline<A: ClientAdapter>(client: &mut Watched<A>) {
    assert_eq!(client.until("reconnecting 1"), ["error timeout", "closed 1006", "reconnecting 1"]);
}

pub fn a_server_that_misses_a_pong_gets_a_reset_and_no_old_messages<A: ClientAdapter>() {
    frozen::<A>(
        |builder, config| builder.config(config.ping_interval(SETTLING / 2).pong_timeout(DEADLINE)),
        misses_its_deadline,
    );
}

pub fn a_server_that_takes_nothing_gets_a_reset_and_no_old_messages<A: ClientAdapter>() {
    frozen::<A>(|builder, config| builder.config(config.write_timeout(DEADLINE)), misses_its_deadline);
}

pub fn a_server_that_proves_nothing_gets_a_reset_and_no_old_messages<A: ClientAdapter>() {
    frozen::<A>(
        |builder, config| builder.config(config).delivery(Delivery::Confirmed).confirm_timeout(DEADLINE),
        misses_its_deadline,
    );
}

pub fn an_aborted_connection_is_reset_and_sends_no_old_messages<A: ClientAdapter>() {
    frozen::<A>(
        |builder, config| builder.config(config),
        |client| {
            client.abort();
            assert_eq!(client.until("over"), ["closed 1006", "over"]);
            client.reconnect_after(Duration::ZERO);
        },
    );
}
