//! The client that stays connected, in the threads that wait with it.

use std::thread;
use std::time::{Duration, Instant};

use ws_blocking::{Client, ClientEvent, CloseCode, Config, Handle, Listener, WebSocket};

use crate::support::{TOLERANCE, bounded, quiet};

/// A server that greets its one client, and then does `serve`.
fn greeting<R: Send + 'static>(
    serve: impl FnOnce(WebSocket) -> R + Send + 'static,
) -> (String, thread::JoinHandle<R>) {
    let listener = Listener::bind("127.0.0.1:0").unwrap();
    let url = format!("ws://{}/", listener.local_addr().unwrap());
    let server = thread::spawn(move || {
        let (mut socket, _) = listener.accept().unwrap().0.accept().unwrap();
        socket.send("hello").unwrap();
        serve(socket)
    });
    (url, server)
}

#[test]
fn a_user_who_only_ever_asks_and_never_waits_is_told_everything() {
    bounded(|| {
        let (url, server) = greeting(|mut socket| socket.recv());
        let mut client = Client::builder(&url).build().unwrap();
        while !matches!(client.next_event_timeout(Duration::ZERO), Ok(Some(ClientEvent::Message(_)))) {
            thread::sleep(Duration::from_millis(1));
        }
        drop(client);
        assert!(server.join().unwrap().is_err());
    });
}

#[test]
fn a_large_message_leaves_whole_while_another_thread_waits_for_the_peer() {
    bounded(|| {
        let (url, server) = greeting(|mut socket| socket.recv().unwrap().unwrap().len());
        // No deadline brings back the thread that waits.
        let far = 4 * TOLERANCE;
        let builder = Client::builder(&url).config(quiet()).open_timeout(far).confirm_timeout(far);
        let mut client = builder.build().unwrap();
        while !matches!(client.next_event(), Some(ClientEvent::Message(_))) {}
        let handle = client.handle();
        let waiting = thread::spawn(move || while client.next_event().is_some() {});
        // So that the other thread waits already.
        thread::sleep(Duration::from_millis(300));
        let start = Instant::now();
        handle.send(vec![0; 15 << 20]).unwrap();
        assert_eq!(server.join().unwrap(), 15 << 20);
        assert!(start.elapsed() < TOLERANCE, "{:?}", start.elapsed());
        handle.abort();
        waiting.join().unwrap();
    });
}

/// A client whose settings leave a minute for everything, and the shorter times that it prepares for each attempt. Another thread
/// waits for its events; `act` brings about a deadline meanwhile. Gives the time until the connection has ended.
fn ends_after(prepared: Config, act: impl FnOnce(&Handle)) -> Duration {
    let (stop, stopped) = std::sync::mpsc::channel::<()>();
    let (url, server) = greeting(move |socket| {
        // Nobody drives it, so that it answers nothing.
        let _ = stopped.recv();
        drop(socket);
    });
    let far = 4 * TOLERANCE;
    let builder = Client::builder(&url).config(quiet()).open_timeout(far).confirm_timeout(far);
    let builder = builder.reconnect(ws_blocking::Reconnect::never());
    let mut client = builder.prepare(move |_, options| Ok(options.config(prepared.clone()))).build().unwrap();
    while !matches!(client.next_event(), Some(ClientEvent::Message(_))) {}
    let handle = client.handle();
    let waiting = thread::spawn(move || while client.next_event().is_some() {});
    // So that the other thread is in a read already.
    thread::sleep(Duration::from_millis(300));
    let start = Instant::now();
    act(&handle);
    waiting.join().unwrap();
    let took = start.elapsed();
    drop(stop);
    server.join().unwrap();
    took
}

#[test]
fn shorter_deadlines_that_are_prepared_are_kept_while_another_thread_reads() {
    bounded(|| {
        let deadline = Duration::from_millis(300);
        let expected = deadline..deadline + TOLERANCE;
        let took = ends_after(quiet().pong_timeout(deadline), |handle| handle.ping("there?").unwrap());
        assert!(expected.contains(&took), "{took:?} for a pong");
        let took = ends_after(quiet().close_timeout(deadline), |handle| {
            handle.start_close(CloseCode::NORMAL);
        });
        assert!(expected.contains(&took), "{took:?} for a Close frame");
    });
}

#[test]
fn a_shorter_open_timeout_that_is_prepared_is_kept() {
    bounded(|| {
        let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("ws://{}/", silent.local_addr().unwrap());
        let deadline = Duration::from_millis(300);
        let builder = Client::builder(&url).config(quiet()).open_timeout(4 * TOLERANCE);
        let mut client =
            builder.prepare(move |_, options| Ok(options.open_timeout(deadline))).build().unwrap();
        let start = Instant::now();
        while !matches!(client.next_event(), Some(ClientEvent::Closed(_))) {}
        let took = start.elapsed();
        assert!((deadline..deadline + TOLERANCE).contains(&took), "{took:?}");
    });
}
