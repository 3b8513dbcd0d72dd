//! A transport that calls the handles of the very connection that polls it.

use std::future::{Future, poll_fn};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use shuttle::future::{spawn, yield_now};
use shuttle::rand::{RngCore, thread_rng};
use ws_async_core::{Client, Handle, Receiver, Reconnect, Sender};
use ws_common::sync::{Mutex, lock};
use ws_core::{CloseCode, Message, Role};

use super::client::{builder, open, serve_over};
use super::{is_over, over, rest, script};
use crate::flags::{Flag, Flags};
use crate::peer::{LARGE, MARKER, Peer, Step};
use crate::pipe::pipe;
use crate::runtime::{self, Model};

type Shared<T> = Arc<Mutex<Option<T>>>;

/// It begins to close, which is done when the connection can be had.
pub(super) async fn closes() {
    let flags = Flags::default();
    let half: Shared<Sender<Model>> = Arc::default();
    let held = half.clone();
    let (near, far) = pipe();
    let near = near.on_read(move |_| {
        if let Some(mut sender) = take(&held) {
            sender.start_close(CloseCode::NORMAL);
        }
    });
    let (sender, mut receiver) = over(near).split();
    *lock(&half) = Some(sender);
    let peer = spawn(Peer::new(far, Role::Server).play(vec![Step::Answer], flags.clone()));
    let end = receiver.recv().await;
    assert!(matches!(end, Ok(None)), "{end:?}");
    is_over(&flags);
    peer.await.expect("it ends");
}

/// It polls the other half for another task, which is woken as soon as that makes sense.
pub(super) async fn polls() {
    let flags = Flags::default();
    let half: Shared<Sender<Model>> = Arc::default();
    let task: Shared<Waker> = Arc::default();
    let (held, waker) = (half.clone(), task.clone());
    let (near, far) = pipe();
    let near = near.on_read(move |_| {
        let Some(waker) = lock(&waker).take() else { return };
        if let Some(sender) = &mut *lock(&held) {
            let first = pin!(sender.flush()).poll(&mut Context::from_waker(&waker));
            assert!(first.is_pending(), "the connection polls at this moment");
        }
    });
    let (mut sender, mut receiver) = over(near).split();
    sender.try_send(Message::binary(MARKER)).expect("there is room");
    *lock(&half) = Some(sender);
    let peer = spawn(Peer::new(far, Role::Server).play(
        vec![Step::Until(MARKER), Step::Await(Flag::Seen), Step::Send(1), Step::Answer],
        flags.clone(),
    ));
    let (seen, own) = (flags.clone(), task.clone());
    let other = spawn(async move {
        let mut has_waited = false;
        poll_fn(|cx| {
            let mut waker = lock(&own);
            if std::mem::replace(&mut has_waited, true) && waker.is_none() {
                return Poll::Ready(());
            }
            *waker = Some(cx.waker().clone());
            Poll::Pending
        })
        .await;
        seen.raise(Flag::Seen);
    });
    // The first read is to find the other task waiting.
    while lock(&task).is_none() {
        yield_now().await;
    }
    let received = spawn(async move { receiver.recv().await });
    other.await.expect("it ends");
    received.await.expect("it ends").expect("the connection is open").expect("a message has come");
    is_over(&flags);
    drop(take(&half));
    peer.await.expect("it ends");
}

/// It panics while one half drives. The other half comes to its end.
pub(super) async fn panics() {
    let flags = Flags::default();
    let (near, far) = pipe();
    let mut reads = 0;
    let near = near.on_read(move |_| {
        reads += 1;
        assert!(reads != 2, "the transport's own");
    });
    let (mut sender, mut receiver) = over(near).split();
    sender.try_send(Message::binary(&LARGE[..])).expect("the buffer is empty");
    let peer = spawn(Peer::new(far, Role::Server).play(vec![Step::Send(3)], flags.clone()));
    let both = [
        spawn(async move { caught(async { while let Ok(Some(_)) = receiver.recv().await {} }).await }),
        spawn(async move { caught(async { drop(sender.flush().await) }).await }),
    ];
    for half in both {
        half.await.expect("it ends");
    }
    is_over(&flags);
    peer.await.expect("it ends");
}

/// Waits for a future, which may panic.
async fn caught(future: impl Future<Output = ()>) {
    let mut future = pin!(future);
    poll_fn(|cx| catch_unwind(AssertUnwindSafe(|| future.as_mut().poll(cx))).unwrap_or(Poll::Ready(())))
        .await;
}

/// Takes a value out. Its lock is free again before the value is dropped: the code that is called then may want it.
fn take<T>(shared: &Shared<T>) -> Option<T> {
    lock(shared).take()
}

/// The transport drops the receiving half, while the sending half waits for it to take messages.
pub(super) async fn drops() {
    let flags = Flags::default();
    let half: Shared<Receiver<Model>> = Arc::default();
    let held = half.clone();
    let (near, far) = pipe();
    // Perhaps at the very read after which the other half reads no more.
    let mut left = 1 + thread_rng().next_u64() % script::MANY as u64;
    let near = near.on_read(move |_| {
        left = left.saturating_sub(1);
        if left == 0 {
            drop(take(&held));
        }
    });
    let (mut sender, receiver) = over(near).split();
    sender.try_send(Message::binary(&LARGE[..])).expect("the buffer is empty");
    *lock(&half) = Some(receiver);
    let steps = vec![Step::Send(script::MANY), Step::Answer];
    let peer = spawn(Peer::new(far, Role::Server).play(steps, flags.clone()));
    let late = half.clone();
    let dropping = spawn(async move {
        // The half may have paused before that read.
        for _ in 0..10 {
            rest().await;
        }
        drop(take(&late));
    });
    sender.flush().await.expect("the connection is open");
    dropping.await.expect("it ends");
    is_over(&flags);
    drop(sender);
    peer.await.expect("it ends");
}

/// The transport of a client aborts it, which is the end that the client waits for.
pub(super) async fn aborts() {
    let flags = Flags::default();
    let handle: Shared<Handle<Model>> = Arc::default();
    let held = handle.clone();
    let (near, far) = pipe();
    let near = near.on_read(move |_| {
        if let Some(handle) = take(&held) {
            handle.abort();
        }
    });
    let peer = serve_over(near, far, vec![Step::Answer], &flags);
    let mut client: Client<Model> =
        builder().reconnect(Reconnect::never()).build().expect("the URL is right");
    open(&mut client).await;
    *lock(&handle) = Some(client.handle());
    while client.next_event().await.is_some() {}
    is_over(&flags);
    drop(client);
    peer.await.expect("it ends");
}

/// The transport of a client has it reconnect, by way of a hook. Who waits sees to it.
pub(super) async fn reconnects() {
    let flags = Flags::default();
    let handle: Shared<Handle<Model>> = Arc::default();
    let held = handle.clone();
    let (near, far) = pipe();
    let near = near.on_read(move |_| {
        if let Some(handle) = take(&held) {
            handle.abort();
            handle.reconnect_after(Duration::ZERO);
        }
    });
    let peer = serve_over(near, far, vec![Step::Send(1)], &flags);
    let next = super::client::serve(vec![Step::Send(1), Step::Answer], &flags);
    let mut client: Client<Model> = builder()
        .reconnect(Reconnect::never())
        .prepare(|_, options| Ok(options))
        .build()
        .expect("the URL is right");
    open(&mut client).await;
    *lock(&handle) = Some(client.handle());
    open(&mut client).await;
    is_over(&flags);
    drop(client);
    runtime::refuse();
    peer.await.expect("it ends");
    next.await.expect("it ends");
}
