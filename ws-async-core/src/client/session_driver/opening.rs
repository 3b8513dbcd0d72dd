//! The transport of an attempt: the driver opens it, or the connector of the user supplies it.

use std::any::Any;

use ws_common::connector::ConnectedTransport;
use ws_common::system::random;
use ws_common::{CheckedOptions, ConnectError};

use super::{ConnectResult, Dropped, SessionDriver};
use crate::client::supply::Supplied;
use crate::client::transport::ClientTransport;
use crate::client::user_future::UserFuture;
use crate::clock::RuntimeClock;
use crate::connect::connect_transport;
use crate::driver::Progress;
use crate::runtime::Runtime;

impl<R: Runtime> SessionDriver<R> {
    /// Begins to open a transport.
    pub(super) fn open(&mut self, options: Box<CheckedOptions>) {
        if let Some(supplier) = &self.supplier {
            self.future = Some(UserFuture::connect(supplier.start(self.attempt, *options)));
        } else {
            let clock = RuntimeClock::start();
            self.connecting = Some(Box::pin(async move { connect_transport::<R>(&options, clock).await }));
        }
    }

    pub(super) fn opened(&mut self, opened: ConnectResult<R>) {
        let now = self.driver.now();
        self.driver.progress = Progress::Disarmed;
        let with_sources = |connected: ConnectedTransport<R::TcpStream>| {
            let local = R::local_addr(&connected.transport).map_err(ConnectError::Local)?;
            Ok((connected, local, random().map_err(ConnectError::Local)?))
        };
        match opened.and_then(with_sources) {
            Ok((ConnectedTransport { transport, peer, route }, local, random)) => {
                let is_wanted = self.driver.machine.opened(&route, peer, local, random, now);
                self.take_transport(ClientTransport::Tcp(transport), is_wanted);
            }
            Err(error) => self.driver.machine.not_opened(error, now),
        }
    }

    /// The connector of the user has supplied a transport, or has failed. Gives the payload of its panic.
    pub(super) fn supplied(&mut self, supplied: Supplied<R>) -> Option<Box<dyn Any + Send>> {
        let now = self.driver.now();
        let is_current = supplied.attempt == self.attempt;
        self.driver.progress = Progress::Disarmed;
        match supplied.result {
            Ok(Ok(connected)) => {
                let is_wanted = is_current
                    && match random() {
                        Ok(random) => self.driver.machine.supplied(&connected.facts, random, now),
                        Err(error) => {
                            self.driver.machine.not_opened(ConnectError::Local(error), now);
                            false
                        }
                    };
                self.take_transport(ClientTransport::Supplied(connected.stream), is_wanted);
            }
            Ok(Err(error)) if is_current => {
                self.driver.machine.not_opened(ConnectError::Connector(error), now);
            }
            Ok(Err(error)) => self.dropped.push(Dropped::Error(error)),
            Err(panic) => {
                if is_current {
                    self.driver.machine.connector_panicked(now);
                }
                return Some(panic);
            }
        }
        None
    }

    fn take_transport(&mut self, transport: ClientTransport<R>, is_wanted: bool) {
        if is_wanted {
            self.driver.renew();
            self.transport = Some(transport);
        } else {
            self.dropped.push(Dropped::Dead(transport));
        }
    }
}
