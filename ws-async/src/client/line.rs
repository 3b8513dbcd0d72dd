//! A session and what it goes over at present.

use std::pin::Pin;
use std::task::{Context, Poll, Waker, ready};

use ws_client::{Action, ClientEvent, ConnectError, Reached, Session};
use ws_core::{Instant, Machine};

use crate::clock::Clock;
use crate::connect::reach;
use crate::driver::Driver;
use crate::runtime::Runtime;
use crate::seat::Progress;

pub(crate) struct Line<R: Runtime> {
    driver: Driver<R, Session>,
    /// Nothing, for most of the time that a client waits to come back.
    transport: Option<R::TcpStream>,
    opening: Option<Opening<R>>,
}

type Opening<R> = Pin<Box<dyn Future<Output = Opened<R>> + Send>>;
type Opened<R> = Result<Reached<<R as Runtime>::TcpStream>, ConnectError>;

impl<R: Runtime> Line<R> {
    pub(crate) fn new(session: Session) -> Self {
        Self { driver: Driver::new(session, Clock::start()), transport: None, opening: None }
    }

    pub(crate) fn session(&mut self) -> &mut Session {
        &mut self.driver.machine
    }

    pub(crate) fn now(&self) -> Instant {
        self.driver.now()
    }

    pub(crate) fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Option<ClientEvent>> {
        loop {
            let was_full = self.driver.machine.is_full();
            let Ok(event) = self.driver.machine.poll_event();
            if event.is_some() {
                // Who waits elsewhere may read on.
                self.driver.progress |= was_full && !self.driver.machine.is_full();
                // What goes with it may be an action, such as dropping the transport.
                self.act();
                return Poll::Ready(event);
            }
            if self.driver.machine.is_over() {
                self.act();
                return Poll::Ready(None);
            }
            ready!(self.poll_io(cx, true));
        }
    }

    pub(crate) fn write_through(&mut self, cx: &mut Context<'_>) {
        if let Some(transport) = &mut self.transport {
            self.driver.write_through(transport, cx);
        }
    }

    pub(crate) fn poll_io(&mut self, cx: &mut Context<'_>, reading: bool) -> Poll<()> {
        self.act();
        if let Some(opening) = &mut self.opening
            && let Poll::Ready(opened) = opening.as_mut().poll(cx)
        {
            self.opening = None;
            self.opened(opened);
            return Poll::Ready(());
        }
        let reading = reading && self.driver.machine.is_reading();
        match &mut self.transport {
            Some(transport) => self.driver.poll_io(transport, cx, reading),
            None => self.driver.poll_timer(cx),
        }
    }

    /// Does what the session asks for.
    pub(crate) fn act(&mut self) {
        let opening = match self.driver.machine.poll_action() {
            None => return,
            Some(Action::Drop) => None,
            Some(Action::Ask(question)) => {
                if let Some(panic) = self.driver.machine.answer(question.ask(), self.driver.now()) {
                    std::panic::resume_unwind(panic);
                }
                return self.act();
            }
            Some(Action::Open(options)) => {
                let clock = Clock::start();
                Some(Box::pin(async move { reach::<R>(&options, clock).await }) as _)
            }
        };
        // What may tell the peer why, as far as it leaves without waiting.
        self.write_through(&mut Context::from_waker(Waker::noop()));
        self.transport = None;
        self.opening = opening;
    }

    fn opened(&mut self, opened: Opened<R>) {
        let now = self.driver.now();
        self.driver.progress = true;
        let with_local = |reached: Reached<R::TcpStream>| {
            let local = R::local_addr(&reached.transport).map_err(ConnectError::Local)?;
            Ok((reached, local))
        };
        match opened.and_then(with_local) {
            Ok((Reached { transport, peer, route }, local)) => {
                if self.driver.machine.opened(&route, peer, local, now) {
                    self.driver.renew();
                    self.transport = Some(transport);
                }
            }
            Err(error) => self.driver.machine.not_opened(error, now),
        }
    }
}

impl<R: Runtime> Progress for Line<R> {
    fn take_progress(&mut self) -> bool {
        std::mem::take(&mut self.driver.progress)
    }
}
