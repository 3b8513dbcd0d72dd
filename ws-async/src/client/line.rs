//! A session and what it goes over at present.

use std::net::SocketAddr;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use ws_client::{Action, ClientEvent, ConnectError, Route, Session};
use ws_core::{Instant, Machine};

use crate::connect::reach;
use crate::driver::Driver;
use crate::runtime::{Runtime, after};
use crate::seat::Progress;

pub(crate) struct Line<R: Runtime> {
    driver: Driver<R, Session>,
    /// Nothing, for most of the time that a client waits to come back.
    transport: Option<R::TcpStream>,
    opening: Option<Opening<R>>,
}

type Opening<R> = Pin<Box<dyn Future<Output = Opened<R>> + Send>>;
type Opened<R> = Result<(<R as Runtime>::TcpStream, SocketAddr, Route), ConnectError>;

impl<R: Runtime> Line<R> {
    pub(crate) fn new(session: Session) -> Self {
        Self { driver: Driver::new(session, R::now()), transport: None, opening: None }
    }

    pub(crate) fn session(&mut self) -> &mut Session {
        &mut self.driver.machine
    }

    pub(crate) fn now(&self) -> Instant {
        self.driver.now()
    }

    pub(crate) fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Option<ClientEvent>> {
        loop {
            let Ok(event) = self.driver.machine.poll_event();
            if event.is_some() {
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
        match self.driver.machine.poll_action() {
            None => return,
            Some(Action::Drop) => self.opening = None,
            Some(Action::Open(options)) => {
                let deadline = after::<R>(options.time_to_open());
                self.opening = Some(Box::pin(async move {
                    let (transport, peer) = reach::<R>(&options, deadline).await?;
                    Ok((transport, peer, Route::direct(&options)))
                }));
            }
        }
        self.transport = None;
    }

    fn opened(&mut self, opened: Opened<R>) {
        let now = self.driver.now();
        self.driver.progress = true;
        let with_local = |(transport, peer, route): (R::TcpStream, SocketAddr, Route)| {
            let local = R::local_addr(&transport).map_err(ConnectError::Local)?;
            Ok((transport, peer, route, local))
        };
        match opened.and_then(with_local) {
            Ok((transport, peer, route, local)) => {
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
