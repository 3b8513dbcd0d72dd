//! Deadlines, to the millisecond, on a clock that only moves when everybody waits.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use suite::wire::{FIN, PING, PONG, TEXT, frame};
use tokio::io::{AsyncReadExt, duplex};
use tokio::time::{Instant, sleep};
use ws_core::{Connection, Random, Role};
use ws_tokio::{CloseCode, Config, ConnectOptions, Error, Event, Resettable, WebSocket, error::Timeout};

use crate::transport::Transport;

fn about(begin: Instant, seconds: u64) {
    between(begin, seconds, seconds);
}

fn between(begin: Instant, from: u64, to: u64) {
    let passed = begin.elapsed();
    let (from, to) = (Duration::from_secs(from), Duration::from_secs(to));
    assert!(passed >= from && passed < to + Duration::from_millis(20), "{passed:?}, not {from:?} to {to:?}");
}

#[tokio::test(start_paused = true)]
async fn a_silent_peer_is_found_out_after_interval_and_timeout() {
    let begin = Instant::now();
    let transport = Transport::new();
    let mut socket = transport.connection(Role::Client, &Config::default());
    let error = socket.next_event().await.unwrap_err();
    assert!(matches!(error, Error::Timeout(Timeout::Pong(_))), "{error}");
    // The first ping leaves after half an interval to a whole one.
    between(begin, 30, 40);
}

/// Whether a transport of the user's own was reset when its connection had ended, which is still held.
async fn was_reset(config: Config, end: impl AsyncFnOnce(&mut WebSocket<Resettable>)) -> bool {
    let (near, mut far) = duplex(4096);
    let was_reset = Arc::new(AtomicBool::new(false));
    let near = Resettable::new(near, {
        let was_reset = was_reset.clone();
        move |stream| {
            was_reset.store(true, Ordering::Relaxed);
            drop(stream);
        }
    });
    let random = Random::from_seed([1; 32]);
    let connection =
        Connection::after_handshake(Role::Client, &config, random, Default::default(), Default::default());
    let mut socket = WebSocket::from_connection(near, connection, std::time::Instant::now());
    end(&mut socket).await;
    let was_reset = was_reset.load(Ordering::Relaxed);
    assert_eq!(socket.transport().is_none(), was_reset);
    if was_reset {
        // It is gone.
        let mut bytes = Vec::new();
        far.read_to_end(&mut bytes).await.unwrap();
    }
    was_reset
}

#[tokio::test(start_paused = true)]
async fn a_transport_of_the_users_own_is_reset_with_the_error_of_a_dead_peer() {
    let dead = was_reset(Config::default(), async |socket| {
        let error = socket.next_event().await.unwrap_err();
        assert!(matches!(error, Error::Timeout(Timeout::Pong(_))), "{error}");
    });
    assert!(dead.await);
    let unfinished = was_reset(Config::default().ping_interval(None), async |socket| {
        assert!(!socket.close(CloseCode::NORMAL).await.clean);
    });
    assert!(!unfinished.await, "after a missed close_timeout it is closed in the ordinary way");
}

#[tokio::test(start_paused = true)]
async fn a_peer_that_answers_stays_for_an_hour() {
    let (client, server) = duplex(4096);
    let options = ConnectOptions::new("ws://in.memory/");
    let (client, server) = tokio::join!(WebSocket::connect_over(client, options), WebSocket::accept(server));
    let ((mut client, _), (mut server, _)) = (client.unwrap(), server.unwrap());
    let serving = tokio::spawn(async move {
        let mut pings = 0;
        while let Some(event) = server.next_event().await.unwrap() {
            pings += u32::from(matches!(event, Event::Ping(_)));
        }
        pings
    });
    let hour = async {
        loop {
            client.next_event().await.unwrap();
        }
    };
    let _ = tokio::time::timeout(Duration::from_secs(3605), hour).await;
    assert!(client.close(CloseCode::NORMAL).await.clean);
    assert_eq!(serving.await.unwrap(), 180);
}

#[tokio::test(start_paused = true)]
async fn a_byte_every_nineteen_seconds_keeps_the_connection() {
    let begin = Instant::now();
    let transport = Transport::new();
    let mut socket = transport.connection(Role::Client, &Config::default());
    let peer = transport.clone();
    tokio::spawn(async move {
        for byte in frame(FIN | TEXT, false, b"slow") {
            sleep(Duration::from_secs(19)).await;
            peer.give(vec![byte]);
        }
    });
    assert_eq!(socket.recv().await.unwrap(), Some("slow".into()));
    about(begin, 6 * 19);
    assert!(socket.recv().await.is_err());
    // It has answered all pings that had left by then.
    between(begin, 6 * 19 + 20, 6 * 19 + 40);
}

#[tokio::test(start_paused = true)]
async fn a_busy_application_finds_what_waits_in_the_socket() {
    let transport = Transport::new();
    let mut socket = transport.connection(Role::Client, &Config::default());
    let waiting = tokio::time::timeout(Duration::from_secs(21), socket.recv()).await;
    assert!(waiting.is_err());
    let ping = transport.frames().pop().unwrap();
    assert_eq!(ping.opcode, PING);
    transport.give(frame(FIN | PONG, false, &ping.payload));
    transport.give(frame(FIN | TEXT, false, b"news"));
    // Nobody waits on the connection for far longer than any deadline.
    sleep(Duration::from_secs(600)).await;
    assert_eq!(socket.recv().await.unwrap(), Some("news".into()));
}

#[tokio::test(start_paused = true)]
async fn closing_takes_close_timeout_at_most() {
    let begin = Instant::now();
    let transport = Transport::new();
    let mut socket = transport.connection(Role::Client, &Config::default());
    let closed = socket.close(CloseCode::NORMAL).await;
    about(begin, 5);
    assert_eq!((closed.code, closed.clean), (1006, false));
}

#[tokio::test(start_paused = true)]
async fn a_deadline_that_comes_nearer_wakes_the_other_half() {
    let transport = Transport::new();
    let (mut sender, mut receiver) = transport.connection(Role::Client, &Config::default()).split();
    let waiting = tokio::spawn(async move { receiver.recv().await });
    sleep(Duration::from_secs(3)).await;
    let begin = Instant::now();
    sender.start_close(CloseCode::NORMAL);
    let error = waiting.await.unwrap().unwrap_err();
    about(begin, 5);
    assert!(matches!(error, Error::Timeout(Timeout::Close(_))), "{error}");
}

#[tokio::test(start_paused = true)]
async fn an_endpoint_that_is_opened_in_silence_costs_open_timeout() {
    let begin = Instant::now();
    let options = ConnectOptions::new("ws://in.memory/");
    assert!(WebSocket::connect_over(Transport::new(), options).await.is_err());
    about(begin, 10);
    // A client that is told so takes the answer at once.
    let transport = Transport::new();
    assert!(WebSocket::accept(transport.clone()).await.is_err());
    assert!(transport.state().output.starts_with(b"HTTP/1.1 408 "));
}
