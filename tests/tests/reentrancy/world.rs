//! Every handle that a callback can reach: two connections of a listener, and two clients.

use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use ws_async_core::{
    ClientEvent, ClientStatus, CloseCode, ConnectOptions, Incoming, Reconnect, error::ClientError,
    reconnect::GiveUp,
};

use crate::memory::{
    Client, Handle, Listener, Memory, NEVER, Point, Receiver, Script, Sender, Transport, WebSocket,
    connected, listener, server,
};
use crate::methods::{Call, Effect, INSIDE, Manner, Method, Outcome};
use crate::peer::Peer;

/// Everything ends within this virtual time. No timer of the library heals a lost wake-up before.
pub(crate) const BOUND: Duration = Duration::from_secs(15);

#[derive(Default)]
pub(crate) struct World {
    /// The connection that calls the user. Its halves are missing while they drive it.
    pub(crate) own: Connection,
    pub(crate) other: Connection,
    pub(crate) own_client: Life,
    pub(crate) other_client: Life,
    pub(crate) listener: Option<Listener>,
    /// Futures that wait, and own their handles.
    waiting: Vec<Waiting>,
}

type Waiting = Pin<Box<dyn Future<Output = ()> + Send>>;

/// A connection.
#[derive(Default)]
pub(crate) struct Connection {
    pub(crate) sender: Option<Sender>,
    pub(crate) receiver: Option<Receiver>,
    pub(crate) peer: Peer,
    outcome: Option<Outcome>,
}

/// A client.
#[derive(Default)]
pub(crate) struct Life {
    pub(crate) client: Option<Client>,
    pub(crate) handle: Option<Handle>,
    pub(crate) peer: Peer,
    outcome: Option<Outcome>,
}

/// The scripts of the transports of the first connection and of the first client.
#[derive(Default)]
pub(crate) struct Scripts {
    pub(crate) connection: Script,
    pub(crate) client: Script,
    /// The first client has a connector.
    pub(crate) connects: bool,
}

/// The first connection before it is split, and one whose handshake is to be made.
pub(crate) struct Raw {
    pub(crate) socket: WebSocket,
    pub(crate) incoming: Incoming<Memory, Transport>,
}

impl World {
    pub(crate) async fn open(scripts: &Scripts) -> (Self, Raw) {
        let quiet = Script::default();
        let (listener, urls) = listener([&scripts.connection, &quiet, &scripts.connection]);
        let (own, socket) = accepted(&listener, &urls[0]).await;
        let (mut other, whole) = accepted(&listener, &urls[1]).await;
        other.split(whole);
        let url = urls[2].clone();
        tokio::spawn(async move { connect(&url).await.map(drop) });
        let (incoming, _) = listener.accept().await.unwrap();
        let world = Self {
            own,
            other,
            own_client: Life::open_by(&scripts.client, scripts.connects).await,
            other_client: Life::open(&quiet).await,
            listener: Some(listener),
            waiting: Vec::new(),
        };
        (world, Raw { socket, incoming })
    }

    /// Sets up what the call needs before it is made.
    pub(crate) fn prepare(&mut self, call: Call, point: Point) {
        if !matches!(call, Call::DropWaiting) {
            return;
        }
        // A wake-up may go to any task that waits: these would keep it.
        let own = (!matches!(point, Point::Wake | Point::WakeByCall))
            .then(|| (self.own.receiver.take(), self.own_client.handle.clone()));
        let (own_receiver, own_handle) = own.unwrap_or_default();
        let receivers = [own_receiver, self.other.receiver.take()].into_iter().flatten();
        let handles = [own_handle, self.other_client.handle.clone()].into_iter().flatten();
        let receiving =
            receivers.map(|mut receiver| -> Waiting { Box::pin(async move { drop(receiver.recv().await) }) });
        let sending = handles.map(|handle| -> Waiting {
            Box::pin(async move {
                handle.send("waits").await.unwrap();
                let _ = handle.confirm().await;
            })
        });
        self.waiting.extend(receiving.chain(sending));
        for waiting in &mut self.waiting {
            assert_eq!(waiting.as_mut().poll(&mut Context::from_waker(Waker::noop())), Poll::Pending);
        }
    }

