//! From a URL to an open connection.

use std::io;
use std::net::{SocketAddr, TcpStream, ToSocketAddrs};
use std::ops::ControlFlow::{Break, Continue};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use socket2::{Domain, Protocol, Socket, Type};
use ws_client::{
    AttemptId, ConnectError, ConnectOptions, Duplex, Opened, Opening, Reach, ReachStep, Reached, Route,
    random,
};
use ws_core::{Instant, Machine, Response};

use crate::clock::{self, Clock};
use crate::driver::{Driver, Next};
use crate::shared::Shared;
use crate::transport::Transport;
use crate::waiters::Until;
use crate::websocket::WebSocket;

pub(crate) fn connect(options: &ConnectOptions) -> Result<(WebSocket, Response), ConnectError> {
    let start = clock::now();
    let reached = reach(options, start)?;
    open(reached.transport, options, &reached.route, start)
}

/// Resolves and dials, each name in a thread of its own, and each address that is not the only one. The time to open counts
/// from `start`.
pub(crate) fn reach(options: &ConnectOptions, start: Clock) -> Result<Reached<TcpStream>, ConnectError> {
    let mut reach = Reach::new(options, Instant::EPOCH);
    let (local, nodelay) = (options.local_address(), options.is_nodelay());
    let (tell, told) = mpsc::channel();
    loop {
        let now = Instant::since_epoch(clock::since(start));
        let left = reach.deadline() - now;
        let tell = tell.clone();
        let begun = match reach.poll(now) {
            ReachStep::Done(result) => return result,
            ReachStep::Wait(until) => {
                match told.recv_timeout(until - now) {
                    Ok(Told::Addresses(addresses)) => reach.handle_addresses(addresses),
                    Ok(Told::Dialed(attempt, result)) => reach.handle_result(attempt, result),
                    // It is time for the next step.
                    Err(_) => {}
                }
                Ok(())
            }
            ReachStep::Dial { attempt, address, is_only: true } => {
                reach.handle_result(attempt, dial(address, local, nodelay, left));
                Ok(())
            }
            ReachStep::Dial { attempt, address, .. } => in_background("ws-dial", move || {
                // What connects after the race is dropped with the channel.
                let _ = tell.send(Told::Dialed(attempt, dial(address, local, nodelay, left)));
            }),
            // The system's resolver cannot be called off, and nothing waits for it.
            ReachStep::Resolve { host, port } => in_background("ws-resolve", move || {
                let addresses = (&*host, port).to_socket_addrs();
                let _ = tell.send(Told::Addresses(addresses.map(Vec::from_iter)));
            }),
        };
        begun.map_err(ConnectError::Local)?;
    }
}

/// What a thread has to say.
enum Told {
    Addresses(io::Result<Vec<SocketAddr>>),
    Dialed(AttemptId, io::Result<TcpStream>),
}

fn in_background(name: &str, work: impl FnOnce() + Send + 'static) -> io::Result<()> {
    thread::Builder::new().name(name.into()).spawn(work).map(drop)
}

fn dial(
    address: SocketAddr,
    local: Option<SocketAddr>,
    nodelay: bool,
    patience: Duration,
) -> io::Result<TcpStream> {
    let transport = match local {
        None => TcpStream::connect_timeout(&address, patience)?,
        Some(local) => {
            let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
            socket.bind(&local.into())?;
            socket.connect_timeout(&address.into(), patience)?;
            socket.into()
        }
    };
    transport.set_nodelay(nodelay)?;
    Ok(transport)
}

/// Everything after the transport is up. The time to open counts from `start`.
pub(crate) fn open<S: Transport>(
    transport: S,
    options: &ConnectOptions,
    route: &Route,
    start: Clock,
) -> Result<(WebSocket<S>, Response), ConnectError> {
    let random = random().map_err(ConnectError::Local)?;
    let deadline = Instant::since_epoch(options.time_to_open());
    let opening = Opening::new(options, route, random, deadline)?;
    let driver = Driver::new(transport, opening, start, Duration::MAX);
    let opened = driver.drive(
        |_| Until::anything(),
        |state| match state.machine.poll_event() {
            Ok(None) => Continue(Next::READ),
            Ok(Some(opened)) => Break(Ok(opened)),
            Err(error) => Break(Err(error)),
        },
    );
    let Opened { response, connection } = opened.inspect_err(|_| driver.with_urgent(|_| ()))?;
    let longest_read = options.connection_config().shortest_timeout();
    let driver = driver.change(longest_read, |_, _| Ok::<_, ConnectError>(Duplex::new(connection)))?;
    Ok((WebSocket::new(Shared::new(driver, None)), response))
}
