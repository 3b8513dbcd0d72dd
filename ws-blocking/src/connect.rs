//! From a URL to an open connection.

use std::io;
use std::net::{SocketAddr, TcpStream, ToSocketAddrs};
use std::ops::ControlFlow::{Break, Continue};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use socket2::Socket;
use ws_common::system::socket::{SocketOptions, reset_on_close};
use ws_common::{
    CheckedOptions, ClientUpgrade, ConnectError, ConnectOptions, Opened,
    connector::{ConnectedTransport, Connector, ConnectorStep, Route},
    duplex::Duplex,
    happy_eyeballs::AttemptId,
    system::random,
};
use ws_core::{Instant, Machine, Response};

use crate::clock::{self, Clock};
use crate::driver::{Driver, NextTurn, Until};
use crate::shared::SharedConnection;
use crate::transport::Transport;
use crate::websocket::WebSocket;

impl WebSocket {
    /// Connects to a server: `WebSocket::connect("ws://127.0.0.1:8080/feed")`, or with [`ConnectOptions`]. Gives the
    /// connection and the server's response.
    ///
    /// Redirects are errors, unless [`ConnectOptions::max_redirects`] allows some.
    ///
    /// It ends within `open_timeout`. A look-up of the name by the system cannot be called off, and has a thread of its own;
    /// so has each address, if there are several, for as long as the system tries it, but not beyond `open_timeout`.
    pub fn connect<O>(options: O) -> Result<(Self, Response), ConnectError>
    where
        O: Into<ConnectOptions>,
    {
        connect(&options.into().build()?)
    }
}

impl<S: Transport> WebSocket<S> {
    /// Connects over a transport that is open already, such as a Unix socket or a tunnel: with TLS if the URL is `wss`, but
    /// without a proxy.
    pub fn connect_over<O>(transport: S, options: O) -> Result<(Self, Response), ConnectError>
    where
        O: Into<ConnectOptions>,
    {
        let options = options.into().build()?;
        open(transport, &options, &Route::direct(options.target()), clock::now())
    }
}

fn connect(options: &CheckedOptions) -> Result<(WebSocket, Response), ConnectError> {
    let start = clock::now();
    let mut redirected = None;
    loop {
        // All steps of a redirect share the time to open, because they share the clock.
        let options = redirected.as_ref().unwrap_or(options);
        let ConnectedTransport { transport, peer, route } = connect_transport(options, start)?;
        match open(transport, options, &route, start) {
            Ok(opened) => return Ok(opened),
            Err(error) => redirected = Some(options.follow(error, &route, peer)?),
        }
    }
}

/// Resolves and connects, each name in a thread of its own, and each address that is not the only one. The time to open counts
/// from `start`.
pub(crate) fn connect_transport(
    options: &CheckedOptions,
    start: Clock,
) -> Result<ConnectedTransport<TcpStream>, ConnectError> {
    let mut connector = Connector::new(options, Instant::EPOCH);
    let socket_options = options.socket_options();
    let (tell, told) = mpsc::channel();
    loop {
        let now = Instant::since_epoch(clock::since(start));
        let left = connector.deadline() - now;
        let tell = tell.clone();
        let begun = match connector.poll(now) {
            ConnectorStep::Done(result) => return result.map(used),
            ConnectorStep::Wait(until) => {
                match told.recv_timeout(until - now) {
                    Ok(Told::Addresses(addresses)) => connector.handle_addresses(addresses),
                    Ok(Told::ConnectedTransport(attempt, result)) => connector.handle_result(attempt, result),
                    // It is time for the next step.
                    Err(_) => {}
                }
                Ok(())
            }
            ConnectorStep::Connect { attempt, address, is_only: true } => {
                if let Some(result) = connect_socket(address, socket_options, left) {
                    connector.handle_result(attempt, result);
                }
                Ok(())
            }
            ConnectorStep::Connect { attempt, address, .. } => {
                let socket_options = socket_options.clone();
                in_background("ws-connect", move || {
                    if let Some(result) = connect_socket(address, &socket_options, left) {
                        // A socket that connects after the race is dropped with the channel, and so reset.
                        let _ = tell.send(Told::ConnectedTransport(attempt, result));
                    }
                })
            }
            // The system's resolver cannot be called off, and nothing waits for it.
            ConnectorStep::Resolve { host, port } => in_background("ws-resolve", move || {
                let addresses = (&*host, port).to_socket_addrs();
                let _ = tell.send(Told::Addresses(addresses.map(Vec::from_iter)));
            }),
        };
        begun.map_err(ConnectError::Local)?;
    }
}

/// The report of a thread.
enum Told {
    Addresses(io::Result<Vec<SocketAddr>>),
    ConnectedTransport(AttemptId, io::Result<TcpStream>),
}

fn in_background(name: &str, work: impl FnOnce() + Send + 'static) -> io::Result<()> {
    thread::Builder::new().name(name.into()).spawn(work).map(drop)
}

/// Connects, for as long as `patience`. `None` if it took longer: the addresses that were tried are named by [`Connector`].
fn connect_socket(
    address: SocketAddr,
    options: &SocketOptions,
    patience: Duration,
) -> Option<io::Result<TcpStream>> {
    let socket = match options.open(address) {
        Ok(socket) => socket,
        Err(error) => return Some(Err(error)),
    };
    match connect_within(socket, address, patience) {
        // The system's own time-out has a number.
        Err(error) if error.kind() == io::ErrorKind::TimedOut && error.raw_os_error().is_none() => None,
        result => Some(result.map_err(|error| options.explain(error))),
    }
}

fn connect_within(socket: TcpStream, address: SocketAddr, patience: Duration) -> io::Result<TcpStream> {
    let socket = Socket::from(socket);
    socket.connect_timeout(&address.into(), patience)?;
    Ok(socket.into())
}

/// The attempt that has won is closed in the ordinary way from now on. Some systems refuse that for a socket that the peer has reset;
/// the handshake tells of the reset.
fn used(connected: ConnectedTransport<TcpStream>) -> ConnectedTransport<TcpStream> {
    let _ = reset_on_close(&connected.transport, false);
    connected
}

/// Everything after the transport is up. The time to open counts from `start`.
fn open<S: Transport>(
    transport: S,
    options: &CheckedOptions,
    route: &Route,
    start: Clock,
) -> Result<(WebSocket<S>, Response), ConnectError> {
    let random = random().map_err(ConnectError::Local)?;
    let deadline = Instant::since_epoch(options.open_timeout());
    let opening = ClientUpgrade::new(options, route, random, deadline)?;
    let driver = Driver::new(transport, opening, start, Duration::MAX);
    let opened = driver.drive(
        |_| Until::anything(),
        |state| match state.machine.poll_event() {
            Ok(None) => Continue(NextTurn::READ),
            Ok(Some(opened)) => Break(Ok(opened)),
            Err(error) => Break(Err(error)),
        },
    );
    let opened = opened.inspect_err(|_| {
        // Tells the peer why, as far as it leaves without waiting.
        driver.with_urgent(|_| ());
        driver.transport.reset();
    });
    let Opened { response, connection } = opened?;
    let longest_read = options.config().shortest_timeout();
    let driver = driver.change(longest_read, |_, _| Ok::<_, ConnectError>(Duplex::new(connection)))?;
    Ok((WebSocket::new(SharedConnection::new(driver, None)), response))
}
