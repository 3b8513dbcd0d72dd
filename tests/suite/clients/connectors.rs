//! Connectors of the user.

use std::io::ErrorKind;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU32, Ordering::SeqCst};
use std::sync::mpsc::channel;
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use ws_common::reconnect::{GiveUp, Reconnect};
use ws_common::session::{ClientBuilder, ClientEvent, Delivery};
use ws_common::{CheckedOptions, ConnectError, ConnectOptions, ConnectorError};
use ws_core::CloseCode;

use super::hooks::{about_to_panic, expect_panic};
use super::supplied::{Stream, Supplied, Way};
use super::watched::{PATIENCE, persistent, watched};
use super::{ClientAdapter, ClientHandle};
use crate::ends::quiet;
use crate::peer::{Server, field};
use crate::relay::terminate;
use crate::tls::SITE;
use crate::watch::eventually;
use crate::witness::{Manner, Witness};
use ws_testkit::FaultRelay;

/// A host that no resolver knows: only a connector leads to it.
const NOWHERE: &str = "ws://feed.invalid/";

/// A short wait, after which another part of the program has had its turn.
const PAUSE: Duration = Duration::from_millis(20);

fn echoing() -> Witness {
    Witness::new(Manner { greetings: &["hi"], echoes: true, ..Manner::default() })
}

/// A client whose connector takes this way.
fn client_over<A: ClientAdapter>(url: &str, way: Way, address: SocketAddr) -> ClientBuilder<A> {
    A::connector_after(persistent(url), || Duration::ZERO, move |_| Ok(way.to(address)?))
}

pub fn a_connector_supplies_the_transport_of_each_attempt<A: ClientAdapter>() {
    for &way in Way::ALL {
        let witness = echoing();
        let proxy = FaultRelay::start(witness.address(), []).unwrap();
        let calls = Arc::new(AtomicU32::new(0));
        let (counted, address) = (calls.clone(), proxy.address());
        let connect = move |options: CheckedOptions| {
            assert_eq!(options.target().host().to_string(), "feed.invalid");
            counted.fetch_add(1, SeqCst);
            Ok(way.to(address)?)
        };
        let builder = A::connector_after(persistent(NOWHERE), || PAUSE, connect);
        let mut client = watched(builder.delivery(Delivery::Confirmed).on_open(|_| ["login"]));
        let Some(Some(ClientEvent::Connected { peer, local })) = client.next(PATIENCE) else { panic!() };
        let has_addresses = way == Way::Tcp;
        assert_eq!(peer, has_addresses.then_some(address));
        assert_eq!(local.is_some(), has_addresses);
        client.expect(&["open", "message hi", "message login"]);
        client.send("one").unwrap();
        client.confirm().unwrap();
        client.expect(&["message one"]);
        proxy.hang_up();
        client.expect(&["error transport", "closed 1006", "reconnecting 1"]);
        client.expect(&["connected", "open", "message hi", "message login"]);
        client.handle().send("two").unwrap();
        client.expect(&["message two"]);
        client.close(CloseCode::NORMAL);
        client.expect(&["closing 1000", "closed 1000", "over"]);
        assert_eq!(calls.load(SeqCst), 2);
        assert_eq!(witness.texts(), ["login", "one", "login", "two"]);
    }
}

pub fn tls_is_spoken_over_a_connector_unless_its_stream_is_secure<A: ClientAdapter>() {
    let witness = echoing();
    for &way in Way::ALL {
        for is_secure in [false, true] {
            let address = match is_secure {
                // A plain server stands for the end of a tunnel whose stream speaks TLS.
                true => witness.address(),
                false => terminate(&SITE.identity, witness.address(), 1),
            };
            let connect = move |_| Ok(Supplied { is_secure, ..way.to(address)? });
            let builder = persistent::<A>("wss://localhost/").tls(SITE.connector.clone());
            let mut client = watched(A::connector_after(builder, || Duration::ZERO, connect));
            client.expect(&["connected", "open", "message hi"]);
            client.close(CloseCode::NORMAL);
            client.expect(&["closing 1000", "closed 1000", "over"]);
        }
    }
    // The certificate is checked for the host of the URL.
    let address = terminate(&SITE.identity, witness.address(), 1);
    let builder = client_over::<A>("wss://feed.invalid/", Way::Memory, address);
    let mut client = watched(builder.tls(SITE.connector.clone()).reconnect(Reconnect::backoff()));
    client.expect(&["connected", "error tls", "closed 1006", "over"]);
    assert!(client.error().contains("feed.invalid"), "{}", client.error());
}

