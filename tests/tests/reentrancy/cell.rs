//! One cell of the table: a callback that calls a method of every handle, and perhaps panics.

use std::any::Any;
use std::panic::{AssertUnwindSafe, panic_any, resume_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use futures_util::FutureExt;
use tokio::time::Instant;
use ws_async_core::handshake::Accept;

use crate::memory::Point;
use crate::methods::{Call, Effect, Manner};
use crate::watch::OnPurpose;
use crate::world::{After, BOUND, Raw, Scripts, Shared, World};

/// The handle that is used when the callback runs.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Driver {
    Receiver,
    Sender,
    /// The connection before it is split.
    Whole,
    Client,
    Handle,
    /// A handshake under way.
    Incoming,
}

#[derive(Clone, Copy)]
pub(crate) struct Cell {
    pub(crate) driver: Driver,
    pub(crate) point: Point,
    pub(crate) call: Call,
    /// The methods are called by another thread, for which the callback waits: no lock may be held.
    pub(crate) by_thread: bool,
    pub(crate) panics: bool,
}

impl Cell {
    /// Whether the transport is called, for which the connection or the client is locked. It is dropped without the lock.
    fn is_in_transport(&self) -> bool {
        use Point::{Flush, Read, ReadPending, Shutdown, Write};
        matches!(self.point, Read | ReadPending | Write | Flush | Shutdown)
    }

    /// Whether the callback runs while the connection ends, or the client.
    fn is_ending(&self) -> bool {
        use Point::{Drop, Read, ReadPending, Shutdown, Wake, WakerDrop};
        match self.driver {
            Driver::Sender => matches!(self.point, Read | ReadPending | Shutdown | Wake | WakerDrop),
            Driver::Handle => self.point == Drop,
            _ => self.point == Shutdown,
        }
    }

    /// How the first connection is when the callback runs.
    fn of_connection(&self) -> Manner {
        let is_driven = matches!(self.driver, Driver::Receiver | Driver::Sender);
        Manner { is_within: is_driven && self.is_in_transport(), is_ending: is_driven && self.is_ending() }
    }

    /// How the first client is when the callback runs.
    fn of_client(&self) -> Manner {
        let is_driven = self.drives_client();
        Manner { is_within: is_driven && self.is_in_transport(), is_ending: is_driven && self.is_ending() }
    }

    pub(crate) fn drives_client(&self) -> bool {
        matches!(self.driver, Driver::Client | Driver::Handle)
    }

    /// Opens everything, lets the callback run, and sees to its effects.
    pub(crate) async fn run(self) {
        let scripts = Scripts { connects: self.point == Point::Connect, ..Scripts::default() };
        let (mut world, raw) = World::open(&scripts).await;
        let Raw { socket, incoming } = raw;
        let mut socket = Some(socket);
        if self.driver != Driver::Whole
            && let Some(socket) = socket.take()
        {
            world.own.split(socket);
        }
        let (receiver, sender, client, handle) = match self.driver {
            Driver::Receiver => (world.own.receiver.take(), None, None, None),
            Driver::Sender => (None, world.own.sender.take(), None, None),
            Driver::Client => (None, None, world.own_client.client.take(), None),
            Driver::Handle => (None, None, None, world.own_client.handle.clone()),
            Driver::Whole | Driver::Incoming => (None, None, None, None),
        };
        world.prepare(self.call, self.point);
        let shared = Shared::new(world);
        let inside = Arc::new(Inside { cell: self, shared: shared.clone(), is_done: AtomicBool::new(false) });
        let script = if self.drives_client() { &scripts.client } else { &scripts.connection };
        let act = inside.clone();
        script.set(self.point, Box::new(move || act.act()));
        // The other end of a handshake waits already.
        let mut incoming = Some(incoming);
        let mut panicked = None;
        match (receiver, sender, client, handle, socket) {
            (Some(mut receiver), ..) => {
                panicked = caught(inside.by_receiver(&mut receiver)).await;
                shared.world().own.receiver = Some(receiver);
            }
            (_, Some(mut sender), ..) => {
                panicked = caught(inside.by_sender(&mut sender)).await;
                shared.world().own.sender = Some(sender);
            }
            (_, _, Some(mut client), ..) => {
                panicked = caught(inside.by_client(&mut client)).await;
                shared.world().own_client.client = Some(client);
            }
            (_, _, _, Some(handle), _) => panicked = caught(inside.by_handle(&handle)).await,
            (.., Some(mut socket)) => {
                if self.point == Point::Drop {
                    panicked = caught(async { drop(socket) }).await;
                } else {
                    panicked = caught(inside.by_socket(&mut socket)).await;
                    shared.world().own.split(socket);
                }
            }
            _ => {
                if let Some(incoming) = incoming.take() {
                    let act = inside.clone();
                    let accept = async move {
                        let accepted = incoming.accept_with(move |_| {
                            act.reach(Point::AcceptWith);
                            Ok(Accept::new())
                        });
                        drop(accepted.await);
                    };
                    panicked = caught(accept).await;
                }
            }
        }
        assert!(inside.is_done.load(Ordering::Relaxed), "the callback has not run");
        assert_eq!(
            panicked.is_some(),
            self.panics,
            "the panic has to reach its caller, and none is to come else"
        );
        drop((incoming, inside, scripts));
        self.settle(shared.take()).await;
    }

