//! The user's code calls other handles: visitors, hooks, and wakers that are woken or dropped.

use std::future::{Future, pending, poll_fn};
use std::ops::ControlFlow;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, Wake, Waker};
use std::thread::panicking;
use std::time::Duration;

use shuttle::future::spawn;
use ws_async_core::{Client, ClientEvent, Handle, MessageRef, Reconnect, Responder, Sender};
use ws_common::sync::{Mutex, lock};
use ws_core::{CloseCode, Message, SendError};

use super::client::{builder, open, serve};
use super::{connect, is_over};
use crate::flags::{Flag, Flags};
use crate::peer::{MARKER, Step};
use crate::runtime::{self, Model};
use crate::table::{Cell, Driver, Event, Operation, Surface};

const CELL: Cell = Cell {
    surface: Surface::Halves,
    operation: Operation::ForEachBorrowed,
    event: Event::Room,
    driver: Driver::Other,
};

type Shared<T> = Arc<Mutex<T>>;

/// A visitor sends with the other half, while that waits for room in a task of its own.
pub(super) async fn visitor() {
    let flags = Flags::default();
    let (socket, peer, _) = connect(CELL).await;
    let (sender, mut receiver) = socket.split();
    let steps = vec![Step::Send(3), Step::Until(MARKER), Step::Send(1), Step::Answer];
    let peer = spawn(peer.play(steps, flags.clone()));
    let sender = Arc::new(Mutex::new(sender));
    let (mut seen, other) = (0, sender.clone());
    let visitor = |_: MessageRef<'_>, _: &mut Responder<'_>| {
        seen += 1;
        lock(&other).try_send(Message::binary(MARKER)).expect("there is room");
        if seen == 4 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    };
    receiver.for_each_borrowed(visitor).await.expect("the connection is open");
    is_over(&flags);
    drop((sender, other, receiver));
    peer.await.expect("it ends");
}

