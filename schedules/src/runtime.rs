//! A runtime in memory. Its clock stands still unless a scenario moves it, so that no timer heals a lost wake-up.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::future::poll_fn;
use std::io::{self, ErrorKind, IoSlice};
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use ws_async_core::{BorrowedSocket, Io, Resolve, Runtime, SocketOptions};
use ws_common::sync::{Clock, Mutex, lock, model};
use ws_core::bytes::BytesMut;

use crate::pipe::End;

/// Stands for the runtime.
pub enum Model {}

/// The network and the timers of one schedule.
#[derive(Default)]
struct World {
    sleepers: Vec<Waker>,
    /// Connections that `connect` gives, in this order. Without one, it fails.
    outgoing: VecDeque<End>,
}

// All tasks of a schedule run on one thread, and each of those that checks has schedules of its own.
thread_local! {
    static WORLD: RefCell<World> = RefCell::default();
}

fn with_world<R>(f: impl FnOnce(&mut World) -> R) -> R {
    WORLD.with_borrow_mut(f)
}

/// Forgets the schedule before. If it failed, its locks are of no more use, not even to drop what they guard.
pub fn begin() {
    std::mem::forget(with_world(std::mem::take));
    model::begin();
}

/// Refuses the connections that nobody has asked for.
pub fn refuse() {
    let left = with_world(|world| std::mem::take(&mut world.outgoing));
    drop(left);
}

/// Lets the next `connect` have this connection.
pub fn offer(end: End) {
    with_world(|world| world.outgoing.push_back(end));
}

/// Lets time pass.
pub fn advance(time: Duration) {
    model::advance(time);
    let sleepers = with_world(|world| std::mem::take(&mut world.sleepers));
    sleepers.into_iter().for_each(Waker::wake);
}

/// Fires when a scenario has moved the clock to its deadline.
pub struct Sleep(Instant);

impl Future for Sleep {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        if self.0 <= Model::now() {
            return Poll::Ready(());
        }
        with_world(|world| world.sleepers.push(cx.waker().clone()));
        Poll::Pending
    }
}

/// A listener: connections that wait to be accepted.
#[derive(Clone, Default)]
pub struct Backlog(Arc<Mutex<(VecDeque<End>, Option<Waker>)>>);

impl Backlog {
    /// Somebody connects.
    pub fn push(&self, end: End) {
        let waker = {
            let mut state = lock(&self.0);
            state.0.push_back(end);
            state.1.take()
        };
        waker.into_iter().for_each(Waker::wake);
    }
}

fn address() -> SocketAddr {
    SocketAddr::from(([192, 0, 2, 1], 80))
}

impl Runtime for Model {
    type TcpStream = End;
    type TcpListener = Backlog;
    type Sleep = Sleep;

    fn now() -> Instant {
        Clock::now().as_std()
    }

    fn sleep_until(deadline: Instant) -> Sleep {
        Sleep(deadline)
    }

    fn reset_sleep(sleep: &mut Sleep, deadline: Instant) {
        sleep.0 = deadline;
    }

    async fn connect(_: SocketAddr, _: &SocketOptions) -> io::Result<End> {
        with_world(|world| world.outgoing.pop_front()).ok_or_else(|| ErrorKind::ConnectionRefused.into())
    }

    async fn listen(_: &[SocketAddr]) -> io::Result<Backlog> {
        Ok(Backlog::default())
    }

    async fn accept(listener: &Backlog) -> io::Result<(End, SocketAddr)> {
        let accepted = poll_fn(|cx| {
            let mut state = lock(&listener.0);
            match state.0.pop_front() {
                Some(end) => Poll::Ready(end),
                None => {
                    state.1 = Some(cx.waker().clone());
                    Poll::Pending
                }
            }
        });
        Ok((accepted.await, address()))
    }

    fn socket(_: &End) -> Option<BorrowedSocket<'_>> {
        None
    }

    fn local_addr(_: &End) -> io::Result<SocketAddr> {
        Ok(address())
    }

    fn listening_addr(_: &Backlog) -> io::Result<SocketAddr> {
        Ok(address())
    }
}

impl Resolve<(String, u16)> for Model {
    async fn resolve(_: (String, u16)) -> io::Result<Vec<SocketAddr>> {
        Ok(vec![address()])
    }
}

impl Io<End> for Model {
    fn poll_read(end: &mut End, cx: &mut Context<'_>, buffer: &mut BytesMut) -> Poll<io::Result<usize>> {
        end.call(cx);
        end.poll_read(cx, buffer.capacity() - buffer.len(), buffer)
    }

    fn poll_write(end: &mut End, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        End::poll_write(end, cx, bytes)
    }

    fn poll_write_vectored(
        end: &mut End,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        End::poll_write(end, cx, &slices[0])
    }

    fn is_write_vectored(_: &End) -> bool {
        false
    }

    fn poll_flush(_: &mut End, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(end: &mut End, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        end.end();
        Poll::Ready(Ok(()))
    }
}