    /// Calls a method of every handle.
    pub(crate) fn call(&mut self, call: Call, own: Manner, own_client: Manner) {
        let free = Manner { is_within: false, is_ending: false };
        match call {
            Call::Sender(method) => {
                self.own.outcome = apply(method, &mut self.own.sender, own);
                self.other.outcome = apply(method, &mut self.other.sender, free);
            }
            Call::Receiver(method) => {
                self.own.outcome = apply(method, &mut self.own.receiver, own);
                self.other.outcome = apply(method, &mut self.other.receiver, free);
            }
            Call::Handle(method) => {
                self.own_client.outcome = apply(method, &mut self.own_client.handle, own_client);
                self.other_client.outcome = apply(method, &mut self.other_client.handle, free);
            }
            Call::Listener(method) => {
                let outcome = apply(method, &mut self.listener, free);
                self.own.outcome = outcome;
                self.other.outcome = outcome;
            }
            Call::DropClient => {
                self.own_client.client = None;
                self.other_client.client = None;
            }
            Call::DropWaiting => self.waiting.clear(),
            Call::Nothing => {}
        }
    }
}

fn apply<H>(method: Method<H>, handle: &mut Option<H>, manner: Manner) -> Option<Outcome> {
    let (left, outcome) = (method.call)(handle.take()?, manner);
    *handle = left;
    Some(outcome)
}

async fn connect(url: &str) -> Result<WebSocket, ws_async_core::ConnectError> {
    let options = ConnectOptions::new(url);
    let options = options.open_timeout(NEVER).ping_interval(None);
    Ok(WebSocket::connect(options).await?.0)
}

async fn accepted(listener: &Listener, url: &str) -> (Connection, WebSocket) {
    let accept = async {
        let (incoming, _) = listener.accept().await.unwrap();
        incoming.accept().await.unwrap().0
    };
    let (theirs, ours) = tokio::join!(connect(url), accept);
    let connection = Connection::default();
    connection.peer.hold(theirs.unwrap());
    (connection, ours)
}

/// The state in which a callback leaves a connection or a client.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum After {
    Usable,
    Over,
}

impl Connection {
    pub(crate) fn split(&mut self, socket: WebSocket) {
        let (sender, receiver) = socket.split();
        self.sender = Some(sender);
        self.receiver = Some(receiver);
    }

    /// Sees to it that a call had its effect, and that everything ends.
    pub(crate) async fn settle(self, effect: Effect, after: After) {
        let Self { mut sender, mut receiver, peer, outcome } = self;
        let had_effect = outcome == Some(Outcome::Done);
        let closes = effect == Effect::Closes && had_effect;
        if after == After::Usable && !closes {
            if let Some(sender) = &mut sender {
                sender.send("after").await.unwrap();
                peer.receives("after").await;
            }
            if let Some(receiver) = &mut receiver {
                peer.say("before");
                while receiver.recv().await.unwrap().expect("a message").as_text() != Some("before") {}
            }
            if effect == Effect::Sends && had_effect {
                peer.receives(INSIDE).await;
            }
            match &mut sender {
                Some(sender) => sender.start_close(CloseCode::NORMAL),
                None => peer.close(),
            }
        }
        if let Some(receiver) = &mut receiver {
            while let Ok(Some(_)) = receiver.recv().await {}
            assert!(receiver.closed().is_some());
            assert!(matches!(receiver.recv().await, Ok(None)));
        }
        if let Some(sender) = &mut sender {
            sender.close(CloseCode::NORMAL).await;
            sender.try_send("late").unwrap_err();
        }
        if closes && (sender.is_some() || receiver.is_some()) && after == After::Usable {
            while !peer.has_closed() {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        }
    }
}

impl Life {
    pub(crate) async fn open(script: &Script) -> Self {
        Self::open_by(script, false).await
    }

    pub(crate) async fn open_by(script: &Script, connects: bool) -> Self {
        let peer = Peer::default();
        let (deciding, preparing) = (script.clone(), script.clone());
        let mut builder = Client::builder(server(&peer, script))
            .ping_interval(None)
            .open_timeout(NEVER)
            .reconnect(Reconnect::after(Duration::from_millis(10)).decide(move |_| {
                deciding.reach(Point::Decide);
                None
            }))
            .prepare(move |_, options| {
                preparing.reach(Point::Prepare);
                Ok(options)
            });
        if connects {
            let connecting = script.clone();
            builder = builder.connector(move |options| {
                connecting.reach(Point::Connect);
                connected(options)
            });
        }
        let mut client = builder.build().unwrap();
        while !matches!(client.next_event().await, Some(ClientEvent::Open(_))) {}
        let handle = Some(client.handle());
        Self { client: Some(client), handle, peer, outcome: None }
    }