/// Every message of a peer that gives back all that it gets is answered by a visitor, and the other half feeds as much as it can.
pub(super) async fn echo() {
    let flags = Flags::default();
    let (socket, peer, _) = connect(CELL).await;
    let (mut sender, mut receiver) = socket.split();
    const ECHOES: usize = 12;
    let peer = spawn(peer.echo(ECHOES));
    let sending = spawn(async move {
        for _ in 0..ECHOES {
            sender.feed(Message::binary(&[b'E'; 100][..])).await.expect("the connection is open");
        }
        sender.flush().await.expect("the connection is open");
        sender
    });
    let mut seen = 0;
    let visitor = |_: MessageRef<'_>, _: &mut Responder<'_>| {
        seen += 1;
        if seen == ECHOES { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    };
    receiver.for_each_borrowed(visitor).await.expect("the connection is open");
    is_over(&flags);
    drop((sending.await, receiver));
    peer.await.expect("it ends");
}

/// A visitor panics while the other half waits: the panic reaches its caller, and the other half comes to its end.
pub(super) async fn panics() {
    let flags = Flags::default();
    let (socket, peer, _) = connect(CELL).await;
    let (mut sender, mut receiver) = socket.split();
    sender.try_send(Message::binary(&crate::peer::LARGE[..])).expect("the buffer is empty");
    let peer = spawn(peer.play(vec![Step::Send(2), Step::Answer], flags.clone()));
    let sending = spawn(async move { sender.flush().await });
    {
        let visitor = |_: MessageRef<'_>, _: &mut Responder<'_>| panic!("the visitor's own");
        let mut visiting = pin!(receiver.for_each_borrowed(visitor));
        let panicked = poll_fn(|cx| match catch_unwind(AssertUnwindSafe(|| visiting.as_mut().poll(cx))) {
            Ok(Poll::Pending) => Poll::Pending,
            Ok(Poll::Ready(_)) => Poll::Ready(false),
            Err(_) => Poll::Ready(true),
        });
        assert!(panicked.await, "the panic is lost");
    }
    drop(receiver);
    let _ = sending.await.expect("it ends");
    is_over(&flags);
    peer.await.expect("it ends");
}

/// The hooks of a client call every method of a handle that does not wait.
pub(super) async fn hooks() {
    let flags = Flags::default();
    let handle: Shared<Option<Handle<Model>>> = Arc::default();
    let peer = serve(vec![Step::End, Step::Await(Flag::Over)], &flags);
    let next = serve(vec![Step::Answer], &flags);
    let (preparing, deciding) = (handle.clone(), handle.clone());
    let policy = Reconnect::never().decide(move |_| {
        call(lock(&deciding).as_ref().expect("it is built"));
        Some(ws_common::reconnect::RetryDecision::RetryIn(Duration::ZERO))
    });
    let mut client: Client<Model> = builder()
        .reconnect(policy)
        .prepare(move |_, options| {
            call(lock(&preparing).as_ref().expect("it is built"));
            Ok(options)
        })
        .build()
        .expect("the URL is right");
    *lock(&handle) = Some(client.handle());
    let sending = client.handle();
    let other = spawn(async move { sending.send(Message::binary(MARKER)).await });
    open(&mut client).await;
    open(&mut client).await;
    let _ = other.await.expect("it ends");
    is_over(&flags);
    drop(lock(&handle).take());
    drop(client);
    runtime::refuse();
    peer.await.expect("it ends");
    next.await.expect("it ends");
}

/// A task that does not wait runs the hook of a client that waits in another.
pub(super) async fn elsewhere() {
    let flags = Flags::default();
    let peer = serve(vec![Step::End, Step::Await(Flag::Over)], &flags);
    let next = serve(vec![Step::Answer], &flags);
    let mut client: Client<Model> = builder()
        .reconnect(Reconnect::after(Duration::from_secs(60)))
        .prepare(|_, options| Ok(options))
        .build()
        .expect("the URL is right");
    let handle = client.handle();
    open(&mut client).await;
    let waiting = flags.clone();
    let opening = spawn(async move {
        loop {
            match client.next_event().await {
                Some(ClientEvent::Reconnecting { .. }) => waiting.raise(Flag::Seen),
                Some(ClientEvent::Open(_)) => return client,
                _ => {}
            }
        }
    });
    flags.wait(Flag::Seen).await;
    handle.reconnect_after(Duration::ZERO);
    let client = opening.await.expect("it ends");
    is_over(&flags);
    drop((client, handle));
    peer.await.expect("it ends");
    next.await.expect("it ends");
}

/// The future that prepares an attempt is woken by another task, while two tasks wait for the client.
pub(super) async fn future() {
    let flags = Flags::default();
    let peer = serve(vec![Step::Answer], &flags);
    let preparing = flags.clone();
    let mut client: Client<Model> = builder()
        .prepare_async(move |_, options| {
            let flags = preparing.clone();
            async move {
                flags.wait(Flag::Begun).await;
                Ok(options)
            }
        })
        .build()
        .expect("the URL is right");
    let sending = client.handle();
    let sent = spawn(async move {
        sending.send(Message::binary(MARKER)).await.expect("there is room");
        sending.flush().await.expect("it leaves");
    });
    let waking = spawn({
        let flags = flags.clone();
        async move { flags.raise(Flag::Begun) }
    });
    open(&mut client).await;
    waking.await.expect("it ends");
    sent.await.expect("it ends");
    is_over(&flags);
    drop(client);
    runtime::refuse();
    peer.await.expect("it ends");
}

/// A task that only waits for `Open` leaves, and another one waits until its message has left.
pub(super) async fn opens() {
    let flags = Flags::default();
    let peer = serve(vec![Step::Answer], &flags);
    let mut client: Client<Model> = builder().build().expect("the URL is right");
    let sending = client.handle();
    let sent = spawn(async move {
        sending.send(Message::binary(MARKER)).await.expect("there is room");
        sending.flush().await.expect("it leaves");
    });
    open(&mut client).await;
    sent.await.expect("it ends");
    is_over(&flags);
    drop(client);
    runtime::refuse();
    peer.await.expect("it ends");
}

/// The future that prepares an attempt is dropped when another task aborts the client, at any moment.
pub(super) async fn dropped_future() {
    let flags = Flags::default();
    let held = Arc::new(());
    let holds = held.clone();
    let mut client: Client<Model> = builder()
        .prepare_async(move |_, _| {
            let held = holds.clone();
            async move {
                pending::<()>().await;
                drop(held);
                Err("nobody wakes it")?
            }
        })
        .build()
        .expect("the URL is right");
    let handle = client.handle();
    let aborting = spawn(async move { handle.abort() });
    while client.next_event().await.is_some() {}
    aborting.await.expect("it ends");
    // The client keeps the hook.
    assert_eq!(Arc::strong_count(&held), 2);
    is_over(&flags);
}

fn call(handle: &Handle<Model>) {
    let _ = handle.status();
    let sent = handle.try_send(Message::binary(MARKER));
    // There is always room in these scenarios: a refusal means that the caller holds the client.
    assert!(matches!(sent, Ok(()) | Err(SendError::Closed(_))), "{sent:?}");
    drop(handle.clone());
}

/// A waker that uses a handle when it is woken, and when it is dropped, as one that owns its task does.
struct Busy {
    handle: Handle<Model>,
    task: Waker,
    /// Number of calls that are left: each of them wakes somebody.
    left: Arc<AtomicUsize>,
}

impl Busy {
    fn call(&self) {
        let one_less = |left: usize| left.checked_sub(1);
        if self.left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, one_less).is_ok() {
            call(&self.handle);
        }
    }
}

