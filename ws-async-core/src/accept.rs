//! From a transport to an open connection, on the server's side.

use std::future::poll_fn;
use std::marker::PhantomData;
use std::net::SocketAddr;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use ws_common::{
    AcceptError, AcceptOptions, OpenPhase, ServerUpgrade,
    system::random,
    system::shutdown::{Guard, Stopping},
};
use ws_core::{Accept, Instant, Machine, Reject, Request};

use crate::clock::RuntimeClock;
use crate::driver::Driver;
use crate::runtime::{Io, Runtime};
use crate::signal::Signal;
use crate::socket::Socket;
use crate::websocket::WebSocket;

/// How long a client that was refused is given to take the answer.
const REFUSAL_TIMEOUT: Duration = Duration::from_secs(2);

/// A client that has connected, and whose request is still to be read.
pub struct Incoming<R: Runtime, T = <R as Runtime>::TcpStream> {
    runtime: PhantomData<fn() -> R>,
    transport: T,
    options: Arc<AcceptOptions>,
    pub(crate) listener: Option<(Arc<Signal>, Guard)>,
    /// The other end of the transport, if a listener accepted it.
    pub(crate) address: Option<SocketAddr>,
}

impl<R: Runtime + Io<T>, T> Incoming<R, T> {
    /// A client on a transport that is open already.
    pub fn new(transport: T, options: AcceptOptions) -> Self {
        Self::sharing(transport, Arc::new(options))
    }

    /// The same with options that other clients have, too.
    pub(crate) fn sharing(transport: T, options: Arc<AcceptOptions>) -> Self {
        Self { runtime: PhantomData, transport, options, listener: None, address: None }
    }

    /// Reads the request and accepts it, with the first of our subprotocols that the client offers.
    pub fn accept(self) -> impl Future<Output = Result<(WebSocket<R, T>, Request), AcceptError>> {
        let options = self.options.clone();
        self.accept_with(move |request| Ok(Accept::new().first_subprotocol(request, options.subprotocols())))
    }

    /// Reads the request and lets `decide` look at it: its path, its credentials.
    pub fn accept_with(
        self,
        decide: impl FnOnce(&Request) -> Result<Accept, Reject>,
    ) -> impl Future<Output = Result<(WebSocket<R, T>, Request), AcceptError>> {
        // Boxed, with all that it is given: a task is as large as the largest future that it ever waits for, as long as it
        // lasts, and this one is three times as large as a connection.
        Box::pin(self.handshake(decide))
    }

    // The future of an `async fn` would have room for its arguments twice.
    #[allow(clippy::manual_async_fn, reason = "the future is smaller")]
    fn handshake(
        mut self,
        decide: impl FnOnce(&Request) -> Result<Accept, Reject>,
    ) -> impl Future<Output = Result<(WebSocket<R, T>, Request), AcceptError>> {
        async move {
            let clock = RuntimeClock::<R>::start();
            let random = random().map_err(AcceptError::Io)?;
            let mut machine = ServerUpgrade::new(&self.options, random, Instant::EPOCH)?;
            if let (Some(address), Some((_, guard))) = (self.address, &self.listener) {
                machine = machine.of_listener(address, guard.admission());
            }
            let mut driver = Driver::new(machine, clock);
            let io = &mut self.transport;
            let signal = self.listener.as_ref().map(|(signal, _)| &**signal);
            let request = poll_fn(|cx| poll_request(&mut driver, io, signal, cx)).await;
            // In a box, because a task that waits for a request has no room for it.
            Box::pin(self.answer(driver, clock, request, decide)).await
        }
    }