    /// Sees to it that a call had its effect, and that everything ends.
    pub(crate) async fn settle(self, effect: Effect, after: After) {
        let Self { client, handle, peer, outcome } = self;
        let had_effect = outcome == Some(Outcome::Done);
        let ends = match effect {
            Effect::Closes | Effect::Aborts => had_effect,
            _ => false,
        };
        let Some(mut client) = client else {
            let Some(handle) = handle else { return };
            if after == After::Usable && !ends {
                handle.send("after").await.unwrap();
                handle.flush().await.unwrap();
                peer.receives("after").await;
            }
            handle.close(CloseCode::NORMAL).await;
            assert_eq!(handle.status(), ClientStatus::Closed);
            return;
        };
        if after == After::Usable && !ends {
            if effect == Effect::Pauses && had_effect {
                until(&mut client, |client, _| client.status() == ClientStatus::Open).await;
                peer.say("held");
                let no_message =
                    until(&mut client, |_, event| matches!(event, Some(ClientEvent::Message(_))));
                assert!(tokio::time::timeout(Duration::from_secs(1), no_message).await.is_err());
                client.resume();
            }
            client.send("after").await.unwrap();
            until(&mut client, |_, _| peer.has_received("after")).await;
            peer.say("before");
            let is_before = |event: &ClientEvent| matches!(event, ClientEvent::Message(message) if message.as_text() == Some("before"));
            until(&mut client, |_, event| event.is_some_and(is_before)).await;
            if effect == Effect::Sends && had_effect {
                assert!(peer.has_received(INSIDE));
            }
            client.start_close(CloseCode::NORMAL);
        }
        let mut ends = 0;
        while let Some(event) = client.next_event().await {
            ends += usize::from(matches!(event, ClientEvent::Closed(_)));
        }
        assert!(ends <= 1, "{ends} ends");
        assert_eq!(client.status(), ClientStatus::Closed);
        if let Some(handle) = handle {
            handle.close(CloseCode::NORMAL).await;
            handle.try_send("late").unwrap_err();
        }
    }
}

impl Life {
    /// A hook has panicked: that is reported once, the client is over, and it can begin anew.
    pub(crate) async fn settle_panic(self, name: &str) {
        let mut client = self.client.expect("the client that has driven");
        client.try_send(INSIDE).unwrap_err();
        let (mut errors, mut ends, mut reasons) = (Vec::new(), 0, Vec::new());
        while let Some(event) = client.next_event().await {
            match event {
                ClientEvent::Error(ClientError::HookPanicked { hook, .. }) => errors.push(hook),
                ClientEvent::Closed(_) => ends += 1,
                ClientEvent::GaveUp { reason: GiveUp::HookPanicked(hook) } => reasons.push(hook),
                event => panic!("{event:?}"),
            }
        }
        assert_eq!((&errors[..], ends, &reasons[..]), (&[name][..], 1, &[name][..]));
        assert_eq!(client.status(), ClientStatus::Closed);
        assert!(client.take_unsent().is_empty());
        client.reconnect_after(Duration::from_millis(1));
        let again = Self { client: Some(client), ..self };
        again.settle(Effect::Nothing, After::Usable).await;
    }
}

/// Takes events until it is so. Looks again after a moment, because the condition may not be an event.
async fn until(client: &mut Client, mut is_so: impl FnMut(&Client, Option<&ClientEvent>) -> bool) {
    let mut event = None;
    while !is_so(client, event.as_ref()) {
        event = match tokio::time::timeout(Duration::from_millis(1), client.next_event()).await {
            Ok(Some(event)) => Some(event),
            Ok(None) => panic!("the client is over"),
            Err(_) => None,
        };
    }
}

/// A world that a callback and the test share.
#[derive(Clone)]
pub(crate) struct Shared(Arc<Mutex<World>>);

impl Shared {
    pub(crate) fn new(world: World) -> Self {
        Self(Arc::new(Mutex::new(world)))
    }

    pub(crate) fn world(&self) -> MutexGuard<'_, World> {
        self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    /// Takes what is left. Callbacks that come later do nothing.
    pub(crate) fn take(&self) -> World {
        std::mem::take(&mut *self.world())
    }
}
