//! The use of a handle that makes the library run a callback.

use std::future::poll_fn;
use std::ops::ControlFlow;
use std::panic::{AssertUnwindSafe, resume_unwind};
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};

use futures_util::FutureExt;
use ws_async_core::{CloseCode, Message};

use crate::cell::Inside;
use crate::memory::{Client, Handle, Point, Receiver, Sender, WebSocket};
use crate::methods::Effect;
use crate::world::BOUND;

impl Inside {
    pub(crate) async fn by_receiver(self: &Arc<Self>, receiver: &mut Receiver) {
        match self.cell.point {
            Point::Wake | Point::WakeByCall | Point::WakerDrop => {
                drop(self.with_waker(receiver.recv()).await);
            }
            Point::Visitor => {
                self.provoke();
                let borrowing = receiver.for_each_borrowed(|_, _| {
                    self.act();
                    ControlFlow::Break(())
                });
                borrowing.await.unwrap();
            }
            _ => {
                while !self.is_done() {
                    self.provoke();
                    receiver.recv().await.unwrap();
                }
            }
        }
    }

    pub(crate) async fn by_socket(self: &Arc<Self>, socket: &mut WebSocket) {
        match self.cell.point {
            Point::Wake | Point::WakeByCall | Point::WakerDrop => drop(self.with_waker(socket.recv()).await),
            Point::Visitor => {
                self.provoke();
                let borrowing = socket.for_each_borrowed(|_, _| {
                    self.act();
                    ControlFlow::Break(())
                });
                borrowing.await.unwrap();
            }
            Point::Send => socket.send(Text(self.clone())).await.unwrap(),
            Point::TrySend => socket.try_send(Text(self.clone())).unwrap(),
            Point::Feed => socket.feed(Text(self.clone())).await.unwrap(),
            _ => {
                while !self.is_done() {
                    self.provoke();
                    socket.recv().await.unwrap();
                }
            }
        }
    }

    pub(crate) async fn by_sender(self: &Arc<Self>, sender: &mut Sender) {
        match self.cell.point {
            Point::Wake | Point::WakeByCall | Point::WakerDrop => {
                drop(self.with_waker(sender.close(CloseCode::NORMAL)).await);
            }
            Point::Send => sender.send(Text(self.clone())).await.unwrap(),
            Point::TrySend => sender.try_send(Text(self.clone())).unwrap(),
            Point::Feed => sender.feed(Text(self.clone())).await.unwrap(),
            Point::Write | Point::Flush => sender.send("hello").await.unwrap(),
            _ => drop(sender.close(CloseCode::NORMAL).await),
        }
    }

    pub(crate) async fn by_client(self: &Arc<Self>, client: &mut Client) {
        match self.cell.point {
            Point::Wake | Point::WakeByCall | Point::WakerDrop => {
                let waking = self.with_waker(client.next_event());
                let bound = if self.effect() == Effect::Pauses { BOUND / 2 } else { 2 * BOUND };
                drop(tokio::time::timeout(bound, waking).await);
            }
            _ => {
                while !self.is_done() {
                    // The end of the client alone has to wake.
                    if self.effect() != Effect::Aborts || self.cell.point != Point::ReadPending {
                        self.provoke();
                    }
                    tokio::select! {
                        event = client.next_event() => drop(event.unwrap()),
                        // No message comes any more.
                        () = self.done(), if self.effect() == Effect::Pauses => {}
                    }
                }
            }
        }
    }

    pub(crate) async fn by_handle(self: &Arc<Self>, handle: &Handle) {
        match self.cell.point {
            Point::Wake | Point::WakeByCall | Point::WakerDrop => {
                handle.try_send("hello").unwrap();
                self.check(self.with_waker(handle.confirm()).await);
            }
            Point::Send => self.check(handle.send(Text(self.clone())).await),
            Point::TrySend => self.check(handle.try_send(Text(self.clone()))),
            Point::Write | Point::Flush => handle.send("hello").await.unwrap(),
            Point::Drop => handle.abort(),
            _ => {
                handle.send("hello").await.unwrap();
                self.check(handle.confirm().await);
            }
        }
    }

    /// Calls something with another handle that wakes the task that waits.
    async fn nudge(&self) {
        if self.cell.drives_client() {
            let handle = self.shared.world().own_client.handle.clone();
            handle.unwrap().resume();
        } else {
            let sender = self.shared.world().own.sender.take();
            let mut sender = sender.unwrap();
            let feeding = AssertUnwindSafe(sender.feed("fed")).catch_unwind().await;
            self.shared.world().own.sender = Some(sender);
            feeding.unwrap_or_else(|panic| resume_unwind(panic)).unwrap();
        }
    }

    /// Polls with a waker that calls, and then with another one.
    async fn with_waker<F: Future>(self: &Arc<Self>, future: F) -> F::Output {
        let mut future = pin!(future);
        let waker = Waker::from(Arc::new(Calling(self.clone())));
        assert!(future.as_mut().poll(&mut Context::from_waker(&waker)).is_pending());
        drop(waker);
        match self.cell.point {
            Point::Wake => {
                self.provoke();
                self.done().await;
            }
            Point::WakeByCall => {
                self.nudge().await;
                self.provoke();
            }
            _ => {
                let second = poll_fn(|cx| Poll::Ready(future.as_mut().poll(cx)));
                assert!(second.await.is_pending());
                self.provoke();
            }
        }
        future.await
    }
}

/// A message that is made by calling the user.
struct Text(Arc<Inside>);

impl From<Text> for Message {
    fn from(text: Text) -> Self {
        text.0.act();
        "made".into()
    }
}

/// A waker that calls when it is woken, or when it is dropped.
struct Calling(Arc<Inside>);

impl Wake for Calling {
    fn wake(self: Arc<Self>) {
        self.0.reach(Point::Wake);
        self.0.reach(Point::WakeByCall);
    }
}

impl Drop for Calling {
    fn drop(&mut self) {
        self.0.reach(Point::WakerDrop);
    }
}
