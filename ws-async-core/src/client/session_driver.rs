//! A session and the transport that it uses at present.

mod acting;
mod opening;

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use ws_common::sync::mutant;
use ws_common::{
    ConnectError,
    connector::ConnectedTransport,
    session::{ClientEvent, ClientStatus, Question, Session},
};
use ws_core::{Instant, Machine};

use super::supply::Supplier;
use super::transport::{ByBox, ClientTransport};
use super::user_future::UserFuture;
use crate::clock::RuntimeClock;
use crate::driver::{Driver, Progress};
use crate::runtime::Runtime;
use crate::slots::{News, Wants};
use crate::wakers::Waited;
pub(crate) use acting::{Dropped, Left};

/// Time without a poll of the transport after which a sender drives a connection that is open.
const UNDRIVEN: Duration = Duration::from_millis(250);

/// Maximum number of polls of a sender that drives.
const POLLS_AT_ONCE: u32 = 8;

pub(crate) struct SessionDriver<R: Runtime> {
    driver: Driver<R, Session>,
    /// Nothing, for most of the time that a client waits to reconnect.
    transport: Option<ClientTransport<R>>,
    connecting: Option<Connecting<R>>,
    /// Opens the transports in place of `connecting`, if the user has set a connector.
    supplier: Option<Arc<Supplier<R>>>,
    /// Number of the action that opens or drops a transport.
    attempt: u64,
    /// A hook of the user is to be run, which needs the lock to be released.
    question: Option<Question>,
    /// A future of the user that an attempt waits for. It is not here while a task polls it, which needs the lock to be released.
    future: Option<UserFuture<R>>,
    /// The user's transports to be dropped, which needs the same.
    dropped: Vec<Dropped<R>>,
    /// The conditions that the last poll waits for.
    wants: Wants,
    /// There is something to do for one who waits.
    needs_driver: bool,
    /// The transport did not take all that waits, and one who waits knows.
    is_stuck: bool,
    /// There was a poll of the transport since `looked_at`.
    has_polled: bool,
    /// The last look whether somebody drives, or the last time that a sender did.
    looked_at: Instant,
    /// The version of the proofs that everybody was told of.
    proofs: u64,
}

type Connecting<R> = Pin<Box<dyn Future<Output = ConnectResult<R>> + Send>>;
type ConnectResult<R> = Result<ConnectedTransport<<R as Runtime>::TcpStream>, ConnectError>;

impl<R: Runtime> SessionDriver<R> {
    pub(crate) fn new(session: Session) -> Self {
        Self {
            supplier: session.connector(),
            driver: Driver::new(session, RuntimeClock::start()),
            transport: None,
            connecting: None,
            attempt: 0,
            question: None,
            future: None,
            dropped: Vec::new(),
            wants: Wants::NOTHING,
            needs_driver: false,
            is_stuck: false,
            has_polled: false,
            looked_at: Instant::EPOCH,
            proofs: 0,
        }
    }

    pub(crate) fn now(&mut self) -> Instant {
        self.driver.now()
    }

    pub(crate) fn session(&mut self) -> &mut Session {
        &mut self.driver.machine
    }

    /// Does what a user wants, and as much of what follows from it as needs no waiting.
    pub(crate) fn change<O>(
        &mut self,
        cx: &mut Context<'_>,
        f: impl FnOnce(&mut Session, Instant) -> O,
    ) -> O {
        let now = self.driver.now();
        let output = f(&mut self.driver.machine, now);
        // Nobody may be waiting who would see to it.
        self.act();
        self.write_at_once(cx);
        self.needs_driver = !mutant("a user's wish wakes nobody");
        output
    }

    /// Queues something, and lets the transport take what it takes at once. A refusal moves nothing: a caller that waits would not
    /// see the room that this makes.
    pub(crate) fn queue<O, E>(
        &mut self,
        cx: &mut Context<'_>,
        f: impl FnOnce(&mut Session) -> Result<O, E>,
    ) -> Result<O, E> {
        let output = f(&mut self.driver.machine);
        if output.is_ok() || mutant("a refusal makes room that nobody sees") {
            self.act();
            self.write_at_once(cx);
        }
        output
    }

    /// Lets the transport take what it takes at once.
    pub(crate) fn write(&mut self, cx: &mut Context<'_>) {
        self.act();
        self.write_at_once(cx);
    }

    pub(crate) fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Option<ClientEvent>> {
        loop {
            let was_full = self.driver.machine.is_full();
            let queued = self.driver.machine.outbound().len();
            let Ok(event) = self.driver.machine.poll_event();
            if event.is_some() {
                // One who waits elsewhere may read on.
                let has_unblocked = was_full && !self.driver.machine.is_full();
                self.needs_driver |= has_unblocked && !mutant("room for events wakes nobody");
                // With `Open`, the outbox goes to the connection. This task may not come back to write it.
                let has_queued = self.driver.machine.outbound().len() > queued;
                self.needs_driver |= has_queued && !mutant("an outbox that is let go wakes nobody");
                // What goes with it may be an action, such as dropping the transport.
                self.act();
                return Poll::Ready(event);
            }
            if self.driver.machine.is_over() {
                self.act();
                return Poll::Ready(None);
            }
            ready!(self.poll_io(cx, Wants::EVENTS, true));
        }
    }