    fn effect_on_client(&self) -> Effect {
        if let Call::Handle(method) = self.call { method.effect } else { Effect::Nothing }
    }

    async fn settle(&self, world: World) {
        let World { own, other, own_client, other_client, listener, .. } = world;
        let of_connection = match self.call {
            Call::Sender(method) => method.effect,
            Call::Receiver(method) => method.effect,
            Call::Listener(method) => method.effect,
            _ => Effect::Nothing,
        };
        let of_client = self.effect_on_client();
        // A transport that panicked is not used any more. A client has another one.
        // A transport keeps the waker of a connection that is not split.
        let is_in_transport =
            self.is_in_transport() || (self.driver == Driver::Whole && self.point == Point::WakerDrop);
        let is_driven = matches!(self.driver, Driver::Receiver | Driver::Sender | Driver::Whole);
        let is_broken = self.panics && is_in_transport && is_driven;
        let own_after = if !self.drives_client() && (self.is_ending() || is_broken) {
            After::Over
        } else {
            After::Usable
        };
        let has_cancelled = of_client == Effect::Cancels
            && matches!(self.point, Point::Decide | Point::Prepare | Point::Drop);
        let is_over = of_client != Effect::Reconnects
            && self.drives_client()
            && ((self.is_ending() && self.driver == Driver::Handle) || has_cancelled);
        let client_after = if is_over { After::Over } else { After::Usable };
        own.settle(of_connection, own_after).await;
        other.settle(of_connection, After::Usable).await;
        match self.point {
            Point::Decide if self.panics => own_client.settle_panic("decide").await,
            Point::Prepare if self.panics => own_client.settle_panic("prepare").await,
            Point::Connect if self.panics => own_client.settle_panic("connector").await,
            _ => own_client.settle(of_client, client_after).await,
        }
        other_client.settle(of_client, After::Usable).await;
        drop(listener);
    }
}

/// Runs it within a bound. Gives the panic that was on purpose, if there was one.
async fn caught(outer: impl Future<Output = ()>) -> Option<OnPurpose> {
    let bounded = tokio::time::timeout(BOUND, outer);
    let begin = Instant::now();
    let result = AssertUnwindSafe(bounded).catch_unwind().await;
    // The deadline itself is the last chance to go on.
    assert!(begin.elapsed() < BOUND, "the outer call hangs");
    result.err().map(on_purpose)
}

fn on_purpose(panic: Box<dyn Any + Send>) -> OnPurpose {
    *panic.downcast().unwrap_or_else(|panic| resume_unwind(panic))
}

/// The callback.
pub(crate) struct Inside {
    pub(crate) cell: Cell,
    pub(crate) shared: Shared,
    is_done: AtomicBool,
}

impl Inside {
    /// Does it once.
    pub(crate) fn act(&self) {
        if self.is_done.swap(true, Ordering::Relaxed) {
            return;
        }
        let call =
            || self.shared.world().call(self.cell.call, self.cell.of_connection(), self.cell.of_client());
        if self.cell.by_thread {
            let runtime = tokio::runtime::Handle::current();
            let in_runtime = || {
                let _entered = runtime.enter();
                call();
            };
            let called = thread::scope(|scope| scope.spawn(in_runtime).join());
            called.unwrap_or_else(|panic| resume_unwind(panic));
        } else {
            call();
        }
        if self.cell.panics {
            panic_any(OnPurpose);
        }
    }

    pub(crate) fn reach(&self, point: Point) {
        if self.cell.point == point {
            self.act();
        }
    }

    pub(crate) fn is_done(&self) -> bool {
        self.is_done.load(Ordering::Relaxed)
    }

    /// Lets the peer do something that makes the library call the user.
    pub(crate) fn provoke(&self) {
        let world = self.shared.world();
        let peer = if self.cell.drives_client() { &world.own_client.peer } else { &world.own.peer };
        match self.cell.point {
            // The pong is written before the next wait.
            Point::Write | Point::Flush => {
                peer.ping();
                peer.say("hello");
            }
            Point::Shutdown => peer.close(),
            Point::Drop | Point::Decide | Point::Prepare | Point::Connect => peer.cut(),
            _ => peer.say("hello"),
        }
    }

    /// The outer call may fail if the callback has ended the client.
    pub(crate) fn check<E: std::fmt::Debug>(&self, result: Result<(), E>) {
        if !matches!(self.effect(), Effect::Closes | Effect::Aborts) {
            result.unwrap();
        }
    }

    /// The effect of the call on a client.
    pub(crate) fn effect(&self) -> Effect {
        self.cell.effect_on_client()
    }

    pub(crate) async fn done(&self) {
        while !self.is_done() {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    }
}
