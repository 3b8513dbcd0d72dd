//! Code of the user that panics: the panic reaches its caller, and the others go on to a defined end.

use std::io::{self, IoSlice};
use std::net::TcpStream;
use std::ops::ControlFlow;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use ws_blocking::{
    AcceptOptions, Client, ClientEvent, ClientStatus, CloseCode, ConnectOptions, Error, Incoming, Listener,
    Reconnect, Transport, WebSocket, reconnect::RetryDecision,
};

use crate::support::{TOLERANCE, bounded, pair, quiet, streams};

#[derive(Default)]
struct Panics {
    reading: AtomicBool,
    writing: AtomicBool,
}

/// A stream that panics when it is told to.
struct Panicking(TcpStream, Arc<Panics>);

impl Transport for Panicking {
    fn read(&self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = Transport::read(&self.0, buffer);
        assert!(!self.1.reading.load(Ordering::SeqCst), "a read panics");
        read
    }

    fn write_vectored(&self, buffers: &[IoSlice<'_>]) -> io::Result<usize> {
        assert!(!self.1.writing.load(Ordering::SeqCst), "a write panics");
        Transport::write_vectored(&self.0, buffers)
    }

    crate::support::forward_the_rest!();
}

fn panicking(close_timeout: Duration) -> (WebSocket<Panicking>, WebSocket, Arc<Panics>) {
    let (near, far) = streams();
    let server = thread::spawn(move || Incoming::new(far, AcceptOptions::default()).accept().unwrap().0);
    let panics = Arc::new(Panics::default());
    let config = quiet().close_timeout(close_timeout);
    let options = ConnectOptions::new("ws://127.0.0.1/").config(config);
    let client = WebSocket::connect_over(Panicking(near, panics.clone()), options).unwrap().0;
    (client, server.join().unwrap(), panics)
}

#[test]
fn a_read_that_panics_ends_the_connection_in_time_for_all() {
    bounded(|| {
        let (client, mut server, panics) = panicking(Duration::from_millis(300));
        let (mut sender, mut receiver) = client.split();
        panics.reading.store(true, Ordering::SeqCst);
        let receiving = thread::spawn(move || {
            let panic = catch_unwind(AssertUnwindSafe(|| receiver.recv())).unwrap_err();
            assert!(panic.downcast_ref::<&str>().is_some_and(|text| text.contains("a read panics")));
            // Said once, with the reason.
            let error = receiver.recv().unwrap_err();
            assert!(error.to_string().contains("panicked"), "{error}");
            assert_eq!(receiver.recv().unwrap(), None);
        });
        server.send("hello").unwrap();
        receiving.join().unwrap();
        let start = Instant::now();
        assert_eq!(sender.close(CloseCode::NORMAL).code, 1006);
        assert!(start.elapsed() < TOLERANCE, "{:?}", start.elapsed());
    });
}

#[test]
fn a_write_that_panics_ends_the_connection_in_time_for_all() {
    bounded(|| {
        let (client, _server, panics) = panicking(Duration::from_millis(300));
        let (mut sender, mut receiver) = client.split();
        let receiving = thread::spawn(move || receiver.recv());
        thread::sleep(Duration::from_millis(50));
        panics.writing.store(true, Ordering::SeqCst);
        let start = Instant::now();
        assert!(catch_unwind(AssertUnwindSafe(|| sender.send("hello"))).is_err());
        assert!(sender.try_send("again").is_err());
        assert_eq!(sender.close(CloseCode::NORMAL).code, 1006);
        let error = receiving.join().unwrap().unwrap_err();
        assert!(matches!(error, Error::Transport(_)), "{error}");
        assert!(start.elapsed() < TOLERANCE, "{:?}", start.elapsed());
    });
}

/// A process has one thread that writes for threads which are in a read.
#[test]
fn a_write_that_panics_in_the_background_does_not_stop_the_writes_of_others() {
    bounded(|| {
        let (client, _server, panics) = panicking(Duration::from_millis(300));
        let (mut sender, mut receiver) = client.split();
        let receiving = thread::spawn(move || receiver.recv().is_err());
        thread::sleep(Duration::from_millis(50));
        panics.writing.store(true, Ordering::SeqCst);
        let _ = sender.feed("hello");
        assert!(receiving.join().unwrap(), "the connection has ended");

        let (client, mut server) = pair(&quiet());
        let (mut sender, mut receiver) = client.split();
        let receiving = thread::spawn(move || receiver.recv());
        thread::sleep(Duration::from_millis(50));
        let start = Instant::now();
        sender.feed("hello").unwrap();
        assert_eq!(server.recv().unwrap(), Some("hello".into()));
        // Without the thread that writes it takes 8 s.
        assert!(start.elapsed() < Duration::from_secs(4), "{:?}", start.elapsed());
        server.send("bye").unwrap();
        assert_eq!(receiving.join().unwrap().unwrap(), Some("bye".into()));
    });
}

#[test]
fn a_visitor_that_panics_leaves_the_connection_usable() {
    bounded(|| {
        for is_split in [false, true] {
            let (mut client, server) = pair(&quiet());
            client.feed("one").unwrap();
            client.send("two").unwrap();
            let visitor = |message: ws_blocking::MessageRef<'_>| -> ControlFlow<()> {
                assert_eq!(message, ws_blocking::MessageRef::Text("one"));
                panic!("a visitor panics");
            };
            if is_split {
                let (mut sender, mut receiver) = server.split();
                assert!(
                    catch_unwind(AssertUnwindSafe(|| receiver.for_each_borrowed(|m, _| visitor(m)))).is_err()
                );
                assert_eq!(receiver.recv().unwrap(), Some("two".into()));
                sender.send("three").unwrap();
                assert_eq!(client.recv().unwrap(), Some("three".into()));
            } else {
                let mut server = server;
                assert!(
                    catch_unwind(AssertUnwindSafe(|| server.for_each_borrowed(|m, _| visitor(m)))).is_err()
                );
                assert_eq!(server.recv().unwrap(), Some("two".into()));
                server.send("three").unwrap();
                assert_eq!(client.recv().unwrap(), Some("three".into()));
            }
        }
    });
}

