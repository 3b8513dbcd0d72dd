//! The threads that open the transports of a client, or call the connector of the user.

use std::net::TcpStream;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Weak;
use std::thread;

use ws_common::connector::ConnectedTransport;
use ws_common::sync::lock;
use ws_common::system::random;
use ws_common::{CheckedOptions, ConnectError, ConnectorError};

use super::SharedClient;
use crate::client::socket::StreamEnd;
use crate::client::stream::ClientStream;
use crate::client::supply::{Connected, ConnectorHook};
use crate::clock;
use crate::connect::connect_transport;

/// Runs in a thread of its own, which nothing waits for.
pub(super) fn open(options: &CheckedOptions, shared: &Weak<SharedClient>, attempt: u64) {
    let opened = connect_transport(options, clock::now());
    if let Some(shared) = shared.upgrade() {
        shared.opened(attempt, opened);
    }
}

/// The same with the connector of the user. It runs without a lock.
pub(super) fn supply(
    supplier: &ConnectorHook,
    options: CheckedOptions,
    endings: Vec<StreamEnd>,
    shared: &Weak<SharedClient>,
    attempt: u64,
) {
    let supplied = catch_unwind(AssertUnwindSafe(|| {
        endings.into_iter().for_each(StreamEnd::run);
        supplier.call(options)
    }));
    match (shared.upgrade(), supplied) {
        (Some(shared), supplied) => shared.supplied(attempt, supplied),
        // The client is gone.
        (None, Ok(Ok(connected))) => connected.stream.reset(),
        (None, _) => {}
    }
}

impl SharedClient {
    fn opened(&self, attempt: u64, opened: Result<ConnectedTransport<TcpStream>, ConnectError>) {
        // Before the lock, because it is a system call.
        let random = random().map_err(ConnectError::Local);
        self.change(|session, now| {
            if lock(&self.errand).attempt != attempt {
                return;
            }
            let taken = opened.and_then(|connected| {
                let local = connected.transport.local_addr()?;
                let is_wanted = session.opened(&connected.route, connected.peer, local, random?, now);
                let stream = ClientStream::Tcp(connected.transport);
                if is_wanted {
                    self.driver.transport.connect(stream);
                } else {
                    stream.reset();
                }
                Ok(())
            });
            if let Err(error) = taken {
                session.not_opened(error, now);
            }
        });
    }

    /// The connector of the user has returned. A stream that is not wanted any more is reset without a lock.
    fn supplied(&self, attempt: u64, supplied: thread::Result<Result<Connected, ConnectorError>>) {
        let random = random().map_err(ConnectError::Local);
        let unwanted = self.change(|session, now| {
            let mut errand = lock(&self.errand);
            let is_current = errand.attempt == attempt;
            match supplied {
                Ok(unwanted) if !is_current => return Some(unwanted),
                Ok(Ok(connected)) => {
                    let supplied = random.map(|random| session.supplied(&connected.facts, random, now));
                    if let Ok(true) = supplied {
                        self.driver.transport.connect(connected.stream);
                        return None;
                    }
                    if let Err(error) = supplied {
                        session.not_opened(error, now);
                    }
                    return Some(Ok(connected));
                }
                Ok(Err(error)) => session.not_opened(ConnectError::Connector(error), now),
                Err(panic) => {
                    if is_current {
                        session.connector_panicked(now);
                    }
                    errand.panic = Some(panic);
                }
            }
            None
        });
        if let Some(Ok(connected)) = unwanted {
            connected.stream.reset();
        }
    }
}