    /// Answers a client whose request has come, or failed to come.
    async fn answer(
        mut self,
        mut driver: Driver<R, ServerUpgrade>,
        clock: RuntimeClock<R>,
        request: Result<Request, AcceptError>,
        decide: impl FnOnce(&Request) -> Result<Accept, Reject>,
    ) -> Result<(WebSocket<R, T>, Request), AcceptError> {
        let io = &mut self.transport;
        let signal = self.listener.as_ref().map(|(signal, _)| &**signal);
        let request = match request {
            Ok(request) => request,
            Err(error) => {
                // There is no answer to a request that has not come.
                if !matches!(error, AcceptError::Shutdown) {
                    finish(&mut driver, io, clock, signal).await;
                }
                return Err(error);
            }
        };
        let asked = clock.now();
        let decided = if is_stopping(signal) { Ok(Accept::new()) } else { decide(&request) };
        let decided_at = clock.now();
        let (took, limit) = (decided_at - asked, self.options.decide_timeout);
        let accept = match driver.machine.decide(decided, took, limit, is_stopping(signal)) {
            Ok(accept) => accept,
            Err(error) => {
                finish(&mut driver, io, clock, signal).await;
                return Err(error);
            }
        };
        let driver = driver.change(|upgrade, now| upgrade.accept(&accept, now))?;
        if let Some((_, guard)) = &mut self.listener {
            guard.opened();
        }
        let mut socket = Socket::new(self.transport, driver, self.listener);
        let begin = socket.driver.machine.outbound().written();
        // The time of the decision does not count.
        let deadline = decided_at + self.options.open_timeout.saturating_sub(asked.elapsed());
        match clock.until(deadline, poll_fn(|cx| socket.poll_response(begin, cx))).await {
            // Whether the client still waits for the response shows when the connection is used.
            Some(Ok(())) => Ok((WebSocket::new(socket), request)),
            Some(Err(error)) => Err(error),
            None => Err(AcceptError::Timeout {
                phase: OpenPhase::Handshake,
                open_timeout: self.options.open_timeout,
            }),
        }
    }
}

impl<R: Runtime + Io<T>, T> WebSocket<R, T> {
    /// Accepts a client on a transport that is open already, with every default.
    pub async fn accept(transport: T) -> Result<(Self, Request), AcceptError> {
        Incoming::new(transport, AcceptOptions::default()).accept().await
    }
}

impl<R: Runtime + Io<T>, T> Socket<R, T> {
    /// Lets the response leave, unless the listener stops before anything behind the position `begin` has left.
    fn poll_response(&mut self, begin: u64, cx: &mut Context<'_>) -> Poll<Result<(), AcceptError>> {
        if is_stopping(self.signal()) && self.driver.machine.outbound().written() == begin {
            return Poll::Ready(Err(AcceptError::Shutdown));
        }
        self.poll_flush(cx).map(|_| Ok(()))
    }
}

/// The request. If the listener stops, only one that is there already, which can be answered.
fn poll_request<R: Runtime + Io<T>, T>(
    driver: &mut Driver<R, ServerUpgrade>,
    io: &mut T,
    signal: Option<&Signal>,
    cx: &mut Context<'_>,
) -> Poll<Result<Request, AcceptError>> {
    let wish = poll_wish(signal, cx);
    if wish == Some(Stopping::Abort) {
        return Poll::Ready(Err(AcceptError::Shutdown));
    }
    match driver.poll_event::<R, _>(io, cx) {
        Poll::Pending if wish.is_some() => Poll::Ready(Err(AcceptError::Shutdown)),
        polled => polled,
    }
}

/// Lets the client have the answer, as long as the listener has patience.
async fn finish<R: Runtime + Io<T>, T>(
    driver: &mut Driver<R, ServerUpgrade>,
    io: &mut T,
    clock: RuntimeClock<R>,
    signal: Option<&Signal>,
) {
    let finished = poll_fn(|cx| match poll_wish(signal, cx) {
        Some(Stopping::Abort) => Poll::Ready(()),
        _ => driver.poll_finish::<R, _>(io, cx, ServerUpgrade::discard),
    });
    let _ = clock.until(clock.now() + REFUSAL_TIMEOUT, finished).await;
}

/// What the listener wishes. The next wish wakes the task.
fn poll_wish(signal: Option<&Signal>, cx: &Context<'_>) -> Option<Stopping> {
    let signal = signal?;
    // A wish that is ready leaves no waker.
    while signal.poll(cx).is_ready() {}
    signal.wish()
}

fn is_stopping(signal: Option<&Signal>) -> bool {
    signal.is_some_and(|signal| signal.wish().is_some())
}
