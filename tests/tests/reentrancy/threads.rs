//! The same with threads, over real sockets: callbacks call every method that does not wait, of every other handle.

use std::net::{TcpListener, TcpStream};
use std::ops::ControlFlow;
use std::panic::resume_unwind;
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use suite::nowhere::Nobody;
use suite::watch::{bounded, eventually};
use suite::witness::{Manner, Witness};
use ws_blocking::{
    AcceptOptions, Client, ClientEvent, ClientStatus, CloseCode, Config, ConnectOptions, Handle, Listener,
    Message, Reconnect, WebSocket, handshake::Accept,
};

use crate::memory::{Point, Script};
use crate::methods::{Effect, INSIDE};

type Sender = ws_blocking::Sender<TcpStream>;
type Receiver = ws_blocking::Receiver<TcpStream>;

/// The handles that a callback calls.
struct Handles {
    sender: Sender,
    receiver: Option<Receiver>,
    handle: Handle,
    listener: Arc<Listener>,
}

/// A method, and its effects on the connection and on the client.
type Method = (&'static str, fn(&mut Handles), Effect, Effect);

const METHODS: &[Method] = &[
    ("Sender::try_send", |h| h.sender.try_send(INSIDE).unwrap(), Effect::Sends, Effect::Nothing),
    ("Sender::start_close", |h| h.sender.start_close(CloseCode::NORMAL), Effect::Closes, Effect::Nothing),
    ("Sender::stats", |h| _ = h.sender.stats(), Effect::Nothing, Effect::Nothing),
    ("Receiver::stats", |h| _ = h.receiver.as_ref().map(Receiver::stats), Effect::Nothing, Effect::Nothing),
    ("Sender::clone", |h| drop(h.sender.clone()), Effect::Nothing, Effect::Nothing),
    (
        "Receiver::closed",
        |h| drop(h.receiver.as_ref().map(Receiver::closed)),
        Effect::Nothing,
        Effect::Nothing,
    ),
    ("Listener::shutdown", |h| _ = h.listener.shutdown(Duration::ZERO), Effect::Aborts, Effect::Nothing),
    ("Handle::try_send", |h| h.handle.try_send(INSIDE).unwrap(), Effect::Nothing, Effect::Sends),
    ("Handle::start_close", |h| h.handle.start_close(CloseCode::NORMAL), Effect::Nothing, Effect::Closes),
    ("Handle::abort", |h| h.handle.abort(), Effect::Nothing, Effect::Aborts),
    ("Handle::pause", |h| h.handle.pause(), Effect::Nothing, Effect::Pauses),
    ("Handle::resume", |h| h.handle.resume(), Effect::Nothing, Effect::Nothing),
    ("Handle::reconnect_after", |h| h.handle.reconnect_after(FAR), Effect::Nothing, Effect::Nothing),
    ("Handle::cancel_reconnect", |h| h.handle.cancel_reconnect(), Effect::Nothing, Effect::Nothing),
    ("Handle::skip_stuck", |h| assert!(!h.handle.skip_stuck()), Effect::Nothing, Effect::Nothing),
    ("Handle::take_unsent", |h| drop(h.handle.take_unsent()), Effect::Nothing, Effect::Nothing),
    ("Handle::status", |h| _ = h.handle.status(), Effect::Nothing, Effect::Nothing),
    ("Handle::stats", |h| _ = h.handle.stats(), Effect::Nothing, Effect::Nothing),
    ("Handle::clone", |h| drop(h.handle.clone()), Effect::Nothing, Effect::Nothing),
];

const FAR: Duration = Duration::from_secs(600);

const CALLBACKS: &[Point] = &[
    Point::Visitor,
    Point::Send,
    Point::TrySend,
    Point::Feed,
    Point::AcceptWith,
    Point::Prepare,
    Point::Connect,
    Point::Decide,
];

/// A message that is made by calling the user.
struct Text(Script);

impl From<Text> for Message {
    fn from(text: Text) -> Self {
        [Point::Send, Point::TrySend, Point::Feed].into_iter().for_each(|point| text.0.reach(point));
        "made".into()
    }
}

fn quiet() -> Config {
    Config::default().ping_interval(None)
}

fn connect(listener: &Listener) -> WebSocket {
    let url = format!("ws://{}/", listener.local_addr().unwrap());
    WebSocket::connect(ConnectOptions::new(&url).config(quiet())).unwrap().0
}

/// A client whose hooks follow the script. It has a connector for the point of that.
fn client(url: &str, script: &Script, point: Point) -> Client {
    let (deciding, preparing) = (script.clone(), script.clone());
    let policy = Reconnect::after(FAR).decide(move |_| {
        deciding.reach(Point::Decide);
        None
    });
    let mut builder =
        Client::builder(url).ping_interval(None).reconnect(policy).prepare(move |_, options| {
            preparing.reach(Point::Prepare);
            Ok(options)
        });
    if point == Point::Connect {
        let connecting = script.clone();
        builder = builder.connector(move |options| {
            connecting.reach(Point::Connect);
            Ok(TcpStream::connect((options.target().host().to_string(), options.target().port()))?)
        });
    }
    builder.build().unwrap()
}

fn cell(point: Point, method: Method, by_thread: bool) {
    let (_, call, on_connection, on_client) = method;
    let options = AcceptOptions::default().config(quiet());
    let tcp = TcpListener::bind("127.0.0.1:0").unwrap();
    let listener = Arc::new(Listener::from_listener(tcp, options));
    let (mut peer, socket) = thread::scope(|scope| {
        let connecting = scope.spawn(|| connect(&listener));
        let socket = listener.accept().unwrap().0.accept().unwrap().0;
        (connecting.join().unwrap(), socket)
    });
    let (sender, receiver) = socket.split();
    let (mut own_sender, mut own_receiver) = (sender.clone(), None);
    // It is borrowed to the callback unless it drives.
    let mut borrowed_receiver = Some(receiver);
    if point == Point::Visitor {
        own_receiver = borrowed_receiver.take();
    }
    let witness = Witness::new(Manner { echoes: true, ..Manner::default() });
    let script = Script::default();
    // An attempt that fails is one to decide about.
    let nobody = Nobody::default();
    let url = if point == Point::Decide { format!("ws://{}/", nobody.address()) } else { witness.url() };
    let mut client = client(&url, &script, point);
    if !matches!(point, Point::Prepare | Point::Connect | Point::Decide) {
        while client.status() != ClientStatus::Open && client.next_event().is_some() {}
    }
    let handles =
        Handles { sender, receiver: borrowed_receiver, handle: client.handle(), listener: listener.clone() };
    let handles = Arc::new(Mutex::new(handles));
    let inside = handles.clone();
    let act = move || {
        let call = || call(&mut inside.lock().unwrap());
        if by_thread {
            thread::scope(|scope| scope.spawn(call).join()).unwrap_or_else(|panic| resume_unwind(panic));
        } else {
            call();
        }
    };
    script.set(point, Box::new(act));
    match point {
        Point::Visitor => {
            peer.send("hello").unwrap();
            let receiver = own_receiver.as_mut().unwrap();
            let borrowed = receiver.for_each_borrowed(|_, _| {
                script.reach(Point::Visitor);
                ControlFlow::Break(())
            });
            borrowed.unwrap();
        }
        // The method may have closed the connection before there was a message.
        Point::Send => drop(own_sender.send(Text(script.clone()))),
        Point::TrySend => drop(own_sender.try_send(Text(script.clone()))),
        Point::Feed => drop(own_sender.feed(Text(script.clone()))),
        Point::AcceptWith => thread::scope(|scope| {
            let url = format!("ws://{}/", listener.local_addr().unwrap());
            // It may be refused.
            scope.spawn(move || drop(WebSocket::connect(url.as_str())));
            let (incoming, _) = listener.accept().unwrap();
            let accepted = incoming.accept_with(|_| {
                script.reach(Point::AcceptWith);
                Ok(Accept::new())
            });
            drop(accepted);
        }),
        _ => while script.is_set() && client.next_event().is_some() {},
    }
    assert!(!script.is_set(), "the callback has not run");
    // A connector runs in a thread of its own.
    eventually("that the callback has returned", || Arc::strong_count(&handles) == 1);
    let Handles { sender, receiver, .. } = Arc::into_inner(handles).unwrap().into_inner().unwrap();
    settle_connection(own_sender, own_receiver.or(receiver).unwrap(), peer, on_connection);
    drop(sender);
    if point == Point::Decide && !matches!(on_client, Effect::Closes | Effect::Aborts) {
        client.abort();
    }
    let is_over = point == Point::Decide || matches!(on_client, Effect::Closes | Effect::Aborts);
    settle_client(client, &witness, on_client, is_over);
}

/// Sees to it that the call had its effect, and that everything ends.
fn settle_connection(mut sender: Sender, mut receiver: Receiver, mut peer: WebSocket, effect: Effect) {
    let receiving = thread::spawn(move || {
        while let Ok(Some(_)) = receiver.recv() {}
        assert!(receiver.closed().is_some());
    });
    if !matches!(effect, Effect::Closes | Effect::Aborts) {
        sender.send("after").unwrap();
        let mut received = Vec::new();
        while received.last().map(String::as_str) != Some("after") {
            received.push(peer.recv().unwrap().unwrap().as_text().unwrap().to_owned());
        }
        assert_eq!(received.iter().any(|text| text == INSIDE), effect == Effect::Sends);
        sender.start_close(CloseCode::NORMAL);
    }
    while let Ok(Some(_)) = peer.recv() {}
    sender.close(CloseCode::NORMAL);
    receiving.join().unwrap();
}

fn settle_client(mut client: Client, witness: &Witness, effect: Effect, is_over: bool) {
    if !is_over {
        while client.status() != ClientStatus::Open {
            client.next_event().unwrap();
        }
        client.send("after").unwrap();
        let texts = |texts: &[suite::witness::Testimony], text: &str| {
            texts.iter().any(|testimony| testimony.texts.iter().any(|known| known == text))
        };
        witness.wait_until("the text comes", |testimonies| texts(testimonies, "after"));
        assert_eq!(texts(&witness.testimonies(), INSIDE), effect == Effect::Sends);
        if effect == Effect::Pauses {
            while let Ok(event) = client.next_event_timeout(Duration::from_millis(50)) {
                assert!(!matches!(event.unwrap(), ClientEvent::Message(_)));
            }
            client.resume();
        }
        while !matches!(client.next_event().unwrap(), ClientEvent::Message(_)) {}
        client.start_close(CloseCode::NORMAL);
    }
    while client.next_event().is_some() {}
    assert_eq!(client.status(), ClientStatus::Closed);
    client.try_send("late").unwrap_err();
}

#[test]
fn callbacks_of_threads_call_every_method() {
    bounded(|| {
        for &point in CALLBACKS {
            for &method in METHODS {
                for by_thread in [false, true] {
                    // The name of the cell stands above the panic, if there is one.
                    println!("{point:?}, {}{}", method.0, if by_thread { " by a thread" } else { "" });
                    cell(point, method, by_thread);
                }
            }
        }
    });
}