pub fn an_error_of_a_connector_is_tried_again_unless_it_is_final<A: ClientAdapter>() {
    let calls = AtomicU32::new(0);
    let calls = Arc::new(calls);
    let connect = move |_| -> Result<Supplied, ConnectorError> {
        match calls.fetch_add(1, SeqCst) {
            0 => Err("the feed is asleep")?,
            _ => Err(ConnectorError::final_error("there is no feed")),
        }
    };
    let builder = A::connector_after(persistent(NOWHERE), || Duration::ZERO, connect);
    let mut client = watched(builder);
    client.expect(&["error connect", "closed 1006", "reconnecting 1"]);
    assert_eq!(client.error(), "the connector failed: the feed is asleep");
    client.expect(&["error connect", "closed 1006", "over"]);
    assert_eq!(client.error(), "the connector failed: there is no feed");
    assert!(matches!(client.gave_up, Some(GiveUp::NotRetried(_))));
}

pub fn a_connector_that_hangs_costs_open_timeout<A: ClientAdapter>() {
    let server = Server::new();
    let address = server.address();
    let calls = AtomicU32::new(0);
    let pause = move || if calls.fetch_add(1, SeqCst) == 0 { 50 * PAUSE } else { Duration::ZERO };
    let builder = persistent::<A>(NOWHERE).open_timeout(5 * PAUSE);
    let mut client = watched(A::connector_after(builder, pause, move |_| Ok(Way::Memory.to(address)?)));
    thread::scope(|scope| {
        // A transport that is late comes after the one in use, and is dropped.
        scope.spawn(|| drop(server.open()));
        client.expect(&["error connect", "closed 1006", "reconnecting 1", "connected", "open"]);
        assert!(client.error().contains("open_timeout"), "{}", client.error());
        client.abort();
    });
}

/// The end of the connector's captured value is the end of the connector, and of each of its futures.
pub fn what_a_connector_waits_for_can_be_given_up<A: ClientAdapter>() {
    for is_dropped in [false, true] {
        let held = Arc::new(());
        let holds = held.clone();
        let connect = move |_| -> Result<Supplied, ConnectorError> {
            let _ = &holds;
            Err("it is too late")?
        };
        let (begun, begins) = channel();
        let pause = move || {
            begun.send(()).unwrap();
            10 * PAUSE
        };
        let mut client = watched(A::connector_after(persistent(NOWHERE), pause, connect));
        if is_dropped {
            assert_eq!(client.within(PAUSE), [""; 0]);
            begins.recv().unwrap();
        } else {
            let handle = client.handle();
            let ending = thread::spawn(move || {
                begins.recv().unwrap();
                handle.reconnect_now();
                assert!(begins.recv_timeout(PAUSE).is_err(), "an attempt is under way");
                handle.start_close(CloseCode::NORMAL);
            });
            client.expect(&["closed 1006", "over"]);
            assert_eq!(client.gave_up, Some(GiveUp::Closed));
            ending.join().unwrap();
        }
        drop(client);
        // With threads, it ends when the connector returns.
        eventually("that nothing of the connector is left", || Arc::strong_count(&held) == 1);
    }
}

pub fn a_transport_that_comes_too_late_is_dropped<A: ClientAdapter>() {
    let server = Server::new();
    let address = server.address();
    let (begun, begins) = channel();
    let connect = move |_| {
        let supplied = Way::Memory.to(address)?;
        begun.send(()).unwrap();
        // With threads, the client is aborted meanwhile.
        thread::sleep(PAUSE);
        Ok(supplied)
    };
    let mut client = watched(A::connector_after(persistent(NOWHERE), || Duration::ZERO, connect));
    let handle = client.handle();
    let aborting = thread::spawn(move || {
        begins.recv().unwrap();
        handle.abort();
    });
    assert_eq!(client.until("over").last().unwrap(), "over");
    aborting.join().unwrap();
    let mut peer = server.accept();
    peer.read_to_end();
}

pub fn a_connector_may_use_the_client_and_its_panic_reaches_who_waits<A: ClientAdapter>() {
    let server = Server::new();
    let address = server.address();
    let mut client = about_to_panic::<A>(&server, &["order"], |give_handle| {
        let connect = move |_| {
            give_handle().try_send("order").unwrap();
            Ok(Way::Memory.to(address)?)
        };
        A::connector_after(persistent(NOWHERE), || PAUSE, connect)
    });
    expect_panic(&mut client);
    client.until("over");
    assert_eq!(client.gave_up, Some(GiveUp::HookPanicked("connector")));
}

pub fn a_proxy_beside_a_connector_is_an_error<A: ClientAdapter>() {
    let proxied = |options: ConnectOptions| options.proxy("http://proxy.invalid:3128");
    let unused = |_| -> Result<Supplied, ConnectorError> { panic!("it is not called") };
    let builder = ClientBuilder::new(NOWHERE).proxy("http://proxy.invalid:3128");
    let error = A::connector_after(builder, || Duration::ZERO, unused).build().err();
    assert!(matches!(error, Some(ConnectError::ConnectorWithProxy)), "{error:?}");
    let builder = ClientBuilder::new(NOWHERE).proxy_from_environment();
    let error = A::connector_after(builder, || Duration::ZERO, unused).build().err();
    assert!(matches!(error, Some(ConnectError::ConnectorWithProxy)), "{error:?}");
    let builder = persistent::<A>(NOWHERE).prepare(move |_, options| Ok(proxied(options)));
    let mut client = watched(A::connector_after(builder, || Duration::ZERO, unused));
    client.expect(&["error setup", "closed 1006", "over"]);
    assert!(client.error().starts_with("a proxy is set beside a connector"), "{}", client.error());
}