impl Wake for Busy {
    fn wake(self: Arc<Self>) {
        self.call();
        self.task.wake_by_ref();
    }
}

impl Drop for Busy {
    fn drop(&mut self) {
        // A schedule that has failed is not to fail again.
        if !panicking() {
            self.call();
        }
    }
}

/// A client is polled with another waker each time, each of which uses a handle.
pub(super) async fn wakers() {
    let flags = Flags::default();
    let peer = serve(vec![Step::Send(3), Step::Until(MARKER), Step::Close, Step::Answer], &flags);
    let mut client: Client<Model> =
        builder().reconnect(Reconnect::never()).build().expect("the URL is right");
    let handle = client.handle();
    let other = client.handle();
    let sending = spawn(async move {
        let _ = other.send(Message::binary(MARKER)).await;
        let _ = other.flush().await;
    });
    let left = Arc::new(AtomicUsize::new(10));
    {
        let mut draining = pin!(async { while client.next_event().await.is_some() {} });
        let mut poll = |cx: &Context<'_>| {
            let (handle, left) = (handle.clone(), left.clone());
            let waker = Waker::from(Arc::new(Busy { handle, task: cx.waker().clone(), left }));
            draining.as_mut().poll(&mut Context::from_waker(&waker))
        };
        // Twice, so that the second takes the place of the first.
        poll_fn(|cx| if poll(cx).is_pending() { poll(cx) } else { Poll::Ready(()) }).await;
    }
    sending.await.expect("it ends");
    is_over(&flags);
    drop((client, handle));
    peer.await.expect("it ends");
}

/// A waker that owns a half of the connection, as one that owns a task that has ended does.
struct Owner {
    half: Mutex<Option<Sender<Model>>>,
    task: Waker,
}

impl Wake for Owner {
    fn wake(self: Arc<Self>) {
        self.task.wake_by_ref();
    }
}

/// The last reference to a half is a waker that the connection keeps.
pub(super) async fn owner() {
    let flags = Flags::default();
    let (socket, peer, _) = connect(CELL).await;
    let (mut sender, mut receiver) = socket.split();
    sender.start_close(CloseCode::NORMAL);
    let peer = spawn(peer.play(vec![Step::Send(2), Step::Answer], flags.clone()));
    let mut half = Some(sender);
    let mut receiving = pin!(async { while let Ok(Some(_)) = receiver.recv().await {} });
    poll_fn(|cx| {
        let waker = Waker::from(Arc::new(Owner { half: Mutex::new(half.take()), task: cx.waker().clone() }));
        receiving.as_mut().poll(&mut Context::from_waker(&waker))
    })
    .await;
    is_over(&flags);
    peer.await.expect("it ends");
}

impl Drop for Owner {
    fn drop(&mut self) {
        if !panicking() {
            drop(lock(&self.half).take());
        }
    }
}