    /// Waits for something else than events. Whatever moved, the condition is checked again.
    pub(crate) fn poll_wait<O>(
        &mut self,
        cx: &mut Context<'_>,
        wants: Wants,
        mut done: impl FnMut(&mut Self, &mut Context<'_>) -> Option<O>,
    ) -> Poll<O> {
        loop {
            // First: what came may be what is waited for.
            let reading = self.session().read_ahead();
            if let Some(output) = done(self, cx) {
                // What goes with it may be an action, such as dropping the transport.
                self.act();
                return Poll::Ready(output);
            }
            self.driver.has_written = false;
            if self.poll_io(cx, wants, reading).is_ready() {
                continue;
            }
            if !self.driver.has_written || mutant("a part that leaves is not looked at") {
                return Poll::Pending;
            }
            // The transport has taken a part, which may be what is waited for.
            if let Some(output) = done(self, cx) {
                self.act();
                return Poll::Ready(output);
            }
            if reading == self.session().read_ahead() {
                return Poll::Pending;
            }
        }
    }

    /// Does the work that needs no waiting, if nobody drives: all of it while no connection is open, else once each 250 ms.
    pub(crate) fn drive_at_once(&mut self, cx: &mut Context<'_>) {
        let now = self.driver.now();
        if self.session().status() == ClientStatus::Open {
            if std::mem::take(&mut self.has_polled) {
                self.looked_at = now;
            }
            if now - self.looked_at < UNDRIVEN {
                return;
            }
        }
        self.looked_at = now;
        for _ in 0..POLLS_AT_ONCE {
            let reading = self.session().read_ahead();
            if self.poll_io(cx, Wants::NOTHING, reading).is_pending() {
                break;
            }
        }
        self.has_polled = false;
    }

    fn poll_io(&mut self, cx: &mut Context<'_>, wants: Wants, reading: bool) -> Poll<()> {
        self.act();
        self.has_polled = true;
        let result = if self.question.is_some() || !self.dropped.is_empty() {
            // The caller runs that first: the next connection may need the port of the last one.
            Poll::Pending
        } else {
            self.poll_transport(cx, reading)
        };
        if result.is_pending() {
            self.wants = wants;
        }
        result
    }

    fn poll_transport(&mut self, cx: &mut Context<'_>, reading: bool) -> Poll<()> {
        if let Some(connecting) = &mut self.connecting
            && let Poll::Ready(opened) = connecting.as_mut().poll(cx)
        {
            self.connecting = None;
            self.opened(opened);
            return Poll::Ready(());
        }
        let reading = reading && self.driver.machine.is_reading();
        match &mut self.transport {
            Some(ClientTransport::Tcp(stream)) => self.driver.poll_io::<R, _>(stream, cx, reading),
            Some(ClientTransport::Supplied(stream)) => self.driver.poll_io::<ByBox, _>(stream, cx, reading),
            None => self.driver.poll_timer(cx),
        }
    }

    fn write_at_once(&mut self, cx: &mut Context<'_>) {
        let is_through = match &mut self.transport {
            None => return,
            Some(ClientTransport::Tcp(stream)) => self.driver.write_through::<R, _>(stream, cx),
            Some(ClientTransport::Supplied(stream)) => self.driver.write_through::<ByBox, _>(stream, cx),
        };
        let is_stuck = !is_through;
        // Once told, one who waits writes on by itself.
        self.needs_driver |= is_stuck && !self.is_stuck;
        self.is_stuck = is_stuck;
    }
}

impl<R: Runtime> Waited for SessionDriver<R> {
    fn wants(&self) -> Wants {
        self.wants
    }

    fn news(&mut self) -> News {
        let has_input = std::mem::take(&mut self.driver.progress) != Progress::Nothing;
        let needs_driver = std::mem::take(&mut self.needs_driver) || self.question.is_some();
        let session = &mut self.driver.machine;
        let has_proofs = self.proofs != session.proofs_version();
        self.proofs = session.proofs_version();
        let has_proofs = has_proofs && !mutant("a proof wakes nobody");
        let met = Wants::EVENTS.only_if(has_input || session.has_events())
            | Wants::ROOM.only_if(session.has_room() || !session.is_accepting())
            | Wants::PING.only_if(session.has_room_for_ping())
            // A message that was given up changes the proofs.
            | Wants::FLUSHED.only_if(
                (session.has_flushed() || has_proofs) && !mutant("an empty outbox wakes nobody"),
            )
            | Wants::PROOF.only_if(has_proofs)
            | Wants::END
                .only_if(session.status() == ClientStatus::Closed && !mutant("the end of a client wakes nobody"));
        News { met, needs_driver }
    }

    fn forget_news(&mut self) {
        self.driver.progress = Progress::Nothing;
        self.needs_driver = false;
        self.proofs = self.driver.machine.proofs_version();
    }

    fn is_disarmed(&self) -> bool {
        self.driver.progress == Progress::Disarmed
    }

    fn rearm(&mut self, cx: &mut Context<'_>) -> bool {
        let reading = self.driver.machine.is_reading();
        match (&mut self.transport, &self.connecting) {
            (Some(ClientTransport::Tcp(stream)), _) => self.driver.rearm::<R, _>(stream, cx, reading),
            (Some(ClientTransport::Supplied(stream)), _) => {
                self.driver.rearm::<ByBox, _>(stream, cx, reading)
            }
            (None, None) => self.driver.poll_timer(cx).is_pending(),
            // It was not polled yet.
            (None, Some(_)) => false,
        }
    }
}