/// The connector is asked for the next target, whose server gets no secret.
pub fn a_redirect_asks_the_connector_again<A: ClientAdapter>() {
    for (location, peer, refusal) in [
        ("ws://other.invalid/b", None, None),
        ("ws://127.0.0.1:1/", None, Some("127.0.0.1 is not a public address")),
        // The connector has resolved the name.
        ("ws://other.invalid/b", Some([10, 0, 0, 1]), Some("10.0.0.1 is not a public address")),
    ] {
        let (server, asked) = (Server::new(), Arc::new(Mutex::new(Vec::new())));
        let (address, asking) = (server.address(), asked.clone());
        let connect = move |options: CheckedOptions| {
            let target = options.target().to_string();
            let is_second = target.contains("other");
            asking.lock().unwrap().push(target);
            let peer = peer.filter(|_| is_second).map(|address| (address, 80).into());
            Ok(Supplied { peer, ..Way::Memory.to(address)? })
        };
        let builder = persistent::<A>(NOWHERE).reconnect(Reconnect::never()).max_redirects(1);
        let builder = builder.header("Authorization", "Bearer secret");
        let mut client = watched(A::connector_after(builder, || Duration::ZERO, connect));
        thread::scope(|scope| {
            scope.spawn(|| {
                let mut first = server.accept();
                assert_eq!(field(&first.read_head(), "Authorization"), Some("Bearer secret"));
                let location = format!("Location: {location}\r\n");
                first.send(format!("HTTP/1.1 302 Found\r\n{location}Content-Length: 0\r\n\r\n"));
                if refusal.is_none() {
                    let mut second = server.accept();
                    let head = second.read_head();
                    assert_eq!(field(&head, "Host"), Some("other.invalid"));
                    assert_eq!(field(&head, "Authorization"), None);
                    second.send(crate::peer::response_to(&head, ""));
                }
            });
            match refusal {
                None => {
                    client.expect(&["connected", "connected", "open"]);
                    client.abort();
                }
                Some(refusal) => {
                    client.expect(&["connected", "error handshake", "closed 1006", "over"]);
                    assert!(client.error().contains(refusal), "{}", client.error());
                }
            }
        });
        let urls: &[&str] = match location {
            "ws://other.invalid/b" => &[NOWHERE, "ws://other.invalid/b"],
            _ => &[NOWHERE],
        };
        assert_eq!(*asked.lock().unwrap(), urls);
    }
}

/// Dead is dead, as far as the user's stream allows it: TCP is reset, a stream that has a way of its own takes it, and any other stream
/// is dropped.
pub fn a_transport_of_a_connector_is_dropped_after_a_missed_pong<A: ClientAdapter>() {
    for &way in Way::ALL {
        let server = Server::new();
        let config = quiet().ping_interval(PAUSE).pong_timeout(PAUSE);
        let (told, was_reset) = channel();
        let address = server.address();
        let connect = move |_| {
            let supplied = way.to(address)?;
            if let Stream::Memory(pipe) = &supplied.stream {
                told.send(pipe.was_reset()).unwrap();
            }
            Ok(supplied)
        };
        let builder = A::connector_after(persistent(NOWHERE).config(config), || Duration::ZERO, connect);
        let mut client = watched(builder.reconnect(Reconnect::never()));
        let handle = client.handle();
        thread::scope(|scope| {
            let peer = scope.spawn(|| {
                let mut peer = server.open();
                // It does not answer the ping.
                peer.read_to_break().1
            });
            client.expect(&["connected", "open", "error timeout", "closed 1006", "over"]);
            let expected = if way == Way::Tcp { Some(ErrorKind::ConnectionReset) } else { None };
            assert_eq!(peer.join().unwrap(), expected, "{way:?}");
        });
        if way == Way::Memory {
            assert!(was_reset.recv().unwrap().load(SeqCst), "it was only dropped");
        }
        // The stream is gone, though the client is there.
        handle.abort();
    }
}

pub fn a_client_in_the_background_connects_by_a_connector<A: ClientAdapter>() {
    for &way in Way::ALL {
        let server = Server::new();
        let builder = client_over::<A>(NOWHERE, way, server.address());
        let (handle, events) = builder.build().unwrap().spawn();
        handle.try_send("first").unwrap();
        let mut peer = server.open();
        assert_eq!(peer.receive_text(), "first");
        drop(peer);
        let mut peer = server.open();
        handle.flush().unwrap();
        handle.try_send("second").unwrap();
        assert_eq!(peer.receive_text(), "second");
        // The last owner ends it.
        drop((events, handle));
        peer.read_to_break();
    }
}
