//! Clients and connections that move from one runtime to another, which the first one may not survive.

use std::time::Duration;

use suite::peer::Server;
use suite::watch::{bounded, takes};
use suite::witness::{Manner, Witness};
use tokio::runtime::{Builder, Runtime};
use ws_tokio::{Client, ClientEvent, CloseCode, Config, ConnectOptions, Error, Event, Reconnect, WebSocket};

/// Longer than anything here takes, but for what a test says.
const FAR: Duration = Duration::from_secs(600);

/// What becomes of the first runtime.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Fate {
    Dropped,
    /// It lives, but nobody drives it.
    AtRest,
}

/// Whether a future is run by a runtime itself, or as a task.
#[derive(Clone, Copy, Debug)]
enum Manners {
    BlockOn,
    Task,
}

const CASES: [(Fate, Manners); 4] = [
    (Fate::Dropped, Manners::BlockOn),
    (Fate::Dropped, Manners::Task),
    (Fate::AtRest, Manners::BlockOn),
    (Fate::AtRest, Manners::Task),
];

fn runtime() -> Runtime {
    Builder::new_current_thread().enable_all().build().unwrap()
}

fn run<F: Future<Output: Send> + Send + 'static>(
    runtime: &Runtime,
    manners: Manners,
    future: F,
) -> F::Output {
    match manners {
        Manners::BlockOn => runtime.block_on(future),
        Manners::Task => runtime.block_on(async { tokio::spawn(future).await.unwrap() }),
    }
}

/// Runs one future after the other, each on a runtime of its own.
fn moved<T: Send + 'static, F: Future<Output: Send> + Send + 'static>(
    (fate, manners): (Fate, Manners),
    first: impl Future<Output = T> + Send + 'static,
    then: impl FnOnce(T) -> F,
) -> F::Output {
    let before = runtime();
    let output = run(&before, manners, first);
    let _before = (fate == Fate::AtRest).then_some(before);
    run(&runtime(), manners, then(output))
}

async fn until(client: &mut Client, is_last: impl Fn(&ClientEvent) -> bool) -> Vec<ClientEvent> {
    let mut events = Vec::new();
    while !events.last().is_some_and(&is_last) {
        events.push(client.next_event().await.expect("the client goes on"));
    }
    events
}

fn is_open(event: &ClientEvent) -> bool {
    matches!(event, ClientEvent::Open(_))
}

/// Waits for an event that does not come, so that the timer of the client is set.
async fn at_rest(client: &mut Client) {
    let event = tokio::time::timeout(Duration::from_millis(50), client.next_event()).await;
    assert!(event.is_err(), "{event:?}");
}

fn pinging(interval: Duration, timeout: Duration) -> Config {
    Config::default().ping_interval(interval).pong_timeout(timeout)
}

#[test]
fn an_open_client_reports_the_broken_connection_and_reconnects() {
    bounded(|| {
        let server = Witness::new(Manner::default());
        for manners in [Manners::BlockOn, Manners::Task] {
            let url = server.url();
            let first = async move {
                let builder = Client::builder(&url).reconnect(Reconnect::after(Duration::from_millis(10)));
                let mut client = builder.build().unwrap();
                until(&mut client, is_open).await;
                at_rest(&mut client).await;
                client
            };
            moved((Fate::Dropped, manners), first, |mut client: Client| async move {
                let events = until(&mut client, is_open).await;
                let [ClientEvent::Error(error), ClientEvent::Closed(closed), ..] = &events[..] else {
                    panic!("{events:?}")
                };
                assert_eq!(closed.code, 1006, "{error}");
                client.close(CloseCode::NORMAL).await;
            });
        }
    });
}

#[test]
fn the_deadline_of_a_pong_is_kept_where_the_client_is_now() {
    bounded(|| {
        let server = Witness::new(Manner { pongs: false, ..Manner::default() });
        for manners in [Manners::BlockOn, Manners::Task] {
            let url = server.url();
            let first = async move {
                let config = pinging(Duration::from_millis(300), Duration::from_millis(300));
                let reconnect = Reconnect::after(Duration::from_millis(10));
                let mut client = Client::builder(&url).config(config).reconnect(reconnect).build().unwrap();
                until(&mut client, is_open).await;
                at_rest(&mut client).await;
                client
            };
            moved((Fate::AtRest, manners), first, |mut client: Client| async move {
                let events = until(&mut client, is_open).await;
                let timeout = |event: &ClientEvent| matches!(event, ClientEvent::Error(error) if error.phase() == ws_tokio::error::OpenPhase::Timeout);
                assert!(events.iter().any(timeout), "{events:?}");
            });
        }
    });
}

#[test]
fn a_client_that_waits_to_reconnect_tries_when_it_is_time() {
    bounded(|| {
        for case in CASES {
            let server = Server::new();
            let url = server.url();
            let wait = Duration::from_millis(400);
            let first = async move {
                let mut client = Client::builder(&url).reconnect(Reconnect::after(wait)).build().unwrap();
                let connecting = until(&mut client, |event| matches!(event, ClientEvent::Connected { .. }));
                connecting.await;
                // The server hangs up within the handshake.
                drop(server.accept());
                until(&mut client, |event| matches!(event, ClientEvent::Reconnecting { .. })).await;
                at_rest(&mut client).await;
                (server, client)
            };
            takes(wait, || {
                moved(case, first, |(server, mut client): (Server, Client)| async move {
                    until(&mut client, |event| matches!(event, ClientEvent::Connected { .. })).await;
                    drop(server);
                });
            });
        }
    });
}

#[test]
fn a_connection_ends_with_an_error_within_its_deadlines() {
    bounded(|| {
        for case in CASES {
            let server = Server::new();
            let options = ConnectOptions::new(server.url());
            let peer = std::thread::spawn(move || server.open());
            let first = async move {
                let config = pinging(Duration::from_millis(200), Duration::from_millis(300));
                let (mut socket, _) = WebSocket::connect(options.config(config)).await.unwrap();
                let event = tokio::time::timeout(Duration::from_millis(50), socket.next_event()).await;
                assert!(event.is_err(), "{event:?}");
                socket
            };
            moved(case, first, move |mut socket: WebSocket| async move {
                let error = socket.next_event().await.expect_err("the connection is broken");
                match case.0 {
                    Fate::Dropped => assert!(matches!(error, Error::Transport(_)), "{error}"),
                    Fate::AtRest => assert!(matches!(error, Error::Timeout(_)), "{error}"),
                }
                let event = socket.next_event().await.unwrap();
                assert!(matches!(&event, Some(Event::Closed(closed)) if closed.code == 1006), "{event:?}");
            });
            drop(peer.join().unwrap());
        }
    });
}

#[test]
fn a_closing_handshake_that_the_move_cuts_off_ends_in_time() {
    bounded(|| {
        for case in CASES {
            let server = Server::new();
            let config = Config::default().ping_interval(FAR).close_timeout(Duration::from_millis(400));
            let options = ConnectOptions::new(server.url()).config(config);
            let peer = std::thread::spawn(move || server.open());
            let first = async move {
                let (mut socket, _) = WebSocket::connect(options).await.unwrap();
                let closed =
                    tokio::time::timeout(Duration::from_millis(50), socket.close(CloseCode::NORMAL)).await;
                assert!(closed.is_err(), "{closed:?}");
                socket
            };
            let closed =
                moved(
                    case,
                    first,
                    |mut socket: WebSocket| async move { socket.close(CloseCode::NORMAL).await },
                );
            assert!(!closed.clean);
            drop(peer.join().unwrap());
        }
    });
}
