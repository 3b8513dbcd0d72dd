//! Attempts that are prepared, by hooks that wait and fail.

use std::sync::mpsc::channel;
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use ws_common::ConnectOptions;
use ws_common::reconnect::GiveUp;
use ws_common::session::Attempt;

use super::hooks::{about_to_panic, expect_panic};
use super::watched::{persistent, watched};
use super::{ClientAdapter, ClientHandle};
use crate::peer::{Server, field, response_to};

/// A short wait, after which another part of the program has had its turn.
const PAUSE: Duration = Duration::from_millis(20);

fn pause(_: &Attempt) -> Duration {
    PAUSE
}

/// The server accepts each token once. The first attempt finds no token.
pub fn each_attempt_gets_a_token_of_its_own<A: ClientAdapter>() {
    let server = Server::new();
    let tokens = Arc::new(Mutex::new(0));
    let builder = A::prepare_after(persistent(&server.url()), pause, move |attempt, options| {
        let mut tokens = tokens.lock().unwrap();
        *tokens += 1;
        if attempt.cause.is_none() {
            Err("no token yet")?;
        }
        Ok(options.header("Authorization", format!("Bearer {tokens}")))
    });
    let mut client = watched(builder);
    thread::scope(|scope| {
        scope.spawn(|| {
            for token in 2..5 {
                let mut peer = server.accept();
                let head = peer.read_head();
                assert_eq!(field(&head, "Authorization"), Some(&*format!("Bearer {token}")));
                peer.send(response_to(&head, ""));
                peer.close(1001, "");
                peer.end();
                peer.read_to_end();
            }
        });
        client.expect(&["error prepare", "closed 1006", "reconnecting 1"]);
        assert_eq!(client.error(), "prepare failed: no token yet");
        for next in 2..5 {
            client.expect(&[
                "connected",
                "open",
                "closing 1001",
                "closed 1001",
                &format!("reconnecting {next}"),
            ]);
        }
    });
    client.abort();
}

pub fn a_hook_that_takes_too_long_costs_the_attempt<A: ClientAdapter>() {
    let server = Server::new();
    let builder = persistent::<A>(&server.url()).prepare_timeout(PAUSE);
    let pause = |attempt: &Attempt| if attempt.number == 0 { 10 * PAUSE } else { Duration::ZERO };
    let mut client = watched(A::prepare_after(builder, pause, |_, options| Ok(options)));
    thread::scope(|scope| {
        scope.spawn(|| server.open().read_to_end());
        client.expect(&["error prepare", "closed 1006", "reconnecting 1", "connected", "open"]);
        assert_eq!(client.error(), "prepare took longer than 20ms (prepare_timeout)");
        client.abort();
    });
}

/// The end of the hook's captured value is the end of the hook, and of each of its futures.
pub fn what_prepare_waits_for_can_be_ended_or_dropped<A: ClientAdapter>() {
    for is_dropped in [false, true] {
        let server = Server::new();
        let held = Arc::new(());
        let holds = held.clone();
        let hook = move |_, options: ConnectOptions| {
            let _ = &holds;
            Ok(options)
        };
        let (begun, begins) = channel();
        let pause = move |_: &Attempt| {
            begun.send(()).unwrap();
            10 * PAUSE
        };
        let mut client = watched(A::prepare_after(persistent(&server.url()), pause, hook));
        if is_dropped {
            assert_eq!(client.within(PAUSE), [""; 0]);
            begins.recv().unwrap();
        } else {
            let handle = client.handle();
            let aborting = thread::spawn(move || {
                begins.recv().unwrap();
                handle.abort();
            });
            client.expect(&["closed 1006", "over"]);
            assert_eq!(client.gave_up, Some(GiveUp::Aborted));
            aborting.join().unwrap();
            // The client keeps the hook, and no future of it.
            assert_eq!(Arc::strong_count(&held), 2);
        }
        drop(client);
        assert_eq!(Arc::strong_count(&held), 1);
    }
}

pub fn a_handle_that_waits_prepares_too<A: ClientAdapter>() {
    let server = Server::new();
    let client =
        A::prepare_after(persistent(&server.url()), pause, |_, options| Ok(options)).build().unwrap();
    let handle = client.handle();
    handle.send("first").unwrap();
    let mut peer = thread::scope(|scope| {
        let opened = scope.spawn(|| server.open());
        handle.flush().unwrap();
        opened.join().unwrap()
    });
    assert_eq!(peer.receive_text(), "first");
    handle.abort();
}

pub fn a_hook_that_waits_may_use_the_client_and_its_panic_reaches_who_waits<A: ClientAdapter>() {
    let server = Server::new();
    let mut client = about_to_panic::<A>(&server, &["order"], |give_handle| {
        A::prepare_after(persistent(&server.url()), pause, move |_, options| {
            give_handle().try_send("order").unwrap();
            Ok(options)
        })
    });
    expect_panic(&mut client);
    client.until("over");
    assert_eq!(client.gave_up, Some(GiveUp::HookPanicked("prepare")));
}