/// A hook may call every method of every handle. Only waiting for its own client is an error.
#[test]
fn a_hook_may_use_its_client_but_not_wait_for_it() {
    bounded(|| {
        let listener = Listener::bind("127.0.0.1:0").unwrap();
        let url = format!("ws://{}/", listener.local_addr().unwrap());
        let slot: Arc<std::sync::Mutex<Option<ws_blocking::Handle>>> = Arc::default();
        let own = slot.clone();
        let decide = move |_: &ws_blocking::reconnect::DisconnectReason<'_>| {
            let handle = own.lock().unwrap().take().unwrap();
            handle.try_send("from within").unwrap();
            handle.send("from within").unwrap();
            assert_eq!(handle.status(), ClientStatus::Waiting);
            assert_eq!(handle.stats().connections, 0);
            handle.pause();
            handle.resume();
            assert!(matches!(handle.flush(), Err(ws_blocking::SendError::WithinHook(None))));
            assert!(matches!(handle.confirm(), Err(ws_blocking::error::ConfirmError::WithinHook)));
            assert!(handle.ping("p").is_err());
            assert_eq!(handle.take_unsent().len(), 2);
            handle.close(CloseCode::NORMAL);
            Some(RetryDecision::Retry)
        };
        drop(listener);
        let reconnect = Reconnect::after(Duration::from_millis(10)).decide(decide);
        let mut client = Client::builder(&url).reconnect(reconnect).build().unwrap();
        *slot.lock().unwrap() = Some(client.handle());
        let events: Vec<_> = client.by_ref().collect();
        assert!(events.iter().any(|event| matches!(event, ClientEvent::Closed { .. })), "{events:?}");
        assert_eq!(client.status(), ClientStatus::Closed);
    });
}

#[test]
fn a_hook_that_panics_reaches_its_caller_and_ends_the_client() {
    bounded(|| {
        let listener = Listener::bind("127.0.0.1:0").unwrap();
        let url = format!("ws://{}/", listener.local_addr().unwrap());
        drop(listener);
        let reconnect = Reconnect::after(Duration::from_millis(10)).decide(|_| panic!("a hook panics"));
        let mut client = Client::builder(&url).reconnect(reconnect).build().unwrap();
        let handle = client.handle();
        let panic = catch_unwind(AssertUnwindSafe(|| while client.next_event().is_some() {})).unwrap_err();
        assert!(panic.downcast_ref::<&str>().is_some_and(|text| text.contains("a hook panics")));
        while client.next_event().is_some() {}
        assert_eq!(handle.status(), ClientStatus::Closed);
        assert!(handle.send("late").is_err());
    });
}

#[test]
fn a_message_is_made_before_anything_is_locked() {
    struct Made(ws_blocking::Sender<TcpStream>);
    impl From<Made> for ws_blocking::Message {
        fn from(mut made: Made) -> Self {
            made.0.try_send("first").unwrap();
            made.0.flush().unwrap();
            "second".into()
        }
    }
    bounded(|| {
        let (mut client, server) = pair(&quiet());
        let (mut sender, _receiver) = server.split();
        let inner = sender.clone();
        sender.try_send(Made(inner)).unwrap();
        let inner = sender.clone();
        sender.send(Made(inner)).unwrap();
        for text in ["first", "second", "first", "second"] {
            assert_eq!(client.recv().unwrap(), Some(text.into()));
        }
    });
}
