//! From options to an open connection.

use std::convert::Infallible;
use std::future::poll_fn;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::task::{Poll, ready};

use ws_common::{
    CheckedOptions, ClientUpgrade, ConnectError, ConnectOptions,
    connector::{ConnectedTransport, Connector, ConnectorStep, Route},
    happy_eyeballs::AttemptId,
    system::{random, socket},
};
use ws_core::{Instant, Response};

use crate::clock::RuntimeClock;
use crate::driver::Driver;
use crate::runtime::{Io, Runtime};
use crate::socket::Socket;
use crate::websocket::WebSocket;

impl<R: Runtime> WebSocket<R> {
    /// Connects to a server: `WebSocket::connect("ws://127.0.0.1:8080/feed")`, or with [`ConnectOptions`].
    pub fn connect<O>(options: O) -> impl Future<Output = Result<(Self, Response), ConnectError>>
    where
        O: Into<ConnectOptions>,
    {
        // Boxed, as accepting is: what a task waits for first must not be the most that it ever needs. The options have a box of their
        // own, because the future would have room for several of them.
        let options = options.into().build().map(Box::new);
        Box::pin(async move { connect(&*options?).await })
    }
}

impl<R: Runtime + Io<T>, T> WebSocket<R, T> {
    /// Connects over a transport that is open already, such as a Unix socket, a pipe in memory or a tunnel.
    pub fn connect_over<O>(
        transport: T,
        options: O,
    ) -> impl Future<Output = Result<(Self, Response), ConnectError>>
    where
        O: Into<ConnectOptions>,
    {
        let options = options.into().build().map(Box::new);
        Box::pin(async move {
            let options = options?;
            open(transport, &options, &Route::direct(options.target()), RuntimeClock::start()).await
        })
    }
}

async fn connect<R: Runtime>(options: &CheckedOptions) -> Result<(WebSocket<R>, Response), ConnectError> {
    let clock = RuntimeClock::start();
    let mut redirected = None;
    loop {
        // All steps of a redirect share the time to open, because they share the clock.
        let options = redirected.as_ref().unwrap_or(options);
        let ConnectedTransport { transport, peer, route } = connect_transport::<R>(options, clock).await?;
        match open(transport, options, &route, clock).await {
            Ok(opened) => return Ok(opened),
            Err(error) => redirected = Some(options.follow(error, &route, peer)?),
        }
    }
}

/// Resolves and connects, as [`Connector`] says. Dropping the future drops all attempts that are under way.
pub(crate) async fn connect_transport<R: Runtime>(
    options: &CheckedOptions,
    clock: RuntimeClock<R>,
) -> Result<ConnectedTransport<R::TcpStream>, ConnectError> {
    let mut connector = Connector::new(options, Instant::EPOCH);
    let mut attempts: Vec<(AttemptId, Pin<Box<_>>)> = Vec::new();
    loop {
        let deadline = match connector.poll(clock.now()) {
            ConnectorStep::Resolve { host, port } => {
                if let Some(addresses) = clock.until(connector.deadline(), R::resolve((host, port))).await {
                    connector.handle_addresses(addresses);
                }
                continue;
            }
            ConnectorStep::Connect { attempt, address, .. } => {
                attempts.push((attempt, Box::pin(connect_socket::<R>(options, address))));
                continue;
            }
            ConnectorStep::Wait(deadline) => deadline,
            ConnectorStep::Done(connected) => return connected.map(used::<R>),
        };
        let ended = poll_fn(|cx| {
            let ended = attempts.iter_mut().enumerate().find_map(|(n, (_, attempt))| {
                match attempt.as_mut().poll(cx) {
                    Poll::Ready(result) => Some((n, result)),
                    Poll::Pending => None,
                }
            });
            ended.map_or(Poll::Pending, Poll::Ready)
        });
        if let Some((n, result)) = clock.until(deadline, ended).await {
            connector.handle_result(attempts.swap_remove(n).0, result);
        }
    }
}

async fn connect_socket<R: Runtime>(
    options: &CheckedOptions,
    address: SocketAddr,
) -> io::Result<R::TcpStream> {
    let options = options.socket_options();
    R::connect(address, options).await.map_err(|error| options.explain(error))
}

/// The attempt that has won is closed in the ordinary way from now on. Some systems refuse that for a socket that the peer has reset;
/// the handshake tells of the reset.
fn used<R: Runtime>(connected: ConnectedTransport<R::TcpStream>) -> ConnectedTransport<R::TcpStream> {
    if let Some(socket) = R::socket(&connected.transport) {
        let _ = socket::reset_on_close(&socket, false);
    }
    connected
}

/// The proxy, TLS and the opening handshake, as [`ClientUpgrade`] says.
async fn open<R: Runtime + Io<T>, T>(
    mut transport: T,
    options: &CheckedOptions,
    route: &Route,
    clock: RuntimeClock<R>,
) -> Result<(WebSocket<R, T>, Response), ConnectError> {
    let random = random().map_err(ConnectError::Local)?;
    let deadline = Instant::EPOCH + options.open_timeout();
    let mut driver = Driver::new(ClientUpgrade::new(options, route, random, deadline)?, clock);
    let opened = poll_fn(|cx| {
        let opened = ready!(driver.poll_event::<R, T>(&mut transport, cx));
        if opened.is_err() {
            // For example, a TLS alert tells the peer why. It is lost if the transport does not take it at once.
            driver.write_through::<R, T>(&mut transport, cx);
        }
        Poll::Ready(opened)
    });
    let opened = match opened.await {
        Ok(opened) => opened,
        Err(error) => {
            R::reset(transport);
            return Err(error);
        }
    };
    let Ok(driver) = driver.change(|_, _| Ok::<_, Infallible>(opened.connection));
    Ok((WebSocket::new(Socket::new(transport, driver, None)), opened.response))
}
