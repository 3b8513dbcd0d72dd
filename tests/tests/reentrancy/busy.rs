//! A task that is busy with a connection or a client keeps nobody else waiting. Over real sockets, by the wall clock.

use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use suite::watch::bounded;
use tokio::net::TcpListener;
use ws_tokio::{
    AcceptOptions, Client, ClientEvent, ClientStatus, Config, Listener, WebSocket, deflate::Deflate,
};

const LARGE: usize = 16 * 1024 * 1024;

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap()
}

/// Letters without a pattern, which take long to compress.
fn noise(len: usize) -> Vec<u8> {
    let mut state = 1_u64;
    let mut next = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        b'a' + (state >> 60) as u8
    };
    (0..len).map(|_| next()).collect()
}

/// A server that compresses, and takes what comes.
async fn serve(listener: TcpListener) {
    let config = Config::default().deflate(Deflate::default());
    let listener = Listener::from_listener(listener, AcceptOptions::default().config(config));
    let (incoming, _) = listener.accept().await.unwrap();
    let (mut socket, _) = incoming.accept().await.unwrap();
    assert!(socket.deflate().is_some());
    while let Ok(Some(_)) = socket.recv().await {}
}

#[test]
fn the_status_is_read_while_a_large_message_is_compressed() {
    bounded(|| {
        let runtime = runtime();
        let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0")).unwrap();
        let url = format!("ws://{}/", listener.local_addr().unwrap());
        runtime.spawn(serve(listener));
        let client = runtime.block_on(async move {
            let mut client = Client::builder(&url).build().unwrap();
            while !matches!(client.next_event().await, Some(ClientEvent::Open(_))) {}
            client
        });
        let handle = client.handle();
        let (ended, ending) = mpsc::channel();
        let entered = runtime.handle().clone();
        let message = noise(LARGE);
        let sending = thread::spawn(move || {
            let _entered = entered.enter();
            let begin = Instant::now();
            handle.try_send(message).unwrap();
            ended.send(begin.elapsed()).unwrap();
        });
        let mut longest = Duration::ZERO;
        let mut calls = 0;
        let compression = loop {
            let begin = Instant::now();
            assert_eq!(client.status(), ClientStatus::Open);
            assert_eq!(client.stats().connections, 1);
            longest = longest.max(begin.elapsed());
            calls += 1;
            match ending.recv_timeout(Duration::from_millis(1)) {
                Ok(took) => break took,
                Err(_) => assert!(!sending.is_finished() || calls < 1_000_000),
            }
        };
        sending.join().unwrap();
        assert!(compression > Duration::from_millis(50), "{compression:?} is too short to tell");
        assert!(longest < compression / 4, "{longest:?} for a status, {compression:?} for the compression");
        assert!(calls > 5, "{calls} calls in {compression:?}");
        drop(client);
        runtime.shutdown_background();
    });
}

#[test]
fn a_listener_does_not_wait_for_a_visitor_that_sleeps() {
    bounded(|| {
        const SLEEP: Duration = Duration::from_secs(3);
        const PATIENCE: Duration = Duration::from_millis(200);
        let runtime = runtime();
        let listener = Arc::new(runtime.block_on(Listener::bind("127.0.0.1:0")).unwrap());
        let url = format!("ws://{}/", listener.local_addr().unwrap());
        let (asleep, sleeping) = mpsc::channel();
        let accepting = listener.clone();
        runtime.spawn(async move {
            let (incoming, _) = accepting.accept().await.unwrap();
            let (mut socket, _) = incoming.accept().await.unwrap();
            let borrowing = socket.for_each_borrowed(|_, _| {
                asleep.send(()).unwrap();
                thread::sleep(SLEEP);
                ControlFlow::Continue(())
            });
            drop(borrowing.await);
        });
        let mut socket = runtime.block_on(WebSocket::connect(&url)).unwrap().0;
        runtime.block_on(socket.send("good night")).unwrap();
        sleeping.recv().unwrap();
        // In another runtime: the thread that sleeps may be the one that keeps the timers of its own.
        let awake = self::runtime();
        let begin = Instant::now();
        assert_eq!(awake.block_on(listener.shutdown(PATIENCE)), 1);
        let taken = begin.elapsed();
        assert!(taken >= PATIENCE && taken < SLEEP / 2, "{taken:?}");
        runtime.shutdown_background();
    });
}
